from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID
from minifcn.metrics import ConfusionMatrix

# 10 pixels of three classes, and not symmetric: truth in the rows, prediction in the columns.
EXAMPLE = np.array([[3, 1, 0], [2, 1, 1], [0, 0, 2]])


def matrix_of(hist: np.ndarray) -> ConfusionMatrix:
    return ConfusionMatrix.from_hist(np.asarray(hist))


def quiet(measure: Callable[[], float]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return measure()


def metrics_of(matrix: ConfusionMatrix) -> list[float]:
    return [
        quiet(matrix.pixel_accuracy),
        quiet(matrix.mean_accuracy),
        quiet(matrix.mean_iu),
        quiet(matrix.frequency_weighted_iu),
    ]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    """(classes, prediction, target): some classes are absent, some targets void, and void pixels predict anything."""
    classes = draw(st.integers(1, 6))
    used = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=classes, unique=True))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6))
    target = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([*used, VOID])))
    prediction = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, classes - 1)))
    return classes, np.where(target == VOID, draw(st.integers(-3, 300)), prediction), target


def counted(classes: int, prediction: Any, target: Any, xp: ModuleType = np) -> ConfusionMatrix:
    """With the labels on `xp`; the counts stay NumPy's, to be added up and saved."""
    matrix = ConfusionMatrix(classes)
    matrix.update(xp.asarray(prediction), xp.asarray(target))
    assert type(matrix.hist) is np.ndarray
    return matrix


def slow_metrics(classes: int, prediction: np.ndarray, target: np.ndarray) -> tuple[list[list[int]], list[float]]:
    """The definitions as sets of pixels, in plain Python: no matrix arithmetic, no NumPy."""
    pairs = [
        (t, p) for t, p in zip(target.reshape(-1).tolist(), prediction.reshape(-1).tolist(), strict=True) if t != VOID
    ]
    hist = [[sum(pair == (i, j) for pair in pairs) for j in range(classes)] for i in range(classes)]
    if not pairs:
        return hist, [math.nan] * 4
    accuracies, ius, weighted = [], [], 0.0
    for k in range(classes):
        truth = {n for n, (t, _) in enumerate(pairs) if t == k}
        guess = {n for n, (_, p) in enumerate(pairs) if p == k}
        if truth:
            accuracies.append(len(truth & guess) / len(truth))
            weighted += len(truth) / len(pairs) * len(truth & guess) / len(truth | guess)
        if truth | guess:
            ius.append(len(truth & guess) / len(truth | guess))
    right = sum(t == p for t, p in pairs)
    means = [sum(values) / len(values) for values in (accuracies, ius)]
    return hist, [right / len(pairs), *means, weighted]


def test_the_example_by_hand() -> None:
    matrix = matrix_of(EXAMPLE)
    assert matrix.pixel_accuracy() == 6 / 10
    assert matrix.class_accuracy().tolist() == [3 / 4, 1 / 4, 2 / 2]
    assert matrix.mean_accuracy() == pytest.approx((3 / 4 + 1 / 4 + 1) / 3, abs=1e-15)
    assert matrix.iu().tolist() == [3 / 6, 1 / 5, 2 / 3]
    assert matrix.mean_iu() == pytest.approx((1 / 2 + 1 / 5 + 2 / 3) / 3, abs=1e-15)
    assert matrix.frequency_weighted_iu() == pytest.approx(0.4 / 2 + 0.4 / 5 + 0.2 * 2 / 3, abs=1e-15)


def test_rows_are_truth_and_columns_prediction(xp: ModuleType) -> None:
    matrix = counted(3, np.array([[2, 2, 1]]), np.array([[0, 0, 1]]), xp)
    assert matrix.hist.dtype == np.int64
    assert matrix.hist.tolist() == [[0, 0, 2], [0, 1, 0], [0, 0, 0]]


def test_agrees_with_the_definitions_in_plain_python(xp: ModuleType) -> None:
    @given(labelled())
    def in_every_case(case: tuple[int, np.ndarray, np.ndarray]) -> None:
        matrix = counted(*case, xp)
        hist, metrics = slow_metrics(*case)
        assert matrix.hist.tolist() == hist
        np.testing.assert_allclose(metrics_of(matrix), metrics, rtol=1e-12)

    in_every_case()


