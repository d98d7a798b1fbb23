"""Frozen bilinear upsampling goes by two small matrices, and is the transposed convolution that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn.autograd.checking import gradcheck
from minifcn.functional.conv import ToInput
from minifcn.functional.resampling import Resize
from minifcn.models.upsampling import BilinearUpsampling
from tests.onto import close, device_of, equal, on


def frozen(channels=3, kernel_size=4, factor=2, xp=np):
    layer = BilinearUpsampling(channels, kernel_size, factor).to(device_of(xp))
    layer.requires_grad_(False)
    return layer


def numbers(*shape, dtype=np.float32, xp=np):
    return on(xp, np.random.default_rng(0).integers(-9, 10, shape), dtype=dtype, requires_grad=True)


@pytest.mark.parametrize(("kernel_size", "factor"), [(4, 2), (8, 4), (16, 8), (32, 16), (64, 32)])
def test_it_is_the_transposed_convolution_exactly(kernel_size, factor, xp):
    """The tent of an even kernel is made of fractions of a power of two, so whole numbers stay exact."""
    layer, x = frozen(2, kernel_size, factor, xp), numbers(2, 2, 3, 5, xp=xp)
    y = layer(x)
    assert isinstance(y.grad_fn, Resize) == (xp is np)  # a GPU is not waited for to see whether its weight is a tent
    stamped = F.conv_transpose2d(x, layer.weight, stride=factor, groups=2)
    equal(y, stamped)
    cotangent = xp.asarray(np.random.default_rng(1).integers(-9, 10, y.shape).astype(np.float32))
    y.backward(cotangent)
    found, x.grad = x.grad.numpy(), None
    stamped.backward(cotangent)
    np.testing.assert_array_equal(found, x.grad.numpy())


@pytest.mark.parametrize("kernel_size", [3, 7, 63])
def test_odd_kernels_agree_up_to_rounding(kernel_size, xp):
    layer, x = frozen(1, kernel_size, (kernel_size + 1) // 2, xp), numbers(1, 1, 4, 3, xp=xp)
    stamped = F.conv_transpose2d(x, layer.weight, stride=layer.stride)
    close(layer(x), stamped, rtol=1e-5, atol=1e-5)


def test_a_weight_that_learns_or_was_loaded_is_stamped(xp):
    learning, loaded, x = BilinearUpsampling(3, 4, 2).to(device_of(xp)), frozen(xp=xp), numbers(1, 3, 2, 2, xp=xp)
    assert isinstance(learning(x).grad_fn, ToInput)
    loaded.weight.mutable()[1, 0, 2, 2] = 5
    y = loaded(x)
    assert isinstance(y.grad_fn, ToInput)
    equal(y, F.conv_transpose2d(x, loaded.weight, stride=2, groups=3))


def test_a_size_can_be_asked_for_as_of_any_transposed_convolution():
    assert frozen()(numbers(1, 3, 2, 2), output_size=(7, 6)).shape == (1, 3, 7, 6)


def test_its_gradient_can_be_differentiated_again():
    x = numbers(1, 3, 2, 3, dtype=np.float64)
    layer = frozen()
    layer.weight.replace_(layer.weight.data.astype(np.float64))
    assert gradcheck(lambda x: layer(x) * layer(x), [x], order=2)


def test_its_weight_is_saved_under_its_name():
    assert list(frozen().state_dict()) == ["weight"]
    assert frozen().state_dict()["weight"].shape == (3, 1, 4, 4)
