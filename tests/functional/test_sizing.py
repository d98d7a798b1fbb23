"""pad_to_multiple, crop_like and insert_zeros: NumPy's results, the way back, and errors with the numbers."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, no_grad
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.functional.sizing import Undo
from tests.onto import equal, get, on

X = np.arange(30.0).reshape(1, 2, 3, 5)


def test_pad_to_multiple_adds_below_and_to_the_right(xp):
    padded, undo = F.pad_to_multiple(on(xp, X), (2, 4))
    equal(padded, np.pad(X, ((0, 0), (0, 0), (0, 1), (0, 3))))
    assert undo == Undo((3, 5), (4, 8))
    equal(undo(padded), X)
    equal(undo(F.cat([padded, padded + 1], 1)), np.concatenate([X, X + 1], 1))


def test_what_is_a_multiple_is_left_as_it_is(xp):
    x = on(xp, X, requires_grad=True)
    for m in (1, (3, 5), (1, 5)):
        padded, undo = F.pad_to_multiple(x, m)
        assert padded is x and undo(x) is x
        with no_grad():
            assert not F.pad_to_multiple(x, m)[0].requires_grad
    assert F.pad_to_multiple(on(xp, X[0, 0]), (3, 4))[0].shape == (3, 8)
    assert F.pad_to_multiple(on(xp, X[:, :, :0]), 4)[0].shape == (1, 2, 0, 8)


def test_every_size_is_padded_to_a_multiple_of_32_and_back():
    for n in range(1, 71):
        padded, undo = F.pad_to_multiple(Tensor(np.ones((n, 71 - n), np.float32)), 32)
        assert padded.shape == tuple(-(-size // 32) * 32 for size in (n, 71 - n))
        assert undo(padded).shape == (n, 71 - n) and float(get(padded).sum()) == n * (71 - n)


def test_undo_refuses_a_map_of_another_size():
    _, undo = F.pad_to_multiple(Tensor(X), 4)
    with pytest.raises(ArgumentError) as caught:
        undo(Tensor(X))
    assert str(caught.value) == (
        "undo: y is 3x5, but what was padded is 4x8; bring y to that size first, or use crop_like."
    )
    with pytest.raises(ArgumentError, match=r"^undo: y must be \(..., H, W\), got shape \(8,\); reshape it.$"):
        undo(Tensor(np.zeros(8)))


def test_crop_like_takes_the_size_of_a_tensor_or_an_array(xp):
    like = np.zeros((7, 2, 3))
    for other in (like, on(xp, like), xp.asarray(like)):
        equal(F.crop_like(on(xp, X), other, offset=(1, 2)), X[..., 1:3, 2:5])
        equal(F.crop_like(on(xp, X), other), X[..., :2, :3])
        equal(F.crop_like(on(xp, X), other, 1), X[..., 1:3, 1:4])
    x = on(xp, X)
    assert F.crop_like(x, X) is x


def test_insert_zeros_is_the_stride_of_a_transposed_convolution(xp):
    x, w = on(xp, X), on(xp, np.arange(1.0, 13).reshape(2, 1, 3, 2))
    for stride in (1, 2, (3, 1), (1, 4)):
        apart = F.insert_zeros(x, stride)
        down, right = stride if isinstance(stride, tuple) else (stride, stride)
        assert apart.shape == (1, 2, 2 * down + 1, 4 * right + 1)
        equal(apart[:, :, ::down, ::right], X)
        assert get(apart).sum() == X.sum()
        equal(F.conv_transpose2d(apart, w), F.conv_transpose2d(x, w, stride=stride))


def test_insert_zeros_in_other_dimensions_and_dtypes(xp):
    plane = F.insert_zeros(on(xp, np.array([[1, 2]], np.uint8)), 2)
    equal(plane, [[1, 0, 2]])
    assert plane.dtype == np.uint8
    assert F.insert_zeros(on(xp, X[:, :, :0]), 3).shape == (1, 2, 0, 13)
    x = on(xp, X)
    assert F.insert_zeros(x, 1) is x
    assert F.insert_zeros(x[:, :, :1, :1], 9).shape == (1, 2, 1, 1)


REFUSED = {
    "multiple of 0": (lambda: F.pad_to_multiple(Tensor(X), 0), ArgumentError, "pad_to_multiple: m must be between 1"),
    "multiple of a half": (lambda: F.pad_to_multiple(Tensor(X), 0.5), ArgumentTypeError, "pad_to_multiple: m must be"),
    "a row": (
        lambda: F.pad_to_multiple(Tensor(X[0, 0, 0]), 2), ArgumentError,
        "pad_to_multiple: x must be (..., H, W), got shape (5,); reshape it.",
    ),
    "an array": (
        lambda: F.pad_to_multiple(X, 2), ArgumentTypeError, "pad_to_multiple: x must be a Tensor, got ndarray; wrap",
    ),
    "like a number": (
        lambda: F.crop_like(Tensor(X), 3), ArgumentError,
        "crop_like: like must be a map (..., h, w), got shape (); or use crop.",
    ),
    "like more": (
        lambda: F.crop_like(Tensor(X), np.zeros((3, 5)), (1, 0)), ArgumentError,
        "crop_like: rows 1 to 4 and columns 0 to 5 leave the tensor of 3x5; reduce the offset or the size.",
    ),
    "no stride": (lambda: F.insert_zeros(Tensor(X), (1, 0)), ArgumentError, "insert_zeros: stride must be between 1"),
    "zeros in a row": (
        lambda: F.insert_zeros(Tensor(X[0, 0, 0]), 2), ArgumentError,
        "insert_zeros: x must be (..., H, W), got shape (5,); reshape it.",
    ),
    "vast": (lambda: F.insert_zeros(Tensor(X), 2**28), AllocationError, "insert_zeros: a result"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_who_what_and_what_to_do(case):
    call, error, start = REFUSED[case]
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(start)
