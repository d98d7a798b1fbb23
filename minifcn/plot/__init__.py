"""Every figure, and label maps as pictures. Only drawing and saving load matplotlib and Pillow, not importing this."""

from __future__ import annotations

from minifcn.plot.arithmetic import CASES
from minifcn.plot.confusion_matrix import confusion
from minifcn.plot.curves import learning_curve
from minifcn.plot.field import field
from minifcn.plot.frames import Frames
from minifcn.plot.gathering import columns, coverage, matrix
from minifcn.plot.graph import graph, to_dot, walk
from minifcn.plot.growing import growing
from minifcn.plot.images import images
from minifcn.plot.labels import colorize, error_map, overlay, save_image_png, save_label_png
from minifcn.plot.ladder import ladder
from minifcn.plot.legend import explained
from minifcn.plot.lines import lines
from minifcn.plot.pictures import gallery
from minifcn.plot.profile import profile_bars
from minifcn.plot.samples import samples
from minifcn.plot.sheet import numbers
from minifcn.plot.skips import alignment
from minifcn.plot.sliding import slide
from minifcn.plot.stamping import spread, stamps
from minifcn.plot.streams import streams
from minifcn.plot.style import save_figure

__all__ = [
    "CASES",
    "Frames",
    "alignment",
    "colorize",
    "columns",
    "confusion",
    "coverage",
    "error_map",
    "explained",
    "field",
    "gallery",
    "graph",
    "growing",
    "images",
    "ladder",
    "learning_curve",
    "lines",
    "matrix",
    "numbers",
    "overlay",
    "profile_bars",
    "samples",
    "save_figure",
    "save_image_png",
    "save_label_png",
    "slide",
    "spread",
    "stamps",
    "streams",
    "to_dot",
    "walk",
]
