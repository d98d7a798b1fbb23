"""What the tests of training and of the commands train on: a few small pictures of few classes, and narrow networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from minifcn import data
from minifcn.data import VOID, DataLoader, Sample
from minifcn.data.classes import default_palette
from minifcn.machine.backend import to_numpy
from minifcn.training import Card, save_network

CLASSES = ("ground", "block", "sky")
PALETTE = np.array([[90, 60, 30], [250, 0, 0], [0, 120, 255]], np.uint8)
MEAN, STD = np.array([110.0, 100.0, 120.0], np.float32), np.array([60.0, 50.0, 70.0], np.float32)
TOML = "".join(f'[[class]]\nname = "{name}"\ncolor = {list(map(int, PALETTE[i]))}\n' for i, name in enumerate(CLASSES))
SPLITS = {"train": 5, "val": 2, "test": 2}


def picture(index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Ground below, sky above and a block between, with noise: image uint8 (H, W, 3), label uint8 (H, W)."""
    H, W = size
    rng = np.random.default_rng(index)
    label = np.zeros(size, np.uint8)
    label[: H // 3 + index % 3] = 2
    label[H // 3 : H // 3 + H // 2, W // 4 : W // 4 + W // 3 + index % 2] = 1
    image = PALETTE[label] + rng.integers(-20, 20, (H, W, 3))
    label[-1, : W // 2] = VOID
    return np.clip(image, 0, 255).astype(np.uint8), label


class Pictures:
    """`count` pictures as a data set, of `size`, or each a little larger than the one before."""

    name, classes, palette, mean, std = "pictures", CLASSES, PALETTE, MEAN, STD

    def __init__(self, count: int, size: tuple[int, int] = (32, 40), grow: int = 0, first: int = 0) -> None:
        self.count, self.size, self.grow, self.first = count, size, grow, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Sample:
        H, W = self.size
        return Sample(
            *picture(self.first + index, (H + self.grow * index, W + 2 * self.grow * index)), f"picture-{index}"
        )


def card(**changes: object) -> Card:
    """A card for the narrowest `small` network on Pictures; `changes` are to its fields."""
    fields = {
        "backbone": "small",
        "stride": 8,
        "alignment": "compact",
        "width": 1 / 8,
        "learn_upsampling": False,
        "upsampling": "single",
        "data": "folder",
        "classes": CLASSES,
        "palette": tuple(tuple(map(int, colour)) for colour in PALETTE),
        "mean": tuple(map(float, MEAN)),
        "std": tuple(map(float, STD)),
        "size": (32, 40),
    }
    return Card(**(fields | changes))  # type: ignore[arg-type]


def loader(dataset: object, batch_size: int = 2, seed: int = 3, **options: object) -> DataLoader:
    return data.DataLoader(dataset, batch_size, shuffle=True, seed=seed, **options)  # type: ignore[arg-type]


def weights(model: object) -> dict[str, np.ndarray]:
    """A copy of every parameter and buffer."""
    return {name: to_numpy(value._array).copy() for name, value in model.state_dict().items()}  # type: ignore[attr-defined]


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    """To the last bit."""
    return first.keys() == second.keys() and all(first[k].tobytes() == second[k].tobytes() for k in first)


def write_folder(root: Path, size: tuple[int, int] = (33, 40), grow: int = 3) -> Path:
    """A folder data set of 9 pictures of different sizes, with lists of the three splits."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "classes.toml").write_text(TOML, encoding="utf-8")
    index = 0
    for split, count in SPLITS.items():
        names = []
        for n in range(count):
            image, label = picture(index, (size[0] + grow * n, size[1] + 2 * grow * n))
            Image.fromarray(image).save(root / "images" / f"p{index}.png")
            Image.fromarray(label).save(root / "masks" / f"p{index}.png")
            names.append(f"p{index}")
            index += 1
        (root / f"{split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return root


def write_camvid(root: Path, count: int = 3, size: tuple[int, int] = (33, 44)) -> Path:
    """CamVid's layout with `count` pictures per split: all eleven classes in stripes, the twelfth value void."""
    H, W = size
    for split in SPLITS:
        (root / split).mkdir(parents=True)
        (root / f"{split}annot").mkdir()
        lines = []
        for n in range(count):
            label = np.broadcast_to((np.arange(W) * 12 // W).astype(np.uint8), size)
            noise = np.random.default_rng((n, len(split))).integers(0, 40, (H, W, 3))
            Image.fromarray((label[..., None] * 18 + noise).astype(np.uint8)).save(root / split / f"{split}{n}.png")
            Image.fromarray(np.roll(label, n, 1)).save(root / f"{split}annot" / f"{split}{n}.png")
            lines.append(f"/SegNet/CamVid/{split}/{split}{n}.png /SegNet/CamVid/{split}annot/{split}{n}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def write_voc(root: Path, names: dict[str, list[str]] | None = None) -> Path:
    """The folder of a year of VOC: sizes differ, all 21 classes in stripes, the border of the image void."""
    lists = {"train": ["2007_000001", "2008_000002"], "val": ["2007_000003"]} if names is None else names
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    lists = {**lists, "trainval": lists["train"] + lists["val"]}
    for split, listed in lists.items():
        text = "".join(f"{name}\n" for name in listed)
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(text, encoding="utf-8")
    for n, name in enumerate(dict.fromkeys(lists["trainval"])):
        H, W = (33, 48) if n % 2 else (40, 44)
        label = np.broadcast_to((np.arange(W) * 21 // W).astype(np.uint8), (H, W)).copy()
        label[:, [0, -1]] = 255
        noise = np.random.default_rng(n).integers(0, 40, (H, W, 3))
        Image.fromarray((label[..., None] % 21 * 10 + noise).astype(np.uint8)).save(root / "JPEGImages" / f"{name}.jpg")
        mask = Image.fromarray(label)
        mask.putpalette(default_palette(256).tobytes())
        mask.save(root / "SegmentationClass" / f"{name}.png")
    return root


def save_some(path: Path, **changes: object) -> None:
    """A network that says something: its score layers are not zero."""
    description = card(**changes)
    model = description.build(np.random.default_rng(4))
    rng = np.random.default_rng(5)
    for name, value in model.named_parameters():
        if name.endswith("score.weight") or "skip" in name:
            value.data[...] = rng.standard_normal(value.shape)
    save_network(path, model, description)
