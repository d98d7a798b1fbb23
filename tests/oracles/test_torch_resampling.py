"""interpolate against PyTorch's: exactly where a pixel is copied, and to the last digits where pixels are mixed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor
from tests.oracles.peers import close, compare, dtypes, exact, generators, peer
from tests.strategies import pairs, whole_numbers

torch = peer("torch")
TF = torch.nn.functional

MODES = ["nearest", "nearest-exact", "bilinear", "bicubic"]
SMOOTH = ("bilinear", "bicubic")
# Factors whose inverses are floats: PyTorch works with 1 / factor rounded, minifcn with the fraction that is meant.
FACTORS = st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0, 8.0])


def judged(mode: str, align_corners: bool, size: Any, into: Any) -> Any:
    """Copies are exact. A position among the pixels is off by an ulp of the size, and the mixture by as much."""
    return exact if mode not in SMOOTH else close(4 * max(*size, *into, 4) ** 2, 9.0)


@given(st.sampled_from(MODES), st.booleans(), pairs(1, 9), pairs(1, 17), dtypes(), generators())
def test_to_a_size(mode: str, align: bool, size: Any, into: Any, dtype: Any, generator: np.random.Generator) -> None:
    asked = {"size": into, "mode": mode} | ({"align_corners": align} if mode in SMOOTH else {})
    x = whole_numbers(generator, (2, 3, *size), dtype)
    judge = judged(mode, align, size, into)
    compare(lambda x: F.interpolate(x, **asked), lambda x: TF.interpolate(x, **asked), [x], judge, generator)


@given(st.sampled_from(MODES), st.booleans(), pairs(4, 9), st.tuples(FACTORS, FACTORS), dtypes(), generators())
def test_by_a_factor(mode: str, align: bool, size: Any, by: Any, dtype: Any, generator: np.random.Generator) -> None:
    """Factors that are powers of two: then everything is exact, the sizes and the mixtures."""
    asked: dict[str, Any] = {"scale_factor": by, "mode": mode}
    asked |= {"align_corners": align} if mode in SMOOTH else {}
    x = whole_numbers(generator, (2, 3, *size), dtype)
    into = [n * f for n, f in zip(size, by, strict=True)]
    judge = judged(mode, align, size, into) if align or mode == "bicubic" else exact
    compare(lambda x: F.interpolate(x, **asked), lambda x: TF.interpolate(x, **asked), [x], judge, generator)


def cut_short(n: int, factor: float) -> bool:
    """Whether PyTorch forgets the factor: it copies an axis whose size stays, and repeats one whose size doubles."""
    return int(n * factor) in (n, 2 * n) and factor not in (1, 2)


@pytest.mark.parametrize("factor", [1.5, 0.7, 1.1, 2.3, 3.0, 1 / 3])
@pytest.mark.parametrize("mode", MODES)
def test_by_a_factor_that_is_no_power_of_two(mode: str, factor: float) -> None:
    """The factor itself counts, not the quotient of the sizes, which are rounded down."""
    generator = np.random.default_rng(3)
    sizes = [n for n in range(3, 16) if not cut_short(n, factor)]
    for size in pairwise(sizes):
        x = whole_numbers(generator, (1, 2, *size))
        judge = exact if mode not in SMOOTH else close(4 * 45**2, 9.0)
        asked = {"scale_factor": factor, "mode": mode}
        compare(
            lambda x, a=asked: F.interpolate(x, **a), lambda x, a=asked: TF.interpolate(x, **a), [x], judge, generator
        )


@pytest.mark.parametrize("mode", MODES[:2])
def test_every_pair_of_sizes_copies_the_same_pixel(mode: str) -> None:
    """All of 1..40 -> 1..40. Where a position is the very edge of two pixels, PyTorch's float32 may fall before it."""
    before_the_edge = 0
    for before in range(1, 41):
        x = np.arange(before, dtype=np.float64).reshape(1, 1, before, 1)
        for after in range(1, 41):
            found = F.interpolate(Tensor(x), (after, 1), mode=mode).numpy().ravel()
            expected = TF.interpolate(torch.tensor(x), (after, 1), mode=mode).numpy().ravel()
            i = np.arange(after)
            # The position is i·before/after, or (i + 1/2)·before/after: whole if nothing is left of the division.
            on_edge = (i * before % after == 0) if mode == "nearest" else ((2 * i + 1) * before % (2 * after) == 0)
            before_the_edge += int((found - expected)[on_edge].sum())
            expected[on_edge & (found == expected + 1)] += 1
            exact(found, expected, f"{before} to {after}")
    assert before_the_edge <= 10, "there are 3 and 7 such positions among 32,800"
