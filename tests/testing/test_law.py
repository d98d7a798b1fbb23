"""What a law says when it is broken, and how the smallest case is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from minifcn.errors import ArgumentError
from minifcn.testing import LAWS, Law, LawBroken, Operations, close, demand, equal, law, refuses
from minifcn.testing.law import NotApplicable

RIGHT = Operations()


def small(limit):
    """conv2d(x, ...) is the number x: a law about numbers below a limit, for want of a simpler operation."""

    def body(ops, number):
        demand(ops.conv2d(number) < limit, f"{number} is not below {limit}.")

    return Law("small", "Numbers are small.", "x < limit", ("conv2d",), lambda: st.integers(0, 1000), body)


def test_the_counterexample_is_the_smallest_one():
    found = small(37).falsify(Operations(conv2d=lambda x: x))
    assert found is not None
    assert found.case == 37
    assert str(found) == (
        "A law of conv2d does not hold: Numbers are small.\n"
        "    x < limit\n"
        "The smallest case found: 37\n"
        "37 is not below 37."
    )
    quick = small(37).falsify(Operations(conv2d=lambda x: x), smallest=False)
    assert quick is not None
    assert quick.case >= 37


def test_a_law_that_holds_has_no_counterexample():
    assert small(1001).falsify(Operations(conv2d=lambda x: x)) is None


def test_the_same_seed_draws_the_same_cases():
    def drawn(seed):
        cases = []
        small(1001).falsify(Operations(conv2d=lambda x: cases.append(x) or x), seed=seed)
        return cases

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_an_exception_breaks_a_law():
    def failing(x):
        raise KeyError("lost")

    found = small(5).falsify(Operations(conv2d=failing))
    assert found is not None
    assert found.found == "It raised KeyError: 'lost'"

    def silent(x):
        raise NotImplementedError

    found = small(5).falsify(Operations(conv2d=silent))
    assert found is not None
    assert found.found == "It raised NotImplementedError."


def test_a_result_that_changes_is_told_apart():
    calls = []

    def fickle(x):
        calls.append(x)
        return 1000 if len(calls) == 1 else 0

    found = small(5).falsify(Operations(conv2d=fickle), smallest=False)
    assert found is not None
    assert found.found == "It failed once and held when tried again: the result is not repeatable."


def test_a_law_without_a_case_to_try_says_so():
    def partial(x):
        raise NotApplicable("conv2d takes no x")

    with pytest.raises(NotApplicable, match="no case of small could be tried"):
        small(5).falsify(Operations(conv2d=partial))


# --- comparing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: equal(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [5.0, 6.0]])),
            "Element [1, 0] of the result is 3.0, it should be 5.0; 2 of 4 are wrong.",
        ),
        (lambda: equal(np.zeros((2, 1)), np.zeros((1, 2))), "The result has shape (2, 1), it should have (1, 2)."),
        (lambda: equal(1, 2, "the sum"), "The sum is 1, it should be 2; 1 of 1 are wrong."),
        (lambda: equal([np.nan], [0.0]), "Element [0] of the result is nan, it should be 0.0; 1 of 1 are wrong."),
        (
            lambda: close([1.0, 2.1], [1.0, 2.0], atol=0.01, rtol=0.02),
            "Element [1] of the result is 2.1, it should be 2.0 (to within 0.01 + 0.02 of it); 1 of 2 are wrong.",
        ),
        (lambda: close([np.nan], [1.0]), "Element [0] of the result is nan"),
        (lambda: close([np.inf], [-np.inf]), "Element [0] of the result is inf, it should be -inf"),
        (lambda: demand(False, "It is not so."), "It is not so."),
        (lambda: refuses(lambda: 7, "A wrong label"), "A wrong label must be refused with an error, but gave 7."),
    ],
)
def test_a_broken_law_says_what_and_where(call, sentence):
    with pytest.raises(LawBroken) as caught:
        call()
    assert str(caught.value).startswith(sentence)


def test_what_agrees_is_accepted():
    equal([1, np.nan, np.inf], [1.0, np.nan, np.inf])
    equal(np.zeros((0, 3)), np.zeros((0, 3)))
    close([1.0 + 1e-12, np.nan, np.inf, -np.inf], [1.0, np.nan, np.inf, -np.inf])
    demand(True, "")
    refuses(lambda: 1 / 0, "A division by zero")


def test_not_applicable_is_no_refusal():
    def partial():
        raise NotApplicable

    with pytest.raises(NotApplicable):
        refuses(partial, "A wrong label")


# --- registering --------------------------------------------------------------------------------------------------------


def test_a_law_needs_an_operation_a_statement_and_a_formula():
    def nameless(ops, case):
        """Only a statement."""

    def unknown(ops, case):
        """A statement.

        a = b
        """

    for needs, body in ((("conv2d",), nameless), (("convolve",), unknown)):
        with pytest.raises(ArgumentError, match=f"law {body.__name__}: .*unknown: .*docstring"):
            law(*needs, cases=st.integers)(body)
    assert "nameless" not in LAWS
    assert "unknown" not in LAWS


def test_the_strategy_of_a_law_is_made_with_the_options_given():
    seen = []

    @law("conv2d", cases=st.integers, min_value=3, max_value=4)
    def threes_and_fours(ops, number):
        """Numbers are three or four.

        x = 3 or x = 4
        """
        seen.append(number)

    assert LAWS.pop("threes_and_fours") is threes_and_fours
    assert threes_and_fours.falsify(RIGHT, examples=20) is None
    assert set(seen) == {3, 4}


def test_nothing_is_left_in_the_folder_of_whoever_checks(tmp_path: Path) -> None:
    code = "from minifcn.testing import check, Operations; assert check(pad=Operations().pad, examples=3)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
