"""Random programs of autograd against the naive engine, and the proof that this can fail: engines with one mistake."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import minifcn.functional as F
from minifcn import Tensor, grad, no_grad
from minifcn.autograd import Operation, Variable, engine, gradients, in_place
from minifcn.autograd.saving import Saved, share_version
from minifcn.errors import GraphError
from minifcn.functional import arithmetic, conv, indexing, operands, reductions, shaping
from minifcn.functional.matmul import MatMul
from tests.autograd.machine import Machine

TestMachine = Machine.TestCase
# Without the phase that explains: on a failure it would take minutes.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
TestMachine.settings = settings(stateful_step_count=25, phases=PHASES)

GENERAL = "leaf multiply add sum"
# What is wrong -> where, the line as it is, the line with the mistake, and the operations that programs consist of.
MUTANTS: dict[str, tuple[Callable[..., Any], str, str, str]] = {
    # the walk
    "accumulation overwrites": (engine.backward, "keeper.grad + total", "total", GENERAL),
    "a diamond is counted once": (engine._add, "gradient if before is None else before + gradient", "gradient", GENERAL),
    "passed on before complete": (engine._topological_order, "stack.append((node, True))", "finished.insert(0, node)", GENERAL),
    "the given gradient is ignored": (gradients.start_of, "if gradient is None:", "if True:", GENERAL),
    "the given array is not copied": (gradients.start_of, "start._array.copy()", "start._array", "square"),
    "only the last output counts": (engine._walk, "_add(pending, _node(result), start)", "pending = {id(_node(result)): start}", GENERAL),
    "grad stops at its first input": (engine._leading_to, "for node in reversed(order)", "for node in order", "square"),
    "an unused input gets no error": (engine.grad, "not allow_unused", "False", "square"),
    "gradients share memory": (gradients.owned, "owns(array) and id(array) not in handed_out and not gradient._version.saved", "True", GENERAL),
    "a retained gradient is forgotten": (Operation.retained, "self._retained()", "None", "square sum"),
    # what lives how long
    "freed in spite of retain_graph": (engine._walk, "create_graph if retain_graph is None else retain_graph", "False", "square"),
    "not freed": (Operation.release, "(), True", "(), False", "add sum"),
    "second order is dropped": (engine._walk, "set_grad_enabled(create_graph)", "set_grad_enabled(False)", "square"),
    "second order is dropped in exp": (Operation.output.fget, "of(saved._array, self)", "of(saved._array)", "exp"),
    "a gradient always has a graph": (engine._walk, "set_grad_enabled(create_graph)", "set_grad_enabled(True)", "square"),
    # what is recorded
    "no_grad is ignored": (Operation.__call__, "is_grad_enabled() and ", "", GENERAL),
    "no_grad is ignored where nothing is to do": (operands.unchanged, "is_grad_enabled() or", "True or", "reshape sum"),
    "detach keeps the graph": (Variable.detach, "of(self._array)", "of(self._array, self.grad_fn)", "square"),
    # changes in place
    "changes are not noticed": (Saved.get, "self.version.count != self.count", "False", "square"),
    "mutable() is not counted": (Variable.mutable, "self._version.count += 1", "pass", "square"),
    "the setter is not counted": (Variable.data.fset, "self._version.count += 1", "pass", "square"),
    "detach counts alone": (Variable.detach, "detached._version = self._version", "pass", "square"),
    "views count alone": (share_version, "result._version = operand._version", "pass", "permute multiply"),
    "data are never locked": (Variable.data.fget, "self._version.holders and", "False and", "square"),
    "an index list is not copied": (indexing.plain_key, "else deepcopy(part)", "else part", "getitem"),
    "the old value is forgotten": (Saved.get, "self.variable._array is self.array", "True", "square"),
    "the old value has no graph": (Saved.get, "of(self.array, self.grad_fn)", "of(self.array)", "square"),
    "a view parts from what it shows": (in_place.changed, "x._version.has_others(x)", "False", "reshape"),
    "the taken over has the old graph": (in_place._take_over, "made._requires_grad, after", "made._requires_grad, before", "square"),
    # rules of operations
    "broadcasting is not summed back": (arithmetic.sum_to, "x.shape == shape", "True", "sum multiply"),
    "broadcasting is summed too often": (arithmetic.SumTo.forward, "if size == 1 and x.shape[i + extra] != 1", "", "leaf multiply"),
    "both factors get the first": (arithmetic.Multiply.backward, "multiply(grad, a)", "multiply(grad, b)", "multiply"),
    "a sign in division": (arithmetic.Divide.backward, "negative(", "(", "leaf divide"),
    "a power too many": (arithmetic.Power.backward, "self.exponent - 1", "self.exponent", "square cube"),
    "winners do not share": (reductions.AMax.backward, "winners / winners.sum(axis=self.dims, keepdims=True)", "winners", "leaf amax"),
    "a matrix is not transposed": (MatMul.backward, "MatMul()(grad, transpose(b, -1, -2))", "MatMul()(grad, b)", "matmul permute"),
    "an element read twice counts once": (indexing.PutItem.forward, "isinstance(part, list) or hasattr(part, 'dtype')", "False", "getitem"),
    "joined parts are exchanged": (shaping.Concatenate.backward, "start += shape[self.dim]", "pass", "cat sum"),
    "the derivative of a weight's gradient is lost": (conv.ToWeight.backward, "ToInput(self.geometry)(w, y)", "ToInput(self.geometry)(w, y) * 0", "conv2d"),
}  # fmt: skip


# Found, too, but after seconds of search, so only when MINIFCN_HYPOTHESIS asks for an intense one.
SLOW = {
    "passed on before complete",
    "a retained gradient is forgotten",
    "changes are not noticed",
    "mutable() is not counted",
    "the setter is not counted",
    "detach counts alone",
    "views count alone",
    "data are never locked",
    "an index list is not copied",
    "the old value is forgotten",
    "the old value has no graph",
    "the taken over has the old graph",
    "broadcasting is summed too often",
    "winners do not share",
}
SEARCHED = [name for name in MUTANTS if name not in SLOW or os.environ.get("MINIFCN_HYPOTHESIS") == "intense"]


def with_mistake(function: Callable[..., Any], line: str, wrong: str) -> Any:
    """The code of `function`, with `wrong` in the place of `line`."""
    source = textwrap.dedent(inspect.getsource(function)).replace('"dtype"', "'dtype'")
    assert source.count(line) == 1, f"{function.__qualname__} is no longer written as this test thinks: {line}"
    source = "\n".join(row for row in source.replace(line, wrong).splitlines() if not row.lstrip().startswith("@"))
    made: dict[str, Any] = {}
    exec("from __future__ import annotations\n" + source, function.__globals__, made)
    return made[function.__name__].__code__


@pytest.mark.parametrize("name", SEARCHED)
def test_the_machine_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mutant is found within 500 programs, the same ones on every run."""
    function, line, wrong, operations = MUTANTS[name]
    monkeypatch.setattr(function, "__code__", with_mistake(function, line, wrong))
    search = settings(
        max_examples=500,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    focused = type("Focused", (Machine,), {"operations": operations.split()})
    with pytest.raises(Exception):  # noqa: B017 (a wrong number, a refusal without reason, a shape that does not fit)
        run_state_machine_as_test(focused, settings=search)


# --- what the machine, and the search for its mutants, have found ---------------------------------------------------------------------------------------


def leaf(*numbers: float) -> Tensor:
    return Tensor(np.array(numbers), requires_grad=True)


def test_a_given_array_is_copied_for_the_second_order() -> None:
    x, given = leaf(1.0, 2.0), np.array([3.0, 4.0])
    (first,) = grad(x * x, x, given, create_graph=True)
    given[:] = 99
    np.testing.assert_array_equal(grad(first.sum(), x)[0].data, [6.0, 8.0])


def test_a_changed_result_is_noticed_by_the_second_order() -> None:
    """The gradient of exp saves the result of exp; only the cotangent is differentiated, so exp is not asked again."""
    x, cotangent = leaf(0.0, 1.0), leaf(1.0, 1.0)
    y = F.exp(x)
    (first,) = grad(y, x, cotangent, create_graph=True)
    y.mutable()[:] = 100
    with pytest.raises(GraphError, match="changed in place"):
        grad(first, cotangent, np.ones(2))


class Told:
    """In the place of Hypothesis's `data`: what is drawn is known."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def draw(self, _: Any) -> Any:
        return self.answers.pop(0)


@pytest.mark.parametrize("first", [1, 2])  # the view has one element, or none
def test_a_refused_change_of_a_view_surprises_nobody(first: int) -> None:
    machine = Machine()
    x = machine.keep(Tensor(np.ones((1, 2)), requires_grad=True), exact=True)
    machine.compute(True, lambda t: t.permute(1, 0), np.transpose, x)
    machine.compute(True, lambda t: t[first:], lambda a: a[first:], machine.known[-1])
    view = machine.known[-1]
    machine.change(Told(view, view), "add_")
    assert view.shape == (2 - first, 1) and view.node is view.variable and view.memory == x.memory


def test_an_index_list_is_copied() -> None:
    x, key = leaf(1.0, 2.0), [0, 0]
    y = x[key].sum()
    key[:] = [1, 1]
    y.backward()
    np.testing.assert_array_equal(x.grad.data, [2.0, 0.0])


def test_a_replaced_leaf_is_noticed() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    x.replace_(np.array([50.0, 60.0]))
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


@pytest.mark.parametrize(
    "after",
    [
        lambda p: p**2,
        lambda p: p.reshape(1, 2) ** 2,  # the gradient of p is a view, so the user receives a copy
        lambda p: (p**2).reshape(2, 1),
    ],
)
def test_a_gradient_depends_on_those_it_was_made_from(after: Callable[[Tensor], Tensor]) -> None:
    """With p = x³ and z = p², one call gives dz/dp = 2p and dz/dx = dz/dp · 3x². PyTorch answers the same."""
    x = leaf(1.0, 2.0)
    p = x**3
    of_x, of_p = grad(after(p).sum(), [x, p], create_graph=True)
    np.testing.assert_array_equal(of_x.data, [6.0, 192.0])
    second = grad(of_x, [of_p, p, x], np.ones(2))
    np.testing.assert_array_equal([found.data for found in second], [[3.0, 12.0], [6.0, 24.0], [30.0, 480.0]])


@pytest.mark.parametrize(
    "nothing_to_do",
    [
        lambda x: x.reshape(1, 2),
        lambda x: x**1,
        lambda x: F.broadcast_to(x, (1, 2)),
        lambda x: F.sum_to(x, (1, 2)),
        lambda x: F.crop(x, (1, 2)),
        lambda x: F.dropout(x, training=False),
    ],
)
def test_no_grad_holds_where_nothing_is_to_do(nothing_to_do: Callable[[Tensor], Tensor]) -> None:
    x = Tensor(np.ones((1, 2)), requires_grad=True)
    with no_grad():
        assert not nothing_to_do(x).requires_grad
    assert nothing_to_do(x).requires_grad
