"""A reader finds the old file or the new one, whole, whatever happens while the new one is written."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minifcn.errors import FileError
from minifcn.weights import atomic, atomic_path, load_arrays, save_arrays, write_text_atomic


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_the_block_writes_becomes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.png"
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path, "a rename is atomic only within one file system"
        assert temporary.suffix == ".png", "image writers choose the format by it"
        temporary.write_bytes(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert names_in(tmp_path) == ["new.png"]


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "a.json", "größe\n")
    write_text_atomic(str(tmp_path / "a.json"), "größe\nIU\n")
    assert (tmp_path / "a.json").read_bytes() == "größe\nIU\n".encode()
    assert names_in(tmp_path) == ["a.json"]


@pytest.mark.parametrize("failure", [ValueError("inside"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_failure_inside_the_block_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: BaseException, old: bytes | None
) -> None:
    path = tmp_path / "file.txt"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(type(failure)) as caught, atomic_path(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise failure
    assert caught.value is failure, "the caller's own error is not replaced"
    assert names_in(tmp_path) == ([] if old is None else ["file.txt"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize("step", ["replace", "fsync", "chmod", "open"])
def test_a_failure_of_any_step_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, step, fail)
        with pytest.raises(FileError) as caught:
            write_text_atomic(path, "new")
    assert str(caught.value) == (
        f"{path} could not be written (No space left on device); what was there before is unchanged."
    )
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.txt"]


def test_ctrl_c_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_text_atomic(path, "new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.txt"]


@pytest.mark.case(55)
def test_the_content_is_on_the_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("fsync folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "fsync file")
        real_fsync(handle)

    def replace(source: Path, target: Path) -> None:
        steps.append("replace")
        real_replace(source, target)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    monkeypatch.setattr(atomic.os, "replace", replace)
    write_text_atomic(tmp_path / "file.txt", "new")
    assert steps == ["fsync file", "replace", "fsync folder"]


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_fsync = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real_fsync(handle)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    write_text_atomic(tmp_path / "file.txt", "new")
    assert (tmp_path / "file.txt").read_text() == "new"


@pytest.mark.case(55)
@pytest.mark.parametrize("mode", [0o640, 0o600, 0o444])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".txt"])
def test_permissions_of_the_old_file_are_kept(tmp_path: Path, mode: int, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(b"old")
    path.chmod(mode)
    if suffix == ".txt":
        write_text_atomic(path, "new")
    else:
        save_arrays(path, {"weight": np.ones(2)})
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() != b"old"


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_new_file_has_the_permissions_of_the_umask(tmp_path: Path, suffix: str) -> None:
    old = os.umask(0o027)
    try:
        save_arrays(tmp_path / f"file{suffix}", {"weight": np.ones(2)})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / f"file{suffix}").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file.txt").write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to("real/file.txt")
    write_text_atomic(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "file.txt").read_text() == "new"
    assert names_in(tmp_path / "real") == ["file.txt"]


def test_a_name_of_the_longest_length(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    write_text_atomic(path, "new")
    assert path.read_text() == "new"


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "folder": "it is a folder",
        "missing/file.txt": f"the folder {tmp_path / 'missing'} does not exist; make it",
        "file/file.txt": "Not a directory",
        "pipe": "not a regular file",
        "n" * 300: "File name too long",
    }.items():
        with pytest.raises(FileError) as caught, atomic_path(tmp_path / name):
            pytest.fail("the block must not run")
        assert str(caught.value).startswith(f"{tmp_path / name} cannot be written") and words in str(caught.value)
    assert names_in(tmp_path) == ["file", "folder", "pipe"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="Permission denied"):
        write_text_atomic(tmp_path / "file.txt", "new")


WRITER = """
import sys
import numpy as np
from minifcn.weights import save_arrays
for n in range(1, 10**9):
    save_arrays(sys.argv[1], {"a": np.full((300, 400), n), "b": np.full(7, n)}, {"n": str(n)})
    if n == 1:
        print("ready", flush=True)
"""


@pytest.mark.case(55)
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"checkpoint{suffix}"
    for delay in (0.0, 0.011, 0.023, 0.037):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        assert writer.returncode == -signal.SIGKILL
        arrays, metadata = load_arrays(path, require_format=True)
        n = int(metadata["n"])
        assert n >= 1 and (arrays["a"] == n).all() and (arrays["b"] == n).all()
        left = [name for name in names_in(tmp_path) if name != path.name]
        assert all(name.startswith(".") for name in left), "what is left is hidden"


SMALL_DISK = """
import resource, sys
import numpy as np
from minifcn.errors import FileError
from minifcn.weights import save_arrays
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_arrays(sys.argv[1], {"a": np.ones(10_000)})
except FileError as error:
    print(error)
"""


@pytest.mark.case(55)
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_disk_that_fills_up(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"checkpoint{suffix}"
    save_arrays(path, {"a": np.zeros(3)})
    done = subprocess.run([sys.executable, "-c", SMALL_DISK, path], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"{path} could not be written (") and "File too large" in done.stdout, done
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert load_arrays(path)[0]["a"].tolist() == [0, 0, 0]
    assert names_in(tmp_path) == [path.name]
