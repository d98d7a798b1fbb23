"""A: what labels hold is said before the first step, and what was trained on is not measured as if it were new."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.commands.looking import look
from minifcn.commands.options import Options
from minifcn.data import VOID, Folder, InMemory, Scenes
from minifcn.data.survey import notes, refusals, shared, survey
from minifcn.training import WEIGHTS_FILE
from minifcn.training.trained_on import TRAINED_ON, trained_on, warning_of
from minifcn.weights import load_arrays, save_arrays
from tests.data.written import png, saved

SIZE = (16, 24)
TWO = '[[class]]\nname = "ground"\n[[class]]\nname = "thing"\n'
SMALL = ["--size", "16x24", "--width", "0.125", "--epochs", "1", "--no-augment", "--batch-size", "2"]


def mask(n: int, thing: int = 1) -> np.ndarray:
    label = np.zeros(SIZE, np.uint8)
    label[n % 8 :, 4 : 12 + n] = thing
    return label


def image(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def yard(root: Path, thing: int = 1, toml: str = TWO, lists: bool = True) -> Path:
    """Six images, two in each split; the pixels of the second class have the value `thing`."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    (root / "classes.toml").write_text(toml, encoding="utf-8")
    for n in range(6):
        Image.fromarray(image(n)).save(root / "images" / f"p{n}.png")
        Image.fromarray(mask(n, thing)).save(root / "masks" / f"p{n}.png")
    for split, names in {"train": "p0\np1\n", "val": "p2\np3\n", "test": "p4\np5\n"}.items() if lists else ():
        (root / f"{split}.txt").write_text(names, encoding="utf-8")
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `yard` and a run on it, to be copied."""
    folder = tmp_path_factory.mktemp("one")
    root = str(yard(folder / "yard"))
    assert main(["train", "--data", "folder", "--root", root, "--quiet", "--out", str(folder / "run"), *SMALL]) == 0
    return folder


@pytest.fixture
def after(here: Path, one_run: Path) -> Path:
    """The same, as the current folder."""
    shutil.copytree(one_run, here, dirs_exist_ok=True)
    return here


def train(*options: str, out: str = "run", root: str = "yard") -> int:
    return main(["train", "--data", "folder", "--root", root, "--quiet", "--out", out, *SMALL, *options])


def evaluate(split: str = "test", weights: str = "run") -> int:
    return main(["evaluate", "--weights", weights, "--root", "yard", "--split", split, "--quiet"])


def write(root: Path, n: int, label: np.ndarray) -> None:
    Image.fromarray(label).save(root / "masks" / f"p{n}.png")


def test_a1_a_class_that_never_occurs_is_an_error_that_knows_of_255(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard(here / "yard", thing=255)
    assert train() == 2
    out, err = capsys.readouterr()
    assert "the class thing never occurs in the 2 training labels of yard at 16x24, which hold ground (" in err
    assert "255 is void and never a class: where it means thing, write the index of that class in its place" in err
    assert "mask[mask == 255] = 1 does" in err and "ignore = [...] in classes.toml" in err
    assert "or pass --allow-absent" in err and err.count("\n") == 1
    assert not (here / "run").exists()
    assert "mean IU" not in out


def test_a1_whoever_says_so_may_train_without_a_class(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yard(here / "yard", toml=TWO + '[[class]]\nname = "wall"\n')
    assert train("--allow-absent") == 0
    out, err = capsys.readouterr()
    for which in ("training", "validation", "test"):
        assert (
            f"the class wall never occurs in the 2 {which} labels of yard: a score on them says nothing of it." in err
        )
    assert "wall: not in these labels; mean IU is over the" in out
    assert json.loads((here / "run" / "metrics.json").read_text())["options"]["allow_absent"] is True


def test_a1_labels_that_are_all_void_are_an_error_in_any_case(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yard(here / "yard")
    for n in (0, 1):
        write(here / "yard", n, np.full(SIZE, 255, np.uint8))
    assert train("--allow-absent") == 2
    assert (
        "all 768 pixels of the 2 training labels of yard are void (255, and what is ignored)" in capsys.readouterr().err
    )
    write(here / "yard", 0, mask(0))
    found = survey(Folder(here / "yard", "train"), "train")
    assert refusals({"train": found}) == []
    assert notes({"train": found}) == [
        "1 of the 2 training labels of yard is all void (first p1): nothing is learnt from such an image."
    ]


def test_a10_every_label_of_every_split_is_looked_at_before_the_first_step(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard(here / "yard")
    write(here / "yard", 5, np.full(SIZE, 7, np.uint8))
    (here / "yard" / "images" / "p3.png").write_bytes(b"no picture")
    assert train() == 2
    out, err = capsys.readouterr()
    assert "p3.png: the image cannot be read as a picture" in err
    assert "(and 1 more fault; minifcn check-data lists all)" in err
    assert out == "" and not (here / "run").exists()
    yard(here / "whole")
    assert main(["train", "--data", "folder", "--root", "whole", "--out", "run", *SMALL]) == 0
    assert (
        "looked at all labels (2 train, 2 val, 2 test): 2 classes, 0.0 % of the pixels void" in capsys.readouterr().out
    )


def test_a11_without_a_score_the_last_weights_are_kept_and_that_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    yard(here / "yard")
    for n in (2, 3, 4, 5):
        write(here / "yard", n, np.full(SIZE, 255, np.uint8))
    assert train("--epochs", "2", "--schedule", "constant") == 0
    out, err = capsys.readouterr()
    assert (
        "all pixels of the 2 validation labels of yard are void: there is no score on them, and the weights of" in err
    )
    assert "the last epoch (none has a score) is in run:" in out
    assert "all pixels of these labels are void, so there is no score." in out
    assert "100.0" not in out
    kept, last = load_arrays(here / "run" / WEIGHTS_FILE)[0], load_arrays(here / "run" / "checkpoint.safetensors")[0]
    assert all(np.array_equal(array, last[f"model.{name}"]) for name, array in kept.items())
    assert evaluate() == 0
    assert json.loads((here / "metrics-test.json").read_text())["metrics"]["mean_iu"] is None
    assert not [each for each in recwarn if issubclass(each.category, RuntimeWarning)]


def test_a9_evaluate_says_what_was_trained_on_whatever_it_is_called(
    after: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate() == 0
    assert capsys.readouterr().err == ""
    # An image of the training data comes back under another name, in another format.
    (after / "yard" / "images" / "p5.png").unlink()
    (after / "yard" / "images" / "p5.bmp").write_bytes(saved(image(0), "BMP"))
    assert evaluate() == 0
    assert capsys.readouterr().err == (
        "minifcn evaluate: the network was trained on 1 of the 2 test images of yard (p5): the score says how well it "
        "remembers them, not how well it does on others.\n"
    )
    assert evaluate("train", f"run/{WEIGHTS_FILE}") == 0
    assert "the network was trained on all the 2 train images of yard: the score" in capsys.readouterr().err


def test_a9_images_that_are_added_move_others_from_training_to_test(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = yard(here / "yard", lists=False)
    assert train() == 0
    learnt = {sample.name for sample in (Folder(root, "train")[i] for i in range(4))}
    for n in range(6, 28):
        Image.fromarray(image(n)).save(root / "images" / f"p{n}.png")
        Image.fromarray(mask(n % 8)).save(root / "masks" / f"p{n}.png")
    data = Folder(root, "test")
    moved = learnt & {data[i].name for i in range(len(data))}
    assert moved  # the names decide, so it is the same everywhere
    capsys.readouterr()
    assert evaluate() == 0
    assert (
        f"the network was trained on {len(moved)} of the {len(data)} test images of yard (" in capsys.readouterr().err
    )


def test_a9_a_run_that_goes_on_with_other_images_says_so_and_remembers_all(
    after: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, run = after / "yard", after / "run"
    first = trained_on(run)
    assert len(first) == 2
    (root / "train.txt").write_text("p0\np4\n")
    (root / "test.txt").write_text("p1\np5\n")
    capsys.readouterr()
    assert main(["train", "--resume", "run", "--root", "yard", "--epochs", "2", "--quiet"]) == 0
    err = capsys.readouterr().err
    assert "the training images are not those that this run began with (1 new, 1 gone)" in err
    assert "the network was trained on 1 of the 2 test images of yard (p1)" in err
    assert first <= trained_on(run)


def test_a9_the_same_image_in_two_splits_is_said_before(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = yard(here / "yard")
    (root / "images" / "p4.png").write_bytes((root / "images" / "p0.png").read_bytes())
    assert train() == 0
    said = "the test image p4 is the training image p0, pixel for pixel: the splits should not overlap."
    assert said in capsys.readouterr().err
    found = {split: survey(Folder(root, split, (4, 4)), split) for split in ("train", "val", "test")}
    assert shared(found) == [said]


def test_a9_scenes_are_known_by_seed_and_split(capsys: pytest.CaptureFixture[str]) -> None:
    splits = {split: Scenes(2, (16, 16), 3, split) for split in ("train", "val", "test")}
    known = frozenset(look(splits, Options(), quiet=False).notes[TRAINED_ON].splitlines())
    assert capsys.readouterr() == ("", "")  # there is nothing to look at
    said = "the network was trained on all the 5 train images of scenes: the score says"
    assert warning_of(known, Scenes(5, (16, 16), 3), "train").startswith(said)
    assert warning_of(known, Scenes(5, (16, 16), 4), "train") == ""
    assert warning_of(known, Scenes(5, (16, 16), 3, "test"), "test") == ""
    assert InMemory(Scenes(2, (16, 16), 3)).fingerprint(1) == "scenes 3 train"


def test_weights_without_a_list_of_images_say_nothing(here: Path) -> None:
    save_arrays(here / "a.npz", {"x": np.zeros(3)})
    assert trained_on(here / "a.npz") == frozenset()
    assert warning_of(frozenset(), Scenes(2, (16, 16)), "train") == ""


def test_a_survey_counts_what_is_there_and_lists_all_that_is_wrong(here: Path) -> None:
    root = yard(here / "yard")
    (root / "train.txt").write_text("p0\np1\np2\np3\n")
    (root / "val.txt").unlink()
    write(root, 0, np.full(SIZE, 9, np.uint8))
    write(root, 1, mask(1)[:5])
    label = mask(2)
    label[0] = VOID
    write(root, 2, label)
    seen: list[int] = []
    found = survey(Folder(root, "train"), "train", seen.append)
    assert seen == [1, 1, 1, 1]
    assert [fault.partition(": ")[0][-6:] for fault in found.faults] == ["p0.png", "p1.png"]
    both = np.concatenate([label.ravel(), mask(3).ravel()])
    assert found.pixels.tolist() == [int((both == 0).sum()), int((both == 1).sum())]
    assert found.images.tolist() == [2, 2]
    assert found.labelled.tolist() == [int((both != VOID).sum())] * 2
    assert (found.void, found.total, found.sizes, found.absent) == (24, 768, {SIZE: 2}, [])
    assert list(found.fingerprints.values()) == ["p2", "p3"]


def test_a12_what_training_images_hold_and_is_not_used_is_said_once(
    here: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    root = yard(here / "yard", toml="mean = [9, 9, 9]\nstd = [9, 9, 9]\n" + TWO)
    for n in range(2):
        (root / "images" / f"p{n}.png").write_bytes(png([[60000 - n, 300, 0] * 24] * 16, 16, 2, 3))
    assert train() == 0
    err = capsys.readouterr().err
    assert err.count("16 bits") == 1
    assert "p0.png (and 1 more such image): it has 16 bits per channel, of which the upper 8 are used." in err
    assert not recwarn.list


@pytest.mark.filterwarnings("default::minifcn.errors.FileWarning")
def test_a12_segment_says_a_sentence_for_what_it_does_not_use(after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = [[60000, 300, 0] * 24] * 16
    files = {
        "deep.png": (png(deep, 16, 2, 3), "has 16 bits per channel, of which the upper 8 are used"),
        "glass.png": (
            saved(np.full((*SIZE, 4), 99, np.uint8), "PNG"),
            "is partly transparent; transparency is not used",
        ),
        "film.gif": (
            saved(image(1), "GIF", save_all=True, append_images=[Image.fromarray(image(2))]),
            "holds several pictures (frames or pages), of which the first is used",
        ),
    }
    for name, (data, said) in files.items():
        (after / name).write_bytes(data)
        assert main(["segment", "--weights", "run", "--quiet", name]) == 0
        assert capsys.readouterr().err.startswith(f"minifcn segment: {name}: it {said}")
