"""unfold, fold, padding by name and the shuffling of pixels against PyTorch's: exactly, since nothing is rounded."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from tests.oracles.peers import compare, dtypes, exact, generators, peer
from tests.strategies import geometries, pairs, whole_numbers

torch = peer("torch")
TF = torch.nn.functional

real_geometries = geometries(groups=1).filter(lambda g: 0 not in g.input_size)


def window(g: Geometry) -> dict[str, Any]:
    return {"kernel_size": g.kernel_size, "dilation": g.dilation, "padding": g.padding, "stride": g.stride}


@given(real_geometries, dtypes(), generators())
def test_unfold(g: Geometry, dtype: Any, generator: np.random.Generator) -> None:
    x = whole_numbers(generator, (2, 3, *g.input_size), dtype)
    compare(lambda x: F.unfold(x, **window(g)), lambda x: TF.unfold(x, **window(g)), [x], exact, generator)


@given(real_geometries, dtypes(), generators())
def test_fold(g: Geometry, dtype: Any, generator: np.random.Generator) -> None:
    y = whole_numbers(generator, (2, 3 * g.taps, g.output_pixels), dtype)
    size = g.input_size
    compare(lambda y: F.fold(y, size, **window(g)), lambda y: TF.fold(y, size, **window(g)), [y], exact, generator)


@given(pairs(1, 5), pairs(1, 3), pairs(1, 3), pairs(0, 2), pairs(1, 3), st.integers(1, 12), st.integers(1, 12))
def test_fold_refuses_the_same(size: Any, kernel: Any, d: Any, padding: Any, stride: Any, C: int, L: int) -> None:
    y = np.zeros((1, C, L))
    settings = size, kernel, d, padding, stride
    try:
        found: Any = F.fold(Tensor(y), *settings).shape
    except ArgumentError:
        found = "refused"
    try:
        expected: Any = tuple(TF.fold(torch.tensor(y), *settings).shape)
    except RuntimeError:
        expected = "refused"
    assert found == expected


@given(
    pairs(1, 6), pairs(1, 5), pairs(1, 3), st.sampled_from(["same", "valid"]), st.integers(1, 2), dtypes(), generators()
)
def test_padding_by_name(
    size: Any, kernel: Any, d: Any, padding: str, groups: int, dtype: Any, generator: np.random.Generator
) -> None:
    """Also an image that is smaller than what stands around it."""
    if padding == "valid":
        size = tuple(size[a] + d[a] * (kernel[a] - 1) for a in (0, 1))
    x = whole_numbers(generator, (2, 4, *size), dtype)
    w, b = whole_numbers(generator, (2, 4 // groups, *kernel), dtype), whole_numbers(generator, (2,), dtype)
    asked: dict[str, Any] = {"padding": padding, "dilation": d, "groups": groups}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of the copy that an even kernel needs
        compare(
            lambda x, w, b: F.conv2d(x, w, b, **asked),
            lambda x, w, b: TF.conv2d(x, w, b, **asked),
            [x, w, b],
            exact,
            generator,
        )


@pytest.mark.parametrize("settings", [(3, 2, "same"), (3, (1, 2), "same"), (3, 1, "full"), (3, 1, "SAME")])
def test_the_same_names_are_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match="padding"):
        torch.nn.Conv2d(2, 2, *settings)
    with pytest.raises((ArgumentError, TypeError), match="padding"):
        nn.Conv2d(2, 2, *settings)


@given(st.integers(1, 3), st.integers(1, 2), pairs(1, 3), st.sampled_from([(), (2,), (2, 1)]), dtypes(), generators())
def test_shuffling_pixels(r: int, C: int, size: Any, before: Any, dtype: Any, generator: np.random.Generator) -> None:
    small = whole_numbers(generator, (*before, C * r * r, *size), dtype)
    large = whole_numbers(generator, (*before, C, r * size[0], r * size[1]), dtype)
    compare(lambda x: F.pixel_shuffle(x, r), lambda x: TF.pixel_shuffle(x, r), [small], exact, generator)
    compare(lambda x: F.pixel_unshuffle(x, r), lambda x: TF.pixel_unshuffle(x, r), [large], exact, generator)


LAYERS = ["Unfold", "Fold", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "PixelShuffle", "PixelUnshuffle", "ZeroPad2d"]


@pytest.mark.parametrize("name", [*LAYERS, "Conv2d", "ReLU", "LeakyReLU", "Dropout", "Dropout2d"])
def test_layers_take_what_pytorchs_take_in_its_order(name: str) -> None:
    """What is PyTorch's business alone (padding_mode, device, dtype) comes last there."""
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(getattr(module, name)).parameters.values() if p.kind in (0, 1)]
        for module in (nn, torch.nn)
    )
    known = [p for p in ours if p[0] != "generator"]
    assert known == theirs[: len(known)]
    assert {p[0] for p in theirs[len(known) :]} <= {"padding_mode", "device", "dtype"}


def test_layers_give_the_same() -> None:
    x = whole_numbers(np.random.default_rng(0), (2, 4, 6, 8))
    columns = whole_numbers(np.random.default_rng(1), (2, 12, 6))
    for name, settings, given_ in (
        ("Unfold", ((2, 3), 2, 1, (1, 2)), x),
        ("Fold", ((3, 4), 2), columns),
        ("AdaptiveAvgPool2d", ((3, None),), x),
        ("AdaptiveMaxPool2d", (2,), x),
        ("PixelShuffle", (2,), x),
        ("PixelUnshuffle", (2,), x),
        ("ZeroPad2d", ((1, 2, -1, 3),), x),
        ("ZeroPad2d", (2,), x),
    ):
        found = getattr(nn, name)(*settings)(Tensor(given_)).numpy()
        np.testing.assert_allclose(found, getattr(torch.nn, name)(*settings)(torch.tensor(given_)).numpy(), rtol=1e-14)
