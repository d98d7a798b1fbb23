"""The walk of `backward` laid open: which node is reached when, and what it has received by then."""

from __future__ import annotations

from minifcn.autograd.engine import Node, _topological_order, _walk
from minifcn.autograd.gradients import start_of
from minifcn.autograd.variable import Variable


def steps(output: Variable, gradient: object = None) -> list[tuple[Node, Variable]]:
    """The walk of `backward`, to be looked at: each node with its whole gradient, in the order in which it is reached.

    No `.grad` is touched and nothing is freed: what is shown here can still be walked.
    """
    order = _topological_order([output])
    taken: list[tuple[Node, Variable]] = []

    def arrived(node: Node, total: Variable) -> Variable:
        taken.append((node, total))
        return total

    everything = {id(node) for node in order}
    _walk(order, [(output, start_of(output, gradient))], arrived, everything, create_graph=False, retain_graph=True)
    return taken
