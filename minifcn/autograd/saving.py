"""What the graph remembers of arrays: versions, so that a change in place is an error and not a wrong gradient.

Between forward and backward a saved array must stay as it was. Each piece of memory has a `Version` that counts the
writes into it; whoever saves an array notes the count, and looks again before it is used.
"""

from __future__ import annotations

from minifcn.autograd.variable import Variable, Version
from minifcn.errors import GraphError


class Saved:
    """An array that backward will need, with the version it had: a later change is an error, not a wrong number."""

    __slots__ = ("variable", "array", "grad_fn", "version", "count", "what")

    def __init__(self, variable: Variable, version: Version, what: str) -> None:
        self.variable = variable
        self.array = variable._array
        self.grad_fn = variable.grad_fn
        self.version = version
        self.count = version.count
        self.what = what
        version.holders += 1
        version.saved = True

    def get(self, operation: str) -> Variable:
        if self.version.count != self.count:
            raise GraphError(
                f"{operation}: {self.what} (shape {self.variable.shape}) was changed in place after it was used: it is "
                f"at version {self.version.count}, backward needs version {self.count}; change a copy instead."
            )
        if self.variable._array is self.array:
            return self.variable
        before = type(self.variable).of(self.array, self.grad_fn)  # it has another value since: see in_place.py
        before._version = self.version
        return before

    def __del__(self) -> None:
        self.version.holders -= 1


def share_version(result: Variable, operands: tuple[Variable, ...]) -> None:
    """A result that shows the memory of an operand, as a view does, counts writes together with it."""
    array = result._array
    for operand in operands:
        owner = operand._array
        if array is owner or (array.base is not None and (array.base is owner or array.base is owner.base)):
            result._version = operand._version
            operand._version.shared_by(operand, result)
