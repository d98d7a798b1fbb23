"""Cases 44 to 51: what a graph must survive. Every operation is tried, not one that stands for all.

The engine's own tests, in tests/autograd/, carry some of the marks: shapes of graphs (47), versions (45), what dies
with a graph (49). Memory over many iterations and trainings in two threads are tested there, too.
"""

from __future__ import annotations

import inspect
import operator
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, as_tensor, enable_grad, grad, is_grad_enabled, nn, no_grad, optim, use_algorithm
from minifcn.arrays.convolution import algorithms
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from tests.garbage import without_garbage_collector
from tests.hostile.arrays import CASES, arrays_of, eighths, identifier, leaves, same
from tests.hostile.operations import ALGORITHMS, algorithm_of, equal, refused, tensor, values, whole

every_operation = pytest.mark.parametrize("case", CASES, ids=identifier)


def made(case, xp):
    """(inputs, result, cotangent) of one call."""
    operands, labels = arrays_of(case, xp)
    inputs = leaves(operands)
    y = case(*inputs, *labels)
    return inputs, y, as_tensor(xp.asarray(eighths(y.shape, 7).astype(y.dtype)))


def changes_nothing(case):
    """Whether the result is the operand itself: a leaf, which has no graph."""
    inputs, y, _ = made(case, np)
    return y is inputs[0]


every_graph = pytest.mark.parametrize("case", [case for case in CASES if not changes_nothing(case)], ids=identifier)


# --- 44: backward again -----------------------------------------------------------------------------------------------


@pytest.mark.case(44)
@every_operation
def test_a_retained_graph_gives_the_same_bits_again_and_a_freed_one_an_error(case, xp):
    """A backward that wrote into what forward saved (winners, indices, results) would give other numbers next time."""
    inputs, y, v = made(case, xp)
    with algorithm_of(case.algorithm):
        first = grad(y, inputs, v, retain_graph=True)
        again = grad(y, inputs, v, create_graph=True)
        for once, twice in zip(first, again, strict=True):
            equal(twice, values(once))
        y.backward(v, retain_graph=True)
        y.backward(v)
    for x, once in zip(inputs, first, strict=True):
        equal(x.grad, 2 * values(once))
    if y.is_leaf:
        return
    fragments = "backward: the graph through", "has already been used and freed", "pass retain_graph=True to the first"
    refused(lambda: y.backward(v), *fragments, error=GraphError)
    refused(lambda: grad(y, inputs, v), *fragments, error=GraphError)
    for x, once in zip(inputs, first, strict=True):
        equal(x.grad, 2 * values(once))  # the attempts added nothing


# --- 45: a change between forward and backward ------------------------------------------------------------------------


@pytest.mark.case(45)
@every_operation
def test_a_change_after_the_forward_pass_is_an_error_or_does_no_harm(case, xp):
    """What backward needs is guarded, what it does not need may change: never a wrong gradient."""
    inputs, y, v = made(case, xp)
    with algorithm_of(case.algorithm):
        expected = [values(g) for g in grad(y, inputs, v)]
    noticed = 0
    for position in (*range(len(inputs)), "result"):
        inputs, y, v = made(case, xp)
        changed = y if position == "result" else inputs[position]
        try:
            with no_grad(), algorithm_of(case.algorithm):
                changed[...] = 5.5
                found = grad(y, inputs, v)
        except GraphError as error:
            assert "was changed in place after it was used: it is at version 1, backward needs version 0" in str(error)
            assert "(shape (" in str(error) and "change a copy instead" in str(error)
            noticed += 1
        except ValueError as error:
            assert case.name in ("broadcast_to", "expand") and "one number repeated" in str(error)
        else:
            for gradient, right in zip(found, expected, strict=True):
                equal(gradient, right)
    assert noticed >= (case.name in ("multiply", "divide", "matmul", "linear", "conv2d", "exp", "sqrt", "softmax"))


@pytest.mark.case(45)
@every_operation
def test_numpy_arrays_are_handed_out_locked_while_a_graph_needs_them(case):
    """The wrong line itself fails, not the backward later. (CuPy has no locked arrays: there only versions guard.)"""
    inputs, y, v = made(case, np)
    for needed in (*inputs, y):
        if not needed._version.holders:
            continue
        for array in (needed.data, needed.detach().numpy(), np.asarray(needed.detach())):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    with algorithm_of(case.algorithm):
        y.backward(v)
    for x in inputs:
        x.data[...] = 0  # the graph is used up


