"""What each operation is called in ONNX: one small function, or one word, for every class of operation.

`TABLE` has them all; an operation that is not in it cannot be exported. Convolutions and poolings are in `windows.py`,
what moves numbers is in `places.py`. What a network computes from its weights alone, such as the scale of a batch
normalisation, is computed in the file, too, so its constants are those of the state_dict; a runtime does that once,
when it loads the file.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minifcn.arrays import elementwise
from minifcn.autograd.gradients import Copy
from minifcn.export.following import Step
from minifcn.export.graph import Graph, Translation, operands
from minifcn.export.places import PLACES
from minifcn.export.sizes import constant
from minifcn.export.windows import WINDOWS
from minifcn.functional import (
    activation,
    arithmetic,
    choosing,
    normalization,
    reductions,
    transfer,
)
from minifcn.functional.matmul import MatMul

# Operations that are one node without settings.
PLAIN: dict[type, str] = {
    arithmetic.Add: "Add",
    arithmetic.Subtract: "Sub",
    arithmetic.Divide: "Div",
    arithmetic.Negative: "Neg",
    arithmetic.Exp: "Exp",
    arithmetic.Log: "Log",
    arithmetic.Sqrt: "Sqrt",
    arithmetic.Abs: "Abs",
    activation.ReLU: "Relu",
    activation.Sigmoid: "Sigmoid",
    activation.Tanh: "Tanh",
    MatMul: "MatMul",
}


def plain(graph: Graph, step: Step) -> str:
    made: str = graph.node(PLAIN[type(step.operations[0])], *operands(graph, step))
    return made


def unchanged(graph: Graph, step: Step) -> str:
    return graph.name_of(step.operands[0], step)


# --- numbers ----------------------------------------------------------------------------------------------------------


def multiply(graph: Graph, step: Step) -> str:
    """A sum times 1 / (how many were added) is a mean, whatever the size."""
    total, share = step.operands
    count = graph.summed.get(total)
    if count is not None and graph.shapes(share) == () and not graph.is_made(share):
        numbers = [float(array) for array in graph.followed.values[share]]
        if not constant(count) and all(np.isclose(a * b, 1, 1e-6) for a, b in zip(numbers, count, strict=True)):
            made = graph.makers[graph.names[total]]
            axes = graph.arrays[made.inputs[1]].tolist()
            mean: str = graph.node("ReduceMean", made.inputs[0], axes=axes, keepdims=made.attributes["keepdims"])
            return mean
    product: str = graph.node("Mul", *operands(graph, step))
    return product


def power(graph: Graph, step: Step) -> str:
    exponent = graph.array(np.float32(step.same(lambda operation: operation.exponent)))
    made: str = graph.node("Pow", *operands(graph, step), exponent)
    return made


def exponential(graph: Graph, step: Step) -> str:
    base = graph.array(np.float32(step.same(lambda operation: operation.base)))
    made: str = graph.node("Pow", base, *operands(graph, step))
    return made


def leaky_relu(graph: Graph, step: Step) -> str:
    made: str = graph.node("LeakyRelu", *operands(graph, step), alpha=step.same(lambda operation: operation.slope))
    return made


def clamp(graph: Graph, step: Step) -> str:
    limits = step.same(lambda operation: (operation.min, operation.max))
    names = ["" if limit is None else graph.array(np.float32(limit)) for limit in limits]
    made: str = graph.node("Clip", *operands(graph, step), *names)
    return made


def silu(graph: Graph, step: Step) -> str:
    (x,) = operands(graph, step)
    made: str = graph.node("Mul", x, graph.node("Sigmoid", x))
    return made


def gelu(graph: Graph, step: Step) -> str:
    """x·(1 + erf(x / √2)) / 2"""
    (x,) = operands(graph, step)
    area = graph.node("Erf", graph.node("Mul", x, _number(graph, np.sqrt(0.5))))
    return _half_of(graph, x, area)


def gelu_by_tanh(graph: Graph, step: Step) -> str:
    (x,) = operands(graph, step)
    cube = graph.node("Mul", graph.node("Mul", graph.node("Mul", x, x), x), _number(graph, elementwise.GELU_CUBIC))
    inner = graph.node("Mul", graph.node("Add", x, cube), _number(graph, elementwise.GELU_ROOT))
    return _half_of(graph, x, graph.node("Tanh", inner))


def _half_of(graph: Graph, x: str, u: str) -> str:
    """x·(1 + u) / 2"""
    made: str = graph.node("Mul", graph.node("Mul", x, graph.node("Add", u, _number(graph, 1))), _number(graph, 0.5))
    return made


def _number(graph: Graph, value: float) -> str:
    return graph.array(np.float32(value))


def softmax(graph: Graph, step: Step) -> str:
    kind = "Softmax" if isinstance(step.operations[0], activation.Softmax) else "LogSoftmax"
    made: str = graph.node(kind, *operands(graph, step), axis=step.same(lambda operation: operation.dim))
    return made


def channel_affine(graph: Graph, step: Step) -> str:
    """shift + Σ x·scale, with the numbers of the channels as (1, C, 1, 1)."""
    shift, *terms = step.operands
    total = _per_channel(graph, graph.name_of(shift, step))
    for x, scale in zip(terms[::2], terms[1::2], strict=True):
        term = graph.node("Mul", graph.name_of(x, step), _per_channel(graph, graph.name_of(scale, step)))
        total = graph.node("Add", term, total)
    return total


def _per_channel(graph: Graph, numbers: str) -> str:
    made: str = graph.node("Unsqueeze", numbers, graph.array([0, 2, 3], np.int64))
    return made


def batch_norm(graph: Graph, step: Step) -> str:
    """With the statistics of what it is given: group and layer normalisation are made of it."""
    x, weight, bias = operands(graph, step)
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, axes=[0, 2, 3], keepdims=1))
    var = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes=[0, 2, 3], keepdims=1)
    still = graph.node("Add", var, _number(graph, step.same(lambda operation: operation.eps)))
    y = graph.node("Mul", graph.node("Div", centred, graph.node("Sqrt", still)), _per_channel(graph, weight))
    made: str = graph.node("Add", y, _per_channel(graph, bias))
    return made


# --- reductions -------------------------------------------------------------------------------------------------------


def total(graph: Graph, step: Step) -> str:
    dims, keepdim = step.same(lambda operation: (operation.dims, operation.keepdim))
    sizes = [graph.shapes(step.operands[0])[dim] for dim in dims]
    graph.summed[step.result] = tuple(map(prod, zip(*sizes, strict=True))) if sizes else (1,) * graph.count
    axes = graph.array(dims, np.int64)
    made: str = graph.node("ReduceSum", *operands(graph, step), axes, keepdims=int(keepdim), noop_with_empty_axes=1)
    return made


def _along(operation: Any) -> tuple[tuple[int, ...], bool]:
    if isinstance(operation, reductions.TakeAlong):
        return (operation.dim,), True
    return operation.dims, operation.keepdim


def extreme(graph: Graph, step: Step) -> str:
    """The largest or smallest along some dimensions."""
    kind = "ReduceMax" if step.same(lambda operation: operation.winner) == "max" else "ReduceMin"
    dims, keepdim = step.same(_along)
    if not dims:
        return unchanged(graph, step)
    made: str = graph.node(kind, *operands(graph, step), axes=list(dims), keepdims=int(keepdim))
    return made


def cast(graph: Graph, step: Step) -> str:
    """`to` is a number of the standard: 1 is float32, 10 float16."""
    dtype = step.same(lambda operation: operation.dtype)
    kinds = {np.dtype(np.float32): 1, np.dtype(np.float16): 10, np.dtype(np.float64): 11}
    if dtype not in kinds:
        raise step.unknown(f" for {dtype}")
    made: str = graph.node("Cast", *operands(graph, step), to=kinds[dtype])
    return made


TABLE: dict[type, Translation] = {
    **dict.fromkeys(PLAIN, plain),
    **PLACES,
    **WINDOWS,
    arithmetic.Multiply: multiply,
    arithmetic.Power: power,
    arithmetic.Exponential: exponential,
    activation.LeakyReLU: leaky_relu,
    activation.SiLU: silu,
    activation.GELU: gelu,
    activation.GELUByTanh: gelu_by_tanh,
    activation.Softmax: softmax,
    activation.LogSoftmax: softmax,
    choosing.Clamp: clamp,
    normalization.ChannelAffine: channel_affine,
    normalization.BatchNorm: batch_norm,
    reductions.Sum: total,
    reductions.AMax: extreme,
    reductions.AMin: extreme,
    reductions.TakeAlong: extreme,
    transfer.AsType: cast,
    transfer.ToDevice: unchanged,
    Copy: unchanged,
}
