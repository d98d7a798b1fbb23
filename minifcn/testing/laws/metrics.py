"""Laws of the confusion matrix: whole numbers, all exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, seeds, shown

VOID = 255
Batches = list[tuple[Any, Any]]


@dataclass(frozen=True)
class MetricsCase:
    """Batches of predicted and true labels, uint8 of one shape each; at least one pixel is not void."""

    num_classes: int
    batches: Batches

    @property
    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """All predictions and all targets, each as one row of pixels."""
        prediction, target = zip(*self.batches, strict=True)
        return np.concatenate([p.ravel() for p in prediction]), np.concatenate([t.ravel() for t in target])

    @property
    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of `whole` that are not void."""
        prediction, target = self.whole
        return prediction[target != VOID], target[target != VOID]

    def __str__(self) -> str:
        named: dict[str, np.ndarray] = {}
        for number, (prediction, target) in enumerate(self.batches, 1):
            named |= {f"prediction {number}": prediction, f"target {number}": target}
        void = int((self.whole[1] == VOID).sum())
        return (f"{count(len(self.batches), 'batch').replace('batchs', 'batches')}, {self.num_classes} classes, "
                f"{count(void, 'void pixel')}\n{shown(**named)}")  # fmt: skip


@st.composite
def metrics_cases(draw: Draw, void: bool = True) -> MetricsCase:
    """1 to 3 batches; 2 to 20 classes of which only some need occur; predictions that are right every other time."""
    C, used = draw(st.sampled_from([2, 3, 4, 20])), draw(st.sampled_from([1.0, 1.0, 0.5]))
    share = draw(st.sampled_from([0.0, 0.3])) if void else 0.0
    sizes = draw(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 4)), min_size=1, max_size=3))
    generator = np.random.default_rng(draw(seeds()))
    classes = np.sort(generator.permutation(C)[: max(1, int(used * C))])
    batches = []
    for size in sizes:
        target = generator.choice(classes, size)
        prediction = np.where(generator.random(size) < 0.5, target, generator.choice(classes, size))
        target = np.where(generator.random(size) < share, VOID, target)
        batches.append((prediction.astype(np.uint8), target.astype(np.uint8)))
    batches[0][1].flat[0] = generator.choice(classes)
    return MetricsCase(C, batches)


def renamed(labels: np.ndarray, case: MetricsCase) -> np.ndarray:
    """Class c becomes C − 1 − c; void stays."""
    return np.where(labels == VOID, VOID, case.num_classes - 1 - labels.astype(int)).astype(np.uint8)


@law("confusion_matrix", cases=metrics_cases)
def a_pixel_counts_once_in_the_row_of_its_truth(ops: Operations, case: MetricsCase) -> None:
    """A single pixel makes a single 1: its true class says the row, the predicted one the column.

    truth i, predicted j  ⟹  hist[i, j] = 1, zero elsewhere
    """
    for j, i in sorted(set(zip(*case.counted, strict=True)))[:4]:
        expected = np.zeros((case.num_classes, case.num_classes), int)
        expected[i, j] = 1
        pixel = np.full((1, 1, 1), j, np.uint8), np.full((1, 1, 1), i, np.uint8)
        equal(ops.confusion_matrix([pixel], case.num_classes), expected, f"the count of truth {i} predicted as {j}")


@law("confusion_matrix", cases=metrics_cases)
def rows_add_up_to_the_truth(ops: Operations, case: MetricsCase) -> None:
    """A row holds all pixels of its true class, a column all that are predicted as its class, and none is void.

    Σ_j hist[i, j] = #{t = i},   Σ_i hist[i, j] = #{p = j, t not void}
    """
    hist, (prediction, target) = ops.confusion_matrix(case.batches, case.num_classes), case.counted
    equal(hist.sum(1), np.bincount(target, minlength=case.num_classes), "the sums of the rows")
    equal(hist.sum(0), np.bincount(prediction, minlength=case.num_classes), "the sums of the columns")


@law("confusion_matrix", cases=metrics_cases)
def the_diagonal_is_what_is_right(ops: Operations, case: MetricsCase) -> None:
    """The diagonal counts the pixels whose prediction is the truth, and nothing else does.

    Σ_i hist[i, i] = #{p = t, t not void}
    """
    prediction, target = case.counted
    equal(np.trace(ops.confusion_matrix(case.batches, case.num_classes)), (prediction == target).sum(), "the diagonal")


@law("confusion_matrix", cases=metrics_cases)
def batches_add_up(ops: Operations, case: MetricsCase) -> None:
    """The matrix of all batches is the sum of theirs.

    hist(batch 1, ..., batch B) = Σ hist(batch b)
    """
    each = [ops.confusion_matrix([batch], case.num_classes) for batch in case.batches]
    equal(ops.confusion_matrix(case.batches, case.num_classes), sum(each))


@law("confusion_matrix", cases=metrics_cases)
def labelled_pixels_may_be_shuffled(ops: Operations, case: MetricsCase) -> None:
    """Where a pixel lies means nothing: all in one row, in another order, make the same counts.

    hist(p[σ], t[σ]) = hist(p, t)
    """
    prediction, target = case.whole
    row = prediction[::-1], target[::-1]
    equal(ops.confusion_matrix([row], case.num_classes), ops.confusion_matrix(case.batches, case.num_classes))


