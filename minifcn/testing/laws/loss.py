"""Laws of cross entropy: what may change without changing the loss, what void pixels do, and the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import log

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, seeds, shown, whole_numbers

VOID = 255


@dataclass(frozen=True)
class LossCase:
    """scores (N, C, H, W); labels (N, H, W) of uint8, at least one not void; one weight per class or None."""

    scores: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None

    @property
    def factors(self) -> np.ndarray:
        return np.ones(self.scores.shape[1]) if self.weight is None else self.weight

    @property
    def each(self) -> np.ndarray:
        """What every pixel weighs: (N, H, W), 0 where it is void."""
        return np.where(self.counted, self.factors[np.where(self.counted, self.target, 0)], 0)

    @property
    def counted(self) -> np.ndarray:
        return self.target != VOID

    @property
    def onehot(self) -> np.ndarray:
        """(N, C, H, W), all zero at void pixels."""
        return (self.target[:, None] == np.arange(self.scores.shape[1])[:, None, None]).astype(float)

    def __str__(self) -> str:
        N, C, H, W = self.scores.shape
        weights = {} if self.weight is None else {"weight": self.weight}
        void = count(int((~self.counted).sum()), "void pixel")
        made = f"{count(N, 'image')} with {H}x{W} pixels, {C} classes, {void}"
        return f"{made}\n{shown(scores=self.scores, target=self.target, **weights)}"


@st.composite
def loss_cases(draw: Draw) -> LossCase:
    """Whole-number scores, weights that are powers of two. Void are no pixels, a third of them, or all but one."""
    N, H, W = draw(st.sampled_from([1, 2, 2])), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    C, void = draw(st.integers(2, 4)), draw(st.sampled_from([0.0, 0.3, 0.3, 1.0]))
    weighted, seed = draw(st.booleans()), draw(seeds())
    generator = np.random.default_rng(seed)
    target = np.where(generator.random((N, H, W)) < void, VOID, generator.integers(0, C, (N, H, W))).astype(np.uint8)
    target.flat[generator.integers(target.size)] = generator.integers(C)
    weight = 2.0 ** generator.permutation(np.arange(C) - 1) if weighted else None
    return LossCase(whole_numbers(seed, (N, C, H, W)), target, weight)


def in_a_row(array: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The pixels where `keep` as one image of one row: (N, C, H, W) -> (1, C, 1, n), or (N, H, W) -> (1, 1, n)."""
    return np.moveaxis(array, 1, -1)[keep].T[None, :, None] if array.ndim == 4 else array[keep][None, None]


# --- the value --------------------------------------------------------------------------------------------------------


@law("cross_entropy", cases=loss_cases)
def scores_are_logarithms_of_probabilities(ops: Operations, case: LossCase) -> None:
    """Where scores are logarithms of probabilities, a pixel costs −log of the probability of its label.

    x = log p, Σ_c p[c] = 1  ⟹  loss = Σ weight[t]·(−log p[t]) / Σ weight[t]
    """
    parts = 2.0 ** np.abs(case.scores)
    p = parts / parts.sum(1, keepdims=True)
    expected = -(case.onehot * np.log(p) * case.each[:, None]).sum() / case.each.sum()
    close(ops.cross_entropy(np.log(p), case.target, case.weight), expected, "the loss")


@law("cross_entropy", cases=loss_cases)
def equal_scores_cost_log_of_the_classes(ops: Operations, case: LossCase) -> None:
    """A network that knows nothing scores all C classes alike, and pays log C, however many pixels and what weights.

    x[n, c, i, j] = 1  ⟹  loss = log C
    """
    flat = np.ones_like(case.scores)
    close(ops.cross_entropy(flat, case.target, case.weight), log(flat.shape[1]), "the loss")


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def a_constant_added_to_a_pixel_changes_nothing(ops: Operations, case: LossCase) -> None:
    """Only differences between the scores of a pixel count.

    loss(x[n, c, i, j] + k[n, i, j]) = loss(x), and the same gradient
    """
    moved = case.scores + 100 * np.abs(case.scores[:, :1])
    close(ops.cross_entropy(moved, case.target, case.weight), ops.cross_entropy(case.scores, case.target, case.weight),
          "the loss")  # fmt: skip
    close(ops.cross_entropy_backward(moved, case.target, case.weight),
          ops.cross_entropy_backward(case.scores, case.target, case.weight), "the gradient")  # fmt: skip


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def classes_may_be_numbered_otherwise(ops: Operations, case: LossCase) -> None:
    """The numbers of the classes mean nothing, as long as scores, labels and weights use the same ones.

    loss(x[:, σ], σ⁻¹(t), weight[σ]) = loss(x, t, weight), and the gradient's classes are in the order σ
    """
    C = case.scores.shape[1]
    target = np.where(case.counted, (case.target.astype(int) + 1) % C, VOID).astype(np.uint8)
    weight = None if case.weight is None else np.roll(case.weight, 1)
    renamed = np.roll(case.scores, 1, 1), target, weight
    close(ops.cross_entropy(*renamed), ops.cross_entropy(case.scores, case.target, case.weight), "the loss")
    gradient = ops.cross_entropy_backward(case.scores, case.target, case.weight)
    close(ops.cross_entropy_backward(*renamed), np.roll(gradient, 1, 1), "the gradient")


