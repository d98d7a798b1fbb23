"""Pixels shuffled in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import variant


@variant("pixel_shuffle")
def by_every_rth_pixel(x: Any, upscale_factor: int) -> Any:
    """Each channel is written to every r-th row and column of its image."""
    (N, channels, H, W), r = x.shape, upscale_factor
    C, rest = divmod(channels, r * r)
    if rest:
        raise ValueError(f"{channels} channels are no multiple of {r * r}")
    made = np.empty((N, C, H * r, W * r), x.dtype)
    for channel in range(channels):
        c, phase = divmod(channel, r * r)
        made[:, c, phase // r :: r, phase % r :: r] = x[:, channel]
    return made


@variant("pixel_shuffle")
def by_a_transposed_convolution_of_deltas(x: Any, upscale_factor: int) -> Any:
    """A transposed convolution with stride r: each channel stamps a kernel that is 1 at its phase."""
    channels, r = x.shape[1], upscale_factor
    if channels % (r * r):
        raise ValueError(f"{channels} channels are no multiple of {r * r}")
    deltas = np.eye(r * r, dtype=x.dtype).reshape(r * r, 1, r, r)
    kernels = np.tile(deltas, (channels // (r * r), 1, 1, 1))
    return ours.conv_transpose2d(x, kernels, None, r, groups=channels // (r * r))


@variant("pixel_unshuffle")
def by_every_rth_pixel_of_every_phase(x: Any, downscale_factor: int) -> Any:
    """The phases of each channel, one after the other."""
    r = downscale_factor
    if x.shape[2] % r or x.shape[3] % r:
        raise ValueError(f"{x.shape[2]}x{x.shape[3]} pixels are no multiple of {r}")
    phases = [x[:, c, a::r, b::r] for c, a, b in np.ndindex(x.shape[1], r, r)]
    return np.stack(phases, 1)
