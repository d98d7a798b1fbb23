"""The `.safetensors` kind of file, through the library of that name: a JSON header, then the bytes of every array.

The library checks what a reader must: the length of the header, and that the arrays cover the file exactly, without a
gap or an overlap. Source: https://github.com/huggingface/safetensors, section "Format".
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from minifcn.errors import FileError

NUMPY_TYPES = {"BOOL", "U8", "U16", "U32", "U64", "I8", "I16", "I32", "I64", "F16", "F32", "F64"}


def write_safetensors(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, path, metadata)
    _sort_metadata(path)


def _sort_metadata(path: Path) -> None:
    """The library writes the metadata in a random order; sorted, equal runs give equal files, to the last byte."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:  # the same entries in another order; spaces at the end are allowed
            file.seek(8)
            file.write(text.ljust(size))


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Raises FileError for an element type that NumPy lacks, and whatever the library raises for a damaged file."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        for name in names:
            element = file.get_slice(name).get_dtype()
            if element not in NUMPY_TYPES:
                raise FileError(f"{path} holds {name!r} as {element}, which NumPy has not; convert it to float32.")
        return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})


def read_metadata(path: Path) -> dict[str, str]:
    """The texts alone, from the head of the file; raises as `read_safetensors` does."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata() or {})
