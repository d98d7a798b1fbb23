"""What a law says and what a mutant does wrong stand in docstrings; `python -OO` drops them, the file keeps them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any


def docstring(function: Callable[..., Any]) -> str:
    """The docstring of a function, without its indentation; "" if it has none."""
    code = function.__code__
    kept = function.__doc__
    return cleandoc(kept or _docstrings(code.co_filename).get((code.co_name, code.co_firstlineno), ""))


@cache
def _docstrings(file: str) -> dict[tuple[str, int], str]:
    """By the name of the function and the first line of it or its decorators; nothing where there is no such file."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return {}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {(node.name, _first_line(node)): ast.get_docstring(node) or "" for node in functions}


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
