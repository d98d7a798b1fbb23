"""`minifcn lab grade`: a folder of submissions, graded side by side; what was known is kept when it is interrupted."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.errors import ArgumentError, FileError
from minifcn.labs.catalogue import lab_of
from minifcn.labs.class_report import write_reports
from minifcn.labs.forms import source_of
from minifcn.labs.grading import LIMITS, Result, grade_all
from minifcn.labs.submissions import submissions_in
from minifcn.labs.written import written_page
from minifcn.testing.isolation import Limits
from minifcn.weights import write_text_atomic

LEAST = {"workers": 1, "seconds": 1, "memory": 256}  # of the options, below which nothing would be judged fairly


def run(options: Mapping[str, Any]) -> int:
    """Grade a folder; the exit status is 1 if a submission needs the teacher's eye."""
    from tqdm import tqdm

    for name, least in LEAST.items():
        if options[name] is not None and not least <= options[name] < float("inf"):
            raise ArgumentError(f"--{name} is {options[name]:g}; at least {least} is needed to run a submission.")
    lab, folder, out = lab_of(options["number"]), Path(options["folder"]), Path(options["out"])
    submissions = submissions_in(folder, lab)
    if out.resolve().is_relative_to(folder.resolve()):
        raise FileError(f"{out} lies in the folder of submissions, where it would be taken for one; choose another.")
    out.mkdir(parents=True, exist_ok=True)
    seed = _seed(out, lab.number, options["seed_file"])
    limits = Limits(LIMITS.call, options["seconds"], int(options["memory"] * 2**20))
    with tqdm(total=len(submissions), unit="submission", disable=options["quiet"], file=sys.stderr) as bar:
        ready: list[str] = []

        def tell(result: Result) -> None:
            ready.append(result.student)
            bar.update()
            if result.error:
                bar.write(f"{result.student}: {result.error}", file=sys.stderr)

        try:
            results = grade_all(
                lab, submissions, out / "results", seed, workers=options["workers"], limits=limits, tell=tell
            )
        except KeyboardInterrupt:
            said = (
                f"{len(ready)} of {len(submissions)} are graded and kept in {out}; the same command goes on from there."
            )
            bar.write(said, file=sys.stderr)
            raise
    write_reports(lab, results, out)
    write_text_atomic(out / "written.html", written_page(lab, source_of(lab.number), submissions))
    troubled = sum(bool(result.error) for result in results)
    print(
        f"{len(results)} submissions of lab {lab.number}: {out / 'grades.csv'}, {out / 'class.html'}, "
        f"{out / 'reports'}; for you to read: {out / 'written.html'}"
    )
    if troubled:
        print(f"{troubled} of them could not be run, or have nothing to run; class.html says which.")
    for wall in sorted({wall for result in results for wall in result.walls}):
        print(f"Note: {wall}.")
    return 1 if troubled else 0


def _seed(out: Path, number: int, given: str | None) -> int:
    """The seed of this grading: from a file, else that of the grading that is in `out`, else a new one.

    Never an argument of the command: other processes can read those.
    """
    kept = out / "grading.json"
    if given is not None:
        seed = seed_in(Path(given))
    else:
        seed = secrets.randbelow(10**12)
        if kept.exists():
            try:
                told = json.loads(kept.read_text(encoding="utf-8"))
                seed, before = int(told["seed"]), int(told["lab"])
            except (ValueError, KeyError, TypeError):
                raise FileError(f"{kept} is damaged; move {out} away to grade anew.") from None
            if before != number:
                raise FileError(f"{out} holds a grading of lab {before}; choose another folder for lab {number}.")
    write_text_atomic(kept, json.dumps({"lab": number, "seed": seed}) + "\n")
    return seed


def seed_in(file: Path) -> int:
    """The seed that a file of the teacher's holds; FileError if it holds none."""
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise FileError(f"{file} must hold the seed, a number of at most 18 digits; it begins {text[:20]!r}.")
    return int(text)
