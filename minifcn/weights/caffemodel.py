"""The weights in a `.caffemodel`, read without Caffe: the few fields of its protocol buffers that hold them.

A message is a row of fields. Each begins with a number, 8·(its number) + (how it is written), and what follows is

    0  a varint: 7 bits a byte, lowest first, the top bit says that more follow     1  eight bytes
    2  a varint, the length, and so many bytes: text, a message, packed numbers     5  four bytes

    NetParameter     layer = 100 (LayerParameter), in older files layers = 2 (V1LayerParameter)
    LayerParameter   name = 1, blobs = 7            V1LayerParameter   name = 4, blobs = 6
    BlobProto        shape = 7 (BlobShape: dim = 1), in older files num, channels, height, width = 1..4;
                     data = 5 (float), double_data = 8
Sources: caffe.proto in the repository BVLC/caffe; "Encoding" in the documentation of Protocol Buffers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
WIDTHS = {EIGHT: 8, FOUR: 4}
LONGEST_VARINT = 10
MOST_DIMENSIONS = 32
PARTS = ("weight", "bias")

Value = int | memoryview


def read_caffemodel(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays by name, {}): conv1_1.weight, conv1_1.bias, ...; a layer of more than two blobs numbers them: bn1.0, ...

    Layers without weights have no entry. In files of before 2015 every blob has four dimensions, leading ones included.
    Raises ValueError with the reason for what is damaged.
    """
    arrays: dict[str, np.ndarray] = {}
    for number, value in fields(memoryview(path.read_bytes())):
        if number in (2, 100):
            name, blobs = _layer(_message(value), *((1, 7) if number == 100 else (4, 6)))
            parts = PARTS if len(blobs) <= len(PARTS) else tuple(str(i) for i in range(len(blobs)))
            for part, blob in zip(parts, blobs, strict=False):
                if f"{name}.{part}" in arrays:
                    raise ValueError(f"layer {name!r} is there twice")
                arrays[f"{name}.{part}"] = _blob(blob, f"{name}.{part}")
    if not arrays:
        raise ValueError("it holds no layer with weights")
    return arrays, {}


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """(number, value) of every field, in the order of the file; ValueError where it ends too early."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == BYTES:
            length, place = _varint(message, place)
        elif kind in WIDTHS:
            length = WIDTHS[kind]
        else:
            raise ValueError(f"field {number} is written in a way {kind} that no caffemodel uses")
        if length > len(message) - place:
            raise ValueError(f"field {number} needs {length} bytes but {len(message) - place} are left")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """(the number, the place behind it)"""
    number = 0
    for i in range(LONGEST_VARINT):
        if place + i >= len(message):
            raise ValueError("it ends within a number")
        byte = message[place + i]
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number, place + i + 1
    raise ValueError(f"a number has more than {LONGEST_VARINT} bytes")


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a message belongs")
    return value


def _layer(message: memoryview, name_field: int, blobs_field: int) -> tuple[str, list[memoryview]]:
    name, blobs = "", []
    for number, value in fields(message):
        if number == name_field:
            name = bytes(_message(value)).decode()
        elif number == blobs_field:
            blobs.append(_message(value))
    if blobs and not (name and name.isprintable()):
        raise ValueError(f"a layer is called {name!r}")
    return name, blobs


def _blob(message: memoryview, name: str) -> np.ndarray:
    legacy: dict[int, int] = {}
    shape: tuple[int, ...] | None = None
    pieces: list[memoryview] = []
    code = "<f4"
    for number, value in fields(message):
        if number in (1, 2, 3, 4) and isinstance(value, int):
            legacy[number] = value
        elif number == 7:
            shape = tuple(_dimensions(_message(value)))
        elif number in (5, 8):
            code = "<f4" if number == 5 else "<f8"
            pieces.append(_message(value))  # packed, many numbers; unpacked, one: the bytes are the same
    if shape is None:
        shape = tuple(legacy.get(number, 1) for number in (1, 2, 3, 4))
    data = b"".join(pieces)
    expected = math.prod(shape) * int(code[-1])
    if len(shape) > MOST_DIMENSIONS or expected != len(data):
        raise ValueError(f"{name!r} of shape {shape} needs {expected} bytes but {len(data)} are there")
    return np.frombuffer(data, code).reshape(shape).copy()


def _dimensions(message: memoryview) -> Iterator[int]:
    """BlobShape.dim, packed or not."""
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            yield value
        elif number == 1:
            place = 0
            while place < len(_message(value)):
                size, place = _varint(_message(value), place)
                yield size
