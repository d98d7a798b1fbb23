"""No case is lost: the marks in the tests and the table in README.md are the same 58 numbers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
README = Path(__file__).with_name("README.md")
ALL = set(range(1, 59))

Marks = dict[str, set[int]]  # file, relative to tests/ -> the numbers of its marks


def case_numbers(expression: ast.AST) -> set[int]:
    """The numbers of every pytest.mark.case(N) within an expression."""
    calls = [node for node in ast.walk(expression) if isinstance(node, ast.Call)]
    marks = [call for call in calls if ast.unparse(call.func) == "pytest.mark.case"]
    return {argument.value for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}


def marked(tree: ast.AST) -> set[int]:
    """The numbers on tests, and on single parameters: pytest.param(..., marks=pytest.mark.case(N)).

    A mark on a helper, or one that is made and never used, shows nothing and counts for nothing.
    """
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
            found |= set().union(*map(case_numbers, node.decorator_list))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.param":
            found |= set().union(*(case_numbers(option.value) for option in node.keywords if option.arg == "marks"))
    return found


def marks_in(folder: Path) -> Marks:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in folder.rglob("test_*.py")}
    return {path.relative_to(folder).as_posix(): marked(tree) for path, tree in trees.items()}


def rows_of(text: str) -> list[tuple[int, list[str]]]:
    """The rows `| number | sentence | [file](link), ... |` with their links, read from tests/hostile."""
    rows = re.findall(r"^\| (\d+) \| .+ \| (.*) \|$", text, re.MULTILINE)
    return [(int(number), re.findall(r"\]\(([^)]+)\)", links)) for number, links in rows]


def faults(marks: Marks, rows: list[tuple[int, list[str]]]) -> list[str]:
    """Everything that is wrong, in words."""
    numbers, listed = set().union(*marks.values()), [number for number, _ in rows]
    found = [f"no test is marked with case {number}" for number in sorted(ALL - numbers)]
    found += [f"a test is marked with case {number}, which does not exist" for number in sorted(numbers - ALL)]
    if listed != sorted(ALL):
        found.append(f"README.md lists the cases {listed}, not 1 to 58 in this order")
    for number, links in rows:
        if not links:
            found.append(f"README.md names no file for case {number}")
        for link in links:
            file = link.removeprefix("../") if link.startswith("../") else f"hostile/{link}"
            if file not in marks:
                found.append(f"README.md names {link} for case {number}, which is not there")
            elif number not in marks[file]:
                found.append(f"README.md names {link} for case {number}, but no test in it has the mark")
    return found


def test_every_case_has_a_test_and_a_row_that_leads_to_it() -> None:
    found = faults(marks_in(TESTS), rows_of(README.read_text(encoding="utf-8")))
    assert not found, "\n".join(found)


SOURCE = """
import pytest
from tests import tables

TABLE = [pytest.param(1, marks=pytest.mark.case(4)), pytest.param(2, marks=[pytest.mark.slow, pytest.mark.case(5)])]
unused = pytest.mark.case(90)

@pytest.mark.case(1)
@pytest.mark.case(2)
@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.case(3))])
def test_one(x):
    "pytest.mark.case(91)"  # pytest.mark.case(92)

@pytest.mark.case(6)
class TestTwo:
    @pytest.mark.case(7)
    def test_three(self): ...

@pytest.mark.case(93)
def helper(): ...
"""


def test_marks_are_read_where_they_count() -> None:
    assert marked(ast.parse(SOURCE)) == {1, 2, 3, 4, 5, 6, 7}


@pytest.mark.parametrize(
    ("marks", "rows", "message"),
    [
        ({"hostile/test_a.py": ALL - {7}}, {}, "no test is marked with case 7"),
        ({"hostile/test_a.py": ALL | {59}}, {}, "a test is marked with case 59, which does not exist"),
        ({}, {12: ["test_b.py"]}, "README.md names test_b.py for case 12, which is not there"),
        ({}, {12: []}, "README.md names no file for case 12"),
        ({"data/test_c.py": {3}}, {12: ["test_a.py", "../data/test_c.py"]}, "names ../data/test_c.py for case 12, but no test"),
        ({}, {58: None}, "README.md lists the cases [1, 2, 3, "),
    ],
)  # fmt: skip
def test_the_check_of_numbers_can_fail(marks: Marks, rows: dict[int, list[str] | None], message: str) -> None:
    """Right but for one thing; a row of None is left out."""
    marks = {"hostile/test_a.py": ALL} | marks
    lines = [(number, rows.get(number, ["test_a.py"])) for number in sorted(ALL)]
    assert faults({"hostile/test_a.py": ALL}, [(number, ["test_a.py"]) for number in sorted(ALL)]) == []
    (found, *_) = faults(marks, [(number, links) for number, links in lines if links is not None])
    assert message in found


def test_the_table_of_the_readme_is_read() -> None:
    text = "| case | what |\n|---|---|\n| 3 | `a | b` is refused | [test_a.py](test_a.py), [c](../data/test_c.py) |\n"
    assert rows_of(text) == [(3, ["test_a.py", "../data/test_c.py"])]