@law("confusion_matrix", cases=metrics_cases)
def other_numbers_move_rows_and_columns_alike(ops: Operations, case: MetricsCase) -> None:
    """With the classes numbered otherwise, rows and columns change places in the same way.

    hist(σ(p), σ(t))[σ(i), σ(j)] = hist(p, t)[i, j]
    """
    other = [(renamed(prediction, case), renamed(target, case)) for prediction, target in case.batches]
    moved = ops.confusion_matrix(case.batches, case.num_classes)[::-1, ::-1]
    equal(ops.confusion_matrix(other, case.num_classes), moved)


@law("confusion_matrix", cases=metrics_cases, void=False)
def exchanged_truth_transposes(ops: Operations, case: MetricsCase) -> None:
    """Taking the prediction for the truth exchanges rows and columns.

    hist(t, p) = hist(p, t)ᵀ   where nothing is void
    """
    turned = [(target, prediction) for prediction, target in case.batches]
    straight = ops.confusion_matrix(case.batches, case.num_classes)
    equal(ops.confusion_matrix(turned, case.num_classes), straight.T)


@law("confusion_matrix", cases=metrics_cases)
def void_labels_hide_the_prediction(ops: Operations, case: MetricsCase) -> None:
    """What is predicted at a void pixel is not looked at, whatever it is.

    hist(p changed where t is void, t) = hist(p, t) = hist(the pixels that are not void)
    """
    hist = ops.confusion_matrix(case.batches, case.num_classes)
    for label in (0, case.num_classes - 1, VOID):
        wild = [(np.where(t == VOID, label, p).astype(np.uint8), t) for p, t in case.batches]
        equal(ops.confusion_matrix(wild, case.num_classes), hist, f"the count with {label} predicted at void pixels")
    equal(ops.confusion_matrix([case.counted], case.num_classes), hist, "the count of what is not void")


@law("confusion_matrix", cases=metrics_cases)
def counts_do_not_overflow(ops: Operations, case: MetricsCase) -> None:
    """A real set has billions of pixels: the counts are wider than the labels.

    hist(300 copies in one batch) = 300 · hist,   hist(one pixel 70 000 times) = 70 000 · hist(the pixel)
    """
    p, t = case.batches[0]
    once = ops.confusion_matrix([(p, t)], case.num_classes)
    many = np.concatenate([p.ravel()] * 300), np.concatenate([t.ravel()] * 300)
    equal(ops.confusion_matrix([many], case.num_classes), 300 * once, "the count of 300 copies")
    row = np.tile(p.ravel()[:1], 70_000), np.tile(t.ravel()[:1], 70_000)
    expected = 70_000 * ops.confusion_matrix([(p.ravel()[:1], t.ravel()[:1])], case.num_classes)
    equal(ops.confusion_matrix([row], case.num_classes), expected, "the count of one pixel 70 000 times")


@law("confusion_matrix", cases=metrics_cases)
def wider_labels_count_alike(ops: Operations, case: MetricsCase) -> None:
    """uint8, int32 or int64: a label is its value, although C·t + p exceeds a byte.

    hist(p, t as int64) = hist(p, t as uint8)
    """
    hist = ops.confusion_matrix(case.batches, case.num_classes)
    for kinds in ((np.int64, np.int64), (np.uint8, np.int32), (np.int32, np.uint8)):
        other = [(p.astype(kinds[0]), t.astype(kinds[1])) for p, t in case.batches]
        words = f"the count with predictions of {np.dtype(kinds[0])} and targets of {np.dtype(kinds[1])}"
        equal(ops.confusion_matrix(other, case.num_classes), hist, words)


@law("confusion_matrix", "segmentation_metrics", cases=metrics_cases)
def labels_that_cannot_be_counted_are_refused(ops: Operations, case: MetricsCase) -> None:
    """A label beyond the classes, or a prediction of another size than the truth, is an error and not a guess.

    t or p ∈ {−1, C, 254}, or shapes that differ  ⟹  error
    """
    p, t = (labels.astype(np.int64) for labels in case.batches[0])
    for operation in (ops.confusion_matrix, ops.segmentation_metrics):
        for label in (-1, case.num_classes, 254):
            wrong = t.copy()
            wrong.flat[0] = label
            words = f"label {label} among {case.num_classes} classes"
            refuses(partial(operation, [(p, wrong)], case.num_classes), f"The true {words}")
            wrong = p.copy()
            wrong.flat[0] = label
            refuses(partial(operation, [(wrong, t)], case.num_classes), f"The predicted {words}")
        longer = np.concatenate([t, t])
        words = f"A prediction of shape {p.shape} for a target of shape {longer.shape}"
        refuses(partial(operation, [(p, longer)], case.num_classes), words)


@law("confusion_matrix", "segmentation_metrics", cases=metrics_cases)
def predictions_and_labels_are_only_read(ops: Operations, case: MetricsCase) -> None:
    """Counting changes neither the predictions nor the labels, not even where they are void.

    after counting: p and t unchanged
    """
    copies = [(p.copy(), t.copy()) for p, t in case.batches]
    ops.confusion_matrix(copies, case.num_classes)
    ops.segmentation_metrics(copies, case.num_classes)
    for (p, t), (before_p, before_t) in zip(copies, case.batches, strict=True):
        equal(p, before_p, "the prediction afterwards")
        equal(t, before_t, "the target afterwards")
