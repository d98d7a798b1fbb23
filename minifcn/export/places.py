"""Operations that move numbers, as nodes: shapes, slices, margins, and resizing.

Here the sizes of other maps come in: a number that follows from the size of the image is asked of `Graph.sizes`.
"""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from minifcn.export.following import NotFollowed, Step
from minifcn.export.graph import Graph, Translation, operands
from minifcn.export.sizes import Numbers, constant
from minifcn.export.windows import resized
from minifcn.functional import arithmetic, indexing, resampling, shaping

LAST = 2**31 - 1  # as the end of a slice: all that there is


def _numbers(step: Step, asked: Any) -> list[Numbers]:
    """The integers that each run gives, as one list of numbers in all runs."""
    return list(zip(*(asked(operation) for operation in step.operations), strict=True))


def reshape(graph: Graph, step: Step) -> str:
    """One size that follows from nothing else is what is left over."""
    target = list(graph.shapes(step.result))
    varying = [axis for axis, numbers in enumerate(target) if not constant(numbers)]
    unknown = varying if len(varying) == 1 else [axis for axis in varying if not graph.known(target[axis], step)]
    if len(unknown) == 1 and not any(0 in numbers for numbers in target):
        target[unknown[0]] = (-1,) * graph.count
    made: str = graph.node("Reshape", *operands(graph, step), graph.sizes(target, step))
    return made


def permute(graph: Graph, step: Step) -> str:
    made: str = graph.node("Transpose", *operands(graph, step), perm=list(step.same(lambda operation: operation.dims)))
    return made


def concatenate(graph: Graph, step: Step) -> str:
    made: str = graph.node("Concat", *operands(graph, step), axis=step.same(lambda operation: operation.dim))
    return made


def broadcast_to(graph: Graph, step: Step) -> str:
    made: str = graph.node("Expand", *operands(graph, step), graph.sizes(graph.shapes(step.result), step))
    return made


def pad(graph: Graph, step: Step) -> str:
    """All widths before, then all after; negative ones cut."""
    before = _numbers(step, lambda operation: [width[0] for width in operation.widths])
    after = _numbers(step, lambda operation: [width[1] for width in operation.widths])
    value = graph.array(np.float32(step.same(lambda operation: operation.value)))
    made: str = graph.node("Pad", *operands(graph, step), graph.sizes([*before, *after], step), value)
    return made


def getitem(graph: Graph, step: Step) -> str:
    """Slices first, then the dimensions that integers take away and those that None brings."""
    keys = [_without_ellipsis(operation.key, len(graph.shapes(step.operands[0]))) for operation in step.operations]
    if len({tuple(map(type, key)) for key in keys}) > 1:
        raise NotFollowed(f"{step.name} reads in another way at another size")
    x, axis = graph.name_of(step.operands[0], step), 0
    cuts: list[tuple[int, Numbers, Numbers, int, Numbers | None]] = []
    gone: list[int] = []
    new: list[int] = []
    for parts in zip(*keys, strict=True):
        part = parts[0]
        if part is None:
            new.append(axis - len(gone) + len(new))
            continue
        if isinstance(part, slice):
            if any(part != slice(None) for part in parts):
                ends = zip(*((each.start, each.stop, each.step) for each in parts), strict=True)
                cuts.append((axis, *_bounds(step, *ends), graph.shapes(step.operands[0])[axis]))
        elif isinstance(part, int | np.integer):
            numbers = tuple(int(each) for each in parts)
            cuts.append((axis, numbers, tuple(LAST if n == -1 else n + 1 for n in numbers), 1, None))
            gone.append(axis)
        elif not any(isinstance(each, list) or hasattr(each, "dtype") for each in keys[0] if each is not part):
            return _gather(graph, step, x, axis, parts, keys[0])
        else:
            raise step.unknown(" for more than one array of indices")
        axis += 1
    if cuts:
        axes, starts, stops, steps, most = zip(*cuts, strict=True)
        names = [
            graph.sizes(starts, step),
            graph.sizes(stops, step, most),
            *(graph.array(n, np.int64) for n in (axes, steps)),
        ]
        x = graph.node("Slice", x, *names)
    if gone:
        x = graph.node("Squeeze", x, graph.array(gone, np.int64))
    return graph.node("Unsqueeze", x, graph.array(new, np.int64)) if new else x


