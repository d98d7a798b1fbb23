"""Random changes of a sample that leave its meaning: image and label go through them together.

A transform is a callable (Sample, Generator) -> Sample. All chance comes from the generator, so one seed gives one
result. Labels are moved, cut, padded with void, or resized to the nearest pixel; no label value is ever computed from
two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minifcn.arguments import real_number
from minifcn.data.images import luminance, resize_sample
from minifcn.data.sample import Sample, size_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID

Transform = Callable[[Sample, np.random.Generator], Sample]


class Compose:
    """One transform after another: Compose([RandomScale(0.5, 2), RandomCrop((96, 128)), RandomHorizontalFlip()])."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        for transform in transforms:
            if not callable(transform):
                raise ArgumentTypeError(f"Compose: {transform!r} is not a transform: it cannot be called.")
        self.transforms = tuple(transforms)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample


class RandomHorizontalFlip:
    """Left and right change places with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = _number(p, "RandomHorizontalFlip: p", 0.0, 1.0)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.p:
            return sample
        return Sample(
            np.ascontiguousarray(sample.image[:, ::-1]), np.ascontiguousarray(sample.label[:, ::-1]), sample.name
        )


class RandomCrop:
    """A window of `size` (height, width) at a random place, every place that fits being equally likely.

    A side that is too short is first padded, by a random part of what is missing before and the rest after: the image
    with the colour `fill` (give the data set's mean; without it, the image's own mean), the label with void.
    """

    def __init__(self, size: tuple[int, int], fill: Sequence[float] | NDArray[np.floating] | None = None) -> None:
        self.size = size_of(size, "RandomCrop: size")
        self.fill = None if fill is None else _colour(fill, "RandomCrop: fill")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        (H, W), (h, w) = sample.size, self.size
        # One draw serves both cases: where the window starts in the image, or (negative) how much is padded before it.
        top, left = (int(rng.integers(min(0, slack), max(0, slack) + 1)) for slack in (H - h, W - w))
        if min(H - h, W - w) >= 0:
            window = slice(top, top + h), slice(left, left + w)
            return Sample(sample.image[window], sample.label[window], sample.name)
        fill = np.rint(sample.image.mean((0, 1))) if self.fill is None else self.fill
        image = np.empty((h, w, 3), dtype=np.uint8)
        image[...] = fill.astype(np.uint8)
        label = np.full((h, w), VOID, dtype=np.uint8)
        source = slice(max(0, top), max(0, top) + min(H, h)), slice(max(0, left), max(0, left) + min(W, w))
        target = slice(max(0, -top), max(0, -top) + min(H, h)), slice(max(0, -left), max(0, -left) + min(W, w))
        image[target], label[target] = sample.image[source], sample.label[source]
        return Sample(image, label, sample.name)


class Resize:
    """To `size` (height, width): the image bilinear and without aliasing, the label by the nearest pixel."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size_of(size, "Resize: size")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return resize_sample(sample, self.size)


class RandomScale:
    """Both sides times one factor, drawn between `low` and `high`, as often below as above their geometric mean."""

    def __init__(self, low: float, high: float) -> None:
        self.low = _number(low, "RandomScale: low", 0.01, 100.0)
        self.high = _number(high, "RandomScale: high", 0.01, 100.0)
        if self.low > self.high:
            raise ArgumentError(f"RandomScale: low is {low} and high is {high}; low must not be the larger.")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        factor = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        H, W = sample.size
        return resize_sample(sample, (max(1, round(H * factor)), max(1, round(W * factor))))


class ColorJitter:
    """Another light: x -> b x, then c x + (1 - c) m, then s x + (1 - s) g, rounded and kept in 0..255.

    b, c and s are drawn from 1 - a .. 1 + a, where a is `brightness`, `contrast` and `saturation`, each in 0..1; m is
    the mean grey of the image, g the grey of the pixel. The label stays.
    """

    def __init__(self, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0) -> None:
        self.brightness = _number(brightness, "ColorJitter: brightness", 0.0, 1.0)
        self.contrast = _number(contrast, "ColorJitter: contrast", 0.0, 1.0)
        self.saturation = _number(saturation, "ColorJitter: saturation", 0.0, 1.0)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        amounts = np.array([self.brightness, self.contrast, self.saturation])
        b, c, s = (1.0 + amounts * rng.uniform(-1.0, 1.0, 3)).astype(np.float32)
        image = sample.image * b
        grey = luminance(image)
        middle = grey.mean(dtype=np.float64).astype(np.float32)
        # Contrast keeps the grey of a pixel on the line to the middle, so both steps are one sum.
        image *= c * s
        image += (c * (1 - s) * grey + (1 - c) * middle)[:, :, None]
        np.rint(image, out=image)
        return Sample(np.clip(image, 0, 255, out=image).astype(np.uint8), sample.label, sample.name)


def _number(value: Any, what: str, least: float, most: float) -> float:
    number = real_number(value)
    if number is None:
        raise ArgumentTypeError(f"{what} must be a number, not {value!r}.")
    if not least <= number <= most:  # false for NaN too
        raise ArgumentError(f"{what} is {number:g}; it must be between {least:g} and {most:g}.")
    return number


def _colour(value: Any, what: str) -> NDArray[np.float64]:
    try:
        colour = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"{what} must be three numbers (red, green, blue), not {value!r}.") from None
    if colour.shape != (3,) or not ((colour >= 0) & (colour <= 255)).all():
        raise ArgumentError(f"{what} must be three numbers between 0 and 255 (red, green, blue), not {value!r}.")
    return np.rint(colour)
