"""In-place arithmetic: whose memory is written, which object has the gradient, and what is refused."""

from __future__ import annotations

import copy
import gc
import operator
import pickle

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, as_tensor, grad, no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from tests.onto import equal, get, on

A, B = np.array([[1.0, 2.0, 4.0], [0.5, 8.0, 0.25]]), np.array([2.0, 4.0, 0.5])

# What is called, the same out of place, and with NumPy
CHANGES = {
    "+=": (lambda x, y: operator.iadd(x, y), lambda x, y: x + y),
    "-=": (lambda x, y: operator.isub(x, y), lambda x, y: x - y),
    "*=": (lambda x, y: operator.imul(x, y), lambda x, y: x * y),
    "/=": (lambda x, y: operator.itruediv(x, y), lambda x, y: x / y),
    "**=": (lambda x, y: operator.ipow(x, 3), lambda x, y: x**3),
    "add_": (lambda x, y: x.add_(y, alpha=2), lambda x, y: x + y * 2),
    "sub_": (lambda x, y: x.sub_(y, alpha=0.5), lambda x, y: x - y * 0.5),
    "mul_": (lambda x, y: x.mul_(y), lambda x, y: x * y),
    "div_": (lambda x, y: x.div_(y), lambda x, y: x / y),
    "pow_": (lambda x, y: x.pow_(2), lambda x, y: x**2),
    "clamp_": (lambda x, y: x.clamp_(1, max=3), lambda x, y: x.clamp(1, 3)),
    "zero_": (lambda x, y: x.zero_(), lambda x, y: F.where(x != x, x, 0.0)),
    "fill_": (lambda x, y: x.fill_(7), lambda x, y: F.where(x != x, x, 7.0)),
    "copy_": (lambda x, y: x.copy_(y), lambda x, y: F.where(x != x, x, y)),
}
every_change = pytest.mark.parametrize("name", CHANGES)


@every_change
def test_under_no_grad_the_memory_is_written(name, xp):
    change, plain = CHANGES[name]
    for wanted in (True, False):
        x, y = on(xp, A, requires_grad=wanted), on(xp, B, requires_grad=True)
        array, view, version = x._array, x.detach()[1:], x._version.count
        with no_grad():
            expected = get(plain(x, y))
            assert change(x, y) is x
        assert x._array is array and x.requires_grad is wanted and x.is_leaf
        assert x._version.count == version + 1
        equal(x, expected)
        equal(view, expected[1:])


