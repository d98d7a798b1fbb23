"""What metrics ask of labels, and what they do with ratios of nothing."""

from __future__ import annotations

import math

import numpy as np

from minifcn.arguments import whole_number
from minifcn.arrays.accepted import same_device
from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID, first_of, outside, values_of
from minifcn.machine.backend import Array, is_array, to_numpy


def class_count(num_classes: object) -> int:
    """A number of classes, which leaves VOID free."""
    C = whole_number(num_classes)
    if C is None:
        raise ArgumentTypeError(f"num_classes is {num_classes!r}; pass an integer.")
    if not 1 <= C <= VOID:
        raise ArgumentError(f"num_classes is {num_classes}; pass 1 to {VOID} (the label {VOID} is void).")
    return C


def label_map(name: str, what: str, labels: Array) -> Array:
    """`labels`, a plain array of integers."""
    if not is_array(labels):
        raise ArgumentTypeError(f"{name}: {what} is a {type(labels).__name__}; pass a NumPy or CuPy array of labels.")
    if labels.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{name}: {what} has dtype {labels.dtype}; pass integer labels (argmax of the scores).")
    return array_of(labels, name=f"the {what} of a metric")


def label_maps(name: str, prediction: Array, target: Array) -> tuple[Array, Array]:
    """Both, of one shape and on one device."""
    prediction, target = label_map(name, "prediction", prediction), label_map(name, "target", target)
    same_device(name, prediction, target, "prediction and target")
    if prediction.shape != target.shape:
        raise ArgumentError(
            f"{name}: prediction has shape {prediction.shape} but target has {target.shape}; pass equal shapes."
        )
    return prediction, target


def labels_in_range(name: str, what: str, labels: Array, num_classes: int, besides: str = "") -> None:
    """ArgumentError that names the labels which are none."""
    wrong = outside(labels.astype(np.int64), num_classes, ignore=None)
    if wrong.any():
        values = values_of(to_numpy(labels[wrong]))
        raise ArgumentError(
            f"{name}: {what} holds {first_of(values)} but labels run from 0 to {num_classes - 1}{besides}; "
            f"map the labels or pass a larger num_classes."
        )


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def ratios(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`, nan where `whole` is 0."""
    made: np.ndarray = np.full(len(whole), math.nan)
    np.divide(part, whole, out=made, where=whole > 0)
    return made


def mean_of_known(values: np.ndarray) -> float:
    """The mean of what is not nan; nan, and no warning of NumPy's, if that is nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
