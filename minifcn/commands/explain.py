"""`minifcn explain`: a network derived layer by layer, as its own `explain()` returns it.

(`minifcn.explain`, in Python, is another thing: which algorithm computes a convolution, and why.)
"""

from __future__ import annotations

from typing import Any

from minifcn.commands.options import Options
from minifcn.errors import ArgumentError
from minifcn.models import network
from minifcn.nn import init

CLASSES = 21  # of PASCAL VOC, as in the paper


def run(arguments: dict[str, Any]) -> int:
    head, given = arguments["head"], {name: arguments[name] for name in ("stride", "alignment")}
    if head == "deconvnet" and any(value is not None for value in given.values()):
        raise ArgumentError("--head deconvnet undoes every stage, so leave --stride and --alignment out.")
    # By default the network of the paper, and the other heads as `minifcn train` builds them.
    stride, alignment = given["stride"] or 8, given["alignment"] or ("caffe" if head == "fcn" else "compact")
    options = Options(head=head, backbone=arguments["backbone"], stride=stride, alignment=alignment)
    with init.only_shapes():  # the numbers are about shapes; half a gigabyte of weights would be drawn for nothing
        model = network(options.head, options.backbone, CLASSES, options.stride, options.alignment)
    print(model.explain(arguments["size"]))
    return 0
