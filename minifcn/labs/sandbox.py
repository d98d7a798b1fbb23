"""Where a submission runs: an interpreter that has NumPy and the student's file alone, within walls (`walled.py`)."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self

import numpy as np

from minifcn.errors import FileError
from minifcn.labs.forked import Original
from minifcn.testing import isolation
from minifcn.testing.isolation import QUIET, Isolated, Limits, Process

USERS = (
    210_000  # the first of the users that submissions run as, where the judge is root; one for each of its processes
)


class Sandbox(Isolated):
    """`Isolated`, within walls. `missing` are the walls that this system did not allow, in sentences.

    text: what is run in place of what the file says. beside: further files of its folder, by their names.
    """

    def __init__(
        self,
        file: Path,
        names: tuple[str, ...],
        limits: Limits,
        *,
        text: str | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(file, names, limits)
        self.original = file
        folder = Path(self._folder.name)
        self.file = folder / f"{file.stem}.py"
        self.file.write_text(file.read_text(encoding="utf-8-sig") if text is None else text, encoding="utf-8")
        for name, content in (beside or {}).items():
            (folder / name).write_text(content, encoding="utf-8")
        self._original: Original | None = None
        self.user = USERS + os.getpid() % 10_000 if hasattr(os, "geteuid") and os.geteuid() == 0 else None
        if self.user is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, self.user, self.user)

    def __enter__(self) -> Self:
        files = [path for path in Path(self._folder.name).iterdir() if path.is_file()]
        self._first = {path: (path.read_bytes(), path.stat()) for path in files}
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        self._stop()
        if self._original:
            self._original.end()
        super().__exit__(*error)

    def process(self) -> Process:
        """A copy of a process that has imported NumPy; on other systems than Linux, a process that does so now."""
        if not sys.platform.startswith("linux"):
            return super().process()
        if self._original is None:
            self._original = Original(self.command(), self.environment() | QUIET)
        try:
            return self._original.copy()
        except OSError:
            raise FileError(f"{self.original.name} could not be run: the system starts no process for it.") from None

    def alone(self, name: str, given: dict[str, Callable[..., Any]]) -> Any:
        """As `tried`, in a process and a folder that know nothing of any call before."""
        self._stop()
        self._tidy()
        try:
            return self.tried(name, given)
        finally:
            self._stop()

    def _tidy(self) -> None:
        """The folder as it was before the file ran: what one call leaves there would be found by the next."""
        for path in Path(self._folder.name).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        for path, (memory, status) in self._first.items():
            path.write_bytes(memory)
            path.chmod(status.st_mode & 0o777)
            if hasattr(os, "chown"):
                os.chown(path, status.st_uid, status.st_gid)

    @property
    def missing(self) -> tuple[str, ...]:
        told = Path(self._folder.name, "walls")
        return tuple(told.read_text(encoding="utf-8").splitlines()) if told.exists() else ()

    def command(self) -> list[str]:
        settings = {
            "folder": self._folder.name,
            "file": str(self.file),
            "numpy": numpy_alone(),
            "testing": str(Path(isolation.__file__).parent),
            "readable": sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *_numpy_parts()}),
            "seconds": self.limits.total,
            "user": self.user,
        }
        walled = Path(__file__).with_name("walled.py")
        return [sys.executable, "-I", "-S", "-X", "utf8", str(walled), json.dumps(settings)]

    def environment(self) -> dict[str, str]:
        """Nothing of the judge's: no seed, no path, no token."""
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
        return kept | {"PATH": os.defpath, "HOME": self._folder.name, "TMPDIR": self._folder.name, "LANG": "C.UTF-8"}


@cache
def numpy_alone() -> str:
    """A folder in which NumPy is, and nothing else that is installed beside it. It stays until this process ends."""
    import atexit

    folder = Path(mkdtemp(prefix="minifcn-numpy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    for part in _numpy_parts():
        (folder / Path(part).name).symlink_to(part, target_is_directory=True)
    return str(folder)


def _numpy_parts() -> list[str]:
    """NumPy's folder, and that of its shared libraries."""
    place = Path(np.__file__).resolve().parent
    return [str(path) for path in (place, place.parent / "numpy.libs") if path.exists()]
