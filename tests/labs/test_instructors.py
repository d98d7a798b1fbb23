"""The guide for teachers: what it says of a lab is what the lab is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minifcn.cli import parser
from minifcn.labs import LABS, Lab
from minifcn.labs.forms import BUILDS_ON
from minifcn.labs.lab import WRITTEN

GUIDE = (Path(__file__).parents[2] / "tutorials/labs/INSTRUCTORS.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"^### Lab (\d): (.*?)(?=^##)", GUIDE, re.MULTILINE | re.DOTALL))
EACH = pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: lab.name)


@EACH
def test_minutes_and_what_a_lab_builds_on(lab: Lab) -> None:
    (row,) = re.findall(rf"^\| {lab.number} \| [^|]*\| (\d+) \| [^|]* \| ([^|]*)\|$", GUIDE, re.MULTILINE)
    told = [int(number) for number in re.findall(r"\d+", row[1])]
    expected = list(range(told[0], told[1] + 1)) if "to" in row[1] else told
    assert int(row[0]) == lab.minutes and set(BUILDS_ON.get(lab.number, ())) <= set(expected)


@EACH
def test_a_lab_has_its_objectives_its_common_mistakes_and_its_rubric(lab: Lab) -> None:
    part = PARTS[str(lab.number)]
    assert part.startswith(lab.title) and "Afterwards: " in part and "Rubric:" in part
    known = {name for task in lab.tasks for name in task.mutants}
    told = set(re.findall(r"`(\w+)`", part))
    assert len(told) >= 7 and told <= known, told - known
    assert sum(int(points) for points in re.findall(r"^- (\d+) ", part, re.MULTILINE)) == WRITTEN


def test_every_command_of_the_guide_is_one() -> None:
    commands = re.findall(
        r"minifcn (lab (?:start|grade|results|release|score) [^`\n]*?)(?:`|  |$)", GUIDE, re.MULTILINE
    )
    assert len(commands) >= 8
    for command in commands:
        words = re.sub(r"\bN\b", "1", command).split()
        assert parser().parse_args(words).command == "lab"


@EACH
def test_the_rubric_of_a_lab_is_worth_what_its_written_part_is(lab: Lab) -> None:
    """Numbers in brackets in the definition; where several are given for one point of the guide, their sum is."""
    told = " ".join(lab.written.values())
    assert sum(int(points) for points in re.findall(r"\((\d+)\)", told)) == WRITTEN
