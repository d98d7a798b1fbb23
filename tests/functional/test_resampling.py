"""interpolate: its arguments, its sizes, and laws of its values. The matrices behind it are tested with the arrays."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.machine import limits
from tests.onto import close, equal, get, on
from tests.strategies import whole_numbers

X = whole_numbers(np.random.default_rng(0), (2, 3, 4, 5))
MODES = [("nearest", False), ("nearest-exact", False), ("bilinear", False), ("bilinear", True)]
MODES += [("bicubic", False), ("bicubic", True)]


@pytest.mark.parametrize("mode, align", MODES)
def test_the_same_size_changes_nothing(mode, align, xp):
    equal(F.interpolate(on(xp, X), (4, 5), mode=mode, align_corners=align).data, X)


@pytest.mark.parametrize("mode, align", MODES)
@pytest.mark.parametrize("size", [(7, 3), (1, 1), (8, 10), (2, 9)])
def test_constants_stay_and_rows_do_not_meet_columns(mode, align, size, xp):
    ones = get(F.interpolate(on(xp, np.ones((1, 1, 4, 5))), size, mode=mode, align_corners=align))
    close(ones, np.ones((1, 1, *size)), rtol=1e-14)
    rows = F.interpolate(on(xp, np.tile(np.arange(4.0)[:, None], (1, 1, 1, 5))), size, mode=mode, align_corners=align)
    close(rows, np.broadcast_to(get(rows)[..., :1], rows.shape), atol=1e-14)


def test_nearest_takes_the_pixel_that_the_edge_falls_in(xp):
    found = get(F.interpolate(on(xp, X), (7, 3)))
    rows, columns = [i * 4 // 7 for i in range(7)], [j * 5 // 3 for j in range(3)]
    equal(found, X[:, :, rows][..., columns])


def test_doubling_by_the_half_pixel_rule(xp):
    x = on(xp, np.array([[[[0.0, 4.0, 8.0]]]]))
    found = F.interpolate(x, (1, 6), mode="bilinear").data[0, 0, 0]
    equal(found, [0, 1, 3, 5, 7, 8])
    aligned = F.interpolate(x, (1, 5), mode="bilinear", align_corners=True).data[0, 0, 0]
    equal(aligned, [0, 2, 4, 6, 8])


def test_a_factor_may_be_large(xp):
    assert F.interpolate(on(xp, X[:1, :1, :1, :1]), scale_factor=100).shape == (1, 1, 100, 100)


@pytest.mark.parametrize("factor, size", [(2, (8, 10)), ((0.5, 1.5), (2, 7)), (Fraction(1, 3), (1, 1)), (1.1, (4, 5))])
def test_scale_factors_round_down(factor, size, xp):
    assert F.interpolate(on(xp, X), scale_factor=factor).shape == (2, 3, *size)


def test_a_given_scale_is_used_rather_than_the_quotient_of_sizes(xp):
    x = on(xp, np.arange(5.0).reshape(1, 1, 1, 5))
    found = F.interpolate(x, scale_factor=(1, 1.5), mode="bilinear").data[0, 0, 0]
    expected = np.clip([(i + 0.5) / 1.5 - 0.5 for i in range(7)], 0, 4)  # x is a ramp: the value is the position
    close(found, expected, rtol=1e-14)


@pytest.mark.parametrize("mode, align", MODES)
def test_the_gradient_is_the_transpose(mode, align, xp):
    source = np.random.default_rng(1)
    x = on(xp, X, requires_grad=True)
    y = F.interpolate(x, (7, 3), mode=mode, align_corners=align)
    v = whole_numbers(source, y.shape)
    y.backward(on(xp, v))
    other = whole_numbers(source, X.shape)
    there = (get(F.interpolate(on(xp, other), (7, 3), mode=mode, align_corners=align)) * v).sum()
    close((other * get(x.grad)).sum(), there, rtol=1e-12)


def test_more_than_all_memory_is_refused(monkeypatch, xp):
    monkeypatch.setattr(limits, "memory_of", lambda device: 20_000)
    with pytest.raises(AllocationError, match=r"^interpolate: a result of shape \(1, 1, 60, 50\) in float64 takes"):
        F.interpolate(on(xp, np.zeros((1, 1, 2, 2))), (60, 50))
    for size in ((40, 1), (1, 40)):
        with pytest.raises(
            AllocationError, match=r"^interpolate: a band of weights of shape \(40, 64\) in int64 takes"
        ):
            F.interpolate(on(xp, np.zeros((1, 1, 2, 2))), size)
    assert F.interpolate(on(xp, np.zeros((1, 1, 1000, 1))), (2, 1)).shape == (1, 1, 2, 1)


def test_errors():
    x = Tensor(X)
    for size, factor in ((None, None), ((2, 2), 2)):
        with pytest.raises(ArgumentError, match="interpolate: give either size or scale_factor, got"):
            F.interpolate(x, size, factor)
    for factor in (0, -1, "2", (1, 2, 3), float("inf"), float("nan"), 2**31):
        with pytest.raises(ArgumentError, match="interpolate: scale_factor must be one or two positive numbers, got"):
            F.interpolate(x, scale_factor=factor)
    with pytest.raises(
        ArgumentError, match="interpolate: mode 'cubic' is unknown; use one of bilinear, bicubic, nearest"
    ):
        F.interpolate(x, (2, 2), mode="cubic")
    with pytest.raises(
        ArgumentError, match="align_corners has a meaning for bilinear and bicubic only, not for 'nearest'"
    ):
        F.interpolate(x, (2, 2), align_corners=True)
    with pytest.raises(ArgumentError, match="interpolate: size must be between 1 and"):
        F.interpolate(x, (0, 2))
    with pytest.raises(ArgumentError, match="interpolate: size must be between 1 and .*, got 0"):
        F.interpolate(x, scale_factor=0.1)
    with pytest.raises(ArgumentTypeError, match="interpolate: size must be an integer"):
        F.interpolate(x, (2.0, 2))
    with pytest.raises(ArgumentError, match="interpolate: x must have 4 dimensions"):
        F.interpolate(x[0], (2, 2))
