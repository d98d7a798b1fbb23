"""How texts of the repository become pages: what stands as it is, and what is set as words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "docs"))

from pages import docstring, kept_together


def test_words_are_set_as_words_and_the_rest_stands_as_it_is() -> None:
    """With all the letters that mean something to reStructuredText."""
    text = """y = |x|·w for `kaiming_normal_`.

Raises ArgumentError for ones_ and 2*3 in `a * b`, of
two lines.

x       (N, C, H, W)
weight  (O, C, KH, KW)

    N = 3

>>> 1 + 1
2

Source: somebody."""
    assert docstring(text) == [
        r"y = \|x\|·w for ``kaiming_normal_``.",
        "",
        r"Raises ArgumentError for ones\_ and 2\*3 in ``a * b``, of",
        "two lines.",
        "",
        ".. code-block:: text",
        "",
        "    x       (N, C, H, W)",
        "    weight  (O, C, KH, KW)",
        "",
        "        N = 3",
        "",
        ".. code-block:: pycon",
        "",
        "    >>> 1 + 1",
        "    2",
        "",
        "Source: somebody.",
        "",
    ]


@pytest.mark.parametrize(
    "line, kept",
    [
        ("| ToInput 16->32 | 2e-07 | 128 ms |", "| ToInput 16-\u2060>32 | 2e-\u206007 | 128\u00a0ms |"),
        ("| `--lr 1e-3` | 1e-3 |", "| `--lr 1e-3` | 1e-\u20603 |"),  # a command is copied as it is typed
        ("| FCN-8s | 3 masks |", "| FCN-8s | 3 masks |"),
        ("no table: 2e-07 in 3 ms", "no table: 2e-07 in 3 ms"),
    ],
)
def test_no_number_of_a_table_is_torn_apart(line: str, kept: str) -> None:
    assert kept_together(line) == kept
