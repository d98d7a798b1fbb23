"""The definition itself: which terms the form has, counted and summed by other means."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays.convolution import loops
from minifcn.geometry import Geometry
from tests.strategies import geometries, operands


@given(st.data())
def test_every_term_occurs_once_and_obeys_the_relation(data):
    """x[i·s + k·d − p] meets w[k] at y[i], o and c of one group; and no such meeting inside the image is left out."""
    geometry = data.draw(geometries())
    N, groups = data.draw(st.integers(0, 2)), geometry.groups
    C, O = groups * data.draw(st.integers(0, 2)), groups * data.draw(st.integers(0, 2))
    found = list(loops.terms(N, C, O, geometry))
    assert len(set(found)) == len(found)
    for (n, c, row, column), (o, c_in_group, k, l), (m, p, i, j) in found:
        assert (n, o) == (m, p)
        assert o // (O // groups) == c // (C // groups)
        assert c_in_group == c % (C // groups)
        for axis, place, tap, out in ((0, row, k, i), (1, column, l, j)):
            assert place == out * geometry.stride[axis] + tap * geometry.dilation[axis] - geometry.padding[axis]
            assert 0 <= place < geometry.input_size[axis]
    meetings = [
        sum(
            0 <= i * geometry.stride[a] + k * geometry.dilation[a] - geometry.padding[a] < geometry.input_size[a]
            for i in range(geometry.output_size[a])
            for k in range(geometry.kernel_size[a])
        )
        for a in (0, 1)
    ]
    assert len(found) == N * O * (C // groups) * meetings[0] * meetings[1]


@given(st.data())
def test_the_three_contractions_sum_these_terms(data):
    geometry = data.draw(geometries())
    x, w, y = (array.astype(np.float64) for array in data.draw(operands(geometry)))
    form = sum(x[a] * w[b] * y[c] for a, b, c in loops.terms(len(x), x.shape[1], len(w), geometry))
    assert (loops.to_output(x, w, geometry) * y).sum() == form
    assert (loops.to_input(w, y, geometry) * x).sum() == form
    assert (loops.to_weight(x, y, geometry) * w).sum() == form


def test_a_single_window_by_hand():
    x = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    w = np.array([[[[10.0, 1.0]]]])
    geometry = Geometry.of_convolution((2, 3), (1, 2), (1, 2), (0, 1))
    np.testing.assert_array_equal(loops.to_output(x, w, geometry)[0, 0], [[1, 23], [4, 56]])
    np.testing.assert_array_equal(loops.to_input(w, np.ones((1, 1, 2, 2)), geometry)[0, 0], [[1, 10, 1], [1, 10, 1]])
    np.testing.assert_array_equal(loops.to_weight(x, np.ones((1, 1, 2, 2)), geometry)[0, 0], [[7, 14]])
