"""The `.npz` kind of file: a zip archive with one `.npy` member per array, as `numpy.load` reads it.

Written and read member by member rather than with `numpy.savez`, whose keyword arguments forbid some names (`file`),
and so that a member's header can be checked before memory is taken. Sources: the documentation of `numpy.lib.format`
(the `.npy` layout), PKWARE's APPNOTE.TXT (zip; every member carries a CRC-32, which `zipfile` verifies).
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

METADATA = "__metadata__"  # the member with the metadata: a JSON object in an array of one string
LONGEST_HEADER = 10_000  # NumPy's own limit for a header that is parsed as Python literals


def write_npz(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in (arrays | {METADATA: np.array(json.dumps(metadata))}).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Raises ValueError with the reason for content that is not ours to read, and whatever `zipfile` raises."""
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                raise ValueError(f"member {name!r} is not an array")
            if name in arrays:
                raise ValueError(f"array {name!r} is there twice")
            with archive.open(info) as member:
                _check_header(name, member, info.file_size)
            with archive.open(info) as member:
                arrays[name] = np.lib.format.read_array(member, allow_pickle=False, max_header_size=LONGEST_HEADER)
                member.read()  # reaching the end is what makes zipfile compare the CRC
    return arrays, _metadata(arrays.pop(METADATA, None))


def _check_header(name: str, member: IO[bytes], size: int) -> None:
    """The header must describe exactly the bytes that follow it: or a few bytes could ask for all the memory."""
    try:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(member, max_header_size=LONGEST_HEADER)
    except zipfile.BadZipFile:
        raise
    except Exception as error:  # the header is parsed as Python literals, which fail in many ways
        raise ValueError(f"array {name!r} has no valid header") from error
    if dtype.hasobject:
        raise ValueError(f"array {name!r} holds Python objects, which are never read")
    expected = math.prod(shape) * dtype.itemsize
    held = size - member.tell()
    if expected != held:
        raise ValueError(f"array {name!r} of shape {shape} needs {expected} bytes but {held} are there")


def _metadata(entry: np.ndarray | None) -> dict[str, str]:
    if entry is None:
        return {}
    content = json.loads(str(entry))
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise ValueError(f"{METADATA} is not a JSON object of strings")
    return content
