"""A finer network begins as the coarser one: what is carried, what is new, and whether the loss jumps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn import functional as F
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN, from_coarser
from minifcn.models.at_once import AT_ONCE, skips


def network(stride: int, seed: int = 0, **options: Any) -> FCN:
    """A narrow network whose scores, and what batch norm has seen, are not those of a new one."""
    rng = np.random.default_rng(seed)
    model = FCN("small", 3, stride, width=1 / 8, generator=rng, **options)
    for name, value in model.state_dict().items():
        if ("score" in name and "upscore" not in name) or "skip" in name or "running_mean" in name:
            value.mutable()[...] = rng.standard_normal(value.shape)
    return model


def loss(model: FCN) -> float:
    rng = np.random.default_rng(9)
    image, label = Tensor(rng.standard_normal((2, 3, 37, 45), np.float32)), rng.integers(0, 3, (2, 37, 45))
    with no_grad():
        return float(F.cross_entropy(model.eval()(image), label).item())


@pytest.mark.parametrize(("coarse", "fine"), [(32, 16), (16, 8), (32, 8)])
def test_a_staged_network_starts_where_the_coarser_one_stood_and_a_single_one_close_to_it(
    coarse: int, fine: int
) -> None:
    for upsampling in ("staged", "single"):
        coarser, finer = (network(s, s, upsampling=upsampling) for s in (coarse, fine))
        before, own = loss(coarser), loss(finer)
        from_coarser(coarser, finer)
        after = loss(finer)
        assert own != before
        if upsampling == "staged":
            assert after == before
        else:
            assert after != before
            assert abs(after - before) < 0.25 * before


def test_the_report_tells_of_every_weight() -> None:
    coarser, finer = network(32, learn_upsampling=True), network(16, 1, learn_upsampling=True)
    report = from_coarser(coarser, finer)
    before, after = coarser.state_dict(), finer.state_dict()
    assert {*report.carried, *report.new} == after.keys() and {*report.carried, *report.left} == before.keys()
    assert not {*report.carried} & {*report.new}
    for name in report.carried:
        assert np.array_equal(after[name].numpy(), before[name].numpy()), name
    skip = ["fuse_pool4.skip.weight", "fuse_pool4.skip.bias"]
    assert [*report.new] == ["fuse_pool4.up.weight", *skip, "upscore.up.weight"]
    assert not any(after[name].numpy().any() for name in skip)
    assert report.left == ("upscore.up.weight",)  # 64x64; that of FCN-16s is 32x32
    text = "4 new (fuse_pool4.up.weight, fuse_pool4.skip.weight, fuse_pool4.skip.bias, upscore.up.weight)"
    assert str(report) == f"weights: {len(report.carried)} carried over; {text}; 1 left behind (upscore.up.weight)"


def test_what_was_learned_between_two_maps_is_carried() -> None:
    coarser, finer = (network(s, upsampling="staged", learn_upsampling=True) for s in (16, 8))
    coarser.fuse_pool4.up.weight.mutable()[...] = 0.75
    from_coarser(coarser, finer)
    assert (finer.fuse_pool4.up.weight.detach().numpy() == 0.75).all()


@pytest.mark.parametrize(
    ("coarser", "finer", "text"),
    [
        ({"stride": 8}, {"stride": 16}, "an FCN-16s cannot begin as an FCN-8s, which is not coarser"),
        ({"stride": 8}, {"stride": 8}, "an FCN-8s cannot begin as an FCN-8s"),
        ({"stride": 16}, {"stride": 8, "at_once": True}, "at_once is False in the coarser network and True in"),
    ],
)
def test_networks_that_do_not_follow_each_other(coarser: Any, finer: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        from_coarser(network(**coarser), network(**finer))


def test_another_network_is_refused_and_nothing_changes() -> None:
    finer = network(16)
    before = {name: value.numpy().copy() for name, value in finer.state_dict().items()}
    for other in (
        FCN("small", 4, 32, width=1 / 8),
        FCN("small", 3, 32, width=1 / 4),
        FCN("vgg16", 3, 32, width=1 / 64),
    ):
        with pytest.raises(ArgumentError, match="same backbone, width, alignment and classes"):
            from_coarser(other, finer)
    assert all(np.array_equal(value.numpy(), before[name]) for name, value in finer.state_dict().items())


def test_a_network_trained_at_once_scores_smaller_features() -> None:
    plain, at_once = network(8), network(8, at_once=True)
    at_once.load_state_dict(plain.state_dict())
    image = Tensor(np.random.default_rng(1).standard_normal((1, 3, 33, 41), np.float32))
    with no_grad():
        for name, step in skips(plain.eval()).items():
            step.skip.bias.mutable()[...] = 0
            skips(at_once)[name].skip.bias.mutable()[...] = 0
        whole, scaled = plain.streams(image), at_once.eval().streams(image)
        assert np.array_equal(whole["score"].numpy(), scaled["score"].numpy())
        for name, factor in AT_ONCE.items():
            assert np.allclose(scaled[name].numpy(), factor * whole[name].numpy(), rtol=1e-4)
        assert not np.allclose(plain(image).numpy(), at_once(image).numpy())
    assert AT_ONCE == {"pool4": 0.01, "pool3": 0.0001}
    assert "pool4 is multiplied by 0.01" in at_once.explain() and "pool3 is multiplied by 0.0001" in at_once.explain()
    assert "multiplied" not in plain.explain()
    assert "pool3 is multiplied" not in network(16, at_once=True).explain()


def test_at_once_is_checked() -> None:
    with pytest.raises(ArgumentError, match="FCN-32s has none; use stride 8 or 16, or leave it out"):
        network(32, at_once=True)
    with pytest.raises(ArgumentTypeError, match="at_once must be True or False, got 1"):
        network(8, at_once=1)
