"""Contours and blocks found in other ways than minifcn does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import variant

VOID = 255


@variant("boundary_iu")
def by_eroding(prediction: Any, target: Any, num_classes: int, distance: int) -> Any:
    """The region is eroded d times by a pixel on all eight sides, and what was lost is the band: as its authors do."""

    def band(region: Any) -> Any:
        left = np.pad(region, 1)
        for _ in range(distance):
            left = np.pad(left, 1)
            H, W = left.shape
            left = np.logical_and.reduce([left[i : H - 2 + i, j : W - 2 + j] for i in range(3) for j in range(3)])
        return region & ~left[1:-1, 1:-1]

    found, guess = [], np.where(target == VOID, VOID, prediction)
    for c in range(num_classes):
        true, guessed = band(target == c), band(guess == c)
        either = np.count_nonzero(true | guessed)
        found.append(np.count_nonzero(true & guessed) / either if either else np.nan)
    return np.array(found)


@variant("coarsened")
def by_counting_each_block(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """Pixel by pixel into one tally for each block, then pixel by pixel out of it."""
    if not 0 <= max(phase) < stride:
        raise ValueError(f"there is no phase {phase} of a stride of {stride}")
    tallies: dict[Any, Counter[int]] = {}
    for (i, j), c in np.ndenumerate(label):
        tally = tallies.setdefault(((i + phase[0]) // stride, (j + phase[1]) // stride), Counter())
        if c != VOID:
            tally[int(c)] += 1
    made = label.copy()
    for i, j in np.ndindex(*label.shape):
        tally = tallies[(i + phase[0]) // stride, (j + phase[1]) // stride]
        made[i, j] = max(tally, key=lambda c: (tally[c], c)) if tally else VOID
    return made


@variant("upper_bound")
def from_the_counts_of_the_blocks(label: Any, stride: int, phase: Any = (0, 0)) -> Any:
    """Intersections and unions of sets of pixels, class by class."""
    coarse, counted = by_counting_each_block.function(label, stride, phase), label != VOID
    overlaps = []
    for c in np.unique(label[counted]):
        true, guessed = label == c, (coarse == c) & counted
        overlaps.append((true & guessed).sum() / (true | guessed).sum())
    return float(np.mean(overlaps)) if overlaps else ours.upper_bound(label, stride, phase)
