"""The default generator: seeded in place, used where none is passed, and left alone where one is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn import functional as F
from minifcn import nn
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN
from minifcn.random import default_generator, generator_for, manual_seed


def draw(generator: Any = None) -> list[np.ndarray]:
    """What each part of the package draws, one after the other."""
    layers = [
        nn.Linear(3, 2, generator=generator),
        nn.Conv2d(2, 3, (1, 2), generator=generator),
        nn.ConvTranspose2d(2, 3, 2, generator=generator),
        FCN("vgg16", 2, width=1 / 64, generator=generator),
        FCN("small", 2, width=1 / 16, generator=generator),
    ]
    weights = [value.data.copy() for layer in layers for value in layer.parameters()]
    ones = minifcn.ones(2, 3, 4, 5)
    dropped = [
        F.dropout(ones, generator=generator),
        F.dropout2d(ones, generator=generator),
        nn.Dropout(0.5, generator=generator)(ones),
        nn.Dropout2d(0.5, generator=generator)(ones),
        minifcn.randn(3, generator=generator),
        minifcn.randperm(9, generator=generator),
    ]
    return weights + [each.data for each in dropped]


def test_one_seed_decides_about_everything_that_was_passed_no_generator() -> None:
    assert manual_seed(5) is default_generator
    first = draw()
    state = default_generator.bit_generator.state
    manual_seed(5)
    again = draw()
    assert default_generator.bit_generator.state == state
    for found, expected in zip(again, first, strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(draw(np.random.default_rng(5)), first, strict=True):
        np.testing.assert_array_equal(found, expected)  # as with a generator of that seed
    assert default_generator.bit_generator.state == state, "a generator that is passed is the only one that draws"
    assert any((found != expected).any() for found, expected in zip(draw(), first, strict=True))


def test_a_layer_that_was_passed_none_asks_the_default_generator_when_it_draws() -> None:
    layer, ones = nn.Dropout(), minifcn.ones(50)
    manual_seed(1)
    first = layer(ones).data
    for each in (layer, copy.deepcopy(layer)):
        manual_seed(1)
        np.testing.assert_array_equal(each(ones).data, first)


@pytest.mark.case(58)
def test_numpys_global_state_is_neither_read_nor_changed() -> None:
    """That drawing does not change it is looked at around every test: see conftest.py."""
    before = np.random.get_state()  # noqa: NPY002
    manual_seed(1)
    first = minifcn.rand(3).data
    np.random.seed(0)  # noqa: NPY002
    manual_seed(1)
    found = minifcn.rand(3).data
    np.random.set_state(before)  # noqa: NPY002
    np.testing.assert_array_equal(found, first)


def test_seeds_that_are_none() -> None:
    for seed in (0, 2**64 - 1, np.int64(3)):
        manual_seed(seed)
    for wrong in (1.0, "1", None, True):
        with pytest.raises(ArgumentTypeError, match=f"manual_seed: seed must be an integer, got {wrong!r}"):
            manual_seed(wrong)  # type: ignore[arg-type]
    for beyond in (-1, 2**64):
        with pytest.raises(ArgumentError, match=f"manual_seed: seed must be at least 0 and below .*, got {beyond}"):
            manual_seed(beyond)
    with pytest.raises(ArgumentTypeError, match=r"Linear: generator must be .* or None, got int"):
        generator_for("Linear", 3)  # type: ignore[arg-type]
