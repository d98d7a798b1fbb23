"""A graph as bytes: the package onnx writes and checks them.

A protobuf that follows another is merged with it, and lists are joined. So the nodes are written first and then each
weight for itself: no more than one of them is in memory twice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.export.graph import Graph, Node
from minifcn.weights import atomic_path

OPSET, IR = 17, 8  # read by every onnxruntime since 1.12


def write(
    path: str | os.PathLike[str],
    graph: Graph,
    image: tuple[int | str, ...],
    scores: tuple[int | str, ...],
    metadata: Mapping[str, str],
) -> None:
    """The file with its one input "image" and its one output "scores", checked before it takes its place."""
    onnx = the_package()
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node(n.kind, n.inputs, n.outputs, n.outputs[0], **n.attributes) for n in _ending(graph)]
    used = {name for node in nodes for name in node.input}
    made = helper.make_graph(
        nodes,
        "minifcn",
        [helper.make_tensor_value_info("image", kind, image)],
        [helper.make_tensor_value_info("scores", kind, [None if size == "?" else size for size in scores])],
    )
    model = helper.make_model(
        made, producer_name="minifcn", ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    helper.set_model_props(model, {name: str(text) for name, text in metadata.items()})
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            file.write(model.SerializeToString())
            for name, array in graph.arrays.items():
                if name in used:
                    part = onnx.ModelProto()
                    part.graph.initializer.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
                    file.write(part.SerializeToString())
        onnx.checker.check_model(str(temporary), full_check=True)


def _ending(graph: Graph) -> list[Any]:
    """The nodes that the result needs, the last of which makes "scores"."""
    value = graph.followed.result
    result = graph.names.get(value) or graph.state(graph.followed.values[value][0])
    if result not in graph.makers:  # the model gives back what it was given, or a parameter
        return [Node("Identity", [result], ["scores"], {})]
    needed, kept = {result}, []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)

    def renamed(names: list[str]) -> list[str]:
        return ["scores" if name == result else name for name in names]

    return [Node(node.kind, renamed(node.inputs), renamed(node.outputs), node.attributes) for node in reversed(kept)]


def the_package() -> Any:
    try:
        import onnx
    except ImportError:
        raise ArgumentError('export.onnx needs the package onnx; pip install "minifcn[export]".') from None
    return onnx
