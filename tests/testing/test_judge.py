"""A file is judged in a process of its own: whatever it does, there is a verdict, and no forged one."""

from __future__ import annotations

import json
from textwrap import dedent

import numpy as np
import pytest

from minifcn.errors import ArgumentError, FileError
from minifcn.testing import check_file
from minifcn.testing.isolation import Isolated, Limits
from minifcn.testing.law import Ended
from minifcn.testing.operations import Operations


@pytest.fixture
def isolated(tmp_path):
    """A function of a file's text: its functions, in the process that the test then ends."""
    opened = []

    def start(text, **limits):
        file = tmp_path / "theirs.py"
        file.write_text(dedent(text), encoding="utf-8")
        opened.append(Isolated(file, Operations.names(), Limits(**limits)))
        return opened[-1].__enter__().functions

    yield start
    for one in opened:
        one.__exit__()


def test_results_errors_and_arguments_cross_over(isolated):
    functions = isolated(
        """
        import numpy as np
        def conv2d(x, weight, stride=1):
            x *= 2
            return x[:, :, ::stride]
        def max_pool2d(x, *options):
            return {"y": (x.sum(), [None, {1}])}
        def crop(x, size):
            raise LookupError("nothing")
        """
    )
    assert set(functions) == {"conv2d", "crop", "max_pool2d"}
    x = np.arange(6.0).reshape(1, 1, 3, 2)[:, :, :, ::-1]
    y = functions["conv2d"](x, None, stride=2)
    np.testing.assert_array_equal(x[0, 0], 2 * np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 4.0]]))
    np.testing.assert_array_equal(y, x[:, :, ::2])
    assert np.shares_memory(x, y)
    total, rest = functions["max_pool2d"](x)["y"]
    assert total == x.sum() and rest[0] is None and repr(rest[1]) == "<a set>"
    with pytest.raises(Exception, match="LookupError: nothing") as caught:
        functions["crop"](x, (1, 1))
    assert caught.value.place == 'theirs.py, line 9, in crop: raise LookupError("nothing")'


def test_a_read_only_argument_is_read_only_there(isolated):
    functions = isolated("def conv2d(x, weight):\n    x *= 2\n    return x\n")
    x = np.ones(3)
    x.flags.writeable = False
    with pytest.raises(Exception, match="read-only"):
        functions["conv2d"](x, x)


def test_functions_of_variables_cross_over(isolated):
    functions = isolated("from minifcn.testing.ours import backward, hessian_vector\n")
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    found = functions["backward"]([lambda a, b: (a * b + a).sum()], [a, b])
    np.testing.assert_array_equal(found[0], b + 1)
    np.testing.assert_array_equal(functions["hessian_vector"](lambda x: (x**3).sum(), a, b), 6 * a * b)


def test_one_that_is_gone_is_started_again(isolated):
    functions = isolated("import os\ndef conv2d(x, weight):\n    if x is None: os._exit(3)\n    return x\n")
    with pytest.raises(Ended, match="ended the process with status 3, as os._exit does"):
        functions["conv2d"](None, 1)
    assert functions["conv2d"](2, 1) == 2


def test_all_calls_together_have_a_limit(isolated):
    functions = isolated("import time\ndef conv2d(x, weight):\n    time.sleep(x)\n    return x\n", total=2)
    with pytest.raises(Ended, match=r"^(did not return within [\d.]+ s|was not through after 2 s in all its calls)"):
        for _ in range(9):
            functions["conv2d"](0.6, 2)
    limits = Limits(total=0.0)
    with pytest.raises(FileError, match="while it was read, it was not through after 0 s in all its calls"):
        Isolated(__file__, (), limits).__enter__()


def test_what_is_not_there_and_what_has_no_function(tmp_path):
    with pytest.raises(FileError, match="lost.py is not a Python file that can be read; pass the path of one"):
        check_file(tmp_path / "lost.py")
    empty = tmp_path / "empty.py"
    empty.write_text("def convolve(): pass\n")
    with pytest.raises(
        ArgumentError,
        match=r"empty.py has no function of an operation's name \(there is convolve\); name it one of conv2d, ",
    ):
        check_file(empty)


def test_the_folder_of_the_file_is_on_its_path_and_the_laws_are_not(tmp_path):
    (tmp_path / "helper_of_mine.py").write_text("size = 1, 1\n")
    file = tmp_path / "mine.py"
    file.write_text("import helper_of_mine, importlib.util as u\nassert not u.find_spec('mutants')\n"
                    "def conv_output_size(size, kernel_size):\n    return helper_of_mine.size\n")  # fmt: skip
    found = check_file(file, examples=2)
    assert not found
    assert json.loads(json.dumps(found.to_json()))["operations"][0]["counterexample"]["gave"] == [1, 1]
