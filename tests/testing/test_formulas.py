"""Functions of variables as formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minifcn.testing.formulas import LONGEST, formula


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda a, b: ((a + b) * 3).sum(), "Σ (a + b)·3"),
        (lambda a, b: a - (b - 1), "a − (b − 1)"),
        (lambda a, b: (a**2 * -b).sum() + 1, "Σ a^2·(−b) + 1"),
        (lambda a, b: 2 / (a + b), "2 / (a + b)"),
        (lambda a, b: (a / b).sum() * a.sum(), "(Σ a / b)·(Σ a)"),
    ],
)
def test_a_formula(function: Callable[..., Any], said: str) -> None:
    assert formula(function, 2) == said


def test_a_value_that_is_used_again_has_a_name() -> None:
    def doubled(a: Any) -> Any:
        b = a + a
        return (b + b).sum()

    assert formula(doubled, 1) == "u1 = a + a; Σ (u1 + u1)"


def test_a_long_one_is_shortened() -> None:
    def chain(a: Any) -> Any:
        for _ in range(2000):
            a = a + 1
        return a

    assert len(formula(chain, 1)) == LONGEST
