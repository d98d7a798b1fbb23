"""The folder of a run belongs to one run, whoever else begins at the same time, and however a run ends."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from minifcn.commands import run_folder
from minifcn.commands.run_folder import LOCK_FILE, held, new_run
from minifcn.errors import FileError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_are_numbered(here: Path) -> None:
    for number in (1, 2, 4):
        (here / "runs" / f"camvid-fcn16s-{number}").mkdir(parents=True)
    with new_run(None, "camvid-fcn16s") as first, new_run(None, "camvid-fcn16s") as second:
        assert [first, second] == [Path("runs/camvid-fcn16s-3"), Path("runs/camvid-fcn16s-5")]
        (first / "x").touch()
    assert first.is_dir() and not second.exists()
    assert [path.name for path in first.iterdir()] == ["x"], "the lock is gone"


def test_a_folder_that_stays_empty_is_gone_again_with_those_made_for_it(here: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_run("a/b", "x") as folder:
        assert folder == Path("a/b") and folder.is_dir()
        raise ZeroDivisionError
    assert not (here / "a").exists()
    (here / "empty").mkdir()
    with new_run("empty", "x"):
        pass
    assert (here / "empty").is_dir(), "it was there before"


def test_what_is_full_is_refused_and_what_a_killed_run_left_is_not(here: Path) -> None:
    (here / "full").mkdir()
    (here / "full" / "mine.txt").touch()
    (here / "file").touch()
    for name in ("full", "file"):
        with pytest.raises(FileError, match=f"--out {name} exists and is not an empty folder; name a new one, or use"):
            new_run(name, "x").__enter__()
    with pytest.raises(FileError, match=r"file/below cannot be made \(Not a directory\); choose another --out"):
        new_run("file/below", "x").__enter__()
    (here / "killed").mkdir()
    (here / "killed" / LOCK_FILE).write_text("process 1 on a machine that is off")
    with new_run("killed", "x") as folder:
        assert folder == Path("killed")


def test_a_run_that_came_and_went_in_between_is_not_written_over(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true_named = run_folder._named

    def slow(folder: Path) -> tuple[Path, list[Path]]:
        found = true_named(folder)
        (folder / "weights.safetensors").touch()
        return found

    monkeypatch.setattr(run_folder, "_named", slow)
    with pytest.raises(FileError, match="--out run exists and is not an empty folder"):
        new_run("run", "x").__enter__()
    assert [path.name for path in (here / "run").iterdir()] == ["weights.safetensors"]


HOLDER = """
import sys
from pathlib import Path
from minifcn.commands.run_folder import held
with held(Path("run")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_by_one_process_until_it_ends_however_it_ends(here: Path) -> None:
    (here / "run").mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLDER], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "held\n"
        with pytest.raises(FileError, match=rf"another run is working in run \(process {process.pid} on .*\); wait"):
            held(Path("run")).__enter__()
        process.kill()
    assert (here / "run" / LOCK_FILE).exists()
    with held(Path("run")):
        pass
    assert list((here / "run").iterdir()) == []


def test_where_there_are_no_locks_and_where_nothing_can_be_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(file: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "_lock", refused)
        with held(here):
            pass
    assert list(here.iterdir()) == []
    monkeypatch.setattr(run_folder.os, "access", lambda *_: False)
    with pytest.raises(FileError, match="cannot be written to; change its permissions or choose another folder"):
        held(here).__enter__()
