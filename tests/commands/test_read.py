"""`minifcn read` leads through the package; the number of lines that it promises is kept."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import minifcn
from minifcn import cli
from minifcn.commands import read

PACKAGE = Path(minifcn.__file__).parent
README = Path(__file__).parents[2] / "README.md"


def lines_of(name: str) -> int:
    return len((PACKAGE / name).read_text(encoding="utf-8").splitlines())


def test_the_path_is_an_afternoon() -> None:
    assert read.MOST == 1500
    assert sum(lines_of(name) for name, _ in read.PATH) <= read.MOST


# What a file of the path may use before it was told, as its own head says.
AHEAD = {("arrays/convolution/loops.py", "geometry/window.py")}


def defined_in(package: str, name: str) -> str:
    """The file of the package that a name comes from, also if a folder's __init__ gathers it: geometry/window.py."""
    value = getattr(importlib.import_module(package), name, None)
    module = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", package)
    return module.removeprefix("minifcn.").replace(".", "/") + ".py"


def used_by(name: str) -> set[str]:
    """The files whose names a file of the package imports."""
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {defined_in(str(node.module), alias.name) for node in imports for alias in node.names}


def test_one_file_builds_on_those_before_it() -> None:
    told: set[str] = set()
    path = {name for name, _ in read.PATH}
    for name, _ in read.PATH:
        later = (used_by(name) & path) - told - {name}
        assert {(name, other) for other in later} <= AHEAD, f"{name} uses {sorted(later)}, which come later"
        told.add(name)
    for name, other in AHEAD:
        assert other in used_by(name) and other in (PACKAGE / name).read_text(encoding="utf-8")


def test_the_readme_tells_the_same_path_and_number() -> None:
    text = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| \[([^\]]+)\]\(minifcn/([^)]+)\) \| (\d+) \|", text, re.MULTILINE)
    assert rows == [(str(place), name, name, str(lines_of(name))) for place, (name, _) in enumerate(read.PATH, start=1)]
    (said,) = re.findall(r"\*\*([\d,]+) lines\*\*", text)
    assert int(said.replace(",", "")) == sum(lines_of(name) for name, _ in read.PATH)


def test_the_command_prints_the_path_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read"]) == 0
    printed = capsys.readouterr().out
    found = re.findall(r"^ *(\d+) +(\d+)  (\S+\.py) ", printed, re.MULTILINE)
    assert found == [(str(i), str(lines_of(name)), name) for i, (name, _) in enumerate(read.PATH, start=1)]
    assert f"{sum(lines_of(name) for name, _ in read.PATH)}  in all" in printed
    assert printed.rstrip().endswith(str(PACKAGE))
    assert all(len(line) <= 120 for line in printed.splitlines()[:-1])


def test_a_number_prints_that_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read", "2"]) == 0
    assert capsys.readouterr().out == (PACKAGE / read.PATH[1][0]).read_text(encoding="utf-8")


@pytest.mark.parametrize("number", ["0", "13", "-1"])
def test_a_number_without_a_text_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read", number]) == 2
    assert f"there is no text {number}; choose 1 to {len(read.PATH)}." in capsys.readouterr().err
