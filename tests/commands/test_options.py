"""Options: what is out of range is refused by its name on the command line, and a data set brings its own defaults."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path

import pytest

from minifcn.commands.options import CHOICES, DEFAULTS, Options, options_for
from minifcn.data import KINDS
from minifcn.errors import ArgumentError, FileError
from minifcn.models.backbones import ALIGNMENTS
from minifcn.models.named import BACKBONES
from minifcn.models.settings import STRIDES, UPSAMPLINGS


def test_the_choices_are_those_of_the_library() -> None:
    assert CHOICES["data"] == KINDS == tuple(DEFAULTS)
    assert set(CHOICES["backbone"]) == set(BACKBONES)
    assert set(CHOICES["stride"]) == set(STRIDES)
    assert set(CHOICES["alignment"]) == set(ALIGNMENTS)
    assert set(CHOICES["upsampling"]) == set(UPSAMPLINGS)
    names = {field.name for field in fields(Options)}
    assert names >= set(CHOICES)
    assert all(names >= set(values) for values in DEFAULTS.values())


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_data_set_fills_up_what_is_not_given(kind: str) -> None:
    options = options_for({"data": kind, "lr": 0.5, "stride": None, "epochs": None})
    for field in fields(Options):
        expected = {"data": kind, "lr": 0.5}.get(field.name, DEFAULTS[kind].get(field.name, field.default))
        assert getattr(options, field.name) == expected, field.name


def test_what_is_given_wins_even_if_it_is_no() -> None:
    assert options_for({"data": "camvid", "augment": False}).augment is False
    assert options_for({"data": "camvid", "balance": "none", "size": (8, 9)}).size == (8, 9)
    assert options_for({}) == options_for({"data": "scenes"})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"epochs": 0}, "--epochs must be at least 1, got 0."),
        ({"epochs": -3}, "--epochs must be at least 1, got -3."),
        ({"batch_size": 0}, "--batch-size must be at least 1, got 0."),
        ({"seed": -1}, "--seed must be at least 0, got -1."),
        ({"lr": 0.0}, "--lr must be greater than 0 and finite, got 0.0."),
        ({"lr": math.nan}, "--lr must be greater than 0 and finite, got nan."),
        ({"lr": math.inf}, "--lr must be greater than 0 and finite, got inf."),
        ({"lr": -1e-3}, "--lr must be greater than 0 and finite, got -0.001."),
        ({"weight_decay": -1.0}, "--weight-decay must be at least 0 and finite, got -1.0."),
        ({"weight_decay": math.nan}, "--weight-decay must be at least 0 and finite, got nan."),
        ({"momentum": 1.0}, "--momentum must be at least 0 and less than 1, got 1.0."),
        ({"momentum": math.nan}, "--momentum must be at least 0 and less than 1, got nan."),
        ({"data": "camvid", "count": 5}, "--count is for generated scenes; --data camvid is used whole."),
        ({"stride": 7}, "--stride must be one of 8, 16, 32, got 7."),
        ({"schedule": "linear"}, "--schedule must be one of poly, cosine, step, constant, got 'linear'."),
    ],
)
def test_values_out_of_range(values: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Options(**values)  # type: ignore[arg-type]
    assert str(caught.value) == said


@pytest.mark.parametrize("size", [None, (33, 41)])
def test_options_survive_json(size: tuple[int, int] | None) -> None:
    options = Options(size=size, lr=1 / 3, root=str(Path("a b").resolve()), augment=True)
    assert Options.from_dict(json.loads(json.dumps(options.to_dict())), "x") == options
    assert Options(root="a b").to_dict()["root"] == options.root, "so that the data are found from anywhere"


def test_stored_options_that_are_none() -> None:
    with pytest.raises(
        FileError, match=r"run/c: the run has unknown options \['colour'\]; use the minifcn it was made"
    ):
        Options.from_dict({"colour": 1}, "run/c")
    for values in ({"lr": "fast"}, {"size": 5}, {"size": [5]}, {"size": ["a", "b"]}, {"epochs": None}, {"lr": 0.0}):
        with pytest.raises(FileError, match=r"run/c: the options of the run are damaged \(.*\); start the run again\."):
            Options.from_dict(values, "run/c")  # type: ignore[arg-type]
