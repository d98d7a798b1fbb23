"""All algorithms give one answer, exactly, in all three contractions; and that answer is the right one.

The operands are whole numbers, so every comparison is `array_equal`: no tolerance hides anything.
"""

from __future__ import annotations

import threading
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays import convolution
from minifcn.arrays.convolution import algorithms, im2col, loops, matrix, turned
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from tests.arrays.convolution.contractions import CONTRACTIONS, blocks_of, dense_only, pair_for, sparse_only
from tests.strategies import geometries, laid_out, layouts, operands, transposed_geometries, whole_numbers


def check_agreement(geometry, x, w, y, small_block=1):
    kept = [array.copy() for array in (x, w, y)]
    for contraction in CONTRACTIONS:
        pair = pair_for(contraction, x, w, y)
        expected = getattr(loops, contraction)(*pair, geometry)
        found = {"im2col": getattr(im2col, contraction)(*pair, geometry)}
        with dense_only():
            found["dense matrix"] = getattr(matrix, contraction)(*pair, geometry)
        with sparse_only():
            found["sparse matrix"] = getattr(matrix, contraction)(*pair, geometry)
        with blocks_of(small_block):
            found["im2col in small blocks"] = getattr(im2col, contraction)(*pair, geometry)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected, err_msg=f"{name}.{contraction} differs from loops")
            assert array.dtype == expected.dtype == x.dtype, f"{name}.{contraction} changed the dtype"
            assert not any(np.shares_memory(array, operand) for operand in pair)
    for array, before in zip((x, w, y), kept, strict=True):
        np.testing.assert_array_equal(array, before, err_msg="an operand was changed")


# --- agreement ------------------------------------------------------------------------------------------------------


@given(st.data())
def test_all_algorithms_agree_exactly(data):
    geometry = data.draw(geometries())
    x, w, y = data.draw(operands(geometry))
    x, w, y = (laid_out(array, data.draw(layouts())) for array in (x, w, y))
    check_agreement(geometry, x, w, y, small_block=data.draw(st.sampled_from([1, 1, 500, 3000])))


@given(st.data())
def test_all_algorithms_agree_exactly_on_transposed_geometries(data):
    geometry = data.draw(transposed_geometries())
    x, w, y = data.draw(operands(geometry))
    check_agreement(geometry, x, w, y)


