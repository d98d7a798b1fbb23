"""Scenes: the same by seed, never the same by split, every class with its share, and shapes that are what they say."""

from __future__ import annotations

import time

import numpy as np
import pytest

from minifcn.data import VOID, Scenes, check_sample
from minifcn.data.scenes import CLASSES, SPLITS
from minifcn.data.shapes import SHAPES
from minifcn.errors import ArgumentError, ArgumentTypeError


@pytest.fixture(scope="module")
def many():
    data = Scenes(150, seed=3)
    return [data[i] for i in range(150)]


def same(a, b) -> bool:
    return np.array_equal(a.image, b.image) and np.array_equal(a.label, b.label)


def test_a_scene_is_a_good_sample_in_every_size():
    for size in [(16, 16), (16, 100), (97, 33), (96, 128), (200, 160)]:
        data = Scenes(3, size=size, seed=1)
        for i in range(3):
            scene = check_sample(data[i], len(data.classes))
            assert scene.size == size
            assert scene.image.flags.c_contiguous


def test_the_same_seed_gives_the_same_scene_whatever_was_asked_before():
    first = Scenes(50, seed=7)
    for i in range(8):
        first[i]
    alone = Scenes(1000, seed=7)[8]
    assert same(first[8], alone)
    assert same(first[8], first[8])
    assert first[8].name == alone.name == "scene-train-7-8"


def test_count_and_negative_indices():
    data = Scenes(5)
    assert len(data) == 5
    assert same(data[-1], data[4])
    assert len(list(data)) == 5  # iteration ends
    with pytest.raises(IndexError, match="Scenes: sample 5 does not exist; there are 5"):
        data[5]


def test_no_two_of_seed_split_and_index_give_the_same_scene():
    seen = set()
    # 2**32 is the seed whose words, in one list with split and index, would be those of seed 0 and the next split.
    for seed in (0, 1, 2**32, 2**32 + 1, 2**64 - 1):
        for split in SPLITS:
            data = Scenes(6, size=(24, 32), seed=seed, split=split)
            seen |= {data[i].image.tobytes() for i in range(6)}
    assert len(seen) == 5 * 3 * 6


def test_the_caller_may_write_into_what_he_gets():
    data = Scenes(2)
    before = data[0]
    data[0].image[...] = 0
    data.mean[...] = 0
    assert same(data[0], before)
    assert Scenes(2).mean.min() > 0


def test_every_class_has_a_share_that_counts(many):
    counts = np.bincount(np.concatenate([scene.label.ravel() for scene in many]), minlength=256)
    shares = counts[: len(CLASSES)] / counts[: len(CLASSES)].sum()
    assert counts[len(CLASSES) : VOID].sum() == 0
    assert shares.min() > 0.015, dict(zip(CLASSES, shares.round(4).tolist(), strict=True))
    assert 0.5 < shares[0] < 0.75
    assert 0.02 < counts[VOID] / counts.sum() < 0.10


def test_mean_and_deviation_are_those_of_the_pixels(many):
    pixels = np.stack([scene.image for scene in many]).reshape(-1, 3).astype(np.float64)
    data = Scenes(1)
    np.testing.assert_allclose(pixels.mean(0), data.mean, atol=9)
    np.testing.assert_allclose(pixels.std(0), data.std, atol=6)
    assert data.mean.dtype == data.std.dtype == np.float32
    assert data.palette.shape == (len(data.classes), 3)
    assert len(np.unique(data.palette, axis=0)) == len(data.classes)


def test_void_runs_one_pixel_wide_between_things(many):
    """Two neighbours of different classes never touch, and most of the void is as thin as a line."""
    for scene in many[:40]:
        label = scene.label
        for a, b in ((label[:, :-1], label[:, 1:]), (label[:-1], label[1:])):
            assert not ((a != b) & (a != VOID) & (b != VOID)).any()
    thick = total = 0
    for scene in many[:40]:
        void = scene.label == VOID
        blocks = void[:-2, :-2] & void[2:, 2:] & void[1:-1, 1:-1] & void[2:, :-2] & void[:-2, 2:]
        thick, total = thick + int(blocks.sum()), total + int(void.sum())
    assert thick < 0.15 * total


def test_what_lies_behind_is_seen_through_a_ring(many):
    """Somewhere a ring's own row goes ring, not ring, ring; and in some scene the hole shows another object."""
    holes = {other for scene in many for other in _between(scene.label, CLASSES.index("ring"))}
    assert 0 in holes
    assert holes - {0, VOID}


