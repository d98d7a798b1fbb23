"""conv2d and conv_transpose2d: sizes, errors, and each as the gradient of the other, bit for bit."""

from __future__ import annotations

import itertools
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, convolution_matrix, grad, use_algorithm
from minifcn.arrays import loops
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from tests.strategies import geometries, laid_out, layouts, operands, transposed_geometries, whole_numbers


def zeros(*shape, dtype=np.float32):
    return Tensor(np.zeros(shape, dtype))


def numbers(seed, *shape, dtype=np.float64, requires_grad=False):
    return Tensor(whole_numbers(np.random.default_rng(seed), shape, dtype), requires_grad)


# --- values ---------------------------------------------------------------------------------------------------------


@given(st.data())
def test_values_are_those_of_the_definition(data):
    geometry = data.draw(geometries())
    x, w, _ = data.draw(operands(geometry))
    b = whole_numbers(np.random.default_rng(len(w)), (len(w),), w.dtype)
    found = F.conv2d(
        Tensor(laid_out(x, "plain")),
        Tensor(w),
        Tensor(b),
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=geometry.groups,
    )
    expected = loops.to_output(x, w, geometry) + b[:, None, None]
    np.testing.assert_array_equal(found.data, expected)
    assert found.dtype == x.dtype


@given(st.data())
def test_values_of_the_transpose_are_those_of_the_definition(data):
    geometry = data.draw(transposed_geometries())
    _, w, y = data.draw(operands(geometry))
    channels = w.shape[1] * geometry.groups
    b = whole_numbers(np.random.default_rng(channels), (channels,), w.dtype)
    found = F.conv_transpose2d(
        Tensor(y),
        Tensor(w),
        Tensor(b),
        stride=geometry.stride,
        padding=geometry.padding,
        groups=geometry.groups,
        dilation=geometry.dilation,
        output_size=geometry.input_size,
    )
    np.testing.assert_array_equal(found.data, loops.to_input(w, y, geometry) + b[:, None, None])


def test_arguments_are_in_the_order_of_pytorch():
    x, w = numbers(0, 1, 4, 6, 7), numbers(1, 2, 2, 3, 2)
    b = numbers(2, 2)
    by_name = F.conv2d(x, weight=w, bias=b, stride=2, padding=(1, 0), dilation=(1, 3), groups=2)
    np.testing.assert_array_equal(F.conv2d(x, w, b, 2, (1, 0), (1, 3), 2).data, by_name.data)
    v, c = numbers(3, 4, 3, 3, 2), numbers(4, 6)
    by_name = F.conv_transpose2d(
        x, weight=v, bias=c, stride=(2, 3), padding=1, output_padding=(1, 2), groups=2, dilation=(2, 1)
    )
    np.testing.assert_array_equal(F.conv_transpose2d(x, v, c, (2, 3), 1, (1, 2), 2, (2, 1)).data, by_name.data)


def test_the_seed_example():
    square = Tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    found = F.conv_transpose2d(square, square).data
    np.testing.assert_array_equal(found[0, 0], [[0, 0, 1], [0, 4, 6], [4, 12, 9]])
    assert found.dtype == np.float32


# --- each is the gradient of the other ------------------------------------------------------------------------------


def settings_of(geometry):
    return {"stride": geometry.stride, "padding": geometry.padding, "dilation": geometry.dilation}


@given(st.data())
def test_the_gradient_of_convolution_is_transposed_convolution(data):
    geometry = data.draw(geometries().filter(lambda g: min(g.input_size) > 0))
    x, w, y = (Tensor(array, requires_grad=True) for array in data.draw(operands(geometry)))
    made = F.conv2d(x, w, groups=geometry.groups, **settings_of(geometry))
    by_x, by_w = grad(made, [x, w], y)
    if reachable(geometry):
        transposed = F.conv_transpose2d(
            y, w, groups=geometry.groups, output_size=geometry.input_size, **settings_of(geometry)
        )
        np.testing.assert_array_equal(by_x.data, transposed.data)
    np.testing.assert_array_equal(by_x.data, loops.to_input(w.data, y.data, geometry))
    np.testing.assert_array_equal(by_w.data, loops.to_weight(x.data, y.data, geometry))


