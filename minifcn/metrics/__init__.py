"""What is measured of a segmentation: `ConfusionMatrix` for the four metrics of the FCN paper, and two more numbers.

`boundary_iu` looks at contours alone, where `mean_iu` hardly does. `upper_bound` says what a stride costs before a
network is trained: the mean IU of the truth itself, seen at that stride.
"""

from minifcn.metrics.boundary import BoundaryCounts, boundary_iu
from minifcn.metrics.coarse import PAPER, WAYS, coarsened, upper_bound, upper_bounds
from minifcn.metrics.confusion import TITLES, ConfusionMatrix

__all__ = [
    "PAPER",
    "TITLES",
    "WAYS",
    "BoundaryCounts",
    "ConfusionMatrix",
    "boundary_iu",
    "coarsened",
    "upper_bound",
    "upper_bounds",
]
