"""Cases 26 to 31: numbers that are not finite, ties, void pixels, classes that are not there."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.autograd import gradcheck
from minifcn.errors import ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.labels import VOID
from minifcn.metrics import ConfusionMatrix
from tests.hostile.operations import (
    algorithm_of,
    equal,
    every_algorithm,
    full,
    ones,
    ones_beside,
    refused,
    tensor,
    values,
    whole,
)

# --- NaN stays where it is seen ---------------------------------------------------------------------------------------

SIGHT = Geometry.of_convolution((6, 7), (2, 3), (1, 2), (1, 0), (2, 1))
OPTIONS = {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)}


def seen_by(geometry, row, column):
    """(OH, OW): the windows of the geometry that have a tap on that pixel."""
    seen = np.zeros(geometry.output_size, bool)
    for i, j in np.ndindex(*geometry.output_size):
        taps = itertools.product(range(geometry.kernel_size[0]), range(geometry.kernel_size[1]))
        (sh, sw), (ph, pw), (dh, dw) = geometry.stride, geometry.padding, geometry.dilation
        seen[i, j] = (row, column) in [(i * sh + k * dh - ph, j * sw + l * dw - pw) for k, l in taps]
    return seen


def stamped_by(geometry, i, j):
    """(H, W): the pixels under the taps of that window."""
    return np.array(
        [
            [seen_by(geometry, row, column)[i, j] for column in range(geometry.input_size[1])]
            for row in range(geometry.input_size[0])
        ]
    )


tap_by_tap = pytest.mark.parametrize("algorithm", ["loops", "sparse matrix", "im2col"])


@pytest.mark.case(26)
@tap_by_tap
def test_a_nan_reaches_the_windows_that_see_it_and_no_others(algorithm, xp):
    """Of three images and two groups of channels, only image 1 and the second group have any."""
    pixels = np.ones((3, 4, 6, 7))
    pixels[1, 2, 3, 4] = np.nan
    expected = np.zeros((3, 6, *SIGHT.output_size), bool)
    expected[1, 3:] = seen_by(SIGHT, 3, 4)
    x, weight = tensor(xp, pixels, requires_grad=True), whole(xp, 2, 6, 2, 2, 3, requires_grad=True)
    with algorithm_of(algorithm):
        y = F.conv2d(x, weight, groups=2, **OPTIONS)
        by_x, by_w = grad(y, [x, weight], ones(xp, *y.shape, dtype=np.float64))
    np.testing.assert_array_equal(np.isnan(values(y.detach())), expected)
    assert 0 < expected.sum() < 3 * seen_by(SIGHT, 3, 4).size
    assert not np.isnan(values(by_x)).any()  # linear: the gradient of x does not depend on x
    taps = np.isnan(values(by_w))
    assert taps[3:, 0].any()
    assert not taps[:3].any()
    assert not taps[:, 1].any()


@pytest.mark.case(26)
@tap_by_tap
def test_a_nan_stamps_the_pixels_of_its_window_and_no_others(algorithm, xp):
    stamp = np.ones((2, 6, *SIGHT.output_size))
    stamp[1, 4, 2, 1] = np.nan
    expected = np.zeros((2, 4, 6, 7), bool)
    expected[1, 2:] = stamped_by(SIGHT, 2, 1)
    y, weight = tensor(xp, stamp), ones(xp, 6, 2, 2, 3, dtype=np.float64)
    with algorithm_of(algorithm):
        x = F.conv_transpose2d(y, weight, groups=2, output_size=(6, 7), **OPTIONS)
    np.testing.assert_array_equal(np.isnan(values(x)), expected)
    assert 0 < expected.sum() < 2 * 6 * 7


@pytest.mark.case(26)
def test_the_matrix_written_out_spreads_a_nan_to_everything_as_documented(xp):
    """0 · NaN is NaN: of the 9 pixels that a 2x2 image is stamped to, 4 show the NaN; by the dense matrix all 9 do."""
    y, weight = tensor(xp, [[[[np.nan, 1.0], [2.0, 3.0]]]]), tensor(xp, [[[[1.0, 2.0], [3.0, 4.0]]]])
    count = {}
    for algorithm in ("loops", "sparse matrix", "im2col", "dense matrix"):
        with algorithm_of(algorithm):
            count[algorithm] = int(np.isnan(values(F.conv_transpose2d(y, weight))).sum())
    assert count == {"loops": 4, "sparse matrix": 4, "im2col": 4, "dense matrix": 9}
    C = F.convolution_matrix(weight, (3, 3))
    assert int(np.isnan(values(Tensor(C.T @ y.data.ravel()))).sum()) == 9


def at(*places):
    mask = np.zeros((2, 3, 4, 6), bool)
    for place in places:
        mask[place] = True
    return mask


ONE = (1, 1, 2, 3)
# name -> (what is done to x (2, 3, 4, 6), the mask of the result where x is NaN at [1, 1, 2, 3])
STAYING = {
    "relu": (F.relu, at(ONE)),
    "leaky_relu": (F.leaky_relu, at(ONE)),
    "tanh": (F.tanh, at(ONE)),
    "gelu": (F.gelu, at(ONE)),
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"), at(ONE)),
    "silu": (F.silu, at(ONE)),
    "group_norm": (lambda x: F.group_norm(x, 3), at((1, 1))),
    "layer_norm": (lambda x: F.layer_norm(x, 6), at((1, 1, 2))),
    "mse_loss": (lambda x: F.mse_loss(x, x, reduction="none"), at(ONE)),
    "l1_loss": (lambda x: F.l1_loss(x, x, reduction="none"), at(ONE)),
    "clamp": (lambda x: F.clamp(x, -1, 1), at(ONE)),
    "add": (lambda x: x + x, at(ONE)),
    "pad": (lambda x: F.pad(F.pad(x, (1, 1)), (-1, -1)), at(ONE)),
    "softmax": (lambda x: F.softmax(x, 1), at((1, slice(None), 2, 3))),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2), at((1, slice(1, 3), 2, 3))),
    "matmul": (lambda x: F.matmul(x, ones_beside(x, 6, 6)), at((1, 1, 2))),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), at((slice(None), 1))),
    "interpolate": (lambda x: F.interpolate(x, (4, 6), mode="bilinear"), at(ONE)),
    "interpolate, moved": (
        lambda x: F.interpolate(x, (7, 11), mode="bilinear", align_corners=True)[:, :, ::2, ::2],
        at(ONE),
    ),
}


@pytest.mark.case(26)
@pytest.mark.parametrize("name", STAYING)
def test_other_operations_keep_a_nan_where_their_documentation_says(name, xp):
    pixels = np.random.default_rng(0).standard_normal((2, 3, 4, 6))
    pixels[ONE] = np.nan
    call, expected = STAYING[name]
    np.testing.assert_array_equal(np.isnan(values(call(tensor(xp, pixels)))), expected)


@pytest.mark.case(26)
@pytest.mark.case(28)
@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("place", [(0, 0), (2, 3), (4, 6)])
def test_a_nan_reaches_the_pooling_windows_that_see_it_and_no_others(pool, place, xp):
    pixels = whole(np, 1, 2, 2, 5, 7)
    pixels[(1, 0, *place)] = np.nan
    geometry = Geometry.of_pooling((5, 7), (2, 3), (1, 2), (1, 0))
    expected = np.zeros((2, 2, *geometry.output_size), bool)
    expected[1, 0] = seen_by(geometry, *place)
    found = pool(tensor(xp, pixels.data), (2, 3), (1, 2), (1, 0))
    np.testing.assert_array_equal(np.isnan(values(found)), expected)


# --- infinity ---------------------------------------------------------------------------------------------------------


@pytest.mark.case(27)
@every_algorithm
def test_infinite_weights_meet_zero_padding_without_a_warning(algorithm, xp):
    """The zeros of the padding are multiplied by im2col, inf · 0 = NaN, and skipped by the others: as documented."""
    x = ones(xp, 1, 1, 3, 4, dtype=np.float64, requires_grad=True)
    weight = full(xp, np.inf, 1, 1, 3, 3, dtype=np.float64, requires_grad=True)
    with warnings.catch_warnings(), algorithm_of(algorithm):
        warnings.simplefilter("error")
        y = F.conv2d(x, weight, padding=1)
        grad(y, [x, weight], ones(xp, *y.shape, dtype=np.float64))
        F.conv_transpose2d(x, weight, padding=1, output_size=(3, 4))
    border = np.pad(np.zeros((1, 2), bool), 1, constant_values=True)
    expected = np.where(border, np.nan if algorithm == "im2col" else np.inf, np.inf)
    equal(y.detach(), expected[None, None])
    documented = " ".join(F.conv2d.__doc__.split())
    assert "an infinite weight on the border gives NaN by the one, infinity by the others" in documented


@pytest.mark.case(27)
def test_infinite_pixels_pass_windows_without_a_warning(xp):
    x = full(xp, np.inf, 1, 2, 4, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isposinf(values(F.conv2d(x, ones(xp, 2, 2, 2, 2)))).all()
        assert np.isposinf(values(F.avg_pool2d(x, 2))).all()
        assert np.isposinf(values(F.max_pool2d(x, 2, padding=1))).all()
        assert np.isposinf(values(F.interpolate(x, (3, 3), mode="bilinear"))).all()


# --- maxima: nothing but -inf, and ties -------------------------------------------------------------------------------


@pytest.mark.case(28)
@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_window_of_nothing_but_nan_or_minus_infinity_keeps_its_winner_inside_the_image(value, ceil_mode, xp):
    x = full(xp, value, 2, 1, 4, 5, requires_grad=True)
    y, indices = F.max_pool2d(x, (3, 2), 2, (1, 1), ceil_mode=ceil_mode, return_indices=True)
    equal(y.detach(), np.full(y.shape, value))
    assert values(indices).min() >= 0
    assert values(indices).max() < 20
    y.backward(whole(xp, 1, *y.shape, dtype=np.float32).data)
    assert values(x.grad).sum() == values(whole(xp, 1, *y.shape)).sum()  # nothing went into the padding
    winners = np.zeros((2, 20), int)
    for n, index in enumerate(values(indices).reshape(2, -1)):
        np.add.at(winners[n], index, 1)
    assert not values(x.grad)[(winners == 0).reshape(x.shape)].any()


@pytest.mark.case(29)
@pytest.mark.parametrize("kernel, stride", [((2, 3), 1), ((3, 2), (2, 1)), ((2, 2), 2), ((6, 6), 1), ((1, 1), 1)])
@pytest.mark.parametrize("value", [0.0, -np.inf, 3.0])
def test_of_equal_pixels_the_first_in_row_major_order_wins_alone(kernel, stride, value, xp):
    x = full(xp, value, 2, 3, 7, 6, dtype=np.float64, requires_grad=True)
    y, indices = F.max_pool2d(x, kernel, stride, return_indices=True)
    step = stride if isinstance(stride, tuple) else (stride, stride)
    first = np.add.outer(np.arange(y.shape[2]) * step[0] * 6, np.arange(y.shape[3]) * step[1])
    equal(indices, np.broadcast_to(first, y.shape))
    received = whole(xp, 1, *y.shape)
    y.backward(received.data)
    expected = np.zeros(x.shape)
    expected[:, :, : y.shape[2] * step[0] : step[0], : y.shape[3] * step[1] : step[1]] = values(received)
    equal(x.grad, expected)


@pytest.mark.case(29)
def test_ties_elsewhere_argmax_takes_the_first_and_amax_shares(xp):
    x = tensor(xp, [[1, 5, 5, 0], [5, 2, 5, 5]], requires_grad=True)
    equal(F.argmax(x, 1), [1, 0])
    F.amax(x, 1).backward(xp.asarray([6.0, 12.0]))
    equal(x.grad, [[0, 3, 3, 0], [4, 0, 4, 4]])  # as in PyTorch, where max_pool2d has one winner


# --- void pixels ------------------------------------------------------------------------------------------------------

reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
class_weights = pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 3.0])], ids=["", "weighted"])


def weight_on(xp, weight):
    return weight if weight is None else xp.asarray(weight)


@pytest.mark.case(30)
@reductions
@class_weights
@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, -np.inf])
def test_all_void_is_a_loss_of_zero_with_zero_gradients(reduction, weight, bad, xp):
    x = full(xp, bad, 2, 3, 2, 4, requires_grad=True)
    labels = xp.full((2, 2, 4), VOID, np.uint8)
    loss = F.cross_entropy(x, labels, weight_on(xp, weight), reduction=reduction)
    equal(loss.detach(), np.zeros((2, 2, 4) if reduction == "none" else ()))
    (first,) = grad(loss.sum(), x, create_graph=True)
    equal(first.detach(), np.zeros(x.shape))
    (second,) = grad((first * first).sum(), x)
    equal(second, np.zeros(x.shape))


@pytest.mark.case(30)
@reductions
@class_weights
def test_a_void_pixel_adds_nothing_whatever_its_scores_are(reduction, weight, xp):
    """Loss, gradient and gradient of the gradient are those of the other pixels alone, to the last bit."""
    source = np.random.default_rng(0)
    scores = source.standard_normal((1, 3, 6))
    labels = np.array([[0, VOID, 2, VOID, 1, VOID]], np.uint8)
    counted = labels[0] != VOID
    found, expected = [], []
    for results, pick in ((found, np.ones(6, bool)), (expected, counted)):
        pixels = scores.copy()
        pixels[:, :, ~counted] = [[[np.nan, np.inf, 1.0], [0.0, np.inf, -np.inf], [2.0, -np.inf, np.nan]]]
        x = tensor(xp, pixels[:, :, pick], requires_grad=True)
        loss = F.cross_entropy(x, xp.asarray(labels[:, pick]), weight_on(xp, weight), reduction=reduction)
        (first,) = grad(loss.sum(), x, create_graph=True)
        (second,) = grad((first**3).sum(), x)
        results += [values(loss.detach()), values(first.detach()), values(second)]
    for with_void, without in zip(found, expected, strict=True):
        if with_void.shape != without.shape:
            assert not with_void[..., ~counted].any()
            with_void = with_void[..., counted]
        np.testing.assert_array_equal(with_void, without)


@pytest.mark.case(30)
def test_the_gradients_of_a_loss_with_void_pixels_are_those_of_differences_to_second_order(xp):
    labels = xp.asarray(np.array([[0, VOID, 2, 1]], np.uint8))
    x = tensor(xp, np.random.default_rng(1).standard_normal((1, 3, 4)), requires_grad=True)
    assert gradcheck(lambda x: F.cross_entropy(x, labels), [x], order=2)


@pytest.mark.case(30)
def test_255_is_void_and_254_is_an_error_that_names_it(xp):
    x = ones(xp, 1, 3, 2, 3)
    labels = np.array([[[0, 1, VOID], [2, VOID, 2]]], np.uint8)
    equal(F.cross_entropy(x, xp.asarray(labels), reduction="none") > 0, labels != VOID)
    for wrong, count in ((254, 1), (3, 2), (-1, 1), (256, 1)):
        bad = labels.astype(np.int64)
        bad[0, 0, :count] = wrong
        named = f"[{wrong}]" if xp is np else f"as {'small' if wrong < 0 else 'large'} as {wrong}"  # looked at later
        refused(
            lambda bad=bad: F.cross_entropy(x, xp.asarray(bad)).item(),
            f"cross_entropy: labels {named} at {count} pixels are outside [0, 3) and not ignore_index 255",
            "fix the labels or the number of classes",
        )
    other = F.cross_entropy(x, xp.asarray(np.where(labels == VOID, 254, labels)), ignore_index=254)
    equal(other, values(F.cross_entropy(x, xp.asarray(labels))))


@pytest.mark.case(30)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.bool_])
def test_labels_that_are_no_integers_are_refused_with_their_dtype(dtype, xp):
    said = "cross_entropy: target must be an array of integer labels", f"got {np.dtype(dtype).name}", "use uint8"
    refused(lambda: F.cross_entropy(ones(xp, 2, 3), xp.zeros(2, dtype)), *said, error=ArgumentTypeError)


@pytest.mark.case(30)
@pytest.mark.parametrize("offset", [1e4, -1e4])
def test_large_scores_keep_their_small_differences_and_finite_gradients(offset, xp):
    """log(1 + 1/e) out of 10000 and 9999 in float32, which has steps of a thousandth there."""
    x = tensor(xp, [[offset, offset - 1], [offset, -offset]], np.float32, requires_grad=True)
    loss = F.cross_entropy(x, xp.asarray([0, 1]), reduction="none")
    far = 2e4 if offset > 0 else 0.0
    np.testing.assert_allclose(values(loss.detach()), [math.log1p(math.exp(-1)), far], rtol=1e-6)
    loss.sum().backward()
    first = 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(values(x.grad), [[first - 1, 1 - first], [1, -1] if far else [0, 0]], rtol=1e-5)


# --- metrics ----------------------------------------------------------------------------------------------------------


@pytest.mark.case(31)
def test_a_class_in_neither_truth_nor_prediction_is_left_out_of_the_mean(xp):
    """Of five classes 3 and 4 never occur; 2 is predicted only, and counts as 0."""
    matrix = ConfusionMatrix(5)
    target = xp.asarray(np.array([0, 0, 0, 1, 1, VOID], np.uint8))
    matrix.update(xp.asarray(np.array([0, 0, 2, 1, 0, 4])), target)
    np.testing.assert_array_equal(matrix.iu(), [2 / 4, 1 / 2, 0, math.nan, math.nan])
    assert matrix.mean_iu() == (1 / 2 + 1 / 2 + 0) / 3
    assert matrix.mean_iu(only_gt_classes=True) == 1 / 2
    assert matrix.mean_iu(absent="zero") == 1 / 5


@pytest.mark.case(31)
@pytest.mark.parametrize("target", [[VOID, VOID, VOID], []], ids=["all void", "nothing"])
def test_all_classes_absent_is_nan_with_a_warning(target, xp):
    matrix = ConfusionMatrix(3)
    matrix.update(xp.zeros(len(target), int), xp.asarray(np.array(target, np.uint8)))
    for measure in (
        matrix.pixel_accuracy,
        matrix.mean_accuracy,
        matrix.mean_iu,
        lambda: matrix.mean_iu(absent="zero"),
        lambda: matrix.mean_iu(only_gt_classes=True),
        matrix.frequency_weighted_iu,
    ):
        with pytest.warns(RuntimeWarning, match="no pixel was counted .* every metric is nan"):
            assert math.isnan(measure())
    for per_class in (matrix.iu, matrix.class_accuracy):
        with pytest.warns(RuntimeWarning, match="no pixel was counted"):
            np.testing.assert_array_equal(per_class(), [math.nan] * 3)
