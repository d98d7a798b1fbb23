"""A call is timed by calling it: as often as asked, once more to warm up."""

from __future__ import annotations

import pytest

from minifcn.errors import ArgumentError
from minifcn.teaching import seconds


@pytest.mark.parametrize("repeats", [1, 5])
def test_it_is_called_as_often_as_asked_and_once_before(repeats: int) -> None:
    calls: list[int] = []
    assert seconds(lambda: calls.append(1), repeats) >= 0
    assert len(calls) == repeats + 1


def test_no_call_has_no_time() -> None:
    with pytest.raises(ArgumentError, match="repeats is 0"):
        seconds(lambda: None, 0)