@given(labelled(), st.randoms(use_true_random=False))
def test_the_order_of_pixels_and_their_division_into_images_do_not_matter(case, random) -> None:
    classes, prediction, target = case
    whole = counted(classes, prediction, target)
    order = random.sample(range(target.size), target.size)
    cut = random.randint(0, target.size)
    shuffled_prediction, shuffled_target = prediction.reshape(-1)[order], target.reshape(-1)[order]
    parts = counted(classes, shuffled_prediction[:cut], shuffled_target[:cut])
    parts.merge(counted(classes, shuffled_prediction[cut:], shuffled_target[cut:]))
    assert np.array_equal(whole.hist, parts.hist)


@given(labelled(), st.randoms(use_true_random=False))
def test_renaming_the_classes_permutes_the_classes_and_nothing_else(case, random) -> None:
    classes, prediction, target = case
    new = np.arange(256)
    new[:classes] = random.sample(range(classes), classes)
    old = counted(classes, prediction, target)
    renamed = counted(classes, new[np.where(target == VOID, 0, prediction)], new[target])
    np.testing.assert_array_equal(quiet(renamed.iu)[new[:classes]], quiet(old.iu))
    np.testing.assert_allclose(metrics_of(renamed), metrics_of(old), rtol=1e-12)


@given(labelled())
def test_a_perfect_prediction_is_one_in_every_metric(case) -> None:
    classes, _, target = case
    perfect = counted(classes, target.astype(np.int32), target)
    assert metrics_of(perfect) == pytest.approx([1.0] * 4 if (target != VOID).any() else [math.nan] * 4, nan_ok=True)


@given(labelled())
def test_metrics_lie_between_zero_and_one_and_a_union_is_never_smaller_than_the_truth(case) -> None:
    matrix = counted(*case)
    assert all(math.isnan(value) or 0 <= value <= 1 for value in metrics_of(matrix))
    present = matrix.hist.sum(axis=1) > 0
    assert (quiet(matrix.iu)[present] <= quiet(matrix.class_accuracy)[present]).all()


@pytest.mark.case(31)
def test_absent_classes_by_each_convention() -> None:
    # Class 1 is predicted but never true, class 2 is in neither, class 3 is in both.
    matrix = matrix_of(np.array([[6, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 4]]))
    np.testing.assert_array_equal(matrix.iu(), [6 / 10, 0.0, math.nan, 4 / 6])
    np.testing.assert_array_equal(matrix.class_accuracy(), [6 / 8, math.nan, math.nan, 4 / 6])
    assert matrix.mean_accuracy() == pytest.approx((6 / 8 + 4 / 6) / 2, abs=1e-15)
    assert matrix.mean_iu() == pytest.approx((6 / 10 + 0 + 4 / 6) / 3, abs=1e-15)
    assert matrix.mean_iu(only_gt_classes=True) == pytest.approx((6 / 10 + 4 / 6) / 2, abs=1e-15)
    assert matrix.mean_iu(absent="zero") == pytest.approx((6 / 10 + 0 + 0 + 4 / 6) / 4, abs=1e-15)
    assert matrix.frequency_weighted_iu() == pytest.approx((8 * 6 / 10 + 6 * 4 / 6) / 14, abs=1e-15)


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    matrix = matrix_of(np.array([[6, 0], [2, 0]]))
    assert matrix.iu().tolist() == [6 / 8, 0.0] and matrix.mean_iu() == matrix.mean_iu(only_gt_classes=True) == 3 / 8


def test_it_is_one_ratio_over_the_set_and_not_a_mean_over_images(xp: ModuleType) -> None:
    matrix = ConfusionMatrix(2)
    matrix.update(xp.zeros((1, 1), int), xp.ones((1, 1), int))  # a small image, all wrong
    matrix.update(xp.zeros((3, 3), int), xp.zeros((3, 3), int))  # a large one, all right
    assert matrix.pixel_accuracy() == 9 / 10


def test_background_is_a_class_like_the_others() -> None:
    assert matrix_of(np.array([[8, 0], [2, 0]])).mean_iu() == pytest.approx(0.4)


