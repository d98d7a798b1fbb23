"""Laws of group and layer normalisation: batch normalisation of other rows, and their gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, distinct, seeds, shown, whole_numbers


@dataclass(frozen=True)
class GroupCase:
    """x, grad (N, C, H, W), no two elements of x alike; weight and bias (C,); the number of groups; eps."""

    x: np.ndarray
    grad: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    groups: int
    eps: float

    @property
    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        return self.weight, self.bias

    @property
    def plain(self) -> tuple[np.ndarray, np.ndarray]:
        return np.ones_like(self.weight), np.zeros_like(self.bias)

    @property
    def shape(self) -> tuple[int, ...]:
        """What a layer is: everything but the images."""
        return self.x.shape[1:]

    @property
    def of_layer(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of a layer, (C, H, W), no two elements of the weight alike."""
        return distinct(0, self.shape, 0.5), whole_numbers(1, self.shape)

    def rows(self, x: np.ndarray) -> np.ndarray:
        """(N, C, H, W) -> (N·G, C/G·H·W): the values of each group of each image."""
        return x.reshape(len(x) * self.groups, -1)

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} in {count(self.groups, 'group')} with {H}x{W} pixels"
        return f"{made}, eps {self.eps:g}\n{shown(x=self.x, grad=self.grad, weight=self.weight, bias=self.bias)}"


@st.composite
def group_cases(draw: Draw) -> GroupCase:
    """One to four groups of one to three channels, at least two values in each. eps is negligible or large."""
    N, groups, each = draw(st.integers(1, 3)), draw(st.sampled_from([2, 1, 4])), draw(st.integers(1, 3))
    size, seed = draw(st.sampled_from([(1, 2), (2, 1), (2, 3), (1, 3)])), draw(seeds())
    generator, C = np.random.default_rng(seed), groups * each
    x = distinct(generator, (N, C, *size), 1.0)
    weight = generator.permutation(np.concatenate([np.arange(1.0, C + 1)])) * generator.choice([-1, 1], C)
    return GroupCase(x, whole_numbers(seed, x.shape), weight, generator.integers(-3, 4, C).astype(float), groups,
                     draw(st.sampled_from([0.5, 0.5, 2.0**-30])))  # fmt: skip


def grouped(ops: Operations, case: GroupCase, x: Any = None) -> np.ndarray:
    y: np.ndarray = ops.group_norm(case.x if x is None else x, case.groups, *case.affine, case.eps)
    return y


# --- groups -----------------------------------------------------------------------------------------------------------


@law("group_norm", cases=group_cases)
def each_group_of_each_image_stands_alone(ops: Operations, case: GroupCase) -> None:
    """Without weight and bias the values of a group in an image have mean 0 and variance 1, less a little by eps.

    mean of a row of y = 0,   var of a row of y = var(row of x) / (var(row of x) + eps)
    """
    y, var = case.rows(ops.group_norm(case.x, case.groups, *case.plain, case.eps)), case.rows(case.x).var(1)
    close(y.mean(1), np.zeros(len(y)), "the mean of the groups")
    close(y.var(1), var / (var + case.eps), "the variance of the groups")


@law("group_norm", "batch_norm", cases=group_cases)
def groups_are_channels_of_one_batch(ops: Operations, case: GroupCase) -> None:
    """It is batch normalisation, in training, of one image whose channels are the groups of all images.

    gn(x) = bn(x as (1, N·G, C/G·H·W, 1))   without weight and bias
    """
    rows = case.rows(case.x)
    one, zero = np.ones(len(rows)), np.zeros(len(rows))
    expected = ops.batch_norm(rows[None, :, :, None], zero, one, one, zero, True, 0.5, case.eps)[0]
    close(case.rows(ops.group_norm(case.x, case.groups, *case.plain, case.eps)), expected[0, :, :, 0])


@law("group_norm", cases=group_cases)
def every_channel_has_its_own_line(ops: Operations, case: GroupCase) -> None:
    """Weight and bias belong to the channels, not to the groups, and come after the normalisation.

    gn(x; weight, bias) = weight[c]·gn(x; 1, 0) + bias[c]
    """
    plain = ops.group_norm(case.x, case.groups, *case.plain, case.eps)
    close(grouped(ops, case), plain * case.weight[:, None, None] + case.bias[:, None, None])


