"""Every figure, and label maps as pictures. Only drawing and saving load matplotlib and Pillow, not importing this."""

from __future__ import annotations

from minifcn.plot.curves import learning_curve
from minifcn.plot.labels import colorize, error_map, overlay, save_image_png, save_label_png
from minifcn.plot.legend import explained
from minifcn.plot.matrix import confusion
from minifcn.plot.pictures import gallery
from minifcn.plot.profile import profile_bars
from minifcn.plot.samples import samples
from minifcn.plot.style import save_figure

__all__ = [
    "colorize",
    "confusion",
    "error_map",
    "explained",
    "gallery",
    "learning_curve",
    "overlay",
    "profile_bars",
    "samples",
    "save_figure",
    "save_image_png",
    "save_label_png",
]
