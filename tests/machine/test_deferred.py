"""What a GPU found is said when somebody waits for it, once, and not for ever later."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError
from minifcn.machine.backend import to_numpy
from minifcn.machine.deferred import MOST, check_later, check_now
from tests.played_cupy.arrays import synchronisations


def refusing(found: np.ndarray) -> None:
    if found.any():
        raise ArgumentError(f"found {found.tolist()}")


@pytest.mark.parametrize(
    "read", [to_numpy, lambda x: Tensor.of(x).item(), lambda x: bool(Tensor.of(x)), lambda x: Tensor.of(x).numpy()]
)
def test_an_error_is_raised_before_the_next_number_is_believed(played, read):
    x = played.ones(())
    check_later(played.asarray([0, 0]), refusing)
    check_later(played.asarray([0, 7]), refusing)
    check_later(played.asarray([1, 0]), refusing)
    with pytest.raises(ArgumentError, match=r"found \[0, 7\]"):
        read(x)
    read(x)  # the third may have come of the second: it is forgotten


def test_nobody_waits_for_a_gpu_until_there_are_many(played):
    del synchronisations[:]
    for _ in range(MOST - 1):
        check_later(played.zeros(2), refusing)
    assert synchronisations == []
    check_later(played.zeros(2), refusing)
    assert synchronisations == ["get"] * MOST
    check_now()
    assert len(synchronisations) == MOST


def test_numbers_of_the_host_wait_for_nothing(played):
    check_later(played.ones(1), refusing)
    to_numpy(np.ones(3))
    with pytest.raises(ArgumentError):
        check_now()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ([254], "labels as large as 254 at 1 pixels"),
        ([-3, 9, -1], "labels as small as -3 and as large as 9 at 3 pixels"),
        ([-3], "labels as small as -3 at 1 pixels"),
        ([-1, 3], "labels as small as -1 and as large as 3 at 2 pixels"),
    ],
)
def test_labels_are_looked_at_before_they_index_and_named_later(played, wrong, said):
    x = Tensor.of(played.zeros((1, 3, 2, 3), np.float32)).requires_grad_()
    labels = np.array([[[0, 1, 255], [2, 255, 2]]])
    labels[0].flat[: len(wrong)] = wrong
    del synchronisations[:]
    loss = F.cross_entropy(x, played.asarray(labels))
    loss.backward()
    assert synchronisations == []
    with pytest.raises(ArgumentError, match=said + r" are outside \[0, 3\) and not ignore_index 255; fix the labels"):
        loss.item()
    assert np.isnan(loss.item())  # so whoever looks at the loss does not believe it either
