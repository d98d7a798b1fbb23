"""What a graph keeps, for how long, and how it notices that somebody changed it."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, as_tensor, grad, no_grad
from minifcn.autograd import Operation
from minifcn.errors import AllocationError, ArgumentError, GraphError
from minifcn.machine.running import run
from tests.garbage import without_garbage_collector
from tests.onto import equal, moved_to, on
from tests.played_cupy import playing


def leaf(xp, *values):
    return on(xp, np.array(values, np.float64), requires_grad=True)


# --- what dies, and when --------------------------------------------------------------------------------------------


@pytest.mark.case(49)
def test_intermediates_die_with_backward_without_the_garbage_collector():
    with without_garbage_collector():
        x = Tensor(np.arange(24.0).reshape(1, 2, 3, 4) % 7, requires_grad=True)
        w = Tensor(np.ones((2, 2, 2, 2)), requires_grad=True)
        steps = [F.conv2d(x, w, padding=1)]
        for operation in (F.relu, F.sigmoid, lambda y: F.max_pool2d(y, 2), lambda y: F.softmax(y, 1), F.exp):
            steps.append(operation(steps[-1]))
        steps.append((steps[-1] * steps[-1]).sum())
        alive = [weakref.ref(step) for step in steps] + [weakref.ref(step.grad_fn) for step in steps]
        arrays = [weakref.ref(step._array) for step in steps]
        loss = steps[-1]
        steps.clear()
        loss.backward()
        dead = [reference() is None for reference in alive]
        # The loss itself lives, and so does its operation; all others are gone, arrays included.
        assert dead == [True] * 6 + [False] + [True] * 6 + [False]
        assert [reference() is None for reference in arrays] == [True] * 6 + [False]
        assert loss.grad_fn.parents == ()
        last = weakref.ref(loss.grad_fn)
        del loss
        assert last() is None


@pytest.mark.case(49)
def test_a_graph_that_is_never_used_dies_too(xp):
    with without_garbage_collector():
        x = leaf(xp, 1.0, 2.0)
        y = F.exp(x) * F.tanh(x)
        alive = [weakref.ref(y), weakref.ref(y.grad_fn), *(weakref.ref(parent) for parent in y.grad_fn.parents)]
        del y
        assert [reference() for reference in alive] == [None] * 4


@pytest.mark.case(49)
def test_gradients_of_second_order_die(xp):
    with without_garbage_collector():
        x = leaf(xp, 1.0, 2.0)
        (first,) = grad((x * x * x).sum(), x, create_graph=True)
        operation = weakref.ref(first.grad_fn)
        grad(first.sum(), x)
        del first
        assert operation() is None


def test_memory_stays_flat():
    with without_garbage_collector():
        x = Tensor(np.ones((1, 2, 6, 5), np.float32))
        w = Tensor(np.ones((3, 2, 3, 3), np.float32), requires_grad=True)

        def step():
            w.grad = None
            F.relu(F.conv2d(x, w, padding=1)).mean().backward()

        for _ in range(20):
            step()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(300):
                step()
            assert gc.collect() == 0  # no cycles; and it empties the interpreter's stock of unused tuples
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown < 20_000  # a leak of one small array per step would be more than 100,000


def test_what_backward_does_not_need_is_freed_early(xp):
    """x + 1 needs neither operand nor result, so an array in the middle of such a chain dies at once."""
    x = leaf(xp, 1.0, 2.0)
    y = x + 1.0
    array = weakref.ref(y._array)
    y = y + 1.0
    assert array() is None
    y.sum().backward()


def test_no_graph_keeps_nothing():
    x = leaf(np, 1.0, 2.0)
    with no_grad():
        y = F.exp(x) * x
    assert y.grad_fn is None
    assert x._version.holders == 0


# --- changes in place -----------------------------------------------------------------------------------------------


@pytest.mark.case(45)
def test_a_change_of_a_saved_operand_is_an_error_with_both_versions(xp):
    x, w = leaf(xp, 1.0, 2.0), leaf(xp, 3.0, 4.0)
    y = (x * w).sum()
    with no_grad():
        w[0] = 7.0
        w[1] = 7.0
    with pytest.raises(
        GraphError,
        match=r"Multiply: operand 1 \(shape \(2,\)\) was changed in place .* at version 2, backward needs version 0",
    ):
        y.backward()


@pytest.mark.case(45)
def test_a_change_of_a_saved_result_is_an_error(xp):
    x = leaf(xp, 1.0, 2.0)
    y = F.exp(x)
    z = y.sum()
    y.mutable()[0] = 0.0
    with pytest.raises(GraphError, match=r"Exp: the result .* was changed in place .* version 1, backward needs"):
        z.backward()


def test_a_change_of_what_is_not_needed_is_allowed(xp):
    x = leaf(xp, 1.0, 2.0)
    y = (x + 1.0).sum()
    with no_grad():
        x[0] = 7.0
    y.backward()
    equal(x.grad, [1.0, 1.0])


@pytest.mark.case(45)
def test_replacing_the_data_counts_as_a_change(xp):
    x = leaf(xp, 1.0, 2.0)
    y = (x * x).sum()
    x.data = [5.0, 6.0]
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


def test_changes_through_detached_tensors_are_noticed(xp):
    x = leaf(xp, 1.0, 2.0)
    y = (x * x).sum()
    x.detach()[0] = 7.0
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


@pytest.mark.case(45)
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.reshape(3, 2),
        lambda x: x.T,
        lambda x: x[::-1, 1:],
        lambda x: x[1],
        lambda x: F.broadcast_to(x, (2, 2, 3)),
        lambda x: F.crop(x, (1, 2), (1, 0)),
        lambda x: x.reshape(6)[2:].reshape(2, 2).T,
    ],
)
def test_a_view_counts_together_with_what_it_shows(view):
    """Saving a view saves the memory behind it: the base, too, is locked, and a change of it is noticed."""
    for changed in ("base", "view"):
        x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
        shown = view(x)
        assert np.shares_memory(shown._array, x._array)
        y = (shown * shown).sum()
        with pytest.raises(ValueError, match="read-only"):
            x.data[1, 0] = 100.0
        if changed == "view" and not shown._array.flags.writeable:  # one number shown twice
            with pytest.raises(ArgumentError, match=r"memory that cannot be written .* write into a \.clone\(\) of it"):
                shown.mutable()
            continue
        with no_grad():
            (x if changed == "base" else shown).mutable()
        with pytest.raises(GraphError, match="changed in place"):
            y.backward()


def test_a_view_of_a_constant_counts_too(xp):
    x, w = on(xp, np.arange(3.0)), leaf(xp, 1.0, 2.0, 3.0)
    y = (x.reshape(3) * w).sum() + (x[::-1] * w).sum()
    x[0] = 9.0
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


def test_copies_count_alone(xp):
    x = leaf(xp, 1.0, 2.0)
    y = x[[0, 1]]  # an index array copies
    z = (y * y).sum()
    with no_grad():
        x[0] = 5.0
    z.backward()
    equal(x.grad, [2.0, 4.0])


def test_an_array_beside_a_tensor_is_copied(xp):
    x, array = leaf(xp, 1.0, 2.0), xp.asarray([3.0, 4.0])
    y = (x * array).sum()
    array[:] = 0
    y.backward()
    equal(x.grad, [3.0, 4.0])


@pytest.mark.case(45)
def test_data_are_read_only_while_a_graph_needs_them():
    x = leaf(np, 1.0, 2.0)
    x.data[0] = 4.0
    y = (x * x).sum()
    for array in (x.data, x.detach().numpy(), np.asarray(x.detach())):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0
    y.backward()
    x.data[0] = 5.0  # the graph is used up
    z = x * x
    del z  # or gone
    x.data[1] = 6.0
    np.testing.assert_array_equal(x.data, [5.0, 6.0])
    np.testing.assert_array_equal(x.grad.data, [8.0, 4.0])


def test_an_optimiser_may_write_after_backward(xp):
    x = leaf(xp, 1.0, 2.0)
    for _ in range(3):
        x.grad = None
        (x * x).sum().backward()
        array = x.mutable()
        array -= 0.25 * x.grad.data
    equal(x, [0.125, 0.25])


# --- the contract ---------------------------------------------------------------------------------------------------


def test_an_operation_of_ones_own():
    class Cube(Operation):
        def forward(self, x):
            return x**3

        def backward(self, gradient):
            (x,) = self.operands
            return gradient * x * x * 3.0

    x = leaf(np, 2.0, -1.0)
    (first,) = grad(Cube()(x).sum(), x, create_graph=True)
    np.testing.assert_array_equal(first.data, [12.0, 3.0])
    np.testing.assert_array_equal(grad(first.sum(), x)[0].data, [12.0, -6.0])


def test_gradients_that_nobody_wants_are_not_computed():
    calls = []

    class Watched(Operation):
        def forward(self, a, b):
            return a + b

        def backward(self, gradient):
            return (lambda: calls.append("a") or gradient), (lambda: calls.append("b") or gradient)

    Watched()(Tensor(np.ones(1)), leaf(np, 1.0)).backward()
    assert calls == ["b"]


def test_missing_rules_are_named():
    class Half(Operation):
        def forward(self, x):
            return x / 2

    with pytest.raises(NotImplementedError, match="Half does not define backward, so it has no gradient"):
        Half()(leaf(np, 1.0)).backward()
    with pytest.raises(NotImplementedError, match="Operation does not define forward"):
        Operation()(leaf(np, 1.0))
    with pytest.raises(GraphError, match="Half did not keep its result; set keeps_output = True"):
        Half().output  # noqa: B018


def test_edges_lead_only_to_operands_that_want_a_gradient():
    y = Tensor(np.ones(1)) * leaf(np, 1.0)
    assert [parent is not None for parent in y.grad_fn.parents] == [False, True]


def test_memory_shared_with_the_outside_is_the_callers_business():
    """as_tensor promises to share, so a write into the source shows; it cannot be counted."""
    source = np.zeros(2)
    shared = as_tensor(source)
    source[0] = 5.0
    np.testing.assert_array_equal(shared.data, [5.0, 0.0])


class Greedy(Operation):
    def forward(self, x, y):
        raise MemoryError("Unable to allocate 3.00 GiB")


def test_memory_that_runs_out_names_the_operation_and_what_to_do(xp):
    x, y = on(xp, np.ones((2, 3))), on(xp, np.ones(3))
    with pytest.raises(AllocationError) as caught:
        Greedy()(x, y)
    said = str(caught.value)
    assert said.startswith(f"Greedy: there is no memory left on {x.device}, which has ")
    assert said.endswith(
        "for operands of shape (2, 3) and (3,); make the batch or the images smaller, or use minifcn.no_grad() where "
        "no gradient is wanted."
    )
    assert ("in use here" in said) == (xp is not np)
    assert "3.00 GiB" in str(caught.value.__cause__)


def test_a_gpu_that_has_no_memory_left_says_so_in_the_same_words(monkeypatch):
    with playing() as cupy:

        def full(*_, **__):
            raise cupy.cuda.memory.OutOfMemoryError("Out of memory allocating 3,221,225,472 bytes")

        x = on(cupy, np.ones((1, 1, 5, 5)))
        monkeypatch.setattr(type(cupy), "empty", full)
        with pytest.raises(AllocationError, match="MaxPool: there is no memory left on cuda:0, which has 1 GiB"):
            F.max_pool2d(x, 2)


def test_what_runs_does_so_on_the_card_of_its_arrays_and_gives_an_array(played):
    class Total(Operation):
        def forward(self, x):
            seen.append(played.cuda.Device().id)
            return np.float64(3)  # NumPy's answer for arrays of no dimensions

    seen = []
    assert isinstance(run(Total(), (np.ones(2),)), np.ndarray)
    run(Total(), (moved_to(np.ones(2), "cuda:1"),))
    assert seen == [0, 1]
