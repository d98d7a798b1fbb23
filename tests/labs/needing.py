"""What only CI has installed: a test that needs it is skipped elsewhere, and fails there."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


def needed(*packages: str) -> None:
    """Skip the tests of a module without these packages; MINIFCN_REQUIRE_LABS=1 lets them fail instead."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing and not os.environ.get("MINIFCN_REQUIRE_LABS"):
        pytest.skip(f'without {", ".join(missing)}; pip install ".[labs]"', allow_module_level=True)
    assert not missing, f"MINIFCN_REQUIRE_LABS is set, but {', '.join(missing)} cannot be imported"
