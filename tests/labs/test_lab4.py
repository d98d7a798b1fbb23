"""Lab 4: the numbers of its text. What every lab shows of itself is in test_proof.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.labs import session
from tests.labs.texts import names_of


def row(*numbers: float) -> np.ndarray:
    return np.array(numbers, float).reshape(1, 1, 1, -1)


def test_examples_by_hand() -> None:
    f: Callable[[str], Any] = names_of(4).__getitem__
    image = np.array([[[[1.0, 5, 2], [4, 3, 5], [0, 2, 1]]]])
    assert f("pool_output_size")((1, 6), (1, 3), (1, 2)) == (1, 2)
    assert f("pool_output_size")((1, 6), (1, 3), (1, 2), 0, True) == (1, 3)
    assert f("pool_output_size")((1, 4), 1, (1, 4), 0, True) == (1, 1)
    maxima, index = f("max_pool2d")(image, 2, 1)
    assert maxima[0, 0].tolist() == [[5, 5], [4, 5]] and index[0, 0].tolist() == [[1, 1], [3, 5]]
    both = f("max_unpool2d")(row(7, 8), np.array([[[[1, 1]]]]), 2, output_size=(2, 3))
    assert both[0, 0].tolist() == [[0, 15, 0], [0, 0, 0]]
    received = f("max_pool2d_backward")(np.array([[[[10.0, 20], [30, 40]]]]), image, 2, 1)
    assert received[0, 0].tolist() == [[0, 30, 0], [30, 0, 40], [0, 0, 0]]
    for kernel, include, divisors in ((2, True, [2, 2]), (2, False, [1, 2]), (3, True, [3, 2]), (3, False, [2, 1])):
        found = f("divisors")((1, 3), (1, kernel), None, (0, 1), True, include)
        assert found.ravel().tolist() == divisors
    wide = np.array([[[[1.0, 5, 2, 7], [4, 3, 5, 4]]]])
    assert f("avg_pool2d")(wide, 2).ravel().tolist() == [3.25, 4.5]
    assert f("avg_pool2d_backward")(row(10, 20), row(0, 0, 0), (1, 2), 1).ravel().tolist() == [5, 15, 10]
    assert f("pad_to_multiple")(np.zeros((1, 1, 375, 500)), 32).shape == (1, 1, 384, 512)
    assert f("pad_to_multiple")(np.zeros((1, 1, 64, 64)), 32).shape == (1, 1, 64, 64)
    assert f("pad_to_multiple")(np.zeros((1, 1, 5, 7)), (4, 6)).shape == (1, 1, 8, 12)
    size = [(375, 500), (375, 500)]
    for _ in range(5):
        size = [f("pool_output_size")(n, 2, ceil_mode=ceil) for n, ceil in zip(size, (False, True), strict=True)]
    assert size == [(11, 15), (12, 16)]


def test_a_way_back_is_not_missed_where_none_is_asked_for() -> None:
    """`pad_to_multiple` of the library gives one, too; that of the lab does not."""

    def pad_to_multiple(x: Any, m: Any) -> Any:
        return np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)))

    told = str(session(4).check(pad_to_multiple))
    assert "pad_to_multiple: 0 of 6 points" in told and "way back" not in told
