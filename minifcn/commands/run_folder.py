"""The folder of a run: made for one run alone, and held by it as long as it works.

Two runs that begin together must not write into one folder. A name that minifcn chooses is taken by making the folder,
which only one can do; in a folder that is named by the user, or that a run goes on in, a lock is held. The lock is the
operating system's own: it ends with the process, however that ends.
"""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from minifcn.errors import FileError

LOCK_FILE = ".lock"
TAKEN = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK}


@contextmanager
def new_run(out: str | None, name: str) -> Iterator[Path]:
    """The folder of a new run, `out` or else the first free runs/<name>-<n>; if nothing comes to be in it, it is gone
    again.

    Raises FileError for an `out` that holds something or that another run works in, and where none can be made.
    """
    if out is not None:
        refuse_full(Path(out))
    folder, made = _numbered(name) if out is None else _named(Path(out))
    try:
        with held(folder):
            refuse_full(folder)  # between our look and our lock another run may have come and gone
            yield folder
    finally:
        for each in reversed(made):
            with suppress(OSError):
                each.rmdir()  # which refuses a folder that is not empty


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """No other run works in `folder` inside this block; FileError if one does, or if it cannot be written to."""
    writable_folder(folder)
    path = folder / LOCK_FILE
    file = _locked(path, folder)
    try:
        yield
    finally:
        if file is not None and os.name == "nt":  # where an open file cannot be removed
            _unlock(file)
            file.close()
        with suppress(OSError):
            path.unlink()
        if file is not None:
            file.close()


def writable_folder(folder: Path) -> Path:
    """`folder`, made where it is missing; FileError, now and not after the work, if nothing can be written to it."""
    make(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"{folder} cannot be written to; change its permissions or choose another folder.")
    return folder


def make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from None


def refuse_full(folder: Path) -> None:
    """FileError if `folder` is there and holds anything but the lock of a run that was killed."""
    if folder.exists() and (not folder.is_dir() or any(path.name != LOCK_FILE for path in folder.iterdir())):
        raise FileError(f"--out {folder} exists and is not an empty folder; name a new one, or use --resume {folder}.")


def _named(folder: Path) -> tuple[Path, list[Path]]:
    """`folder`, and which folders had to be made for it, the outermost first."""
    missing = [each for each in reversed((folder, *folder.parents)) if not each.exists()]
    make(folder)
    return folder, missing


def _numbered(name: str) -> tuple[Path, list[Path]]:
    """The first runs/<name>-<n> that nobody has: whoever makes the folder has it."""
    runs, made = _named(Path("runs"))
    number = 1
    while True:
        folder = runs / f"{name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise FileError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from None
        else:
            return folder, [*made, folder]


def _locked(path: Path, folder: Path) -> IO[bytes] | None:
    """The lock file, open and locked; None on a system or a disk that knows no locks."""
    while True:
        file = path.open("a+b")
        try:
            _lock(file)
        except OSError as error:
            holder = _holder(file)
            file.close()
            if error.errno not in TAKEN:
                return None
            raise FileError(
                f"another run is working in {folder}{holder}; wait for its end, or give this one a folder of its own."
            ) from None
        if os.fstat(file.fileno()).st_nlink or os.name == "nt":
            break
        file.close()  # its holder removed it while we waited at the door: the next one has to be asked for
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {platform.node()}".encode())
    file.flush()
    return file


def _holder(file: IO[bytes]) -> str:
    with suppress(OSError):
        file.seek(0)
        if text := file.read(200).decode("utf-8", "replace"):
            return f" ({text})"
    return ""


FAR = 1 << 30  # where Windows locks a byte: beyond the text, which others may read


def _lock(file: IO[bytes]) -> None:
    """OSError if somebody else has it; does nothing where there are no locks."""
    with suppress(ImportError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    with suppress(ImportError):
        _windows(file, "LK_NBLCK")


def _unlock(file: IO[bytes]) -> None:
    with suppress(ImportError, OSError):
        _windows(file, "LK_UNLCK")


def _windows(file: IO[bytes], what: str) -> None:
    import msvcrt

    module: Any = msvcrt
    file.seek(FAR)
    module.locking(file.fileno(), getattr(module, what), 1)
