"""A lab is written once, with its solutions; here the forms that people hold are made from that text.

    for a student      lab<N>_<name>.ipynb; or lab<N>_<name>.py and test_lab<N>.py, for pytest and no Jupyter
    for a teacher      the same with solutions; lab<N>.ipynb for a course folder of nbgrader

What stands between `### BEGIN SOLUTION` and `### END SOLUTION` becomes a stub. Only NumPy is needed, and the same text
gives the same bytes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from minifcn.errors import ArgumentError, FileError
from minifcn.labs.percent import Cell, cells_of_text, notebook_of_cells, text_of_cells
from minifcn.teaching.shelf import shelf

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB, WRITTEN_STUB = "raise NotImplementedError", "*Write your answer here.*"
CHECK = re.compile(r"^lab\.check\((\w+)", re.MULTILINE)
SHELF = "labs/lab[0-9]_*.py"  # below tutorials/
BUILDS_ON: dict[int, tuple[int, ...]] = {2: (1,), 3: (1,)}  # of a lab: those whose functions may be used in it


@dataclass(frozen=True)
class Source:
    """The text of one lab, tutorials/labs/lab<N>_<name>.py."""

    path: Path

    @property
    def name(self) -> str:
        """lab1_im2col"""
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.name[3])

    @property
    def cells(self) -> list[Cell]:
        try:
            return cells_of_text(self.path.read_text(encoding="utf-8"))
        except FileError as error:
            raise FileError(f"{self.path}: {error}") from None

    @property
    def title(self) -> str:
        """Lab 1: Windows as columns"""
        first = next((cell.source for cell in self.cells if cell.kind == "markdown"), self.name)
        return first.partition("\n")[0].lstrip("# ")

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of what is to be written, in order: those that the text checks."""
        return tuple(name for cell in self.cells if cell.is_check for name in CHECK.findall(cell.source))

    def notebook(self, *, solved: bool = False) -> str:
        """The .ipynb of a student, or with the solutions in it; not run."""
        cells = self.cells if solved else [without_solution(cell) for cell in self.cells]
        return notebook_of_cells([_locked(cell) for cell in map(_unmarked, cells)], self.name)

    def python(self, *, solved: bool = False) -> str:
        """The .py of a student, or with the solutions: what is to be written and the text around it as comments.

        It needs NumPy and nothing else, so it can be handed in as it is.
        """
        cells = self.cells if solved else [without_solution(cell) for cell in self.cells]
        kept = [replace(cell, metadata={}) for cell in (_plain(_unmarked(cell), self.number) for cell in cells) if cell]
        return text_of_cells(kept)

    def tests(self) -> str:
        """test_lab<N>.py, which runs the public laws on the plain form with pytest."""
        return TESTS.format(number=self.number, name=self.name)

    def reference(self) -> str:
        """reference_lab<N>.py: the solutions alone, for a later lab that builds on them."""
        cells = [_unmarked(cell) for cell in self.cells if cell.kind == "code"]
        code = [text for text in (definitions(cell.source) for cell in cells) if text]
        head = f'"""The functions of {self.title[:1].lower()}{self.title[1:]}, for a lab that builds on them."""'
        return "\n\n\n".join(["\n\n".join([head, *code[:1]]), *code[1:]]) + "\n"

    def course(self) -> str:
        """The .ipynb of an nbgrader course folder: with the marks by which nbgrader takes the solutions out."""
        return notebook_of_cells(self.cells, f"lab{self.number}")


TESTS = '''\
"""The public laws of lab {number}: `pytest test_lab{number}.py`, or without pytest `minifcn lab check {number}`."""

import {name} as mine
import pytest

from minifcn.labs import session

lab = session({number})


@pytest.mark.parametrize("task", lab.functions)
def test_task(task):
    report = lab.check(getattr(mine, task, None), task)
    if not report:
        pytest.fail(str(report), pytrace=False)
'''


def sources() -> dict[int, Source]:
    """The texts of the labs by their numbers, in a checkout or where the installer put them."""
    found = [Source(path) for path in sorted(shelf(SHELF, "the labs").glob(SHELF))]
    return {source.number: source for source in found}


def source_of(number: int) -> Source:
    """The text of a lab; ArgumentError names those that there are."""
    found = sources()
    if number not in found:
        raise ArgumentError(f"there is no lab {number}; the labs are {', '.join(map(str, found))}.")
    return found[number]


