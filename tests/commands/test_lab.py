"""`minifcn lab`: its actions, and what it says of a wrong one; `minifcn lab start`, which keeps what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minifcn.cli import main
from minifcn.commands import lab_start
from minifcn.labs.forms import Source, source_of


def test_a_lab_is_a_notebook_unless_a_plain_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "start", "1"]) == 0
    assert (tmp_path / "lab1" / "lab1_im2col.ipynb").read_text(encoding="utf-8") == source_of(1).notebook()
    out = capsys.readouterr().out
    assert out.startswith("Lab 1: Windows as columns\n") and "jupyter lab" in out and "--plain" in out
    assert "It may use" not in out
    assert main(["lab", "start", "2"]) == 0
    assert "It may use what you wrote in lab 1; without that, see --reference" in capsys.readouterr().out
    assert main(["lab", "start", "1", "mine", "--plain"]) == 0
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["lab1_im2col.py", "test_lab1.py"]
    assert (tmp_path / "mine" / "lab1_im2col.py").read_text(encoding="utf-8") == source_of(1).python()
    assert 'minifcn lab check 1 "mine/lab1_im2col.py"' in capsys.readouterr().out


def test_a_lab_begins_without_what_checks_it(tmp_path: Path) -> None:
    """In an installation without extras: only to check and to grade needs Hypothesis."""
    program = "import sys; sys.modules['hypothesis'] = None; from minifcn.cli import main; sys.exit(main(sys.argv[1:]))"
    for number in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program, "lab", "start", number, str(tmp_path / number)],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ("It may use what you wrote in lab 1" in done.stdout) is (number == "2")


def test_what_the_student_wrote_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "start", "1", str(tmp_path), "--plain"]) == 0
    (tmp_path / "lab1_im2col.py").write_text("mine")
    capsys.readouterr()
    assert main(["lab", "start", "1", str(tmp_path), "--plain"]) == 0
    out = capsys.readouterr().out
    assert (tmp_path / "lab1_im2col.py").read_text() == "mine"
    assert "lab1_im2col.py is yours and is kept" in out and "test_lab1.py was there already" in out


def test_the_reference_of_an_earlier_lab_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "lab2_later.py"
    later.write_text(source_of(1).path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(lab_start, "source_of", lambda number: {1: source_of(1), 2: Source(later)}[number])
    assert main(["lab", "start", "2", str(tmp_path / "mine"), "--reference", "1"]) == 0
    names: dict[str, object] = {}
    exec((tmp_path / "mine" / "reference_lab1.py").read_text(encoding="utf-8"), names)
    assert callable(names["output_size"])
    assert "from reference_lab1 import" in capsys.readouterr().out
    assert main(["lab", "start", "1", str(tmp_path / "no"), "--reference", "1"]) == 2
    assert "lab 1 does not build on lab 1; --reference takes an earlier one." in capsys.readouterr().err
    assert not (tmp_path / "no").exists(), "the solution is not given away by a slip"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lab", "the following arguments are required: action"),
        ("lab strat 1", "did you mean start?"),
        ("lab start 1 --plian", "--plian is not known, did you mean --plain?"),
        ("lab start one", "'one' is not the number of a lab; write 1 for the first"),
        ("lab start 1 --plain --notebook", "not allowed with"),
    ],
)
def test_a_wrong_line_is_one_sentence(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(line.split())
    err = capsys.readouterr().err
    assert err.startswith("usage: minifcn lab") and said in err.splitlines()[-1]


def test_a_lab_that_is_not_there_and_a_folder_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "start", "9", str(tmp_path / "x")]) == 2
    assert "minifcn lab: there is no lab 9; the labs are 1" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    (tmp_path / "taken").write_text("")
    assert main(["lab", "start", "1", str(tmp_path / "taken")]) == 2
    assert "taken: File exists" in capsys.readouterr().err


def test_of_two_files_the_one_that_was_saved_last_is_checked_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for form in ("--plain", "--notebook"):
        assert main(["lab", "start", "4", form]) == 0
    os.utime(tmp_path / "lab4" / "lab4_pooling.py", (1, 1))
    capsys.readouterr()
    assert main(["lab", "check", "4", "--task", "crop_like"]) == 1
    out = capsys.readouterr().out
    notebook, plain = Path("lab4/lab4_pooling.ipynb"), Path("lab4/lab4_pooling.py")
    assert f"{notebook} is checked, which was saved last, and not {plain}; to check another, pass its path." in out
    assert "Left out" not in out and "crop_like is not written yet" in out
