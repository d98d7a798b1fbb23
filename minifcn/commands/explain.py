"""`minifcn explain`: the crops of an FCN derived layer by layer, as `FCN.explain()` returns them.

(`minifcn.explain`, in Python, is another thing: which algorithm computes a convolution, and why.)
"""

from __future__ import annotations

from typing import Any

from minifcn.models import FCN
from minifcn.nn import init


def run(arguments: dict[str, Any]) -> int:
    with init.only_shapes():  # the numbers are about shapes; half a gigabyte of weights would be drawn for nothing
        model = FCN(arguments["backbone"], stride=arguments["stride"], alignment=arguments["alignment"])
    print(model.explain(arguments["size"]))
    return 0
