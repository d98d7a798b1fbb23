"""`minifcn lab start`, `check`, `grade`, `results`, `score`, `release`: the labs for a student and for a teacher."""

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

    check = actions.add_parser(
        "check",
        help="try the public laws on what you have written",
        description="Try the public laws on what you have written, task by task. The exit status is 0 if all hold.",
    )
    check.add_argument("number", type=_number, metavar="N", help="the lab, 1 to 6")
    check.add_argument("file", nargs="?", metavar="FILE", help="your .py or .ipynb (default: found here or in lab<N>/)")
    check.add_argument("--task", metavar="NAME", help="this function alone (default: all)")
    check.add_argument("--watch", action="store_true", help="run again whenever the file is saved, until Ctrl-C")

    grade = actions.add_parser(
        "grade",
        help="for a teacher: grade a folder of submissions",
        description="Grade every submission of a folder, each in a process of its own within walls, side by side: "
        "grades.csv, a report for each student, a page about the class. Interrupted, it goes on where it was. The exit "
        "status is 1 if a submission could not be run.",
    )
    grade.add_argument("number", type=_number, metavar="N", help="the lab, 1 to 6")
    grade.add_argument("folder", metavar="FOLDER", help="files, folders, or what Moodle, Canvas, nbgrader give")
    grade.add_argument("--out", metavar="DIR", required=True, help="where the grades go; not into FOLDER")
    grade.add_argument("--workers", type=_number, metavar="N", help="so many at once (default: one per processor)")
    grade.add_argument("--seconds", type=float, default=60.0, metavar="S", help="for all calls of one (default: 60)")
    grade.add_argument("--memory", type=float, default=2048.0, metavar="MB", help="of one (default: 2048)")
    grade.add_argument("--seed-file", metavar="FILE", help="a file with the seed (default: drawn, and kept in DIR)")
    grade.add_argument("--quiet", action="store_true", help="no progress bar")

    results = actions.add_parser(
        "results",
        help="for a teacher: grade one submission for Gradescope, as results.json",
        description="Grade what one student handed in, and write results.json as Gradescope reads it. On cases that "
        "are drawn anew each time, within the walls of `minifcn lab grade`.",
    )
    results.add_argument("number", type=_number, metavar="N", help="the lab, 1 to 6")
    results.add_argument("submission", metavar="SUBMISSION", help="a .py or .ipynb, or a folder of one student")
    results.add_argument("--out", metavar="FILE", required=True, help="where results.json goes")
    results.add_argument(
        "--visibility", metavar="WHEN", default="visible",
        help="when students see it: visible, hidden, after_due_date or after_published (default: visible)",
    )  # fmt: skip
    results.add_argument("--seed-file", metavar="FILE", help="a file with the seed (default: drawn each time)")

    score = actions.add_parser(
        "score",
        help="for a teacher: which planted mistakes the checks of a lab notice",
        description="Put every known mistake of a lab into the place of what a student writes, and say what it costs "
        "and which law notices it. The exit status is 1 if one costs no points. A minute or two for a lab.",
    )
    score.add_argument("number", type=_number, nargs="?", metavar="N", help="the lab (default: all)")


def run(options: Mapping[str, Any]) -> int:
    """Do what the action is called; the action's module is imported now."""
    status: int = import_module(f"minifcn.commands.lab_{options['action']}").run(options)
    return status


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a lab; write 1 for the first")
    return int(text)
