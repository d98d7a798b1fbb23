"""Cases 19 to 21: no images, no channels, no pixels.

Nothing is a size like any other: an empty batch has an empty result, a sum over no channels is 0, and the gradients are
zeros (of the right shape), never None and never NaN. Only where a value would have to be invented there is an error.
"""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.machine.backend import array_module
from minifcn.metrics import ConfusionMatrix
from minifcn.models import FCN
from tests.hostile.operations import (
    algorithm_of,
    equal,
    every_algorithm,
    ones,
    ones_beside,
    refused,
    values,
    whole,
    windowed,
)


def labels_for(x):
    return array_module(x.data).zeros((x.shape[0], *x.shape[2:]), np.uint8)


# name -> (what is done to x of shape (N, C, 4, 6), the shape of what comes)
OPERATIONS = {
    "conv2d": (lambda x: windowed("conv2d", x, (2, 3)), lambda N, C: (N, 6, 3, 4)),
    "conv2d, padded and strided": (
        lambda x: windowed("conv2d", x, (2, 3), stride=2, padding=1),
        lambda N, C: (N, 6, 3, 3),
    ),
    "conv_transpose2d": (lambda x: windowed("conv_transpose2d", x, (2, 3), stride=2), lambda N, C: (N, 6, 8, 13)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), lambda N, C: (N, C, 2, 3)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (3, 2), padding=1), lambda N, C: (N, C, 2, 4)),
    "max_unpool2d": (lambda x: windowed("max_unpool2d", x, (2, 1)), lambda N, C: (N, C, 8, 6)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, None)), lambda N, C: (N, C, 3, 6)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (3, None)), lambda N, C: (N, C, 3, 6)),
    "unfold": (lambda x: F.unfold(x, (2, 3)), lambda N, C: (N, 6 * C, 12)),
    "fold": (lambda x: F.fold(F.reshape(x, (x.shape[0], 4 * x.shape[1], 6)), (3, 4), 2), lambda N, C: (N, C, 3, 4)),
    "pixel_shuffle": (
        lambda x: F.pixel_shuffle(F.reshape(x, (x.shape[0], 4 * x.shape[1], 2, 3)), 2),
        lambda N, C: (N, C, 4, 6),
    ),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), lambda N, C: (N, 4 * C, 2, 3)),
    "interpolate, bicubic": (lambda x: F.interpolate(x, (3, 8), mode="bicubic"), lambda N, C: (N, C, 3, 8)),
    "interpolate": (lambda x: F.interpolate(x, (3, 8), mode="bilinear"), lambda N, C: (N, C, 3, 8)),
    "batch_norm": (
        lambda x: F.batch_norm(x, ones_beside(x, x.shape[1]), ones_beside(x, x.shape[1])),
        lambda N, C: (N, C, 4, 6),
    ),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), lambda N, C: (N, C, 4, 6)),
    "dropout": (lambda x: F.dropout(x, generator=np.random.default_rng(0)), lambda N, C: (N, C, 4, 6)),
    "dropout2d": (lambda x: F.dropout2d(x, generator=np.random.default_rng(0)), lambda N, C: (N, C, 4, 6)),
    "relu": (F.relu, lambda N, C: (N, C, 4, 6)),
    "exp": (F.exp, lambda N, C: (N, C, 4, 6)),
    "clamp": (lambda x: F.clamp(x, 0, 1), lambda N, C: (N, C, 4, 6)),
    "softmax": (lambda x: F.softmax(x, 3), lambda N, C: (N, C, 4, 6)),
    "log_softmax": (lambda x: F.log_softmax(x, 3), lambda N, C: (N, C, 4, 6)),
    "add, broadcast": (lambda x: x + ones_beside(x, 1, x.shape[1], 1, 1), lambda N, C: (N, C, 4, 6)),
    "linear": (lambda x: F.linear(x, ones_beside(x, 5, 6), ones_beside(x, 5)), lambda N, C: (N, C, 4, 5)),
    "linear of flat images": (
        lambda x: F.linear(F.flatten(x, 1), ones_beside(x, 5, 24 * x.shape[1])),
        lambda N, C: (N, 5),
    ),
    "matmul": (lambda x: F.matmul(x, ones_beside(x, 6, 2)), lambda N, C: (N, C, 4, 2)),
    "sum": (F.sum, lambda N, C: ()),
    "sum over images": (lambda x: F.sum(x, 0), lambda N, C: (C, 4, 6)),
    "sum_to": (lambda x: F.sum_to(x, (x.shape[1], 1, 1)), lambda N, C: (C, 1, 1)),
    "mean over pixels": (lambda x: F.mean(x, (2, 3)), lambda N, C: (N, C)),
    "var over pixels": (lambda x: F.var(x, (2, 3)), lambda N, C: (N, C)),
    "amax over pixels": (lambda x: F.amax(x, (2, 3)), lambda N, C: (N, C)),
    "reshape": (lambda x: F.reshape(x, (-1, 8)), lambda N, C: (N * C * 3, 8)),
    "permute": (lambda x: F.permute(x, (3, 1, 0, 2)), lambda N, C: (6, C, N, 4)),
    "getitem": (lambda x: x[:, :, ::-2, 1], lambda N, C: (N, C, 2)),
    "getitem by a mask": (lambda x: x[array_module(x.data).zeros(x.shape, bool)], lambda N, C: (0,)),
    "cat": (lambda x: F.cat([x, x], 1), lambda N, C: (N, 2 * C, 4, 6)),
    "stack": (lambda x: F.stack([x, x, x]), lambda N, C: (3, N, C, 4, 6)),
    "pad": (lambda x: F.pad(x, (1, 2, 0, -1)), lambda N, C: (N, C, 3, 9)),
    "crop": (lambda x: F.crop(x, (2, 5), (1, 0)), lambda N, C: (N, C, 2, 5)),
}


