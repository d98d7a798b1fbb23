"""What a stride costs: the truth itself at the stride of a score, enlarged again and measured.

A network whose score has stride s decides once for each block of s x s pixels. If it made no mistake, every block would
have the label that most of its pixels have: that is `coarsened`, and `upper_bound` is its mean IU. Lines that are
thinner than half a block are gone, and so are corners and holes.

The paper reduces the truth, enlarges it, and gives the mean IU for six factors (PAPER). It does not say how a label map
is reduced or enlarged, where the blocks begin, what becomes of void, nor which images they are. So there are three ways
here. With n_c(b) = pixels of class c in block b, a pixel p of block b gets

    majority   argmax_c n_c(b)                  the best of all maps that are constant on blocks, in pixel accuracy
    bilinear   argmax_c Σ_b' t(p, b') n_c(b')   t is the tent of bilinear enlargement: contours may cross a block
    centre     the label of the pixel in the middle of b, by row and column s // 2; of a void one, the majority

Void has no say in any of them. Finer blocks that divide coarser ones never have less pixel accuracy by majority: what
is constant on the coarse blocks is constant on the fine ones, too. Mean IU has no such law.

Source: Long, Shelhamer and Darrell 2015 (arXiv 1411.4038, version 2, appendix A).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minifcn.arguments import IntOrPair, integer, pair
from minifcn.errors import ArgumentError
from minifcn.labels import VOID, outside
from minifcn.machine.backend import Array, array_module, at_home, to_numpy
from minifcn.metrics.checks import label_map
from minifcn.metrics.confusion import ConfusionMatrix

WAYS = ("majority", "bilinear", "centre")
PAPER = {128: 50.9, 64: 73.3, 32: 86.1, 16: 92.8, 8: 96.4, 4: 98.5}  # mean IU in percent, "a subset of PASCAL 2011 val"


def coarsened(label: Array, stride: int, phase: IntOrPair = 0, way: str = "majority") -> Array:
    """y[i, j] = the most frequent label of the block that pixel (i, j) is in: reduced by `stride` and enlarged again.

    label    integer labels (..., H, W), in NumPy or CuPy; 255 is void
    stride   s, the side of a block in pixels, at least 1
    phase    how many rows and columns of the first block lie above and to the left of the image, each from 0 to s − 1:
             pixel (i, j) is in block (⌊(i + phase) / s⌋, ⌊(j + phase) / s⌋). Blocks at the border may be cut short
    way      "majority", or "bilinear" or "centre", which the formulas above this function tell
    returns  labels of the same shape and dtype

    Void pixels have no say; a block of void alone stays void. Of labels that are equally frequent the largest number
    wins: an object rather than the background, where that is 0. Raises ArgumentError for a stride or phase out of
    range, another way, labels that are neither 0 to 254 nor void, and fewer than two dimensions; ArgumentTypeError for
    what is no integer.

    >>> import numpy as np
    >>> coarsened(np.array([[0, 1, 1, 1], [0, 1, 0, 0]], np.uint8), 2)
    array([[1, 1, 1, 1],
           [1, 1, 1, 1]], dtype=uint8)
    """
    if way not in WAYS:
        raise ArgumentError(f"coarsened: way is {way!r}; choose one of {', '.join(WAYS)}.")
    return in_ways(label, stride, phase, (way,))[way]


def in_ways(label: Array, stride: int, phase: IntOrPair = 0, ways: Sequence[str] = WAYS) -> dict[str, Array]:
    """`coarsened(label, stride, phase, way)` for each of the ways; the votes in a block are counted once for all."""
    s, (top, left) = integer(stride, "coarsened: stride", 1), pair(phase, "coarsened: phase", 0)
    if max(top, left) >= s:
        raise ArgumentError(f"coarsened: phase {(top, left)} must be smaller than stride {s}; it repeats after that.")
    label = label_map("coarsened", "label", label)
    if label.ndim < 2:
        raise ArgumentError(f"coarsened: label must be (..., H, W), got shape {label.shape}; pass whole images.")
    with at_home(label):
        xp, (*images, H, W) = array_module(label), label.shape
        whole = label.astype(xp.int64)
        if outside(whole, VOID).any():
            raise ArgumentError(
                f"coarsened: label holds {int(whole.min())} to {int(whole.max())} but labels run from 0 to {VOID - 1} "
                f"(and void is {VOID}); map the labels."
            )
        rows, columns = -(-(H + top) // s), -(-(W + left) // s)
        blocks = xp.full((*images, rows * s, columns * s), VOID, xp.int64)
        blocks[..., top : top + H, left : left + W] = whole
        blocks = blocks.reshape(*images, rows, s, columns, s)
        winners = _winners(xp, blocks, to_numpy(xp.unique(whole)), ways)
        if "centre" in ways and whole.size:  # without pixels there is no middle
            i, j = (_middles(xp, *of) for of in ((rows, s, top, H), (columns, s, left, W)))
            middle = whole[..., i[:, None], j]
            winners["centre"] = xp.where(middle == VOID, winners["centre"], middle)
        for way in set(ways) - {"bilinear"}:
            winners[way] = winners[way].repeat(s, -2).repeat(s, -1)
        return {way: winners[way][..., top : top + H, left : left + W].astype(label.dtype) for way in ways}


def _winners(xp: Any, blocks: Array, labels: Any, ways: Sequence[str]) -> dict[str, Array]:
    """By way the label with most votes: of each block or, if they are enlarged bilinearly, of each pixel."""
    leading: dict[bool, tuple[Array, Array]] = {}  # enlarged or not -> the label that leads, and its votes
    for c in [VOID, *labels]:
        votes = (blocks == c).sum((-3, -1))
        for bilinear in {way == "bilinear" for way in ways}:
            counted = votes
            if bilinear:
                counted = _enlarged(xp, _enlarged(xp, votes, blocks.shape[-1], -2), blocks.shape[-1], -1)
            if bilinear not in leading:
                start = xp.full(counted.shape, VOID, xp.int64), xp.ones(counted.shape, xp.int64)  # 0 votes win nothing
                leading[bilinear] = start
            elif c != VOID:
                winner, most = leading[bilinear]
                leading[bilinear] = xp.where(counted >= most, c, winner), xp.maximum(counted, most)
    return {way: leading[way == "bilinear"][0] for way in ways}


def _enlarged(xp: Any, votes: Array, s: int, axis: int) -> Array:
    """`votes`, s times as many along `axis`, and 2 s times as large: bilinear in whole numbers.

    The centre of pixel i lies at (i + 1/2) / s − 1/2 between blocks, which is (2 i + 1 − s) / 2 s; at the border the
    last block goes on.
    """
    count = votes.shape[axis]
    place = 2 * xp.arange(count * s) + 1 - s
    before = place // (2 * s)
    share = (place - 2 * s * before).reshape(-1, *[1] * (-axis - 1))
    first, second = (votes.take((before + step).clip(0, count - 1), axis) for step in (0, 1))
    return first * (2 * s - share) + second * share


def _middles(xp: Any, count: int, s: int, phase: int, side: int) -> Array:
    """The row (or column) of the image in the middle of each block; the nearest one, where a block is cut short."""
    return (s * xp.arange(count) + s // 2 - phase).clip(0, side - 1)


def upper_bounds(
    labels: Iterable[Array], strides: Sequence[int], phase: IntOrPair = 0, way: str = "majority",
    num_classes: int = VOID,
) -> dict[int, ConfusionMatrix]:  # fmt: skip
    """For each stride one confusion matrix over all labels: `coarsened(label, stride, phase, way)` against `label`.

    labels        label maps (..., H, W), of any sizes; they are gone through once
    strides       strides, each at least 1
    phase, way    as for `coarsened`; the phase has to be smaller than every stride
    num_classes   C of the matrices; what is larger than needed leaves no trace in `mean_iu`
    returns       by stride; `mean_iu()` of a matrix is the bound, `pixel_accuracy()` the largest that blocks allow

    Raises as `coarsened`, and ArgumentError for a label that is no class.

    >>> import numpy as np
    >>> checkers = np.indices((4, 6)).sum(0) % 2
    >>> {s: round(matrix.mean_iu(), 2) for s, matrix in upper_bounds([checkers], (1, 2)).items()}
    {1: 1.0, 2: 0.25}
    """
    found = {int(stride): ConfusionMatrix(num_classes) for stride in strides}
    for label in labels:
        for stride, matrix in found.items():
            matrix.update(coarsened(label, stride, phase, way), label)
    return found


def upper_bound(label: Array, stride: int, phase: IntOrPair = 0, way: str = "majority") -> float:
    """The mean IU of `coarsened(label, stride, phase, way)` as a prediction of `label`: what a perfect score reaches.

    label, stride, phase, way   as for `coarsened`; of a batch (N, H, W) pixels are counted together, void not at all
    returns                     the mean over the classes in `label`, as `ConfusionMatrix.mean_iu`; nan, with a
                                warning, if all is void

    The number depends on the phase: a disk of radius 20 in the middle of 128x128 pixels has an IU of .776 at stride 8
    with phase 0, and .884 with phase 4. It bounds what decides once for each block, and chooses blocks for the largest
    pixel accuracy. A score that is enlarged bilinearly can place a contour inside a block, and beat it: .930 of that
    disk with phase 0. Raises as `coarsened`. Source: Long, Shelhamer and Darrell 2015 (arXiv version 2, appendix A),
    with 96.4 at stride 8 and 86.1 at 32 for PASCAL VOC.

    >>> import numpy as np
    >>> i, j = np.ogrid[:128, :128]
    >>> disk = ((i - 63.5) ** 2 + (j - 63.5) ** 2 <= 20**2).astype(np.uint8)
    >>> [round(upper_bound(disk, stride), 3) for stride in (1, 2, 4, 8, 16, 32)]
    [1.0, 0.98, 0.96, 0.879, 0.879, 0.461]
    """
    coarse = coarsened(label, stride, phase, way)
    with at_home(label):
        there = to_numpy(array_module(label).unique(label))
    matrix = ConfusionMatrix(int(there[there != VOID].max(initial=0)) + 1)
    matrix.update(coarse, label)
    return matrix.mean_iu()
