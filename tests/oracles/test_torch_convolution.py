"""Convolutions against PyTorch's: exactly, since they are linear and the operands are whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from minifcn.testing.tolerances import assert_close_float32, assert_close_float64, assert_close_half
from tests.oracles.peers import compare, dtypes, exact, generators, output_padding, peer, small_output_padding
from tests.strategies import geometries, operands, pairs, transposed_geometries, whole_numbers

torch = peer("torch")
TF = torch.nn.functional


def real_geometries(**options: Any) -> st.SearchStrategy[Geometry]:
    """Without images of no rows or no columns, which PyTorch refuses; minifcn reads their padding."""
    return geometries(**options).filter(lambda g: 0 not in g.input_size)


@given(st.data(), real_geometries(), generators())
def test_conv2d(data: Any, g: Geometry, generator: np.random.Generator) -> None:
    x, w, _ = data.draw(operands(g, empty=False))
    settings = g.stride, g.padding, g.dilation, g.groups
    compare(
        lambda x, w, b: F.conv2d(x, w, b, *settings),
        lambda x, w, b: TF.conv2d(x, w, b, *settings),
        (x, w, whole_numbers(generator, w.shape[:1], x.dtype)),
        exact,
        generator,
    )


@given(st.data(), transposed_geometries(), generators())
def test_conv_transpose2d_by_output_padding(data: Any, g: Geometry, generator: np.random.Generator) -> None:
    _, w, y = data.draw(operands(g, empty=False))
    settings = g.stride, g.padding, output_padding(g), g.groups, g.dilation
    compare(
        lambda y, w, b: F.conv_transpose2d(y, w, b, *settings),
        lambda y, w, b: TF.conv_transpose2d(y, w, b, *settings),
        (y, w, whole_numbers(generator, (w.shape[1] * g.groups,), y.dtype)),
        exact,
        generator,
    )


@given(st.data(), real_geometries(), generators())
def test_the_two_gradients_by_name(data: Any, g: Geometry, generator: np.random.Generator) -> None:
    """torch.nn.grad has them, with these names and this order, and they can be differentiated there, too."""
    x, w, y = data.draw(operands(g, empty=False))
    settings = g.stride, g.padding, g.dilation, g.groups
    compare(
        lambda w, y: F.conv2d_input(x.shape, w, y, *settings),
        lambda w, y: torch.nn.grad.conv2d_input(x.shape, w, y, *settings),
        (w, y),
        exact,
        generator,
    )
    compare(
        lambda x, y: F.conv2d_weight(x, w.shape, y, *settings),
        lambda x, y: torch.nn.grad.conv2d_weight(x, w.shape, y, *settings),
        (x, y),
        exact,
        generator,
    )


@given(st.data(), pairs(1, 4), dtypes(), generators())
def test_insert_zeros_is_a_transposed_convolution_with_a_kernel_of_one(
    data: Any, stride: Any, dtype: Any, generator: np.random.Generator
) -> None:
    x = whole_numbers(generator, (2, 3, *data.draw(pairs(1, 5))), dtype)
    one = torch.ones((3, 1, 1, 1), dtype=torch.tensor(x).dtype)
    compare(
        lambda x: F.insert_zeros(x, stride),
        lambda x: TF.conv_transpose2d(x, one, stride=stride, groups=3),
        (x,),
        exact,
        generator,
    )


@given(st.data(), transposed_geometries(), generators())
def test_the_transposed_matrix_told_both_sizes(data: Any, g: Geometry, generator: np.random.Generator) -> None:
    """PyTorch has no matrix; its transposed convolution is what the transpose has to multiply by."""
    _, w, y = data.draw(operands(g, empty=False))
    settings = g.stride, g.padding, g.dilation, g.groups
    C = F.convolution_matrix(w, g.input_size, *settings, output_size=g.output_size)
    given = g.stride, g.padding, output_padding(g), g.groups, g.dilation
    expected = TF.conv_transpose2d(torch.tensor(y), torch.tensor(w), None, *given).numpy()
    exact(np.stack([(C.T @ image.ravel()).reshape(expected.shape[1:]) for image in y]), expected, "Cᵀ y")


@given(pairs(1, 3), pairs(0, 2), st.integers(1, 3), st.integers(1, 4), generators())
def test_a_linear_layer_as_a_convolution(size: Any, more: Any, C: int, O: int, generator: np.random.Generator) -> None:
    """PyTorch's flattened map times its linear layer, window by window."""
    (h, w), linear = size, nn.Linear(C * size[0] * size[1], O, generator=generator)
    for values in linear.parameters():
        values.mutable()[...] = whole_numbers(generator, values.shape, np.float32)
    x = whole_numbers(generator, (2, C, h + more[0], w + more[1]), np.float32)
    weight, bias = (torch.tensor(values.detach().numpy()) for values in linear.parameters())
    found = nn.convolutionalise(linear, C, size)(Tensor(x)).detach().numpy()
    windows = torch.tensor(x).unfold(2, h, 1).unfold(3, w, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
    exact(found, TF.linear(windows, weight, bias).permute(0, 3, 1, 2).numpy(), "scores")


@given(st.data(), transposed_geometries().filter(small_output_padding), generators())
def test_conv_transpose2d_by_output_size(data: Any, g: Geometry, generator: np.random.Generator) -> None:
    """PyTorch's function takes no output_size, only its layer does, and there up to the stride only."""
    _, w, y = data.draw(operands(g, empty=False))
    layer = torch.nn.ConvTranspose2d(
        w.shape[0], w.shape[1] * g.groups, g.kernel_size, g.stride, g.padding, 0, g.groups, False, g.dilation
    )
    size = list(g.input_size)
    compare(
        lambda y, w: F.conv_transpose2d(y, w, None, g.stride, g.padding, 0, g.groups, g.dilation, output_size=size),
        lambda y, w: torch.func.functional_call(layer, {"weight": w}, (y, size)),
        (y, w),
        exact,
        generator,
    )


@given(pairs(1, 6), pairs(1, 5), pairs(1, 3), pairs(0, 3), pairs(1, 3), pairs(0, 3))
def test_the_same_parameters_are_refused(size: Any, kernel: Any, stride: Any, padding: Any, d: Any, extra: Any) -> None:
    """Nothing is promised here: whether a geometry exists, and the size it makes, is PyTorch's to say."""
    x, w = np.zeros((1, 1, *size)), np.zeros((1, 1, *kernel))

    def shape(function: Any, make: Any, error: type[Exception], *settings: Any) -> Any:
        try:
            return tuple(function(make(x), make(w), None, *settings).shape)
        except error:
            return "refused"

    for name, settings in (
        ("conv2d", (stride, padding, d)),
        ("conv_transpose2d", (stride, padding, extra, 1, d)),
    ):
        found = shape(getattr(F, name), Tensor, ArgumentError, *settings)
        assert found == shape(getattr(TF, name), torch.tensor, RuntimeError, *settings), name


@given(real_geometries(groups=1), generators())
def test_real_numbers_in_every_precision(g: Geometry, generator: np.random.Generator) -> None:
    """Numbers that are rounded: as near as the number of products allows, and in half precision near enough."""
    x, w = generator.standard_normal((2, 3, *g.input_size)), generator.standard_normal((4, 3, *g.kernel_size))
    settings = g.stride, g.padding, g.dilation
    terms, size = 3 * g.taps, TF.conv2d(torch.tensor(abs(x)), torch.tensor(abs(w)), None, *settings).numpy()
    for dtype, judge in ((np.float64, assert_close_float64), (np.float32, assert_close_float32)):
        a, b = x.astype(dtype), w.astype(dtype)
        found = F.conv2d(Tensor(a), Tensor(b), None, *settings).numpy()
        judge(found, TF.conv2d(torch.tensor(a), torch.tensor(b), None, *settings).numpy(), terms, size)
    a, b = x.astype(np.float16), w.astype(np.float16)
    found = F.conv2d(Tensor(a), Tensor(b), None, *settings).numpy()
    expected = TF.conv2d(torch.tensor(a).double(), torch.tensor(b).double(), None, *settings).numpy()
    assert_close_half(found, expected, size)
