"""B9 to B12 of README.md beside: many pictures at once, options that are nearly right, the folder format, what is drawn."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn import cli
from minifcn.commands import finishing
from minifcn.commands.options import FOLDER_FORMAT
from minifcn.data import Folder, classes
from minifcn.data.pictures import SUFFIXES
from minifcn.metrics import ConfusionMatrix
from minifcn.plot import confusion, fonts, learning_curve, overlay, save_figure
from minifcn.text import width
from minifcn.training import CHECKPOINT_FILE
from tests.training.tiny import CLASSES, PALETTE, picture, save_some, write_folder

README = Path(__file__).parents[2] / "README.md"
TRAIN = ["train", "--data", "folder", "--root", "yard", "--width", "0.125", "--size", "33x41", "--batch-size", "2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set `yard`, a finished run of two epochs, and pictures in `in`."""
    folder = tmp_path_factory.mktemp("made")
    write_folder(folder / "yard")
    (folder / "in").mkdir()
    for number, name in enumerate(("a.png", "b.jpg", "c.png", ".hidden.png")):
        Image.fromarray(picture(number, (40 + number, 50))[0]).save(folder / "in" / name)
    (folder / "in" / "notes.txt").touch()
    (folder / "in" / "cut.jpg").write_bytes((folder / "in" / "b.jpg").read_bytes()[:400])
    save_some(folder / "w.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main([*TRAIN, "--epochs", "2", "--out", "run"]) == 0
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the current folder."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def segment(*images: str, out: str = "segmented") -> int:
    return cli.main(["segment", "--weights", "w.safetensors", "--out", out, *images])


def written(folder: str = "segmented") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def results(*stems: str) -> set[str]:
    return {f"{stem}_{kind}.png" for stem in stems for kind in ("label", "overlay")}


def test_b9_the_bad_ones_are_named_at_the_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert segment("in/a.png", "in/cut.jpg", "gone.png", "in/c.png") == 1
    out, err = capsys.readouterr()
    assert written() == results("a", "c") and out.startswith("in/a.png (40x50): ")
    lines = err.splitlines()
    assert lines[0] == "minifcn segment: 2 images were left out:"
    assert lines[1].startswith("minifcn segment: in/cut.jpg: ") and "gone.png: the image does not exist" in lines[2]


def test_b9_folders_and_patterns(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "in" / "cut.jpg").unlink()
    assert segment("in") == 0
    assert written() == results("a", "b", "c")
    assert segment("in/*.png", "in/a.png", out="twice") == 0
    assert written("twice") == results("a", "c")
    for _ in range(2):  # the second time, what the first wrote is no image of the user's
        assert segment("in", out="in") == 0
    assert written("in") == results("a", "b", "c") | {"a.png", "b.jpg", "c.png", ".hidden.png", "notes.txt"}
    capsys.readouterr()
    assert segment("run/*.jpg", "yard") == 1
    assert [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines()[1:]] == [
        f"{name}: there is no picture in it ({', '.join(SUFFIXES)})." for name in ("run/*.jpg", "yard")
    ]


def test_b9_an_overlay_keeps_the_photograph_and_has_a_legend(here: Path) -> None:
    assert segment("in/a.png") == 0
    with Image.open("in/a.png") as image, Image.open("segmented/a_label.png") as label:
        photograph, labels = np.array(image), np.array(label)
    with Image.open("segmented/a_overlay.png") as shown:
        seen = np.array(shown)
    H, W = labels.shape
    assert np.array_equal(seen[:H, :W], overlay(photograph, labels, PALETTE))
    below = set(map(tuple, seen[H:].reshape(-1, 3).tolist()))
    assert {tuple(PALETTE[c].tolist()) in below for c in np.unique(labels)} == {True}
    two = np.array([[[200, 40, 40], [40, 200, 40]]], np.uint8)  # red and green of one brightness, under one class
    red, green = overlay(two, np.zeros((1, 2), np.uint8), PALETTE)[0].astype(int)
    assert red[0] > green[0] + 50 and green[1] > red[1] + 50


def test_b10_a_misspelt_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "--optimiser", "sgd"])
    err = capsys.readouterr().err
    assert err.startswith("usage: minifcn train ") and err.endswith(
        "--optimiser is not known, did you mean --optimizer?\n"
    )


def test_b10_each_has_its_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line, said in (
        (
            [*TRAIN, "--tf32"],
            "--tf32 is for a GPU and would change nothing on cpu; leave it out or pass --device cuda.",
        ),
        (
            ["train", "--resume", "run", "--epochs", "1"],
            "run has finished its 2 epochs; pass --epochs with more than 2",
        ),
        (
            ["train", "--resume", f"run/{CHECKPOINT_FILE}"],
            "run has finished its 2 epochs; pass --epochs with more than",
        ),
    ):
        assert cli.main(line) == 2
        assert said in capsys.readouterr().err
    (here / "run" / "metrics.json").unlink()  # as if it had been stopped while it was reporting
    assert cli.main(["train", "--resume", "run", "--epochs", "1"]) == 2
    assert "run has done 2 epochs, so --epochs 1 is too few; pass at least 2." in capsys.readouterr().err


