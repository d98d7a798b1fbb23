"""Every lesson runs from top to bottom in a fresh kernel, and its notebook has the cells of its text."""

from __future__ import annotations

import ast
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))  # tutorials/ is not installed; at the end, as of benchmarks/

from tutorials.__main__ import cells, errors_in, printed, read, run, texts, told

NEEDED = [name for name in ("jupytext", "nbclient", "ipykernel") if find_spec(name) is None]
TEXTS = texts()
LARGEST = 3_000_000  # bytes of a notebook with its outputs

if NEEDED and os.environ.get("MINIFCN_REQUIRE_NOTEBOOKS") == "1":
    raise ImportError(f"{', '.join(NEEDED)} must be there; pip install '.[notebooks]'.")
needs_jupyter = pytest.mark.skipif(
    bool(NEEDED), reason=f"{', '.join(NEEDED)} not installed: pip install '.[notebooks]'"
)


def test_there_are_lessons() -> None:
    assert len(TEXTS) >= 4


@needs_jupyter
@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_leaves_nothing_behind(text: Path, tmp_path: Path) -> None:
    made = run(text, tmp_path)  # warnings are errors there, and a call to another machine is one, too
    assert not list(errors_in(made))
    stored = read(text.with_suffix(".ipynb"))
    assert cells(made) == cells(stored)
    assert told(made) == told(stored)  # what is printed is still so; `python -m tutorials --check` compares all digits


@needs_jupyter
@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_the_notebook_has_outputs_and_no_error_and_can_be_loaded_quickly(text: Path) -> None:
    notebook = read(text.with_suffix(".ipynb"))
    assert not list(errors_in(notebook))
    pictures = [o for c in notebook.cells for o in c.get("outputs", ()) if "image/png" in o.get("data", {})]
    assert len(pictures) >= 2  # a picture in a cell of its own, for viewers that take scripts away
    assert text.with_suffix(".ipynb").stat().st_size < LARGEST


@needs_jupyter
def test_what_is_printed_can_be_compared() -> None:
    notebook = read(TEXTS[0].with_suffix(".ipynb"))
    before = printed(notebook)
    assert any("is not written yet" in text for text in before)
    next(o for c in notebook.cells for o in c.get("outputs", ()) if o.output_type == "stream").text += "more"
    assert printed(notebook) != before


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_a_lesson_has_what_every_lesson_has(text: Path) -> None:
    source = text.read_text(encoding="utf-8")
    tags = set(re.findall(r'"([a-z-]+)"', " ".join(re.findall(r"^# %% tags=\[(.*)\]$", source, re.MULTILINE))))
    assert {"prediction", "exercise", "solution"} <= tags
    number = text.stem[:2]
    titles = re.findall(rf"^# ##? {number} (.+)$", source, re.MULTILINE)
    assert len(titles) == 2 and re.search("[가-힣]", titles[1])
    for words in (
        "**Question.**",
        "**요약.**",
        "minutes. Before this:",
        "**By hand** (●",
        "Five questions",
        "predict(",
    ):
        assert words in source, words
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    asked = [node for node in calls if ast.unparse(node.func) == "Question"]
    assert len(asked) == 5
    assert all(isinstance(question.args[1], ast.Lambda) for question in asked)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_every_exercise_has_a_solution_after_it_and_both_are_named_in_yours(text: Path) -> None:
    source = text.read_text(encoding="utf-8")
    exercises = re.findall(r'# %% tags=\["exercise"\]\s+def (\w+)\(', source)
    assert exercises
    for name in exercises:
        assert re.search(rf"yours\(\s*{name}, \w+[,)]", source), name
