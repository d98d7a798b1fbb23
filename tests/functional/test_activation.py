"""Activations against their formulas, and softmax where exponentials overflow."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError

VALUES = np.array([[-40.0, -1.5, -0.0, 0.25], [1.0, 3.0, 800.0, -800.0]])


def test_values_against_python_one_by_one():
    def sigmoid(v):
        return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))

    rules = {
        F.relu: lambda v: v if v > 0 else 0.0,
        F.leaky_relu: lambda v: v if v > 0 else 0.01 * v,
        F.sigmoid: sigmoid,
        F.tanh: math.tanh,
    }
    for function, rule in rules.items():
        expected = np.array([[rule(v) for v in row] for row in VALUES])
        np.testing.assert_allclose(function(Tensor(VALUES)).data, expected, rtol=1e-14, atol=1e-16)


def test_the_slope_of_leaky_relu():
    x = Tensor([-2.0, 3.0], requires_grad=True)
    y = F.leaky_relu(x, 0.25)
    np.testing.assert_array_equal(y.data, [-0.5, 3.0])
    y.backward([4.0, 8.0])
    np.testing.assert_array_equal(x.grad.data, [1.0, 8.0])


def test_at_the_kink_the_derivative_is_that_of_the_left():
    x = Tensor([0.0, -0.0, 1e-30], requires_grad=True)
    F.relu(x).backward([5.0, 5.0, 5.0])
    np.testing.assert_array_equal(x.grad.data, [0.0, 0.0, 5.0])
    x.grad = None
    F.leaky_relu(x, 0.25).backward([4.0, 4.0, 4.0])
    np.testing.assert_array_equal(x.grad.data, [1.0, 1.0, 4.0])


@pytest.mark.parametrize("function", [F.relu, F.leaky_relu, F.sigmoid, F.tanh])
def test_nan_stays_nan_and_alone(function):
    y = function(Tensor([np.nan, 1.0, -1.0])).data
    np.testing.assert_array_equal(np.isnan(y), [True, False, False])


@pytest.mark.parametrize("dtype, digits", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_of_large_and_small_logits(dtype, digits, scale, dim):
    """Against exact sums in Python, with the largest exponent taken out by hand."""
    x = (np.array([[1.0, -1.0, 0.75], [0.999, 1.0, -0.5]]) * scale).astype(dtype)
    soft, log_soft = F.softmax(Tensor(x), dim).data, F.log_softmax(Tensor(x), dim).data
    assert soft.dtype == log_soft.dtype == dtype
    for row, p, log_p in zip(*(np.moveaxis(a, dim, -1) for a in (x, soft, log_soft)), strict=True):
        total = math.fsum(math.exp(float(v) - float(row.max())) for v in row)
        expected = [float(v) - float(row.max()) - math.log(total) for v in row]
        np.testing.assert_allclose(log_p, expected, rtol=digits, atol=digits)
        np.testing.assert_allclose(p, np.exp(expected), rtol=digits, atol=digits)
    np.testing.assert_allclose(soft.sum(axis=dim), 1, rtol=digits)


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_gradients_of_large_logits_are_finite(function):
    x = Tensor(np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], np.float32), requires_grad=True)
    function(x, 1).backward(np.array([[1.0, 2, 3], [4, 5, 6]], np.float32))
    assert np.isfinite(x.grad.data).all()
    np.testing.assert_allclose(x.grad.data.sum(1), 0, atol=1e-4)  # a shift of all logits changes nothing


def test_softmax_ignores_a_shift():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    np.testing.assert_allclose(F.softmax(Tensor(x + 100), 1).data, F.softmax(Tensor(x), 1).data, rtol=1e-12)


def test_an_empty_batch_is_no_problem_but_an_empty_choice_is():
    assert F.softmax(Tensor(np.zeros((0, 3))), 1).shape == (0, 3)
    for function in (F.softmax, F.log_softmax):
        with pytest.raises(ArgumentError, match=r"softmax: dim 1 of shape \(3, 0\) has size 0"):
            function(Tensor(np.zeros((3, 0))), 1)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid", "tanh", "softmax", "log_softmax"])
def test_errors(name):
    function = getattr(F, name)
    dim = (0,) if "softmax" in name else ()
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be a Tensor, got ndarray; wrap it"):
        function(np.zeros(2), *dim)
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be floating point, got int64; convert it"):
        function(Tensor(np.zeros(2, np.int64)), *dim)
    if dim:
        with pytest.raises(ArgumentError, match=f"{name}: dim 2 is out of range for 2 dimensions; use -2 to 1"):
            function(Tensor(np.zeros((2, 3))), 2)
