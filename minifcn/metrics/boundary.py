"""Boundary IU: intersection over union of the contours alone.

    G_d ∩ G   pixels of the true region G that lie within d pixels of its contour
    P_d ∩ P   the same of the predicted region P

    boundary IU = |(G_d ∩ G) ∩ (P_d ∩ P)| / |(G_d ∩ G) ∪ (P_d ∩ P)|

The IU of a large region is decided by its inside: whether its contour is off by one pixel or five hardly shows. Here
only a band along the contour counts, which is as wide for large regions as for small ones. Where d reaches through a
region, its band is the region, and its boundary IU the ordinary one.

What the source leaves open is settled as follows. A region is all pixels of one class in one image, however many pieces
they form. Counts are added up over all images before anything is divided, and the mean is that over classes, as for
`mean_iu`: nan for a class in neither truth nor prediction, 0 for one that is only predicted. Void pixels are in no
region of the truth, and in none of the prediction, whatever is predicted there: so they count nowhere, a contour runs
along them in both, and a perfect prediction has 1.

Source: Cheng, Girshick, Dollár, Berg and Kirillov 2021, "Boundary IoU", eq. 1; for the border and the default distance
the code that its authors published.
"""

from __future__ import annotations

from math import hypot

import numpy as np

from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.labels import VOID
from minifcn.machine.backend import Array, array_module, at_home, to_numpy
from minifcn.metrics.checks import class_count, label_maps, labels_in_range, mean_of_known, ratios

OF_THE_DIAGONAL = 0.02  # the authors' distance, as a share of the image's diagonal


class BoundaryCounts:
    """`intersection[c]`, `union[c]`: pixels in both and in either band of class c, int64 `(C,)`, of all images so far.

    num_classes   C, 1 to 255
    distance      d in pixels, at least 1; by default 2 % of each image's diagonal, rounded, as the authors have it

    >>> counts = BoundaryCounts(2, distance=1)
    >>> target = np.zeros((6, 6), np.uint8)
    >>> target[1:5, 1:5] = 1                      # a square of 4x4, its contour 12 pixels
    >>> counts.update(np.roll(target, 1, 1), target)
    >>> counts.iu().round(3).tolist()             # a column further right: the contours share 6 of their 18 pixels
    [0.667, 0.333]
    """

    def __init__(self, num_classes: int, distance: int | None = None) -> None:
        self.num_classes = C = class_count(num_classes)
        self.distance = None if distance is None else integer(distance, "BoundaryCounts: distance", 1)
        self.intersection, self.union = np.zeros(C, np.int64), np.zeros(C, np.int64)

    def __repr__(self) -> str:
        return f"BoundaryCounts(num_classes={self.num_classes}, distance={self.distance})"

    def update(self, prediction: Array, target: Array) -> None:
        """Adds the bands of every class; labels of one shape (..., H, W), each (H, W) an image of its own.

        Raises as `ConfusionMatrix.update`, and ArgumentError for labels of fewer than two dimensions.
        """
        prediction, target = label_maps("update", prediction, target)
        if target.ndim < 2:
            raise ArgumentError(f"update: target must be (..., H, W), got shape {target.shape}; pass whole images.")
        with at_home(target):
            xp = array_module(target)
            truth = target.astype(xp.int64)
            guess = xp.where(truth == VOID, VOID, prediction.astype(xp.int64))
            counted = truth != VOID
            labels_in_range("update", "target", truth[counted], self.num_classes, f" (and void is {VOID})")
            labels_in_range("update", "prediction", guess[counted], self.num_classes)
            d = self._distance(target.shape[-2:])
            for c in to_numpy(xp.unique(xp.concatenate([truth[counted], guess[counted]]))):
                true, guessed = contour_band(truth == c, d), contour_band(guess == c, d)
                self.intersection[c] += int((true & guessed).sum())
                self.union[c] += int((true | guessed).sum())

    def _distance(self, size: tuple[int, ...]) -> int:
        return max(1, round(OF_THE_DIAGONAL * hypot(*size))) if self.distance is None else self.distance

    def iu(self) -> np.ndarray:
        """|both bands| / |either band| for every class, float64 `(C,)`; nan for a class that is nowhere."""
        return ratios(self.intersection, self.union)

    def mean_iu(self) -> float:
        """The mean over the classes that truth or prediction has; nan if there are none."""
        return mean_of_known(self.iu())


def boundary_iu(prediction: Array, target: Array, num_classes: int, distance: int | None = None) -> np.ndarray:
    """|(G_d ∩ G) ∩ (P_d ∩ P)| / |(G_d ∩ G) ∪ (P_d ∩ P)| for every class: IU of the bands along the contours.

    prediction, target   integer labels of one shape, (H, W) or a batch (..., H, W), in NumPy or CuPy; 255 is void
    num_classes          C
    distance             d in pixels, at least 1; by default 2 % of the diagonal, rounded
    returns              float64 (C,), nan for a class that is in neither

    What counts as a contour, as void and as a mean over classes is settled at the head of this file; `BoundaryCounts`
    adds up over a data set. Raises as `BoundaryCounts.update`. Source: Cheng et al. 2021, eq. 1.

    >>> target = np.zeros((20, 20), np.uint8)
    >>> target[4:16, 4:16] = 1
    >>> wider = np.zeros((20, 20), np.uint8)
    >>> wider[3:17, 3:17] = 1                     # one pixel too many on each side
    >>> boundary_iu(wider, target, 2, distance=2).round(3).tolist()   # the object's ordinary IU is .735
    [0.797, 0.333]
    """
    counts = BoundaryCounts(num_classes, distance)
    counts.update(prediction, target)
    return counts.iu()


def contour_band(region: Array, distance: int) -> Array:
    """The pixels of a region with a pixel outside of it at most `distance` rows and columns away: bool, as `region`.

    What lies beyond the image is outside. region: bool (..., H, W).
    """
    outside = ~region
    for axis in (-2, -1):
        outside = _any_within(outside, distance, axis)
    return region & outside


def _any_within(marked: Array, distance: int, axis: int) -> Array:
    """Whether one of the 2d + 1 places around each is marked, along one axis; those beyond the ends are."""
    xp, size = array_module(marked), marked.shape[axis]
    d = min(distance, size)  # from everywhere an end is that near
    lines = xp.moveaxis(marked, axis, -1)
    sums = xp.zeros((*lines.shape[:-1], size + 2 * d + 1), xp.int64)  # how many are marked before each place
    padded = xp.ones((*lines.shape[:-1], size + 2 * d), xp.int64)
    padded[..., d : d + size] = lines
    sums[..., 1:] = xp.cumsum(padded, axis=-1)
    return xp.moveaxis(sums[..., 2 * d + 1 :] > sums[..., :size], -1, axis)
