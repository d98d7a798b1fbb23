"""conv2d and conv_transpose2d: sizes, errors, and each as the gradient of the other, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, convolution_matrix, grad, profile, set_num_threads, use_algorithm
from minifcn.arrays.convolution import loops
from minifcn.arrays.convolution.algorithms import ALGORITHMS
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine import limits
from tests.onto import close, equal, get, on
from tests.strategies import geometries, laid_out, layouts, operands, transposed_geometries, whole_numbers


def zeros(*shape, dtype=np.float32):
    return Tensor(np.zeros(shape, dtype))


def numbers(xp, seed, *shape, dtype=np.float64, requires_grad=False):
    return on(xp, whole_numbers(np.random.default_rng(seed), shape, dtype), requires_grad)


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


def test_arguments_are_in_the_order_of_pytorch(xp):
    x, w = numbers(xp, 0, 1, 4, 6, 7), numbers(xp, 1, 2, 2, 3, 2)
    b = numbers(xp, 2, 2)
    by_name = F.conv2d(x, weight=w, bias=b, stride=2, padding=(1, 0), dilation=(1, 3), groups=2)
    equal(F.conv2d(x, w, b, 2, (1, 0), (1, 3), 2).data, by_name)
    v, c = numbers(xp, 3, 4, 3, 3, 2), numbers(xp, 4, 6)
    by_name = F.conv_transpose2d(
        x, weight=v, bias=c, stride=(2, 3), padding=1, output_padding=(1, 2), groups=2, dilation=(2, 1)
    )
    equal(F.conv_transpose2d(x, v, c, (2, 3), 1, (1, 2), 2, (2, 1)).data, by_name)


def test_the_seed_example(xp):
    square = on(xp, [[[[0.0, 1.0], [2.0, 3.0]]]])
    found = get(F.conv_transpose2d(square, square))
    equal(found[0, 0], [[0, 0, 1], [0, 4, 6], [4, 12, 9]])
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
def test_every_second_derivative_is_one_of_the_three_again(algorithm, xp):
    """T is trilinear. With g = dT/dx in hand, d/dw ⟨g, v⟩ is the weight contraction of v and y: and so for all."""
    geometry = Geometry.of_convolution((5, 6), (2, 3), (2, 1), (1, 0), (1, 2))
    source = np.random.default_rng(3)
    x, w = numbers(xp, 1, 2, 3, 5, 6, requires_grad=True), numbers(xp, 2, 4, 3, 2, 3, requires_grad=True)
    y = on(xp, whole_numbers(source, (2, 4, *geometry.output_size)), requires_grad=True)
    v, u = on(xp, whole_numbers(source, x.shape)), on(xp, whole_numbers(source, w.shape))
    with use_algorithm(algorithm):
        made = F.conv2d(x, w, stride=(2, 1), padding=(1, 0), dilation=(1, 2))
        by_x, by_w = grad(made, [x, w], y, create_graph=True)
        by_x_w, by_x_y = grad(by_x, [w, y], v, retain_graph=True)
        by_w_x, by_w_y = grad(by_w, [x, y], u, retain_graph=True)
        by_x_x = grad(by_x, x, v, allow_unused=True)[0]
    equal(by_x_w, loops.to_weight(get(v), get(y), geometry))
    equal(by_x_y, loops.to_output(get(v), get(w), geometry))
    equal(by_w_x, loops.to_input(get(u), get(y), geometry))
    equal(by_w_y, loops.to_output(get(x), get(u), geometry))
    assert by_x_x is None  # linear in x


def test_the_bias_receives_what_all_its_pixels_receive(xp):
    x, w = numbers(xp, 1, 2, 1, 3, 4), numbers(xp, 2, 3, 1, 2, 2)
    b = numbers(xp, 3, 3, requires_grad=True)
    y = whole_numbers(np.random.default_rng(4), (2, 3, 2, 3))
    F.conv2d(x, w, b).backward(on(xp, y))
    equal(b.grad, y.sum((0, 2, 3)))


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


def leaves_of(xp, name, dtype=np.float64):
    _, *shapes, _ = CONVOLUTIONS[name]
    return [numbers(xp, i, *shape, dtype=dtype, requires_grad=True) for i, shape in enumerate([*shapes, (6,)])]


def exactly(found, expected, algorithm):
    """Winograd's transforms have thirds and quarters."""
    close(found, expected, rtol=0, atol=1e-10 if algorithm == "winograd" else 0)