@law("group_norm", cases=group_cases)
def the_batch_does_not_matter(ops: Operations, case: GroupCase) -> None:
    """An image's result does not depend on which others are in the batch, or whether there are any.

    gn(x)[n] = gn(x[n])
    """
    alone = np.concatenate([grouped(ops, case, case.x[n : n + 1]) for n in range(len(case.x))])
    close(grouped(ops, case), alone)


@law("group_norm", cases=group_cases)
def another_unit_or_a_large_mean_is_normalised_away(ops: Operations, case: GroupCase) -> None:
    """Measured in other units, or far from zero, an image gives the same result, and loses no digits.

    gn(4·x − 3; 16·eps) = gn(x; eps),   gn(x + 2³⁰) = gn(x)
    """
    close(grouped(ops, replace(case, eps=16 * case.eps), 4 * case.x - 3), grouped(ops, case))
    close(grouped(ops, case, case.x + 2.0**30), grouped(ops, case), "the result far from zero", atol=1e-4)


# --- layers -----------------------------------------------------------------------------------------------------------


@law("layer_norm", cases=group_cases)
def each_layer_stands_alone(ops: Operations, case: GroupCase) -> None:
    """Over the last dimensions, as many as are named, mean is 0 and variance 1, less a little because of eps.

    over the sizes of normalized_shape: mean of y = 0, var of y = var(x) / (var(x) + eps)
    """
    for first in (1, 2, 3):
        axes, shape = tuple(range(first, 4)), case.x.shape[first:]
        if np.prod(shape) < 2:
            continue
        y = ops.layer_norm(case.x, shape, np.ones(shape), np.zeros(shape), case.eps)
        close(y.mean(axes), np.zeros(case.x.shape[:first]), f"the mean over the axes {axes}")
        var = case.x.var(axes)
        close(y.var(axes), var / (var + case.eps), f"the variance over the axes {axes}")


@law("layer_norm", "group_norm", cases=group_cases)
def one_group_is_a_layer(ops: Operations, case: GroupCase) -> None:
    """All channels in one group are the whole image: layer and group normalisation meet.

    ln(x; (C, H, W)) = gn(x; 1 group)   without weight and bias
    """
    layer = ops.layer_norm(case.x, case.shape, np.ones(case.shape), np.zeros(case.shape), case.eps)
    close(layer, ops.group_norm(case.x, 1, *case.plain, case.eps))


@law("layer_norm", cases=group_cases)
def every_place_has_its_own_line(ops: Operations, case: GroupCase) -> None:
    """Weight and bias have the shape of the layer: every place in it has its own, after the normalisation.

    ln(x; weight, bias) = weight·ln(x; 1, 0) + bias
    """
    weight, bias = case.of_layer
    plain = ops.layer_norm(case.x, case.shape, np.ones(case.shape), np.zeros(case.shape), case.eps)
    close(ops.layer_norm(case.x, case.shape, weight, bias, case.eps), plain * weight + bias)


# --- gradients --------------------------------------------------------------------------------------------------------

NAMES = "the gradient of x", "the gradient of the weight", "the gradient of the bias"


@law("group_norm_backward", "layer_norm_backward", cases=group_cases)
def a_row_receives_nothing_in_sum_nor_along_itself(ops: Operations, case: GroupCase) -> None:
    """To shift or to stretch all that is normalised together changes nothing, so nothing is received that way.

    over each row: Σ grad_x = 0,   Σ grad_x·(x − mean) = 0   for eps → 0
    """
    to_x = ops.group_norm_backward(case.grad, case.x, case.groups, *case.affine, 2.0**-50)[0]
    of_layer = ops.layer_norm_backward(case.grad, case.x, case.shape, *case.of_layer, 2.0**-50)[0]
    whole = replace(case, groups=1)
    for name, rows, gradient in (("group", case.rows, to_x), ("layer", whole.rows, of_layer)):
        centred, g = rows(case.x) - rows(case.x).mean(1, keepdims=True), rows(gradient)
        close(g.sum(1), np.zeros(len(g)), f"the sum over each {name}", atol=1e-8)
        close((g * centred).sum(1), np.zeros(len(g)), f"the product with x − mean over each {name}", atol=1e-8)


