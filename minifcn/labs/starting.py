"""`session(N)`: the line with which a lab begins in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minifcn.labs.checking import Session


def session(number: int) -> Session:
    """Lab `number`, to check what you write: `lab = session(1)`, then `lab.check(im2col)`.

    Needs Hypothesis, as the laws do. Raises ArgumentError for a number that no lab has.
    """
    from minifcn.labs.catalogue import lab_of
    from minifcn.labs.checking import Session

    return Session(lab_of(number))
