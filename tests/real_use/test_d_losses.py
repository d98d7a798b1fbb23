"""D3, D5 and D6: the losses and layers that people look for, odd arguments, and weights that make no sense."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.errors import ArgumentError, ArgumentTypeError

SCORES = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])
LABELS = np.array([2, 0])
IMAGES = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
MASKS = np.random.default_rng(1).integers(0, 3, (2, 4, 5))


def cost(scores: np.ndarray) -> np.ndarray:
    """−log softmax(scores), by the definition."""
    powers = np.exp(scores)
    return -np.log(powers / powers.sum(1, keepdims=True))


# --- D3 -----------------------------------------------------------------------------------------------------------------


def test_d3_nll_loss_is_the_second_half_of_cross_entropy() -> None:
    whole = F.cross_entropy(Tensor(SCORES), LABELS)
    assert F.nll_loss(F.log_softmax(Tensor(SCORES), 1), LABELS).item() == pytest.approx(whole.item(), rel=1e-14)
    assert nn.NLLLoss()(F.log_softmax(Tensor(SCORES), 1), LABELS).item() == pytest.approx(whole.item(), rel=1e-14)


def test_d3_label_smoothing_asks_a_share_of_all_classes() -> None:
    costs = cost(SCORES)
    expected = (0.7 * costs[[0, 1], LABELS] + 0.3 * costs.mean(1)).mean()
    assert F.cross_entropy(Tensor(SCORES), LABELS, label_smoothing=0.3).item() == pytest.approx(expected, rel=1e-13)
    assert nn.CrossEntropyLoss(label_smoothing=0.3)(Tensor(SCORES), LABELS).item() == pytest.approx(expected, rel=1e-13)


def test_d3_losses_of_numbers() -> None:
    x, target = Tensor([1.0, 2.0, -4.0]), Tensor([0.0, 2.0, 0.0])
    assert F.mse_loss(x, target).item() == nn.MSELoss()(x, target).item() == pytest.approx(17 / 3, rel=1e-6)
    assert F.l1_loss(x, target, reduction="sum").item() == nn.L1Loss(reduction="sum")(x, target).item() == 5
    sure = Tensor([1e4, -1e4])
    assert F.binary_cross_entropy_with_logits(sure, Tensor([1.0, 0.0])).item() == 0
    assert nn.BCEWithLogitsLoss(pos_weight=[3.0, 3.0])(Tensor([0.0, 0.0]), Tensor([1.0, 1.0])).item() == pytest.approx(
        3 * np.log(2), rel=1e-6
    )


def test_d3_dice_is_a_loss_that_training_can_use() -> None:
    x = Tensor(IMAGES, requires_grad=True)
    before = nn.DiceLoss()(x, MASKS)
    before.backward()
    assert F.dice_loss(Tensor(IMAGES) - 10.0 * x.grad, MASKS).item() < before.item()


def test_d3_one_hot_is_the_identity_at_the_labels() -> None:
    np.testing.assert_array_equal(F.one_hot(Tensor(MASKS), 3).numpy(), np.eye(3, dtype=int)[MASKS])


@pytest.mark.parametrize("layer", [nn.GroupNorm(3, 3), nn.LayerNorm((4, 5))], ids=lambda layer: type(layer).__name__)
def test_d3_group_and_layer_norm(layer: nn.Module) -> None:
    """With as many groups as channels, or over the planes, each plane is normalised by itself."""
    y = layer(Tensor(IMAGES)).detach().numpy()
    np.testing.assert_allclose(y.mean((2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(y.var((2, 3)), 1, atol=1e-3)


def test_d3_gelu_and_silu() -> None:
    x = Tensor([-1.0, 0.0, 1.0])
    np.testing.assert_allclose(nn.GELU()(x).numpy(), [-0.15865525, 0, 0.84134475], rtol=1e-6)
    np.testing.assert_allclose(nn.GELU("tanh")(x).numpy(), [-0.158808, 0, 0.841192], rtol=1e-5)
    np.testing.assert_allclose(nn.SiLU()(x).numpy(), [-0.26894142, 0, 0.73105858], rtol=1e-6)


# --- D5: every plain argument of every function is asked in functional/test_plain_arguments.py ----------------------------


def test_d5_a_scale_factor_of_numpy_is_a_number() -> None:
    x = Tensor(IMAGES)
    expected = F.interpolate(x, scale_factor=2).numpy()
    for factor in (np.float32(2), np.int64(2), (np.float16(2), 2)):
        np.testing.assert_array_equal(F.interpolate(x, scale_factor=factor).numpy(), expected)
    np.testing.assert_array_equal(nn.Upsample(scale_factor=np.float32(2))(x).numpy(), expected)
    assert F.interpolate(Tensor(np.ones((1, 1, 10, 10))), scale_factor=np.float32(0.7)).shape == (1, 1, 7, 7)


def test_d5_batch_norm_without_momentum_averages_all_batches() -> None:
    layer, batches = (
        nn.BatchNorm2d(3, momentum=None),
        np.split(np.random.default_rng(2).standard_normal((6, 3, 4, 5)), 3),
    )
    layer.to(np.float64)
    for batch in batches:
        layer(Tensor(batch))
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([b.mean((0, 2, 3)) for b in batches], 0), rtol=1e-12)
    unbiased = np.mean([b.var((0, 2, 3), ddof=1) for b in batches], 0)
    np.testing.assert_allclose(layer.running_var.numpy(), unbiased, rtol=1e-12)
    assert int(layer.state_dict()["num_batches_tracked"]) == 3
    again = nn.BatchNorm2d(3, momentum=None).to(np.float64)
    again.load_state_dict(layer.state_dict())
    more = np.ones((2, 3, 4, 5)) * np.arange(5)
    again(Tensor(more))
    expected = layer.running_mean.numpy() * 3 / 4 + more.mean((0, 2, 3)) / 4
    np.testing.assert_allclose(again.running_mean.numpy(), expected, rtol=1e-12)
    before = again.running_mean.numpy().copy()
    again.eval()(Tensor(more))
    np.testing.assert_array_equal(again.running_mean.numpy(), before)
    assert int(again.num_batches_tracked) == 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: norm(x, eps=None), ArgumentTypeError, r"batch_norm: eps must be a number, got None \(NoneType\)\."),
        (lambda x: norm(x, eps=-1), ArgumentError, r"batch_norm: eps must be at least 0, got -1\."),
        (
            lambda x: norm(x, momentum="a"),
            ArgumentTypeError,
            r"batch_norm: momentum must be a number, got 'a' \(str\)\.",
        ),
        (lambda x: nn.BatchNorm2d(3, momentum="a"), ArgumentTypeError, r"BatchNorm2d: momentum must be a number"),
        (lambda x: F.leaky_relu(x, "a"), ArgumentTypeError, r"leaky_relu: negative_slope must be a number, got 'a'"),
        (
            lambda x: F.cross_entropy(x, MASKS, ignore_index="255"),
            ArgumentTypeError,
            r"cross_entropy: ignore_index must be an integer, got '255' \(str\)\.",
        ),
    ],
)
def test_d5_what_is_no_number_is_refused_by_name(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(Tensor(IMAGES))


def norm(x: Tensor, **options: object) -> Tensor:
    return F.batch_norm(x, None, None, training=True, **options)


# --- D6 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_d6_a_weight_below_zero_is_refused(loss: object, wrong: float) -> None:
    with pytest.raises(
        ArgumentError, match=f"weight must be finite and at least 0, got {wrong:g} for class 1; a class"
    ):
        loss(Tensor(SCORES), LABELS, np.array([1.0, wrong, 1.0]))


@pytest.mark.parametrize(
    "loss",
    [F.cross_entropy, F.nll_loss, partial(F.cross_entropy, label_smoothing=0.5)],
    ids=["whole", "half", "smoothed"],
)
def test_d6_pixels_that_weigh_nothing_cost_nothing_and_receive_nothing(loss: object) -> None:
    """As if they were void: 0 of 0 is 0 here, where PyTorch has NaN."""
    x = Tensor(SCORES, requires_grad=True)
    value = loss(x, LABELS, np.array([0.0, 1.0, 0.0]))
    assert value.item() == 0
    value.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros((2, 3)))


def test_d6_small_weights_divide_as_the_formula_says() -> None:
    costs, weight = cost(SCORES), np.array([1e-3, 1.0, 2e-3])
    expected = (costs[[0, 1], LABELS] * weight[LABELS]).sum() / weight[LABELS].sum()
    assert F.cross_entropy(Tensor(SCORES), LABELS, weight).item() == pytest.approx(expected, rel=1e-12)
