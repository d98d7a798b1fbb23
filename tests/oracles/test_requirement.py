"""A missing peer is a skip with its reason, and a failure where peers are required."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MISSING = """
from tests.oracles.peers import peer
peer("a_module_that_nobody_has")
"""
LATER = """
import pytest
def test_skips(): pytest.skip("no time")
def test_passes(): pass
"""


@pytest.mark.parametrize("required", [False, True])
def test_a_skip_is_a_failure_where_peers_are_required(required: bool, tmp_path: Path) -> None:
    shutil.copy(HERE / "conftest.py", tmp_path)
    (tmp_path / "test_missing.py").write_text(MISSING)
    (tmp_path / "test_later.py").write_text(LATER)
    environment = {name: value for name, value in os.environ.items() if name != "MINIFCN_REQUIRE_ORACLES"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent.parent), *sys.path])
    if required:
        environment["MINIFCN_REQUIRE_ORACLES"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
    command += ["--continue-on-collection-errors", f"--rootdir={tmp_path}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "a_module_that_nobody_has is not installed" in done.stdout, done.stdout + done.stderr
    if required:
        assert done.returncode == 1 and "1 failed, 1 passed, 1 error" in done.stdout, done.stdout
        assert "MINIFCN_REQUIRE_ORACLES=1 allows no skip" in done.stdout
    else:
        assert done.returncode == 0 and "1 passed, 2 skipped" in done.stdout, done.stdout
