"""B1 to B8 of README.md beside: no work is lost, whoever runs beside it, whenever it is stopped, wherever it prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minifcn import cli, data
from minifcn.commands import evaluate, finishing, run_folder, train
from minifcn.commands.run_folder import held
from minifcn.commands.terminal import CLOSED_PIPE
from minifcn.errors import FileError
from minifcn.training import CHECKPOINT_FILE, WEIGHTS_FILE, interrupts, read_checkpoint
from minifcn.weights import load_arrays
from tests.commands.test_terminal import Failing
from tests.test_cli import ENVIRONMENT, RUN, call, slow_training, wait_for_steps
from tests.training.tiny import same, write_folder

SMALL = ["--width", "0.125", "--size", "33x41", "--batch-size", "2", "--epochs", "2"]
TRAIN = ["train", "--data", "folder", "--root", "yard", *SMALL]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set `yard` and a finished run in `run`."""
    folder = tmp_path_factory.mktemp("made")
    write_folder(folder / "yard")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main([*TRAIN, "--out", "run"]) == 0
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the current folder."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever started the tests may have the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_b1_two_runs_that_begin_together_have_a_folder_each(here: Path) -> None:
    command = [sys.executable, "-m", "minifcn", *TRAIN, "--epochs", "1"]
    both = [subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert {run.name for run in Path("runs").iterdir()} == {"folder-fcn8s-1", "folder-fcn8s-2"}
    assert all({path.name for path in run.iterdir()} == RUN for run in Path("runs").iterdir())


def test_b1_a_folder_in_which_a_run_works_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("run")
    with slow_training(here, 0.5) as process:
        wait_for_steps(process, 1)
        for line in ([*TRAIN, "--out", "run"], ["evaluate", "--weights", "run"]):
            assert cli.main(line) == 2
        err = capsys.readouterr().err
        assert f"minifcn train: another run is working in run (process {process.pid} on " in err
    with held(Path("run")):  # what was killed holds nothing
        pass


def test_b1_a_run_that_works_cannot_be_resumed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(Path("run")):
        assert cli.main(["train", "--resume", "run", "--epochs", "3"]) == 2
    assert capsys.readouterr().err.startswith("minifcn train: another run is working in run (process ")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("times", [1, 2])
def test_b2_ctrl_c_in_the_validation_loses_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], times: int
) -> None:
    """Once: it ends at the next image. Twice: at once. The epoch is saved in both cases, and goes on to the same bits."""
    true_evaluate = train.evaluate

    def interrupted(*given: object) -> object:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        return true_evaluate(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(train, "evaluate", interrupted)
        patch.setattr(interrupts, "TOGETHER", 0.0)
        assert cli.main([*TRAIN, "--out", "stopped"]) == 130
    err = capfd.readouterr().err
    assert err.startswith("\nCtrl-C: finishing this step, then saving; once more to stop now\n")
    assert err.endswith("go on with: minifcn train --resume stopped\n")
    assert (
        "before its validation was done. Everything is saved" if times == 1 else "stopped at once; saved is what"
    ) in err
    state = read_checkpoint(Path("stopped") / CHECKPOINT_FILE)[1]
    assert (state.epoch, len(state.history)) == (1, 1)
    assert cli.main(["train", "--resume", "stopped"]) == 0
    assert same(*(load_arrays(Path(out) / WEIGHTS_FILE)[0] for out in ("run", "stopped")))
    whole, resumed = (json.loads((Path(out) / "metrics.json").read_text())["history"] for out in ("run", "stopped"))
    assert [entry["val_mean_iu"] for entry in whole] == [entry["val_mean_iu"] for entry in resumed]


def test_b2_four_ctrl_c_in_a_row_are_one(here: Path) -> None:
    shutil.rmtree("run")
    with slow_training(here, 0.3) as process:
        wait_for_steps(process, 2)
        for _ in range(4):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err and "ignored" not in err and err.count("once more to stop now") == 1
    assert read_checkpoint(Path("run") / CHECKPOINT_FILE)[1].step == 2


IMPORTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["/usr/bin/minifcn", "train"]

class Watching:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Watching())
import minifcn.cli
"""


def test_b2_ctrl_c_in_the_first_half_second_has_no_traceback() -> None:
    result = subprocess.run([sys.executable, "-c", IMPORTING], env=ENVIRONMENT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "minifcn: interrupted.\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_b3_names_that_the_terminal_has_no_letters_for(here: Path, encoding: str) -> None:
    toml = Path("yard/classes.toml").read_text(encoding="utf-8").replace("block", "Straße").replace("sky", "木")
    Path("yard/classes.toml").write_text(toml, encoding="utf-8")
    command = [sys.executable, "-m", "minifcn", *TRAIN, "--epochs", "1", "--out", "abroad"]
    result = subprocess.run(command, env=ENVIRONMENT | {"PYTHONIOENCODING": encoding}, capture_output=True)
    out = result.stdout.decode(encoding)
    assert result.returncode == 0, result.stderr
    assert "\\u6728" in out and ("Stra\\xdfe" if encoding == "ascii" else "Straße") in out
    table = [line for line in out.splitlines() if re.fullmatch(r"\S+ +[\d.-]+ +[\d.-]+ +[\d.]+", line)]
    assert len(table) == 3 and len({len(line) for line in table}) == 1, "and no column is shifted by that: B12"
    assert "木" in json.loads(Path("abroad/metrics.json").read_text(encoding="utf-8"))["test"]["classes"]
    assert b"Traceback" not in result.stderr
    epochs = [line for line in out.splitlines() if line.startswith("epoch ")]  # and as a log it has no bar: B5
    assert len(epochs) == 1 and "\r" not in out + result.stderr.decode(encoding)


@pytest.mark.parametrize("command", ["read", "explain", "--help"])
def test_b4_a_closed_pipe_ends_in_silence(command: str) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    with os.fdopen(writable) as closed:
        line = [sys.executable, "-m", "minifcn", command]
        result = subprocess.run(line, env=ENVIRONMENT, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (CLOSED_PIPE, "")


def test_b4_a_training_goes_on_without_its_reader(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(32))
    assert cli.main([*TRAIN, "--out", "unread"]) == CLOSED_PIPE
    assert {path.name for path in Path("unread").iterdir()} == RUN
    assert same(*(load_arrays(Path(out) / WEIGHTS_FILE)[0] for out in ("run", "unread")))


@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_b5_without_a_terminal_there_is_a_line_for_each_epoch(
    here: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert cli.main([*TRAIN, *options]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "\r" not in out
    lines = [line for line in out.splitlines() if line.startswith("epoch ")]
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("validation mean IU" in line and " %" in line for line in lines), "in percent, as everywhere"


def test_b6_where_results_go_is_looked_at_first(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "evaluate", lambda *_: pytest.fail("it began to work"))
        assert cli.main(["evaluate", "--weights", "run", "--out", "yard/val.txt"]) == 2
        patch.setattr(run_folder.os, "access", lambda *_: False)
        assert cli.main(["evaluate", "--weights", "run", "--out", "yard"]) == 2
    assert [line.split("; ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "choose another --out.", "change its permissions or choose another folder.",
    ]  # fmt: skip
    assert cli.main(["evaluate", "--weights", "run", "--out", "new/results"]) == 0
    assert {path.name for path in Path("new/results").iterdir()} == {"metrics-test.json", "confusion-test.png"}


@pytest.mark.parametrize(("module", "line"), [(evaluate, ["evaluate", "--weights", "run"]), (finishing, TRAIN)])
def test_b6_numbers_are_printed_before_a_full_disk_is_met(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: object, line: list[str]
) -> None:
    def full(path: object, text: str) -> None:
        raise FileError(f"{path} could not be written (No space left on device); what was there before is unchanged.")

    monkeypatch.setattr(module, "write_text_atomic", full)
    assert cli.main(line) == 2
    out, err = capsys.readouterr()
    assert "frequency weighted IU" in out and "No space left on device" in err


def test_b7_a_run_knows_its_data_from_anywhere(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli.main(["train", "--data", "folder", "--root", "../here/yard", *SMALL, "--out", "../here/own"]) == 0
    reported = json.loads((here / "own" / "metrics.json").read_text())
    monkeypatch.chdir(tmp_path)
    for weights in (here / "own", here / "own" / WEIGHTS_FILE):
        assert cli.main(["evaluate", "--weights", str(weights)]) == 0
        report = json.loads(Path("metrics-test.json").read_text())
        assert report["confusion"] == reported["confusion"] and report["size"] == [33, 41]
    assert cli.main(["train", "--resume", str(here / "own"), "--epochs", "3"]) == 0
    (here / "yard").rename(here / "moved")
    capsys.readouterr()
    assert cli.main(["evaluate", "--weights", str(here / "own")]) == 2
    assert capsys.readouterr().err == (
        f"minifcn evaluate: the data of the run were in {here / 'yard'}, which is no longer there; say with --root where "
        f"they are.\n"
    )
    assert cli.main(["evaluate", "--weights", str(here / "own"), "--root", str(here / "moved")]) == 0


def test_b7_scenes_of_another_seed_are_evaluated_as_they_were_tested(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("val", "test"):
        monkeypatch.setitem(data.SCENE_COUNTS, split, 3)
    assert cli.main(["train", "--count", "4", *SMALL, "--epochs", "1", "--seed", "5", "--out", "scenes"]) == 0
    assert cli.main(["evaluate", "--weights", "scenes"]) == 0
    found, told = (json.loads(Path(name).read_text()) for name in ("metrics-test.json", "scenes/metrics.json"))
    assert np.array_equal(found["confusion"], told["confusion"])


def test_b8_a_run_that_does_not_exist(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("folder-fcn8s-1", "folder-fcn8s-2", "scenes-fcn8s-1"):
        shutil.copytree("run", Path("runs") / name)
    for command in (["evaluate", "--weights"], ["segment", "a.png", "--weights"], ["train", "--resume"]):
        assert cli.main([*command, "runs/folder-fcn8s1"]) == 2
        assert capsys.readouterr().err.partition(": ")[2] == (
            "runs/folder-fcn8s1 does not exist; the runs there are, the nearest first: runs/folder-fcn8s-1, "
            "runs/folder-fcn8s-2, runs/scenes-fcn8s-1.\n"
        )
    assert call(here, "evaluate", "--weights", "typo/typo").stderr.count("runs/") == 3, "those in runs/ are named, too"
