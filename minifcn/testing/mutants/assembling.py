"""Ways back of FCN-8s with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.ours_places import tents
from minifcn.testing.version import changes, spoils


def assembled(score: Any, skip4: Any, skip3: Any, size: Any, *, up: Any = tents, join: Any = ours.fuse, first: int = 1,
              last: int = 4) -> Any:  # fmt: skip
    """The steps: what enlarges, what joins, and what is cropped after each of the first two and after the last."""
    coarse = join(up(score, 2), skip4, first)
    return ours.crop(up(join(up(coarse, 2), skip3, first), 8), size, (last, last))


def _repeated(x: Any, factor: int) -> Any:
    """Each pixel factor x factor times, in as many rows as tents have."""
    edge = factor // 2
    made = x.repeat(factor, 2).repeat(factor, 3)
    return np.pad(made, ((0, 0), (0, 0), (edge, edge), (edge, edge)), mode="edge")


@changes("fcn8s")
def skip4_left_out(skip4: Any) -> Any:
    """skip4 is an argument, but it is never added: of the skips only the finer one counts."""
    return {"skip4": np.zeros_like(skip4)}


@changes("fcn8s")
def skip3_left_out(skip3: Any) -> Any:
    """skip3 is an argument, but it is never added: this is FCN-16s."""
    return {"skip3": np.zeros_like(skip3)}


@changes("fcn8s", assembled)
def fused_scores_averaged() -> Any:
    """Where two scores meet their mean is taken instead of their sum."""
    return {"join": lambda score, skip, offset: ours.fuse(score, skip, offset) / 2}


@changes("fcn8s", assembled)
def enlarged_by_repetition() -> Any:
    """Pixels are repeated instead of interpolated: the result has blocks."""
    return {"up": _repeated}


@changes("fcn8s", assembled)
def tents_with_a_sum_of_one() -> Any:
    """All weights of a tent together sum to 1: every enlarging by s divides the score by s²."""
    return {"up": lambda x, factor: tents(x, factor) / factor**2}


@changes("fcn8s", assembled)
def doubled_scores_not_cropped() -> Any:
    """The row and the column that stick out when a score is doubled are not cut off: it meets the skip a pixel late."""
    return {"first": 0}


@changes("fcn8s", assembled)
def last_crop_forgotten() -> Any:
    """The last enlarging is cut to the size of the image from its first row on: labels lie 4 pixels too low."""
    return {"last": 0}


@changes("fcn8s", assembled)
def last_crop_a_row_early() -> Any:
    """The last crop begins at 3 instead of 4, one pixel off: smaller than any metric shows."""
    return {"last": 3}


@changes("fcn8s", assembled)
def later_skip_wins() -> Any:
    """Where two scores meet the larger one stays."""

    def join(score: Any, skip: Any, offset: int) -> Any:
        H, W = (min(n - offset, m) for n, m in zip(score.shape[2:], skip.shape[2:], strict=True))
        return np.maximum(score[:, :, offset : offset + H, offset : offset + W], skip[:, :, :H, :W])

    return {"join": join}


@changes("fcn8s", assembled)
def classes_mixed_by_the_tents() -> Any:
    """The tent stands in every entry of the weight (C, C, k, k): every class gets the sum of all classes."""
    return {"up": lambda x, factor: np.broadcast_to(tents(x, factor).sum(1, keepdims=True), tents(x, factor).shape)}


@changes("fcn8s")
def smaller_where_scores_end(skip3: Any, size: Any) -> Any:
    """Slices beyond the end are shorter without a word: an image that is not covered gets a smaller result."""
    return {"size": tuple(min(n, 8 * m + 4) for n, m in zip(size, skip3.shape[2:], strict=True))}


@spoils("fcn8s")
def assembled_in_double_precision(right: Any, /) -> Any:
    """The tents are float64, and so is the result, whatever was given."""
    return right.astype(np.float64)


@spoils("fcn8s")
def skip_added_in_place(right: Any, /, skip3: Any) -> Any:
    """The score is added into the memory of skip3, which is the caller's."""
    if skip3.flags.writeable:
        skip3 += 1
    return right


def _corners_aligned(x: Any, factor: int) -> Any:
    """Interpolated so that the corner pixels stay in the corners, framed as tents are."""
    edge, (H, W) = factor // 2, x.shape[2:]
    made = ours.interpolate(x, (factor * H, factor * W), "bilinear", True)
    return np.pad(made, ((0, 0), (0, 0), (edge, edge), (edge, edge)), mode="edge")


@changes("fcn8s", assembled)
def enlarged_between_the_corners() -> Any:
    """Enlarged with aligned corners: how far pixels move apart depends on how many there are."""
    return {"up": _corners_aligned}
