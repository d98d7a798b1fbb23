"""Convolutions and poolings as nodes: every padding in numbers of its own, before and after.

ONNX knows a ceil_mode, too, but what it means for windows that hang over the edge has changed from version to version.
So it is never used: the end is padded by stride − 1 more, which gives the same windows by rounding down, and those that
would start in the padding, which count neither in PyTorch nor here, are cut off again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import Pair
from minifcn.arrays.pooling import flat_indices
from minifcn.export.following import NotFollowed, Step
from minifcn.export.graph import Graph, Translation
from minifcn.functional.adaptive import AdaptiveAvgPool, AdaptiveMaxPool
from minifcn.functional.conv import AddBias, ToInput, ToOutput
from minifcn.functional.pooling import AvgPool, MaxPool, Unpool
from minifcn.functional.unfold import Fold, Unfold
from minifcn.geometry.adaptive import adaptive_windows
from minifcn.models.upsampling import TentStamps

NEVER = np.float32(-np.inf)  # what is padded with so that it wins no maximum


def conv(graph: Graph, step: Step) -> str:
    x, weight = (graph.name_of(value, step) for value in step.operands)
    return graph.node("Conv", x, weight, **_window(step, "strides", "dilations", "group", "pads"))


def conv_transpose(graph: Graph, step: Step) -> str:
    weight, y = (graph.name_of(value, step) for value in step.operands)
    extra = step.same(lambda operation: _extra(operation.geometry))
    window = _window(step, "strides", "dilations", "group")
    return _stamps(graph, y, weight, extra, step.same(lambda operation: operation.geometry.padding), window)


def _extra(g: Any) -> Pair:
    """The output_padding: how much larger the result is than the stamps need."""
    least = ((g.output_size[a] - 1) * g.stride[a] - 2 * g.padding[a] + g.reach[a] for a in (0, 1))
    rows, columns = (g.input_size[a] - size for a, size in enumerate(least))
    return rows, columns


def _stamps(graph: Graph, y: str, weight: str, extra: Pair, padding: Pair, window: dict[str, Any]) -> str:
    """ConvTranspose. Its padding cuts: at the end less, where more rows are asked for; those that no stamp reaches are
    zeros."""
    after = [e - p for e, p in zip(extra, padding, strict=True)]
    if max(after) <= 0:
        made: str = graph.node("ConvTranspose", y, weight, pads=[*padding, *(-width for width in after)], **window)
        return made
    whole = graph.node("ConvTranspose", y, weight, **window)
    return _padded(graph, whole, [-p for p in padding], after, np.float32(0))


def tent_stamps(graph: Graph, step: Step) -> str:
    """The frozen bilinear upsampling as the transposed convolution that it is, with a group for each channel."""
    x, operation = graph.name_of(step.operands[0], step), step.operations[0]
    stamps: dict[str, Any] = {"strides": list(operation.stride), "group": len(operation.weight)}
    made: str = graph.node("ConvTranspose", x, graph.state(operation.weight), **stamps)
    return made


def add_bias(graph: Graph, step: Step) -> str:
    """The third operand of the convolution before it, which nobody else has seen."""
    y, bias = (graph.name_of(value, step) for value in step.operands)
    maker = graph.makers.get(y)
    if (
        maker is not None
        and maker.kind in ("Conv", "ConvTranspose")
        and len(maker.inputs) == 2
        and bias in graph.arrays
    ):
        maker.inputs.append(bias)
        return y
    return graph.node("Add", y, graph.node("Unsqueeze", bias, graph.array([0, 2, 3], np.int64)))


def _window(step: Step, *asked: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "strides": step.same(lambda operation: operation.geometry.stride),
        "dilations": step.same(lambda operation: operation.geometry.dilation),
        "pads": step.same(lambda operation: operation.geometry.padding) * 2,
        "group": step.same(lambda operation: operation.geometry.groups),
        "kernel_shape": step.same(lambda operation: operation.geometry.kernel_size),
    }
    return {name: value if isinstance(value := known[name], int) else list(value) for name in asked}


# --- poolings ---------------------------------------------------------------------------------------------------------


def _padded(graph: Graph, x: str, before: Any, after: Any, value: np.float32) -> str:
    if not any((*before, *after)):
        return x
    widths = graph.array([0, 0, *before, 0, 0, *after], np.int64)
    padded: str = graph.node("Pad", x, widths, graph.array(value))
    return padded


def _ends(step: Step) -> tuple[Pair, list[int]]:
    """The padding before, and that after, which in ceil mode lets a last window begin that hangs over the edge."""
    geometry = step.operations[0].geometry
    up = step.same(lambda operation: operation.ceil_mode)
    before: Pair = step.same(lambda operation: operation.geometry.padding)
    return before, [p + (s - 1 if up else 0) for p, s in zip(before, geometry.stride, strict=True)]


def _inside(graph: Graph, step: Step, x: str, y: str) -> str:
    """Without the windows that begin behind the image: there are (H + p − 1) // s + 1 others."""
    g = step.operations[0].geometry
    if not step.operations[0].ceil_mode or all(g.padding[a] + g.stride[a] <= g.reach[a] for a in (0, 1)):
        return y  # then there are none
    size = graph.node("Shape", x, start=2, end=4)
    size = graph.node("Add", size, graph.array([p - 1 for p in g.padding], np.int64))
    size = graph.node("Div", size, graph.array(g.stride, np.int64))
    size = graph.node("Add", size, graph.array([1, 1], np.int64))
    cut: str = graph.node("Slice", y, graph.array([0, 0], np.int64), size, graph.array([2, 3], np.int64))
    return cut


