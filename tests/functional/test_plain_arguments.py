"""Every plain argument of every public function and layer: what is no value for it is refused in a sentence.

Plain are numbers, flags and words, beside the things that are computed with. A wrong one must neither end in an error
of Python's or NumPy's own nor be taken in silence; and NumPy's numbers count as Python's. A function that is new gets a
row in CALLS, and its arguments are then asked as all others.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn, optim
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.nn import init

WRONG = {
    "None": None,
    "text": "a",
    "-1": -1,
    "nan": math.nan,
    "inf": math.inf,
    "list": [1],
    "True": True,
    "object": object(),
}


def image() -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal((2, 4, 6, 7)))


def weight() -> Tensor:
    return Tensor(np.ones((4, 4, 3, 3)))


def labels() -> np.ndarray:
    return np.arange(2 * 6 * 7).reshape(2, 6, 7) % 4


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def result() -> Tensor:
    """As large as conv2d(image(), weight())."""
    return Tensor(np.ones((2, 4, 4, 5)))


def per_channel() -> Tensor:
    return Tensor(np.full(4, 2.0))


def unpooled() -> dict[str, Any]:
    return dict(zip(("x", "indices"), F.max_pool2d(image()[..., :6], 2, return_indices=True), strict=True))


def parameters() -> list[nn.Parameter]:
    parameter = nn.Parameter(np.ones(3, np.float32))
    parameter.sum().backward()
    return [parameter]


def of_image(**plain: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"x": image(), **plain}


# function -> a right call of it; where it may be called in two ways, both
CALLS: dict[str, list[Callable[[], dict[str, Any]]]] = {
    "adaptive_avg_pool2d": [of_image(output_size=3)],
    "adaptive_max_pool2d": [of_image(output_size=3)],
    "all": [of_image()],
    "amax": [of_image()],
    "amin": [of_image()],
    "any": [of_image()],
    "argmax": [of_image()],
    "argmin": [of_image()],
    "avg_pool2d": [of_image(kernel_size=2)],
    "batch_norm": [
        lambda: {"x": image(), "running_mean": per_channel(), "running_var": per_channel(), "training": True}
    ],
    "binary_cross_entropy_with_logits": [lambda: {"x": image(), "target": F.sigmoid(image())}],
    "broadcast_to": [of_image(shape=(2, 4, 6, 7))],
    "cat": [lambda: {"tensors": [image(), image()]}],
    "clamp": [of_image(min=-1.0, max=2.0)],
    "conv2d": [lambda: {"x": image(), "weight": weight()}],
    "conv2d_input": [lambda: {"input_size": (2, 4, 6, 7), "weight": weight(), "grad_output": result()}],
    "conv2d_weight": [lambda: {"x": image(), "weight_size": (4, 4, 3, 3), "grad_output": result()}],
    "conv_transpose2d": [lambda: {"x": image(), "weight": weight()}],
    "convolution_matrix": [lambda: {"weight": weight(), "input_size": (6, 7)}],
    "crop": [of_image(size=(2, 2))],
    "crop_like": [of_image(like=weight(), offset=1)],
    "cross_entropy": [lambda: {"x": image(), "target": labels()}],
    "dice_loss": [lambda: {"x": image(), "target": labels()}],
    "dropout": [lambda: {"x": image(), "generator": rng()}],
    "dropout2d": [lambda: {"x": image(), "generator": rng()}],
    "expand": [of_image(sizes=(2, 4, 6, 7))],
    "flatten": [of_image()],
    "fold": [lambda: {"x": F.unfold(image(), 2), "output_size": (6, 7), "kernel_size": 2}],
    "gelu": [of_image()],
    "group_norm": [of_image(num_groups=2)],
    "insert_zeros": [of_image(stride=2)],
    "interpolate": [of_image(size=(3, 4), mode="bilinear"), of_image(scale_factor=2, mode="bilinear")],
    "l1_loss": [lambda: {"x": image(), "target": image()}],
    "layer_norm": [of_image(normalized_shape=7)],
    "leaky_relu": [of_image()],
    "local_response_norm": [of_image(size=3)],
    "log_softmax": [of_image(dim=1)],
    "max": [of_image(dim=1)],
    "max_pool2d": [of_image(kernel_size=2)],
    "max_unpool2d": [lambda: unpooled() | {"kernel_size": 2}],
    "mean": [of_image()],
    "min": [of_image(dim=1)],
    "mse_loss": [lambda: {"x": image(), "target": image()}],
    "nll_loss": [lambda: {"x": image(), "target": labels()}],
    "one_hot": [lambda: {"x": Tensor(labels())}],
    "pad": [of_image(pad=(1, 1))],
    "pad_to_multiple": [of_image(m=4)],
    "permute": [of_image(dims=(0, 1, 2, 3))],
    "pixel_shuffle": [of_image(upscale_factor=2)],
    "pixel_unshuffle": [lambda: {"x": image()[..., :6], "downscale_factor": 2}],
    "power": [of_image(exponent=2)],
    "reshape": [of_image(shape=(-1,))],
    "softmax": [of_image(dim=1)],
    "squeeze": [of_image()],
    "std": [of_image()],
    "unfold": [of_image(kernel_size=2)],
    "unsqueeze": [of_image(dim=1)],
    "view": [of_image(shape=(-1,))],
    "stack": [lambda: {"tensors": [image(), image()]}],
    "sum": [of_image()],
    "sum_to": [of_image(shape=(4, 1, 7))],
    "transpose": [of_image(dim0=0, dim1=1)],
    "var": [of_image()],
    # layers: `generator` where they draw their weights
    "AdaptiveAvgPool2d": [lambda: {"output_size": 3}],
    "AdaptiveMaxPool2d": [lambda: {"output_size": 3}],
    "AvgPool2d": [lambda: {"kernel_size": 2}],
    "BatchNorm2d": [lambda: {"num_features": 4}],
    "SyncBatchNorm": [lambda: {"num_features": 4}],
    "BCEWithLogitsLoss": [dict],
    "Conv2d": [lambda: {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "generator": rng()}],
    "ConvTranspose2d": [lambda: {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "generator": rng()}],
    "CrossEntropyLoss": [dict],
    "DiceLoss": [dict],
    "Dropout": [dict],
    "Dropout2d": [dict],
    "Flatten": [dict],
    "Fold": [lambda: {"output_size": 6, "kernel_size": 2}],
    "GELU": [dict],
    "GroupNorm": [lambda: {"num_groups": 2, "num_channels": 4}],
    "L1Loss": [dict],
    "LayerNorm": [lambda: {"normalized_shape": 4}],
    "LeakyReLU": [dict],
    "Linear": [lambda: {"in_features": 3, "out_features": 2, "generator": rng()}],
    "LocalResponseNorm": [lambda: {"size": 3}],
    "MaxPool2d": [lambda: {"kernel_size": 2}],
    "MaxUnpool2d": [lambda: {"kernel_size": 2}],
    "MSELoss": [dict],
    "NLLLoss": [dict],
    "PixelShuffle": [lambda: {"upscale_factor": 2}],
    "PixelUnshuffle": [lambda: {"downscale_factor": 2}],
    "ReLU": [dict],
    "Softmax": [lambda: {"dim": 1}],
    "Upsample": [lambda: {"size": (3, 4)}, lambda: {"scale_factor": 2}],
    "Unfold": [lambda: {"kernel_size": 2}],
    "ZeroPad2d": [lambda: {"padding": 1}],
    "convolutionalise": [lambda: {"layer": nn.Linear(6, 2, generator=rng()), "channels": 1, "size": (2, 3)}],
    # initial values
    "calculate_gain": [lambda: {"nonlinearity": "leaky_relu"}],
    "constant_": [lambda: {"tensor": weight(), "val": 1.0}],
    "kaiming_normal_": [lambda: {"tensor": weight(), "generator": rng()}],
    "kaiming_uniform_": [lambda: {"tensor": weight(), "generator": rng()}],
    "normal_": [lambda: {"tensor": weight(), "generator": rng()}],
    "uniform_": [lambda: {"tensor": weight(), "generator": rng()}],
    "xavier_normal_": [lambda: {"tensor": weight(), "generator": rng()}],
    "xavier_uniform_": [lambda: {"tensor": weight(), "generator": rng()}],
    # optimisers and schedules
    "Adam": [lambda: {"params": parameters()}],
    "AdamW": [lambda: {"params": parameters()}],
    "RMSprop": [lambda: {"params": parameters()}],
    "clip_grad_norm_": [lambda: {"parameters": parameters(), "max_norm": 1.0}],
    "SGD": [lambda: {"params": parameters(), "momentum": 0.5}],
    "CosineAnnealingLR": [lambda: {"optimizer": optim.SGD(parameters()), "T_max": 5}],
    "LinearWarmup": [lambda: {"after": optim.StepLR(optim.SGD(parameters()), 3)}],
    "PolynomialLR": [lambda: {"optimizer": optim.SGD(parameters())}],
    "StepLR": [lambda: {"optimizer": optim.SGD(parameters()), "step_size": 3}],
}

# What is computed with or drawn from, and what is asked about elsewhere: devices and dtypes in test_transfer.py, keys
# in test_shaping.py.
THINGS = {
    "x", "weight", "bias", "target", "running_mean", "running_var", "indices", "tensors", "tensor", "pos_weight",
    "generator", "params", "parameters", "condition", "input", "other", "modules", "axis", "optimizer", "after", "device", "dtype", "key", "args", "layers", "options", "data", "source", "layer",
    "like", "grad_output",
}  # fmt: skip

# Of the wrong values, those that have a meaning: by the argument, or by the function and the argument.
NEGATIVE = {"-1"}
FROM_BEHIND = {"-1"}  # the last dimension
MEANS: dict[str, set[str]] = {
    "align_corners": {"None", "True"},
    "negative_slope": NEGATIVE,
    "a": NEGATIVE,
    "beta": NEGATIVE,
    "val": {"-1", "nan", "inf"},
    "dampening": NEGATIVE,
    "gamma": NEGATIVE,
    "param": NEGATIVE,
    "exponent": NEGATIVE,
    "min": {"None", "-1"},
    "max": {"None", "-1", "inf"},
    "value": {"-1", "nan", "inf"},
    "ignore_index": NEGATIVE,
    "num_classes": {"-1"},
    "dim": FROM_BEHIND,
    "dim0": FROM_BEHIND,
    "dim1": FROM_BEHIND,
    "start_dim": FROM_BEHIND,
    "end_dim": FROM_BEHIND,
    "stride of a pooling": {"None"},
    "BatchNorm2d momentum": {"None"},
    "SyncBatchNorm momentum": {"None"},
    "process_group": {"None"},
    "divisor_override": {"None"},
    "output_size": {"None"},
    "fold output_size": set(),
    "Fold output_size": set(),
    "ZeroPad2d padding": NEGATIVE,  # cuts
    # PyTorch's `unbiased`, a flag, stands at the same place: True is the correction 1, False is 0.
    "var correction": {"True"},
    "std correction": {"True"},
    "reshape shape": {"-1"},
    "view shape": {"-1"},
    "mean": NEGATIVE,
    "argmin dim": {"-1", "None"},
    "max dim": {"-1", "None"},
    "min dim": {"-1", "None"},
    "squeeze dim": {"-1", "None", "list"},
    "max_norm": {"inf"},
    "norm_type": {"inf"},
    "sum_to shape": {"list"},
    "LayerNorm normalized_shape": {"list"},
    "argmax dim": {"-1", "None"},
    **{f"{name} dim": {"-1", "None", "list"} for name in ("all", "any", "sum", "mean", "var", "std", "amax", "amin")},
}
PLACES = (F, nn, init, optim)


def found(name: str) -> Any:
    return next(getattr(place, name) for place in PLACES if hasattr(place, name))


def plain_arguments(function: Any) -> dict[str, inspect.Parameter]:
    if inspect.isclass(function) and function.__init__ is object.__init__:
        return {}
    given = inspect.signature(function).parameters
    operands = {"a", "b"} if function in (F.add, F.subtract, F.multiply, F.divide, F.matmul) else set()
    flags = {name for name, parameter in given.items() if isinstance(parameter.default, bool)}
    return {name: parameter for name, parameter in given.items() if name not in THINGS | operands or name in flags}


def meaning(name: str, argument: str, parameter: inspect.Parameter) -> set[str]:
    flag = {"True"} if isinstance(parameter.default, bool) else set()
    pooling = "stride of a pooling" if argument == "stride" and "ool" in name else ""
    return next((MEANS[key] for key in (f"{name} {argument}", pooling, argument) if key in MEANS), flag)


CASES = [
    (name, call, argument)
    for name, calls in CALLS.items()
    for call in calls
    for argument in plain_arguments(found(name))
    if not ({"size", "scale_factor"} >= {argument} and len(calls) > 1 and argument not in call())
]


@pytest.mark.parametrize(("name", "call", "argument"), CASES, ids=[f"{name}-{argument}" for name, _, argument in CASES])
def test_what_is_no_value_is_refused_and_what_is_one_is_taken(name: str, call: Any, argument: str) -> None:
    function = found(name)
    means = meaning(name, argument, inspect.signature(function).parameters[argument])
    for text, value in WRONG.items():
        options = call() | {argument: value}
        if text in means:
            function(**options)
            continue
        try:
            made = function(**options)
        except (ArgumentError, ArgumentTypeError) as error:
            assert str(error).endswith(".") and "\n" not in str(error) and "np.float" not in str(error), error
            assert str(error).startswith((name, "calculate_gain", "max_unpool2d", "reshape", "broadcast_to")), error
        except Exception as error:
            pytest.fail(f"{name}({argument}={text}): {type(error).__name__}: {error}")
        else:
            pytest.fail(f"{name}({argument}={text}) was taken without a word and gave {made!r:.80}")


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, Tensor):
        return np.array_equal(one.numpy(), other.numpy())
    if isinstance(one, np.ndarray | float):
        return np.array_equal(one, other)
    if isinstance(one, optim.Optimizer):
        return one.defaults == other.defaults
    return repr(one).partition(" at 0x")[0] == repr(other).partition(" at 0x")[0]


AS_NUMPYS = {bool: np.bool_, int: np.int64, float: np.float64}


@pytest.mark.parametrize(("name", "call", "argument"), CASES, ids=[f"{name}-{argument}" for name, _, argument in CASES])
def test_numpys_numbers_count_as_pythons(name: str, call: Any, argument: str) -> None:
    function = found(name)
    default = inspect.signature(function).parameters[argument].default
    value = call().get(argument, default)
    if type(value) not in AS_NUMPYS:
        return
    assert alike(function(**call() | {argument: AS_NUMPYS[type(value)](value)}), function(**call() | {argument: value}))


def test_every_function_with_plain_arguments_has_a_row() -> None:
    public = [getattr(place, name) for place in (F, nn, optim) for name in place.__all__]
    public += [
        kind for name, kind in vars(init).items() if inspect.isfunction(kind) and kind.__module__ == init.__name__
    ]
    named = {kind.__name__ for kind in public if callable(kind) and not kind.__name__.startswith("_")}
    abstract = {"Optimizer", "LRScheduler", "Loss", "Module", "Sequential", "Window", "Parameter", "Buffer"}
    asked_elsewhere = {"calculate_fan", "fan_in_uniform"}
    needed = {name for name in named - abstract - asked_elsewhere if plain_arguments(found(name))}
    assert needed == set(CALLS), f"without a row: {sorted(needed - set(CALLS))}, idle: {sorted(set(CALLS) - needed)}"
