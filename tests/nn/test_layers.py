"""Every layer against its functional, PyTorch's argument orders and defaults, initial values, repr, errors."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.nn.tensors import rng, same, values, whole
from tests.onto import device_of, on

# (name, default) in PyTorch's order; what is PyTorch's business alone (device, dtype, inplace, padding_mode, deprecated
# arguments) comes after all of these there, so positional calls mean the same.
REQUIRED = inspect.Parameter.empty
POOL = [("kernel_size", REQUIRED), ("stride", None), ("padding", 0)]
CONV = [("in_channels", REQUIRED), ("out_channels", REQUIRED), ("kernel_size", REQUIRED), ("stride", 1), ("padding", 0)]
SIGNATURES = {
    "Linear": [("in_features", REQUIRED), ("out_features", REQUIRED), ("bias", True)],
    "Conv2d": [*CONV, ("dilation", 1), ("groups", 1), ("bias", True)],
    "ConvTranspose2d": [*CONV, ("output_padding", 0), ("groups", 1), ("bias", True), ("dilation", 1)],
    "MaxPool2d": [*POOL, ("dilation", 1), ("return_indices", False), ("ceil_mode", False)],
    "AvgPool2d": [*POOL, ("ceil_mode", False), ("count_include_pad", True), ("divisor_override", None)],
    "MaxUnpool2d": POOL,
    "AdaptiveAvgPool2d": [("output_size", REQUIRED)],
    "AdaptiveMaxPool2d": [("output_size", REQUIRED), ("return_indices", False)],
    "Unfold": [("kernel_size", REQUIRED), ("dilation", 1), ("padding", 0), ("stride", 1)],
    "Fold": [("output_size", REQUIRED), ("kernel_size", REQUIRED), ("dilation", 1), ("padding", 0), ("stride", 1)],
    "PixelShuffle": [("upscale_factor", REQUIRED)],
    "PixelUnshuffle": [("downscale_factor", REQUIRED)],
    "ZeroPad2d": [("padding", REQUIRED)],
    "BatchNorm2d": [("num_features", REQUIRED), ("eps", 1e-5), ("momentum", 0.1), ("affine", True)],
    "SyncBatchNorm": [("num_features", REQUIRED), ("eps", 1e-5), ("momentum", 0.1), ("affine", True)],
    "GroupNorm": [("num_groups", REQUIRED), ("num_channels", REQUIRED), ("eps", 1e-5), ("affine", True)],
    "LayerNorm": [("normalized_shape", REQUIRED), ("eps", 1e-5), ("elementwise_affine", True), ("bias", True)],
    "LocalResponseNorm": [("size", REQUIRED), ("alpha", 1e-4), ("beta", 0.75), ("k", 1.0)],
    "Dropout": [("p", 0.5), ("inplace", False)],
    "Dropout2d": [("p", 0.5), ("inplace", False)],
    "ReLU": [("inplace", False)],
    "LeakyReLU": [("negative_slope", 0.01), ("inplace", False)],
    "GELU": [("approximate", "none")],
    "SiLU": [],
    "Sigmoid": [],
    "Tanh": [],
    "Softmax": [("dim", REQUIRED)],
    "Identity": [],
    "Flatten": [("start_dim", 1), ("end_dim", -1)],
    "Upsample": [("size", None), ("scale_factor", None), ("mode", "nearest"), ("align_corners", False)],
    "CrossEntropyLoss": [("weight", None)],
    "NLLLoss": [("weight", None)],
    "DiceLoss": [],
    "MSELoss": [],
    "L1Loss": [],
    "BCEWithLogitsLoss": [("weight", None)],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_are_pytorchs_in_name_order_and_default(name):
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    positional = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == SIGNATURES[name]


def test_every_layer_that_is_exported_is_compared_here():
    layers = {name for name, kind in vars(nn).items() if inspect.isclass(kind) and issubclass(kind, nn.Module)}
    bases = {"Fork", "Layer", "Loss", "Module", "ModuleDict", "ModuleList", "Sequential", "Window"}
    assert layers - bases == set(SIGNATURES)


# --- layers with weights ----------------------------------------------------------------------------------------------


def test_linear(xp):
    layer = nn.Linear(3, 2, generator=rng()).to(device_of(xp))
    assert layer.weight.shape == (2, 3) and layer.bias.shape == (2,)
    x = whole(4, 5, 3, xp=xp)
    same(layer(x), F.linear(x, layer.weight, layer.bias))
    same(nn.Linear(3, 2, False, generator=rng()).to(device_of(xp))(x), F.linear(x, layer.weight))


@pytest.mark.parametrize(
    ("build", "fan"),
    [
        (lambda g: nn.Linear(50, 40, generator=g), 50),
        (lambda g: nn.Conv2d(12, 30, (3, 5), groups=3, generator=g), 4 * 15),
        (lambda g: nn.ConvTranspose2d(30, 12, (3, 5), groups=3, generator=g), 4 * 15),
    ],
)
def test_initial_values_are_uniform_as_pytorchs_and_repeatable(build, fan):
    layer, again, other = build(rng(1)), build(rng(1)), build(rng(2))
    bound = fan**-0.5
    weight, bias = values(layer.weight), values(layer.bias)
    assert weight.dtype == bias.dtype == np.float32
    assert 0.98 * bound < np.abs(weight).max() <= bound * (1 + 1e-6) and np.abs(bias).max() <= bound * (1 + 1e-6)
    assert abs(weight.mean()) < 0.1 * bound and abs(weight.std() - bound / 3**0.5) < 0.05 * bound
    assert len(np.unique(bias)) == bias.size
    same(layer.weight, again.weight)
    assert not np.array_equal(weight, values(other.weight))
    assert not np.array_equal(values(build(None).weight), values(build(None).weight))


# --- layers without ---------------------------------------------------------------------------------------------------


def test_max_unpool2d(xp):
    x = whole(2, 3, 7, 9, xp=xp)
    pooled, indices = F.max_pool2d(x, (2, 3), return_indices=True)
    same(nn.MaxUnpool2d((2, 3))(pooled, indices), F.max_unpool2d(pooled, indices, (2, 3)))
    same(nn.MaxUnpool2d((2, 3))(pooled, indices, (7, 9)), F.max_unpool2d(pooled, indices, (2, 3), output_size=(7, 9)))
    pooled, indices = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    layer = nn.MaxUnpool2d(3, 2, 1)
    same(layer(pooled, indices), F.max_unpool2d(pooled, indices, 3, 2, 1))


def test_batch_norm2d_normalises_in_training_and_remembers(xp):
    layer = nn.BatchNorm2d(3, 0.25, 0.5).to(device_of(xp))
    layer.weight.data = [1, 2, 3]
    layer.bias.data = [0, 1, -1]
    x = whole(2, 3, 4, 5, xp=xp)
    mean, var = on(xp, np.zeros(3, np.float32)), on(xp, np.ones(3, np.float32))
    same(layer(x), F.batch_norm(x, mean, var, layer.weight, layer.bias, True, 0.5, 0.25))
    same(layer.running_mean, mean)
    same(layer.running_var, var)
    assert (values(mean) != 0).all() and (values(var) != 1).all()
    same(layer.eval()(x), F.batch_norm(x, mean, var, layer.weight, layer.bias, False, 0.5, 0.25))
    plain = nn.BatchNorm2d(3, affine=False).to(device_of(xp))
    assert list(plain.parameters()) == [] and list(plain.state_dict()) == ["running_mean", "running_var"]
    same(plain(x), F.batch_norm(x, None, None, training=True))


def test_local_response_norm(xp):
    x = whole(2, 7, 3, 4, xp=xp)
    same(nn.LocalResponseNorm(5)(x), F.local_response_norm(x, 5))
    same(nn.LocalResponseNorm(4, 0.5, 0.25, 2.0)(x), F.local_response_norm(x, 4, 0.5, 0.25, 2.0))


@pytest.mark.parametrize(("kind", "function"), [(nn.Dropout, F.dropout), (nn.Dropout2d, F.dropout2d)])
def test_dropout_draws_from_its_generator_and_does_nothing_in_eval(kind, function, xp):
    x = on(xp, np.ones((3, 8, 4, 5), np.float32))
    layer = kind(0.25, generator=rng(5))
    source = rng(5)
    first, second = layer(x), layer(x)
    same(first, function(x, 0.25, generator=source))
    same(second, function(x, 0.25, generator=source))  # the stream goes on
    assert not np.array_equal(values(first), values(second))
    np.testing.assert_allclose(np.unique(values(first)), [0, 4 / 3], rtol=1e-6)
    planes = values(first).reshape(24, 20)
    assert (planes.min(1) == planes.max(1)).all() == (kind is nn.Dropout2d)
    assert layer.eval()(x) is x
    assert kind(0.0)(x) is x
    assert not values(kind(1.0)(x)).any()


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.ReLU(), F.relu),
        (nn.LeakyReLU(), lambda x: F.leaky_relu(x, 0.01)),
        (nn.LeakyReLU(0.5), lambda x: F.leaky_relu(x, 0.5)),
        (nn.GELU(), F.gelu),
        (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh")),
        (nn.SiLU(), F.silu),
        (nn.GroupNorm(3, 3, 0.5, False), lambda x: F.group_norm(x, 3, eps=0.5)),
        (nn.LayerNorm((4, 5), 0.5, False), lambda x: F.layer_norm(x, (4, 5), eps=0.5)),
        (nn.Sigmoid(), F.sigmoid),
        (nn.Tanh(), F.tanh),
        (nn.Softmax(1), lambda x: F.softmax(x, 1)),
        (nn.Softmax(dim=-1), lambda x: F.softmax(x, -1)),
        (nn.Identity(), lambda x: x),
        (nn.Flatten(), lambda x: F.flatten(x, 1)),
        (nn.Flatten(0, 2), lambda x: F.flatten(x, 0, 2)),
        (nn.Upsample((9, 4)), lambda x: F.interpolate(x, (9, 4))),
        (nn.Upsample(None, 2, "bilinear"), lambda x: F.interpolate(x, None, 2, "bilinear")),
        (nn.Upsample((9, 4), None, "bilinear", True), lambda x: F.interpolate(x, (9, 4), None, "bilinear", True)),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),  # not where a function lies in memory
)
def test_layers_without_parameters(layer, function, xp):
    x = whole(2, 3, 4, 5, xp=xp)
    same(layer(x), function(x))
    assert list(layer.parameters()) == []


def test_flatten_is_row_major_channels_first(xp):
    same(nn.Flatten()(on(xp, np.arange(24.0).reshape(2, 3, 2, 2))), on(xp, np.arange(24.0).reshape(2, 12)))


def test_cross_entropy_loss(xp):
    x = whole(2, 3, 4, 5, xp=xp)
    target = rng(1).integers(0, 3, (2, 4, 5)).astype(np.uint8)
    target[0, :2] = 255
    target = xp.asarray(target)
    same(nn.CrossEntropyLoss().to(device_of(xp))(x, target), F.cross_entropy(x, target))
    weighted = nn.CrossEntropyLoss(np.array([1, 2, 5], np.float32), ignore_index=2, reduction="sum").to(device_of(xp))
    target[target == 255] = 2
    factors = on(xp, np.array([1, 2, 5], np.float32))
    same(weighted(x, target), F.cross_entropy(x, target, factors, ignore_index=2, reduction="sum"))
    assert [name for name, _ in weighted.named_buffers()] == ["weight"] and list(weighted.parameters()) == []
    assert nn.CrossEntropyLoss(reduction="none").to(device_of(xp))(x, xp.zeros((2, 4, 5), np.uint8)).shape == (2, 4, 5)


def test_losses_of_labels(xp):
    x, weight = whole(2, 3, 4, 5, xp=xp), np.array([1, 2, 5], np.float32)
    target = xp.asarray(rng(1).choice([0, 1, 2, 255], (2, 4, 5)))
    smoothed = nn.CrossEntropyLoss(weight, label_smoothing=0.25).to(device_of(xp))
    same(smoothed(x, target), F.cross_entropy(x, target, on(xp, weight), label_smoothing=0.25))
    same(nn.NLLLoss()(x, target), F.nll_loss(x, target))
    other = xp.where(target == 255, 2, target)
    weighted = nn.NLLLoss(weight, ignore_index=2, reduction="sum").to(device_of(xp))
    same(weighted(x, other), F.nll_loss(x, other, on(xp, weight), ignore_index=2, reduction="sum"))
    assert [name for name, _ in weighted.named_buffers()] == ["weight"] and list(weighted.parameters()) == []
    same(nn.DiceLoss()(x, target), F.dice_loss(x, target))
    options = {"ignore_index": 2, "smooth": 0.5, "reduction": "none"}
    same(nn.DiceLoss(**options)(x, other), F.dice_loss(x, other, **options))


def test_losses_of_numbers(xp):
    x, target = whole(2, 3, 4, xp=xp), F.sigmoid(whole(2, 3, 4, xp=xp))
    for layer, function in (
        (nn.MSELoss, F.mse_loss),
        (nn.L1Loss, F.l1_loss),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits),
    ):
        for reduction in ("mean", "sum", "none"):
            same(layer(reduction=reduction)(x, target), function(x, target, reduction=reduction))
    weight, positive = np.array([1, 2, 3, 4], np.float32), np.array([[0.5], [2], [3]], np.float32)
    weighted = nn.BCEWithLogitsLoss(weight, pos_weight=positive).to(device_of(xp))
    expected = F.binary_cross_entropy_with_logits(x, target, on(xp, weight), pos_weight=on(xp, positive))
    same(weighted(x, target), expected)
    assert [name for name, _ in weighted.named_buffers()] == ["weight", "pos_weight"]


def test_batch_norm2d_without_momentum_counts_its_batches(xp):
    layer = nn.BatchNorm2d(3, momentum=None, affine=False).to(device_of(xp))
    assert list(layer.state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
    batches = [whole(2, 3, 4, 5, seed=seed, xp=xp) for seed in (1, 2, 3)]
    for batch in batches:
        layer(batch)
    means = [values(batch).mean((0, 2, 3)) for batch in batches]
    np.testing.assert_allclose(values(layer.running_mean), np.mean(means, 0), rtol=1e-5, atol=1e-6)
    assert int(layer.num_batches_tracked) == 3
    layer.eval()(batches[0])
    assert int(layer.num_batches_tracked) == 3


def test_layers_that_normalise_scale_and_shift_afterwards(xp):
    x = whole(2, 6, 4, 5, xp=xp)
    for layer, function in (
        (nn.GroupNorm(2, 6), lambda *affine: F.group_norm(x, 2, *affine)),
        (nn.LayerNorm((4, 5)), lambda *affine: F.layer_norm(x, (4, 5), *affine)),
    ):
        layer.to(device_of(xp))
        same(layer(x), function())
        for seed, parameter in enumerate(layer.parameters()):
            parameter.data = xp.asarray(rng(seed).standard_normal(parameter.shape))
        same(layer(x), function(layer.weight, layer.bias))
        same(layer.eval()(x), layer.train()(x))
    assert [name for name, _ in nn.LayerNorm(5, bias=False).named_parameters()] == ["weight"]


# --- repr and errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Linear(3, 2), "Linear(3, 2, bias=True)"),
        (nn.Linear(3, 2).requires_grad_(False), "Linear(3, 2, bias=True, frozen)"),
        (nn.Conv2d(3, 8, 3), "Conv2d(3, 8, kernel_size=3, stride=1)"),
        (
            nn.Conv2d(4, 8, (3, 1), 2, (1, 0), 2, 4, False).requires_grad_(False),
            "Conv2d(4, 8, kernel_size=(3, 1), stride=2, padding=(1, 0), dilation=2, groups=4, bias=False, frozen)",
        ),
        (
            nn.ConvTranspose2d(4, 8, 4, 2, 1, (1, 0)),
            "ConvTranspose2d(4, 8, kernel_size=4, stride=2, padding=1, output_padding=(1, 0))",
        ),
        (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2)"),
        (
            nn.MaxPool2d(3, 2, 1, 2, True, True),
            "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=2, return_indices=True, ceil_mode=True)",
        ),
        (
            nn.AvgPool2d((2, 3), 1, 1, True, False, 7),
            "AvgPool2d(kernel_size=(2, 3), stride=1, padding=1, ceil_mode=True, count_include_pad=False, "
            "divisor_override=7)",
        ),
        (nn.MaxUnpool2d(2), "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"),
        (nn.BatchNorm2d(8), "BatchNorm2d(8, eps=1e-05, momentum=0.1)"),
        (nn.BatchNorm2d(8, 0.1, 0.2, False), "BatchNorm2d(8, eps=0.1, momentum=0.2, affine=False)"),
        (nn.BatchNorm2d(8, momentum=None), "BatchNorm2d(8, eps=1e-05, momentum=None)"),
        (nn.GroupNorm(2, 6), "GroupNorm(2, 6, eps=1e-05)"),
        (nn.GroupNorm(2, 6, 0.5, False), "GroupNorm(2, 6, eps=0.5, affine=False)"),
        (nn.LayerNorm(6), "LayerNorm((6,), eps=1e-05)"),
        (nn.LayerNorm([2, 6], bias=False), "LayerNorm((2, 6), eps=1e-05, bias=False)"),
        (nn.LayerNorm(6, elementwise_affine=False), "LayerNorm((6,), eps=1e-05, elementwise_affine=False)"),
        (nn.GELU("tanh"), "GELU(approximate='tanh')"),
        (nn.MSELoss(), "MSELoss(reduction='mean')"),
        (nn.NLLLoss([1.0, 2.0]), "NLLLoss(weight of 2 classes, ignore_index=255, reduction='mean')"),
        (nn.DiceLoss(), "DiceLoss(smooth=1.0, ignore_index=255, reduction='mean')"),
        (
            nn.BCEWithLogitsLoss(pos_weight=[2.0], reduction="sum"),
            "BCEWithLogitsLoss(pos_weight of shape (1,), reduction='sum')",
        ),
        (
            nn.CrossEntropyLoss(label_smoothing=0.1),
            "CrossEntropyLoss(ignore_index=255, reduction='mean', label_smoothing=0.1)",
        ),
        (nn.LocalResponseNorm(5), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"),
        (nn.Dropout(), "Dropout(p=0.5)"),
        (nn.Dropout2d(0.25), "Dropout2d(p=0.25)"),
        (nn.ReLU(), "ReLU()"),
        (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (nn.LeakyReLU(0.2), "LeakyReLU(0.2)"),
        (nn.LeakyReLU(0.2, True), "LeakyReLU(0.2, inplace=True)"),
        (nn.Dropout(0.25, True), "Dropout(p=0.25, inplace=True)"),
        (nn.Conv2d(3, 4, (2, 4), padding="same"), "Conv2d(3, 4, kernel_size=(2, 4), stride=1, padding=same)"),
        (nn.Conv2d(3, 4, 3, 2, "valid"), "Conv2d(3, 4, kernel_size=3, stride=2, padding=valid)"),
        (nn.Softmax(1), "Softmax(dim=1)"),
        (nn.Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
        (nn.Upsample(scale_factor=2), "Upsample(size=None, scale_factor=2, mode='nearest')"),
        (
            nn.Upsample((5, 7), mode="bilinear", align_corners=True),
            "Upsample(size=(5, 7), scale_factor=None, mode='bilinear', align_corners=True)",
        ),
        (nn.CrossEntropyLoss(), "CrossEntropyLoss(ignore_index=255, reduction='mean')"),
        (
            nn.CrossEntropyLoss([1.0, 2.0], ignore_index=9, reduction="sum"),
            "CrossEntropyLoss(weight of 2 classes, ignore_index=9, reduction='sum')",
        ),
    ],
)
def test_repr_shows_every_setting_that_is_not_the_usual_one(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: nn.Linear(0, 2), ArgumentError, r"Linear: in_features must be between 1 and \d+, got 0"),
        (lambda: nn.Linear(2, 2.5), ArgumentTypeError, r"Linear: out_features must be an integer, got 2.5 \(float\)"),
        (lambda: nn.Conv2d(0, 2, 3), ArgumentError, r"Conv2d: in_channels .* got 0"),
        (lambda: nn.Conv2d(2, -1, 3), ArgumentError, r"Conv2d: out_channels .* got -1"),
        (lambda: nn.Conv2d(2, 2, 0), ArgumentError, r"Conv2d: kernel_size .* got 0"),
        (lambda: nn.Conv2d(2, 2, (3, 3, 3)), ArgumentError, r"Conv2d: kernel_size .* of length 3"),
        (lambda: nn.Conv2d(2, 2, 3, 0), ArgumentError, r"Conv2d: stride .* got 0"),
        (lambda: nn.Conv2d(2, 2, 3, padding=-1), ArgumentError, r"Conv2d: padding .* got -1"),
        (lambda: nn.Conv2d(2, 2, 3, padding="full"), ArgumentTypeError, r"Conv2d: padding .* got 'full' \(str\)"),
        (lambda: nn.Conv2d(2, 2, 3, 2, "same"), ArgumentError, r'Conv2d: padding "same" keeps .* got stride \(2, 2\)'),
        (
            lambda: nn.ConvTranspose2d(2, 2, 3, padding="same"),
            ArgumentTypeError,
            r"ConvTranspose2d: padding .* got 'same' \(str\)",
        ),
        (lambda: nn.Conv2d(2, 2, 3, dilation=0), ArgumentError, r"Conv2d: dilation .* got 0"),
        (
            lambda: nn.Conv2d(6, 4, 3, groups=4),
            ArgumentError,
            r"Conv2d: groups 4 must divide in_channels 6 and out_chan",
        ),
        (lambda: nn.Conv2d(6, 4, 3, groups=0), ArgumentError, r"Conv2d: groups .* got 0"),
        (lambda: nn.ConvTranspose2d(4, 6, 3, groups=4), ArgumentError, r"ConvTranspose2d: groups 4 .* out_channels 6"),
        (lambda: nn.ConvTranspose2d(2, 2, 3, 2, 0, -1), ArgumentError, r"ConvTranspose2d: output_padding .* got -1"),
        (lambda: nn.MaxPool2d(0), ArgumentError, r"MaxPool2d: kernel_size .* got 0"),
        (lambda: nn.MaxPool2d(2, 0), ArgumentError, r"MaxPool2d: stride .* got 0"),
        (lambda: nn.AvgPool2d(2, padding=0.5), ArgumentTypeError, r"AvgPool2d: padding .* got 0.5"),
        (lambda: nn.MaxUnpool2d("2"), ArgumentTypeError, r"MaxUnpool2d: kernel_size .* got '2'"),
        (lambda: nn.BatchNorm2d(True), ArgumentTypeError, r"BatchNorm2d: num_features .* got True \(bool\)"),
        (lambda: nn.GroupNorm(4, 6), ArgumentError, r"GroupNorm: num_groups 4 must divide num_channels 6; change one"),
        (lambda: nn.LayerNorm(()), ArgumentError, r"LayerNorm: normalized_shape is empty"),
        (lambda: nn.Upsample(), ArgumentError, r"Upsample: give either size or scale_factor, got None and None"),
        (lambda: nn.LocalResponseNorm(0), ArgumentError, r"LocalResponseNorm: size .* got 0"),
        (lambda: nn.Dropout(1.5), ArgumentError, r"Dropout: p must be a probability between 0 and 1, got 1.5"),
        (lambda: nn.Dropout2d(float("nan")), ArgumentError, r"Dropout2d: p must be a probability .* got nan"),
        (lambda: nn.Dropout("0.5"), ArgumentError, r"Dropout: p must be a probability .* got '0.5'"),
    ],
)
def test_wrong_settings_are_refused_when_the_layer_is_built(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Linear(3, 2), (4, 2), r"linear: x has 2 features but weight is \(2, 3\)"),
        (nn.Conv2d(3, 2, 3), (1, 4, 5, 5), r"conv2d: x has 4 channels but weight expects 3"),
        (nn.Conv2d(3, 2, 3), (3, 5, 5), r"conv2d: x must have 4 dimensions .* got 3"),
        (nn.ConvTranspose2d(3, 2, 3), (1, 4, 5, 5), r"conv_transpose2d: x has 4 channels but weight expects 3"),
        (nn.MaxPool2d(4), (1, 1, 3, 9), r"max_pool2d: the window does not fit: padded input 3x9"),
        (nn.BatchNorm2d(3), (2, 4, 5, 5), r"batch_norm: weight must have shape \(4,\), got \(3,\)"),
        (nn.BatchNorm2d(3), (1, 3, 1, 1), r"batch_norm: training needs at least two values per channel"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_number(layer, shape, message):
    with pytest.raises(ArgumentError, match=message):
        layer(Tensor(np.zeros(shape, np.float32)))
