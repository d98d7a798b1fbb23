"""`pytest --quick` leaves out what takes long, and something of everything else is there."""

from __future__ import annotations

import pytest

from minifcn.testing import LAWS
from tests.quick import LEFT_OUT, is_quick, name_of

# All that these test are other cards, on the double of CuPy.
WITHOUT = {
    "functional/test_devices.py",
    "functional/test_second_card.py",
    "machine/test_deferred.py",
    "nn/test_second_card.py",
}
KEEPS = "testing/test_laws.py::test_minifcn_keeps_the_law"


@pytest.fixture
def items(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """Every test there is."""
    found = request.session.items
    folders = {item.nodeid.rpartition("/")[0] for item in found}
    if request.config.option.quick or not {"tests/arrays", "tests/testing", "tests/weights"} <= folders:
        pytest.skip("only a run of all the tests sees what --quick leaves out of them")
    return found


def test_what_is_left_out_is_a_test(items: list[pytest.Item]) -> None:
    assert set(LEFT_OUT) - {name_of(item) for item in items} == set()


def test_something_of_every_file_is_quick(items: list[pytest.Item]) -> None:
    files = {name_of(item).partition("::")[0] for item in items}
    quick = {name_of(item).partition("::")[0] for item in items if is_quick(item)}
    assert files - quick == WITHOUT


def test_every_law_is_quick(items: list[pytest.Item]) -> None:
    quick = {item.callspec.params["name"] for item in items if is_quick(item) and name_of(item) == KEEPS}  # type: ignore[attr-defined]
    assert quick == set(LAWS)
