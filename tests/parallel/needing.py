"""MPI itself, which an extra installs: without it a test is skipped, and says why."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from minifcn.machine.mpi import mpiexec

MISSING = [name for name, there in (("mpi4py", find_spec("mpi4py")), ("mpiexec", mpiexec())) if not there]

# With MINIFCN_REQUIRE_MPI=1 a test is not skipped, and fails.
needs_mpi = pytest.mark.skipif(
    bool(MISSING) and os.environ.get("MINIFCN_REQUIRE_MPI") != "1",
    reason=f'without {" and ".join(MISSING)}; pip install ".[mpi]"',
)
