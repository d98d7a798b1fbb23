"""A claim is tried where it must hold and where it must fail; no constant can be one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.teaching import Ledger


def adds(a: float, b: float) -> float:
    return a + b


def forgets(a: float, b: float) -> float:
    return b


def test_what_holds_and_can_fail_is_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger()
    ledger.claim("C7", "stamps are summed", lambda f: f(2, 3) == 5, right=adds, mistake=forgets)
    assert capsys.readouterr().out == "C7 holds: stamps are summed\n"
    assert [(c.number, c.sentence, c.refuted_by) for c in ledger] == [("C7", "stamps are summed", "forgets")]
    assert "not so for: forgets" in str(ledger) and "<td>C7</td>" in ledger._repr_html_()


def test_assertions_count_as_an_answer() -> None:
    def tries(f: Any) -> bool:
        np.testing.assert_array_equal(f(2, 3), 5)
        return True

    assert len(Ledger()) == 0
    ledger = Ledger()
    ledger.claim("C1", "so it is", tries, right=adds, mistake=forgets)
    assert len(ledger) == 1


def test_a_claim_that_does_not_hold_is_not_written_down() -> None:
    ledger = Ledger()
    with pytest.raises(ArgumentError, match="C1 does not hold: two and three are six"):
        ledger.claim("C1", "two and three are six", lambda f: f(2, 3) == 6, right=adds, mistake=forgets)
    assert not ledger.claims


@pytest.mark.parametrize("constant", [lambda f: True, lambda f: f is not None, lambda f: len("text") == 4])
def test_what_cannot_fail_is_no_claim(constant: Any) -> None:
    ledger = Ledger()
    with pytest.raises(ArgumentError, match="C1 holds for forgets, too, which is a mistake"):
        ledger.claim("C1", "always", constant, right=adds, mistake=forgets)
    assert not ledger.claims


@pytest.mark.parametrize(
    ("tries", "text"), [(True, "takes a function that tries it, got True"), (lambda f: 1, "it answered 1")]
)
def test_what_is_no_answer_is_refused(tries: Any, text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=text):
        Ledger().claim("C1", "", tries, right=adds, mistake=forgets)


def test_an_error_in_what_is_tried_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        Ledger().claim("C1", "", lambda f: 1 / 0 > 0, right=adds, mistake=forgets)


def test_a_mistake_without_a_name_is_given_one() -> None:
    ledger = Ledger()
    ledger.claim("C1", "", lambda x: x == 5, right=5, mistake=np.zeros((9, 9)).sum(), named="nothing at all")
    assert [claim.refuted_by for claim in ledger] == ["nothing at all"]
    with pytest.raises(ArgumentError, match="C2 holds for its own twin, too"):
        ledger.claim("C2", "", lambda x: x == 5, right=5, mistake=5, named="its own twin")


def test_a_misconception_is_computed_beside_what_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger()
    x = np.array([1.0, 2.0])
    ledger.misconception(
        "M1", "twice undoes half", believed=lambda: x, found=lambda: 2 * (0.25 * x), instead="four times does"
    )
    told = capsys.readouterr().out
    assert told.startswith("M1 is not so: twice undoes half. Believed and found: [1, 2] and [0.5, 1].")
    assert told.endswith("Instead: four times does\n")
    assert [(m.number, m.instead) for m in ledger.misconceptions] == [("M1", "four times does")]
    assert not list(ledger) and "M1" in str(ledger) and "<td>M1</td>" in ledger._repr_html_()


@pytest.mark.parametrize(
    ("believed", "found", "difference"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape (2, 3) and (3, 2)"),
        (np.arange(12), np.arange(12) // 2 * 2, "6 of 12 numbers differ"),
        (True, False, "True and False"),
        (1 / 3, 2.0, "0.3333 and 2"),
        ("same", "shifted", "same and shifted"),
        (np.nan, 0.0, "nan and 0"),
    ],
)
def test_how_far_apart_they_are_is_said(
    believed: Any, found: Any, difference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Ledger().misconception("M2", "so", believed=lambda: believed, found=lambda: found, instead="not so")
    assert f"Believed and found: {difference}.\n" in capsys.readouterr().out


@pytest.mark.parametrize("same", [3, np.arange(4.0), np.nan, "word", True])
def test_a_belief_that_agrees_with_what_is_found_is_none(same: Any) -> None:
    ledger = Ledger()
    with pytest.raises(ArgumentError, match="M3 is so, or is not tried"):
        ledger.misconception("M3", "it is", believed=lambda: same, found=lambda: same, instead="it is not")
    assert not ledger.misconceptions


def test_a_belief_is_computed_and_never_a_constant() -> None:
    for given in ({"believed": 1, "found": lambda: 2}, {"believed": lambda: 1, "found": 2}):
        with pytest.raises(ArgumentTypeError, match="is a function that computes it"):
            Ledger().misconception("M4", "it is", instead="it is not", **given)  # type: ignore[arg-type]
