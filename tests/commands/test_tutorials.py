"""`minifcn tutorials` copies the lessons, and never over what a reader wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from minifcn.cli import main
from minifcn.commands import tutorials


def test_the_lessons_are_copied_and_a_second_time_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "lessons"
    assert main(["tutorials", str(folder)]) == 0
    names = {path.name for path in folder.iterdir()}
    assert {"claims.md", "misconceptions.md", "stamps.gif"} < names
    lessons = sorted(name for name in names if name.endswith(".ipynb"))
    assert [name[:2] for name in lessons] == [f"{number:02}" for number in range(1, 13)]
    for name in names:
        assert (folder / name).read_bytes() == (tutorials.lessons() / name).read_bytes()
    out = capsys.readouterr().out
    assert f"{len(names)} files copied" in out and f'jupyter lab "{folder}"' in out
    assert main(["tutorials", str(folder)]) == 0
    assert f"0 files copied to {folder}, {len(names)} were there already" in capsys.readouterr().out


def test_what_the_reader_wrote_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = sorted(tutorials.lessons().glob("01_*.ipynb"))[0].name
    (tmp_path / first).write_text("mine")
    assert main(["tutorials", str(tmp_path)]) == 0
    assert (tmp_path / first).read_text() == "mine"
    out = capsys.readouterr().out
    assert f"{first}: yours is another and is kept" in out and "1 kept" in out


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["tutorials", str(tmp_path / "taken")]) == 2
    assert "taken: File exists" in capsys.readouterr().err
    assert main(["tutorials", str(tutorials.lessons())]) == 2
    assert "is where the lessons lie" in capsys.readouterr().err
