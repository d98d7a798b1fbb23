"""Pooling and unpooling against PyTorch's: exactly, values, winners and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.errors import ArgumentError
from minifcn.testing.tolerances import assert_exact
from tests.oracles.peers import close, compare, dtypes, exact, generators, peer
from tests.strategies import distinct, pairs, whole_numbers

torch = peer("torch")
TF = torch.nn.functional

# The divisors of windows up to 4x4, cut by the border or not, are products of two numbers up to 4, and all divide 144.
DIVISIBLE = 144


@st.composite
def windows(draw: Any, dilated: bool = False) -> dict[str, Any]:
    """The size of an image and the arguments of a pooling that exists, stride remainders and ceil mode preferred."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    dilation = draw(pairs(1, 3)) if dilated else (1, 1)
    ceil_mode = draw(st.sampled_from([True, True, False]))
    padding, size = [], []
    for axis in (0, 1):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        padding.append(draw(st.integers(0, kernel[axis] // 2)))
        unseen = draw(st.sampled_from([stride[axis] - 1, 0, 1]))
        fits = reach + draw(st.integers(0, 2)) * stride[axis] + unseen - 2 * padding[axis]
        # Smaller than its dilation, an image may hold no tap of a window at all: PyTorch's maximum there is -inf.
        size.append(max(dilation[axis], fits))
    asked = {"kernel_size": kernel, "stride": stride, "padding": tuple(padding), "ceil_mode": ceil_mode}
    return {"size": tuple(size), **asked, **({"dilation": dilation} if dilated else {})}


def images(generator: np.random.Generator, size: Any, dtype: Any) -> np.ndarray:
    return whole_numbers(generator, (*generator.integers(1, 4, 2), *size), dtype)


@given(windows(dilated=True), dtypes(), generators(), st.booleans())
def test_max_pool2d(asked: dict[str, Any], dtype: Any, generator: np.random.Generator, ties: bool) -> None:
    """Also with ties, of which the first in row-major order wins in both."""
    x = images(generator, asked.pop("size"), dtype)
    if ties:
        x = np.floor(x / 5)
    compare(lambda x: F.max_pool2d(x, **asked), lambda x: TF.max_pool2d(x, **asked), [x], exact, generator)
    _, found = F.max_pool2d(Tensor(x), **asked, return_indices=True)
    _, expected = TF.max_pool2d(torch.tensor(x), **asked, return_indices=True)
    exact(found.numpy(), expected.numpy(), "indices")


@given(windows(), generators())
def test_max_pool2d_of_infinities_and_nan(asked: dict[str, Any], generator: np.random.Generator) -> None:
    """One NaN at most: of several the first wins here, the last in PyTorch."""
    x = generator.choice([-np.inf, np.inf, -1.0, 2.0], (2, 1, *asked.pop("size")), p=[0.5, 0.1, 0.2, 0.2])
    x.flat[generator.integers(x.size // 2)] = np.nan
    found, winners = F.max_pool2d(Tensor(x), **asked, return_indices=True)
    expected, others = TF.max_pool2d(torch.tensor(x), **asked, return_indices=True)
    exact(found.numpy(), expected.numpy(), "y")
    exact(winners.numpy(), others.numpy(), "indices")


@given(windows(), dtypes(), generators(), st.booleans(), st.sampled_from([None, None, 1, 3, 16]))
def test_avg_pool2d(
    asked: dict[str, Any], dtype: Any, generator: np.random.Generator, count_include_pad: bool, divisor: int | None
) -> None:
    asked |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    x = DIVISIBLE * images(generator, asked.pop("size"), dtype)
    compare(
        lambda x: F.avg_pool2d(x, **asked),
        lambda x: TF.avg_pool2d(x, **asked),
        [x],
        exact,
        generator,
        unit=DIVISIBLE,
    )


@given(windows(), dtypes(), generators(), pairs(-3, 3))
def test_max_unpool2d(asked: dict[str, Any], dtype: Any, generator: np.random.Generator, more: Any) -> None:
    """From windows that do not overlap: PyTorch leaves it open which of two values at one place remains."""
    kernel, padding = asked["kernel_size"], asked["padding"]
    stride = tuple(max(asked["stride"][a], kernel[a]) for a in (0, 1))
    x = distinct(generator, (2, 3, *asked["size"])).astype(dtype)
    pooled, indices = F.max_pool2d(Tensor(x), kernel, stride, padding, return_indices=True)
    least = [(pooled.shape[2 + a] - 1) * stride[a] - 2 * padding[a] + kernel[a] for a in (0, 1)]
    size = [least[a] + int(np.clip(more[a], 1 - stride[a], stride[a] - 1)) for a in (0, 1)]
    for wanted in (None, x.shape[2:], size):
        H, W = least if wanted is None else wanted
        if H < 1 or W < 1 or min(least) < 1 or indices.numpy().max() >= H * W:
            continue  # both refuse it
        if any(abs(n - m) >= s for n, m, s in zip((H, W), least, stride, strict=True)):
            continue
        compare(
            lambda y, size=wanted: F.max_unpool2d(y, indices, kernel, stride, padding, size),
            lambda y, size=wanted: TF.max_unpool2d(y, torch.tensor(indices.numpy()), kernel, stride, padding, size),
            [4 * pooled.numpy()],
            exact,
            generator,
        )


def output_sizes() -> st.SearchStrategy[Any]:
    """Smaller and larger than the image, and None for as large."""
    return st.tuples(*[st.one_of(st.none(), st.integers(1, 12))] * 2)


@given(pairs(1, 9), output_sizes(), dtypes(), generators())
def test_adaptive_avg_pool2d(size: Any, into: Any, dtype: Any, generator: np.random.Generator) -> None:
    """Up to 81 pixels in a window, and as many windows over a pixel as are asked for."""
    x = whole_numbers(generator, (2, 3, *size), dtype)
    judge = close(4 * 169, 9.0)
    compare(lambda x: F.adaptive_avg_pool2d(x, into), lambda x: TF.adaptive_avg_pool2d(x, into), [x], judge, generator)


@given(pairs(1, 9), output_sizes(), dtypes(), generators(), st.booleans())
def test_adaptive_max_pool2d(size: Any, into: Any, dtype: Any, generator: np.random.Generator, ties: bool) -> None:
    x = whole_numbers(generator, (2, 3, *size), dtype)
    if ties:
        x = np.floor(x / 5)
    compare(
        lambda x: F.adaptive_max_pool2d(x, into),
        lambda x: TF.adaptive_max_pool2d(x, into),
        [x],
        exact,
        generator,
    )
    _, found = F.adaptive_max_pool2d(Tensor(x), into, return_indices=True)
    _, expected = TF.adaptive_max_pool2d(torch.tensor(x), into, return_indices=True)
    exact(found.numpy(), expected.numpy(), "indices")


@given(pairs(1, 6), pairs(1, 6), pairs(1, 4), pairs(0, 3), pairs(1, 3), st.booleans())
def test_the_same_parameters_are_refused(size: Any, kernel: Any, stride: Any, padding: Any, d: Any, up: bool) -> None:
    """But for two: minifcn alone refuses windows that see only padding; PyTorch alone compares the padding with half
    of the kernel before its dilation, where the dilated one is what decides whether a window can miss the image."""
    x = np.zeros((1, 1, *size))

    def shape(function: Any, make: Any, error: type[Exception], settings: dict[str, Any]) -> Any:
        try:
            return tuple(function(make(x), kernel, stride, padding, ceil_mode=up, **settings).shape)
        except error as reason:
            return "blind" if "sees only padding" in str(reason) else "refused"

    for name, settings in (("max_pool2d", {"dilation": d}), ("avg_pool2d", {})):
        found = shape(getattr(F, name), Tensor, ArgumentError, settings)
        expected = shape(getattr(TF, name), torch.tensor, RuntimeError, settings)
        narrow = name == "max_pool2d" and any(2 * padding[a] > kernel[a] for a in (0, 1))
        assert found == expected or found == "blind" or (narrow and expected == "refused"), name


def test_pooling_in_the_layers_has_the_same_defaults() -> None:
    x = whole_numbers(np.random.default_rng(0), (2, 3, 7, 8), np.float32)
    for name in ("MaxPool2d", "AvgPool2d"):
        found = getattr(nn, name)(2)(Tensor(x)).numpy()
        assert_exact(found, getattr(torch.nn, name)(2)(torch.tensor(x)).numpy(), name)