def test_a_full_matrix_with_absent_classes_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix_of(np.array([[2, 1, 0], [0, 0, 0], [0, 0, 0]])).summary(["a", "b", "c"])


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "u8", ">i4"])
def test_any_integer_type_and_layout(dtype: str, xp: ModuleType) -> None:
    target = np.array([[20, 3, 0], [20, 19, VOID]], dtype=dtype)
    prediction = np.array([[20, 3, 20], [3, 19, VOID]], dtype=dtype)
    expected = counted(21, prediction.astype(int), target.astype(int)).hist
    assert expected.sum() == 5 and expected[20, 20] == 1 and expected[20, 3] == 1 and expected[0, 20] == 1
    if dtype.startswith(">"):  # CuPy has no other byte order
        xp = np
    assert np.array_equal(counted(21, prediction, target, xp).hist, expected)
    assert np.array_equal(counted(21, prediction[::-1, ::-1], target[::-1, ::-1], xp).hist, expected)
    assert np.array_equal(counted(21, np.asfortranarray(prediction), target, xp).hist, expected)


def test_inputs_are_left_alone() -> None:
    prediction, target = np.array([[0, 1, 1]]), np.array([[0, 1, VOID]])
    prediction.flags.writeable = target.flags.writeable = False
    counted(2, prediction, target)
    assert target.tolist() == [[0, 1, VOID]]


@pytest.mark.parametrize(
    ("prediction", "target", "error", "words"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), ArgumentError, ["(2, 3)", "(3, 2)", "equal shapes"]),
        (np.zeros(3, int), np.array([0, 7, 4]), ArgumentError, ["target holds 4, 7 ", "0 to 2", "void is 255"]),
        (np.zeros(2, int), np.array([0, -1]), ArgumentError, ["target holds -1 "]),
        (np.zeros(2, np.int8), np.array([0, -1], np.int8), ArgumentError, ["target holds -1 "]),
        (np.zeros(2, int), np.array([0, 2**64 - 1], np.uint64), ArgumentError, [f"target holds {2**64 - 1} "]),
        (np.zeros(9, int), np.arange(9), ArgumentError, ["target holds 3, 4, 5, 6, 7, ... but"]),
        (np.array([3, 0]), np.zeros(2, int), ArgumentError, ["prediction holds 3 ", "0 to 2", "larger num_classes"]),
        (np.array([VOID, 0]), np.zeros(2, int), ArgumentError, ["prediction holds 255 "]),
        (np.zeros(2), np.zeros(2, int), ArgumentTypeError, ["prediction", "float64", "integer"]),
        (np.zeros(2, int), np.zeros(2, bool), ArgumentTypeError, ["target", "bool", "integer"]),
        ([0, 1], np.zeros(2, int), ArgumentTypeError, ["prediction is a list"]),
    ],
)
def test_what_cannot_be_counted_is_named_and_changes_nothing(
    prediction: Any, target: Any, error: type[Exception], words: list[str], xp: ModuleType
) -> None:
    matrix = matrix_of(EXAMPLE)
    with pytest.raises(error) as caught:
        matrix.update(*(a if isinstance(prediction, list) else xp.asarray(a) for a in (prediction, target)))
    assert all(word in str(caught.value) for word in words), caught.value
    assert "np." not in str(caught.value)
    assert np.array_equal(matrix.hist, EXAMPLE)


@pytest.mark.parametrize("classes", [0, -2, 256])
def test_impossible_class_counts(classes: int) -> None:
    with pytest.raises(ArgumentError, match=f"num_classes is {classes}; pass 1 to 255"):
        ConfusionMatrix(classes)


@pytest.mark.parametrize("classes", [2.0, "3", None, True])
def test_class_counts_that_are_no_integers(classes) -> None:
    with pytest.raises(ArgumentTypeError, match="pass an integer"):
        ConfusionMatrix(classes)


def test_all_255_labels_are_possible_classes(xp: ModuleType) -> None:
    labels = np.arange(256).astype(np.uint8)
    assert np.array_equal(counted(255, labels, labels, xp).hist, np.eye(255, dtype=np.int64))


def test_merge_wants_the_same_classes() -> None:
    with pytest.raises(ArgumentError, match="other has 4 classes but this matrix has 3"):
        ConfusionMatrix(3).merge(ConfusionMatrix(4))
    with pytest.raises(ArgumentTypeError, match="other is a ndarray"):
        ConfusionMatrix(3).merge(EXAMPLE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hist", "words"),
    [
        (np.zeros((2, 3), int), "shape (2, 3)"),
        (np.zeros(4, int), "shape (4,)"),
        (np.zeros((2, 2)), "dtype float64"),
        (np.array([[1, 0], [-3, 1]]), "holds -3"),
    ],
)
def test_what_is_no_matrix_of_counts(hist: np.ndarray, words: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        matrix_of(hist)
    assert words in str(caught.value)


def test_from_hist_copies() -> None:
    hist = EXAMPLE.astype(np.int64)
    matrix = matrix_of(hist)
    matrix.update(np.array([0]), np.array([0]))
    assert np.array_equal(hist, EXAMPLE) and matrix.hist[0, 0] == 4


def test_mean_iu_options_are_checked() -> None:
    with pytest.raises(ArgumentError, match='absent is \'skip\'; use "nan" or "zero"'):
        matrix_of(EXAMPLE).mean_iu(absent="skip")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="only_gt_classes leaves absent classes out"):
        matrix_of(EXAMPLE).mean_iu(only_gt_classes=True, absent="zero")


