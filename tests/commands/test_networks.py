"""Every network of the paper's tables, and the heads beside it, by name: trained for two steps, kept, and used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from minifcn.cli import main
from minifcn.models import BACKBONES, DeconvNet
from minifcn.training import load_network, predict
from tests.training.tiny import write_folder

# Every row of Tables 1 and 2: the backbones at stride 32, VGG16 at 16 and 8, and the last layer alone.
ROWS = [
    *(["--backbone", name, "--stride", "32"] for name in sorted(BACKBONES)),
    *(["--backbone", name, "--stride", stride] for name in ("alexnet", "vgg16", "googlenet") for stride in ("16", "8")),
    ["--backbone", "vgg16", "--stride", "32", "--train-only", "score"],
]
HEADS = [
    ["--head", "dilated"], ["--head", "dilated", "--stride", "16", "--backbone", "googlenet"], ["--head", "aspp"],
    ["--head", "aspp", "--backbone", "alexnet_torchvision"], ["--head", "deconvnet"],
    ["--head", "deconvnet", "--backbone", "vgg16_bn"],
]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_folder(tmp_path / "yard")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*options: str) -> int:
    usual = ["--width", "0.03125", "--size", "33x41", "--batch-size", "3", "--epochs", "1", "--lr", "0.001", "--quiet"]
    return main(["train", "--data", "folder", "--root", "yard", "--out", "run", *usual, *options])


@pytest.mark.parametrize("options", [*ROWS, *HEADS], ids=" ".join)
def test_it_is_trained_by_name_and_used_from_its_file(here: Path, options: list[str]) -> None:
    assert start(*options) == 0
    model, card = load_network("run")
    metrics = json.loads((here / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert np.isfinite(metrics["history"][0]["losses"]).all()
    image = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    assert predict(model, image, card.mean, card.std).shape == (20, 31)
    assert isinstance(model, DeconvNet) == ("deconvnet" in options)


def test_a_run_is_called_by_its_head(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start("--head", "aspp", "--stride", "16") == 0
    assert "ASPP at 1/16 on small (" in capsys.readouterr().out
    usual = ["--data", "folder", "--root", "yard", "--width", "0.03125", "--size", "33x41", "--epochs", "1", "--quiet"]
    assert main(["train", *usual, "--head", "deconvnet"]) == 0
    assert (here / "runs" / "folder-deconvnet-1").is_dir()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--head", "aspp", "--stride", "32"],
            "--head aspp scores at 1/8 or 1/16 of the image; take --stride 8 or 16.",
        ),
        (["--head", "dilated", "--upsampling", "staged"], "--head dilated adds no scores"),
        (["--head", "deconvnet", "--learn-upsampling"], "--head deconvnet always learns its way back"),
        (["--head", "deconvnet", "--backbone", "alexnet"], "must end in a 2x2 max pooling of stride 2"),
        (["--head", "dilated", "--stages", "16", "8"], "--head dilated has no stages"),
    ],
)
def test_what_does_not_go_together_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert start(*options) == 2
    assert words in capsys.readouterr().err
    assert not (here / "run").exists()
