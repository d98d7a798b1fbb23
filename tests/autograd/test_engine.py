"""The walk from a result back to its leaves: every contribution counted once, in any shape of graph."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, no_grad
from minifcn.autograd import Operation
from minifcn.autograd.steps import steps
from minifcn.errors import ArgumentError, GraphError
from minifcn.machine.backend import array_module
from tests.onto import close, equal, get, on


def leaf(xp, *values, dtype=np.float64):
    return on(xp, np.array(values, dtype), requires_grad=True)


# --- shapes of graphs -----------------------------------------------------------------------------------------------


@pytest.mark.case(47)
def test_diamond_hands_a_gradient_on_only_when_it_is_complete(xp):
    a = leaf(xp, 1.0)
    b = a + a
    c = b + b
    c.backward()
    equal(a.grad, [4.0])


def test_the_steps_of_a_walk_are_each_node_once_with_its_whole_gradient_and_change_nothing(xp):
    a = leaf(xp, 1.0)
    b = a + a
    c = b + b
    reached = steps(c, on(xp, np.array([1.0])))
    assert [node for node, _ in reached] == [c.grad_fn, b.grad_fn, a]
    for (_, total), whole in zip(reached, (1.0, 2.0, 4.0), strict=True):
        equal(total, [whole])
    assert a.grad is None
    c.backward()  # nothing was freed
    equal(a.grad, [4.0])


@pytest.mark.case(47)
def test_unequal_paths_to_one_node(xp):
    """The long path and the short one meet in x; whichever is walked first must wait for the other."""
    x = leaf(xp, 2.0, -3.0)
    y = x * x
    z = (y * y * y + y) * x  # x^7 + x^3
    z.backward([1.0, 10.0])
    equal(x.grad, [7 * 2.0**6 + 3 * 4, 10 * (7 * 3.0**6 + 3 * 9)])


@pytest.mark.case(47)
def test_one_leaf_as_both_operands_and_three_times(xp):
    x = leaf(xp, 3.0)
    (x * x * x).backward()
    equal(x.grad, [27.0])
    y = leaf(xp, 5.0)
    (y - y).backward()
    equal(y.grad, [0.0])


@pytest.mark.case(47)
def test_random_graphs_against_their_paths(xp):
    """Sums over all paths, counted by a matrix: an oracle that knows nothing of topological orders."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        size = int(generator.integers(3, 12))
        weights = np.triu(generator.integers(-2, 3, (size, size)), 1).astype(float)
        values = [leaf(xp, 1.0)]
        for k in range(1, size):
            total = values[0] * weights[0, k]
            for i in generator.permutation(np.arange(1, k)):
                total = total + values[i] * weights[i, k]
            values.append(total)
        values[-1].backward()
        paths = np.linalg.inv(np.eye(size) - weights)  # I + W + W² + ...: walks of every length
        close(values[0].grad, [paths[0, -1]], atol=1e-9)


@pytest.mark.case(47)
def test_disconnected_inputs(xp):
    x, unused, constant = leaf(xp, 1.0), leaf(xp, 2.0), on(xp, np.array([3.0]))
    y = x * constant
    assert y.requires_grad
    assert not (constant * 2.0).requires_grad
    assert grad(y, [x, unused], retain_graph=True, allow_unused=True)[1] is None
    with pytest.raises(GraphError, match="do not depend on input 1; remove it or pass allow_unused=True"):
        grad(y, [x, unused], retain_graph=True)
    y.backward()
    assert unused.grad is None
    assert constant.grad is None


@pytest.mark.parametrize(
    "first, second",
    [((3,), (2, 1)), ((2, 1, 4), (3, 1)), ((), (2, 3)), ((1, 1), (5,)), ((2, 3), (2, 3)), ((0, 3), (3,))],
)
def test_broadcasting_is_summed_back(first, second, xp):
    generator = np.random.default_rng(1)
    a = on(xp, generator.integers(-9, 10, first).astype(float), requires_grad=True)
    b = on(xp, generator.integers(-9, 10, second).astype(float), requires_grad=True)
    product = a * b
    cotangent = generator.integers(-9, 10, product.shape).astype(float)
    product.backward(on(xp, cotangent))
    for x, other in ((a, b), (b, a)):
        full = cotangent * np.broadcast_to(get(other), product.shape)
        expected = np.zeros(x.shape)
        for at in np.ndindex(*full.shape):
            own = at[len(at) - x.ndim :] if x.ndim else ()
            expected[tuple(0 if n == 1 else i for i, n in zip(own, x.shape, strict=True))] += full[at]
        assert x.grad.shape == x.shape
        equal(x.grad, expected)


