"""Laws of sizes made to fit: preimages, multiples, zeros between pixels, a linear layer that slides. All exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import (
    ConvOperands,
    conv_operands,
    count,
    geometries,
    pairs,
    seeds,
    shown,
    transposed_geometries,
    whole_numbers,
)

# --- the sizes that become one ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A window along one axis, and a size that it makes."""

    size: int
    kernel_size: int
    stride: int
    padding: int
    dilation: int

    @property
    def options(self) -> dict[str, int]:
        return {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding,
                "dilation": self.dilation}  # fmt: skip

    def __str__(self) -> str:
        words = [f"{name} {value}" for name, value in self.options.items()]
        return f"what becomes {self.size} with {', '.join(words).replace('kernel_size', 'kernel')}"


@st.composite
def windows(draw: Any) -> Window:
    """Windows whose padding alone does not make `size`, so that every size that shrinks to it is one of an image."""
    drawn = geometries(groups=1)
    g = draw(drawn.filter(lambda g: (g.output_size[0] - 1) * g.stride[0] + g.reach[0] > 2 * g.padding[0]))
    return Window(g.output_size[0], g.kernel_size[0], g.stride[0], g.padding[0], g.dilation[0])


@law("preimages", "conv_output_size", cases=windows)
def preimages_are_the_sizes_that_become_one(ops: Operations, case: Window) -> None:
    """Try every size: those that the convolution makes `size` of are the preimages, and no others.

    preimages(o) = {H : size(H) = o}
    """
    found, expected = list(ops.preimages(case.size, **case.options)), []
    reach = case.dilation * (case.kernel_size - 1) + 1
    for H in range(max(1, reach - 2 * case.padding), (case.size + 1) * case.stride + reach + 1):
        column = {name: (value, 0 if name == "padding" else 1) for name, value in case.options.items()}
        if ops.conv_output_size((H, 1), **column)[0] == case.size:
            expected.append(H)
    equal(found, expected, "the preimages")


@law("preimages", cases=windows)
def preimages_lie_side_by_side(ops: Operations, case: Window) -> None:
    """There are as many preimages as the stride is; where those of one size end, those of the next begin.

    |preimages(o)| = s and max preimages(o) + 1 = min preimages(o + 1)
    """
    here, there = (list(ops.preimages(size, **case.options)) for size in (case.size, case.size + 1))
    equal(len(here), case.stride, "the number of preimages")
    equal(there[0], here[-1] + 1, "the first preimage of the next size")


@law("preimages", "conv_transpose_output_size", cases=windows)
def each_preimage_has_its_output_padding(ops: Operations, case: Window) -> None:
    """A transposed convolution makes one preimage for each output_padding, in order.

    preimages(o)[e] = size_T(o, output_padding=e) for e from 0 to s − 1
    """
    column = {name: (value, 0 if name == "padding" else 1) for name, value in case.options.items()}
    made = [
        ops.conv_transpose_output_size((case.size, 1), **column, output_padding=(e, 0))[0] for e in range(case.stride)
    ]
    equal(list(ops.preimages(case.size, **case.options)), made, "the preimages")


# --- zeros between pixels ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """An image, and a pair of numbers: strides or multiples."""

    x: np.ndarray
    by: Pair

    def __str__(self) -> str:
        return f"by {self.by}\n{shown(x=self.x)}"


