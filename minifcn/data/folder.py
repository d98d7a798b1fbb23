"""A folder of one's own: images/, masks/ of the same names, and classes.toml."""

from __future__ import annotations

import glob
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data.classes import read_classes
from minifcn.data.labelled_files import Files, LabelledFiles
from minifcn.data.listing import (
    SPLITS,
    Line,
    checked_split,
    faults_of,
    listed_twice,
    one_form,
    overlaps,
    read_list,
    stem_of,
)
from minifcn.data.masks import label_of
from minifcn.data.pairs import Pairs
from minifcn.data.pictures import SUFFIXES, Picture
from minifcn.data.sample import Label, size_of
from minifcn.errors import FileError

ASKED = (
    'write drawn_on = "shown" into classes.toml, above the first [[class]], if masks were drawn on images as a viewer '
    'shows them, or drawn_on = "stored" if on their pixels as stored'
)
UNLISTED = "it is in none of train.txt, val.txt and test.txt, and not used"
LAYOUT = (
    "such a folder holds images/ and masks/ with files of the same names (images/a.jpg, masks/a.png), and classes.toml "
    "with the names of the classes"
)


class Folder(LabelledFiles):
    """A folder of one's own as a data set: `Folder("yard", "train", size=(180, 240))`.

        yard/images/one.jpg, two.jpg, ...    the images
        yard/masks/one.png, two.png, ...     for each image the class of every pixel, under the same name
        yard/classes.toml                    what the classes are called (classes.py shows one)
        yard/train.txt, val.txt, test.txt    which image belongs to which split, a name per line; may be left out

    root    the folder
    split   "train", "val" or "test"; None takes every image
    size    (H, W) to which image and mask are resized; without it they keep the size of the files
    strict  False passes over what does not fit, and `faults` says what that is

    A mask is a PNG, grey or with a palette, whose pixels are class indices. If classes.toml gives every class a colour,
    a mask may also be a picture in these colours. pictures.py says what is read of every other kind of file, masks.py
    what of a palette that has other colours than classes.toml, and pairs.py what of images that a camera has turned.

    If none of the lists is there the names decide: ordered by their SHA-256, which is as good as shuffled but the same
    on every machine, the first 15 % (at least one) are val, the next 15 % test, and the rest train.

    `mean` and `std` are those of classes.toml, or are measured on up to 100 training images when first asked for.

    Raises ArgumentError for another split or an impossible size; FileError for a missing folder, image or mask, an
    empty folder or split, images and masks of different sizes, a damaged file, a bad classes.toml or list, and mask
    values or colours that belong to no class.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = None,
        size: tuple[int, int] | None = None,
        *,
        strict: bool = True,
    ) -> None:
        self.root = Path(root)
        self.split = None if split is None else checked_split(split, "Folder")
        self.size = None if size is None else size_of(size, "Folder: size")
        if not self.root.is_dir():
            raise FileError(f"{self.root}: there is no such folder; {LAYOUT}.")
        self.name = self.root.resolve().name or "folder"
        self._classes = read_classes(self.root / "classes.toml")
        self.classes, self.palette = self._classes.names, self._classes.palette
        self.pairs = Pairs(self._classes.drawn_on, ASKED)
        faults: list[str] = []
        self._images = _by_stem(self.root / "images", faults)
        self._masks = _by_stem(self.root / "masks", faults)
        _keep_pairs(self._images, self._masks, self.root, faults)
        splits = _listed(self.root, self._images, faults) or _hashed(sorted(self._images))
        if split is not None and not splits.get(split) and not faults:
            reason, else_ = (
                (f"there is no {split}.txt beside the other lists", "remove the other lists, and the names decide")
                if split not in splits
                else (
                    f"{len(self._images)} image{'s' * (len(self._images) > 1)} cannot be split in three",
                    "add images",
                )
            )
            faults.append(
                f"{self.root}: the split {split!r} is empty, because {reason}; write {split}.txt, or {else_}."
            )
        stems = sorted(self._images) if split is None else list(splits.get(split, ()))
        self._take([Files(stem, self._images[stem], self._masks[stem]) for stem in stems], faults, strict)
        used = {stem for stems in splits.values() for stem in stems}
        self._unlisted = (
            [path for stem, path in self._images.items() if used and stem not in used] if split == "train" else []
        )
        self._training = list(splits.get("train") or sorted(self._images))

    @property
    def remarks(self) -> dict[str, list[Path]]:
        """What is not used, of images that were read and, told with the split "train", of all: the files."""
        return {**self.pairs.remarks, UNLISTED: self._unlisted} if self._unlisted else self.pairs.remarks

    @property
    def mean(self) -> NDArray[np.float32]:
        return self._measured[0] if self._classes.mean is None else self._classes.mean

    @property
    def std(self) -> NDArray[np.float32]:
        return self._measured[1] if self._classes.std is None else self._classes.std

    def _label_of(self, picture: Picture, path: Path) -> Label:
        return label_of(picture, self._classes, path)

    def _to_measure(self) -> list[Path]:
        return [self._images[stem] for stem in self._training]


def passed_over(root: Path) -> list[Path]:
    """What lies in images/ and masks/ and is not taken for a picture, by its ending."""
    files = (path for name in ("images", "masks") for path in sorted((root / name).iterdir()))
    return [path for path in files if path.suffix.lower() not in SUFFIXES and not path.name.startswith(".")]


def _by_stem(folder: Path, faults: list[str]) -> dict[str, Path]:
    """The pictures in `folder` by their name without ending; other files, hidden ones too, are passed over."""
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder; {LAYOUT}.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        stem = one_form(path.stem)
        if stem in found:
            faults.append(f"{folder}: {found[stem].name} and {path.name} have the same name; keep one of them.")
        found.setdefault(stem, path)
    if not found:
        raise FileError(f"{folder}: there is no picture in it ({', '.join(SUFFIXES)}); {LAYOUT}.")
    return found


def _keep_pairs(images: dict[str, Path], masks: dict[str, Path], root: Path, faults: list[str]) -> None:
    """Removes what has no counterpart from both, with a sentence for each."""
    for have, other, what, where in ((images, masks, "mask", "masks"), (masks, images, "image", "images")):
        for stem in sorted(set(have) - set(other)):
            alike = next((path.name for name, path in other.items() if name.casefold() == stem.casefold()), None)
            hint = f" ({alike} differs in upper and lower case)" if alike else _unread(root / where, stem)
            faults.append(f"{have[stem]}: it has no {what} {root / where / stem}.*{hint}; {LAYOUT}.")
    for stem in set(images) ^ set(masks):
        images.pop(stem, None)
        masks.pop(stem, None)


def _unread(folder: Path, stem: str) -> str:
    """A remark on a file of that name whose ending is not one of a picture that can be read."""
    path = next(folder.glob(f"{glob.escape(stem)}.*"), None)
    return "" if path is None else f" ({path.name} is none, by its ending: save it as JPEG or PNG)"


def _listed(root: Path, images: dict[str, Path], faults: list[str]) -> dict[str, list[str]]:
    """The splits that the list files give; empty where there is none."""
    splits: dict[str, list[str]] = {}
    for split in SPLITS:
        path = root / f"{split}.txt"
        if not path.exists():
            continue
        try:
            lines = read_list(path)
        except FileError as error:
            faults += faults_of(error)
            lines = []
        stems = [_stem(line, path, images, faults) for line in lines]
        splits[split] = [stem for stem in stems if stem is not None]
        faults += listed_twice(splits[split], path)
    faults += overlaps(splits, root)
    return splits


def _stem(line: Line, path: Path, images: dict[str, Path], faults: list[str]) -> str | None:
    """The image that a line means: one path, or an image and its mask; None, and a sentence, if there is none."""
    paths = line.paths
    whole = stem_of(line.text.replace("\\", "/"))
    if len(paths) == 2 and whole in images and stem_of(paths[0]) not in images:
        paths = (line.text,)
    stems = [whole] if len(paths) == 1 else [stem_of(each) for each in paths]
    if stems[0] not in images:
        faults.append(
            f"{path}, line {line.number}: there is no image {stems[0]!r} in {path.parent / 'images'}; a line is the "
            "name of one image."
        )
        return None
    if len(set(stems)) > 1:
        faults.append(
            f"{path}, line {line.number}: it pairs the image {stems[0]!r} with {stems[1]!r}, but here an image and its "
            f"mask have the same name; rename the mask, or write {stems[0]!r} alone."
        )
        return None
    return stems[0]


def _hashed(stems: list[str]) -> dict[str, list[str]]:
    """A split from the names alone: three images or more give all three, none empty."""
    if len(stems) < 3:
        return {split: [] for split in SPLITS}
    share = max(1, len(stems) * 15 // 100)
    ordered = sorted(stems, key=lambda stem: hashlib.sha256(stem.encode("utf-8", "surrogateescape")).digest())
    return {
        "train": sorted(ordered[2 * share :]),
        "val": sorted(ordered[:share]),
        "test": sorted(ordered[share : 2 * share]),
    }
