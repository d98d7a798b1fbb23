"""The test of the tester: gradcheck must catch every wrong backward, and complain about nothing else."""

from __future__ import annotations

import re
from unittest import mock

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, no_grad
from minifcn.autograd import GradcheckError, Operation, checking, gradcheck, gradgradcheck
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import on


def leaf(shape=(2, 3), seed=0):
    return Tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


class Square(Operation):
    """x², with whatever backward a test gives it."""

    def __init__(self, rule):
        self.rule = rule

    def forward(self, x):
        return x * x

    def backward(self, gradient):
        return self.rule(self.operands[0], gradient)


def square(rule):
    return lambda x: Square(rule)(x)


def right(x, gradient):
    return x * gradient * 2.0


WRONG = {
    "2.001 for 2": lambda x, g: x * g * 2.001,
    "the sign": lambda x, g: x * g * -2.0,
    "the incoming gradient ignored": lambda x, g: x * 2.0 + g * 0.0,
    "the incoming gradient divided by": lambda x, g: x * 2.0 / g,
    "the incoming gradient averaged": lambda x, g: x * 2.0 * g.mean(),
    "the first row only": lambda x, g: x * g * Tensor(np.array([[2.0], [0.0]])),
    "elements in another order": lambda x, g: (x * g * 2.0)[:, ::-1],
    "nothing": lambda x, g: None,
    "NaN": lambda x, g: x * g * Tensor(np.array([2.0, np.nan, 2.0])),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_gradient_is_caught(mistake):
    assert gradcheck(square(right), leaf())
    with pytest.raises(GradcheckError, match="input 0, element .* autograd gives .* but central differences give"):
        gradcheck(square(WRONG[mistake]), leaf())


def test_the_worst_element_is_named_with_both_numbers():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    wrong = np.array([[2.0, 2.5, 2.0], [2.0, 2.0, -2.0]])
    with pytest.raises(GradcheckError) as caught:
        gradcheck(square(lambda x, g: x * g * Tensor(wrong)), x)
    found = re.search(r"element \[1, 2\]: autograd gives (\S+) but central differences give (\S+);", str(caught.value))
    assert found is not None, caught.value
    assert float(found[1]) == pytest.approx(-float(found[2]), rel=1e-6)


def test_the_same_mistake_has_the_same_message_every_time():
    said = []
    for _ in range(2):
        with pytest.raises(GradcheckError) as caught:
            gradcheck(square(WRONG["2.001 for 2"]), leaf())
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_the_cotangent_is_of_whole_numbers_of_either_sign():
    received = []

    def rule(x, gradient):
        received.extend(gradient.data.ravel().tolist())
        return right(x, gradient)

    assert gradcheck(square(rule), leaf((20, 20)))
    assert {abs(value) for value in received} == set(range(1, 10))
    assert {value > 0 for value in received} == {True, False}


def test_a_wrong_gradient_of_the_second_operand_names_it():
    class Product(Operation):
        def forward(self, a, b):
            return a * b

        def backward(self, gradient):
            a, b = self.operands
            return lambda: gradient * b, lambda: gradient * a * 2.001

    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(lambda a, b: Product()(a, b) * 1.0, [leaf(), leaf(seed=1)])


def constant_in_x(x, gradient):
    """Right to first order. But x is taken as a constant, so its own part of the second derivative is missing."""
    return x.detach() * gradient * 2.0


def constant_in_the_gradient(x, gradient):
    return x * gradient.detach() * 2.0


def second_order_too_large(x, gradient):
    """2·x·g, made of an operation whose own backward is 2.001 for 2."""
    half = Square(lambda y, g: y * g * 2.001)
    return (half(x + gradient) - half(x - gradient)) * 0.5


@pytest.mark.parametrize("rule", [constant_in_x, constant_in_the_gradient, second_order_too_large])
def test_errors_of_second_order_are_caught_at_second_order(rule):
    assert gradcheck(square(rule), leaf())
    with pytest.raises(GradcheckError):
        gradcheck(square(rule), leaf(), order=2)
    with pytest.raises(GradcheckError):
        gradgradcheck(square(rule), leaf())


def test_errors_of_third_order_are_caught_at_third_order():
    class Cube(Operation):
        def forward(self, x):
            return x * x * x

        def backward(self, gradient):
            (x,) = self.operands
            return Square(constant_in_x)(x) * gradient * 3.0  # 3x², whose derivative is right and has none itself

    assert gradcheck(lambda x: Cube()(x), leaf(), order=2)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: Cube()(x), leaf(), order=3)
    assert gradcheck(lambda x: x * x * x * x, leaf((2,)), order=3)


