"""`pytest --quick` leaves out what takes long, and something of everything else is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from minifcn.testing import LAWS
from tests.quick import COLLECTED, LEFT_OUT, is_quick, name_of

# All that these test are other cards, on the double of CuPy.
WITHOUT = {
    "functional/test_devices.py",
    "functional/test_second_card.py",
    "machine/test_deferred.py",
    "machine/test_nccl.py",
    "nn/test_second_card.py",
}
KEEPS = "testing/test_laws.py::test_minifcn_keeps_the_law"


@pytest.fixture
def items(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """Every test there is, also those that this run leaves out."""
    found = request.config.stash[COLLECTED]
    here = Path(__file__).parent
    files = {path.relative_to(here).as_posix() for path in here.rglob("test_*.py")}
    if {file for file in files if not file.startswith("oracles/")} - {file_of(item) for item in found}:
        pytest.skip("only a run of all the tests sees what --quick leaves out of them")
    return found


def file_of(item: pytest.Item) -> str:
    return name_of(item).partition("::")[0]


def test_what_is_left_out_is_a_test(items: list[pytest.Item]) -> None:
    assert set(LEFT_OUT) - {name_of(item) for item in items} == set()


def test_something_of_every_file_is_quick(items: list[pytest.Item]) -> None:
    assert {*map(file_of, items)} - {*map(file_of, filter(is_quick, items))} == WITHOUT


def test_every_law_is_quick(items: list[pytest.Item]) -> None:
    kept = [item for item in items if is_quick(item) and name_of(item) == KEEPS]
    assert {item.callspec.params["name"] for item in kept} == set(LAWS)  # type: ignore[attr-defined]
