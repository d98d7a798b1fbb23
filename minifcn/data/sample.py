"""One labelled image, and what a data set is.

image   uint8 (H, W, 3), RGB
label   uint8 (H, W), the index of the class of each pixel; 255 is void: neither learnt nor counted
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from minifcn.arguments import whole_number
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.labels import VOID, outside, values_of

LARGEST_SIDE = 16384  # pixels

Image = NDArray[np.uint8]
Label = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sample:
    """`image` uint8 (H, W, 3), `label` uint8 (H, W), and the `name` by which results and errors speak of it.

    Nothing is checked here, because transforms make many samples; `check_sample` does it once, where data come in.
    """

    image: Image
    label: Label
    name: str

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self.label.shape[0]), int(self.label.shape[1])


class Dataset(Protocol):
    """What the loader, the training loop and the plots ask of a data set. `len(classes)` is the number of classes.

    It may have more to say: `fingerprint(index)`, a text that tells images apart (else their pixels do), and `remarks`,
    what its files hold and is not used.
    """

    @property
    def name(self) -> str:
        """A short word for titles and file names."""

    @property
    def classes(self) -> tuple[str, ...]:
        """One name per class, in label order; void is not among them."""

    @property
    def palette(self) -> NDArray[np.uint8]:
        """(C, 3), RGB: the colour in which each class is drawn."""

    @property
    def mean(self) -> NDArray[np.float32]:
        """(3,), the mean of each channel, RGB in 0..255."""

    @property
    def std(self) -> NDArray[np.float32]:
        """(3,), the standard deviation of each channel, in the same unit."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def check_sample(sample: Sample, num_classes: int) -> Sample:
    """Return `sample` as it is, or FileError: image must be uint8 (H, W, 3), label uint8 (H, W) of 0..C-1 and 255."""
    if not isinstance(sample, Sample):
        raise ArgumentTypeError(
            f"a data set gives a minifcn.data.Sample(image, label, name) for an index, got {type(sample).__name__}; "
            f"make one of such pairs with InMemory.of(pairs, classes)."
        )
    image, label, name = sample.image, sample.label, sample.name
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise FileError(f"{name}: the image is {image.dtype} {image.shape}; it must be uint8 of shape (H, W, 3), RGB.")
    if label.dtype != np.uint8 or label.ndim != 2:
        raise FileError(f"{name}: the label is {label.dtype} {label.shape}; it must be uint8 of shape (H, W).")
    if image.shape[:2] != label.shape:
        raise FileError(
            f"{name}: the image is {image.shape[0]}x{image.shape[1]} but its label is "
            f"{label.shape[0]}x{label.shape[1]} (height x width); they must be of one size."
        )
    if label.size == 0:
        raise FileError(f"{name}: the image is empty ({image.shape[0]}x{image.shape[1]}).")
    wrong = outside(label, num_classes)
    if wrong.any():
        raise FileError(
            f"{name}: the label holds {values_text(values_of(label[wrong]))}, but the {num_classes} classes are "
            f"0..{num_classes - 1} and {VOID} is void; correct the label file or name more classes."
        )
    return sample


def values_text(values: list[int], most: int = 8) -> str:
    """`value 12`, `values 12, 13` or `values 12, 13, ... (20 in all)`."""
    shown = ", ".join(str(value) for value in values[:most])
    more = f", ... ({len(values)} in all)" if len(values) > most else ""
    return f"value{'s' if len(values) > 1 else ''} {shown}{more}"


def index_in(index: Any, count: int, name: str) -> int:
    """`index` as an int in 0..count-1, negative ones counted from the end; IndexError beyond, as `for` expects."""
    try:
        number = operator.index(index)
    except TypeError:
        raise ArgumentTypeError(f"{name}: a sample is asked for by an integer, not by {index!r}.") from None
    if not -count <= number < count:
        raise IndexError(f"{name}: sample {number} does not exist; there are {count} (0..{count - 1}).")
    return number % count


def integer_in(value: Any, what: str, least: int, most: int) -> int:
    """`value` as an int with least <= value <= most; ArgumentError / ArgumentTypeError that begin with `what`."""
    number = whole_number(value)
    if number is None:
        raise ArgumentTypeError(f"{what} must be an integer, not {value!r}.")
    if not least <= number <= most:
        raise ArgumentError(f"{what} is {number}; it must be between {least} and {most}.")
    return number


def size_of(value: Any, what: str, least: int = 1, most: int = LARGEST_SIDE) -> tuple[int, int]:
    """`value` as (height, width), each in least..most; ArgumentError / ArgumentTypeError that begin with `what`."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ArgumentTypeError(f"{what} must be a pair (height, width), not {value!r}.")
    height = integer_in(value[0], f"{what}: the height", least, most)
    return height, integer_in(value[1], f"{what}: the width", least, most)


def described(dataset: Any) -> str:
    """The repr of a data set: Scenes('scenes', 200 samples, 9 classes, split 'test', 96x128)."""
    count, classes = len(dataset), len(dataset.classes)
    split, size = getattr(dataset, "split", None), getattr(dataset, "size", None)
    words = [repr(dataset.name), f"{count} sample{'s' * (count != 1)}", f"{classes} class{'es' * (classes != 1)}"]
    words += ([] if split is None else [f"split {split!r}"]) + ([] if size is None else [f"{size[0]}x{size[1]}"])
    return f"{type(dataset).__name__}({', '.join(words)})"
