"""Winograd's convolution; `contractions.py` tells the idea, `toom_cook.py` computes its matrices."""

from minifcn.arrays.convolution.winograd.blocks import fits, tile, tiles, workspace
from minifcn.arrays.convolution.winograd.contractions import to_input, to_output, to_weight

__all__ = ["fits", "tile", "tiles", "to_input", "to_output", "to_weight", "workspace"]
