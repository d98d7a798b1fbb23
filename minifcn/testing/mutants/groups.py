"""Group and layer normalisations with one mistake each."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minifcn.testing.version import changes, spoils

# --- groups -----------------------------------------------------------------------------------------------------------


def _affine(y: Any, weight: Any, bias: Any) -> Any:
    """A line for each channel."""
    return y * weight[:, None, None] + bias[:, None, None]


def _normalised(rows: Any, eps: float, ddof: int = 0) -> Any:
    return (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, ddof=ddof, keepdims=True) + eps)


def by_groups(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *,
              normalise: Any = _normalised, order: Any = lambda x, G: np.arange(x.shape[1]), line: Any = _affine,
              shape: Any = lambda x, G: (len(x) * G, -1)) -> Any:  # fmt: skip
    """The formula: channels in an order, cut into rows of a shape, normalised and put back; then the lines."""
    places = order(x, num_groups)
    rows = x[:, places].reshape(shape(x, num_groups))
    y = np.empty(x.shape)
    y[:, places] = normalise(rows, eps).reshape(x.shape)
    return line(y, weight, bias).astype(x.dtype)


@changes("group_norm", by_groups)
def groups_dealt_out_like_cards() -> Any:
    """Channel c belongs to group c mod G; groups are neighbours."""
    return {"order": lambda x, G: np.arange(x.shape[1]).reshape(-1, G).T.ravel()}


@changes("group_norm")
def channels_for_groups(x: Any) -> Any:
    """Every channel is a group: that is instance normalisation."""
    return {"num_groups": x.shape[1]}


@changes("group_norm")
def all_in_one_group() -> Any:
    """num_groups is not looked at: the whole image is normalised, as a layer."""
    return {"num_groups": 1}


@changes("group_norm", by_groups)
def number_of_groups_for_their_size() -> Any:
    """num_groups is taken for the number of channels in a group."""
    return {"shape": lambda x, G: (len(x) * (x.shape[1] // G), -1)}


@changes("group_norm", by_groups)
def groups_by_the_unbiased_variance() -> Any:
    """The variance that normalises is divided by n − 1."""
    return {"normalise": lambda rows, eps: _normalised(rows, eps, 1)}


@changes("group_norm", by_groups)
def eps_outside_the_root_of_groups() -> Any:
    """eps is added after the root."""
    return {"normalise": lambda rows, eps: (rows - rows.mean(1, keepdims=True)) / (rows.std(1, keepdims=True) + eps)}


@changes("group_norm", by_groups)
def groups_over_the_batch() -> Any:
    """The mean of a group is taken over all images as well, as batch normalisation has it."""

    def normalise(rows: Any, eps: float) -> Any:
        return (rows - rows.mean()) / np.sqrt(rows.var(-1, keepdims=True) + eps)

    return {"normalise": normalise}


@changes("group_norm", by_groups)
def spread_of_groups_from_squares() -> Any:
    """The variance is mean(x²) − mean(x)², whose digits are lost far from zero."""

    def normalise(rows: Any, eps: float) -> Any:
        mean = rows.mean(1, keepdims=True)
        return (rows - mean) / np.sqrt((rows * rows).mean(1, keepdims=True) - mean * mean + eps)

    return {"normalise": normalise}


@changes("group_norm")
def bias_of_channels_weighted(weight: Any, bias: Any) -> Any:
    """The bias is added before the weight multiplies."""
    return {"bias": bias * weight}


@changes("group_norm")
def lines_of_groups(x: Any, weight: Any, bias: Any, num_groups: Any) -> Any:
    """A group has one weight and one bias, those of its first channel."""
    first = np.arange(x.shape[1]) // (x.shape[1] // num_groups) * (x.shape[1] // num_groups)
    return {"weight": weight[first], "bias": bias[first]}


@spoils("group_norm")
def groups_centred_in_place(right: Any, /, x: Any) -> Any:
    """The mean is subtracted in the caller's own array."""
    if x.flags.writeable:
        x -= x.mean()
    return right


# --- layers -----------------------------------------------------------------------------------------------------------


def by_layers(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *,
              axes: Any = lambda x, last: tuple(range(x.ndim - last, x.ndim)), ddof: int = 0,
              root: Any = lambda var, eps: np.sqrt(var + eps)) -> Any:  # fmt: skip
    """The formula, over the axes that `axes` makes of how many are named."""
    over = axes(x, len(normalized_shape))
    centred = x - x.mean(over, keepdims=True)
    y = centred / root((centred**2).sum(over, keepdims=True) / (prod(x.shape[a] for a in over) - ddof), eps)
    return (y * weight + bias).astype(x.dtype)


