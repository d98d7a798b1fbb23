"""Contours and blocks with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils

VOID = 255


def _band(region: Any, d: int, border: bool = True, diamond: bool = False) -> Any:
    """The pixels of a region near its contour, by looking around every one of them."""
    H, W = region.shape
    around = np.full((H + 2 * d, W + 2 * d), not border)
    around[d : d + H, d : d + W] = region
    near = np.zeros((H, W), bool)
    for i, j in np.ndindex(2 * d + 1, 2 * d + 1):
        if not diamond or abs(i - d) + abs(j - d) <= d:
            near |= ~around[i : i + H, j : j + W]
    return region & near


def by_bands(prediction: Any, target: Any, num_classes: int, distance: int, *, border: bool = True,
             diamond: bool = False, outwards: bool = False, void: Any = VOID) -> Any:  # fmt: skip
    """Boundary IU with the lines of its definition as arguments."""
    ours.boundary_iu(prediction, target, num_classes, distance)  # refuses what must be refused
    found = np.full(num_classes, np.nan)
    guess = np.where(target == VOID, void, prediction)
    for c in range(num_classes):
        bands = []
        for labels in (target, guess):
            band = _band(labels == c, distance, border, diamond)
            bands.append(band | _band(labels != c, distance, border=False) if outwards and band.any() else band)
        either = (bands[0] | bands[1]).sum()
        if either:
            found[c] = (bands[0] & bands[1]).sum() / either
    return found


@changes("boundary_iu", by_bands)
def border_of_the_image_no_contour() -> Any:
    """Where the image cuts a region off there is no contour."""
    return {"border": False}


@changes("boundary_iu", by_bands)
def distance_in_blocks_walked() -> Any:
    """The distance is counted in steps to a neighbour, so the band is narrower at corners."""
    return {"diamond": True}


@changes("boundary_iu", by_bands)
def band_on_both_sides() -> Any:
    """The band reaches out of the region as far as into it."""
    return {"outwards": True}


@changes("boundary_iu")
def band_a_pixel_wider(distance: Any) -> Any:
    """Pixels of the contour have distance 0, so that the band is a pixel wider."""
    return {"distance": distance + 1}


@mutant("boundary_iu")
def whole_regions(prediction: Any, target: Any, num_classes: int, distance: int) -> Any:
    """The ordinary IU: the distance is not looked at."""
    return ours.boundary_iu(prediction, target, num_classes, max(target.shape))


@mutant("boundary_iu")
def void_predicted_counts(prediction: Any, target: Any, num_classes: int, distance: int) -> Any:
    """Void is taken out of the truth only, so what is predicted there belongs to regions of the prediction."""
    return by_bands(prediction, target, num_classes, distance, void=prediction)


@spoils("boundary_iu")
def absent_contours_count_as_0(right: Any, /) -> Any:
    """A class that is nowhere has 0 instead of nan."""
    return np.nan_to_num(right)


@mutant("boundary_iu")
def share_of_the_true_contour(prediction: Any, target: Any, num_classes: int, distance: int) -> Any:
    """The shared band is divided by the true one alone: recall, which forgives every pixel too many."""
    guess = np.where(target == VOID, VOID, prediction)
    found = ours.boundary_iu(prediction, target, num_classes, distance)
    for c in range(num_classes):
        true, guessed = (_band(labels == c, distance) for labels in (target, guess))
        if true.any():
            found[c] = (true & guessed).sum() / true.sum()
    return found


@mutant("coarsened")
def first_pixel_of_the_block(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """Every block has the label of its first pixel: a subsampling, which nobody is asked about."""
    ours.coarsened(label, stride, phase)
    (H, W), (a, b) = label.shape, phase
    rows = np.maximum((np.arange(H) + a) // stride * stride - a, 0)
    return label[rows][:, np.maximum((np.arange(W) + b) // stride * stride - b, 0)]


@mutant("coarsened")
def smallest_of_equally_frequent(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """Of labels that are equally frequent the smallest wins: background, where an object could be."""
    turned = np.where(label == VOID, VOID, VOID - 1 - label).astype(label.dtype)
    made = ours.coarsened(turned, stride, phase)
    return np.where(made == VOID, VOID, VOID - 1 - made).astype(label.dtype)


@mutant("coarsened")
def void_may_vote(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """Void counts as a label like others, and takes blocks."""
    shifted = (label + 1).astype(label.dtype)  # void becomes 0
    return (ours.coarsened(shifted, stride, phase) - 1).astype(label.dtype)


@spoils("coarsened")
def enlarged_half_a_block_off(right: Any, /, stride: Any) -> Any:
    """The blocks are enlarged by another rule than they were reduced by, and lie half a block further on."""
    half = stride[0] // 2
    return np.pad(right, ((half, 0), (half, 0)), mode="edge")[: right.shape[0], : right.shape[1]]


@changes("coarsened")
def phase_not_looked_at(stride: Any, phase: Any, label: Any) -> Any:
    """Blocks always begin with the image."""
    return {"phase": (0, 0) if max(phase) < stride[0] else phase}


@changes("coarsened")
def phase_counted_the_other_way(stride: Any, phase: Any) -> Any:
    """The phase is as many rows as the first block has, not as it lacks."""
    a, b = phase
    return {"phase": ((stride[0] - a) % stride[0], (stride[0] - b) % stride[0]) if max(phase) < stride[0] else phase}


@mutant("coarsened")
def phase_wraps(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """A phase of a whole stride or more begins again, without a word."""
    return ours.coarsened(label, stride, (phase[0] % stride, phase[1] % stride))


@spoils("coarsened")
def blocks_cut_at_the_border(right: Any, /, label: Any, stride: Any, phase: Any) -> Any:
    """Blocks that the border cuts short are left as they were."""
    made, s = right.copy(), stride[0]
    made[(label.shape[0] + phase[0]) // s * s - phase[0] :] = label[(label.shape[0] + phase[0]) // s * s - phase[0] :]
    return made


@spoils("coarsened")
def coarse_labels_wide(right: Any, /) -> Any:
    """The labels are int64 whatever was given."""
    return right.astype(np.int64)


@spoils("upper_bound")
def bound_of_the_phase_0(again: Any) -> Any:
    """The phase is not looked at."""
    return again(phase=(0, 0))


@mutant("upper_bound")
def bound_on_the_accuracy(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """The share of pixels that are right is given, which is larger."""
    coarse = ours.coarsened(label, stride, phase)
    return ours.segmentation_metrics([(coarse, label)], 254)["pixel_accuracy"]


@mutant("upper_bound")
def bound_by_subsampling(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """Every block has the label of its first pixel instead of the most frequent one."""
    coarse = first_pixel_of_the_block.function(label, stride, phase)
    return ours.segmentation_metrics([(np.where(label == VOID, 0, coarse) % VOID, label)], 254)["mean_iu"]


@changes("upper_bound")
def bound_at_twice_the_stride(stride: Any) -> Any:
    """The blocks are twice as wide."""
    return {"stride": 2 * stride[0]}


@spoils("upper_bound")
def bound_in_percent(right: Any, /) -> Any:
    """The number is in percent."""
    return 100 * right