def _between(label, ring):
    for row in label[:: label.shape[0] // 16]:
        places = np.flatnonzero(row == ring)
        if len(places) > 1:
            yield from np.unique(row[places[0] : places[-1] + 1]).tolist()


def test_colour_alone_does_not_give_the_class(many):
    """A table of the best class for each of 4096 colours, learnt on other scenes, is far from a segmentation."""
    other = Scenes(150, seed=4)

    def keys(scene):
        high = (scene.image >> 4).astype(np.int64)
        return (high[..., 0] * 256 + high[..., 1] * 16 + high[..., 2])[scene.label != VOID]

    C = len(CLASSES)
    votes = np.zeros((4096, C), dtype=np.int64)
    confusion = np.zeros((C, C), dtype=np.int64)
    for scene in (other[i] for i in range(150)):
        np.add.at(votes, (keys(scene), scene.label[scene.label != VOID]), 1)
    # Weighted by class, or the table would say background for nearly all.
    table = (votes / votes.sum(0)).argmax(1)
    for scene in many:
        np.add.at(confusion, (scene.label[scene.label != VOID], table[keys(scene)]), 1)
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    assert (confusion.diagonal() / union).mean() < 0.15


def test_shapes_are_distances_with_the_inside_negative():
    """A shape lies within its half-sizes, and its distance grows by at most 1 per pixel."""
    y, x = np.mgrid[-70:71, -70:71].astype(np.float32)
    for number, make in enumerate(SHAPES):
        for seed in range(10):
            shape = make(np.random.default_rng([number, seed]), 1.0)
            d = shape.distance(x, y)
            assert d.dtype == np.float32, make.__name__
            inside = d < 0
            assert inside.any()
            beyond = (np.abs(x) > shape.half_u + 1e-3) | (np.abs(y) > shape.half_v + 1e-3)
            assert not inside[beyond].any(), make.__name__
            assert np.abs(np.diff(d, axis=0)).max() < 1.001
            assert np.abs(np.diff(d, axis=1)).max() < 1.001


def test_holes_are_holes_and_thin_is_thin():
    y, x = np.mgrid[-70:71, -70:71].astype(np.float32)
    area = {}
    for make in SHAPES:
        shapes = [make(np.random.default_rng(seed), 1.0) for seed in range(20)]
        full = [4 * shape.half_u * shape.half_v for shape in shapes]
        area[make.__name__] = np.mean([(s.distance(x, y) < 0).sum() / f for s, f in zip(shapes, full, strict=True)])
        if make.__name__ == "ring":
            assert all(shape.distance(x, y)[70, 70] > 5 for shape in shapes)
        if make.__name__ == "pole":
            assert all(2 * shape.half_u < 8 for shape in shapes)
    assert area["disc"] == pytest.approx(np.pi / 4, abs=0.02)
    assert area["box"] == pytest.approx(1.0, abs=0.1)
    assert 0.4 < area["fence"] < 0.7


def test_a_scene_is_made_quickly():
    data = Scenes(60)
    data[0]
    best = min(_seconds(data, range(k, k + 15)) for k in (0, 15, 30, 45)) / 15
    assert best < 0.015, f"{best * 1e3:.1f} ms"  # about 2 ms on an idle machine


def _seconds(data, indices) -> float:
    begun = time.perf_counter()
    for i in indices:
        data[i]
    return time.perf_counter() - begun


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"count": 0}, ArgumentError, "Scenes: count is 0; it must be between 1 and"),
        ({"count": 2.0}, ArgumentTypeError, "Scenes: count must be an integer, not 2.0"),
        ({"count": True}, ArgumentTypeError, "count must be an integer, not True"),
        ({"count": 1, "size": (15, 64)}, ArgumentError, "Scenes: size: the height is 15; it must be between 16"),
        ({"count": 1, "size": (64, 5000)}, ArgumentError, "the width is 5000"),
        ({"count": 1, "size": 64}, ArgumentTypeError, r"size must be a pair \(height, width\), not 64"),
        ({"count": 1, "size": (64, 64, 3)}, ArgumentTypeError, r"not \(64, 64, 3\)"),
        ({"count": 1, "seed": -1}, ArgumentError, "Scenes: seed is -1; it must be between 0 and 18446744073709551615"),
        ({"count": 1, "seed": 2**64}, ArgumentError, "seed is 18446744073709551616"),
        ({"count": 1, "seed": None}, ArgumentTypeError, "seed must be an integer, not None"),
        ({"count": 1, "split": "dev"}, ArgumentError, "Scenes: the split 'dev' is not known; choose one of"),
    ],
)
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Scenes(**arguments)
