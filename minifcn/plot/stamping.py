"""A transposed convolution with numbers in it: stamps that are added up, and zeros put between the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.geometry import Geometry
from minifcn.plot.frames import Frames, of_sheets
from minifcn.plot.given import channels, extra, factor, settings, shown, title
from minifcn.plot.palette import Fill, Paint, colour_of, owner
from minifcn.plot.sheet import Sheet, written
from minifcn.tensor import Tensor


def stamps(
    y: Any, weight: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, dilation: Any = 1
) -> Frames:
    """A transposed convolution, stamp by stamp: each pixel of y stamps the whole kernel, and what overlaps is added.

        x[i·s + k·d − p, j·s + l·d − p] += y[i, j] · w[k, l]

    y: (H, W). weight: (KH, KW). The others are those of `F.conv_transpose2d`, which computes what is drawn. A pixel and
    its stamp have one colour; where stamps overlap there are stripes. What padding cuts away is drawn with dashes.
    Frame n is the picture after n stamps.

    Raises what `F.conv_transpose2d` raises, and ArgumentError for more than 63 pixels, or nothing to draw.
    """
    pixels, kernel = channels(y, 2, "y"), channels(weight, 2, "weight")
    geometry = Geometry.of_transposed_convolution(
        pixels.shape, kernel.shape, stride, padding, output_padding, 1, dilation
    )
    # The whole canvas, before padding is cut away: as far as stamps reach, and further only where the result does.
    size = tuple(
        max((n - 1) * s + d * (k - 1) + 1, p + m)
        for n, s, d, k, p, m in zip(
            pixels.shape, geometry.stride, geometry.dilation, kernel.shape, geometry.padding, geometry.input_size,
            strict=True,
        )
    )  # fmt: skip

    def canvas_of(chosen: np.ndarray) -> np.ndarray:
        """What the chosen pixels leave on the whole canvas."""
        made = np.zeros(size)
        part = F.conv_transpose2d(
            Tensor(np.where(chosen, pixels, 0.0)[None, None]), Tensor(kernel[None, None]), None,
            geometry.stride, dilation=geometry.dilation,
        ).numpy()[0, 0]  # fmt: skip
        rows, columns = min(size[0], part.shape[0]), min(size[1], part.shape[1])
        made[:rows, :columns] = part[:rows, :columns]
        return made

    return of_sheets(lambda n: _after(n, pixels, kernel, geometry, canvas_of), pixels.size + 1, "stamps")


def _after(n: int, y: np.ndarray, w: np.ndarray, geometry: Geometry, canvas_of: Any) -> Sheet:
    (H, W), (sh, sw), (dh, dw) = y.shape, geometry.stride, geometry.dilation
    (p, q), (KH, KW) = geometry.padding, w.shape
    order = np.arange(y.size).reshape(y.shape)
    canvas = canvas_of(order < n)
    owners: list[list[list[Paint]]] = [[[] for _ in range(canvas.shape[1])] for _ in range(canvas.shape[0])]
    for number, (i, j) in enumerate(np.ndindex(H, W)):
        for k, l in np.ndindex(KH, KW):
            row, column = i * sh + k * dh, j * sw + l * dw
            if number < n and row < canvas.shape[0] and column < canvas.shape[1]:
                owners[row][column].append(owner(number))
    inside = np.zeros(canvas.shape, bool)
    inside[p : p + geometry.input_size[0], q : q + geometry.input_size[1]] = True
    done = [[owner(i * W + j) if i * W + j < n else None for j in range(W)] for i in range(H)]
    sheet = Sheet()
    sheet.column()
    given = sheet.grid(y, title("y", y.shape), fills=done)
    sheet.column()
    sheet.grid(w, title("w", w.shape))
    sheet.column(sign="→")
    size = title("x", geometry.input_size)
    result = sheet.grid(canvas, size if inside.all() else f"{size}, with what is cut away", fills=owners, faint=~inside)
    said = f"{n} of {y.size} stamps"
    if n:
        i, j = divmod(n - 1, W)
        sheet.frame(given, i, j, 1, 1)
        sheet.frame(result, i * sh, j * sw, (KH - 1) * dh + 1, (KW - 1) * dw + 1)
        value = float(y[i, j])
        said += f": y[{i}, {j}] = {written(value)} stamps {factor(value)} · w at x[{i * sh - p}, {j * sw - q}]"
    sheet.lines(["", said, f"{colour_of(y.size)} is a pixel of y and its stamp. Stripes: stamps that are added."])
    sheet.lines([settings(geometry, output_padding=extra(geometry))])
    return sheet


def spread(
    y: Any, weight: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, dilation: Any = 1
) -> Frames:
    """A transposed convolution as a convolution: zeros between the pixels, a border, and the kernel turned by 180°.

        x = (y with s − 1 zeros between its pixels and d·(K − 1) − p around it) ∗ w turned by 180°, with stride 1

    Arguments as those of `stamps`. Frame 0 shows what is put in; then there is a frame for each result.

    Raises what `F.conv_transpose2d` raises, and ArgumentError for more than 63 results, or nothing to draw.
    """
    pixels, kernel = channels(y, 2, "y"), channels(weight, 2, "weight")
    geometry = Geometry.of_transposed_convolution(
        pixels.shape, kernel.shape, stride, padding, output_padding, 1, dilation
    )
    result = F.conv_transpose2d(
        Tensor(pixels[None, None]), Tensor(kernel[None, None]), None, stride, padding, output_padding, 1, dilation
    ).numpy()[0, 0]
    (sh, sw), (dh, dw), (p, q), (KH, KW) = geometry.stride, geometry.dilation, geometry.padding, kernel.shape
    # Pixel i of y stands at row i·s + d·(K − 1) − p of the sheet; a result at row r sees rows r .. r + d·(K − 1).
    above, before = dh * (KH - 1) - p, dw * (KW - 1) - q
    top, left = max(0, -above), max(0, -before)  # with much padding the first pixels are outside every window
    rows, columns = result.shape[0] + dh * (KH - 1), result.shape[1] + dw * (KW - 1)
    height = max(top + rows, top + above + (pixels.shape[0] - 1) * sh + 1)
    width = max(left + columns, left + before + (pixels.shape[1] - 1) * sw + 1)
    apart, thought = np.zeros((height, width)), np.ones((height, width), bool)
    places = np.ix_(top + above + sh * np.arange(pixels.shape[0]), left + before + sw * np.arange(pixels.shape[1]))
    apart[places], thought[places] = pixels, False
    turned = kernel[::-1, ::-1]

    def draw(n: int) -> Sheet:
        i, j = divmod(n - 1, result.shape[1])
        taps = [[owner(k * KW + l) for l in range(KW)] for k in range(KH)]
        fills: list[list[Fill]] = [[None] * width for _ in range(height)]
        for k, l in np.ndindex(KH, KW) if n else ():
            fills[top + i + k * dh][left + j + l * dw] = taps[k][l]
        sheet = Sheet()
        sheet.column()
        sheet.grid(pixels, title("y", pixels.shape))
        sheet.column(sign="→")
        grid = sheet.grid(apart, "y spread apart, zeros in between and around", fills=fills, faint=thought)
        sheet.column(sign="∗")
        sheet.grid(turned, "w turned by 180°", fills=taps)
        sheet.column(sign="=")
        later = np.arange(result.size).reshape(result.shape) >= n
        made = sheet.grid(result, title("x", result.shape), blank=later)
        said = f"zeros between pixels: {shown((sh - 1, sw - 1))}; around them: {shown((above, before))}"
        if n:
            sheet.frame(grid, top + i, left + j, (KH - 1) * dh + 1, (KW - 1) * dw + 1)
            sheet.frame(made, i, j, 1, 1)
            said = f"x[{i}, {j}] = {written(result[i, j])}: the window moves by one, whatever the stride"
        sheet.lines(["", said, f"{colour_of(kernel.size)} is a tap of w, in the window and in the kernel."])
        sheet.lines([settings(geometry, output_padding=extra(geometry))])
        return sheet

    return of_sheets(draw, result.size + 1, "result")
