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
