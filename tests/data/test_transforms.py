"""Image and label go through a transform together, and a label is never mixed from two."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.data import VOID, ColorJitter, Compose, RandomCrop, RandomHorizontalFlip, RandomScale, Resize, Sample
from minifcn.data.images import LUMA
from minifcn.errors import ArgumentError, ArgumentTypeError


def sample(H: int = 9, W: int = 14) -> Sample:
    """Every pixel of the image tells where it came from and what its label is."""
    y, x = np.mgrid[:H, :W].astype(np.uint8)
    label = (3 * y + 5 * x) % 4 * 7  # 0, 7, 14, 21: a mean of two would be seen
    return Sample(np.dstack([y, x, label]), label.astype(np.uint8), "a")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


ALL = [
    RandomHorizontalFlip(),
    RandomCrop((6, 5)),
    RandomCrop((20, 11), fill=(1, 2, 3)),
    Resize((5, 30)),
    RandomScale(0.3, 2.5),
    ColorJitter(0.4, 0.3, 0.5),
    Compose([RandomScale(0.5, 2.0), RandomCrop((8, 8)), RandomHorizontalFlip(), ColorJitter(0.2)]),
]


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_a_transform_keeps_the_contract(transform):
    given = sample()
    before = given.image.copy(), given.label.copy()
    outcomes = set()
    for seed in range(12):
        result = transform(given, rng(seed))
        again = transform(given, rng(seed))
        assert np.array_equal(result.image, again.image)
        assert np.array_equal(result.label, again.label)
        assert result.image.dtype == result.label.dtype == np.uint8
        assert result.image.shape == (*result.label.shape, 3)
        assert set(np.unique(result.label).tolist()) <= {0, 7, 14, 21, VOID}
        assert result.name == "a"
        outcomes.add(result.image.tobytes())
    assert len(outcomes) > 1 or isinstance(transform, Resize)
    assert np.array_equal(given.image, before[0])  # what was given is not written into
    assert np.array_equal(given.label, before[1])


def test_a_flip_turns_both_with_its_probability():
    given = sample()
    flipped = RandomHorizontalFlip(1.0)(given, rng())
    assert np.array_equal(flipped.image, given.image[:, ::-1])
    assert np.array_equal(flipped.label, given.label[:, ::-1])
    assert RandomHorizontalFlip(0.0)(given, rng()) is given
    turned = sum(RandomHorizontalFlip(0.25)(given, rng(s)) is not given for s in range(800))
    assert 150 < turned < 250


def test_a_crop_cuts_both_at_one_place_and_reaches_every_place():
    given, places = sample(), set()
    for seed in range(400):
        cut = RandomCrop((7, 10))(given, rng(seed))
        top, left = (int(v) for v in cut.image[0, 0, :2])
        places.add((top, left))
        assert np.array_equal(cut.image, given.image[top : top + 7, left : left + 10])
        assert np.array_equal(cut.label, given.label[top : top + 7, left : left + 10])
    assert places == {(t, x) for t in range(3) for x in range(5)}
    assert np.array_equal(RandomCrop((9, 14))(given, rng()).image, given.image)


def test_a_crop_of_what_is_too_small_pads_with_fill_and_void():
    given, places = sample(), set()
    for seed in range(200):  # one side too short, the other too long
        cut = RandomCrop((12, 10), fill=(100.4, 110.0, 119.6))(given, rng(seed))
        known = cut.label != VOID
        assert cut.image.shape == (12, 10, 3)
        assert (cut.image[~known] == [100, 110, 120]).all()
        rows = np.flatnonzero(known.any(1))
        assert known[rows].all() and len(rows) == 9
        top, left = int(rows[0]), int(cut.image[rows[0], 0, 1])
        places.add((top, left))
        assert np.array_equal(cut.image[top : top + 9], given.image[:, left : left + 10])
        assert np.array_equal(cut.label[top : top + 9], given.label[:, left : left + 10])
    assert places == {(t, x) for t in range(4) for x in range(5)}
    padded = RandomCrop((10, 15))(given, rng())
    own = np.rint(given.image.mean((0, 1)))
    assert (padded.image[padded.label == VOID] == own).all()


def test_a_scale_keeps_the_shape_of_things():
    given, factors = sample(40, 60), []
    for seed in range(200):
        scaled = RandomScale(0.5, 2.0)(given, rng(seed))
        h, w = scaled.size
        factors.append(h / 40)
        assert abs(h / 40 - w / 60) < 0.03
        rows = (2 * np.arange(h) + 1) * 40 // (2 * h)
        columns = (2 * np.arange(w) + 1) * 60 // (2 * w)
        assert np.array_equal(scaled.label, given.label[rows[:, None], columns])
    assert 0.5 <= min(factors) < 0.56 and 1.8 < max(factors) <= 2.0
    assert abs(np.log(factors).mean()) < 0.07  # as often smaller as larger; uniform factors would give 0.14
    assert RandomScale(0.01, 0.01)(sample(3, 5), rng()).size == (1, 1)


def test_jitter_is_the_formula_and_leaves_the_label():
    given = Sample(rng(5).integers(0, 256, (9, 14, 3), dtype=np.uint8), sample().label, "a")
    result = ColorJitter(0.4, 0.3, 0.5)(given, rng(3))
    b, c, s = 1 + np.array([0.4, 0.3, 0.5]) * rng(3).uniform(-1, 1, 3)
    x = given.image * b
    x = c * x + (1 - c) * (x @ LUMA.astype(np.float64)).mean()
    x = s * x + (1 - s) * (x @ LUMA.astype(np.float64))[..., None]
    assert np.abs(np.clip(np.rint(x), 0, 255) - result.image).max() <= 1
    assert result.label is given.label
    assert np.array_equal(ColorJitter()(given, rng()).image, given.image)
    assert ColorJitter(brightness=1.0)(given, rng(1)).image.max() <= 255
    assert LUMA.sum() == pytest.approx(1.0)


def test_compose_goes_in_order():
    given = sample()
    both = Compose([Resize((4, 4)), RandomCrop((6, 6), fill=(9, 9, 9))])(given, rng())
    assert both.size == (6, 6)
    assert (both.label == VOID).sum() == 20
    assert Compose([])(given, rng()) is given


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (
            lambda: RandomHorizontalFlip(1.5),
            ArgumentError,
            "RandomHorizontalFlip: p is 1.5; it must be between 0 and 1",
        ),
        (lambda: RandomHorizontalFlip("half"), ArgumentTypeError, "p must be a number, not 'half'"),
        (lambda: RandomHorizontalFlip(float("nan")), ArgumentError, "p is nan"),
        (lambda: RandomCrop((0, 4)), ArgumentError, "RandomCrop: size: the height is 0"),
        (lambda: RandomCrop(4), ArgumentTypeError, r"RandomCrop: size must be a pair \(height, width\), not 4"),
        (
            lambda: RandomCrop((4, 4), fill=(1, 2)),
            ArgumentError,
            "RandomCrop: fill must be three numbers between 0 and 255",
        ),
        (lambda: RandomCrop((4, 4), fill=(1, 2, 256)), ArgumentError, r"fill must be .* not \(1, 2, 256\)"),
        (lambda: RandomCrop((4, 4), fill="grey"), ArgumentTypeError, "fill must be three numbers .* not 'grey'"),
        (lambda: Resize((4, 4.5)), ArgumentTypeError, "Resize: size: the width must be an integer, not 4.5"),
        (
            lambda: RandomScale(2.0, 0.5),
            ArgumentError,
            "RandomScale: low is 2.0 and high is 0.5; low must not be the larger",
        ),
        (lambda: RandomScale(0.0, 1.0), ArgumentError, "RandomScale: low is 0; it must be between 0.01 and 100"),
        (
            lambda: ColorJitter(contrast=-0.1),
            ArgumentError,
            "ColorJitter: contrast is -0.1; it must be between 0 and 1",
        ),
        (lambda: ColorJitter(True), ArgumentTypeError, "ColorJitter: brightness must be a number, not True"),
        (lambda: Compose([5]), ArgumentTypeError, "Compose: 5 is not a transform"),
    ],
)
def test_bad_arguments(make, error, said):
    with pytest.raises(error, match=said):
        make()
