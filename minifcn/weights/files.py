"""Named arrays and a few strings in one file: `.safetensors` (the usual choice) or `.npz` (needs NumPy only).

Neither can hold code. Every file says its format and carries a checksum over names, types, shapes, values and metadata,
so one changed bit is found when the file is read, whichever kind it is.

The files of others are read, too, and never written: what torch.save makes (`.pth`, `.pt`, `.tar`), Caffe
(`.caffemodel`) and Keras (`.h5`, `.hdf5`), each with its reader beside. The first is a pickle; the reader of it can
make nothing but tensors, and under any other name a pickle is refused. Of a checkpoint the network is taken.
"""

from __future__ import annotations

import json
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.autograd import Variable
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.machine.backend import to_numpy
from minifcn.weights.atomic import atomic_path
from minifcn.weights.caffemodel import read_caffemodel
from minifcn.weights.keras_h5 import read_keras_h5
from minifcn.weights.npz import METADATA, read_npz, write_npz
from minifcn.weights.pth import read_pth
from minifcn.weights.safetensors_file import read_metadata, read_safetensors, write_safetensors

Arrays = dict[str, np.ndarray]
Texts = dict[str, str]

FORMAT = "minifcn 1"
CHECKSUM = "crc32"
WRITERS: dict[str, Callable[[Path, Arrays, Texts], None]] = {".safetensors": write_safetensors, ".npz": write_npz}
PICKLED = (".pth", ".pt", ".tar")  # what torch.save is given; a .pth.tar has its last suffix
READERS: dict[str, Callable[[Path], tuple[Arrays, Texts]]] = {
    ".safetensors": read_safetensors,
    ".npz": read_npz,
    **dict.fromkeys(PICKLED, read_pth),
    ".caffemodel": read_caffemodel,
    **dict.fromkeys((".h5", ".hdf5"), read_keras_h5),
}
SUFFIXES = tuple(WRITERS)
DTYPES = tuple(np.dtype(code) for code in ("?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"))


def save_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes `arrays` (bool, integer or float, of any shape and memory layout) and `metadata` to `path`, atomically.

    A Tensor is written as the array that it holds, from a GPU too: a model's state_dict() can be passed as it is.

    The suffix of `path` chooses the kind of file. `metadata["format"]` is set to `FORMAT`.

    Raises ArgumentError for another suffix, a name that a file cannot hold or a metadata key that is taken;
    ArgumentTypeError for what is not an array of numbers or not a string; FileError if writing fails, and then the old
    file is unchanged.
    """
    write = WRITERS[_suffix(path, SUFFIXES)]
    plain = {_checked_name(name): _checked_array(name, array) for name, array in arrays.items()}
    texts = _checked_metadata(metadata or {}) | {"format": FORMAT}
    texts[CHECKSUM] = _checksum(plain, texts)
    with atomic_path(path) as temporary:
        try:
            write(temporary, plain, texts)
        except OSError:
            raise
        except Exception as error:  # the library of safetensors has its own error for a full disk, too
            raise FileError(f"{path} could not be written ({error}); what was there before is unchanged.") from error


def load_arrays(
    path: str | os.PathLike[str], require_format: bool = False, inside: str | None = None
) -> tuple[Arrays, Texts]:
    """Reads `(arrays, metadata)` back: arrays that one may change, in the order of their names.

    `metadata` is what was saved, and `"format"`. Files of other programs (with another format or none) are read too,
    unless `require_format` asks for a file that minifcn wrote: .pth, .pt and .tar of PyTorch, .caffemodel, .h5 of Keras
    (needs h5py). Their names are as they are there; `canonical_names` says which layers they are.

    inside   which dict of tensors to take out of a checkpoint of PyTorch, such as "state_dict"; without it the only one
             that is in it. `metadata["inside"]` says which it was

    Raises ArgumentError for another suffix, or `inside` for a file that holds one network; FileError, naming the file
    and the reason, if it is missing, a folder, truncated, damaged, not of its kind, made by a newer minifcn, or (with
    `require_format`) not made by minifcn.
    """
    if Path(path).is_dir():  # before its name is looked at: a run's folder has no suffix to be corrected
        raise FileError(f"{path} is a folder; give the name of a file in it.")
    if Path(path).suffix.lower() not in PICKLED:
        _refuse_pickle(path)
    suffix = _suffix(path, tuple(READERS))
    _check_regular_file(path)
    if inside is not None and suffix not in PICKLED:
        raise ArgumentError(f"{path} holds one network; {inside!r} could only be inside a {', '.join(PICKLED)} file.")
    try:
        arrays, metadata = READERS[suffix](Path(path)) if inside is None else read_pth(Path(path), inside)
    except FileError:
        raise
    except Exception as error:  # a foreign parser, fed with whatever the file holds, may raise anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise FileError(f"{path} is damaged or not a {suffix} file ({reason}); use another copy.") from error
    _check_format(path, arrays, metadata, require_format)
    return {name: arrays[name] for name in sorted(arrays)}, metadata


def load_metadata(path: str | os.PathLike[str]) -> Texts:
    """The texts of a `.safetensors` file without its arrays, and so without a look at the checksum over both.

    Raises FileError as `load_arrays` does.
    """
    _check_regular_file(path)
    try:
        return read_metadata(Path(path))
    except Exception as error:  # as above
        raise FileError(f"{path} is damaged or not a .safetensors file ({error}); use another copy.") from error


def _suffix(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        found = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise ArgumentError(f"{path} has {found}; name a file of arrays *{' or *'.join(known)}.")
    return suffix


def _check_regular_file(path: str | os.PathLike[str]) -> None:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise FileError(f"{path} is a folder; give the name of a file in it.")
        if not stat.S_ISREG(mode):  # a pipe or a device could be read for ever
            raise FileError(f"{path} is not a regular file; give the name of one.")
        with open(path, "rb"):
            pass  # may it be read? The libraries would say so in words of their own, or wrongly
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise FileError(f"{path} could not be read ({error.strerror}); check the path.") from error


def _refuse_pickle(path: str | os.PathLike[str]) -> None:
    """By what it holds, whatever its name: torch.save writes a zip with a pickle in it, earlier versions a pickle."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
        with open(path, "rb") as file:
            head = file.read(9)
        # A .safetensors begins with the length of its header, which may look like that, and then its "{".
        pickled = head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5") and head[8:] != b"{"
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                pickled = any(name.endswith(".pkl") for name in archive.namelist())
    except Exception:  # a damaged archive fails in many ways; whoever reads it says why it cannot be read
        return
    if pickled:
        raise FileError(
            f"{path} is a pickle, as torch.save writes it, and none is read under this name; if it holds a state_dict, "
            f"call it *.pth, which is read without running what it says."
        )


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"array names are strings, but {name!r} is of type {type(name).__name__}.")
    if not name or name == METADATA or not name.isprintable():
        raise ArgumentError(f"{name!r} cannot be the name of an array; use printable text other than {METADATA!r}.")
    return name


