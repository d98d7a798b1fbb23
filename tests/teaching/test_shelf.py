"""Lessons and labs are found in a checkout and where an installer put them; else the places are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from minifcn.cli import main
from minifcn.teaching import shelf as place


def test_without_lessons_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(place, "PACKAGE", tmp_path / "site" / "minifcn")
    monkeypatch.setattr(place.sysconfig, "get_path", lambda name: str(tmp_path))
    assert main(["tutorials", str(tmp_path / "out")]) == 2
    assert f"the lessons are in none of {tmp_path / 'site' / 'tutorials'}" in capsys.readouterr().err
    assert main(["lab", "start", "1", str(tmp_path / "out")]) == 2
    assert f"the labs are in none of {tmp_path / 'site' / 'tutorials'}" in capsys.readouterr().err
    share = tmp_path / "share" / "minifcn" / "tutorials"
    share.mkdir(parents=True)
    (share / "01_a.ipynb").write_text("{}")
    assert main(["tutorials", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "01_a.ipynb").read_text() == "{}"
