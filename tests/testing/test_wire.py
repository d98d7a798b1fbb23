"""What crosses between two processes arrives as what it was."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest

from minifcn.testing.strategies import LAYOUTS, laid_out, whole_numbers
from minifcn.testing.wire import Foreign, Packer, WireError, memory_of, played, receive, send, traced, unpack


def there_and_back(value, **options):
    stream, packer = io.BytesIO(), Packer(**options)
    send(stream, {"value": packer.pack(value)}, packer.buffers)
    stream.seek(0)
    header, buffers = receive(stream)
    return unpack(header["value"], buffers)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_keep_their_layout(layout):
    array = laid_out(whole_numbers(3, (2, 3, 4, 5)), layout)
    found = there_and_back(array)
    np.testing.assert_array_equal(found, array, strict=True)
    assert found.strides == array.strides
    assert found.flags.writeable == array.flags.writeable


def test_other_values_arrive():
    value = {"sizes": (3, 4), "list": [None, True, 2, 0.5, float("inf"), "words"], "scalar": np.float32(1.5)}
    found = there_and_back(value)
    assert found == value
    assert type(found["sizes"]) is tuple and type(found["scalar"]) is np.float32
    assert np.isnan(there_and_back(float("nan")))


def test_a_range_arrives_unless_it_would_fill_the_memory():
    assert there_and_back({"sizes": range(3, 9, 2)}) == {"sizes": range(3, 9, 2)}
    assert there_and_back(range(0)) == range(0)
    assert repr(there_and_back(range(2**40))) == "<a range beyond all sizes>"
    for told in ([0, 2**40, 1], [0, 5, 0], [0, 5], ["many", 5, 1]):
        with pytest.raises(WireError):
            unpack({"is": "range", "of": told}, [])


def test_what_has_no_place_in_a_message_says_what_it_was():
    nested: list = []
    nested.append(nested)
    for value, words in (
        ({1, 2}, "a set"), (np.array([None]), "an array of object"), (2**70, "a number beyond 64 bits"),
        (np.zeros((2, 0)).__array_interface__["data"], None), (object, "a type"),
    ):  # fmt: skip
        found = there_and_back(value)
        assert words is None or (isinstance(found, Foreign) and found.kind == words)
    assert "a list of lists within lists" in repr(there_and_back(nested))


def test_a_view_of_an_argument_comes_back_as_one():
    argument = np.arange(12.0).reshape(3, 4)
    packer = Packer()
    packer.pack(argument)
    owner = packer.buffers[0]
    theirs = np.ndarray((3, 4), np.float64, owner)
    told = Packer(owners=[owner]).pack(theirs[::-1, 1:])
    mine = unpack(told, [], [memory_of(argument)])
    np.testing.assert_array_equal(mine, argument[::-1, 1:])
    assert np.shares_memory(mine, argument)


def test_functions_of_variables_are_sent_as_their_steps():
    def function(a, b):
        value = a + 1
        for _ in range(3):
            value = value * b - 2 / (-a)
        return (value**2).sum()

    steps = json.loads(json.dumps(traced(function, 2)))
    a, b = np.array([1.0, 2.0]), np.array([3.0, -4.0])
    assert played(steps)(a, b) == function(a, b)
    assert played(traced(lambda a, b: a, 2))(3.0, 4.0) == 3.0


@pytest.mark.parametrize(
    "data",
    [struct.pack("<Q", 2**40), struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 4) + b"junk",
     struct.pack("<Q", 18) + b'{"sizes": [2e300]}', struct.pack("<Q", 15) + b'{"sizes": [-1]}'],
)  # fmt: skip
def test_what_is_no_message_is_refused(data):
    with pytest.raises(WireError):
        receive(io.BytesIO(data))


def test_an_end_in_the_middle_is_an_end():
    with pytest.raises(EOFError):
        receive(io.BytesIO(struct.pack("<Q", 30) + b"{"))
    for told in (
        {"is": "array"},
        {"is": "array", "buffer": 3, "dtype": "<f8", "shape": [1], "strides": [8], "first": 0},
    ):
        with pytest.raises(WireError):
            unpack(told, [np.zeros(4, np.uint8)])
