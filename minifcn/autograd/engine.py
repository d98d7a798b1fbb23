"""Reverse-mode differentiation: walk the operations from the result back to the leaves, each exactly once.

The order matters. A gradient may be passed on only after every user of a value has contributed to it: with b = a + a
and c = b + b, handing on b's gradient after the first contribution would count it wrongly. A topological order settles
that, and it is found with an explicit stack, so that a chain of 10,000 operations needs no recursion.

The walk is that of testing/small_engine.py, but its nodes are the operations, and of the Variables only the leaves: so
a result that nobody holds can be freed. An operation's own backward sums over what it broadcast. Nodes are known by
their id, since == between Tensors compares their elements.

`backward` and `grad` are the same walk. They differ in what happens when the whole gradient of a node has arrived: one
adds it to `.grad`, the other puts it aside for the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minifcn.autograd.gradients import listed, owned, start_of
from minifcn.autograd.mode import set_grad_enabled
from minifcn.autograd.operation import Operation
from minifcn.autograd.variable import Variable
from minifcn.errors import GraphError
from minifcn.machine.backend import at_home
from minifcn.machine.profiling import in_backward

if TYPE_CHECKING:  # what a user differentiates, and is handed, are Tensors; the walk needs only Variables
    from minifcn.tensor import Tensor

Node = Operation | Variable  # an operation, or a leaf


def backward(
    output: Variable, gradient: object = None, *, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """Add d(output)/d(leaf) · gradient to `.grad` of every leaf that requires grad.

    gradient: same shape as output; may be left out for a single number, where it is 1.
    retain_graph: keep what the operations saved, so that backward can run again; default: only if create_graph.
    create_graph: make the gradients part of a graph, to be differentiated again.
    """
    order = _topological_order([output])
    start = start_of(output, gradient)
    handed_out = {id(start._array)}  # arrays that somebody holds already: `owned` copies those

    def arrived(node: Node, total: Variable) -> Variable:
        keeper = node if isinstance(node, Variable) else node.retained()
        if keeper is not None:
            keeper.grad = owned(total, handed_out) if keeper.grad is None else keeper.grad + total  # type: ignore[operator]
        return total

    useful = {id(node) for node in order}
    _walk(order, [(output, start)], arrived, useful, create_graph, retain_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: object = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients Σ d(outputs)/d(inputs) · grad_outputs, one per input, without touching any `.grad`.

    As `torch.autograd.grad`: an input on which the outputs do not depend is an error, or None with `allow_unused`.
    """
    results, targets, given = listed(outputs, inputs, grad_outputs)
    order = _topological_order(results)
    starts = [(result, start_of(result, gradient)) for result, gradient in zip(results, given, strict=True)]
    wanted = {id(_node(target)) for target in targets}
    handed_out = {id(start._array) for _, start in starts}
    found: dict[int, Variable] = {}

    def arrived(node: Node, total: Variable) -> Variable:
        if id(node) in wanted:
            # What is handed out also goes on: if it had to be copied, gradients further down must depend on the copy.
            found[id(node)] = total = owned(total, handed_out)
        return total

    useful = _leading_to(wanted, order)
    _walk(order, starts, arrived, useful, create_graph, retain_graph)
    # To a type checker they are Tensors, as in PyTorch: None comes only to those who allow it.
    gradients: tuple[Any, ...] = tuple(found.get(id(_node(target))) for target in targets)
    for position, gradient in enumerate(gradients):
        if gradient is None and not allow_unused:
            raise GraphError(
                f"grad: the outputs do not depend on input {position}; remove it or pass allow_unused=True."
            )
    return gradients


def _walk(
    order: list[Node],
    starts: list[tuple[Variable, Variable]],
    arrived: Callable[[Node, Variable], Variable],
    useful: set[int],
    create_graph: bool,
    retain_graph: bool | None,
) -> None:
    """Bring the gradients `starts` of some results back through `order`, in which users come before what they use.

    arrived(node, total): what to do with the whole gradient of a node, and what goes on from it.
    useful: the ids of the nodes whose gradients anybody needs.
    """
    keep = create_graph if retain_graph is None else retain_graph
    pending: dict[int, Variable] = {}  # what each node has received so far
    with set_grad_enabled(create_graph), in_backward():  # in_backward: for the profile
        for result, start in starts:
            _add(pending, _node(result), start)
        for node in order:
            if id(node) not in pending:
                continue
            total = arrived(node, pending.pop(id(node)))
            if isinstance(node, Operation):
                # At home: what a backward computes from arrays, beside its operations, belongs on their device.
                with in_backward(node), at_home(total._array):
                    _pass_on(node, total, pending, useful)
                if not keep:
                    node.release()


def _pass_on(operation: Operation, total: Variable, pending: dict[int, Variable], useful: set[int]) -> None:
    """Ask one operation for the gradients of its useful operands; add them to what those have received so far."""
    gradients = operation.backward(total)
    if not isinstance(gradients, tuple):
        gradients = (gradients,)
    if len(gradients) != len(operation.parents):
        raise GraphError(
            f"{operation.name}.backward gave {len(gradients)} gradients for {len(operation.parents)} operands."
        )
    for parent, gradient, shape in zip(operation.parents, gradients, operation.shapes, strict=True):
        if parent is None or gradient is None or id(parent) not in useful:
            continue
        made = gradient if isinstance(gradient, Variable) else gradient()
        if made.shape != shape:
            raise GraphError(f"{operation.name}.backward gave a gradient of shape {made.shape} for {shape}.")
        _add(pending, parent, made)


def _add(pending: dict[int, Variable], node: Node, gradient: Variable) -> None:
    before = pending.get(id(node))
    pending[id(node)] = gradient if before is None else before + gradient  # type: ignore[operator]


def _node(variable: Variable) -> Node:
    return variable.grad_fn or variable


def _topological_order(outputs: Sequence[Variable]) -> list[Node]:
    """All nodes that the outputs depend on, users before what they use."""
    finished: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(_node(output), False) for output in outputs if output.requires_grad]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            finished.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            if isinstance(node, Operation):
                if node.freed:
                    raise GraphError(
                        f"backward: the graph through {node.name} has already been used and freed; "
                        f"pass retain_graph=True to the first backward."
                    )
                stack.extend((parent, False) for parent in node.parents if parent is not None)
    return finished[::-1]


def _leading_to(wanted: set[int], order: list[Node]) -> set[int]:
    """The nodes through which a wanted one is reached: nobody needs the gradients of the others."""
    useful = set(wanted)
    for node in reversed(order):
        if isinstance(node, Operation) and any(id(parent) in useful for parent in node.parents):
            useful.add(id(node))
    return useful
