"""Normalisations against their formulas, pixel by pixel."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, set_num_threads
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional import normalization
from minifcn.machine import limits
from tests.onto import close, equal, get, on


def drawn(*shape, dtype=np.float64):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (6, 4)])
def test_training_uses_the_statistics_of_the_batch(shape, xp):
    x, weight, bias = drawn(*shape) * 3 + 10, drawn(4), drawn(4) + 1
    y = get(F.batch_norm(on(xp, x), None, None, on(xp, weight), on(xp, bias), training=True, eps=0.5))
    for c in range(4):
        values = x[:, c]
        expected = (values - values.mean()) / np.sqrt(values.var() + 0.5) * weight[c] + bias[c]
        close(y[:, c], expected, rtol=1e-12)


def test_running_statistics_move_and_are_used_afterwards(xp):
    x = drawn(3, 2, 4, 5) + np.array([5.0, -2.0])[:, None, None]
    mean, var = on(xp, np.array([1.0, 2.0])), on(xp, np.array([3.0, 4.0]))
    F.batch_norm(on(xp, x), mean, var, training=True, momentum=0.25)
    close(mean, 0.75 * np.array([1.0, 2.0]) + 0.25 * x.mean((0, 2, 3)), rtol=1e-13)
    unbiased = x.var((0, 2, 3), ddof=1)
    close(var, 0.75 * np.array([3.0, 4.0]) + 0.25 * unbiased, rtol=1e-13)
    kept = get(mean).copy(), get(var).copy()
    y = get(F.batch_norm(on(xp, x), mean, var, eps=0.5))
    expected = (x - kept[0][:, None, None]) / np.sqrt(kept[1] + 0.5)[:, None, None]
    close(y, expected, rtol=1e-12)
    equal((get(mean), get(var)), kept)  # evaluation moves nothing


def test_the_running_statistics_move_by_a_tenth_by_default(xp):
    x, mean, var = drawn(5, 1, 2, 3), on(xp, np.array([2.0])), on(xp, np.array([3.0]))
    F.batch_norm(on(xp, x), mean, var, training=True)
    close(mean, 0.9 * 2 + 0.1 * x.mean(), rtol=1e-13)
    close(var, 0.9 * 3 + 0.1 * x.var(ddof=1), rtol=1e-13)


def test_two_values_per_channel_are_enough_and_single_precision_is_kept(xp):
    x = on(xp, np.array([[[[1.0, 3.0]]]], np.float32))
    equal(F.batch_norm(x, None, None, training=True, eps=0.0).data, [[[[-1.0, 1.0]]]])
    mean, var = on(xp, np.array([1.0], np.float32)), on(xp, np.array([0.25], np.float32))
    y = F.batch_norm(x, mean, var, eps=0.0)  # without weight and bias
    assert y.dtype == np.float32
    equal(y, [[[[0.0, 4.0]]]])


def test_a_large_mean_costs_no_digits(xp):
    x = (drawn(4, 1, 16, 16) + 1000).astype(np.float32)
    y = get(F.batch_norm(on(xp, x), None, None, training=True, eps=0.0))
    exact = (x.astype(np.float64) - x.astype(np.float64).mean()) / x.astype(np.float64).std()
    close(y, exact, atol=2e-4)
    assert y.dtype == np.float32


@pytest.mark.parametrize("threads, room", [(1, 1 << 21), (3, 1 << 21), (2, 1)])
@pytest.mark.parametrize(
    "shape",
    [
        (4, 3, 16, 18),
        (1, 3, 40, 50),
        (1, 2, 2, 1),
        (300, 3, 1, 1),
        (300, 3),
        (64, 3, 1, 5),
        (2, 3, 1, 1),
        (2, 3),
        (20000, 2),
    ],
)
@pytest.mark.parametrize("level", [0.0, 1e4])
def test_moments_are_those_of_two_passes_in_double_precision(shape, level, threads, room, monkeypatch, xp):
    """Put together from those of the planes, be these one pixel large or all there is. In single precision numbers near
    10⁴ are 0.001 apart, and so are the means of planes; the square of the mean, 10⁸, would be known to 8 only.
    """
    if xp is not np and (threads > 1 or shape[0] > 100 or shape[-1] > 20):
        pytest.skip("threads are a CPU's, and so many images are too slow for the double")
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda _: room)
    set_num_threads(threads)
    levels = (np.array([1.0, -0.5, 2.0]) * level)[: shape[1]].reshape(shape[1], *[1] * (len(shape) - 2))
    drift = np.linspace(-1, 1, shape[0]).reshape(-1, *[1] * (len(shape) - 1))  # images differ: so do their means
    x = (drawn(*shape) + drift + levels).astype(np.float32)
    exact, axes = x.astype(np.float64), (0, *range(2, len(shape)))
    count = x.size // shape[1]
    for dtype in (np.float32, np.float64):
        mean, var = on(xp, np.zeros(shape[1], dtype)), on(xp, np.zeros(shape[1], dtype))
        y = get(F.batch_norm(on(xp, x.astype(dtype)), mean, var, training=True, momentum=1.0, eps=0.0))
        tight = dtype == np.float64
        close(mean, exact.mean(axes), rtol=1e-13 if tight else 1e-7, atol=1e-6 + 1e-10 * count)
        spread = exact.var(axes) * count / (count - 1)
        close(var, spread, rtol=1e-10 if tight else 1e-5 + 1e-9 * count)
        deviations = (exact - exact.mean(axes, keepdims=True)) / exact.std(axes, keepdims=True)
        error = 1e-9 if tight else 1e-5 + 2e-6 * level / exact.std(axes).min()
        close(y, deviations, rtol=0, atol=error)


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 1, 1), (1, 3, 4, 5), (2, 3, 1, 4)])
def test_gradients_through_the_moments_of_any_plane(shape, xp):
    """Of first and second order, against the formula written out with plain operations."""

    def differentiated(norm):
        x, v = on(xp, drawn(*shape) * 2 + 5, requires_grad=True), drawn(*shape)[::-1].copy() ** 2
        y = norm(x)
        (first,) = grad(y, x, on(xp, v), create_graph=True)
        (second,) = grad((first * first).sum(), x)
        return get(y), get(first), get(second)

    def formula(x):
        axes = (0, *range(2, len(shape)))
        centred = x - x.mean(axes, keepdim=True)
        return centred / ((centred * centred).mean(axes, keepdim=True) + 0.25).sqrt()

    expected = differentiated(formula)
    found = differentiated(lambda x: F.batch_norm(x, None, None, training=True, eps=0.25))
    for one, other in zip(found, expected, strict=True):
        close(one, other, rtol=1e-9, atol=1e-12)


def test_the_scale_of_the_input_does_not_matter(xp):
    """So the gradient is orthogonal to the input, and sums to nothing."""
    x = on(xp, drawn(2, 3, 4, 5), requires_grad=True)
    y = F.batch_norm(x, None, None, training=True, eps=0.0)
    close(y, F.batch_norm(x * 7.0, None, None, training=True, eps=0.0).data, rtol=1e-9)
    y.backward(on(xp, drawn(2, 3, 4, 5) ** 2))
    close(get(x.grad).sum((0, 2, 3)), 0, atol=1e-12)
    close((get(x.grad) * get(x)).sum((0, 2, 3)), 0, atol=1e-12)


def test_cut_into_parts_it_computes_the_same(monkeypatch, xp):
    """Large arrays are worked on in parts that fit the cache: here nothing does, so every channel is one of its own."""
    x, weight, bias, v = drawn(3, 4, 5, 2) + 7, drawn(4) + 2, drawn(4), drawn(3, 4, 5, 2) ** 2

    def computed():
        leaves = [on(xp, values, requires_grad=True) for values in (x, weight, bias)]
        y = F.batch_norm(leaves[0], None, None, *leaves[1:], training=True)
        gradients = grad(y, leaves, on(xp, v), create_graph=True)
        return [y, *gradients, *grad(gradients[0], leaves[:2], on(xp, v - 1))]

    whole = computed()
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda _: 1)
    for found, expected in zip(computed(), whole, strict=True):
        close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_large_mean_costs_the_gradients_no_digits(xp):
    x, v = (drawn(4, 1, 16, 16) + 1000).astype(np.float32), drawn(4, 1, 16, 16).astype(np.float32)
    found, exact = [], []
    for dtype, results in ((np.float32, found), (np.float64, exact)):
        leaves = [on(xp, values.astype(dtype), requires_grad=True) for values in (x, np.ones(1), np.zeros(1))]
        results += grad(
            F.batch_norm(leaves[0], None, None, *leaves[1:], training=True), leaves, on(xp, v.astype(dtype))
        )
    for one, other in zip(found, exact, strict=True):
        close(one, other, rtol=1e-4, atol=2e-4)


def test_what_is_added_to_the_variance_by_default():
    x, numbers = Tensor(np.arange(12.0).reshape(2, 3, 2, 1)), Tensor(np.array([0.0, 1e-5, 1.0]))
    equal(F.batch_norm(x, numbers, numbers), F.batch_norm(x, numbers, numbers, eps=1e-5))


def test_the_statistics_are_computed_once_unless_they_are_to_be_differentiated_again():
    x = Tensor(np.arange(24.0).reshape(2, 3, 2, 2), requires_grad=True)
    with mock.patch.object(normalization, "BatchStatistics", side_effect=ZeroDivisionError):
        grad(F.batch_norm(x, None, None, training=True).sum(), x)
        with pytest.raises(ZeroDivisionError):
            grad(F.batch_norm(x, None, None, training=True).sum(), x, create_graph=True)


def test_batch_norm_errors():
    x, c = Tensor(drawn(2, 3, 4, 5)), Tensor(np.ones(3))
    with pytest.raises(ArgumentError, match=r"batch_norm: x must be \(N, C, H, W\) or \(N, C\), got shape \(2, 3, 4\)"):
        F.batch_norm(x[..., 0], c, c)
    with pytest.raises(ArgumentTypeError, match="^batch_norm: x must be a Tensor, got ndarray"):
        F.batch_norm(x.data, c, c)
    for name in ("running_mean", "running_var", "weight", "bias"):
        arguments = {"running_mean": c, "running_var": c, "weight": c, "bias": c}
        with pytest.raises(ArgumentTypeError, match=f"^batch_norm: {name} must be a Tensor, got list"):
            F.batch_norm(x, **arguments | {name: [1.0, 1.0, 1.0]})
        with pytest.raises(ArgumentError, match=rf"^batch_norm: {name} must have shape \(3,\), got \(2,\)"):
            F.batch_norm(x, **arguments | {name: Tensor(np.ones(2))})
    with pytest.raises(ArgumentTypeError, match="batch_norm: x and bias have different dtypes, float64 and float32"):
        F.batch_norm(x, c, c, c, Tensor(np.ones(3, np.float32)))
    with pytest.raises(ArgumentError, match="^batch_norm: without training, running_mean and running_var are needed"):
        F.batch_norm(x, None, c)
    with pytest.raises(ArgumentError, match=r"at least two values per channel, x of shape \(1, 3, 1, 1\) has 1; use a"):
        F.batch_norm(x[:1, :, :1, :1], c, c, training=True)
    with pytest.raises(ArgumentError, match=r"x of shape \(0, 3, 4, 5\) has 0"):
        F.batch_norm(x[:0], c, c, training=True)
    assert F.batch_norm(x[:0], c, c).shape == (0, 3, 4, 5)


# --- of groups and layers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(2, 6, 3, 4), (2, 6), (1, 6, 5), (2, 6, 2, 1, 3)])
def test_each_group_of_each_image_has_its_own_statistics(groups, shape, xp):
    x, weight, bias = drawn(*shape) * 3 + 10, drawn(6), drawn(6) + 1
    found = get(F.group_norm(on(xp, x), groups, on(xp, weight), on(xp, bias), 0.5))
    for n in range(shape[0]):
        for c in range(6):
            first = c // (6 // groups) * (6 // groups)
            own = x[n, first : first + 6 // groups]
            expected = (x[n, c] - own.mean()) / np.sqrt(own.var() + 0.5) * weight[c] + bias[c]
            close(found[n, c], expected, rtol=1e-11, atol=1e-13)
    close(F.group_norm(on(xp, x), groups, bias=on(xp, bias), eps=0.5), (found - bias_of(bias, x)) / bias_of(weight, x)
          + bias_of(bias, x), rtol=1e-9, atol=1e-9)  # fmt: skip


def bias_of(values, x):
    return values.reshape(-1, *[1] * (x.ndim - 2))


@pytest.mark.parametrize(("size", "axes"), [(4, (3,)), ((3, 4), (2, 3)), ([2, 3, 4], (1, 2, 3)), ((5, 2, 3, 4), None)])
def test_the_last_dimensions_are_a_layer(size, axes, xp):
    x = drawn(5, 2, 3, 4) * 3 + 10
    plain = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.5)
    close(F.layer_norm(on(xp, x), size, eps=0.5), plain, rtol=1e-11, atol=1e-13)
    shape = (size,) if isinstance(size, int) else tuple(size)
    weight, bias = drawn(*shape), drawn(*shape) + 1
    close(
        F.layer_norm(on(xp, x), size, on(xp, weight), on(xp, bias), 0.5), plain * weight + bias, rtol=1e-10, atol=1e-12
    )


def test_one_image_is_normalised_in_training_and_in_evaluation_alike(xp):
    x = on(xp, drawn(3, 4, 2, 2))
    together = get(F.group_norm(x, 2))
    for n in range(3):
        equal(F.group_norm(x[n : n + 1], 2), together[n : n + 1])


def test_single_and_half_precision_are_kept_and_a_large_mean_costs_no_digits(xp):
    x = drawn(2, 2, 16, 16) + 1000
    for norm in (lambda x: F.group_norm(x, 1, eps=0.0), lambda x: F.layer_norm(x, (2, 16, 16), eps=0.0)):
        exact = norm(on(xp, x.astype(np.float32).astype(np.float64)))
        single = norm(on(xp, x.astype(np.float32)))
        assert single.dtype == np.float32
        close(single, get(exact), atol=2e-4)
        assert norm(on(xp, x.astype(np.float16))).dtype == np.float16
    half = F.layer_norm(on(xp, np.ones((2, 4), np.float16)), 4, on(xp, np.ones(4, np.float16)))
    equal(half, np.zeros((2, 4)))


def test_nothing_and_single_values(xp):
    assert F.group_norm(on(xp, np.zeros((0, 4, 3, 3))), 2).shape == (0, 4, 3, 3)
    assert F.layer_norm(on(xp, np.zeros((0, 4))), 4).shape == (0, 4)
    equal(F.group_norm(on(xp, drawn(2, 3)), 3), np.zeros((2, 3)))  # a value alone is its mean


def test_group_and_layer_norm_errors():
    x, c = Tensor(drawn(2, 4, 3, 3)), Tensor(np.ones(3))
    with pytest.raises(
        ArgumentError, match=r"^group_norm: num_groups 3 must divide the 4 channels of x; change num_gr"
    ):
        F.group_norm(x, 3)
    with pytest.raises(ArgumentError, match=r"^group_norm: x must be \(N, C, ...\), got shape \(4,\)"):
        F.group_norm(Tensor(np.ones(4)), 2)
    with pytest.raises(ArgumentError, match=r"^group_norm: bias must have shape \(4,\), got \(3,\)"):
        F.group_norm(x, 2, bias=c)
    with pytest.raises(
        ArgumentTypeError, match=r"^layer_norm: x and weight have different dtypes, float64 and float32"
    ):
        F.layer_norm(x, 3, Tensor(np.ones(3, np.float32)))
    with pytest.raises(
        ArgumentError, match=r"^layer_norm: normalized_shape \(4,\) must be the last sizes of x, got shape"
    ):
        F.layer_norm(x, 4)
    with pytest.raises(ArgumentError, match=r"^layer_norm: normalized_shape \(1, 2, 4, 3, 3\) must be the last sizes"):
        F.layer_norm(x, (1, 2, 4, 3, 3))
    with pytest.raises(ArgumentError, match=r"^layer_norm: normalized_shape is empty"):
        F.layer_norm(x, ())
    with pytest.raises(ArgumentError, match=r"^group_norm: x of shape \(2, 4, 0\) has no values to take a mean of"):
        F.group_norm(Tensor(np.ones((2, 4, 0))), 2)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_local_response_norm(size, xp):
    """Neighbours in channels, cut off at both ends; an even size looks one further down than up."""
    x = drawn(2, 5, 3, 2)
    y = get(F.local_response_norm(on(xp, x), size, alpha=0.3, beta=0.6, k=1.5))
    for c in range(5):
        near = [x[:, i] ** 2 for i in range(c - size // 2, c - size // 2 + size) if 0 <= i < 5]
        close(y[:, c], x[:, c] / (1.5 + 0.3 / size * sum(near)) ** 0.6, rtol=1e-12)


def test_local_response_norm_has_the_constants_of_the_paper_but_for_k():
    x = Tensor(np.linspace(-90, 90, 24).reshape(1, 6, 2, 2))
    equal(F.local_response_norm(x, 3), F.local_response_norm(x, 3, alpha=1e-4, beta=0.75, k=1.0))


def test_local_response_norm_errors():
    with pytest.raises(ArgumentError, match="local_response_norm: size must be between 1 and .*, got 0"):
        F.local_response_norm(Tensor(drawn(1, 2, 3, 4)), 0)
    with pytest.raises(ArgumentError, match="local_response_norm: x must have 4 dimensions"):
        F.local_response_norm(Tensor(drawn(2, 3)), 3)
