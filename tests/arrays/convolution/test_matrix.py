"""The convolution matrix, entry by entry, written out and as a sum over taps."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn import convolution_matrix
from minifcn.arrays.convolution import dense, loops, matrix
from minifcn.arrays.convolution.sparse import SparseMatrix
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine import limits
from tests.arrays.convolution.contractions import transposed
from tests.strategies import geometries, operands, transposed_geometries, whole_numbers


def matrix_by_impulses(w, geometry):
    """Column by column: what the loops make of an image with a single 1."""
    C = w.shape[1] * geometry.groups
    impulses = np.eye(C * geometry.input_pixels).reshape(-1, C, *geometry.input_size)
    return loops.to_output(impulses, w.astype(np.float64), geometry).reshape(len(impulses), -1).T


@given(st.data())
def test_matrix_entry_by_entry(data):
    geometry = data.draw(geometries().filter(lambda g: 0 < g.input_pixels <= 24))
    x, w, y = data.draw(operands(geometry, empty=False))
    arguments = (geometry.input_size, geometry.stride, geometry.padding, geometry.dilation, geometry.groups)
    dense = convolution_matrix(w, *arguments)
    sparse = convolution_matrix(w, *arguments, sparse=True)
    assert isinstance(sparse, SparseMatrix)
    assert dense.dtype == w.dtype
    assert dense.shape == sparse.shape == (y[:1].size, x[:1].size)
    assert sparse.T.shape == dense.T.shape
    np.testing.assert_array_equal(dense, matrix_by_impulses(w, geometry))
    np.testing.assert_array_equal(sparse.toarray(), dense)
    np.testing.assert_array_equal(sparse.T.toarray(), dense.T)
    np.testing.assert_array_equal(sparse.T.T.toarray(), dense)
    vectors, images = x.reshape(len(x), -1).T, y.reshape(len(y), -1).T
    np.testing.assert_array_equal(sparse @ vectors, dense @ vectors)
    np.testing.assert_array_equal(sparse @ vectors[:, 0], dense @ vectors[:, 0])
    np.testing.assert_array_equal(sparse.T @ images, dense.T @ images)
    np.testing.assert_array_equal(sparse.T @ images[:, 0], dense.T @ images[:, 0])


def test_transposed_matrix_is_transposed_convolution():
    generator = np.random.default_rng(6)
    w, y = whole_numbers(generator, (2, 3, 3, 2)), whole_numbers(generator, (1, 2, 3, 4))
    made = transposed(y, w, stride=(2, 3), padding=(1, 0), output_padding=(1, 2))
    C = convolution_matrix(w, made.shape[2:], stride=(2, 3), padding=(1, 0))
    np.testing.assert_array_equal(C.T @ y.ravel(), made.ravel())


@given(st.data())
def test_told_both_sizes_its_transpose_is_every_transposed_convolution(data):
    """Also where dilation allows an output_padding of the stride or more: then fewer windows are meant than fit."""
    geometry = data.draw(transposed_geometries())
    _, w, y = data.draw(operands(geometry, empty=False))
    g = geometry
    options = {"stride": g.stride, "padding": g.padding, "dilation": g.dilation, "groups": g.groups}
    dense, sparse = (
        convolution_matrix(w, g.input_size, sparse=sparse, output_size=g.output_size, **options)
        for sparse in (False, True)
    )
    made = loops.to_input(w, y, geometry)
    assert dense.T.shape == sparse.T.shape == (made[0].size, y[0].size)
    for matrix_ in (dense, sparse):
        np.testing.assert_array_equal((matrix_.T @ y.reshape(len(y), -1).T).T, made.reshape(len(y), -1))
    whole = convolution_matrix(w, g.input_size, **options)
    fitting = Geometry.of_convolution(g.input_size, g.kernel_size, g.stride, g.padding, g.dilation).output_size
    rows = whole.reshape(len(w), *fitting, -1)[:, : g.output_size[0], : g.output_size[1]]
    np.testing.assert_array_equal(dense, rows.reshape(dense.shape))


def test_output_padding_beyond_the_stride():
    """y of 3 with kernel 2, dilation 3 and output_padding 2 makes 8; a convolution makes 5 of 8, not 3."""
    w, y = np.array([[[[1.0, 10.0]]]]), np.array([1.0, 2.0, 3.0])
    made = transposed(y.reshape(1, 1, 1, 3), w, stride=1, padding=0, output_padding=(0, 2), dilation=(1, 3))
    assert made.shape == (1, 1, 1, 8)
    assert convolution_matrix(w, (1, 8), dilation=3).shape == (5, 8)
    C = convolution_matrix(w, (1, 8), dilation=3, output_size=(1, 3))
    np.testing.assert_array_equal(C.T @ y, made.ravel())


@pytest.mark.parametrize("output_size", [(5, 2), (3, 2), (4, 1), (4, 3)])
def test_an_output_size_that_no_transposed_convolution_makes_this_size_of_is_refused(output_size):
    with pytest.raises(ArgumentError) as caught:
        convolution_matrix(np.ones((1, 1, 2, 3)), (8, 6), (2, 2), output_size=output_size)
    assert str(caught.value) == (
        f"convolution_matrix: output_size {output_size} does not belong to input_size (8, 6); choose rows from 4 to 4 "
        f"and columns from 2 to 2."
    )
    with pytest.raises(ArgumentError, match=r"convolution_matrix: output_size must be between 1 and"):
        convolution_matrix(np.ones((1, 1, 2, 3)), (8, 6), output_size=0)


@pytest.mark.parametrize("shape, size", [((0, 1, 2, 2), (3, 3)), ((2, 0, 2, 2), (3, 4))])
def test_matrix_without_channels(shape, size):
    C = convolution_matrix(np.zeros(shape), size)
    assert C.shape == (shape[0] * (size[0] - 1) * (size[1] - 1), shape[1] * size[0] * size[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_matrix_is_written_out_up_to_its_limit_in_bytes(dtype):
    w, geometry = np.ones((2, 3, 2, 1), dtype), Geometry.of_convolution((4, 5), (2, 1))
    size = (2 * 3 * 5) * (3 * 4 * 5) * w.itemsize
    for limit, sparse in ((size, False), (size - 1, True)):
        with mock.patch.object(matrix, "DENSE_LIMIT_BYTES", limit):
            assert isinstance(matrix._matrix(w, geometry), SparseMatrix) == sparse


def test_a_matrix_that_no_memory_holds_is_refused_with_what_to_do_instead():
    sparse = convolution_matrix(np.ones((3, 2, 2, 2)), (3, 3), sparse=True)
    with mock.patch.object(limits, "memory_of", lambda device: 1000), pytest.raises(AllocationError) as caught:
        sparse.toarray()
    assert str(caught.value) == (
        "convolution_matrix: a dense matrix of shape (12, 18) in float64 takes 1.688 KiB, but cpu has 1000 bytes of "
        "memory; use sparse=True and multiply with it as it is."
    )


def test_a_matrix_and_an_array_of_two_devices_are_refused(played):
    sparse = convolution_matrix(np.ones((3, 2, 2, 2)), (3, 3), sparse=True)
    with pytest.raises(ArgumentTypeError) as caught:
        sparse @ played.ones(18)
    assert str(caught.value) == (
        "convolution_matrix: the matrix and the array live on different devices, cpu (shape (12, 18)) and cuda:0 (shape "
        "(18,)); move one with .to(...)."
    )


def test_zeros_between_groups_are_of_the_weight():
    tap = np.arange(8, dtype=np.float32).reshape(4, 2)
    full = dense._block_diagonal(tap, 2)
    assert full.dtype == np.float32
    assert full.tolist() == [[0, 1, 0, 0], [2, 3, 0, 0], [0, 0, 4, 5], [0, 0, 6, 7]]


def test_matrix_errors():
    w = np.ones((3, 2, 2, 2))
    with pytest.raises(ArgumentError, match=r"weight must have 4 dimensions .* got shape \(2, 2\)"):
        convolution_matrix(w[0, 0], (3, 3))
    with pytest.raises(ArgumentError, match=r"groups 2 must divide the 3 output channels"):
        convolution_matrix(w, (3, 3), groups=2)
    with pytest.raises(
        ArgumentError, match=r"^convolution_matrix: the kernel .* padded input 1x3 .* effective kernel 2x2"
    ):
        convolution_matrix(w, (1, 3))
    with pytest.raises(
        ArgumentError, match=r"shape \(12, 18\) cannot multiply an array of shape \(17,\).*pass \(18,\)"
    ):
        convolution_matrix(w, (3, 3), sparse=True) @ np.zeros(17)
