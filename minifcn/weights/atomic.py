"""Writing a file so that a reader finds the old one or the new one, whole, and never a part of either.

The new content goes to a temporary file in the same folder (a rename is atomic only within one file system), is
forced to the disk, and takes the old name in one step. `atomic_path` is that recipe; every writer of minifcn uses it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from minifcn.errors import FileError


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path to write to; when the block ends well, what was written becomes `path`.

    If the block raises, whatever it raises (Ctrl-C included), `path` is as it was and the temporary file is gone. A
    process killed outright (SIGKILL, power) also leaves `path` whole, and at most hidden temporary files beside it.
    The temporary name has the suffix of `path`, for writers that choose a format by it. The permissions of an old file
    are kept, and a symbolic link stays a link: the file that it names is replaced.

    Raises FileError if the folder does not exist or refuses, if `path` is a folder or a device, or if writing failed.

        with atomic_path("run/metrics.json") as temporary:
            temporary.write_text("{}")
    """
    target = Path(os.path.realpath(path))
    mode = _mode_of_old_file(target, path)
    temporary = target.with_name(f".minifcn-{secrets.token_hex(8)}{target.suffix}")
    try:
        # Created by hand, not by `tempfile`, so that a new file gets the permissions the user's umask asks for.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if mode is None:
            mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        _flush_file(temporary)
        os.chmod(temporary, mode)  # a writer may have put a file of its own, with other permissions, in this place
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        reason = error.strerror or str(error)
        raise FileError(f"{path} could not be written ({reason}); what was there before is unchanged.") from error
    except BaseException:
        _remove(temporary)
        raise
    _flush_folder(target.parent)


def write_text_atomic(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text` to `path` as UTF-8 with Unix line ends, through `atomic_path`; raises FileError as that does."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _mode_of_old_file(target: Path, path: str | os.PathLike[str]) -> int | None:
    """The permission bits of the file to be replaced, or None if there is none; refuses what must not be replaced."""
    try:
        old = target.stat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise FileError(f"{path} cannot be written: the folder {target.parent} does not exist; make it.") from None
        return None
    except OSError as error:
        raise FileError(f"{path} cannot be written ({error.strerror}); choose another path.") from error
    if stat.S_ISDIR(old.st_mode):
        raise FileError(f"{path} cannot be written: it is a folder; give the name of a file in it.")
    if not stat.S_ISREG(old.st_mode):
        raise FileError(f"{path} cannot be written: it is not a regular file; give the name of one.")
    return stat.S_IMODE(old.st_mode)


def _flush_file(path: Path) -> None:
    with path.open("r+b") as file:
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Makes the rename itself survive a power cut. Some systems cannot; the file is whole all the same."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
