"""Using a trained network: scores, labels, and one confusion matrix over a whole data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from minifcn.autograd import no_grad
from minifcn.data import Dataset, Sample, normalize
from minifcn.data.images import resize_image
from minifcn.functional import interpolate
from minifcn.machine.backend import array_module, at_home, to_numpy
from minifcn.machine.processes import ALONE, ProcessGroup
from minifcn.metrics import ConfusionMatrix
from minifcn.models import Network
from minifcn.tensor import as_tensor
from minifcn.training.loop import Interrupted, TrainingError


@no_grad()
@np.errstate(over="ignore", invalid="ignore")  # what overflows is found in the scores, and said once
def predict(model: Network, image: np.ndarray, mean: Any, std: Any, size: tuple[int, int] | None = None) -> np.ndarray:
    """Labels uint8 (H, W) of one image uint8 (H, W, 3): the class with the highest score, the first one if equal.

    size: look at the image at this size, and bring the scores (not the labels: boundaries stay smooth) back to H, W.
    The model should be in eval mode; it works on the device of its weights. Raises TrainingError for scores that are
    not finite: their largest would be taken for an answer.
    """
    H, W = image.shape[:2]
    seen = image if size is None else resize_image(image, size)
    device = next(iter(model.parameters())).device
    batch = normalize(seen, np.asarray(mean, np.float32), np.asarray(std, np.float32))[None]
    scores = model(as_tensor(batch, device=device))
    if scores.shape[2:] != (H, W):
        scores = interpolate(scores, (H, W), mode="bilinear")
    with at_home(scores._array):
        finite = bool(array_module(scores._array).isfinite(scores._array).all())
    if not finite:
        raise TrainingError("the scores of the network are not finite numbers; train it with a lower learning rate.")
    return to_numpy(scores.argmax(1).data)[0].astype(np.uint8)


def predictions(
    model: Network, dataset: Dataset, indices: Iterable[int] | None = None
) -> Iterator[tuple[Sample, np.ndarray]]:
    """(sample, predicted labels) one after the other; mean and std are the data set's."""
    for index in range(len(dataset)) if indices is None else indices:
        sample = dataset[int(index)]
        yield sample, predict(model, sample.image, dataset.mean, dataset.std)


def evaluate(
    model: Network,
    dataset: Dataset,
    report: Callable[[int], object] = lambda count: None,
    group: ProcessGroup = ALONE,
) -> ConfusionMatrix:
    """One confusion matrix over the whole data set, image by image, in eval mode; `report(1)` after each image.

    Averaging a metric over images would be another (and easier) metric; see metrics/confusion.py.

    The processes of a group, which all call it, share the images, and all get the counts of all: these are integers, so
    that their sum is the same however they are shared. Interrupted is raised in all if one `report` raises it.
    """
    mode, stopped = model.training, None
    model.eval()
    try:
        matrix = ConfusionMatrix(len(dataset.classes))
        try:
            for sample, labels in predictions(model, dataset, range(group.rank, len(dataset), group.size)):
                matrix.update(labels, sample.label)
                report(1)
        except Interrupted as error:
            stopped = error
        if group.any(stopped is not None):
            raise stopped or Interrupted("another process was asked to stop.")
        return ConfusionMatrix.from_hist(group.all_reduce(matrix.hist))
    finally:
        model.train(mode)
