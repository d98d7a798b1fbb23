"""Implementations as students write them: plain loops, right, or with one of the usual mistakes."""

from __future__ import annotations

import re

import numpy as np


def unwrapped(report):
    """A text whose sentences are one line each again; what stands in, such as arrays, stays as it is."""
    return re.sub(r"(?<=\S)\n(?=[^\s\n])", " ", re.sub(r"\n {8}(?=\S)", " ", str(report)))


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, *, mistake=""):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    mode = "edge" if mistake == "edge padding" else "constant"
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode=mode)
    O, C, KH, KW = weight.shape
    one = 0 if mistake == "size off by one" else 1
    OH = (framed.shape[2] - dh * (KH - 1) - 1) // sh + one
    OW = (framed.shape[3] - dw * (KW - 1) - 1) // sw + one
    y = np.zeros((len(x), O, OH, OW), x.dtype)
    if mistake == "strides swapped":
        sh, sw = sw, sh
    for n, o, i, j in np.ndindex(*y.shape):
        for c, k, l in np.ndindex(C, KH, KW):
            a, b = i * sh + k * dh, j * sw + l * dw
            product = framed[n, c, a, b] * weight[o, c, k, l]
            y[n, o, i, j] = product if mistake == "= for +=" else y[n, o, i, j] + product
    if bias is not None and mistake != "bias missing":
        y += bias[:, None, None]
    return y


def transposed(x, weight, bias=None, stride=1, padding=0, output_padding=0, *, mistake=""):
    (sh, sw), (ph, pw), (eh, ew) = pair(stride), pair(padding), pair(output_padding)
    N, I, H, W = x.shape
    KH, KW = weight.shape[2:]
    y = np.zeros((N, weight.shape[1], (H - 1) * sh + KH + eh, (W - 1) * sw + KW + ew), x.dtype)
    if mistake == "strides swapped":
        sh, sw = sw, sh
    if mistake == "= for +=, by taps":
        for k, l in np.ndindex(KH, KW):
            part = np.einsum("nihw,io->nohw", x, weight[:, :, k, l])
            y[:, :, k : k + sh * (H - 1) + 1 : sh, l : l + sw * (W - 1) + 1 : sw] = part
    elif mistake == "= for +=, by channels":
        for c, i, j in np.ndindex(I, H, W):
            stamp = x[:, c, i, j][:, None, None, None] * weight[c]
            y[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW] = stamp
    else:
        for i, j in np.ndindex(H, W):
            stamp = np.einsum("ni,iokl->nokl", x[:, :, i, j], weight)
            place = y[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW]
            place[...] = stamp if mistake == "= for +=" else place + stamp
    y = y[:, :, ph : y.shape[2] - ph, pw : y.shape[3] - pw]
    return y if bias is None or mistake == "bias missing" else y + bias[:, None, None]


def max_pool(x, kernel_size, stride=None, padding=0, *, mistake=""):
    (KH, KW), (sh, sw), (ph, pw) = pair(kernel_size), pair(stride or kernel_size), pair(padding)
    fill = 0 if mistake == "zero padding" else -np.inf
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    y = np.zeros((*x.shape[:2], (framed.shape[2] - KH) // sh + 1, (framed.shape[3] - KW) // sw + 1), x.dtype)
    if mistake == "strides swapped":
        sh, sw = sw, sh
    for i, j in np.ndindex(*y.shape[2:]):
        y[:, :, i, j] = framed[:, :, i * sh : i * sh + KH, j * sw : j * sw + KW].max((2, 3))
    return y


def entropy(x, target, weight=None, ignore_index=255, *, mistake=""):
    kept = target != ignore_index
    labels = np.where(kept, target, 0).astype(int)
    if ((labels < 0) | (labels >= x.shape[1])).any():
        raise ValueError("a label without a class")
    low = x - x.max(1, keepdims=True)
    log_p = low - np.log(np.exp(low).sum(1, keepdims=True))
    weights = np.ones(x.shape[1]) if weight is None or mistake == "weights ignored" else weight
    total = number = 0.0
    for n, i, j in np.argwhere(kept):
        total -= weights[labels[n, i, j]] * log_p[n, labels[n, i, j], i, j]
        number += weights[labels[n, i, j]]
    if mistake == "not divided":
        return total
    return total / number if number else 0.0


def confusion(batches, num_classes, *, mistake=""):
    hist = np.zeros((num_classes, num_classes), np.int64)
    for prediction, target in batches:
        if prediction.shape != target.shape:
            raise ValueError("two sizes")
        p, t = prediction[target != 255].astype(int), target[target != 255].astype(int)
        if p.size and not 0 <= min(p.min(), t.min()) <= max(p.max(), t.max()) < num_classes:
            raise ValueError("a label without a class")
        if mistake == "+= by an index":
            hist[t, p] += 1
        else:
            np.add.at(hist, (p, t) if mistake == "transposed" else (t, p), 1)
    return hist
