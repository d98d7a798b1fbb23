"""Cases 38 to 43: pooling where a window touches the padding, hangs over the edge, is large, or ties.

tests/arrays/test_pooling.py compares the array functions with loops over every window, tests/oracles with PyTorch; here
are the cases that broke other libraries, through the public operations.
"""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, as_tensor, grad, nn
from minifcn.errors import ArgumentTypeError
from tests.hostile.arrays import eighths, laid_out
from tests.hostile.operations import equal, full, ones, refused, tensor, values
from tests.strategies import LAYOUTS

POOLS = {"max_pool2d": F.max_pool2d, "avg_pool2d": F.avg_pool2d}
LAYERS = {"max_pool2d": nn.MaxPool2d, "avg_pool2d": nn.AvgPool2d}
every_pool = pytest.mark.parametrize("name", POOLS)


# --- 38: padding is -inf for a maximum --------------------------------------------------------------------------------


@pytest.mark.case(38)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_padding_never_wins_over_a_negative_number(xp, dtype, ceil_mode):
    """-1 is the largest; a padding of 0 would win every window of the border."""
    x = tensor(xp, -1 - np.arange(20.0).reshape(1, 1, 4, 5), dtype, requires_grad=True)
    y, indices = F.max_pool2d(x, (3, 4), (2, 3), (1, 2), ceil_mode=ceil_mode, return_indices=True)
    # Windows begin at the rows -1, 1 (and 3) and the columns -2, 1 (and 4): the first pixel inside wins.
    rows, columns = ([0, 1, 3], [0, 1, 4]) if ceil_mode else ([0, 1], [0, 1])
    equal(indices, [[[[5 * row + column for column in columns] for row in rows]]])
    equal(y, -1.0 - values(indices))
    y.backward(full(xp, 2, *y.shape, dtype=dtype))
    assert values(x.grad).sum() == 2 * y.numel()  # no gradient is lost in the padding
    equal(nn.MaxPool2d((3, 4), (2, 3), (1, 2), ceil_mode=ceil_mode)(x.detach()), values(y))


@pytest.mark.case(38)
def test_the_smallest_number_there_is_still_wins_over_padding(xp):
    for dtype in (np.float16, np.float32, np.float64):
        lowest = np.finfo(dtype).min
        x = full(xp, lowest, 1, 1, 2, 3, dtype=dtype, requires_grad=True)
        y, indices = F.max_pool2d(x, 2, 1, 1, return_indices=True)
        equal(y, np.full((1, 1, 3, 4), lowest, dtype))
        equal(indices, [[[[0, 0, 1, 2], [0, 0, 1, 2], [3, 3, 4, 5]]]])


@pytest.mark.case(38)
def test_padding_counts_as_zero_in_a_mean_or_not_at_all(xp):
    x = full(xp, -8, 1, 1, 2, 3)
    equal(F.avg_pool2d(x, 2, 1, 1), [[[[-2, -4, -4, -2], [-4, -8, -8, -4], [-2, -4, -4, -2]]]])
    equal(F.avg_pool2d(x, 2, 1, 1, count_include_pad=False), np.full((1, 1, 3, 4), -8))


# --- 39: at most half of the window may be padding --------------------------------------------------------------------


@pytest.mark.case(39)
@every_pool
@pytest.mark.parametrize(
    "kernel, padding, most",
    [((3, 2), (2, 0), (1, 1)), ((3, 4), (0, 3), (1, 2)), ((1, 1), (0, 1), (0, 0)), ((2, 5), 2, (1, 2))],
)
def test_more_padding_than_half_of_the_window_is_refused_with_the_limit(xp, name, kernel, padding, most):
    """Then a window could lie in the padding alone; other libraries gave -3.4e38 there, or read beyond the array."""
    x = ones(xp, 2, 3, 6, 7, requires_grad=True)
    asked = padding if isinstance(padding, tuple) else (padding, padding)
    fragments = (
        f"{name}: padding must be at most half of the effective kernel",
        f"got padding {asked} and effective kernel {kernel[0]}x{kernel[1]}",
        f"use padding at most {most}",
    )
    refused(lambda: POOLS[name](x, kernel, 1, padding), *fragments)
    refused(lambda: POOLS[name](x, kernel, 1, padding, ceil_mode=True), *fragments)
    refused(lambda: LAYERS[name](kernel, 1, padding)(x), *fragments)
    assert np.isfinite(values(POOLS[name](x, kernel, 1, most))).all()


