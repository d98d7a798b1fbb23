"""A convolution with numbers in it: the window, the kernel, and the sum that is being made."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.geometry import Geometry
from minifcn.plot.frames import Frames, of_sheets
from minifcn.plot.given import channels, factor, settings, title
from minifcn.plot.palette import Fill, colour_of, owner
from minifcn.plot.sheet import Sheet, written
from minifcn.tensor import Tensor


def slide(x: Any, weight: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Frames:
    """A kernel sliding over numbers: one frame for each result, with the sum written out.

        y[o, i, j] = Σ_{c,k,l} x[c, i·s + k·d − p, j·s + l·d − p] · w[o, c, k, l]

    x: (H, W) or (C, H, W). weight: (KH, KW) or (O, C/groups, KH, KW). The others are those of `F.conv2d`, which
    computes what is drawn. Each tap has a colour, in the kernel and in the window. Padding is drawn with dashes.

    Raises what `F.conv2d` raises, and ArgumentError where there are more than 64 results, or nothing to draw.
    """
    image, kernel = channels(x, 3, "x"), channels(weight, 4, "weight")
    result = F.conv2d(Tensor(image[None]), Tensor(kernel), None, stride, padding, dilation, groups).numpy()[0]
    geometry = Geometry.of_convolution(image.shape[1:], kernel.shape[2:], stride, padding, dilation, groups)
    places = list(np.ndindex(*result.shape))

    return of_sheets(lambda n: _drawn(image, kernel, result, geometry, *places[n]), len(places), "result")


def _drawn(x: np.ndarray, w: np.ndarray, y: np.ndarray, geometry: Geometry, o: int, i: int, j: int) -> Sheet:
    (C, H, W), (O, CG, KH, KW) = x.shape, w.shape
    (sh, sw), (dh, dw), (p, q) = geometry.stride, geometry.dilation, geometry.padding
    first = o // (O // geometry.groups) * CG  # the first channel of the group of o
    padded = np.pad(x, ((0, 0), (p, p), (q, q)))
    thought = np.pad(np.zeros(x.shape[1:], bool), ((p, p), (q, q)), constant_values=True)
    taps = [[owner(k * KW + l) for l in range(KW)] for k in range(KH)]
    sheet = Sheet()
    sheet.column()
    for c in range(C):
        inside = first <= c < first + CG
        fills: list[list[Fill]] = [[None] * padded.shape[2] for _ in range(padded.shape[1])]
        for k, l in np.ndindex(KH, KW):
            if inside:
                fills[i * sh + k * dh][j * sw + l * dw] = taps[k][l]
        grid = sheet.grid(padded[c], title("x", (H, W), c, C), fills=fills, faint=thought)
        if inside:
            sheet.frame(grid, i * sh, j * sw, (KH - 1) * dh + 1, (KW - 1) * dw + 1)
    sheet.column(sign="∗")
    for c in range(CG):
        sheet.grid(w[o, c], f"w[{o}, {c}]" if O * CG > 1 else f"w: {KH} x {KW}", fills=taps)
    sheet.column(sign="=")
    for other in range(O):
        later = np.array([[(other, a, b) > (o, i, j) for b in range(y.shape[2])] for a in range(y.shape[1])])
        grid = sheet.grid(y[other], title("y", y.shape[1:], other, O), blank=later)
        if other == o:
            sheet.frame(grid, i, j, 1, 1)
    window = padded[first : first + CG, i * sh :: dh, j * sw :: dw][:, :KH, :KW]
    sheet.lines(["", *_sum(window, w[o], y[o, i, j], (o, i, j) if O > 1 else (i, j))])
    sheet.lines([f"{colour_of(KH * KW)} is a tap of w, in the window and in the kernel.", settings(geometry)])
    return sheet


def _sum(window: np.ndarray, kernel: np.ndarray, result: float, at: tuple[int, ...]) -> list[str]:
    """The sum in words, one line for each row of the kernel."""
    rows = [
        " + ".join(f"{factor(a)}·{factor(b)}" for a, b in zip(pixels, taps, strict=True))
        for pixels, taps in zip(window.reshape(-1, window.shape[2]), kernel.reshape(-1, kernel.shape[2]), strict=True)
    ]
    head = f"y[{', '.join(map(str, at))}] = "
    return [*(f"{head if n == 0 else '+ '}{row}" for n, row in enumerate(rows)), f"= {written(result)}"]
