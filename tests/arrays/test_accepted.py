"""What is let in as an array, as it is wherever it can be, and every refusal as a whole sentence."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.arrays.accepted import checked_array, real_dtype, same_device
from minifcn.errors import ArgumentTypeError
from tests.onto import moved_to


def test_an_array_that_fits_is_not_copied():
    x = np.arange(3.0)
    assert np.shares_memory(checked_array(x), x)
    assert np.shares_memory(checked_array(x, np.float64), x)
    assert not np.shares_memory(checked_array(x, np.float32), x)


@pytest.mark.parametrize("dtype", [">i2", "<i2", ">f4", "<f8"])
def test_numbers_are_in_the_byte_order_of_the_machine(dtype):
    x = checked_array(np.array([1, 256, 2], dtype))
    assert x.dtype.isnative and x.dtype == np.dtype(dtype).newbyteorder("=")
    assert x.tolist() == [1, 256, 2]


def test_a_dtype_is_changed_on_the_card_of_the_array(played):
    x = moved_to(np.arange(3.0), "cuda:1")
    made = checked_array(x, np.float32)
    assert (made.dtype, made.device.id) == (np.float32, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("complex64", "a Tensor"), "a Tensor cannot hold dtype complex64; convert to float32, float64 or integers."),
        (("U3", "x", "astype: "), "astype: x cannot hold dtype <U3; convert to float32, float64 or integers."),
        (("number", "a Tensor"), "'number' is not a dtype; use float32, float64 or an integer type."),
        (("number", "x", "astype: "), "astype: 'number' is not a dtype; use float32, float64 or an integer type."),
    ],
)
def test_dtypes_that_are_none_or_not_real(arguments, sentence):
    with pytest.raises(ArgumentTypeError) as caught:
        real_dtype(*arguments)
    assert str(caught.value) == sentence


def test_two_devices_are_told_with_their_arrays(played):
    with pytest.raises(ArgumentTypeError) as caught:
        same_device("f", np.ones((2, 3)), played.ones(4))
    assert str(caught.value) == (
        "f: the operands live on different devices, cpu (shape (2, 3)) and cuda:0 (shape (4,)); move one with .to(...)."
    )