@st.composite
def spread(draw: Any, most: int = 4) -> Spread:
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *draw(pairs(1, 5)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    return Spread(whole_numbers(draw(seeds()), shape, dtype), draw(pairs(1, most)))


@law("insert_zeros", cases=spread)
def pixels_move_apart_by_the_stride(ops: Operations, case: Spread) -> None:
    """Pixel (i, j) moves to (i·s, j·s), the first stays first, the last becomes last, and all between them is zero.

    insert_zeros(x, s)[i·s, j·s] = x[i, j], Σ|insert_zeros(x, s)| = Σ|x|, and (H − 1)·s + 1 rows
    """
    (H, W), (down, right) = case.x.shape[2:], case.by
    made = ops.insert_zeros(case.x, case.by)
    wanted = (*case.x.shape[:2], (H - 1) * down + 1, (W - 1) * right + 1)
    demand(made.shape == wanted, f"The result has shape {made.shape}, it should have {wanted}.")
    demand(made.dtype == case.x.dtype, f"The result is {made.dtype}, it should be {case.x.dtype}.")
    equal(made[:, :, ::down, ::right], case.x, "every s-th pixel")
    equal(np.abs(made).sum(), np.abs(case.x).sum(), "the sum of the absolute values")


@law("insert_zeros", cases=spread)
def strides_multiply(ops: Operations, case: Spread) -> None:
    """Moving pixels apart twice is moving them apart by the product.

    insert_zeros(insert_zeros(x, a), b) = insert_zeros(x, a·b)
    """
    (down, right), x = case.by, case.x
    equal(ops.insert_zeros(ops.insert_zeros(x, case.by), (2, 3)), ops.insert_zeros(x, (2 * down, 3 * right)))


def stamped() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(transposed_geometries())


@law("insert_zeros", "conv_transpose2d", cases=stamped)
def zeros_between_pixels_take_the_place_of_a_stride(ops: Operations, case: ConvOperands) -> None:
    """The stride of a transposed convolution is zeros between its input's pixels, and nothing else.

    convᵀ(y, w, stride=s) = convᵀ(insert_zeros(y, s), w, stride=1)   for output_padding 0
    """
    options = {**case.transposed_options, "padding": 0, "output_padding": 0}
    apart = ops.insert_zeros(case.y, case.geometry.stride)
    equal(ops.conv_transpose2d(apart, case.weight, **{**options, "stride": 1}),
          ops.conv_transpose2d(case.y, case.weight, **options))  # fmt: skip


# --- up to a multiple and back ----------------------------------------------------------------------------------------


def multiples() -> st.SearchStrategy[Spread]:
    return spread(most=6)


@law("pad_to_multiple", cases=multiples)
def the_size_becomes_the_next_multiple(ops: Operations, case: Spread) -> None:
    """Rows and columns become the smallest multiples that hold the image; one that is a multiple is left alone.

    the least h with h ≥ H and h mod m = 0, and the same for the columns
    """
    padded, _ = ops.pad_to_multiple(case.x, case.by)
    expected = [min(h for h in range(n, n + m) if h % m == 0) for n, m in zip(case.x.shape[2:], case.by, strict=True)]
    equal(padded.shape, (*case.x.shape[:2], *expected), "the shape")


@law("pad_to_multiple", cases=multiples)
def every_pixel_keeps_its_place(ops: Operations, case: Spread) -> None:
    """All that is added stands below and to the right, and is zero.

    pad_to_multiple(x, m)[i, j] = x[i, j], and Σ|pad_to_multiple(x, m)| = Σ|x|
    """
    (H, W), (padded, _) = case.x.shape[2:], ops.pad_to_multiple(case.x, case.by)
    equal(padded[:, :, :H, :W], case.x, "the part where the image was")
    equal(np.abs(padded).sum(), np.abs(case.x).sum(), "the sum of the absolute values")


@law("pad_to_multiple", cases=lambda: st.just("images of 1x70, 2x69, ..., 70x1 pixels, padded to multiples of 32"))
def every_size_can_be_halved_five_times(ops: Operations, case: str) -> None:
    """Padded to a multiple of 32, an image of any size can be halved five times, and is still the image it was.

    pad_to_multiple(x, 32) has 32·a rows with 32·(a − 1) < H ≤ 32·a, and so for the columns, for H = 1 ... 70
    """
    for H in range(1, 71):
        x = np.arange(1.0, H * (71 - H) + 1).reshape(1, 1, H, 71 - H)
        padded, _ = ops.pad_to_multiple(x, 32)
        wanted = (1, 1, -(-H // 32) * 32, -(-(71 - H) // 32) * 32)
        equal(padded.shape, wanted, f"the shape of {H}x{71 - H} pixels")
        equal(padded[:, :, :H, : 71 - H], x, f"the part where the image of {H}x{71 - H} pixels was")


@law("pad_to_multiple", cases=multiples)
def undo_leads_back(ops: Operations, case: Spread) -> None:
    """The way back cuts off what was added, of the image and of every map as large, whatever its channels.

    undo(pad_to_multiple(x, m)) = x, and undo(z) = z[:H, :W]
    """
    padded, undo = ops.pad_to_multiple(case.x, case.by)
    equal(undo(padded), case.x, "what was padded and undone")
    (H, W), more = case.x.shape[2:], np.concatenate([padded, padded[..., ::-1, ::-1] + 1, 2 * padded], 1)
    equal(undo(more), more[:, :, :H, :W], "a map with more channels, undone,")


@law("crop_like", "pad_to_multiple", cases=multiples)
def a_crop_to_its_size_undoes_a_multiple(ops: Operations, case: Spread) -> None:
    """Cropping to the size of the image is the other way back.

    crop_like(pad_to_multiple(x, m), x) = x
    """
    padded, _ = ops.pad_to_multiple(case.x, case.by)
    equal(ops.crop_like(padded, case.x), case.x)


@law("crop_like", "crop", cases=multiples)
def a_crop_like_another_has_its_size_alone(ops: Operations, case: Spread) -> None:
    """Of the other map only the size matters: not its values, its channels or its images.

    crop_like(x, z, (a, b)) = crop(x, (h, w), (a, b)) for every z of h x w pixels
    """
    (N, C, H, W), (a, b) = case.x.shape, ((case.by[0] - 1) % case.x.shape[2], (case.by[1] - 1) % case.x.shape[3])
    like = np.full((N + 1, C + 2, H - a, W - b), 7.0, case.x.dtype)
    equal(ops.crop_like(case.x, like, (a, b)), ops.crop(case.x, (H - a, W - b), (a, b)))


@law("crop_like", cases=multiples)
def a_larger_map_is_no_crop(ops: Operations, case: Spread) -> None:
    """A map cannot be cropped to the size of a larger one: an error, not fewer rows than asked for.

    crop_like(x, z) is refused if z has more rows or more columns than x
    """
    N, C, H, W = case.x.shape
    for size in ((H + 1, W), (H, W + 1)):
        refuses(partial(ops.crop_like, case.x, np.zeros((N, C, *size))), f"A crop of {H}x{W} to {size}")


# --- a linear layer that slides ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Classifier:
    """The weight (O, C·h·w) of a linear layer behind flattened maps, and a map that is larger by `more`."""

    weight: np.ndarray
    channels: int
    size: Pair
    x: np.ndarray

    def __str__(self) -> str:
        made = f"{count(self.channels, 'channel')} of {self.size[0]}x{self.size[1]} pixels, flattened"
        return f"{made}\n{shown(weight=self.weight, x=self.x)}"


@st.composite
def classifiers(draw: Any) -> Classifier:
    C, (h, w), O, seed = draw(st.integers(1, 3)), draw(pairs(1, 3)), draw(st.integers(1, 3)), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    more = draw(pairs(0, 2))
    x = whole_numbers(source, (2, C, h + more[0], w + more[1]))
    return Classifier(whole_numbers(source, (O, C * h * w)), C, (h, w), x)


@law("convolutionalise", "conv2d", cases=classifiers)
def a_linear_layer_is_a_convolution(ops: Operations, case: Classifier) -> None:
    """The weights of a linear layer, reshaped to kernels, give the same numbers, and on a larger map every window's.

    conv(x, convolutionalise(A))[:, o, i, j] = A[o] · flatten(x[:, :, i:i+h, j:j+w])
    """
    (h, w), kernel = case.size, ops.convolutionalise(case.weight, case.channels, case.size)
    wanted = (len(case.weight), case.channels, h, w)
    demand(np.shape(kernel) == wanted, f"The kernels have shape {np.shape(kernel)}, they should have {wanted}.")
    y = ops.conv2d(case.x, kernel)
    for i, j in np.ndindex(*y.shape[2:]):
        flat = case.x[:, :, i : i + h, j : j + w].reshape(2, -1)
        equal(y[:, :, i, j], flat @ case.weight.T, f"the result at [{i}, {j}]")


@law("convolutionalise", cases=classifiers)
def a_map_of_another_size_is_refused(ops: Operations, case: Classifier) -> None:
    """A weight that is not as long as channel by channel and row by row together is for another map: an error.

    convolutionalise(A, C + 1, (h, w)) is refused
    """
    refuses(partial(ops.convolutionalise, case.weight, case.channels + 1, case.size),
            f"A weight of {case.weight.shape[1]} numbers for {case.channels + 1} channels of {case.size}")  # fmt: skip
