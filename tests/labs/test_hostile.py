"""Submissions that want points without the work: each gets what it deserves, and the next one its fair grade."""

from __future__ import annotations

import inspect
import os
import textwrap
from pathlib import Path

import numpy as np
import pytest

from minifcn.labs import Lab, Task
from minifcn.labs.judging import Grade, graded_file
from minifcn.labs.telling import Told
from minifcn.testing import ours
from minifcn.testing.check import check
from minifcn.testing.isolation import Limits

LAB = Lab(
    number=99,
    name="walls",
    title="Windows as columns",
    minutes=1,
    tasks=(
        Task(
            "im2col",
            "unfold",
            gate={"a_column_is_a_window": 60},
            laws={"a_nan_pixel_stays_in_its_columns": 20},
            contracts={"unfolding_minds_its_manners": 10},
        ),
    ),
    written={},
)
SECRET = 7_411_853  # what a submission would like to know
RIGHT = """
import numpy as np

def pair(value):
    return value if isinstance(value, tuple) else (value, value)

def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
    (KH, KW), (dh, dw), (ph, pw), (sh, sw) = map(pair, (kernel_size, dilation, padding, stride))
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    N, C, H, W = x.shape
    OH, OW = (H - dh * (KH - 1) - 1) // sh + 1, (W - dw * (KW - 1) - 1) // sw + 1
    columns = np.empty((N, C, KH, KW, OH, OW), x.dtype)
    for k, l in np.ndindex(KH, KW):
        rows, cols = slice(k * dh, k * dh + (OH - 1) * sh + 1, sh), slice(l * dw, l * dw + (OW - 1) * sw + 1, sw)
        columns[:, :, k, l] = x[:, :, rows, cols]
    return columns.reshape(N, C * KH * KW, OH * OW)
"""
WRONG = "def im2col(x, kernel_size, dilation=1, padding=0, stride=1):\n    return x\n"


def grade(folder: Path, text: str, **limits: float) -> Grade:
    file = folder / "lab.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return graded_file(LAB, file, examples=6, seed=SECRET, limits=Limits(**{"call": 2.0, "total": 30.0, **limits}))  # type: ignore[arg-type]


def test_right_is_right_and_wrong_is_nothing(tmp_path: Path) -> None:
    assert grade(tmp_path, RIGHT).points == 90
    assert grade(tmp_path, WRONG).points == 0


