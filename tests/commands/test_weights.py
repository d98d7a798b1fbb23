"""`minifcn weights`: what is in a file, the same under our names, and a download that is verified."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from minifcn.cli import main
from minifcn.models import FCN
from minifcn.weights import (
    Preprocessing,
    load_arrays,
    load_pretrained,
    preprocessing_of,
    save_arrays,
    torchvision_names,
)
from tests.weights.test_pth import stored, zipped


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = FCN("vgg16", 2, 32, width=1 / 32, generator=np.random.default_rng(4))
    save_arrays(tmp_path / "vgg16.safetensors", torchvision_names(model.state_dict(), "vgg16"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_inspect(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "inspect", "vgg16.safetensors"]) == 0
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert ["features.28.weight", "conv5_3.weight", "float32", "16x16x3x3"] in [words[:4] for words in lines]
    assert ["classifier.0.bias", "fc6.bias", "float32", "128", "all", "zeros"] in lines
    assert "vgg16.safetensors: 30 tensors, " in said and "; torchvision vgg16\n  format: minifcn 1" in said


def test_inspect_what_nobody_knows(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = {"x": np.array([1.0, np.nan]), "e": np.zeros((0, 2)), "n": np.array(3), "i": np.arange(4)}
    save_arrays("a.npz", arrays)
    assert main(["weights", "inspect", "a.npz"]) == 0
    said = capsys.readouterr().out
    assert "names of no network that is known here" in said and "not finite" in said and "empty" in said
    assert "one number" in said and "0 .. 3" in said


def test_inspect_counts_one_thing_as_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_arrays("a.npz", {"x": np.array(1.0)})
    assert main(["weights", "inspect", "a.npz"]) == 0
    assert "a.npz: 1 tensor, 1 number; names of no" in capsys.readouterr().out


def test_convert_keeps_numbers_and_preparation(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "convert", "vgg16.safetensors", "a.npz", "--weights-kind", "caffe"]) == 0
    assert "a.npz: 30 tensors of vgg16.safetensors (torchvision vgg16), images BGR 0..255" in capsys.readouterr().out
    before, _ = load_arrays("vgg16.safetensors")
    after, notes = load_arrays("a.npz")
    np.testing.assert_array_equal(after["conv5_3.weight"], before["features.28.weight"])
    assert Preprocessing.from_json(notes["preprocessing"]) == preprocessing_of("caffe")
    assert notes["source_sha256"] == hashlib.sha256((here / "vgg16.safetensors").read_bytes()).hexdigest()
    # Once more, and into a network: what was said of the images is not lost.
    assert main(["weights", "convert", "a.npz", "b.safetensors"]) == 0
    report = load_pretrained(FCN("vgg16", 2, 32, width=1 / 32), "b.safetensors")
    assert report.preprocessing == preprocessing_of("caffe") and not report.of("unexpected")


def test_the_network_inside_of_a_checkpoint(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays, _ = load_arrays("vgg16.safetensors")
    storages: dict[str, bytes] = {}
    found = stored(arrays, storages)
    zipped(here / "one.pth", {"epoch": 3, "state_dict": found}, storages)
    zipped(here / "two.pth", {"ema": found, "model": found}, storages)
    assert main(["weights", "inspect", "one.pth"]) == 0
    assert capsys.readouterr().out.endswith("; torchvision vgg16\n  inside: state_dict\n")
    report = load_pretrained(FCN("vgg16", 2, 32, width=1 / 32), "one.pth")
    assert report.summary().startswith("one.pth, its 'state_dict' (torchvision vgg16, ")
    assert main(["weights", "convert", "two.pth", "a.npz"]) == 2
    assert (
        "two.pth is a checkpoint with 2 networks ('ema', 'model'); say which is meant, --inside ema"
        in capsys.readouterr().err
    )
    assert main(["weights", "convert", "two.pth", "a.npz", "--inside", "model"]) == 0
    after, notes = load_arrays("a.npz")
    assert notes["inside"] == "model" and len(after) == 30
    np.testing.assert_array_equal(after["conv5_3.weight"], arrays["features.28.weight"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["inspect", "none.pth"], "none.pth does not exist"),
        (["convert", "vgg16.safetensors", "vgg16.safetensors"], "is the file to be converted"),
        (["convert", "vgg16.safetensors", "a.pth"], "name a file of arrays *.safetensors or *.npz"),
        (["inspect", "vgg16.safetensors", "--inside", "model"], "vgg16.safetensors holds one network; 'model' could"),
        (["fetch", "http://example.org/a", "--sha256", "0" * 64], "only https and file are fetched"),
        (["fetch", "https://example.org/", "--sha256", "0" * 64], "does not say what the file is called"),
    ],
)
def test_what_is_refused(here: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["vgg16.safetensors"]


def test_fetch(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (here / "vgg16.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    url = (here / "vgg16.safetensors").as_uri()
    assert main(["weights", "fetch", url, "--sha256", digest, "--out", "b.safetensors", "--quiet"]) == 0
    assert (here / "b.safetensors").read_bytes() == content
    assert f"b.safetensors: {len(content):,} bytes, SHA-256 as it was said" in capsys.readouterr().out
