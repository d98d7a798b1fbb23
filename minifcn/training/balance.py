"""Class weights for data in which some classes are rare."""

from __future__ import annotations

import numpy as np

from minifcn.data import Dataset
from minifcn.data.listing import Faults
from minifcn.data.survey import Survey, survey
from minifcn.errors import ArgumentError


def median_frequency_weights(dataset: Dataset | Survey, power: float = 1.0) -> np.ndarray:
    """weight[c] = (median(freq) / freq[c])^power, freq[c] = pixels of c / labelled pixels of the images that contain c.

    float32 (C,). A rare class counts more in the loss, so that it is not given up for the sake of the frequent ones.
    power 1 is the source's; it can overdo it where classes differ a thousandfold, and 1/2 goes half the way.
    A Survey of the data set has counted already, and no label is read again.

    Source: Eigen and Fergus 2015, §6.3.2. Raises ArgumentError if a class does not occur at all, and FileError for a
    label that cannot be read.
    """
    found = dataset if isinstance(dataset, Survey) else survey(dataset, "train")
    if found.faults:
        raise Faults(found.faults)
    if found.absent:
        raise ArgumentError(
            f"class weights: {', '.join(found.absent)} never occur in {found.dataset}; use --balance none."
        )
    frequency = found.pixels / found.labelled
    return ((np.median(frequency) / frequency) ** power).astype(np.float32)
