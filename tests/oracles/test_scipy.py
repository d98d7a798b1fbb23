"""SciPy, where it has the same operation for one channel: signal, ndimage, special and sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minifcn
import minifcn.functional as F
from minifcn import Tensor
from minifcn.metrics.boundary import contour_band
from tests.oracles.peers import close, dtypes, exact, generators, peer
from tests.strategies import distinct, pairs, whole_numbers

peer("scipy")
from scipy import ndimage, signal, sparse, special  # noqa: E402  (after it is known that there is a SciPy)


def spread(kernel: np.ndarray, dilation: Any) -> np.ndarray:
    """The kernel with zeros between its taps."""
    wide = np.zeros([d * (k - 1) + 1 for k, d in zip(kernel.shape, dilation, strict=True)], kernel.dtype)
    wide[:: dilation[0], :: dilation[1]] = kernel
    return wide


def around(x: np.ndarray, padding: Any) -> np.ndarray:
    return np.pad(x, [(p, p) for p in padding])


@st.composite
def planes(draw: Any) -> tuple[np.ndarray, np.ndarray, Any, Any, Any, np.random.Generator]:
    """One image and one kernel that fits into it, stride, padding, dilation."""
    generator, dtype = draw(generators()), draw(dtypes())
    kernel, stride, padding, dilation = draw(pairs(1, 4)), draw(pairs(1, 3)), draw(pairs(0, 3)), draw(pairs(1, 3))
    more = draw(pairs(0, 6))
    size = [max(1, dilation[a] * (kernel[a] - 1) + 1 + more[a] - 2 * padding[a]) for a in (0, 1)]
    return (
        whole_numbers(generator, tuple(size), dtype),
        whole_numbers(generator, kernel, dtype),
        *(stride, padding, dilation),
        generator,
    )


def tensor(x: np.ndarray) -> Tensor:
    return Tensor(x[None, None], requires_grad=True)


@given(planes())
def test_convolution_its_transpose_and_its_gradients(drawn: Any) -> None:
    """correlate2d slides the kernel, convolve2d "full" stamps it: two functions that SciPy does not derive from each
    other. Dilation is a kernel with zeros, padding an image with zeros, a stride every s-th result."""
    x, w, stride, padding, dilation, generator = drawn
    everywhere = signal.correlate2d(around(x, padding), spread(w, dilation), "valid")
    expected = everywhere[:: stride[0], :: stride[1]]
    a, b = tensor(x), tensor(w)
    y = F.conv2d(a, b, None, stride, padding, dilation)
    exact(y.detach().numpy()[0, 0], expected, "convolution")

    v = whole_numbers(generator, expected.shape, x.dtype)
    apart = np.zeros(everywhere.shape, x.dtype)
    apart[:: stride[0], :: stride[1]] = v
    stamped = signal.convolve2d(apart, spread(w, dilation), "full")
    cut = tuple(slice(p, n - p) for p, n in zip(padding, stamped.shape, strict=True))
    of_x, of_w = minifcn.grad(y, [a, b], Tensor(v[None, None]))
    exact(of_x.numpy()[0, 0], stamped[cut], "gradient of x")
    seen = signal.correlate2d(around(x, padding), apart, "valid")
    exact(of_w.numpy()[0, 0], seen[:: dilation[0], :: dilation[1]], "gradient of w")
    made = F.conv_transpose2d(tensor(v), b, None, stride, padding, dilation=dilation, output_size=x.shape)
    exact(made.detach().numpy()[0, 0], stamped[cut], "transposed convolution")


@given(pairs(1, 4), pairs(1, 3), pairs(0, 2), pairs(0, 5), generators())
def test_the_matrix_of_a_separable_kernel_is_a_kronecker_product(
    kernel: Any, stride: Any, padding: Any, more: Any, generator: np.random.Generator
) -> None:
    """w = u vᵀ: rows and columns are treated one after the other, each by a band matrix of its own."""
    size = [max(1, kernel[a] + more[a] - 2 * padding[a]) for a in (0, 1)]
    factors = [whole_numbers(generator, (k,)) for k in kernel]
    bands = []
    for n, u, s, p in zip(size, factors, stride, padding, strict=True):
        padded = n + 2 * p
        band = sparse.diags(list(u), list(range(len(u))), shape=(padded - len(u) + 1, padded)).tocsr()
        bands.append(band[::s, p : padded - p])
    expected = sparse.kron(*bands).toarray()
    w = np.outer(*factors)[None, None]
    exact(minifcn.convolution_matrix(w, tuple(size), stride, padding), expected, "C")
    exact(minifcn.convolution_matrix(w, tuple(size), stride, padding, sparse=True).toarray(), expected, "sparse C")


@given(pairs(1, 12), st.integers(1, 4), generators())
def test_the_band_along_a_contour_is_what_an_erosion_takes(
    size: Any, distance: int, generator: np.random.Generator
) -> None:
    """binary_erosion by a pixel on all eight sides, `distance` times; what lies beyond the image is outside."""
    region = generator.random(size) < generator.choice([0.5, 0.9, 0.99])
    left = ndimage.binary_erosion(region, np.ones((3, 3)), iterations=distance, border_value=0)
    exact(contour_band(region, distance), region & ~left, "band")


@given(planes())
def test_ndimage_filters(drawn: Any) -> None:
    """A correlation of the same size, the largest and the mean of a window: centred, so the kernels are odd here."""
    x, _, _, _, _, generator = drawn
    kernel = tuple(2 * int(k) + 1 for k in generator.integers(0, 2, 2))
    half = tuple(k // 2 for k in kernel)
    w = whole_numbers(generator, kernel, x.dtype)
    image = Tensor(x[None, None])
    found = F.conv2d(image, Tensor(w[None, None]), padding=half).numpy()[0, 0]
    exact(found, ndimage.correlate(x, w, mode="constant"), "correlation")
    found = F.max_pool2d(image, kernel, 1, half).numpy()[0, 0]
    exact(found, ndimage.maximum_filter(x, kernel, mode="constant", cval=-np.inf), "largest")
    found = F.avg_pool2d(image, kernel, 1, half).numpy()[0, 0]
    close(kernel[0] * kernel[1], 9.0)(
        found, ndimage.correlate(x, np.full(kernel, 1 / np.prod(kernel), x.dtype), mode="constant"), "mean"
    )


@given(pairs(2, 7), pairs(2, 12), generators())
def test_bilinear_interpolation_is_a_spline_of_order_1(size: Any, into: Any, generator: np.random.Generator) -> None:
    """map_coordinates is told where each pixel comes from, by the two rules; the border is repeated."""
    x = whole_numbers(generator, size)
    for align in (False, True):
        rows, columns = (
            np.linspace(0, n - 1, m) if align else (np.arange(m) + 0.5) * n / m - 0.5
            for n, m in zip(size, into, strict=True)
        )
        expected = ndimage.map_coordinates(x, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest")
        found = F.interpolate(Tensor(x[None, None]), into, mode="bilinear", align_corners=align).numpy()[0, 0]
        close(4 * 12**2, 9.0)(found, expected, f"align_corners={align}")


@given(st.integers(0, 3), st.sampled_from([1.0, 40.0, 1e4]), dtypes(), generators())
def test_softmax_and_its_logarithm(axis: int, size: float, dtype: Any, generator: np.random.Generator) -> None:
    x = (generator.standard_normal((2, 5, 3, 4)) * size).astype(dtype)
    found = F.log_softmax(Tensor(x), axis).numpy()
    close(8 * 5, 5 * size)(found, x - special.logsumexp(x, axis=axis, keepdims=True), "log_softmax")
    close(8 * 5, 5 * size)(found, special.log_softmax(x, axis=axis), "log_softmax")
    close(8 * 5)(F.softmax(Tensor(x), axis).numpy(), special.softmax(x, axis=axis), "softmax")


@given(st.integers(1, 6), pairs(1, 4), dtypes(), generators())
def test_cross_entropy(C: int, size: Any, dtype: Any, generator: np.random.Generator) -> None:
    """log Σ exp(x) − x[label], where the label is not void."""
    x = (generator.standard_normal((2, C, *size)) * 10).astype(dtype)
    labels = generator.choice([*range(C), 255], (2, *size))
    chosen = np.take_along_axis(x, np.where(labels == 255, 0, labels)[:, None], 1)[:, 0]
    expected = np.where(labels == 255, 0, special.logsumexp(x, axis=1) - chosen).astype(dtype)
    found = F.cross_entropy(Tensor(x), labels, reduction="none").numpy()
    close(8 * C, 60.0)(found, expected, "each pixel")
    total = F.cross_entropy(Tensor(x), labels, reduction="sum").numpy()
    close(8 * C * labels.size, 60.0)(total, expected.sum(dtype=dtype), "sum")


@given(st.integers(1, 40), dtypes(), generators())
def test_sigmoid(n: int, dtype: Any, generator: np.random.Generator) -> None:
    x = (distinct(generator, (n,)) * 5).astype(dtype)
    close(8)(F.sigmoid(Tensor(x)).numpy(), special.expit(x), "sigmoid")
