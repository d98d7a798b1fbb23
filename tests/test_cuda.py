"""Whether there is a GPU: no without CuPy, without a card, and yes with one."""

from __future__ import annotations

import sys

import pytest

import minifcn
from tests.played_cupy import playing


def test_without_cupy_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert minifcn.cuda.device_count() == 0 and not minifcn.cuda.is_available()


def test_with_cards_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing():
        import cupy

        assert minifcn.cuda.device_count() == cupy.cuda.runtime.getDeviceCount() > 0 and minifcn.cuda.is_available()

        def no_driver() -> int:
            raise cupy.cuda.runtime.CUDARuntimeError(35)

        monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", no_driver)
        assert minifcn.cuda.device_count() == 0 and not minifcn.cuda.is_available()
