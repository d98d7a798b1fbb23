"""Cells of a notebook as text (`# %%`, the percent format of jupytext) and as JSON (.ipynb), read and written by hand.

Only what the labs use, so that neither Jupyter nor jupytext has to be installed: code and Markdown, and the metadata
behind the two percent signs, `# %% [markdown] tags=["a"]`. The same cells give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minifcn.errors import FileError

MARK = re.compile(r"^# %%(?P<kind> \[markdown\])?(?P<rest>(?: .*)?)$")
KEY = re.compile(r"\s*(\w+)=")


@dataclass(frozen=True)
class Cell:
    """kind: "code" or "markdown"; metadata: as a notebook has it; outputs: of code that was run."""

    kind: str
    source: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[Any, ...] = ()

    @property
    def grading(self) -> Mapping[str, Any]:
        """nbgrader's metadata; {} for a cell that it does not know."""
        found = self.metadata.get("nbgrader", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def is_solution(self) -> bool:
        """Whether it is the student's to write."""
        return bool(self.grading.get("solution"))

    @property
    def is_check(self) -> bool:
        """Whether it is graded without being the student's: `lab.check(function)`."""
        return bool(self.grading.get("grade")) and not self.is_solution


def cells_of_text(text: str) -> list[Cell]:
    """The cells of a percent text. FileError for metadata that cannot be read."""
    cells: list[Cell] = []
    opened: tuple[str, dict[str, Any], list[str]] | None = None
    for line in [*text.splitlines(), "# %%"]:
        if mark := MARK.match(line):
            if opened:
                cells.append(_cell(*opened))
            opened = ("markdown" if mark["kind"] else "code", _metadata(mark["rest"]), [])
        elif opened:
            opened[2].append(line)
    return cells


def text_of_cells(cells: Iterable[Cell]) -> str:
    """Cells as a percent text, which is a Python file."""
    parts = []
    for cell in cells:
        mark = "# %% [markdown]" if cell.kind == "markdown" else "# %%"
        told = "".join(f" {key}={json.dumps(value)}" for key, value in sorted(cell.metadata.items()))
        lines = cell.source.split("\n")
        if cell.kind == "markdown":
            lines = [f"# {line}".rstrip() for line in lines]
        parts.append("\n".join([mark + told, *lines]))
        if cell.kind == "code" and _ends_in_a_block(cell.source):
            parts[-1] += "\n"  # two empty lines after a function
    return "\n\n".join(parts).rstrip("\n") + "\n"


def notebook_of_cells(cells: Iterable[Cell], name: str) -> str:
    """Cells as an .ipynb (nbformat 4.5). A cell's id is made of the notebook's name, the cell's place and its kind."""
    made = []
    for place, cell in enumerate(cells):
        identity = hashlib.sha256(f"{name} {place} {cell.kind}".encode()).hexdigest()[:12]
        lines = cell.source.splitlines(keepends=True)
        told: dict[str, Any] = {"cell_type": cell.kind, "id": identity, "metadata": cell.metadata, "source": lines}
        if cell.kind == "code":
            told |= {"execution_count": None, "outputs": list(cell.outputs)}
        made.append(told)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def cells_of_notebook(text: str) -> list[Cell]:
    """The cells of an .ipynb of version 4, without their outputs. FileError if it is none."""
    try:
        notebook = json.loads(text)
        found = [
            Cell(str(cell["cell_type"]), _joined(cell["source"]), dict(cell.get("metadata", {})))
            for cell in notebook["cells"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FileError("this is not a notebook (.ipynb, version 4) that can be read; save it again.") from None
    return found


def _cell(kind: str, metadata: dict[str, Any], lines: list[str]) -> Cell:
    if kind == "markdown":
        lines = [line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#")]
    return Cell(kind, "\n".join(lines).strip("\n"), metadata)


def _metadata(rest: str) -> dict[str, Any]:
    """{"tags": ["a"]} of ' tags=["a"]'."""
    found, place, reader = {}, 0, json.JSONDecoder()
    while key := KEY.match(rest, place):
        try:
            found[key[1]], place = reader.raw_decode(rest, key.end())
        except ValueError:
            raise FileError(f"the metadata of the cell `# %%{rest}` are not key=JSON.") from None
    if rest[place:].strip():
        raise FileError(f"the metadata of the cell `# %%{rest}` are not key=JSON.")
    return found


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def _ends_in_a_block(source: str) -> bool:
    return source.rpartition("\n")[2].startswith((" ", "\t"))
