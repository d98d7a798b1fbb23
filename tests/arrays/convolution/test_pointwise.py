"""A 1x1 convolution as one product: exactly what the loops give, for groups, nothing at all, and any layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays.convolution import loops, pointwise
from minifcn.geometry import Geometry
from tests.arrays.convolution.contractions import CONTRACTIONS, check_own_weight, pair_for, shared
from tests.strategies import laid_out, layouts, pairs, whole_numbers


@given(
    size=pairs(1, 9),
    groups=st.integers(1, 3),
    N=st.integers(0, 3),
    per_group=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_the_three_contractions_are_those_of_the_loops(size, groups, N, per_group, dtype, seed, data):
    geometry = Geometry.of_convolution(size, 1, groups=groups)
    C, O, source = groups * per_group[0], groups * per_group[1], np.random.default_rng(seed)
    shapes = (N, C, *size), (O, per_group[0], 1, 1), (N, O, *size)
    x, w, y = (laid_out(whole_numbers(source, shape, dtype), data.draw(layouts())) for shape in shapes)
    kept = [array.copy() for array in (x, w, y)]
    for contraction in CONTRACTIONS:
        pair = pair_for(contraction, x, w, y)
        found, expected = (getattr(module, contraction)(*pair, geometry) for module in (pointwise, loops))
        np.testing.assert_array_equal(found, expected, err_msg=contraction)
        assert found.dtype == dtype
        assert not any(np.shares_memory(found, array) for array in pair)
    for array, before in zip((x, w, y), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("contraction", CONTRACTIONS)
@pytest.mark.parametrize("N, C, O, groups", [(0, 4, 2, 2), (2, 0, 3, 1), (2, 3, 0, 1), (2, 0, 0, 2)])
def test_without_images_or_channels(contraction, N, C, O, groups):
    geometry = Geometry.of_convolution((3, 5), 1, groups=groups)
    pair = pair_for(contraction, np.ones((N, C, 3, 5)), np.ones((O, C // groups, 1, 1)), np.ones((N, O, 3, 5)))
    expected = getattr(loops, contraction)(*pair, geometry)
    np.testing.assert_array_equal(getattr(pointwise, contraction)(*pair, geometry), expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("images", [1, 2, 5])
@pytest.mark.parametrize("C, O, groups", [(4, 6, 1), (4, 6, 2), (180, 120, 1)])
def test_the_weight_of_several_images_is_added_up_in_memory_of_its_own(threads, images, C, O, groups):
    with shared(threads):
        check_own_weight(pointwise, Geometry.of_convolution((5, 7), 1, groups=groups), C, O, images)


@pytest.mark.parametrize(
    "geometry, fits",
    [
        (Geometry.of_convolution((3, 5), 1), True),
        (Geometry.of_convolution((3, 5), 1, dilation=2), True),
        (Geometry.of_convolution((3, 5), 1, groups=2), True),
        (Geometry.of_convolution((3, 5), (1, 2)), False),
        (Geometry.of_convolution((3, 5), 1, (1, 2)), False),
        (Geometry.of_convolution((3, 5), 1, 1, (0, 1)), False),
        (Geometry.of_transposed_convolution((3, 5), 1), True),
        (Geometry.of_transposed_convolution((3, 5), 1, 2), False),
        (Geometry.of_transposed_convolution((3, 5), 1, 1, 0, (0, 1), 1, 2), False),
    ],
)
def test_which_geometries_it_computes(geometry, fits):
    assert pointwise.fits(geometry) is fits
