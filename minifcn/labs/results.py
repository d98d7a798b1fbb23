"""A grade as `results.json`, which Gradescope reads; Otter, which grades in Gradescope's place, writes the same file.

https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
"""

from __future__ import annotations

from typing import Any

from minifcn.errors import ArgumentError
from minifcn.labs.judging import Grade
from minifcn.labs.telling import Told

VISIBILITIES = ("visible", "hidden", "after_due_date", "after_published")


def results(grade: Grade, visibility: str = "visible") -> dict[str, Any]:
    """Plain values for `json.dump`: a test for each task of the lab, with its points and what was found, as text.

    visibility: when a student may see it, one of VISIBILITIES; ArgumentError for another. What the judge notes for the
    teacher alone, walls that could not be put up, is in `extra_data`, which students are not shown.
    """
    if visibility not in VISIBILITIES:
        raise ArgumentError(f"there is no visibility {visibility!r}; it is one of {', '.join(VISIBILITIES)}.")
    tests = [
        {
            "name": told.task.function,
            "number": f"{grade.lab.number}.{place}",
            "score": told.points,
            "max_score": told.task.points,
            "status": "passed" if told.state == "right" else "failed",
            "output": str(Told(told)),
            "output_format": "text",
            "visibility": visibility,
        }
        for place, told in enumerate(grade.tasks, 1)
    ]
    told = grade.error or f"{grade.lab.title}: {grade.points} points. What is written in words is graded by hand."
    return {
        "score": grade.points,
        "execution_time": round(grade.seconds, 3),
        "output": "\n".join([told, *grade.notes]),
        "output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {"lab": grade.lab.number, "walls_that_are_missing": list(grade.missing)},
    }
