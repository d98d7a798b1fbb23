"""A folder of one's own, with every mistake that its owner may make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.data import VOID, Folder, open_dataset
from minifcn.data.classes import default_palette, read_classes
from minifcn.errors import ArgumentError, FileError

TOML = """
ignore = [250]
[[class]]
name = "ground"
[[class]]
name = "tree"
color = [10, 120, 30]
[[class]]
name = "wall"
"""
COLOURED = """
ignore_colors = [[0, 0, 0]]
[[class]]
name = "ground"
color = [255, 0, 0]
[[class]]
name = "tree"
color = [0, 255, 0]
"""


def mask_of(n: int) -> np.ndarray:
    mask = np.random.default_rng(n).integers(0, 3, (8, 10), dtype=np.uint8)
    mask[0, :2] = 255, 250
    return mask


def image_of(n: int) -> np.ndarray:
    return np.random.default_rng([n, 1]).integers(0, 256, (8, 10, 3), dtype=np.uint8)


def build(root: Path, count: int = 4, toml: str = TOML) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "classes.toml").write_text(toml)
    for n in range(count):
        Image.fromarray(image_of(n)).save(root / "images" / f"p{n}{('.png', '.bmp', '.PNG')[n % 3]}")
        Image.fromarray(mask_of(n)).save(root / "masks" / f"p{n}.png")
    return root


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    return build(tmp_path / "yard")


def test_images_and_masks_are_matched_by_name(yard):
    (yard / "images" / "Thumbs.db").write_text("passed over")
    (yard / "masks" / ".hidden.png").write_text("passed over")
    data = Folder(yard)
    assert len(data) == 4
    assert data.name == "yard"
    assert data.classes == ("ground", "tree", "wall")
    for n in range(4):
        sample = data[n]
        assert sample.name == f"p{n}"
        assert np.array_equal(sample.image, image_of(n))
        mask = mask_of(n)
        mask[mask == 250] = VOID
        assert np.array_equal(sample.label, mask)
    assert np.array_equal(data[-1].label, data[3].label)
    with pytest.raises(IndexError, match="Folder: sample 4 does not exist; there are 4"):
        data[4]


def test_the_palette_has_the_given_colours_and_else_those_of_voc(yard):
    assert Folder(yard).palette.tolist() == [[0, 0, 0], [10, 120, 30], [0, 128, 0]]
    voc = default_palette(21)
    assert voc[[1, 2, 3, 4, 8, 15, 20]].tolist() == [
        [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [64, 0, 0], [192, 128, 128], [0, 64, 128],
    ]  # fmt: skip
    assert len(np.unique(default_palette(255), axis=0)) == 255


def test_mean_and_deviation_are_measured_on_the_training_images_or_given(yard):
    (yard / "train.txt").write_text("p0\np2.png\n")
    (yard / "val.txt").write_text("p1\n")
    pixels = np.stack([image_of(0), image_of(2)]).reshape(-1, 3).astype(np.float64)
    for split in ("train", "val", None):
        data = Folder(yard, split)
        np.testing.assert_allclose(data.mean, pixels.mean(0), rtol=1e-6)
        np.testing.assert_allclose(data.std, pixels.std(0), rtol=1e-6)
        assert data.mean.dtype == data.std.dtype == np.float32
    (yard / "classes.toml").write_text("mean = [1, 2, 3.5]\n" + TOML)
    data = Folder(yard)
    assert data.mean.tolist() == [1.0, 2.0, 3.5]
    np.testing.assert_allclose(data.std, pixels.std(0), rtol=1e-6)
    for n in (0, 2):
        Image.fromarray(np.full((8, 10, 3), 9, np.uint8)).save(next((yard / "images").glob(f"p{n}.*")))
    assert Folder(yard).std.tolist() == [1.0, 1.0, 1.0]  # one grey everywhere: never a division by zero


def test_a_size_resizes_and_makes_no_new_label(yard):
    whole, small = Folder(yard)[1], Folder(yard, size=(4, 3))[1]
    assert small.image.shape == (4, 3, 3)
    rows, columns = (2 * np.arange(4) + 1) * 8 // 8, (2 * np.arange(3) + 1) * 10 // 6
    assert np.array_equal(small.label, whole.label[rows[:, None], columns])


def test_masks_in_colour_are_mapped_if_all_classes_have_one(tmp_path):
    yard = build(tmp_path / "yard", count=1, toml=COLOURED)
    truth = np.array([[0, 1, VOID, 1], [1, 1, 0, VOID]], np.uint8).repeat(4, 0).repeat(2, 1)
    table = np.zeros((256, 3), np.uint8)
    table[:2] = [255, 0, 0], [0, 255, 0]
    mask = table[truth]
    path = yard / "masks" / "p0.png"
    Image.fromarray(image_of(0)[:, :8]).save(yard / "images" / "p0.png")
    Image.fromarray(mask).save(path)
    assert np.array_equal(Folder(yard)[0].label, truth)
    mask[0, 0] = 254, 0, 0
    mask[1, 1] = 255, 255, 255
    Image.fromarray(mask).save(path)
    with pytest.raises(
        FileError, match=r"p0.png: the mask holds colours of no class: \(254, 0, 0\), \(255, 255, 255\); add"
    ):
        Folder(yard)[0]
    Image.fromarray(image_of(0)[:, :8]).save(path)
    with pytest.raises(FileError, match=r"of no class: (\(\d+, \d+, \d+\), ){5}\(\d+, \d+, \d+\) and 58 more"):
        Folder(yard)[0]
    (yard / "classes.toml").write_text(TOML)
    with pytest.raises(
        FileError, match=r"p0.png: the mask holds RGB colours, but not every class in classes.toml has a color"
    ):
        Folder(yard)[0]
    Image.fromarray(np.repeat(truth[..., None], 3, axis=2)).save(path)
    with pytest.raises(FileError, match="give all of them, or keep one of its three equal channels"):
        Folder(yard)[0]


def test_a_name_may_hold_what_is_written_without_being_seen(tmp_path):
    path = tmp_path / "classes.toml"
    joined = "\u0645\u06cc\u200c\u062f"  # with a zero-width non-joiner, as Persian is spelt
    path.write_text(f'[[class]]\nname = "{joined}"\n[[class]]\nname = "a\u00a0b"\n', encoding="utf-8")
    assert read_classes(path).names == (joined, "a\u00a0b")


def test_the_split_without_lists_is_fixed_whole_and_disjoint(tmp_path):
    yard = build(tmp_path / "yard", count=20)
    names = {split: [s.name for s in Folder(yard, split)] for split in ("train", "val", "test")}
    assert [len(names[split]) for split in ("train", "val", "test")] == [14, 3, 3]
    assert sorted(names["train"] + names["val"] + names["test"]) == sorted(f"p{n}" for n in range(20))
    # By name alone, so the same on every machine and in every year.
    assert names["val"] == ["p0", "p17", "p7"]
    few = build(tmp_path / "few", count=3)
    assert [len(Folder(few, split)) for split in ("train", "val", "test")] == [1, 1, 1]
    two = build(tmp_path / "two", count=2)
    assert len(Folder(two)) == 2
    with pytest.raises(
        FileError,
        match=r"two: the split 'val' is empty, because 2 images cannot be split in three; write val.txt, or add",
    ):
        Folder(two, "val")


def test_lists(yard):
    (yard / "train.txt").write_text("p3\n\np1.png\n")
    data = Folder(yard, "train")
    assert [data[n].name for n in range(2)] == ["p3", "p1"]
    assert len(Folder(yard)) == 4
    with pytest.raises(
        FileError,
        match=r"the split 'val' is empty, because there is no val.txt beside the other lists; write val.txt, or remove",
    ):
        Folder(yard, "val")
    (yard / "val.txt").write_text("p0\np3\n")
    with pytest.raises(
        FileError, match=r"yard: train.txt and val.txt share 1 sample, the first is p3; the splits must not"
    ):
        Folder(yard, "train")
    (yard / "val.txt").write_text("p0\np9\n")
    with pytest.raises(FileError, match=r"val.txt, line 2: there is no image 'p9' in"):
        Folder(yard)
    (yard / "val.txt").write_text("p0\np0\n")
    with pytest.raises(FileError, match=r"val.txt: p0 is listed twice"):
        Folder(yard)
    (yard / "val.txt").write_text("")
    with pytest.raises(FileError, match=r"val.txt: the list is empty"):
        Folder(yard, "val")


def test_it_is_opened_by_its_kind(yard):
    data = open_dataset("folder", str(yard), "test", (6, 5))
    assert isinstance(data, Folder)
    assert len(data) == 1
    assert data[0].size == (6, 5)


def test_missing_and_doubled_files(yard, tmp_path):
    (yard / "masks" / "p1.png").unlink()
    with pytest.raises(FileError, match=r"p1.bmp: it has no mask .*p1\.\*; such a folder holds images/ and masks/"):
        Folder(yard)
    (yard / "masks" / "p2.png").unlink()
    with pytest.raises(
        FileError, match=r"p1.bmp: it has no mask .* \(and 1 more fault; minifcn check-data lists all\)"
    ):
        Folder(yard)
    other = build(tmp_path / "other")
    (other / "images" / "p0.png").unlink()
    with pytest.raises(FileError, match=r"masks/p0.png: it has no image .*images/p0\.\*"):
        Folder(other)
    Image.fromarray(image_of(0)).save(other / "images" / "p0.jpg")
    Image.fromarray(image_of(0)).save(other / "images" / "p0.png")
    with pytest.raises(FileError, match=r"images: p0.jpg and p0.png have the same name"):
        Folder(other)


def test_folders_that_are_not_there_or_empty(yard, tmp_path):
    with pytest.raises(FileError, match=r"nowhere: there is no such folder; such a folder holds images/"):
        Folder(tmp_path / "nowhere")
    for path in (yard / "masks").iterdir():
        path.unlink()
    with pytest.raises(FileError, match=r"masks: there is no picture in it \(.png, .jpg"):
        Folder(yard)
    (yard / "masks").rmdir()
    with pytest.raises(FileError, match=r"masks: there is no such folder"):
        Folder(yard)
    (yard / "classes.toml").unlink()
    with pytest.raises(FileError, match=r"classes.toml: the file does not exist; it names the classes, for example"):
        Folder(yard)


def test_bad_masks(yard):
    path = yard / "masks" / "p0.png"
    mask = mask_of(0)
    mask[3, 3:5] = 3, 77
    Image.fromarray(mask).save(path)
    with pytest.raises(
        FileError, match=r"p0.png: the label holds values 3, 77, but the 3 classes are 0..2 and 255 is void"
    ):
        Folder(yard)[0]
    Image.fromarray(mask_of(0)[:6]).save(path)
    with pytest.raises(FileError, match=r"p0.png: the image is 8x10 but its label is 6x10"):
        Folder(yard, size=(4, 4))[0]
    Image.fromarray(mask_of(0)).save(path, format="JPEG")
    with pytest.raises(FileError, match=r"p0.png: a label must not be a JPEG, .* whatever its name; save it as PNG"):
        Folder(yard)[0]


TWO = '[[class]]\nname = "a"\n[[class]]\nname = "b"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[class]\n", "it is not readable as TOML"),
        ("", "it holds no .*class.* entries; for example"),
        ("class = 3", "it holds no"),
        ('[class]\nname = "a"', "it holds no"),
        ('[[class]]\nname = "a"', "it names 1 class; 2 to 255 are possible"),
        ("".join(f'[[class]]\nname = "{n}"\n' for n in range(256)), "it names 256 classes; 2 to 255"),
        (TWO + '[[class]]\ncolor = [1, 2, 3]', "class 2 has the name None; it must be a text"),
        (TWO + '[[class]]\nname = " "', "class 2 has the name ' '"),
        (TWO + '[[class]]\nname = "a"', "the name 'a' is given to class 0 and to class 2"),
        (TWO + "color = [1, 2]", r"the color of 'b' is \[1, 2\]; it must be three integers in 0..255"),
        (TWO + "color = [1, 2, 256]", r"the color of 'b' is \[1, 2, 256\]"),
        (TWO + "color = [1, 2, true]", r"the color of 'b' is \[1, 2, True\]"),
        (TWO + 'color = "red"', "the color of 'b' is 'red'"),
        ('[[class]]\nname = "a\\tb"\n' + TWO, r"class 0 has the name 'a\\tb'; it must be one line, without tabs"),
        ('[[class]]\nname = "a\\n"\n' + TWO, r"class 0 has the name 'a\\n'; it must be one line"),
        ('ignore_colors = [[7, 7, 7]]\n' + TWO + "color = [7, 7, 7]", r"the color \[7, 7, 7\] is given twice"),
        ("ignore_colors = 5\n" + TWO, "ignore_colors is 5; it must be a list of colours"),
        ("colour = 5\n" + TWO, "the file has the key 'colour'; it may have class, ignore, ignore_colors, drawn_on, mean, std"),
        (TWO + "ignore = [3]", "class 1 has the key 'ignore'; it may have name, color; keys of the whole file stand above"),
        ("ignore = 255\n" + TWO, "ignore is 255; it must be a list of mask values between 0 and 255"),
        ("ignore = [256]\n" + TWO, r"ignore is \[256\]"),
        ("ignore = [1, 9]\n" + TWO, "ignore holds value 1, which the list of classes gives to b; the classes are 0..1"),
        ("mean = [1, 2]\n" + TWO, r"mean is \[1, 2\]; it must be three numbers in 0..255"),
        ("mean = [1, 2, 300]\n" + TWO, r"mean is \[1, 2, 300\]"),
        ("std = [1, 0, 1]\n" + TWO, r"std is \[1, 0, 1\]; it must be three numbers in 0.1..255"),
        ("std = [1, nan, 1]\n" + TWO, r"std is \[1, nan, 1\]"),
    ],
)  # fmt: skip
def test_bad_classes(tmp_path, text, said):
    path = tmp_path / "classes.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=f"classes.toml: {said}"):
        read_classes(path)


def test_classes_that_are_no_text(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_bytes(b"\xff\xfe[")
    with pytest.raises(FileError, match=r"classes.toml: byte 3 of it is no UTF-16 text; save it as UTF-8"):
        read_classes(path)


def test_bad_arguments(yard):
    with pytest.raises(ArgumentError, match="Folder: the split 'all' is not known; choose one of train, val, test"):
        Folder(yard, "all")
    with pytest.raises(ArgumentError, match="Folder: size: the width is 0"):
        Folder(yard, size=(5, 0))
