"""A folder of one's own: images/, masks/ of the same names, and classes.toml."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data.classes import from_colours, from_values, read_classes
from minifcn.data.images import LOSSY, SUFFIXES, read_image, read_label, resize_sample
from minifcn.data.listing import SPLITS, check_apart, check_listed_once, checked_split, read_list
from minifcn.data.sample import Sample, check_sample, described, index_in, size_of
from minifcn.errors import FileError

MEASURED = 100  # as many images are read to measure mean and standard deviation
LAYOUT = (
    "such a folder holds images/ and masks/ with files of the same names (images/a.jpg, masks/a.png), and classes.toml "
    "with the names of the classes"
)


class Folder:
    """A folder of one's own as a data set: `Folder("yard", "train", size=(180, 240))`.

        yard/images/one.jpg, two.jpg, ...    the images
        yard/masks/one.png, two.png, ...     for each image the class of every pixel, under the same name
        yard/classes.toml                    what the classes are called (classes.py shows one)
        yard/train.txt, val.txt, test.txt    which image belongs to which split, a name per line; may be left out

    root    the folder
    split   "train", "val" or "test"; None takes every image
    size    (H, W) to which image and mask are resized; without it they keep the size of the files

    A mask is a PNG, grey or with a palette, whose pixels are class indices. If classes.toml gives every class a colour,
    a mask may also be a picture in these colours.

    If none of the lists is there the names decide: ordered by their SHA-256, which is as good as shuffled but the same
    on every machine, the first 15 % (at least one) are val, the next 15 % test, and the rest train.

    `mean` and `std` are those of classes.toml, or are measured on up to 100 training images when first asked for.

    Raises ArgumentError for another split or an impossible size; FileError for a missing folder, image or mask, an
    empty folder or split, images and masks of different sizes, a damaged file, a bad classes.toml or list, and mask
    values or colours that belong to no class.
    """

    def __init__(self, root: str | Path, split: str | None = None, size: tuple[int, int] | None = None) -> None:
        self.root = Path(root)
        self.split = None if split is None else checked_split(split, "Folder")
        self.size = None if size is None else size_of(size, "Folder: size")
        if not self.root.is_dir():
            raise FileError(f"{self.root}: there is no such folder; {LAYOUT}.")
        self.name = self.root.resolve().name or "folder"
        self._classes = read_classes(self.root / "classes.toml")
        self._images = _by_stem(self.root / "images")
        self._masks = _by_stem(self.root / "masks")
        _check_paired(self._images, self._masks, self.root)
        splits = _listed(self.root, self._images) or _hashed(sorted(self._images))
        if split is not None and not splits.get(split):
            reason = (
                f"there is no {split}.txt beside the other lists"
                if split not in splits
                else f"{len(self._images)} image{'s' if len(self._images) > 1 else ''} cannot be split in three"
            )
            raise FileError(
                f"{self.root}: the split {split!r} is empty, because {reason}; write {split}.txt, or use all samples."
            )
        self._stems = sorted(self._images) if split is None else list(splits[split])
        self._to_measure = list(splits.get("train") or sorted(self._images))

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._stems)

    def __getitem__(self, index: int, /) -> Sample:
        stem = self._stems[index_in(index, len(self), "Folder")]
        mask_path = self._masks[stem]
        mask = read_label(mask_path)
        label = from_values(mask, self._classes) if mask.ndim == 2 else from_colours(mask, self._classes, mask_path)
        image = read_image(self._images[stem])
        check_sample(Sample(image, label, str(mask_path)), len(self.classes))
        sample = Sample(image, label, stem)
        return sample if self.size is None else resize_sample(sample, self.size)

    @property
    def classes(self) -> tuple[str, ...]:
        return self._classes.names

    @property
    def palette(self) -> NDArray[np.uint8]:
        return self._classes.palette

    @property
    def mean(self) -> NDArray[np.float32]:
        return self._measured[0] if self._classes.mean is None else self._classes.mean

    @property
    def std(self) -> NDArray[np.float32]:
        return self._measured[1] if self._classes.std is None else self._classes.std

    @cached_property
    def _measured(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation over all pixels of training images spread evenly over the list, from exact sums."""
        stems = self._to_measure
        chosen = [stems[k * len(stems) // min(MEASURED, len(stems))] for k in range(min(MEASURED, len(stems)))]
        count, total, squares = 0, np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
        values = np.arange(256, dtype=np.int64)
        for stem in chosen:
            pixels = read_image(self._images[stem]).reshape(-1, 3)
            count += len(pixels)
            for c in range(3):
                histogram = np.bincount(pixels[:, c], minlength=256)
                total[c] += histogram @ values
                squares[c] += histogram @ values**2
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        # Images of one grey would otherwise be divided by zero.
        return mean.astype(np.float32), np.maximum(deviation, 1.0).astype(np.float32)


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures in `folder` by their name without ending; other files, hidden ones too, are passed over."""
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder; {LAYOUT}.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise FileError(f"{folder}: {found[path.stem].name} and {path.name} have the same name; keep one of them.")
        found[path.stem] = path
    if not found:
        raise FileError(f"{folder}: there is no picture in it ({', '.join(SUFFIXES)}); {LAYOUT}.")
    return found


def _check_paired(images: dict[str, Path], masks: dict[str, Path], root: Path) -> None:
    for have, other, what, where in ((images, masks, "mask", "masks"), (masks, images, "image", "images")):
        missing = sorted(set(have) - set(other))
        if missing:
            more = f" (and {len(missing) - 1} more like it)" if len(missing) > 1 else ""
            raise FileError(f"{have[missing[0]]}: it has no {what} {root / where / missing[0]}.*{more}; {LAYOUT}.")
    lossy = next((path for path in masks.values() if path.suffix.lower() in LOSSY), None)
    if lossy is not None:
        raise FileError(f"{lossy}: a mask must not be a JPEG, which changes the values of pixels; save it as PNG.")


def _listed(root: Path, images: dict[str, Path]) -> dict[str, list[str]]:
    """The splits that the list files give; empty where there is none."""
    splits: dict[str, list[str]] = {}
    for split in SPLITS:
        path = root / f"{split}.txt"
        if not path.exists():
            continue
        splits[split] = []
        for number, line in read_list(path):
            stem = Path(line).stem if Path(line).suffix.lower() in SUFFIXES else line
            if stem not in images:
                raise FileError(f"{path}, line {number}: there is no image {stem!r} in {root / 'images'}.")
            splits[split].append(stem)
        check_listed_once(splits[split], path)
    check_apart(splits, root)
    return splits


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
