"""Using a network: labels of the image's own size, one matrix for the whole set, and no answer from broken scores."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from minifcn.data import VOID
from minifcn.models import FCN
from minifcn.training import TrainingError, evaluate, predict, predictions
from tests.onto import device_of, get, on
from tests.training.tiny import MEAN, STD, Pictures, card, same, weights


@pytest.fixture
def model(xp: ModuleType) -> FCN:
    built = card().build(np.random.default_rng(4))
    rng = np.random.default_rng(5)
    for name, value in built.named_parameters():
        if name.endswith("score.weight") or "skip" in name:
            value.data[...] = rng.standard_normal(value.shape)
    return built.to(device_of(xp))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 20), (50, 65)])
def test_a_prediction_is_the_class_of_the_highest_score(model: FCN, size: tuple[int, int], xp: ModuleType) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    labels = predict(model.eval(), image, MEAN, STD)
    assert (labels.dtype, labels.shape) == (np.uint8, size)
    x = ((image.astype(np.float64) - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
    scores = get(model(on(xp, x)))[0]
    assert np.array_equal(np.take_along_axis(scores, labels[None].astype(int), 0)[0], scores.max(axis=0))
    assert min(size) == 1 or len(np.unique(labels)) > 1


def test_the_first_of_equal_classes_is_taken(xp: ModuleType) -> None:
    untrained = card().build(np.random.default_rng(4)).eval().to(device_of(xp))  # every score is 0
    assert not predict(untrained, np.zeros((9, 8, 3), np.uint8), MEAN, STD).any()


def test_mean_and_deviation_matter(model: FCN) -> None:
    image = Pictures(1, (33, 41))[0].image
    labels = predict(model.eval(), image, MEAN, STD)
    assert not np.array_equal(labels, predict(model, image, MEAN + 60, STD))
    assert not np.array_equal(labels, predict(model, image, MEAN, STD / 8))


def test_evaluate_counts_every_labelled_pixel_of_pictures_of_any_size(model: FCN) -> None:
    data, reported = Pictures(4, (20, 31), grow=5), []
    matrix = evaluate(model, data, reported.append)
    assert reported == [1, 1, 1, 1]
    expected = np.zeros((3, 3), int)
    model.eval()
    for i in range(4):
        truth, found = data[i].label, predict(model, data[i].image, MEAN, STD)
        for t, p in zip(truth[truth != VOID], found[truth != VOID], strict=True):
            expected[t, p] += 1
    assert np.array_equal(matrix.hist, expected)
    assert np.count_nonzero(expected) > 3


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_gives_the_network_back_as_it_was(model: FCN, training: bool) -> None:
    model.train(training)
    before = weights(model)  # running means and variances too, which training mode would change
    evaluate(model, Pictures(1))
    assert model.training is training
    assert same(weights(model), before)

    class Broken(Pictures):
        def __getitem__(self, index: int, /) -> object:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        evaluate(model, Broken(1))
    assert model.training is training


def test_predictions_come_in_the_order_asked_for(model: FCN) -> None:
    data = Pictures(4, (20, 31), grow=2)
    assert [sample.name for sample, _ in predictions(model.eval(), data)] == [f"picture-{i}" for i in range(4)]
    chosen = list(predictions(model, data, np.array([3, 1])))
    assert [sample.name for sample, _ in chosen] == ["picture-3", "picture-1"]
    assert [labels.shape for _, labels in chosen] == [(26, 43), (22, 35)]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
def test_scores_that_are_no_numbers_are_no_answer(model: FCN, value: float) -> None:
    model.stage1.layers["conv1_1"].weight.mutable()[...] = value
    for use in (lambda: predict(model.eval(), Pictures(1)[0].image, MEAN, STD), lambda: evaluate(model, Pictures(1))):
        with pytest.raises(
            TrainingError, match=r"the scores of the network are not finite numbers; train it with a lower"
        ):
            use()
