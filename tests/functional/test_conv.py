"""conv2d and conv_transpose2d: sizes, errors, and each as the gradient of the other, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, backend, convolution_matrix, grad, profile, set_num_threads, use_algorithm
from minifcn.arrays import loops
from minifcn.arrays.convolution import ALGORITHMS
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


@pytest.mark.case(51)
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


def test_the_bias_receives_what_all_its_pixels_receive():
    x, w = numbers(1, 2, 1, 3, 4), numbers(2, 3, 1, 2, 2)
    b = numbers(3, 3, requires_grad=True)
    y = whole_numbers(np.random.default_rng(4), (2, 3, 2, 3))
    F.conv2d(x, w, b).backward(y)
    np.testing.assert_array_equal(b.grad.data, y.sum((0, 2, 3)))


# --- the bias, which is added in place ---------------------------------------------------------------------------------

CONVOLUTIONS = {
    "conv2d": (F.conv2d, (2, 4, 6, 7), (6, 4, 3, 3), {"padding": 1}),
    "conv2d, one image": (F.conv2d, (1, 4, 6, 7), (6, 2, 3, 2), {"stride": (2, 1), "groups": 2}),
    "conv2d, pointwise": (F.conv2d, (2, 4, 6, 7), (6, 4, 1, 1), {}),
    "conv2d, one number": (F.conv2d, (1, 1, 1, 1), (6, 1, 1, 1), {}),
    "conv_transpose2d": (F.conv_transpose2d, (2, 4, 5, 6), (4, 6, 3, 3), {"padding": 1}),
    "conv_transpose2d, stride": (F.conv_transpose2d, (3, 4, 5, 6), (4, 3, 2, 3), {"stride": (3, 2), "groups": 2}),
    "conv_transpose2d, pointwise": (F.conv_transpose2d, (2, 4, 5, 6), (4, 6, 1, 1), {}),
}
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
every_convolution = pytest.mark.parametrize("name", CONVOLUTIONS)


def leaves_of(name, dtype=np.float64):
    _, *shapes, _ = CONVOLUTIONS[name]
    return [numbers(i, *shape, dtype=dtype, requires_grad=True) for i, shape in enumerate([*shapes, (6,)])]


def exactly(found, expected, algorithm):
    """Winograd's transforms have thirds and quarters."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 if algorithm == "winograd" else 0)