def reachable(geometry):
    """Whether output_padding < max(stride, dilation) can name the size: not where padding alone made the windows."""
    rows = (
        (geometry.output_size[a] - 1) * geometry.stride[a] - 2 * geometry.padding[a] + geometry.reach[a] for a in (0, 1)
    )
    return all(0 <= geometry.input_size[a] - least < geometry.stride[a] for a, least in enumerate(rows))


@given(st.data())
def test_the_gradient_of_transposed_convolution_is_convolution(data):
    geometry = data.draw(transposed_geometries())
    made, w, x = (Tensor(array, requires_grad=True) for array in data.draw(operands(geometry)))
    result = F.conv_transpose2d(x, w, groups=geometry.groups, output_size=geometry.input_size, **settings_of(geometry))
    by_x, by_w = grad(result, [x, w], made)
    np.testing.assert_array_equal(by_w.data, loops.to_weight(made.data, x.data, geometry))
    np.testing.assert_array_equal(by_x.data, loops.to_output(made.data, w.data, geometry))
    straight = F.conv2d(made, w, groups=geometry.groups, **settings_of(geometry))
    if straight.shape == x.shape:  # an output_padding beyond the stride gives conv2d room for another window
        np.testing.assert_array_equal(by_x.data, straight.data)


@pytest.mark.parametrize("algorithm", ["loops", "matrix", "im2col"])
def test_every_second_derivative_is_one_of_the_three_again(algorithm):
    """T is trilinear. With g = dT/dx in hand, d/dw ⟨g, v⟩ is the weight contraction of v and y: and so for all."""
    geometry = Geometry.of_convolution((5, 6), (2, 3), (2, 1), (1, 0), (1, 2))
    source = np.random.default_rng(3)
    x, w = numbers(1, 2, 3, 5, 6, requires_grad=True), numbers(2, 4, 3, 2, 3, requires_grad=True)
    y = Tensor(whole_numbers(source, (2, 4, *geometry.output_size)), requires_grad=True)
    v, u = Tensor(whole_numbers(source, x.shape)), Tensor(whole_numbers(source, w.shape))
    with use_algorithm(algorithm):
        made = F.conv2d(x, w, stride=(2, 1), padding=(1, 0), dilation=(1, 2))
        by_x, by_w = grad(made, [x, w], y, create_graph=True)
        by_x_w, by_x_y = grad(by_x, [w, y], v, retain_graph=True)
        by_w_x, by_w_y = grad(by_w, [x, y], u, retain_graph=True)
        by_x_x = grad(by_x, x, v, allow_unused=True)[0]
    np.testing.assert_array_equal(by_x_w.data, loops.to_weight(v.data, y.data, geometry))
    np.testing.assert_array_equal(by_x_y.data, loops.to_output(v.data, w.data, geometry))
    np.testing.assert_array_equal(by_w_x.data, loops.to_input(u.data, y.data, geometry))
    np.testing.assert_array_equal(by_w_y.data, loops.to_output(x.data, u.data, geometry))
    assert by_x_x is None  # linear in x


def test_a_gradient_penalty_with_stride():
    """The term that breaks where a double backward forgets output_padding: stride 2 and a remainder."""
    x, w = numbers(1, 1, 2, 6, 7, requires_grad=True), numbers(2, 3, 2, 3, 2, requires_grad=True)
    (by_x,) = grad(F.conv2d(x, w, stride=2).sum(), x, create_graph=True)
    assert by_x.shape == x.shape
    (by_x * by_x).sum().backward()
    geometry = Geometry.of_convolution((6, 7), (3, 2), 2)
    ones = np.ones((1, 3, *geometry.output_size))
    expected = loops.to_weight(2 * by_x.data, ones, geometry)
    np.testing.assert_array_equal(w.grad.data, expected)
    np.testing.assert_array_equal(x.grad.data if x.grad is not None else 0, 0)