@pytest.mark.case(39)
def test_dilation_makes_room_for_padding(xp):
    x = ones(xp, 2, 3, 6, 7)
    fragments = "got padding (0, 3) and effective kernel 2x4", "use padding at most (1, 2)"
    refused(lambda: F.max_pool2d(x, 2, 1, (0, 3), (1, 3)), *fragments)
    assert F.max_pool2d(x, 2, 1, (0, 2), (1, 3)).shape == (2, 3, 5, 8)
    # Half of a window with holes may still be padding alone: that is refused for what it is.
    refused(
        lambda: F.max_pool2d(x[..., :2], 2, 1, (0, 1), (1, 3)),
        "max_pool2d: window 0 sees only padding: its taps are at [-1, 2], the input is 2 long",
        "reduce the dilation 3 to at most 2 or the padding 1",
    )


# --- 40: where the last window of ceil mode may start -----------------------------------------------------------------


def starts(n, k, s, p, ceil_mode):
    """First positions of the windows along one axis, found one by one: -p, -p + s, ..."""
    found = []
    for start in itertools.count(-p, s):
        overhang = start + k - (n + p)
        if overhang > 0 and not (ceil_mode and overhang < s and start < n):
            return found
        found.append(start)


@pytest.mark.case(40)
@pytest.mark.parametrize(
    "n, k, s, p, count", [(4, 1, 2, 0, 2), (4, 2, 2, 1, 3), (5, 2, 2, 0, 3), (7, 2, 3, 0, 3), (6, 3, 5, 1, 2)]
)
@every_pool
def test_how_many_windows_ceil_mode_makes(xp, name, n, k, s, p, count):
    pool = POOLS[name]
    assert len(starts(n, k, s, p, True)) == count
    assert pool(ones(xp, 1, 1, n, 9), (k, 1), (s, 1), (p, 0), ceil_mode=True).shape == (1, 1, count, 9)
    assert pool(ones(xp, 1, 1, 9, n), (1, k), (1, s), (0, p), ceil_mode=True).shape == (1, 1, 9, count)


@pytest.mark.case(40)
@pytest.mark.case(41)
def test_every_small_window_shows_the_pixels_it_covers():
    """Sizes, maxima, means and divisors along one axis, where all of them can be counted."""
    done = 0
    for n, k, s, ceil_mode in itertools.product(range(1, 8), range(1, 5), range(1, 6), (False, True)):
        for p in range(k // 2 + 1):
            windows = starts(n, k, s, p, ceil_mode)
            x = eighths((1, 1, 1, n), n)
            t = Tensor(x)
            asked = {"kernel_size": (1, k), "stride": (1, s), "padding": (0, p), "ceil_mode": ceil_mode}
            if not windows:
                refused(
                    partial(F.max_pool2d, t, **asked), f"the window does not fit: padded input 1x{n + 2 * p}", f"1x{k}"
                )
                continue
            inside = [x[..., max(i, 0) : i + k] for i in windows]
            padded = [min(i + k, n + p) - i for i in windows]  # places of the window in the padded image
            found = [
                F.max_pool2d(t, **asked),
                F.avg_pool2d(t, **asked),
                F.avg_pool2d(t, **asked, count_include_pad=False),
            ]
            sums = np.array([part.sum() for part in inside])
            expected = [[part.max() for part in inside], sums / padded, sums / [part.size for part in inside]]
            for y, numbers in zip(found, expected, strict=True):
                np.testing.assert_array_equal(y.data.ravel(), numbers, err_msg=f"{n=} {k=} {s=} {p=} {ceil_mode=}")
            done += 1
    assert done > 500


# --- 41: the divisor of a mean ----------------------------------------------------------------------------------------


@pytest.mark.case(41)
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_the_divisor_where_windows_hang_over_the_edge(xp, count_include_pad):
    x = tensor(xp, np.arange(49).reshape(1, 1, 7, 7))
    expected = [[4, 7, 9.5], [25, 28, 30.5], [42.5, 45.5, 48]]
    found = F.avg_pool2d(x, 2, 3, ceil_mode=True, count_include_pad=count_include_pad)
    equal(found, [[expected]])
    layer = nn.AvgPool2d(2, 3, ceil_mode=True, count_include_pad=count_include_pad)
    equal(layer(x), [[expected]])


@pytest.mark.case(41)
def test_the_divisor_with_padding_and_overhang(xp):
    """Windows at -1, 1 and 3 of four ones, kernel 3: the last one covers a pixel and its padding, and hangs beyond."""
    x = ones(xp, 1, 1, 1, 4, dtype=np.float64)
    asked = {"kernel_size": (1, 3), "stride": (1, 2), "padding": (0, 1), "ceil_mode": True}
    equal(F.avg_pool2d(x, **asked), [[[[2 / 3, 1, 1 / 2]]]])
    equal(F.avg_pool2d(x, **asked, count_include_pad=False), [[[[1, 1, 1]]]])
    equal(F.avg_pool2d(x, **asked, divisor_override=4), [[[[2 / 4, 3 / 4, 1 / 4]]]])
    for divisor, error in ((0, None), (-1, None), (2.0, ArgumentTypeError), (True, ArgumentTypeError)):
        refused(
            lambda divisor=divisor: F.avg_pool2d(x, **asked, divisor_override=divisor),
            "avg_pool2d: divisor_override must be",
            f"got {divisor}",
            **({"error": error} if error else {}),
        )


@pytest.mark.case(41)
def test_a_mean_of_ones_is_never_nan_and_its_gradient_spreads_one(xp):
    for size, kernel, stride, ceil_mode in itertools.product((1, 4, 7), (1, 2, 5), (1, 3, 8), (False, True)):
        padding = kernel // 2
        x = ones(xp, 1, 2, size, 9, dtype=np.float64, requires_grad=True)
        y = F.avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad=False)
        equal(y, np.ones(y.shape))
        y.backward(ones(xp, *y.shape, dtype=np.float64))
        assert math.isclose(values(x.grad).sum(), y.numel(), rel_tol=1e-12)


