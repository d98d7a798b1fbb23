"""How the tests are run: the effort of Hypothesis, and that they test this very tree."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import minifcn

# "ci" draws the same examples on every run, so it fails for a change and never by chance; "thorough" is for a search.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=50, **COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("thorough", max_examples=2000, **COMMON)
settings.load_profile(os.environ.get("MINIFCN_HYPOTHESIS", "default"))


def pytest_sessionstart() -> None:
    """Refuse to test an installed copy that is older than the files beside these tests."""
    installed, here = Path(minifcn.__file__).parent, Path(__file__).parent.parent / "minifcn"
    if installed.resolve() == here.resolve() or not here.is_dir():
        return
    for source in sorted(here.rglob("*.py")):
        copy = installed / source.relative_to(here)
        if not copy.is_file() or not filecmp.cmp(source, copy, shallow=False):
            pytest.exit(
                f"minifcn is imported from {installed}, where {source.relative_to(here)} is not as in {here}; "
                f'install it again with pip install ".[test]", or once with pip install -e ".[test]".',
                returncode=4,
            )


def pytest_report_header() -> str:
    return f"minifcn {minifcn.__version__} from {Path(minifcn.__file__).parent}"
