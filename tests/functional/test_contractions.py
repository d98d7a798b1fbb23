"""conv2d_input and conv2d_weight: what autograd gives x and weight, PyTorch's order of arguments, and every refusal."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, grad, use_algorithm
from minifcn.arrays.convolution import loops
from minifcn.arrays.convolution.algorithms import ALGORITHMS
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from tests.onto import equal, on
from tests.strategies import geometries, operands, whole_numbers


def settings_of(geometry):
    return {
        "stride": geometry.stride,
        "padding": geometry.padding,
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }


@given(st.data())
def test_they_are_what_autograd_gives_the_operands_of_a_convolution(data):
    geometry = data.draw(geometries())
    x, w, y = (Tensor(array, requires_grad=True) for array in data.draw(operands(geometry)))
    options = settings_of(geometry)
    to_x, to_w = grad(F.conv2d(x, w, **options), [x, w], y)
    by_input, by_weight = F.conv2d_input(x.shape, w, y, **options), F.conv2d_weight(x, w.shape, y, **options)
    equal(by_input, to_x)
    equal(by_weight, to_w)
    equal(by_input, loops.to_input(w.data, y.data, geometry))
    equal(by_weight, loops.to_weight(x.data, y.data, geometry))
    assert by_input.requires_grad and by_weight.requires_grad


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_three_are_derivatives_of_one_number(algorithm, xp):
    """⟨conv(x, w), y⟩ = ⟨x, conv_input(w, y)⟩ = ⟨w, conv_weight(x, y)⟩, and each passes gradients on to the others."""
    source = np.random.default_rng(3)
    x, w, y = (
        on(xp, whole_numbers(source, shape), requires_grad=True) for shape in ((2, 4, 6, 7), (6, 2, 3, 3), (2, 6, 6, 7))
    )
    options = {"padding": 1, "groups": 2}
    with use_algorithm(algorithm):
        forward = (F.conv2d(x, w, **options) * y).sum()
        by_x = (F.conv2d_input(x.shape, w, y, **options) * x).sum()
        by_w = (F.conv2d_weight(x, w.shape, y, **options) * w).sum()
        gradients = [grad(number, [x, w, y]) for number in (forward, by_x, by_w)]
    near = {"rtol": 1e-9, "atol": 1e-9} if algorithm == "winograd" else {"rtol": 0, "atol": 0}
    for number, received in zip((by_x, by_w), gradients[1:], strict=True):
        np.testing.assert_allclose(number.item(), forward.item(), **near)
        for found, expected in zip(received, gradients[0], strict=True):
            np.testing.assert_allclose(found.numpy(), expected.numpy(), **near)


def test_arguments_are_in_the_order_of_pytorch():
    after = ["grad_output", "stride", "padding", "dilation", "groups"]
    assert list(inspect.signature(F.conv2d_input).parameters) == ["input_size", "weight", *after]
    assert list(inspect.signature(F.conv2d_weight).parameters) == ["x", "weight_size", *after]


def test_several_sizes_have_the_same_gradient_with_zeros_where_no_window_looked(xp):
    w, y = on(xp, np.array([[[[1.0, 2.0, 3.0]]]])), on(xp, np.array([[[[1.0, 10.0, 100.0]]]]))
    expected = [2.0, 13, 20, 130, 200]
    equal(F.conv2d_input((1, 1, 1, 5), w, y, (1, 2), (0, 1))[0, 0, 0], expected)
    equal(F.conv2d_input((1, 1, 1, 6), w, y, (1, 2), (0, 1))[0, 0, 0], [*expected, 300])
    equal(F.conv2d_input([1, 1, 1, 8], w, y, stride=(1, 2))[0, 0, 0], [1.0, 2, 13, 20, 130, 200, 300, 0])


def zeros(*shape, dtype=np.float32):
    return Tensor(np.zeros(shape, dtype))


X, W, Y = (2, 4, 5, 6), (6, 2, 3, 2), (2, 6, 3, 5)
REFUSED = {
    "input: grad_output": (
        lambda: F.conv2d_input(X, zeros(*W), zeros(2, 6, 3, 4), groups=2), ArgumentError,
        "conv2d_input: grad_output has shape (2, 6, 3, 4), but conv2d makes (2, 6, 3, 5) of x (2, 4, 5, 6) and weight "
        "(6, 2, 3, 2); pass that shape, or the sizes and parameters that it belongs to.",
    ),
    "weight: images": (
        lambda: F.conv2d_weight(zeros(1, 4, 5, 6), W, zeros(*Y), groups=2), ArgumentError,
        "conv2d_weight: grad_output has shape (2, 6, 3, 5), but conv2d makes (1, 6, 3, 5) of x (1, 4, 5, 6) and weight "
        "(6, 2, 3, 2); pass that shape, or the sizes and parameters that it belongs to.",
    ),
    "input: channels": (
        lambda: F.conv2d_input((2, 3, 5, 6), zeros(*W), zeros(*Y), groups=2), ArgumentError,
        "conv2d_input: x has 3 channels but weight expects 4 (x is (2, 3, 5, 6), weight is (6, 2, 3, 2), groups 2); "
        "change one of the three.",
    ),
    "weight: groups": (
        lambda: F.conv2d_weight(zeros(2, 8, 5, 6), W, zeros(*Y), groups=4), ArgumentError,
        "conv2d_weight: groups 4 must divide the 6 channels of weight (6, 2, 3, 2); change groups.",
    ),
    "input: one number": (
        lambda: F.conv2d_input(5, zeros(*W), zeros(*Y)), ArgumentError,
        "conv2d_input: input_size must be the four sizes (N, C, H, W), got 5; pass .shape.",
    ),
    "weight: two sizes": (
        lambda: F.conv2d_weight(zeros(*X), (3, 2), zeros(*Y)), ArgumentError,
        "conv2d_weight: weight_size must be the four sizes (O, C/groups, KH, KW), got (3, 2); pass .shape.",
    ),
    "input: no integer": (
        lambda: F.conv2d_input((2, 4, 5, 6.0), zeros(*W), zeros(*Y)), ArgumentTypeError,
        "conv2d_input: input_size must be an integer, got 6.0 (float).",
    ),
    "weight: the kernel": (
        lambda: F.conv2d_weight(zeros(*X), (6, 4, 7, 2), zeros(*Y)), ArgumentError,
        "conv2d_weight: the kernel does not fit: padded input 5x6 (input 5x6, padding (0, 0)), effective kernel 7x2 "
        "(kernel 7x2, dilation (1, 1)); increase padding or reduce the kernel or its dilation.",
    ),
    "input: dtypes": (
        lambda: F.conv2d_input(X, zeros(*W), zeros(*Y, dtype=np.float64), groups=2), ArgumentTypeError,
        "conv2d_input: grad_output and weight have different dtypes, float64 and float32; convert one with "
        ".astype(...).",
    ),
    "weight: an array": (
        lambda: F.conv2d_weight(zeros(*X), W, np.zeros(Y), groups=2), ArgumentTypeError,
        "conv2d_weight: grad_output must be a Tensor, got ndarray; wrap it with minifcn.Tensor(...).",
    ),
    "input: weight": (
        lambda: F.conv2d_input(X, zeros(2, 3, 2), zeros(*Y)), ArgumentError,
        "conv2d_input: weight must have 4 dimensions (O, C/groups, KH, KW), got 3 (shape (2, 3, 2)); reshape it.",
    ),
    "input: grad_output of three dimensions": (
        lambda: F.conv2d_input(X, zeros(*W), zeros(6, 3, 5)), ArgumentError,
        "conv2d_input: grad_output must have 4 dimensions (N, C, H, W), got 3 (shape (6, 3, 5)); index it with [None].",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_who_what_and_what_to_do(case):
    call, error, sentence = REFUSED[case]
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence


def test_a_result_larger_than_all_memory_is_refused_before_it_is_made():
    """A stride that skips nearly all of the image makes little of much."""
    size, stride = (1, 1, 2**30, 2**30), 2**30 - 1
    with pytest.raises(AllocationError, match="conv2d_input: a result"):
        F.conv2d_input(size, zeros(1, 1, 1, 1), zeros(1, 1, 2, 2), stride)
