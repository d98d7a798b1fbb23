"""An error names the function that was called and the arguments that do not fit together."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, no_grad
from minifcn.arguments import LARGEST_SIZE
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.functional import operands
from minifcn.machine import limits
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


LABELS = np.zeros((1, 2), np.uint8)
NO_IMAGE = "x must have 4 dimensions (N, C, H, W), got 2 (shape (2, 3)); index it with [None, None]."
DTYPES = "have different dtypes, float32 and float64; convert one with .astype(...)."


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: F.conv2d(zeros(1, 3, 5, 6), zeros(3, 2, 2)),
            "conv2d: weight must have 4 dimensions (O, C/groups, KH, KW), got 3 (shape (3, 2, 2)); reshape it.",
        ),
        (
            lambda: F.conv2d(zeros(1, 4, 8, 6), zeros(6, 3, 2, 1), groups=2),
            "conv2d: x has 4 channels but weight expects 6 (weight is (6, 3, 2, 1), groups 2); pass weight of shape (6, "
            "2, 2, 1) or change groups.",
        ),
        (
            lambda: F.conv2d(zeros(1, 4, 5, 6), zeros(6, 4, 2, 1), groups=0),
            f"conv2d: groups must be between 1 and {LARGEST_SIZE}, got 0.",
        ),
        (
            lambda: F.conv2d(zeros(1, 4, 5, 6), zeros(7, 4, 2, 1), zeros(4)),
            "conv2d: bias must have shape (7,), got (4,); one number per channel.",
        ),
        (
            lambda: operands.floating("f", [1.0], "weight"),
            "f: weight must be a Tensor, got list; wrap it with minifcn.Tensor(...).",
        ),
        (
            lambda: F.broadcast_to(zeros(1, 3), (3,)),
            "broadcast_to: shape (1, 3) cannot be repeated to (3,); sizes must agree or be 1.",
        ),
        (
            lambda: F.conv_transpose2d(zeros(1, 3, 5, 6), zeros(3, 2, 2)),
            "conv_transpose2d: weight must have 4 dimensions (in, out/groups, KH, KW), got 3 (shape (3, 2, 2)); reshape "
            "it.",
        ),
        (
            lambda: F.conv_transpose2d(zeros(1, 3, 5, 6), zeros(2, 4, 2, 2)),
            "conv_transpose2d: x has 3 channels but weight expects 2 (weight is (2, 4, 2, 2)); its layout is (in, "
            "out/groups, KH, KW), so pass one whose first size is 3.",
        ),
        (
            lambda: F.conv_transpose2d(zeros(1, 3, 5, 6), zeros(3, 4, 2, 2), groups=2),
            "conv_transpose2d: groups 2 must divide the 3 channels of weight (3, 4, 2, 2); change groups.",
        ),
        (lambda: F.max_pool2d(zeros(2, 3), 2), f"max_pool2d: {NO_IMAGE}"),
        (lambda: F.avg_pool2d(zeros(2, 3), 2), f"avg_pool2d: {NO_IMAGE}"),
        (
            lambda: F.avg_pool2d(zeros(2, 3, 4), 2),
            "avg_pool2d: x must have 4 dimensions (N, C, H, W), got 3 (shape (2, 3, 4)); index it with [None].",
        ),
        (
            lambda: operands.image("f", zeros(1, 1, 1, 1, 1), "mask"),
            "f: mask must have 4 dimensions (N, C, H, W), got 5 (shape (1, 1, 1, 1, 1)); reshape it.",
        ),
        (
            lambda: operands.image("f", [1.0], "mask"),
            "f: mask must be a Tensor, got list; wrap it with minifcn.Tensor(...).",
        ),
        (
            lambda: F.avg_pool2d(zeros(1, 1, 2, 2), 9, 1, ceil_mode=True),
            "avg_pool2d: the window does not fit: padded input 2x2, effective kernel 9x9; increase padding, reduce the "
            "kernel or increase the stride.",
        ),
        (lambda: F.linear(zeros(2, 3), zeros(4, 3, dtype=np.float64)), f"linear: x and weight {DTYPES}"),
        (lambda: F.linear(zeros(2, 3), zeros(4, 3), zeros(4, dtype=np.float64)), f"linear: x and bias {DTYPES}"),
        (
            lambda: F.cross_entropy(zeros(1, 3, 2), np.ma.masked_array(LABELS)),
            "a masked array cannot become the target of cross_entropy; fill it first with .filled(value).",
        ),
        (
            lambda: F.cross_entropy(zeros(1, 3, 2), LABELS, np.ma.masked_array(np.ones(3))),
            "a masked array cannot become the weight of cross_entropy; fill it first with .filled(value).",
        ),
        (
            lambda: F.max_unpool2d(zeros(1, 1, 3, 1), np.zeros((1, 1, 3, 1), int), 1, (2**30, 1)),
            f"max_unpool2d: output size must be between 1 and {LARGEST_SIZE}, got {2**31 + 1}.",
        ),
        (
            lambda: F.pad(zeros(1, 1), (LARGEST_SIZE, 0)),
            f"pad: size of the result must be between 0 and {LARGEST_SIZE}, got {2**31}.",
        ),
        (
            lambda: F.add(zeros(1), "2"),  # type: ignore[arg-type]
            "add: cannot combine a Tensor with str; pass a number, an array or a Tensor.",
        ),
    ],
)
def test_the_whole_sentence(call, sentence):
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        call()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (
            lambda: F.conv2d(zeros(2, 3, 9, 8), zeros(5, 3, 2, 3)),
            "conv2d: a result of shape (2, 5, 8, 6) in float32 takes 1.875 KiB; reduce padding or cut the image into "
            "pieces.",
        ),
        (
            lambda: F.conv_transpose2d(zeros(2, 4, 5, 4), zeros(4, 3, 2, 3), groups=2),
            "conv_transpose2d: a result of shape (2, 6, 6, 6) in float32 takes 1.688 KiB; reduce stride or cut the image "
            "into pieces.",
        ),
        (
            lambda: F.max_unpool2d(zeros(2, 3, 4, 5), np.zeros((2, 3, 4, 5), int), 2),
            "max_unpool2d: a result of shape (2, 3, 8, 10) in float32 takes 1.875 KiB; reduce stride or kernel_size.",
        ),
        (
            lambda: F.interpolate(zeros(2, 3, 4, 5), (8, 10)),
            "interpolate: a result of shape (2, 3, 8, 10) in float32 takes 1.875 KiB; choose a smaller size.",
        ),
        (
            lambda: F.interpolate(zeros(1, 1, 300, 1), (3, 1)),
            "interpolate: a band of weights of shape (3, 64) in int64 takes 1.5 KiB; choose a smaller size.",
        ),
        (
            lambda: F.adaptive_avg_pool2d(zeros(1, 1, 4, 5), (3, 1)),
            "adaptive_avg_pool2d: a band of weights of shape (3, 64) in int64 takes 1.5 KiB; choose a smaller output_size.",
        ),
        (
            lambda: F.pad(zeros(2, 3, 4, 5), (1, 4, 3, 1)),
            "pad: a result of shape (2, 3, 8, 10) in float32 takes 1.875 KiB; reduce the widths.",
        ),
    ],
)
def test_what_is_larger_than_all_memory_is_refused_with_its_shape(call, what):
    with mock.patch.object(limits, "memory_of", lambda device: 1500), pytest.raises(AllocationError) as caught:
        call()
    assert str(caught.value) == what.replace(";", ", but cpu has 1.465 KiB of memory;")


def test_what_lives_elsewhere_is_named(played):
    """Which of the operands are on two devices; test_devices.py asks for the devices and shapes."""
    x, image = on(played, np.zeros((1, 3, 2), np.float32)), on(played, np.zeros((1, 1, 1, 1), np.float32))
    calls = {
        "cross_entropy: x and target": lambda: F.cross_entropy(x, LABELS),
        "cross_entropy: x and weight": lambda: F.cross_entropy(x, on(played, LABELS), np.ones(3)),
        "max_unpool2d: x and indices": lambda: F.max_unpool2d(image, np.zeros((1, 1, 1, 1), int), 2),
        "linear: x and weight": lambda: F.linear(on(played, np.ones((1, 2))), Tensor(np.ones((3, 2)))),
    }
    for start, call in calls.items():
        with pytest.raises(ArgumentTypeError) as caught:
            call()
        assert str(caught.value).startswith(f"{start} live on different devices, ")


def test_reshape_fills_in_one_size():
    assert F.reshape(zeros(2, 6), (-1, 4)).shape == (3, 4)
    assert F.reshape(zeros(2, 6), (4, -1)).shape == (4, 3)


def test_nothing_to_do_gives_the_tensor_itself_while_recording_and_no_graph_otherwise(xp):
    x = on(xp, np.ones((2, 3)), requires_grad=True)
    calls = (
        lambda: F.broadcast_to(x, (2, 3)),
        lambda: F.sum_to(x, (2, 3)),
        lambda: F.reshape(x, (2, 3)),
        lambda: F.reshape(x, (-1, 3)),
    )
    for call in calls:
        assert call() is x
        with no_grad():
            assert not call().requires_grad


def test_gradients_have_no_graph_unless_asked_for(xp):
    x = on(xp, np.array([3.0]), requires_grad=True)
    assert not grad((x * x * x).sum(), x)[0].requires_grad
    assert grad((x * x * x).sum(), x, create_graph=True)[0].requires_grad
