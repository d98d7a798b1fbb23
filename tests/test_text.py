"""How wide a text is, and which name was meant."""

from __future__ import annotations

import pytest

from minifcn.text import closest, counted, nearest, padded, width


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", 0),
        ("tree", 4),
        ("Straße", 6),
        ("木", 2),
        ("한국어", 6),
        ("e\u0301", 1),
        ("Ａ", 2),
        ("ｱ", 1),
        ("a\u200bb", 2),
    ],
)
def test_width(text: str, places: int) -> None:
    assert width(text) == places
    assert width(padded(text, 9)) == 9
    assert padded(text, 0) == text


def test_one_thing_is_counted_as_one() -> None:
    assert [counted(n, "epoch") for n in (0, 1, 2000)] == ["0 epochs", "1 epoch", "2,000 epochs"]


def test_the_nearest_name() -> None:
    known = ["--optimizer", "--out", "--epochs", 8]
    assert nearest("--Optimiser", known) == "--optimizer"
    assert nearest("--bogus", known) == nearest("xyzzy", known) == nearest("--", known) == ""
    assert nearest("8", known) == "8"
    assert closest("runs/a-2", ["runs/a-1", "runs/a-22", "other"], most=5) == ["runs/a-22", "runs/a-1"]
