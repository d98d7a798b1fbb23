"""Pairs of submissions that are suspiciously alike: whatever was renamed, reordered or laid out anew.

A function is read as its tree, in which every name is a name and every number stays; pieces of so many steps in a row
are its prints. Two submissions are as alike as the share of prints that they have in common, less those that a good
part of the class has, as everybody writes `OH, OW = ...` in the same way.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

LENGTH = 10  # steps of a print
COMMON = 0.2  # the share of a class that may have a print before it says nothing about two of them
FEWEST, ALIKE = 25, 0.7  # prints that must be left, and the share of them that is suspicious


def prints(text: str, functions: tuple[str, ...]) -> frozenset[int]:
    """The prints of the named functions of a Python text, and of its other functions; none if it cannot be read."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    found: set[int] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            steps = list(_steps(node, functions))
            found |= {_number(tuple(steps[n : n + LENGTH])) for n in range(len(steps) - LENGTH + 1)}
    return frozenset(found)


def pairs(found: Mapping[str, frozenset[int]]) -> list[tuple[float, str, str]]:
    """(how alike, one, other) of the pairs that are suspicious, the most alike first."""
    many = max(2, COMMON * len(found))
    counts = Counter(number for numbers in found.values() for number in numbers)
    own = {name: {number for number in numbers if counts[number] <= many} for name, numbers in found.items()}
    told = []
    for one, other in combinations(sorted(own), 2):
        smaller = min(len(own[one]), len(own[other]))
        if smaller < FEWEST:
            continue
        share = len(own[one] & own[other]) / smaller
        if share >= ALIKE:
            told.append((share, one, other))
    return sorted(told, key=lambda pair: (-pair[0], pair[1], pair[2]))


def _steps(node: ast.AST, functions: tuple[str, ...]) -> Iterator[str]:
    """The tree, node by node: its kinds, numbers and attributes, and no names but those of the task."""
    yield type(node).__name__
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        yield repr(node.value)
    if isinstance(node, ast.Attribute):
        yield node.attr
    name = getattr(node, "id", "") or getattr(node, "name", "")
    if isinstance(node, ast.Name | ast.FunctionDef) and name in functions:
        yield name
    body = [part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.expr_context)]
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        body.remove(node.body[0])
    for part in body:
        yield from _steps(part, functions)


def _number(piece: tuple[str, ...]) -> int:
    """The same for the same piece in every process."""
    number = 0
    for word in piece:
        for letter in word:
            number = (number * 257 + ord(letter)) % (2**61 - 1)
        number = (number * 257 + 31) % (2**61 - 1)
    return number
