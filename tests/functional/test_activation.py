"""Activations against their formulas, and softmax where exponentials overflow."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, set_num_threads
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.activation import Gate
from minifcn.functional.numeric_loss import Softplus
from minifcn.machine import limits
from tests.onto import close, equal, get, on

VALUES = np.array([[-40.0, -1.5, -0.0, 0.25], [1.0, 3.0, 800.0, -800.0]])


def test_values_against_python_one_by_one(xp):
    def sigmoid(v):
        return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))

    rules = {
        F.relu: lambda v: v if v > 0 else 0.0,
        F.leaky_relu: lambda v: v if v > 0 else 0.01 * v,
        F.sigmoid: sigmoid,
        F.tanh: math.tanh,
        F.silu: lambda v: v * sigmoid(v),
        F.gelu: lambda v: v * math.erfc(-v / math.sqrt(2)) / 2,
        lambda x: F.gelu(x, "tanh"): lambda v: v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
        Softplus(): lambda v: max(v, 0) + math.log1p(math.exp(-abs(v))),
    }
    for function, rule in rules.items():
        expected = np.array([[rule(v) for v in row] for row in VALUES])
        close(function(on(xp, VALUES)).data, expected, rtol=1e-14, atol=1e-16)


def test_the_smooth_ones_in_half_precision_and_far_out(xp):
    x = np.array([-1000.0, -3.0, 0.0, 2.0, 1000.0])
    for function in (F.gelu, lambda x: F.gelu(x, "tanh"), F.silu):
        expected = get(function(on(xp, x)))
        assert np.isfinite(expected).all()
        for dtype, error in ((np.float16, 2e-3), (np.float32, 1e-6)):
            found = function(on(xp, x.astype(dtype)))
            assert found.dtype == dtype
            close(found, expected, rtol=error, atol=error)


def test_both_gelus_differ_by_less_than_they_say(xp):
    x = on(xp, np.linspace(-6, 6, 1001))
    apart = np.abs(get(F.gelu(x)) - get(F.gelu(x, "tanh"))).max()
    assert 0.0004 < apart < 0.0005


def test_the_slope_of_leaky_relu(xp):
    x = on(xp, [-2.0, 3.0], requires_grad=True)
    y = F.leaky_relu(x, 0.25)
    equal(y, [-0.5, 3.0])
    y.backward([4.0, 8.0])
    equal(x.grad, [1.0, 8.0])


def test_at_the_kink_the_derivative_is_that_of_the_left(xp):
    x = on(xp, [0.0, -0.0, 1e-30], requires_grad=True)
    F.relu(x).backward([5.0, 5.0, 5.0])
    equal(x.grad, [0.0, 0.0, 5.0])
    x.grad = None
    F.leaky_relu(x, 0.25).backward([4.0, 4.0, 4.0])
    equal(x.grad, [1.0, 1.0, 4.0])


# --- the way back through relu ----------------------------------------------------------------------------------------


def test_the_gate_lets_through_where_y_is_positive(xp):
    x = np.array([3.0, -4.0, 5.0, -6.0, 7.0, -8.0, 9.0, 0.0, np.nan, np.inf, -np.inf])
    y = np.array([1.0, 1e-300, np.inf, 0.0, -0.0, -1.0, np.nan, 2.0, 1.0, 1.0, 1.0])
    found = get(Gate()(on(xp, x), on(xp, y)))
    equal(found, [3, -4, 5, 0, 0, 0, 0, 0, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nothing_passes_a_closed_gate(value, xp):
    found = get(Gate()(on(xp, [value, 2.0, value]), on(xp, [0.0, -1.0, 1.0])))
    equal(found, [0, 0, value])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("threads, worth", [(1, 0), (3, 0), (2, 1 << 40)])
def test_the_gate_in_every_dtype_layout_and_number_of_threads(dtype, threads, worth, monkeypatch):
    monkeypatch.setattr(limits, "WORTH_SHARING", worth)
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda _: 64)
    set_num_threads(threads)
    source = np.random.default_rng(0)
    x, y = (source.integers(-5, 6, (4, 3, 5)).astype(dtype).transpose(2, 0, 1)[::-1] for _ in range(2))
    before = x.copy(), y.copy()
    found = Gate()(Tensor.of(x), Tensor.of(y)).data
    assert found.dtype == dtype and found.flags.c_contiguous
    np.testing.assert_array_equal(found, np.where(y > 0, x, 0))
    np.testing.assert_array_equal((x, y), before)
    assert not np.shares_memory(found, x) and not np.shares_memory(found, y)


def test_the_gate_passes_gradients_of_every_order_and_none_to_what_it_looks_at(xp):
    """Each gradient is the same gate again, linear in the one before; y decides and receives nothing."""
    source = np.random.default_rng(1)
    x = on(xp, source.integers(-5, 6, (3, 4)).astype(float), requires_grad=True)
    passing = [on(xp, source.integers(1, 9, (3, 4)).astype(float), requires_grad=True) for _ in range(5)]
    (found,) = grad(F.relu(x), x, passing[0], create_graph=True)
    for number, upstream in enumerate(passing[1:]):
        equal(found, np.where(get(x) > 0, get(passing[number]), 0))
        by_upstream, by_x = grad(found, [passing[number], x], upstream, create_graph=True, allow_unused=True)
        assert by_x is None
        found = by_upstream
    (by_x,) = grad((F.relu(x) * F.relu(x) * F.relu(x)).sum(), x, create_graph=True)
    (second,) = grad(by_x.sum(), x, create_graph=True)
    (third,) = grad(second.sum(), x)
    positive = np.maximum(get(x), 0)
    for order, expected in ((by_x, 3 * positive**2), (second, 6 * positive), (third, 6.0 * (get(x) > 0))):
        equal(order, expected)


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 1)])
def test_the_gate_of_little_and_of_nothing(shape, xp):
    x = on(xp, np.full(shape, 2.0), requires_grad=True)
    F.relu(x).backward(on(xp, np.full(shape, 3.0)))
    equal(x.grad, np.full(shape, 3.0))


@pytest.mark.parametrize("function", [F.relu, F.leaky_relu, F.sigmoid, F.tanh])
def test_nan_stays_nan_and_alone(function, xp):
    y = get(function(on(xp, [np.nan, 1.0, -1.0])))
    equal(np.isnan(y), [True, False, False])


@pytest.mark.parametrize("dtype, digits", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_of_large_and_small_logits(dtype, digits, scale, dim, xp):
    """Against exact sums in Python, with the largest exponent taken out by hand."""
    x = (np.array([[1.0, -1.0, 0.75], [0.999, 1.0, -0.5]]) * scale).astype(dtype)
    soft, log_soft = get(F.softmax(on(xp, x), dim)), get(F.log_softmax(on(xp, x), dim))
    assert soft.dtype == log_soft.dtype == dtype
    for row, p, log_p in zip(*(np.moveaxis(a, dim, -1) for a in (x, soft, log_soft)), strict=True):
        total = math.fsum(math.exp(float(v) - float(row.max())) for v in row)
        expected = [float(v) - float(row.max()) - math.log(total) for v in row]
        close(log_p, expected, rtol=digits, atol=digits)
        close(p, np.exp(expected), rtol=digits, atol=digits)
    close(soft.sum(axis=dim), 1, rtol=digits)


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_gradients_of_large_logits_are_finite(function, xp):
    x = on(xp, np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], np.float32), requires_grad=True)
    function(x, 1).backward(on(xp, np.array([[1.0, 2, 3], [4, 5, 6]], np.float32)))
    assert np.isfinite(get(x.grad)).all()
    close(get(x.grad).sum(1), 0, atol=1e-4)  # a shift of all logits changes nothing


def test_softmax_ignores_a_shift(xp):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    close(F.softmax(on(xp, x + 100), 1).data, F.softmax(on(xp, x), 1).data, rtol=1e-12)


def test_an_empty_batch_is_no_problem_but_an_empty_choice_is(xp):
    assert F.softmax(on(xp, np.zeros((0, 3))), 1).shape == (0, 3)
    for function in (F.softmax, F.log_softmax):
        with pytest.raises(ArgumentError, match=r"softmax: dim 1 of shape \(3, 0\) has size 0"):
            function(on(xp, np.zeros((3, 0))), 1)


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
