"""A: masks, images and lists as programs really write them are read as they are meant, or refused with the remedy."""

from __future__ import annotations

import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.data import VOID, CamVid, Folder
from minifcn.data.listing import read_list
from minifcn.data.pairs import fingerprint
from minifcn.data.pictures import SEVERAL, SIXTEEN, open_label
from minifcn.errors import FileError, FileWarning
from tests.data.written import png, saved, tiff

MASK = np.array([[0, 1, 2, 2], [0, 0, 1, 2], [1, 1, 0, 0]], np.uint8)
COLOURS = np.array([[90, 0, 0], [0, 90, 0], [0, 0, 90]], np.uint8)
IMAGE = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
NAMES = "".join(f'[[class]]\nname = "{name}"\n' for name in ("ground", "tree", "wall"))
COLOURED = "".join(
    f'[[class]]\nname = "{name}"\ncolor = {colour}\n'
    for name, colour in zip(("ground", "tree", "wall"), COLOURS.tolist(), strict=True)
)


def yard(
    root: Path, mask: bytes, image: bytes | None = None, toml: str = NAMES, names: tuple[str, ...] = ("a",)
) -> Path:
    """A folder in which every image is `image` and every mask `mask`."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / "images" / f"{name}.png").write_bytes(saved(IMAGE, "PNG") if image is None else image)
        (root / "masks" / f"{name}.png").write_bytes(mask)
    (root / "classes.toml").write_text(toml, encoding="utf-8")
    return root


def refused(root: Path, said: str, split: str | None = None) -> None:
    with pytest.raises(FileError, match=said):
        Folder(root, split)[0]


def test_a2_sixteen_bits_are_refused_in_masks_and_said_of_images(tmp_path: Path) -> None:
    deep = png([[0, 1, 0] * 4] * 3, 16, 2, 3)
    refused(yard(tmp_path / "rgb", deep, toml=COLOURED), "a.png: the label has 16 bits per channel, and classes are")
    refused(yard(tmp_path / "tiff", tiff((1, 1), b"\0\0\1\0\0\0", 16, 2, 3)), "the label has 16 bits per channel")
    image = png([[60000, 300, 0] * 4] * 3, 16, 2, 3)
    data = Folder(yard(tmp_path / "image", saved(MASK, "PNG"), image, names=("a", "b", "c")))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert data[0].image[0, 0].tolist() == [234, 1, 0]
        assert data[1].image[0, 0].tolist() == [234, 1, 0]
        data[0]
    assert [str(each.message) for each in found] == [
        f"{tmp_path / 'image' / 'images' / 'a.png'}: {SIXTEEN} (said once, of all such images)."
    ]
    assert {remark: [path.stem for path in paths] for remark, paths in data.pairs.remarks.items()} == {
        SIXTEEN: ["a", "b"]
    }


def test_a3_the_content_says_what_a_mask_is_and_not_its_name(tmp_path: Path) -> None:
    refused(yard(tmp_path / "jpeg", saved(MASK, "JPEG")), "a.png: a label must not be a JPEG.* save it as PNG")
    refused(yard(tmp_path / "tiff", saved(MASK, "TIFF", compression="jpeg")), "a TIFF with jpeg compression")
    root = yard(tmp_path / "png", saved(MASK, "PNG"))
    (root / "masks" / "a.png").rename(root / "masks" / "a.jpg")
    assert np.array_equal(Folder(root)[0].label, MASK)


def test_a4_few_bits_keep_their_values_and_pages_are_not_dropped(tmp_path: Path) -> None:
    for kind, mask in (
        ("2 bits", png(MASK.tolist(), 2)),
        ("4 bits", png(MASK.tolist(), 4)),
        ("pgm", b"P5 4 3 2\n" + MASK.tobytes()),
    ):
        assert np.array_equal(Folder(yard(tmp_path / kind, mask))[0].label, MASK), kind
    one = (MASK > 0).astype(np.uint8)
    for kind, mask in (("1 bit", png(one.tolist(), 1)), ("pgm 1", b"P5 4 3 1\n" + one.tobytes())):
        assert np.array_equal(Folder(yard(tmp_path / kind, mask))[0].label, one), kind
    pages = saved(MASK, "TIFF", save_all=True, append_images=[Image.fromarray(MASK)])
    refused(
        yard(tmp_path / "pages", pages), r"the label holds 2 pictures \(frames or pages\); save the one that is meant"
    )


def indexed(order: list[int], colours: np.ndarray = COLOURS) -> bytes:
    """MASK as an indexed PNG in which class order[i] has the index i."""
    place = np.argsort(order).astype(np.uint8)
    picture = Image.fromarray(place[MASK])
    picture.putpalette(colours[order].ravel().tolist())
    return saved(picture, "PNG")


def test_a5_a_palette_that_numbers_the_colours_anew_is_read_by_colour(tmp_path: Path) -> None:
    for order in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        root = yard(tmp_path / str(order), indexed(order), toml=COLOURED)
        assert np.array_equal(Folder(root)[0].label, MASK), order
    adaptive = Image.fromarray(COLOURS[MASK]).convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.array_equal(Folder(yard(tmp_path / "adaptive", saved(adaptive, "PNG"), toml=COLOURED))[0].label, MASK)
    # Without colours in classes.toml the palette only says how to show the indices.
    assert np.array_equal(Folder(yard(tmp_path / "none", indexed([0, 1, 2], COLOURS + 9)))[0].label, MASK)


def test_a5_a_palette_of_other_colours_is_refused_unless_it_says_nothing(tmp_path: Path) -> None:
    root = yard(tmp_path / "other", indexed([0, 1, 2], COLOURS + 9), toml=COLOURED)
    refused(
        root, r"index 0 as \[99, 9, 9\], but index 0 is ground, which classes.toml gives the color \[90, 0, 0\]; put"
    )
    part = COLOURED.replace("color = [0, 90, 0]\n", "")
    refused(
        yard(tmp_path / "part", indexed([2, 0, 1]), toml=part), r"shows index 0 as \[0, 0, 90\], but index 0 is ground"
    )
    grey = Image.fromarray(MASK).convert("P")
    assert np.array_equal(Folder(yard(tmp_path / "grey", saved(grey, "PNG"), toml=COLOURED))[0].label, MASK)
    white = Image.fromarray(np.where(MASK == 2, 255, MASK).astype(np.uint8)).convert("P")
    voided = Folder(yard(tmp_path / "void", saved(white, "PNG"), toml=COLOURED))[0].label
    assert np.array_equal(voided, np.where(MASK == 2, VOID, MASK))


def test_a5_camvid_with_its_colours_under_other_indices_is_refused(tmp_path: Path) -> None:
    root, colours = tmp_path / "CamVid", np.array([[128, 0, 0], [128, 128, 128], [0, 0, 0]], np.uint8)  # Building, Sky
    for folder in ("train", "trainannot"):
        (root / folder).mkdir(parents=True)
    (root / "train.txt").write_text("train/a.png trainannot/a.png\n")
    (root / "train" / "a.png").write_bytes(saved(IMAGE, "PNG"))
    (root / "trainannot" / "a.png").write_bytes(indexed([0, 1, 2], colours))
    with pytest.raises(FileError, match=r"palette shows index 0 in the colour of Building, which is index 1; save the"):
        CamVid(root)[0]


STORED = np.array([[0, 1, 2, 2], [0, 0, 1, 2], [1, 1, 1, 0]], np.uint8)  # no orientation leaves it as it is
SQUARE = STORED[:, :3]
SHOWN, PIXELS = 'drawn_on = "shown"\n' + NAMES, 'drawn_on = "stored"\n' + NAMES


def seen(mask: np.ndarray) -> np.ndarray:
    return COLOURS[mask]


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a6_image_and_mask_are_turned_each_by_its_own_orientation(tmp_path: Path, orientation: int, kind: str) -> None:
    for name, mask in (("square", SQUARE), ("oblong", STORED)):
        root = yard(tmp_path / name, saved(mask, kind, orientation), saved(seen(mask), "PNG", orientation))
        sample = Folder(root)[0]
        assert np.array_equal(sample.image, seen(sample.label))
        assert not np.array_equal(sample.label, mask)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a6_where_only_the_image_is_turned_somebody_has_to_say_what_the_mask_lies_over(
    tmp_path: Path, orientation: int
) -> None:
    for name, mask in (("square", SQUARE), ("oblong", STORED)):
        image = saved(seen(mask), "PNG", orientation)
        shown = Folder(yard(tmp_path / name, saved(mask, "PNG", orientation), image))[0].label
        on_shown = yard(tmp_path / f"{name}-shown", saved(shown, "PNG"), image)
        on_stored = yard(tmp_path / f"{name}-stored", saved(mask, "PNG"), image)
        ambiguous = shown.shape == mask.shape
        said = rf"its EXIF orientation {orientation}|the EXIF orientation {orientation}"
        if ambiguous:
            refused(on_shown, "nothing tells whether it was drawn before or after; write drawn_on")
        else:
            assert np.array_equal(Folder(on_shown)[0].label, shown)
        refused(on_stored, said)
        refused(on_stored, 'write drawn_on = "shown" into classes.toml')
        sample = Folder(yard(on_shown, saved(shown, "PNG"), image, SHOWN))[0]
        assert np.array_equal(sample.image, seen(sample.label))
        sample = Folder(yard(on_stored, saved(mask, "PNG"), image, PIXELS))[0]
        assert np.array_equal(sample.image, seen(sample.label))


def test_a6_an_orientation_of_the_mask_alone_and_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    plain, turned = saved(seen(STORED), "PNG"), saved(seen(STORED), "PNG", 6)
    refused(
        yard(tmp_path / "mask", saved(STORED, "PNG", 3), plain), "the mask has the EXIF orientation 3 but a.png has"
    )
    refused(
        yard(tmp_path / "size", saved(STORED[:2], "PNG"), turned),
        "the image is 4x3 once turned by the EXIF orientation 6 but its label is 2x4",
    )
    refused(yard(tmp_path / "own", saved(STORED[:2], "PNG", 8), turned), "its label is 4x2 once turned by its own 8")
    refused(
        yard(tmp_path / "wrong", saved(STORED, "PNG"), plain, 'drawn_on = "raw"\n' + NAMES), "drawn_on is 'raw'; it"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a7_lists_of_every_encoding_with_a_mark_are_read(tmp_path: Path, encoding: str) -> None:
    root = yard(tmp_path, saved(MASK, "PNG"), names=("é", "b"))
    for text in ("é\r\nb\r\n", "images\\é.png\nC:\\my yard\\images\\b.png\n", "images/é.png masks/é.png\nb b\n"):
        (root / "train.txt").write_bytes(text.encode(encoding))
        assert [sample.name for sample in map(Folder(root, "train").__getitem__, range(2))] == ["é", "b"], text


def test_a7_what_is_no_text_is_said_with_the_remedy(tmp_path: Path) -> None:
    root = yard(tmp_path, saved(MASK, "PNG"))
    for data, said in (
        ("é\n".encode("latin-1"), r"train.txt: byte 1 of it is no UTF-8 text; save it as UTF-8"),
        ("a\n".encode("utf-16-le"), r"train.txt: it holds zero bytes, as UTF-16 without a byte order mark does; save"),
        ("a\n".encode("utf-16")[:-1], r"train.txt: byte 5 of it is no UTF-16 text"),
    ):
        (root / "train.txt").write_bytes(data)
        refused(root, said, "train")


def test_a7_a_pair_in_a_list_must_be_one_here(tmp_path: Path) -> None:
    root = yard(tmp_path, saved(MASK, "PNG"), names=("s0", "s1", "my s0.png s1"))
    (root / "train.txt").write_text("images/s0.png masks/s1.png\n")
    refused(
        root,
        "line 1: it pairs the image 's0' with 's1', but here an image and its mask have the same name; ren",
        "train",
    )
    (root / "train.txt").write_text("s0 s1\n")
    refused(root, "line 1: it pairs the image 's0' with 's1'", "train")
    (root / "train.txt").write_text("my s0.png s1.png\nmasks/s0.png\n")
    assert [line.paths for line in read_list(root / "train.txt")] == [("my s0.png", "s1.png"), ("masks/s0.png",)]
    assert [Folder(root, "train")[i].name for i in range(2)] == ["my s0.png s1", "s0"]
    (root / "train.txt").write_text("s0.png,s0.png\n")
    refused(root, r"line 1: there is no image 's0.png,s0' in .*images; a line is the name of one image", "train")


def test_a7_paths_with_spaces_are_read_in_camvid_too(tmp_path: Path) -> None:
    for folder in ("val", "valannot"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "my scene.png").write_bytes(saved(IMAGE if folder == "val" else MASK, "PNG"))
    (tmp_path / "val.txt").write_bytes("x\\val\\my scene.png y\\valannot\\my scene.png".encode("utf-16"))
    assert CamVid(tmp_path, "val")[0].name == "my scene"


def test_a8_names_are_compared_as_letters_and_not_as_bytes(tmp_path: Path) -> None:
    one, two = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    root = yard(tmp_path, saved(MASK, "PNG"), toml=NAMES.replace("tree", two))
    for folder, name in (("images", two), ("masks", one)):
        (root / folder / "a.png").rename(root / folder / f"{name}.png")
    (root / "train.txt").write_text(f"{two}\n", encoding="utf-8")
    data = Folder(root, "train")
    assert (data[0].name, data.classes[1]) == (one, one)
    (root / "images" / f"{one}.png").write_bytes(saved(IMAGE, "PNG"))
    refused(root, "have the same name; keep one of them")


def test_a8_camvid_finds_a_name_in_either_form(tmp_path: Path) -> None:
    one, two = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    for folder, pixels in (("val", IMAGE), ("valannot", MASK)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / two).write_bytes(saved(pixels, "PNG"))
    (tmp_path / "val.txt").write_text(f"val/{one} valannot/{one}\n", encoding="utf-8")
    assert len(CamVid(tmp_path, "val")) == 1


def test_pictures_of_an_ending_that_is_not_read_are_pointed_at(tmp_path: Path) -> None:
    root = yard(tmp_path, saved(MASK, "PNG"), names=("a", "b"))
    (root / "images" / "b.png").rename(root / "images" / "b.heic")
    refused(root, r"b.png: it has no image .*b\.\* \(b.heic is none, by its ending: save it as JPEG or PNG\)")


def test_names_that_differ_in_case_alone_are_pointed_at(tmp_path: Path) -> None:
    root = yard(tmp_path, saved(MASK, "PNG"))
    (root / "masks" / "a.png").rename(root / "masks" / "A.png")
    if (root / "masks" / "a.png").exists():
        pytest.skip("this file system does not tell upper from lower case")
    refused(
        root, r"a.png: it has no mask .*a\.\* \(A.png differs in upper and lower case\).* \(and 1 more fault; minifcn"
    )


def test_a12_of_an_animated_image_the_first_picture_is_taken_and_that_is_said(tmp_path: Path) -> None:
    image = saved(IMAGE, "PNG", save_all=True, append_images=[Image.fromarray(IMAGE[::-1].copy())])
    data = Folder(yard(tmp_path, saved(MASK, "PNG"), image))
    with pytest.warns(FileWarning, match=r"a.png: it holds several pictures"):
        assert np.array_equal(data[0].image, IMAGE)
    assert list(data.pairs.remarks) == [SEVERAL]


def test_fingerprints_tell_pixels_apart_and_not_files(tmp_path: Path) -> None:
    files = {"a": saved(IMAGE, "PNG"), "b": saved(IMAGE, "BMP"), "c": saved(IMAGE[::-1].copy(), "PNG")}
    for name, data in files.items():
        yard(tmp_path, saved(MASK, "PNG"), data, names=(name,))
    for size in (None, (2, 2)):
        found = [fingerprint(Folder(tmp_path, size=size), index) for index in range(3)]
        assert found[0] == found[1] != found[2], size
        assert all(len(each) == 16 for each in found)
    assert open_label(tmp_path / "masks" / "a.png").orientation == 1
