"""`python -m minifcn.testing`: the laws, the score of the mutants, and a check of your own file."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from minifcn.errors import ArgumentError, FileError, MinifcnError
from minifcn.testing import LAWS, MUTANTS, Operations, check, laws_about, score
from minifcn.testing.strategies import listed


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except MinifcnError as error:
        print(f"minifcn.testing: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m minifcn.testing", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("laws", _laws, "print every law: what it says, its formula, the operations it speaks about"),
        ("score", _score, "try every law on every mutant and print which law kills which; fails if one survives"),
        ("check", _check, "check the functions of a Python file that have an operation's name"),
    ):
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(command=command)
        if name == "check":
            made.add_argument("file", type=Path, help="a Python file; its code is run")
        else:
            made.add_argument("operations", nargs="*", metavar="OPERATION", help="only these; default: all")
        if name != "laws":
            made.add_argument("--examples", type=int, default=40, help="cases for each law (default: %(default)s)")
            made.add_argument("--seed", type=int, default=0, help="other cases for another seed (default: 0)")
    return parser


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
    module = _loaded(options.file)
    found = {name: getattr(module, name) for name in Operations.names() if callable(getattr(module, name, None))}
    if not found:
        raise ArgumentError(
            f"{options.file} has no function of an operation's name; name it one of {', '.join(Operations.names())}."
        )
    reports = [check(examples=options.examples, seed=options.seed, **{name: found[name]}) for name in found]
    print("\n\n".join(str(report) for report in reports))
    return 0 if all(reports) else 1


def _known(operations: list[str]) -> list[str]:
    for name in operations:
        if name not in Operations.names():
            raise ArgumentError(f"there is no operation {name!r}; choose from {', '.join(Operations.names())}.")
    return operations or [name for law in LAWS.values() for name in law.needs]


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise FileError(f"{path} is not a Python file that can be read; pass the path of one.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise FileError(f"{path} cannot be run, it raised {type(error).__name__}: {error}") from error
    return module


if __name__ == "__main__":
    sys.exit(main())
