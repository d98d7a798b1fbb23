"""The weights in a Keras `.h5`, in the order of axes that is used here; needs h5py, `pip install minifcn[keras]`.

Keras keeps a convolution as (rows, columns, in, out), a dense layer as (in, out), and flattens a map row by row with
its channels together: the rows of the first dense layer are (row, column, channel). Here and in PyTorch it is channel
by channel. The wrong order has the right shape and raises no error; it only makes every answer wrong.

    kernel (KH, KW, I, O)  -> weight (O, I, KH, KW)
    kernel (I, O)          -> weight (O, I)
    kernel (H·W·C, O)      -> (H, W, C, O) -> (O, C, H, W) -> weight (O, C·H·W)      the first dense layer
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import FileError

KERNELS, BIASES = ("kernel", "W"), ("bias", "b")
MOST_TIMES = 64  # all arrays may need so many times the size of the file, which may be compressed
MOST_NESTED = 8


def read_keras_h5(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays by name, {}): block1_conv1.weight, block1_conv1.bias, ..., fc1.weight, ...

    Raises FileError where h5py is missing or a weight is of a kind that has no place here, ValueError with the reason
    for what points out of the file or is larger than it, and whatever h5py raises for damage.
    """
    try:
        import h5py
    except ImportError:
        raise FileError(
            f"{path} can be read with h5py, which is not installed; install it: pip install 'minifcn[keras]'."
        ) from None
    with h5py.File(path, "r") as file:
        root = _inside(h5py, file, "model_weights") if "model_weights" in file else file
        datasets: dict[str, Any] = {}
        for layer in _layers(root):
            _collect(h5py, root, layer, layer, datasets, 0)
        size = sum(math.prod(dataset.shape) * dataset.dtype.itemsize for dataset in datasets.values())
        if size > MOST_TIMES * path.stat().st_size:
            raise ValueError(f"its arrays need {size} bytes, but the file has {path.stat().st_size}")
        kept = {name: np.asarray(dataset[()]) for name, dataset in datasets.items()}
    return _in_our_order(kept, path), {}


def _layers(root: Any) -> list[str]:
    """The layers in the order of the network, where the file says it."""
    named = [name.decode() if isinstance(name, bytes) else str(name) for name in root.attrs.get("layer_names", [])]
    return [name for name in named if name in root] or sorted(root)


def _collect(h5py: Any, group: Any, name: str, layer: str, into: dict[str, Any], depth: int) -> None:
    """The arrays of one layer, however deeply they lie in it."""
    found = _inside(h5py, group, name)
    if isinstance(found, h5py.Dataset):
        if found.external or found.is_virtual:
            raise ValueError(f"{name!r} has its numbers in another file")
        if found.dtype.kind != "f":
            raise ValueError(f"{name!r} is of dtype {found.dtype}")
        label = f"{layer}.{_part(name)}"
        if label in into:
            raise ValueError(f"{label!r} is there twice")
        into[label] = found
    elif depth > MOST_NESTED:
        raise ValueError(f"layer {layer!r} is nested more than {MOST_NESTED} times")
    else:
        for inner in found:
            _collect(h5py, found, inner, layer, into, depth + 1)


def _inside(h5py: Any, group: Any, name: str) -> Any:
    """What lies in the group itself: a link may lead anywhere, out of the file too."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name!r} points to another place")
    return group[name]


def _part(name: str) -> str:
    """block1_conv1_W_1:0 and kernel:0 -> weight; others keep their name, without ":0"."""
    plain = name.partition(":")[0]
    words = plain.split("_")
    if plain in KERNELS or words[-1] in KERNELS or (len(words) > 1 and words[-2] in KERNELS):
        return "weight" if "depthwise" not in words else plain
    if plain in BIASES or words[-1] in BIASES or (len(words) > 1 and words[-2] in BIASES):
        return "bias"
    return plain


def _in_our_order(kept: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    channels = 0  # of the convolution before, until the first dense layer has used it
    for name, array in kept.items():
        if name.endswith(".weight") and array.ndim == 4:
            arrays[name] = np.ascontiguousarray(array.transpose(3, 2, 0, 1))
            channels = array.shape[3]
        elif name.endswith(".weight") and array.ndim == 2:
            inputs, outputs = array.shape
            if channels and inputs != channels:
                arrays[name] = _from_maps(name, array, channels, path).reshape(outputs, inputs)
            else:
                arrays[name] = np.ascontiguousarray(array.T)
            channels = 0
        else:
            arrays[name] = np.ascontiguousarray(array)
    return arrays


def _from_maps(name: str, array: np.ndarray, channels: int, path: Path) -> np.ndarray:
    """(H·W·C, O) -> (O, C, H, W); the map that was flattened is taken to be square."""
    inputs, outputs = array.shape
    side = math.isqrt(inputs // channels)
    if side * side * channels != inputs:
        raise FileError(
            f"{path}: {name!r} takes {inputs} numbers, which are no square map of {channels} channels, so their order "
            f"cannot be known; save the network with images of equal height and width."
        )
    return np.ascontiguousarray(array.reshape(side, side, channels, outputs).transpose(3, 2, 0, 1))
