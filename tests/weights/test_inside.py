"""A checkpoint with one network gives it; with several one is asked for; with none it is refused, whatever holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn import load
from minifcn.errors import ArgumentError, FileError
from minifcn.weights import load_arrays, save_arrays
from tests.weights.test_pth import SIX, Call, Named, legacy, refusal, tensor, zipped

STORAGES = {"0": SIX.tobytes(), "1": (SIX + 1).tobytes()}
OPTIMIZER = {"state": {0: {"step": 7, "momentum_buffer": tensor("1")}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
CHECKPOINT = {
    "epoch": 3,
    "state_dict": {"w": tensor()},
    "best": 0.5,
    "optimizer": OPTIMIZER,
    "arch": "vgg16",
    "x": None,
}
TWO = {"model": {"w": tensor()}, "ema": {"w": tensor("1")}, "epoch": 1}


def in_zip(path: Path, found: Any) -> Path:
    return zipped(path, found, STORAGES)


def in_legacy(path: Path, found: Any) -> Path:
    return legacy(path, found, {key: (6, content) for key, content in STORAGES.items()})


@pytest.mark.parametrize("write", [in_zip, in_legacy])
def test_the_only_network(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "a.pth.tar", CHECKPOINT)
    for inside in (None, "state_dict"):
        arrays, metadata = load_arrays(path, inside=inside)
        assert list(arrays) == ["w"] and metadata == {"inside": "state_dict"}
        np.testing.assert_array_equal(arrays["w"], SIX.reshape(2, 3))
    assert list(load(path)) == ["w"]


@pytest.mark.parametrize("write", [in_zip, in_legacy])
def test_one_of_two(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "a.pth", TWO)
    assert refusal(path).endswith(
        f"a checkpoint with 2 networks ('model', 'ema'); say which is meant, --inside model (in Python "
        f"inside='model'), or take it out: minifcn weights convert {path} OUT.safetensors --inside model."
    )
    for inside, first in (("model", 0), ("ema", 1)):
        assert load_arrays(path, inside=inside)[0]["w"][0, 0] == first
        assert load(path, inside=inside)["w"].data[0, 0] == first


@pytest.mark.parametrize(
    ("found", "inside", "words"),
    [
        (
            TWO,
            "epoch",
            "has no network inside 'epoch'; it holds 'model', 'ema', 'epoch': choose one of 'model', 'ema'.",
        ),
        (CHECKPOINT, "optimizer", "has no network inside 'optimizer'; it holds 'epoch', 'state_dict', 'best', "),
        ({"w": tensor()}, "w", "has no network inside 'w'; it holds 'w': leave it out."),
        ({"optimizer": OPTIMIZER, "epoch": 3}, None, "('optimizer', 'epoch'), and none is a dict of tensors by name"),
        ({"state_dict": {}, "epoch": 3}, None, "and none is a dict of tensors by name"),
        ({"state_dict": {"w": tensor(), "n": 3}}, None, "and none is a dict of tensors by name"),
        ({"state_dict": {1: tensor()}}, None, "a tensor is called 1"),
        ({"a\nb": {"w": tensor()}}, None, "a part of it is called"),
        ({7: {"w": tensor()}}, None, "a part of it is called 7"),
    ],
)
def test_what_is_not_there(tmp_path: Path, found: Any, inside: str | None, words: str) -> None:
    path = in_zip(tmp_path / "a.pth", found)
    with pytest.raises(FileError) as caught:
        load_arrays(path, inside=inside)
    said = str(caught.value)
    assert words in said and said.startswith(str(path)) and said.endswith(".") and "\n" not in said


def test_other_objects_are_refused_there_too(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "a.pth", CHECKPOINT | {"args": Call(Named("argparse", "Namespace"))})
    assert "asks for argparse.Namespace, and only tensors are made of a pickle" in refusal(path)


class Covered:
    """An OrderedDict with something else over its method `items`: attributes are where torch.save puts its metadata."""

    def __reduce__(self) -> Any:
        return Named("collections", "OrderedDict"), (), {"items": "not a method"}, None, iter([("w", tensor())])


def test_methods_that_a_pickle_covers_are_not_called(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "a.pth", {"state_dict": Covered(), "epoch": 1})
    assert list(load_arrays(path)[0]) == ["w"]


def test_other_files_hold_one_network(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", {"w": SIX})
    with pytest.raises(ArgumentError, match=r"a\.npz holds one network; 'model' could only be inside a \.pth"):
        load_arrays(tmp_path / "a.npz", inside="model")