def without_solution(cell: Cell) -> Cell:
    """The cell as a student gets it. A cell of the student's without marks is theirs as a whole, as in nbgrader."""
    stub = STUB if cell.kind == "code" else WRITTEN_STUB
    kept: list[str] = []
    inside = found = False
    for line in cell.source.split("\n"):
        if line.strip() == BEGIN and not inside:
            inside = found = True
            kept.append(line[: len(line) - len(line.lstrip())] + stub)
        elif line.strip() == END and inside:
            inside = False
        elif line.strip() in (BEGIN, END):
            raise FileError(f"a cell has `{line.strip()}` where it does not belong:\n{cell.source}")
        elif not inside:
            kept.append(line)
    if inside:
        raise FileError(f"a cell has `{BEGIN}` without `{END}`:\n{cell.source}")
    if found and not cell.is_solution:
        raise FileError(f'a cell has a solution, but its metadata do not say "solution": true:\n{cell.source}')
    if cell.is_solution and not found:
        kept = [stub]
    return replace(cell, source="\n".join(kept))


def definitions(code: str) -> str:
    """The imports, functions, classes and constants of a cell.

    What shows or tries something is left out: calls, and imports of minifcn.
    """
    lines = code.split("\n")
    return "\n\n\n".join("\n".join(lines[first:last]) for first, last in _defining(ast.parse(code)))


def _defining(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """(first line, line after the last) of neighbouring statements that define something."""
    begun: tuple[int, int] | None = None
    for statement in tree.body:
        first, last = _lines(statement)
        if not _defines(statement):
            continue
        block = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        if begun and not block and first - begun[1] <= 1:
            begun = begun[0], last
            continue
        if begun:
            yield begun
        begun = first, last
    if begun:
        yield begun


def _lines(statement: ast.stmt) -> tuple[int, int]:
    first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
    return first - 1, statement.end_lineno or statement.lineno


def _defines(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import):
        return not any(of_minifcn(alias.name) for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return not of_minifcn(statement.module or "")
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return not any(isinstance(node, ast.Call) for node in ast.walk(statement))
    return isinstance(statement, ast.FunctionDef | ast.ClassDef)


def of_minifcn(module: str) -> bool:
    return module.partition(".")[0] == "minifcn"


def _plain(cell: Cell, number: int) -> Cell | None:
    """A cell of the plain form; a check, and what only shows something, become comments. None if nothing is left."""
    if cell.kind == "markdown" or cell.is_solution:
        return cell
    if cell.is_check:
        found = CHECK.findall(cell.source)
        task = f" --task {found[0]}" if len(found) == 1 else ""
        test = f"pytest test_lab{number}.py -k {' or '.join(found)}"
        return Cell("code", f"# Check it: minifcn lab check {number}{task}, or {test}")
    code = definitions(cell.source)
    if code:
        return replace(cell, source=code)
    if not cell.source.strip():
        return None
    shown = "\n".join(f"#     {line}".rstrip() for line in cell.source.split("\n"))
    return Cell("code", f"# To see it, type this after `python -i` and the name of this file:\n{shown}")


def _unmarked(cell: Cell) -> Cell:
    """Without the marks around a solution."""
    kept = [line for line in cell.source.split("\n") if line.strip() not in (BEGIN, END)]
    return replace(cell, source="\n".join(kept))


def _locked(cell: Cell) -> Cell:
    """A check can neither be changed nor deleted by mistake."""
    locked = {"deletable": False, "editable": False} if cell.is_check else {}
    return replace(cell, metadata={**cell.metadata, **locked})


def leaks(texts: Iterable[str], source: Source) -> set[str]:
    """Lines of a lab's solutions, of those that stand nowhere else in it, which are found in other texts."""
    told = "\n".join(without_solution(cell).source for cell in source.cells)
    public = {line.strip() for line in told.split("\n")}
    hidden = {line.strip() for cell in source.cells for line in _unmarked(cell).source.split("\n")} - public
    distinctive = {line for line in hidden if len(line) >= 12}
    return {line for line in distinctive for text in texts if line in text or _quoted(line) in text}


def _quoted(line: str) -> str:
    """As it stands in JSON."""
    return line.replace("\\", "\\\\").replace('"', '\\"')
