"""Laws of batch normalisation: what a channel looks like afterwards, and what is remembered for evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, distinct, laid_out, layouts, seeds, shown, whole_numbers


@dataclass(frozen=True)
class NormCase:
    """x, grad (N, C, H, W), no two elements of x alike; weight, bias, running mean and variance (C,); two settings."""

    x: np.ndarray
    grad: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    momentum: float
    eps: float

    @property
    def running(self) -> tuple[np.ndarray, np.ndarray]:
        """Copies, which an implementation may overwrite."""
        return self.running_mean.copy(), self.running_var.copy()

    @property
    def variance(self) -> np.ndarray:
        return self.x.var((0, 2, 3))

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        arrays = {name: getattr(self, name) for name in ("x", "grad", "weight", "bias", "running_mean", "running_var")}
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels"
        return f"{made}, momentum {self.momentum:g}, eps {self.eps:g}\n{shown(**arrays)}"


@st.composite
def norm_cases(draw: Draw) -> NormCase:
    """At least two values per channel. eps is negligible or large; running variance + eps is 1, 4 or 16."""
    N, C = draw(st.sampled_from([1, 2, 3])), draw(st.integers(1, 3))
    size = draw(st.sampled_from([(1, 2), (2, 1), (2, 2), (2, 3), (1, 4)]))
    momentum, eps = draw(st.sampled_from([0.5, 0.25, 0.125])), draw(st.sampled_from([0.5, 0.5, 2.0**-30]))
    seed = draw(seeds())
    generator = np.random.default_rng(seed)
    weight = generator.choice([-2.0, -1.0, 0.5, 1.0, 2.0, 3.0], C)
    bias, mean = generator.integers(-3, 4, (2, C)).astype(float)
    variance = generator.choice([1.0, 4.0, 16.0], C) - eps
    x = distinct(generator, (N, C, *size), 1.0)
    return NormCase(x, whole_numbers(seed, x.shape), weight, bias, mean, variance, momentum, eps)


def train(ops: Operations, case: NormCase, x: Any = None, momentum: float | None = None) -> Any:
    """In training: the result, and the running mean and variance afterwards."""
    chosen = case.momentum if momentum is None else momentum
    return ops.batch_norm(case.x if x is None else x, *case.running, case.weight, case.bias, True, chosen, case.eps)


def evaluate(ops: Operations, case: NormCase, x: Any = None) -> Any:
    """Not in training: the result, and the running mean and variance afterwards."""
    return ops.batch_norm(case.x if x is None else x, *case.running, case.weight, case.bias, False, 0.5, case.eps)


def in_one_row(x: np.ndarray) -> np.ndarray:
    """All values of a channel side by side, backwards: (N, C, H, W) -> (1, C, 1, N·H·W)."""
    return np.moveaxis(x, 1, 0).reshape(1, x.shape[1], 1, -1)[..., ::-1]


# --- in training ------------------------------------------------------------------------------------------------------


@law("batch_norm", cases=norm_cases)
def the_mean_of_a_channel_becomes_its_bias(ops: Operations, case: NormCase) -> None:
    """Whatever the mean of a channel was over all images and pixels, it is the bias afterwards.

    mean over n, i, j of y[n, c, i, j] = bias[c]
    """
    close(train(ops, case)[0].mean((0, 2, 3)), case.bias, "the mean of the channels")


@law("batch_norm", cases=norm_cases)
def the_spread_of_a_channel_becomes_its_weight(ops: Operations, case: NormCase) -> None:
    """The variance of a channel becomes the square of its weight, less a little because of eps; both divide by n.

    var(y[:, c]) = weight[c]² · var(x[:, c]) / (var(x[:, c]) + eps)
    """
    expected = case.weight**2 * case.variance / (case.variance + case.eps)
    close(train(ops, case)[0].var((0, 2, 3)), expected, "the variance of the channels")


@law("batch_norm", cases=norm_cases)
def another_unit_changes_nothing(ops: Operations, case: NormCase) -> None:
    """Measured in other units, from another zero, an input gives the same result.

    bn(4·x − 3; 16·eps) = bn(x; eps)
    """
    other = replace(case, x=4 * case.x - 3, eps=16 * case.eps)
    close(train(ops, other)[0], train(ops, case)[0])


@law("batch_norm", cases=norm_cases)
def a_large_mean_costs_no_digits(ops: Operations, case: NormCase) -> None:
    """The spread is that around the mean, computed there: far from zero nothing is lost.

    bn(x + 2³⁰) = bn(x)
    """
    close(train(ops, case, case.x + 2.0**30)[0], train(ops, case)[0], atol=1e-4)


@law("batch_norm", cases=norm_cases)
def within_a_channel_it_is_a_straight_line(ops: Operations, case: NormCase) -> None:
    """Within a channel the result is a straight line over x, with the slope weight/√(var + eps).

    (y[q] − y[r]) / (x[q] − x[r]) = weight[c] / √(var(x[:, c]) + eps)
    """
    y, x = (in_one_row(a)[0, :, 0] for a in (train(ops, case)[0], case.x))
    slope = case.weight / np.sqrt(case.variance + case.eps)
    close(y - y[:, :1], (x - x[:, :1]) * slope[:, None], "the distance to the last value of the channel")


@law("batch_norm", cases=norm_cases)
def channels_are_normalised_apart(ops: Operations, case: NormCase) -> None:
    """Every channel is normalised by itself, as if the others were not there.

    bn(x)[:, c] = bn(x[:, c])
    """
    y, mean, var = train(ops, case)
    for c in range(case.x.shape[1]):
        running, own = (a[c : c + 1] for a in case.running), (case.weight[c : c + 1], case.bias[c : c + 1])
        only = case.x[:, c : c + 1]
        alone, alone_mean, alone_var = ops.batch_norm(only, *running, *own, True, case.momentum, case.eps)
        close(y[:, c : c + 1], alone, f"channel {c}")
        close(mean[c], alone_mean[0], f"the running mean of channel {c}")
        close(var[c], alone_var[0], f"the running variance of channel {c}")


@law("batch_norm", cases=norm_cases)
def images_and_pixels_are_one_crowd(ops: Operations, case: NormCase) -> None:
    """In which image or row a value stands means nothing: statistics run over images, rows and columns together.

    bn(all values of a channel in one row, backwards) = bn(x) in that row
    """
    y, mean, var = train(ops, case)
    row, row_mean, row_var = train(ops, case, in_one_row(case.x))
    close(in_one_row(y), row)
    close(mean, row_mean, "the running mean")
    close(var, row_var, "the running variance")


@law("batch_norm", cases=norm_cases)
def training_looks_only_at_the_batch(ops: Operations, case: NormCase) -> None:
    """In training the running statistics are written, not read: they have no part in the result.

    bn(x; any running mean, any running variance) = bn(x)
    """
    other = replace(case, running_mean=case.running_mean + 7, running_var=4 * case.running_var + 1)
    equal(train(ops, other)[0], train(ops, case)[0])


# --- what is remembered -----------------------------------------------------------------------------------------------


@law("batch_norm", cases=norm_cases)
def momentum_is_the_share_of_the_new(ops: Operations, case: NormCase) -> None:
    """The running mean moves towards the batch's by the share that is called momentum.

    running mean ← (1 − momentum) · running mean + momentum · mean of the batch
    """
    expected = (1 - case.momentum) * case.running_mean + case.momentum * case.x.mean((0, 2, 3))
    close(train(ops, case)[1], expected, "the running mean")


@law("batch_norm", cases=norm_cases)
def the_remembered_variance_divides_by_one_less(ops: Operations, case: NormCase) -> None:
    """What is remembered estimates the variance of all images to come: it is divided by n − 1.

    running var ← (1 − momentum) · running var + momentum · Σ (x − mean)² / (n − 1)
    """
    unbiased = case.x.var((0, 2, 3), ddof=1)
    expected = (1 - case.momentum) * case.running_var + case.momentum * unbiased
    close(train(ops, case)[2], expected, "the running variance")


@law("batch_norm", cases=norm_cases)
def momentum_zero_remembers_the_past_and_one_the_present(ops: Operations, case: NormCase) -> None:
    """With momentum 0 nothing new is remembered, with momentum 1 nothing old.

    momentum 0: running ← running;   momentum 1: running ← that of the batch, whatever it was
    """
    _, mean, var = train(ops, case, momentum=0.0)
    equal(mean, case.running_mean, "the running mean with momentum 0")
    equal(var, case.running_var, "the running variance with momentum 0")
    other = replace(case, running_mean=case.running_mean + 7, running_var=4 * case.running_var + 1)
    _, mean, var = train(ops, case, momentum=1.0)
    _, other_mean, other_var = train(ops, other, momentum=1.0)
    close(other_mean, mean, "the running mean with momentum 1 and another past")
    close(other_var, var, "the running variance with momentum 1 and another past")


# --- in evaluation ----------------------------------------------------------------------------------------------------


@law("batch_norm", cases=norm_cases)
def evaluation_uses_what_is_remembered(ops: Operations, case: NormCase) -> None:
    """In evaluation it is one fixed straight line per channel, made of the running statistics. Exact.

    y = (x − running mean) / √(running var + eps) · weight + bias
    """
    roots = np.sqrt(case.running_var + case.eps)  # 1, 2 or 4: nothing is rounded
    mean, root, weight, bias = (a[:, None, None] for a in (case.running_mean, roots, case.weight, case.bias))
    equal(evaluate(ops, case)[0], (case.x - mean) / root * weight + bias)


@law("batch_norm", cases=norm_cases)
def evaluation_remembers_nothing(ops: Operations, case: NormCase) -> None:
    """Looking at test images leaves the running statistics as they are.

    after evaluation: running mean and running var unchanged
    """
    _, mean, var = evaluate(ops, case)
    equal(mean, case.running_mean, "the running mean afterwards")
    equal(var, case.running_var, "the running variance afterwards")


@law("batch_norm", cases=norm_cases)
def images_are_evaluated_apart(ops: Operations, case: NormCase) -> None:
    """In evaluation an image's result does not depend on which others are in the batch, or whether there are any.

    bn(x)[n] = bn(x[n])
    """
    y = evaluate(ops, case)[0]
    equal(y, np.concatenate([evaluate(ops, case, case.x[n : n + 1])[0] for n in range(len(case.x))]))


# --- manners ----------------------------------------------------------------------------------------------------------


@st.composite
def in_some_layout(draw: Draw) -> NormCase:
    """The image's channels innermost in memory, reversed, read-only, ..."""
    case = draw(norm_cases())
    return replace(case, x=laid_out(case.x, draw(layouts().filter(lambda layout: layout != "repeated"))))


