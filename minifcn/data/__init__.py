"""Data: generated scenes, CamVid, a folder of one's own; joint transforms; seeded batches."""

from __future__ import annotations

from pathlib import Path

from minifcn.data import camvid, folder, transforms
from minifcn.data.camvid import CamVid
from minifcn.data.folder import Folder
from minifcn.data.in_memory import InMemory
from minifcn.data.loader import Batch, DataLoader, collate, normalize
from minifcn.data.sample import Dataset, Sample, check_sample
from minifcn.data.scenes import Scenes
from minifcn.data.transforms import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip, RandomScale, Resize
from minifcn.errors import ArgumentError
from minifcn.labels import VOID

KINDS = ("scenes", "camvid", "folder")
SCENE_COUNTS = {"train": 3600, "val": 100, "test": 200}
SCENE_SIZE = (96, 128)


def open_dataset(
    kind: str, root: str | Path | None = None, split: str = "train", size: tuple[int, int] | None = None, seed: int = 0,
    count: int | None = None,
) -> Dataset:  # fmt: skip
    """The data set that the command line means by `kind`: "scenes", "camvid" or "folder".

    root         the folder of camvid and folder; scenes have none
    split        "train", "val" or "test"
    size         (H, W); without it scenes are 96x128 and files keep theirs
    seed, count  of scenes only; without `count` there are 3600 / 100 / 200 in train / val / test

    Raises ArgumentError for an unknown kind, and for a root that is missing or too many; FileError if what is below
    `root` is not such a data set.
    """
    if kind not in KINDS:
        raise ArgumentError(f"the data set {kind!r} is not known; choose one of {', '.join(KINDS)}.")
    if kind == "scenes":
        if root is not None:
            raise ArgumentError(
                f"scenes are generated and have no root, but {root} was given; leave it out or choose another kind."
            )
        return Scenes(
            SCENE_COUNTS.get(split, 1) if count is None else count, SCENE_SIZE if size is None else size, seed, split
        )
    if root is None:
        layout = camvid.LAYOUT if kind == "camvid" else folder.LAYOUT
        raise ArgumentError(f"the data set {kind} needs a root, the folder in which it lies; {layout}.")
    return CamVid(root, split, size) if kind == "camvid" else Folder(root, split, size)


__all__ = [
    "KINDS",
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
    "transforms",
]
