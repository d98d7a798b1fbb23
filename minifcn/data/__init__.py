"""Data: generated scenes, CamVid, PASCAL VOC, a folder of one's own; joint transforms; seeded batches."""

from __future__ import annotations

from pathlib import Path

from minifcn.data import camvid, folder, listing, transforms, voc
from minifcn.data.camvid import CamVid
from minifcn.data.folder import Folder
from minifcn.data.in_memory import InMemory
from minifcn.data.loader import Batch, DataLoader, collate, normalize
from minifcn.data.sample import Dataset, Sample, check_sample
from minifcn.data.scenes import Scenes
from minifcn.data.transforms import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip, RandomScale, Resize
from minifcn.data.voc import VOC
from minifcn.errors import ArgumentError
from minifcn.labels import VOID

KINDS = ("scenes", "camvid", "voc", "folder")
LAYOUTS = {"camvid": camvid.LAYOUT, "voc": voc.LAYOUT, "folder": folder.LAYOUT}  # of files
SPLITS = tuple(dict.fromkeys((*listing.SPLITS, *voc.SPLITS)))  # of all kinds
SCENE_COUNTS = {"train": 3600, "val": 100, "test": 200}
SCENE_SIZE = (96, 128)


def open_dataset(
    kind: str, root: str | Path | None = None, split: str = "train", size: tuple[int, int] | None = None, seed: int = 0,
    count: int | None = None, sbd: str | Path | None = None,
) -> Dataset:  # fmt: skip
    """The data set that the command line means by `kind`: "scenes", "camvid", "voc" or "folder".

    root         the folder of camvid, voc and folder; scenes have none
    split        "train", "val" or "test"; of voc also "trainval" and "seg11valid"
    size         (H, W); without it scenes are 96x128 and files keep theirs
    seed, count  of scenes only; without `count` there are 3600 / 100 / 200 in train / val / test
    sbd          of voc only: the folder of SBD, see voc.py

    Raises ArgumentError for an unknown kind, for a root that is missing or too many, and for `sbd` of another kind;
    FileError if what is below `root` is not such a data set.
    """
    if kind not in KINDS:
        raise ArgumentError(f"the data set {kind!r} is not known; choose one of {', '.join(KINDS)}.")
    if sbd is not None and kind != "voc":
        raise ArgumentError(f"SBD has labels for VOC's images, but the data set is {kind}; leave sbd out, or take voc.")
    if kind == "scenes":
        if root is not None:
            raise ArgumentError(
                f"scenes are generated and have no root, but {root} was given; leave it out or choose another kind."
            )
        return Scenes(
            SCENE_COUNTS.get(split, 1) if count is None else count, SCENE_SIZE if size is None else size, seed, split
        )
    if root is None:
        raise ArgumentError(f"the data set {kind} needs a root, the folder in which it lies; {LAYOUTS[kind]}.")
    return open_files(kind, root, split, size, sbd)


def open_files(
    kind: str, root: str | Path, split: str, size: tuple[int, int] | None = None, sbd: str | Path | None = None,
    strict: bool = True,
) -> CamVid | Folder | VOC:  # fmt: skip
    """A data set of files, as `open_dataset`; strict: see there."""
    if kind == "voc":
        return VOC(root, split, size, sbd=sbd, strict=strict)
    return (CamVid if kind == "camvid" else Folder)(root, split, size, strict=strict)


def splits_of(kind: str, sbd: str | Path | None = None) -> dict[str, str]:
    """What is learnt ("train"), what the best epoch is chosen on ("val"), and what is reported ("test"): the splits.

    VOC keeps the masks of its test images. So the best epoch is chosen on what is reported, and there is no "test".
    """
    if kind == "voc":
        return {"train": "train", "val": "val" if sbd is None else "seg11valid"}
    return {split: split for split in listing.SPLITS}


def reported_split(kind: str, sbd: str | Path | None = None) -> str:
    """The split that a result is of."""
    return list(splits_of(kind, sbd).values())[-1]


__all__ = [
    "KINDS",
    "SPLITS",
    "VOC",
    "VOID",
    "Batch",
    "CamVid",
    "ColorJitter",
    "Compose",
    "DataLoader",
    "Dataset",
    "Folder",
    "InMemory",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomScale",
    "Resize",
    "Sample",
    "Scenes",
    "check_sample",
    "collate",
    "normalize",
    "open_dataset",
    "open_files",
    "reported_split",
    "splits_of",
    "transforms",
]
