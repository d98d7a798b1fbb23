"""where and clamp: values, who receives the gradient, and errors."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import equal, on


def test_where_takes_from_one_and_gives_the_gradient_to_it(xp):
    mask = np.array([[True, False, True], [False, False, True]])
    a, b = on(xp, [[1.0, 2.0, np.nan]], requires_grad=True), on(xp, [[np.inf], [-0.0]], requires_grad=True)
    y = F.where(on(xp, mask), a, b)
    equal(y, [[1.0, np.inf, np.nan], [-0.0, -0.0, np.nan]])
    assert np.signbit(y[1, 0].item())
    y.backward([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    equal(a.grad, [[1, 0, 9]])
    equal(b.grad, [[2], [9]])
    equal(F.where(xp.asarray(mask), a, 0.0), np.where(mask, [[1.0, 2.0, np.nan]], 0))
    equal(F.where(a > 1.5, 1, a), [[1.0, 1.0, np.nan]])


def test_where_keeps_the_mask_that_it_was_given(xp):
    mask, x = on(xp, [True, False]), on(xp, [1.0, 2.0], requires_grad=True)
    y = F.where(mask, x, 0.0)
    mask[0] = False
    y.sum().backward()
    equal(x.grad, [1, 0])


def test_where_errors():
    x = Tensor([1.0, 2.0])
    with pytest.raises(ArgumentTypeError, match="where: the condition must be a Tensor of booleans, got list; compare"):
        F.where([True, False], x, x)
    with pytest.raises(
        ArgumentTypeError, match="where: the condition must hold booleans, got float32; write condition"
    ):
        F.where(x, x, x)
    with pytest.raises(ArgumentTypeError, match="where: expected a Tensor, got float and float"):
        F.where(x > 1, 1.0, 0.0)
    with pytest.raises(ArgumentError, match=r"where: shapes \(2,\) and \(3,\) cannot be broadcast"):
        F.where(x > 1, x, np.ones(3, np.float32))
    with pytest.raises(ArgumentError, match=r"where: shapes \(3,\) and \(2,\) cannot be broadcast"):
        F.where(np.ones(3, bool), x, x)


def test_clamp_passes_the_gradient_inside_and_at_the_limits(xp):
    values = np.array([-3.0, -1.0, 0.5, 2.0, 7.0, np.inf, -np.inf])
    for low, high in ((-1.0, 2.0), (None, 2.0), (-1.0, None)):
        x = on(xp, values, requires_grad=True)
        y = F.clamp(x, low, high)
        expected = np.clip(values, low, high)
        equal(y, expected)
        y.backward(on(xp, np.arange(1.0, 8)))
        equal(x.grad, np.where(expected == values, np.arange(1.0, 8), 0))
    x = on(xp, [np.nan], requires_grad=True)
    y = F.clamp(x, 0, 1)
    y.backward([3.0])
    assert np.isnan(y.item()) and x.grad.item() == 3  # a NaN is not clamped, so it is inside
    equal(F.clamp(on(xp, values), 2.0, 2.0).data, np.full(7, 2.0))


def test_clamp_errors():
    with pytest.raises(ArgumentError, match="^clamp: give min, max or both"):
        F.clamp(Tensor([1.0]))
    with pytest.raises(ArgumentError, match="clamp: min 2 is larger than max 1; exchange them"):
        F.clamp(Tensor([1.0]), 2, 1)
    for name in ("min", "max"):
        with pytest.raises(ArgumentTypeError, match=f"^clamp: {name} must be a number, got '0' \\(str\\)"):
            F.clamp(Tensor([1.0]), **{name: "0"})
