"""Cases are drawn once, the same for every implementation, and come back as they were."""

from __future__ import annotations

import subprocess
import sys
import warnings
from itertools import pairwise

import hypothesis
import numpy as np
import pytest

from minifcn.testing import LAWS, check, laws_about, ours
from minifcn.testing.cases import TOGETHER, _block, drawn
from minifcn.testing.strategies import keeping_default


def arrays(law, examples, seed):
    return [(case.x.tobytes(), case.weight.tobytes(), case.geometry) for case in drawn(law, examples, seed)]


LAW = LAWS["ones_count_taps"]


def test_the_same_seed_draws_the_same_and_more_begin_alike():
    few = arrays(LAW, 5, 3)
    many = arrays(LAW, TOGETHER + 5, 3)
    assert len(few) == 5 and len(many) == TOGETHER + 5
    assert many[:5] == few
    assert arrays(LAW, 5, 4)[1:] != few[1:]
    _block.cache_clear()
    assert arrays(LAW, 5, 3) == few, "it is drawn again alike"


def test_the_first_case_is_the_simplest_and_the_others_differ():
    first, *others = drawn(LAW, 15, 0)
    assert first.geometry.stride in ((1, 2), (2, 1), (1, 1)) and first.x.shape[:2] == (1, 1)
    assert len({(case.geometry, case.x.tobytes()) for case in others}) > 10
    assert any(a.geometry.groups != b.geometry.groups for a, b in pairwise(others))


def test_what_was_written_into_a_case_is_gone_when_it_comes_again():
    for case in drawn(LAW, 3, 0):
        case.x[...] = 77
    assert not any((case.x == 77).any() for case in drawn(LAW, 3, 0))


@pytest.mark.parametrize("name", LAWS)
def test_every_law_has_its_cases(name):
    assert len(list(drawn(LAWS[name], 4, 0))) == 4


def test_what_an_implementation_does_not_take_is_not_drawn():
    with keeping_default(["stride", "groups"], square=["padding"]):
        cases = list(drawn(LAW, 10, 0))
    assert {case.geometry.stride for case in cases} == {(1, 1)} and {case.geometry.groups for case in cases} == {1}
    assert all(case.geometry.padding[0] == case.geometry.padding[1] for case in cases)
    assert any(case.geometry.stride != (1, 1) for case in drawn(LAW, 10, 0))


def test_one_check_leaves_nothing_for_the_next():
    """Neither by what it wrote into its arguments, nor by what it was not given."""

    def scratches(x, weight):
        y = ours.conv2d(x, weight)
        if x.flags.writeable:
            x[...] = 0
        return y

    assert check(conv2d=ours.conv2d, examples=3)
    assert not check(conv2d=scratches, examples=3)
    assert check(conv2d=ours.conv2d, examples=3)


def test_nothing_of_the_readers_is_changed(tmp_path):
    """In a folder of their own: no file is left, and Hypothesis, warnings and NumPy are as they were."""
    script = (
        "import random, warnings, numpy as np, hypothesis\n"
        "from minifcn.testing import check, ours\n"
        "random.seed(1); np.random.seed(1)\n"
        "def state(): return (list(warnings.filters), np.geterr(), hypothesis.settings.default, random.getstate(),\n"
        "                     np.random.get_state()[1].tobytes(), np.get_printoptions())\n"
        "before = state()\n"
        "print(bool(check(conv2d=ours.conv2d, examples=3)), bool(check(conv2d=lambda x, w: x, examples=3)))\n"
        "print(state() == before)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False", "True"], told.stdout
    assert told.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_warnings_stay_as_they_are_here():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(conv2d=lambda x, w: ours.conv2d(x, w) / np.zeros(1), examples=2)
        assert caught == []
        warnings.warn("still heard", stacklevel=1)
    assert [str(one.message) for one in caught] == ["still heard"]
    assert hypothesis.settings.default is not None
    assert len(laws_about("conv2d")) > 20
