"""The table of pictures.py, line by line: a file of each kind, as an image and as a label."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from minifcn.data.pictures import CLEAR, SEVERAL, SIXTEEN, SUFFIXES, open_image, open_label, turned
from minifcn.errors import FileError
from tests.data.written import bmp, chunk, packed, palette, png, saved, tiff

RNG = np.random.default_rng(0)
GREY = np.array([[0, 1, 2, 3], [3, 2, 255, 0]], np.uint8)
RGB = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
ALPHA = np.dstack([RGB, np.full((4, 6), 255, np.uint8)])
GLASS = np.dstack([RGB, RNG.integers(0, 255, (4, 6), dtype=np.uint8)])
COLOURS = [(10, 20, 30), (200, 0, 0), (0, 200, 0), (0, 0, 200)]
FEW = [[0, 1, 2, 3], [3, 2, 1, 0]]
TWO = [[0, 1, 1, 0], [1, 0, 0, 1]]
FLAT = [0, 1, 2, 3, 3, 2, 1, 0]
WORDS = [0, 1, 258, 65535, 300, 40000, 7, 65535]


def colours(grey: Any) -> np.ndarray:
    return np.repeat(np.array(grey, np.uint8)[..., None], 3, axis=2)


def of(rows: Any) -> np.ndarray:
    return np.array(rows, np.uint8)


def words(values: list[int], order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(values)}H", *values)


def several(kind: str, **options: Any) -> bytes:
    more = [Image.fromarray(np.roll(RGB, 1, 0)), Image.fromarray(np.roll(RGB, 2, 0))]
    return saved(RGB, kind, save_all=True, append_images=more, **options)


def first_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


def cmyk(kind: str) -> bytes:
    return saved(Image.fromarray(RGB).convert("CMYK"), kind)


TABLE = np.array(COLOURS, np.uint8)
RAMP = [(i, i, i) for i in range(16)]
NO_DEPTH = "numbers of 32 bits"
GIF, APNG, WEBP, PAGES = several("GIF"), several("PNG"), several("WEBP", lossless=True), several("TIFF")
MPO, CUT = several("MPO"), saved(RGB, "PNG")[:-30]

# name: (bytes, what it is as an image: pixels or an error, with the remark on it, and the same as a label)
KINDS: dict[str, tuple[bytes, Any, str | None, Any]] = {
    "grey, 8 bits, PNG": (saved(GREY, "PNG"), colours(GREY), None, GREY),
    "grey, 8 bits, TIFF": (saved(GREY, "TIFF", compression="tiff_lzw"), colours(GREY), None, GREY),
    "grey, 8 bits, BMP": (saved(GREY, "BMP"), colours(GREY), None, GREY),
    "grey, 8 bits, GIF": (saved(GREY, "GIF"), colours(GREY), None, "has the format GIF"),
    "grey, 8 bits, PGM": (saved(GREY, "PPM"), colours(GREY), None, GREY),
    "grey, 1 bit, PNG": (png(TWO, 1), colours(of(TWO) * 255), None, of(TWO)),
    "grey, 2 bits, PNG": (png(FEW, 2), colours(of(FEW) * 85), None, of(FEW)),
    "grey, 4 bits, PNG": (png(FEW, 4), colours(of(FEW) * 17), None, of(FEW)),
    "grey, 1 bit, TIFF": (tiff((2, 4), b"\x60\x90", 1), colours(of(TWO) * 255), None, of(TWO)),
    "grey, 2 bits, TIFF": (tiff((2, 4), packed(FLAT, 2), 2), colours(of(FEW) * 85), None, of(FEW)),
    "grey, 4 bits, TIFF": (tiff((2, 4), packed(FLAT, 4), 4), colours(of(FEW) * 17), None, of(FEW)),
    "grey, 1 bit, BMP": (
        bmp((2, 4), b"\x90\0\0\0\x60\0\0\0", 1, [(0, 0, 0), (255, 255, 255)]), colours(of(TWO) * 255), None, of(TWO),
    ),
    "PGM, maximum 1": (b"P5 4 2 1\n" + bytes([0, 1, 1, 0, 1, 0, 0, 1]), colours(of(TWO) * 255), None, of(TWO)),
    "PGM, maximum 3": (b"P5\n# of mine\n4 2\n3\n" + bytes(FLAT), colours(of(FEW) * 85), None, of(FEW)),
    "PGM as text, maximum 3": (b"P2 4 2 3\n0 1 2 3\n3 2 1 0\n", colours(of(FEW) * 85), None, of(FEW)),
    "PGM, maximum 254": (b"P5 4 1 254\n" + bytes([0, 1, 100, 254]), colours([[0, 1, 100, 255]]), None, of([[0, 1, 100, 254]])),
    "PGM, maximum 65535": (b"P5 4 2 65535\n" + words(WORDS, ">"), colours(of(np.array(WORDS) >> 8).reshape(2, 4)), SIXTEEN, "16 bits per"),
    "PPM, maximum 7": (b"P6 1 1 7\n\1\2\7", of([[[36, 73, 255]]]), None, "a PPM with a maximum of 7"),
    "PPM, maximum 65535": (b"P6 1 1 65535\n" + words([1, 258, 65535], ">"), of([[[0, 1, 255]]]), SIXTEEN, "16 bits per"),
    "PBM": (b"P4 8 1\n\xa0", colours([[0, 255, 0, 255, 255, 255, 255, 255]]), None, "zero is white"),
    "PFM": (b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 2.5), NO_DEPTH, None, "32 bits per channel"),
    "palette, 1 bit, PNG": (png(TWO, 1, 3, extra=palette(COLOURS[:2])), TABLE[of(TWO)], None, of(TWO)),
    "palette, 2 bits, PNG": (png(FEW, 2, 3, extra=palette(COLOURS)), TABLE[of(FEW)], None, of(FEW)),
    "palette, 4 bits, PNG": (png(FEW, 4, 3, extra=palette(COLOURS)), TABLE[of(FEW)], None, of(FEW)),
    "palette, 8 bits, PNG": (png(FEW, 8, 3, extra=palette(COLOURS)), TABLE[of(FEW)], None, of(FEW)),
    "palette, 1 bit, BMP": (
        bmp((2, 4), b"\x90\0\0\0\x60\0\0\0", 1, COLOURS[:2]), TABLE[of(TWO)], None, of(TWO),
    ),
    "palette, 4 bits, BMP": (bmp((2, 4), b"\x32\x10\0\0\x01\x23\0\0", 4, COLOURS), TABLE[of(FEW)], None, of(FEW)),
    "palette, 4 bits, TIFF": (
        tiff((2, 4), packed(FLAT, 4), 4, 3, t320=[257 * c for p in range(3) for c in [*TABLE[:, p].tolist(), *[0] * 12]]),
        TABLE[of(FEW)], None, of(FEW),
    ),
    "palette with transparency": (
        png(FEW, 8, 3, extra=palette(COLOURS) + chunk(b"tRNS", b"\0\x80")), TABLE[of(FEW)], CLEAR, of(FEW),
    ),
    "RGB with a transparent colour": (
        png([[1, 2, 3, 4, 5, 6]], 8, 2, 3, chunk(b"tRNS", words([1, 2, 3], ">"))), of([[[1, 2, 3], [4, 5, 6]]]), CLEAR,
        of([[[1, 2, 3], [4, 5, 6]]]),
    ),
    "1 bit with a transparent value": (
        png(TWO, 1, extra=chunk(b"tRNS", words([1], ">"))), colours(of(TWO) * 255), CLEAR, of(TWO),
    ),
    "grey with a transparent value": (png(FEW, 8, extra=chunk(b"tRNS", words([2], ">"))), colours(FEW), CLEAR, of(FEW)),
    "RGB, PNG": (saved(RGB, "PNG"), RGB, None, RGB),
    "RGB, TIFF deflate": (saved(RGB, "TIFF", compression="tiff_adobe_deflate"), RGB, None, RGB),
    "RGB, BMP": (saved(RGB, "BMP"), RGB, None, RGB),
    "RGB, PPM": (saved(RGB, "PPM"), RGB, None, RGB),
    "RGB, lossless WebP": (saved(RGB, "WEBP", lossless=True), RGB, None, RGB),
    "RGBA, opaque": (saved(ALPHA, "PNG"), RGB, None, RGB),
    "RGBA, opaque, lossless WebP": (saved(ALPHA, "WEBP", lossless=True), RGB, None, RGB),
    "RGBA": (saved(GLASS, "PNG"), RGB, CLEAR, "RGBA and partly transparent"),
    "grey and alpha, opaque": (saved(Image.fromarray(GREY).convert("LA"), "PNG"), colours(GREY), None, GREY),
    "grey and alpha": (png([[1, 255, 2, 3]], 8, 4, 2), colours([[1, 2]]), CLEAR, "LA and partly transparent"),
    "grey, 16 bits, PNG": (
        png([WORDS[:4], WORDS[4:]], 16), colours(of(np.array(WORDS) >> 8).reshape(2, 4)), SIXTEEN, "16 bits per channel",
    ),
    "grey, 16 bits, TIFF": (
        tiff((2, 4), words(WORDS), 16), colours(of(np.array(WORDS) >> 8).reshape(2, 4)), SIXTEEN, "16 bits per channel",
    ),
    "RGB, 16 bits, PNG": (png([[0, 1, 65535]], 16, 2, 3), of([[[0, 0, 255]]]), SIXTEEN, "16 bits per channel"),
    "RGBA, 16 bits, PNG": (png([[0, 1, 65535, 65535]], 16, 6, 4), of([[[0, 0, 255]]]), SIXTEEN, "16 bits per channel"),
    "RGB, 16 bits, TIFF": (
        tiff((1, 1), words([0, 1, 65535]), 16, 2, 3), of([[[0, 0, 255]]]), SIXTEEN, "16 bits per channel",
    ),
    "grey, 16 bits, of which 12 are used": (png([[0, 1, 4095]], 16), "lowest 16 of 256 steps", None, "16 bits per channel"),
    "RGB, 16 bits, of which 8 are used": (png([[0, 1, 255]], 16, 2, 3), "lowest 1 of 256 steps", None, "16 bits per channel"),
    "grey, 32 bits": (saved(Image.fromarray(GREY).convert("I"), "TIFF"), NO_DEPTH, None, "32 bits per channel"),
    "fractions": (saved(Image.fromarray(GREY).convert("F"), "TIFF"), NO_DEPTH, None, "32 bits per channel"),
    "grey, 16 bits with sign": (tiff((2, 4), words(WORDS), 16, t339=2), "numbers of 16 bits", None, "16 bits per channel"),
    "grey, 8 bits with sign": (tiff((2, 4), GREY.tobytes(), t339=2), colours(GREY), None, "numbers with signs"),
    "bits of a byte reversed": (tiff((1, 2), b"\1\2", t266=2), colours([[128, 64]]), None, "in reverse"),
    "five channels": (tiff((1, 1), b"\1\2\3\4\5", 8, 2, 5, t338=[0, 0]), of([[[1, 2, 3]]]), None, "5 channels"),
    "four channels, no alpha": (tiff((1, 1), b"\1\2\3\4", 8, 2, 4, t338=0), of([[[1, 2, 3]]]), None, "4 channels"),
    "zero is white, 8 bits": (tiff((2, 4), GREY.tobytes(), photometric=0), colours(255 - GREY), None, "zero is white"),
    "zero is white, 1 bit": (tiff((2, 4), b"\x60\x90", 1, 0), colours(255 - of(TWO) * 255), None, "zero is white"),
    "zero is white, 16 bits": (tiff((2, 4), words(WORDS), 16, 0), "Pillow misreads", None, "Pillow misreads"),
    "BMP, 16 bits": (bmp((1, 2), words([0, 31744]), 16), of([[[0, 0, 0], [255, 0, 0]]]), None, "BMP of 16 bits"),
    "grey BMP, 4 bits": (bmp((2, 4), b"\x32\x10\0\0\x01\x23\0\0", 4, RAMP), "grey BMP of 4", None, "grey BMP of 4"),
    "CMYK, TIFF": (cmyk("TIFF"), RGB, None, "mode CMYK"),
    "CMYK, JPEG": (cmyk("JPEG"), first_of(cmyk("JPEG")), None, "must not be a JPEG"),
    "YCbCr": (saved(Image.fromarray(RGB).convert("YCbCr"), "TIFF"), 3, None, "mode YCbCr"),
    "LAB": (saved(Image.fromarray(RGB).convert("LAB"), "TIFF"), first_of(saved(Image.fromarray(RGB).convert("LAB"), "TIFF")), None, "mode LAB"),
    "JPEG": (saved(GREY, "JPEG"), first_of(saved(GREY, "JPEG")), None, "must not be a JPEG"),
    "JPEG in TIFF": (saved(GREY, "TIFF", compression="jpeg"), 12, None, "a TIFF with jpeg compression"),
    "lossy WebP": (saved(RGB, "WEBP"), first_of(saved(RGB, "WEBP")), None, "a lossy WebP"),
    "lossy WebP with alpha": (saved(GLASS, "WEBP"), first_of(saved(GLASS, "WEBP")), CLEAR, "a lossy WebP"),
    "JPEG 2000": (saved(RGB, "JPEG2000"), RGB, None, "has the format JPEG2000"),
    "TGA": (saved(RGB, "TGA"), RGB, None, "has the format TGA"),
    "PCX": (saved(RGB, "PCX"), RGB, None, "has the format PCX"),
    "EPS": (saved(RGB, "EPS"), "is a drawing", None, "is a drawing"),
    "animated GIF": (GIF, first_of(GIF), SEVERAL, "has the format GIF"),
    "animated PNG": (APNG, RGB, SEVERAL, "holds 3 pictures"),
    "animated WebP": (WEBP, first_of(WEBP), SEVERAL, "holds 3 pictures"),
    "TIFF of three pages": (PAGES, RGB, SEVERAL, "holds 3 pictures"),
    "MPO": (MPO, first_of(MPO), None, "must not be a JPEG"),
    "cut short": (CUT, "cannot be read as a picture", None, "cannot be read as a picture"),
    "empty": (b"", "it is empty", None, "it is empty"),
    "text": (b"a poem", "of no format that Pillow knows", None, "of no format that Pillow knows"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC file", None, "is a HEIC file"),
}  # fmt: skip


def check(found: Any, meant: Any) -> None:
    if isinstance(meant, int):  # so many steps of 256 are lost between the spaces of colour
        exact = RGB if found.shape == RGB.shape else colours(GREY)
        assert np.abs(found.astype(int) - exact).max() <= meant
        return
    assert found.dtype == np.uint8
    assert np.array_equal(found, meant), (found.tolist(), meant.tolist())


@pytest.mark.parametrize("ending", ["", ".png", ".jpg"], ids=["none", "png", "jpg"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_stored_or_refused(tmp_path: Path, kind: str, ending: str) -> None:
    data, image, remark, label = KINDS[kind]
    path = tmp_path / f"file{ending}"  # the ending says nothing
    path.write_bytes(data)
    for read, meant in ((open_image, image), (open_label, label)):
        if isinstance(meant, str):
            with pytest.raises(FileError, match=rf"file{ending}: .*{meant}.*[;)]"):
                read(path)
        else:
            picture = read(path)
            check(picture.pixels, meant)
            assert picture.orientation == 1
            assert picture.remarks == ((remark,) if remark and read is open_image else ())
            assert picture.pixels.flags.writeable and picture.pixels.flags.c_contiguous


def test_a_pgm_gives_every_value_back_whatever_its_maximum(tmp_path: Path) -> None:
    for top in (*range(1, 12), 15, 63, 100, 127, 128, 200, 253, 254, 255):
        values = np.arange(top + 1, dtype=np.uint8)
        for magic, body in (("P5", values.tobytes()), ("P2", " ".join(map(str, values)).encode())):
            (tmp_path / "a").write_bytes(f"{magic} {top + 1} 1 {top}\n".encode() + body)
            assert open_label(tmp_path / "a").pixels.tolist() == [values.tolist()], (magic, top)


def test_both_remarks_on_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png([[0, 1, 65535, 9]], 16, 6, 4))
    assert open_image(tmp_path / "a.png").remarks == (CLEAR, SIXTEEN)


def test_a_palette_is_kept_beside_the_indices(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(FEW, 2, 3, extra=palette(COLOURS)))
    found = open_label(tmp_path / "a.png").palette
    assert found is not None
    assert found.tolist() == [list(colour) for colour in COLOURS]
    (tmp_path / "b.png").write_bytes(png(FEW, 2))
    assert open_label(tmp_path / "b.png").palette is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "lzw", "JPEG", "WEBP"])
def test_every_orientation_is_turned(tmp_path: Path, kind: str, orientation: int) -> None:
    """On the path of a file: there, Pillow 13.0.0 scrambles an uncompressed, grey, non-square TIFF of 5..8."""
    stored = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
    options = {"lzw": {"compression": "tiff_lzw"}, "WEBP": {"lossless": True}}.get(kind, {})
    data = saved(stored, "TIFF" if kind == "lzw" else kind, orientation, **options)
    (tmp_path / "a").write_bytes(data)
    meant = ImageOps.exif_transpose(Image.open(io.BytesIO(saved(stored, "PNG", orientation))))
    image = open_image(tmp_path / "a")
    assert image.orientation == orientation
    assert image.pixels.shape[:2] == np.array(meant).shape
    assert np.abs(image.pixels[..., 0].astype(int) - np.array(meant)).max() <= (20 if kind == "JPEG" else 0)
    if kind not in ("JPEG", "WEBP"):
        assert np.array_equal(open_label(tmp_path / "a").pixels, np.array(meant))
    assert np.array_equal(turned(stored, orientation), np.array(meant))


def test_a_folder_finds_pictures_by_endings_that_pillow_knows() -> None:
    Image.init()
    assert set(SUFFIXES) <= set(Image.EXTENSION)
