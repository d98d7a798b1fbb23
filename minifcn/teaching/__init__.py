"""What a lesson is made of: claims that are tried, predictions that are kept, questions whose answers are computed."""

from minifcn.teaching.claims import Ledger
from minifcn.teaching.questions import Question, predict, quiz

__all__ = ["Ledger", "Question", "predict", "quiz"]
