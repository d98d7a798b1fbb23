"""The contract of an operation: `forward` on arrays, `backward` on Variables.

    class Multiply(Operation):
        def forward(self, a, b):    return a * b
        def backward(self, grad):   a, b = self.operands; return lambda: grad * b, lambda: grad * a

`backward` receives the gradient of the result and answers with one entry per operand: a Variable, None (no gradient),
or a function without arguments that makes it, which is called only if that operand wants a gradient. It is written
with differentiable operations, so a gradient can be differentiated again, to any order, with no further rules.

A Variable (`variable.py`) is an array, `_array`, with `requires_grad` and, if it was computed, `grad_fn`, the operation
that made it; a Tensor is one with operators. `Saved` and versions (`saving.py`) notice a change of a saved array, and
`run` is `forward` with a profile and clear errors: read past them. With one operand the tuple may be left out. An
operation that broadcasts sums its gradients to `self.shapes`, the shapes of its operands; Multiply here does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

from minifcn.autograd.mode import is_grad_enabled
from minifcn.autograd.saving import Saved, share_version
from minifcn.autograd.variable import Variable
from minifcn.errors import GraphError
from minifcn.machine.backend import Array
from minifcn.machine.running import run

Gradient = Variable | None | Callable[[], Variable]  # what backward answers for one operand
Gradients = tuple[Gradient, ...]  # and for all of them, in their order


class Operation:
    """One node of the graph. Subclasses define `forward` and `backward`; calling the instance runs it.

    keeps_operands: backward reads `self.operands`. Where it does not, say False, and they can be freed early.
    keeps_output: backward reads `self.output`, the result (as for exp, whose derivative is itself).
    in_place: forward changes its first operand and returns it; for operations on results that nobody else has seen.
    per_number: how many additions, multiplications, comparisons, ... forward makes for each number of its result or,
        if that has more, of its first operand. What a profile counts; nothing is computed with it.
    """

    keeps_operands = True
    keeps_output = False
    in_place = False
    per_number = 1

    # Set when the operation becomes part of a graph.
    parents: tuple[Operation | Variable | None, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    freed = False
    _saved_operands: tuple[Saved, ...] = ()
    _saved_output: Saved | None = None
    _retained: ref[Variable] | None = None

    # Any stands for a Variable that has the operators of a higher floor; subclasses there say Tensor.

    def forward(self, *arrays: Array) -> Array:
        raise NotImplementedError(f"{self.name} does not define forward.")

    def backward(self, grad: Any) -> Gradient | Gradients:
        raise NotImplementedError(f"{self.name} does not define backward, so it has no gradient.")

    @property
    def name(self) -> str:
        return type(self).__name__

    def __call__(self, *operands: Variable) -> Any:
        """The result of `forward`; if a gradient is wanted of an operand, it remembers this operation."""
        array = run(self, tuple(operand._array for operand in operands))
        recorded = is_grad_enabled() and any(operand.requires_grad for operand in operands)
        if recorded:
            self._join_the_graph(operands)
        result = type(operands[0]).of(array, self if recorded else None)
        share_version(result, operands)
        if recorded and self.keeps_output:
            # The array, not the result itself: the result refers to this operation, and a cycle would outlive its use.
            self._saved_output = Saved(type(result).of(array), result._version, "the result")
        return result

    def _join_the_graph(self, operands: tuple[Variable, ...]) -> None:
        """An edge leads to the operation that made the operand, or to the operand itself if it is a leaf."""
        self.parents = tuple((v.grad_fn or v) if v.requires_grad else None for v in operands)
        self.shapes = tuple(v.shape for v in operands)
        if self.keeps_operands:
            self._saved_operands = tuple(Saved(v, v._version, f"operand {i}") for i, v in enumerate(operands))

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
    per_number = 0
