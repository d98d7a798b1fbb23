"""Answers in words are found wherever a student has put them, and gathered on one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minifcn.errors import FileError
from minifcn.labs import LABS
from minifcn.labs.forms import WRITTEN_STUB, source_of
from minifcn.labs.submissions import Submission
from minifcn.labs.written import answers_of, questions, written_page

EACH = pytest.mark.parametrize("number", LABS)
SAID = "Nine times, as <nine> windows see\nevery pixel.\n\nWith stride 3 about once."


@EACH
def test_every_question_of_a_lab_is_found_and_nothing_is_an_answer_yet(number: int) -> None:
    source = source_of(number)
    assert list(questions(source)) == list(LABS[number].written)
    assert all(len(asked) > 60 and WRITTEN_STUB not in asked for asked in questions(source).values())
    nothing = dict.fromkeys(LABS[number].written, "")
    assert answers_of(source, source.notebook(), True) == nothing
    assert answers_of(source, source.python(), False) == nothing


@EACH
def test_the_answers_of_the_solution_are_found_in_both_forms(number: int) -> None:
    source = source_of(number)
    found = answers_of(source, source.notebook(solved=True), True)
    assert list(found) == list(LABS[number].written) and all(len(text) > 100 for text in found.values())
    assert answers_of(source, source.python(solved=True), False) == found


def test_an_answer_may_stand_in_another_cell() -> None:
    source = source_of(3)
    notebook = json.loads(source.notebook())
    (place,) = (i for i, cell in enumerate(notebook["cells"]) if "Which arrays must be kept" in "".join(cell["source"]))
    notebook["cells"].insert(place + 1, {"cell_type": "raw", "metadata": {}, "source": SAID})
    notebook["cells"].insert(place, {"cell_type": "markdown", "metadata": {}, "source": ["Too\n", "much."]})
    assert answers_of(source, json.dumps(notebook), True) == {"order": "Too\nmuch.", "memory": SAID}


def test_one_page_for_all(tmp_path: Path) -> None:
    source = source_of(1)
    (tmp_path / "mina.py").write_text(source.python().replace(f"# {WRITTEN_STUB}", f'"""\n{SAID}\n"""'), "utf-8")
    (tmp_path / "otto.ipynb").write_text(source.notebook(), "utf-8")
    (tmp_path / "eve.ipynb").write_text("no notebook", "utf-8")
    handed_in = [Submission(path.stem, path) for path in sorted(tmp_path.iterdir())] + [Submission("<zoe>", None)]
    page = written_page(LABS[1], source, handed_in)
    assert "Nine times, as &lt;nine&gt; windows see\nevery pixel.\n\nWith stride 3 about once." in page
    assert "No answer was found of</strong> eve, otto, &lt;zoe&gt;." in page
    assert "An image has 3 channels and 100x100 pixels." in page and "near to their peak (3)" in page
    assert page.count("<h3>") == 1


def test_what_is_no_notebook_is_refused() -> None:
    with pytest.raises(FileError, match="not a notebook"):
        answers_of(source_of(1), "{}", True)
