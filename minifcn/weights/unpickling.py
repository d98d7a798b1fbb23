"""Reading what torch.save pickled, without running what anybody pickled.

A pickle is a small program: among other things it says "import this name" and "call it with that". Whoever loads one
freely runs it. Here an import can give three things only, and no other: an OrderedDict, a type of storage, which is two
strings, and what takes notes of a tensor. So the most that such a program can do is to describe tensors. Nothing that
it gets can be changed by it either: the notes are tuples, and the two that can be called have no attributes.
"""

from __future__ import annotations

import io
import pickletools
from collections import OrderedDict
from pickle import Unpickler
from typing import IO, Any, NamedTuple, NoReturn

from minifcn.errors import FileError


class StorageType(NamedTuple):
    """The elements of a storage: their name in PyTorch and their code in NumPy."""

    name: str
    code: str


CODES = {
    "Float": "f4", "Double": "f8", "Half": "f2", "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1",
    "Bool": "?", "BFloat16": "bf16",
}  # fmt: skip
# Very old files name a tensor's own type where newer ones name that of its storage.
TYPES = {f"{name}{kind}": StorageType(name, code) for name, code in CODES.items() for kind in ("Storage", "Tensor")}


class Storage(NamedTuple):
    """So many elements in the file, under `key`."""

    type: StorageType
    key: str
    length: int


class Described(NamedTuple):
    """A tensor as its pickle describes it: a view of a storage. Offset and strides count elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class RebuildTensor:
    """torch._utils._rebuild_tensor and its second version, whose further arguments say nothing about the values."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Described:
        if not isinstance(storage, Storage) or not isinstance(size, tuple) or not isinstance(stride, tuple):
            raise ValueError("a tensor is not described as torch.save describes one")
        return Described(storage, offset, size, stride)


class RebuildParameter:
    """torch._utils._rebuild_parameter: the tensor that it is."""

    __slots__ = ()

    def __call__(self, data: Any, *_: Any) -> Described:
        if not isinstance(data, Described):
            raise ValueError("a parameter is not described as torch.save describes one")
        return data


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): RebuildTensor(),
    ("torch._utils", "_rebuild_tensor_v2"): RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): RebuildParameter(),
    **{("torch", name): kind for name, kind in TYPES.items()},
}


class Restricted(Unpickler):
    """An unpickler that knows the names in `ALLOWED`, and `references` to what the pickle says lies outside of it."""

    def __init__(self, content: bytes, path: object, references: Any = None) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")  # how torch.load reads the strings of Python 2
        self.path, self.references = path, references

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in ALLOWED:
            raise FileError(
                f"{self.path} asks for {module}.{name}, and only tensors are made of a pickle, never other objects; "
                f"in PyTorch save the tensors alone: torch.save(model.state_dict(), path)."
            )
        return ALLOWED[module, name]

    def persistent_load(self, reference: Any, /) -> Any:
        if self.references is None:
            self._refuse()
        return self.references(reference)

    def _refuse(self) -> NoReturn:
        raise ValueError("its pickle refers to something outside of it")


def unpickled(file: IO[bytes], path: object, references: Any = None) -> Any:
    """The object of the next pickle in `file`, which then stands behind it.

    path         for messages
    references   a function of what the pickle calls a persistent id

    Raises FileError, naming it, for anything else than tensors, and whatever the standard library raises for damage.
    """
    content = _next_pickle(file)
    return Restricted(content, path, references).load()


def _next_pickle(file: IO[bytes]) -> bytes:
    """The bytes of one pickle. Looking through it runs nothing.

    A pickle numbers what it wants to remember, and the unpickler makes room for the largest number that it sees: a few
    bytes could ask for all the memory. An honest one counts from zero.
    """
    start, steps, largest = file.tell(), 0, 0
    for code, argument, _ in pickletools.genops(file):
        steps += 1
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(argument, int):
            largest = max(largest, argument)
    if largest > steps:
        raise ValueError(f"its pickle of {steps} steps remembers something as number {largest}")
    end = file.tell()
    file.seek(start)
    return file.read(end - start)
