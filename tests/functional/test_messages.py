"""An error names the function that was called and the arguments that do not fit together."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import on


def zeros(*shape, dtype=np.float32):
    return Tensor(np.zeros(shape), dtype=dtype)


@pytest.mark.parametrize(
    ("call", "error", "start"),
    [
        (lambda: F.broadcast_to([1.0], (2,)), ArgumentTypeError, "broadcast_to: x must be a Tensor"),
        (lambda: F.sum_to([1.0], (1,)), ArgumentTypeError, "sum_to: x must be a Tensor"),
        (lambda: F.negative([1.0]), ArgumentTypeError, "negative: x must be a Tensor"),
        (lambda: F.cross_entropy([1.0], np.zeros(1, int)), ArgumentTypeError, "cross_entropy: x must be a Tensor"),
        (
            lambda: F.conv2d(zeros(1, 1, 3, 3), zeros(1, 1, 2, 2, dtype=np.float64)),
            ArgumentTypeError,
            "conv2d: x and weight have different dtypes, float32 and float64",
        ),
        (
            lambda: F.conv_transpose2d(zeros(1, 1, 3, 3), zeros(1, 1, 2, 2), zeros(1, dtype=np.float64)),
            ArgumentTypeError,
            "conv_transpose2d: x and bias have different dtypes, float32 and float64",
        ),
        (
            lambda: F.max_pool2d(zeros(1, 1, 2, 2), 3),
            ArgumentError,
            "max_pool2d: the window does not fit: padded input 2x2, effective kernel 3x3; increase padding, reduce the "
            "kernel or use ceil_mode.",
        ),
        (
            lambda: F.max_pool2d(zeros(1, 1, 2, 2), 9, 1, ceil_mode=True),
            ArgumentError,
            "max_pool2d: the window does not fit: padded input 2x2, effective kernel 9x9; increase padding, reduce the "
            "kernel or increase the stride.",
        ),
        (
            lambda: F.conv2d(zeros(1, 1, 4, 5), zeros(1, 1, 2, 3), stride=2, padding="same"),
            ArgumentError,
            'conv2d: padding "same" keeps the size at stride 1 only, got stride (2, 2); pass a number, such as padding '
            "(0, 1).",
        ),
        (
            lambda: F.fold(zeros(1, 4, 5), (3, 4), 2),
            ArgumentError,
            "fold: x has 5 columns (shape (1, 4, 5)), but there are 2x3 = 6 windows in an image of 3x4 (kernel 2x2, "
            "stride (1, 1), padding (0, 0), dilation (1, 1)); pass the parameters that x was unfolded with.",
        ),
        (
            lambda: F.unfold(zeros(1, 1, 2, 2), 3),
            ArgumentError,
            "unfold: the kernel does not fit: padded input 2x2 (input 2x2, padding (0, 0)), effective kernel 3x3",
        ),
        (
            lambda: F.interpolate(zeros(1, 1, 2, 2), 3, align_corners=True),
            ArgumentError,
            "interpolate: align_corners has a meaning for bilinear and bicubic only, not for 'nearest'; omit it.",
        ),
        (lambda: F.reshape(zeros(2, 3), (-2, -3)), ArgumentError, "reshape: "),
        (lambda: F.reshape(zeros(4), (-2, -2)), ArgumentError, "reshape: "),
    ],
)
def test_the_sentence_begins_with_the_function_and_what_is_wrong(call, error, start):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(start)


def test_reshape_fills_in_one_size():
    assert F.reshape(zeros(2, 6), (-1, 4)).shape == (3, 4)
    assert F.reshape(zeros(2, 6), (4, -1)).shape == (4, 3)


def test_nothing_to_do_gives_the_tensor_itself_while_recording_and_no_graph_otherwise(xp):
    x = on(xp, np.ones((2, 3)), requires_grad=True)
    calls = (lambda: F.broadcast_to(x, (2, 3)), lambda: F.sum_to(x, (2, 3)), lambda: F.reshape(x, (2, 3)))
    for call in calls:
        assert call() is x
        with no_grad():
            assert not call().requires_grad


def test_gradients_have_no_graph_unless_asked_for(xp):
    x = on(xp, np.array([3.0]), requires_grad=True)
    assert not grad((x * x * x).sum(), x)[0].requires_grad
    assert grad((x * x * x).sum(), x, create_graph=True)[0].requires_grad
