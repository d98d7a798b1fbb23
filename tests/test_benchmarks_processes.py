"""benchmarks.processes: its table, from numbers that are easy to read; the processes themselves need MPI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import processes


def measured() -> dict[str, Any]:
    timed = {
        name: {
            "steps": [0.8 / (count * threads), 0.4, 0.4 / (count * threads)],
            "processor": [0.3, 0.3],
            "sums": [0.001, 0.002, 0.004],
            "bytes": 2_300_000,
        }
        for name, (count, threads, _) in processes.WAYS.items()
    }
    trained = {name: {"mean_iu": 0.8125, "seconds": 61.4} for name in processes.TRAINED}
    return {"machine": {"processor": "a processor", "cores": 2}, "busy": 0.04, "timed": timed, "trained": trained}


def test_the_table_has_a_row_for_each_way_and_says_which_have_no_core() -> None:
    text = processes.table(measured())
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(processes.WAYS)
    assert rows[0] == "| 1 process, 1 thread | 400 (400) | 1.00 | 300 |  |  |  |"
    assert rows[2] == "| 2 processes, 1 thread each | 400 (200) | 1.00 | 300 | 2.00 | 81.2 | 61 |"
    assert [row.startswith("| 4 processes, 1 thread each, more than there are cores") for row in rows].count(True) == 1
    assert "2.3 MB" in text and "0.0 other processes" in text


def test_a_step_is_timed_in_each_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "WARMING", 0)
    monkeypatch.setattr(processes, "STEPS", 1)
    monkeypatch.setattr(processes, "SUMS", 2)
    processes.main([str(tmp_path / "found.json")])
    told = json.loads((tmp_path / "found.json").read_text())
    assert len(told["steps"]) == len(told["processor"]) == 1 and len(told["sums"]) == 2 and told["bytes"] > 2e6
