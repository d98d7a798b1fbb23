"""Keras's files: the order of axes is turned into ours, and nothing is read that lies elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn.errors import FileError
from minifcn.weights import load_arrays


def test_without_h5py_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"\x89HDF")
    with pytest.raises(FileError, match=r"a\.h5 can be read with h5py, .* pip install 'minifcn\[keras\]'"):
        load_arrays(tmp_path / "a.h5")


@pytest.fixture
def h5py() -> Any:
    return pytest.importorskip("h5py", reason="h5py is not installed, so no .h5 can be made or read")


def write(h5py: Any, path: Path, layers: dict[str, dict[str, np.ndarray]], inside: str | None = None) -> Path:
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, arrays in layers.items():
            group = root.create_group(layer)
            for name, array in arrays.items():
                group.create_dataset(name, data=array)
    return path


RNG = np.random.default_rng(0)
KERNEL = RNG.standard_normal((3, 5, 3, 4)).astype(np.float32)  # (rows, columns, in, out)
DENSE = RNG.standard_normal((2 * 2 * 4, 6)).astype(np.float32)
SECOND = RNG.standard_normal((6, 4)).astype(np.float32)


@pytest.mark.parametrize("inside", [None, "model_weights"])
@pytest.mark.parametrize("style", ["old", "new"])
def test_the_order_of_axes(tmp_path: Path, h5py: Any, style: str, inside: str | None) -> None:
    def named(layer: str, part: str) -> str:
        return f"{layer}_{part}_1:0" if style == "old" else f"{layer}/{'kernel' if part == 'W' else 'bias'}:0"

    layers = {
        name: {named(name, "W"): kernel, named(name, "b"): np.zeros(kernel.shape[-1], np.float32)}
        for name, kernel in (("block1_conv1", KERNEL), ("fc1", DENSE), ("fc2", SECOND))
    }
    arrays, _ = load_arrays(write(h5py, tmp_path / "a.h5", {"input_1": {}, **layers}, inside))
    assert sorted(arrays) == sorted(f"{name}.{part}" for name in layers for part in ("weight", "bias"))
    assert arrays["block1_conv1.weight"].shape == (4, 3, 3, 5)
    assert arrays["block1_conv1.weight"][3, 2, 1, 4] == KERNEL[1, 4, 2, 3]
    # The dense layer means the same of a map that Keras flattens (row, column, channel) and we (channel, row, column).
    image = RNG.standard_normal((4, 2, 2)).astype(np.float32)
    np.testing.assert_allclose(
        arrays["fc1.weight"] @ image.ravel(), image.transpose(1, 2, 0).ravel() @ DENSE, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(arrays["fc2.weight"], SECOND.T)


def test_a_map_that_is_not_square(tmp_path: Path, h5py: Any) -> None:
    layers = {"conv": {"kernel:0": KERNEL}, "fc": {"kernel:0": np.ones((2 * 3 * 4, 5), np.float32)}}
    with pytest.raises(FileError, match=r"takes 24 numbers, which are no square map of 4 channels"):
        load_arrays(write(h5py, tmp_path / "a.h5", layers))


@pytest.mark.case(55)
@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual", "bomb", "text", "cut"])
def test_hostile_files(tmp_path: Path, h5py: Any, kind: str) -> None:
    other = write(h5py, tmp_path / "other.h5", {"conv": {"kernel:0": KERNEL}})
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("conv")
        if kind == "external link":
            group["kernel:0"] = h5py.ExternalLink(str(other), "conv/kernel:0")
        elif kind == "soft link":
            group["kernel:0"] = h5py.SoftLink("/elsewhere")
        elif kind == "external storage":
            group.create_dataset("kernel:0", (8,), "f4", external=[(str(other), 0, 32)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 5, 3, 4), "f4")
            layout[...] = h5py.VirtualSource(str(other), "conv/kernel:0", (3, 5, 3, 4))
            group.create_virtual_dataset("kernel:0", layout)
        elif kind == "bomb":
            group.create_dataset("kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1, 1))
        elif kind == "text":
            group.create_dataset("kernel:0", data=np.array([b"hello"]))
        else:
            group.create_dataset("kernel:0", data=KERNEL)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    words = {
        "external link": "points to another place", "soft link": "points to another place",
        "external storage": "has its numbers in another file", "virtual": "has its numbers in another file",
        "bomb": "its arrays need", "text": "is of dtype", "cut": "damaged",
    }[kind]  # fmt: skip
    with pytest.raises(FileError, match=words):
        load_arrays(path)