@changes("layer_norm", by_layers)
def only_the_last_dimension() -> Any:
    """Of the dimensions that are named only the last one is normalised over."""
    return {"axes": lambda x, last: (x.ndim - 1,)}


@changes("layer_norm", by_layers)
def the_whole_array_is_a_layer() -> Any:
    """The mean runs over everything, the batch included."""
    return {"axes": lambda x, last: tuple(range(x.ndim))}


@changes("layer_norm", by_layers)
def layers_by_the_unbiased_variance() -> Any:
    """The variance is divided by n − 1."""
    return {"ddof": 1}


@changes("layer_norm", by_layers)
def eps_outside_the_root_of_layers() -> Any:
    """eps is added after the root."""
    return {"root": lambda var, eps: np.sqrt(var) + eps}


@changes("layer_norm", by_layers)
def layers_divided_by_the_variance() -> Any:
    """The root is missing."""
    return {"root": lambda var, eps: var + eps}


@changes("layer_norm")
def one_line_for_the_layer(weight: Any, bias: Any) -> Any:
    """All places share the first weight and the first bias."""
    return {"weight": np.full_like(weight, weight.flat[0]), "bias": np.full_like(bias, bias.flat[0])}


@changes("layer_norm")
def weight_of_layers_before(x: Any, weight: Any) -> Any:
    """The weight multiplies before the normalisation."""
    return {"x": x * weight, "weight": np.ones_like(weight)}


@spoils("layer_norm")
def layers_in_double_precision(right: Any, /) -> Any:
    """The result is float64 whatever x is."""
    return right.astype(np.float64)


# --- gradients --------------------------------------------------------------------------------------------------------


@spoils("group_norm_backward")
def statistics_of_groups_taken_for_constants(
    to_x: Any, to_weight: Any, to_bias: Any, /, grad_output: Any, x: Any, num_groups: Any, weight: Any, eps: Any
) -> Any:
    """Mean and variance are treated as constants."""
    rows = x.reshape(len(x) * num_groups, -1)
    root = np.sqrt(rows.var(1, keepdims=True) + eps)
    slope = np.broadcast_to(1 / root, rows.shape).reshape(x.shape) * weight[:, None, None]
    return (grad_output * slope).astype(x.dtype), to_weight, to_bias


@spoils("group_norm_backward")
def weight_forgotten_in_backward_of_groups(right: Any, /, weight: Any, again: Any) -> Any:
    """What x receives lacks the factor weight."""
    return again(weight=np.ones_like(weight))[0], *right[1:]


@spoils("group_norm_backward")
def weight_of_groups_receives_the_input(to_x: Any, _: Any, to_bias: Any, /, grad_output: Any, x: Any) -> Any:
    """The weight receives the dot product with x instead of with the normalised x."""
    return to_x, (grad_output * x).sum((0, 2, 3)).astype(x.dtype), to_bias


@spoils("group_norm_backward")
def bias_of_groups_receives_the_mean(to_x: Any, to_weight: Any, _: Any, /, grad_output: Any) -> Any:
    """The bias receives the mean of the gradients instead of their sum."""
    return to_x, to_weight, grad_output.mean((0, 2, 3))


@changes("group_norm_backward")
def eps_forgotten_in_backward_of_groups() -> Any:
    """The backward pass computes the root without eps."""
    return {"eps": 0.0}


@spoils("layer_norm_backward")
def statistics_of_layers_taken_for_constants(
    to_x: Any, to_weight: Any, to_bias: Any, /, grad_output: Any, x: Any, normalized_shape: Any, weight: Any, eps: Any
) -> Any:
    """Mean and variance are treated as constants."""
    over = tuple(range(x.ndim - len(normalized_shape), x.ndim))
    root = np.sqrt(x.var(over, keepdims=True) + eps)
    return (grad_output * weight / root).astype(x.dtype), to_weight, to_bias


@spoils("layer_norm_backward")
def weight_forgotten_in_backward_of_layers(right: Any, /, weight: Any, again: Any) -> Any:
    """What x receives lacks the factor weight."""
    return again(weight=np.ones_like(weight))[0], *right[1:]


@spoils("layer_norm_backward")
def places_receive_the_mean(to_x: Any, to_weight: Any, to_bias: Any, /, x: Any) -> Any:
    """Weight and bias receive the mean over the images instead of the sum."""
    return to_x, to_weight / x.dtype.type(len(x)), to_bias / x.dtype.type(len(x))


@spoils("layer_norm_backward")
def gradients_of_layers_in_double_precision(right: Any, /) -> Any:
    """All gradients are float64 whatever was given."""
    return tuple(g.astype(np.float64) for g in right)
