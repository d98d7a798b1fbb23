"""im2col in blocks: each output row once, col2im its exact transpose, and memory that does not grow with the image."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays import im2col
from minifcn.backend import working_bytes
from minifcn.geometry import Geometry
from minifcn.threads import set_num_threads
from tests.arrays.contractions import CONTRACTIONS, blocks_of, pair_for
from tests.strategies import geometries, whole_numbers


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("contraction", CONTRACTIONS)
def test_memory_does_not_grow_with_the_image(contraction, threads):
    """The extra memory, beside operands and result, is that of one block for each thread, however many rows there are."""
    set_num_threads(threads)
    generator = np.random.default_rng(7)
    extra = []
    for rows in (128, 512):
        geometry = Geometry.of_convolution((rows, 128), (3, 3), 1, 1)
        x = generator.random((2, 8, rows, 128), np.float32)
        w, y = generator.random((4, 8, 3, 3), np.float32), generator.random((2, 4, rows, 128), np.float32)
        whole = 8 * 9 * y[:, 0].size * 4  # bytes of all columns at once
        tracemalloc.start()
        try:
            result = getattr(im2col, contraction)(*pair_for(contraction, x, w, y), geometry)
            extra.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        finally:
            tracemalloc.stop()
    # Two blocks of columns (the old one lives until the next is made) and some rows of y.
    limit = 3 * working_bytes(x) * threads
    assert extra[1] < limit < whole / 2
    if threads == 1:  # otherwise the peak depends on which blocks happen to be made at the same time
        assert extra[1] < 1.2 * extra[0]


@given(st.data())
def test_blocks_cover_every_output_row_once_and_fit(data):
    geometry = data.draw(geometries())
    N, C = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 4))
    allowed = data.draw(st.integers(1, 4000))
    seen = np.zeros((N, geometry.output_size[0]), int)
    with blocks_of(allowed):
        x = np.zeros((N, C, *geometry.input_size))
        for block in im2col.blocks(x, N, C, geometry):
            images, first, last = block
            seen[images, first:last] += 1
            one_row = C * geometry.taps * geometry.output_size[1] * x.itemsize
            assert im2col.im2col(x, geometry, block).nbytes <= max(allowed, one_row)
    assert (seen == 1).all()


@given(st.data())
def test_col2im_is_the_transpose_of_im2col(data):
    """⟨im2col(x), columns⟩ = ⟨x, col2im(columns)⟩, exactly, and the block decides which rows are met."""
    geometry = data.draw(geometries())
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = whole_numbers(generator, (2, 3, *geometry.input_size))
    first = data.draw(st.integers(0, geometry.output_size[0] - 1))
    block = slice(0, 2), first, data.draw(st.integers(first + 1, geometry.output_size[0]))
    made = im2col.im2col(x, geometry, block)
    columns = whole_numbers(generator, made.shape)
    back = np.zeros_like(x)
    im2col.col2im(columns, back, geometry, block)
    assert (made * columns).sum() == (x * back).sum()
