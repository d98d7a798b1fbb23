"""`minifcn train`: a run is one folder, the same to the bit however often it was interrupted, and never half of one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minifcn.cli import main
from minifcn.commands import finishing, train
from minifcn.commands.options import Options
from minifcn.commands.run_folder import LOCK_FILE
from minifcn.data import Folder
from minifcn.machine.tf32 import get_float32_matmul_precision
from minifcn.metrics import ConfusionMatrix
from minifcn.training import CHECKPOINT_FILE, WEIGHTS_FILE, Stop, evaluate, load_network, loop, read_checkpoint
from minifcn.weights import load_arrays
from tests.played_cupy import playing
from tests.training import tiny
from tests.training.tiny import same, write_camvid, write_folder

FILES = {WEIGHTS_FILE, CHECKPOINT_FILE, "metrics.json", "learning_curve.png", "gallery.png", "confusion.png"}
SMALL = ["--width", "0.125", "--size", "33x41", "--batch-size", "2", "--epochs", "2"]
VGG = [
    "--backbone",
    "vgg16",
    "--width",
    "0.015625",
    "--size",
    "33x41",
    "--batch-size",
    "2",
    "--epochs",
    "2",
    "--optimizer",
    "sgd",
    "--lr",
    "0.01",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data set `yard`, 5 pictures to learn from, as the current one."""
    write_folder(tmp_path / "yard")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*options: str, out: str = "run", root: str = "yard") -> int:
    return main(["train", "--data", "folder", "--root", root, "--quiet", "--out", out, *options])


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def weights(run: Path) -> dict[str, np.ndarray]:
    """What is in the file: safetensors writes its metadata in any order, so the bytes of the file itself may differ."""
    return load_arrays(run / WEIGHTS_FILE)[0]


def test_statistics_of_all_processes_are_asked_of_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(*SMALL, "--sync-batch-norm") == 0
    assert "minifcn train: --sync-batch-norm changes nothing in one process; give it with" in capsys.readouterr().err
    assert start(*SMALL, out="without") == 0
    assert "--sync-batch-norm" not in capsys.readouterr().err
    assert same(weights(here / "run"), weights(here / "without"))