# --- running twice --------------------------------------------------------------------------------------------------


@pytest.mark.case(44)
def test_a_second_backward_is_an_error_that_says_what_to_do(xp):
    x = leaf(xp, 2.0)
    y = x * x
    y.backward()
    with pytest.raises(GraphError, match="through Multiply has already been used and freed; pass retain_graph=True"):
        y.backward()
    equal(x.grad, [4.0])


@pytest.mark.case(44)
def test_a_shared_part_is_freed_too(xp):
    x = leaf(xp, 2.0)
    shared = x * x
    (shared * 3.0).backward()
    with pytest.raises(GraphError, match="already been used and freed"):
        (shared * 5.0).backward()


@pytest.mark.case(44)
def test_retained_graphs_add_up(xp):
    x = on(xp, np.arange(12.0).reshape(1, 1, 3, 4) % 5, requires_grad=True)
    y = (F.max_pool2d(x, 2, 1) * F.max_pool2d(x, 2, 1)).sum()
    y.backward(retain_graph=True)
    once = get(x.grad).copy()
    y.backward(retain_graph=True)
    equal(x.grad, 2 * once)
    y.backward()
    equal(x.grad, 3 * once)
    with pytest.raises(GraphError, match="already been used and freed"):
        y.backward()


def test_gradients_of_two_graphs_add_up(xp):
    x = leaf(xp, 2.0)
    (x * 3.0).backward()
    (x * x).backward()
    equal(x.grad, [7.0])


def test_create_graph_keeps_the_graph(xp):
    x = leaf(xp, 2.0)
    y = x * x * x
    y.backward(create_graph=True)
    assert x.grad.requires_grad
    y.backward()  # still there
    equal(x.grad, [24.0])


def test_without_create_graph_gradients_are_constants(xp):
    x = leaf(xp, 2.0)
    (x * x).backward()
    assert not x.grad.requires_grad
    assert x.grad.grad_fn is None


# --- what is given and what is refused ------------------------------------------------------------------------------


def test_a_constant_has_no_gradient(xp):
    with pytest.raises(GraphError, match="does not depend on any tensor that requires grad"):
        on(xp, [1.0]).backward()
    with pytest.raises(GraphError, match="input 0 does not require grad; set requires_grad=True before"):
        grad(leaf(xp, 1.0) * 2.0, on(xp, [1.0]))
    x = leaf(xp, 1.0)
    with no_grad():
        y = x * 2.0
    with pytest.raises(GraphError, match="does not depend on any tensor"):
        y.backward()


def test_grad_outputs_are_counted(xp):
    x = leaf(xp, 1.0)
    with pytest.raises(ArgumentError, match="2 outputs but 1 grad_outputs; pass one for each"):
        grad([x * 2.0, x * 3.0], x, on(xp, np.ones(1)))


def test_a_leaf_is_its_own_gradient(xp):
    x = leaf(xp, 5.0)
    x.backward()
    equal(x.grad, [1.0])


@pytest.mark.parametrize("answer", ["too many", "wrong shape"])
def test_a_wrong_operation_is_named(answer):
    class Faulty(Operation):
        def forward(self, x):
            return x + 1

        def backward(self, gradient):
            return (gradient, gradient) if answer == "too many" else gradient.sum()

    message = {
        "too many": r"Faulty\.backward gave 2 gradients for 1 operands",
        "wrong shape": r"Faulty\.backward gave a gradient of shape \(\) for \(2,\)",
    }[answer]
    with pytest.raises(GraphError, match=message):
        Faulty()(leaf(np, 1.0, 2.0)).backward([1.0, 1.0])


# --- grad -----------------------------------------------------------------------------------------------------------


def test_grad_touches_no_leaf(xp):
    x, w = leaf(xp, 2.0, 3.0), leaf(xp, 5.0, 7.0)
    by_x, by_w = grad((x * x * w).sum(), [x, w])
    equal(by_x, [20.0, 42.0])
    equal(by_w, [4.0, 9.0])
    assert x.grad is None
    assert w.grad is None


def test_grad_of_several_outputs_is_their_weighted_sum(xp):
    x = leaf(xp, 2.0, 3.0)
    y, z = x * x, x.sum()
    (found,) = grad([y, z], x, [xp.asarray([1.0, 10.0]), None])
    equal(found, [4.0 + 1, 60.0 + 1])