@law("group_norm_backward", "group_norm", cases=group_cases)
def a_step_moves_groups_by_their_gradient(ops: Operations, case: GroupCase) -> None:
    """A small step of x changes the result by the gradient; weight and bias receive by channel.

    ⟨gn(x + h·d) − gn(x − h·d), g⟩ / 2h = ⟨grad_x, d⟩,   grad_weight[c] = Σ g·x̂,   grad_bias[c] = Σ g
    """
    h, direction = 1e-4, np.cos(1 + np.arange(case.x.size)).reshape(case.x.shape)
    to_x, to_weight, to_bias = ops.group_norm_backward(case.grad, case.x, case.groups, *case.affine, case.eps)
    ahead, behind = (grouped(ops, case, case.x + s * h * direction) for s in (1, -1))
    slope = ((ahead - behind) * case.grad).sum() / (2 * h)
    close((to_x * direction).sum(), slope, "⟨grad_x, d⟩", atol=1e-4, rtol=1e-6)
    plain = ops.group_norm(case.x, case.groups, *case.plain, case.eps)
    close(to_weight, (case.grad * plain).sum((0, 2, 3)), NAMES[1])
    close(to_bias, case.grad.sum((0, 2, 3)), NAMES[2])


@law("layer_norm_backward", "layer_norm", cases=group_cases)
def a_step_moves_layers_by_their_gradient(ops: Operations, case: GroupCase) -> None:
    """A small step of x changes the result by the gradient; weight and bias receive by place, from all images.

    ⟨ln(x + h·d) − ln(x − h·d), g⟩ / 2h = ⟨grad_x, d⟩,   grad_weight = Σ_n g·x̂,   grad_bias = Σ_n g
    """
    h, direction = 1e-4, np.cos(1 + np.arange(case.x.size)).reshape(case.x.shape)
    to_x, to_weight, to_bias = ops.layer_norm_backward(case.grad, case.x, case.shape, *case.of_layer, case.eps)
    ahead, behind = (ops.layer_norm(case.x + s * h * direction, case.shape, *case.of_layer, case.eps) for s in (1, -1))
    slope = ((ahead - behind) * case.grad).sum() / (2 * h)
    close((to_x * direction).sum(), slope, "⟨grad_x, d⟩", atol=1e-4, rtol=1e-6)
    plain = ops.layer_norm(case.x, case.shape, np.ones(case.shape), np.zeros(case.shape), case.eps)
    close(to_weight, (case.grad * plain).sum(0), NAMES[1])
    close(to_bias, case.grad.sum(0), NAMES[2])


@law("group_norm", "layer_norm", "group_norm_backward", "layer_norm_backward", cases=group_cases)
def groups_and_layers_are_only_read(ops: Operations, case: GroupCase) -> None:
    """x, weight and bias are as they were, and results and gradients have the dtype of x and memory of their own.

    after gn, ln and their gradients: x unchanged, dtype = x.dtype
    """
    x, grad, weight, bias = (a.astype(np.float32) for a in (case.x, case.grad, case.weight, case.bias))
    of_layer = [a.astype(np.float32) for a in case.of_layer]
    found = (
        ops.group_norm(x, case.groups, weight, bias, case.eps),
        ops.layer_norm(x, case.shape, *of_layer, case.eps),
        *ops.group_norm_backward(grad, x, case.groups, weight, bias, case.eps),
        *ops.layer_norm_backward(grad, x, case.shape, *of_layer, case.eps),
    )
    for array in found:
        demand(array.dtype == np.float32, f"A result or gradient is {array.dtype}, it should be float32 as x is.")
        demand(not np.shares_memory(array, x), "A result or gradient shares memory with x.")
    equal(x, case.x, "x afterwards")
    equal(weight, case.weight, "the weight afterwards")