@every_algorithm
@every_convolution
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_bias_is_added_and_nothing_else_changes(name, algorithm, dtype, threads, monkeypatch):
    """Whether or not the algorithm's result is contiguous. What the caller can see stays, results without bias, too."""
    monkeypatch.setattr(backend, "WORTH_SHARING", 0)
    set_num_threads(threads)
    convolve, _, _, options = CONVOLUTIONS[name]
    x, w, b = leaves_of(name, dtype)
    before = [array.data.copy() for array in (x, w, b)]
    with use_algorithm(algorithm):
        plain = convolve(x, w, **options)
        kept = plain.data.copy()
        first = convolve(x, w, b, **options)
        expected = kept + b.data[:, None, None]
        second = convolve(x, w, first.detach()[0, :, 0, 0], **options)
    assert first.dtype == dtype and first.data.flags.c_contiguous
    if dtype != np.float16 and algorithm != "winograd":
        np.testing.assert_array_equal(first.data, expected)
    else:
        np.testing.assert_allclose(first.data, expected, rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(plain.data, kept)
    np.testing.assert_array_equal(second.data, kept + expected[0, :, 0, 0][:, None, None])
    for array, old in zip((x, w, b), before, strict=True):
        np.testing.assert_array_equal(array.data, old)
    results = [plain._array, first._array, second._array]
    for number, one in enumerate(results):
        for other in (*results[:number], x._array, w._array, b._array):
            assert not np.shares_memory(one, other)


@every_algorithm
@every_convolution
def test_gradients_of_every_order_pass_the_bias(name, algorithm):
    """As if it were added by broadcasting."""
    convolve, _, _, options = CONVOLUTIONS[name]

    def differentiated(with_bias):
        leaves = leaves_of(name)
        with use_algorithm(algorithm):
            y = with_bias(*leaves)
            v = numbers(7, *y.shape, requires_grad=True)
            firsts = grad(y * y, leaves, v, create_graph=True)
            total = (firsts[0] * firsts[0]).sum() + (firsts[1] * firsts[1]).sum() + (firsts[2] * firsts[2]).sum()
            seconds = grad(total, [*leaves, v], create_graph=True)
            thirds = grad(seconds[2].sum(), [*leaves, v])
        return [array.data for array in (*firsts, *seconds, *thirds)]

    found = differentiated(lambda x, w, b: convolve(x, w, b, **options))
    expected = differentiated(lambda x, w, b: convolve(x, w, **options) + b.reshape(1, 6, 1, 1))
    for one, other in zip(found, expected, strict=True):
        exactly(one / max(1, np.abs(other).max()), other / max(1, np.abs(other).max()), algorithm)


@every_algorithm
@pytest.mark.parametrize("shape", [(0, 4, 6, 7), (2, 4, 6, 7)])
def test_the_bias_of_no_images_and_of_no_channels(shape, algorithm):
    b = numbers(3, 6, requires_grad=True)
    with use_algorithm(algorithm):
        y = F.conv2d(numbers(1, *shape), numbers(2, 6, 4, 3, 3), b)
        y.backward(np.ones(y.shape))
        np.testing.assert_array_equal(b.grad.data, np.full(6, shape[0] * 20))
        blank = F.conv2d(numbers(1, shape[0], 0, 6, 7), numbers(2, 6, 0, 3, 3), b)
    np.testing.assert_array_equal(blank.data, np.broadcast_to(b.data[:, None, None], (shape[0], 6, 4, 5)))


def test_the_bias_may_be_a_view_with_any_strides_and_read_only():
    x, w, source = numbers(1, 2, 1, 3, 4), numbers(2, 3, 1, 2, 2), np.arange(24.0)
    source.flags.writeable = False
    for b in (source[::-8], source[3:4].repeat(3), np.broadcast_to(source[5], 3)):
        y = F.conv2d(x, w, Tensor.of(b))
        np.testing.assert_array_equal(y.data, F.conv2d(x, w).data + b[:, None, None])


def test_the_bias_is_added_while_a_profile_watches():
    x, w, b = leaves_of("conv2d")
    with profile() as seen:
        watched = F.conv2d(x, w, b, padding=1)
    np.testing.assert_array_equal(watched.data, F.conv2d(x, w, b, padding=1).data)
    assert "AddBias" in str(seen)


@pytest.mark.case(32)
@pytest.mark.case(33)
@pytest.mark.case(34)
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


# --- what is refused: shapes, parameters and dtypes have their cases in tests/hostile --------------------------------


def refused(message, function, *arguments, error=ArgumentError, **options):
    with pytest.raises(error, match=message):
        function(*arguments, **options)


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_operands_that_are_no_tensors(function):
    x, w = zeros(2, 3, 5, 6), zeros(3, 3, 2, 2)
    refused("x must be a Tensor, got ndarray; wrap it", function, x.data, w, error=ArgumentTypeError)
    refused("weight must be a Tensor, got list", function, x, [[1.0]], error=ArgumentTypeError)
    refused("bias must be a Tensor, got int", function, x, w, 1, error=ArgumentTypeError)


# --- the public matrix --------------------------------------------------------------------------------------------------


def test_convolution_matrix_takes_a_tensor_or_an_array():
    w, x = numbers(1, 2, 2, 3, 2, requires_grad=True), numbers(2, 1, 2, 5, 4)
    y = F.conv2d(x, w, stride=2, padding=1)
    for weight in (w, w.detach().numpy()):
        C = convolution_matrix(weight, (5, 4), stride=2, padding=1)
        np.testing.assert_array_equal(C @ x.data.ravel(), y.data.ravel())
        sparse = convolution_matrix(weight, (5, 4), 2, 1, sparse=True)
        np.testing.assert_array_equal(sparse @ x.data.ravel(), y.data.ravel())
    plain = convolution_matrix(w, (5, 4))
    assert isinstance(plain, np.ndarray)
    np.testing.assert_array_equal(plain @ x.data.ravel(), F.conv2d(x, w).data.ravel())
    refused(
        "weight must be a Tensor or an array, got list", convolution_matrix, [[1.0]], (2, 2), error=ArgumentTypeError
    )
