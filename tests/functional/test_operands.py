"""The checks that all operations share; each operation's own tests see them at work."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
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
        kind = type(wrong).__name__
        with pytest.raises(ArgumentTypeError, match=rf"op: dim must be an integer, got {wrong!r} \({kind}\)"):
            dimension("op", wrong, 3)


X = Tensor(np.ones((1, 2, 3, 4)))
W, K, V = Tensor(np.ones((5, 4))), Tensor(np.ones((2, 3, 2, 2))), Tensor(np.ones((3, 2, 2, 2)))
INDICES = np.zeros((1, 2, 3, 4), int)
MASKED = np.ma.array(INDICES, mask=True)


@pytest.mark.parametrize(
    "call, beginning",
    [
        (lambda: F.clamp([1.0], 0), "clamp: x must be a Tensor, got list"),
        (lambda: F.conv2d(X, K, [1.0]), "conv2d: x has 2 channels but weight expects 3 "),
        (lambda: F.conv2d(X, V, [1.0]), "conv2d: bias must be a Tensor, got list"),
        (lambda: F.conv2d(X, V, groups=2), "conv2d: x has 2 channels but weight expects 4 "),
        (lambda: F.conv2d(X, V[:, :1], groups=2), "conv2d: groups 2 must divide the 3 channels of weight"),
        (lambda: F.conv_transpose2d([1.0], K), "conv_transpose2d: x must be a Tensor, got list"),
        (lambda: F.conv_transpose2d(X, [1.0]), "conv_transpose2d: weight must be a Tensor, got list"),
        (lambda: F.conv_transpose2d(X, K, [1.0]), "conv_transpose2d: bias must be a Tensor, got list"),
        (lambda: F.convolution_matrix(MASKED, 3), "a masked array cannot become the weight of convolution_matrix"),
        (lambda: F.max_unpool2d(X, MASKED, 2), "a masked array cannot become the indices of max_unpool2d"),
        (lambda: F.dropout([1.0]), "dropout: x must be a Tensor, got list"),
        (
            lambda: F.dropout(X, generator=np.random),
            "dropout: generator must be numpy.random.default_rng(seed) or None, got module",
        ),
        (
            lambda: F.dropout2d(X, generator=7),
            "dropout2d: generator must be numpy.random.default_rng(seed) or None, got int",
        ),
        (lambda: F.linear([1.0], W), "linear: x must be a Tensor, got list"),
        (lambda: F.linear(X, [1.0]), "linear: weight must be a Tensor, got list"),
        (lambda: F.linear(X, W, [1.0]), "linear: bias must be a Tensor, got list"),
        (lambda: F.flatten([1.0]), "flatten: x must be a Tensor, got list"),
        (lambda: F.flatten(X, 0, 4), "flatten: dim 4 is out of range"),
        (lambda: F.permute([1.0], (0,)), "permute: x must be a Tensor, got list"),
        (lambda: F.transpose([1.0], 0, 0), "transpose: x must be a Tensor, got list"),
        (lambda: F.transpose(X, 4, 0), "transpose: dim 4 is out of range"),
        (lambda: F.cat([X], 4), "cat: dim 4 is out of range"),
        (lambda: F.stack([[1.0]]), "stack: each operand must be a Tensor, got list"),
        (lambda: F.stack([X], 5), "stack: dim 5 is out of range for 5 dimensions"),
        (lambda: F.pad([1.0], (1, 1)), "pad: x must be a Tensor, got list"),
        (lambda: F.pad(X, (1, 1), value="0"), "pad: value must be a number, got '0' (str)."),
        (lambda: F.crop([1.0], 1), "crop: x must be a Tensor, got list"),
        (lambda: F.crop(X, 1.5), "crop: size must be an integer"),
        (lambda: F.crop(X, 1, 1.5), "crop: offset must be an integer"),
        (lambda: F.to([1.0], "cpu"), "to: x must be a Tensor, got list"),
        (lambda: F.astype([1.0], np.float32), "astype: x must be a Tensor, got list"),
        (lambda: F.max_unpool2d([1.0], INDICES, 2), "max_unpool2d: x must be a Tensor, got list"),
        (lambda: F.max_unpool2d(X, INDICES, 1.5), "max_unpool2d: kernel_size must be an integer"),
        (lambda: F.max_unpool2d(X, INDICES, 2, 1.5), "max_unpool2d: stride must be an integer"),
        (lambda: F.max_unpool2d(X, INDICES, 2, 1, 1.5), "max_unpool2d: padding must be an integer"),
        (lambda: F.max_unpool2d(X, INDICES, 2, output_size=1.5), "max_unpool2d: output_size must be an integer"),
    ],
)
def test_an_operation_names_itself_and_the_argument(call, beginning):
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        call()
    assert str(caught.value).startswith(beginning)


def test_channels_that_no_weight_can_fit_ask_for_other_groups():
    x, weight = Tensor(np.ones((1, 3, 4, 6))), Tensor(np.ones((4, 1, 2, 2)))
    with pytest.raises(ArgumentError, match=r"conv2d: x has 3 channels but .*, groups 2\); change groups\.$"):
        F.conv2d(x, weight, groups=2)
    with pytest.raises(ArgumentError, match=r"groups 3\); pass weight of shape \(4, 1, 2, 2\) or change groups\.$"):
        F.conv2d(x, Tensor(np.ones((4, 2, 2, 2))), groups=3)