def test_an_output_may_depend_on_another(xp):
    x = leaf(xp, 3.0)
    y = x * x
    z = y * y
    equal(grad([y, z], x)[0].data, [6.0 + 4 * 27])


def test_grad_with_respect_to_a_computed_tensor(xp):
    x = leaf(xp, 3.0)
    y = x * x
    z = y * x
    by_y, by_x = grad(z, [y, x])
    equal(by_y, [3.0])
    equal(by_x, [27.0])
    equal(grad(x * 2.0, x * 3.0, allow_unused=True), [None])


def test_retained_gradients_of_computed_tensors(xp):
    x = leaf(xp, 3.0)
    y = (x * x).retain_grad()
    (y * x + y).backward()
    equal(y.grad, [4.0])
    equal(x.grad, [9.0 + 4 * 6])


def test_third_order(xp):
    x = leaf(xp, 2.0, -1.0)
    derivative = x**5
    for factor, power in ((5, 4), (20, 3), (60, 2)):
        (derivative,) = grad(derivative, x, xp.ones(2), create_graph=True)
        close(derivative, factor * np.array([2.0, -1.0]) ** power)
    x = leaf(xp, 0.3)
    first = grad(F.tanh(x), x, create_graph=True)[0]
    second = grad(first, x, create_graph=True)[0]
    third = grad(second, x)[0]
    t = np.tanh(0.3)
    close(third, [-2 * (1 - t * t) * (1 - 3 * t * t)], rtol=1e-12)


def test_mixed_derivative_is_symmetric(xp):
    x, w = leaf(xp, 2.0, 3.0), leaf(xp, 5.0, 7.0)
    y = F.exp(x * w * 0.1).sum()
    by_x, by_w = grad(y, [x, w], create_graph=True)
    xw = grad(by_x.sum(), w, retain_graph=True)[0]
    wx = grad(by_w.sum(), x)[0]
    close(xw, wx, rtol=1e-12)


# --- memory of their own --------------------------------------------------------------------------------------------


def apart(*variables):
    arrays = [v._array if isinstance(v, Tensor) else v for v in variables]
    for i, a in enumerate(arrays):
        for b in arrays[:i]:
            assert not array_module(a, b).shares_memory(a, b)


@pytest.mark.case(35)
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("way", ["backward", "grad"])
def test_gradients_share_no_memory(way, create_graph, xp):
    """With each other, with the inputs, with the outputs, with the gradient that was given."""
    a, b, c = (on(xp, np.ones((2, 3)), requires_grad=True) for _ in range(3))
    given = on(xp, np.full((2, 3), 2.0))
    y = a + b + c.reshape(3, 2).T.reshape(2, 3)
    z = y.retain_grad()
    if way == "backward":
        z.backward(given, create_graph=create_graph)
        found = [a.grad, b.grad, c.grad, y.grad]
    else:
        found = list(grad(z, [a, b, c, y], given, create_graph=create_graph))
    apart(*found, a, b, c, y, given)
    for gradient in found:
        equal(gradient, np.full((2, 3), 2.0))


@pytest.mark.case(35)
def test_a_given_array_is_not_the_gradient_either(xp):
    x, given = leaf(xp, 1.0, 2.0), xp.asarray([3.0, 4.0])
    x.reshape(2, 1).reshape(2).backward(given)
    apart(x.grad, given)
    y = leaf(xp, 1.0, 2.0)
    y.backward(given)
    apart(y.grad, given)


def test_accumulating_leaves_the_old_gradient_alone(xp):
    x = leaf(xp, 2.0)
    (x * 3.0).backward()
    kept = x.grad
    (x * 4.0).backward()
    equal(kept, [3.0])
    equal(x.grad, [7.0])


def test_grad_computes_only_what_leads_to_its_inputs(monkeypatch, xp):
    """The gradient of the image of a convolution does not pay for the gradient of its weight."""
    from minifcn.functional import conv

    made = []
    forward = conv.ToWeight.forward
    monkeypatch.setattr(conv.ToWeight, "forward", lambda self, *arrays: (made.append(1), forward(self, *arrays))[1])
    x = on(xp, np.arange(12.0).reshape(1, 1, 3, 4), requires_grad=True)
    w = on(xp, np.array([[[[1.0, -2.0]]]]), requires_grad=True)
    y = F.conv2d(x, w).sum()
    (gx,) = grad(y, x, retain_graph=True)
    assert made == [] and gx.shape == x.shape
    grad(y, [x, w], retain_graph=True)
    assert made == [1]
    y.backward()
    assert made == [1, 1] and np.array_equal(get(x.grad), get(gx))
