"""`minifcn lab check`: the public laws on what a student has written, once or whenever the file is saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.errors import ArgumentError, FileError
from minifcn.labs.catalogue import lab_of
from minifcn.labs.forms import source_of
from minifcn.labs.judging import EXAMPLES, graded_file
from minifcn.labs.lab import AUTOMATIC, PUBLIC_SEED, WRITTEN, Lab
from minifcn.labs.telling import Told, laid_out
from minifcn.testing.isolation import Limits
from minifcn.text import nearest

LIMITS = Limits(call=5.0, total=60.0)
PAUSE = 0.5  # seconds between two looks at the file


def run(options: Mapping[str, Any]) -> int:
    """Check once; with --watch again after every change, until Ctrl-C."""
    lab = lab_of(options["number"])
    file = Path(options["file"]) if options["file"] else _found(lab)
    if not file.is_file():
        raise FileError(f"{file} is not a file that can be read; pass the path of your .py or .ipynb.")
    if options["task"] is not None and options["task"] not in lab.functions:
        meant = nearest(options["task"], lab.functions)
        hint = f" (is {meant} meant?)" if meant else ""
        raise ArgumentError(
            f"--task {options['task']} is no task of lab {lab.number}{hint}: {', '.join(lab.functions)}."
        )
    status = _once(lab, file, options["task"])
    while options["watch"]:
        stamp = _stamp(file)
        print(f"\nWaiting for {file} to be saved; Ctrl-C ends.", flush=True)
        while _stamp(file) in (stamp, None):
            time.sleep(PAUSE)
        print("\n" + "=" * 80, flush=True)
        status = _once(lab, file, options["task"])
    return status


def _once(lab: Lab, file: Path, task: str | None) -> int:
    grade = graded_file(lab, file, examples=EXAMPLES, seed=PUBLIC_SEED, limits=LIMITS, only=task)
    if grade.error:
        print(f"{file}: {grade.error}", flush=True)
        return 1
    for note in grade.notes:
        print(f"Left out: {note}.")
    before = ""
    for found in grade.tasks:
        told = Told(found)
        print("-" * 80, told.after(before) if before else told, sep="\n", flush=True)
        before = before or ("" if told else found.task.function)
    print("-" * 80)
    states = ", ".join(f"{found.task.function} {found.points}/{found.task.points}" for found in grade.tasks)
    of = AUTOMATIC if task is None else sum(found.task.points for found in grade.tasks)
    words = f" {WRITTEN} more are for what you write in words." if task is None else ""
    print(laid_out([[f"{grade.points} of {of} points by the public laws ({states}).{words}"]]), flush=True)
    return 0 if grade.points == of else 1


def _found(lab: Lab) -> Path:
    """The file that `minifcn lab start` made, here or in its folder; the one that was saved last."""
    name = source_of(lab.number).name
    places = [
        folder / f"{name}{suffix}" for folder in (Path(), Path(f"lab{lab.number}")) for suffix in (".py", ".ipynb")
    ]
    there = [path for path in places if path.is_file()]
    if not there:
        raise FileError(f"there is no {name}.py or .ipynb here or in lab{lab.number}; pass the path of yours.")
    last = max(there, key=lambda path: path.stat().st_mtime)
    others = ", ".join(str(path) for path in there if path != last)
    if others:
        print(f"{last} is checked, which was saved last, and not {others}; to check another, pass its path.")
    return last


def _stamp(file: Path) -> tuple[int, int] | None:
    """What changes when the file is saved; None while an editor puts another in its place."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
