"""`minifcn figures` writes every picture there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from minifcn.cli import main
from minifcn.commands import figures
from minifcn.plot.collection import PICTURES
from minifcn.plot.frames import Frames


def test_every_picture_can_be_drawn() -> None:
    moving = {name for name, make in PICTURES.items() if isinstance(make(), Frames)}
    assert set(PICTURES) - moving == {"coverage", "coverage-even", "graph", "alignment-32s"}


def test_pictures_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {name: PICTURES[name] for name in ("stamps", "coverage")}
    monkeypatch.setattr(figures, "PICTURES", few)
    assert main(["figures", str(tmp_path / "new" / "folder")]) == 0
    written = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert written == ["coverage.png", "stamps.gif", "stamps.html", "stamps.png"]
    assert "stamps, 5 frames" in capsys.readouterr().out


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["figures", str(tmp_path / "taken")]) == 2
    assert "taken: File exists" in capsys.readouterr().err
