"""Copies of one process: each begins anew, its end is told, and none is left behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from minifcn.labs.forked import Original
from minifcn.labs.sandbox import Sandbox
from minifcn.testing.isolation import Limits, Raised
from minifcn.testing.law import Ended

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are copied on Linux alone")
POISON = """
import sys
import numpy as np

seen = []

def here(**given):
    assert not seen and not hasattr(np, "seen") and not hasattr(sys, "seen"), "poisoned"
    seen.append(1)
    np.seen = sys.seen = True
    np.sum = None

def exits(**given):
    import os
    os._exit(3)

def parent(**given):
    import os
    raise ValueError(f"{os.getpid()} {os.getppid()}")

def descriptors(**given):
    import os, stat
    kinds = []
    for number in range(64):
        try:
            kinds.append("socket" if stat.S_ISSOCK(os.fstat(number).st_mode) else "other")
        except OSError:
            pass
    raise ValueError(" ".join(kinds))
"""


def box(folder: Path) -> Sandbox:
    file = folder / "lab.py"
    file.write_text(POISON, encoding="utf-8")
    return Sandbox(file, ("here", "exits", "parent", "descriptors"), Limits(call=10.0))


def said(within: Sandbox, name: str) -> str:
    with pytest.raises(Raised) as raised:
        within.alone(name, {})
    return raised.value.told.removeprefix("ValueError: ")


def test_what_one_copy_does_no_other_knows_of(tmp_path: Path) -> None:
    with box(tmp_path) as within:
        for _ in range(3):
            within.alone("here", {})
        within.tried("here", {})
        with pytest.raises(Raised, match="poisoned"):  # the same copy once more: what is looked for can be seen
            within.tried("here", {})


def test_copies_have_one_original_and_no_way_to_it(tmp_path: Path) -> None:
    with box(tmp_path) as within:
        one, other = said(within, "parent").split(), said(within, "parent").split()
        assert one[0] != other[0] and one[1] == other[1] != str(os.getpid())
        assert set(said(within, "descriptors").split()) == {"other"}
    with pytest.raises(ProcessLookupError):
        os.kill(int(one[1]), 0)  # the original ends with the sandbox


def test_how_a_copy_ended_is_told_and_the_next_one_works(tmp_path: Path) -> None:
    with box(tmp_path) as within:
        with pytest.raises(Ended, match="status 3"):
            within.alone("exits", {})
        within.alone("here", {})


def test_without_an_original_there_is_no_copy() -> None:
    ends = Original([sys.executable, "-c", ""], dict(os.environ))
    with pytest.raises(OSError):
        ends.copy()
    ends.end()


def test_a_copy_that_is_killed_says_so(tmp_path: Path) -> None:
    with box(tmp_path) as within:
        within._stop()  # the copy that read the file: there is one at a time
        copy = within.process()
        copy.kill()
        assert copy.wait(20.0) == -signal.SIGKILL == copy.returncode
        for pipe in (copy.stdin, copy.stdout, copy.stderr):
            pipe.close()
