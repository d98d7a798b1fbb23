"""Laws of a convolution with padding="same": as many results as pixels, each over its own pixel. Exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, pairs, seeds, shown, whole_numbers


@dataclass(frozen=True)
class SameSize:
    """An image and a kernel, even or odd; bias has one number for each output channel."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    dilation: Pair
    groups: int

    @property
    def options(self) -> dict[str, Any]:
        return {"dilation": self.dilation, "groups": self.groups}

    @property
    def frame(self) -> list[Pair]:
        """(before, after) for the rows and for the columns."""
        both = [self.dilation[a] * (self.weight.shape[2 + a] - 1) for a in (0, 1)]
        return [(n // 2, n - n // 2) for n in both]

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = (
            f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels, padding same, dilation {self.dilation}"
        )
        return f"{made}, groups {self.groups}\n{shown(x=self.x, weight=self.weight)}"


@st.composite
def same_sizes(draw: Any) -> SameSize:
    kernel, size, seed = draw(pairs(1, 5)), draw(pairs(1, 5)), draw(seeds())
    dilation = draw(st.one_of(st.just((1, 1)), pairs(1, 3)))
    groups = draw(st.sampled_from([1, 1, 2]))
    N, C, O = draw(st.sampled_from([1, 2])), groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    source = np.random.default_rng(seed) if seed else 0
    shapes = (N, C, *size), (O, C // groups, *kernel), (O,)
    x, weight, bias = (whole_numbers(source, shape) for shape in shapes)
    return SameSize(x, weight, bias, dilation, groups)


def convolved(ops: Operations, case: SameSize, x: Any = None, weight: Any = None, bias: Any = None) -> np.ndarray:
    x, weight = case.x if x is None else x, case.weight if weight is None else weight
    y = ops.conv2d_same(x, weight, bias, **case.options)
    right = (len(x), len(weight), *x.shape[2:])
    demand(y.shape == right, f"The result has shape {y.shape}, it should have {right}.")
    return y


@law("conv2d_same", cases=same_sizes)
def a_delta_in_the_middle_keeps_the_image(ops: Operations, case: SameSize) -> None:
    """A kernel that is 1 at tap ⌊(k − 1)/2⌋ and 0 elsewhere gives the image back, of the same size, also if k is even.

    conv(x, δ, padding="same") = x, for dilation 1 and δ[o, c] = 0 where o ≠ c
    """
    C, (KH, KW) = case.x.shape[1], case.weight.shape[2:]
    delta = np.zeros((C, C, KH, KW))
    delta[range(C), range(C), (KH - 1) // 2, (KW - 1) // 2] = 1
    y = ops.conv2d_same(case.x, delta)
    equal(y, case.x)


@law("conv2d_same", cases=same_sizes)
def same_counts_the_taps_inside_the_image(ops: Operations, case: SameSize) -> None:
    """On an image of ones, a kernel of ones counts its taps inside; ⌊d·(k − 1)/2⌋ rows of zeros stand above.

    conv(1, 1, padding="same")[i] = C · #{k: 0 ≤ i + k·d − ⌊d·(K − 1)/2⌋ < H}, and so for the columns
    """
    counts = []
    for a in (0, 1):
        n, k = case.x.shape[2 + a], case.weight.shape[2 + a]
        at = np.arange(n)[:, None] + np.arange(k) * case.dilation[a] - case.frame[a][0]
        counts.append(((at >= 0) & (at < n)).sum(1))
    y = convolved(ops, case, np.ones_like(case.x), np.ones_like(case.weight))
    equal(y, np.broadcast_to(case.weight.shape[1] * np.outer(*counts), y.shape))


@law("conv2d_same", "conv2d", cases=same_sizes)
def same_is_a_convolution_of_the_framed_image(ops: Operations, case: SameSize) -> None:
    """It is the convolution without padding of the image in a frame of zeros; the odd row and column is at the end.

    conv(x, w, padding="same") = conv(x framed by ⌊d·(k − 1)/2⌋ zeros before and ⌈d·(k − 1)/2⌉ after, w)
    """
    framed = np.pad(case.x, ((0, 0), (0, 0), *case.frame))
    equal(convolved(ops, case), ops.conv2d(framed, case.weight, **case.options))


@law("conv2d_same", cases=same_sizes)
def same_adds_its_bias_once(ops: Operations, case: SameSize) -> None:
    """The bias is added to every pixel of its channel, at the border as in the middle.

    conv(x, w, b, padding="same") = conv(x, w, padding="same") + b[o]
    """
    equal(convolved(ops, case, bias=case.bias), convolved(ops, case) + case.bias[:, None, None])


@law("conv2d_same", cases=same_sizes)
def same_leaves_its_arguments_alone(ops: Operations, case: SameSize) -> None:
    """Arguments are read, never written, and the result has the dtype of the image.

    after conv(x, w, b, padding="same"): x, w and b unchanged, result.dtype = x.dtype
    """
    x, weight, bias = (a.astype(np.float32) for a in (case.x, case.weight, case.bias))
    y = convolved(ops, case, x, weight, bias)
    demand(y.dtype == np.float32, f"The result of float32 is {y.dtype}.")
    equal(x, case.x, "the image afterwards")
    equal(weight, case.weight, "the weight afterwards")
    equal(bias, case.bias, "the bias afterwards")