def _without_ellipsis(key: Any, ndim: int) -> list[Any]:
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum(1 for part in parts if part is not None and not isinstance(part, EllipsisType))
    used += sum(part.ndim - 1 for part in parts if getattr(getattr(part, "dtype", None), "kind", "") == "b")
    place = next((i for i, part in enumerate(parts) if isinstance(part, EllipsisType)), len(parts))
    return [*parts[:place], *[slice(None)] * (ndim - used), *parts[place + 1 :]]


def _bounds(step: Step, starts: Any, stops: Any, steps: Any) -> tuple[Numbers, Numbers, int]:
    """Where a slice begins and ends, with a number where it has none."""
    if len({*steps}) > 1:
        raise NotFollowed(f"{step.name} reads with another stride at another size")
    stride = 1 if steps[0] is None else int(steps[0])
    first, last = (0, LAST) if stride > 0 else (LAST, -LAST - 1)
    begin = tuple(first if start is None else int(start) for start in starts)
    return begin, tuple(last if stop is None else int(stop) for stop in stops), stride


def _gather(graph: Graph, step: Step, x: str, axis: int, parts: Any, key: list[Any]) -> str:
    """Rows by their numbers, of one dimension."""
    if any(part is not parts[0] and part != slice(None) for part in key):
        raise step.unknown(" for an array of indices beside other indices")
    arrays = [np.asarray(part) for part in parts]
    if arrays[0].dtype.kind == "b":
        raise step.unknown(" for a mask")
    if not all(map(np.array_equal, arrays, arrays[1:])):
        raise step.unknown(" for indices that are computed from the image")
    made: str = graph.node("Gather", x, graph.array(arrays[0], np.int64), axis=axis)
    return made


# --- resizing ---------------------------------------------------------------------------------------------------------


def resize(graph: Graph, step: Step) -> str:
    """At a fixed size the two products that it is; exact for every mode."""
    x, operation = graph.name_of(step.operands[0], step), step.operations[0]
    if graph.varies(step.operands[0]) and any(len({*sizes}) > 1 for sizes in graph.shapes(step.result)[2:]):
        if isinstance(operation, resampling.Interpolate):
            return _resize_node(graph, step, x)
        raise NotFollowed(f"{step.name} has a matrix for each size")
    if any(each.rows.shape != operation.rows.shape for each in step.operations):
        raise NotFollowed(f"{step.name} has a matrix for each size")
    return resized(graph, x, operation.rows.toarray(), operation.columns.toarray())


RESIZES: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "nearest-exact": {
        "mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil",
    },
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    "bicubic": {"mode": "cubic", "coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": -0.75},
}  # fmt: skip


def _resize_node(graph: Graph, step: Step, x: str) -> str:
    mode, corners = step.same(lambda operation: (operation.mode, operation.align_corners))
    factors = step.same(lambda operation: operation.factors)
    settings = RESIZES[mode] | ({"coordinate_transformation_mode": "align_corners"} if corners else {})
    if factors != (None, None):
        scales = graph.array([1, 1, *map(float, factors)], np.float32)
        scaled: str = graph.node("Resize", x, "", scales, **settings)
        return scaled
    made: str = graph.node("Resize", x, "", "", graph.sizes(graph.shapes(step.result), step), **settings)
    return made


PLACES: dict[type, Translation] = {
    arithmetic.BroadcastTo: broadcast_to,
    shaping.Reshape: reshape,
    shaping.Permute: permute,
    shaping.Concatenate: concatenate,
    shaping.Pad: pad,
    indexing.GetItem: getitem,
    resampling.Resize: resize,
    resampling.Interpolate: resize,
}
