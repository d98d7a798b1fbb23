"""`minifcn evaluate`: the network's own preparation of images, the data's own truth, and both results on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.commands import evaluate, run_folder
from minifcn.commands.prepared import Prepared
from minifcn.data import CamVid, Folder, Scenes
from minifcn.errors import ArgumentError, FileError
from minifcn.metrics import ConfusionMatrix
from minifcn.training import WEIGHTS_FILE, load_network, predict
from tests.training.tiny import CLASSES, MEAN, STD, card, save_some, write_camvid, write_folder


def card_for(dataset: object) -> dict[str, object]:
    return {
        "data": dataset.name,  # type: ignore[attr-defined]
        "classes": tuple(dataset.classes),  # type: ignore[attr-defined]
        "palette": tuple(tuple(map(int, colour)) for colour in dataset.palette),  # type: ignore[attr-defined]
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run, a data set `yard` and a folder `results`, as the current one."""
    write_folder(tmp_path / "yard")
    (tmp_path / "run").mkdir()
    (tmp_path / "results").mkdir()
    save_some(tmp_path / "run" / WEIGHTS_FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(**options: object) -> int:
    usual = {"weights": "run", "data": None, "root": "yard", "split": "test", "size": None, "count": None}
    return evaluate.run(usual | {"seed": None, "device": None, "out": "results", "quiet": True} | options)


@pytest.mark.parametrize(("weights", "split"), [("run", "test"), (f"run/{WEIGHTS_FILE}", "val")])
def test_the_numbers_are_those_of_the_predictions(
    here: Path, capsys: pytest.CaptureFixture[str], weights: str, split: str
) -> None:
    assert run(weights=weights, split=split) == 0
    report = json.loads((here / "results" / f"metrics-{split}.json").read_text(), parse_constant=pytest.fail)
    data, matrix = Folder("yard", split, (32, 40)), ConfusionMatrix(3)
    model, _ = load_network(here / "run")
    for i in range(len(data)):
        matrix.update(predict(model, data[i].image, MEAN, STD), data[i].label)  # the card's mean, not the folder's
    assert report["confusion"] == matrix.hist.tolist()
    assert np.count_nonzero(matrix.hist) > 3
    assert report["metrics"] == json.loads(json.dumps(matrix.summary(CLASSES)))
    assert set(report["metrics"]) >= {"pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu", "classes"}
    assert (report["weights"], report["data"], report["split"], report["size"]) == (weights, "yard", split, [32, 40])
    assert report["versions"]["numpy"] == np.__version__
    with Image.open(here / "results" / f"confusion-{split}.png") as picture:
        picture.load()
    out = capsys.readouterr().out
    assert f"on 2 {split} images of yard:" in out
    assert f"results/metrics-{split}.json  all numbers" in out and f"results/confusion-{split}.png" in out
    assert {path.name for path in (here / "results").iterdir()} == {f"metrics-{split}.json", f"confusion-{split}.png"}


def test_the_size_is_that_of_training_or_the_one_given_or_that_of_the_files(here: Path) -> None:
    counts = {}
    for size in (None, (24, 30)):
        run(size=size)
        counts[size] = np.sum(json.loads((here / "results" / "metrics-test.json").read_text())["confusion"])
    data = [Folder("yard", "test", size) for size in ((32, 40), (24, 30), None)]
    pixels = [sum(int((each[i].label != 255).sum()) for i in range(2)) for each in data]
    assert list(counts.values()) == pixels[:2]
    save_some(here / "run" / WEIGHTS_FILE, size=None)
    run()
    report = json.loads((here / "results" / "metrics-test.json").read_text())
    assert (np.sum(report["confusion"]), report["size"]) == (pixels[2], None)


def test_scenes_and_camvid_are_found_by_the_card(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_some(here / "scenes.npz", **card_for(Scenes(1)))
    assert run(weights="scenes.npz", root=None, count=3, seed=5, split="val") == 0
    assert "on 3 val images of scenes:" in capsys.readouterr().out
    labels = [Scenes(3, (32, 40), 5, "val")[i].label for i in range(3)]
    report = json.loads((here / "results" / "metrics-val.json").read_text())
    assert report["metrics"]["pixels"] == sum(int((label != 255).sum()) for label in labels)
    write_camvid(here / "road")
    save_some(here / "camvid.npz", **card_for(CamVid(here / "road")))
    assert run(weights="camvid.npz", root="road") == 0
    assert "on 3 test images of camvid:" in capsys.readouterr().out


def test_misuse_is_found_before_any_work(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "evaluate", lambda *_: pytest.fail("it began to work"))
    with pytest.raises(FileError, match=rf"run/{WEIGHTS_FILE} cannot be made \(File exists\); choose another --out\."):
        run(out=f"run/{WEIGHTS_FILE}")
    monkeypatch.setattr(run_folder.os, "access", lambda *_: False)
    with pytest.raises(FileError, match=r"results cannot be written to; change its permissions or choose another"):
        run()
    with pytest.raises(ArgumentError, match=r"--count is for generated scenes; --data folder is used whole\."):
        run(count=3)
    with pytest.raises(ArgumentError, match=r"run knows the 3 classes ground, block, sky but scenes has the 8 classes"):
        run(data="scenes", root=None)
    with pytest.raises(ArgumentError, match=r"the data set folder needs a root"):
        run(root=None)
    with pytest.raises(ArgumentError, match=r"scenes are generated and have no root, but yard was given"):
        run(data="scenes")
    with pytest.raises(FileError, match=r"nowhere\.npz does not exist"):
        run(weights="nowhere.npz")
    with pytest.raises(ArgumentError, match=r"Scenes: count is 0"):
        run(data="scenes", root=None, count=0)
    assert list((here / "results").iterdir()) == []


def test_a_damaged_picture_in_the_middle_leaves_nothing(here: Path) -> None:
    (here / "yard" / "images" / "p8.png").write_bytes(b"no picture")
    with pytest.raises(FileError, match=r"p8.png: the image cannot be read as a picture"):
        run()
    assert list((here / "results").iterdir()) == []


def test_prepared_data_have_the_mean_of_the_card(here: Path) -> None:
    data = Folder("yard", "test")
    prepared = Prepared(data, card())
    assert not np.allclose(data.mean, MEAN)
    assert np.array_equal(prepared.mean, np.float32(MEAN)) and np.array_equal(prepared.std, np.float32(STD))
    assert (prepared.name, prepared.classes, len(prepared)) == ("yard", CLASSES, 2)
    assert np.array_equal(prepared[1].image, data[1].image)
    assert np.array_equal(prepared.palette, data.palette)