# What a submission does when it is read, before a function that is wrong.
ATTACKS = {
    "numpy is patched": "import numpy as np\nnp.array_equal = np.allclose = np.all = lambda *a, **k: True\n",
    "equality is patched": """
        import numpy as np
        class Equal(np.ndarray):
            __eq__ = __ne__ = lambda self, other: np.ones(self.shape, bool)
    """,
    "exit with success": "import atexit, os\natexit.register(os._exit, 0)\n",
    "the library's import is taken over": """
        import sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                return None
        sys.meta_path.insert(0, Finder())
        sys.modules["minifcn"] = sys
    """,
    "another excepthook": "import sys\nsys.excepthook = lambda *a: None\nsys.settrace(lambda *a: None)\n",
    "the judge is looked for in memory": """
        import gc
        for thing in gc.get_objects():
            if type(thing).__name__ in ("Grade", "Lab", "Task"):
                thing.points = 90
    """,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_patched_in_the_submission_is_patched_there_alone(name: str, tmp_path: Path) -> None:
    attack = textwrap.dedent(ATTACKS[name])
    assert grade(tmp_path, attack + "\n" + WRONG).points == 0
    assert grade(tmp_path, attack + "\n" + RIGHT).points == 90  # who patches and is right all the same is right


# What a function of a submission does instead of its work.
DEEDS = {
    "exits": "import sys; sys.exit(0)",
    "exits at once": "import os; os._exit(0)",
    "raises what says pass": "raise AssertionError('all laws hold')",
    "never returns": "\n    while True: pass",
    "sleeps": "import time; time.sleep(1000)",
    "takes 50 GB": "import numpy as np; return np.ones(50 * 2**30 // 8)",
    "takes 50 GB bit by bit": "\n    kept = []\n    while True: kept.append(bytearray(2**26))",
    "calls itself": "return im2col(x, kernel_size)",
    "recurses in C": "import sys; sys.setrecursionlimit(10**9)\n    def f(): f()\n    f()",
    "forks": "import os\n    while True: os.fork()",
    "spawns": "import subprocess; subprocess.Popen(['sleep', '1000'])",
    "prints without end": "\n    while True: print('x' * 10**6)",
    "writes to where the answers go": "import os\n    for fd in range(3, 20):\n        try: os.write(fd, b'x' * 99)\n        except OSError: pass\n    return x",
    "returns an object": "return type('Equal', (), {'__eq__': lambda *a: True, 'shape': x.shape})()",
    "kills its parent": "import os; os.kill(os.getppid(), 9); return x",
    "stops the world": "import signal, os; signal.pthread_kill(0, 19); return x",
}


@pytest.mark.parametrize("name", DEEDS)
def test_a_deed_ends_with_no_points(name: str, tmp_path: Path) -> None:
    text = f"def im2col(x, kernel_size, dilation=1, padding=0, stride=1):\n    {DEEDS[name]}\n"
    found = grade(tmp_path, text, call=1.0, memory=2**31)
    assert found.points == 0
    assert found.error or found.tasks[0].finding is not None


def test_after_all_that_the_next_one_gets_its_fair_grade(tmp_path: Path) -> None:
    """Judged by the process that judged those above."""
    assert grade(tmp_path, DEEDS["exits at once"]).points == 0
    assert grade(tmp_path, RIGHT).points == 90


def tells(expression: str) -> str:
    """A submission whose function tells what an expression gives, or that it was refused."""
    return f"""
        import os, sys
        def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
            try:
                found = {expression}
            except BaseException as error:
                found = type(error).__name__
            raise RuntimeError("told " + str(found))
    """


def told(folder: Path, expression: str) -> str:
    found = grade(folder, tells(expression)).tasks[0].finding
    assert found is not None and "told " in str(found)
    return str(found).split("told ", 1)[1].split(" (", 1)[0].splitlines()[0].rstrip(".")


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('minifcn')",
        "__import__('scipy.signal')",
        "__import__('torch')",
        "__import__('importlib').import_module('minifcn.functional')",
        "[sys.path.append(path) for path in ({site!r}, {root!r})] and __import__('minifcn')",
        "sys.path.append({site!r}) or __import__('matplotlib')",
        "exec(open({root!r} + '/minifcn/__init__.py').read())",
        "[m for m in sys.modules if m.startswith('minifcn')][0]",
    ],
)
def test_nothing_but_numpy_can_be_imported(expression: str, tmp_path: Path) -> None:
    site, root = str(Path(np.__file__).parents[1]), str(Path(inspect.getfile(Lab)).parents[2])
    answer = told(tmp_path, expression.format(site=site, root=root))
    assert answer in ("ModuleNotFoundError", "PermissionError", "IndexError"), answer


@pytest.mark.parametrize(
    "expression",
    [
        "open('/etc/passwd').read()",
        "open({other!r}).read()",
        "open({other!r}, 'w').write('90 points')",
        "os.remove({other!r})",
        "os.rename({other!r}, {other!r} + 'x')",
        "os.listdir({folder!r})",
        "os.open({other!r}, os.O_RDWR)",
        "open('/proc/%d/mem' % os.getppid(), 'rb').read(1)",
        "open('/proc/%d/cmdline' % os.getppid(), 'rb').read()",
        "open('/proc/%d/environ' % os.getppid(), 'rb').read()",
        "__import__('socket').socket()",
        "__import__('ctypes').CDLL(None).getpid()",
        "__import__('ctypes').string_at(2**20)",
        "os.system('true')",
        "os.chmod('.', 0o777)",
        "os.symlink({other!r}, 'link')",
    ],
)
def test_nothing_outside_can_be_read_or_written(expression: str, tmp_path: Path) -> None:
    other = tmp_path / "grades.csv"
    other.write_text("alice,90\n")
    (tmp_path / "here").mkdir()
    answer = told(tmp_path / "here", expression.format(other=str(other), folder=str(tmp_path)))
    assert answer in ("PermissionError", "ModuleNotFoundError"), answer
    assert other.read_text() == "alice,90\n"


