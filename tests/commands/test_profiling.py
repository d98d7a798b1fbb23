"""Which steps of a run are recorded, and what is written when they are over."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifcn import Tensor
from minifcn.commands.profiling import StepProfile
from minifcn.machine.profiling import running, section


def drive(profile: StepProfile, steps: int) -> list[bool]:
    """Which of so many steps are recorded; a step multiplies two numbers of each of its images."""
    recorded = []
    with profile:
        for number in range(steps):
            recorded.append(running() is not None)
            Tensor(np.ones(2 * (number + 1), np.float32)) * 2.0
            with section("more"):
                pass
            profile.step(number + 1)
    assert running() is None
    return recorded


@pytest.mark.parametrize(
    ("asked", "left", "recorded"),
    [
        (2, 7, [3, 4]),
        (4, 7, [3, 4, 5, 6]),
        (5, 7, [2, 3, 4, 5, 6]),  # fewer to warm up
        (6, 7, [1, 2, 3, 4, 5, 6]),
        (9, 3, [0, 1, 2]),  # fewer than asked for
        (1, 1, [0]),
        (None, 7, []),
    ],
)
def test_which_steps(asked: int | None, left: int, recorded: list[int], tmp_path: Path) -> None:
    said: list[str] = []
    found = drive(StepProfile(asked, left, tmp_path, said.append), left)
    assert [number for number, was in enumerate(found) if was] == recorded
    assert {path.name for path in tmp_path.iterdir()} == ({"profile.json", "profile.png"} if recorded else set())
    assert len(said) == (2 if recorded else 0)


def test_what_is_written(tmp_path: Path) -> None:
    said: list[str] = []
    drive(StepProfile(2, 9, tmp_path, said.append), 9)
    report = json.loads((tmp_path / "profile.json").read_text(), parse_constant=pytest.fail)
    assert (report["steps"], report["steps_before"], report["images"]) == (2, 3, 4 + 5)
    entries = {entry["name"]: entry for entry in report["entries"]}
    assert set(entries) == {"Multiply", "more", "Python between the operations", "the profile itself"}
    counted = {key: entries["Multiply"][key] for key in ("phase", "detail", "calls", "operations", "bytes")}
    numbers = 2 * (4 + 5)
    assert counted == {"phase": "forward", "detail": "", "calls": 2, "operations": numbers, "bytes": 8 * numbers + 8}
    assert sum(entry["seconds"] for entry in report["entries"]) == pytest.approx(report["seconds"])
    assert {"minifcn", "numpy", "processor", "cores"} <= set(report["versions"])
    with Image.open(tmp_path / "profile.png") as picture:
        assert min(picture.size) > 100
    assert said[0].startswith("\nprofile of 2 steps after 3 to warm up: ")
    assert " ms per step, " in said[0] and " images per second" in said[0]
    line = next(line.split() for line in said[0].splitlines() if line.endswith("Multiply"))
    assert line[2:] == ["1", "0.000", "0.0", line[5], "forward", "Multiply"]  # calls in one step
    assert f"{tmp_path / 'profile.json'}, a picture in {tmp_path / 'profile.png'}" in said[1]


def test_what_was_recorded_before_an_end_is_shown_once(tmp_path: Path) -> None:
    said: list[str] = []
    with StepProfile(5, 20, tmp_path, said.append) as profile:
        for _ in range(3):
            profile.finish()
            profile.step(2)
        profile.finish()
        assert said == []  # nothing but the steps to warm up
        profile.step(2)
        profile.finish()
        profile.finish()
    assert said[0].startswith("\nprofile of 1 step after 3 to warm up: ") and len(said) == 2
    assert json.loads((tmp_path / "profile.json").read_text())["images"] == 2


def test_an_error_ends_the_record(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), StepProfile(1, 1, tmp_path, pytest.fail) as profile:
        assert running() is profile.record
        raise ZeroDivisionError
    assert running() is None
    assert list(tmp_path.iterdir()) == []


def test_no_step_is_left(tmp_path: Path) -> None:
    said: list[str] = []
    drive(StepProfile(5, 0, tmp_path, said.append), 0)
    assert said == ["--profile: no step of this run is left to record."]