def _checked_array(name: str, array: Any) -> np.ndarray:
    array = to_numpy(array._array) if isinstance(array, Variable) else array
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        found = f"{type(array).__module__}.{type(array).__name__}"
        raise ArgumentTypeError(f"array {name!r} is a {found}; pass a plain numpy.ndarray or a Tensor.")
    if array.dtype.newbyteorder("=") not in DTYPES:
        raise ArgumentTypeError(
            f"array {name!r} is of dtype {array.dtype}, which a file of arrays cannot hold; convert it to bool, an "
            f"integer type, float16, float32 or float64."
        )
    return _plain(np.asarray(array))


def _checked_metadata(metadata: Mapping[str, str]) -> Texts:
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ArgumentTypeError(f"metadata holds strings only, but {key!r} is {value!r}; turn it into text.")
        if key == CHECKSUM or (key == "format" and value != FORMAT):
            raise ArgumentError(f"the metadata key {key!r} belongs to the file format; use another key.")
    return dict(metadata)


def _check_format(path: str | os.PathLike[str], arrays: Arrays, metadata: Texts, required: bool) -> None:
    """Refuses other versions and, when `required`, other programs; verifies (and drops) the checksum of our own."""
    found = metadata.get("format")
    if found == FORMAT:
        stored = metadata.pop(CHECKSUM, "none")
        computed = _checksum(arrays, metadata)
        if stored != computed:
            raise FileError(f"{path} is damaged (its checksum is {computed}, not {stored}); use another copy.")
    elif found is not None and found.startswith(FORMAT.split()[0]):
        raise FileError(f"{path} has the format {found!r}, but this minifcn reads {FORMAT!r}; update minifcn.")
    elif required:
        says = "does not say its format" if found is None else f"has the format {found!r}"
        raise FileError(f"{path} {says}, so minifcn did not write it; give a file that says {FORMAT!r}.")


def _checksum(arrays: Arrays, metadata: Texts) -> str:
    """CRC-32 of everything that a file means, in an order that does not depend on the kind of file."""
    names = sorted(arrays)
    heads = [[name, arrays[name].dtype.newbyteorder("<").str, arrays[name].shape] for name in names]
    crc = zlib.crc32(json.dumps([heads, sorted(metadata.items())]).encode())
    for name in names:
        crc = zlib.crc32(_plain(arrays[name]).reshape(-1).view(np.uint8).data, crc)
    return f"{crc:08x}"


def _plain(array: np.ndarray) -> np.ndarray:
    """`array` itself if it is C-contiguous and little-endian, else a copy that is."""
    return array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