def test_second_order_weighs_every_element_differently():
    class Mixed(Operation):
        """x, with a backward that passes the gradients of the elements to other elements."""

        def forward(self, x):
            return x.copy()

        def backward(self, gradient):
            return gradient[::-1]

    rule = lambda x, g: Mixed()(x * g * 2.0)  # noqa: E731 (right to first order; a plain sum would not see more)
    assert gradcheck(square(rule), leaf((4,)))
    with pytest.raises(GradcheckError):
        gradgradcheck(square(rule), leaf((4,)))


def test_what_does_not_depend_on_an_input_has_no_gradient_at_any_order():
    class Five(Operation):
        def forward(self, x):
            return np.full(x.shape, 5.0)

        def backward(self, gradient):
            return None

    assert gradgradcheck(lambda x: Five()(x), leaf())
    assert gradgradcheck(lambda a, b: a * a * a, [leaf(), leaf(seed=1)])


def test_a_detached_operand_is_caught():
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x * x.detach(), leaf())
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.detach() * 2.0, leaf())


def test_right_gradients_pass_at_order_two():
    assert gradgradcheck(lambda a, b: F.exp(a) * b + b / 3.0, [leaf(), leaf((3,), 1)])
    assert gradcheck(lambda x: x * 3.0, leaf(), order=2)  # its second derivative is 0
    assert gradcheck(lambda x: x * 3.0, leaf((0, 2)), order=2)


def test_options_reach_the_check_of_every_order():
    assert gradgradcheck(square(constant_in_x), leaf(), atol=1e9)
    with (
        mock.patch.object(checking, "_compare", wraps=checking._compare) as compared,
        mock.patch.object(checking, "_numeric", wraps=checking._numeric) as measured,
    ):
        gradcheck(lambda x: x * x, leaf(), order=3, eps=0.5, atol=0.25, rtol=0.125)
    assert {call.args[-1] for call in measured.call_args_list} == {0.5}
    assert {call.args[-2:] for call in compared.call_args_list} == {(0.25, 0.125)}
    assert [call.args[0] for call in compared.call_args_list] == [0, 0, 1, 0, 1, 2]  # a cotangent more with each order


def test_gradients_are_joined_each_element_with_a_weight_of_its_own():
    """From 1/2 to 3/2, and every second gradient is taken away; without any, the number depends on nothing."""
    gradients = [Tensor(np.array([2.0, 4.0, 8.0])), Tensor(np.array([[16.0], [32.0]]))]
    joined = checking._joined(gradients, Tensor(np.array([1.0])))
    assert joined.item() == 0.5 * 2 + 1.0 * 4 + 1.5 * 8 - 0.5 * 16 - 1.5 * 32
    assert checking._joined([], Tensor([3.0, 4.0])).item() == 0


def test_no_number_is_worse_than_any_number():
    wrong = Tensor(np.array([2000.0, np.nan, 2.0]))
    with pytest.raises(GradcheckError, match=r"element \[0, 1\]: autograd gives nan but"):
        gradcheck(square(lambda x, g: x * g * wrong), leaf())


def test_what_lives_on_a_card_is_checked_there(xp):
    x = on(xp, [[3.0, -2.0]], requires_grad=True, dtype=np.float64)
    assert gradgradcheck(lambda x: x * x * x, x)
    with pytest.raises(GradcheckError, match="input 0"):
        gradcheck(square(lambda x, g: x * g * 2.001), x)


def test_step_one_is_exact_for_linear_functions():
    x = Tensor(np.array([[3.0, -2.0]]), requires_grad=True)
    assert gradcheck(lambda x: x * 7.0, x, eps=1, atol=0, rtol=0)


def test_the_callers_tensors_are_left_alone():
    x = leaf()
    kept = x.data.copy()
    gradcheck(lambda x: x * x, x, order=2)
    assert x.grad is None
    np.testing.assert_array_equal(x.data, kept)


def test_it_works_inside_no_grad_and_with_constants():
    constant = Tensor(np.arange(3.0))
    with no_grad():
        assert gradcheck(lambda a, b: a * a * b, [leaf(), constant], order=2)


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(ArgumentError, match="^gradcheck: no input requires grad, so there is nothing to check"):
        gradcheck(lambda x: x, Tensor(np.ones(2)))
    with pytest.raises(ArgumentTypeError, match="input 1 is float32; finite differences need float64"):
        gradcheck(F.add, [leaf(), Tensor([1.0], requires_grad=True)])


def test_random_cotangents_come_from_the_given_generator():
    seen = []

    def record(x):
        y = x * 1.0
        seen.append(y)
        return y

    class Source:
        """A generator that says when it was asked."""

        def __init__(self):
            self.generator, self.calls = np.random.default_rng(3), 0

        def __getattr__(self, name):
            self.calls += 1
            return getattr(self.generator, name)

    source = Source()
    gradcheck(record, leaf(), generator=source)
    once = source.calls
    assert once > 0
    gradgradcheck(record, leaf(), generator=source)
    assert source.calls == 3 * once  # one for each of two orders
