"""Recipes: what the package brings, what a file may say, and which sentence a wrong one gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from minifcn.commands.options import CHOICES, Options
from minifcn.errors import ArgumentError, FileError
from minifcn.training.recipe import FOLDER, KEYS, OF_THE_FILE, RECIPES, Recipe
from minifcn.training.staged import METRICS_FILE, STAGES_FILE, network_folder


def test_every_recipe_of_the_package_is_read_and_gives_options() -> None:
    assert {"alexnet", "at-once", "paper-2015", "paper-heavy", "paper-heavy-mean", "scenes-staged"} <= set(RECIPES)
    for name in RECIPES:
        recipe = Recipe.read(name)
        assert recipe.text == (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        assert recipe.stages
        Options(**{**recipe.settings, "stride": recipe.stages[-1]})
        assert "about" in recipe.text and "source" in recipe.text


def test_the_numbers_of_the_paper() -> None:
    heavy, older = Recipe.read("paper-heavy"), Recipe.read("paper-2015")
    rates = [heavy.settings["lr"] / heavy.lr_divisor**stage for stage in range(3)]
    assert rates == pytest.approx([1e-10, 1e-12, 1e-14]) and heavy.stages == (32, 16, 8)
    expected = {"reduction": "sum", "momentum": 0.99, "weight_decay": 5e-4, "bias_lr": 2, "bias_decay": False}
    assert expected.items() <= heavy.settings.items() and heavy.settings["batch_size"] == 1
    assert older.settings["batch_size"] * older.settings["accumulate"] == 20
    assert (older.settings["lr"], older.settings["momentum"], older.lr_divisor) == (1e-4, 0.9, 100)
    at_once = Recipe.read("at-once")
    assert at_once.stages == (8,) and at_once.settings["at_once"] and at_once.settings["lr"] == 1e-10


def test_a_recipe_says_whether_its_backbone_was_trained_before() -> None:
    for name in RECIPES:
        assert Recipe.read(name).settings.get("pretrained", False) is (name != "scenes-staged"), name


def test_the_mean_twin_is_derived_from_the_sum() -> None:
    derived, written = Recipe.read("paper-heavy").mean_equivalent(500 * 375), Recipe.read("paper-heavy-mean")
    assert derived.name == written.name and derived.stages == written.stages
    assert derived.lr_divisor == written.lr_divisor
    assert derived.settings.keys() == written.settings.keys()
    for key, value in derived.settings.items():
        assert written.settings[key] == (pytest.approx(value) if isinstance(value, float) else value), key
    assert Recipe.parse(derived.text, derived.name, "text") == derived
    with pytest.raises(ArgumentError, match="only one with reduction sum"):
        Recipe.read("paper-2015").mean_equivalent(100)
    with pytest.raises(ArgumentError, match="pixels must be a whole number of at least 1, got 0"):
        Recipe.read("paper-heavy").mean_equivalent(0)


def test_the_keys_are_options_of_a_run() -> None:
    for key, kind in KEYS.items():
        if key in OF_THE_FILE:
            continue
        assert hasattr(Options(), key), key
        if kind.words:
            assert set(kind.words) == set(CHOICES[key]), key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr = 1\nmomentom = 0.9\n", "line 2: momentom is no key of a recipe; did you mean momentum?"),
        ("colour = 1\n", "line 1: colour is no key of a recipe; the keys are stages, about"),
        ("\n\nbatch_size = 0\n", "line 3: batch_size is 0; it must be a whole number of at least 1."),
        ("batch_size = 1.5\n", "batch_size is 1.5; it must be a whole number"),
        ("bias_decay = 0\n", "line 1: bias_decay is 0; it must be true or false."),
        ("lr = 0\n", "lr is 0; it must be a number greater than 0."),
        ("lr = nan\n", "lr is nan; it must be a number greater than 0."),
        ("lr = inf\n", "lr is inf; it must be"),
        ('lr = "1e-3"\n', "lr is '1e-3'; it must be a number"),
        ("lr = true\n", "lr is True; it must be a number"),
        ("momentum = 1.0\n", "momentum is 1.0; it must be a number of at least 0 and at most 0.9999."),
        ('reduction = "none"\n', "reduction is 'none'; it must be one of mean, sum."),
        ("lr_divisor = 0.5\n", "lr_divisor is 0.5; it must be a number of at least 1."),
        ("# first\nstages = [8, 16]\n", "line 2: stages is [8, 16]; it must be a list of strides out of 32, 16 and 8"),
        ("stages = []\n", "stages is []; it must be a list"),
        ("stages = 8\n", "stages is 8; it must be a list"),
        ("stages = [4]\n", "stages is [4]; it must be a list"),
        ("lr = \n", "it is not readable as TOML"),
        ("[training]\nlr = 1\n", "line 1: training is no key of a recipe"),
    ],
)
def test_what_a_recipe_cannot_say(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as error:
        Recipe.read(path)
    assert said in str(error.value) and str(path) in str(error.value)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="recipe 'paper-heavi' does not exist; did you mean paper-heavy?"):
        Recipe.read("paper-heavi")
    with pytest.raises(ArgumentError, match="use one of alexnet, at-once, .* or the path of a file"):
        Recipe.read("zzz")
    (tmp_path / "mine.toml").write_bytes(b"lr = 1\xff\n")
    with pytest.raises(FileError, match="no UTF-8"):
        Recipe.read(tmp_path / "mine.toml")


def test_a_run_in_stages_stands_for_its_last_finished_one(tmp_path: Path) -> None:
    assert network_folder(tmp_path) == tmp_path
    (tmp_path / STAGES_FILE).write_text("{}", encoding="utf-8")
    (tmp_path / "32s").mkdir()
    with pytest.raises(FileError, match="none of its stages is finished; go on with minifcn train --resume"):
        network_folder(tmp_path)
    for stride in (32, 16):
        (tmp_path / f"{stride}s").mkdir(exist_ok=True)
        (tmp_path / f"{stride}s" / METRICS_FILE).write_text("{}", encoding="utf-8")
    (tmp_path / "8s").mkdir()
    assert network_folder(tmp_path) == tmp_path / "16s"
