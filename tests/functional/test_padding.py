"""conv2d with padding="same" and "valid" is conv2d of the image with zeros around it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.functional.padding import padded_by_name
from tests.onto import equal, on
from tests.strategies import pairs, whole_numbers


@given(pairs(1, 5), pairs(1, 5), pairs(1, 3), st.integers(1, 2))
def test_same_is_a_convolution_of_the_framed_image(size, kernel, dilation, groups):
    source = np.random.default_rng(0)
    x, w = whole_numbers(source, (2, 2, *size)), whole_numbers(source, (4, 2 // groups, *kernel))
    bias = whole_numbers(source, (4,))
    rows, columns = (dilation[a] * (kernel[a] - 1) for a in (0, 1))
    frame = ((0, 0), (0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    leaf = Tensor(x, requires_grad=True)
    y = F.conv2d(leaf, Tensor(w), Tensor(bias), padding="same", dilation=dilation, groups=groups)
    framed = Tensor(np.pad(x, frame), requires_grad=True)
    expected = F.conv2d(framed, Tensor(w), Tensor(bias), dilation=dilation, groups=groups)
    equal(y, expected)
    assert y.shape == (2, 4, *size)
    g = whole_numbers(source, y.shape)
    y.backward(g)
    expected.backward(g)
    equal(leaf.grad, framed.grad.data[:, :, rows // 2 :, columns // 2 :][:, :, : size[0], : size[1]])


def test_valid_is_no_padding_at_any_stride(xp):
    source = np.random.default_rng(1)
    x, w = on(xp, whole_numbers(source, (2, 3, 6, 7))), on(xp, whole_numbers(source, (4, 3, 2, 3)))
    equal(F.conv2d(x, w, stride=(2, 3), padding="valid"), F.conv2d(x, w, stride=(2, 3)))


def test_where_nothing_is_uneven_the_image_is_not_copied(xp):
    x = on(xp, np.ones((1, 1, 4, 5)))
    for padding, kernel, dilation in (("same", (3, 5), 1), ("same", 2, 2), ("valid", (2, 4), 1), ((1, 2), 2, 1)):
        assert padded_by_name("conv2d", x, kernel, 1, padding, dilation)[0] is x
    longer, before = padded_by_name("conv2d", x, (2, 3), 1, "same", 1)
    assert longer.shape == (1, 1, 5, 5) and before == (0, 1)


@pytest.mark.parametrize("kernel", [(3, 5), (2, 4), (1, 6)])
def test_the_layer_keeps_the_name_and_knows_where_its_centres_lie(kernel, xp):
    """The gradient of one result is spread over its window: its centre is what the map takes to that result."""
    layer = nn.Conv2d(1, 1, kernel, padding="same", dilation=(1, 2), generator=np.random.default_rng(0))
    assert layer.padding == "same"
    layer.weight.mutable()[...] = 1
    x = on(xp, np.ones((1, 1, 19, 20), np.float32), requires_grad=True)
    y = layer.to(x.device)(x)
    assert y.shape == x.shape
    y[0, 0, 9, 8].backward()
    seen = x.grad.numpy()[0, 0] != 0
    for axis, position in ((0, 9), (1, 8)):
        rows = np.flatnonzero(seen.any(axis=1 - axis))
        assert 2 * layer.coordinate_map(axis)(0) + int(rows[0] + rows[-1]) == 2 * position


def test_a_layer_in_numbers_has_the_padding_it_was_given():
    layer = nn.Conv2d(1, 1, 3, padding=(1, 2))
    assert (layer.padded_before(), layer.padded_before(1)) == (1, 2)
    assert nn.Conv2d(1, 1, 3, 2, padding="valid").padded_before() == 0
    assert nn.MaxPool2d(3, padding=1).padded_before(1) == 1
