"""Initial values: their moments, their bounds, exact kernels, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from minifcn import functional as F
from minifcn.arrays.resampling import bilinear_kernel
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.nn import init
from minifcn.random import manual_seed
from minifcn.tensor import Parameter, Tensor
from tests.onto import equal, get, on

SHAPE = (40, 30, 5, 7)  # fan_in 1050, fan_out 1400; 42,000 values
RANDOM = [init.kaiming_normal_, init.kaiming_uniform_, init.xavier_normal_, init.xavier_uniform_]


def weight(shape: tuple[int, ...] = SHAPE, dtype: Any = np.float32, xp: ModuleType = np) -> Parameter:
    return Parameter(xp.full(shape, 9, dtype))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def check_normal(values: np.ndarray, std: float) -> None:
    """Moments of 42,000 numbers within five standard errors, and tails that a uniform law has not."""
    n = values.size
    assert abs(values.mean()) < 5 * std / math.sqrt(n)
    assert values.std() == pytest.approx(std, rel=5 / math.sqrt(2 * n))
    assert (np.abs(values) > 2 * std).mean() == pytest.approx(0.0455, rel=0.15)


def check_uniform(values: np.ndarray, bound: float) -> None:
    n = values.size
    assert abs(values.mean()) < 5 * bound / math.sqrt(3 * n)
    assert 0.999 * bound < values.max() <= bound * (1 + 1e-6) and -bound * (1 + 1e-6) <= values.min() < -0.999 * bound
    counts = np.histogram(values, 10, (-bound, bound))[0]
    assert np.abs(counts / n - 0.1).max() < 5 * math.sqrt(0.09 / n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("arguments", "variance"),
    [
        ({}, 2 / 1050),
        ({"mode": "fan_out"}, 2 / 1400),
        ({"a": 0.5}, 2 / 1.25 / 1050),
        ({"a": 0.5, "nonlinearity": "relu"}, 2 / 1050),
        ({"nonlinearity": "linear", "mode": "fan_out"}, 1 / 1400),
        ({"nonlinearity": "tanh"}, 25 / 9 / 1050),
    ],
)
def test_kaiming(arguments: dict[str, Any], variance: float, dtype: Any, xp: ModuleType) -> None:
    check_normal(
        get(init.kaiming_normal_(weight(dtype=dtype, xp=xp), generator=rng(), **arguments)), math.sqrt(variance)
    )
    check_uniform(
        get(init.kaiming_uniform_(weight(dtype=dtype, xp=xp), generator=rng(), **arguments)), math.sqrt(3 * variance)
    )


@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_xavier(gain: float, xp: ModuleType) -> None:
    variance = gain**2 * 2 / (1050 + 1400)
    check_normal(get(init.xavier_normal_(weight(xp=xp), gain, generator=rng())), math.sqrt(variance))
    check_uniform(get(init.xavier_uniform_(weight(xp=xp), gain, generator=rng())), math.sqrt(3 * variance))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_kaiming_keeps_the_variance_of_what_it_says(mode: str) -> None:
    """Through a linear layer: the signal with fan_in, its gradient with fan_out."""
    matrix = init.kaiming_normal_(weight((300, 500)), mode=mode, nonlinearity="linear", generator=rng(1)).data
    signal = rng(2).standard_normal((200, 500 if mode == "fan_in" else 300))
    after = signal @ (matrix.T if mode == "fan_in" else matrix)
    assert after.var() == pytest.approx(1, rel=0.05)


def test_transposed_convolution_shrinks_by_what_the_text_says() -> None:
    """std(y) = 1 / √(groups · sh · sw) with mode="fan_out" and without a nonlinearity, inside the border."""
    groups, stride = 2, (3, 2)
    layer = init.kaiming_normal_(weight((60, 20, 6, 4)), mode="fan_out", nonlinearity="linear", generator=rng(3))
    x = Tensor(rng(4).standard_normal((2, 60, 9, 11)).astype(np.float32))
    y = F.conv_transpose2d(x, layer, stride=stride, groups=groups).data[:, :, 6:-6, 4:-4]
    assert y.std() == pytest.approx(1 / math.sqrt(groups * stride[0] * stride[1]), rel=0.05)


def test_fans() -> None:
    assert init.calculate_fan(weight()) == (1050, 1400)
    assert init.calculate_fan(weight((7, 3))) == (3, 7)


def test_gains() -> None:
    assert init.calculate_gain("leaky_relu", 3.0) == pytest.approx(math.sqrt(0.2))
    assert init.calculate_gain("relu") == pytest.approx(math.sqrt(2))
    assert [init.calculate_gain(name) for name in ("linear", "conv2d", "conv_transpose2d", "sigmoid")] == [1] * 4


@pytest.mark.parametrize("fill", RANDOM)
def test_random_filling_is_in_place_counted_and_seeded(fill: Callable[..., Tensor], xp: ModuleType) -> None:
    first, second, third = weight(xp=xp), weight(xp=xp), weight()
    memory, version = first._array, first._version.count
    assert fill(first, generator=rng(5)) is first
    assert first._array is memory and first._version.count == version + 1 and first.is_leaf
    equal(fill(second, generator=rng(5)), first)
    equal(fill(third, generator=rng(5)), first)  # the same numbers on every device
    generator = rng(5)
    fill(weight(xp=xp), generator=generator)
    assert not np.array_equal(get(fill(third, generator=generator)), get(first)), "the generator moves on"


def test_constants(xp: ModuleType) -> None:
    target = weight((2, 3), xp=xp)
    assert init.zeros_(target) is target and target.data.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert init.ones_(target) is target and target.data.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert init.constant_(target, 0.25) is target and target.data.tolist() == [[0.25] * 3] * 2
    assert target._version.count == 3


@pytest.mark.parametrize(("shape"), [(3, 3, 4, 6), (3, 1, 4, 6), (1, 1, 3, 5), (2, 2, 16, 16)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bilinear(shape: tuple[int, ...], dtype: Any, xp: ModuleType) -> None:
    target = weight(shape, dtype, xp)
    assert init.bilinear_(target) is target and target.dtype == dtype and target._version.count == 1
    kernel = bilinear_kernel(shape[2:], dtype)
    for c, o in np.ndindex(shape[:2]):
        expected = kernel if c == o or shape[1] == 1 else np.zeros_like(kernel)
        equal(target.data[c, o], expected)


@pytest.mark.parametrize("depthwise", [False, True])
def test_bilinear_upsampling_keeps_a_plane_and_each_channel_apart(depthwise: bool, xp: ModuleType) -> None:
    """A ramp per channel stays that ramp, exactly: bilinear interpolation of a linear function."""
    ramp = np.arange(7, dtype=np.float64)[:, None] * 4 + np.arange(9) * 8
    x = on(xp, np.stack([ramp, 100 - ramp])[None])
    target = init.bilinear_(weight((2, 1, 4, 4) if depthwise else (2, 2, 4, 4), np.float64, xp))
    y = F.conv_transpose2d(x, target, stride=2, padding=1, groups=2 if depthwise else 1).data[0, :, 1:-1, 1:-1]
    expected = (np.arange(1, 13)[:, None] - 0.5) / 2 * 4 + (np.arange(1, 17) - 0.5) / 2 * 8
    equal(y, np.stack([expected, 100 - expected]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.bilinear_(weight((3, 2, 4, 4))), ArgumentError, r"must be \(C, C, kh, kw\).* got \(3, 2, 4, 4\)"),
        (lambda: init.bilinear_(weight((1, 3, 4, 4))), ArgumentError, r"got \(1, 3, 4, 4\)"),
        (lambda: init.bilinear_(weight((4, 4))), ArgumentError, r"got \(4, 4\)"),
        (lambda: init.kaiming_normal_(weight((4,)), generator=rng()), ArgumentError, r"two or more .* got \(4,\)"),
        (lambda: init.xavier_normal_(weight((4, 0, 3)), generator=rng()), ArgumentError, r"got \(4, 0, 3\)"),
        (lambda: init.kaiming_normal_(weight(), mode="fan", generator=rng()), ArgumentError, "mode 'fan' is unknown"),
        (
            lambda: init.kaiming_uniform_(weight(), nonlinearity="selu", generator=rng()),
            ArgumentError,
            'nonlinearity \'selu\' is unknown; use "linear", .* or "leaky_relu"',
        ),
        (
            lambda: init.kaiming_normal_(weight(), generator=7),  # type: ignore[arg-type]
            ArgumentTypeError,
            r"kaiming_normal_: generator must be numpy.random.default_rng\(seed\) or None, got int",
        ),
        (
            lambda: init.xavier_uniform_(weight(), generator=np.random),  # type: ignore[arg-type]
            ArgumentTypeError,
            "xavier_uniform_: generator must be .* got module",
        ),
        (lambda: init.zeros_(np.ones(3)), ArgumentTypeError, "zeros_: .* filled in place, got ndarray"),  # type: ignore[arg-type]
        (lambda: init.ones_(Tensor(np.ones(3, int))), ArgumentTypeError, "ones_: .* filled in place, got int64"),
    ],
)
def test_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("fill", RANDOM)
def test_without_a_generator_the_default_one_draws(fill: Callable[..., Tensor]) -> None:
    first = fill(weight())  # whatever the default generator gives now
    second, third = (fill(weight(), generator=manual_seed(3)) for _ in range(2))
    manual_seed(3)
    equal(fill(weight()), second)
    equal(second, third)
    assert not np.array_equal(get(first), get(second))


def test_normal_and_uniform() -> None:
    big = weight((200, 100, 1, 1))
    check_normal(get(init.normal_(big, 3.0, 0.5, generator=rng())) - 3.0, 0.5)
    check_uniform(get(init.uniform_(big, -1.0, 5.0, generator=rng())) - 2.0, 3.0)
    assert get(init.normal_(big, 2.0, 0.0)).tolist() == np.full(big.shape, 2.0).tolist()
    with pytest.raises(ArgumentError, match="normal_: std must be at least 0, got -1"):
        init.normal_(big, std=-1)
    with pytest.raises(ArgumentError, match="uniform_: a 1.0 is larger than b 0.0; exchange them"):
        init.uniform_(big, 1.0, 0.0)
    with pytest.raises(ArgumentTypeError, match="normal_: std must be a number, got '1'"):
        init.normal_(big, std="1")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="uniform_: b must be a number, got None"):
        init.uniform_(big, b=None)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="normal_: .* filled in place, got list"):
        init.normal_([1.0])  # type: ignore[arg-type]


def test_a_refused_call_leaves_the_weight_as_it_was(xp: ModuleType) -> None:
    target = weight((3, 2, 4, 4), xp=xp)
    with pytest.raises(ArgumentError):
        init.bilinear_(target)
    assert np.array_equal(get(target), np.full((3, 2, 4, 4), 9)) and target._version.count == 0
