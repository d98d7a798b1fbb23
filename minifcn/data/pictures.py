"""The one door for picture files: what a file stores, or a refusal that says what it holds and what to do.

The content decides, never the name. What Pillow shows is not always what is stored: it spreads the values of few bits
over 0..255, cuts 16 bits to 8, inverts, turns, and gives the first of several pictures, all in silence. For an image
that is what one wants to see, and what is lost is said; a label is a number per pixel, and a number may not change.

    what the file holds                                 as an image            as a label
    grey, 8 bits                                        as stored              as stored
    grey, 1, 2 or 4 bits (PNG, TIFF)                    spread over 0..255     as stored: 3 of 3 stays 3
    grey, PGM with a maximum below 255                  spread over 0..255     as stored
    palette of 1, 2, 4 or 8 bits                        its colours            its indices, and the palette beside them
    red, green, blue of 8 bits                          as stored              colours, for classes that have one
    16 bits in a channel, positive integers             the upper 8, said;     refused
                                                        refused if all dark
    32 bits, fractions, negative numbers                refused                refused
    grey or colours, and alpha                          alpha dropped, said    refused, unless all is opaque
    grey or colours, one of them transparent (PNG)      alpha dropped, said    as stored
    palette, and transparent entries                    alpha dropped, said    its indices
    CMYK, YCbCr, LAB                                    as RGB                 refused
    zero is white (PBM, some TIFF)                      as shown               refused: is the class 0 or 1?
    RGB of other than 8 bits (BMP 16, PPM maximum)      spread over 0..255     refused
    grey BMP of 2 or 4 bits                             refused: Pillow misreads it
    other bits per byte, signs, further channels (TIFF) as Pillow shows it     refused
    PNG, BMP, PPM, lossless WebP, TIFF without          read                   read
    compression or with LZW, deflate, fax, zstd, lzma
    JPEG, MPO, JPEG 2000, AVIF, lossy WebP, TIFF with   read                   refused: neighbours are mixed
    JPEG inside
    GIF                                                 read                   refused: writers number its colours anew
    TGA, PCX, ICO, SGI, QOI, PSD and what else opens    read                   refused: it may be shown otherwise
    EPS, WMF: drawings, which a program has to run      refused                refused
    several frames or pages (GIF, APNG, WebP, TIFF)     the first, said        refused
    a photograph and its preview (MPO)                  the photograph         refused
    orientation 1..8 (EXIF, TIFF)                       turned                 turned
    cut short, empty, or no picture                     refused                refused

Pillow is imported when the first file is read.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minifcn.errors import FileError

if TYPE_CHECKING:
    from PIL import Image as pillow

# By these endings a folder's pictures are told from its other files; what is in them is not asked of the ending.
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".gif", ".apng", ".jpe",
    ".jfif", ".avif", ".jp2", ".tga", ".dib",
)  # fmt: skip
ORIENTATION = 0x0112  # of EXIF, and the same tag of TIFF
EXACT = ("PNG", "BMP", "DIB", "PPM", "WEBP", "TIFF")
EXACT_TIFF = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000)  # none, fax, LZW, deflate, packbits, lzma, zstd
DRAWINGS = ("EPS", "WMF")
DARK = 16  # of 256: an image without anything brighter uses another part of its 16 bits than the upper one

SIXTEEN = "it has 16 bits per channel, of which the upper 8 are used"
CLEAR = "it is partly transparent; transparency is not used, and what it hides is seen"
SEVERAL = "it holds several pictures (frames or pages), of which the first is used"


@dataclass(frozen=True, eq=False)
class Picture:
    """What a file holds, turned as its own orientation says.

    pixels       uint8 (H, W, 3), RGB; of a label also uint8 (H, W), values or indices
    palette      uint8 (n, 3): what the file says to show index i < n as; None for a file without palette
    orientation  1..8: how it was turned; 1 is as stored
    remarks      what the file holds and is not used
    """

    pixels: NDArray[np.uint8]
    palette: NDArray[np.uint8] | None = None
    orientation: int = 1
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Storage:
    """How a file stores numbers, from its head. `top`: the grey value that Pillow shows as 255."""

    bits: int = 8
    top: int = 255
    misread: str = ""  # why it cannot be read at all
    unfit: str = ""  # why it cannot be a label


def open_image(path: Path) -> Picture:
    """The file at `path` as colours; FileError if that cannot be had."""
    return _opened(path, "image", _image)


def open_label(path: Path) -> Picture:
    """The file at `path` as the numbers it stores, or as colours; FileError if that cannot be had."""
    return _opened(path, "label", _label)


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """`pixels` (H, W) or (H, W, 3), stored with an EXIF orientation of 1..8, as they are to be seen.

    Source: Exif 2.32, tag 0x0112: which edge of the scene row 0 and column 0 lie at.
    """
    across = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else None)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else None)
    return np.ascontiguousarray(across[rows, columns])


def _image(picture: pillow.Image, storage: Storage, name: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    remarks: tuple[str, ...] = (SEVERAL,) if _frames(picture) > 1 and picture.format != "MPO" else ()
    picture.load()
    deep = picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PPM")
    if deep:
        grey = (np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8)
        pixels = np.repeat(grey[..., None], 3, axis=2)
    elif picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        raise FileError(
            f"{name}: the image holds numbers of {storage.bits} bits (Pillow's mode {picture.mode}), and it is not "
            "known which of them are black and white; save it with 8 bits."
        )
    elif picture.has_transparency_data:
        whole = np.array(picture.convert("RGBA"))
        pixels = np.ascontiguousarray(whole[..., :3])
        if (whole[..., 3] < 255).any():
            remarks += (CLEAR,)
    else:
        pixels = np.array(picture.convert("RGB"))
    if deep or storage.bits == 16:
        brightest = int(pixels.max(initial=0))
        if brightest < DARK:
            raise FileError(
                f"{name}: the image has 16 bits per channel but uses the lowest {brightest + 1} of 256 steps of their "
                "range only, so that all of it would be black; save it with 8 bits, spread over 0..255."
            )
        remarks += (SIXTEEN,)
    return pixels, remarks


def _label(picture: pillow.Image, storage: Storage, name: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if picture.format in ("JPEG", "MPO"):
        raise FileError(
            f"{name}: a label must not be a JPEG, which changes the values of pixels, and the content of this file is "
            "one whatever its name; save it as PNG."
        )
    if picture.format not in EXACT:
        raise FileError(
            f"{name}: the label has the format {picture.format}, in which values need not be those that were meant; "
            "save it as PNG, grey or indexed."
        )
    if storage.unfit:
        raise FileError(f"{name}: the label {storage.unfit}; save it as PNG, grey or indexed, of 8 bits.")
    if (frames := _frames(picture)) > 1:
        raise FileError(f"{name}: the label holds {frames} pictures (frames or pages); save the one that is meant.")
    if storage.bits > 8:
        raise FileError(
            f"{name}: the label has {storage.bits} bits per channel, and classes are 0..254; save it with 8 bits, as a "
            "grey or indexed PNG of indices."
        )
    picture.load()
    values = np.array(picture)
    if picture.mode == "P":
        return values, ()
    if picture.mode in ("RGBA", "LA"):
        if (values[..., -1] < 255).any():
            raise FileError(
                f"{name}: the label is {picture.mode} and partly transparent; save it without transparency."
            )
        values = values[..., 0] if picture.mode == "LA" else values[..., :3]
    elif picture.mode not in ("L", "1", "RGB"):
        raise FileError(
            f"{name}: the label is of Pillow's mode {picture.mode}; save it as an 8-bit grey or indexed PNG of indices."
        )
    if picture.mode in ("L", "LA") and storage.top != 255:
        values = np.rint(values * (storage.top / 255))  # the way back of Pillow's round(value · 255 / top)
    return np.ascontiguousarray(values, dtype=np.uint8), ()


def _opened(
    path: Path, what: str, read: Callable[[Any, Storage, str], tuple[NDArray[np.uint8], tuple[str, ...]]]
) -> Picture:
    """The picture in the file. It is read as bytes first, because from a path Pillow maps some TIFF files wrongly."""
    from PIL import Image as pillow
    from PIL import UnidentifiedImageError

    if not path.is_file():
        raise FileError(f"{path}: the {what} does not exist or is not a file.")
    try:
        data = path.read_bytes()
        if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
            raise FileError(f"{path}: the {what} is a HEIC file, which Pillow cannot read; save it as JPEG or PNG.")
        with pillow.open(io.BytesIO(data)) as picture:
            if picture.format in DRAWINGS:
                raise FileError(f"{path}: the {what} is a drawing ({picture.format}); save it as PNG.")
            orientation = picture.getexif().get(ORIENTATION, 1)
            orientation = orientation if orientation in range(2, 9) else 1
            storage = _storage(picture, data)
            if storage.misread:
                raise FileError(f"{path}: the {what} {storage.misread}; save it as PNG.")
            pixels, remarks = read(picture, storage, str(path))
            colours = picture.getpalette("RGB") if picture.mode == "P" else None
            by_pillow = picture.format == "TIFF"  # which turns these by itself
    except (FileError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        reason = "its content is of no format that Pillow knows" if data else "it is empty"
        raise FileError(f"{path}: the {what} cannot be read as a picture ({reason}).") from error
    # A foreign parser, fed with whatever the file holds, may raise anything.
    except Exception as error:
        raise FileError(f"{path}: the {what} cannot be read as a picture ({_first_line(error)}).") from error
    palette = None if colours is None else np.array(colours, dtype=np.uint8).reshape(-1, 3)
    return Picture(pixels if by_pillow else turned(pixels, orientation), palette, orientation, remarks)


def _storage(picture: Any, data: bytes) -> Storage:
    """How the numbers are stored, from the head of the file."""
    if picture.format == "PNG":
        bits, kind = data[24], data[25]  # of IHDR, which comes first
        return Storage(bits, top=(1 << bits) - 1 if kind == 0 and bits < 8 else 255)
    if picture.format == "PPM":
        magic, _, _, *rest = re.sub(rb"#[^\r\n]*", b" ", data[:4096]).split(maxsplit=4)
        if magic in (b"P1", b"P4"):
            return Storage(1, unfit="is a PBM, in which zero is white, and it is not known which of the two is a class")
        if magic not in (b"P2", b"P3", b"P5", b"P6"):
            return Storage(32)
        top = int(rest[0])
        unfit = f"is a PPM with a maximum of {top}" if magic in (b"P3", b"P6") and top < 255 else ""
        return Storage(8 if top < 256 else 16, top, unfit=unfit)
    if picture.format in ("BMP", "DIB"):
        start = 14 if data[:2] == b"BM" else 0
        old = struct.unpack_from("<I", data, start)[0] == 12  # of OS/2
        bits = struct.unpack_from("<H", data, start + (10 if old else 14))[0]
        if bits in (2, 4) and picture.mode != "P":
            return Storage(bits, misread=f"is a grey BMP of {bits} bits, which Pillow misreads")
        return Storage(min(bits, 8), unfit="is a BMP of 16 bits per pixel" if bits == 16 else "")
    if picture.format == "WEBP":
        return Storage(unfit="" if _lossless_webp(data) else "is a lossy WebP, which changes the values of pixels")
    return _tiff(picture) if picture.format == "TIFF" else Storage()


def _tiff(picture: Any) -> Storage:
    tags = picture.tag_v2
    bits, photometric, samples = max(tags.get(258, (1,))), tags.get(262, 0), tags.get(277, 1)
    compression = tags.get(259, 1)
    unfit, misread = "", ""
    if compression not in EXACT_TIFF:
        way = picture.info.get("compression", compression)
        unfit = f"is a TIFF with {way} compression, which may change the values of pixels"
    elif photometric == 0:
        unfit = "is a TIFF in which zero is white, and it is not known whether 0 or the highest value is class 0"
        if bits == 16:
            misread = "is a TIFF of 16 bits in which zero is white, which Pillow misreads"
    elif set(tags.get(339, (1,))) != {1} and bits <= 8:
        unfit = "is a TIFF of numbers with signs"
    elif tags.get(266, 1) != 1:
        unfit = "is a TIFF with the bits of a byte in reverse"
    elif samples > 4 or (samples == 4 and picture.mode == "RGB"):
        unfit = f"is a TIFF of {samples} channels"
    top = (1 << bits) - 1 if bits < 8 and photometric == 1 else 255
    return Storage(bits, top, misread, unfit)


def _lossless_webp(data: bytes) -> bool:
    """Whether the pixels are in chunks VP8L and not VP8: of the file, or of the frames of an animation."""
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8L"
        place += 24 if name == b"ANMF" else 8 + size + size % 2
    return False


def _frames(picture: Any) -> int:
    return int(getattr(picture, "n_frames", 1))


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__