def test_b10_what_becomes_of_the_learning_rate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--resume", f"run/{CHECKPOINT_FILE}", "--epochs", "3"]) == 0
    assert (
        "with --epochs 3 the poly schedule, made for 2, begins anew: the learning rate goes on at 0.00112 instead of 0\n"
        in capsys.readouterr().out
    )
    rates = [entry["learning_rates"] for entry in json.loads(Path("run/metrics.json").read_text())["history"]]
    assert [len(each) for each in rates] == [3, 3, 3] and rates[2][0] == pytest.approx(0.003 * (3 / 9) ** 0.9)


def test_b11_the_folder_format_is_shown_and_what_is_shown_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    for text in (capsys.readouterr().out, README.read_text(encoding="utf-8")):
        assert FOLDER_FORMAT.rstrip() in text
    toml = FOLDER_FORMAT[FOLDER_FORMAT.index("    [[class]]") :]
    assert [entry["name"] for entry in tomllib.loads(toml)["class"]] == ["grass", "path"]
    yard = tmp_path / "yard"
    for folder in ("images", "masks"):
        (yard / folder).mkdir(parents=True)
    for name in "abc":
        Image.new("RGB", (9, 7)).save(yard / "images" / f"{name}.jpg")
        Image.new("L", (9, 7), 1).save(yard / "masks" / f"{name}.png")
    (yard / "classes.toml").write_text(toml, encoding="utf-8")
    assert Folder(yard, "train").classes == ("grass", "path")
    assert np.array_equal(Folder(yard, "train")[0].label, np.ones((7, 9)))


def test_b11_the_example_in_the_error_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "classes.toml").write_text("", encoding="utf-8")
    assert cli.main(["train", "--data", "folder", "--root", str(tmp_path)]) == 2
    example = re.search(r"for example: (.*)\.$", capsys.readouterr().err.strip())
    assert example is not None
    (tmp_path / "classes.toml").write_text(example[1], encoding="utf-8")
    assert classes.read_classes(tmp_path / "classes.toml").names == ("grass", "path")


def test_b12_the_learning_rate_is_shown_from_the_first_step_to_the_last(here: Path) -> None:
    history = json.loads(Path("run/metrics.json").read_text())["history"]
    panel = next(
        axes for axes in learning_curve(finishing.curve(history)).axes if axes.get_title(loc="left") == "learning rate"
    )
    x, y = panel.lines[0].get_data()
    assert np.allclose(x, [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])
    assert np.allclose(y, [0.003 * ((6 - step) / 6) ** 0.9 for step in range(6)])
    assert panel.get_title(loc="right") == "first 0.003, last 0.000598"


@pytest.mark.parametrize("losses", [[2.0, 1.99], [2.0, 1.999, 1.998] * 30, [5.0, 0.1], [0.0, 0.0]])
def test_b12_no_loss_is_cut(losses: list[float]) -> None:
    (axes,) = learning_curve([{"epoch": e, "loss": loss} for e, loss in enumerate(losses, 1)]).axes
    bottom, top = axes.get_ylim()
    assert bottom == 0 and top >= max(1.05 * max(losses), 0.1)


def test_b12_shares_are_in_percent_everywhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = json.loads(Path("run/metrics.json").read_text())["history"][-1]["val_mean_iu"]
    shown = f"{100 * score:.1f} %"
    (panel,) = learning_curve([{"epoch": 1, "val_mean_iu": score}]).axes
    assert panel.get_title(loc="right") == f"best {shown} at epoch 1"
    assert panel.lines[0].get_ydata()[0] == pytest.approx(100 * score)  # type: ignore[index]
    assert cli.main(["evaluate", "--weights", "run", "--split", "val"]) == 0
    table = capsys.readouterr().out
    assert "in percent" in table and "mean IU" in table


def test_b12_letters_without_a_font_are_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {fonts.OWN: fonts._fonts()[fonts.OWN]}
    monkeypatch.setattr(fonts, "_fonts", lambda: own)
    write_folder(tmp_path / "yard")
    toml = (tmp_path / "yard" / "classes.toml").read_text(encoding="utf-8").replace(CLASSES[1], "한국어")
    (tmp_path / "yard" / "classes.toml").write_text(toml, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.warns(
        RuntimeWarning, match="no font that is installed has 국 어 한, so pictures show boxes instead"
    ) as all_:
        save_figure(confusion(np.eye(2, dtype=int), ["tree", "한국어"]), "x.png")
    assert len(all_) == 1, "and none of matplotlib's own"
    monkeypatch.setattr("warnings.filters", [("default", None, RuntimeWarning, None, 0)])
    assert cli.main([*TRAIN, "--epochs", "1"]) == 0
    assert re.fullmatch(
        r"minifcn train: no font that is installed has 국 어 한, .* Noto Sans CJK\.\n", capsys.readouterr().err
    )


def test_b12_wide_letters_do_not_shift_the_table() -> None:
    names = ["tree", "木", "한국어", "Straße", "e\u0301tang"]
    rows = ConfusionMatrix.from_hist(np.eye(5, dtype=int)).table(names).splitlines()[2:7]
    assert {width(row) for row in rows} == {width(rows[0])}
    assert {width(row[: row.index("100.0")]) for row in rows} == {width(rows[0][: rows[0].index("100.0")])}
