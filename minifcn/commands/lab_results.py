"""`minifcn lab results`: what one student handed in, graded for Gradescope."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from minifcn.commands.lab_grade import seed_in
from minifcn.errors import ArgumentError
from minifcn.labs.catalogue import lab_of
from minifcn.labs.grading import LIMITS
from minifcn.labs.judging import Grade, TaskGrade, graded_file
from minifcn.labs.results import VISIBILITIES, results
from minifcn.labs.submissions import submission_at
from minifcn.weights import write_text_atomic


def run(options: Mapping[str, Any]) -> int:
    """Write results.json. A submission that cannot be run is a result, too, so the exit status is 0."""
    lab, out = lab_of(options["number"]), Path(options["out"])
    if options["visibility"] not in VISIBILITIES:
        raise ArgumentError(f"--visibility is {options['visibility']}; it is one of {', '.join(VISIBILITIES)}.")
    submission = submission_at(Path(options["submission"]), lab)
    seed = seed_in(Path(options["seed_file"])) if options["seed_file"] else secrets.randbelow(10**12)
    if submission.file is None:
        grade = Grade(lab, tuple(TaskGrade(task, "missing") for task in lab.tasks), 0.0, "There is no file to grade.")
    else:
        grade = graded_file(lab, submission.file, seed=seed, limits=LIMITS)
    grade = replace(grade, notes=(*submission.notes, *grade.notes))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(out, json.dumps(results(grade, options["visibility"]), ensure_ascii=False, indent=1) + "\n")
    print(f"{out}: {grade.points} points of lab {lab.number}.")
    return 0
