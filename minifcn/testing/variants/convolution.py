"""Convolution and its relatives computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.arrays.convolution.algorithms import use_algorithm
from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.version import variant


def _padded(x: Any, padding: Any) -> np.ndarray:
    ph, pw = pair(padding, "padding", 0)
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def _with(bias: Any, y: Any) -> Any:
    return y if bias is None else y + bias[:, None, None]


@variant("conv2d")
def by_loops(*arguments: Any, **named: Any) -> Any:
    """minifcn's loops: the formula, sum by sum."""
    with use_algorithm("loops"):
        return ours.conv2d(*arguments, **named)


@variant("conv2d")
def tap_by_tap(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
               groups: int = 1) -> Any:  # fmt: skip
    """For each tap of the kernel a shifted copy of the whole image is added, weighted."""
    g = Geometry.of_convolution(x.shape[2:], weight.shape[2:], stride, padding, dilation, groups)
    (OH, OW), (sh, sw), (dh, dw), padded = g.output_size, g.stride, g.dilation, _padded(x, padding)
    y = np.zeros((len(x), len(weight), OH, OW), x.dtype)
    for k, l in np.ndindex(*g.kernel_size):
        seen = padded[:, :, k * dh : k * dh + (OH - 1) * sh + 1 : sh, l * dw : l * dw + (OW - 1) * sw + 1 : sw]
        for o in range(len(weight)):
            first = o * groups // len(weight) * weight.shape[1]
            y[:, o] += np.tensordot(weight[o, :, k, l], seen[:, first : first + weight.shape[1]], (0, 1))
    return _with(bias, y)


@variant("conv2d")
def by_windows_and_einsum(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                          groups: int = 1) -> Any:  # fmt: skip
    """All windows as a view, then one einsum for each group."""
    g = Geometry.of_convolution(x.shape[2:], weight.shape[2:], stride, padding, dilation, groups)
    windows = np.lib.stride_tricks.sliding_window_view(_padded(x, padding), g.reach, (2, 3))
    windows = windows[:, :, :: g.stride[0], :: g.stride[1], :: g.dilation[0], :: g.dilation[1]]
    parts = zip(np.split(windows, groups, 1), np.split(weight, groups), strict=True)
    return _with(bias, np.concatenate([np.einsum("ncijkl,ockl->noij", a, w) for a, w in parts], 1))


@variant("conv2d")
def by_fourier(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
               groups: int = 1) -> Any:  # fmt: skip
    """A product of Fourier transforms, rounded back to the whole numbers that the laws use; NaN by another way."""
    if not np.isfinite(x).all():
        return by_loops.function(x, weight, bias, stride, padding, dilation, groups)
    g = Geometry.of_convolution(x.shape[2:], weight.shape[2:], stride, padding, dilation, groups)
    padded, holes = _padded(x, padding), np.zeros((*weight.shape[:2], *g.reach))
    holes[:, :, :: g.dilation[0], :: g.dilation[1]] = weight
    size = padded.shape[2:]
    images, kernels = np.fft.fft2(padded, size), np.conj(np.fft.fft2(holes, size))
    parts = zip(np.split(images, groups, 1), np.split(kernels, groups), strict=True)
    dense = np.fft.ifft2(np.concatenate([np.einsum("nchw,ochw->nohw", a, k) for a, k in parts], 1)).real
    dense = dense[:, :, : size[0] - g.reach[0] + 1 : g.stride[0], : size[1] - g.reach[1] + 1 : g.stride[1]]
    return _with(bias, np.rint(dense).astype(x.dtype))


@variant("conv_transpose2d")
def stamp_by_stamp(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                   groups: int = 1, dilation: Any = 1) -> Any:  # fmt: skip
    """Every pixel adds its stamp to a large enough image, which is cropped at the end."""
    options = x.shape[2:], weight.shape[2:], stride, padding, output_padding, groups, dilation
    g = Geometry.of_transposed_convolution(*options)
    (H, W), (sh, sw), (ph, pw), (dh, dw) = g.input_size, g.stride, g.padding, g.dilation
    whole = np.zeros((len(x), weight.shape[1] * groups, H + 2 * ph, W + 2 * pw), x.dtype)
    for i, j in np.ndindex(*x.shape[2:]):
        parts = zip(np.split(x[:, :, i, j], groups, 1), np.split(weight, groups), strict=True)
        stamp = np.concatenate([np.einsum("no,ockl->nckl", a, w) for a, w in parts], 1)
        top, left = i * sh, j * sw
        whole[:, :, top : top + g.reach[0] : dh, left : left + g.reach[1] : dw] += stamp
    return _with(bias, whole[:, :, ph : ph + H, pw : pw + W])


