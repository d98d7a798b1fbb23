"""What torch.save writes, read without PyTorch: tensors by name, such as a state_dict, or a checkpoint with one in it.

There have been three containers. All hold a pickle that describes the tensors, and the numbers beside it:

    zip      since PyTorch 1.6     archive/data.pkl, archive/data/0, archive/data/1, ...
    legacy   before                five pickles one after the other, then the storages: a count of 8 bytes, the numbers
    tar      before 0.1.10         three files, with pickles and numbers: storages, tensors, pickle

The pickles are read as unpickling.py says. What they describe is believed only as far as the numbers are there: no size
in a file makes this reader take memory that the file itself does not fill.
Source: the module torch.serialization of PyTorch, for the layouts.
"""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from minifcn.errors import FileError
from minifcn.weights.inside import named_tensors
from minifcn.weights.unpickling import Described, Storage, StorageType, unpickled

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
MOST_DIMENSIONS = 32
MOST_COPIES = 4  # all tensors together may need so many times the size of the file: bfloat16 doubles, views repeat

Arrays = dict[str, np.ndarray]
Texts = dict[str, str]
Fetch = Callable[[Storage], np.ndarray]  # the bytes of a storage


def read_pth(path: Path, inside: str | None = None) -> tuple[Arrays, Texts]:
    """(arrays by name, {}) of a file that torch.save wrote; bfloat16 becomes float32, which holds it exactly.

    inside   which part of a checkpoint, as inside.py has it; for a part the second is {"inside": its key}

    Raises FileError for a pickle of other things than tensors by name, ValueError with the reason for what is
    damaged or absurd, and whatever the standard library raises for a damaged container.
    """
    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            return _read_zip(path, inside)
        file.seek(0)
        if file.read(1) == b"\x80":  # a pickle says so with its first byte
            file.seek(0)
            return _read_legacy(file, path, inside)
        file.seek(0)
        return _read_tar(file, path, inside)


def _read_zip(path: Path, inside: str | None) -> tuple[Arrays, Texts]:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise ValueError("a member is there twice")
        stored = sum(info.file_size for info in members.values())
        size = path.stat().st_size
        for name, info in members.items():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"member {name!r} is compressed, as torch.save never does")
        if stored > size:
            raise ValueError(f"its members are said to have {stored} bytes, but the file has {size}")
        place = next((name for name in members if name.endswith("data.pkl")), None)
        if place is None:
            raise ValueError("no data.pkl is in it")
        folder = place.removesuffix("data.pkl")

        def fetch(storage: Storage) -> np.ndarray:
            name = f"{folder}data/{storage.key}"
            if name not in members:
                raise ValueError(f"member {name!r} is missing")
            with archive.open(name) as member:
                return np.frombuffer(bytearray(member.read()), np.uint8)  # to the end, where zipfile compares the CRC

        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in members else b"little"
        found = unpickled(io.BytesIO(archive.read(place)), path, _storage_named)
        return _arrays(found, fetch, ">" if order == b"big" else "<", path, inside)


def _read_legacy(file: IO[bytes], path: Path, inside: str | None) -> tuple[Arrays, Texts]:
    magic = unpickled(file, path)
    if magic != MAGIC:
        raise FileError(
            f"{path} is a pickle, but not one that torch.save wrote; only tensors are made of a pickle, so save them "
            f"in PyTorch: torch.save(model.state_dict(), path)."
        )
    if unpickled(file, path) != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    system = unpickled(file, path)
    referred: dict[str, Storage] = {}
    views: dict[str, tuple[str, int]] = {}

    def reference(given: Any) -> Storage:
        """A storage; a view of a part of one says of which and from where."""
        storage = _storage_named(given[:5] if isinstance(given, tuple) else given)
        if len(given) > 5 and given[5] is not None:
            key, offset, count = given[5]
            views[str(key)] = (storage.key, _count(offset))
            referred.setdefault(storage.key, storage)
            return Storage(storage.type, str(key), _count(count))
        return referred.setdefault(storage.key, storage)

    found = unpickled(file, path, reference)
    keys = unpickled(file, path)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("its list of storages is none")
    held: dict[str, np.ndarray] = {}
    for key in keys:
        if key not in referred or key in held:
            raise ValueError(f"storage {key!r} is there twice or is nobody's")
        storage = referred[key]
        count = int.from_bytes(_exactly(file, 8), "little")
        if count != storage.length:
            raise ValueError(f"storage {key!r} has {count} elements, but {storage.length} are described")
        held[key] = np.frombuffer(bytearray(_exactly(file, count * _itemsize(storage.type))), np.uint8)

    def fetch(storage: Storage) -> np.ndarray:
        root, offset = views.get(storage.key, (storage.key, 0))
        if root not in held:
            raise ValueError(f"storage {root!r} is missing")
        itemsize = _itemsize(storage.type)
        return held[root][offset * itemsize : (offset + storage.length) * itemsize]

    big = isinstance(system, dict) and system.get("little_endian") is False
    return _arrays(found, fetch, ">" if big else "<", path, inside)


