"""The operations that hostile cases are tried on, by name, and how an error is asked for what it has to say.

Every operation here is called as `call(x, kernel, **parameters)`: x is an image, and whatever else the operation needs
(a weight of ones, indices, a layer around them) is made to fit x, in its dtype and on its device. So a case that holds
for several operations is one test with their names in a table.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn, use_algorithm
from minifcn.arrays.convolution import matrix
from minifcn.errors import ArgumentError, MinifcnError
from minifcn.machine.backend import array_module, to_numpy

# --- tensors ----------------------------------------------------------------------------------------------------------


def ones(xp: ModuleType, *shape: int, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    return Tensor(xp.ones(shape, dtype), requires_grad)


def ones_beside(x: Tensor, *shape: int) -> Tensor:
    """Ones in the dtype of x, on its device."""
    return Tensor(array_module(x.data).ones(shape, x.dtype))


def full(xp: ModuleType, value: Any, *shape: int, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    return Tensor(xp.full(shape, value, dtype), requires_grad)


def whole(xp: ModuleType, seed: int, *shape: int, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """Integers in [-9, 9] as floating point: what is computed from them is exact, in any order."""
    return Tensor(xp.asarray(np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)), requires_grad)


def tensor(xp: ModuleType, data: Any, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    return Tensor(xp.asarray(np.asarray(data, dtype)), requires_grad)


def values(x: Tensor) -> np.ndarray:
    return to_numpy(x.data)


def equal(found: Tensor, expected: Any) -> None:
    """The same numbers, bit for bit, and the same shape; NaN equals NaN."""
    np.testing.assert_array_equal(values(found), expected, strict=False)
    assert found.shape == np.shape(expected)


# --- errors -----------------------------------------------------------------------------------------------------------


def refused(call: Callable[[], Any], *fragments: str, error: type[MinifcnError] = ArgumentError) -> None:
    """`call` raises `error`, in one sentence with every fragment in it and numbers as a person writes them."""
    with pytest.raises(error) as caught:
        call()
    sentence = str(caught.value)
    missing = [fragment for fragment in fragments if fragment not in sentence]
    assert not missing, f"{missing} not in: {sentence}"
    assert sentence.endswith("."), sentence
    assert "np.int" not in sentence, sentence


# --- operations with a window -----------------------------------------------------------------------------------------

Windowed = Callable[..., Any]
OUT = 6  # channels that a convolution makes


def weight_for(x: Tensor, kernel: tuple[int, int], transposed: bool = False) -> Tensor:
    """Ones of shape (OUT, C, *kernel), or transposed (C, OUT, *kernel)."""
    channels = (x.shape[1], OUT) if transposed else (OUT, x.shape[1])
    return ones_beside(x, *channels, *kernel)


def _conv2d(x: Tensor, kernel: Any, **parameters: Any) -> Any:
    return F.conv2d(x, weight_for(x, kernel), **parameters)


def _conv_transpose2d(x: Tensor, kernel: Any, **parameters: Any) -> Any:
    return F.conv_transpose2d(x, weight_for(x, kernel, transposed=True), **parameters)


def _convolution_matrix(x: Tensor, kernel: Any, **parameters: Any) -> Any:
    return F.convolution_matrix(weight_for(x, kernel), x.shape[2:], **parameters)


def _max_unpool2d(x: Tensor, kernel: Any, **parameters: Any) -> Any:
    return F.max_unpool2d(x, array_module(x.data).zeros(x.shape, np.int64), kernel, **parameters)


def _layer(kind: Any) -> Windowed:
    """A layer with channels, in the dtype of x and beside it."""

    def call(x: Tensor, kernel: Any, **parameters: Any) -> Any:
        layer = kind(x.shape[1], OUT, kernel, **parameters, generator=np.random.default_rng(0))
        return layer.to(x.dtype).to(x.device)(x)

    return call


def _max_unpool_layer(x: Tensor, kernel: Any, **parameters: Any) -> Any:
    return nn.MaxUnpool2d(kernel, **parameters)(x, array_module(x.data).zeros(x.shape, np.int64))


# name of the operation as its errors have it -> how to call it
WINDOWED: dict[str, Windowed] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "convolution_matrix": _convolution_matrix,
    "max_pool2d": F.max_pool2d,
    "avg_pool2d": F.avg_pool2d,
    "max_unpool2d": _max_unpool2d,
    "unfold": F.unfold,
    "Conv2d": _layer(nn.Conv2d),
    "ConvTranspose2d": _layer(nn.ConvTranspose2d),
    "MaxPool2d": lambda x, kernel, **parameters: nn.MaxPool2d(kernel, **parameters)(x),
    "AvgPool2d": lambda x, kernel, **parameters: nn.AvgPool2d(kernel, **parameters)(x),
    "MaxUnpool2d": _max_unpool_layer,
    "Unfold": lambda x, kernel, **parameters: nn.Unfold(kernel, **parameters)(x),
}

# Which of the numbers of a window each one takes, besides the kernel, and the smallest value that is allowed.
SMALLEST = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0, "kernel_size": 1}
TAKES: dict[str, tuple[str, ...]] = {
    "conv2d": ("stride", "padding", "dilation", "groups"),
    "conv_transpose2d": ("stride", "padding", "dilation", "groups", "output_padding"),
    "convolution_matrix": ("stride", "padding", "dilation", "groups"),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation"),
    "avg_pool2d": ("kernel_size", "stride", "padding"),
    "max_unpool2d": ("kernel_size", "stride", "padding"),
    "unfold": ("kernel_size", "stride", "padding", "dilation"),
    "Conv2d": ("kernel_size", "stride", "padding", "dilation", "groups"),
    "ConvTranspose2d": ("kernel_size", "stride", "padding", "dilation", "groups", "output_padding"),
    "MaxPool2d": ("kernel_size", "stride", "padding", "dilation"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "MaxUnpool2d": ("kernel_size", "stride", "padding"),
    "Unfold": ("kernel_size", "stride", "padding", "dilation"),
}


def windowed(name: str, x: Tensor, kernel: Any, **parameters: Any) -> Any:
    """The operation of that name; a `kernel_size` among the parameters takes the place of the kernel."""
    return WINDOWED[name](x, parameters.pop("kernel_size", kernel), **parameters)


# --- algorithms -------------------------------------------------------------------------------------------------------

ALGORITHMS = ("loops", "dense matrix", "sparse matrix", "im2col")
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


@contextlib.contextmanager
def algorithm_of(name: str) -> Iterator[None]:
    """`use_algorithm`, with the two forms that the matrix can have told apart."""
    kind, _, form = name.rpartition(" ")
    with pytest.MonkeyPatch.context() as patch, use_algorithm(form):
        if kind:
            patch.setattr(matrix, "DENSE_LIMIT_BYTES", 1 << 40 if kind == "dense" else -1)
        yield


# --- operations on images ---------------------------------------------------------------------------------------------

# What takes a batch of images of floating point (N, C, H, W) as `x`, called in the simplest way.
IMAGE_OPERATIONS: dict[str, Callable[[Tensor], Any]] = {
    "conv2d": lambda x: _conv2d(x, (1, 1)),
    "conv_transpose2d": lambda x: _conv_transpose2d(x, (1, 1)),
    "max_pool2d": lambda x: F.max_pool2d(x, (2, 1)),
    "avg_pool2d": lambda x: F.avg_pool2d(x, (2, 1)),
    "max_unpool2d": lambda x: _max_unpool2d(x, (2, 1)),
    "unfold": lambda x: F.unfold(x, (2, 1)),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    "interpolate": lambda x: F.interpolate(x, (3, 5), mode="bilinear"),
    "local_response_norm": lambda x: F.local_response_norm(x, 2),
    "dropout2d": lambda x: F.dropout2d(x, 0.5, generator=np.random.default_rng(0)),
}
