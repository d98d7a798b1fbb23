"""A function of variables as a formula in words: what it does is noted step by step, and written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minifcn.testing.wire import traced
from minifcn.testing.worker import shortened

VARIABLES = "abcdefgh"  # what the arrays of a call are called
LONGEST = 120


def formula(function: Callable[..., Any], variables: int) -> str:
    """What a function of variables computes. A value that is used more than once has a name.

    >>> formula(lambda a, b: ((a + b) * 3).sum(), 2)
    'Σ (a + b)·3'
    >>> formula(lambda a: (a + a) * (a - 1), 1)
    '(a + a)·(a − 1)'
    """
    steps = traced(function, variables)
    uses = [0] * len(steps)
    for _, *operands in steps:
        for operand in operands:
            if isinstance(operand, list):
                uses[operand[0]] += 1
    told: list[str] = list(VARIABLES[:variables])
    named: list[str] = []
    for number, (name, *operands) in enumerate(steps[variables:], variables):
        words = [_operand(operand, told) for operand in operands]
        made = _written(name, words)
        if uses[number] > 1:
            named.append(f"u{len(named) + 1} = {made}")
            made = f"u{len(named)}"
        told.append(made)
    return shortened("; ".join([*named, told[-1]]), LONGEST)


def _operand(operand: Any, told: list[str]) -> str:
    return told[operand[0]] if isinstance(operand, list) else f"{operand:g}"


def _written(name: str, words: list[str]) -> str:
    if name == "sum":
        return f"Σ {_bracketed(words[0], ' + ', ' − ')}"
    if name == "negative":
        return f"−{_bracketed(words[0], ' + ', ' − ')}"
    if name in "+-":
        return f"{words[0]} {'+' if name == '+' else '−'} {_bracketed(words[1], ' + ', ' − ')}"
    sign = {"*": "·", "/": " / ", "**": "^"}[name]
    inner = (" ", "·", "−") if name == "**" else (" ", "−")
    return f"{_bracketed(words[0], *inner)}{sign}{_bracketed(words[1], *inner)}"


def _bracketed(text: str, *signs: str) -> str:
    """In brackets, if one of the signs is in it outside of brackets; a number keeps its sign."""
    depth, outside = 0, []
    for character in text:
        depth += (character == "(") - (character == ")")
        outside.append(character if depth == 0 else "_")
    return f"({text})" if any(sign in "".join(outside) for sign in signs) else text
