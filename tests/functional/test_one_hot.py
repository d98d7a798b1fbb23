"""Labels as rows of the identity, and labels that are no rows."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from tests.onto import equal, on

LABELS = np.array([[2, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint16])
@pytest.mark.parametrize("classes", [-1, 3, 5])
def test_the_classes_come_last(dtype, classes, xp):
    y = F.one_hot(on(xp, LABELS.astype(dtype)), classes)
    assert y.dtype == np.int64 and not y.requires_grad
    equal(y, np.eye(3 if classes < 0 else classes, dtype=int)[LABELS])


def test_any_shape_and_nothing(xp):
    assert F.one_hot(on(xp, np.array(1)), 4).shape == (4,)
    assert F.one_hot(on(xp, np.zeros((2, 0), int)), 4).shape == (2, 0, 4)


@pytest.mark.parametrize(("label", "shown"), [(255, "255"), (3, "3"), (-1, "-1")])
def test_labels_out_of_range_are_named(label, shown, xp):
    with pytest.raises(ArgumentError, match=rf"^one_hot: label {shown} is outside \[0, 3\); replace void labels first"):
        F.one_hot(on(xp, np.array([0, label, 2])), 3).sum().item()
    if label < 0:
        with pytest.raises(ArgumentError, match=r"^one_hot: label -1 is outside \[0, 3\)"):
            F.one_hot(on(xp, np.array([0, label, 2]))).sum().item()


def test_errors():
    with pytest.raises(ArgumentTypeError, match="^one_hot: x must hold integer labels, got float64"):
        F.one_hot(Tensor(np.zeros(2)), 3)
    with pytest.raises(ArgumentTypeError, match="^one_hot: x must be a Tensor, got ndarray"):
        F.one_hot(LABELS, 3)
    for x, classes in ((np.zeros(0, int), -1), (LABELS, 0)):
        with pytest.raises(ArgumentError, match="^one_hot: num_classes must be 1 or more"):
            F.one_hot(Tensor(x), classes)
    with pytest.raises(AllocationError, match=r"^one_hot: a result .* reduce num_classes"):
        F.one_hot(Tensor(np.zeros((1000, 1000), int)), 2**31 - 1)
