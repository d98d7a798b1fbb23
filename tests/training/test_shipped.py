"""The networks that come with the package are what their command gives, and reach what is said of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2]))  # benchmarks/ is not installed; at the end, as of tutorials/

from benchmarks import shipping
from minifcn import data
from minifcn.commands.learning import learning
from minifcn.commands.options import Options
from minifcn.commands.train import card_of
from minifcn.data import Scenes
from minifcn.errors import ArgumentError
from minifcn.labels import VOID
from minifcn.training import PRETRAINED, evaluate, predict, pretrained, pretrained_record, train
from minifcn.training.shipped import FOLDER
from minifcn.weights import load_metadata

STEPS = 3


class Enough(Exception):
    """So many steps were made."""


def first_losses(options: Options) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses of the first steps of `minifcn train` with these options, and the weights after them."""
    scenes = data.open_dataset(options.data, options.root, "train", options.size, options.seed, options.count)
    model = card_of(options, scenes).build(np.random.default_rng(options.seed))
    optimizer, schedule, loader = learning(options, model, scenes)
    losses: list[float] = []

    def after_step(state: object, loss: float, images: int) -> None:
        losses.append(loss)
        if len(losses) == STEPS:
            raise Enough

    with pytest.raises(Enough):
        train(model, loader, optimizer, schedule, epochs=options.epochs, seed=options.seed, after_step=after_step)
    return losses, {name: value.numpy().copy() for name, value in model.state_dict().items()}


def options_of(name: str) -> Options:
    return Options.from_dict(pretrained_record(name)["options"], name)


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_command_gives_the_losses_that_it_gave(name: str) -> None:
    losses, weights = first_losses(options_of(name))
    again, same_weights = first_losses(options_of(name))
    assert losses == again
    assert all(np.array_equal(weights[key], same_weights[key]) for key in weights)
    # Elsewhere sums are rounded in another order; a step further on, that shows in more digits.
    np.testing.assert_allclose(losses, pretrained_record(name)["losses"][:STEPS], rtol=1e-3)
    assert losses[0] == pytest.approx(np.log(8), rel=1e-6)  # all score layers start at zero


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_file_is_of_the_command(name: str) -> None:
    record, options = pretrained_record(name), options_of(name)
    model, card = pretrained(name)
    assert (options.stride, options.width, options.seed) == (shipping.stride_of(name), 0.5, record["ships"])
    assert record["command"].endswith(" ".join(shipping.command(name, options.seed, f"runs/{name}")))
    assert card == card_of(options, Scenes(1, options.size))
    assert (model.stride, model.training) == (options.stride, False)
    assert load_metadata(FOLDER / f"{name}.safetensors")["trained_on"] == f"scenes {options.seed} train"


@pytest.mark.parametrize("name", PRETRAINED)
def test_it_reaches_what_is_said_of_it(name: str) -> None:
    record = pretrained_record(name)
    shipped = next(entry for entry in record["seeds"] if entry["seed"] == record["ships"])
    model, card = pretrained(name)
    validation = data.open_dataset("scenes", None, "val", card.size, record["ships"])
    assert evaluate(model, validation).mean_iu() == pytest.approx(shipped["val_mean_iu"], abs=2e-3)
    assert np.array(shipped["confusion"]).sum() == shipped["test"]["pixels"]


def test_finer_networks_reach_more_for_every_seed() -> None:
    scores = [[entry["test"]["mean_iu"] for entry in pretrained_record(name)["seeds"]] for name in PRETRAINED]
    assert [len(each) for each in scores] == [len(shipping.SEEDS)] * 3
    for fine, middle, coarse in zip(*scores, strict=True):
        assert fine > middle > coarse


def test_the_page_beside_them_says_what_the_records_say() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    records = {name: pretrained_record(name) for name in PRETRAINED}
    for row in shipping.rows(records):
        assert row in page, row
    for name, record in records.items():
        assert record["command"].partition("minifcn train")[2] in page, name


def test_they_are_small_and_are_installed_with_the_package() -> None:
    files = sorted(FOLDER.iterdir())
    assert {path.name for path in files} == {
        "README.md",
        *(f"{n}.{s}" for n in PRETRAINED for s in ("json", "safetensors")),
    }
    assert sum(path.stat().st_size for path in files) < 3_000_000
    setup = (Path(__file__).parents[2] / "setup.cfg").read_text(encoding="utf-8")
    assert re.search(r"^    weights/shipped/\*$", setup, re.MULTILINE)


@pytest.mark.parametrize("size", [(1, 1), (37, 50), (130, 99)])
def test_an_image_of_any_size_has_labels(size: tuple[int, int]) -> None:
    model, card = pretrained()
    labels = predict(model, np.full((*size, 3), 128, np.uint8), card.mean, card.std)
    assert labels.shape == size and labels.max() < len(card.classes) != VOID


def test_another_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"no weights 'fcn8-scenes'; did you mean fcn8s-scenes\?"):
        pretrained("fcn8-scenes")
    with pytest.raises(ArgumentError, match=r"pretrained: there are no weights 'vgg16'; choose one of fcn8s-scenes, "):
        pretrained_record("vgg16")
