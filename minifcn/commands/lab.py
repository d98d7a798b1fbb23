"""`minifcn lab start`, `minifcn lab release`: the labs for a student and for a teacher."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def add_to(commands: Any) -> None:
    """The parser of `minifcn lab` and of what it does; each action is a file beside this one, lab_<action>.py."""
    parser = commands.add_parser(
        "lab",
        help="six labs to write: copy one, check it; for a teacher, grade a class",
        description="Six labs in which you write what the lessons show. `minifcn lab start 1` copies the first.",
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True, help="what to do")

    start = actions.add_parser(
        "start",
        help="copy a lab into a folder of yours",
        description="Copy a lab into a folder. What is there already is kept.",
    )
    start.add_argument("number", type=_number, metavar="N", help="the lab, 1 to 6")
    start.add_argument("folder", nargs="?", metavar="DIR", help="where to (default: lab<N>)")
    form = start.add_mutually_exclusive_group()
    form.add_argument("--notebook", action="store_true", help="a notebook for Jupyter or VS Code; this is the default")
    form.add_argument("--plain", action="store_true", help="a Python file and a test for pytest, without Jupyter")
    start.add_argument(
        "--reference", type=_number, metavar="M",
        help="also the functions of lab M, finished, in reference_lab<M>.py: for who could not finish it",
    )  # fmt: skip

    release = actions.add_parser(
        "release",
        help="for a teacher: write what students get, the solutions, and a course folder for nbgrader",
        description="Write release/ (what students get), solution/ and course/ (for nbgrader) of every lab. Each "
        "solution is run and judged first; the exit status is 1 if one does not get all points.",
    )
    release.add_argument("folder", metavar="DIR", help="where to; a folder that is not there yet, or is empty")
    release.add_argument("--only", type=_number, metavar="N", help="lab N alone (default: all)")


def run(options: Mapping[str, Any]) -> int:
    """Do what the action is called; the action's module is imported now."""
    status: int = import_module(f"minifcn.commands.lab_{options['action']}").run(options)
    return status


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a lab; write 1 for the first")
    return int(text)
