"""`minifcn check-data`: a table of what is there, every fault, and a picture of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.commands.check_data import percent
from minifcn.errors import ArgumentError
from minifcn.plot import samples
from tests.training.tiny import CLASSES, PALETTE, picture, write_camvid, write_folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*options: str) -> int:
    return main(["check-data", "--root", "yard", "--quiet", *options])


def test_a_good_folder_is_told_in_a_table_and_drawn(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(here / "yard")
    assert check("--out", "checked/here") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("yard: 3 classes, 9 images\n")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert rows["images"] == ["5", "2", "2"]
    labels = [picture(n, (33 + 3 * n, 40 + 6 * n))[1] for n in range(5)]
    block = 100 * sum((label == 1).sum() for label in labels) / sum((label != 255).sum() for label in labels)
    assert rows["block"][:2] == [f"{block:.1f}", "(5)"]
    assert "33x40 (3), 36x46 (3), 39x52 (1)" in out
    assert out.endswith("minifcn train takes this data set.\n")
    with Image.open(here / "checked" / "here" / "samples.png") as drawn:
        assert min(drawn.size) > 300


def test_everything_that_is_wrong_is_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yard = write_folder(here / "yard")
    (yard / "masks" / "p0.png").unlink()
    (yard / "images" / "p1.png").write_bytes(b"no picture")
    Image.fromarray(np.full((33, 40), 77, np.uint8)).save(yard / "masks" / "p5.png")
    (yard / "images" / "p6.png").write_bytes((yard / "images" / "p3.png").read_bytes())
    (yard / "images" / "notes.doc").write_text("mine")
    (yard / "images" / "more.doc").write_text("mine, too")
    (yard / "test.txt").write_text("p7\np7\np99\n")
    assert check() == 1
    out = capsys.readouterr().out
    wrong = out[out.index("wrong, and refused by minifcn train:") :].splitlines()[1:8]
    for said in (
        "p0.png: it has no mask",
        "train.txt, line 1: there is no image 'p0'",
        "test.txt, line 3: there is no image 'p99'",
        "test.txt: p7 is listed twice",
        "p1.png: the image cannot be read as a picture",
        "p5.png: the label holds value 77",
    ):
        assert sum(said in line for line in wrong) == 1, said
    images = Path("yard", "images")
    same = f"{images / 'more.doc'}: not taken for a picture, by its ending.\n    the same of {images / 'notes.doc'}\n"
    assert same in out
    assert out.endswith("minifcn train refuses this data set.\n")


def test_images_that_no_list_names_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yard = write_folder(here / "yard")
    assert check() == 0
    assert "not used" not in capsys.readouterr().out
    (yard / "train.txt").write_text("p0\np2\n")
    assert check() == 0
    unused = Path("yard", "images", "p1.png")
    said = f"{unused} (and 2 more such images): it is in none of train.txt, val.txt and test.txt, and not used."
    assert capsys.readouterr().out.count(said) == 1


def test_only_files_are_told_together(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yard = write_folder(here / "yard")
    for n in range(5, 9):  # those of val and test
        label = np.array(Image.open(yard / "masks" / f"p{n}.png"))
        Image.fromarray(np.where(label == 1, 0, label)).save(yard / "masks" / f"p{n}.png")
    (yard / "masks" / "p0.png").rename(yard / "masks" / "p0_mask.png")
    (yard / "masks" / "p1.png").rename(yard / "masks" / "p1_mask.png")
    assert check() == 1
    out = capsys.readouterr().out
    for labels in ("2 validation labels", "2 test labels"):
        assert f"\n  the class block never occurs in the {labels} of yard: a score on them says nothing of it." in out
    images, masks = Path("yard", "images"), Path("yard", "masks")
    assert f"  {images / 'p0.png'}: it has no mask {masks / 'p0'}.*;" in out
    assert f"    the same of {images / 'p1.png'}\n" in out and f"    the same of {masks / 'p1_mask.png'}\n" in out


def test_a_class_that_never_occurs_is_refused_here_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yard = write_folder(here / "yard")
    for path in (yard / "masks").iterdir():
        Image.fromarray(np.where(np.array(Image.open(path)) == 1, 255, 0).astype(np.uint8)).save(path)
    assert check() == 1
    assert "the classes block, sky never occur in the 5 training labels of yard" in capsys.readouterr().out


def test_camvid_is_looked_at_and_what_lacks_a_list_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_camvid(here / "yard", count=1)
    assert check("--data", "camvid", "--size", "12x16") == 0
    out = capsys.readouterr().out
    assert "camvid: 11 classes, 3 images" in out and "12x16 (3)" in out
    (root / "val.txt").unlink()
    (root / "train" / "train0.png").unlink()
    assert check("--data", "camvid") == 1
    out = capsys.readouterr().out
    assert "there is no val.txt in it" in out and "train0.png: listed in train.txt but not there" in out


def test_what_is_no_data_set_at_all(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check() == 2
    assert "minifcn check-data: yard: there is no such folder" in capsys.readouterr().err
    write_folder(here / "yard")
    assert check("--out", "yard/classes.toml") == 2
    assert "yard/classes.toml cannot be made" in capsys.readouterr().err


def test_shares_are_never_nothing_where_there_is_something() -> None:
    assert [percent(*each) for each in ((0, 0), (0, 9), (1, 10**6), (1, 3), (3, 3))] == [
        "-",
        "0.0",
        "< 0.1",
        "33.3",
        "100.0",
    ]


def test_the_picture_of_samples_refuses_what_does_not_fit() -> None:
    image, label = picture(0, (20, 30))
    with pytest.raises(ArgumentError, match="there are 1 images, 2 labels and 1 titles; pass as many of each"):
        samples([image], [label, label], ["a"], CLASSES, PALETTE)
    with pytest.raises(ArgumentError, match="there are 2 classes but 3 colours"):
        samples([image], [label], ["a"], CLASSES[:2], PALETTE)
    figure = samples([image] * 3, [label] * 3, ["$a", "b", "c"], CLASSES, PALETTE)
    *pictures, legend = figure.axes
    assert len(pictures) == 6
    assert [text.get_text() for text in legend.texts] == [*CLASSES, "void (striped)"]
