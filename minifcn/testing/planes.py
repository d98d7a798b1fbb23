"""Functions of planes: a convolution of one (H, W) with one (KH, KW), as it is written before there are channels.

Such a function says everything about an operation whose result is made plane by plane, such as a pooling, or is a sum
of what it makes of pairs of planes, as a convolution is:

    conv2d(x, weight)[n, o] = Σ_c conv2d(x[n, c], weight[o, c])

So it is tried on the same cases as one of images and channels, and every single call of it can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing.law import NotApplicable

Given = dict[str, Any]


@dataclass(frozen=True)
class Planar:
    """How an operation is made of planes.

    axes: the letters of the first two axes of each array, such as {"x": "nc", "weight": "oc"}; result: those of the
    result, over the others it is summed; sizes: arguments that are a size (N, C, H, W), of which a plane has (H, W).
    """

    axes: dict[str, str]
    result: str = "nc"
    sizes: tuple[str, ...] = ()


_EACH = Planar({"x": "nc"})
_GRADIENT = Planar({"grad_output": "nc", "x": "nc"})

PLANAR: dict[str, Planar] = {
    "conv2d": Planar({"x": "nc", "weight": "oc"}, "no"),
    "conv2d_same": Planar({"x": "nc", "weight": "oc"}, "no"),
    "conv_transpose2d": Planar({"x": "nc", "weight": "co"}, "no"),
    "conv2d_input": Planar({"weight": "oc", "grad_output": "no"}, "nc", ("input_size",)),
    "conv2d_weight": Planar({"x": "nc", "grad_output": "no"}, "oc", ("weight_size",)),
    "convolution_matrix": Planar({"weight": "oc"}, "oc"),
    "max_unpool2d": Planar({"x": "nc", "indices": "nc"}),
    **dict.fromkeys(
        ["unfold", "fold", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "interpolate",
         "interpolate_bicubic", "pad", "insert_zeros"], _EACH),
    **dict.fromkeys(
        ["max_pool2d_backward", "avg_pool2d_backward", "adaptive_avg_pool2d_backward", "interpolate_backward",
         "interpolate_bicubic_backward"], _GRADIENT),
}  # fmt: skip


def planes_in(operation: str, given: Given) -> Iterator[tuple[dict[str, int], Given]]:
    """The calls of planes that one call is made of, each with the number of its image, channel, ...

    NotApplicable where there is no plane, or where the arrays do not fit together.
    """
    rule = PLANAR[operation]
    given = dict(given)
    if operation == "fold" and np.ndim(given["x"]) == 3:  # (N, C·KH·KW, L) -> (N, C, KH·KW, L)
        x, taps = given["x"], prod(pair(given["kernel_size"], "kernel_size", 1))
        if x.shape[1] % taps:
            raise NotApplicable("no columns of whole planes")
        given["x"] = x.reshape(len(x), x.shape[1] // taps, taps, x.shape[2])
    if given.pop("groups", 1) != 1:
        raise NotApplicable("groups are of channels")
    long: dict[str, int] = {}
    for name, letters in rule.axes.items():
        array: Any = given.get(name)
        if np.ndim(array) != 4 or any(long.setdefault(a, n) != n for a, n in zip(letters, array.shape, strict=False)):
            raise NotApplicable("no arrays of planes that fit together")
    if 0 in long.values():
        raise NotApplicable("no plane")
    for name in rule.sizes:
        given[name] = tuple(given[name])[-2:]
    bias = given.pop("bias", None)
    for numbers in product(*map(range, long.values())):
        at = dict(zip(long, numbers, strict=True))
        of = {name: given[name][tuple(at[a] for a in letters)] for name, letters in rule.axes.items()}
        added = {"bias": bias[at["o"]].item()} if bias is not None and not at["c"] else {}
        yield at, {name: of.get(name, value) for name, value in given.items()} | added


def plane_by_plane(operation: str, function: Callable[[Given], Any], given: Given) -> Any:
    """What an operation of images and channels gives, made of calls of a function of planes."""
    rule = PLANAR[operation]
    parts: dict[tuple[int, ...], Any] = {}
    for at, of in planes_in(operation, given):
        number, made = tuple(at[a] for a in rule.result), function(of)
        parts[number] = parts[number] + made if number in parts else made
    if isinstance(next(iter(parts.values())), tuple):
        return tuple(_laid_out(operation, {at: made[i] for at, made in parts.items()}) for i in (0, 1))
    return _laid_out(operation, parts)


def _laid_out(operation: str, parts: dict[tuple[int, ...], Any]) -> np.ndarray:
    """The planes in an array of planes, or in the form that this operation's result has."""
    rows, columns = (1 + max(at[axis] for at in parts) for axis in (0, 1))
    made = np.stack([np.stack([parts[i, j] for j in range(columns)]) for i in range(rows)])
    if operation == "unfold":  # (N, C, KH·KW, L) -> (N, C·KH·KW, L)
        return made.reshape(rows, -1, made.shape[3])
    if operation == "convolution_matrix":  # (O, C, OH·OW, H·W) -> (O·OH·OW, C·H·W)
        return made.transpose(0, 2, 1, 3).reshape(rows * made.shape[2], -1)
    return made


def of_planes(operation: str, function: Callable[..., Any], given: Given) -> Any:
    """What a function of images and channels gives for planes: for one image of one channel."""
    return _lowered(operation, function(**lifted(operation, given)))


def lifted(operation: str, given: Given) -> Given:
    """The arguments of a call of planes, as one of one image and one channel."""
    rule, made = PLANAR[operation], dict(given)
    for name in rule.axes:
        made[name] = made[name][None] if (operation, name) == ("fold", "x") else made[name][None, None]
    for name in rule.sizes:
        made[name] = (1, 1, *made[name])
    if made.get("bias") is not None:
        made["bias"] = np.array([made["bias"]], made[next(iter(rule.axes))].dtype)
    return made


def _lowered(operation: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(part[0, 0] for part in value)
    if operation == "convolution_matrix":
        return value
    return value[0] if operation == "unfold" else value[0, 0]
