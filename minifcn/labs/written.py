"""What students have answered in words, on one page: the question, the rubric, and one answer below the other.

A person reads these answers, and reads them more alike with all of them side by side than in two hundred files. An
answer is what stands between its question and the next thing that the lab says, and is not the lab's own text; so it
does not matter whether it was written in the cell that was meant, in a new one, or as comments of a Python file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from minifcn.errors import FileError
from minifcn.labs.class_report import page
from minifcn.labs.forms import WRITTEN_STUB, Source, without_solution
from minifcn.labs.lab import Lab
from minifcn.labs.percent import Cell, cells_of_notebook
from minifcn.labs.submissions import Submission, text_of


def written_page(lab: Lab, source: Source, submissions: Sequence[Submission]) -> str:
    """HTML: for each question all answers, in the order of the students' names, and who has answered nothing."""
    asked = questions(source)
    answers = {submission.student: _answers(source, submission) for submission in submissions}
    parts = []
    for name, question in asked.items():
        told, silent = [], []
        for student, found in answers.items():
            if text := found.get(name, ""):
                told.append(f"<h3>{escape(student)}</h3><p class='answer'>{escape(text)}</p>")
            else:
                silent.append(student)
        parts += [f"<h2>{escape(name)}</h2><p class='answer'>{escape(question)}</p>"]
        parts += [f"<p><strong>Rubric.</strong> {escape(lab.written[name])}</p>", *told]
        parts += [f"<p><strong>No answer was found of</strong> {escape(', '.join(silent))}.</p>"] if silent else []
    head = f"{len(submissions)} submissions; the points are yours to give, and stand in no file of the judge's"
    return page(f"Lab {lab.number}: {lab.title}, in words", head, STYLE + "".join(parts))


def questions(source: Source) -> dict[str, str]:
    """What is asked, by the name of the question, each paragraph on a line."""
    return {name: re.sub(r"(?<!\n)\n(?!\n)", " ", asked) for name, asked, _ in _asked(source)}


def answers_of(source: Source, text: str, is_notebook: bool) -> dict[str, str]:
    """What a submission says to each question that stands in it; "" where nothing does.

    FileError for what is no notebook.
    """
    given = {line.strip() for cell in source.cells for line in without_solution(cell).source.split("\n")}
    begins = {first: name for name, _, first in _asked(source)}
    found: dict[str, list[str]] = {}
    asked = None
    for line in _lines(text, is_notebook):
        words = line.strip()
        if words in begins:
            asked = begins[words]
            found.setdefault(asked, [])
        elif words in given and words.startswith("#"):
            asked = None  # the next section
        elif asked is not None and (not words or words not in given):
            found[asked].append(line.rstrip())
    return {name: re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() for name, lines in found.items()}


def _answers(source: Source, submission: Submission) -> dict[str, str]:
    if submission.file is None:
        return {}
    try:
        return answers_of(source, text_of(submission.file), submission.file.suffix.lower() == ".ipynb")
    except FileError:
        return {}  # why, stands in class.html


def _asked(source: Source) -> Iterator[tuple[str, str, str]]:
    """(name, the question, its first line). It stands in the cell to be written in, or in the one before."""
    before: Cell | None = None
    for cell in source.cells:
        if cell.kind == "markdown" and cell.is_solution:
            question = without_solution(cell).source.replace(WRITTEN_STUB, "").strip()
            if not question and before is not None:
                question = re.split(r"\n(?=#)", before.source.strip())[-1]  # its last section
            yield str(cell.grading["grade_id"]), question, question.partition("\n")[0].strip()
        before = cell


def _lines(text: str, is_notebook: bool) -> Iterator[str]:
    """The lines of all cells, or of a Python file without the signs of a comment and of a cell."""
    if is_notebook:
        for cell in cells_of_notebook(text):
            yield from cell.source.split("\n")
            yield ""
    else:
        for line in text.split("\n"):
            if not line.startswith("# %%"):
                yield re.sub(r"^# ?", "", line)


STYLE = """<style>
.answer { white-space: pre-wrap; border-left: 4px solid #888; padding-left: 0.8em; }
h3 { font-size: 1em; margin: 1.2em 0 0.2em; }
</style>"""
