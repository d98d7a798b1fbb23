"""`minifcn train --stages` and `--recipe`: one command, one folder, stopped anywhere and gone on with to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn.cli import main
from minifcn.training import Recipe, load_network, options_of_run
from minifcn.training.recipe import RECIPE_FILE
from minifcn.weights import load_arrays
from tests.commands.test_train import stopping_after
from tests.training.tiny import same, write_folder

SMALL = ["--width", "0.125", "--size", "33x41", "--batch-size", "2", "--epochs", "1", "--no-augment", "--quiet"]
STAGES = ["--stages", "32", "16", "8", "--lr-divisor", "10", "--upsampling", "staged"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_folder(tmp_path / "yard")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*options: str, out: str = "run") -> int:
    return main(["train", "--data", "folder", "--root", "yard", "--out", out, *SMALL, *options])


def arrays(run: str) -> dict[str, np.ndarray]:
    return load_arrays(Path(run) / "weights.safetensors")[0]


def test_three_networks_in_one_folder_each_begun_as_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(*STAGES) == 0
    out = capsys.readouterr().out
    assert sorted(path.name for path in Path("run").iterdir()) == ["16s", "32s", "8s", "stages.json"]
    assert "stage 3 of 3: FCN-8s, learning rate 3e-05" in out
    assert "begins as run/16s: weights: 67 carried over; 2 new (fuse_pool3.skip.weight, fuse_pool3.skip.bias)" in out
    assert out.rstrip().endswith("minifcn evaluate and segment take run, and use its last stage.")
    reports = {s: json.loads(Path(f"run/{s}s/metrics.json").read_text()) for s in (32, 16, 8)}
    assert [reports[s]["options"]["lr"] for s in (32, 16, 8)] == pytest.approx([3e-3, 3e-4, 3e-5])
    assert [reports[s]["options"]["stride"] for s in (32, 16, 8)] == [32, 16, 8]
    assert load_network("run")[0].stride == 8 and options_of_run("run")["stride"] == 8
    for command in (["evaluate", "--weights", "run"], ["segment", "yard/images/p0.png", "--weights", "run"]):
        assert main([*command, "--out", "answers", "--quiet"]) == 0
    assert main(["train", "--resume", "run", "--quiet"]) == 2
    assert "run has finished its 3 stages; resume one of them alone, as run/8s" in capsys.readouterr().err


def test_a_run_that_is_stopped_in_any_stage_goes_on_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = [*STAGES[:3], *STAGES[4:]]  # FCN-32s and 16s
    assert start(*stages, out="whole") == 0
    for steps in (2, 4):
        run = f"run{steps}"
        with stopping_after(steps, monkeypatch):
            assert start(*stages, out=run) == 130
        assert f"go on with: minifcn train --resume {run}" in capsys.readouterr().err
        assert main(["train", "--resume", run, "--quiet"]) == 0
        for stage in ("32s", "16s"):
            assert same(arrays(f"{run}/{stage}"), arrays(f"whole/{stage}"))


def test_a_stage_of_which_nothing_is_left_begins_again() -> None:
    stages = [*STAGES[:3], *STAGES[4:]]
    assert start(*stages) == 0
    whole = arrays("run/16s")
    for path in Path("run/16s").iterdir():
        path.unlink()
    Path("run/16s/.minifcn-half.safetensors").write_bytes(b"killed while this was written")
    assert load_network("run")[0].stride == 32
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    assert same(arrays("run/16s"), whole)


def test_a_recipe_travels_with_the_run() -> None:
    text = '# my own\nstages = [16]\nat_once = true\nreduction = "sum"\noptimizer = "sgd"\nlr = 1e-6\naccumulate = 2\n'
    Path("mine.toml").write_text(text + "bias_lr = 2\nbias_decay = false\n", encoding="utf-8")
    assert start("--recipe", "mine.toml", "--lr", "2e-6") == 0
    assert Recipe.read(f"run/{RECIPE_FILE}").text == Path("mine.toml").read_text(encoding="utf-8")
    model, card = load_network("run")
    assert (model.stride, model.at_once, card.at_once, card.recipe) == (16, True, True, "mine")
    options = json.loads(Path("run/metrics.json").read_text())["options"]
    expected = {"lr": 2e-6, "reduction": "sum", "accumulate": 2, "bias_lr": 2.0, "bias_decay": False, "recipe": "mine"}
    assert expected.items() <= options.items()
    assert json.loads(Path("run/metrics.json").read_text())["history"][0]["losses"][0] == pytest.approx(np.log(3))


@pytest.mark.parametrize("recipe", ["paper-heavy", "paper-heavy-mean", "paper-2015", "at-once", "scenes-staged"])
def test_every_recipe_trains(recipe: str) -> None:
    narrow = ["--width", "0.015625"] if recipe != "scenes-staged" else []
    assert start("--recipe", recipe, "--alignment", "compact", "--stages", "8", *narrow) == 0
    assert load_network("run")[1].recipe == recipe


def test_only_the_score_learns() -> None:
    assert start("--train-only", "score", "--stride", "32") == 0
    fresh = load_network("run")[1].build(np.random.default_rng(0)).state_dict()
    found = {
        name: value for name, value in arrays("run").items() if not np.array_equal(value, fresh[name].detach().numpy())
    }
    assert sorted(found) == ["score.bias", "score.weight"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--stages", "8", "16"], "--stages must be strides out of 32, 16 and 8, the coarsest first, got 8 16."),
        (["--stages", "32", "32"], "the coarsest first, got 32 32."),
        (["--stages", "4"], "got 4."),
        (["--stages", "32", "8", "--stride", "8"], "--stride 8 cannot be given with --stages"),
        (["--lr-divisor", "10"], "--lr-divisor 10 is for several stages; pass --stages 32 16 8"),
        (["--stages", "32", "8", "--lr-divisor", "0.5"], "--lr-divisor must be at least 1 and finite, got 0.5."),
        (["--stages", "32", "8", "--lr-divisor", "nan"], "--lr-divisor must be at least 1 and finite, got nan."),
        (["--stages", "32", "8", "--profile", "2"], "--profile is for one network"),
        (["--recipe", "paper-hevy"], "recipe 'paper-hevy' does not exist; did you mean paper-heavy?"),
        (["--recipe", "at-once", "--stages", "32", "8"], "at_once is about skips, and FCN-32s has none"),
        (["--accumulate", "0"], "--accumulate must be at least 1, got 0."),
        (["--train-only", "score", "--learn-upsampling"], "leave one of the two out"),
        (["--optimizer", "sgd", "--reduction", "sum", "--lr", "0.01"], "the learning rate 0.01 belongs to a mean loss"),
    ],
)
def test_what_cannot_be_asked_for_leaves_nothing_behind(
    options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(*options) == 2
    err = capsys.readouterr().err
    assert text in err and err.count("\n") == 1
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--recipe", "paper-heavy"], "--recipe cannot be given with --resume; run goes on as it began."),
        (["--stages", "8"], "--stages cannot be given with --resume"),
        (["--epochs", "7"], "--epochs cannot change for a run in stages, which has 1 in each"),
        (["--lr", "1"], "--lr is 0.003 in this run and cannot become 1.0"),
    ],
)
def test_what_cannot_change_when_stages_go_on(
    options: list[str], text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopping_after(1, monkeypatch):
        assert start(*STAGES) == 130
    assert main(["train", "--resume", "run", "--quiet", *options]) == 2
    assert text in capsys.readouterr().err
    plan: Any = Path("run/stages.json")
    plan.write_text("{}", encoding="utf-8")
    assert main(["train", "--resume", "run", "--quiet"]) == 2
    assert "run/stages.json: the plan of the run is damaged" in capsys.readouterr().err
