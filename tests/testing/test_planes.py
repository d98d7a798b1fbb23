"""Functions of planes, (H, W) and (KH, KW), are checked as they are written."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.testing import LAWS, Operations, check, ours
from minifcn.testing.calls import bound, reference
from minifcn.testing.cases import drawn
from minifcn.testing.law import LawBroken, NotApplicable
from minifcn.testing.planes import PLANAR, of_planes, plane_by_plane, planes_in
from tests.real_use.students import unwrapped


def convolve(x, w, stride=1, padding=0):
    x = np.pad(x, padding)
    H, W = x.shape
    KH, KW = w.shape
    y = np.zeros(((H - KH) // stride + 1, (W - KW) // stride + 1))
    for i, j in np.ndindex(*y.shape):
        y[i, j] = (x[i * stride : i * stride + KH, j * stride : j * stride + KW] * w).sum()
    return y


def stamp(x, w, stride=1):
    (H, W), (KH, KW) = x.shape, w.shape
    y = np.zeros(((H - 1) * stride + KH, (W - 1) * stride + KW))
    for i, j in np.ndindex(H, W):
        y[i * stride : i * stride + KH, j * stride : j * stride + KW] += x[i, j] * w
    return y


def pool(x, k):
    H, W = x.shape
    return np.array([[x[i : i + k, j : j + k].max() for j in range(0, W - k + 1, k)] for i in range(0, H - k + 1, k)])


def columns(x, kernel_size):
    (KH, KW), (H, W) = kernel_size, x.shape
    windows = [x[i : i + KH, j : j + KW].ravel() for i in range(H - KH + 1) for j in range(W - KW + 1)]
    return np.array(windows).T


def matrix(w, input_size):
    (H, W), (KH, KW) = input_size, w.shape
    OH, OW = H - KH + 1, W - KW + 1
    C = np.zeros((OH * OW, H * W))
    for i, j, k, l in np.ndindex(OH, OW, KH, KW):
        C[i * OW + j, (i + k) * W + j + l] = w[k, l]
    return C


RIGHT = {"conv2d": convolve, "conv_transpose2d": stamp, "max_pool2d": pool, "unfold": columns,
         "convolution_matrix": matrix}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_functions_of_planes_are_recognised_and_pass(name):
    report = check(**{name: RIGHT[name]}, examples=4)
    assert report, report
    assert "It is a function of planes (H, W); images and channels were given to it plane by" in unwrapped(report)
    assert check(**{name: RIGHT[name]}, examples=2, planes=True)
    assert not check(**{name: RIGHT[name]}, examples=2, planes=False)


def test_one_number_for_the_stride_is_enough():
    notes = " ".join(check(conv2d=convolve, examples=4).findings[0].notes)
    assert "It takes stride and padding as one number; cases with two different ones were left out." in notes
    assert "It takes no bias and dilation; such cases were left out." in notes, "groups are no matter of a plane"


def test_a_wrong_one_is_told_in_its_own_form():
    report = check(conv2d=lambda x, w: convolve(x, w[::-1, ::-1]), examples=4)
    assert [mistake.name for mistake in report.mistakes] == ["kernel_flipped"]
    call = report.findings[0].wrong.call
    assert {name: value.ndim for name, value in call.given.items()} == {"x": 2, "weight": 2}
    assert call.given["x"].size <= 2
    assert "conv2d(x, weight) gave element [0, 0] = " in unwrapped(report)
    assert "    it gave    it should give\n" in str(report)


def test_stamps_that_are_overwritten_are_called_so():
    def overwritten(x, w):
        y = np.zeros((x.shape[0] + w.shape[0] - 1, x.shape[1] + w.shape[1] - 1))
        for i, j in np.ndindex(*x.shape):
            y[i : i + w.shape[0], j : j + w.shape[1]] = x[i, j] * w
        return y

    report = check(conv_transpose2d=overwritten, examples=4)
    assert "stamps_overwritten" in [mistake.name for mistake in report.mistakes]


def test_a_function_of_images_is_none_of_planes():
    """Nor is one that takes both: the form with images and channels is the one that PyTorch has."""
    assert check(conv2d=ours.conv2d, examples=2)

    def both(x):
        return x.repeat(2, -1).repeat(2, -2)

    report = check(insert_zeros=lambda x, stride: both(x), examples=2)
    assert not report and "planes" not in str(report)


def test_what_is_not_made_of_planes_is_refused():
    with pytest.raises(ArgumentError, match="planes=True: cross_entropy is not made plane by plane; leave planes out"):
        check(cross_entropy=ours.cross_entropy, planes=True)
    with pytest.raises(ArgumentError, match="planes is 'yes'; it is True, False, or None"):
        check(conv2d=convolve, planes="yes")


@pytest.mark.parametrize("name", PLANAR)
def test_planes_put_together_are_the_operation(name):
    """minifcn's own operation, asked plane by plane, gives what it gives for images and channels."""
    seen = 0
    for law in (law for law in LAWS.values() if name in law.needs):
        given = []
        operation = getattr(ours, name)

        def keeps(*arguments, given=given, operation=operation, **named):
            given.append(bound(name, arguments, named))
            return operation(*arguments, **named)

        for case in drawn(law, 3, 0):
            try:
                law(Operations(**{name: keeps}), case)
            except (LawBroken, NotApplicable):
                continue
        for call in given:
            right = reference(name, call)
            try:
                list(planes_in(name, call))
            except NotApplicable:
                continue
            if right.error is not None:
                continue
            made = plane_by_plane(name, partial(of_planes, name, operation), call)
            parts = zip(made, right.value, strict=True) if isinstance(right.value, tuple) else [(made, right.value)]
            for one, other in parts:
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
            seen += 1
    assert seen > 3
