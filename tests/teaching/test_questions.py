"""Predictions are compared, answers are computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.teaching import Question, predict, quiz


@pytest.mark.parametrize(
    ("prediction", "answer", "said"),
    [
        (None, 1, "No prediction yet"),
        ([[1, 2]], np.array([[1.0, 2.0]]), "You predicted it."),
        ([1, 2, 9], [1, 2, 3], "Nearly: 2 of 3 are right; the first that is not is [2], where you have 9 and it is 3."),
        ([[0, 0]], [[1, 2]], "Not yet: 0 of 2 are right; the first that is not is [0, 0], where you have 0 and it is 1."),
        (5, 6, "Not yet: you have 5 and it is 6."),
        ([1, 2], [[1, 2]], "You predicted a list of 2; it is numbers of shape (1, 2)."),
        (5, [1, 2], "You predicted one number; it is a list of 2."),
        ([[1, 2]], 5, "You predicted numbers of shape (1, 2); it is one number."),
        ([[1], [2, 3]], [[1, 2]], "are not numbers in rows of one length"),
        ("abc", 1, "'abc' are not numbers in rows of one length; write them as 3."),
        ("5 6 7", [5, 6, 7], "write them as [0, 1, 2]."),
        ("5 6 7", [[5, 6, 7]], "write them as [[0, 1], [2, 3]]."),
        (0.3, 0.1 + 0.2, "You predicted it."),
        (0, 1e-12, "Not yet: you have 0 and it is 1e-12."),
        ([np.nan], [np.nan], "You predicted it."),
    ],
)  # fmt: skip
def test_a_prediction(prediction: Any, answer: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    predict(prediction, answer)
    assert said in capsys.readouterr().out


def test_answers_are_computed_and_folded_away() -> None:
    made = quiz(
        Question("How many?", lambda: sum([1, 2]), "one and two"),
        Question("Is it <so>?", lambda: np.bool_(True), "it is"),
        Question("Which?", lambda: "b", "the second", choices=("a", "b")),
    )
    assert made.answers == ("3", "yes", "b")
    html = made._repr_html_()
    assert html.count("<details>") == 3 and "Is it &lt;so&gt;?" in html and "Which? (a / b)" in html
    text = str(made)
    assert text.index("1. How many?") < text.index("Answers:") < text.index("1. 3: one and two")


def test_what_is_no_question_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="give a function that computes it"):
        Question("How many?", 3, "")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="none of"):
        quiz(Question("Which?", lambda: "c", "", choices=("a", "b")))
    with pytest.raises(ArgumentError, match="at least one question"):
        quiz()
