"""The contract of an operation: `forward` on arrays, `backward` on Variables.

    class Multiply(Operation):
        def forward(self, a, b):    return a * b
        def backward(self, grad):   a, b = self.operands; return lambda: grad * b, lambda: grad * a

`backward` receives the gradient of the result and answers with one entry per operand: a Variable, None (no gradient),
or a function without arguments that makes it, which is called only if that operand wants a gradient. It is written
with differentiable operations, so a gradient can be differentiated again, to any order, with no further rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from minifcn.autograd.mode import is_grad_enabled
from minifcn.autograd.profiling import running
from minifcn.autograd.variable import Variable, Version
from minifcn.errors import AllocationError, GraphError
from minifcn.machine.backend import Array, at_home
from minifcn.machine.limits import out_of_memory, ran_out

Gradient = Variable | None | Callable[[], Any]


class Saved:
    """An array that backward will need, with the version it had: a later change is an error, not a wrong number."""

    __slots__ = ("variable", "version", "count", "what")

    def __init__(self, variable: Variable, version: Version, what: str) -> None:
        self.variable = variable
        self.version = version
        self.count = version.count
        self.what = what
        version.holders += 1

    def get(self, operation: str) -> Any:
        if self.version.count != self.count:
            raise GraphError(
                f"{operation}: {self.what} (shape {self.variable.shape}) was changed in place after it was used: it is "
                f"at version {self.version.count}, backward needs version {self.count}; change a copy instead."
            )
        return self.variable

    def __del__(self) -> None:
        self.version.holders -= 1


class Operation:
    """One node of the graph. Subclasses define `forward` and `backward`; calling the instance runs it.

    keeps_operands: backward reads `self.operands`. Where it does not, say False, and they can be freed early.
    keeps_output: backward reads `self.output`, the result (as for exp, whose derivative is itself).
    in_place: forward changes its first operand and returns it; for operations on results that nobody else has seen.
    """

    keeps_operands = True
    keeps_output = False
    in_place = False

    # Set when the operation becomes part of a graph.
    parents: tuple[Operation | Variable | None, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    freed = False
    _saved_operands: tuple[Saved, ...] = ()
    _saved_output: Saved | None = None
    _retained: ref[Variable] | None = None

    def forward(self, *arrays: Array) -> Array:
        raise NotImplementedError(f"{self.name} does not define forward.")

    def backward(self, grad: Any) -> Gradient | tuple[Gradient, ...]:
        raise NotImplementedError(f"{self.name} does not define backward, so it has no gradient.")

    @property
    def name(self) -> str:
        return type(self).__name__

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        """For a profile: how many additions, multiplications, comparisons, ... `forward` makes; each counts as one."""
        return int(result.size)

    def details(self, operands: tuple[Array, ...], result: Array) -> str:
        """For a profile: what tells this operation from others of its name, such as sizes."""
        return ""

    def __call__(self, *operands: Variable) -> Any:
        array = self._computed(tuple(operand._array for operand in operands))
        if isinstance(array, np.generic):  # NumPy's answer for arrays of no dimensions is a scalar, without memory
            array = np.asarray(array)
        kind = type(operands[0])
        if not (is_grad_enabled() and any(operand.requires_grad for operand in operands)):
            return _sharing(kind.of(array), operands)
        # An edge leads to the operation that made the operand, or to the operand itself if it is a leaf.
        self.parents = tuple((v.grad_fn or v) if v.requires_grad else None for v in operands)
        self.shapes = tuple(v.shape for v in operands)
        if self.keeps_operands:
            self._saved_operands = tuple(Saved(v, v._version, f"operand {i}") for i, v in enumerate(operands))
        result = _sharing(kind.of(array, self), operands)
        if self.keeps_output:
            # The array, not the result itself: the result refers to this operation, and a cycle would outlive its use.
            self._saved_output = Saved(kind.of(array), result._version, "the result")
        return result

    def _computed(self, arrays: tuple[Array, ...]) -> Array:
        record = running()
        try:
            with at_home(arrays[0]):
                return self.forward(*arrays) if record is None else record.forward(self, arrays)
        except AllocationError:
            raise
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
            raise out_of_memory(self.name, arrays) from error

    @property
    def operands(self) -> tuple[Any, ...]:
        return tuple(saved.get(self.name) for saved in self._saved_operands)

    @property
    def output(self) -> Any:
        """The result as a Variable of this graph."""
        if self._saved_output is None:
            raise GraphError(f"{self.name} did not keep its result; set keeps_output = True.")
        saved = self._saved_output.get(self.name)
        output = type(saved).of(saved._array, self)
        output._version = self._saved_output.version  # so that whoever saves it notices writes into the result, too
        return output

    def retain_for(self, variable: Variable) -> None:
        self._retained = ref(variable)

    def retained(self) -> Variable | None:
        """The result, if it asked for its gradient with `retain_grad` and still lives."""
        return self._retained() if self._retained else None

    def release(self) -> None:
        """Forget everything saved; the memory of the forward pass goes here. A second backward is then an error."""
        self._saved_operands, self._saved_output, self.parents, self.freed = (), None, (), True


class Movement(Operation):
    """An operation that moves numbers and computes none."""

    keeps_operands = False

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        return 0


def _sharing(result: Variable, operands: tuple[Variable, ...]) -> Variable:
    """The result, which counts writes together with the operand whose memory it shows, if it is a view of one."""
    array = result._array
    for operand in operands:
        owner = operand._array
        if array is owner or (array.base is not None and (array.base is owner or array.base is owner.base)):
            result._version = operand._version
    return result
