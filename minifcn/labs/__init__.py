"""Six labs in which students write what the lessons show, and the judge that grades them by laws.

A lab is a text in tutorials/labs, written once with its solutions, and a `Lab` beside it that says what is judged:
tasks, the laws of each, and what they are worth. The student's version, the solution and plain Python files are made
from the text; a submission runs in a process of its own, and its grade is found in this one.
"""

from __future__ import annotations

from minifcn.labs.catalogue import LABS, lab_of
from minifcn.labs.lab import Effort, Lab, Task

__all__ = ["LABS", "Effort", "Lab", "Task", "lab_of"]
