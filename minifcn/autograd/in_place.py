"""Changing a tensor in place: `x += y`, `x.clamp_(0)`, `x.zero_()`. A name stays with its object, not with memory.

Where nothing is recorded (inside no_grad, or no operand requires grad) the memory is written, so views and arrays that
show it change too; the write is counted, and a graph that saved the old values refuses to go on.

Where operations are recorded the memory is left alone. The object takes over the array and the graph of the result, as
if every name for it had been bound anew, and what other operations saved of the old value stays as it was: right for
`out += identity`, even after an operation that saved `out`, where PyTorch gives up. Two cases have no right answer and
are refused: a leaf that requires grad would be a leaf no longer, and a tensor that shares memory with another would
part from it.
"""

from __future__ import annotations

from minifcn.autograd.variable import Variable
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from minifcn.machine.backend import at_home


def changed(name: str, x: Variable, made: Variable) -> None:
    """Give `x` the value of `made`, the result of an operation on it; `name` is what the user called."""
    if made is x:
        return
    if made.shape != x.shape:
        raise ArgumentError(
            f"{name}: a tensor of shape {x.shape} cannot hold a result of shape {made.shape}; make a new tensor."
        )
    if made.dtype != x.dtype:
        raise ArgumentTypeError(f"{name}: a tensor of {x.dtype} cannot hold a result of {made.dtype}; make a new one.")
    if not made.requires_grad:
        memory = x.mutable()
        with at_home(memory):
            memory[...] = made._array
    elif x.requires_grad and x.is_leaf:
        raise GraphError(
            f"{name}: a leaf that requires grad is not changed in place while operations are recorded; do it inside "
            f"no_grad(), or make a new tensor (w = w - step)."
        )
    elif x._version.has_others(x):
        raise GraphError(
            f"{name}: this tensor shares its memory with another (a view such as x[0] or x.reshape(...)), and a change "
            f"of both is not recorded; make a new tensor (x = x + y), or do it inside no_grad()."
        )
    else:
        _take_over(x, made)


def _take_over(x: Variable, made: Variable) -> None:
    before, after = x.grad_fn, made.grad_fn
    if before is not None and after is not None and before.retained() is x:  # x asked for the gradient of its value
        before._retained = None
        after.retain_for(x)
    x._array, x._version, x._requires_grad, x.grad_fn = made._array, made._version, made._requires_grad, after
