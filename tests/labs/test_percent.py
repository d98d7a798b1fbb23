"""Cells as text and as a notebook: there and back, the same bytes each time, and what jupytext and nbformat think."""

from __future__ import annotations

import json

import pytest

from minifcn.errors import FileError
from minifcn.labs.percent import Cell, cells_of_notebook, cells_of_text, notebook_of_cells, text_of_cells

TEXT = """\
# %% [markdown] tags=["a", "b"]
# # A title with `x = "a"` and \\ and 木
#
#     indented

# %%
import numpy as np

# %% nbgrader={"grade": true, "points": 2, "solution": false} tags=["x"]
def f(x):
    "A comment."
    return x


# %%
f(1)
"""


def test_a_text_comes_back_as_it_was() -> None:
    assert text_of_cells(cells_of_text(TEXT)) == TEXT


def test_the_cells_are_those_of_the_text() -> None:
    title, numpy, f, shown = cells_of_text(TEXT)
    assert title == Cell("markdown", '# A title with `x = "a"` and \\ and 木\n\n    indented', {"tags": ["a", "b"]})
    assert numpy == Cell("code", "import numpy as np") and shown.source == "f(1)"
    assert f.is_check and not f.is_solution and f.metadata["tags"] == ["x"] and f.grading["points"] == 2


def test_jupytext_reads_the_same_cells_and_nbformat_writes_the_same_bytes() -> None:
    jupytext, nbformat = pytest.importorskip("jupytext"), pytest.importorskip("nbformat")
    ours = cells_of_text(TEXT)
    theirs = [(c.cell_type, c.source, dict(c.metadata)) for c in jupytext.reads(TEXT, "py:percent").cells]
    for _, _, metadata in theirs:
        metadata.pop("lines_to_next_cell", None)
    assert theirs == [(cell.kind, cell.source, dict(cell.metadata)) for cell in ours]
    made = notebook_of_cells(ours, "lab")
    notebook = nbformat.reads(made, 4)
    nbformat.validate(notebook)
    assert nbformat.writes(notebook).rstrip("\n") + "\n" == made


def test_a_notebook_is_the_same_bytes_each_time_and_has_the_cells() -> None:
    made = notebook_of_cells(cells_of_text(TEXT), "lab")
    assert made == notebook_of_cells(cells_of_text(TEXT), "lab")
    assert cells_of_notebook(made) == cells_of_text(TEXT)
    notebook = json.loads(made)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3" and "jupytext" not in notebook["metadata"]
    identities = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identities)) == 4
    assert identities != [cell["id"] for cell in json.loads(notebook_of_cells(cells_of_text(TEXT), "other"))["cells"]]


def test_a_cell_keeps_its_id_when_it_is_written_in() -> None:
    before = json.loads(notebook_of_cells([Cell("code", "a"), Cell("code", "b")], "lab"))
    after = json.loads(notebook_of_cells([Cell("code", "a"), Cell("code", "c")], "lab"))
    assert [cell["id"] for cell in before["cells"]] == [cell["id"] for cell in after["cells"]]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"cells": [1]}', '{"cells": [{"cell_type": "code"}]}', "[" * 9**5])
def test_what_is_no_notebook_is_said_in_a_sentence(text: str) -> None:
    with pytest.raises(FileError, match="this is not a notebook"):
        cells_of_notebook(text)


@pytest.mark.parametrize("mark", ["# %% a title", "# %% tags=[", "# %% tags=[] more"])
def test_metadata_that_cannot_be_read_are_shown(mark: str) -> None:
    with pytest.raises(FileError, match="are not key=JSON"):
        cells_of_text(f"{mark}\nx = 1\n")