def max_pool(graph: Graph, step: Step) -> str:
    x = graph.name_of(step.operands[0], step)
    before, after = _ends(step)
    window = _window(step, "kernel_shape", "strides", "dilations")
    # onnxruntime takes no padding as wide as the kernel.
    if all(pad < k for pad, k in zip(after, window["kernel_shape"], strict=True)):
        y = graph.node("MaxPool", x, pads=[*before, *after], **window)
        told = True
    else:
        y, told = graph.node("MaxPool", _padded(graph, x, before, after, NEVER), **window), False
    inside = _inside(graph, step, x, y)
    if told and inside == y:
        graph.pooled.append((graph.makers[y], step))
    return inside


def avg_pool(graph: Graph, step: Step) -> str:
    """Where windows hang over the edge, a sum divided by how many places each has: the average of ones."""
    x, operation = graph.name_of(step.operands[0], step), step.operations[0]
    counts_padding, divisor = step.same(lambda operation: operation.counting)
    before, after = _ends(step)
    window = _window(step, "kernel_shape", "strides")
    if divisor is None and after == list(before):
        y: str = graph.node("AveragePool", x, pads=[*before, *after], count_include_pad=int(counts_padding), **window)
        return y
    y = graph.node("AveragePool", _padded(graph, x, before, after, np.float32(0)), **window)
    if divisor is not None:
        y = graph.node("Mul", y, graph.array(np.float32(operation.geometry.taps / divisor)))
    else:
        ones = graph.node("Expand", graph.array(np.ones((1, 1, 1, 1), np.float32)), _plane(graph, x))
        ones = _padded(graph, ones, before, before, np.float32(counts_padding))
        over = [a - b for a, b in zip(after, before, strict=True)]
        y = graph.node("Div", y, graph.node("AveragePool", _padded(graph, ones, (0, 0), over, np.float32(0)), **window))
    return _inside(graph, step, x, y)


def _plane(graph: Graph, x: str) -> str:
    """(1, 1, H, W), the shape of one plane of x."""
    plane: str = graph.node("Concat", graph.array([1, 1], np.int64), graph.node("Shape", x, start=2, end=4), axis=0)
    return plane


def adaptive_avg_pool(graph: Graph, step: Step) -> str:
    x, size = graph.name_of(step.operands[0], step), step.same(lambda operation: operation.size)
    if size == (1, 1):
        mean: str = graph.node("GlobalAveragePool", x)
        return mean
    rows, columns = (_means(seen, made) for seen, made in zip(_fixed_image(graph, step), size, strict=True))
    return resized(graph, x, rows, columns)


def _means(size: int, made: int) -> np.ndarray:
    """(made, size): the matrix of the means along one axis."""
    matrix = np.zeros((made, size), np.float32)
    for i, (first, end) in enumerate(adaptive_windows(size, made)):
        matrix[i, first:end] = 1 / (end - first)
    return matrix


def adaptive_max_pool(graph: Graph, step: Step) -> str:
    """Along the columns, then along the rows: a maximum of maxima."""
    x = graph.name_of(step.operands[0], step)
    size = step.same(lambda operation: operation.indices.shape[2:])
    if size == (1, 1):
        largest: str = graph.node("GlobalMaxPool", x)
        return largest
    for axis, (seen, made) in enumerate(zip(_fixed_image(graph, step), size, strict=True), start=2):
        parts = []
        for window in adaptive_windows(seen, made):
            ends = (graph.array([end], np.int64) for end in (*window, axis))
            parts.append(graph.node("ReduceMax", graph.node("Slice", x, *ends), axes=[axis], keepdims=1))
        x = graph.node("Concat", *parts, axis=axis)
    return x


