"""im2col and the convolution matrix with numbers in them: which pixel goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn import functional as F
from minifcn.errors import ArgumentError
from minifcn.functional import convolution_matrix
from minifcn.geometry import Geometry
from minifcn.plot.frames import Frames, of_sheets
from minifcn.plot.given import channels, settings, shown, title
from minifcn.plot.palette import Fill, colour_of, owner, shade
from minifcn.plot.sheet import Sheet
from minifcn.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST = 40  # columns of a matrix whose numbers can be read


def columns(
    x: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, back: bool = False
) -> Frames:
    """im2col: every window of the image becomes one column. With `back`, col2im: every column is added back.

        columns[k·KW + l, i·OW + j] = x[i·s + k·d − p, j·s + l·d − p]

    x: (H, W). The others are those of `F.conv2d`. A tap has one colour, in the window and in the column. With `back`
    the frames go on after the last column: what im2col had copied is added to an empty image, window by window, so each
    pixel ends as often itself as windows lay over it.

    Raises what a convolution of such sizes raises, and ArgumentError for more than 64 frames, or nothing to draw.
    """
    image = channels(x, 2, "x")
    geometry = Geometry.of_convolution(image.shape, kernel_size, stride, padding, dilation, name="columns")
    (KH, KW), (sh, sw), (dh, dw), (p, q) = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.padding
    padded = np.pad(image, ((p, p), (q, q)))
    thought = np.pad(np.zeros(image.shape, bool), ((p, p), (q, q)), constant_values=True)
    windows = list(np.ndindex(*geometry.output_size))
    taps = list(np.ndindex(KH, KW))
    gathered = np.array([[padded[i * sh + k * dh, j * sw + l * dw] for i, j in windows] for k, l in taps])

    def draw(n: int) -> Sheet:
        adding, n = n >= len(windows), n % len(windows)
        i, j = windows[n]
        fills: list[list[Fill]] = [[None] * padded.shape[1] for _ in range(padded.shape[0])]
        for number, (k, l) in enumerate(taps):
            fills[i * sh + k * dh][j * sw + l * dw] = owner(number)
        pixels, drawn = padded, title("x", image.shape)
        if adding:
            pixels, drawn = np.zeros_like(padded), "columns added back"
            for m, (a, b) in enumerate(windows[: n + 1]):
                for number, (k, l) in enumerate(taps):
                    pixels[a * sh + k * dh, b * sw + l * dw] += gathered[number, m]
        coloured: list[list[Fill]] = [
            [owner(t) if m == n else None for m in range(len(windows))] for t in range(len(taps))
        ]
        empty = np.arange(len(windows)) > n if not adding else np.zeros(len(windows), bool)
        sheet = Sheet()
        sheet.column()
        grid = sheet.grid(pixels, drawn, fills=fills, faint=thought)
        sheet.frame(grid, i * sh, j * sw, geometry.reach[0], geometry.reach[1])
        sheet.column(sign="←" if adding else "→")
        matrix = sheet.grid(
            gathered, title("columns", gathered.shape), fills=coloured, blank=np.broadcast_to(empty, gathered.shape)
        )
        sheet.frame(matrix, 0, n, len(taps), 1)
        verb = "is added back to" if adding else "is"
        sheet.lines(["", f"column {n} {verb} the window of y[{i}, {j}]"])
        sheet.lines([f"{colour_of(KH * KW)} is a tap, in the window and in the column."])
        sheet.lines([f"kernel {shown((KH, KW))}, {settings(geometry)}"])
        return sheet

    return of_sheets(draw, len(windows) * (2 if back else 1), "window")


def matrix(x: Any, weight: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Frames:
    """The convolution matrix, row by row: row (i, j) of C holds the kernel where the window of y[i, j] lies.

        y = C x,   C[i·OW + j, (i·s + k·d − p)·W + (j·s + l·d − p)] = w[k, l]

    x: (H, W). weight: (KH, KW). The others are those of `F.conv2d`. The matrix is `minifcn.convolution_matrix`, the
    result `F.conv2d`. A tap has one colour, in the kernel and in the row.

    Raises what `F.conv2d` raises, and ArgumentError for more than 64 results or 40 pixels, or nothing to draw.
    """
    image, kernel = channels(x, 2, "x"), channels(weight, 2, "weight")
    if image.size > WIDEST:
        raise ArgumentError(
            f"the matrix of an image of {image.shape[0]} x {image.shape[1]} has {image.size} columns; "
            f"at most {WIDEST} can be read: draw a smaller image."
        )
    geometry = Geometry.of_convolution(image.shape, kernel.shape, stride, padding, dilation)
    (KH, KW), (sh, sw), (dh, dw), (p, q) = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.padding
    padded = np.pad(image, ((p, p), (q, q)))
    thought = np.pad(np.zeros(image.shape, bool), ((p, p), (q, q)), constant_values=True)
    held = Tensor(kernel[None, None])
    C = np.asarray(convolution_matrix(held, image.shape, stride, padding, dilation))
    y = F.conv2d(Tensor(image[None, None]), held, None, stride, padding, dilation).numpy()[0, 0]
    places = list(np.ndindex(*y.shape))
    taps = [[owner(k * KW + l) for l in range(KW)] for k in range(KH)]

    def draw(n: int) -> Sheet:
        i, j = places[n]
        fills: list[list[Fill]] = [[None] * padded.shape[1] for _ in range(padded.shape[0])]
        row: list[Fill] = [None] * image.size
        for k, l in np.ndindex(KH, KW):
            r, c = i * sh + k * dh, j * sw + l * dw
            fills[r][c] = taps[k][l]
            if not thought[r, c]:
                row[(r - p) * image.shape[1] + c - q] = taps[k][l]
        lit: list[list[Fill]] = [list(row) if m == n else [None] * image.size for m in range(len(places))]
        sheet = Sheet()
        sheet.column()
        grid = sheet.grid(padded, title("x", image.shape), fills=fills, faint=thought)
        sheet.frame(grid, i * sh, j * sw, geometry.reach[0], geometry.reach[1])
        sheet.column(sign="∗")
        sheet.grid(kernel, title("w", kernel.shape), fills=taps)
        sheet.column(sign="=")
        made = sheet.grid(y, title("y", y.shape), blank=np.arange(y.size).reshape(y.shape) > n)
        sheet.frame(made, i, j, 1, 1)
        sheet.row()
        C_grid = sheet.grid(C, f"C: {C.shape[0]} x {C.shape[1]}, a row for each result, a column for each pixel",
                            fills=lit, faint=C == 0)  # fmt: skip
        sheet.frame(C_grid, n, 0, 1, C.shape[1])
        sheet.lines(["", f"row {n} of C is the kernel under the window of y[{i}, {j}]"])
        sheet.lines([f"{colour_of(KH * KW)} is a tap of w, in the window, the kernel and the row.", settings(geometry)])
        return sheet

    return of_sheets(draw, len(places), "row")


def coverage(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Figure:
    """How many windows lie over each pixel, which is how often a transposed convolution stamps it.

    size: (H, W) of x, the image that a convolution reads and a transposed convolution makes. It is the transposed
    convolution of ones with a kernel of ones, and drawn from it: darker where more windows meet.
    """
    geometry = Geometry.of_convolution(size, kernel_size, stride, padding, dilation, name="coverage")
    ones = Tensor(np.ones((1, 1, *geometry.output_size))), Tensor(np.ones((1, 1, *geometry.kernel_size)))
    counts = F.conv_transpose2d(
        *ones, None, geometry.stride, geometry.padding, dilation=geometry.dilation, output_size=geometry.input_size
    ).numpy()[0, 0]
    sheet = Sheet()
    sheet.column()
    sheet.grid(counts, f"windows over each pixel of {counts.shape[0]} x {counts.shape[1]}", fills=shade(counts))
    sheet.lines(["", "Darker: more windows.", f"kernel {shown(geometry.kernel_size)}, {settings(geometry)}"])
    return sheet.figure()