def test_the_bias_receives_what_all_its_pixels_receive():
    x, w = numbers(1, 2, 1, 3, 4), numbers(2, 3, 1, 2, 2)
    b = numbers(3, 3, requires_grad=True)
    y = whole_numbers(np.random.default_rng(4), (2, 3, 2, 3))
    F.conv2d(x, w, b).backward(y)
    np.testing.assert_array_equal(b.grad.data, y.sum((0, 2, 3)))


@given(st.data())
def test_layouts_do_not_matter_in_any_derivative(data):
    geometry = data.draw(geometries())
    arrays = [laid_out(array, data.draw(layouts())) for array in data.draw(operands(geometry))]
    results = []
    for x, w, y in (arrays, [np.ascontiguousarray(array) for array in arrays]):
        x, w, y = (Tensor.of(array).requires_grad_() for array in (x, w, y))
        made = F.conv2d(x, w, groups=geometry.groups, **settings_of(geometry))
        results.append([made.data, *(g.data for g in grad(made, [x, w], y))])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_every_size_makes_the_round_trip():
    """conv2d and back with output_size: the shape returns, for every size, kernel, stride, padding and dilation."""
    done = 0
    for k, s, p, d in itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        for n in range(1, 10):
            if n + 2 * p < d * (k - 1) + 1 or p > d * (k - 1):
                continue
            x = zeros(1, 1, n, n + 1)
            y = F.conv2d(x, zeros(1, 1, k, k), None, s, p, d)
            back = F.conv_transpose2d(y, zeros(1, 1, k, k), None, s, p, 0, 1, d, output_size=x.shape[2:])
            assert back.shape == x.shape, (n, k, s, p, d)
            done += 1
    assert done > 200


def test_output_size_names_its_limits():
    y = zeros(1, 1, 5, 6)
    reachable_rows = []
    for rows in range(12, 22):
        try:
            F.conv_transpose2d(y, zeros(1, 1, 4, 4), stride=3, output_size=(rows, 19))
            reachable_rows.append(rows)
        except ArgumentError as error:
            assert "choose rows from 16 to 18 and columns from 19 to 21" in str(error)
            assert f"output_size ({rows}, 19) cannot be reached from (5, 6)" in str(error)
    assert reachable_rows == [16, 17, 18]


@pytest.mark.parametrize(
    "size, kernel, options, expected",
    [
        ((4, 6), (4, 6), {}, (1, 1)),  # the kernel is the image
        ((1, 1), (1, 1), {}, (1, 1)),
        ((1, 7), (1, 2), {"stride": (1, 3)}, (1, 2)),
        ((0, 0), (2, 2), {"padding": 1}, (1, 1)),
        ((7, 7), (3, 3), {"stride": 2}, (3, 3)),
        ((8, 8), (3, 3), {"stride": 2}, (3, 3)),
        ((5, 6), (2, 2), {"padding": 1}, (6, 7)),  # an even kernel cannot keep the size
    ],
)
def test_output_sizes(size, kernel, options, expected):
    assert F.conv2d(zeros(2, 3, *size), zeros(4, 3, *kernel), **options).shape == (2, 4, *expected)


@pytest.mark.parametrize("N, C, O", [(0, 2, 3), (2, 0, 3), (2, 2, 0), (0, 0, 0)])
def test_empty_sizes_have_empty_results_and_zero_gradients(N, C, O):
    x = Tensor(np.ones((N, C, 4, 5)), requires_grad=True)
    w = Tensor(np.ones((O, C, 3, 2)), requires_grad=True)
    b = Tensor(np.arange(O, dtype=float), requires_grad=True)
    y = F.conv2d(x, w, b)
    np.testing.assert_array_equal(y.data, np.broadcast_to(np.arange(O)[:, None, None] + 6.0 * C, (N, O, 2, 4)))
    y.backward(np.ones(y.shape))
    assert [t.grad.shape for t in (x, w, b)] == [x.shape, w.shape, b.shape]
    np.testing.assert_array_equal(w.grad.data, np.full(w.shape, 8.0 * N))
    np.testing.assert_array_equal(b.grad.data, np.full(O, 8.0 * N))
    back = F.conv_transpose2d(y.detach(), w)
    assert back.shape == x.shape


