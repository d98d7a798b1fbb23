"""SBD beside VOC: its labels from MATLAB files, and seg11valid made from the lists of both."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from minifcn.data import VOC
from minifcn.data.sbd import open_labels
from minifcn.errors import FileError, MinifcnError
from tests.training.tiny import write_voc

NAMES = {"train": ["2007_000001"], "val": ["2007_000003", "2008_000002"]}


def write_sbd(root: Path, year: Path) -> Path:
    """2008_000002, of VOC's val, is in SBD's train; 2007_000001, of VOC's train, in its val."""
    savemat = pytest.importorskip("scipy.io", reason="SBD's labels need SciPy").savemat
    (root / "img").mkdir(parents=True)
    (root / "cls").mkdir()
    for split, name in (("train", "2008_000002"), ("val", "2007_000001")):
        (root / f"{split}.txt").write_text(f"{name}\n")
        shutil.copy(year / "JPEGImages" / f"{name}.jpg", root / "img")
        label = VOC(year, "trainval")[NAMES["train"].index(name) if split == "val" else 2].label
        content = {"Segmentation": np.where(label == 255, 0, label), "Boundaries": np.zeros((20, 1), object)}
        savemat(root / "cls" / f"{name}.mat", {"GTcls": content}, do_compression=True)
    return root


@pytest.fixture
def year(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "VOCdevkit" / "VOC2011", NAMES)


@pytest.fixture
def sbd(tmp_path: Path, year: Path) -> Path:
    return write_sbd(tmp_path / "benchmark_RELEASE" / "dataset", year)


def said(*arguments: object, **options: object) -> str:
    with pytest.raises(FileError) as caught:
        VOC(*arguments, **options)[0]  # type: ignore[arg-type]
    return str(caught.value)


def test_what_is_learnt_comes_from_sbd(year: Path, sbd: Path, tmp_path: Path) -> None:
    for root in (sbd, sbd.parent, tmp_path):
        data = VOC(year, "train", sbd=root)
        assert [sample.name for sample in data] == ["2008_000002"]
    label = VOC(year, "trainval")[2].label
    np.testing.assert_array_equal(data[0].label, np.where(label == 255, 0, label))
    np.testing.assert_allclose(data.mean, data[0].image.reshape(-1, 3).mean(0), rtol=1e-5)
    assert data[0].label.dtype == np.uint8 and VOC(year, "seg11valid", sbd=sbd).mean.tolist() == data.mean.tolist()
    assert [sample.name for sample in VOC(year, "trainval", sbd=sbd)] == ["2008_000002", "2007_000001"]


def test_seg11valid_is_what_sbd_does_not_train_on(year: Path, sbd: Path) -> None:
    assert [sample.name for sample in VOC(year, "seg11valid", sbd=sbd)] == ["2007_000003"]
    assert said(year, "val", sbd=sbd).endswith(
        "train.txt: it shares 1 image with val.txt (2008_000002), and what is learnt cannot be measured on; measure on "
        "seg11valid, which leaves out what SBD's train.txt holds."
    )
    other = year.parent / "VOC2012"
    shutil.copytree(year, other)
    assert len(VOC(other, "seg11valid", sbd=sbd)) == 1, "the list of 2011 lies beside"
    shutil.rmtree(year)
    assert "nor" in said(other, "seg11valid", sbd=sbd) and "not of another year's" in said(other, "seg11valid", sbd=sbd)
    (other / "ImageSets" / "Segmentation" / "seg11valid.txt").write_text("2008_000002\n")
    for split in ("seg11valid", "train"):
        assert "it shares 1 image with seg11valid.txt (2008_000002)" in said(other, split, sbd=sbd)


def test_a_folder_that_is_none(year: Path, tmp_path: Path) -> None:
    assert "SBD: there is no such folder; the folder of SBD holds" in said(year, sbd=tmp_path / "SBD")
    assert "there is no train.txt beside a folder cls in it" in said(year, sbd=year)


def test_labels_that_are_none(year: Path, sbd: Path) -> None:
    from scipy.io import savemat

    path = sbd / "cls" / "2008_000002.mat"
    for content, told in (
        ({"GTinst": {"Segmentation": np.zeros((4, 4), np.uint8)}}, "there is no GTcls.Segmentation in it"),
        ({"GTcls": {"Boundaries": 1.0}}, "there is no GTcls.Segmentation in it"),
        ({"GTcls": np.zeros((4, 4))}, "there is no GTcls.Segmentation in it"),
        ({"GTcls": {"Segmentation": np.zeros((4, 4)) + 0.5}}, "is float64 (4, 4); it must be integers (H, W)."),
        ({"GTcls": {"Segmentation": np.zeros((4, 4), np.int16) - 1}}, "holds -1 to -1; classes are 0..20."),
        ({"GTcls": {"Segmentation": np.full((4, 4), 40, np.uint8)}}, "the mask holds value 40, but VOC's classes are"),
        ({"GTcls": {"Segmentation": np.zeros((4, 5), np.uint8)}}, "but its label is 4x5 (height x width)"),
    ):
        savemat(path, content)
        assert told in said(year, "train", sbd=sbd)
    path.write_bytes(b"no file of MATLAB")
    assert "2008_000002.mat: it is not readable as a MATLAB file" in said(year, "train", sbd=sbd)
    path.write_bytes(b"")
    assert "2008_000002.mat: it is not readable as a MATLAB file" in said(year, "train", sbd=sbd)
    path.unlink()
    assert "2008_000002.mat: listed in train.txt but not there" in said(year, "train", sbd=sbd)
    with pytest.raises(FileError, match="the label does not exist or is not a file"):
        open_labels(path)


def test_scipy_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MinifcnError, match=r"need SciPy, which is not installed; run pip install \"minifcn\[sbd\]\""):
        open_labels(tmp_path / "a.mat")
