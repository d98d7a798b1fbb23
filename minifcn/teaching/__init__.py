"""What a lesson is made of: claims and misconceptions that are tried, predictions, exercises, questions."""

from minifcn.teaching.claims import Claim, Ledger, Misconception
from minifcn.teaching.exercises import is_written, yours
from minifcn.teaching.questions import Question, Quiz, predict, quiz
from minifcn.teaching.timing import seconds

__all__ = [
    "Claim",
    "Ledger",
    "Misconception",
    "Question",
    "Quiz",
    "is_written",
    "predict",
    "quiz",
    "seconds",
    "yours",
]
