"""`python -m minifcn.testing`: the laws, the score of the mutants, and a check of your own file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from minifcn.errors import ArgumentError, MinifcnError
from minifcn.testing import LAWS, MUTANTS, Operations, laws_about, score
from minifcn.testing.chosen import SHRINK
from minifcn.testing.isolation import Limits
from minifcn.testing.judge import SCHEMA, check_file, not_checked
from minifcn.testing.strategies import listed
from minifcn.text import nearest

MORE = {
    "check": f""".

The file runs in a process of its own, with nothing on its standard input; what it prints is shown shortened. --memory
limits its address space where the system keeps such a limit: Linux does, macOS and Windows do not. It is no wall
against attacks: the file may do what you may.

Exit status: 0 if every law of every function holds, and only then; 1 if not, or if a function could not be tried to
the end; 2 if the file cannot be run or the command is wrong; 130 after Ctrl-C.

{SCHEMA}"""
}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        status = int(options.command(options))
        sys.stdout.flush()
        return status
    except MinifcnError as error:
        print(f"minifcn.testing: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # nobody reads on, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("minifcn.testing: interrupted, so nothing is known.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m minifcn.testing", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("laws", _laws, "print every law: what it says, its formula, the operations it speaks about"),
        ("score", _score, "try every law on every mutant and print which law kills which; fails if one survives"),
        ("check", _check, "check the functions of a Python file that have an operation's name"),
    ):
        made = commands.add_parser(
            name, help=text, description=text + MORE.get(name, ""), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        made.set_defaults(command=command)
        if name == "check":
            made.add_argument("file", type=Path, help="a Python file; its code is run, in a process of its own")
            made.add_argument("--json", action="store_true", help="print what was found as JSON, and nothing else")
            made.add_argument(
                "--timeout", type=_positive, default=10, metavar="SECONDS", help="for a call (%(default)s)"
            )
            made.add_argument(
                "--total", type=_positive, default=300, metavar="SECONDS", help="for all calls together (%(default)s)"
            )
            made.add_argument(
                "--memory", type=_positive, default=4096, metavar="MB", help="of its process (%(default)s)"
            )
            made.add_argument(
                "--law", action="append", metavar="NAME", help="only this law; may be given several times"
            )
            made.add_argument(
                "--without", action="append", metavar="NAME", default=[], help="excuse this law; the report says so"
            )
            made.add_argument("--shrink", choices=SHRINK, default="first", help="which wrong calls are made small")
            made.add_argument(
                "--planes",
                action="store_true",
                default=None,
                help="the functions are of planes (H, W), not to be found out",
            )
        else:
            made.add_argument("operations", nargs="*", metavar="OPERATION", help="only these; default: all")
        if name != "laws":
            made.add_argument("--examples", type=_count, default=40, help="cases for each law (default: %(default)s)")
            made.add_argument("--seed", type=int, default=0, help="other cases for another seed (default: 0)")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


def _laws(options: argparse.Namespace) -> int:
    chosen = _known(options.operations)
    for law in laws_about(*chosen):
        print(
            f"{law.name}   ({listed(law.needs)})\n    {law.statement}\n        "
            + law.formula.replace("\n", "\n        ")
        )
        print()
    print(f"{len(laws_about(*chosen))} laws")
    return 0


def _score(options: argparse.Namespace) -> int:
    chosen = _known(options.operations)
    result = score([m for m in MUTANTS.values() if m.of in chosen], examples=options.examples, seed=options.seed)
    print(result)
    return 1 if result.survivors else 0


def _check(options: argparse.Namespace) -> int:
    limits = Limits(options.timeout, options.total, int(options.memory * 2**20))
    try:
        found = check_file(
            options.file, examples=options.examples, seed=options.seed, limits=limits,
            laws=options.law, without=options.without, shrink=options.shrink, planes=options.planes,
        )  # fmt: skip
    except MinifcnError as error:
        if options.json:
            print(json.dumps(not_checked(options.file, str(error)).to_json(), indent=2))
        raise
    print(json.dumps(found.to_json(), indent=2, allow_nan=False) if options.json else found)
    return 0 if found else 1


def _known(operations: list[str]) -> list[str]:
    for name in operations:
        if name not in Operations.names():
            like = nearest(name, Operations.names(), likeness=0.8)
            meant = f" (is {like} meant?)" if like else ""
            raise ArgumentError(f"there is no operation {name!r}{meant}; choose from {', '.join(Operations.names())}.")
    return operations or [name for law in LAWS.values() for name in law.needs]


if __name__ == "__main__":
    with TemporaryDirectory(prefix="minifcn-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", folder)  # not in the folder that one happens to be in
        sys.exit(main())
