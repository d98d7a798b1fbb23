"""What batch normalisation needs of every channel, on a GPU: their moments, their sums, and a number for each.

Its twins on NumPy are in functional/normalization.py, beside the formulas: there a few lines of NumPy are the text.

A plane is one channel of one image, (H, W). Its sums are the work of one block of threads, which add up what is side by
side in memory; then one thread for each channel puts its planes together, both in one fixed order.
"""

from __future__ import annotations

from math import prod

from minifcn.machine.backend import Array
from minifcn.machine.kernels import Kernel, contiguous
from minifcn.machine.memory import empty


def moments(x: Array) -> Array:
    """Mean and biased variance per channel: (N, C, H, W) -> (2, C), by the formula of Chan, Golub and LeVeque 1983."""
    (N, C), P, (x,) = x.shape[:2], prod(x.shape[2:]), contiguous(x)
    planes, statistics = empty((N, C, 3), x.dtype, x), empty((2, C), x.dtype, x)
    _PLANES(N * C, planes, x, P)
    _TOGETHER(C, statistics, planes, N)
    return statistics


def sums(a: Array, b: Array, centre: Array) -> Array:
    """(Σ a, Σ a·(b − centre)) over n, h, w: (N, C, H, W), (N, C, H, W), (C,) -> (2, C)."""
    (N, C), P, (a, b, centre) = a.shape[:2], prod(a.shape[2:]), contiguous(a, b, centre)
    planes = empty((N, 2, C), a.dtype, a)
    _SUMS(N * C, planes, a, b, centre, C, P)
    return planes.sum(0)


def normalised(x: Array, mean: Array, scale: Array, bias: Array) -> Array:
    """(x − mean)·scale + bias, with one number per channel: x (N, C, H, W), all others (C,)."""
    y, (x, *numbers) = empty(x.shape, x.dtype, x), contiguous(x, mean, scale, bias)
    _NORMALISED(y.size, y, x, *numbers, x.shape[1], prod(x.shape[2:]))
    return y


def affine(shift: Array, *terms: Array) -> Array:
    """shift + Σᵢ xᵢ·scaleᵢ, with one number per channel in shift (C,) and scaleᵢ (C,); xᵢ and result (N, C, H, W)."""
    x = terms[0]
    y = empty(x.shape, x.dtype, x)
    TERMS[len(terms)](y.size, y, *contiguous(shift, *terms), x.shape[1], prod(x.shape[2:]))
    return y


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

TERMS = {
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
"""How many operands `affine` can take beside the shift: x and its scale, once or twice."""
