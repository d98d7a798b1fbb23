"""Laws of contours and of blocks: what is near an edge, and what a stride leaves of a label map. All exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import close, demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, pairs, seeds, shown

VOID = 255


@dataclass(frozen=True)
class Maps:
    """Two label maps of one size with regions of several pixels, some of the truth void; a distance."""

    num_classes: int
    prediction: np.ndarray
    target: np.ndarray
    distance: int

    def __str__(self) -> str:
        made = f"{count(self.num_classes, 'class')}, distance {self.distance}".replace("classs", "classes")
        return f"{made}\n{shown(prediction=self.prediction, target=self.target)}"


def _regions(source: np.random.Generator, C: int, size: Pair) -> np.ndarray:
    """A few rectangles of any class, one over the other."""
    H, W = size
    labels = np.zeros(size, np.uint8)
    for _ in range(3):
        top, left = source.integers(0, H), source.integers(0, W)
        labels[top : top + source.integers(1, H + 1), left : left + source.integers(1, W + 1)] = source.integers(0, C)
    return labels


@st.composite
def maps(draw: Draw, void: bool = True) -> Maps:
    # Mostly so large that something is left inside a band, which is where a wrong distance shows.
    C, size = draw(st.sampled_from([2, 3, 2, 1])), draw(st.one_of(pairs(6, 10), pairs(6, 10), pairs(1, 8)))
    distance = draw(st.sampled_from([2, 1, 3]))
    source = np.random.default_rng(draw(seeds()))
    prediction, target = _regions(source, C, size), _regions(source, C, size)
    if void and draw(st.booleans()):
        target[source.random(size) < 0.2] = VOID
    if draw(st.integers(0, 3)) == 0:
        prediction = np.where(target == VOID, 0, target).astype(np.uint8)
    return Maps(C, prediction, target, distance)


def measured(ops: Operations, case: Maps, **changed: Any) -> np.ndarray:
    given = {"prediction": case.prediction, "target": case.target, "distance": case.distance, **changed}
    found = ops.boundary_iu(given["prediction"], given["target"], case.num_classes, given["distance"])
    right = np.shape(found) == (case.num_classes,)
    demand(right, f"The result has shape {np.shape(found)}, it should have ({case.num_classes},).")
    return np.asarray(found, float)


@law("boundary_iu", cases=maps)
def only_pixels_near_a_contour_count(ops: Operations, case: Maps) -> None:
    """Look around every pixel: it counts for its class if a pixel d rows and columns away at most is not of the class.

    |band(G) ∩ band(P)| / |band(G) ∪ band(P)|, band(R) = {q ∈ R : some q' ∉ R with |q − q'| ≤ d, or the image ends}
    """
    (H, W), d, expected = case.target.shape, case.distance, []
    inside = case.target != VOID
    for c in range(case.num_classes):
        bands = []
        for labels in (case.target, np.where(inside, case.prediction, VOID)):
            around = np.zeros((H + 2 * d, W + 2 * d), bool)
            around[d : d + H, d : d + W] = labels == c
            windows = np.lib.stride_tricks.sliding_window_view(around, (2 * d + 1, 2 * d + 1))
            bands.append((labels == c) & ~windows.all((2, 3)))
        either = (bands[0] | bands[1]).sum()
        expected.append((bands[0] & bands[1]).sum() / either if either else np.nan)
    close(measured(ops, case), expected, "boundary IU")


@law("boundary_iu", cases=maps)
def a_perfect_contour_is_1(ops: Operations, case: Maps) -> None:
    """The truth itself has boundary IU 1 for every class that is there, and none for one that is not.

    boundary_iu(t, t) = 1 for the classes in t
    """
    there = [np.any(case.target == c) for c in range(case.num_classes)]
    perfect = np.where(case.target == VOID, 0, case.target)
    equal(measured(ops, case, prediction=perfect), np.where(there, 1, np.nan), "boundary IU of the truth")


@law("boundary_iu", "confusion_matrix", cases=maps)
def a_wide_band_is_the_region(ops: Operations, case: Maps) -> None:
    """Where the distance reaches through every region, boundary IU is IU.

    boundary_iu(p, t, d) = n_cc / (t_c + p_c − n_cc) for d ≥ max(H, W)
    """
    hist = np.asarray(ops.confusion_matrix([(case.prediction, case.target)], case.num_classes), float)
    right, either = np.diag(hist), hist.sum(0) + hist.sum(1) - np.diag(hist)
    expected = np.divide(right, either, out=np.full(len(hist), np.nan), where=either > 0)
    close(measured(ops, case, distance=max(case.target.shape)), expected, "boundary IU at a large distance")


@law("boundary_iu", cases=maps)
def what_is_predicted_under_void_does_not_matter(ops: Operations, case: Maps) -> None:
    """Void pixels of the truth belong to no region, whatever is predicted there.

    boundary_iu(p, t) = boundary_iu(p', t) if p = p' where t is not void
    """
    other = np.where(case.target == VOID, case.num_classes - 1 - case.prediction, case.prediction).astype(np.uint8)
    equal(measured(ops, case, prediction=other), measured(ops, case), "boundary IU with another prediction under void")


@law("boundary_iu", cases=maps, void=False)
def truth_and_prediction_may_change_places(ops: Operations, case: Maps) -> None:
    """Intersection and union do not ask which of the two is right.

    boundary_iu(p, t) = boundary_iu(t, p)   without void
    """
    exchanged = measured(ops, case, prediction=case.target, target=case.prediction)
    equal(exchanged, measured(ops, case), "boundary IU with truth and prediction exchanged")


# --- what a stride leaves ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strided:
    """A label map, a stride and a phase below it."""

    label: np.ndarray
    stride: int
    phase: Pair

    def __str__(self) -> str:
        return f"stride {self.stride}, phase {self.phase}\n{shown(label=self.label)}"


@st.composite
def strided(draw: Draw) -> Strided:
    stride, size = draw(st.integers(1, 4)), draw(pairs(1, 9))
    phase = draw(st.integers(0, stride - 1)), draw(st.integers(0, stride - 1))
    source = np.random.default_rng(draw(seeds()))
    label = source.integers(0, 3, size).astype(np.uint8) if draw(st.booleans()) else _regions(source, 3, size)
    label[source.random(size) < draw(st.sampled_from([0, 0.2, 0.6]))] = VOID
    return Strided(label, stride, phase)


@law("coarsened", cases=strided)
def every_block_has_its_most_frequent_label(ops: Operations, case: Strided) -> None:
    """Count the labels of each block: the most frequent one takes all of it, of several the largest number.

    y[i, j] = max argmax_c #{q in the block of (i, j) : t[q] = c}, block (⌊(i + a)/s⌋, ⌊(j + b)/s⌋)
    """
    (H, W), s, (a, b) = case.label.shape, case.stride, case.phase
    made = np.asarray(ops.coarsened(case.label, s, (a, b)))
    demand(made.shape == (H, W) and made.dtype == case.label.dtype,
           f"The result is {made.dtype} {made.shape}, it should be {case.label.dtype} {case.label.shape}.")  # fmt: skip
    expected = np.empty((H, W), np.uint8)
    rows, columns = (np.arange(H) + a) // s, (np.arange(W) + b) // s
    for block in np.ndindex(int(rows[-1]) + 1, int(columns[-1]) + 1):
        here = (rows[:, None] == block[0]) & (columns == block[1])
        votes = np.bincount(case.label[here], minlength=VOID + 1)[:VOID]
        expected[here] = VOID - 1 - votes[::-1].argmax() if votes.any() else VOID
    equal(made, expected, "the label map")


@law("coarsened", cases=strided)
def what_is_made_of_blocks_stays(ops: Operations, case: Strided) -> None:
    """A label map that is coarse already is left as it is: the same blocks once more change nothing.

    coarsened(coarsened(t)) = coarsened(t)
    """
    once = ops.coarsened(case.label, case.stride, case.phase)
    equal(ops.coarsened(once, case.stride, case.phase), once, "what was coarsened twice")


@law("coarsened", cases=strided)
def a_phase_is_rows_above_the_image(ops: Operations, case: Strided) -> None:
    """A phase is as many rows and columns of void put before the image, and cut off again.

    coarsened(t, s, (a, b)) = coarsened(void around t, s, 0)[a:, b:]
    """
    a, b = case.phase
    around = np.pad(case.label, ((a, 0), (b, 0)), constant_values=VOID)
    shifted = ops.coarsened(around, case.stride, (0, 0))[a:, b:]
    equal(ops.coarsened(case.label, case.stride, case.phase), shifted, "the label map")


@law("coarsened", cases=strided)
def a_phase_ends_where_it_repeats(ops: Operations, case: Strided) -> None:
    """A phase of a whole stride would be a block that is not there: an error.

    coarsened(t, s, (s, 0)) is refused, and so is s = 0
    """
    refuses(partial(ops.coarsened, case.label, case.stride, (case.stride, 0)), f"A phase of {case.stride}")
    refuses(partial(ops.coarsened, case.label, 0, (0, 0)), "A stride of 0")


@law("upper_bound", "coarsened", "segmentation_metrics", cases=strided)
def the_bound_is_the_mean_iu_of_the_coarse_truth(ops: Operations, case: Strided) -> None:
    """The upper bound measures the truth at that stride against the truth.

    upper_bound(t, s) = mean_iu(coarsened(t, s), t)
    """
    if (case.label == VOID).all():
        return
    coarse = ops.coarsened(case.label, case.stride, case.phase)
    expected = ops.segmentation_metrics([(coarse, case.label)], 3)["mean_iu"]
    close(ops.upper_bound(case.label, case.stride, case.phase), expected, "the upper bound")


@law("upper_bound", cases=strided)
def a_stride_of_1_loses_nothing(ops: Operations, case: Strided) -> None:
    """At stride 1 the bound is 1, and it is 1 at stride s for a label map whose pixels are s times as large.

    upper_bound(t, 1) = 1 = upper_bound(t with every pixel s x s times, s)
    """
    if (case.label == VOID).all():
        return
    equal(ops.upper_bound(case.label, 1, (0, 0)), 1.0, "the upper bound at stride 1")
    larger = case.label.repeat(case.stride, 0).repeat(case.stride, 1)
    equal(ops.upper_bound(larger, case.stride, (0, 0)), 1.0, "the upper bound of enlarged pixels")
