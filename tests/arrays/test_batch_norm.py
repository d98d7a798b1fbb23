"""Batch normalisation in one visit: exact beside float64 and fractions, and whatever the blocks and the threads."""

from __future__ import annotations

from math import fsum
from unittest import mock

import numpy as np
import pytest

import minifcn
from minifcn import Tensor
from minifcn.arrays import batch_norm, channels
from minifcn.functional import batch_norm as operation

EPS = 1e-5
SHAPES = [(2, 3, 4, 5), (1, 2, 1, 9), (3, 5, 1, 1), (2, 2, 97, 130)]


def made(shape, dtype=np.float32, mean=0.0):
    """x, a gradient, weight and bias."""
    generator = np.random.default_rng(0)
    x, grad = (generator.standard_normal(shape) + level for level in (mean, 0.5))
    weight, bias = generator.uniform(0.5, 2, (2, shape[1]))
    return tuple(values.astype(dtype) for values in (x, grad, weight, bias))


def expected(x, grad, weight, bias):
    """The formulas in float64, written out: y, statistics, the gradient of x, and the sums."""
    x, grad, weight, bias = (values.astype(np.float64) for values in (x, grad, weight, bias))
    axes, weight, bias = (0, 2, 3), weight[:, None, None], bias[:, None, None]
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    r, c = 1 / np.sqrt(var + EPS), x - mean
    of_g, of_gc = grad.mean(axes, keepdims=True), (grad * c).mean(axes, keepdims=True)
    back = weight * r * (grad - of_g - c * r**2 * of_gc)
    return c * r * weight + bias, np.stack([mean, var])[:, 0, :, 0, 0], back, [grad.sum(axes), (grad * c).sum(axes)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype, bound", [(np.float32, 2e-6), (np.float64, 1e-14)])
def test_the_formulas(shape, dtype, bound):
    x, grad, weight, bias = made(shape, dtype)
    y, statistics = batch_norm.normalised(x, weight, bias, EPS)
    back, sums = batch_norm.gradient(grad, x, weight, statistics, EPS)
    count = x.size // shape[1]
    for found, wanted, scale in zip(
        (y, statistics, back, sums), expected(x, grad, weight, bias), (1, 1, 1, count), strict=True
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found / scale, np.asarray(wanted) / scale, rtol=0, atol=5 * bound)


def test_without_channels_there_is_nothing_to_do():
    x, grad, weight, bias = made((2, 0, 3, 4))
    y, statistics = batch_norm.normalised(x, weight, bias, EPS)
    back, sums = batch_norm.gradient(grad, x, weight, statistics, EPS)
    assert y.shape == back.shape == x.shape and statistics.shape == sums.shape == (2, 0)


@pytest.mark.parametrize("mean", [0, 1e3, 1e6])
def test_a_large_mean_takes_no_digits(mean):
    """What is left of x beside its mean is exact, so the result is as exact as with a small mean."""
    x, grad, weight, bias = made((2, 3, 100, 120), mean=mean)
    y, statistics = batch_norm.normalised(x, weight, bias, EPS)
    back, _ = batch_norm.gradient(grad, x, weight, statistics, EPS)
    wanted = expected(x, grad, weight, bias)
    # The mean is rounded to 24 bits, and all of c with it; the variance by the square of that.
    rounding = float(np.spacing(np.float32(mean)))
    np.testing.assert_allclose(statistics[1], wanted[1][1], rtol=1e-6 + rounding**2)
    np.testing.assert_allclose(y, wanted[0], rtol=0, atol=4e-6 + rounding)
    np.testing.assert_allclose(back, wanted[2], rtol=0, atol=4e-6 + 3 * rounding)


def test_a_constant_plane_is_the_bias_exactly():
    x = np.full((3, 2, 5, 7), 0.1, np.float32)
    y, (mean, var) = batch_norm.normalised(x, np.ones(2, np.float32), np.float32([0, 3]), EPS)
    np.testing.assert_array_equal(y[:, 0], 0)
    np.testing.assert_array_equal(y[:, 1], 3)
    np.testing.assert_array_equal(mean, np.float32(0.1))
    assert not var.any()


@pytest.mark.parametrize("n", [1, 7, 8191, 8192, 8193, 30000])
def test_a_product_of_rows_is_as_exact_as_a_sum_by_pairs(n):
    """Beside the exact sum of the rounded products: an error of some roundings, however long the row."""
    a, b = np.random.default_rng(n).standard_normal((2, 2, 3, n)).astype(np.float32)
    found, plain = channels.dots(a, b), channels.total(a)
    for i in np.ndindex(2, 3):
        terms = a[i].astype(np.float64) * b[i]
        assert abs(found[i] - fsum(terms)) <= 2e-6 * np.sqrt(np.square(terms).sum()) + 1e-6 * abs(fsum(terms))
        assert abs(plain[i] - fsum(a[i])) <= 2e-6 * np.sqrt(np.square(a[i]).sum()) + 1e-6 * abs(fsum(a[i]))


def test_no_product_is_long_enough_for_threads_of_blas():
    seen = []
    real = np.vecdot

    def noted(a, b):
        seen.append(a.shape[-1])
        return real(a, b)

    with mock.patch.object(np, "vecdot", noted):
        channels.total(np.ones((1, 20000), np.float32))
    assert max(seen) < 10_000


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_and_threads_change_no_bit(threads):
    x, grad, weight, bias = made((3, 7, 30, 41))

    def all_of_it():
        y, statistics = batch_norm.normalised(x, weight, bias, EPS)
        return y, statistics, channels.moments(x), *batch_norm.gradient(grad, x, weight, statistics, EPS)

    minifcn.set_num_threads(1)
    alone, cut = all_of_it(), []

    def noted(work, pieces):
        cut.append(len(pieces))
        real(work, pieces)

    real = channels.for_each
    minifcn.set_num_threads(threads)
    with (
        mock.patch.object(channels, "working_bytes", lambda x: x.nbytes // 4),
        mock.patch.object(channels, "threads_for", lambda x, elements: threads),
        mock.patch.object(channels, "for_each", noted),
    ):
        in_pieces = all_of_it()
    assert cut == [{1: 4, 2: 4, 3: 6}[threads]] * 3  # as many for each thread
    for one, other in zip(alone, in_pieces, strict=True):
        np.testing.assert_array_equal(one, other)


def test_numpy_has_its_buffer_back():
    before = np.getbufsize()
    seen = []
    channels.by_channels(lambda few: seen.append(np.getbufsize()), np.ones((1, 2, 3, 4), np.float32))
    assert seen == [1024] and np.getbufsize() == before != 1024


def test_a_number_that_is_none_stays_in_its_channel():
    x, grad, weight, bias = made((2, 3, 4, 5))
    x[1, 2, 3, 4] = np.nan
    y, statistics = batch_norm.normalised(x, weight, bias, EPS)
    back, _ = batch_norm.gradient(grad, x, weight, statistics, EPS)
    for found in (y, back):
        assert np.isfinite(found[:, :2]).all() and np.isnan(found[:, 2]).all()


@pytest.mark.parametrize("order", ["turned", "every second"])
def test_arrays_with_steps(order):
    x, grad, weight, bias = made((2, 4, 6, 10))
    views = [a.transpose(1, 0, 3, 2) if order == "turned" else a[:, ::2] for a in (x, grad)]
    C = views[0].shape[1]
    results = []
    for a, g in (views, map(np.ascontiguousarray, views)):
        y, statistics = batch_norm.normalised(a, weight[:C], bias[:C], EPS)
        results.append((y, statistics, *batch_norm.gradient(g, a, weight[:C], statistics, EPS)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_card_gives_what_the_processor_gives(played):
    x, grad, weight, bias = made((2, 3, 4, 5), np.float64)
    y, statistics = batch_norm.normalised(x, weight, bias, EPS)
    here = (y, statistics, *batch_norm.gradient(grad, x, weight, statistics, EPS))
    x, grad, weight, bias = map(played.asarray, (x, grad, weight, bias))
    y, statistics = batch_norm.normalised(x, weight, bias, EPS)
    there = (y, statistics, *batch_norm.gradient(grad, x, weight, statistics, EPS))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.get(), one, rtol=1e-12, atol=1e-12)


def spelled_out(x, weight, bias):
    """The formula in small operations, whose derivatives are everybody's."""
    c = x - x.mean((0, 2, 3), keepdim=True)
    r = ((c * c).mean((0, 2, 3), keepdim=True) + EPS) ** -0.5
    return c * r * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_any_order_are_those_of_the_formula_spelled_out(order):
    """Of a sum that depends on every number in another way, so that no symmetry hides a term."""
    found = []
    for norm in (lambda x, w, b: operation(x, None, None, w, b, training=True, eps=EPS), spelled_out):
        x, factors, weight, bias = (Tensor(a, requires_grad=True) for a in made((2, 3, 2, 3), np.float64))
        inputs, value = (x, factors, weight, bias), norm(x, weight, bias)
        for _ in range(order):
            made_now = minifcn.grad((value * value * factors).sum(), inputs, create_graph=True, allow_unused=True)
            value = made_now[0] + made_now[2].sum() * factors
        found.append([gradient.detach().numpy() for gradient in made_now])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


def test_a_gradient_is_the_same_whether_it_can_be_differentiated_again():
    """By numbers in one visit, and by operations that make a graph."""
    x, grad, weight, bias = (Tensor(a, requires_grad=True) for a in made((2, 3, 4, 5), np.float64))
    y = operation(x, None, None, weight, bias, training=True)
    plain = minifcn.grad(y, (x, weight, bias), grad.detach(), retain_graph=True)
    again = minifcn.grad(y, (x, weight, bias), grad, create_graph=True)
    for one, other in zip(plain, again, strict=True):
        assert not one.requires_grad and other.requires_grad
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12)