@every_algorithm
@every_convolution
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_bias_is_added_and_nothing_else_changes(name, algorithm, dtype, threads, monkeypatch, xp):
    """Whether or not the algorithm's result is contiguous. What the caller can see stays, results without bias, too."""
    if xp is not np and (threads > 1 or algorithm == "loops"):
        pytest.skip("threads are a CPU's, and a number at a time is too slow elsewhere")
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    set_num_threads(threads)
    convolve, _, _, options = CONVOLUTIONS[name]
    x, w, b = leaves_of(xp, name, dtype)
    before = [get(array).copy() for array in (x, w, b)]
    with use_algorithm(algorithm):
        plain = convolve(x, w, **options)
        kept = get(plain).copy()
        first = convolve(x, w, b, **options)
        expected = kept + get(b)[:, None, None]
        second = convolve(x, w, first.detach()[0, :, 0, 0], **options)
    assert first.dtype == dtype and first._array.flags.c_contiguous
    if dtype != np.float16 and algorithm != "winograd":
        equal(first, expected)
    else:
        close(first, expected, rtol=2e-3, atol=1e-5)
    equal(plain, kept)
    equal(second, kept + expected[0, :, 0, 0][:, None, None])
    for array, old in zip((x, w, b), before, strict=True):
        equal(array, old)
    results = [plain._array, first._array, second._array]
    for number, one in enumerate(results):
        for other in (*results[:number], x._array, w._array, b._array):
            assert not xp.shares_memory(one, other)


@every_algorithm
@every_convolution
def test_gradients_of_every_order_pass_the_bias(name, algorithm, xp):
    """As if it were added by broadcasting."""
    if algorithm == "loops" and xp is not np:
        pytest.skip("number by number, to the third order: too slow elsewhere")
    convolve, _, _, options = CONVOLUTIONS[name]

    def differentiated(with_bias):
        leaves = leaves_of(xp, name)
        with use_algorithm(algorithm):
            y = with_bias(*leaves)
            v = numbers(xp, 7, *y.shape, requires_grad=True)
            firsts = grad(y * y, leaves, v, create_graph=True)
            total = (firsts[0] * firsts[0]).sum() + (firsts[1] * firsts[1]).sum() + (firsts[2] * firsts[2]).sum()
            seconds = grad(total, [*leaves, v], create_graph=True)
            thirds = grad(seconds[2].sum(), [*leaves, v])
        return [get(array) for array in (*firsts, *seconds, *thirds)]

    found = differentiated(lambda x, w, b: convolve(x, w, b, **options))
    expected = differentiated(lambda x, w, b: convolve(x, w, **options) + b.reshape(1, 6, 1, 1))
    for one, other in zip(found, expected, strict=True):
        exactly(one / max(1, np.abs(other).max()), other / max(1, np.abs(other).max()), algorithm)


@every_algorithm
@pytest.mark.parametrize("shape", [(0, 4, 6, 7), (2, 4, 6, 7)])
def test_the_bias_of_no_images_and_of_no_channels(shape, algorithm, xp):
    b = numbers(xp, 3, 6, requires_grad=True)
    with use_algorithm(algorithm):
        y = F.conv2d(numbers(xp, 1, *shape), numbers(xp, 2, 6, 4, 3, 3), b)
        y.backward(on(xp, np.ones(y.shape)))
        equal(b.grad, np.full(6, shape[0] * 20))
        blank = F.conv2d(numbers(xp, 1, shape[0], 0, 6, 7), numbers(xp, 2, 6, 0, 3, 3), b)
    equal(blank, np.broadcast_to(get(b)[:, None, None], (shape[0], 6, 4, 5)))


def test_the_bias_may_be_a_view_with_any_strides_and_read_only(xp):
    x, w, source = numbers(xp, 1, 2, 1, 3, 4), numbers(xp, 2, 3, 1, 2, 2), xp.arange(24.0)
    if xp is np:  # CuPy has no read-only arrays
        source.flags.writeable = False
    for b in (source[::-8], source[3:4].repeat(3), xp.broadcast_to(source[5], 3)):
        y = F.conv2d(x, w, Tensor.of(b))
        equal(y, F.conv2d(x, w).data + b[:, None, None])


def test_the_bias_is_added_while_a_profile_watches():
    x, w, b = leaves_of(np, "conv2d")
    with profile() as seen:
        watched = F.conv2d(x, w, b, padding=1)
    equal(watched, F.conv2d(x, w, b, padding=1).data)
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


def test_convolution_matrix_takes_a_tensor_or_an_array(xp):
    w, x = numbers(xp, 1, 2, 2, 3, 2, requires_grad=True), numbers(xp, 2, 1, 2, 5, 4)
    y = F.conv2d(x, w, stride=2, padding=1)
    for weight in (w, w.detach().data):
        C = convolution_matrix(weight, (5, 4), stride=2, padding=1)
        equal(C @ x.data.ravel(), get(y).ravel())
        sparse = convolution_matrix(weight, (5, 4), 2, 1, sparse=True)
        equal(sparse @ x.data.ravel(), get(y).ravel())
    plain = convolution_matrix(w, (5, 4))
    assert isinstance(plain, xp.ndarray)
    equal(plain @ x.data.ravel(), F.conv2d(x, w).data.ravel())
    refused(
        "weight must be a Tensor or an array, got list", convolution_matrix, [[1.0]], (2, 2), error=ArgumentTypeError
    )
