"""The table: aligned, the slowest first, small ones together, and the sums."""

from __future__ import annotations

import numpy as np

import minifcn
from minifcn import Tensor
from minifcn.machine.timetable import BACKWARD, FORWARD, OTHER, Entry, shortened, table

ROWS = [
    Entry(FORWARD, "ToOutput", "3x3, 8->16 channels", 4, 6.0, 3_000_000_000_000, 8_000_000_000),
    Entry(BACKWARD, "Scale", "", 20, 3.0, 0, 0),
    Entry(OTHER, "saving", "", 2, 0.97),
    Entry(FORWARD, "Add", "", 2, 0.02, 4_000_000, 48_000_000),
    Entry(BACKWARD, "Add", "", 6, 0.01, 8_000_000, 96_000_000),
]


def test_the_table() -> None:
    expected = """
    %       ms  calls     GFLOP      MB  GFLOP/s  phase     operation
----------------------------------------------------------------------------------------
 60.0  3000.00      2  1500.000  4000.0    500.0  forward   ToOutput 3x3, 8->16 channels
 30.0  1500.00     10         -       -        -  backward  Scale
  9.7   485.00      1         -       -        -  other     saving
  0.3    15.00      4     0.006    72.0      0.4            2 others
----------------------------------------------------------------------------------------
 60.2  3010.00      3  1500.002  4024.0    498.3  forward   together
 30.1  1505.00     13     0.004    48.0      0.0  backward  together
  9.7   485.00      1         -       -        -  other     together
100.0  5000.00     17  1500.006  4072.0    300.0            total
"""
    assert table(ROWS, steps=2) == expected.strip("\n")


def test_what_is_little_comes_together() -> None:
    assert shortened(ROWS)[:3] == ROWS[:3]
    assert [row.name for row in shortened(ROWS)] == ["ToOutput", "Scale", "saving", "2 others"]
    assert [row.name for row in shortened(ROWS, most=1)] == ["ToOutput", "4 others"]
    assert shortened(ROWS[:4]) == ROWS[:4]  # one other needs no gathering
    assert shortened([*ROWS[:3], Entry(OTHER, "nothing")]) == ROWS[:3]
    others = shortened(ROWS)[-1]
    assert (others.phase, others.calls, others.operations, others.bytes) == ("", 8, 12_000_000, 144_000_000)


def test_a_rate_needs_time_and_operations() -> None:
    assert ROWS[0].rate == 5e11
    assert ROWS[1].rate is None and Entry(FORWARD, "x", operations=5).rate is None


def test_an_empty_record_is_a_table_too() -> None:
    assert table([]).splitlines()[-1].split() == ["-", "0.00", "-", "-", "-", "-", "total"]


def test_print_shows_the_table() -> None:
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    with minifcn.profile() as record:
        x.exp().sum().backward()
    assert str(record) == table(record.rows())
    words = str(record).split()
    assert {"Exp", "Exp.backward", "Sum", "forward", "backward", "total"} <= set(words)
