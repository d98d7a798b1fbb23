"""pixel_shuffle and pixel_unshuffle, by their formula and by each other."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import equal, get, on
from tests.strategies import whole_numbers


@pytest.mark.parametrize("before", [(), (2,), (2, 3)])
@pytest.mark.parametrize("r", [1, 2, 3])
def test_the_formula_and_the_way_back(before, r, xp):
    C, H, W = 2, 3, 4
    x = np.arange(np.prod(before, dtype=int) * C * r * r * H * W).reshape(*before, C * r * r, H, W)
    expected = np.empty((*before, C, H * r, W * r), x.dtype)
    for c, a, b in np.ndindex(C, r, r):
        expected[..., c, a::r, b::r] = x[..., c * r * r + a * r + b, :, :]
    y = F.pixel_shuffle(on(xp, x), r)
    equal(y, expected, strict=True)
    equal(F.pixel_unshuffle(y, r), x, strict=True)
    equal(F.pixel_unshuffle(on(xp, expected), r), x)


def test_the_gradient_goes_back_the_way_it_came(xp):
    source = np.random.default_rng(0)
    x, g = on(xp, whole_numbers(source, (2, 8, 3, 5)), True), on(xp, whole_numbers(source, (2, 2, 6, 10)))
    F.pixel_shuffle(x, 2).backward(g)
    equal(x.grad, F.pixel_unshuffle(g, 2))
    y = on(xp, get(g), True)
    F.pixel_unshuffle(y, 2).backward(x.detach())
    equal(y.grad, F.pixel_shuffle(x.detach(), 2))


def test_a_convolution_to_the_phases_is_a_transposed_one(xp):
    """A transposed convolution with kernel = stride = r is a 1x1 convolution to r·r channels, shuffled."""
    source = np.random.default_rng(1)
    x, w = on(xp, whole_numbers(source, (2, 3, 4, 5))), whole_numbers(source, (3, 2, 2, 2))
    phases = on(xp, w.transpose(1, 2, 3, 0).reshape(8, 3, 1, 1))
    equal(F.pixel_shuffle(F.conv2d(x, phases), 2), F.conv_transpose2d(x, on(xp, w), stride=2))


def test_errors():
    x = Tensor(np.zeros((2, 6, 3, 5)))
    for call, error, said in (
        (lambda: F.pixel_shuffle(x, 2), ArgumentError, r"pixel_shuffle: x has 6 channels \(shape \(2, 6, 3, 5\)\), which are "
         r"not a multiple of upscale_factor² = 4; change one of the two"),
        (lambda: F.pixel_unshuffle(x, 3), ArgumentError, r"pixel_unshuffle: the 3x5 pixels of x \(shape \(2, 6, 3, 5\)\) are "
         "not a multiple of downscale_factor 3; pad or crop x"),
        (lambda: F.pixel_unshuffle(x, 5), ArgumentError, "pixel_unshuffle: the 3x5 pixels of x .* downscale_factor 5"),
        (lambda: F.pixel_shuffle(x[0, 0], 1), ArgumentError, r"pixel_shuffle: x must be \(\.\.\., C, H, W\), got shape \(3, 5\)"),
        (lambda: F.pixel_shuffle(x, 0), ArgumentError, "pixel_shuffle: upscale_factor must be between 1 and"),
        (lambda: F.pixel_unshuffle(x, (2, 2)), ArgumentTypeError, "pixel_unshuffle: downscale_factor must be an integer"),
        (lambda: F.pixel_shuffle(get(x), 1), ArgumentTypeError, "pixel_shuffle: x must be a Tensor, got ndarray"),
    ):  # fmt: skip
        with pytest.raises(error, match=f"^{said}"):
            call()
