"""VOC through every command: train, evaluate, segment, check-data, bounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.data import VOC
from minifcn.data.classes import default_palette
from tests.data.test_sbd import NAMES, write_sbd
from tests.training.tiny import write_voc

TINY = ["--width", "0.1", "--epochs", "1", "--batch-size", "2", "--quiet"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_evaluate_segment(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    year = write_voc(here / "VOCdevkit" / "VOC2012")
    root = ["--root", "VOCdevkit/VOC2012"]
    assert main(["train", "--data", "voc", *root, "--out", "run", *TINY]) == 0
    out, err = capsys.readouterr()
    assert "2 training and 1 validation images of voc; into run" in out and "on 1 val images of voc:" in out
    assert "voc has no more labels: the best epoch is chosen on val, and reported on it." in err
    assert "splits should not overlap" not in err
    options = json.loads((here / "run" / "metrics.json").read_text())["options"]
    assert options["root"] == str(year.resolve()) and options["sbd"] is None and options["size"] is None
    assert main(["train", "--resume", "run", "--epochs", "2", "--quiet"]) == 0
    assert "not those that this run began with" not in capsys.readouterr().err

    assert main(["evaluate", "--weights", "run", "--quiet"]) == 0
    assert "on 1 val images of voc:" in capsys.readouterr().out and (here / "metrics-val.json").exists()
    assert main(["evaluate", "--weights", "run", "--split", "trainval", "--quiet"]) == 0
    assert "trained on 2 of the 3 trainval images of voc" in capsys.readouterr().err

    image = "VOCdevkit/VOC2012/JPEGImages/2007_000003.jpg"
    assert main(["segment", "--weights", "run", image, "--quiet"]) == 0
    with Image.open(here / "segmented" / "2007_000003_label.png") as label:
        assert label.mode == "P" and label.size == (44, 40)
        assert label.getpalette()[: 3 * 21] == default_palette(21).ravel().tolist()


def test_with_sbd_seg11valid_is_measured(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    year = write_voc(here / "VOC2011", NAMES)
    write_sbd(here / "SBD", year)
    assert main(["train", "--data", "voc", "--root", "VOC2011", "--sbd", "SBD", "--out", "run", *TINY]) == 0
    out, err = capsys.readouterr()
    assert "1 training and 1 validation images of voc" in out and "on 1 seg11valid images of voc:" in out
    assert "chosen on seg11valid, and reported on it" in err
    assert main(["evaluate", "--weights", "run", "--quiet"]) == 0, "the run knows where SBD is"
    assert (here / "metrics-seg11valid.json").exists()
    assert main(["evaluate", "--weights", "run", "--split", "val", "--quiet"]) == 2
    assert "measure on seg11valid" in capsys.readouterr().err
    assert main(["check-data", "--data", "voc", "--root", "VOC2011", "--sbd", "SBD", "--quiet"]) == 0
    assert "seg11valid" in capsys.readouterr().out
    assert main(["train", "--sbd", "SBD", "--quiet"]) == 2
    assert "--sbd is for --data voc, whose images it has labels for, not for scenes." in capsys.readouterr().err
    assert main(["check-data", "--root", "VOC2011", "--sbd", "SBD", "--quiet"]) == 2
    assert "--sbd is for --data voc, whose images it has labels for, not for folder." in capsys.readouterr().err


def test_check_data_and_bounds(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    year = write_voc(here / "VOC2012")
    assert main(["check-data", "--data", "voc", "--root", "VOC2012", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "voc: 21 classes, 3 images" in out and out.endswith("minifcn train takes this data set.\n")
    assert (here / "samples.png").exists()
    assert main(["bounds", "--data", "voc", "--root", "VOC2012", "--strides", "1", "32", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "on 1 val image of voc" in out and "86.1" in out
    Image.fromarray(np.full((40, 44, 3), 128, np.uint8)).save(year / "SegmentationClass" / "2007_000001.png")
    (year / "JPEGImages" / "2007_000003.jpg").unlink()
    assert main(["check-data", "--data", "voc", "--root", "VOC2012", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "2007_000001.png: the mask holds RGB colours" in out and "2007_000003.jpg: listed in val.txt but not" in out


@pytest.mark.parametrize("command", ["train", "check-data", "bounds"])
def test_a_wrong_root_is_told_the_right_one(here: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    year = write_voc(here / "VOCdevkit" / "VOC2012")
    for root in ("VOCdevkit", "VOCdevkit/VOC2012/JPEGImages"):
        assert main([command, "--data", "voc", "--root", root, "--quiet"]) == 2
        err = capsys.readouterr().err
        assert f"pass {year.relative_to(here) if root == 'VOCdevkit' else year.resolve()}." in err, err
    assert len(VOC(year)) == 2