@contextmanager
def stopping_after(steps: int | None, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C as it arrives during step number `steps` of this call."""
    count = 0
    true_step = loop.train_step

    def counted(*given: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return true_step(*given, **options)

    class Asked(Stop):
        def __call__(self) -> bool:
            return count == steps

    @contextmanager
    def asked(silent: bool = False) -> Iterator[Stop]:
        yield Asked()

    with patch.context() as patched:
        patched.setattr(loop, "train_step", counted)
        patched.setattr(train, "stop_on_interrupt", asked)
        yield


def test_a_run_is_complete(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(*SMALL, "--no-augment") == 0
    run = here / "run"
    assert {path.name for path in run.iterdir()} == FILES
    for name in FILES:
        if name.endswith(".png"):
            with Image.open(run / name) as picture:
                picture.load()
                assert min(picture.size) > 100
    report = json.loads((run / "metrics.json").read_text(), parse_constant=pytest.fail)
    expected = Options(
        data="folder", root="yard", size=(33, 41), width=0.125, epochs=2, batch_size=2, augment=False
    ).to_dict()
    assert report["options"] == json.loads(json.dumps(expected))
    assert [entry["epoch"] for entry in report["history"]] == [1, 2]
    assert [entry["step"] for entry in report["history"]] == [3, 6]
    for entry in report["history"]:
        assert len(entry["losses"]) == 3
        assert entry["loss"] == pytest.approx(np.mean(entry["losses"]))
        assert 0 <= entry["val_mean_iu"] <= 1
    rates = [entry["learning_rates"] for entry in report["history"]]
    assert np.allclose(np.ravel(rates), [3e-3 * ((6 - step) / 6) ** 0.9 for step in range(6)])
    assert report["seconds"] == report["history"][1]["seconds"] > report["history"][0]["seconds"] > 0

    model, card = load_network(run)
    test, validation = (Folder("yard", split, (33, 41)) for split in ("test", "val"))
    matrix = ConfusionMatrix.from_hist(np.array(report["confusion"]))
    assert np.array_equal(evaluate(model, test).hist, matrix.hist)
    assert report["test"] == json.loads(json.dumps(matrix.summary(test.classes)))
    best = max(entry["val_mean_iu"] for entry in report["history"])
    assert evaluate(model, validation).mean_iu() == pytest.approx(best)  # the weights are the best ones, not the last
    assert (card.data, card.size, card.width) == ("folder", (33, 41), 0.125)
    assert card.mean == tuple(Folder("yard", "train").mean.tolist())

    out, err = capsys.readouterr()
    assert err == ""
    assert "5 training, 2 validation and 2 test images of yard; into run" in out
    assert "on 2 test images of yard:" in out
    assert all(f"  run/{name}  " in out for name in FILES)
    assert all(name in out for name in (*test.classes, "mean IU"))


@pytest.mark.filterwarnings("ignore:no pixel was counted:RuntimeWarning")
@pytest.mark.parametrize(
    ("right", "best"),
    [([20, 60, 40], 1), ([60, 60, 20], 0), ([0, 0, 10], 2), ([None, None, None], 2), ([None, 0, 5], 2)],
)
def test_the_weights_of_the_best_epoch_are_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch, right: list[int | None], best: int
) -> None:
    """Of equal epochs the first; without a score (None: no labelled pixel) the last, until there is one."""
    after_epoch: list[dict[str, np.ndarray]] = []
    true_evaluate = train.evaluate

    def scripted(model: object, dataset: object, report: object = None, group: object = None) -> ConfusionMatrix:
        if len(after_epoch) == 3:
            return true_evaluate(model, dataset)  # type: ignore[arg-type]
        count = right[len(after_epoch)]
        after_epoch.append(tiny.weights(model))
        off = 0 if count is None else 100 - count
        return ConfusionMatrix.from_hist(np.array([[count or 0, off, 0], [off, count or 0, 0], [0, 0, 0]]))

    monkeypatch.setattr(train, "evaluate", scripted)
    assert start(*SMALL, "--epochs", "3", "--seed", "2") == 0
    assert same(weights(here / "run"), after_epoch[best])
    assert not same(after_epoch[0], after_epoch[1]) and not same(after_epoch[1], after_epoch[2])
    history = json.loads((here / "run" / "metrics.json").read_text(), parse_constant=pytest.fail)["history"]
    expected = [None if count is None else count / (200 - count) for count in right]
    assert [entry["val_mean_iu"] for entry in history] == pytest.approx(expected)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(here: Path) -> None:
    for out, seed in (("a", "4"), ("b", "4"), ("c", "5")):
        assert start(*SMALL, "--epochs", "1", "--seed", seed, out=out) == 0
    assert same(weights(here / "a"), weights(here / "b"))
    assert not same(weights(here / "a"), weights(here / "c"))


@pytest.mark.parametrize(
    ("options", "stops"),
    [(SMALL, [1, 1, 2]), (VGG, [4]), ([*SMALL, "--balance", "median", "--schedule", "cosine"], [3])],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    stops: list[int],
) -> None:
    """Five pictures in batches of two, mirrored and recoloured at random: steps 1 to 6, stopped after some of them."""
    assert start(*options, out="whole") == 0
    arguments = ["train", "--data", "folder", "--root", "yard", "--quiet", "--out", "it's", *options]
    done = 0
    for stop in stops:
        capsys.readouterr()
        with stopping_after(stop, monkeypatch):
            assert main(arguments) == 130
        done += stop
        assert capsys.readouterr().err == (
            f"stopped after epoch {(done - 1) // 3 + 1}, step {(done - 1) % 3 + 1}. Everything is saved; "
            "go on with: minifcn train --resume 'it'\"'\"'s'\n"
        )
        assert "metrics.json" not in {path.name for path in (here / "it's").iterdir()}
        arguments = ["train", "--quiet", "--resume", "it's"]
    assert main(arguments) == 0
    assert {path.name for path in (here / "it's").iterdir()} == FILES
    whole, resumed = (here / name for name in ("whole", "it's"))
    assert same(weights(whole), weights(resumed))
    assert same(*(read_checkpoint(folder / CHECKPOINT_FILE)[3] for folder in (whole, resumed)))  # the optimiser, too
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, resumed))
    for entry in (*first["history"], *second["history"]):
        entry.pop("seconds")
    assert first["history"] == second["history"]
    assert first["confusion"] == second["confusion"]


def test_a_finished_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(*SMALL)
    before = content(here)
    for more in ([], ["--epochs", "1"], ["--epochs", "2"]):
        assert main(["train", "--resume", "run", *more]) == 2
        assert capsys.readouterr().err == (
            "minifcn train: run has finished its 2 epochs; pass --epochs with more than 2 to go on.\n"
        )
    assert content(here) == before
    assert main(["train", "--resume", "run", "--quiet", "--epochs", "3"]) == 0
    assert (
        "with --epochs 3 the poly schedule, made for 2, begins anew: the learning rate goes on at 0.00112 instead"
        in (capsys.readouterr().out)
    )
    history = json.loads((here / "run" / "metrics.json").read_text())["history"]
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert history[2]["seconds"] > history[1]["seconds"]  # the time of the first call counts


def test_a_run_interrupted_after_its_last_epoch_reports_when_it_is_resumed(here: Path) -> None:
    start(*SMALL)
    before = content(here / "run")
    for name in ("metrics.json", "gallery.png", "confusion.png"):
        (here / "run" / name).unlink()
    assert main(["train", "--resume", "run"]) == 0
    assert content(here / "run").keys() == before.keys()
    assert (here / "run" / WEIGHTS_FILE).read_bytes() == before[WEIGHTS_FILE]
    assert (here / "run" / "metrics.json").read_bytes() == before["metrics.json"]


def test_a_profiled_run_is_the_same_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Six steps, two to warm up, the end of the first epoch among those that are recorded."""
    assert start(*SMALL, "--profile", "4") == 0
    out, err = capsys.readouterr()
    assert out.count("profile of 4 steps after 2 to warm up: ") == 1 and err == ""
    assert "all numbers are in run/profile.json, a picture in run/profile.png" in out
    assert {path.name for path in (here / "run").iterdir()} == {*FILES, "profile.json", "profile.png"}
    report = json.loads((here / "run" / "profile.json").read_text(), parse_constant=pytest.fail)
    assert (report["steps"], report["images"]) == (4, 1 + 2 + 2 + 1)
    calls: dict[tuple[str, str], int] = {}
    for entry in report["entries"]:
        calls[entry["phase"], entry["name"]] = calls.get((entry["phase"], entry["name"]), 0) + entry["calls"]
    for name, count in (
        ("the step of the optimizer", 4),
        ("evaluation", 1),
        ("saving", 2),  # before and after the evaluation
        ("waiting for data", 5),  # which once finds the epoch to be over
    ):
        assert calls["other", name] == count, name
    assert calls["forward", "CrossEntropy"] == calls["backward", "the walk of the graph"] == 4
    assert calls["backward", "CrossEntropy.backward"] == 4
    layers = calls["forward", "ToOutput"]
    assert layers % 4 == 0 and calls["backward", "ToWeight"] >= layers > 40
    convolutions = [entry for entry in report["entries"] if entry["name"] == "ToWeight"]
    assert all(entry["operations"] > 0 and " channels, " in entry["detail"] for entry in convolutions)

    assert start(*SMALL, out="plain") == 0
    assert same(weights(here / "run"), weights(here / "plain"))
    assert "profile" not in capsys.readouterr().out


def test_a_profile_of_a_run_that_goes_on_or_is_stopped(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopping_after(4, monkeypatch):
        assert start(*SMALL, "--profile") == 130
    assert "profile of 4 steps: " in capsys.readouterr().out  # of the 6 that there are
    assert main(["train", "--resume", "run", "--quiet", "--profile"]) == 0
    assert "profile of 2 steps: " in capsys.readouterr().out
    (here / "run" / "metrics.json").unlink()
    assert main(["train", "--resume", "run", "--quiet", "--profile"]) == 0
    assert capsys.readouterr().out.count("--profile: no step of this run is left to record.") == 1


def test_what_cannot_change_when_a_run_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopping_after(2, monkeypatch):
        assert start(*SMALL) == 130
    before = content(here)
    for given, said in (
        ("--lr 0.1", "--lr is 0.003 in this run and cannot become 0.1 with --resume"),
        ("--size 40x33", "--size is 33x41 in this run and cannot become 40x33 with --resume"),
        ("--batch-size 3 --epochs 9", "--batch-size is 2 in this run and cannot become 3 with --resume"),
        ("--data scenes", "--data is folder in this run and cannot become scenes with --resume"),
        ("--no-augment", "--augment is True in this run and cannot become False with --resume"),
    ):
        capsys.readouterr()
        assert main(["train", "--resume", "run", *given.split()]) == 2
        err = capsys.readouterr().err
        assert err.startswith(
            f"minifcn train: {said}, which can change --epochs, --device, --root, --sbd, --allow-absent; leave --"
        )
        assert err.count("\n") == 1
    assert main(["train", "--resume", "run", "--epochs", "0"]) == 2
    assert "--epochs must be at least 1, got 0." in capsys.readouterr().err
    assert main(["train", "--resume", "run", "--out", "other"]) == 2
    assert "--out other cannot be given with --resume; the run goes on in run." in capsys.readouterr().err
    assert content(here) == before

    shutil.move(here / "yard", here / "moved")
    assert main(["train", "--resume", "run", "--lr", "0.003", "--size", "33x41", "--root", "moved", "--quiet"]) == 0


def test_a_run_does_not_go_on_with_other_classes(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopping_after(1, monkeypatch):
        start(*SMALL)
    toml = here / "yard" / "classes.toml"
    toml.write_text(toml.read_text().replace("sky", "heaven"))
    assert main(["train", "--resume", "run"]) == 2
    assert "run knows the 3 classes ground, block, sky but yard has the 3 classes ground, block, heaven" in (
        capsys.readouterr().err
    )


def test_a_diverging_run_leaves_nothing_behind(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(*SMALL, "--lr", "1e30") == 2
    err = capsys.readouterr().err
    assert err.startswith("minifcn train: the loss is nan at epoch 1, step ")
    assert "with learning rate " in err and "the largest gradient is nan in " in err
    assert err.count("\n") == 1  # nor a warning of NumPy's
    assert not (here / "run").exists()


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_a_loss_that_is_no_number_keeps_what_was_good(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    """In the second of three epochs: the files of the first stay as they were, and the run can go on from them."""
    assert start(*SMALL, "--epochs", "3", out="whole") == 0
    kept: dict[str, bytes] = {}
    true_loss = loop.F.cross_entropy

    def broken(*given: object) -> object:
        if not (here / "run" / CHECKPOINT_FILE).exists():
            return true_loss(*given)
        kept.update(content(here / "run"))
        assert kept.pop(LOCK_FILE)  # it is at work
        return true_loss(*given) * float(value)

    with monkeypatch.context() as patched:
        patched.setattr(loop.F, "cross_entropy", broken)
        assert start(*SMALL, "--epochs", "3") == 2
    err = capsys.readouterr().err
    assert f"the loss is {value} at epoch 2, step 1 with learning rate 0.00" in err
    assert "the largest gradient is " in err and "lower the learning rate. No weights were overwritten.\n" in err
    assert content(here / "run") == kept
    assert set(kept) == {WEIGHTS_FILE, CHECKPOINT_FILE}
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    assert same(weights(here / "run"), weights(here / "whole"))


def test_weights_that_overflow_in_the_last_step_of_an_epoch_are_not_saved(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopping_after(4, monkeypatch):
        start(*SMALL)
    before = content(here / "run")
    true_step = loop.train_step

    def step(model: Any, *given: Any, **options: Any) -> Any:
        loss = true_step(model, *given, **options)
        model.score.weight.data[...] = 3e38
        return loss

    monkeypatch.setattr(loop, "train_step", step)
    capsys.readouterr()
    assert main(["train", "--resume", "run", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("minifcn train: the ") and err.count("\n") == 1
    assert content(here / "run") == before


@pytest.mark.parametrize("kind", ["folder", "camvid"])
def test_pictures_of_different_sizes_and_camvid(here: Path, kind: str) -> None:
    options = ["--width", "0.125", "--epochs", "1", "--batch-size", "3", "--quiet", "--out", "run"]
    if kind == "camvid":
        write_camvid(here / "SegNet" / "CamVid")
        options += ["--data", "camvid", "--root", "SegNet", "--size", "33x44", "--balance", "median", "--augment"]
    else:
        options += ["--data", "folder", "--root", "yard"]
    assert main(["train", *options]) == 0
    report = json.loads((here / "run" / "metrics.json").read_text())
    assert report["options"].items() >= {"augment": True, "balance": "median" if kind == "camvid" else "none"}.items()
    card = load_network(here / "run")[1]
    assert (card.data, len(card.classes), card.size) == (
        kind,
        11 if kind == "camvid" else 3,
        report["options"]["size"] and (33, 44),
    )


def test_an_existing_run_is_never_touched(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "full").mkdir()
    (here / "full" / "mine.txt").write_text("precious")
    (here / "file").write_text("precious")
    before = content(here)
    for out in ("full", "file", "."):
        assert start(*SMALL, out=out) == 2
        assert capsys.readouterr().err == (
            f"minifcn train: --out {out} exists and is not an empty folder; name a new one, or use --resume {out}.\n"
        )
    assert start(*SMALL, out="file/below") == 2
    assert "file/below cannot be made (Not a directory); choose another --out." in capsys.readouterr().err
    assert content(here) == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda yard: (yard / "images" / "p2.png").write_bytes(b"none"),
            "p2.png: the image cannot be read as a picture",
        ),
        (lambda yard: (yard / "images" / "p6.png").unlink(), "p6.png: it has no image"),
        (lambda yard: (yard / "val.txt").unlink(), "the split 'val' is empty, because there is no val.txt"),
        (lambda yard: (yard / "test.txt").write_text("\n"), "test.txt: the list is empty"),
        (lambda yard: (yard / "classes.toml").unlink(), "classes.toml: the file does not exist"),
        (lambda yard: shutil.rmtree(yard / "masks"), "masks: there is no such folder"),
        (
            lambda yard: Image.fromarray(np.full((33, 40), 7, np.uint8)).save(yard / "masks" / "p0.png"),
            "p0.png: the label holds value 7, but the 3 classes are 0..2 and 255 is void",
        ),
        (
            lambda yard: Image.fromarray(np.zeros((33, 41), np.uint8)).save(yard / "masks" / "p0.png"),
            "p0.png: the image is 33x40 but its label is 33x41",
        ),
        (
            lambda yard: Image.new("1", (40, 33)).save(yard / "images" / "p0.jpg"),
            "p0.jpg and p0.png have the same name",
        ),
    ],
)
def test_damaged_data_leave_no_run_behind(
    here: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object], said: str
) -> None:
    damage(here / "yard")
    assert start(*SMALL) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("minifcn train: ") and err.count("\n") == 1 and err.endswith(".\n")
    assert not (here / "run").exists()


def test_damage_to_a_checkpoint(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopping_after(1, monkeypatch):
        start(*SMALL)
    file = here / "run" / CHECKPOINT_FILE
    whole = file.read_bytes()
    for bad, said in ((whole[:-1], "is damaged"), (b"", "is damaged"), (b"text", "is damaged")):
        file.write_bytes(bad)
        capsys.readouterr()
        assert main(["train", "--resume", "run"]) == 2
        err = capsys.readouterr().err
        assert f"run/{CHECKPOINT_FILE} {said}" in err and err.count("\n") == 1
        assert file.read_bytes() == bad
    assert main(["train", "--resume", "yard"]) == 2
    assert f"yard has no {CHECKPOINT_FILE}, so there is nothing to go on with;" in capsys.readouterr().err
    assert main(["train", "--resume", "rum"]) == 2
    assert capsys.readouterr().err == "minifcn train: rum does not exist; the runs there are: run.\n"


def test_the_curve_has_a_point_per_step() -> None:
    history = [
        {"epoch": 1, "losses": [1.0, 0.5], "val_mean_iu": 0.1, "learning_rates": [0.3, 0.2], "loss": 0.75},
        {"epoch": 2, "losses": [0.4], "val_mean_iu": None, "learning_rates": [0.1], "loss": 0.4},
        {"epoch": 3, "losses": [0.3], "val_mean_iu": 0.2, "loss": 0.3},  # of an earlier version
    ]
    assert finishing.curve(history) == [
        {"epoch": 0.0, "learning_rate": 0.3},
        {"epoch": 0.5, "learning_rate": 0.2, "loss": 1.0},
        {"epoch": 1.0, "loss": 0.5, "val_mean_iu": 0.1, "learning_rate": 0.1},
        {"epoch": 2.0, "loss": 0.4, "val_mean_iu": None},
        {"epoch": 3.0, "loss": 0.3, "val_mean_iu": 0.2},
    ]


def test_a_run_on_a_gpu_from_the_first_word_to_the_last(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the double of CuPy; with --tf32, that holds for this command alone."""
    seen: set[str] = set()
    with playing() as cupy, pytest.MonkeyPatch.context() as patch:
        true_step = loop.train_step

        def step(*given: Any, **options: Any) -> Any:
            seen.add(get_float32_matmul_precision())
            return true_step(*given, **options)

        patch.setattr(loop, "train_step", step)
        assert start(*SMALL, "--device", "cuda:1", "--tf32") == 0
        assert cupy.cuda.Device().id == 0
    assert seen == {"high"} and get_float32_matmul_precision() == "highest"
    report = json.loads((here / "run" / finishing.METRICS_FILE).read_text())
    assert report["versions"]["gpu"] == "played card 1"
    assert report["versions"]["float32 products"] == "high"
    assert report["options"]["device"] == "cuda:1"
    used = main(["evaluate", "--weights", "run", "--data", "folder", "--root", "yard", "--split", "val", "--quiet"])
    assert used == 0, "what was trained on a GPU is used on a CPU"
