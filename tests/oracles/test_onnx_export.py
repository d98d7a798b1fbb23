"""What `export.onnx` writes, run by onnxruntime: the same numbers as here, at every size that the file says it serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, nn, no_grad
from minifcn.export import onnx as export
from minifcn.geometry import Geometry
from minifcn.models import BACKBONES, FCN, network
from tests.oracles.peers import generators, output_padding, peer
from tests.strategies import geometries, pairs, transposed_geometries

peer("onnx")
onnxruntime = peer("onnxruntime")

SETTINGS = onnxruntime.SessionOptions()
SETTINGS.intra_op_num_threads = SETTINGS.inter_op_num_threads = 1
SETTINGS.log_severity_level = 3

Size = tuple[int, int]


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Distinct numbers, so that no maximum is a tie."""
    return np.random.default_rng(seed).permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape).astype("f4")


def equal_in(path: Path, model: nn.Module, shape: tuple[int, ...], tolerance: float = 1e-4) -> None:
    """The largest difference, as a part of the largest number."""
    x = drawn(shape)
    with no_grad():
        ours = model(Tensor(x)).numpy()
    session = onnxruntime.InferenceSession(str(path), SETTINGS, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"image": x})
    assert theirs.shape == ours.shape
    assert ours.size == 0 or np.abs(theirs - ours).max() <= tolerance * max(1e-6, np.abs(ours).max())


class Applied(nn.Module):
    """A function as a model, with parameters where it has some."""

    def __init__(self, function: Callable[..., Any], **parameters: np.ndarray) -> None:
        self.function = function
        self.own = {name: nn.Parameter(array.astype("f4")) for name, array in parameters.items()}

    def forward(self, x: Any) -> Any:
        return self.function(x, **self.own)


# --- one operation at a time, at one size -----------------------------------------------------------------------------


def holds(tmp: Path, function: Callable[..., Any], shape: tuple[int, ...], **parameters: np.ndarray) -> None:
    """The file of one size."""
    model, path = Applied(function, **parameters), tmp / "one.onnx"
    export(model, path, shape[2:], channels=shape[1], dynamic=False)
    equal_in(path, model, (1, *shape[1:]))


@pytest.fixture(scope="module")
def tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@given(geometries().filter(lambda g: 0 not in g.input_size), st.integers(1, 2), generators(), st.booleans())
def test_conv(tmp: Path, g: Geometry, C: int, generator: np.random.Generator, biased: bool) -> None:
    parameters = {"weight": generator.normal(size=(2 * g.groups, C, *g.kernel_size))}
    if biased:
        parameters["bias"] = generator.normal(size=2 * g.groups)
    holds(
        tmp,
        lambda x, weight, bias=None: F.conv2d(x, weight, bias, g.stride, g.padding, g.dilation, g.groups),
        (1, C * g.groups, *g.input_size),
        **parameters,
    )


@given(transposed_geometries(), st.integers(1, 2), generators(), st.booleans())
def test_conv_transpose(tmp: Path, g: Geometry, C: int, generator: np.random.Generator, biased: bool) -> None:
    """Every output_padding, also those of at least the stride, which the node itself does not take."""
    parameters = {"weight": generator.normal(size=(2 * g.groups, C, *g.kernel_size))}
    if biased:
        parameters["bias"] = generator.normal(size=C * g.groups)
    extra = output_padding(g)
    holds(
        tmp,
        lambda x, weight, bias=None: F.conv_transpose2d(
            x, weight, bias, g.stride, g.padding, extra, g.groups, g.dilation
        ),
        (1, 2 * g.groups, *g.output_size),
        **parameters,
    )


