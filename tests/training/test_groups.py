"""Biases at twice the rate and without decay; a trunk that stays as it is, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import optim
from minifcn.errors import ArgumentError
from minifcn.models import FCN
from minifcn.training import train
from minifcn.training.groups import parameter_groups, train_only
from tests.training.tiny import Pictures, card, loader, weights


def built(**changes: object) -> FCN:
    return card(**changes).build(np.random.default_rng(1))


def test_biases_learn_faster_and_are_not_pulled_and_norms_are_neither() -> None:
    model = built()
    optimizer = optim.SGD(parameter_groups(model, 0.5, 2, False), 0.5, weight_decay=0.25)
    found = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert found == [(0.5, 0.25), (1.0, 0.0), (0.5, 0.0)]
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    of_weights, biases, norms = ([names[id(p)] for p in group["params"]] for group in optimizer.param_groups)
    assert all(name.endswith(".weight") and "norm" not in name for name in of_weights)
    assert biases == ["score.bias", "fuse_pool4.skip.bias", "fuse_pool3.skip.bias"]
    assert all("norm" in name for name in norms)
    learned = [names[id(p)] for p in model.parameters() if p.requires_grad]
    assert sorted([*of_weights, *biases, *norms]) == sorted(learned)


def test_without_a_wish_all_learn_alike() -> None:
    model = built()
    (group,) = parameter_groups(model, 0.5)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters() if p.requires_grad]
    assert len(parameter_groups(built(backbone="vgg16", width=1 / 64), 0.5, 2, True)) == 2
    with pytest.raises(ArgumentError, match="bias_lr must be at least 0, got -1"):
        parameter_groups(model, 0.5, -1)


@pytest.mark.parametrize("stride", [32, 8])
def test_a_trunk_that_rests_stays_to_the_bit(stride: int) -> None:
    model = built(stride=stride)
    before = weights(model)
    resting = train_only(model, "score")
    optimizer = optim.SGD(parameter_groups(model, 0.1, 2, False), 0.1, momentum=0.9, weight_decay=1e-2)
    train(model, loader(Pictures(4)), optimizer, optim.StepLR(optimizer, 100), epochs=1, resting=resting)
    after = weights(model)
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    skips = ("fuse_pool4.skip", "fuse_pool3.skip") if stride == 8 else ()
    assert changed == {f"{layer}.{values}" for layer in ("score", *skips) for values in ("weight", "bias")}
    assert any("running_mean" in name for name in before)
    assert len(optimizer.param_groups) == 2
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(changed)


def test_otherwise_all_learn() -> None:
    model = built()
    assert train_only(model, "all") == []
    assert all(p.requires_grad for name, p in model.named_parameters() if ".up." not in name)
    with pytest.raises(ArgumentError, match="train_only 'head' is unknown"):
        train_only(model, "head")
