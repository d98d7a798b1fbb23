"""The walls around a submission, put up in its own process before a line of it runs: `python -I -S walled.py SETTINGS`.

Standard library and NumPy alone, and nothing of minifcn can be found from here. What the system allows is put up
(a network of its own, another user, limits), and what every system has: an audit hook, which Python offers no way to
take away again, and which refuses what a function of arrays has no business with. Then `minifcn/testing/worker.py`
runs as everywhere else. What could not be put up is told in the file `walls`.

With the number of a socket as a second argument this process only waits, and each copy of it goes on (`forked.py`).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from contextlib import suppress
from typing import Any

REFUSED = {  # events of sys.audit, by their beginnings: other processes, the network, memory by its address
    "os.system": "other programs",
    "os.exec": "other programs",
    "os.fork": "other processes",
    "os.forkpty": "other processes",
    "os.spawn": "other programs",
    "os.posix_spawn": "other programs",
    "os.startfile": "other programs",
    "os.kill": "other processes",
    "os.killpg": "other processes",
    "pty.spawn": "other programs",
    "subprocess.Popen": "other programs",
    "socket.": "the network",
    "ctypes.": "memory by its address",
    "os.chmod": "a file",
    "os.chown": "a file",
    "os.link": "a file",
    "os.symlink": "a file",
    "os.truncate": "a file",
    "os.setxattr": "a file",
    "mmap.__new__": "shared memory",
    "sys.addaudithook": "the walls",
    "webbrowser.open": "the network",
    "syslog.": "the log of this machine",
    "resource.": "the limits",
    "cpython.run_": "another Python",
}
FILES = {  # events with a path among their first two arguments
    "open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.walk", "os.utime",
    "os.chdir", "shutil.copyfile", "shutil.move", "shutil.rmtree", "glob.glob", "tempfile.mkstemp", "tempfile.mkdtemp",
    "sqlite3.connect", "import_from_path",
}  # fmt: skip
WANTED = (  # what a function of arrays may want of the standard library
    "abc", "array", "bisect", "cmath", "collections", "collections.abc", "contextlib", "copy", "dataclasses", "decimal",
    "enum", "fractions", "functools", "heapq", "inspect", "io", "itertools", "json", "math", "numbers", "operator",
    "pprint", "random", "re", "statistics", "string", "sys", "textwrap", "time", "timeit", "traceback", "types",
    "typing", "unittest", "unittest.mock", "uuid", "warnings", "weakref",
)  # fmt: skip


def main() -> None:
    settings = json.loads(sys.argv[1])
    folder = settings["folder"]
    missing = [_no_network()]
    sys.path[:] = [*(path for path in sys.path if path), settings["numpy"], settings["testing"]]
    os.chdir(folder)

    import numpy.lib.stride_tricks
    import numpy.linalg
    import numpy.random
    import numpy.testing

    worker = importlib.import_module("worker")
    importlib.import_module("unicodedata")  # a name with letters beyond ASCII needs it, as variables in Korean do

    numpy.random.default_rng(0)
    if len(sys.argv) > 2:
        _copied(int(sys.argv[2]))
    missing += [_limits(settings), _another_user(settings["user"], settings["readable"])]
    with suppress(OSError), open(os.path.join(folder, "walls"), "w", encoding="utf-8") as file:
        file.write("\n".join(filter(None, missing)))
    sys.path.remove(settings["testing"])
    sys.argv[:] = [settings["file"]]
    allowed = [folder, settings["numpy"], os.path.realpath(settings["numpy"] + "/numpy"), *settings["readable"]]
    sys.addaudithook(_hook([os.path.realpath(path) for path in allowed], os.path.realpath(folder)))
    worker.main()


def _copied(number: int) -> None:
    """Returns in every copy that is asked for, with the pipes that came with the question; the original stays here.

    number: of the socket on which it is asked, and tells the pid of the copy, and how the copy ended.
    """
    import socket

    line = socket.socket(fileno=number)
    while True:
        question, pipes, _, _ = socket.recv_fds(line, 64, 3)
        if not question:
            sys.exit()
        copy = os.fork()
        if copy == 0:
            os.setsid()
            for place, pipe in enumerate(pipes):
                os.dup2(pipe, place)
                os.close(pipe)
            line.send(str(os.getpid()).encode())
            line.close()
            return
        for pipe in pipes:
            os.close(pipe)
        line.send(str(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])).encode())


def _hook(readable: list[str], writable: str) -> Any:
    """Refuses events that a function of arrays has no business with; for files, those outside."""
    real, modes = os.path.realpath, os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    free = {os.devnull, "/dev/urandom", "/dev/random"}

    def inside(path: str, roots: list[str]) -> bool:
        path = real(path)
        return any(path == root or path.startswith(root + os.sep) for root in roots)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILES:
            if event == "open":
                path, mode, flags = arguments
                if isinstance(path, int):
                    return
                writes = bool((flags or 0) & modes) or any(letter in str(mode) for letter in "wax+")
                paths, roots = [path], [writable] if writes else [writable, *readable]
            else:
                paths = [part for part in arguments[:2] if isinstance(part, str | bytes)] or ["."]
                roots = [writable, *readable] if event in ("os.listdir", "os.scandir", "os.chdir") else [writable]
            for path in paths:
                name = os.fsdecode(path)
                if name not in free and not inside(name, roots):
                    raise PermissionError(f"a submission has no business with the file {name}")
            return
        for beginning, what in REFUSED.items():
            if event.startswith(beginning):
                raise PermissionError(f"a submission has no business with {what} ({event})")

    return hook


def _no_network() -> str:
    """A network namespace of its own, in which there is nothing. Linux, for root or where users may have namespaces."""
    import ctypes

    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError, TypeError):
        return "no network namespace: this system has none; the network is refused by Python alone"
    new_network, new_user = 0x40000000, 0x10000000
    if unshare(new_network) == 0 or unshare(new_network | new_user) == 0:
        return ""
    return "no network namespace: this system does not allow one; the network is refused by Python alone"


def _limits(settings: dict[str, Any]) -> str:
    """Memory, processes, open files, the size of a file, seconds of the processor."""
    try:
        import resource
    except ImportError:
        return "no limits of memory, files and processes: this system keeps none"
    kinds = {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_FSIZE": 2**24,
        "RLIMIT_NPROC": 64,
        "RLIMIT_CPU": int(settings["seconds"]) + 5,
    }
    failed = []
    for name, limit in kinds.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (lowest, lowest))
        except (ValueError, OSError):
            failed.append(name)
    return f"no limit {', '.join(failed)}: refused by this system" if failed else ""


def _another_user(user: int | None, library: list[str]) -> str:
    """Another user than the judge's, where the judge is root: then files and processes of others are out of reach."""
    if user is None:
        return "the same user as the judge's: files are kept apart by Python alone"
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(-1, user, -1)
        try:
            for path in library:
                os.listdir(path)
        except PermissionError:  # a Python in a home folder: what it may want is read while it can be read
            os.setresuid(-1, 0, -1)
            for name in WANTED:
                importlib.import_module(name)
        os.setresuid(-1, 0, -1)
        os.setresuid(user, user, user)
    except (OSError, AttributeError):
        return "the same user as the judge's: this system has no other; files are kept apart by Python alone"
    return ""


if __name__ == "__main__":
    main()
