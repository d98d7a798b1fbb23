"""argparse with the nearest name suggested, and the usage of the command that was meant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from minifcn.text import nearest


class Parser(argparse.ArgumentParser):
    """A parser that says what an unknown option, choice or command was probably meant to be.

    `given` is what the user typed, for a complaint about something else: with --wieghts for --weights, argparse would
    only miss --weights.
    """

    given: Sequence[str] = ()

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


def commands_of(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """The parsers of the commands below, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _with_those_below(parser: Parser) -> list[Parser]:
    return [parser, *(each for below in commands_of(parser).values() for each in _with_those_below(below))]
