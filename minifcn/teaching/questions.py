"""Predictions and questions: an answer is committed before it is computed, and it is computed, never stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError


def predict(prediction: object, answer: object, what: str = "it") -> None:
    """Say whether `prediction` is the `answer`, and if not, where they differ. None says nothing was predicted.

    prediction: numbers, lists or arrays; nine digits are enough. answer: what was computed.

    >>> predict([[1, 2], [3, 4]], [[1, 2], [3, 5]], "the sum")
    Nearly: 3 of 4 are right; the first that is not is [1, 1], where you have 4 and the sum is 5.
    >>> predict(None, 3)
    No prediction yet; write one before you read on, even a wrong one: it is remembered better.
    """
    if prediction is None:
        print("No prediction yet; write one before you read on, even a wrong one: it is remembered better.")
        return
    try:
        mine, right = np.asarray(prediction, np.float64), np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        example = ("3", "[0, 1, 2]", "[[0, 1], [2, 3]]")[min(np.ndim(answer), 2)]  # type: ignore[arg-type]
        print(f"{prediction!r} are not numbers in rows of one length; write them as {example}.")
        return
    if mine.shape != right.shape:
        print(f"You predicted {_of_shape(mine)}; {what} is {_of_shape(right)}.")
        return
    wrong = np.argwhere(~np.isclose(mine, right, rtol=1e-9, atol=0) & ~(np.isnan(mine) & np.isnan(right)))
    if not len(wrong):
        print("You predicted it.")
        return
    at = tuple(wrong[0].tolist())
    right_ones = right.size - len(wrong)
    begin = "Nearly" if right_ones > len(wrong) else "Not yet"
    differs = f"you have {mine[at]:g} and {what} is {right[at]:g}"
    where = f"{right_ones} of {right.size} are right; the first that is not is {list(at)}, where " if at else ""
    print(f"{begin}: {where}{differs}.")


def _of_shape(array: np.ndarray) -> str:
    """one number, a list of 3, numbers of shape (2, 3)"""
    if array.ndim < 2:
        return f"a list of {array.size}" if array.ndim else "one number"
    return f"numbers of shape {array.shape}"


@dataclass(frozen=True)
class Question:
    """A question, the function that computes its answer, and why it is so.

    choices: for a question with answers to choose from; the computed answer must be one of them.
    """

    text: str
    answer: Callable[[], Any]
    why: str
    choices: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if not callable(self.answer):
            raise ArgumentTypeError(
                f"the answer of {self.text!r} is {self.answer!r}; give a function that computes it: lambda: ..."
            )

    def computed(self) -> str:
        """The answer in words; ArgumentError if it is none of the choices."""
        found = self.answer()
        if self.choices and found not in self.choices:
            raise ArgumentError(f"{self.text!r} has the answer {found!r}, which is none of {list(self.choices)}.")
        return _shown(found)


def quiz(*questions: Question) -> Quiz:
    """Five questions or so, each with its answer folded away: `quiz(Question(...), Question(...))`."""
    return Quiz(*questions)


class Quiz:
    """Questions and their answers, which are computed when it is made, so a wrong one cannot be printed.

    In a notebook each answer unfolds at a click; `str()` lists the questions first and the answers after them.
    """

    def __init__(self, *questions: Question) -> None:
        if not questions:
            raise ArgumentError("a quiz has at least one question.")
        self.questions = questions
        self.answers = tuple(question.computed() for question in questions)

    def __str__(self) -> str:
        asked = [f"{n}. {_asked(question)}" for n, question in enumerate(self.questions, 1)]
        answers = zip(self.questions, self.answers, strict=True)
        told = [f"{n}. {answer}: {question.why}" for n, (question, answer) in enumerate(answers, 1)]
        return "\n".join([*asked, "", "Answers:", *told])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li>{escape(_asked(question))}<details><summary>answer</summary><b>{escape(answer)}</b>: "
            f"{escape(question.why)}</details></li>"
            for question, answer in zip(self.questions, self.answers, strict=True)
        )
        return f"<ol>{items}</ol>"


def _asked(question: Question) -> str:
    choices = " / ".join(_shown(choice) for choice in question.choices)
    return f"{question.text} ({choices})" if choices else question.text


def _shown(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(np.asarray(value).tolist()) if isinstance(value, np.ndarray | np.generic) else str(value)
