"""PASCAL VOC: objects of twenty classes before a background, read where the development kit lies.

    VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg            the images, each of a size of its own
    VOCdevkit/VOC2012/SegmentationClass/2007_000032.png     the masks, indexed PNGs: 0..20, and 255 for void
    VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt      names, one a line; val.txt and trainval.txt beside it

The years 2007 to 2012 have this layout. Only 2007 gave out the masks of its test.txt.

seg11valid is what the FCN paper measures on when it trains on SBD: VOC2011's val.txt without SBD's train.txt, 736 of
1111 images. It is a list of its own beside the others, or made from the two.

Source: Everingham, Van Gool, Williams, Winn, Zisserman, "The PASCAL visual object classes (VOC) challenge", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data import sbd as boundaries
from minifcn.data.classes import default_palette
from minifcn.data.labelled_files import Files, LabelledFiles
from minifcn.data.listing import read_names
from minifcn.data.masks import by_colour, misplaced, told
from minifcn.data.pairs import Pairs
from minifcn.data.pictures import Picture, open_label
from minifcn.data.sample import Label, size_of, values_text
from minifcn.errors import ArgumentError, FileError
from minifcn.labels import VOID, outside, values_of

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
SPLITS = ("train", "val", "trainval", "seg11valid", "test")
MEASURED = ("val", "seg11valid", "test")
LISTS = Path("ImageSets") / "Segmentation"
LAYOUT = (
    "the folder of a year, such as VOCdevkit/VOC2012, holds JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/"
)
MADE = "seg11valid is VOC2011's val.txt without the names in SBD's train.txt"
NAMED = 5  # shared images


class VOC(LabelledFiles):
    """PASCAL VOC as a data set: `VOC("VOCdevkit/VOC2012", "val")`.

    root    the folder of a year
    split   "train", "val", "trainval", "seg11valid" or "test"; or the path of a list of names, which ends in .txt
    size    (H, W) to which image and label are resized; without it each keeps the size of its file
    sbd     the folder of SBD: "train" is then SBD's train.txt with SBD's labels, and "trainval" both its lists
    strict  False passes over what is not there, and `faults` says what that is

    Images of different sizes come in a batch padded with the mean colour and void, or one by one. `mean` and `std` are
    measured on up to 100 images of "train", whatever the split, when first asked for.

    What is learnt and what is measured must share no image: the lists are compared, SBD's train.txt in place of VOC's
    where `sbd` is given, so that "val" is then refused and "seg11valid" is not. A list of another name is not asked.
    seg11valid.txt is looked for beside the other lists; where it is not there and `sbd` is given, it is made from
    VOC2011, which is `root` or lies beside it.

    Raises ArgumentError for another split or size; FileError for another folder, which names the right one if it can be
    seen, a missing list, image or mask, shared images, a damaged file, a mask of another size than its image, of RGB
    colours, of values 21..254, or whose palette shows a class in the colour of another.
    """

    name = "voc"
    classes = CLASSES

    def __init__(
        self,
        root: str | Path,
        split: str | Path = "train",
        size: tuple[int, int] | None = None,
        *,
        sbd: str | Path | None = None,
        strict: bool = True,
    ) -> None:
        given = Path(split) if str(split).endswith(".txt") else None
        if given is None and split not in SPLITS:
            raise ArgumentError(
                f"VOC: the split {split!r} is not known; choose one of {', '.join(SPLITS)}, or the path of a .txt list."
            )
        self.split = str(split) if given is None else given.stem
        self.size = None if size is None else size_of(size, "VOC: size")
        self.root = _find(Path(root))
        self.sbd = None if sbd is None else boundaries.find(Path(sbd))
        self.palette: NDArray[np.uint8] = default_palette(len(CLASSES))
        self.pairs = Pairs(None, "save the image as it is shown, without an orientation")
        faults: list[str] = []
        learnt = given is None and self.split in ("train", "trainval")
        names = self._names(self.split, faults) if given is None else read_names(given, faults)
        if self.split in MEASURED or (learnt and self.split == "train"):  # trainval holds val, as it should
            faults += self._shared(names, learnt, faults)
        self._take(self._existing(names, learnt, faults), faults, strict)

    def _label_of(self, picture: Picture, path: Path) -> Label:
        label = picture.pixels
        if label.ndim == 3:
            raise FileError(
                f"{path}: the mask holds RGB colours, not class indices, and VOC's masks are indexed PNGs; turn it "
                "back with minifcn.data.voc.indices_of(numpy.array(picture)), and save what that gives as a grey PNG."
            )
        wrong = outside(label, len(CLASSES))
        if wrong.any():
            raise FileError(
                f"{path}: the mask holds {values_text(values_of(label[wrong]))}, but VOC's classes are 0..20 and "
                f"{VOID} is void; take the file from SegmentationClass (SegmentationObject numbers the objects)."
            )
        if picture.palette is not None:
            palette = default_palette(VOID + 1)
            meant = {tuple(palette[c].tolist()): c for c in (*range(len(CLASSES)), VOID)}
            if odd := misplaced(label, picture.palette, meant):
                raise FileError(
                    f"{path}: the palette shows index {odd[0]} in the colour of index {odd[1]}; save the mask with "
                    "VOC's indices."
                )
        return label

    def _open_label(self, path: Path) -> Picture:
        return boundaries.open_labels(path) if path.suffix == ".mat" else open_label(path)

    def _to_measure(self) -> list[Path]:
        train = self._names("train", []) if self._train.is_file() else []
        images = [files.image for files in map(self._files_to_learn, train) if files.image.is_file()]
        return images or [files.image for files in self._files]

    def _list(self, split: str) -> Path:
        return self.root / LISTS / f"{split}.txt"

    @property
    def _train(self) -> Path:
        """The list of what is learnt."""
        return self._list("train") if self.sbd is None else self.sbd / "train.txt"

    def _files_of(self, name: str) -> Files:
        """The image and the mask of VOC."""
        return Files(name, self.root / "JPEGImages" / f"{name}.jpg", self.root / "SegmentationClass" / f"{name}.png")

    def _files_to_learn(self, name: str) -> Files:
        return self._files_of(name) if self.sbd is None else Files(name, *boundaries.files(self.sbd, name))

    def _names(self, split: str, faults: list[str]) -> list[str]:
        """The names of a split; a list of SBD's where that is what is learnt."""
        if self.sbd is not None and split in ("train", "trainval"):
            lists = ("train",) if split == "train" else ("train", "val")
            return [name for each in lists for name in boundaries.names(self.sbd, each, faults)]
        if split == "seg11valid" and not self._list(split).is_file():
            return self._seg11valid(faults)
        return read_names(self._list(split), faults)

    def _seg11valid(self, faults: list[str]) -> list[str]:
        path = self._list("seg11valid")
        if self.sbd is None:
            raise FileError(f"{path}: there is no such list; {MADE}: put it there, or say where SBD is (sbd=, --sbd).")
        folders = (self.root.resolve(), self.root.resolve().parent / "VOC2011")
        val = next((each / LISTS / "val.txt" for each in folders if each.name == "VOC2011"), path)
        if not val.is_file():
            raise FileError(f"{path}: there is no such list, nor {val} to make it from; {MADE}, not of another year's.")
        learnt = set(boundaries.names(self.sbd, "train", faults))
        return [name for name in read_names(val, faults) if name not in learnt]

    def _shared(self, names: Sequence[str], learnt: bool, faults: list[str]) -> list[str]:
        """A sentence for each list that shares images with what is learnt."""
        train = self._train
        if learnt:
            others = [self._list(each) for each in (("seg11valid",) if self.sbd else ("val", "seg11valid"))]
            pairs = [(list(names), read_names(path, faults), path.name) for path in others if path.is_file()]
        else:
            known = self._names("train", faults) if train.is_file() else []
            pairs = [(known, list(names), f"{self.split}.txt")]
        remedy = (
            "take them out of one of the two lists"
            if self.sbd is None
            else "measure on seg11valid, which leaves out what SBD's train.txt holds"
        )
        said = []
        for first, second, listed in pairs:
            if both := sorted(set(first) & set(second)):
                more = f" and {len(both) - NAMED} more" if len(both) > NAMED else ""
                said.append(
                    f"{train}: it shares {len(both)} image{'s' * (len(both) > 1)} with {listed} "
                    f"({', '.join(both[:NAMED])}{more}), and what is learnt cannot be measured on; {remedy}."
                )
        return said

    def _existing(self, names: Sequence[str], learnt: bool, faults: list[str]) -> list[Files]:
        """The files of all names that are there; for each that is not, a sentence is added to `faults`."""
        found = []
        for name in names:
            files = self._files_to_learn(name) if learnt else self._files_of(name)
            missing = [path for path in (files.image, files.label) if not path.is_file()]
            why = "; since 2008 VOC keeps the masks of its test images" if self.split == "test" else ""
            faults += [f"{path}: listed in {self.split}.txt but not there{why or f'; {LAYOUT}'}." for path in missing]
            if not missing:
                found.append(files)
        return found


