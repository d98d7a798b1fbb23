"""Sizes made to fit: up to a multiple and back, down to another map, and apart by a stride."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, Pair, pair
from minifcn.errors import ArgumentError
from minifcn.functional.indexing import PutItem
from minifcn.functional.operands import tensor, unchanged
from minifcn.functional.shaping import crop, cropped, pad
from minifcn.machine.backend import Array
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


@dataclass(frozen=True)
class Undo:
    """The way back from `pad_to_multiple`: undo(y) = y[..., :H, :W] for every map y as large as what was padded."""

    size: Pair
    padded: Pair

    def __call__(self, y: Tensor) -> Tensor:
        _plane("undo", y, "y")
        if y.shape[-2:] != self.padded:
            raise ArgumentError(
                f"undo: y is {y.shape[-2]}x{y.shape[-1]}, but what was padded is {self.padded[0]}x{self.padded[1]}; "
                f"bring y to that size first, or use crop_like."
            )
        return crop(y, self.size)


def pad_to_multiple(x: Tensor, m: IntOrPair) -> tuple[Tensor, Undo]:
    """y[..., :H, :W] = x, zeros below and to the right, up to the next multiples of m: (y, the way back).

    A network of total stride m then makes maps that lie evenly over the image, whatever its size. All that is added
    stands at the end, so every pixel keeps its place.

    x        (..., H, W)
    m        at least 1, an integer or (rows, columns)
    returns  y (..., ⌈H/m⌉·m, ⌈W/m⌉·m), x itself where nothing is missing; and undo: undo(z) is z[..., :H, :W], for
             every map z as large as y, whatever its channels

    Raises ArgumentError for an m below 1 or an x of fewer than two dimensions; `undo` for a map of another size.

    >>> import minifcn
    >>> image = minifcn.Tensor([[1.0, 2.0, 3.0]])
    >>> padded, undo = pad_to_multiple(image, 2)
    >>> padded
    Tensor([[1., 2., 3., 0.],
            [0., 0., 0., 0.]])
    >>> undo(padded * 10)
    Tensor([[10., 20., 30.]])
    """
    multiple = pair(m, "pad_to_multiple: m", 1)
    H, W = _plane("pad_to_multiple", x, "x")
    below, beyond = -H % multiple[0], -W % multiple[1]
    undo = Undo((H, W), (H + below, W + beyond))
    return (pad(x, (0, beyond, 0, below)) if below or beyond else unchanged(x)), undo


def crop_like(x: Tensor, like: Tensor | Array, offset: IntOrPair = 0) -> Tensor:
    """y[..., i, j] = x[..., a + i, b + j], as large as `like`: `crop` to the size of another map.

    x        (..., H, W)
    like     (..., h, w), of which only the last two sizes matter
    offset   (a, b), or one integer for both: the row and column of x where the result begins
    returns  (..., h, w), a view

    Raises ArgumentError if the window leaves x. FCN crops its maps so, by offsets that `models/alignment.py` derives.

    >>> import minifcn
    >>> x = minifcn.Tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
    >>> crop_like(x, x[:2, :2], offset=1)
    Tensor([[4., 5.],
            [7., 8.]])
    """
    shape = getattr(like, "shape", ())
    if len(shape) < 2:
        raise ArgumentError(f"crop_like: like must be a map (..., h, w), got shape {tuple(shape)}; or use crop.")
    return cropped("crop_like", x, tuple(shape[-2:]), offset)


def insert_zeros(x: Tensor, stride: IntOrPair) -> Tensor:
    """y[..., i·s, j·s] = x[..., i, j], zero elsewhere: s − 1 zeros between neighbours, none around the border.

    What a stride means to a transposed convolution: conv_transpose2d(x, w, stride=s) is
    conv_transpose2d(insert_zeros(x, s), w, stride=1). Its gradient reads every s-th pixel.

    x        (..., H, W)
    stride   s, at least 1, an integer or (rows, columns)
    returns  (..., (H − 1)·s + 1, (W − 1)·s + 1); x itself for s = 1

    Raises ArgumentError for a stride below 1 or an x of fewer than two dimensions, AllocationError for a result larger
    than all memory. Source: Dumoulin and Visin 2016, §4.5.

    >>> import minifcn
    >>> insert_zeros(minifcn.Tensor([[1.0, 2.0], [3.0, 4.0]]), (1, 3))
    Tensor([[1., 0., 0., 2.],
            [3., 0., 0., 4.]])
    """
    down, right = pair(stride, "insert_zeros: stride", 1)
    H, W = _plane("insert_zeros", x, "x")
    size = max(0, (H - 1) * down + 1), max(0, (W - 1) * right + 1)
    if size == (H, W):
        return unchanged(x)
    shape = (*x.shape[:-2], *size)
    require_memory("insert_zeros: a result", shape, x._array, "reduce stride")
    return PutItem((..., slice(None, None, down), slice(None, None, right)), shape)(x)


def _plane(name: str, x: Tensor, argument: str) -> Pair:
    """(H, W) of a Tensor (..., H, W)."""
    if tensor(name, x, argument).ndim < 2:
        raise ArgumentError(f"{name}: {argument} must be (..., H, W), got shape {x.shape}; reshape it.")
    H, W = x.shape[-2:]
    return H, W
