"""minifcn's convolutions and FCN-8s as ONNX graphs, written with onnx's helper node by node."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import nn
from minifcn.models import FCN

OPSET, IR = 18, 8  # old enough for every onnxruntime since 1.18


class Graph:
    """A graph that grows node by node; a value is known by its name."""

    def __init__(self) -> None:
        import onnx

        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operation: str, *operands: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, operands, [name], **attributes))
        return name

    def layer(self, layer: nn.Module, x: str) -> str:
        if isinstance(layer, nn.Sequential):
            for part in layer:
                x = self.layer(part, x)
            return x
        if isinstance(layer, nn.ReLU):
            return self.add("Relu", x)
        if isinstance(layer, nn.Dropout):
            return x
        if isinstance(layer, nn.MaxPool2d):
            window = {"kernel_shape": list(layer.kernel_size), "strides": list(layer.stride)}
            return self.add("MaxPool", x, **window, pads=list(layer.padding) * 2, ceil_mode=int(layer.ceil_mode))
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            operands = [
                self.constant(value.detach().numpy()) for value in (layer.weight, layer.bias) if value is not None
            ]
            slides = {"strides": list(layer.stride), "pads": list(layer.padding) * 2}
            operation = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
            return self.add(operation, x, *operands, kernel_shape=list(layer.kernel_size), group=layer.groups, **slides)
        raise TypeError(f"no ONNX node is known for {type(layer).__name__}.")

    def crop(self, x: str, offset: int, size: tuple[int, int]) -> str:
        bounds = ([offset, offset], [offset + size[0], offset + size[1]], [2, 3])
        return self.add("Slice", x, *(self.constant(np.array(bound, np.int64)) for bound in bounds))

    def model(self, shape: tuple[int, ...], result: str) -> Any:
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        inputs = [helper.make_tensor_value_info("x", kind, shape)]
        outputs = [helper.make_tensor_value_info(result, kind, None)]
        graph = helper.make_graph(self.nodes, "minifcn", inputs, outputs, self.constants)
        return helper.make_model(graph, ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)])


def of_convolution(shape: tuple[int, ...], w: np.ndarray) -> Any:
    """3x3, padding 1."""
    graph = Graph()
    return graph.model(shape, graph.add("Conv", "x", graph.constant(w), pads=[1, 1, 1, 1]))


def of_fcn(net: FCN, shape: tuple[int, ...]) -> Any:
    """FCN-8s (compact) for images of one shape: only the upsampled score is cropped, to the size of what it meets."""
    graph, x, pools = Graph(), "x", []
    fuses: list[Any] = [net.fuse_pool4, net.fuse_pool3]
    for stage in (net.stage1, net.stage2, net.stage3, net.stage4, net.stage5):
        x = graph.layer(stage, x)
        pools.append(x)
    x = graph.layer(net.score, graph.layer(net.head, x))
    for fuse, pool, scale in zip(fuses, (pools[3], pools[2]), (16, 8), strict=True):
        size = (-(-shape[2] // scale), -(-shape[3] // scale))
        x = graph.crop(graph.layer(fuse.up, x), fuse.alignment.first, size)
        x = graph.add("Add", x, graph.layer(fuse.skip, pool))
    x = graph.crop(graph.layer(net.upscore.up, x), net.upscore.alignment.first, (shape[2], shape[3]))
    return graph.model(shape, x)
