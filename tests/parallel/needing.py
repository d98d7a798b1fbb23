"""MPI itself, which an extra installs: without it a test is skipped, and says why."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from minifcn.commands.processes import mpiexec


def needed() -> None:
    """Skip the tests of a module without mpi4py and mpiexec; MINIFCN_REQUIRE_MPI=1 lets them fail instead."""
    missing = [] if find_spec("mpi4py") else ["mpi4py"]
    missing += [] if mpiexec() else ["mpiexec"]
    if missing and os.environ.get("MINIFCN_REQUIRE_MPI") != "1":
        pytest.skip(f'without {" and ".join(missing)}; pip install ".[mpi]"', allow_module_level=True)
    assert not missing, f"MINIFCN_REQUIRE_MPI=1, but {' and '.join(missing)} cannot be found"
