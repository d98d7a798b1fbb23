"""argparse with the nearest name suggested, and the usage of the command that was meant; sizes, strides, devices."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from minifcn.data.sample import LARGEST_SIDE
from minifcn.machine.processes import started_as
from minifcn.text import nearest


class Parser(argparse.ArgumentParser):
    """A parser that says what an unknown option, choice or command was probably meant to be.

    `given` is what the user typed, for a complaint about something else: with --wieghts for --weights, argparse would
    only miss --weights.
    """

    given: Sequence[str] = ()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.register("type", int, _reader(int, "a whole number"))
        self.register("type", float, _reader(float, "a number"))

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        given = sys.argv[1:] if args is None else list(args)
        for each in _with_those_below(self):
            each.given = given
        found, unknown = self.parse_known_args(given, namespace)
        if unknown:
            meant = self
            for level in ("command", "action"):  # minifcn lab start: the parser of `start`
                meant = commands_of(meant).get(getattr(found, level, None) or "", meant)
            meant.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found

    def error(self, message: str) -> NoReturn:
        if started_as()[0]:
            raise SystemExit(2)  # the first of several processes says it
        hints = [f"{option} is not known, did you mean {name}?" for option, name in self._nearly_right()]
        super().error("; ".join([message.rstrip("."), *hints]))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            if name := nearest(str(value), action.choices or ()):
                error.message += f"; did you mean {name}?"
            raise

    def _nearly_right(self) -> list[tuple[str, str]]:
        """(what was typed, the nearest option) for each option that this parser does not know."""
        if commands_of(self):
            return []
        options = self._option_string_actions
        typed = [word.partition("=")[0] for word in self.given if word.startswith("--") and word != "--"]
        unknown = [word for word in typed if not any(option.startswith(word) for option in options)]
        return [(word, name) for word in unknown if (name := nearest(word, options))]


def _reader(read: Callable[[str], Any], kind: str) -> Callable[[str], Any]:
    """`read` as the type of an argument; what it cannot read is refused as no such kind."""

    def value(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {kind}") from None

    return value


def add_inside(parser: argparse.ArgumentParser) -> None:
    """--inside: which network of a checkpoint is meant, wherever weights of others are read."""
    text = "of weights in a checkpoint of PyTorch: which network, such as state_dict (default: the only one in it)"
    parser.add_argument("--inside", metavar="KEY", help=text)


def commands_of(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """The parsers of the commands below, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _with_those_below(parser: Parser) -> list[Parser]:
    return [parser, *(each for below in commands_of(parser).values() for each in _with_those_below(below))]


def size(text: str) -> tuple[int, int]:
    """ "180x240" (height x width) as (180, 240)."""
    rows, cross, columns = text.lower().partition("x")
    if not cross or not rows.isdecimal() or not columns.isdecimal() or 0 in (int(rows), int(columns)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write height x width, for example 180x240")
    if max(int(rows), int(columns)) > LARGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is too large; a side has at most {LARGEST_SIDE} pixels")
    return int(rows), int(columns)


def device(text: str) -> str:
    """ "cpu", "cuda" or "cuda:1". Whether it is there is found out when it is used."""
    kind, colon, index = text.partition(":")
    if (kind != "cuda" if colon else kind not in ("cpu", "cuda")) or (colon and not index.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device; use cpu, cuda or cuda:<index>")
    return text


def stride(text: str) -> int:
    """ "32" as 32: the side of a block, at most that of the largest image."""
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a stride; write a whole number from 1 to {LARGEST_SIDE}")
    return int(text)
