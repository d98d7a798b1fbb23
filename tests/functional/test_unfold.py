"""unfold and fold: im2col and col2im under PyTorch's names, by their formula, their laws, and what they refuse."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn
import minifcn.functional as F
from minifcn import Tensor
from minifcn.arrays.convolution import unfolding
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.machine import limits
from tests.onto import equal, get, on
from tests.strategies import geometries, whole_numbers


def options(g):
    return {"kernel_size": g.kernel_size, "dilation": g.dilation, "padding": g.padding, "stride": g.stride}


def by_hand(x, g):
    """The formula, one number at a time."""
    (N, C, H, W), (KH, KW), (OH, OW) = x.shape, g.kernel_size, g.output_size
    y = np.zeros((N, C * KH * KW, OH * OW), x.dtype)
    for c, k, l, i, j in itertools.product(range(C), range(KH), range(KW), range(OH), range(OW)):
        row = i * g.stride[0] + k * g.dilation[0] - g.padding[0]
        column = j * g.stride[1] + l * g.dilation[1] - g.padding[1]
        if 0 <= row < H and 0 <= column < W:
            y[:, (c * KH + k) * KW + l, i * OW + j] = x[:, c, row, column]
    return y


@given(geometries(groups=1), st.integers(0, 99), st.sampled_from([np.float16, np.float32, np.float64]))
def test_the_formula_and_its_transpose(g, seed, dtype):
    source = np.random.default_rng(seed)
    x = whole_numbers(source, (2, 3, *g.input_size), dtype)
    y = F.unfold(Tensor(x), **options(g))
    equal(y, by_hand(x, g), strict=True)
    c = whole_numbers(source, y.shape, dtype)
    folded = F.fold(Tensor(c), g.input_size, **options(g))
    assert folded.shape == x.shape and folded.dtype == dtype
    assert (get(folded).astype(float) * x).sum() == (c.astype(float) * get(y)).sum()


@given(geometries(groups=1), st.integers(0, 99))
def test_a_convolution_is_a_product_with_the_columns(g, seed):
    source = np.random.default_rng(seed)
    x, w = whole_numbers(source, (2, 3, *g.input_size)), whole_numbers(source, (4, 3, *g.kernel_size))
    y = whole_numbers(source, (2, 4, *g.output_size))
    window = {"stride": g.stride, "padding": g.padding, "dilation": g.dilation}
    product = Tensor(w.reshape(4, -1)) @ F.unfold(Tensor(x), **options(g))
    equal(product.reshape(y.shape), F.conv2d(Tensor(x), Tensor(w), **window))
    leaf = Tensor(x, requires_grad=True)
    F.conv2d(leaf, Tensor(w), **window).backward(y)
    columns = Tensor(w.reshape(4, -1).T.copy()) @ Tensor(y.reshape(2, 4, g.output_pixels))
    equal(F.fold(columns, g.input_size, **options(g)), leaf.grad)


def test_folding_ones_counts_the_windows_over_each_pixel(xp):
    ones = on(xp, np.ones((1, 1, 5, 6)))
    counts = F.fold(F.unfold(ones, (3, 2), stride=(2, 1)), (5, 6), (3, 2), stride=(2, 1))
    equal(counts, np.outer([1, 1, 2, 1, 1], [1, 2, 2, 2, 2, 1])[None, None])
    unseen = F.fold(F.unfold(ones, 2, stride=3), (5, 6), 2, stride=3)
    equal(unseen, np.outer([1, 1, 0, 1, 1], [1, 1, 0, 1, 1, 0])[None, None])


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_share_images_and_channels(threads):
    """The same bits, however many share the work."""
    x = whole_numbers(np.random.default_rng(0), (3, 5, 6, 7))
    expected = F.unfold(Tensor(x), 3, padding=1)
    folded = F.fold(expected, (6, 7), 3, padding=1)
    before = minifcn.get_num_threads()
    try:
        minifcn.set_num_threads(threads)
        with mock.patch.object(unfolding, "threads_for", lambda x, elements: threads):
            for images in (x, x[:1]):
                y = F.unfold(Tensor(images), 3, padding=1)
                equal(y, get(expected)[: len(images)])
                equal(F.fold(y, (6, 7), 3, padding=1), get(folded)[: len(images)])
    finally:
        minifcn.set_num_threads(before)


def test_half_precision_is_added_up_in_single_precision(xp):
    """2048 + 1 + 1 in float16 would stay 2048: every sum is made in float32 and rounded once."""
    columns = np.ones((1, 9, 9), np.float16)
    columns[0, 8, 0] = 2048  # what the first window has for its last pixel comes first
    assert get(F.fold(on(xp, columns), 5, 3))[0, 0, 2, 2] == np.float16(2056)


def test_half_precision_is_moved_as_it_is(xp):
    x = np.array([[[[1 / 3, 65504.0], [-(2.0**-24), np.inf]]]], np.float16)
    found = F.unfold(on(xp, x), 2, padding=1)
    equal(found, get(F.unfold(Tensor(x), 2, padding=1)), strict=True)
    equal(get(found)[0, 3, 0], x[0, 0, 0, 0])


def test_a_result_is_a_copy(xp):
    x = on(xp, np.ones((1, 2, 3, 3)))
    for y in (F.unfold(x, 1), F.fold(F.unfold(x, 1), 3, 1)):
        assert not np.shares_memory(get(y), get(x))


def test_what_fold_refuses(xp):
    def columns(*shape):
        return on(xp, np.ones(shape, np.float32))

    for x, call, said in (
        (columns(2, 12, 9), {"kernel_size": 2}, r"x has 9 columns \(shape \(2, 12, 9\)\), but there are 3x4 = 12 windows "
         r"in an image of 4x5 \(kernel 2x2, stride \(1, 1\), padding \(0, 0\), dilation \(1, 1\)\); pass the parameters"),
        (columns(2, 12, 13), {"kernel_size": 2}, r"x has 13 columns \(shape \(2, 12, 13\)\), but there are 3x4 = 12 windows"),
        (columns(2, 10, 12), {"kernel_size": 2}, r"x has 10 rows .*, which a kernel of 2x2 does not divide into channels; "
         r"pass C·4 rows or change kernel_size"),
        (columns(2, 12), {"kernel_size": 2}, r"x must have 3 dimensions \(N, C·KH·KW, L\), got 2 .*index it with \[None\]"),
        (columns(2, 12, 3, 4), {"kernel_size": 2}, r"x must have 3 dimensions .*, got 4 .*; reshape it"),
        (columns(2, 12, 12), {"kernel_size": 6}, "the kernel does not fit: padded input 4x5"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=f"^fold: {said}"):
            F.fold(x, (4, 5), **call)
    with pytest.raises(ArgumentTypeError, match="^fold: x must be floating point, got int64; convert it"):
        F.fold(on(xp, np.ones((1, 4, 4), np.int64)), 3, 2)
    with pytest.raises(ArgumentTypeError, match="^fold: x must be a Tensor, got ndarray"):
        F.fold(np.ones((1, 4, 4)), 3, 2)


def test_results_larger_than_all_memory_are_refused(monkeypatch):
    monkeypatch.setattr(limits, "memory_of", lambda device: 1000)
    with pytest.raises(AllocationError, match=r"^unfold: a result of shape \(1, 9, 36\) in float64 takes"):
        F.unfold(Tensor(np.ones((1, 1, 8, 8))), 3)
    with pytest.raises(AllocationError, match=r"^fold: a result of shape \(1, 1, 12, 12\) in float64 takes .*; reduce"):
        F.fold(Tensor(np.ones((1, 1, 4))), 12, 1, stride=11)