def indices_of(colours: NDArray[np.uint8]) -> Label:
    """Masks in VOC's colours, uint8 (H, W, 3) RGB, as indices uint8 (H, W): 0..20, and 255 for (224, 224, 192).

    ArgumentError for another shape or dtype, and for a colour of no class.

    >>> indices_of(np.array([[[0, 0, 0], [128, 0, 0], [224, 224, 192]]], np.uint8))
    array([[  0,   1, 255]], dtype=uint8)
    """
    if colours.dtype != np.uint8 or colours.ndim != 3 or colours.shape[2] != 3:
        raise ArgumentError(f"indices_of: colours are {colours.dtype} {colours.shape}; pass uint8 (H, W, 3), RGB.")
    values = np.array([*range(len(CLASSES)), VOID], dtype=np.uint8)
    label, unknown = by_colour(colours, default_palette(VOID + 1)[values], values)
    if unknown:
        raise ArgumentError(f"indices_of: these colours are of no class: {told(unknown)}; save the mask without JPEG.")
    return label


def _find(root: Path) -> Path:
    """`root`, if it is the folder of a year; else a FileError that says which one is meant, where that can be seen."""
    if not root.is_dir():
        raise FileError(f"{root}: there is no such folder; {LAYOUT}.")
    if (root / LISTS).is_dir():
        return root
    for above in list(root.resolve().parents)[:2]:
        if (above / LISTS).is_dir():
            raise FileError(f"{root}: it is a folder inside that of a year; pass {above}.")
    below = [
        path
        for pattern in ("VOC20??", "VOCdevkit/VOC20??", "*/VOCdevkit/VOC20??")
        for path in sorted(root.glob(pattern), reverse=True)
        if (path / LISTS).is_dir()
    ]
    if below:
        raise FileError(f"{root}: the years lie below it; pass {' or '.join(map(str, below))}.")
    raise FileError(f"{root}: there is no ImageSets/Segmentation in it; {LAYOUT}.")