@every_change
def test_where_it_is_recorded_the_object_takes_over_value_and_graph(name, xp):
    change, plain = CHANGES[name]
    results = []
    for function in (change, plain):
        x, y = on(xp, A, requires_grad=True), on(xp, B, requires_grad=True)
        out = x * x
        made = function(out, y)
        assert (made is out) is (function is change)
        made.backward(on(xp, A + 1), create_graph=True)
        (second,) = grad((x.grad * x.grad).sum(), [x])
        results.append([get(made), get(x.grad), None if y.grad is None else get(y.grad), get(second)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


@every_change
def test_a_leaf_that_requires_grad_is_refused(name, xp):
    x = on(xp, A, requires_grad=True)
    with pytest.raises(GraphError, match=r"a leaf that requires grad is not changed .* do it inside no_grad\(\)"):
        CHANGES[name][0](x, on(xp, B))
    equal(x, A)
    assert x._version.count == 0


@every_change
def test_views_are_refused_where_it_is_recorded(name, xp):
    """A change of one would have to be one of the other, and of its graph."""
    x = on(xp, A, requires_grad=True)
    out = x * 1.0
    row = out[0]
    empty = out[2:]  # a view by how it was made, not by what is in it: an empty batch is no case of its own
    views = [(row, on(xp, B)), (out, on(xp, B)), (empty, on(xp, B)), (x[0], on(xp, B)), (x.reshape(3, 2).T, 2.0)]
    for tensor, other in views:
        before = get(tensor).copy()
        with pytest.raises(GraphError, match=r"shares its memory with another .* \(x = x \+ y\), or do it inside no_g"):
            CHANGES[name][0](tensor, other)
        equal(tensor, before)


def test_what_no_longer_lives_is_no_view(xp):
    x = on(xp, A, requires_grad=True)
    out = x * 1.0
    repr(out[0])
    gc.collect()
    out += 1.0
    out = out.reshape(6)  # the tensor of shape (2, 3) is gone
    out *= 2.0
    equal(out, 2 * (A.ravel() + 1))
    out.sum().backward()
    equal(x.grad, np.full(A.shape, 2))


def test_what_others_saved_of_the_old_value_stays(xp):
    """Also their second derivative: the old value keeps its graph."""
    x = on(xp, B, requires_grad=True)
    out = x * x
    kept = out * out  # x⁴
    shown = out.relu()
    shown += out
    out += 100.0
    out *= out
    equal(out, (B**2 + 100) ** 2)
    shown.sum().backward(retain_graph=True)
    equal(x.grad, 4 * B)
    (first,) = grad(kept.sum(), [x], create_graph=True)
    equal(first, 4 * B**3)
    equal(grad(first.sum(), [x])[0], 12 * B**2)


def test_a_sum_is_gathered_in_place(xp):
    """total = 0; total += loss: a constant becomes part of the graph."""
    w = on(xp, B, requires_grad=True)
    total = on(xp, [0.0], dtype=np.float64)
    scaled = total * w[:1]
    for k in range(3):
        total += w[k : k + 1] * (k + 1.0)
    assert total.requires_grad and not total.is_leaf
    equal(total, [2 + 8 + 1.5])
    (total + scaled).sum().backward()
    equal(w.grad, [1, 2, 3])  # scaled saved the constant 0


def test_the_gradient_that_is_kept_is_that_of_the_new_value(xp):
    x = on(xp, B, requires_grad=True)
    out = (x * 2.0).retain_grad()
    out += 1.0
    (out * out).sum().backward()
    equal(out.grad, 2 * (2 * B + 1))
    equal(x.grad, 4 * (2 * B + 1))


def test_a_write_after_an_operation_saved_the_tensor_is_noticed(xp):
    x, w = on(xp, B), on(xp, B, requires_grad=True)
    loss = (x * w).sum()
    x += 1.0  # nothing is recorded: the memory is written
    with pytest.raises(GraphError, match="Multiply: operand 0 .* was changed in place after it was used"):
        loss.backward()


def test_indexed_changes(xp):
    x = on(xp, A)
    x[0] += 1.0
    x[:, 1:] *= 2.0
    x[x > 8] -= 1.0
    equal(x, [[2, 6 - 0, 9], [0.5, 15, 0.5]])
    x.requires_grad = True
    with pytest.raises(GraphError, match="shares its memory"):
        x[0] += 1.0
    with no_grad():
        x[0] += 1.0
    equal(x[0], [3, 7, 10])
    with pytest.raises(GraphError, match="the value requires grad"):
        on(xp, A)[0] = x[1]


def test_what_does_not_fit_is_refused(xp):
    x = on(xp, B)
    with pytest.raises(ArgumentError, match=r"add_: a tensor of shape \(3,\) cannot hold a result of shape \(2, 3\)"):
        x += on(xp, A)
    with pytest.raises(ArgumentTypeError, match="different dtypes, float64 and float32"):
        x += on(xp, B, dtype=np.float32)
    with pytest.raises(ArgumentTypeError, match=r"divide: a must be floating point, got int64"):
        whole = on(xp, [1, 2])
        whole /= 2
    with pytest.raises(ArgumentError, match=r"copy_|broadcast_to: shape \(3,\) cannot be repeated to \(2,\)"):
        on(xp, [1.0, 2.0]).copy_(x)
    equal(x, B)
    if xp is np:
        with pytest.raises(ArgumentError, match=r"memory that cannot be written .* write into a \.clone\(\) of it"):
            x.expand(2, 3).add_(1.0)
        with pytest.raises(ArgumentError, match=r"memory that cannot be written"):
            x.expand(2, 3)[0] = 1.0


def test_a_copy_brings_the_dtype_along(xp):
    x = on(xp, [1.0, 2.0], dtype=np.float32)
    assert x.copy_(on(xp, [3, 4])) is x
    assert x.dtype == np.float32
    equal(x, [3, 4])
    equal(x.copy_([5, 6.5]), [5, 6.5])
    equal(x.copy_(1), [1, 1])
    equal(x.fill_(on(xp, 2.5)), [2.5, 2.5])
    with pytest.raises(ArgumentError, match="fill_: one number is needed, got 2; use copy_"):
        x.fill_([1.0, 2.0])


def test_memory_shared_with_numpy_is_written():
    array = np.ones(3)
    as_tensor(array).add_(1.0)
    np.testing.assert_array_equal(array, 2)


def test_tensors_with_views_are_copied_and_pickled():
    x = Tensor(A)
    row = x[0]
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), copy.copy(x)):
        np.testing.assert_array_equal(made.data, A)
    made, _ = copy.deepcopy([x, row])
    with no_grad():
        made += 1.0
    equal(x, A)
    w = Tensor(B, requires_grad=True)
    made = copy.deepcopy(w)
    loss = (made * 2.0).sum()
    loss += 1.0
    loss.backward()
    equal(made.grad, [2, 2, 2])
