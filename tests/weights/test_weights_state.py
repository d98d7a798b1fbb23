"""State dicts through a file, and pickles: refused by what they hold."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn import Tensor, nn, optim
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.weights import SUFFIXES, load, load_arrays, save, save_arrays
from tests.onto import device_of, on

EACH_SUFFIX = pytest.mark.parametrize("suffix", SUFFIXES)


def network(seed: int) -> nn.Module:
    generator = np.random.default_rng(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, generator=generator), nn.BatchNorm2d(4), nn.Linear(2, 5))


@EACH_SUFFIX
def test_a_network_and_its_optimiser_come_back(tmp_path: Path, suffix: str) -> None:
    first, second = network(0), network(1)
    optimizers = [optim.Adam(net.parameters()) for net in (first, second)]
    for parameter in first.parameters():
        parameter.grad = minifcn.ones_like(parameter)
    optimizers[0].step()
    save(first.state_dict(), tmp_path / f"model{suffix}")
    save(optimizers[0].state_dict(), tmp_path / f"optimizer{suffix}")
    second.load_state_dict(load(tmp_path / f"model{suffix}"))
    optimizers[1].load_state_dict(load(tmp_path / f"optimizer{suffix}"))  # type: ignore[arg-type]
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.data, b.data, name)
    for name, value in optimizers[0].state_dict().items():
        np.testing.assert_array_equal(optimizers[1].state_dict()[name], value, name)


@EACH_SUFFIX
def test_tensors_of_any_kind_and_place(tmp_path: Path, suffix: str, xp: Any) -> None:
    state = {"a": on(xp, [1.0, 2.0], requires_grad=True), "b": on(xp, [[1, 2]]).T, "c": np.array(True)}
    save(state, tmp_path / f"x{suffix}")
    found = load(tmp_path / f"x{suffix}", map_location=device_of(xp))
    assert [type(value) for value in found.values()] == [Tensor] * 3 and list(found) == ["a", "b", "c"]
    assert {value.device.partition(":")[0] for value in found.values()} == {device_of(xp)}
    assert [value.dtype for value in found.values()] == [np.float32, np.int64, np.bool_]
    assert [value.tolist() for value in found.values()] == [[1.0, 2.0], [[1], [2]], True]
    assert not any(value.requires_grad for value in found.values())
    save_arrays(tmp_path / f"y{suffix}", state, {"note": "Tensors, too"})
    assert load_arrays(tmp_path / f"y{suffix}")[0]["b"].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (nn.ReLU(), r"save: a dict of tensors by name is saved, got ReLU; pass model\.state_dict\(\)"),
        (optim.SGD([Tensor([1.0])]), r"got SGD; pass optimizer\.state_dict\(\)"),
        (
            "a.safetensors",
            r"'a\.safetensors' is given first, but the path stands second; write save\(state_dict, path\)",
        ),
        (Tensor([1.0]), r"got Tensor; give it a name: \{'x': x\}"),
        (
            {"model": {"w": Tensor([1.0])}, "epoch": 3},
            "save: 'model' is itself a dict, .* save each in a file of its own",
        ),
        ({"w": Tensor([1.0]), "epoch": 3}, "save: 'epoch' is of type int, .* convert a number with minifcn.tensor"),
        ({"w": [1.0]}, "save: 'w' is of type list"),
        ({3: Tensor([1.0])}, "array names are strings, but 3 is of type int"),
    ],
)
def test_what_is_no_flat_dict_is_refused_with_the_remedy(tmp_path: Path, obj: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        save(obj, tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_other_suffixes(tmp_path: Path) -> None:
    for name in ("model.pt", "model.pth", "model"):
        with pytest.raises(ArgumentError, match=r"name a file of arrays \*\.safetensors or \*\.npz"):
            save({"w": Tensor([1.0])}, tmp_path / name)


def pickled(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps({"weight": [1.0, 2.0]}, protocol))


def zipped(path: Path, _: int) -> None:
    """The layout of a file that torch.save writes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", b"\0" * 8)


@pytest.mark.parametrize("name", ["model.bin", "model", "model.safetensors", "model.npz"])
@pytest.mark.parametrize(("write", "protocol"), [(zipped, 0), (pickled, 2), (pickled, 3), (pickled, 4), (pickled, 5)])
def test_a_pickle_is_refused_whatever_its_name(tmp_path: Path, name: str, write: Any, protocol: int) -> None:
    write(tmp_path / name, protocol)
    for read in (load, load_arrays):
        with pytest.raises(FileError, match=rf"{name} is a pickle, as torch\.save writes it, .* call it \*\.pth"):
            read(tmp_path / name)


def test_a_file_whose_first_bytes_look_like_a_pickle_is_none(tmp_path: Path) -> None:
    """A .safetensors begins with the size of its header: 0x0280 is the beginning of a pickle, and 640 bytes."""
    found = set()
    for length in range(1, 700):
        path = tmp_path / "w.safetensors"
        save({"w" * length: Tensor([1.0])}, path)
        start = path.read_bytes()[:2]
        if start[:1] == b"\x80":
            found.add(start)
            assert load(path)["w" * length].tolist() == [1.0]
    assert found & {b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"}
