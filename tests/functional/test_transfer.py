"""Moves between dtypes and devices, and the way back that the gradient makes."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import equal, on
from tests.played_cupy import playing


def test_a_gradient_comes_back_in_the_dtype_it_left(xp):
    x = on(xp, np.array([1.5, 2.5], np.float32), requires_grad=True)
    y = F.astype(x, np.float64)
    assert y.dtype == np.float64
    y.backward([3.0, 4.0])
    assert x.grad.dtype == np.float32
    equal(x.grad, [3.0, 4.0])


def test_whole_numbers_have_no_gradient(xp):
    x = on(xp, [1.5, -2.5], requires_grad=True)
    y = F.astype(x, np.int64)
    assert not y.requires_grad
    equal(y, [1, -2])
    assert F.astype(y, np.float32).dtype == np.float32


def test_what_is_there_already_is_not_moved(xp):
    x = on(xp, [1.0])
    assert F.astype(x, np.float32) is x
    assert F.to(x, x.device) is x
    assert (x.cpu() if xp is np else x.cuda()) is x
    assert x.to(x.device) is x
    assert x.to(np.float32) is x
    assert x.to("float64").dtype == np.float64


def test_errors():
    x = Tensor([1.0])
    for dtype in (complex, object, "U3"):
        with pytest.raises(ArgumentTypeError, match="astype: a Tensor cannot hold"):
            F.astype(x, dtype)
    with pytest.raises(ArgumentTypeError, match="astype: 'float33' is not a dtype; use float32"):
        F.astype(x, "float33")
    for device in ("gpu", "cpu:0", "cuda:one"):
        with pytest.raises(ArgumentError, match=f'device .{device}. is unknown; use "cpu", "cuda" or'):
            F.to(x, device)
    for function in (lambda: F.to([1.0], "cpu"), lambda: F.astype([1.0], np.float32)):
        with pytest.raises(ArgumentTypeError, match="x must be a Tensor, got list"):
            function()


def test_cuda_without_an_index_is_the_current_card_wherever_the_tensor_is():
    with playing() as cupy:
        x = Tensor([1.0, 2.0], device="cuda:1")
        for moved in (x.to("cuda"), x.cuda(), F.to(x, "cuda:0")):
            assert moved.device == "cuda:0" and moved.data.tolist() == [1.0, 2.0]
        with cupy.cuda.Device(1):
            assert x.to("cuda") is x
