"""Band matrices against full ones: their products, their transpose, and the stairs that they are multiplied by."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minifcn
from minifcn.arrays import bands
from minifcn.arrays.bands import LEAST, BandMatrix, across, columns_first, down, down_and_across, require_room
from minifcn.arrays.resampling import axis_matrix
from minifcn.errors import AllocationError
from minifcn.machine import limits
from tests.onto import equal

laws = settings(max_examples=80, deadline=None, derandomize=True)


def band(matrix: np.ndarray) -> BandMatrix:
    return BandMatrix.of_rows([dict(enumerate(row)) for row in matrix], matrix.shape[1], matrix.dtype)


def whole(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(np.float64)


def staircase(rows: int, columns: int, width: int, height: int = 1, gaps: bool = False, seed: int = 0) -> np.ndarray:
    """`height` rows mix the same `width` pixels, the next ones begin further right; gaps: with zeros between them."""
    matrix, numbers = np.zeros((rows, columns)), 1 + np.abs(whole(rows, columns, seed=seed))
    for i in range(rows):
        first = (i // height * height) * columns // rows
        matrix[i, first : first + width] = numbers[i, first : first + width]
        if gaps:
            matrix[i, first + 1 : first + width - 1 : 2] = 0
    return matrix


KINDS = {
    "one pixel each": staircase(30, 40, 1),
    "one pixel for many": staircase(64, 4, 1, 16),
    "two for a few": staircase(40, 21, 2, 2),
    "two for many": staircase(96, 12, 2, 16),
    "many for one": staircase(12, 300, 40),
    "few, with gaps": staircase(24, 30, 5, gaps=True),
    "many, with gaps": staircase(6, 300, 60, gaps=True),
    "none": np.zeros((7, 5)),
    "some rows of none": staircase(40, 50, 3) * (np.arange(40) % 3 > 0)[:, None],
    "one by one": np.ones((1, 1)),
    "full": whole(20, 30),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_the_products_are_those_of_the_full_matrix(kind: str, xp: ModuleType) -> None:
    for matrix, made in ((KINDS[kind], band(KINDS[kind])), (KINDS[kind].T, band(KINDS[kind]).T)):
        np.testing.assert_array_equal(made.toarray(), matrix)
        assert made.shape == matrix.shape and made.count == np.count_nonzero(matrix) and made.dtype == np.float64
        tall, wide = whole(3, matrix.shape[1], 5), whole(3, 4, matrix.shape[1], seed=1)
        equal(down(made, xp.asarray(tall)), matrix @ tall)
        equal(across(made, xp.asarray(wide)), wide @ matrix.T)


@kinds
def test_a_nan_reaches_the_rows_that_mix_it_and_no_other(kind: str, xp: ModuleType) -> None:
    for matrix, made in ((KINDS[kind], band(KINDS[kind])), (KINDS[kind].T, band(KINDS[kind]).T)):
        for pixel in {0, matrix.shape[1] // 2, matrix.shape[1] - 1}:
            for value in (np.nan, np.inf):
                tall = whole(2, matrix.shape[1], 3)
                tall[1, pixel, 2] = value
                expected = np.zeros((2, matrix.shape[0], 3), bool)
                expected[1, :, 2] = matrix[:, pixel] != 0
                equal(~xp.isfinite(down(made, xp.asarray(tall))), expected)
                wide = np.ascontiguousarray(tall.swapaxes(1, 2))
                equal(~xp.isfinite(across(made, xp.asarray(wide))), expected.swapaxes(1, 2))


@laws
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), st.integers(1, 20), st.booleans(), st.integers(0, 99))
def test_stairs_and_tiles_cover_the_matrix(rows: int, columns: int, width: int, height: int, gaps: bool, seed: int):
    for matrix in (staircase(rows, columns, width, height, gaps, seed), staircase(rows, columns, width, height).T):
        made = band(matrix)
        for parts in (made.stairs, made.tiles):
            assert [part.rows.start for part in parts] == [0, *(part.rows.stop for part in parts)][:-1]
            assert parts[-1].rows.stop == len(matrix)
            put = np.zeros_like(matrix)
            for part in parts:
                put[part.rows, part.pixels] = part.weights
            np.testing.assert_array_equal(put, matrix)
        assert all(part.weights.all() for part in made.stairs)
        for part in made.tiles:  # only small neighbours were taken together
            inside = [stair for stair in made.stairs if part.rows.start <= stair.rows.start < part.rows.stop]
            assert len(inside) == 1 or all(stair.weights.size < LEAST for stair in inside)


def test_neighbours_that_mix_the_same_pixels_are_one_stair() -> None:
    """3 -> 6 pixels, bilinear, as it is drawn."""
    matrix = np.array([[4, 0, 0], [3, 1, 0], [1, 3, 0], [0, 3, 1], [0, 1, 3], [0, 0, 4]]) / 4
    found = [(stair.rows, stair.pixels) for stair in band(matrix).stairs]
    rows, pixels = [slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 6)], [slice(0, 1), slice(0, 2), slice(1, 3)]
    assert found == list(zip(rows, [*pixels, slice(2, 3)], strict=True))
    assert len(band(matrix).tiles) == 1


def test_zeros_are_left_out() -> None:
    made = BandMatrix.of_rows([{2: 5, 0: 1}, {1: 0}, {}], 4, np.float32)
    assert made.starts.tolist() == [0, 2, 2, 2] and made.pixels.tolist() == [0, 2] and made.weights.tolist() == [1, 5]
    assert made.toarray().tolist() == [[1, 0, 5, 0], [0] * 4, [0] * 4]


def test_stairs_are_taken_together_only_while_they_are_small() -> None:
    apart, together = band(staircase(64, 8, 2, 8)), band(staircase(64, 32, 2, 2))
    assert len(apart.tiles) == len(apart.stairs) == 8
    assert len(together.tiles) == 4 and len(together.stairs) == 32
    far_apart = band(staircase(20, 800, 2))
    assert len(far_apart.tiles) == len(far_apart.stairs) == 20


@pytest.mark.parametrize("size_in, size_out, first", [(4, 40, True), (40, 4, False), (8, 8, False), (40, 39, False)])
def test_the_order_that_leaves_the_columns_less_to_do_is_taken(size_in: int, size_out: int, first: bool) -> None:
    """A multiplication along the columns costs as much as four along the rows."""
    matrix = axis_matrix(size_in, size_out)
    assert columns_first(matrix, matrix) == first
    done = []

    def noted(name: str, function: Callable[..., Any]) -> Any:
        return mock.patch.object(bands, name, lambda *given: done.append(name) or function(*given))

    with noted("down", down), noted("across", across):
        down_and_across(matrix, matrix, np.ones((1, 1, size_in, size_in), np.float32))
    assert done == (["across", "down"] if first else ["down", "across"])


def test_a_matrix_that_no_memory_could_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "memory_of", lambda device: 3 * 64 * 8)
    require_room("stretch", 3, "take less")
    with pytest.raises(AllocationError) as caught:
        require_room("stretch", 4, "take less")
    assert str(caught.value) == (
        "stretch: a band of weights of shape (4, 64) in int64 takes 2 KiB, but cpu has 1.5 KiB of memory; take less."
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_share_the_stairs(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "threads_for", lambda like, elements: threads)
    before = minifcn.get_num_threads()
    minifcn.set_num_threads(threads)
    try:
        for kind in KINDS.values():
            np.testing.assert_array_equal(
                down(band(kind), whole(2, kind.shape[1], 6)), kind @ whole(2, kind.shape[1], 6)
            )
    finally:
        minifcn.set_num_threads(before)


def test_numbers_whose_sum_is_too_large_are_done_stair_by_stair_and_right() -> None:
    matrix = staircase(40, 21, 2, 2) / 64
    x = np.full((1, 21, 50), np.finfo(np.float64).max)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(down(band(np.eye(21)), x), x)
    np.testing.assert_allclose(down(band(matrix), x / 100), matrix @ (x / 100))
