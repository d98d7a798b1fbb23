"""VOC in exactly its layout: palette PNGs, lists, years, and every root and mask that is not what was meant."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.data import VOC, VOID, open_dataset, reported_split, splits_of
from minifcn.data.classes import default_palette
from minifcn.data.voc import CLASSES, indices_of
from minifcn.errors import ArgumentError, FileError
from tests.training.tiny import write_voc


@pytest.fixture
def year(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "VOCdevkit" / "VOC2012")


def lists(year: Path) -> Path:
    return year / "ImageSets" / "Segmentation"


def mask_of(year: Path, name: str = "2007_000003") -> Path:
    return year / "SegmentationClass" / f"{name}.png"


def said(root: Path, split: str = "val", **options: object) -> str:
    with pytest.raises(FileError) as caught:
        VOC(root, split, **options)[0]  # type: ignore[arg-type]
    return str(caught.value)


def test_the_colours_of_the_palette() -> None:
    """As the development kit lists them."""
    palette = default_palette(256)
    known = {
        "background": (0, 0, 0), "aeroplane": (128, 0, 0), "bicycle": (0, 128, 0), "bird": (128, 128, 0),
        "boat": (0, 0, 128), "bottle": (128, 0, 128), "bus": (0, 128, 128), "car": (128, 128, 128), "cat": (64, 0, 0),
        "chair": (192, 0, 0), "cow": (64, 128, 0), "diningtable": (192, 128, 0), "dog": (64, 0, 128),
        "horse": (192, 0, 128), "motorbike": (64, 128, 128), "person": (192, 128, 128), "pottedplant": (0, 64, 0),
        "sheep": (128, 64, 0), "sofa": (0, 192, 0), "train": (128, 192, 0), "tvmonitor": (0, 64, 128),
    }  # fmt: skip
    assert tuple(known) == CLASSES and len(CLASSES) == 21
    assert [tuple(colour) for colour in palette[:21].tolist()] == list(known.values())
    assert palette[255].tolist() == [224, 224, 192]
    assert len({tuple(colour) for colour in palette.tolist()}) == 256


def test_what_is_read(year: Path) -> None:
    assert [len(VOC(year, split)) for split in ("train", "val", "trainval")] == [2, 1, 3]
    data = VOC(year, "train")
    assert (data.name, len(data.classes), data.palette.shape) == ("voc", 21, (21, 3))
    for n in range(2):
        sample = data[n]
        with Image.open(mask_of(year, sample.name)) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(sample.label, np.array(picture))
        assert sample.image.shape == (*sample.label.shape, 3) and set(sample.label.ravel()) == {*range(21), VOID}
    assert data[0].size == (40, 44) != data[1].size, "each as its file"
    assert VOC(year, "train", (12, 16))[1].size == (12, 16)
    pixels = np.concatenate([sample.image.reshape(-1, 3) for sample in data])
    np.testing.assert_allclose(data.mean, pixels.mean(0), rtol=1e-5)
    np.testing.assert_allclose(data.std, pixels.std(0), rtol=1e-5)
    assert VOC(year, "val").mean.tolist() == data.mean.tolist(), "a network sees val as it saw train"
    assert data.fingerprint(0) != data.fingerprint(1)
    assert repr(VOC(year, "val", (12, 16))) == "VOC('voc', 1 sample, 21 classes, split 'val', 12x16)"
    with pytest.raises(IndexError, match="VOC: sample 2 does not exist; there are 2"):
        data[2]


def test_it_is_opened_by_its_kind(year: Path) -> None:
    data = open_dataset("voc", year, "val", (12, 16))
    assert isinstance(data, VOC) and data[0].size == (12, 16)
    assert splits_of("voc") == {"train": "train", "val": "val"} and reported_split("voc") == "val"
    assert (
        splits_of("voc", "sbd") == {"train": "train", "val": "seg11valid"}
        and reported_split("voc", "s") == "seg11valid"
    )
    assert splits_of("camvid") == {"train": "train", "val": "val", "test": "test"}


def test_a_list_by_its_path_and_a_list_beside_the_others(year: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("2007_000003\n")
    assert [sample.name for sample in VOC(year, tmp_path / "mine.txt")] == ["2007_000003"]
    assert VOC(year, str(tmp_path / "mine.txt")).split == "mine"
    (tmp_path / "mine.txt").write_text("2007_000001\n")
    assert len(VOC(year, tmp_path / "mine.txt")) == 1, "a part of train.txt, to learn from"
    (tmp_path / "seg11valid.txt").write_text("2007_000001\n")
    assert "it shares 1 image with seg11valid.txt (2007_000001)" in said(year, str(tmp_path / "seg11valid.txt"))
    (lists(year) / "seg11valid.txt").write_text("2007_000003\n")
    assert len(VOC(year, "seg11valid")) == 1


def test_splits_that_are_not_there(year: Path) -> None:
    with pytest.raises(
        ArgumentError, match="VOC: the split 'valid' is not known; choose one of train, val, trainval, seg"
    ):
        VOC(year, "valid")
    assert said(year, "seg11valid").endswith(
        "seg11valid.txt: there is no such list; seg11valid is VOC2011's val.txt without the names in SBD's train.txt: "
        "put it there, or say where SBD is (sbd=, --sbd)."
    )
    assert "test.txt: it cannot be read" in said(year, "test")
    (lists(year) / "test.txt").write_text("2008_000009\n")
    (year / "JPEGImages" / "2008_000009.jpg").write_bytes((year / "JPEGImages" / "2007_000003.jpg").read_bytes())
    assert "2008_000009.png: listed in test.txt but not there; since 2008 VOC keeps the masks of" in said(year, "test")
    assert "nowhere.txt: it cannot be read" in said(year, "nowhere.txt")


def test_what_is_learnt_is_not_measured(year: Path) -> None:
    (lists(year) / "val.txt").write_text("2007_000003\n2008_000002\n2007_000001\n")
    for split in ("train", "val"):
        assert said(year, split).endswith(
            "train.txt: it shares 2 images with val.txt (2007_000001, 2008_000002), and what is learnt cannot be "
            "measured on; take them out of one of the two lists."
        )
    assert len(VOC(year, "trainval")) == 3
    (lists(year) / "val.txt").write_text("2007_000003\n")
    (lists(year) / "seg11valid.txt").write_text("2008_000002\n")
    for split in ("train", "seg11valid"):
        assert "it shares 1 image with seg11valid.txt (2008_000002)" in said(year, split)
    assert len(VOC(year, "val")) == 1


@pytest.mark.parametrize("inner", ["JPEGImages", "SegmentationClass", "ImageSets", "ImageSets/Segmentation"])
def test_a_root_that_is_too_deep(year: Path, inner: str) -> None:
    assert said(year / inner) == f"{year / inner}: it is a folder inside that of a year; pass {year.resolve()}."


def test_a_root_that_is_too_high_or_another(year: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = year.parent
    assert said(kit) == f"{kit}: the years lie below it; pass {year}."
    assert said(tmp_path) == f"{tmp_path}: the years lie below it; pass {year}."
    other = write_voc(kit / "VOC2007")
    assert said(kit).endswith(f"pass {year} or {other}.")
    assert said(kit / "VOC2010").startswith(
        f"{kit / 'VOC2010'}: there is no such folder; the folder of a year, such as"
    )
    (tmp_path / "else").mkdir()
    assert "else: there is no ImageSets/Segmentation in it; the folder of a year" in said(tmp_path / "else")
    monkeypatch.chdir(year / "JPEGImages")
    assert said(Path(os.curdir)) == f".: it is a folder inside that of a year; pass {year.resolve()}."


def test_masks_in_colours_are_refused_and_can_be_turned_back(year: Path) -> None:
    before = VOC(year, "val")[0].label
    colours = default_palette(256)[before]
    Image.fromarray(colours).save(mask_of(year))
    assert "2007_000003.png: the mask holds RGB colours, not class indices, and VOC's masks are indexed" in said(year)
    assert "minifcn.data.voc.indices_of(numpy.array(picture))" in said(year)
    np.testing.assert_array_equal(indices_of(colours), before)
    Image.fromarray(indices_of(colours)).save(mask_of(year))
    np.testing.assert_array_equal(VOC(year, "val")[0].label, before)
    colours[3, 4] = (1, 2, 3)
    with pytest.raises(ArgumentError, match=r"colours are of no class: \(1, 2, 3\); save the mask without JPEG"):
        indices_of(colours)
    with pytest.raises(ArgumentError, match=r"indices_of: colours are uint8 \(40, 44\); pass uint8"):
        indices_of(before)


def test_masks_that_hold_something_else(year: Path) -> None:
    label = np.zeros((40, 44), np.uint8)
    label[0, :3] = 21, 254, 255
    Image.fromarray(label).save(mask_of(year))
    assert "2007_000003.png: the mask holds values 21, 254, but VOC's classes are 0..20 and 255 is void" in said(year)
    label[:] = 1
    other = Image.fromarray(label)
    other.putpalette(np.roll(default_palette(256), 1, 0).tobytes())  # numbered anew: 1 looks as 0 does
    other.save(mask_of(year))
    assert "the palette shows index 1 in the colour of index 0; save the mask with VOC's indices." in said(year)
    other.putpalette(np.arange(256).repeat(3).astype(np.uint8).tobytes())  # a palette of greys says nothing
    other.save(mask_of(year))
    assert (VOC(year, "val")[0].label == 1).all()
    Image.fromarray(label[:30]).save(mask_of(year))
    assert "the image is 40x44 but its label is 30x44 (height x width)" in said(year)
    mask_of(year).unlink()
    assert "2007_000003.png: listed in val.txt but not there; the folder of a year" in said(year)
    assert len(VOC(year, "val", strict=False).faults) == 1


def test_lists_that_are_none(year: Path) -> None:
    (lists(year) / "val.txt").write_text("2007_000003 -1\n")  # as in ImageSets/Main
    assert "val.txt, line 1: '2007_000003 -1' is no name; a line is the name of one image." in said(year)
    (lists(year) / "val.txt").write_text("2007_000003 \r\n2007_000003\r\n")
    assert "2007_000003 is listed twice" in said(year)
    (lists(year) / "val.txt").write_text("\n")
    assert "the list is empty" in said(year)