@pytest.mark.parametrize(
    "N, C",
    [pytest.param(0, 3, marks=pytest.mark.case(19)), pytest.param(2, 0, marks=pytest.mark.case(20)), (0, 0)],
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_images_or_no_channels_go_through_and_their_gradients_come_back(name, N, C, xp):
    call, shape = OPERATIONS[name]
    x = ones(xp, N, C, 4, 6, requires_grad=True)
    y = call(x)
    assert y.shape == shape(N, C)
    assert y.dtype == np.float32
    assert not values(y).any()
    y.backward(xp.ones(y.shape, np.float32))
    equal(x.grad, np.zeros(x.shape))
    assert x.grad.dtype == np.float32


@every_algorithm
@pytest.mark.parametrize(
    "N, C, O",
    [
        pytest.param(0, 2, 3, marks=pytest.mark.case(19)),
        pytest.param(2, 0, 3, marks=pytest.mark.case(20)),
        pytest.param(2, 2, 0, marks=pytest.mark.case(20)),
        (0, 0, 0),
    ],
)
def test_a_convolution_of_nothing_is_its_bias_and_what_it_is_given_gets_zeros(N, C, O, algorithm, xp):
    x, weight, bias = (
        ones(xp, N, C, 4, 5, requires_grad=True),
        ones(xp, O, C, 3, 2, requires_grad=True),
        whole(xp, 1, O),
    )
    bias = Tensor(bias.data, requires_grad=True, dtype=np.float32)
    with algorithm_of(algorithm):
        y = F.conv2d(x, weight, bias)
        equal(y, np.broadcast_to(values(bias.detach())[:, None, None] + 6 * C, (N, O, 2, 4)))
        y.backward(xp.ones(y.shape, np.float32))
        equal(x.grad, np.zeros(x.shape))
        equal(weight.grad, np.full(weight.shape, 8 * N))
        equal(bias.grad, np.full(O, 8 * N))


@pytest.mark.case(20)
def test_a_matrix_without_channels_has_no_rows_or_no_columns(xp):
    assert F.convolution_matrix(ones(xp, 2, 0, 2, 3), (4, 6)).shape == (2 * 12, 0)
    assert F.convolution_matrix(ones(xp, 0, 2, 2, 3), (4, 6)).shape == (0, 2 * 24)


@pytest.mark.case(20)
def test_layers_are_built_with_at_least_one_channel():
    for build, said in (
        (lambda: nn.Conv2d(0, 2, 3), "Conv2d: in_channels"),
        (lambda: nn.ConvTranspose2d(2, 0, 3), "ConvTranspose2d: out_channels"),
        (lambda: nn.Linear(0, 2), "Linear: in_features"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features"),
        (lambda: FCN(num_classes=0), "FCN: num_classes"),
    ):
        refused(build, f"{said} must be between 1 and", "got 0")


# --- no pixels --------------------------------------------------------------------------------------------------------


@pytest.mark.case(21)
@every_algorithm
@pytest.mark.parametrize(
    "size, padding, made", [((0, 0), (1, 2), (1, 1)), ((0, 3), (1, 0), (1, 1)), ((0, 4), (2, 1), (3, 4))]
)
def test_padding_alone_is_convolved_to_zeros_and_the_bias(size, padding, made, algorithm, xp):
    """A kernel of 2·padding over an image of no pixels sees one window of zeros."""
    kernel = (2, 4) if size == (0, 0) else (2, 3)
    x, weight = ones(xp, 2, 3, *size, requires_grad=True), ones(xp, 4, 3, *kernel, requires_grad=True)
    bias = Tensor(xp.arange(4, dtype=np.float32), requires_grad=True)
    with algorithm_of(algorithm):
        y = F.conv2d(x, weight, bias, padding=padding)
        equal(y, np.broadcast_to(np.arange(4)[:, None, None], (2, 4, *made)))
        y.backward(xp.ones(y.shape, np.float32))
    assert x.grad.shape == x.shape
    equal(weight.grad, np.zeros(weight.shape))
    equal(bias.grad, np.full(4, 2 * made[0] * made[1]))


@pytest.mark.case(21)
@pytest.mark.parametrize(
    "name",
    ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "conv_transpose2d", "interpolate",
     "max_unpool2d"],
)  # fmt: skip
def test_windows_that_need_a_pixel_refuse_an_image_of_none(name, xp):
    x = ones(xp, 2, 3, 0, 6)
    calls = {
        "adaptive_avg_pool2d": lambda: F.adaptive_avg_pool2d(x, 1),
        "adaptive_max_pool2d": lambda: F.adaptive_max_pool2d(x, (None, 2)),
        "interpolate": lambda: F.interpolate(x, (3, 5)),
        "max_unpool2d": lambda: windowed("max_unpool2d", x, 2, padding=(1, 0)),
    }
    call = calls.get(name) or (lambda: windowed(name, x, (2, 3), padding=1))
    said = "the output would be -2x12 (input 0x6" if name == "max_unpool2d" else "input size must be between 1 and"
    refused(call, f"{name}: {said}")


@pytest.mark.case(21)
def test_a_network_refuses_an_image_of_no_pixels_and_takes_a_batch_of_no_images(xp):
    net = FCN(num_classes=5, width=0.25, generator=np.random.default_rng(0)).eval().to("cpu" if xp is np else "cuda")
    refused(lambda: net(ones(xp, 1, 3, 0, 8)), "image must be (N, 3, H, W) with at least one pixel", "got (1, 3, 0, 8)")
    assert net(ones(xp, 0, 3, 9, 8)).shape == (0, 5, 9, 8)


# What has no value for nothing says so; it never comes to NumPy's "zero-size array to reduction operation".
WITHOUT_VALUE = {
    "mean": F.mean,
    "var": F.var,
    "amax": F.amax,
    "argmax": F.argmax,
    "softmax": lambda x: F.softmax(x, 0),
    "log_softmax": lambda x: F.log_softmax(x, 0),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
}


@pytest.mark.case(19)
@pytest.mark.case(21)
@pytest.mark.parametrize("name", WITHOUT_VALUE)
@pytest.mark.parametrize("shape", [(0, 3, 4, 6), (0, 3, 0, 0), (0, 3)])
def test_what_has_no_value_for_nothing_says_so_with_the_shape(name, shape, xp):
    refused(lambda: WITHOUT_VALUE[name](ones(xp, *shape)), f"{name}:", f"shape {shape}")


@pytest.mark.case(20)
@pytest.mark.case(21)
def test_no_pixels_and_no_classes_in_a_loss(xp):
    for shape in ((0, 3, 4, 6), (2, 3, 0, 6), (0, 3)):
        for cost in (
            lambda x: F.cross_entropy(x, labels_for(x)),
            lambda x: F.cross_entropy(x, labels_for(x), label_smoothing=0.5),
            lambda x: F.nll_loss(x, labels_for(x)),
            lambda x: F.dice_loss(x, labels_for(x)),
            lambda x: F.mse_loss(x, x.detach()),
            lambda x: F.binary_cross_entropy_with_logits(x, x.detach()),
        ):
            x = ones(xp, *shape, requires_grad=True)
            loss = cost(x)
            equal(loss, 0)
            loss.backward()
            equal(x.grad, np.zeros(shape))
    refused(
        lambda: F.cross_entropy(ones(xp, 2, 0, 4, 6), xp.zeros((2, 4, 6), int)),
        "cross_entropy: x must be (N, C, ...) with at least one class, got shape (2, 0, 4, 6)",
    )


@pytest.mark.case(19)
@pytest.mark.case(21)
@pytest.mark.parametrize("shape", [(0, 4, 6), (2, 0, 6), (0,)])
def test_no_pixels_add_nothing_to_a_confusion_matrix(shape, xp):
    matrix = ConfusionMatrix(3)
    matrix.update(xp.zeros(shape, int), xp.zeros(shape, np.uint8))
    assert matrix.hist.tolist() == [[0] * 3] * 3


@pytest.mark.case(19)
def test_layers_take_a_batch_of_no_images(xp):
    generator = np.random.default_rng(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, generator=generator),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 2, 2, stride=2, generator=generator),
        nn.Upsample(scale_factor=2),
    ).eval()
    layers.to("cpu" if xp is np else "cuda")
    y = layers(ones(xp, 0, 3, 4, 6))
    assert y.shape == (0, 2, 8, 12)
    y.backward(xp.ones(y.shape, np.float32))
    for parameter in layers.parameters():
        equal(parameter.grad, np.zeros(parameter.shape))
