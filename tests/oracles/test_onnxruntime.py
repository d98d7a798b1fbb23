"""The operations that the ONNX standard has, too, run by onnxruntime: one operation, one model.

ONNX names the four sides of a padding separately, rows and columns at the beginning first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor
from minifcn.geometry import Geometry
from tests.oracles.peers import close, exact, generators, output_padding, peer, small_output_padding
from tests.strategies import distinct, geometries, pairs, transposed_geometries, whole_numbers

onnx = peer("onnx")
onnxruntime = peer("onnxruntime")

# Old enough for every onnxruntime since 1.18, new enough for a Resize with antialias and all coordinate modes.
OPSET, IR = 18, 8

SETTINGS = onnxruntime.SessionOptions()
SETTINGS.intra_op_num_threads = SETTINGS.inter_op_num_threads = 1
# The operation itself is to answer, not one that an optimiser put in its place.
SETTINGS.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


def run(operation: str, *arrays: Any, outputs: int = 1, **attributes: Any) -> list[np.ndarray]:
    """The results of one operation; None stands for an operand that is left out."""
    names = ["" if array is None else f"i{n}" for n, array in enumerate(arrays)]
    given_ = {name: array for name, array in zip(names, arrays, strict=True) if name}
    results = [f"o{n}" for n in range(outputs)]
    helper, kinds = onnx.helper, onnx.TensorProto
    info = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in given_.items()
    ]
    first = arrays[0].dtype
    made = [kinds.INT64 if n else helper.np_dtype_to_tensor_dtype(first) for n in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(operation, names, results, **attributes)],
        "one operation",
        info,
        [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(results, made, strict=True)],
    )
    model = helper.make_model(graph, ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)])
    session = onnxruntime.InferenceSession(model.SerializeToString(), SETTINGS, providers=["CPUExecutionProvider"])
    answers: list[np.ndarray] = session.run(None, given_)
    return answers


def window(g: Geometry) -> dict[str, Any]:
    asked = {"kernel_shape": g.kernel_size, "strides": g.stride, "dilations": g.dilation, "pads": g.padding * 2}
    return {name: list(values) for name, values in asked.items()}


def single(generator: np.random.Generator, *shapes: Any) -> list[np.ndarray]:
    return [whole_numbers(generator, shape, np.float32) for shape in shapes]


@given(geometries().filter(lambda g: 0 not in g.input_size), st.integers(1, 2), st.integers(1, 3), generators())
def test_conv(g: Geometry, C: int, O: int, generator: np.random.Generator) -> None:
    G = g.groups
    x, w, b = single(generator, (2, G * C, *g.input_size), (G * O, C, *g.kernel_size), (G * O,))
    found = F.conv2d(Tensor(x), Tensor(w), Tensor(b), g.stride, g.padding, g.dilation, G).numpy()
    exact(found, run("Conv", x, w, b, group=G, **window(g))[0], "y")


@given(transposed_geometries().filter(small_output_padding), st.integers(1, 2), st.integers(1, 3), generators())
def test_conv_transpose(g: Geometry, C: int, O: int, generator: np.random.Generator) -> None:
    """ConvTranspose by output_padding; its output_shape would move the padding instead, which is another operation."""
    G = g.groups
    extra = output_padding(g)
    y, w, b = single(generator, (2, G * O, *g.output_size), (G * O, C, *g.kernel_size), (G * C,))
    found = F.conv_transpose2d(Tensor(y), Tensor(w), Tensor(b), g.stride, g.padding, extra, G, g.dilation).numpy()
    exact(found, run("ConvTranspose", y, w, b, group=G, output_padding=extra, **window(g))[0], "x")


@st.composite
def windows(draw: Any, dilated: bool) -> Geometry:
    """Poolings on which the standard and its implementations agree.

    Not here: in ceil mode, a window that would begin in the padding at the far end, or beyond it. PyTorch and minifcn
    leave it out; the standard and onnxruntime have changed their minds about it from release to release. Nor averages
    in ceil mode: there the divisor of a window that hangs over the edge has changed as well.
    """
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    dilation = draw(pairs(1, 2)) if dilated else (1, 1)
    ceil_mode = draw(st.booleans()) if dilated else False
    padding, size = [], []
    for axis in (0, 1):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        padding.append(draw(st.integers(0, (kernel[axis] - 1) // 2)))
        # In ceil mode the last window begins at most stride - 1 before the end of the padded image: inside the image
        # where that is more than the padding.
        unseen = draw(st.integers(0, stride[axis] - 1))
        if ceil_mode and unseen > 0 and reach + unseen - stride[axis] <= padding[axis]:
            unseen = 0
        size.append(max(dilation[axis], 1, reach + draw(st.integers(0, 2)) * stride[axis] + unseen - 2 * padding[axis]))
    return Geometry.of_pooling(size, kernel, stride, padding, dilation, ceil_mode)


def in_ceil_mode(g: Geometry) -> bool:
    floor = [(g.input_size[a] + 2 * g.padding[a] - g.reach[a]) // g.stride[a] + 1 for a in (0, 1)]
    return tuple(floor) != g.output_size


@given(windows(dilated=True), generators())
def test_max_pool(g: Geometry, generator: np.random.Generator) -> None:
    """ONNX counts the winners through all images and channels, PyTorch and minifcn from 0 in every plane."""
    (x,) = single(generator, (2, 3, *g.input_size))
    up = in_ceil_mode(g)
    found, winners = F.max_pool2d(
        Tensor(x), g.kernel_size, g.stride, g.padding, g.dilation, ceil_mode=up, return_indices=True
    )
    expected, places = run("MaxPool", x, outputs=2, ceil_mode=int(up), **window(g))
    exact(found.numpy(), expected, "y")
    plane = g.input_size[0] * g.input_size[1]
    exact(winners.numpy() + plane * np.arange(6).reshape(2, 3, 1, 1), places, "winners")


@given(windows(dilated=False), generators(), st.booleans())
def test_average_pool(g: Geometry, generator: np.random.Generator, count: bool) -> None:
    """With whole multiples of 144, which every divisor of a window up to 4x4 divides."""
    (x,) = single(generator, (2, 3, *g.input_size))
    found = F.avg_pool2d(Tensor(144 * x), g.kernel_size, g.stride, g.padding, count_include_pad=count).numpy()
    asked = window(g)
    del asked["dilations"]
    exact(found, run("AveragePool", 144 * x, count_include_pad=int(count), **asked)[0], "y")


RESIZES = {
    "half-pixel centres": ({"mode": "bilinear"}, {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}),
    "aligned corners": (
        {"mode": "bilinear", "align_corners": True},
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    ),
    "nearest": (
        {"mode": "nearest"},
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    # The pixel that contains the point: half_pixel gives its distance from the centre of pixel 0, so the nearest
    # centre is rounded to, a point on an edge to the pixel that it begins.
    "nearest-exact": (
        {"mode": "nearest-exact"},
        {"mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"},
    ),
}


@pytest.mark.parametrize("name", RESIZES)
@given(pairs(1, 8), pairs(-2, 3), generators())
def test_resize(name: str, size: Any, by: Any, generator: np.random.Generator) -> None:
    """By powers of two: onnxruntime computes positions in float32, which are exact for those."""
    ours, theirs = RESIZES[name]
    size = [n * 4 if k < 0 else n for n, k in zip(size, by, strict=True)]
    (x,) = single(generator, (2, 3, *size))
    into = [int(n * 2.0**k) for n, k in zip(size, by, strict=True)]
    found = F.interpolate(Tensor(x), into, **ours).numpy()
    expected = run("Resize", x, None, None, np.array([2, 3, *into], np.int64), **theirs)[0]
    judge = close(4 * max(into) ** 2, 9.0) if "align_corners" in ours else exact
    judge(found, expected, "y")


@given(st.integers(1, 3), st.integers(1, 5), pairs(1, 5), st.sampled_from([1e-5, 0.1]), generators())
def test_batch_normalization(N: int, C: int, size: Any, eps: float, generator: np.random.Generator) -> None:
    x = generator.standard_normal((N, C, *size)).astype(np.float32)
    weight, bias, mean = (generator.standard_normal(C).astype(np.float32) for _ in range(3))
    var = generator.uniform(0.5, 2, C).astype(np.float32)
    found = F.batch_norm(Tensor(x), *map(Tensor, (mean, var, weight, bias)), eps=eps).numpy()
    close(8, 30.0)(found, run("BatchNormalization", x, weight, bias, mean, var, epsilon=eps)[0], "y")


@given(
    st.integers(1, 6),
    pairs(1, 4),
    st.sampled_from([1, 3, 5, 7]),
    st.sampled_from([1e-4, 0.3, 2.0]),
    st.sampled_from([0.75, 0.5, 1.3]),
    st.sampled_from([1.0, 2.0]),
    generators(),
)
def test_lrn(C: int, hw: Any, size: int, alpha: float, beta: float, k: float, generator: np.random.Generator) -> None:
    """Odd sizes only: onnxruntime knows no others, and the standard lets an even window lean to the other side."""
    x = distinct(generator, (2, C, *hw), 0.125).astype(np.float32)
    found = F.local_response_norm(Tensor(x), size, alpha, beta, k).numpy()
    close(8 * size, 9.0)(found, run("LRN", x, size=size, alpha=alpha, beta=beta, bias=k)[0], "y")


@pytest.mark.parametrize("name, operation", [("softmax", "Softmax"), ("log_softmax", "LogSoftmax")])
@given(st.integers(-4, 3), st.sampled_from([1.0, 30.0, 1e4]), st.sampled_from([np.float32, np.float64]), generators())
def test_softmax(name: str, operation: str, axis: int, size: float, dtype: Any, generator: np.random.Generator) -> None:
    x = (generator.standard_normal((2, 5, 3, 4)) * size).astype(dtype)
    found = getattr(F, name)(Tensor(x), axis).numpy()
    close(8 * 5, size if name == "log_softmax" else 1.0)(found, run(operation, x, axis=axis)[0], "y")
