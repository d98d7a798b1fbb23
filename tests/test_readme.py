"""The README's Python is run as it stands, block after block, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minifcn.cli import parser

README = Path(__file__).parents[1] / "README.md"


def test_the_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert "crop the score by 31" in capsys.readouterr().out


def test_every_command_and_option_named_exists() -> None:
    text = README.read_text(encoding="utf-8")
    chosen = [action.choices for action in parser()._actions if action.choices]
    commands = {name: sub for choices in chosen for name, sub in choices.items()}
    lines = re.findall(r"(?:^    |&& |`)minifcn (\w+)([^`\n]*)", text, re.MULTILINE)
    assert {name for name, _ in lines} >= {"train", "evaluate", "segment", "explain"}
    for name, rest in lines:
        for option in re.findall(r"--[a-z][a-z-]*", rest):
            assert option in commands[name].format_help(), (name, option)


def test_the_pictures_and_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (README.parent / target).exists()]
    assert not missing
