"""`minifcn explain`: the crops of an FCN derived layer by layer, as `FCN.explain()` returns them.

(`minifcn.explain`, in Python, is another thing: which algorithm computes a convolution, and why.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.models import FCN


def run(arguments: dict[str, Any]) -> int:
    # Offsets do not depend on the number of channels, so a narrow network explains the wide one.
    model = FCN(
        arguments["backbone"],
        stride=arguments["stride"],
        alignment=arguments["alignment"],
        width=1 / 64,
        generator=np.random.default_rng(0),
    )
    print(model.explain())
    return 0
