"""What batch normalisation needs of every channel: its moments, two sums, and one number for it in x·a + b.

A plane is one channel of one image, (H, W). On a CPU planes or channels are shared between the threads; on a GPU a
plane is the work of one block of threads, then one thread for each channel puts its planes together. Sums run in one
fixed order.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from minifcn.machine.backend import Array, array_module
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.machine.limits import threads_for, working_bytes
from minifcn.machine.memory import empty, scratch
from minifcn.machine.spread import spread
from minifcn.machine.threads import even_parts, for_each


def moments(x: Array) -> Array:
    """Mean and biased variance per channel: (N, C, H, W) -> (2, C). E[x²] − mean² would lose digits.

    They are put together from those of each plane. A plane's mean m is rounded; what x − m has on average is what it
    lost. With M the mean of the channel and m − M = a,

        E (x − M)² = E (x − m)² + 2·a·E (x − m) + a²       on average over the planes, which are equally large

    Source: Chan, Golub and LeVeque 1983.
    """
    xp, (N, C) = array_module(x), x.shape[:2]
    if run_on(x):
        (x,) = contiguous(x)
        planes, statistics = empty((N, C, 3), x.dtype, x), empty((2, C), x.dtype, x)
        _PLANES(N * C, planes, x, prod(x.shape[2:]))
        _TOGETHER(C, statistics, planes, N)
        return statistics

    values, statistics = pixels(x), xp.empty((2, C), x.dtype)

    def compute(few: slice) -> None:
        block = values[:, few]
        statistics[:, few], _ = centred(block, scratch("deviations", block.shape, x))

    by_channels(compute, x)
    return statistics


def sums(a: Array, b: Array, centre: Array) -> Array:
    """(Σ a, Σ a·(b − centre)) over n, h, w, in one pass: (N, C, H, W), (N, C, H, W), (C,) -> (2, C)."""
    array_module(a, b)
    N, C = a.shape[:2]
    if run_on(a, b):
        planes, (a, b, centre) = empty((N, 2, C), a.dtype, a), contiguous(a, b, centre)
        _SUMS(N * C, planes, a, b, centre, C, prod(a.shape[2:]))
        return planes.sum(0)

    def compute(y: Array, a: Array, b: Array, centre: Array) -> None:
        y[:, 0] = total(a)
        y[:, 1] = dots(a, np.subtract(b, centre[:, None], out=scratch("deviations", b.shape, b)))

    planes = np.empty((N, C, 2), a.dtype)
    spread(compute, planes, pixels(a), pixels(b), np.broadcast_to(centre, (N, C)), axes=2, in_cache=True)
    return np.ascontiguousarray(planes.sum(0).T)  # (N, C, 2) -> (2, C)


def normalised(x: Array, mean: Array, scale: Array, bias: Array) -> Array:
    """(x − mean)·scale + bias, with one number per channel: x (N, C, H, W), all others (C,)."""
    if run_on(x):
        y = empty(x.shape, x.dtype, x)
        _NORMALISED(y.size, y, *contiguous(x, mean, scale, bias), x.shape[1], prod(x.shape[2:]))
        return y
    return (x - mean[:, None, None]) * scale[:, None, None] + bias[:, None, None]


def affine(shift: Array, *terms: Array) -> Array:
    """shift + Σᵢ xᵢ·scaleᵢ, with one number per channel in shift (C,) and scaleᵢ (C,); xᵢ and result (N, C, H, W)."""
    xp, x = array_module(shift), terms[0]
    y = empty(x.shape, x.dtype, x)
    if run_on(x) and len(terms) in _AFFINE:
        _AFFINE[len(terms)](y.size, y, *contiguous(shift, *terms), x.shape[1], prod(x.shape[2:]))
        return y

    def compute(y: Array, shift: Array, x: Array, scale: Array, *more: Array) -> None:
        xp.multiply(x, scale[:, None, None], out=y)
        y += shift[:, None, None]
        for x, scale in zip(more[::2], more[1::2], strict=True):
            y += xp.multiply(x, scale[:, None, None], out=scratch("product", x.shape, x))

    # One number per channel, repeated for each image: (C,) -> (N, C)
    arrays = (array if array.ndim == 4 else xp.broadcast_to(array, x.shape[:2]) for array in (shift, *terms))
    return spread(compute, y, *arrays, axes=2, in_cache=len(terms) > 2)


# --- on a CPU -----------------------------------------------------------------------------------------------------

PIECE = 8192  # numbers; OpenBLAS divides a product of more than 10,000 between threads of its own


def pixels(x: Array) -> Array:
    """(N, C, H, W) -> (N, C, n), n = H·W."""
    return x.reshape(*x.shape[:2], prod(x.shape[2:]))


def centred(x: Array, deviations: Array) -> tuple[tuple[Array, Array], Array]:
    """Writes x − m there, m the mean of the plane, and gives ((mean, variance) of each channel, m − mean).

    x (N, C, n) -> (C,), (C,) and (N, C); the formula of `moments`.
    """
    n = x.shape[2]
    means = total(x)
    means /= n
    np.subtract(x, means[..., None], out=deviations)
    lost, squares = total(deviations) / n, dots(deviations, deviations) / n
    mean = means.mean(0)
    mean += (means - mean + lost).mean(0)
    apart = means - mean
    return (mean, (squares + apart * (apart + 2 * lost)).mean(0)), apart


def total(x: Array) -> Array:
    """Σ x over the last dimension."""
    return dots(x, np.ones(x.shape[-1], x.dtype))


def dots(a: Array, b: Array) -> Array:
    """Σ a·b over the last dimension.

    A product of vectors adds up two to four times faster than NumPy's sum, as fast as memory is read. It is as exact:
    many accumulators share a piece, and pieces are added up pairwise.
    """
    cut = a.shape[-1] // PIECE * PIECE
    sums = np.vecdot(a[..., cut:], b[..., cut:])
    if cut:
        whole = (array[..., :cut].reshape(*array.shape[:-1], -1, PIECE) for array in (a, b))
        sums += np.vecdot(*whole).sum(-1)
    return sums


def by_channels(compute: Callable[[slice], None], x: Array) -> None:
    """compute(few) for a few neighbouring channels of x at a time, as many pieces for each thread.

    Few enough to stay in the cache, with what is made of them, and not fewer: each piece costs some 30 calls of NumPy.
    """
    threads = threads_for(x, 3 * x.size)
    rounds = -(-int(x.nbytes) // (threads * working_bytes(x)))
    with np.errstate():  # which puts the buffer back
        # Where one number belongs to a row of many, NumPy first writes it into a buffer as often as the row is long,
        # unless two rows are too long for the buffer: here those of more than 512. Measured: half the time.
        np.setbufsize(1024)
        for_each(compute, even_parts(x.shape[1], threads * rounds))


# --- on a GPU -----------------------------------------------------------------------------------------------------

_PLANES = Kernel(
    "planes",
    "T* planes, const T* x, Index P",
    """
    // One block for each plane, whose threads read it side by side; the second time it comes from the cache.
    const T* plane = x + i * P;
    T sum = 0;
    for (Index p = thread; p < P; p += THREADS) sum += plane[p];
    const T mean = block_sum(sum) / P;
    T rest = 0, squares = 0;
    for (Index p = thread; p < P; p += THREADS) {
        const T deviation = plane[p] - mean;
        rest += deviation;
        squares += deviation * deviation;
    }
    rest = block_sum(rest);
    squares = block_sum(squares);
    if (thread == 0) {
        planes[3 * i] = mean;
        planes[3 * i + 1] = rest / P;  // what the mean lost in rounding
        planes[3 * i + 2] = squares / P;
    }""",
    by_block=True,
)

_TOGETHER = Kernel(
    "planes_together",
    "T* statistics, const T* planes, Index N",
    """
    // One thread for each channel. There are few, and little to read.
    const T* mine = planes + 3 * i;
    const Index step = 3 * count;
    T mean = 0, correction = 0, variance = 0;
    for (Index n = 0; n < N; n++) mean += mine[n * step];
    mean /= N;
    for (Index n = 0; n < N; n++) correction += mine[n * step] - mean + mine[n * step + 1];
    mean += correction / N;
    for (Index n = 0; n < N; n++) {
        const T apart = mine[n * step] - mean;
        variance += mine[n * step + 2] + apart * (apart + 2 * mine[n * step + 1]);
    }
    statistics[i] = mean;
    statistics[count + i] = variance / N;""",
)

_SUMS = Kernel(
    "channel_sums",
    "T* planes, const T* a, const T* b, const T* centre, Index C, Index P",
    """
    // One block for each plane, whose threads read both arrays side by side, once.
    const Index c = i % C, n = i / C;
    T plain = 0, centred = 0;
    for (Index p = thread; p < P; p += THREADS) {
        const T value = a[i * P + p];
        plain += value;
        centred += value * (b[i * P + p] - centre[c]);
    }
    plain = block_sum(plain);
    centred = block_sum(centred);
    if (thread == 0) {
        planes[2 * n * C + c] = plain;
        planes[(2 * n + 1) * C + c] = centred;
    }""",
    by_block=True,
)

_EACH = """
    // One thread for each number, all side by side; those of the channel are the same for nearly all neighbours.
    const Index c = i / P % C;"""

_NORMALISED = Kernel(
    "normalised",
    "T* y, const T* x, const T* mean, const T* scale, const T* bias, Index C, Index P",
    _EACH + "\n    y[i] = (x[i] - mean[c]) * scale[c] + bias[c];",
)

_AFFINE = {
    2: Kernel(
        "channel_affine",
        "T* y, const T* shift, const T* x, const T* scale, Index C, Index P",
        _EACH + "\n    y[i] = x[i] * scale[c] + shift[c];",
    ),
    4: Kernel(
        "channel_affine_of_two",
        "T* y, const T* shift, const T* a, const T* scale_a, const T* b, const T* scale_b, Index C, Index P",
        _EACH + "\n    y[i] = a[i] * scale_a[c] + shift[c] + b[i] * scale_b[c];",
    ),
}
