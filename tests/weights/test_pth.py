"""What torch.save writes is read without PyTorch; what is not tensors, not whole or not possible is refused.

The files are made by hand here, as bytes, since PyTorch need not be there and would not make most of them;
tests/oracles/test_torch_weights.py reads those that PyTorch makes.
"""

from __future__ import annotations

import io
import pickle
import random
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn.errors import FileError
from minifcn.weights import load_arrays
from minifcn.weights.unpickling import TYPES

MAGIC = 0x1950A86A20F9469CFC6C


class Named:
    """An import in a pickle: the pickler below writes it as the name, without importing anything."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:  # only so that it may stand first in what __reduce__ returns
        raise AssertionError


class Call:
    def __init__(self, what: Named, *arguments: Any) -> None:
        self.what, self.arguments = what, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.what, self.arguments


class Refer:
    """A persistent id: what lies beside the pickle."""

    def __init__(self, *parts: Any) -> None:
        self.parts: Any = parts if len(parts) > 1 else parts[0]


class Pickler(pickle._Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.parts if isinstance(obj, Refer) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Named):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, save_persistent_id)


def pickled(obj: Any, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    Pickler(file, protocol).dump(obj)
    return file.getvalue()


REBUILD = Named("torch._utils", "_rebuild_tensor_v2")


def tensor(
    key: str = "0",
    size: Any = (2, 3),
    stride: Any = (3, 1),
    offset: Any = 0,
    count: Any = 6,
    kind: str = "FloatStorage",
) -> Call:
    storage = Refer("storage", Named("torch", kind), key, "cpu", count)
    return Call(REBUILD, storage, offset, size, stride, False, OrderedDict())


SIX = np.arange(6, dtype="<f4")


def stored(arrays: Mapping[str, np.ndarray], storages: dict[str, bytes]) -> dict[str, Call]:
    """The arrays as a state_dict that torch.save pickles; their numbers are put into `storages`."""
    found = {}
    for name, array in arrays.items():
        strides = tuple(step // array.itemsize for step in array.strides)
        found[name] = tensor(str(len(storages)), array.shape, strides, 0, array.size)
        storages[str(len(storages))] = array.astype("<f4").tobytes()
    return found


def zipped(path: Path, found: Any, storages: dict[str, bytes], order: bytes = b"little", **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", found if isinstance(found, bytes) else pickled(found))
        archive.writestr("archive/byteorder", order)
        for key, content in storages.items():
            archive.writestr(f"archive/data/{key}", content)
        archive.writestr("archive/version", b"3\n")
    return path


def legacy(path: Path, found: Any, storages: dict[str, tuple[int, bytes]], little: bool = True) -> Path:
    parts = [MAGIC, 1001, {"little_endian": little, "protocol_version": 1001}, found, list(storages)]
    content = b"".join(pickled(part) for part in parts)
    for count, numbers in storages.values():
        content += struct.pack("<q", count) + numbers
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    """The one sentence with which `path` is refused."""
    with pytest.raises(FileError) as caught:
        load_arrays(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message, message
    return message


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.pth.tar"])
def test_a_zip_of_tensors(tmp_path: Path, name: str, protocol: int) -> None:
    found = OrderedDict(w=tensor(), b=tensor(size=(6,), stride=(1,), key="1"))
    made = pickled(found, 2 if protocol == 2 else protocol)
    arrays, metadata = load_arrays(zipped(tmp_path / name, made, {"0": SIX.tobytes(), "1": (SIX + 1).tobytes()}))
    np.testing.assert_array_equal(arrays["w"], SIX.reshape(2, 3))
    np.testing.assert_array_equal(arrays["b"], SIX + 1)
    assert metadata == {} and arrays["w"].flags.writeable and arrays["w"].dtype == np.float32
    arrays["w"][0, 0] = 9  # and nothing else changes


def test_views_of_one_storage(tmp_path: Path) -> None:
    """Transposed, shifted and shared, as torch.save keeps them; every array has memory of its own."""
    found = {
        "turned": tensor(size=(3, 2), stride=(1, 3)),
        "shifted": tensor(size=(2,), stride=(2,), offset=1),
        "whole": tensor(size=(6,), stride=(1,)),
        "point": tensor(size=(), stride=(), offset=5),
        "nothing": tensor(size=(0, 4), stride=(4, 1)),
        "parameter": Call(Named("torch._utils", "_rebuild_parameter"), tensor(), True, OrderedDict()),
    }
    arrays, _ = load_arrays(zipped(tmp_path / "a.pth", found, {"0": SIX.tobytes()}))
    np.testing.assert_array_equal(arrays["turned"], SIX.reshape(2, 3).T)
    np.testing.assert_array_equal(arrays["shifted"], [1, 3])
    assert arrays["point"].shape == () and arrays["point"] == 5 and arrays["nothing"].shape == (0, 4)
    arrays["turned"][...] = -1
    np.testing.assert_array_equal(arrays["whole"], SIX)
    np.testing.assert_array_equal(arrays["parameter"], SIX.reshape(2, 3))


@pytest.mark.parametrize("name", sorted(name for name in TYPES if name.endswith("Storage") and "BF" not in name))
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_of_element(tmp_path: Path, name: str, order: str) -> None:
    values = np.array([0, 1, 1, 0, 1, 0]).astype(f"{order}{TYPES[name].code}")
    word = b"little" if order == "<" else b"big"
    found = {"x": tensor(kind=name)}
    read = load_arrays(zipped(tmp_path / "a.pth", found, {"0": values.tobytes()}, word))[0]["x"]
    np.testing.assert_array_equal(read, values.reshape(2, 3))
    assert read.dtype == np.dtype(TYPES[name].code)
    old = load_arrays(legacy(tmp_path / "b.pth", found, {"0": (6, values.tobytes())}, order == "<"))[0]["x"]
    np.testing.assert_array_equal(old, read)


def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 0.0, np.inf, 2**-126, -0.0], np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    read = load_arrays(zipped(tmp_path / "a.pth", {"x": tensor(kind="BFloat16Storage")}, {"0": halves}))[0]["x"]
    np.testing.assert_array_equal(read.ravel().view(np.uint32), values.view(np.uint32))


def test_the_container_of_before_1_6_with_views(tmp_path: Path) -> None:
    part = Refer("storage", Named("torch", "FloatStorage"), "root", "cpu", 6, ("part", 2, 3))
    found = {
        "w": tensor("root"),
        "v": Call(Named("torch._utils", "_rebuild_tensor"), part, 1, (2,), (1,)),
    }
    arrays, _ = load_arrays(legacy(tmp_path / "a.pth", found, {"root": (6, SIX.tobytes())}))
    np.testing.assert_array_equal(arrays["w"], SIX.reshape(2, 3))
    np.testing.assert_array_equal(arrays["v"], [3, 4])


def oldest(path: Path, dimensions: int = 2, count: int = 6, kind: int | None = None) -> Path:
    storages = pickled(1) + pickled((7, "cpu", Named("torch", "FloatStorage"))) + struct.pack("<q", count)
    storages += SIX.tobytes() + pickled([(8, 7, 2, 3)])
    tensors = pickled(2) + pickled((1, 7, Named("torch", "FloatTensor")))
    tensors += struct.pack("<ii5q", dimensions, 0, 2, 3, 3, 1, 0)
    tensors += pickled((2, 8, Named("torch", "FloatTensor"))) + struct.pack("<ii3q", 1, 0, 2, 1, 1)
    parts = {"sys_info": pickled({}), "storages": storages, "tensors": tensors}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in {**parts, "pickle": pickled({"w": Refer("1"), "v": Refer("2")})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name == "tensors" and kind is not None:
                info.type, info.linkname, info.size = bytes([kind]), "/etc/hostname", 0
            archive.addfile(info, io.BytesIO(content))
    return path


def test_the_oldest_container(tmp_path: Path) -> None:
    arrays, _ = load_arrays(oldest(tmp_path / "a.pth"))
    np.testing.assert_array_equal(arrays["w"], SIX.reshape(2, 3))
    np.testing.assert_array_equal(arrays["v"], [3, 4])
    assert "a tensor has 1000000 dimensions" in refusal(oldest(tmp_path / "b.pth", dimensions=10**6))
    assert "too early" in refusal(oldest(tmp_path / "c.pth", count=10**15))
    assert "is not a file" in refusal(oldest(tmp_path / "d.pth", kind=tarfile.SYMTYPE[0]))


# What tries anything else --------------------------------------------------------------------------------------------


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("subprocess", "Popen"),
        ("collections", "OrderedDict.__init__"), ("collections", "defaultdict"), ("torch", "load"),
        ("torch._utils", "_rebuild_tensor_v3"), ("torchvision.models.vgg", "VGG"), ("__builtin__", "eval"),
        ("torch", "FloatStorage.from_file"), ("numpy.core.multiarray", "scalar"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("write", ["zip", "legacy", "protocol 4"])
def test_another_import_is_refused_by_name(tmp_path: Path, module: str, name: str, write: str) -> None:
    sprung = tmp_path / "sprung"
    found: Any = {"w": Call(Named(module, name), f"touch {sprung}")}
    if write == "zip":
        path = zipped(tmp_path / "a.pth", found, {})
    elif write == "legacy":
        path = legacy(tmp_path / "a.pth", found, {})
    else:
        module_, name_ = (pickle.SHORT_BINUNICODE + bytes([len(word)]) + word.encode() for word in (module, name))
        path = zipped(tmp_path / "a.pth", b"\x80\x04" + module_ + name_ + pickle.STACK_GLOBAL + b")R.", {})
    assert f"a.pth asks for {module}.{name}, and only tensors are made of a pickle" in refusal(path)
    assert not sprung.exists()


@pytest.mark.case(55)
def test_what_a_pickle_gets_cannot_be_changed_by_it(tmp_path: Path) -> None:
    """BUILD sets attributes: of a type, of a function or of a class they would stay for the next file."""
    for target in ("ctorch\nFloatStorage\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n"):
        for state in (
            b"}X\x04\x00\x00\x00codeX\x02\x00\x00\x00f8s",
            b"N}X\x04\x00\x00\x00codeX\x02\x00\x00\x00f8s\x86",
        ):
            refusal(zipped(tmp_path / "a.pth", b"\x80\x02" + target.encode() + state + b"b.", {}))
    assert TYPES["FloatStorage"] == ("Float", "f4") and not hasattr(OrderedDict, "code")
    read = load_arrays(zipped(tmp_path / "b.pth", {"x": tensor()}, {"0": SIX.tobytes()}))[0]["x"]
    np.testing.assert_array_equal(read, SIX.reshape(2, 3))


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "remembers something as number 2147483647"),
        (b"\x80\x02}p999999999\n.", "remembers something as number 999999999"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "damaged"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x00.", "damaged"),
        (b"\x80\x02}", "damaged"),
        (b"", "damaged"),
        (b"\x80\x02)R.", "damaged"),
        (b"\x80\x02X\x02\x00\x00\x00hiQ.", "refers to something that is no storage"),
    ],
)
def test_a_pickle_that_is_none_or_wants_too_much(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(zipped(tmp_path / "a.pth", content, {}))


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"size": (10**9, 10**9)}, "does not lie in its storage of 6 elements"),
        ({"size": (2**40,) * 5, "stride": (0,) * 5}, "does not lie in its storage"),
        ({"size": (7,), "stride": (1,)}, "does not lie in its storage"),
        ({"size": (100,), "stride": (0,)}, "does not lie in its storage"),
        ({"offset": 1}, "does not lie in its storage"),
        ({"offset": -1}, "a size, stride or offset is '-1'"),
        ({"size": (2, -3)}, "is '-3'"),
        ({"stride": (3, -1)}, "is '-1'"),
        ({"stride": (3,)}, "has 2 sizes and 1 strides"),
        ({"size": (2, 3.0)}, "is '3.0'"),
        ({"size": (True, 3)}, "is 'True'"),
        ({"size": (1,) * 40, "stride": (1,) * 40}, "has 40 sizes"),
        ({"size": [2, 3]}, "not described as torch.save describes one"),
        ({"count": 7}, "needs a storage of 28 bytes but 24 are there"),
        ({"count": 10**15, "size": (10**15,), "stride": (1,)}, "far more than a file of"),
        ({"count": "6"}, "is '6'"),
        ({"key": "5"}, "member 'archive/data/5' is missing"),
        ({"key": 5}, "a storage has no type or no key"),
    ],
)
def test_absurd_tensors(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    assert words in refusal(zipped(tmp_path / "a.pth", {"x": tensor(**changed)}, {"0": SIX.tobytes()}))


def test_many_copies_of_one_storage_are_a_bomb(tmp_path: Path) -> None:
    ones = np.ones(1 << 16, "<f4").tobytes()
    found = {f"x{i}": tensor(size=(1 << 16,), stride=(1,), count=1 << 16) for i in range(40)}
    assert "far more than a file of" in refusal(zipped(tmp_path / "a.pth", found, {"0": ones}))


def test_a_compressed_member_is_no_work_of_torch_save(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.pth", {"x": tensor()}, {"0": bytes(1 << 20)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 16
    assert "is compressed, as torch.save never does" in refusal(path)


def test_members_twice_and_a_zip_without_a_pickle(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.pth", {"x": tensor()}, {"0": SIX.tobytes()})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", SIX.tobytes())
    assert "a member is there twice" in refusal(path)
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "no data.pkl is in it" in refusal(tmp_path / "b.pth")


@pytest.mark.parametrize("write", ["zip", "legacy", "tar"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, write: str) -> None:
    found = {"x": tensor()}
    if write == "zip":
        whole = zipped(tmp_path / "a.pth", found, {"0": SIX.tobytes()})
    elif write == "legacy":
        whole = legacy(tmp_path / "a.pth", found, {"0": (6, SIX.tobytes())})
    else:
        whole = oldest(tmp_path / "a.pth")
    content = whole.read_bytes()
    # A tar ends with empty blocks that no reader needs.
    needed = len(content) if write != "tar" else len(content.rstrip(b"\0"))
    for length in range(0, needed, 7):
        (tmp_path / "b.pth").write_bytes(content[:length])
        refusal(tmp_path / "b.pth")


def test_a_changed_number_in_a_zip_is_found(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.pth", {"x": tensor()}, {"0": SIX.tobytes()})
    content = bytearray(path.read_bytes())
    content[content.index(SIX.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refusal(path)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"epoch": 3, "optimizer": {"lr": 1}}, "checkpoint of several things ('epoch', 'optimizer'), and none is"),
        ({"x": tensor(), "epoch": 3}, "holds 'epoch' of type int, no tensor; "),
        ([tensor()], "holds a list, not tensors by name"),
        (tensor(), "holds one tensor without a name, not tensors by name; "),
        ({1: tensor()}, "a tensor is called 1"),
        ({"a\nb": tensor()}, "a tensor is called"),
    ],
)
def test_what_is_not_one_dict_of_tensors(tmp_path: Path, found: Any, words: str) -> None:
    path = zipped(tmp_path / "a.pth", found, {"0": SIX.tobytes()})
    assert words in refusal(path)


def test_other_pickles_and_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps({"w": [1.0]}))
    assert "is a pickle, but not one that torch.save wrote" in refusal(path)
    path.write_bytes(b"<html>not found</html>" * 100)
    assert "damaged or not a .pth file" in refusal(path)
    path.write_bytes(pickled(MAGIC) + pickled(1002))
    assert "its version is not 1001" in refusal(path)


@pytest.mark.case(55)
@pytest.mark.parametrize("write", ["zip", "legacy", "tar"])
def test_changed_bytes_are_read_or_refused_and_nothing_else(tmp_path: Path, write: str) -> None:
    if write == "zip":
        whole = zipped(tmp_path / "a.pth", {"x": tensor()}, {"0": SIX.tobytes()})
    elif write == "legacy":
        whole = legacy(tmp_path / "a.pth", {"x": tensor()}, {"0": (6, SIX.tobytes())})
    else:
        whole = oldest(tmp_path / "a.pth")
    content, rng, refused = whole.read_bytes(), random.Random(0), 0
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 2, 5])):
            changed[rng.randrange(len(content.rstrip(b"\0")))] = rng.choice([0, 0x7F, 0xFF, rng.randrange(256)])
        (tmp_path / "b.pth").write_bytes(changed)
        try:
            load_arrays(tmp_path / "b.pth")
        except FileError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50
