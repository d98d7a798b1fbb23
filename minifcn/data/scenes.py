"""Generated scenes: labelled pictures without a download, each made alone from (seed, split, index)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minifcn.data.listing import SPLITS, checked_split
from minifcn.data.sample import Image, Label, Sample, described, index_in, integer_in, size_of
from minifcn.data.shapes import SHAPES, TEXTURES, Map
from minifcn.labels import VOID, seams

CLASSES = ("background", "disc", "box", "triangle", "ring", "cross", "pole", "fence")
PALETTE = np.array(
    [[40, 44, 52], [228, 87, 86], [76, 120, 168], [242, 183, 1],
     [84, 162, 75], [157, 108, 190], [255, 157, 167], [114, 183, 178]],
    dtype=np.uint8,
)  # fmt: skip
MEAN = np.array([142.5, 125.6, 110.0], dtype=np.float32)  # of 500 training scenes at 96x128
STD = np.array([51.7, 36.6, 38.0], dtype=np.float32)

# Three families of four paints: warm, green, blue. Each kind of object prefers one family, which two or three kinds
# share, and some of the objects and every background take any paint: a colour is a hint, and never the answer.
PAINTS = np.array(
    [[196, 78, 62], [222, 142, 64], [226, 190, 92], [196, 124, 112],
     [142, 168, 88], [72, 138, 104], [66, 142, 146], [168, 184, 148],
     [70, 98, 156], [116, 88, 148], [182, 104, 140], [148, 160, 196]],
    dtype=np.float32,
)  # fmt: skip
FAMILY = (0, 2, 1, 1, 0, 2, 0)  # of disc, box, triangle, ring, cross, pole, fence
HINT = 0.85  # how often an object keeps to its family

# How often each of disc, box, triangle, ring, cross, pole, fence is drawn: chosen for like shares of the pixels.
ODDS = np.array([0.16, 0.16, 0.16, 0.15, 0.15, 0.14, 0.08])
THIN = 5  # poles and fences, from this shape on, stand in front: hidden behind a disc, little of them would be left


class Scenes:
    """Generated scenes with seven kinds of objects on a background, as a data set.

    count   the number of samples
    size    (H, W) in pixels, from 16x16 up; objects scale with the shorter side
    seed    0 <= seed < 2**64
    split   "train", "val" or "test"; scenes of two splits are never the same

    Sample i is a function of (seed, split, i, size) alone: not of `count`, nor of what was asked for before.
    Colours and textures are shared between the classes, so only the shape tells for sure. Objects hide one another, and
    through the holes of rings and fences what lies behind is seen, with its own label. A line of void, one pixel
    wide, runs along each object on the side of what is behind it, as in PASCAL VOC; a patch of glare is void too.

    >>> scene = Scenes(4, size=(48, 64), seed=1)[2]
    >>> scene.image.shape, scene.label.shape, scene.name
    ((48, 64, 3), (48, 64), 'scene-train-1-2')
    """

    name = "scenes"
    classes = CLASSES

    def __init__(self, count: int, size: tuple[int, int] = (96, 128), seed: int = 0, split: str = "train") -> None:
        self.count = integer_in(count, "Scenes: count", 1, 2**32 - 1)
        self.size = size_of(size, "Scenes: size", 16, 4096)
        self.seed = integer_in(seed, "Scenes: seed", 0, 2**64 - 1)
        self.split = checked_split(split, "Scenes")
        self.palette: NDArray[np.uint8] = PALETTE.copy()
        self.mean: NDArray[np.float32] = MEAN.copy()
        self.std: NDArray[np.float32] = STD.copy()

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Sample:
        index = index_in(index, self.count, "Scenes")
        # The spawn key keeps split and index apart from the seed: in one list of integers, a seed of 2**32 and the
        # seed 0 with the next split would be the same words.
        words = np.random.SeedSequence(self.seed, spawn_key=(SPLITS.index(self.split), index))
        image, label = render(np.random.default_rng(words), self.size)
        return Sample(image, label, f"scene-{self.split}-{self.seed}-{index}")

    def fingerprint(self, index: int) -> str:
        """The same for all scenes of one seed and split, which are a source of scenes rather than so many images."""
        index_in(index, self.count, "Scenes")
        return f"scenes {self.seed} {self.split}"


def render(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image, Label]:
    """One scene: `image` uint8 (H, W, 3) and `label` uint8 (H, W). Objects are painted from the back to the front."""
    H, W = size
    unit = min(H, W) / 96.0
    canvas, ground = _ground(rng, H, W, unit)
    layer = np.zeros((H, W), dtype=np.int8)  # the number of the object seen at each pixel, from the back
    kinds = np.sort(rng.choice(len(SHAPES), size=int(rng.integers(5, 9)), p=ODDS))
    kinds = np.concatenate([rng.permutation(kinds[kinds < THIN]), rng.permutation(kinds[kinds >= THIN])])
    rows, columns = _places(rng, len(kinds), H, W)
    for depth, (kind, y, x) in enumerate(zip(kinds, rows, columns, strict=True), start=1):
        _paint(rng, canvas, layer, depth, int(kind), y, x, unit, ground)
    label = np.concatenate([[0], kinds + 1]).astype(np.uint8)[layer]
    label[seams(layer)] = VOID  # on what is behind, so that thin things in front keep their width
    light = _light(rng, H, W)
    canvas *= light[:, :, None]
    if rng.random() < 0.35:
        _glare(rng, canvas, label, unit)
    canvas += rng.standard_normal((H, W, 3), dtype=np.float32) * np.float32(rng.uniform(3.0, 8.0))
    return np.clip(canvas, 0, 255, out=canvas).astype(np.uint8), label


def _ground(rng: np.random.Generator, H: int, W: int, unit: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The background: a canvas float32 (H, W, 3) of two paints, and their mean (3,), from which objects keep apart."""
    v = np.arange(H, dtype=np.float32)[:, None] + np.zeros((1, W), dtype=np.float32)
    u = np.arange(W, dtype=np.float32)[None, :] + np.zeros((H, 1), dtype=np.float32)
    first, second = PAINTS[rng.choice(len(PAINTS), 2, replace=False)]
    second = first + 0.35 * (second - first)
    texture = TEXTURES[rng.integers(len(TEXTURES))](rng, u, v, unit * 2.0)
    blend = 0.5 + 0.3 * texture + 0.4 * (v / H - 0.5) * rng.choice([-1.0, 1.0])
    canvas = first + blend.astype(np.float32)[:, :, None] * (second - first)
    return canvas, (first + second) / 2


