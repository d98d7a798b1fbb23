"""The README's Python runs as it stands, every block alone, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from minifcn.cli import parser

README = Path(__file__).parents[1] / "README.md"


BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_python_block_runs_alone(number: int, tmp_path: Path) -> None:
    """Whoever copies one block has not copied the one before it: each has an interpreter of its own."""
    started = subprocess.run([sys.executable, "-c", BLOCKS[number]], cwd=tmp_path, capture_output=True, text=True)
    assert started.returncode == 0, started.stderr


def test_there_is_python_to_run_and_what_it_needs_is_said_before_it() -> None:
    assert len(BLOCKS) >= 3
    text = README.read_text(encoding="utf-8")
    for block in BLOCKS:
        if "minifcn.testing" in block:
            assert '`pip install ".[testing]"`' in text[: text.index(block)]


def test_every_command_and_option_named_exists() -> None:
    text = README.read_text(encoding="utf-8")
    chosen = [action.choices for action in parser()._actions if action.choices]
    commands = {name: sub for choices in chosen for name, sub in choices.items()}
    lines = re.findall(r"(?:^    |&& |`)minifcn ([\w-]+)([^`\n]*)", text, re.MULTILINE)
    assert {name for name, _ in lines} >= {"train", "evaluate", "segment", "explain"}
    for name, rest in lines:
        for option in re.findall(r"--[a-z][a-z-]*", rest):
            assert option in commands[name].format_help(), (name, option)


def test_the_pictures_and_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (README.parent / target).exists()]
    assert not missing