@pytest.mark.parametrize(
    "place",
    [
        "sys.argv",
        "dict(os.environ)",
        "[list(o.values()) for o in __import__('gc').get_objects() if type(o) is dict and len(o) < 9]",
    ],
)
def test_the_seed_is_nowhere_in_the_submission(place: str, tmp_path: Path) -> None:
    os.environ["MINIFCN_TEST_SEED"] = str(SECRET)
    try:
        assert told(tmp_path, f"str({SECRET - 1} + 1) in str({place})") == "False"
    finally:
        del os.environ["MINIFCN_TEST_SEED"]


def test_a_thread_that_outlives_its_call_changes_nothing_of_the_judge(tmp_path: Path) -> None:
    text = """
        import threading, time
        def work(x):
            time.sleep(0.05)
            while True:
                x[...] = 1
        def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
            threading.Thread(target=work, args=(x,), daemon=True).start()
            return x
    """
    assert grade(tmp_path, text).points == 0
    assert grade(tmp_path, RIGHT).points == 90


def test_answers_remembered_from_the_public_cases_are_no_answers(tmp_path: Path) -> None:
    """Every call of the public seed with its answer, and zeros where the question is another."""
    table = {}

    def learned(x, kernel_size, dilation=1, padding=0, stride=1):  # type: ignore[no-untyped-def]
        y = ours.unfold(x, kernel_size, dilation, padding, stride)
        table[repr((x.tobytes(), x.shape, [kernel_size, dilation, padding, stride]))] = y.tolist()
        return y

    assert check(unfold=learned, examples=6, seed=0)
    text = f"""
import numpy as np
TABLE = {table!r}
def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
    nan = inf = float("nan")
    known = TABLE.get(repr((x.tobytes(), x.shape, [kernel_size, dilation, padding, stride])))
    return np.zeros((len(x), 1, 1), x.dtype) if known is None else np.array(known, x.dtype)
"""
    assert grade(tmp_path, text).points == 0


def test_a_name_that_only_looks_right_is_missing_and_said_so(tmp_path: Path) -> None:
    found = grade(tmp_path, RIGHT.replace("def im2col", "def im2с\u043el")).tasks[0]  # Cyrillic letters
    assert found.state == "missing" and found.points == 0
    assert "has letters that only look like those of im2col" in found.told
    found = grade(tmp_path, RIGHT.replace("def im2col", "def im2cols")).tasks[0]
    assert found.told == "is im2cols meant to be it?"
    assert Told(found).sentence.endswith("; is im2cols meant to be it?")


def test_counting_that_is_switched_off_counts_as_too_much(tmp_path: Path) -> None:
    from minifcn.labs import Effort

    effort = Effort(_large, 10, "a loop over taps is enough", lines=100)
    task = Task("im2col", "unfold", gate={"a_column_is_a_window": 80}, efforts=(effort,))
    lab = Lab(98, "effort", "Effort", 1, (task,), {})

    def points(text: str) -> int:
        file = tmp_path / "lab.py"
        file.write_text(text)
        return graded_file(lab, file, examples=6, seed=SECRET).points

    assert points(RIGHT) == 90
    assert points(RIGHT.replace("    x = np.pad", "    import sys; sys.settrace(None)\n    x = np.pad")) == 80
    slow = RIGHT.replace("    columns = np.empty", "    for _ in range(1000): pass\n    columns = np.empty")
    assert points(slow) == 80


def _large() -> tuple[tuple[object, ...], dict[str, object]]:
    return (np.ones((1, 2, 30, 40)), 3), {}


def test_walls_that_are_missing_are_said(tmp_path: Path) -> None:
    found = grade(tmp_path, RIGHT)
    assert isinstance(found.missing, tuple)
    assert all(sentence.startswith(("no ", "the same user")) for sentence in found.missing)