def _fixed_image(graph: Graph, step: Step) -> Pair:
    (x,) = step.operands
    _, _, H, W = graph.shapes(x)
    if len({*H}) > 1 or len({*W}) > 1:
        raise NotFollowed(f"the windows of {step.name} change with the size of the image")
    return H[0], W[0]


def resized(graph: Graph, x: str, rows: np.ndarray, columns: np.ndarray) -> str:
    """rows · x · columnsᵀ"""
    y: str = graph.node("MatMul", graph.node("MatMul", graph.array(rows), x), graph.array(columns.T))
    return y


def unpool(graph: Graph, step: Step) -> str:
    """Scattered to where a max pooling found its winners; a file can know no other places."""
    for pooled, pooling in graph.pooled:
        places = [flat_indices(each.taps, each.geometry) for each in pooling.operations if hasattr(each, "taps")]
        wanted = [each.indices for each in step.operations]
        if len(places) == len(wanted) and all(map(np.array_equal, places, wanted)):
            node = pooled
            break
    else:
        raise step.unknown(", as its places come from no max pooling that a file could ask for them")
    if len(node.outputs) == 1:
        node.outputs.append(f"{node.outputs[0]}_places")
    x, image = graph.name_of(step.operands[0], step), graph.names[pooling.operands[0]]
    # ONNX counts places through the whole array, this library through one plane.
    plane = graph.node("ReduceProd", graph.node("Shape", image, start=2, end=4), axes=[0], keepdims=1)
    flat = graph.node("Concat", graph.node("Shape", x, start=0, end=2), graph.array([-1], np.int64), axis=0)
    places_in_plane = graph.node("Reshape", graph.node("Mod", node.outputs[1], plane), flat)
    N, C, H, W = graph.shapes(step.result)
    target = graph.sizes((N, C, H, W), step)
    zeros = graph.node("Expand", graph.array(np.zeros(1, np.float32)), target)
    empty = graph.node("Reshape", zeros, flat)
    y = graph.node(
        "ScatterElements", empty, places_in_plane, graph.node("Reshape", x, flat), axis=2, reduction="add"
    )  # fmt: skip
    back: str = graph.node("Reshape", y, target)
    return back


# --- windows laid out as columns, and back ----------------------------------------------------------------------------


def _taps(graph: Graph, step: Step, channels: int) -> tuple[str, dict[str, Any]]:
    """A kernel for each tap: 1 there and 0 elsewhere, (C·KH·KW, 1, KH, KW)."""
    KH, KW = step.operations[0].geometry.kernel_size
    one_each = np.eye(KH * KW, dtype=np.float32).reshape(KH * KW, 1, KH, KW)
    window = _window(step, "strides", "dilations", "pads")
    return graph.array(np.tile(one_each, (channels, 1, 1, 1))), window | {"group": channels}


def unfold(graph: Graph, step: Step) -> str:
    (x,) = step.operands
    weight, window = _taps(graph, step, graph.shapes(x)[1][0])
    columns = graph.node("Conv", graph.name_of(x, step), weight, **window)
    N, rows, _ = graph.shapes(step.result)
    flat: str = graph.node("Reshape", columns, graph.sizes((N, rows, (-1,) * len(N)), step))
    return flat


def fold(graph: Graph, step: Step) -> str:
    (y,) = step.operands
    N, rows, _ = graph.shapes(y)
    taps = step.operations[0].geometry.taps
    weight, window = _taps(graph, step, rows[0] // taps)
    OH, OW = zip(*(operation.geometry.output_size for operation in step.operations), strict=True)
    maps = graph.node("Reshape", graph.name_of(y, step), graph.sizes((N, rows, OH, OW), step))
    extra = step.same(lambda operation: _extra(operation.geometry))
    padding = step.operations[0].geometry.padding
    del window["pads"]
    return _stamps(graph, maps, weight, extra, padding, window)


WINDOWS: dict[type, Translation] = {
    ToOutput: conv,
    ToInput: conv_transpose,
    TentStamps: tent_stamps,
    AddBias: add_bias,
    MaxPool: max_pool,
    AvgPool: avg_pool,
    AdaptiveAvgPool: adaptive_avg_pool,
    AdaptiveMaxPool: adaptive_max_pool,
    Unpool: unpool,
    Unfold: unfold,
    Fold: fold,
}
