"""A command in several processes: what is typed to start them, who speaks, and how they end. With MPI: tests/parallel."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minifcn.cli import main
from minifcn.commands import parsing, processes
from minifcn.commands.processes import folder_for, in_how_many, in_processes, leave, share_numbers, together
from minifcn.errors import ArgumentError, FileError
from minifcn.machine.mpi import mpiexec
from minifcn.machine.processes import ALONE, ProcessGroup
from tests.parallel.group import in_threads


class Among(ProcessGroup):
    """One of three processes; `ended` is how it ended them all."""

    size = 3

    def __init__(self, rank: int) -> None:
        self.rank, self.ended = rank, None

    def abort(self, status: int) -> None:
        self.ended = status


@pytest.fixture
def among(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(rank: int) -> Among:
        group = Among(rank)
        monkeypatch.setattr(processes, "started_as", lambda: (rank, 3))
        monkeypatch.setattr(parsing, "started_as", lambda: (rank, 3))
        monkeypatch.setattr(processes, "world", lambda: group)
        monkeypatch.setattr(processes, "PATIENCE", 0.0)
        return group

    return make


def test_what_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The mpiexec beside this Python goes before that of the system, which may be of another MPI."""
    for folder in ("beside", "system"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mpiexec").write_text("#!/bin/sh\n")
        (tmp_path / folder / "mpiexec").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "system"))
    assert mpiexec() == str(tmp_path / "beside" / "mpiexec")
    started: list[Any] = []
    monkeypatch.setattr(processes.os, "execve", lambda *given: started.append(given))
    monkeypatch.setattr(processes, "_has_mpi4py", lambda: True)
    monkeypatch.setattr(processes.threads, "get_num_threads", lambda: 4)
    if os.name != "nt":
        in_processes(2, ["train", "--processes", "2"])
        ((program, command, environment),) = started
        assert command == [program, "-n", "2", sys.executable, "-m", "minifcn", "train", "--processes", "2"]
        assert environment["MINIFCN_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "2"
    (tmp_path / "beside" / "mpiexec").unlink()
    assert mpiexec() == str(tmp_path / "system" / "mpiexec")


def test_what_is_not_started(monkeypatch: pytest.MonkeyPatch, among: Any) -> None:
    assert in_processes(1, []) is None
    with pytest.raises(ArgumentError, match="--processes must be at least 1, got 0"):
        in_processes(0, [])
    monkeypatch.setattr(processes, "_has_mpi4py", lambda: False)
    monkeypatch.setattr(processes, "mpiexec", lambda: "mpiexec")
    with pytest.raises(
        ArgumentError, match=r'--processes 2 needs mpi4py, which is not installed; pip install "minifcn'
    ):
        in_processes(2, [])
    monkeypatch.setattr(processes, "mpiexec", lambda: None)
    with pytest.raises(ArgumentError, match="--processes 2 needs mpiexec, which is not installed"):
        in_processes(2, [])
    among(1)
    assert in_processes(3, []) is None, "it is one of them"
    with pytest.raises(ArgumentError, match="--processes 2 was given to 3 processes; leave it out"):
        in_processes(2, [])


@pytest.mark.parametrize("rank", [0, 1])
def test_one_speaks_and_whoever_fails_says_why(rank: int, among: Any, capsys: pytest.CaptureFixture[str]) -> None:
    group = among(rank)
    with pytest.raises(FileError), together("train"):
        print("hello")
        print("a warning", file=sys.stderr)
        raise FileError("a.png is damaged.")
    out, err = capsys.readouterr()
    said = "a warning\nminifcn train: " if rank == 0 else "minifcn train: process 1 of 3: "
    assert (out, err) == ("hello\n" if rank == 0 else "", f"{said}a.png is damaged.\n")
    assert group.ended == 2


@pytest.mark.parametrize(
    ("error", "said", "status"), [(KeyboardInterrupt(), "interrupted.", 130), (KeyError(1), "Tr", 1)]
)
def test_every_end_ends_all(
    error: BaseException, said: str, status: int, among: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    group = among(0)
    with pytest.raises(type(error)), together("train"):
        raise error
    assert capsys.readouterr().err.startswith(f"minifcn train: {said}") and group.ended == status


def test_alone_nothing_is_different(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), together("train") as group:
        assert group is ALONE
        print("hello")
        raise KeyError
    assert capsys.readouterr() == ("hello\n", "")
    leave(ALONE, 3)


@pytest.mark.parametrize("rank", [0, 2])
def test_processes_that_cannot_find_one_another_say_so_once(
    rank: int, among: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    among(rank)

    def alone() -> ProcessGroup:
        raise ArgumentError("3 processes cannot find one another.")

    monkeypatch.setattr(processes, "world", alone)
    if rank:
        with pytest.raises(SystemExit) as left:
            main(["train"])
        assert left.value.code == 2
    else:
        assert main(["train"]) == 2
    assert capsys.readouterr().err == ("" if rank else "minifcn train: 3 processes cannot find one another.\n")


@pytest.mark.parametrize("rank", [0, 1])
def test_what_is_no_training_is_done_by_the_first(rank: int, among: Any, capsys: pytest.CaptureFixture[str]) -> None:
    among(rank)
    assert main(["explain", "--backbone", "small"]) == 0
    out, err = capsys.readouterr()
    assert bool(out) == (rank == 0)
    assert err == ("" if rank else "minifcn explain: works in one process; the other 2 have nothing to do.\n")
    with pytest.raises(SystemExit):
        main(["train", "--strid", "7"])
    assert ("usage" in capsys.readouterr().err) == (rank == 0)


def test_the_folder_and_the_weights_of_the_classes_are_those_of_process_zero() -> None:
    held: list[int] = []

    def run(group: ProcessGroup) -> tuple[str, Any, Any]:
        @contextmanager
        def found() -> Any:
            held.append(group.rank)
            yield Path("runs") / f"of {group.rank}"

        with folder_for(group, found) as folder:
            numbers = share_numbers(group, None if group.rank else processes.np.array([0.1, 3], "float32"))
            assert numbers is not None and numbers.dtype == "float32"
            return str(folder), numbers.tolist(), share_numbers(group, None)

    numbers = processes.np.array([0.1, 3], "float32").tolist()
    assert in_threads(2, run) == [(str(Path("runs") / "of 0"), numbers, None)] * 2
    assert held == [0]


def test_processes_that_a_batch_gives_nothing_are_counted() -> None:
    assert in_how_many(ALONE, 1) == ""
    assert in_how_many(Among(0), 3) == "; 3 processes"
    assert in_how_many(Among(0), 1) == "; 3 processes, 2 of them without an image in a batch of 1"