@law("batch_norm", "batch_norm_backward", cases=in_some_layout)
def normalised_images_are_only_read(ops: Operations, case: NormCase) -> None:
    """The arguments are as they were, however they lie in memory, and results are of their dtype in their own memory.

    after bn(x) and its gradients: x, weight and bias unchanged, bn(x) = bn(copy of x), y.dtype = x.dtype
    """
    x, weight, bias = case.x.copy(), case.weight.copy(), case.bias.copy()
    for training in (True, False):
        y, _, _ = ops.batch_norm(case.x, *case.running, case.weight, case.bias, training, case.momentum, case.eps)
        copied, _, _ = ops.batch_norm(x.copy(), *case.running, weight, bias, training, case.momentum, case.eps)
        close(y, copied, "the result for an array in another layout", rtol=1e-12)
        demand(not np.shares_memory(y, case.x), "The result shares memory with x.")
    ops.batch_norm_backward(case.grad, case.x, case.weight, case.bias, case.eps)
    equal(case.x, x, "x afterwards")
    equal(case.weight, weight, "the weight afterwards")
    equal(case.bias, bias, "the bias afterwards")
    single = [a.astype(np.float32) for a in (case.grad, case.x, case.weight, case.bias, *case.running)]
    found = (*ops.batch_norm_backward(*single[:4], case.eps),
             ops.batch_norm(single[1], *single[4:], *single[2:4], True, case.momentum, case.eps)[0])  # fmt: skip
    for name, array in zip(("gradient of x", "gradient of weight", "gradient of bias", "result"), found, strict=True):
        demand(array.dtype == np.float32, f"The {name} is {array.dtype}, it should be float32 as x is.")
