"""Which profile is loaded, from the environment."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from minifcn.errors import ArgumentError
from minifcn.testing.profiles import PROFILES, VARIABLE, load_profile


@pytest.fixture(autouse=True)
def as_before():
    yield
    load_profile()


@pytest.mark.parametrize("name", PROFILES)
def test_the_environment_chooses(name, monkeypatch):
    with monkeypatch.context() as changed:
        changed.setenv(VARIABLE, name)
        assert load_profile() == name
        assert settings().max_examples == PROFILES[name]["max_examples"]
        assert settings().derandomize == (name in ("ci", "mutation"))
        assert settings().deadline is None


def test_without_a_choice_it_is_dev_and_a_wrong_one_is_an_error(monkeypatch):
    with monkeypatch.context() as changed:
        changed.delenv(VARIABLE, raising=False)
        assert load_profile() == "dev"
        changed.setenv(VARIABLE, "thorough")
        with pytest.raises(ArgumentError, match="MINIFCN_HYPOTHESIS is 'thorough'; use one of dev, ci, intense"):
            load_profile()
    assert os.environ.get(VARIABLE) != "thorough"