def test_summary_is_json_and_holds_every_number() -> None:
    hist = np.zeros((4, 4), int)
    hist[:3, :3] = EXAMPLE
    matrix = matrix_of(hist)
    summary = matrix.summary(["sky", "road", "tree", "bicyclist"])
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert list(summary) == [
        "pixel_accuracy",
        "mean_accuracy",
        "mean_iu",
        "frequency_weighted_iu",
        "pixels",
        "classes",
    ]
    assert summary["pixel_accuracy"] == matrix.pixel_accuracy()
    assert summary["mean_accuracy"] == matrix.mean_accuracy()
    assert summary["mean_iu"] == matrix.mean_iu()
    assert summary["frequency_weighted_iu"] == matrix.frequency_weighted_iu()
    assert summary["pixels"] == 10
    assert summary["classes"]["road"] == {"iu": 0.2, "accuracy": 0.25, "pixels": 4, "predicted_pixels": 2}
    assert summary["classes"]["bicyclist"] == {"iu": None, "accuracy": None, "pixels": 0, "predicted_pixels": 0}


def test_summary_of_nothing_is_none_with_one_warning() -> None:
    with pytest.warns(RuntimeWarning) as caught:
        summary = ConfusionMatrix(2).summary(["a", "b"])
    assert len(caught) == 1
    assert summary["mean_iu"] is None and summary["classes"]["a"]["iu"] is None
    json.dumps(summary, allow_nan=False)


def test_table_shows_percent_by_name() -> None:
    hist = np.zeros((4, 4), int)
    hist[:3, :3] = EXAMPLE
    table = matrix_of(hist).table(["sky", "road", "a-class-with-a-rather-long-name", "bicyclist"])
    lines = table.splitlines()
    cells = {tuple(line.split()[:-1]): line.split()[-1] for line in lines}
    assert "sky                                50.0      75.0             40.0" in lines
    assert "bicyclist                             -         -              0.0" in lines
    assert cells["pixel", "accuracy"] == "60.0"
    assert cells["mean", "accuracy"] == "66.7"
    assert cells["mean", "IU"] == "45.6"
    assert cells["frequency", "weighted", "IU"] == "41.3"
    assert len({len(line) for line in lines[:-4]}) == 1, "columns are aligned"
    assert table.isascii()


@pytest.mark.filterwarnings("ignore:no pixel was counted")
def test_table_of_nothing() -> None:
    assert "mean IU                     -" in ConfusionMatrix(2).table(["a", "b"]).splitlines()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "b"], "2 class names for 3 classes"),
        ("abc", "1 class names for 3 classes"),
        (["a", "b", "a"], "class name 'a' is there twice"),
    ],
)
def test_class_names_are_checked(names, words: str) -> None:
    for method in (matrix_of(EXAMPLE).summary, matrix_of(EXAMPLE).table):
        with pytest.raises(ArgumentError, match=words):
            method(names)


def test_repr() -> None:
    assert repr(matrix_of(EXAMPLE)) == "ConfusionMatrix(num_classes=3, pixels=10)"


def test_on_the_gpu() -> None:
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no GPU")
    rng = np.random.default_rng(0)
    prediction = rng.integers(0, 5, (3, 7, 4))
    target = rng.choice(np.array([0, 1, 3, 4, VOID], np.uint8), (3, 7, 4))
    on_gpu = counted(5, cupy.asarray(prediction), cupy.asarray(target))
    assert isinstance(on_gpu.hist, np.ndarray)
    assert np.array_equal(on_gpu.hist, counted(5, prediction, target).hist)
    with pytest.raises(ArgumentError, match="target holds 9 "):
        on_gpu.update(cupy.zeros(2, int), cupy.asarray([0, 9]))
    with pytest.raises(ArgumentTypeError, match="different devices"):
        on_gpu.update(cupy.asarray(prediction), target)
