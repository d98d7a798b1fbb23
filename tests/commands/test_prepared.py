"""`minifcn train --weights`: a run that starts from the weights of others, and feeds them what they expect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from minifcn.cli import main
from minifcn.commands.options import Options
from minifcn.commands.prepared import begun_with_weights
from minifcn.models import FCN
from minifcn.training import load_network, read_checkpoint
from minifcn.weights import load_arrays, save_arrays, torchvision_names
from tests.training.tiny import same, write_folder
from tests.weights.test_pth import stored, zipped

VGG = ["--backbone", "vgg16", "--width", "0.03125", "--stride", "32", "--size", "33x41", "--batch-size", "2"]
QUICK = [*VGG, "--epochs", "1", "--lr", "1e-12", "--weight-decay", "0", "--optimizer", "sgd", "--quiet"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures and a vgg16.safetensors that torchvision might have saved, as the current one."""
    write_folder(tmp_path / "yard")
    model = FCN("vgg16", 2, 32, width=1 / 32, generator=np.random.default_rng(4))
    save_arrays(tmp_path / "vgg16.safetensors", torchvision_names(model.state_dict(), "vgg16"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*options: str, out: str = "run") -> int:
    return main(["train", "--data", "folder", "--root", "yard", "--out", out, *QUICK, *options])


def test_a_run_begins_with_the_weights_and_keeps_their_preparation(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start("--weights", "vgg16.safetensors") == 0
    said = capsys.readouterr().out
    assert "weights: vgg16.safetensors (torchvision vgg16, images RGB 0..1): 28 loaded, 2 converted, 3 missing" in said
    model, card = load_network(here / "run")
    given, _ = load_arrays(here / "vgg16.safetensors")
    np.testing.assert_allclose(model.state_dict()["stage5.conv5_3.weight"].data, given["features.28.weight"], atol=1e-6)
    np.testing.assert_allclose(card.mean, [123.675, 116.28, 103.53])
    np.testing.assert_allclose(card.std, [58.395, 57.12, 57.375])
    options = json.loads((here / "run" / "metrics.json").read_text())["options"]
    assert options["weights"] == str(here / "vgg16.safetensors") and options["weights_kind"] is None
    assert main(["evaluate", "--weights", "run", "--quiet"]) == 0


def test_caffes_weights_under_these_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start("--weights", "vgg16.safetensors", "--weights-kind", "caffe") == 0
    assert "images BGR 0..255" in capsys.readouterr().out
    model, card = load_network(here / "run")
    given, _ = load_arrays(here / "vgg16.safetensors")
    first = model.state_dict()["stage1.conv1_1.weight"].data
    np.testing.assert_allclose(first, given["features.0.weight"][:, ::-1], atol=1e-6)
    assert card.mean == (122.67892, 116.66877, 104.00699) and card.std == (1, 1, 1)


def test_a_run_begins_with_one_of_several_networks_of_a_checkpoint(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, ema = (load_arrays("vgg16.safetensors")[0] for _ in range(2))
    ema["features.28.weight"] *= 2
    storages: dict[str, bytes] = {}
    zipped(here / "two.pth", {"model": stored(model, storages), "ema": stored(ema, storages), "epoch": 3}, storages)
    assert start("--weights", "two.pth") == 2
    assert (
        "two.pth is a checkpoint with 2 networks ('model', 'ema'); say which is meant, --in" in capsys.readouterr().err
    )
    assert start("--weights", "two.pth", "--inside", "ema", out="second") == 0
    assert "weights: two.pth, its 'ema' (torchvision vgg16, images RGB 0..1): 28 loaded" in capsys.readouterr().out
    found = load_network(here / "second")[0].state_dict()["stage5.conv5_3.weight"].data
    np.testing.assert_allclose(found, ema["features.28.weight"], atol=1e-6)
    assert json.loads((here / "second" / "metrics.json").read_text())["options"]["inside"] == "ema"
    (here / "two.pth").unlink()  # a run that goes on needs it no longer, and the option cannot become another
    assert main(["train", "--resume", "second", "--inside", "model", "--quiet"]) == 2
    assert "--inside is ema in this run and cannot become model with --resume" in capsys.readouterr().err
    assert main(["train", "--resume", "second", "--epochs", "2", "--quiet"]) == 0


def test_a_run_goes_on_with_the_same_preparation(here: Path) -> None:
    """The file of weights need no longer be there, and the end is that of a run without a pause, bit for bit."""
    rate = ["--lr", "0.001"]
    assert start("--weights", "vgg16.safetensors", *rate, "--epochs", "2", out="whole") == 0
    assert start("--weights", "vgg16.safetensors", *rate, "--epochs", "1", "--schedule", "constant", out="a") == 0
    assert start("--weights", "vgg16.safetensors", *rate, "--epochs", "2", "--schedule", "constant", out="b") == 0
    (here / "vgg16.safetensors").unlink()
    assert main(["train", "--resume", "a", "--epochs", "2", "--quiet"]) == 0
    one, other = (read_checkpoint(here / name / "checkpoint.safetensors")[3] for name in ("a", "b"))
    assert same(one, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weights", "none.pth"], "none.pth does not exist"),
        (["--weights", "vgg16.safetensors", "--width", "0.0625"], "does not fit this network (wrong shape: "),
        (["--weights", "vgg16.safetensors", "--backbone", "small"], "does not fit this network"),
        (["--weights-kind", "caffe"], "--weights-kind says what --weights holds"),
        (["--inside", "model"], "--inside says what --weights holds; give that, too."),
        (["--weights", "vgg16.safetensors", "--inside", "model"], "vgg16.safetensors holds one network; 'model' could"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_trained(
    here: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(*options) == 2
    assert words in capsys.readouterr().err
    assert not (here / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("backbone", ["small", "vgg16"])
def test_a_recipe_that_means_a_trained_backbone_says_so_whatever_it_is(
    backbone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    card: Any = object()
    for pretrained in (True, False):
        options = Options(backbone=backbone, recipe="mine", pretrained=pretrained)
        assert begun_with_weights(cast("Any", None), card, options) is card
        said = f"{backbone} begins with nothing, where a trained one is meant; pass --weights FILE"
        assert (said in capsys.readouterr().err) is pretrained


def test_who_means_a_trained_backbone_and_gives_none_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start("--train-only", "score") == 0
    assert "vgg16 begins with nothing, where a trained one is meant; pass --weights FILE" in capsys.readouterr().err
    assert start("--train-only", "score", "--weights", "vgg16.safetensors", out="second") == 0
    assert "begins with nothing" not in capsys.readouterr().err
    (trained, _), given = load_network("second"), load_arrays(here / "vgg16.safetensors")[0]
    assert np.array_equal(trained.stage5["conv5_3"].weight.detach().numpy(), given["features.28.weight"])


def test_a_staged_run_begins_with_the_weights_once_and_keeps_their_preparation_to_the_end(here: Path) -> None:
    options = [option for option in QUICK if option not in ("--stride", "32")]
    of_yard = ["train", "--data", "folder", "--root", "yard", "--out", "run", *options]
    assert main([*of_yard, "--stages", "32", "16", "--weights", "vgg16.safetensors"]) == 0
    first, second = (load_network(here / "run" / stage)[1] for stage in ("32s", "16s"))
    assert first.mean == second.mean and first.std == second.std
    assert np.allclose(first.mean, np.array([0.485, 0.456, 0.406]) * 255)
