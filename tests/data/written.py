"""Files with bytes of our own making, of kinds that Pillow can read but not write."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image


def packed(values: Sequence[int], bits: int) -> bytes:
    """`values` of `bits` bits each, filled up to whole bytes with zeros."""
    text = "".join(format(value, f"0{bits}b") for value in values)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows: Sequence[Sequence[int]], bits: int, kind: int = 0, channels: int = 1, extra: bytes = b"") -> bytes:
    """kind 0 is grey, 2 RGB, 3 indexed, 4 grey and alpha, 6 RGBA; extra: chunks before the pixels."""
    head = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), bits, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + packed(row, bits) for row in rows))
    parts = chunk(b"IHDR", head) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def palette(colours: Sequence[Sequence[int]]) -> bytes:
    """For `extra` of an indexed `png`."""
    return chunk(b"PLTE", bytes(np.asarray(colours, np.uint8).ravel().tolist()))


def tiff(
    size: tuple[int, int], data: bytes, bits: int = 8, photometric: int = 1, samples: int = 1, **tags: int | list[int]
) -> bytes:
    """One strip without compression, of (H, W). tags: `t339=2` and so on, 16-bit numbers."""
    entries: dict[int, tuple[int, list[int]]] = {
        256: (4, [size[1]]), 257: (4, [size[0]]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, [8]), 277: (3, [samples]), 278: (4, [size[0]]), 279: (4, [len(data)]),
    }  # fmt: skip
    for name, value in tags.items():
        entries[int(name[1:])] = (3, value if isinstance(value, list) else [value])
    data += b"\0" * (len(data) % 2)
    start, directory, tail = 8 + len(data), struct.pack("<H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        raw = b"".join(struct.pack("<H" if kind == 3 else "<I", value) for value in values)
        if len(raw) > 4:
            tail, raw = tail + raw, struct.pack("<I", behind + len(tail))
        directory += struct.pack("<HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
    return struct.pack("<2sHI", b"II", 42, start) + data + directory + b"\0\0\0\0" + tail


def bmp(size: tuple[int, int], data: bytes, bits: int, colours: Sequence[Sequence[int]] = ()) -> bytes:
    """Rows from below, each filled up to four bytes; colours are RGB."""
    table = b"".join(bytes([b, g, r, 0]) for r, g, b in colours)
    start = 54 + len(table)
    head = struct.pack("<IiiHHIIiiII", 40, size[1], size[0], 1, bits, 0, len(data), 0, 0, len(colours), 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + table + data


def saved(pixels: np.ndarray | Image.Image, kind: str, orientation: int = 1, **options: Any) -> bytes:
    """What Pillow writes; `orientation` in its EXIF note, or its tag where the file is a TIFF."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if orientation != 1 and kind == "TIFF":
        options["tiffinfo"] = {0x0112: orientation}
    elif orientation != 1:
        note = picture.getexif()
        note[0x0112] = orientation
        options["exif"] = note
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
