"""`minifcn bounds`: the table beside the paper's, on every kind of data, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.data import Folder, Scenes
from minifcn.metrics import PAPER, WAYS, ConfusionMatrix, coarsened, upper_bound
from tests.training.tiny import write_camvid, write_folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(text: str) -> dict[int, list[str]]:
    """The cells of each stride."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return {int(cells[0]): cells[1:] for cells in lines if cells[0].isdecimal()}


def test_scenes_by_default(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bounds", "--count", "3", "--size", "48x64", "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "on 3 test images of scenes:" in text and "VOC 2011" in text
    found = rows(text)
    assert list(found) == list(PAPER) and [float(cells[-1]) for cells in found.values()] == list(PAPER.values())
    labels = np.stack([sample.label for sample in Scenes(3, (48, 64), 0, "test")])
    for stride, cells in found.items():
        assert cells[:3] == [f"{100 * upper_bound(labels, stride, 0, way):.1f}" for way in WAYS]
    assert not list(here.iterdir()), "nothing is written unasked"


def test_files_of_different_sizes_are_counted_together(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(here / "yard")
    line = "bounds --data folder --root yard --split train --strides 5 1 5 --out found --quiet"
    assert main(line.split()) == 0
    found = rows(capsys.readouterr().out)
    matrix = ConfusionMatrix(3)
    for sample in Folder("yard", "train"):
        matrix.update(coarsened(sample.label, 5), sample.label)
    assert list(found) == [5, 1] and found[1] == ["100.0"] * 4 + ["-"]
    assert found[5][0] == f"{100 * matrix.mean_iu():.1f}" and found[5][3] == f"{100 * matrix.pixel_accuracy():.1f}"
    report = json.loads((here / "found" / "bounds-train.json").read_text())
    assert report["data"] == "yard" and report["images"] == 5
    assert report["bounds"][0]["majority"]["mean_iu"] == pytest.approx(matrix.mean_iu())


def test_camvid_and_a_data_set_without_a_labelled_pixel(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    road = write_camvid(here / "road", count=1)
    assert main(["bounds", "--data", "camvid", "--root", "road", "--strides", "4", "--quiet"]) == 0
    assert rows(capsys.readouterr().out)[4][-1] == "98.5"
    Image.fromarray(np.full((33, 44), 11, np.uint8)).save(road / "testannot" / "test0.png")
    assert main(["bounds", "--data", "camvid", "--root", "road", "--strides", "4", "--quiet"]) == 0
    assert rows(capsys.readouterr().out)[4] == ["-", "-", "-", "-", "98.5"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bounds --data camvid", "the data set camvid needs a root"),
        ("bounds --root yard", "scenes are generated and have no root, but yard was given"),
        ("bounds --data folder --root yard --count 3", "--count is for generated scenes; --data folder is used whole."),
        ("bounds --data folder --root yard", "yard: there is no such folder"),
    ],
)
def test_what_is_refused(here: Path, capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    assert main(line.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-4", "2.5", "99999", "x"])
def test_a_stride_is_a_whole_number(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit):
        main(["bounds", f"--strides={text}"])
    assert f"{text!r} is not a stride; write a whole number from 1 to 16384" in capsys.readouterr().err
