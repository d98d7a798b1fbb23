"""All pictures with numbers in them by name: what `minifcn figures` writes and README shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from minifcn import functional as F
from minifcn.plot.arithmetic import CASES
from minifcn.plot.frames import Frames
from minifcn.plot.gathering import columns, coverage, matrix
from minifcn.plot.graph import graph, walk
from minifcn.plot.growing import growing
from minifcn.plot.ladder import ladder
from minifcn.plot.sliding import slide
from minifcn.plot.stamping import spread, stamps
from minifcn.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TWIN, PLACES = np.array([[1, 2], [3, 4]]), np.array([[1, 10], [100, 1000]])
KERNEL, IMAGE = np.arange(1, 10).reshape(3, 3), np.arange(12).reshape(3, 4)


def _recorded() -> Figure:
    """The graph of a convolution, a bias, a ReLU and a loss."""
    x, weight, bias = (Tensor(np.ones(shape), requires_grad=True) for shape in ((1, 1, 4, 4), (2, 1, 2, 2), (2,)))
    loss = F.relu(F.conv2d(x, weight, bias)).mean()
    return graph(loss, {"x": x, "weight": weight, "bias": bias})


def _walked() -> Frames:
    """backward through a diamond, in which every value is used twice."""
    a = Tensor(1.0, requires_grad=True)
    b = a + a
    return walk(b + b, {"a": a})


PICTURES: dict[str, Callable[[], Frames | Figure]] = {
    "slide": lambda: slide(IMAGE, PLACES),
    "slide-stride-2": lambda: slide(np.arange(25).reshape(5, 5), KERNEL - 5, stride=2, padding=1),
    "slide-groups": lambda: slide(np.arange(24).reshape(4, 2, 3), np.arange(16).reshape(2, 2, 2, 2), groups=2),
    "columns": lambda: columns(IMAGE, 2, back=True),
    "matrix": lambda: matrix(np.arange(9).reshape(3, 3), [[1, 2], [3, 4]]),
    "stamps": lambda: stamps(TWIN, PLACES),
    "stamps-stride-2": lambda: stamps(TWIN, KERNEL, stride=2),
    "stamps-output-padding": lambda: stamps(TWIN, KERNEL, stride=2, padding=1, output_padding=1),
    "spread": lambda: spread(TWIN, KERNEL, stride=2, padding=1),
    "coverage": lambda: coverage((9, 9), 3, 2),
    "coverage-even": lambda: coverage((10, 10), 4, 2, 1),
    "growing": lambda: growing(np.arange(20).reshape(4, 5), PLACES),
    "ladder": lambda: ladder(250, 260),
    "graph": _recorded,
    "walk": _walked,
    **{f"arithmetic-{number:02}": case.frames for number, case in enumerate(CASES, 1)},
}