@pytest.mark.case(45)
def test_a_step_of_the_optimiser_between_two_losses_is_noticed(xp):
    """The second loss was computed with the old weight; its backward would mix it with the new one."""
    w = tensor(xp, eighths((3, 2, 2, 3)), requires_grad=True)
    x = tensor(xp, eighths((2, 2, 4, 5)), requires_grad=True)
    first, second = F.conv2d(x, w).sum(), F.conv2d(x, w, stride=2).sum()
    first.backward()
    optim.SGD([w], lr=0.1).step()
    fragments = "ToOutput: operand 1 (shape (3, 2, 2, 3)) was changed in place", "version 1, backward needs version 0"
    refused(second.backward, *fragments, error=GraphError)


@pytest.mark.case(45)
def test_running_statistics_that_move_on_are_noticed(xp):
    """In eval mode backward needs the statistics it normalised with; a training batch in between moves them."""
    layer = nn.BatchNorm2d(3).eval().to("cpu" if xp is np else "cuda")
    x = tensor(xp, eighths((2, 3, 4, 5)), np.float32, requires_grad=True)
    y = layer(x).sum()
    layer.train()(x)
    refused(y.backward, "was changed in place after it was used", "backward needs version 0", error=GraphError)


# --- 46: gradients that do not fit ------------------------------------------------------------------------------------


