"""Every operation on every array module: forward, backward and the derivative of that are those of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, convolution_matrix
from minifcn import functional as F
from minifcn.machine.backend import to_numpy
from tests.hostile.arrays import CASES, WITHOUT_GRADIENT, arrays_of, differentiated, eighths, identifier

# A GPU draws its own random numbers: test_dropout.py asks what they are.
every_operation = pytest.mark.parametrize(
    "case", [case for case in CASES if not case.name.startswith("dropout")], ids=identifier
)


def results(case, xp, dtype):
    """[y, the gradients Jᵀv, J u] with all that is given on `xp`, as Tensors."""
    operands, labels = arrays_of(case, xp)
    operands = [operand.astype(dtype) for operand in operands]
    shape = case(*(Tensor(x) for x in operands), *labels)
    v = xp.asarray(eighths(shape.shape, 7).astype(shape.dtype))
    u = [xp.asarray(eighths(x.shape, 8).astype(dtype)) for x in operands]
    return differentiated(case, operands, labels, v, u)


def of_one_kind(found, expected, xp):
    assert type(found._array) is xp.ndarray, "the result has left its device"
    assert (found.dtype, found.shape, found.requires_grad) == (expected.dtype, expected.shape, expected.requires_grad)


@every_operation
def test_double_precision_gives_numpys_results(case, xp):
    """To the last bit where only sums, products and choices of eighths are made."""
    for found, expected in zip(results(case, xp, np.float64), results(case, np, np.float64), strict=True):
        of_one_kind(found, expected, xp)
        tight = {"rtol": 0, "atol": 0} if case.exact else {"rtol": 1e-10, "atol": 1e-12}
        np.testing.assert_allclose(to_numpy(found._array), expected._array, **tight)


@every_operation
def test_single_precision_gives_numpys_results(case, xp):
    """Up to the rounding of a sum of as many terms as there are operands' elements, the largest of its size."""
    terms = max(int(np.prod(shape)) for shape in case.shapes)
    for found, expected in zip(results(case, xp, np.float32), results(case, np, np.float32), strict=True):
        of_one_kind(found, expected, xp)
        largest = float(np.abs(expected._array).max(initial=0))
        np.testing.assert_allclose(to_numpy(found._array), expected._array, rtol=0, atol=4 * terms * 2.0**-24 * largest)


def test_what_has_no_gradient_gives_numpys_results(xp):
    x, weight = eighths((2, 3, 4, 5)), eighths((6, 2, 3, 2))
    for dim in (None, 0, 1, -1):
        found = F.argmax(Tensor(xp.asarray(x)), dim)
        assert type(found._array) is xp.ndarray
        np.testing.assert_array_equal(to_numpy(found._array), x.argmax(dim))
        np.testing.assert_array_equal(to_numpy(F.argmin(Tensor(xp.asarray(x)), dim)._array), x.argmin(dim))
        for function, right in ((F.all, np.all), (F.any, np.any)):
            found = function(Tensor(xp.asarray(x > 1)), dim)
            assert type(found._array) is xp.ndarray and found.dtype == np.bool_
            np.testing.assert_array_equal(to_numpy(found._array), right(x > 1, dim))
    labels = np.array([[2, 0, 1], [1, 1, 0]], np.uint8)
    for classes in (-1, 3, 5):
        found = F.one_hot(Tensor(xp.asarray(labels)), classes)
        assert type(found._array) is xp.ndarray and found.dtype == np.int64
        np.testing.assert_array_equal(to_numpy(found._array), np.eye(max(3, classes), dtype=int)[labels])
    for sparse in (False, True):
        made, right = (convolution_matrix(w, (4, 3), 2, 1, 1, 2, sparse) for w in (xp.asarray(weight), weight))
        images = eighths((right.shape[1], 2))
        np.testing.assert_array_equal(to_numpy(made @ xp.asarray(images)), right @ images)


def test_every_operation_is_here():
    assert {case.name for case in CASES} | WITHOUT_GRADIENT == set(F.__all__)
    assert len(WITHOUT_GRADIENT) == 6, "what is new is to be added to the test above"
