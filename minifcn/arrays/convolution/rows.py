"""rows: a line of columns for every row of the image; the columns of an output row then lie in memory as they are.

    lines[h, c, l, j] = x[n, c, h, j·s + l·d − p]           0 in the padding; a line is a matrix (C·KW, OW)

of one image n. With three kernel rows:

                 ┌ line 0 ┐
                 │ line 1 │ ┐      y[n, :, 0] = w · lines 0, 1, 2
                 └ line 2 ┘ │ ┐    y[n, :, 1] = w ·    lines 1, 2, 3
                   line 3   ┘ │    y[n, :, 2] = w ·       lines 2, 3, 4
                   line 4     ┘

The KH rows under one output row are KH lines that follow one another: together the matrix (KH·C·KW, OW) of im2col, and
that of the next output row begins one line later (with a stride, s lines). So all of them are one view that overlaps
itself. Each pixel is laid out KW times instead of KH·KW, and a product writes its row of y where it belongs. Where one
row is too little for a product, those of several images lie side by side.

A kernel whose rows are dilated by d sees every d-th row: the lines are laid out remainder by remainder of h by d.

    x   the lines of the products wᵀ · y[n, :, i] are added where they overlap, and back to their pixels; with stride 1
        as a convolution of y instead, with the kernel turned by half a turn (turned.py)
    w   the sum of the products of columns and y over all output rows

Source of the idea: Cho and Brand 2017, "MEC: memory-efficient convolution", which overlaps columns of another order.
"""

from __future__ import annotations

from minifcn.arrays.convolution import turned
from minifcn.arrays.convolution.lines import add_stamps, as_matrix, by_group, columns_of, output_rows
from minifcn.arrays.convolution.strips import MOST_TURNED, Strip, images_together, strips, threads_worth
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.limits import working_bytes
from minifcn.machine.memory import empty, scratch, zeros
from minifcn.machine.product import multiply
from minifcn.machine.spread import sum_into
from minifcn.machine.threads import even_parts, for_each


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    (N, C), O = x.shape[:2], w.shape[0]
    y = empty((N, O, *geometry.output_size), x.dtype, x)
    w, threads = by_group(w, geometry), threads_worth(x, C, O, geometry)

    def compute(strip: Strip) -> None:
        columns, made = columns_of(x, geometry, strip), output_rows(y, geometry, strip)
        *size, n, OW = made.shape
        if n == 1:  # each product is written where it belongs: a row of one image lies in one piece
            multiply(w, columns, made[..., 0, :])  # (O/G, K) @ (K, OW), K = KH·C/G·KW
        else:
            product = scratch("rows: product", (*size, n * OW), x)
            multiply(w, columns, product)
            made[...] = product.reshape(made.shape)

    for_each(compute, strips(x, C, O, geometry, threads), alone=threads == 1)
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    (N, O), G, C = y.shape[:2], geometry.groups, w.shape[1] * geometry.groups
    if O <= MOST_TURNED * C and turned.fits(geometry):
        return to_output(y, turned.turned_weight(w, G), turned.turned_geometry(geometry))
    x, threads = zeros((N, C, *geometry.input_size), y.dtype, y), threads_worth(y, C, O, geometry)
    pixels = x.reshape(N, G, C // G, *geometry.input_size)

    # Some images, or some of their channels, at a time: the stamps of two strips overlap.
    def compute(piece: tuple[slice, slice]) -> None:
        images, channels = piece
        part, received, stamped = w[:, channels], y[images], pixels[images, :, channels]
        row = G * part[:1].size * len(received) * geometry.output_size[1] * y.itemsize
        for strip in strips(received, G * part.shape[1], O, geometry, 1, row):
            add_stamps(part, received, stamped, geometry, strip)

    joined = images_together(geometry, N, C, O)
    images = [slice(n, n + joined) for n in range(0, N, joined)]
    parts = even_parts(C // G, -(-threads // max(1, len(images))))
    for_each(compute, [(some, part) for some in images for part in parts], alone=threads == 1)
    return x


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    C, O, (KH, KW), G = x.shape[1], y.shape[1], geometry.kernel_size, geometry.groups
    total = empty((G, KH * C // G * KW, O // G), x.dtype, x)
    threads = 1 if total.nbytes > 2 * working_bytes(x) else threads_worth(x, C, O, geometry)

    def add(strip: Strip, total: Array, first: bool) -> None:
        received = as_matrix(output_rows(y, geometry, strip))
        products = scratch("rows: products", (G, len(strip.outputs), *total.shape[1:]), x)
        multiply(columns_of(x, geometry, strip), received.swapaxes(2, 3), products)  # (K, n·OW) @ (n·OW, O/G)
        if first:
            products.sum(1, out=total)
        else:
            total += products.sum(1)

    sum_into(total, add, list(strips(x, C, O, geometry, threads, total.nbytes)), threads)
    w = empty((O, C // G, KH, KW), x.dtype, x)
    w.reshape(G, O // G, C // G, KH, KW)[...] = total.reshape(G, KH, C // G, KW, O // G).transpose(0, 4, 2, 1, 3)
    return w