# --- 42: large windows, and windows that share pixels -----------------------------------------------------------------


@pytest.mark.case(42)
@pytest.mark.parametrize("kernel", [(6, 6), (15, 20), (1, 257)], ids=lambda k: f"{k[0] * k[1]} elements")
@pytest.mark.parametrize("tap", [0, 255, 256, 299])
def test_any_element_of_a_large_window_can_win(xp, kernel, tap):
    """More than 32 choices, and more than a byte can count."""
    elements = kernel[0] * kernel[1]
    tap = min(tap, elements - 1)
    row, column = divmod(tap, kernel[1])
    image = np.zeros((2, 1, kernel[0] + 1, 2 * kernel[1]))
    image[1, 0, row + 1, column + kernel[1]] = 3  # in the last of 2x2 windows, of the second image
    x = tensor(xp, image, requires_grad=True)
    y, indices = F.max_pool2d(x, kernel, (1, kernel[1]), return_indices=True)
    assert y.shape == (2, 1, 2, 2)
    flat = (row + 1) * image.shape[3] + column + kernel[1]
    assert (values(y)[1, 0, 1, 1], values(indices)[1, 0, 1, 1]) == (3, flat)
    v = np.zeros(y.shape)
    v[1, 0, 1, 1] = 5
    (by_x,) = grad(y, x, tensor(xp, v), create_graph=True)
    equal(by_x, image * (5 / 3))
    back = F.max_unpool2d(y, indices, kernel, (1, kernel[1]))
    assert values(back).ravel()[image.size // 2 + flat] == 3 * (values(indices)[1] == flat).sum()
    mean = F.avg_pool2d(x, kernel, (1, kernel[1]))
    assert values(mean)[1, 0, 1, 1] == 3 / elements


@pytest.mark.case(42)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_positions_beyond_a_byte_survive_narrow_indices(xp, dtype):
    """A plane of 300 places, and a batch that makes the positions in memory larger still."""
    place = min(np.iinfo(dtype).max, 299)
    indices = xp.full((4, 3, 1, 1), place, dtype)
    x = tensor(xp, np.arange(1.0, 13).reshape(4, 3, 1, 1), requires_grad=True)
    y = F.max_unpool2d(x, indices, (15, 20))
    expected = np.zeros((4, 3, 300))
    expected[..., place] = np.arange(1, 13).reshape(4, 3)
    equal(y, expected.reshape(4, 3, 15, 20))
    y.backward(tensor(xp, expected.reshape(y.shape) * 2))
    equal(x.grad, 2 * values(x))


@pytest.mark.case(42)
def test_gradients_of_windows_that_overlap_add_up(xp):
    image = np.zeros((1, 1, 3, 3))
    image[..., 1, 1] = 1  # the winner of all four windows
    x, v = tensor(xp, image, requires_grad=True), tensor(xp, [[[[1.0, 20], [300, 4000]]]])
    equal(grad(F.max_pool2d(x, 2, 1), x, v)[0], 4321 * image)
    spread = [[1, 21, 20], [301, 4321, 4020], [300, 4300, 4000]]
    equal(grad(F.avg_pool2d(x, 2, 1), x, v)[0], [[np.array(spread) / 4]])
    y, indices = F.max_pool2d(x, 2, 1, return_indices=True)
    equal(F.max_unpool2d(y, indices, 2, 1), 4 * image)  # documented: positions that occur twice add up


# --- 29: ties ---------------------------------------------------------------------------------------------------------


@pytest.mark.case(29)
@pytest.mark.parametrize("value", [0.0, -3.5, np.inf, -np.inf])
def test_of_equal_pixels_the_first_in_row_major_order_wins_in_every_layout(xp, value):
    """First by its place in the picture, whatever the order in memory; the gradient goes to it whole."""
    expected = np.zeros((2, 3, 5, 6))
    expected[:, :, :3:2, :3] += [[1, 10, 100], [1000, 10_000, 100_000]]
    for layout in LAYOUTS:
        x = as_tensor(laid_out(xp.full((2, 3, 5, 6), value), layout)).requires_grad_()
        y, indices = F.max_pool2d(x, (3, 4), (2, 1), return_indices=True)
        equal(indices, np.broadcast_to([[0, 1, 2], [12, 13, 14]], (2, 3, 2, 3)))
        v = tensor(xp, np.broadcast_to([[1.0, 10, 100], [1000, 10_000, 100_000]], (2, 3, 2, 3)))
        equal(grad(y, x, v)[0], expected)


@pytest.mark.case(29)
def test_equal_zeros_of_either_sign_and_equal_nan_tie_too(xp):
    for row, winner in (([-0.0, 0.0, 0.0], 0), ([-1.0, 0.0, -0.0], 1), ([1.0, np.nan, np.nan], 1)):
        x = tensor(xp, [[[row]]], requires_grad=True)
        y, indices = F.max_pool2d(x, (1, 3), return_indices=True)
        equal(indices, [[[[winner]]]])
        equal(grad(y, x, ones(xp, 1, 1, 1, 1, dtype=np.float64))[0], [[[np.eye(3)[winner]]]])


# --- 43: indices that point nowhere, or twice at one place ------------------------------------------------------------


@pytest.mark.case(43)
@pytest.mark.parametrize("wrong", [-1, 24, -(2**62), 2**62])
def test_an_index_outside_of_the_plane_is_named_with_the_limit(xp, wrong):
    y = ones(xp, 2, 3, 2, 3)
    indices = xp.zeros(y.shape, np.int64)
    indices[1, 2, 1, 2] = wrong
    for given in (indices, as_tensor(indices)):
        refused(
            lambda given=given: F.max_unpool2d(y, given, 2),
            f"max_unpool2d: found an invalid max index {wrong}",
            "must lie in [0, 24) for an output of 4x6",
            "give the size of the input of the max_pool2d that made them",
        )
    refused(lambda: nn.MaxUnpool2d(2)(y, indices), f"invalid max index {wrong}", "[0, 24)")
    indices[1, 2, 1, 2] = 23  # the last place of the last plane
    assert values(F.max_unpool2d(y, indices, 2))[1, 2, 3, 5] == 1
    refused(lambda: F.max_unpool2d(y, indices, 2, output_size=(3, 6)), "invalid max index 23", "[0, 18)", "3x6")


@pytest.mark.case(43)
def test_an_unsigned_index_beyond_all_bounds_does_not_wrap_to_a_valid_one(xp):
    y = ones(xp, 1, 1, 1, 1)
    for wrong in (2**64 - 1, 2**63, 2**32):
        refused(
            lambda wrong=wrong: F.max_unpool2d(y, xp.full(y.shape, wrong, np.uint64), 2), f"index {wrong}", "[0, 4)"
        )


@pytest.mark.case(43)
def test_indices_of_another_kind_or_shape_are_refused(xp):
    y, indices = ones(xp, 1, 1, 2, 3), xp.zeros((1, 1, 2, 3), np.int64)
    for dtype in (np.float32, bool):
        refused(
            lambda dtype=dtype: F.max_unpool2d(y, indices.astype(dtype), 2),
            f"max_unpool2d: indices must be integers, got {np.dtype(dtype)}",
            error=ArgumentTypeError,
        )
    fragments = "max_unpool2d: indices must have the shape of x, (1, 1, 2, 3)", "got (1, 1, 3, 2)"
    refused(lambda: F.max_unpool2d(y, indices.reshape(1, 1, 3, 2), 2), *fragments)
    refused(lambda: F.max_unpool2d(y, None, 2), "indices must have the shape of x, (1, 1, 2, 3)", "got None")


@pytest.mark.case(43)
def test_values_of_one_place_add_up_and_each_receives_its_gradient(xp):
    x = tensor(xp, [[[[1.0, 20, 300]]]], requires_grad=True)
    y = F.max_unpool2d(x, xp.asarray([[[[5, 0, 5]]]]), (2, 1), output_size=(2, 3))
    equal(y, [[[[20, 0, 0], [0, 0, 301]]]])
    equal(grad(y, x, tensor(xp, [[[[7.0, 1, 1], [1, 1, 9]]]]))[0], [[[[9, 7, 9]]]])
