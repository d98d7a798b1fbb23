"""The six labs by their numbers. Each is told in a file of its own; this one only gathers them."""

from __future__ import annotations

from minifcn.errors import ArgumentError
from minifcn.labs.lab import Lab
from minifcn.labs.lab1 import LAB as LAB1
from minifcn.labs.lab2 import LAB as LAB2
from minifcn.labs.lab3 import LAB as LAB3
from minifcn.labs.lab4 import LAB as LAB4
from minifcn.labs.lab5 import LAB as LAB5
from minifcn.labs.lab6 import LAB as LAB6

LABS: dict[int, Lab] = {lab.number: lab for lab in (LAB1, LAB2, LAB3, LAB4, LAB5, LAB6)}


def lab_of(number: int) -> Lab:
    """The lab of a number; ArgumentError names those that there are."""
    if number not in LABS:
        raise ArgumentError(f"there is no lab {number}; the labs are {', '.join(map(str, LABS))}.")
    return LABS[number]