@pytest.mark.case(46)
@pytest.mark.parametrize(
    "gradient, error, fragments",
    [
        (None, GraphError, ("must be a single number, it has shape (2, 3)", "pass gradient of that shape or reduce")),
        (1.0, ArgumentError, ("gradient has shape ()", "the output has (2, 3)")),
        ([1.0, 2.0, 3.0], ArgumentError, ("gradient has shape (3,)", "the output has (2, 3)")),
        (np.ones((3, 2)), ArgumentError, ("gradient has shape (3, 2)", "the output has (2, 3)")),
        (np.ones((1, 2, 3)), ArgumentError, ("gradient has shape (1, 2, 3)", "the output has (2, 3)")),
        (np.ones((2, 3), np.float32), ArgumentTypeError, ("gradient is float32", "the output is float64", "convert")),
        (np.ones((2, 3), int), ArgumentTypeError, ("gradient is int64", "the output is float64", "convert")),
        (np.ones((2, 3), bool), ArgumentTypeError, ("gradient is bool", "the output is float64", "convert")),
        (np.ones((2, 3), complex), ArgumentTypeError, ("dtype complex128", "convert to float32, float64")),
        (np.full((2, 3), "1"), ArgumentTypeError, ("dtype <U1", "convert to float32, float64")),
        (np.ma.ones((2, 3)), ArgumentTypeError, ("a masked array cannot become a Tensor", "fill it first")),
        ([[1.0, 2.0, 3.0], [4.0, 5.0]], ArgumentError, ("not a rectangular array",)),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused_before_anything_is_used_up(gradient, error, fragments):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    y = x * x
    refused(lambda: y.backward(gradient), *fragments, error=error)
    refused(lambda: grad(y, x, [gradient]), *fragments, error=error)
    assert x.grad is None
    y.backward(np.full((2, 3), 3.0))  # the graph is still there
    equal(x.grad, np.full((2, 3), 6.0))


@pytest.mark.case(46)
def test_only_a_single_number_needs_no_gradient(xp):
    for shape in ((), (1,), (1, 1)):
        x = tensor(xp, np.full(shape, 3.0), requires_grad=True)
        (x * x).backward()
        equal(x.grad, np.full(shape, 6.0))
    nothing = tensor(xp, np.ones((0, 3)), requires_grad=True)
    refused(lambda: (nothing * 2.0).backward(), "must be a single number, it has shape (0, 3)", error=GraphError)


# --- 47: shapes of graphs ---------------------------------------------------------------------------------------------


@pytest.mark.case(47)
def test_every_way_through_a_graph_is_counted_once(xp):
    """Diamonds on diamonds: 2^20 ways through 20 nodes of two equal edges, and a node that is used three times."""
    x, unused = (tensor(xp, [1.0, -2.0], requires_grad=True) for _ in range(2))
    y = x
    for _ in range(20):
        y = y + y
    z = y * x * x + y
    (by_x,) = grad(z, x, tensor(xp, [1.0, 1.0]), retain_graph=True)
    equal(by_x, 2**20 * (3 * np.array([1.0, 4.0]) + 1))
    assert grad(z, [x, unused], tensor(xp, [1.0, 1.0]), allow_unused=True, retain_graph=True)[1] is None
    refused(
        lambda: grad(z, [x, unused], tensor(xp, [1.0, 1.0])),
        "grad: the outputs do not depend on input 1",
        "remove it or pass allow_unused=True",
        error=GraphError,
    )


# --- 48: ten thousand operations --------------------------------------------------------------------------------------


@contextmanager
def shallow_recursion() -> Iterator[None]:
    """Room for pytest and a few calls, not for a function that follows the graph by calling itself."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


KERNEL = Tensor(np.array([[[[0.0, 1.0]]]]), requires_grad=True)  # shifts an image of two columns, and pads with a zero
STEPS = {
    "add": lambda y: y + 1.0,
    "multiply": lambda y: y * 1.0,
    "exp and log": lambda y: F.log(F.exp(y)),
    "view": lambda y: y.reshape(*y.shape[::-1]),
    "residual": lambda y: y + (y - y),
    "conv2d": lambda y: F.conv2d(y.reshape(1, 1, 2, 1), KERNEL, padding=(0, 1))[..., :1].reshape(2, 1),
    "max_pool2d": lambda y: F.max_pool2d(y.reshape(1, 1, 2, 1), 1).reshape(2, 1),
}


@pytest.mark.case(48)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("used", [True, False], ids=["used", "thrown away"])
def test_a_chain_of_ten_thousand_operations(step, used):
    """Forward, backward, and being freed: at once, without the garbage collector, and without recursion."""
    operations = 0
    with shallow_recursion(), without_garbage_collector():
        x = Tensor(np.array([[0.5], [0.25]]), requires_grad=True)
        y = STEPS[step](x)
        per_step = len(graph_of(y))
        for _ in range(10_000 // per_step):
            y = STEPS[step](y)
            operations += per_step
        assert operations > 9_990
        if used:
            y.sum().backward()
            np.testing.assert_allclose(x.grad.data, [[1.0], [1.0]], rtol=1e-9)
        died = weakref.ref(y), weakref.ref(y.grad_fn)
        del y
        assert [reference() for reference in died] == [None, None]
        assert x._version.holders == 0


def graph_of(y):
    """All operations behind y."""
    found, open_ends = set(), [y.grad_fn]
    while open_ends:
        node = open_ends.pop()
        if node is not None and node not in found and not isinstance(node, Tensor):
            found.add(node)
            open_ends.extend(node.parents)
    return found


@pytest.mark.case(48)
def test_a_chain_of_ten_thousand_operations_in_the_gradient():
    """The graph of a gradient is as long as the graph it came from, and is freed the same way."""
    with shallow_recursion(), without_garbage_collector():
        x = Tensor(np.array([1.0, -2.0]), requires_grad=True)
        y = x
        for _ in range(5_000):
            y = y * 1.0
        (first,) = grad(y * y, x, np.ones(2), create_graph=True)
        assert len(graph_of(first)) > 10_000
        (second,) = grad(first, x, np.ones(2), retain_graph=True)
        np.testing.assert_array_equal(second.data, [2.0, 2.0])
        died = weakref.ref(first.grad_fn), weakref.ref(y.grad_fn)
        del y, first
        assert [reference() for reference in died] == [None, None]


@pytest.mark.case(48)
def test_a_thread_with_a_small_stack_frees_a_long_chain():
    before = threading.stack_size(256 * 1024)
    try:
        gone = []

        def work():
            x = Tensor(np.ones(2), requires_grad=True)
            y = x
            for _ in range(10_000):
                y = y * 1.0
            reference = weakref.ref(y)
            del y
            gone.append(reference() is None)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert gone == [True]


# --- 49: what dies, without the garbage collector ---------------------------------------------------------------------


def references(case, xp):
    """Weak references to all that one call, its backward and the backward of that made, and the inputs."""
    inputs, y, v = made(case, xp)
    v.requires_grad = True
    with algorithm_of(case.algorithm):
        gradients = grad(y, inputs, v, create_graph=True)
        grad(gradients, v, gradients, retain_graph=True)
    nodes = set().union(*(graph_of(result) for result in (y, *gradients) if not result.is_leaf))
    results = [result for result in (y, *gradients) if not result.is_leaf]
    saved = [
        kept.variable for node in nodes for kept in (*node._saved_operands, node._saved_output) if kept is not None
    ]
    mine = {id(x) for x in (*inputs, v)} | {id(x._array) for x in (*inputs, v)}
    things = [*nodes, *results, *saved, *(x._array for x in (*results, *saved))]
    return [weakref.ref(thing) for thing in things if id(thing) not in mine], inputs


@pytest.mark.case(49)
@every_graph
def test_graphs_of_every_operation_die_with_their_last_name(case, xp):
    """Operations, saved tensors and arrays: a circle of references would keep a whole network alive."""
    with without_garbage_collector():
        alive, inputs = references(case, xp)
        assert alive and [reference() for reference in alive] == [None] * len(alive)
        assert all(x._version.holders == 0 for x in inputs)


@pytest.mark.case(49)
@every_graph
def test_backward_frees_what_forward_saved_while_the_result_lives_on(case, xp):
    with without_garbage_collector():
        inputs, y, _ = made(case, xp)
        with algorithm_of(case.algorithm):
            result = (y * y).sum() if y.shape else y * y
            behind = [weakref.ref(node) for node in graph_of(result) if node is not result.grad_fn]
            del y
            result.backward()
        assert behind and [reference() for reference in behind] == [None] * len(behind)
        assert result.grad_fn.parents == () and all(x._version.holders == 0 for x in inputs)


# --- 50: recording is each thread's own, and every way out restores it ------------------------------------------------


class Unexpected(BaseException):
    """As KeyboardInterrupt is: no Exception, so that `except Exception` lets it pass."""


@pytest.mark.case(50)
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, GeneratorExit, Unexpected])
def test_every_exception_restores_what_was_set(error):
    for mode, inside in ((no_grad, False), (enable_grad, True)):
        for outside in (True, False):
            with no_grad() if not outside else enable_grad():
                with pytest.raises(error), mode(), use_algorithm("loops"):
                    assert is_grad_enabled() is inside
                    raise error
                assert is_grad_enabled() is outside and algorithms._chosen.get() == "auto"

                @mode()
                def fails(kind):
                    assert is_grad_enabled() is inside  # noqa: B023
                    raise kind

                for _ in range(2):
                    with pytest.raises(error):
                        fails(error)
                    assert is_grad_enabled() is outside


@pytest.mark.case(50)
@every_operation
def test_nothing_of_a_graph_is_left_inside_no_grad(case, xp):
    with no_grad():
        inputs, y, _ = made(case, xp)
    assert y.grad_fn is None and (y is inputs[0] or not y.requires_grad)  # `to` and `astype` may give x itself
    assert all(x._version.holders == 0 for x in inputs)


@pytest.mark.case(50)
def test_many_threads_keep_their_own_mode_and_algorithm():
    """All are inside their blocks at the same time; a thread begins with the default, whatever its parent has set."""
    together, names = threading.Barrier(9, timeout=30), ("loops", "matrix", "im2col")

    def work(number):
        seen = [(is_grad_enabled(), algorithms._chosen.get())]
        together.wait()
        with no_grad() if number % 2 else enable_grad(), use_algorithm(names[number % 3]):
            together.wait()
            x = Tensor([1.0], requires_grad=True)
            seen.append(((x * x).requires_grad, algorithms._chosen.get()))
            together.wait()
        together.wait()
        return [*seen, (is_grad_enabled(), algorithms._chosen.get())]

    with ThreadPoolExecutor(8) as pool, no_grad(), use_algorithm("loops"):
        answers = [pool.submit(work, number) for number in range(8)]
        for _ in range(4):
            together.wait()
            assert not is_grad_enabled() and algorithms._chosen.get() == "loops"
        for number, answer in enumerate(answers):
            default = (True, "auto")
            assert answer.result() == [default, (number % 2 == 0, names[number % 3]), default]


@pytest.mark.case(50)
def test_randomness_is_an_argument_so_threads_cannot_disturb_it():
    """The same generator state gives the same masks, whatever other threads draw meanwhile."""
    x = Tensor(np.ones((50, 40)))

    def masks(seed):
        generator = np.random.default_rng(seed)
        return [F.dropout(x, 0.5, generator=generator).data for _ in range(20)]

    alone = [masks(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(masks, range(4)))
    np.testing.assert_array_equal(together, alone)
    assert len({mask.tobytes() for masks_ in alone for mask in masks_}) == 80
    refused(lambda: F.dropout(x, generator=3), "dropout: generator must be", "got int", error=ArgumentTypeError)


# --- 51: differentiating twice ----------------------------------------------------------------------------------------

CONVOLUTIONS = {
    "conv2d with a remainder": (F.conv2d, {"stride": 2}, (2, 2, 6, 5), (3, 2, 3, 2)),
    "conv2d with everything": (
        F.conv2d,
        {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 2), "groups": 2},
        (2, 4, 6, 7),
        (2, 2, 3, 2),
    ),
    "conv_transpose2d with output_padding": (
        F.conv_transpose2d,
        {"stride": 2, "output_padding": 1},
        (2, 2, 2, 3),
        (2, 3, 3, 2),
    ),
    "conv_transpose2d with everything": (
        F.conv_transpose2d,
        {"stride": (2, 3), "padding": (1, 2), "output_padding": (0, 2), "groups": 2, "dilation": (2, 1)},
        (2, 4, 3, 2),
        (4, 1, 2, 3),
    ),
}


def penalty(function, options, x, w, v):
    """‖∂⟨f(x, w), v⟩/∂x‖² + ‖∂⟨f(x, w), v⟩/∂w‖²: quadratic in each of x, w and v."""
    by_x, by_w = grad(function(x, w, **options), [x, w], v, create_graph=True)
    assert (by_x.shape, by_w.shape) == (x.shape, w.shape)
    return (by_x * by_x).sum() + (by_w * by_w).sum()


@pytest.mark.case(51)
@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_gradient_penalty_through_both_convolutions_is_exact(xp, name, algorithm):
    """Central differences of a quadratic with step 1, (P(w + e) − P(w − e)) / 2, are its derivative: no tolerance."""
    function, options, *shapes = CONVOLUTIONS[name]
    with algorithm_of(algorithm):
        x, w = (whole(xp, seed, *shape, requires_grad=True) for seed, shape in enumerate(shapes))
        v = whole(xp, 2, *function(x, w, **options).shape, requires_grad=True)
        penalty(function, options, x, w, v).backward()
        for operand in (x, w, v):
            for at in range(0, operand.numel(), max(1, operand.numel() // 7)):  # some elements of each
                step = np.zeros(operand.numel())
                step[at] = 1
                ends = []
                for sign in (operator.add, operator.sub):
                    moved = tensor(xp, sign(values(operand), step.reshape(operand.shape)), requires_grad=True)
                    ends.append(penalty(function, options, *(moved if o is operand else o for o in (x, w, v))).item())
                assert values(operand.grad).ravel()[at] == (ends[0] - ends[1]) / 2


@pytest.mark.case(51)
def test_a_critic_learns_from_the_penalty_on_its_gradient(xp):
    """(‖∂D/∂x‖ − 1)², the term that Wasserstein critics are trained with: stride 2 down, stride 2 up, a kink between."""
    shapes = (2, 3, 7, 6), (4, 3, 3, 2), (4, 2, 2, 3)
    x, w, u = (
        tensor(xp, np.random.default_rng(seed).standard_normal(shape), requires_grad=True)
        for seed, shape in enumerate(shapes)
    )

    def loss(w, u):
        features = F.leaky_relu(F.conv2d(x, w, stride=2), 0.5)
        score = F.tanh(F.conv_transpose2d(features, u, stride=2, output_padding=1)).sum()
        (by_x,) = grad(score, x, create_graph=True)
        norms = F.sqrt((by_x * by_x).sum((1, 2, 3)))
        return ((norms - 1.0) * (norms - 1.0)).mean()

    before = loss(w, u)
    before.backward()
    assert x.grad is not None and all(np.abs(values(p.grad)).max() > 0 for p in (w, u))
    slope = sum((values(p.grad) ** 2).sum() for p in (w, u))
    step = 1e-9
    moved = [Tensor(p.detach()._array - step * p.grad._array, requires_grad=True) for p in (w, u)]
    fallen = before.item() - loss(*moved).item()
    assert slope > 0 and abs(fallen / (step * slope) - 1) < 1e-4
    same(loss(w, u), before)
