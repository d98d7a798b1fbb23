"""Every differentiable operation at work once, on arrays in any layout; what the tests of layouts and graphs share.

The numbers are eighths, all different and none of them 0, so sums and products of a few of them are exact: an operation
that only adds and multiplies must give the same bits whatever the order in which memory is walked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

import minifcn.functional as F
from minifcn import Tensor, as_tensor, grad
from minifcn.machine.backend import array_module, to_numpy
from tests.hostile.operations import ALGORITHMS, algorithm_of

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """`call` takes Tensors of `shapes`, then the arrays of whole numbers `labels`, and returns a Tensor."""

    name: str
    call: Callable[..., Any]
    shapes: tuple[Shape, ...]
    labels: tuple[np.ndarray, ...] = ()
    exact: bool = True  # only sums, products and choices: the same bits in any order
    view: bool = False  # documented to show the memory of its operand
    positive: bool = False  # the logarithm and the root are defined for no other operands
    algorithm: str = "im2col"

    def __call__(self, *operands: Any) -> Any:
        with algorithm_of(self.algorithm):
            return self.call(*operands)


LABELS = np.array([[[0, 2, 255, 1], [1, 2, 0, 0]], [[255, 1, 1, 2], [0, 0, 2, 255]]])
PLACES = np.array([[[[0, 1, 1], [6, 19, 14]], [[5, 5, 4], [12, 12, 13]]]] * 2)  # overlapping windows name one twice
IMAGES = (2, 4, 5, 6)


def _unpool(x: Any, indices: Any) -> Any:
    return F.max_unpool2d(x, indices, (2, 3), (3, 1), output_size=(4, 5))


def _dropout(drop: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: drop(x, 0.5, generator=np.random.default_rng(1))


def _batch_norm(x: Any, *affine: Any) -> Any:
    return F.batch_norm(x, None, None, *affine, training=True, eps=0.25)


def _batch_norm_with_running(x: Any, mean: Any, var: Any, *affine: Any) -> Any:
    return F.batch_norm(x, mean, var * var, *affine, eps=0.25)


def _smoothed(x: Any, weight: Any, labels: Any) -> Any:
    """The weights of the classes receive no gradient; here they only take part."""
    return F.cross_entropy(x, labels, F.abs(weight).detach(), label_smoothing=0.25) + 0 * F.sum(weight)


def _yes_or_no(x: Any, target: Any, pos_weight: Any, weight: Any) -> Any:
    return F.binary_cross_entropy_with_logits(x / 8, F.sigmoid(target / 8), weight, pos_weight=pos_weight)


inexact = partial(Case, exact=False)
shown = partial(Case, view=True)
conv_options = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
transposed_options = {"stride": (2, 3), "padding": (1, 0), "output_padding": (0, 2), "groups": 2, "dilation": (2, 1)}

CASES = (
    Case("add", F.add, (IMAGES, IMAGES)),
    Case("add", F.add, (IMAGES, (4, 1, 1))),
    Case("subtract", F.subtract, (IMAGES, (2, 1, 5, 6))),
    Case("multiply", F.multiply, (IMAGES, IMAGES)),
    Case("multiply", F.multiply, ((2, 3), (4, 2, 1))),
    inexact("divide", F.divide, (IMAGES, (2, 1, 1, 6))),
    Case("negative", F.negative, (IMAGES,)),
    Case("power", lambda x: F.power(x, 3), (IMAGES,)),
    Case("power", lambda x: F.power(x, 0), (IMAGES,)),
    shown("power", lambda x: F.power(x, 1), (IMAGES,)),
    inexact("power", lambda x: F.power(x, -0.5), (IMAGES,), positive=True),
    inexact("power", lambda x: F.power(1.5, x), ((2, 3),)),
    inexact("exp", F.exp, (IMAGES,)),
    inexact("log", F.log, (IMAGES,), positive=True),
    inexact("sqrt", F.sqrt, (IMAGES,), positive=True),
    Case("abs", F.abs, (IMAGES,)),
    Case("clamp", lambda x: F.clamp(x, -3.0, 2.5), (IMAGES,)),
    shown("broadcast_to", lambda x: F.broadcast_to(x, (3, 2, 4, 5)), ((2, 1, 5),)),
    Case("sum_to", lambda x: F.sum_to(x, (4, 1, 6)), (IMAGES,)),
    Case("matmul", F.matmul, ((3, 4), (4, 2))),
    Case("matmul", F.matmul, ((3,), (3, 2))),
    Case("matmul", F.matmul, ((2, 1, 2, 3), (4, 3, 2))),
    Case("linear", F.linear, ((3, 2), (4, 2), (4,))),
    Case("sum", lambda x: F.sum(x, (0, -1)), (IMAGES,)),
    Case("sum", F.sum, (IMAGES,)),
    inexact("mean", lambda x: F.mean(x, (1, 2)), (IMAGES,)),
    inexact("var", lambda x: F.var(x, 1, 0, True), (IMAGES,)),
    Case("amax", lambda x: F.amax(x, 1), (IMAGES,)),
    Case("amin", lambda x: F.amin(x, 1), (IMAGES,)),
    Case("max", F.max, (IMAGES,)),
    Case("max", lambda x: F.max(x, 2).values, (IMAGES,)),
    Case("min", lambda x: F.min(x, -1, keepdim=True).values, (IMAGES,)),
    inexact("std", lambda x: F.std(x, 1, 0), (IMAGES,)),
    Case("where", lambda x, y: F.where(x > 1, x, y), (IMAGES, (4, 1, 1))),
    shown("reshape", lambda x: F.reshape(x, (8, 30)), (IMAGES,)),
    shown("view", lambda x: F.view(x, x.shape), (IMAGES,)),
    shown("squeeze", lambda x: F.squeeze(x, 1), ((2, 1, 5),)),
    shown("unsqueeze", lambda x: F.unsqueeze(x, -1), (IMAGES,)),
    shown("expand", lambda x: F.expand(x, (3, -1, 4, -1)), ((2, 1, 5),)),
    Case("clone", F.clone, (IMAGES,)),
    Case("contiguous", lambda x: F.contiguous(F.transpose(x, 0, 1)), (IMAGES,)),
    shown("reshape", lambda x: F.reshape(x, IMAGES), (IMAGES,)),
    shown("flatten", lambda x: F.flatten(x, 1, 2), (IMAGES,)),
    shown("permute", lambda x: F.permute(x, (2, 0, 3, 1)), (IMAGES,)),
    shown("transpose", lambda x: F.transpose(x, 0, -1), (IMAGES,)),
    shown("getitem", lambda x: x[1, ..., ::-2, None, 1:4], (IMAGES,)),
    Case("getitem", lambda x, keys: x[:, keys, 0], (IMAGES,), (np.array([[3, 0, 3], [-1, 1, 2]]),)),
    Case("getitem", lambda x, keys: x[keys % 2 == 0], (IMAGES,), (np.arange(8).reshape(2, 4),)),
    Case("cat", lambda *x: F.cat(x, 2), ((2, 4, 1, 3), (2, 4, 3, 3))),
    Case("stack", lambda *x: F.stack(x, 1), (IMAGES, IMAGES)),
    Case("pad", lambda x: F.pad(x, (1, 2, -1, 0), value=7.0), (IMAGES,)),
    Case("pad", lambda x: F.pad(x, (0, 0)), (IMAGES,)),
    Case("pad_to_multiple", lambda x: F.pad_to_multiple(x, (4, 5))[0], (IMAGES,)),
    Case("insert_zeros", lambda x: F.insert_zeros(x, (2, 3)), (IMAGES,)),
    shown("crop_like", lambda x: F.crop_like(x, LABELS, (1, 2)), (IMAGES,)),
    shown("crop", lambda x: F.crop(x, (2, 3), (1, 2)), (IMAGES,)),
    Case("relu", F.relu, (IMAGES,)),
    Case("leaky_relu", lambda x: F.leaky_relu(x, 0.25), (IMAGES,)),
    inexact("gelu", F.gelu, (IMAGES,)),
    inexact("gelu", lambda x: F.gelu(x, "tanh"), (IMAGES,)),
    inexact("silu", F.silu, (IMAGES,)),
    inexact("sigmoid", F.sigmoid, (IMAGES,)),
    inexact("tanh", F.tanh, (IMAGES,)),
    inexact("softmax", lambda x: F.softmax(x, 1), (IMAGES,)),
    inexact("log_softmax", lambda x: F.log_softmax(x, 1), (IMAGES,)),
    Case("dropout", _dropout(F.dropout), (IMAGES,)),
    Case("dropout2d", _dropout(F.dropout2d), (IMAGES,)),
    shown("dropout", lambda x: F.dropout(x, 0.5, training=False), (IMAGES,)),
    inexact("batch_norm", _batch_norm, (IMAGES, (4,), (4,))),
    inexact("batch_norm", _batch_norm_with_running, (IMAGES, (4,), (4,), (4,), (4,))),
    inexact("group_norm", lambda x, *affine: F.group_norm(x, 2, *affine, eps=0.25), (IMAGES, (4,), (4,))),
    inexact("layer_norm", lambda x, *affine: F.layer_norm(x, (5, 6), *affine, eps=0.25), (IMAGES, (5, 6), (5, 6))),
    inexact("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), (IMAGES,)),
    *(
        case
        for algorithm in ALGORITHMS
        for case in (
            Case("conv2d", partial(F.conv2d, **conv_options), (IMAGES, (6, 2, 3, 2), (6,)), algorithm=algorithm),
            Case("conv2d", F.conv2d, (IMAGES, (3, 4, 1, 1)), algorithm=algorithm),
            Case("conv2d", partial(F.conv2d, padding="same"), (IMAGES, (3, 4, 2, 4)), algorithm=algorithm),
            Case(
                "conv_transpose2d",
                partial(F.conv_transpose2d, **transposed_options),
                ((2, 4, 3, 2), (4, 3, 2, 3), (6,)),
                algorithm=algorithm,
            ),
            Case(
                "conv2d_input",
                partial(F.conv2d_input, IMAGES, **conv_options),
                ((6, 2, 3, 2), (2, 6, 3, 4)),
                algorithm=algorithm,
            ),
            Case(
                "conv2d_weight",
                lambda x, y: F.conv2d_weight(x, (6, 2, 3, 2), y, **conv_options),
                (IMAGES, (2, 6, 3, 4)),
                algorithm=algorithm,
            ),
        )
    ),
    Case("max_pool2d", lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 0), ceil_mode=True), (IMAGES,)),
    Case("max_pool2d", lambda x: F.max_pool2d(x, 1), (IMAGES,)),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, (4, 2), (1, 2), (1, 0), True), (IMAGES,), exact=False),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 1), (IMAGES,)),
    Case("max_unpool2d", _unpool, ((2, 2, 2, 3),), (PLACES,)),
    inexact("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (3, 4)), (IMAGES,)),
    inexact("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (7, None)), (IMAGES,)),
    Case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (3, 4)), (IMAGES,)),
    Case("unfold", lambda x: F.unfold(x, (3, 2), (1, 2), (1, 0), (2, 1)), (IMAGES,)),
    Case("unfold", lambda x: F.unfold(x, 1), (IMAGES,)),
    Case("fold", lambda x: F.fold(x, (5, 6), (2, 3), padding=(0, 1), stride=(2, 1)), ((2, 24, 12),)),
    Case("fold", lambda x: F.fold(x, (5, 6), (4, 5)), ((1, 40, 4),)),  # fewer windows than taps
    Case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), ((2, 8, 3, 2),)),
    Case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), ((2, 3, 4, 6),)),
    inexact("interpolate", lambda x: F.interpolate(x, (7, 4), mode="bicubic"), (IMAGES,)),
    inexact("interpolate", lambda x: F.interpolate(x, (7, 4), mode="bilinear"), (IMAGES,)),
    Case("interpolate", lambda x: F.interpolate(x, scale_factor=(2, 1.5)), (IMAGES,)),
    inexact("cross_entropy", F.cross_entropy, ((2, 3, 2, 4),), (LABELS,)),
    inexact("cross_entropy", partial(F.cross_entropy, reduction="none"), ((2, 3, 2, 4),), (LABELS,)),
    inexact("cross_entropy", _smoothed, ((2, 3, 2, 4), (3,)), (LABELS,)),
    inexact("nll_loss", F.nll_loss, ((2, 3, 2, 4),), (LABELS,)),
    Case("nll_loss", partial(F.nll_loss, reduction="none"), ((2, 3, 2, 4),), (LABELS,)),
    inexact("dice_loss", lambda x, labels: F.dice_loss(x / 8, labels), ((2, 3, 2, 4),), (LABELS,)),
    Case("mse_loss", partial(F.mse_loss, reduction="sum"), (IMAGES, IMAGES)),
    Case("l1_loss", partial(F.l1_loss, reduction="sum"), (IMAGES, IMAGES)),
    inexact("binary_cross_entropy_with_logits", _yes_or_no, (IMAGES, IMAGES, (4, 1, 1), (6,))),
    Case("astype", lambda x: F.astype(x, np.float32), (IMAGES,)),
    shown("astype", lambda x: F.astype(x, np.float64), (IMAGES,)),
    shown("to", lambda x: F.to(x, x.device), (IMAGES,)),
)
WITHOUT_GRADIENT = {"all", "any", "argmax", "argmin", "convolution_matrix", "one_hot"}


def identifier(case: Case) -> str:
    alike = [other for other in CASES if other.name == case.name]
    return case.name if len(alike) == 1 else f"{case.name}-{alike.index(case) + 1}"


def eighths(shape: Shape, seed: int = 0, positive: bool = False) -> np.ndarray:
    """1/8, 2/8, 3/8, ... in a random order, with random signs unless `positive`."""
    generator = np.random.default_rng(seed)
    numbers = generator.permutation(np.arange(1.0, prod(shape) + 1)).reshape(shape) / 8
    return numbers if positive else numbers * generator.choice([-1, 1], shape)


def arrays_of(case: Case, xp: ModuleType) -> tuple[list[Any], list[Any]]:
    """(operands, labels) of a case as arrays of `xp`."""
    operands = [xp.asarray(eighths(shape, seed, case.positive)) for seed, shape in enumerate(case.shapes)]
    return operands, [xp.asarray(labels) for labels in case.labels]


def laid_out(array: Any, layout: str) -> Any:
    """`tests.strategies.laid_out` for arrays of any dimension and dtype, in NumPy and CuPy.

    CuPy has no read-only arrays, and a single number has no layout: those stay as they are.
    """
    xp = array_module(array)
    if layout == "plain" or not array.ndim:
        return array
    if layout == "fortran":
        return xp.asfortranarray(array)
    if layout == "reversed":
        turn = (slice(None, None, -1),) * array.ndim
        return array[turn].copy()[turn]
    if layout == "every third":
        between = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max
        roomy = xp.full((*array.shape[:-1], 3 * array.shape[-1] + 1), between, array.dtype)
        roomy[..., 1::3] = array
        return roomy[..., 1::3]
    if layout == "transposed":  # in memory the last dimension comes first
        return xp.moveaxis(xp.moveaxis(array, -1, 0).copy(), 0, -1)
    if layout == "read-only":
        array = array.copy()
        if xp is np:
            array.flags.writeable = False
        return array
    if layout == "repeated":
        return xp.broadcast_to(array[:1], array.shape)
    raise ValueError(f"layout {layout!r} is unknown")


def leaves(arrays: Sequence[Any]) -> list[Tensor]:
    """Tensors that require grad and share the memory of the arrays."""
    return [as_tensor(array).requires_grad_() for array in arrays]


def same(found: Any, expected: Any, exact: bool = True) -> None:
    """Equal, to the last bit if exact; Tensors, or arrays of any module."""
    found, expected = (to_numpy(x._array if isinstance(x, Tensor) else x) for x in (found, expected))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0 if exact else 1e-10, atol=0 if exact else 1e-12)


def differentiated(
    case: Case, operands: Sequence[Any], labels: Sequence[Any], v: Any, u: Sequence[Any]
) -> list[Tensor]:
    """[y = f(x), the gradients Jᵀv of every operand, and J u]: the forward pass, the backward, and the backward's own."""
    inputs, cotangent = leaves(operands), leaves([v])[0]
    with algorithm_of(case.algorithm):
        y = case.call(*inputs, *labels)
        gradients = grad(y, inputs, cotangent, create_graph=True)
        (pushed,) = grad(gradients, cotangent, [as_tensor(direction) for direction in u])
    return [y, *gradients, pushed]