@pytest.mark.parametrize(
    "size, kernel, stride, padding, dilation, groups, N, C, O",
    [
        ((5, 7), (3, 2), (2, 3), (1, 2), (2, 1), 1, 2, 3, 4),  # everything unequal at once
        ((4, 6), (4, 6), 1, 0, 1, 1, 2, 2, 3),  # the kernel is the image
        ((1, 1), (1, 1), 1, 0, 1, 1, 1, 1, 1),
        ((1, 9), (1, 4), (5, 2), (0, 1), 1, 1, 3, 2, 1),  # one row
        ((3, 2), (1, 1), (4, 5), 0, (3, 2), 1, 2, 2, 2),  # the stride is larger than the image
        ((0, 3), (2, 1), 1, (1, 0), 1, 1, 2, 1, 2),  # nothing but padding
        ((5, 4), (3, 2), (2, 1), 1, 1, 3, 2, 6, 3),  # groups
        ((5, 4), (2, 3), 1, 1, 1, 4, 2, 4, 8),  # depthwise, two outputs each
        ((6, 5), (2, 3), (1, 2), 0, 1, 1, 0, 2, 3),  # no images
        ((6, 5), (2, 3), (1, 2), 0, 1, 1, 2, 0, 3),  # no input channels
        ((6, 5), (2, 3), (1, 2), 0, 1, 1, 2, 2, 0),  # no output channels
        ((3, 30), (2, 3), (1, 2), 1, 1, 1, 1, 24, 2),  # 24 channels: a multiple of every vector width, minus some
        ((2, 2), (3, 4), (3, 3), (5, 4), (2, 2), 1, 1, 1, 2),  # windows that see only padding
    ],
)
def test_edges_agree_exactly(size, kernel, stride, padding, dilation, groups, N, C, O):
    geometry = Geometry.of_convolution(size, kernel, stride, padding, dilation, groups)
    generator = np.random.default_rng(C + 10 * O)
    x = whole_numbers(generator, (N, C, *geometry.input_size))
    w = whole_numbers(generator, (O, C // groups, *geometry.kernel_size))
    y = whole_numbers(generator, (N, O, *geometry.output_size))
    check_agreement(geometry, x, w, y)


@pytest.mark.parametrize("extra", [(0, 0), (1, 0), (0, 1)])
def test_output_padding_of_a_dilated_kernel_agrees_exactly(extra):
    """With stride 1 a transposed convolution can be a convolution, but not where rows are added that no window meets."""
    geometry = Geometry.of_transposed_convolution((3, 4), (2, 3), 1, (0, 1), extra, 1, 2)
    shapes = (2, 4, *geometry.input_size), (3, 4, 2, 3), (2, 3, *geometry.output_size)
    check_agreement(geometry, *(whole_numbers(np.random.default_rng(1), shape) for shape in shapes))


FLIPPED = {
    "3x2": (Geometry.of_convolution((4, 5), (3, 2)), True),
    "much padding": (Geometry.of_convolution((4, 5), (3, 2), 1, (2, 1)), True),
    "dilated": (Geometry.of_convolution((4, 5), (2, 3), 1, (2, 4), (2, 2)), True),
    "strided rows": (Geometry.of_convolution((5, 5), 3, (2, 1)), False),
    "strided columns": (Geometry.of_convolution((5, 5), 3, (1, 2)), False),
    "rows padded by the kernel": (Geometry.of_convolution((4, 5), (3, 2), 1, (3, 1)), False),
    "columns padded by the kernel": (Geometry.of_convolution((4, 5), (3, 2), 1, (2, 2)), False),
    "an empty image": (Geometry.of_convolution((0, 3), (2, 1), 1, (1, 0)), False),
    "one row": (Geometry.of_convolution((1, 3), (2, 1), 1, (1, 0)), True),
    "more rows": (Geometry.of_transposed_convolution((3, 4), (2, 3), 1, (0, 1), (1, 0), 1, 2), False),
    "more columns": (Geometry.of_transposed_convolution((3, 4), (2, 3), 1, (0, 1), (0, 1), 1, 2), False),
}


@pytest.mark.parametrize("case", FLIPPED)
def test_which_transposed_convolution_is_a_convolution(case):
    geometry, fits = FLIPPED[case]
    assert turned.fits(geometry) is fits


@pytest.mark.parametrize("outputs, columns", [(3, "y"), (4, "y"), (5, "x")])
def test_the_smaller_columns_are_made(outputs, columns):
    """Of y, by a convolution with the kernel flipped, where it has no more channels than x."""
    geometry = Geometry.of_convolution((4, 5), (3, 2))
    w, y = np.ones((outputs, 4, 3, 2)), np.ones((1, outputs, *geometry.output_size))
    with mock.patch.object(im2col, "to_output", return_value="columns of y"):
        found = im2col.to_input(w, y, geometry)
    assert isinstance(found, str) is (columns == "y")


def test_one_array_may_be_both_operands():
    geometry = Geometry.of_convolution((2, 3), (2, 3), 1, (1, 2))
    array = whole_numbers(np.random.default_rng(0), (2, 2, 2, 3))
    expected = loops.to_output(array, array.copy(), geometry)
    np.testing.assert_array_equal(im2col.to_output(array, array, geometry), expected)
    np.testing.assert_array_equal(matrix.to_output(array, array, geometry), expected)


# --- the adjoint law ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["loops", "matrix", "im2col"])
@given(st.data())
def test_three_legs_of_one_trilinear_form(algorithm, data):
    """⟨conv(x, w), y⟩ = ⟨x, convᵀ(w, y)⟩ = ⟨w, conv_weight(x, y)⟩, exactly: it is the same number T(x, w, y)."""
    geometry = data.draw(st.one_of(geometries(), transposed_geometries()))
    x, w, y = (array.astype(np.float64) for array in data.draw(operands(geometry)))
    with convolution.use_algorithm(algorithm):
        legs = (
            (convolution.to_output(x, w, geometry) * y).sum(),
            (x * convolution.to_input(w, y, geometry)).sum(),
            (w * convolution.to_weight(x, y, geometry)).sum(),
        )
    assert legs[0] == legs[1] == legs[2]


# --- the choice -----------------------------------------------------------------------------------------------------


def test_choice_is_nested_and_restored_after_an_error():
    assert algorithms._chosen.get() == "auto"
    with convolution.use_algorithm("matrix"):
        with pytest.raises(ZeroDivisionError), convolution.use_algorithm("loops"):
            assert algorithms._chosen.get() == "loops"
            raise ZeroDivisionError
        assert algorithms._chosen.get() == "matrix"
    assert algorithms._chosen.get() == "auto"


@pytest.mark.parametrize("name", ["matrix", "loops", "im2col"])
def test_the_chosen_algorithm_is_the_one_that_runs(name):
    geometry = Geometry.of_convolution((2, 3), (1, 1))
    chosen = convolution.COMPUTED_BY[name]
    arrays = np.ones((1, 1, 2, 3)), np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 3))
    for contraction in CONTRACTIONS:
        with mock.patch.object(chosen, contraction, return_value="mine"), convolution.use_algorithm(name):
            assert getattr(convolution, contraction)(*pair_for(contraction, *arrays), geometry) == "mine"


def test_an_unknown_algorithm_is_refused():
    message = "algorithm 'fft' is unknown; choose one of auto, loops, matrix, im2col, rows, winograd"
    with pytest.raises(ArgumentError, match=message), convolution.use_algorithm("fft"):
        pytest.fail("the block was entered")


def test_each_thread_has_its_own_choice():
    seen = []
    with convolution.use_algorithm("matrix"):
        thread = threading.Thread(target=lambda: seen.append(algorithms._chosen.get()))
        thread.start()
        thread.join()
    assert seen == ["auto"]
