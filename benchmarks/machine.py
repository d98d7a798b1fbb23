"""Where and with what: the machine by its public names, the versions, the commit, and threads pinned alike."""

from __future__ import annotations

import os
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from minifcn.commands.reporting import versions

ROOT = Path(__file__).resolve().parent.parent


def machine(threads: int) -> dict[str, Any]:
    return {
        **versions(),
        "threads": threads,
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0,
        "commit": commit(),
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def busy() -> float | None:
    """How many processes wanted a core in the last minute; near 0 before we begin, if the machine is idle."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def commit() -> str:
    """The commit that was measured, with "+" where files differ from it; "unknown" outside a repository."""

    def git(*arguments: str) -> str:
        answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return answer.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "minifcn") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def confine(threads: int) -> None:
    """Run on `threads` cores from now on, where the system can do that: more threads would bring nothing."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def environment(threads: int) -> dict[str, str]:
    """The environment of a process whose libraries all use `threads` threads, and no GPU."""
    count = str(threads)
    pinned = dict.fromkeys(
        # NPROC is what XLA takes for the number of cores.
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MINIFCN_NUM_THREADS", "NPROC"),
        count,
    )
    eigen = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {eigen}".strip()
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return {**os.environ, **pinned, **quiet, "XLA_FLAGS": flags, "PYTHONPATH": path}
