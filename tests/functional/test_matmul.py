"""Matrix products in every shape that NumPy knows, and their errors."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import equal, get, on
from tests.strategies import whole_numbers

SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
]


@pytest.mark.parametrize("first, second", SHAPES)
def test_values_and_gradients(first, second, xp):
    """The gradients against the definition: each entry of the product gives to the row and the column it came from."""
    source = np.random.default_rng(0)
    a, b = on(xp, whole_numbers(source, first), True), on(xp, whole_numbers(source, second), True)
    product = F.matmul(a, b)
    equal(product, get(a) @ get(b))
    equal((a @ b).data, product)
    y = whole_numbers(source, product.shape)
    product.backward(on(xp, y))
    for x, at in ((a, 0), (b, 1)):
        numeric = np.zeros(x.shape)
        for index in np.ndindex(*x.shape):  # linear in each factor: a step of 1 is exact
            unit = np.zeros(x.shape)
            unit[index] = 1
            numeric[index] = ((unit @ get(b) if at == 0 else get(a) @ unit) * y).sum()
        assert x.grad.shape == x.shape
        equal(x.grad, numeric)


def test_matmul_errors():
    a = Tensor(np.ones((2, 3)))
    with pytest.raises(ArgumentError, match=r"matmul: \(2, 3\) @ \(2, 3\): the inner sizes 3 and 2 differ; transpose"):
        a @ a
    with pytest.raises(ArgumentError, match=r"matmul: \(5, 2, 3\) @ \(5, 4, 6\): the inner sizes 3 and 4 differ"):
        F.matmul(Tensor(np.ones((5, 2, 3))), Tensor(np.ones((5, 4, 6))))
    with pytest.raises(ArgumentError, match=r"matmul: a number cannot be multiplied as a matrix .* use \*"):
        a @ 2.0
    with pytest.raises(ArgumentError, match=r"matmul: shapes \(2,\) and \(5,\) cannot be broadcast together"):
        F.matmul(Tensor(np.ones((2, 3, 4))), Tensor(np.ones((5, 4, 6))))
    with pytest.raises(ArgumentTypeError, match="matmul: the operands have different dtypes, float64 and float32"):
        a @ np.ones((3, 2), np.float32)


def test_linear(xp):
    source = np.random.default_rng(1)
    x, w, b = (on(xp, whole_numbers(source, shape), True) for shape in ((4, 2, 3), (5, 3), (5,)))
    y = F.linear(x, w, b)
    equal(y, np.einsum("ijk,lk->ijl", get(x), get(w)) + get(b))
    equal(F.linear(x[0, 0], w).data, get(w) @ get(x)[0, 0])
    v = whole_numbers(source, y.shape)
    y.backward(on(xp, v))
    equal(x.grad, np.einsum("ijl,lk->ijk", v, get(w)))
    equal(w.grad, np.einsum("ijl,ijk->lk", v, get(x)))
    equal(b.grad, v.sum((0, 1)))


def test_linear_errors():
    x = Tensor(np.ones((4, 3)))
    with pytest.raises(
        ArgumentError, match=r"linear: x has 3 features but weight is \(3, 5\); pass weight of shape \(out, 3\)"
    ):
        F.linear(x, Tensor(np.ones((3, 5))))
    with pytest.raises(ArgumentError, match=r"linear: x has 3 features but weight is \(2, 5, 3\)"):
        F.linear(x, Tensor(np.ones((2, 5, 3))))
    with pytest.raises(ArgumentError, match=r"linear: bias must have shape \(5,\), got \(3,\)"):
        F.linear(x, Tensor(np.ones((5, 3))), Tensor(np.ones(3)))
    with pytest.raises(ArgumentTypeError, match="linear: weight must be a Tensor, got ndarray"):
        F.linear(x, np.ones((5, 3)))
    with pytest.raises(
        ArgumentError, match=r"^linear: x has no features but weight is \(5, 3\); .* shape \(out, in\)\.$"
    ):
        F.linear(Tensor(np.array(2.0)), Tensor(np.ones((5, 3))))
    with pytest.raises(ArgumentError, match=r"^linear: x has 3 features but .*; pass weight of shape \(out, 3\)\.$"):
        F.linear(Tensor(np.ones((2, 4, 3))), Tensor(np.ones((5, 4))))
