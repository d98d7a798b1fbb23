"""Caffe's files, made here byte by byte in all the ways in which they were written; and files that are none."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from minifcn.errors import FileError
from minifcn.weights import load_arrays


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def field(number: int, value: int | bytes, kind: int | None = None) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if kind is not None:  # four or eight bytes
        return varint(number << 3 | kind) + value
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array: np.ndarray, how: str = "packed", old: bool = False) -> bytes:
    if old:
        made = b"".join(field(i, n) for i, n in enumerate((1,) * (4 - array.ndim) + array.shape, start=1))
    elif how == "packed":
        made = field(7, field(1, b"".join(varint(n) for n in array.shape)))
    else:
        made = field(7, b"".join(field(1, n) for n in array.shape))
    if how == "double":
        return made + field(8, array.astype("<f8").tobytes())
    if how == "double unpacked":
        return made + b"".join(field(8, struct.pack("<d", n), 1) for n in array.ravel())
    if how == "unpacked":
        return made + b"".join(field(5, struct.pack("<f", n), 5) for n in array.ravel())
    return made + field(5, array.astype("<f4").tobytes())


def layer(name: str, blobs: list[bytes], old: bool = False) -> bytes:
    name_field, blobs_field, place = (4, 6, 2) if old else (1, 7, 100)
    content = field(name_field, name.encode()) + b"".join(field(blobs_field, each) for each in blobs)
    return field(place, content)


WEIGHT = np.arange(2 * 3 * 3 * 1, dtype=np.float32).reshape(2, 3, 3, 1) - 7.5
BIAS = np.array([0.5, -300.25], np.float32)


@pytest.mark.parametrize("how", ["packed", "unpacked", "double", "double unpacked"])
@pytest.mark.parametrize("old", [False, True])
def test_a_caffemodel(tmp_path: Path, how: str, old: bool) -> None:
    content = field(1, b"VGG") + layer("data", [], old)  # the net's name, and a layer without weights
    content += layer("conv1_1", [blob(WEIGHT, how, old), blob(BIAS, how, old)], old) + layer("relu1_1", [], old)
    (tmp_path / "a.caffemodel").write_bytes(content)
    arrays, metadata = load_arrays(tmp_path / "a.caffemodel")
    assert list(arrays) == ["conv1_1.bias", "conv1_1.weight"] and metadata == {}
    np.testing.assert_array_equal(arrays["conv1_1.weight"], WEIGHT)
    np.testing.assert_array_equal(arrays["conv1_1.bias"].ravel(), BIAS)
    assert arrays["conv1_1.bias"].shape == ((1, 1, 1, 2) if old else (2,))
    assert (
        arrays["conv1_1.weight"].dtype == ("f8" if "double" in how else "f4") and arrays["conv1_1.bias"].flags.owndata
    )


def test_a_layer_of_three_blobs_numbers_them(tmp_path: Path) -> None:
    (tmp_path / "a.caffemodel").write_bytes(layer("bn1", [blob(BIAS), blob(BIAS), blob(BIAS[:1])]))
    assert list(load_arrays(tmp_path / "a.caffemodel")[0]) == ["bn1.0", "bn1.1", "bn1.2"]


def test_the_library_of_protocol_buffers_writes_the_same_bytes(tmp_path: Path) -> None:
    """The helpers above against Google's own encoder, so that the reader is not tested with a mistake of its own."""
    pytest.importorskip("google.protobuf", reason="the protobuf library is not installed, so only our bytes are read")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="little_caffe.proto", package="little", syntax="proto2")
    for message, entries in {
        "Shape": [("dim", 1, kinds.TYPE_INT64, None, True, True)],
        "Blob": [
            ("shape", 7, kinds.TYPE_MESSAGE, "Shape", False, False),
            ("data", 5, kinds.TYPE_FLOAT, None, True, True),
        ],
        "Layer": [
            ("name", 1, kinds.TYPE_STRING, None, False, False),
            ("blobs", 7, kinds.TYPE_MESSAGE, "Blob", True, False),
        ],
        "Net": [("layer", 100, kinds.TYPE_MESSAGE, "Layer", True, False)],
    }.items():
        made = file.message_type.add(name=message)
        for name, number, kind, type_name, repeated, packed in entries:
            entry = made.field.add(name=name, number=number, type=kind)
            entry.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if type_name:
                entry.type_name = f".little.{type_name}"
            if packed:
                entry.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    net = message_factory.GetMessageClass(pool.FindMessageTypeByName("little.Net"))()
    one = net.layer.add(name="conv1_1")
    for array in (WEIGHT, BIAS):
        each = one.blobs.add()
        each.shape.dim.extend(array.shape)
        each.data.extend(array.ravel().tolist())
    content = net.SerializeToString()
    (tmp_path / "a.caffemodel").write_bytes(content)
    arrays, _ = load_arrays(tmp_path / "a.caffemodel")
    np.testing.assert_array_equal(arrays["conv1_1.weight"], WEIGHT)
    np.testing.assert_array_equal(arrays["conv1_1.bias"], BIAS)


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it holds no layer with weights"),
        (layer("a", []), "it holds no layer with weights"),
        (b"<html>", "damaged"),
        (b"\xff" * 20, "a number has more than 10 bytes"),
        (b"\xff", "it ends within a number"),
        (varint(100 << 3 | 2) + varint(1 << 40) + b"x", "needs 1099511627776 bytes but 1 are left"),
        (field(100, 5), "a number stands where a message belongs"),
        (varint(100 << 3 | 3), "written in a way 3"),
        (layer("a", [blob(BIAS)]) * 2, "layer 'a' is there twice"),
        (layer("", [blob(BIAS)]), "a layer is called ''"),
        (
            layer("a", [field(7, field(1, varint(1 << 40))) + field(5, BIAS.tobytes())]),
            "needs 4398046511104 bytes but 8",
        ),
        (layer("a", [field(7, b"") + field(5, BIAS.tobytes())]), "of shape () needs 4 bytes but 8 are there"),
        (layer("a", [field(7, field(1, varint(1) * 40)) + field(5, BIAS[:1].tobytes())]), "needs 4 bytes"),
        (layer("a", [blob(BIAS)])[:-3], "bytes but"),
    ],
)
def test_what_is_no_caffemodel(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.caffemodel").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.caffemodel is damaged or not a \.caffemodel file") as caught:
        load_arrays(tmp_path / "a.caffemodel")
    assert words in str(caught.value)