# --- errors, each by its content (the numbers are those of the catalogue of adversarial cases) -------------------------


def refused(message, function, *arguments, error=ArgumentError, **options):
    with pytest.raises(error, match=message):
        function(*arguments, **options)


def test_a_kernel_that_does_not_fit():  # 1, 2
    refused(
        r"conv2d: the kernel does not fit: padded input 2x3 \(input 2x3, .*effective kernel 5x5.*increase padding",
        F.conv2d,
        zeros(1, 1, 2, 3),
        zeros(1, 1, 3, 3),
        dilation=2,
    )
    refused(
        r"padded input 4x4 .* effective kernel 5x5 \(kernel 3x3, dilation \(2, 2\)\)",
        F.conv2d,
        zeros(1, 1, 4, 4),
        zeros(1, 1, 3, 3),
        stride=2,
        dilation=2,
    )


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
@pytest.mark.parametrize("name, smallest", [("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)])
def test_numbers_that_are_too_small_or_no_integers(function, name, smallest):  # 3, 4, 5, 6, 11
    x, w = zeros(1, 1, 5, 5), zeros(1, 1, 3, 3)
    label = f"{function.__name__}: {name} must be"
    for value in (smallest - 1, -7, np.int64(-1)) + (((1, -1),) if name != "groups" else ()):
        refused(
            rf"{label} between {smallest} and \d+, got -?\d+\.$", function, x, w, error=ArgumentError, **{name: value}
        )
    for value in (2.0, True, "2", None):
        refused(rf"{label} an integer.*got {value!r}", function, x, w, error=ArgumentTypeError, **{name: value})
    if name != "groups":
        for value in ((2,), (1, 2, 3)):
            refused(rf"{label} .* of length {len(value)}", function, x, w, error=ArgumentError, **{name: value})
    refused(label, function, x, w, error=ArgumentError, **{name: 2**31})  # 52
    function(x, w, **{name: np.int64(1)})
    function(x, w, **{name: np.uint8(1)})


def test_channels_that_do_not_match():  # 7, 8, 11
    refused(
        r"conv2d: x has 3 channels but weight expects 4 \(weight is \(8, 4, 3, 3\), groups 1\); "
        r"pass weight of shape \(8, 3, 3, 3\) or change groups\.$",
        F.conv2d,
        zeros(1, 3, 5, 5),
        zeros(8, 4, 3, 3),
    )
    refused("x has 3 channels but weight expects 4.*groups 2", F.conv2d, zeros(1, 3, 5, 5), zeros(8, 2, 3, 3), groups=2)
    refused("groups 2 must divide the 3 channels", F.conv2d, zeros(1, 4, 5, 5), zeros(3, 2, 3, 3), groups=2)
    refused(
        r"conv_transpose2d: x has 3 channels but weight expects 4 .*layout is \(in, out/groups, KH, KW\).*size is 3",
        F.conv_transpose2d,
        zeros(1, 3, 5, 5),
        zeros(4, 3, 3, 3),
    )
    refused(
        "conv_transpose2d: groups 2 must divide the 3 channels",
        F.conv_transpose2d,
        zeros(1, 3, 5, 5),
        zeros(3, 2, 3, 3),
        groups=2,
    )


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_operands_of_another_kind(function):  # 9, 10, 22, 23, 54
    x, w = zeros(2, 3, 5, 6), zeros(3, 3, 2, 2)
    for shape in ((2,), (3, 1), (4,), ()):
        got = re.escape(str(shape))
        refused(rf"bias must have shape \(3,\), got {got}; one number per channel", function, x, w, zeros(*shape))
    refused(r"x must have 4 dimensions \(N, C, H, W\), got 2 .*\[None, None\]", function, zeros(5, 6), w)
    refused(r"x must have 4 dimensions .*got 3 .*index it with \[None\]", function, zeros(3, 5, 6), w)
    refused(r"x must have 4 dimensions .*got 5 .*reshape it", function, zeros(1, 2, 3, 5, 6), w)
    refused(r"weight must have 4 dimensions, got 3 \(shape \(3, 2, 2\)\)", function, x, zeros(3, 2, 2))
    mixed = "different dtypes, float32 and float64; convert one"
    refused(mixed, function, x, zeros(3, 3, 2, 2, dtype=np.float64), error=ArgumentTypeError)
    refused(mixed, function, x, w, zeros(3, dtype=np.float64), error=ArgumentTypeError)
    image = Tensor(np.full((1, 3, 5, 6), 200, np.uint8))
    refused(r"x must be floating point, got uint8; .*float32", function, image, w, error=ArgumentTypeError)
    array = np.zeros((2, 3, 5, 6), np.float32)
    refused("x must be a Tensor, got ndarray; wrap it", function, array, w, error=ArgumentTypeError)
    refused("weight must be a Tensor, got list", function, x, [[1.0]], error=ArgumentTypeError)
    refused("bias must be a Tensor, got int", function, x, w, 1, error=ArgumentTypeError)


def test_output_padding_has_a_limit():  # 12, 13, 15
    x, w = zeros(1, 1, 4, 4), zeros(1, 1, 3, 3)
    refused(
        r"output_padding must be smaller than either stride or dilation, got output_padding \(2, 0\), stride \(2, 2\), "
        r"dilation \(1, 1\); use at most \(1, 1\)",
        F.conv_transpose2d,
        x,
        w,
        stride=2,
        output_padding=(2, 0),
    )
    assert F.conv_transpose2d(x, w, output_padding=2, dilation=3).shape == (1, 1, 12, 12)  # 3 + 3·2 + 1 + 2
    refused("give output_padding .* or output_size .*, not both", F.conv_transpose2d, x, w, stride=2,
            output_padding=1, output_size=(9, 9))  # fmt: skip
    refused(
        r"the output would be 0x2 \(input 2x4.*reduce padding",
        F.conv_transpose2d,
        zeros(1, 1, 2, 4),
        w,
        padding=2,
    )


# --- numbers that are not finite --------------------------------------------------------------------------------------


def test_nan_stays_inside_the_windows_that_see_it():  # 26
    x = np.zeros((1, 1, 5, 6))
    x[0, 0, 2, 3] = np.nan
    with use_algorithm("im2col"):
        seen = np.isnan(F.conv2d(Tensor(x), Tensor(np.ones((1, 1, 2, 3)))).data[0, 0])
    expected = np.zeros((4, 4), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(seen, expected)


def test_infinite_weights_meet_zero_padding_without_a_warning():  # 27
    w = Tensor(np.full((1, 1, 3, 3), np.inf))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.conv2d(Tensor(np.ones((1, 1, 3, 3))), w, padding=1).data[0, 0]
    assert y[1, 1] == np.inf
    assert np.isnan(y[0, 0])  # inf · 0, as IEEE 754 has it


# --- the public matrix --------------------------------------------------------------------------------------------------


def test_convolution_matrix_takes_a_tensor_or_an_array():
    w, x = numbers(1, 2, 2, 3, 2, requires_grad=True), numbers(2, 1, 2, 5, 4)
    y = F.conv2d(x, w, stride=2, padding=1)
    for weight in (w, w.detach().numpy()):
        C = convolution_matrix(weight, (5, 4), stride=2, padding=1)
        np.testing.assert_array_equal(C @ x.data.ravel(), y.data.ravel())
        sparse = convolution_matrix(weight, (5, 4), 2, 1, sparse=True)
        np.testing.assert_array_equal(sparse @ x.data.ravel(), y.data.ravel())
    refused(
        "weight must be a Tensor or an array, got list", convolution_matrix, [[1.0]], (2, 2), error=ArgumentTypeError
    )
