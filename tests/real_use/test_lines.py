"""No line is lost: README.md beside lists A1 to D7, and each has a test that bears its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
LINES = [
    f"{letter}{number}" for letter, last in zip("ABCD", (12, 12, 7, 7), strict=True) for number in range(1, last + 1)
]


def lines_tested() -> set[str]:
    """The lines in the names of the tests of this folder: A1 of `test_a1_...`."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in HERE.glob("test_*.py")]
    names = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {found[1].upper() for name in names if (found := re.match(r"test_([a-d]\d+)_", name))}


def test_every_line_is_listed() -> None:
    assert re.findall(r"^\| ([A-D]\d+) \|", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE) == LINES


def test_every_line_has_a_test_and_no_test_is_of_another_line() -> None:
    assert lines_tested() == set(LINES)