@law("cross_entropy", cases=loss_cases)
def pixels_may_change_places(ops: Operations, case: LossCase) -> None:
    """All pixels of all images count alike, wherever they are: the loss is no mean of the images' means.

    loss(all pixels in one row, in another order) = loss(x)
    """
    every = np.ones(case.target.shape, bool)
    x, t = in_a_row(case.scores, every)[..., ::-1], in_a_row(case.target, every)[..., ::-1]
    close(ops.cross_entropy(x, t, case.weight), ops.cross_entropy(case.scores, case.target, case.weight), "the loss")


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def the_batch_twice_is_the_same_mean(ops: Operations, case: LossCase) -> None:
    """The loss is a mean: the same images once more change nothing, and each of them then receives half.

    loss(x, x) = loss(x),   gradient(x, x) = ½·gradient(x), twice
    """
    x, t = np.concatenate([case.scores] * 2), np.concatenate([case.target] * 2)
    close(ops.cross_entropy(x, t, case.weight), ops.cross_entropy(case.scores, case.target, case.weight), "the loss")
    half = ops.cross_entropy_backward(case.scores, case.target, case.weight) / 2
    close(ops.cross_entropy_backward(x, t, case.weight), np.concatenate([half, half]), "the gradient")


@law("cross_entropy", cases=loss_cases)
def a_weight_counts_like_copies(ops: Operations, case: LossCase) -> None:
    """A class with weight 3 counts as if each of its pixels were there three times.

    loss(x, t, weight) = loss(every pixel repeated weight[t] times)   for whole weights
    """
    weight = np.arange(1.0, case.scores.shape[1] + 1)
    x, t = in_a_row(case.scores, case.counted), in_a_row(case.target, case.counted)
    times = weight[t[0, 0]].astype(int)
    copies = np.repeat(x, times, 3), np.repeat(t, times, 2)
    close(ops.cross_entropy(case.scores, case.target, weight), ops.cross_entropy(*copies), "the loss")


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def large_scores_are_safe(ops: Operations, case: LossCase) -> None:
    """Scores of ten thousand neither overflow nor vanish: a pixel's loss is the distance to its best score.

    x far apart  ⟹  loss = mean of max_c x − x[t],   gradient = (onehot(best) − onehot(t)) · weight[t] / Σ weight[t]
    """
    ranks = case.scores.argsort(1).argsort(1).astype(float)  # 0 to C − 1, each once in a pixel
    x = 1e4 * (ranks - case.scores[:, :1])
    each, total = case.each[:, None], case.each.sum()
    expected = ((x.max(1, keepdims=True) - (x * case.onehot).sum(1, keepdims=True)) * each).sum() / total
    close(ops.cross_entropy(x, case.target, case.weight), expected, "the loss")
    best = (ranks == ranks.max(1, keepdims=True)).astype(float)
    close(ops.cross_entropy_backward(x, case.target, case.weight), (best - case.onehot) * each / total, "the gradient")


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def smoothing_asks_all_classes_for_a_share(ops: Operations, case: LossCase) -> None:
    """With smoothing ε each pixel's label keeps the share 1 − ε, and the rest is shared by the labels of all classes.

    loss(t; ε) = (1 − ε)·loss(t) + ε/C · Σ_c weight[c]·n·loss(c everywhere) / Σ weight[t], and the same gradient
    """
    C, n, total = case.scores.shape[1], int(case.counted.sum()), case.each.sum()
    for name, operation in (("loss", ops.cross_entropy), ("gradient", ops.cross_entropy_backward)):
        evenly = 0
        for c, factor in enumerate(case.factors):
            labels = np.where(case.counted, c, VOID).astype(np.uint8)
            evenly = evenly + factor * n / total * operation(case.scores, labels, case.weight)
        for share in (0.25, 1.0):
            found = operation(case.scores, case.target, case.weight, label_smoothing=share)
            expected = (1 - share) * operation(case.scores, case.target, case.weight) + share / C * evenly
            close(found, expected, f"the {name} with ε = {share:g}")


