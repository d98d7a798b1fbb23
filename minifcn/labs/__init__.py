"""Six labs in which students write what the lessons show, and the judge that grades them by laws.

A lab is a text in tutorials/labs, written once with its solutions, and a `Lab` beside it that says what is judged:
tasks, the laws of each, and what they are worth. The student's version, the solution and plain Python files are made
from the text; a submission runs in a process of its own, and its grade is found in this one.
"""

from __future__ import annotations

from importlib.util import find_spec as _find_spec

if _find_spec("hypothesis"):  # laws need it; the forms of a lab, which `minifcn lab start` copies, do not
    from minifcn.labs.catalogue import LABS, lab_of
    from minifcn.labs.lab import Effort, Lab, Task
from minifcn.labs.starting import session

__all__ = ["LABS", "Effort", "Lab", "Task", "lab_of", "session"]
