"""What is in an exported file, and what is refused. Its numbers are compared with onnxruntime's in tests/oracles."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifcn
import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.cli import main
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.export.sizes import Extent, extent
from minifcn.models import FCN
from minifcn.training import Card, save_network

onnx: Any = pytest.importorskip("onnx", reason='onnx is not installed; pip install ".[export]"', exc_type=ImportError)


class Applied(nn.Module):
    def __init__(self, function: Any) -> None:
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def network(stride: int = 8) -> FCN:
    return FCN("small", 4, stride, width=0.125, generator=np.random.default_rng(0))


def test_the_file_of_an_fcn(tmp_path: Path) -> None:
    """Its weights have the names of the state_dict; frozen upsampling is a transposed convolution in groups."""
    model, path = network(), tmp_path / "fcn.onnx"
    made = minifcn.export.onnx(model, path, metadata={"classes": "[]"})
    assert str(made) == f"{path}: image (N, 3, H, W) -> scores (N, 4, H, W), for every N, H, W"
    file = onnx.load(path)
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in file.graph.initializer}
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    assert set(state) <= set(arrays)
    assert all(np.array_equal(arrays[name], value) for name, value in state.items())
    assert all(array.size <= 3 for name, array in arrays.items() if name not in state), "ends of slices, an epsilon"
    ups = [node for node in file.graph.node if node.op_type == "ConvTranspose"]
    assert [node.name for node in ups] == [
        f"{name}.up/ConvTranspose" for name in ("fuse_pool4", "fuse_pool3", "upscore")
    ]
    assert all({a.name: a.i for a in node.attribute}["group"] == 4 for node in ups)
    assert {each.key: each.value for each in file.metadata_props} == {"minifcn": "0.1.0", "classes": "[]"}
    assert (file.ir_version, file.opset_import[0].version) == (8, 17)


def test_batch_normalisation_uses_its_running_statistics(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    minifcn.export.onnx(model, tmp_path / "a.onnx")
    file = onnx.load(tmp_path / "a.onnx")
    assert {"1.running_mean", "1.running_var", "1.weight", "1.bias"} <= {each.name for each in file.graph.initializer}
    assert not {"ReduceMean", "RandomUniform"} & {node.op_type for node in file.graph.node}
    assert all(module.training for module in model.modules()), "the model is as it was"


def test_one_size(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 5, 7))
    with pytest.raises(ArgumentError, match=r"Sequential does not take images of 224x256 .*give size=\(H, W\)"):
        minifcn.export.onnx(model, tmp_path / "a.onnx")
    made = minifcn.export.onnx(model, tmp_path / "a.onnx", (8, 7))
    assert (made.image, made.scores) == (("N", 3, 8, 7), ("N", 7))
    assert "for every N (no other: " in str(made)
    made = minifcn.export.onnx(model, tmp_path / "a.onnx", (8, 7), dynamic=False)
    assert str(made).endswith("image (1, 3, 8, 7) -> scores (1, 7), for this size only")


def test_equal_models_make_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        minifcn.export.onnx(network(32), tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def chosen_by_numpy(x: Any) -> Any:
    return x * Tensor((x.numpy() > 0).astype(np.float32))


def in_place(x: Any) -> Any:
    y = x * 2
    y += x
    return y


def written_through_a_view(x: Any) -> Any:
    y = x * 2
    y[0, 0] = 0.0
    return F.relu(y)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (in_place, r"written into in place before it was used in the model, .* x = x \+ y, not x \+= y"),
        (written_through_a_view, "written into in place"),
        (lambda x: F.where(x > 0, x, 0.0), "Choose in the model itself has no counterpart in the file"),
        (lambda x: F.dropout(x), "Scale in the model itself has no counterpart"),
        (lambda x: x[x > 0], "GetItem in the model itself has no counterpart in the file for a mask"),
        (chosen_by_numpy, "Multiply in the model itself is given numbers that were computed from the image"),
        (lambda x: x.argmax(1), "the result of Applied comes from no operation"),
    ],
)
def test_what_no_file_can_repeat_is_refused(tmp_path: Path, function: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        minifcn.export.onnx(Applied(function), tmp_path / "a.onnx", 8, channels=2)
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def by_its_numbers(x: Any) -> Any:
    return x * 2 if x.sum().item() > 0 else F.relu(x)


def test_a_model_that_decides_by_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"no file serves Applied even at 8x8 \(the operations are not the same"):
        minifcn.export.onnx(Applied(by_its_numbers), tmp_path / "a.onnx", 8)


def test_what_the_model_refuses_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError, match="with 3 channels .conv2d: x has 3 channels but weight expects 5.*; give size"
    ):
        minifcn.export.onnx(nn.Conv2d(5, 2, 1), tmp_path / "a.onnx")
    with pytest.raises(ArgumentError, match="^conv2d: x has 3 channels"):
        minifcn.export.onnx(nn.Conv2d(5, 2, 1), tmp_path / "a.onnx", 8)
    with pytest.raises(ArgumentError, match=r"no file serves Applied at every size \(.*; give size=\(H, W\)"):
        minifcn.export.onnx(Applied(lambda x: F.adaptive_avg_pool2d(x, 5)), tmp_path / "a.onnx")
    large = nn.Sequential(nn.Conv2d(3, 1, 64), nn.ReLU())  # too large for the first size that is tried
    assert minifcn.export.onnx(large, tmp_path / "a.onnx").image == ("N", 3, "H", "W")


def test_the_layer_is_named(tmp_path: Path) -> None:
    model = nn.Sequential(nn.ReLU(), nn.Sequential(Applied(lambda x: F.where(x > 0, x, 0.0))))
    with pytest.raises(ArgumentError, match="Choose in 1.0 has no counterpart in the file; write that part"):
        minifcn.export.onnx(model, tmp_path / "a.onnx")


def test_what_is_refused_before_anything_runs(tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"
    with pytest.raises(ArgumentError, match="stage1.conv1_1.weight is float64.*call model.float"):
        minifcn.export.onnx(network().double(), out)
    with pytest.raises(ArgumentTypeError, match="a Module is exported, got int"):
        minifcn.export.onnx(3, out)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="path must be the name of a file, got int"):
        minifcn.export.onnx(network(), 3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="returns tuple, and a file has one Tensor"):
        minifcn.export.onnx(Applied(lambda x: (x, x)), out)
    with pytest.raises(FileError, match="the folder .* does not exist"):
        minifcn.export.onnx(network(), tmp_path / "no" / "a.onnx")
    huge = nn.Linear(1, 1)
    huge.weight.replace_(np.broadcast_to(np.float32(0), (2**15, 2**14)))
    with pytest.raises(ArgumentError, match="the parameters have 2.1 GB, and a file has less"):
        minifcn.export.onnx(huge, out)


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ArgumentError, match=r'needs the package onnx; pip install "minifcn\[export\]"'):
        minifcn.export.onnx(network(), tmp_path / "a.onnx")


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_a_number_is_explained_by_the_simplest_extent() -> None:
    image, half = (7, ((1, 2, 1), (10, 13, 18))), (3, ((1, 2, 1), (5, 7, 9)))
    assert extent((5, 7, 9), [image, half]) == Extent(3, 1)
    assert extent((14, 17, 22), [image, half]) == Extent(7, 1, plus=4)
    assert extent((20, 26, 36), [image, half]) == Extent(7, 1, times=2)
    assert extent((5, 5, 9), [image, half]) is None
    assert extent((2, 4, 2), [image]) == Extent(7, 0, times=2)


def test_an_extent_may_be_cut_to_what_there_is() -> None:
    image = [(0, ((10, 13, 18),))]
    assert extent((10, 12, 12), image, most=(11, 12, 12)) == Extent(0, 0)
    assert extent((10, 12, 12), image) is None
    assert extent((10, 12, 11), image, most=(11, 12, 12)) is None


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = Card(
        backbone="small", stride=32, alignment="compact", width=0.125, learn_upsampling=False, upsampling="single",
        data="scenes", classes=("sky", "tree"), palette=((0, 0, 0), (1, 2, 3)), mean=(1.0, 2.0, 3.0),
        std=(4.0, 5.0, 6.0), size=(48, 64),
    )  # fmt: skip
    weights, out = tmp_path / "weights.safetensors", tmp_path / "net.onnx"
    save_network(weights, card.build(np.random.default_rng(0)), card)
    assert main(["export", str(weights), str(out)]) == 0
    assert f"{out}: image (N, 3, H, W) -> scores (N, 2, H, W), for every N, H, W" in capsys.readouterr().out
    texts = {each.key: each.value for each in onnx.load(out).metadata_props}
    assert json.loads(texts["classes"]) == ["sky", "tree"] and json.loads(texts["palette"])[1] == [1, 2, 3]
    assert json.loads(texts["mean"]) == [1, 2, 3] and json.loads(texts["std"]) == [4, 5, 6]
    before = out.read_bytes()
    assert main(["export", str(weights), str(out)]) == 2
    assert "is there already and is not written over; move it" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert main(["export", str(weights), str(tmp_path / "net.pb")]) == 2
    assert "does not end in .onnx" in capsys.readouterr().err
    assert main(["export", str(weights), str(tmp_path / "one.onnx"), "--size", "40x50"]) == 0
    assert "image (1, 3, 40, 50) -> scores (1, 2, 40, 50), for this size only" in capsys.readouterr().out
