"""What a stride costs: the truth itself at the stride of a score, enlarged again and measured.

A network whose score has stride s decides once for each block of s x s pixels. If it made no mistake, every block would
have the label that most of its pixels have: that is `coarsened`, and `upper_bound` is its mean IU. Lines that are
thinner than half a block are gone, and so are corners and holes.
"""

from __future__ import annotations

from minifcn.arguments import IntOrPair, integer, pair
from minifcn.errors import ArgumentError
from minifcn.labels import VOID, outside
from minifcn.machine.backend import Array, array_module, at_home, to_numpy
from minifcn.metrics.checks import label_map
from minifcn.metrics.confusion import ConfusionMatrix


def coarsened(label: Array, stride: int, phase: IntOrPair = 0) -> Array:
    """y[i, j] = the most frequent label of the block that pixel (i, j) is in: reduced by `stride` and enlarged again.

    label    integer labels (..., H, W), in NumPy or CuPy; 255 is void
    stride   s, the side of a block in pixels, at least 1
    phase    how many rows and columns of the first block lie above and to the left of the image, each from 0 to s − 1:
             pixel (i, j) is in block (⌊(i + phase) / s⌋, ⌊(j + phase) / s⌋). Blocks at the border may be cut short
    returns  labels of the same shape and dtype

    Void pixels have no say; a block of void alone stays void. Of labels that are equally frequent the largest number
    wins: an object rather than the background, where that is 0. Raises ArgumentError for a stride or phase out of
    range, labels that are neither 0 to 254 nor void, and fewer than two dimensions; ArgumentTypeError for what is no
    integer.

    >>> import numpy as np
    >>> coarsened(np.array([[0, 1, 1, 1], [0, 1, 0, 0]], np.uint8), 2)
    array([[1, 1, 1, 1],
           [1, 1, 1, 1]], dtype=uint8)
    """
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
        winner = xp.full((*images, rows, columns), VOID, xp.int64)
        most = xp.ones(winner.shape, xp.int64)  # a label that is not there wins nothing
        for c in to_numpy(xp.unique(whole)):
            if c != VOID:
                votes = (blocks == c).sum((-3, -1))
                winner, most = xp.where(votes >= most, c, winner), xp.maximum(votes, most)
        enlarged = winner.repeat(s, -2).repeat(s, -1)
        return enlarged[..., top : top + H, left : left + W].astype(label.dtype)


def upper_bound(label: Array, stride: int, phase: IntOrPair = 0) -> float:
    """The mean IU of `coarsened(label, stride, phase)` as a prediction of `label`: what a perfect coarse score reaches.

    label, stride, phase   as for `coarsened`; of a batch (N, H, W) the pixels are counted together, void not at all
    returns                the mean over the classes in `label`, as `ConfusionMatrix.mean_iu`; nan, with a warning, if
                           all is void

    The number depends on the phase: a disk of radius 20 in the middle of 128x128 pixels has an IU of .776 at stride 8
    with phase 0, and .884 with phase 4. It bounds what decides once for each block, and chooses blocks for the largest
    pixel accuracy. A score that is enlarged bilinearly can place a contour between blocks, and beat it a little.
    Raises as `coarsened`. Source: Long, Shelhamer and Darrell 2015 (arXiv version 2, appendix A), with 96.4 at stride 8
    and 86.1 at 32 for PASCAL VOC.

    >>> import numpy as np
    >>> i, j = np.ogrid[:128, :128]
    >>> disk = ((i - 63.5) ** 2 + (j - 63.5) ** 2 <= 20**2).astype(np.uint8)
    >>> [round(upper_bound(disk, stride), 3) for stride in (1, 2, 4, 8, 16, 32)]
    [1.0, 0.98, 0.96, 0.879, 0.879, 0.461]
    """
    coarse = coarsened(label, stride, phase)
    with at_home(label):
        there = to_numpy(array_module(label).unique(label))
    matrix = ConfusionMatrix(int(there[there != VOID].max(initial=0)) + 1)
    matrix.update(coarse, label)
    return matrix.mean_iu()
