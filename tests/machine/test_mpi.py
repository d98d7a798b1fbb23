"""Whether MPI is loaded, and what is said where processes cannot find one another; MPI itself: tests/parallel."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from minifcn.errors import ArgumentError
from minifcn.machine import mpi
from minifcn.machine.mpi import described, world
from minifcn.machine.processes import ALONE


@pytest.fixture
def among_four(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if mpiexec had started four processes, of which this is one."""
    monkeypatch.setattr(mpi, "started_as", lambda: (1, 4))
    world.cache_clear()
    return monkeypatch


def test_alone_mpi_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setattr(mpi, "started_as", lambda: (0, 1))
    world.cache_clear()
    assert world() is ALONE


def test_processes_that_cannot_find_one_another_do_not_begin(among_four: pytest.MonkeyPatch) -> None:
    among_four.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(
        ArgumentError, match=r'4 processes .* mpi4py cannot be loaded \(.*\); pip install "minifcn\[mpi'
    ):
        world()
    among_four.setattr(mpi, "MpiGroup", lambda: SimpleNamespace(size=1, library="Open MPI v5"))
    with pytest.raises(ArgumentError, match=r"4 .* mpi4py sees 1, as it belongs to another MPI \(Open MPI v5\); start"):
        world()


def test_what_a_doctor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert described().startswith("cannot be used (") or described().startswith("not installed")
    assert described().endswith('; for several processes pip install "minifcn[mpi]"')
    library = SimpleNamespace(Get_library_version=lambda: "MPICH Version:      5.0.2\nMPICH Release date: ...")
    played = SimpleNamespace(rc=SimpleNamespace(), __version__="4.1.2", MPI=library)
    monkeypatch.setitem(sys.modules, "mpi4py", played)
    monkeypatch.setattr(mpi, "mpiexec", lambda: "bin/mpiexec")
    assert described() == "mpi4py 4.1.2 with MPICH 5.0.2; started by bin/mpiexec"
    assert played.rc.initialize is False, "to look is not to begin"
