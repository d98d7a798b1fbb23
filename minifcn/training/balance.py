"""Class weights for data in which some classes are rare."""

from __future__ import annotations

import numpy as np

from minifcn.data import VOID, Dataset
from minifcn.errors import ArgumentError


def median_frequency_weights(dataset: Dataset, power: float = 1.0) -> np.ndarray:
    """weight[c] = (median(freq) / freq[c])^power, freq[c] = pixels of c / labelled pixels of the images that contain c.

    float32 (C,). A rare class counts more in the loss, so that it is not given up for the sake of the frequent ones.
    power 1 is the source's; it can overdo it where classes differ a thousandfold, and 1/2 goes half the way.
    Source: Eigen and Fergus 2015, §6.3.2. Raises ArgumentError if a class does not occur at all.
    """
    C = len(dataset.classes)
    pixels, present = np.zeros(C), np.zeros(C)
    for index in range(len(dataset)):
        label = dataset[index].label
        counts = np.bincount(label[label != VOID], minlength=C).astype(np.float64)
        pixels += counts
        present += np.where(counts > 0, counts.sum(), 0.0)
    absent = [dataset.classes[c] for c in np.flatnonzero(pixels == 0)]
    if absent:
        raise ArgumentError(f"class weights: {', '.join(absent)} never occur in {dataset.name}; use --balance none.")
    frequency = pixels / present
    return ((np.median(frequency) / frequency) ** power).astype(np.float32)
