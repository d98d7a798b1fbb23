"""What a lesson is made of: claims that are tried, predictions that are kept, exercises, questions."""

from minifcn.teaching.claims import Claim, Ledger
from minifcn.teaching.exercises import is_written, yours
from minifcn.teaching.questions import Question, Quiz, predict, quiz

__all__ = ["Claim", "Ledger", "Question", "Quiz", "is_written", "predict", "quiz", "yours"]