# --- void pixels and labels -------------------------------------------------------------------------------------------


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def void_pixels_might_as_well_be_missing(ops: Operations, case: LossCase) -> None:
    """A void pixel counts nowhere, neither in the sum nor in what it is divided by, and receives exactly nothing.

    loss(x, t) = loss(pixels that are not void),   gradient = 0 at void pixels
    """
    left = in_a_row(case.scores, case.counted), in_a_row(case.target, case.counted), case.weight
    close(ops.cross_entropy(case.scores, case.target, case.weight), ops.cross_entropy(*left), "the loss")
    gradient = ops.cross_entropy_backward(case.scores, case.target, case.weight)
    close(in_a_row(gradient, case.counted), ops.cross_entropy_backward(*left), "the gradient where pixels count")
    nothing = np.zeros_like(in_a_row(gradient, ~case.counted))
    equal(in_a_row(gradient, ~case.counted), nothing, "the gradient at void pixels")


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def void_pixels_may_hold_anything(ops: Operations, case: LossCase) -> None:
    """The scores of a void pixel are not looked at, not even where they are NaN or infinite.

    loss(x with NaN, ∞ where t is void) = loss(x), and the same gradient
    """
    wild = np.array([np.nan, np.inf, -np.inf, 1e300])[np.arange(case.scores.shape[1])][:, None, None]
    x = np.where(case.counted[:, None], case.scores, wild)
    close(ops.cross_entropy(x, case.target, case.weight), ops.cross_entropy(case.scores, case.target, case.weight),
          "the loss")  # fmt: skip
    close(ops.cross_entropy_backward(x, case.target, case.weight),
          ops.cross_entropy_backward(case.scores, case.target, case.weight), "the gradient")  # fmt: skip


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def all_void_costs_nothing(ops: Operations, case: LossCase) -> None:
    """An image that is void throughout teaches nothing: loss 0, gradient 0, and no NaN of 0/0.

    t = void everywhere  ⟹  loss = 0 and gradient = 0
    """
    void = np.full_like(case.target, VOID)
    equal(ops.cross_entropy(case.scores, void, case.weight), 0.0, "the loss")
    gradient = ops.cross_entropy_backward(case.scores, void, case.weight)
    equal(gradient, np.zeros_like(case.scores), "the gradient")


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def another_number_can_mean_void(ops: Operations, case: LossCase) -> None:
    """Which label is void is the caller's choice, even the number of a class.

    loss(x, t with 0 for void, ignore_index=0) = loss(x, t with 255 for void)   where no label is 0
    """
    lifted = np.where(case.counted & (case.target == 0), 1, case.target).astype(np.uint8)
    other = np.where(case.counted, lifted, 0).astype(np.uint8)
    close(ops.cross_entropy(case.scores, other, case.weight, ignore_index=0),
          ops.cross_entropy(case.scores, lifted, case.weight), "the loss")  # fmt: skip
    close(ops.cross_entropy_backward(case.scores, other, case.weight, ignore_index=0),
          ops.cross_entropy_backward(case.scores, lifted, case.weight), "the gradient")  # fmt: skip


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def labels_without_a_class_are_refused(ops: Operations, case: LossCase) -> None:
    """A label that is neither a class nor void is a mistake in the data, and must be named, not guessed at.

    t ∈ {−1, C, 254}  ⟹  error
    """
    for label in (-1, case.scores.shape[1], 254):
        target = case.target.astype(np.int64)
        target[-1, -1, -1] = label
        for operation in (ops.cross_entropy, ops.cross_entropy_backward):
            call = partial(operation, case.scores, target, case.weight)
            refuses(call, f"The label {label} at the last pixel, among {case.scores.shape[1]} classes,")
