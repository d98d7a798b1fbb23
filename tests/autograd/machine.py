"""A random user of autograd: builds graphs, differentiates them, changes values in place, and is never surprised.

Hypothesis chooses the steps. Values and gradients are compared with those of `naive.py` after every step, exactly where
all numbers are whole. What is refused must be refused for a reason the machine knows:

    dead      backward was here without retain_graph: to come here again must raise GraphError
    doubtful  something that this part of the graph may have saved was changed in place, or it may have been freed:
              to come here may raise GraphError, but an answer must be the right one, for the values as they were
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from minifcn import Tensor, grad, no_grad
from minifcn.errors import GraphError
from tests.autograd import naive
from tests.autograd.builder import LARGEST, Builder, Known, choose
from tests.autograd.naive import Changed, Derivative, Node, constant, fixed


class Machine(Builder):
    def __init__(self) -> None:
        super().__init__()
        self.dead: set[Node] = set()
        self.doubtful: set[Node] = set()
        self.taken_over = 0  # how often a tensor took over a result; the memory of these has negative numbers

    @rule(data=st.data(), what=choose(["detach", "retain", "forget"]))
    def mark(self, data: Any, what: str) -> None:
        x = self.pick(data, lambda x: what != "retain" or x.tensor.requires_grad)
        if what == "detach":
            self.keep(x.tensor.detach(), fixed(x.value), x.exact)
        elif what == "retain":
            assert x.tensor.retain_grad() is x.tensor
            x.retained = True
        else:
            self.forget_gradients()

    def forget_gradients(self) -> None:
        for known in self.known:
            known.tensor.grad = known.gradient = None

    # --- differentiating ------------------------------------------------------------------------------------------

    def reached(self, outputs: Iterable[Known]) -> tuple[set[Node], set[Node]]:
        """(what the graph of the outputs contains, what it may contain: whatever is reached through a derivative)."""
        sure: set[Node] = set()
        perhaps: set[Node] = set()
        rest = [(output.node, sure) for output in outputs]
        while rest:
            node, kind = rest.pop()
            if node not in kind:
                kind.add(node)
                below = perhaps if isinstance(node, Derivative) else kind
                rest.extend((operand, below) for operand in node.operands)
        return sure, perhaps

    def refusal(self, sure: set[Node], perhaps: set[Node]) -> tuple[bool, bool]:
        """(must be refused, may be refused)."""
        return bool(sure & self.dead), bool((sure | perhaps) & (self.dead | self.doubtful))

    def outputs(self, data: Any, most: int) -> list[Known]:
        fitting = [x for x in reversed(self.known) if x.tensor.requires_grad and x.node.order <= 1]
        return data.draw(st.lists(choose(fitting), min_size=1, max_size=most, unique_by=id))

    def cotangent(self, data: Any, output: Known) -> tuple[Any, Node, Callable[[], None]]:
        """(what to pass as gradient, the same as a node, what to do afterwards): nothing, a tensor or an array."""
        given = self.pick(data, lambda x: x.shape == output.shape and x.exact and x.node.order == 0)
        kind = data.draw(choose(["nothing", "tensor", "array"]))
        if kind == "nothing" and output.value.size == 1:
            return None, constant(np.ones(output.shape)), lambda: None
        if kind == "tensor" and given is not None:
            return given.tensor, given.node if given.tensor.requires_grad else fixed(given.value), lambda: None
        array = self.numbers(data, output.shape)
        return array, constant(array.copy()), lambda: array.fill(99)  # it was copied

    @rule(data=st.data(), retain=choose([None, None, True, True, False]), create=choose([False, False, True]))
    def backward(self, data: Any, retain: bool | None, create: bool) -> None:
        (output,) = self.outputs(data, 1)
        given, cotangent, scribble = self.cotangent(data, output)
        sure, perhaps = self.reached([output])
        must, may = self.refusal(sure, perhaps)
        try:
            output.tensor.backward(given, retain_graph=retain, create_graph=create)
        except GraphError:
            assert may
            if not must:  # then it broke off in the middle: some gradients are there, some are not
                self.doubtful |= sure | perhaps
                self.forget_gradients()
            return
        assert not must
        scribble()
        if not (create if retain is None else retain):
            self.dead |= {node for node in sure if node.operands and not isinstance(node, Changed)}
            self.doubtful |= perhaps
        for known in self.known:
            if not (known.leaf or known.retained) or known.variable not in sure | perhaps:
                continue
            if known.variable in perhaps and not known.leaf:  # exp(x)' may count as exp(x) itself, or not
                known.tensor.grad = known.gradient = None
                continue
            new = Derivative([(output.node, cotangent)], known.variable)
            if known.tensor.grad is None and known.gradient is None:  # not reached, so there must be nothing to reach
                assert known.variable not in sure and not naive.values(new).any()
                continue
            total = new if known.gradient is None else Node(np.add, known.gradient, new)
            known.gradient = total if create else fixed(naive.values(total))
            self.values_and_gradients_are_as_expected([known])
            if create:
                self.check_derivatives(data, known.tensor.grad, total)
        self.check_separate([x.tensor.grad for x in self.known if x.tensor.grad is not None])

    @rule(data=st.data(), retain=choose([None, True, True, False]), create=st.booleans(), allow_unused=st.booleans())
    def grad(self, data: Any, retain: bool | None, create: bool, allow_unused: bool) -> None:
        outputs = self.outputs(data, 2)
        sure, perhaps = self.reached(outputs)
        inputs = [x for x in self.known if x.leaf or (x.tensor.requires_grad and x.variable not in perhaps)]
        if not allow_unused and data.draw(choose([True, True, False])):
            inputs = [x for x in inputs if x.variable in sure] or inputs
        inputs = data.draw(st.lists(choose(inputs), min_size=1, max_size=3, unique_by=id))
        given, cotangents, scribbles = zip(*(self.cotangent(data, output) for output in outputs), strict=True)
        must, may = self.refusal(sure, perhaps)
        if not allow_unused:
            must |= any(x.variable not in sure | perhaps for x in inputs)
            may |= any(x.variable not in sure for x in inputs)
        tensors = [x.tensor for x in outputs], [x.tensor for x in inputs]
        try:
            found = grad(*tensors, given, retain_graph=retain, create_graph=create, allow_unused=allow_unused)
        except GraphError:
            assert may
            self.doubtful |= sure | perhaps
            return
        assert not must
        for scribble in scribbles:
            scribble()
        if not (create if retain is None else retain):
            self.dead |= {output.variable for output in outputs if output.variable.operands}
            self.doubtful |= sure | perhaps
        self.check_separate([gradient for gradient in found if gradient is not None])
        pairs = list(zip((output.node for output in outputs), cotangents, strict=True))
        derivatives = [Derivative(pairs, known.variable) for known in inputs]
        for known, new in zip(inputs, derivatives, strict=True):  # the gradient of p becomes that of x where p is f(x)
            later = [known.variable in set().union(*self.reached([p])) and p is not known for p in inputs]
            new.made_from([other for other, after in zip(derivatives, later, strict=True) if after])
        for known, gradient, new in zip(inputs, found, derivatives, strict=True):
            if gradient is None:
                assert known.variable not in sure and not naive.values(new).any()
                continue
            self.compare(gradient, naive.values(new), exact=all(x.exact for x in self.known))
            if create:
                self.check_derivatives(data, gradient, new)
            assert create or not gradient.requires_grad
            self.keep(gradient, new if gradient.requires_grad else fixed(naive.values(new)))
            for node in sure | perhaps:  # its graph saves what that of the outputs saved, and gradients
                self.memory_of.setdefault(node, set()).add(self.known[-1].memory)

    def check_derivatives(self, data: Any, gradient: Tensor, node: Node) -> None:
        """The derivative of a gradient with respect to every leaf. Where the library has none it must be zero."""
        leaves = [x for x in self.known if x.leaf]
        direction = self.numbers(data, gradient.shape)
        found: tuple[Any, ...] = (None,) * len(leaves)
        if node.order > 2:
            return
        if gradient.requires_grad:
            try:
                found = grad(gradient, [x.tensor for x in leaves], direction, retain_graph=True, allow_unused=True)
            except GraphError:
                assert set().union(*self.reached([Known(gradient, node, node, False, 0)])) & (self.dead | self.doubtful)
                return
        for known, second in zip(leaves, found, strict=True):
            expected = naive.values(Derivative([(node, constant(direction))], known.variable))
            self.compare(Tensor(np.zeros(known.shape)) if second is None else second, expected)

    def check_separate(self, gradients: list[Tensor]) -> None:
        """Gradients that the user receives share memory with nothing."""
        taken = [known.tensor._array for known in self.known]
        for gradient in gradients:
            assert not any(np.shares_memory(gradient._array, array) for array in taken)
            taken.append(gradient._array)

    # --- changes in place -----------------------------------------------------------------------------------------

    @rule(data=st.data(), way=choose(["mutable", "setter", "in no_grad", "detached", "recorded", "data", "data"]))
    def write(self, data: Any, way: str) -> None:
        """A write that is let through is noticed by the graph that needed the old values, or matters to nobody."""
        x = self.pick(data)
        new = self.numbers(data, x.shape)
        try:
            if way == "mutable":
                x.tensor.mutable()[...] = new
            elif way == "setter":
                x.tensor.data = new
            elif way == "in no_grad":
                with no_grad():
                    x.tensor[...] = new
            elif way == "detached":
                x.tensor.detach()[...] = Tensor(new)
            elif way == "recorded":
                x.tensor[...] = new
            else:
                x.tensor.data[...] = new
        except (GraphError, ValueError):
            # Only these two are refused: the first always, the second where a graph needs the values.
            assert way == "recorded" if x.tensor.requires_grad and way != "data" else way == "data"
            return
        assert not (way == "recorded" and x.tensor.requires_grad)
        if way != "data":  # that one is not counted, so it must be harmless
            self.doubtful |= {node for node, memory in self.memory_of.items() if x.memory in memory}
        for known in self.known:  # whatever shows this memory is now what it was plus a constant
            seen = naive.values(constant(known.tensor._array.copy()))
            if known is x or (known.memory == x.memory and not np.array_equal(seen, known.value)):
                differentiable = known.tensor.requires_grad
                known.node = Changed(known.node, seen - known.value) if differentiable else fixed(seen)

    @rule(data=st.data(), way=choose(["add_", "mul_"]))
    def change(self, data: Any, way: str) -> None:
        """Recorded arithmetic in place: the tensor has another value and graph, and all that was made of it stays."""
        x = self.pick(data)
        y = self.pick(data, lambda y: y.shape == x.shape)
        parts = [each.node if each.tensor.requires_grad else fixed(each.value) for each in (x, y)]
        node = Node(np.add if way == "add_" else np.multiply, *parts)
        if not (x.tensor.requires_grad or y.tensor.requires_grad) or node.order > 1:
            return
        if any(abs(number) > LARGEST for number in naive.values(node).ravel()):
            return
        before, alone = x.tensor._array, {x.variable}
        try:
            assert getattr(x.tensor, way)(y.tensor) is x.tensor
        except GraphError:  # a leaf, or a view of something; the graph, too, may hold a view
            saved = any(x.memory in memory for made, memory in self.memory_of.items() if made not in alone)
            assert x.leaf or saved or any(known is not x and known.memory == x.memory for known in self.known)
            return
        assert not any(known is not x and np.shares_memory(known.tensor._array, before) for known in self.known)
        self.taken_over += 1
        self.memory_of[node] = {-self.taken_over, x.memory, y.memory}
        x.node, x.variable, x.exact, x.memory = node, node, x.exact and y.exact, -self.taken_over

    # --- at all times ---------------------------------------------------------------------------------------------

    @invariant()
    def values_and_gradients_are_as_expected(self, known: Iterable[Known] | None = None) -> None:
        exact = all(x.exact for x in self.known)
        for x in self.known if known is None else known:
            self.compare(x.tensor, x.value, x.exact)
            assert (x.tensor.grad is None) == (x.gradient is None)
            if x.tensor.grad is not None and x.gradient is not None:
                self.compare(x.tensor.grad, naive.values(x.gradient), exact)

    def compare(self, found: Tensor, expected: np.ndarray, exact: bool = False) -> None:
        numbers = expected.astype(np.float64)
        assert found.shape == numbers.shape
        if exact:
            np.testing.assert_array_equal(found._array, numbers)
        else:
            tolerance = 1e-9 * (1 + np.abs(numbers).max(initial=0))
            np.testing.assert_allclose(found._array, numbers, rtol=1e-7, atol=tolerance)