def _read_tar(file: IO[bytes], path: Path, inside: str | None) -> tuple[Arrays, Texts]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        parts = {name: _member(archive, name) for name in ("storages", "tensors", "pickle")}
    storages, held = parts["storages"], {}
    known: dict[int, Storage] = {}
    for _ in range(_count(unpickled(storages, path))):
        key, _, kind = unpickled(storages, path)
        if not isinstance(kind, StorageType):
            raise ValueError("a storage has no type")
        count = int.from_bytes(_exactly(storages, 8), "little")
        known[int(key)] = Storage(kind, str(int(key)), count)
        held[str(int(key))] = np.frombuffer(bytearray(_exactly(storages, count * _itemsize(kind))), np.uint8)
    for target, root, offset, count in unpickled(storages, path):
        kind, first = known[int(root)].type, _count(offset) * _itemsize(known[int(root)].type)
        known[int(target)] = Storage(kind, str(int(target)), _count(count))
        held[str(int(target))] = held[str(int(root))][first : first + _count(count) * _itemsize(kind)]
    tensors, described = parts["tensors"], {}
    for _ in range(_count(unpickled(tensors, path))):
        key, storage, _ = unpickled(tensors, path)
        dimensions = int.from_bytes(_exactly(tensors, 4), "little")
        _exactly(tensors, 4)  # the number was once written with eight bytes
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"a tensor has {dimensions} dimensions")
        numbers = np.frombuffer(_exactly(tensors, 8 * (2 * dimensions + 1)), "<i8").tolist()
        size, stride, offset = tuple(numbers[:dimensions]), tuple(numbers[dimensions:-1]), numbers[-1]
        described[int(key)] = Described(known[int(storage)], offset, size, stride)
    found = unpickled(parts["pickle"], path, lambda reference: described[int(reference)])
    return _arrays(found, lambda storage: held[storage.key], "<", path, inside)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.getmember(name)
    if not member.isreg():  # a link could lead out of the archive
        raise ValueError(f"member {name!r} is not a file")
    content = archive.extractfile(member)
    if content is None:
        raise ValueError(f"member {name!r} cannot be read")
    return io.BytesIO(content.read())


def _storage_named(reference: Any) -> Storage:
    """("storage", type, key, location, count), as the pickle refers to what lies beside it."""
    if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage":
        raise ValueError("its pickle refers to something that is no storage")
    _, kind, key, _, count = reference
    if not isinstance(kind, StorageType) or not isinstance(key, str):
        raise ValueError("a storage has no type or no key")
    return Storage(kind, key, _count(count))


def _arrays(found: Any, fetch: Fetch, order: str, path: Path, inside: str | None) -> tuple[Arrays, Texts]:
    """The arrays that were described, each with memory of its own."""
    tensors, where = named_tensors(found, path, inside)
    users = Counter(tensor.storage.key for tensor in tensors.values())
    needed = sum(_numel(name, tensor) * 8 for name, tensor in tensors.items())
    size = os.path.getsize(path)
    if needed > 8 * MOST_COPIES * size:
        raise ValueError(f"its tensors have {needed // 8} elements, far more than a file of {size} bytes holds")
    arrays: Arrays = {}
    shared: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        key = tensor.storage.key
        content = shared.get(key)
        if content is None:
            content = fetch(tensor.storage)
            if users[key] > 1:
                shared[key] = content
        arrays[name] = _array(name, tensor, content, order, copy=users[key] > 1)
    return arrays, {} if where is None else {"inside": where}


def _array(name: str, tensor: Described, content: np.ndarray, order: str, copy: bool) -> np.ndarray:
    """offset and strides applied to the bytes of the storage, after a look at whether they stay inside of it."""
    kind, itemsize = tensor.storage.type, _itemsize(tensor.storage.type)
    if content.nbytes != tensor.storage.length * itemsize:
        raise ValueError(
            f"{name!r} needs a storage of {tensor.storage.length * itemsize} bytes but {content.nbytes} are there"
        )
    flat = content.view(f"{order}{'u2' if kind.code == 'bf16' else kind.code}")
    strides = tuple(step * flat.itemsize for step in tensor.stride)
    if _numel(name, tensor) == 0:
        view = flat[:0].reshape(tensor.size)
    else:
        view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.size, strides)
    if kind.code == "bf16":  # the upper half of a float32
        return (view.astype(np.uint32) << np.uint32(16)).view(np.float32)
    made = view.astype(view.dtype.newbyteorder("<"), order="C", copy=copy)
    return made if made.flags.c_contiguous else made.copy()


def _numel(name: str, tensor: Described) -> int:
    """How many elements the tensor has; ValueError if it does not lie within its storage, or repeats it."""
    offset, size, stride = tensor.offset, tensor.size, tensor.stride
    if len(size) != len(stride) or len(size) > MOST_DIMENSIONS:
        raise ValueError(f"{name!r} has {len(size)} sizes and {len(stride)} strides")
    for number in (offset, *size, *stride):
        _count(number)
    count = 1
    for length in size:
        count *= length
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if count and (last >= tensor.storage.length or count > tensor.storage.length):
        raise ValueError(
            f"{name!r} of shape {size}, strides {stride} and offset {offset} does not lie in its storage of "
            f"{tensor.storage.length} elements"
        )
    return count


def _count(number: Any) -> int:
    """A plain integer from 0 up."""
    if type(number) is not int or not 0 <= number < 1 << 62:
        raise ValueError(f"a size, stride or offset is {str(number)[:40]!r}")
    return number


def _itemsize(kind: StorageType) -> int:
    return 2 if kind.code == "bf16" else np.dtype(kind.code).itemsize


def _exactly(file: IO[bytes], size: int) -> bytes:
    """`size` bytes, which must be there before memory is taken for them."""
    here = file.tell()
    left = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    if size > left:
        raise ValueError(f"it ends {size - left} bytes too early")
    return file.read(size)
