"""The checks that all operations share; each operation's own tests see them at work."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import alike, broadcastable, dimension, dimensions, floating, image, same_kind, tensor


def test_tensors_pass_unchanged():
    x = Tensor(np.ones((1, 2, 3, 4)))
    assert tensor("op", x) is floating("op", x) is image("op", x) is x
    assert alike("op", x, x) == (x, x) or alike("op", x, x)[0] is x


def test_constants_take_the_kind_of_the_first_tensor():
    x = Tensor(np.ones(2, np.float32))
    number, same, array = alike("op", 2, x, np.zeros(2, np.float32))
    assert number.dtype == array.dtype == np.float32
    assert number.shape == ()
    assert same is x
    assert not number.requires_grad


def test_the_same_dtype_is_asked_of_all():
    x = Tensor(np.ones(2, np.float32))
    with pytest.raises(ArgumentTypeError, match="op: the operands have different dtypes, float32 and int64; convert"):
        alike("op", x, Tensor(np.ones(2, np.int64)))
    with pytest.raises(ArgumentTypeError, match="op: a and b have different dtypes, float32 and float64"):
        same_kind("op", x, Tensor(np.ones(2)), "a and b")


@pytest.mark.parametrize(
    "first, second", [((2, 3), (3,)), ((), (5,)), ((2, 1), (1, 7)), ((0, 3), (1, 3)), ((4,), (4,))]
)
def test_shapes_that_agree(first, second):
    broadcastable("op", first, second)
    broadcastable("op", second, first)


@pytest.mark.parametrize("first, second", [((2, 3), (2,)), ((0,), (2,)), ((2, 3, 4), (3, 3, 4))])
def test_shapes_that_do_not(first, second):
    with pytest.raises(ArgumentError, match=r"op: shapes .* cannot be broadcast together \(\d against \d\)"):
        broadcastable("op", first, second)


def test_dimensions():
    assert [dimension("op", d, 3) for d in (0, 2, -1, -3)] == [0, 2, 2, 0]
    assert dimension("op", np.int64(1), 3) == 1
    assert dimensions("op", None, 3) == (0, 1, 2)
    assert dimensions("op", -1, 3) == (2,)
    assert dimensions("op", (2, 0), 3) == (2, 0)
    assert dimensions("op", None, 0) == ()
    for wrong in (3, -4):
        with pytest.raises(ArgumentError, match=f"op: dim {wrong} is out of range for 3 dimensions; use -3 to 2"):
            dimension("op", wrong, 3)
    with pytest.raises(ArgumentError, match=r"op: dim \(0, -3\) names a dimension twice"):
        dimensions("op", (0, -3), 3)
    for wrong in (1.0, "0", None):
        with pytest.raises(ArgumentTypeError, match=f"op: dim must be an integer, got {wrong!r}"):
            dimension("op", wrong, 3)
