"""Every differentiable operation: gradients, and gradients of gradients, against central differences.

Inputs have no ties and stay away from kinks, shapes are unequal in every dimension. `gradcheck` contracts with random
whole numbers, so a backward that ignores the incoming gradient, or mixes up its axes, cannot pass.
"""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, use_algorithm
from minifcn.autograd import gradcheck
from tests.strategies import distinct, whole_numbers

LABELS = np.array([[[0, 2, 255], [1, 2, 0]], [[255, 1, 1], [0, 0, 2]]], np.uint8)
MASK = np.array([[True, False, True], [False, False, True]])


WEIGHT = np.array([0.5, 2.0, 3.0])


def generator():
    return np.random.default_rng(5)


def unpool(x):
    """Of overlapping windows, so that some positions are named twice."""
    indices = np.array([[[[0, 1, 1], [6, 19, 14]], [[5, 5, 4], [12, 12, 12]]]])
    return F.max_unpool2d(x, indices, (2, 3), (3, 1), output_size=(4, 5))


def yes_or_no(x, t, weight, pos_weight):
    return F.binary_cross_entropy_with_logits(x, F.sigmoid(t), weight, reduction="sum", pos_weight=pos_weight)


def batch_statistics(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=0.01)


def running_statistics(x, weight, bias):
    mean, var = Tensor([0.5, -1.0, 2.0], dtype=x.dtype), Tensor([1.0, 0.25, 3.0], dtype=x.dtype)
    return F.batch_norm(x, mean, var, weight, bias)