@variant("conv_transpose2d")
def zeros_between_and_a_flipped_kernel(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
                                       output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Any:  # fmt: skip
    """Zeros put between the pixels, and an ordinary convolution with the flipped kernel."""
    options = x.shape[2:], weight.shape[2:], stride, padding, output_padding, groups, dilation
    g = Geometry.of_transposed_convolution(*options)
    (H, W), (sh, sw), (ph, pw) = g.input_size, g.stride, g.padding
    top, left = g.reach[0] - 1, g.reach[1] - 1
    sparse = np.zeros((*x.shape[:2], H + 2 * ph + top, W + 2 * pw + left), x.dtype)
    sparse[:, :, top : top + (x.shape[2] - 1) * sh + 1 : sh, left : left + (x.shape[3] - 1) * sw + 1 : sw] = x
    turned = [w[:, :, ::-1, ::-1].swapaxes(0, 1) for w in np.split(weight, groups)]
    parts = zip(np.split(sparse, groups, 1), turned, strict=True)
    made = np.concatenate([by_loops.function(a, w, dilation=dilation) for a, w in parts], 1)
    return _with(bias, made[:, :, ph : ph + H, pw : pw + W])


@variant("conv2d_input")
def by_the_transposed_matrix(input_size: Any, weight: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """The transpose of the convolution matrix times the gradient, for each image."""
    C = ours.convolution_matrix(weight, input_size[2:], *options, **named)
    return np.stack([(C.T @ g.ravel()).reshape(input_size[1:]) for g in grad_output])


@variant("conv2d_weight")
def by_a_difference_for_each_weight(x: Any, weight_size: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """One convolution for each weight: convolution is linear, so a difference with step 1 is exact."""
    found = np.zeros(weight_size, x.dtype)
    for at in np.ndindex(*weight_size):
        unit = np.zeros(weight_size, x.dtype)
        unit[at] = 1
        y = ours.conv2d(x, unit, None, *options, **named)
        found[at] = np.sum([a * b for a, b in zip(y.ravel(), grad_output.ravel(), strict=True)])
    return found


@variant("conv2d_weight")
def by_exchanging_stride_and_dilation(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                      dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """A convolution of image and gradient, in which images are channels, and stride and dilation are exchanged."""
    KH, KW = weight_size[2:]
    if ours.conv_output_size(x.shape[2:], (KH, KW), stride, padding, dilation) != grad_output.shape[2:]:
        raise ValueError(f"no windows of {(KH, KW)} in {x.shape[2:]} pixels are {grad_output.shape[2:]}")
    made = [
        ours.conv2d(a.swapaxes(0, 1), g.swapaxes(0, 1), None, dilation, padding, stride)[:, :, :KH, :KW].swapaxes(0, 1)
        for a, g in zip(np.split(x, groups, 1), np.split(grad_output, groups, 1), strict=True)
    ]
    return np.concatenate(made)


@variant("convolution_matrix")
def impulse_by_impulse(weight: Any, input_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                       groups: int = 1, output_size: Any = None) -> Any:  # fmt: skip
    """Column q of the matrix is the convolution of an image with a single 1 at q; of the windows the first are kept."""
    size = (weight.shape[1] * groups, *input_size)
    pixels = int(np.prod(size))
    images = np.eye(pixels, dtype=weight.dtype).reshape(pixels, *size)
    y = by_loops.function(images, weight, None, stride, padding, dilation, groups)
    if output_size is not None:
        if any(wanted > made for wanted, made in zip(output_size, y.shape[2:], strict=True)):
            raise ValueError(f"there are no {output_size} windows in {input_size}")
        y = y[:, :, : output_size[0], : output_size[1]]
    return y.reshape(len(y), int(np.prod(y.shape[1:]))).T
