"""A release: every solution runs and gets all points, and one that does not is not given out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minifcn.cli import main
from minifcn.commands import lab_release
from minifcn.errors import FileError
from minifcn.labs.forms import Source, leaks, source_of, sources
from minifcn.labs.releasing import ReleaseError, files_of, release, run
from tests.labs.needing import needed

needed("nbclient", "nbformat", "ipykernel")

TEXT = source_of(1)


def changed(folder: Path, old: str, new: str) -> Source:
    text = TEXT.path.read_text(encoding="utf-8")
    assert old in text
    path = folder / TEXT.path.name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Source(path)


@pytest.mark.parametrize("source", sources().values(), ids=lambda source: source.name)
def test_a_release_has_all_forms_and_its_solutions_were_run(source: Source, tmp_path: Path) -> None:
    (told,) = release(tmp_path / "out", [source])
    assert told == f"{source.title}: the solution runs and gets 90 of 90 points; no line of it leaks."
    number, name = source.number, source.name
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert made == {
        f"release/lab{number}/{name}.ipynb",
        f"release/lab{number}-plain/{name}.py",
        f"release/lab{number}-plain/test_lab{number}.py",
        f"solution/lab{number}/{name}.ipynb",
        f"solution/lab{number}/{name}.py",
        f"solution/lab{number}/reference_lab{number}.py",
        f"course/source/lab{number}/lab{number}.ipynb",
        "course/nbgrader_config.py",
    }
    given = [path.read_text(encoding="utf-8") for path in (tmp_path / "out" / "release").rglob("*") if path.is_file()]
    assert leaks(given, source) == set()
    solution = json.loads((tmp_path / "out" / f"solution/lab{number}/{name}.ipynb").read_text(encoding="utf-8"))
    shown = json.dumps([cell.get("outputs") for cell in solution["cells"]], ensure_ascii=False)
    assert "90 of 90 points" in shown and '"output_type": "error"' not in shown


def test_a_solution_that_is_wrong_is_not_given_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = changed(tmp_path, "+ bias.reshape(O, 1)", "- bias.reshape(O, 1)")
    monkeypatch.setattr(lab_release, "sources", lambda: {1: wrong})
    assert main(["lab", "release", str(tmp_path / "out")]) == 1
    out = capsys.readouterr().out
    assert out.startswith("lab 1: the solution gets ") and "(output_size 18 of 18, im2col 26 of 26" in out
    assert not (tmp_path / "out").exists()


def test_a_notebook_that_does_not_run_is_said() -> None:
    with pytest.raises(ReleaseError, match=r"small.ipynb, the solution, does not run: ZeroDivisionError: division"):
        run(TEXT.notebook(solved=True).replace("lab = session(1)", "lab = 1 / 0"), "small")


def test_a_line_of_a_solution_that_is_told_is_said(tmp_path: Path) -> None:
    line = "OH, OW = output_size(H, KH, sh, ph, dh), output_size(W, KW, sw, pw, dw)"
    told = changed(tmp_path, "# A convolution slides", f"# `{line}`\n# A convolution slides")
    with pytest.raises(ReleaseError, match="has lines of the solution: OH, OW = output_size"):
        files_of(told)


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(FileError, match="not empty; name a folder that is not there yet"):
        list(release(tmp_path, [TEXT]))
