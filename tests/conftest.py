"""How the tests are run: the effort of Hypothesis, that they test this very tree, and that they leave no trace in it."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

# Before NumPy is loaded: the matrices of the tests are small, and BLAS threads that wait for each other on a busy
# machine can cost a hundred times what they bring.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

import minifcn  # noqa: E402
from minifcn.arrays import convolution  # noqa: E402

# "dev" draws other examples on every run; "ci" the same ones, so it fails for a change and never by chance; "intense"
# is for a search. A busy machine must not turn a right answer into a failure, so nothing is timed.
COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, **COMMON)
settings.register_profile("intense", max_examples=2000, **COMMON)
settings.load_profile(os.environ.get("MINIFCN_HYPOTHESIS", "dev"))


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


def global_state() -> tuple[object, ...]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 (to see that nobody uses it)
    return minifcn.is_grad_enabled(), convolution._chosen.get(), kind, keys.tobytes(), *rest


@pytest.fixture(autouse=True)
def sealed_global_state() -> Iterator[None]:
    """Gradients are recorded, the algorithm is the default, and nobody draws from NumPy's global generator."""
    before = global_state()
    assert before[:2] == (True, "im2col")
    yield
    assert global_state() == before, "the test, or what it tested, left global state changed"
