"""Cases 22 to 25: dtypes that do not fit together, do not suffice, or are no numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, as_tensor, grad, nn
from minifcn.arrays.convolution import loops
from minifcn.errors import ArgumentTypeError
from minifcn.functional import arithmetic
from minifcn.geometry import Geometry
from minifcn.metrics import ConfusionMatrix
from minifcn.models import FCN
from minifcn.tensor import Buffer, Parameter
from tests.hostile.operations import (
    IMAGE_OPERATIONS,
    algorithm_of,
    equal,
    every_algorithm,
    full,
    ones,
    ones_beside,
    refused,
    tensor,
    values,
)

# --- two dtypes in one operation --------------------------------------------------------------------------------------

X, WEIGHT = (1, 2, 4, 5), (2, 2, 3, 2)

# name -> what is done with a float32 tensor, and tensors of another dtype made by `other(*shape)`
MIXED = {
    "conv2d: x and weight": lambda x, other: F.conv2d(x, other(*WEIGHT)),
    "conv2d: x and bias": lambda x, other: F.conv2d(x, x[:, :, :3, :2].reshape(1, 2, 3, 2), other(1)),
    "conv_transpose2d: x and weight": lambda x, other: F.conv_transpose2d(x, other(*WEIGHT)),
    "conv_transpose2d: x and bias": lambda x, other: F.conv_transpose2d(x, x.reshape(2, 1, 4, 5), other(1)),
    "matmul": lambda x, other: F.matmul(x, other(5, 2)),
    "linear": lambda x, other: F.linear(x, other(3, 5)),
    "linear, bias": lambda x, other: F.linear(x, x.reshape(8, 5), other(8)),
    "add": lambda x, other: x + other(5),
    "subtract": lambda x, other: other(5) - x,
    "multiply": lambda x, other: x * other(1),
    "divide": lambda x, other: x / other(5),
    "less": lambda x, other: x < other(5),
    "cat": lambda x, other: F.cat([x, other(*X)]),
    "stack": lambda x, other: F.stack([x, other(*X)]),
    "batch_norm: x and weight": lambda x, other: F.batch_norm(x, None, None, other(2), training=True),
    "batch_norm: x and bias": lambda x, other: F.batch_norm(x, None, None, None, other(2), training=True),
    "batch_norm: x and running_mean": lambda x, other: F.batch_norm(x, other(2), None, training=True),
    "batch_norm: x and running_var": lambda x, other: F.batch_norm(x, None, other(2), training=True),
}


@pytest.mark.case(22)
@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_two_dtypes_in_one_operation_are_refused_with_both(name, dtype, xp):
    refused(
        lambda: MIXED[name](ones(xp, *X), lambda *shape: ones(xp, *shape, dtype=dtype)),
        "have different dtypes",
        "float32",
        np.dtype(dtype).name,
        "convert one with .astype",
        error=ArgumentTypeError,
    )


@pytest.mark.case(22)
def test_an_array_beside_a_tensor_has_its_dtype_and_a_number_takes_it(xp):
    x = ones(xp, 2, 3)
    both = "float32", "float64", "convert one with .astype"
    refused(lambda: x + xp.ones(3), *both, error=ArgumentTypeError)
    refused(lambda: xp.ones(3) * x, *both, error=ArgumentTypeError)
    for number in (2, 2.0, np.float64(2), np.int64(2)):
        assert (x * number).dtype == np.float32
        equal(number * x, np.full((2, 3), 2))


# --- images of whole numbers ------------------------------------------------------------------------------------------

FLOATING = {
    **IMAGE_OPERATIONS,
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "cross_entropy": lambda x: F.cross_entropy(x, np.zeros((2, 4, 5), int)),
    "nll_loss": lambda x: F.nll_loss(x, np.zeros((2, 4, 5), int)),
    "dice_loss": lambda x: F.dice_loss(x, np.zeros((2, 4, 5), int)),
    "mse_loss": lambda x: F.mse_loss(x, x),
    "l1_loss": lambda x: F.l1_loss(x, x),
    "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, x),
    "group_norm": lambda x: F.group_norm(x, 1),
    "layer_norm": lambda x: F.layer_norm(x, 5),
    "gelu": F.gelu,
    "silu": F.silu,
    "dropout": lambda x: F.dropout(x, generator=np.random.default_rng(0)),
    "linear": lambda x: F.linear(x, x),
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "mean": F.mean,
    "var": F.var,
    "std": F.std,
    "exp": F.exp,
    "log": F.log,
    "sqrt": F.sqrt,
    "abs": F.abs,
    "clamp": lambda x: F.clamp(x, 0, 1),
    "divide": lambda x: x / x,
    "FCN": lambda x: FCN(width=0.25)(x),
}


@pytest.mark.case(23)
@pytest.mark.parametrize("name", FLOATING)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_])
def test_an_image_of_whole_numbers_is_refused_with_the_way_to_floating_point(name, dtype, xp):
    x = full(xp, 1, 2, 3, 4, 5, dtype=dtype)
    said = f"must be floating point, got {np.dtype(dtype).name}; convert it with .astype(numpy.float32)"
    refused(lambda: FLOATING[name](x), f"{name}: ", said, error=ArgumentTypeError)


@pytest.mark.case(23)
def test_small_whole_numbers_wrap_as_numpys_do_and_the_documentation_says_so(xp):
    x = full(xp, 200, 2, dtype=np.uint8)
    equal(x + x, [144, 144])
    assert "200 + 200 is 144 in uint8" in arithmetic.__doc__
    equal(F.sum(x), 400)  # a sum has room


@pytest.mark.case(23)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_])
def test_whole_numbers_cannot_require_gradients(dtype, xp):
    array = xp.ones(2, dtype)
    for make in (
        lambda: Tensor(array, requires_grad=True),
        lambda: Tensor(array).requires_grad_(),
        lambda: Parameter(array),
        lambda: Tensor([1.5, 2.5], requires_grad=True, dtype=dtype),
    ):
        said = "only floating point tensors can require gradients", np.dtype(dtype).name, "convert it to float32"
        refused(make, *said, error=ArgumentTypeError)


# --- half precision ---------------------------------------------------------------------------------------------------

HALF = np.float16


def half(xp, *shape):
    return ones(xp, *shape, dtype=HALF)


def gradient(x, call):
    """The gradient of the sum of call(x) with respect to x."""
    x.requires_grad_()
    return grad(call(x).sum(), x)[0]


# name -> (what is done, the result): the way leads over sums of 4096 ones, where half precision stops at 2048, or over
# numbers beyond its largest, 65504
HALF_SUMS = {
    "conv2d over channels": (lambda xp: F.conv2d(half(xp, 1, 4096, 1, 1), half(xp, 1, 4096, 1, 1)), 4096),
    "conv2d over taps": (lambda xp: F.conv2d(half(xp, 1, 1, 64, 64), half(xp, 1, 1, 64, 64)), 4096),
    "conv_transpose2d over stamps": (
        lambda xp: F.conv_transpose2d(half(xp, 1, 1, 64, 64), half(xp, 1, 1, 64, 64), padding=63),
        4096,
    ),
    "conv2d, gradient of the weight": (
        lambda xp: gradient(half(xp, 1, 1, 1, 1), lambda w: F.conv2d(half(xp, 2, 1, 64, 32), w)),
        4096,
    ),
    "conv2d, gradient of the bias": (
        lambda xp: gradient(half(xp, 1), lambda b: F.conv2d(half(xp, 2, 1, 64, 32), half(xp, 1, 1, 1, 1), b)),
        4096,
    ),
    "matmul": (lambda xp: F.matmul(half(xp, 1, 4096), half(xp, 4096, 1)), 4096),
    "linear": (lambda xp: F.linear(half(xp, 1, 4096), half(xp, 1, 4096)), 4096),
    "sum": (lambda xp: F.sum(half(xp, 4096)), 4096),
    "sum of columns": (lambda xp: F.sum(half(xp, 4096, 3), 0), 4096),
    "sum_to": (lambda xp: F.sum_to(half(xp, 4096, 3), (3,)), 4096),
    "broadcast_to, gradient": (lambda xp: gradient(half(xp, 3), lambda x: F.broadcast_to(x, (4096, 3))), 4096),
    "mean": (lambda xp: F.mean(half(xp, 70000)), 1),
    "mean of columns": (lambda xp: F.mean(half(xp, 5000, 2), 0), 1),
    "var": (lambda xp: F.var(tensor(xp, np.arange(40000) % 2 * 100, HALF), correction=0), 2500),
    "avg_pool2d": (lambda xp: F.avg_pool2d(full(xp, 2000, 1, 1, 80, 80, dtype=HALF), 80), 2000),
    "avg_pool2d, gradient": (
        lambda xp: gradient(half(xp, 1, 1, 127, 127), lambda x: F.avg_pool2d(x, 64, 1, divisor_override=1))[
            ..., 63, 63
        ],
        4096,
    ),
    "max_pool2d, gradient": (
        lambda xp: gradient(F.pad(half(xp, 1, 1, 1, 1), (63,) * 4), lambda x: F.max_pool2d(x, 64, 1))[..., 63, 63],
        4096,
    ),
    "softmax": (lambda xp: F.softmax(half(xp, 1, 4096, 2), 1), 1 / 4096),
    "log_softmax": (lambda xp: F.log_softmax(half(xp, 1, 4096, 2), 1), -math.log(4096)),
    "amax, shared gradient": (lambda xp: gradient(half(xp, 4096, 2), lambda x: F.amax(x, 0)), 1 / 4096),
    "local_response_norm": (
        lambda xp: F.local_response_norm(full(xp, 300, 1, 3, 2, 2, dtype=HALF), 1, 1.0, 1.0, 0.0),
        1 / 300,
    ),
    "interpolate": (lambda xp: F.interpolate(full(xp, 60000, 1, 1, 3, 5, dtype=HALF), (7, 4), mode="bilinear"), 60000),
    "cross_entropy": (
        lambda xp: F.cross_entropy(half(xp, 1, 3, 300, 300), xp.zeros((1, 300, 300), np.uint8)),
        math.log(3),
    ),
    "cross_entropy, smoothed": (
        lambda xp: F.cross_entropy(half(xp, 1, 3, 300, 300), xp.zeros((1, 300, 300), np.uint8), label_smoothing=0.5),
        math.log(3),
    ),
    "nll_loss": (lambda xp: F.nll_loss(half(xp, 1, 3, 300, 300), xp.zeros((1, 300, 300), np.uint8)), -1),
    "mse_loss": (lambda xp: F.mse_loss(half(xp, 4096) * 2, half(xp, 4096)), 1),
    "l1_loss": (lambda xp: F.l1_loss(half(xp, 4096) * 3, half(xp, 4096)), 2),
    "binary_cross_entropy_with_logits": (
        lambda xp: F.binary_cross_entropy_with_logits(half(xp, 4096) * 0, half(xp, 4096), reduction="sum"),
        4096 * math.log(2),
    ),
    "layer_norm": (lambda xp: F.layer_norm(full(xp, 300, 2, 4096, dtype=HALF), 4096), 0),
    "group_norm": (lambda xp: F.group_norm(full(xp, 300, 1, 2, 64, 64, dtype=HALF), 1), 0),
}


@pytest.mark.case(24)
@pytest.mark.parametrize("name", HALF_SUMS)
def test_half_precision_is_added_up_in_single_precision(name, xp):
    call, expected = HALF_SUMS[name]
    found = call(xp)
    assert found.dtype == HALF
    equal(found, np.full(found.shape, expected, HALF))


@pytest.mark.case(24)
@every_algorithm
def test_every_algorithm_adds_half_precision_up_in_single_precision(algorithm, xp):
    x, weight = half(xp, 1, 4096, 1, 1), half(xp, 1, 4096, 1, 1)
    with algorithm_of(algorithm):
        equal(F.conv2d(x, weight), np.full((1, 1, 1, 1), 4096, HALF))
        equal(F.conv_transpose2d(x, weight.transpose(0, 1)), np.full((1, 1, 1, 1), 4096, HALF))
        large = F.conv2d(full(xp, 60000, 1, 2, 1, 2, dtype=HALF), half(xp, 1, 2, 1, 1))
        equal(large, np.full((1, 1, 1, 2), np.inf, HALF))


@pytest.mark.case(24)
@every_algorithm
def test_half_precision_rounds_once(algorithm, xp):
    """Result and gradients are those of double precision, but for the one rounding: 2⁻¹¹ of the value."""
    geometry = Geometry.of_convolution((9, 7), (3, 2), (2, 1), 1)
    source = np.random.default_rng(0)
    shapes = (2, 16, 9, 7), (4, 16, 3, 2), (2, 4, *geometry.output_size)
    x, w, y = (source.standard_normal(shape).astype(HALF) for shape in shapes)
    with algorithm_of(algorithm):
        xt, wt = tensor(xp, x, HALF, requires_grad=True), tensor(xp, w, HALF, requires_grad=True)
        made = F.conv2d(xt, wt, stride=(2, 1), padding=1)
        by_x, by_w = grad(made, [xt, wt], tensor(xp, y, HALF))
    x, w, y = (array.astype(np.float64) for array in (x, w, y))
    for found, exact in (
        (made.detach(), loops.to_output(x, w, geometry)),
        (by_x, loops.to_input(w, y, geometry)),
        (by_w, loops.to_weight(x, y, geometry)),
    ):
        assert found.dtype == HALF
        np.testing.assert_allclose(values(found).astype(float), exact, rtol=2**-10, atol=2**-14)


# What is beyond the largest half precision number.
HALF_TOO_LARGE = {
    "conv2d": lambda x: F.conv2d(x, ones_beside(x, 1, 2, 1, 1)),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, ones_beside(x, 2, 1, 2, 2)),
    "matmul": lambda x: F.matmul(x, ones_beside(x, 5, 2)),
    "linear": lambda x: F.linear(x, ones_beside(x, 2, 5)),
    "sum": F.sum,
    "sum_to": lambda x: F.sum_to(x, (5,)),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2, divisor_override=1),
    "astype": lambda x: (x.astype(np.float32) * 2.0).astype(HALF),
    "add": lambda x: x + x,
    "exp": F.exp,
}


@pytest.mark.case(24)
@pytest.mark.parametrize("name", HALF_TOO_LARGE)
def test_half_precision_that_overflows_is_infinite_and_no_exception(name, xp):
    x = full(xp, 60000, 1, 2, 3, 5, dtype=HALF)
    elementwise = name in ("add", "exp")  # NumPy's own rules there: it warns unless numpy.seterr says otherwise
    with np.errstate(over="ignore" if elementwise else "warn"):
        y = HALF_TOO_LARGE[name](x)
    assert y.dtype == HALF
    assert np.isposinf(values(y)).any()
    assert not np.isnan(values(y)).any()


@pytest.mark.case(24)
def test_batch_norm_in_half_precision(xp):
    """200x100 pixels with squares beyond 65504: mean and variance as in double precision, the result rounded."""
    exact = np.random.default_rng(0).normal(300, 200, (1, 2, 200, 100)).astype(HALF).astype(np.float64)
    x = tensor(xp, exact, HALF, requires_grad=True)
    running_mean, running_var = Buffer(xp.zeros(2, HALF)), Buffer(xp.ones(2, HALF))
    y = F.batch_norm(x, running_mean, running_var, training=True, momentum=1.0)
    mean, var = exact.mean((0, 2, 3), keepdims=True), exact.var((0, 2, 3), keepdims=True)
    assert y.dtype == HALF
    np.testing.assert_allclose(values(y), (exact - mean) / np.sqrt(var), rtol=5e-3, atol=5e-3)
    np.testing.assert_allclose(values(running_mean), mean.ravel(), rtol=1e-3)
    np.testing.assert_allclose(values(running_var), var.ravel(), rtol=1e-3)
    normal = F.batch_norm(x, running_mean, running_var)
    np.testing.assert_allclose(values(normal), values(y), rtol=5e-2, atol=5e-2)
    assert np.isfinite(values(grad(y.sum(), x)[0])).all()


# --- what is no real number -------------------------------------------------------------------------------------------

NO_NUMBERS = {
    "complex": 1j,
    "list of complex": [1j],
    "text": "a",
    "list of text": ["a"],
    "bytes": b"a",
    "None": None,
    "list of None": [None],
    "dict": {},
    "object": object(),
    "complex array": np.array([1j]),
    "array of text": np.array(["a"]),
    "array of objects": np.array([None]),
    "array of dates": np.array(["2020"], "M8[D]"),
}
NO_DTYPES = [complex, np.complex64, object, str, "U3", bytes, "M8[s]"]

# every place where a Tensor is made or something enters one -> (how, what the error says, whatever it is given)
MADE = {
    "Tensor": (Tensor, "a Tensor cannot hold dtype"),
    "Tensor, dtype": (lambda data: Tensor(data, dtype=np.float32), "a Tensor cannot hold dtype"),
    "Parameter": (Parameter, "a Tensor cannot hold dtype"),
    "Buffer": (Buffer, "a Tensor cannot hold dtype"),
    "as_tensor": (as_tensor, "a Tensor cannot hold dtype"),
    "data": (lambda data: setattr(Tensor([1.0]), "data", data), "a Tensor cannot hold dtype"),
    "writing": (lambda data: Tensor([1.0]).__setitem__(0, data), "a Tensor cannot hold dtype"),
    "add": (lambda data: Tensor([1.0]) + data, "a Tensor"),
    "multiply, on the left": (lambda data: data * Tensor([1.0]), "a Tensor"),
    "less": (lambda data: Tensor([1.0]) < data, "a Tensor"),
    "cat": (lambda data: F.cat([Tensor([1.0]), data]), "a Tensor"),
    "relu": (F.relu, "relu: x must be a Tensor"),
    "power": (lambda data: Tensor([1.0]) ** data, "power: the exponent must be a number"),
    "pad": (lambda data: F.pad(Tensor([1.0]), (1, 1), value=data), "pad: value must be a number"),
    "convolution_matrix": (lambda data: F.convolution_matrix(data, 3), "convolution_matrix"),
    "conv2d": (lambda data: F.conv2d(ones(np, 1, 1, 2, 2), data), "conv2d: weight must be a Tensor"),
    "max_unpool2d": (
        lambda data: F.max_unpool2d(ones(np, 1, 1, 1, 1), np.reshape(data, (1, 1, 1, 1)), 1),
        "max_unpool2d: indices must be integers",
    ),
    "cross_entropy, target": (
        lambda data: F.cross_entropy(Tensor([[1.0]]), data),
        "cross_entropy: target must be an array of integer labels",
    ),
    "cross_entropy, weight": (
        lambda data: F.cross_entropy(Tensor([[1.0]]), np.array([0]), np.reshape(data, -1)),
        "the weight of cross_entropy cannot hold dtype",
    ),
    "load_state_dict": (lambda data: nn.BatchNorm2d(1).load_state_dict({"weight": data}, strict=False), "weight"),
    "ConfusionMatrix": (
        lambda data: ConfusionMatrix(2).update(np.asarray(data), np.asarray(data)),
        "pass integer labels",
    ),
}


@pytest.mark.case(25)
@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("data", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_real_number_enters_nowhere(name, data):
    call, said = MADE[name]
    refused(lambda: call(data), said, error=ArgumentTypeError)


@pytest.mark.case(25)
@pytest.mark.parametrize("name", [name for name in NO_NUMBERS if name != "None"])
def test_what_is_no_real_number_is_no_gradient(name):
    y = Tensor([1.0], requires_grad=True) * 2.0
    refused(lambda: y.backward(NO_NUMBERS[name]), "cannot hold dtype", error=ArgumentTypeError)


@pytest.mark.case(25)
@pytest.mark.parametrize("dtype", NO_DTYPES, ids=repr)
def test_no_tensor_takes_a_dtype_without_real_numbers(dtype, xp):
    x = ones(xp, 2)
    name = np.dtype(dtype).name if np.dtype(dtype).kind == "c" else ""
    for call in (
        lambda: Tensor([1.0], dtype=dtype),
        lambda: as_tensor(x, dtype=dtype),
        lambda: x.astype(dtype),
        lambda: x.to(np.dtype(dtype)),
    ):
        refused(call, "a Tensor cannot hold", name, "float32, float64 or", error=ArgumentTypeError)
    with pytest.raises(ArgumentTypeError, match="neither a device nor a floating point dtype"):
        nn.Linear(1, 1).to(np.dtype(dtype))