@st.composite
def poolings(draw: Any) -> tuple[Size, dict[str, Any]]:
    """(size, settings) of a pooling that the library accepts; windows may be far apart."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 5))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(max(1, k - 2 * p) + draw(st.integers(0, 7)) for k, p in zip(kernel, padding, strict=True))
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    return size, settings


@given(poolings())
def test_max_pool(tmp: Path, case: tuple[Size, dict[str, Any]]) -> None:
    size, settings = case
    holds(tmp, lambda x: F.max_pool2d(x, **settings), (1, 2, *size))


@given(poolings(), st.booleans(), st.sampled_from([None, 1, 3]))
def test_avg_pool(tmp: Path, case: tuple[Size, dict[str, Any]], count: bool, divisor: int | None) -> None:
    size, settings = case
    holds(
        tmp,
        lambda x: F.avg_pool2d(x, count_include_pad=count, divisor_override=divisor, **settings),
        (1, 2, *size),
    )


@given(geometries().filter(lambda g: 0 not in g.input_size))
def test_unfold_and_fold(tmp: Path, g: Geometry) -> None:
    window = (g.kernel_size, g.dilation, g.padding, g.stride)
    holds(tmp, lambda x: F.unfold(x, *window), (1, 2, *g.input_size))
    holds(tmp, lambda x: F.fold(F.unfold(x, *window), g.input_size, *window), (1, 2, *g.input_size))


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@given(pairs(1, 9), pairs(1, 20))
def test_interpolate(tmp: Path, mode: str, size: Size, wanted: Size) -> None:
    holds(tmp, lambda x: F.interpolate(x, wanted, mode=mode), (1, 2, *size))


@given(pairs(1, 9), pairs(1, 5))
def test_adaptive_pooling(tmp: Path, size: Size, wanted: Size) -> None:
    holds(tmp, lambda x: F.adaptive_avg_pool2d(x, wanted), (1, 2, *size))
    holds(tmp, lambda x: F.adaptive_max_pool2d(x, wanted), (1, 2, *size))


def unpooled(x: Any, **window: Any) -> Any:
    y, places = F.max_pool2d(x, 2, return_indices=True, **window)
    return F.max_unpool2d(y * 3.0, places, 2, window.get("stride"), output_size=x.shape[2:])


# Functions of an image of any size, and whether their files serve every size.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "relu": (F.relu, "NHW"),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), "NHW"),
    "sigmoid": (F.sigmoid, "NHW"),
    "tanh": (F.tanh, "NHW"),
    "silu": (F.silu, "NHW"),
    "gelu": (F.gelu, "NHW"),
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"), "NHW"),
    "softmax": (lambda x: F.softmax(x, 1), "NHW"),
    "log_softmax": (lambda x: F.log_softmax(x, -1), "NHW"),
    "clamp": (lambda x: F.clamp(x, -1.0, 0.5), "NHW"),
    "clamp from below, far from the noise": (lambda x: F.clamp(x, min=-1e9), "NHW"),
    "abs": (F.abs, "NHW"),
    "arithmetic": (lambda x: (1.5 - x) * 2 / (x * x + 3.0) + -x, "NHW"),
    "powers": (lambda x: (F.abs(x) + 0.5) ** 1.5 + 2.0**x + x**3, "NHW"),
    "exp, log, sqrt": (lambda x: F.log(F.exp(F.clamp(x, -3, 3)) + 1.0) + F.sqrt(F.abs(x) + 0.1), "NHW"),
    "mean over the image": (lambda x: x.mean((2, 3)), "NHW"),
    "mean of everything": (lambda x: (x + 1.0).mean(), "NHW"),
    "variance over the image": (lambda x: x.var((2, 3), correction=0, keepdim=True), "NHW"),
    "sum": (lambda x: x.sum(1, keepdim=True), "NHW"),
    "largest and smallest": (lambda x: F.amax(x, (2, 3)) - F.amin(x, (2, 3)), "NHW"),
    "largest along a dimension": (lambda x: F.max(x, 1)[0] + F.min(x, 1, keepdim=True)[0][:, 0], "NHW"),
    "flatten": (lambda x: F.flatten(x, 2), "NHW"),
    "permute": (lambda x: F.permute(x, (0, 2, 3, 1)), "NHW"),
    "cat": (lambda x: F.cat([x, x * 2], 1), "NHW"),
    "stack": (lambda x: F.stack([x, x * 2], 2), "NHW"),
    "pad": (lambda x: F.pad(x, (1, 2, 3, 0), value=2.0), "NHW"),
    "pad by less than nothing": (lambda x: F.pad(x, (-1, 2, 3, -2)), "NHW"),
    "slices": (lambda x: x[:, 1:, ::2, 3:-1], "NHW"),
    "backwards": (lambda x: x[..., ::-1], "NHW"),
    "integers and None": (lambda x: x[:, -1, None, 2:], "NHW"),
    "rows by number": (lambda x: x[:, [2, 0]], "NHW"),
    "expand": (lambda x: F.expand(x.mean((2, 3), keepdim=True), x.shape), "NHW"),
    "crop as large as another": (lambda x: F.crop(F.pad(x, (3, 3, 3, 3)), x.shape[2:], 2), "NHW"),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(F.cat([x, x, x, x], 1), 2), "NHW"),
    "group_norm": (lambda x: F.group_norm(x, 3), "NHW"),
    "layer_norm": (lambda x: F.layer_norm(F.permute(x, (0, 2, 3, 1)), 3), "NHW"),
    "layer_norm of the image": (lambda x: F.layer_norm(x, x.shape[1:]), "NHW"),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3, 1e-2), "NHW"),
    "batch_norm of the batch": (lambda x: F.batch_norm(x, None, None, training=True), "NHW"),
    "twice as large": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), "NHW"),
    "twice as large, nearest": (lambda x: F.interpolate(x, scale_factor=2), "NHW"),
    "twice as large, nearest-exact": (lambda x: F.interpolate(x, scale_factor=2, mode="nearest-exact"), "NHW"),
    "twice as large, bicubic": (lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), "NHW"),
    "back to the size of the image": (
        lambda x: F.interpolate(F.max_pool2d(x, 2), x.shape[2:], mode="bilinear", align_corners=True),
        "NHW",
    ),
    "max pooling in ceil mode": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), "NHW"),
    "max pooling, windows behind the image": (lambda x: F.max_pool2d(x, 3, 3, 1, ceil_mode=True), "NHW"),
    "average pooling in ceil mode": (lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), "NHW"),
    "global average": (lambda x: F.adaptive_avg_pool2d(x, 1), "NHW"),
    "global maximum": (lambda x: F.adaptive_max_pool2d(x, 1), "NHW"),
    "to a 7x5 map": (lambda x: F.adaptive_avg_pool2d(x, (7, 5)), "N"),
    "unpooling": (unpooled, "NHW"),
    "unpooling of windows that overlap": (lambda x: unpooled(x, stride=1), "NHW"),
    "unpooling in ceil mode": (lambda x: unpooled(x, ceil_mode=True), "NHW"),
    "unfold": (lambda x: F.unfold(x, 3, padding=1, stride=2), "NHW"),
    "nothing": (lambda x: x, "NHW"),
    "matmul": (lambda x: x @ F.permute(x, (0, 1, 3, 2)), "NHW"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(tmp: Path, name: str) -> None:
    function, free = FUNCTIONS[name]
    model, path = Applied(function), tmp / "function.onnx"
    made = export(model, path, (24, 31))
    assert "".join(size for size in made.image if isinstance(size, str)) == free, made
    for N, H, W in ((1, 24, 31), (3, 24, 31), *(((2, 17, 6), (1, 6, 18), (2, 41, 40)) if "H" in free else ())):
        equal_in(path, model, (N, 3, H, W), 1e-4)


@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 3, 1), (2, 3, 0), (4, 3, 2), (1, 2, 0)])
def test_ceil_mode_at_every_size(tmp: Path, window: tuple[int, int, int]) -> None:
    """One file for all sizes from 1 to 70. A window that would begin behind the image is there in none of them."""
    kernel, stride, padding = window

    def both(x: Any) -> Any:
        most = F.max_pool2d(x, kernel, stride, padding, ceil_mode=True)
        return most - 0.5 * F.avg_pool2d(x, kernel, stride, padding, ceil_mode=True, count_include_pad=False)

    model, path = Applied(both), tmp / "ceil.onnx"
    assert export(model, path).image == ("N", 3, "H", "W")
    session = onnxruntime.InferenceSession(str(path), SETTINGS, providers=["CPUExecutionProvider"])
    smallest = max(1, kernel - 2 * padding - stride + 1)
    for size in range(smallest, 71):
        x = drawn((1, 3, size, 71 + smallest - size), size)
        (theirs,) = session.run(None, {"image": x})
        ours = model(Tensor(x)).numpy()
        assert theirs.shape == ours.shape and np.allclose(theirs, ours, atol=1e-5), f"{size} rows"


SIZES = ((1, 1), (1, 70), (33, 47), (97, 64), (31, 5), (130, 95))


@pytest.mark.parametrize("upsampling", ["single", "staged"])
@pytest.mark.parametrize("alignment", ["compact", "caffe"])
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_one_file_of_an_fcn_serves_every_size(tmp: Path, stride: int, alignment: str, upsampling: str) -> None:
    rng = np.random.default_rng(0)
    model = FCN("small", 3, stride, alignment, upsampling=upsampling, width=0.125, generator=rng).eval()
    for values in model.parameters():
        if values.requires_grad:  # the score layers begin at zero, and zeros would hide a wrong crop
            values.mutable()[...] += rng.normal(0, 0.1, values.shape).astype(np.float32)
    made = export(model, tmp / "fcn.onnx")
    assert (made.image, made.scores, made.fixed) == (("N", 3, "H", "W"), ("N", 3, "H", "W"), "")
    for size in SIZES:
        equal_in(tmp / "fcn.onnx", model, (2, 3, *size))


@pytest.mark.parametrize(
    ("head", "backbone"),
    [*(("fcn", name) for name in sorted(BACKBONES)), ("dilated", "small"), ("aspp", "small"), ("deconvnet", "small")],
)
def test_one_file_of_every_network_serves_every_size(tmp: Path, head: str, backbone: str) -> None:
    rng = np.random.default_rng(0)
    model = network(head, backbone, 3, 8, width=1 / 32, generator=rng).eval()
    for name, values in model.named_parameters():
        if "score" in name or "skip" in name:
            values.mutable()[...] += rng.normal(0, 0.1, values.shape).astype(np.float32)
    made = export(model, tmp / "network.onnx")
    assert (made.image, made.scores, made.fixed) == (("N", 3, "H", "W"), ("N", 3, "H", "W"), "")
    for size in (*SIZES, (5, 70), (17, 18)):
        equal_in(tmp / "network.onnx", model, (2, 3, *size))


def test_layers(tmp: Path) -> None:
    """Batch normalisation, biases, groups, a classifier: one size, any batch."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same", generator=rng), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5),
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2, generator=rng), nn.GroupNorm(2, 6), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6 * 5 * 7, 4, generator=rng),
    )  # fmt: skip
    for values in model[1].state_dict().values():
        if values.dtype.kind == "f":
            values.mutable()[...] = rng.uniform(0.5, 2, values.shape).astype(np.float32)
    made = export(model.eval(), tmp / "layers.onnx", (5, 7))
    assert made.image == ("N", 3, 5, 7)
    for N in (1, 4):
        equal_in(tmp / "layers.onnx", model, (N, 3, 5, 7))


@pytest.mark.parametrize("mutant", ["the padding is turned", "an offset is missing", "a crop is one too long"])
def test_a_wrong_file_would_be_noticed(tmp: Path, mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from minifcn.export.graph import Graph

    real = Graph.node

    def wrong(graph: Graph, kind: str, *inputs: str, **attributes: Any) -> Any:
        if mutant == "the padding is turned" and kind == "MaxPool":
            attributes["pads"] = attributes["pads"][::-1]
        if mutant == "an offset is missing" and kind == "Slice":
            inputs = (inputs[0], graph.array([0, 0], np.int64), *inputs[2:])
        if mutant == "a crop is one too long" and kind == "Add" and graph.layer == "upscore":
            inputs = (inputs[0], graph.array([graph.arrays[inputs[1]].item() + 1], np.int64))
        return real(graph, kind, *inputs, **attributes)

    monkeypatch.setattr(Graph, "node", wrong)
    with pytest.raises(AssertionError):
        test_one_file_of_an_fcn_serves_every_size(tmp, 8, "compact", "single")