def _places(rng: np.random.Generator, count: int, H: int, W: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`count` centres, each near the middle of another cell of a 3x4 grid: spread out, yet free to overlap."""
    cells = rng.permutation(12)[:count]
    rows = (cells // 4 + 0.5 + rng.uniform(-0.33, 0.33, count)) / 3 * H
    columns = (cells % 4 + 0.5 + rng.uniform(-0.33, 0.33, count)) / 4 * W
    return rows, columns


def _paint(
    rng: np.random.Generator, canvas: Map, layer: NDArray[np.int8], depth: int, kind: int, y: float, x: float,
    unit: float, ground: NDArray[np.float32],
) -> None:  # fmt: skip
    """Paint one object over what is there, and its soft shadow before it; enter `depth` in `layer` where it is seen."""
    H, W = layer.shape
    shape = SHAPES[kind](rng, unit)
    cos, sin = np.float32(np.cos(shape.turn)), np.float32(np.sin(shape.turn))
    reach_y = abs(sin) * shape.half_u + abs(cos) * shape.half_v + 3 * unit + 1
    reach_x = abs(cos) * shape.half_u + abs(sin) * shape.half_v + 3 * unit + 1
    top, bottom = max(0, int(y - reach_y)), min(H, int(y + reach_y) + 2)
    left, right = max(0, int(x - reach_x)), min(W, int(x + reach_x) + 2)
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    distance = shape.distance(u, v)
    window = canvas[top:bottom, left:right]

    drop = max(1, round(1.6 * unit))
    shade = np.clip(0.5 - distance / np.float32(2 * unit), 0, 1)[:-drop, :-drop]
    window[drop:, drop:] *= 1 - np.float32(0.4) * shade[:, :, None]

    texture = TEXTURES[rng.integers(len(TEXTURES))](rng, u, v, unit)
    first = _paint_apart_from(rng, ground, kind)
    second = PAINTS[rng.integers(len(PAINTS))]
    second = first + np.float32(rng.uniform(0.2, 0.45)) * (second - first)
    blend = texture.astype(np.float32) * np.float32(0.5) + np.float32(0.5)
    colours = first + blend[:, :, None] * (second - first)
    cover = np.clip(0.5 - distance, 0, 1)[:, :, None]
    window += cover * (colours - window)
    layer[top:bottom, left:right][distance < 0] = depth


def _paint_apart_from(rng: np.random.Generator, ground: NDArray[np.float32], kind: int) -> NDArray[np.float32]:
    """A colour (3,) that can be told from the background's: the first of eight draws that is, or the last."""
    choice = PAINTS[4 * FAMILY[kind] : 4 * FAMILY[kind] + 4] if rng.random() < HINT else PAINTS
    for _ in range(8):
        paint = choice[rng.integers(len(choice))] + rng.uniform(-12.0, 12.0, 3).astype(np.float32)
        if np.abs(paint - ground).max() > 55.0:
            break
    return paint


def _light(rng: np.random.Generator, H: int, W: int) -> Map:
    """Brightness (H, W): brighter on one side than on the other, by up to a factor of two."""
    angle, strength = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.0, 0.33)
    ramp_y = np.linspace(-1, 1, H, dtype=np.float32)[:, None] * np.float32(np.sin(angle) * strength)
    ramp_x = np.linspace(-1, 1, W, dtype=np.float32)[None, :] * np.float32(np.cos(angle) * strength)
    return (np.float32(rng.uniform(0.8, 1.1)) * (1 + ramp_y + ramp_x)).astype(np.float32)


def _glare(rng: np.random.Generator, canvas: Map, label: Label, unit: float) -> None:
    """A bright spot in which nothing can be seen: void in the label."""
    H, W = label.shape
    y, x, r = rng.uniform(0, H), rng.uniform(0, W), unit * rng.uniform(5.0, 9.0)
    dy = np.arange(H, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(W, dtype=np.float32)[None, :] - np.float32(x)
    strength = np.clip(1.5 - np.sqrt(dy * dy + dx * dx) / np.float32(r), 0, 1)
    canvas += strength[:, :, None] * (np.float32(250.0) - canvas)
    label[strength > 0.5] = VOID
