"""C3, C4 and C7: `python -m minifcn.testing check FILE`, whatever the file does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minifcn
from minifcn.testing import laws_about
from minifcn.testing.__main__ import main
from tests.real_use.students import unwrapped

QUICK = ["--examples", "2", "--timeout", "2", "--memory", "1500"]
PATIENT = ["--timeout", "30"]  # for a file that imports minifcn, on a busy machine


@pytest.fixture
def checked(tmp_path, capfd):
    """Check a file of this text; returns the exit status and what was printed."""

    def run(text, *options):
        file = tmp_path / "student.py"
        file.write_text(text, encoding="utf-8")
        status = main(["check", str(file), *QUICK, *options])
        printed = capfd.readouterr()
        out = printed.out if "--json" in options else unwrapped(printed.out)
        return status, out + printed.err

    return run


SIZE = "def conv_output_size(size, kernel_size):\n"


# --- C3 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import sys; sys.exit(0)", "In every call conv_output_size raises SystemExit: 0 (student.py, line 2, in conv_outp"),
        ("import os; os._exit(0)", "conv_output_size ended the process with status 0, as os._exit does."),
        ("import os; os._exit(3)", "conv_output_size ended the process with status 3, as os._exit does."),
        ("import os; os.kill(os.getpid(), 9)", "conv_output_size killed its process with SIGKILL"),
        ("import os; os.write(4, b'pass' * 99)", "conv_output_size wrote into the pipe that its answers"),
        ("raise KeyboardInterrupt", "In every call conv_output_size raises KeyboardInterrupt (student.py, line 2, in conv_"),
        ("return input()", "In every call conv_output_size raises EOFError: EOF when reading a line (student.py, line 2, "),
        ("import ctypes; ctypes.string_at(0)", "conv_output_size killed its process with SIGSEGV"),
    ],
)  # fmt: skip
def test_c3_an_exit_is_no_pass(checked, body, sentence):
    status, printed = checked(f"{SIZE}    {body}\n")
    assert status == 1
    assert printed.startswith(sentence), printed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys\nsys.exit(0)\n", "cannot be run, it raised SystemExit: 0 (student.py, line 2: sys.exit(0)). Put what should"),
        ("import os\nos._exit(0)\n", "cannot be checked: while it was read, it ended the process with status 0, as os._exit"),
        ("x = 1\n1 / 0\n", "cannot be run, it raised ZeroDivisionError: division by zero (student.py, line 2: 1 / 0)."),
        ("def f(x)\n    return x\n", "cannot be run, it raised SyntaxError: expected ':' (student.py, line 1: def f(x))."),
    ],
)  # fmt: skip
def test_c3_a_file_that_does_not_load_is_an_error_even_where_it_exits_with_0(checked, text, sentence):
    status, printed = checked(text + SIZE + "    return 1, 1\n")
    assert status == 2
    assert sentence in printed
    assert len(printed.splitlines()) == 1


def test_c3_a_patched_numpy_changes_nothing_here(checked):
    patched = (
        "import numpy as np\nnp.array_equal = np.allclose = lambda *a, **k: True\nnp.asarray = lambda a, *b, **k: a\n"
    )
    status, printed = checked(f"{patched}{SIZE}    return 1, 1\n")
    assert status == 1
    assert (
        printed.startswith("conv_output_size((2, 1), (1, 1)) gave 1 for number 1, it should give 2.")
        or "should" in printed
    )


def test_c3_what_is_printed_is_shown_shortened(checked):
    status, printed = checked(f"{SIZE}    print('looking', size * 999)\n    return 1, 1\n")
    assert status == 1
    last = printed.splitlines()[-1]
    assert last.startswith("student.py printed ") and "they begin: looking " in last
    assert len(last) < 300


def test_c3_a_right_file_passes(checked):
    status, printed = checked("from minifcn.testing.ours import conv_output_size\n", *PATIENT)
    laws = len(laws_about("conv_output_size"))
    assert (status, printed) == (0, f"conv_output_size: all {laws} laws hold.\n")


# --- C4 ---------------------------------------------------------------------------------------------------------------


def test_c4_a_function_that_never_ends_is_ended_and_its_line_told(checked):
    status, printed = checked(
        f"{SIZE}    i = 0\n    while i < 3:\n        print('still', i)\n    return i, i\n", "--timeout", "1"
    )
    assert status == 1
    cause, call, *_ = printed.split("\n\n")
    assert cause.startswith("conv_output_size did not return within 1 s (student.py, line ")
    assert call.startswith("It was called as conv_output_size((")


def test_c4_a_file_that_never_ends_is_ended(checked):
    status, printed = checked(f"while True:\n    pass\n{SIZE}    return 1, 1\n", "--timeout", "1")
    assert status == 2
    assert "while it was read, it did not return within 1 s (student.py, line " in printed


def test_c4_everything_together_ends_in_time(checked):
    status, printed = checked(f"import time\n{SIZE}    time.sleep(0.3)\n    return 1, 1\n", "--total", "1")
    assert status == 1
    assert (
        printed.startswith("conv_output_size did not return within ") or "was not through after 1 s in all" in printed
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit")
def test_c4_memory_has_a_limit(checked):
    status, printed = checked(
        f"kept = []\n{SIZE}    while True:\n        kept.append(bytearray(2**31))\n", "--timeout", "20"
    )
    assert status == 1
    assert printed.startswith(
        "In every call conv_output_size raises MemoryError (student.py, line 4, in conv_output_size"
    )


def test_c3_a_name_that_no_law_knows_is_said_and_not_passed_over(checked):
    status, printed = checked(
        "from minifcn.testing.ours_places import conv_output_size\n"
        "def maxpool2d(x, k): return x\ndef softmax(x): return x\ndef _helper(x): return x\n",
        *PATIENT,
    )
    assert status == 0 and printed.rstrip().endswith(
        "Not checked, as no law has such a name: maxpool2d (is max_pool2d meant?), softmax."
    )
    status, printed = checked("from math import sqrt\ndef conv_2d(x, weight): return x\n")
    assert status == 2
    assert (
        "has no function of an operation's name (there is conv_2d (is conv2d meant?)); name it one of conv2d, "
        in printed
    )


# --- a grader's view --------------------------------------------------------------------------------------------------


def test_c3_json_stands_alone_and_says_all(checked):
    text = "print('hello')\ndef conv_output_size(size, kernel_size, stride=1):\n    return 1, float('nan')\n"
    status, printed = checked(text, "--json")
    found = json.loads(printed)
    assert status == 1
    assert list(found) == ["version", "file", "verdict", "error", "seconds", "printed", "unchecked", "operations"]
    assert (found["version"], found["verdict"], found["error"]) == (1, "fail", None)
    assert found["printed"] == {"characters": 6, "begins": "hello"}
    (one,) = found["operations"]
    assert set(one) == {"name", "verdict", "sentence", "finished", "laws", "counterexample", "mistakes", "missing", "notes",
                        "excused", "unwritten", "seconds"}  # fmt: skip
    assert one["name"] == "conv_output_size" and one["verdict"] == "fail"
    assert one["missing"] == ["padding", "dilation"]
    assert "nan" in json.dumps(one["counterexample"]["gave"])

    status, printed = checked("1 / 0\n", "--json")
    assert status == 2
    found = json.loads(printed.partition("minifcn.testing:")[0])
    assert (found["verdict"], found["operations"]) == ("error", [])
    assert "ZeroDivisionError" in found["error"]

    status, printed = checked("from minifcn.testing.ours import receptive_field\n", "--json", *PATIENT)
    assert (status, json.loads(printed)["verdict"]) == (0, "pass")


def test_c3_a_function_that_was_not_finished_fails(checked):
    status, printed = checked(
        f"import os\n{SIZE}    os._exit(0)\ndef receptive_field(layers):\n    return 1\n", "--json"
    )
    assert status == 1
    unfinished, other = json.loads(printed)["operations"]
    assert (unfinished["verdict"], unfinished["finished"]) == ("fail", False)
    assert other["finished"] and other["verdict"] == "fail"


# --- C7 ---------------------------------------------------------------------------------------------------------------


def python(folder, *arguments, first=""):
    root = str(Path(minifcn.__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [first, root]))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


def test_c7_laws_keep_their_words_without_docstrings(tmp_path):
    (tmp_path / "mine.py").write_text(f"{SIZE}    return 1, 1\n")
    answer = python(tmp_path, "-OO", "-m", "minifcn.testing", "check", "mine.py", *QUICK)
    assert answer.returncode == 1, answer.stderr
    assert "That breaks the law " in answer.stdout
    assert answer.stderr == ""
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["mine.py"], (
        "nothing is left there"
    )


def test_c7_without_hypothesis_one_sentence_says_what_to_install(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['hypothesis'] = None\n")
    answer = python(tmp_path, "-m", "minifcn.testing", "check", "mine.py", first=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert (
        answer.stderr == 'minifcn.testing needs Hypothesis, which is not installed; pip install "minifcn[testing]".\n'
    )