# name of the operation, function, shapes of its inputs; the same name may come several times
CASES = [
    ("add", F.add, (2, 3), (2, 3)),
    ("add", F.add, (2, 1, 3), (4, 1)),
    ("add", lambda x: F.add(2.5, x), (2, 3)),
    ("subtract", F.subtract, (3, 1), (2, 1, 4)),
    ("multiply", F.multiply, (2, 3), (2, 3)),
    ("multiply", F.multiply, (3,), (2, 1)),
    ("multiply", lambda x: F.multiply(x, x), (2, 3)),
    ("divide", F.divide, (2, 3), (2, 3)),
    ("divide", F.divide, (3, 1), (2, 1, 4)),
    ("divide", lambda x: F.divide(1.5, x), (2, 3)),
    ("negative", F.negative, (2, 3)),
    ("power", lambda x: F.power(x, 3), (2, 3)),
    ("power", lambda x: F.power(x, 2), (2, 3)),
    ("power", lambda x: F.power(x, 1), (2, 3)),
    ("power", lambda x: F.power(x, 0), (2, 3)),
    ("power", lambda x: F.power(x, -1), (2, 3)),
    ("power", lambda x: F.power(2, x), (2, 3)),
    ("power", lambda x: F.power(F.multiply(x, x), 0.75), (2, 3)),
    ("exp", F.exp, (2, 3)),
    ("log", lambda x: F.log(F.abs(x)), (2, 3)),
    ("sqrt", lambda x: F.sqrt(F.abs(x)), (2, 3)),
    ("abs", lambda x: F.multiply(F.abs(x), x), (2, 3)),
    ("clamp", lambda x: F.clamp(F.multiply(x, x), 0.1, 0.3), (2, 3)),
    ("broadcast_to", lambda x: F.broadcast_to(F.multiply(x, x), (2, 3, 4)), (3, 1)),
    ("sum_to", lambda x: F.sum_to(F.multiply(x, x), (3, 1)), (2, 3, 4)),
    ("matmul", F.matmul, (2, 3), (3, 4)),
    ("matmul", F.matmul, (3,), (3, 2)),
    ("matmul", F.matmul, (2, 3), (3,)),
    ("matmul", F.matmul, (3,), (3,)),
    ("matmul", F.matmul, (2, 1, 2, 3), (4, 3, 1)),
    ("linear", F.linear, (3, 2), (4, 2), (4,)),
    ("linear", F.linear, (2, 2, 3), (2, 3)),
    ("sum", lambda x: F.sum(F.power(x, 3)), (2, 3)),
    ("sum", lambda x: F.sum(F.power(x, 3), (0, -1)), (2, 3, 2)),
    ("sum", lambda x: F.sum(F.power(x, 3), 1, keepdim=True), (2, 3, 2)),
    ("mean", lambda x: F.mean(F.power(x, 3), (1, 2)), (2, 3, 2)),
    ("var", F.var, (2, 3)),
    ("var", lambda x: F.var(x, 1, 0, True), (2, 3)),
    ("amax", lambda x: F.amax(F.power(x, 3), 1), (2, 3, 2)),
    ("amax", lambda x: F.amax(F.power(x, 3)), (2, 3)),
    ("amin", lambda x: F.amin(F.power(x, 3), (0, 2)), (2, 3, 2)),
    ("max", lambda x: F.max(F.power(x, 3), 1).values, (2, 3, 2)),
    ("max", lambda x: F.max(F.power(x, 3)), (2, 3)),
    ("min", lambda x: F.min(F.power(x, 3), -1, keepdim=True).values, (2, 3, 2)),
    ("std", F.std, (2, 3)),
    ("std", lambda x: F.std(x, 1, 0, True), (2, 3, 2)),
    ("where", lambda x, y: F.where(MASK, F.power(x, 3), F.power(y, 2)), (2, 3), (3,)),
    ("where", lambda x: F.where(MASK, 2.0, F.power(x, 3)), (2, 3)),
    ("reshape", lambda x: F.reshape(F.power(x, 2), (3, -1)), (2, 3, 2)),
    ("view", lambda x: F.view(F.power(x, 2), (3, -1)), (2, 3, 2)),
    ("squeeze", lambda x: F.squeeze(F.power(x, 2)), (2, 1, 3, 1)),
    ("unsqueeze", lambda x: F.unsqueeze(F.power(x, 2), 1), (2, 3)),
    ("expand", lambda x: F.expand(F.power(x, 2), (2, -1, 4)), (3, 1)),
    ("clone", lambda x: F.clone(F.power(x, 2)), (2, 3)),
    ("contiguous", lambda x: F.contiguous(F.power(x, 2).T), (2, 3)),
    ("flatten", lambda x: F.flatten(F.power(x, 2), 1), (2, 3, 2)),
    ("permute", lambda x: F.permute(F.power(x, 2), (2, 0, 1)), (2, 3, 2)),
    ("transpose", lambda x: F.transpose(F.power(x, 2), 0, -1), (2, 3, 4)),
    ("getitem", lambda x: F.getitem(F.power(x, 2), (slice(None, None, -2), None, 1)), (3, 2, 2)),
    ("getitem", lambda x: F.getitem(F.power(x, 2), np.array([[1, 0], [-1, 1]])), (3, 2)),
    ("getitem", lambda x: F.getitem(F.power(x, 2), ([0, 0, 1], slice(None), [2, 2, 0])), (2, 2, 3)),
    ("getitem", lambda x: F.getitem(F.power(x, 2), MASK), (2, 3)),
    ("cat", lambda a, b, c: F.cat([F.power(a, 2), b, F.power(c, 3)], -1), (2, 3), (2, 1), (2, 2)),
    ("stack", lambda a, b: F.stack([F.power(a, 2), b, a], 1), (2, 3), (2, 3)),
    ("pad", lambda x: F.pad(F.power(x, 2), (1, 2, -1, 0), value=7.0), (2, 3, 2)),
    ("pad_to_multiple", lambda x: F.pad_to_multiple(F.power(x, 2), (2, 3))[0], (2, 3, 4)),
    ("pad_to_multiple", lambda x: F.pad_to_multiple(x, 4)[1](F.power(F.pad_to_multiple(x, 4)[0], 2)), (2, 3)),
    ("insert_zeros", lambda x: F.insert_zeros(F.power(x, 2), (3, 2)), (2, 2, 3)),
    ("crop_like", lambda x: F.crop_like(F.power(x, 2), LABELS, (1, 2)), (2, 3, 5)),
    ("crop", lambda x: F.crop(F.power(x, 2), (2, 1), (1, 2)), (2, 3, 4)),
    ("relu", lambda x: F.relu(F.multiply(x, F.abs(x))), (2, 3)),
    ("leaky_relu", lambda x: F.leaky_relu(F.multiply(x, F.abs(x)), 0.2), (2, 3)),
    ("gelu", F.gelu, (2, 3)),
    ("gelu", lambda x: F.gelu(x, "tanh"), (2, 3)),
    ("silu", F.silu, (2, 3)),
    ("sigmoid", F.sigmoid, (2, 3)),
    ("tanh", F.tanh, (2, 3)),
    ("softmax", lambda x: F.softmax(x, 1), (2, 3, 2)),
    ("softmax", lambda x: F.softmax(x, -1), (2, 3)),
    ("log_softmax", lambda x: F.log_softmax(x, 1), (2, 3, 2)),
    ("dropout", lambda x: F.dropout(F.power(x, 2), 0.4, generator=generator()), (3, 4)),
    ("dropout2d", lambda x: F.dropout2d(F.power(x, 2), 0.4, generator=generator()), (2, 3, 1, 2)),
    ("batch_norm", batch_statistics, (2, 3, 1, 2), (3,), (3,)),
    ("batch_norm", batch_statistics, (4, 3), (3,), (3,)),
    ("batch_norm", running_statistics, (2, 3, 1, 2), (3,), (3,)),
    ("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b, eps=0.01), (2, 4, 1, 3), (4,), (4,)),
    ("group_norm", lambda x: F.group_norm(x, 1, eps=0.01), (3, 4)),
    ("layer_norm", lambda x, w, b: F.layer_norm(x, (3, 2), w, b, eps=0.01), (2, 1, 3, 2), (3, 2), (3, 2)),
    ("layer_norm", lambda x, w: F.layer_norm(x, 4, w, eps=0.01), (2, 3, 4), (4,)),
    ("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), (1, 4, 1, 2)),
    ("local_response_norm", lambda x: F.local_response_norm(x, 2, 0.5, 0.6, 1.0), (1, 3, 2, 1)),
    ("conv2d", lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2)), (2, 2, 4, 3), (3, 2, 2, 3), (3,)),
    ("conv2d", lambda x, w: F.conv2d(x, w, stride=(3, 2), groups=2), (1, 4, 3, 4), (2, 2, 2, 1)),
    (
        "conv_transpose2d",
        lambda x, w, b: F.conv_transpose2d(x, w, b, (3, 2), (1, 0), (2, 1), 1, (1, 2)),
        (2, 2, 1, 3),
        (2, 3, 3, 2),
        (3,),
    ),
    ("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2, groups=2), (1, 4, 2, 1), (4, 1, 1, 3)),
    (
        "conv2d_input",
        lambda w, y: F.conv2d_input((2, 2, 4, 3), w, y, (2, 1), (1, 2), (1, 2)),
        (3, 2, 2, 3),
        (2, 3, 3, 3),
    ),
    ("conv2d_input", lambda w, y: F.conv2d_input((1, 4, 4, 4), w, y, (3, 2), groups=2), (2, 2, 2, 1), (1, 2, 1, 2)),
    (
        "conv2d_weight",
        lambda x, y: F.conv2d_weight(x, (3, 2, 2, 3), y, (2, 1), (1, 2), (1, 2)),
        (2, 2, 4, 3),
        (2, 3, 3, 3),
    ),
    ("conv2d_weight", lambda x, y: F.conv2d_weight(x, (2, 2, 2, 1), y, (3, 2), groups=2), (1, 4, 4, 4), (1, 2, 1, 2)),
    ("max_pool2d", lambda x: F.max_pool2d(F.power(x, 3), (3, 2), (1, 2), (1, 0), ceil_mode=True), (1, 2, 3, 5)),
    ("max_pool2d", lambda x: F.max_pool2d(F.power(x, 3), 2, 1, dilation=(2, 1)), (1, 1, 4, 3)),
    ("avg_pool2d", lambda x: F.avg_pool2d(F.power(x, 2), (3, 2), (2, 1), (1, 0), True, False), (1, 2, 4, 3)),
    ("conv2d", lambda x, w: F.conv2d(x, w, padding="same", dilation=(1, 2)), (1, 2, 3, 4), (2, 2, 2, 2)),
    ("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(F.power(x, 2), (2, 3)), (1, 2, 3, 5)),
    ("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(F.power(x, 2), (5, None)), (1, 1, 2, 3)),
    ("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(F.power(x, 3), (2, 3)), (1, 2, 3, 5)),
    ("unfold", lambda x: F.unfold(F.power(x, 2), (2, 3), (2, 1), (1, 0), (1, 2)), (1, 2, 4, 5)),
    ("fold", lambda x: F.fold(F.power(x, 2), (3, 4), (2, 3), (1, 2), (1, 2), (2, 1)), (1, 12, 8)),
    ("pixel_shuffle", lambda x: F.pixel_shuffle(F.power(x, 2), 2), (1, 4, 1, 3)),
    ("pixel_unshuffle", lambda x: F.pixel_unshuffle(F.power(x, 2), 2), (2, 2, 4)),
    ("max_unpool2d", lambda x: unpool(F.power(x, 2)), (1, 2, 2, 3)),
    ("interpolate", lambda x: F.interpolate(F.power(x, 2), (5, 2), mode="bilinear"), (1, 2, 3, 4)),
    ("interpolate", lambda x: F.interpolate(F.power(x, 2), (2, 5), mode="bilinear", align_corners=True), (1, 1, 3, 4)),
    ("interpolate", lambda x: F.interpolate(F.power(x, 2), (5, 2), mode="bicubic"), (1, 2, 3, 4)),
    ("interpolate", lambda x: F.interpolate(F.power(x, 2), (2, 5), mode="bicubic", align_corners=True), (1, 1, 3, 4)),
    ("interpolate", lambda x: F.interpolate(F.power(x, 2), scale_factor=(2, 1.5)), (1, 1, 2, 3)),
    ("cross_entropy", lambda x: F.cross_entropy(x, LABELS), (2, 3, 2, 3)),
    ("cross_entropy", lambda x: F.cross_entropy(x, LABELS, np.array([0.5, 2.0, 3.0]), reduction="none"), (2, 3, 2, 3)),
    ("cross_entropy", lambda x: F.cross_entropy(x, LABELS[0, 0], np.array([0.5, 2, 3]), reduction="sum"), (3, 3)),
    ("cross_entropy", lambda x: F.cross_entropy(x, LABELS, WEIGHT, label_smoothing=0.3), (2, 3, 2, 3)),
    ("nll_loss", lambda x: F.nll_loss(F.power(x, 2), LABELS, WEIGHT), (2, 3, 2, 3)),
    ("nll_loss", lambda x: F.nll_loss(F.power(x, 2), LABELS[0, 0], reduction="none"), (3, 3)),
    ("dice_loss", lambda x: F.dice_loss(x, LABELS), (2, 3, 2, 3)),
    ("dice_loss", lambda x: F.dice_loss(x, LABELS[0, 0], smooth=0.1, reduction="none"), (3, 3)),
    ("mse_loss", F.mse_loss, (2, 3), (2, 3)),
    ("mse_loss", lambda x, t: F.mse_loss(x, t, reduction="none"), (2, 3), (2, 3)),
    ("l1_loss", lambda x, t: F.power(F.l1_loss(x, t), 2), (2, 3), (2, 3)),
    ("binary_cross_entropy_with_logits", yes_or_no, (2, 3), (2, 3), (3,), (2, 1)),
    ("binary_cross_entropy_with_logits", lambda x: F.binary_cross_entropy_with_logits(x, MASK.astype(x.dtype)), (2, 3)),
]

# What has no gradient of its own: whole-number results, a matrix to look at, a move (see test_transfer.py).
WITHOUT_GRADIENT = {"all", "any", "argmax", "argmin", "astype", "convolution_matrix", "one_hot", "to"}


def inputs_of(shapes):
    source = np.random.default_rng(len(shapes))
    return [Tensor(distinct(source, shape, 2.0 / max(8, np.prod(shape))), requires_grad=True) for shape in shapes]


@pytest.mark.case(51)
@pytest.mark.parametrize("name, function, shapes", [(c[0], c[1], c[2:]) for c in CASES])
def test_gradients_to_second_order(name, function, shapes):
    assert gradcheck(function, inputs_of(shapes), order=2, atol=1e-6, rtol=1e-5)


def test_the_third_derivative_of_a_maximum_sends_values_to_the_winners_again():
    """Pooling scatters in its backward, gathers in the backward of that, and scatters in the third."""
    x = Tensor(distinct(np.random.default_rng(2), (1, 2, 3, 5)), requires_grad=True)
    assert gradcheck(lambda x: F.max_pool2d(x, (2, 3), (1, 2)), x, order=3, eps=1e-3)


def test_every_public_operation_is_checked():
    assert {case[0] for case in CASES} | WITHOUT_GRADIENT == set(F.__all__)


@pytest.mark.case(35)
@pytest.mark.parametrize("name, function, shapes", [(c[0], c[1], c[2:]) for c in CASES])
def test_float32_stays_float32_and_inputs_stay_as_they_are(name, function, shapes):
    inputs = [Tensor(x.detach(), requires_grad=True, dtype=np.float32) for x in inputs_of(shapes)]
    before = [x.data.copy() for x in inputs]
    output = function(*inputs)
    assert output.dtype == np.float32
    output.backward(np.ones(output.shape, np.float32))
    for x, kept in zip(inputs, before, strict=True):
        assert x.grad is not None
        assert x.grad.dtype == np.float32
        assert x.grad.shape == x.shape
        np.testing.assert_array_equal(x.data, kept)
        for other in inputs:
            assert not np.shares_memory(x.grad._array, other._array)
        assert not np.shares_memory(x.grad._array, output._array)


# --- linear in each operand: finite differences with step 1 are exact -------------------------------------------------

LINEAR = {
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 0), (1, 2), 2), (2, 4, 4, 5), (2, 2, 3, 2), (2,)),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, (2, 3), (1, 0), (1, 2), 2, (2, 1)),
        (2, 4, 2, 3),
        (4, 1, 2, 3),
        (2,),
    ),
    "conv2d_input": (
        lambda w, y: F.conv2d_input((2, 4, 5, 6), w, y, (2, 1), (1, 0), (1, 2), 2),
        (2, 2, 3, 2),
        (2, 2, 3, 4),
    ),
    "conv2d_weight": (
        lambda x, y: F.conv2d_weight(x, (2, 2, 3, 2), y, (2, 1), (1, 0), (1, 2), 2),
        (2, 4, 5, 6),
        (2, 2, 3, 4),
    ),
    "insert_zeros": (lambda x: F.insert_zeros(x, (2, 3)), (2, 3, 4)),
    "matmul": (F.matmul, (2, 3, 4), (4, 2)),
    "multiply": (F.multiply, (2, 3), (4, 1, 3)),
    "getitem": (lambda x: x[[2, 0, 2], 1:], (3, 4)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (2, 4), (1, 2), (1, 2)), (2, 1, 3, 5)),
    "unfold": (lambda x: F.unfold(x, (3, 2), (1, 2), (1, 0), (2, 1)), (2, 3, 4, 5)),
    "fold": (lambda x: F.fold(x, (4, 5), (3, 2), (1, 2), (1, 0), (2, 1)), (2, 12, 6)),
    "conv2d, same": (lambda x, w: F.conv2d(x, w, padding="same", dilation=(1, 3)), (2, 2, 3, 4), (3, 2, 2, 2)),
}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("algorithm", ["matrix", "im2col"])
def test_exact_gradients_of_linear_operations(name, algorithm):
    function, *shapes = LINEAR[name]
    source = np.random.default_rng(8)
    inputs = [Tensor(whole_numbers(source, shape), requires_grad=True) for shape in shapes]
    with use_algorithm(algorithm):
        assert gradcheck(function, inputs, eps=1, atol=0, rtol=0)


def test_second_order_through_a_whole_network():
    """Convolution, ReLU, pooling, transposed convolution and loss together: a penalty on the gradient, differentiated."""

    def network(x, w, v):
        features = F.max_pool2d(F.relu(F.conv2d(x, w, padding=(1, 0))), (2, 1))
        return F.cross_entropy(F.conv_transpose2d(features, v, stride=(2, 1)), LABELS[:1])

    source = np.random.default_rng(9)  # real numbers: sums of multiples of one number would meet the kink of ReLU
    shapes = [(1, 2, 2, 3), (2, 2, 3, 1), (2, 3, 2, 1)]
    inputs = [Tensor(source.standard_normal(shape), requires_grad=True) for shape in shapes]
    for algorithm in ("matrix", "im2col"):
        with use_algorithm(algorithm):
            assert gradcheck(network, inputs, order=2, atol=1e-6, rtol=1e-5)
