"""How the tests are run: the effort of Hypothesis, that they test this very tree, and that they leave no trace in it."""

from __future__ import annotations

import filecmp
import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

# Before NumPy is loaded: the matrices of the tests are small, and BLAS threads that wait for each other on a busy
# machine can cost a hundred times what they bring.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MINIFCN_NUM_THREADS", "2")  # so that work is shared between threads on every machine

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

import minifcn  # noqa: E402
from minifcn.arrays.convolution import algorithms  # noqa: E402
from minifcn.machine import deferred  # noqa: E402
from minifcn.testing.profiles import load_profile  # noqa: E402
from tests import quick  # noqa: E402
from tests.played_cupy import kernels, playing  # noqa: E402
from tests.played_cupy.kernels import compiler  # noqa: E402

PROFILE = load_profile()

MOST_PROCESSES = 8  # each takes some seconds to start and up to 2 GiB of memory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="on NumPy alone, with few examples, nothing that takes long")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """All the tests are shared between as many processes as there are cores, unless -n says otherwise.

    A part of them, or what is to be watched at work, runs in this process: it starts sooner and can be stopped at a
    line. `worksteal` deals out neighbours together, which share what they have computed or compiled.
    """
    options = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput"):
        return
    everything = [Path(given).resolve() for given in config.args] == [Path(__file__).parent]
    part = options.keyword or config.getoption("lf", False) or config.getoption("failedfirst", False)
    watched = options.usepdb or options.trace or options.collectonly or options.capture == "no"
    one_card = os.environ.get("MINIFCN_REQUIRE_GPU") == "1"  # and so much memory on it
    if options.numprocesses is None and everything and not (part or watched or one_card):
        options.numprocesses, options.maxprocesses = "auto", options.maxprocesses or MOST_PROCESSES
        if options.dist == "no":
            options.dist = "worksteal"


def pytest_configure(config: pytest.Config) -> None:
    """What g++ has compiled for the double is kept beside pytest's own notes, `pytest --cache-clear` removes both."""
    if config.pluginmanager.hasplugin("cacheprovider"):
        with suppress(OSError):  # of a folder that cannot be written to
            kernels.kept_in.append(config.cache.mkdir("played-kernels"))
    if config.option.quick:  # before any test is read, which is when Hypothesis asks
        settings.register_profile("quick", settings.get_profile(PROFILE), max_examples=quick.EXAMPLES)
        settings.load_profile("quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[quick.COLLECTED] = list(items)
    if config.option.quick:
        config.hook.pytest_deselected(items=[item for item in items if not quick.is_quick(item)])
        items[:] = filter(quick.is_quick, items)


def pytest_collection_finish() -> None:
    """What is there before the first test stays until the last: garbage need not be looked for in it again and again.

    Half a million objects are, and tests of memory have all of them searched, many times.
    """
    gc.collect()
    gc.freeze()


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


@cache
def card() -> ModuleType | str:
    """CuPy, or why it cannot be used."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # a warning of CuPy's shall not hide a card
            import cupy

            cupy.zeros(1)  # CuPy imports without a GPU and fails at the first allocation
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return cupy


@pytest.fixture(params=["numpy", "played", "cupy"])
def xp(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The array module of a test that must hold on all: the same test, run once for each.

    "played" is CuPy's double (played_cupy/), "cupy" a real one on a real card. Without a card its tests are skipped,
    unless MINIFCN_REQUIRE_GPU=1 asks for one.
    """
    if request.param == "numpy":
        yield np
    elif request.param == "played":
        if not compiler():
            pytest.skip("no g++ here to play CUDA kernels with")
        with playing() as module:
            yield module
    else:
        found = card()
        if isinstance(found, str):
            if os.environ.get("MINIFCN_REQUIRE_GPU") == "1":
                pytest.fail(f"MINIFCN_REQUIRE_GPU=1, but there is no GPU for this test: {found}")
            pytest.skip(f"no GPU for this test: {found}")
        yield found


@pytest.fixture
def played() -> Iterator[ModuleType]:
    """CuPy's double, for what cannot be asked of NumPy; its two cards have card 0 as the current one, and keep it so."""
    if not compiler():
        pytest.skip("no g++ here to play CUDA kernels with")
    with playing() as module:
        yield module
        assert module.cuda.Device().id == 0


def global_state() -> tuple[object, ...]:
    """The number of threads is the one setting that a test may change: it is put back."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 (to see that nobody uses it)
    precision = minifcn.get_float32_matmul_precision()
    return minifcn.is_grad_enabled(), algorithms._chosen.get(), precision, kind, keys.tobytes(), *rest


@pytest.fixture(autouse=True)
def sealed_global_state() -> Iterator[None]:
    """Gradients are recorded, the algorithm is the default, and nobody draws from NumPy's global generator."""
    before = global_state()
    assert before[:3] == (True, "auto", "highest")
    threads = minifcn.get_num_threads()
    yield
    deferred._of_this_thread.waiting.clear()  # what a GPU found in this test is not said in the next
    minifcn.set_num_threads(threads)
    assert global_state() == before, "the test, or what it tested, left global state changed"
