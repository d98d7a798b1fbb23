"""Laws of a NaN that is interpolated: it reaches what it is mixed into, and neither does its gradient go astray."""

from __future__ import annotations

import numpy as np

from minifcn.testing.law import demand, law
from minifcn.testing.laws.upsampling import Resizing, received, resized, resizings
from minifcn.testing.operations import Operations


def distances(case: Resizing) -> list[np.ndarray]:
    """For rows and columns, (new, old): whether the old one is at most one pixel from where the new one lies."""
    within = []
    for old, new in zip(case.x.shape[2:], case.size, strict=True):
        at = np.arange(new) * old // new if case.mode == "nearest" else (np.arange(new) + 0.5) * old / new - 0.5
        if case.align_corners:
            at = np.linspace(0, old - 1, new)
        within.append(np.abs(at.clip(0, old - 1)[:, None] - np.arange(old)) <= 1 + 1e-9)
    return within


def nearby(case: Resizing) -> np.ndarray:
    """Whether a new pixel lies near the old one in the last row and the first column of the first channel."""
    rows, columns = distances(case)
    near = np.zeros(case.y.shape, bool)
    near[0, 0] = np.outer(rows[:, -1], columns[:, 0])
    return near


@law("interpolate", cases=resizings)
def a_nan_pixel_stays_where_it_is_mixed(ops: Operations, case: Resizing) -> None:
    """A NaN spoils the pixels that it is mixed into; of all others at most those that lie at one pixel's distance.

    interpolate(1 at q)[I] ≠ 0 ⟹ isnan(interpolate(x with NaN at q)[I]) ⟹ |u(I) − q| ≤ 1 along both axes
    """
    broken, mark = case.x.copy(), np.zeros_like(case.x)
    broken[0, 0, -1, 0], mark[0, 0, -1, 0] = np.nan, 1
    found, mixed = np.isnan(resized(ops, case, broken)), resized(ops, case, mark) != 0
    demand(found[mixed].all(), "A pixel that the NaN is mixed into is none.")
    demand(not found[~nearby(case)].any(), "A pixel far from the NaN is one, too.")


@law("interpolate_backward", cases=resizings)
def a_nan_gradient_stays_where_it_came_from(ops: Operations, case: Resizing) -> None:
    """A new pixel that receives NaN spoils the old ones that were mixed into it, and no farther ones.

    isnan(∂x(y with NaN at I))[q] ⟹ |u(I) − q| ≤ 1 along both axes, and where ∂x(1 at I)[q] ≠ 0 it is NaN
    """
    y, mark = case.y.copy(), np.zeros_like(case.y)
    y[0, 0, -1, 0], mark[0, 0, -1, 0] = np.nan, 1
    found, mixed = np.isnan(received(ops, case, y)), received(ops, case, mark) != 0
    near = np.zeros(case.x.shape, bool)
    near[0, 0] = np.outer(*(close_to[-1 if axis == 0 else 0] for axis, close_to in enumerate(distances(case))))
    demand(found[mixed].all(), "A pixel that was mixed into the one that receives NaN receives none.")
    demand(not found[~near].any(), "A pixel far from the one that receives NaN receives it, too.")
