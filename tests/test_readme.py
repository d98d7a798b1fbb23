"""The README's Python runs as it stands, every block alone, and its commands exist."""

from __future__ import annotations

import argparse
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


def commands_of(within: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands that stand directly below one parser, by name."""
    below = [action for action in within._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: command for action in below for name, command in action.choices.items()}


def test_every_command_and_option_named_exists() -> None:
    lines = re.findall(r"(?:^    |&& |`)minifcn ([\w-]+)([^`\n]*)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name, _ in lines} >= {"train", "evaluate", "segment", "explain", "lab"}
    for name, rest in lines:
        command = commands_of(parser())[name]
        if below := commands_of(command):  # `minifcn lab grade --out`: the option is the inner command's
            command = below[rest.split()[0]]
        for option in re.findall(r"--[a-z][a-z-]*", rest):
            assert option in command.format_help(), (name, option)


def test_the_pictures_and_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (README.parent / target).exists()]
    assert not missing
