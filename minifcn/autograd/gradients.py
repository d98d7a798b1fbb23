"""What a user hands in, to begin a walk with, and the gradients that are handed out at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minifcn.arrays.accepted import same_device
from minifcn.autograd.operation import Movement
from minifcn.autograd.variable import Variable
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from minifcn.machine.backend import Array, array_module, at_home
from minifcn.machine.memory import owns


def listed(
    outputs: Variable | Sequence[Variable], inputs: Variable | Sequence[Variable], grad_outputs: object
) -> tuple[list[Variable], list[Variable], list[object]]:
    """The arguments of `grad` as lists: one may stand for itself; there is a grad_output, or None, for each output."""
    results: list[Variable] = [outputs] if isinstance(outputs, Variable) else list(outputs)
    targets: list[Variable] = [inputs] if isinstance(inputs, Variable) else list(inputs)
    if grad_outputs is None:
        grad_outputs = [None] * len(results)
    given: list[object] = list(grad_outputs) if isinstance(grad_outputs, list | tuple) else [grad_outputs]
    if len(given) != len(results):
        raise ArgumentError(f"grad: {len(results)} outputs but {len(given)} grad_outputs; pass one for each.")
    for position, target in enumerate(targets):
        if not target.requires_grad:
            raise GraphError(f"grad: input {position} does not require grad; set requires_grad=True before using it.")
    return results, targets, given


def start_of(output: Variable, gradient: object) -> Variable:
    """The gradient to begin with, checked against the output."""
    if not output.requires_grad:
        raise GraphError("backward: the output does not depend on any tensor that requires grad.")
    if gradient is None:
        if output.numel() != 1:
            raise GraphError(
                f"backward: without a gradient the output must be a single number, it has shape {output.shape}; "
                f"pass gradient of that shape or reduce the output with .sum() or .mean()."
            )
        with at_home(output._array):
            return type(output).of(array_module(output._array).ones_like(output._array))
    start = gradient if isinstance(gradient, Variable) else type(output).of(output.beside(gradient))
    same_device("backward", output._array, start._array, "the output and gradient")
    if start is not gradient:
        # An array is copied: with create_graph it is saved, and a later change of it would not be noticed.
        with at_home(start._array):
            start = type(output).of(start._array.copy())
    if start.shape != output.shape:
        raise ArgumentError(f"backward: gradient has shape {start.shape} but the output has {output.shape}.")
    if start.dtype != output.dtype:
        raise ArgumentTypeError(f"backward: gradient is {start.dtype} but the output is {output.dtype}; convert it.")
    return start


def owned(gradient: Variable, handed_out: set[int]) -> Variable:
    """A gradient for the user, copied if its memory is somebody else's too.

    Two inputs may be handed one array (a + b passes the same gradient to both), or a view of one. Each gets memory of
    its own, so that changing one gradient changes no other. And a backward may answer with what an operation has saved:
    were the gradient the leaf itself, it would be changed with it.

    `handed_out` holds the ids of arrays given away so far, and of no others: those live until the walk ends, since
    somebody has them. What was only copied may be freed on the way, and its id become that of a new array, which would
    then be copied for nothing.
    """
    array = gradient._array
    own = owns(array) and id(array) not in handed_out and not gradient._version.saved
    kept: Variable = gradient if own else Copy()(gradient)
    handed_out.add(id(kept._array))
    return kept


def forget(variables: Iterable[Variable], set_to_none: bool) -> None:
    """No gradient any more, or zeros in the memory of the old one."""
    for variable in variables:
        if set_to_none or variable.grad is None:
            variable.grad = None
        else:
            variable.grad = variable.grad.detach()
            with at_home(variable.grad._array):
                variable.grad.mutable()[...] = 0


class Copy(Movement):
    """The same numbers in memory of their own."""

    def forward(self, x: Array) -> Array:
        return x.copy()

    def backward(self, grad: Variable) -> Variable:
        return grad
