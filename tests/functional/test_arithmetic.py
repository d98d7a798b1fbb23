"""Arithmetic: NumPy's values, and errors where NumPy would convert or guess."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on

BINARY = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_operations_are_numpys(name, dtype, xp):
    source = np.random.default_rng(0)
    a, b = source.standard_normal((2, 1, 3)).astype(dtype), source.standard_normal((4, 1)).astype(dtype)
    function, rule = getattr(F, name), BINARY[name]
    for first, second in ((a, b), (b, a)):
        found = function(on(xp, first), on(xp, second))
        equal(found, rule(first, second))
        equal(function(on(xp, first), xp.asarray(second)), rule(first, second))
        equal(function(xp.asarray(first), on(xp, second)), rule(first, second))
    for number in (3, 0.5, True, np.float64(0.5), np.float32(0.5), np.int64(3)):
        found = function(on(xp, a), number)
        assert found.dtype == dtype  # the number adapts, the tensor does not
        equal(found, rule(a, dtype(number)))
        equal(function(number, on(xp, a)).data, rule(dtype(number), a))


@pytest.mark.parametrize("name", BINARY)
def test_binary_errors(name):
    function, x = getattr(F, name), Tensor(np.ones((2, 3), np.float32))
    with pytest.raises(
        ArgumentError,
        match=rf"{name}: shapes \(2, 3\) and \(4,\) cannot be broadcast together \(3 against 4\); reshape",
    ):
        function(x, Tensor(np.ones(4, np.float32)))
    with pytest.raises(ArgumentTypeError, match=f"{name}: the operands have different dtypes, float32 and float64"):
        function(x, np.ones(3))
    with pytest.raises(ArgumentTypeError, match=f"{name}: .*float32 and int64"):
        function(x, Tensor(np.ones(3, np.int64)))
    for other in (None, "1", [1.0], 1j, np.complex64(1), np.str_("1")):
        with pytest.raises(
            ArgumentTypeError, match=f"{name}: cannot combine a Tensor with .*; pass a number, an array"
        ):
            function(x, other)
    with pytest.raises(ArgumentTypeError, match="a masked array cannot become a Tensor"):
        function(x, np.ma.array(np.ones(3, np.float32), mask=[1, 0, 0]))
    with pytest.raises(ArgumentTypeError, match=f"{name}: expected a Tensor, got float and float"):
        function(1.0, 2.0)


def test_numbers_beside_whole_number_tensors(xp):
    x = on(xp, np.array([200, 3], np.uint8))
    equal((x + 5).data, [205, 8])
    with pytest.raises(ArgumentError, match="add: the number 300 does not fit a Tensor of .*uint8"):
        x + 300
    with pytest.raises(ArgumentTypeError, match="multiply: the number 0.5 does not fit a Tensor of .*uint8"):
        x * 0.5
    with pytest.raises(ArgumentTypeError, match="divide: a must be floating point, got uint8"):
        x / 2


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_arrays_of_a_special_class_act_as_plain_arrays():
    x = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))
    equal((x * np.matrix([[1.0, 2.0], [3.0, 4.0]])).data, [[1.0, 4.0], [9.0, 16.0]])
    equal((x + np.array([1.0, 2.0], ">f8")).data, [[2.0, 4.0], [4.0, 6.0]])


def test_unary_operations_are_numpys(xp):
    x = np.array([[0.25, 1.0, 3.0], [9.0, 0.5, 2.0]])
    for function, rule in {F.exp: np.exp, F.log: np.log, F.sqrt: np.sqrt, F.negative: np.negative}.items():
        equal(function(on(xp, x)).data, rule(x))
    equal(F.abs(on(xp, 1 - x)).data, np.abs(1 - x))


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "abs"])
def test_unary_errors(name):
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be a Tensor, got float"):
        getattr(F, name)(1.0)
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be floating point, got int64"):
        getattr(F, name)(Tensor(np.arange(3)))


def test_abs_has_gradient_zero_at_zero(xp):
    x = on(xp, [-2.0, 0.0, 3.0], requires_grad=True)
    F.abs(x).backward([5.0, 5.0, 5.0])
    equal(x.grad, [-5.0, 0.0, 5.0])


# --- power ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-2, -1, 0, 0.5, 1, 2, 3, 2.5, np.float32(2), np.int64(3)])
def test_powers(exponent, xp):
    x = on(xp, np.array([0.25, 1.0, 4.0]), requires_grad=True)
    y = F.power(x, exponent)
    close(y, np.array([0.25, 1.0, 4.0]) ** float(exponent), rtol=1e-15)
    y.backward([1.0, 2.0, 3.0])
    n = float(exponent)
    close(x.grad, np.array([1.0, 2.0, 3.0]) * n * np.array([0.25, 1.0, 4.0]) ** (n - 1))


def test_the_first_power_is_the_tensor_itself(xp):
    x = on(xp, [1.0, 2.0])
    assert F.power(x, 1) is x


def test_powers_at_zero_and_infinity(xp):
    x = on(xp, [0.0, np.inf, np.nan, -2.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.power(x, 0)
        equal(y, [1.0, 1.0, 1.0, 1.0])  # as NumPy and C have it
        y.sum().backward()
    equal(x.grad, [0.0, 0.0, 0.0, 0.0])
    x = on(xp, [0.0, -3.0], requires_grad=True)
    F.power(x, 2).backward([1.0, 1.0])
    equal(x.grad, [0.0, -6.0])


def test_power_errors():
    for exponent in (None, "2", True, 2j, Tensor([2.0]), np.ones(2)):
        kind = type(exponent).__name__
        with pytest.raises(ArgumentTypeError, match=f"power: the exponent must be a number, got {kind};"):
            F.power(Tensor([1.0]), exponent)
    assert F.power(Tensor([2.0]), np.float64(3)).dtype == np.float32  # the dtype of x decides
    for exponent, expected in ((2, [9, 4]), (1, [3, -2]), (0, [1, 1])):
        np.testing.assert_array_equal(F.power(Tensor([3, -2]), exponent).data, expected)
    for exponent in (0, 1, 2, 0.5):
        with pytest.raises(ArgumentTypeError, match="^power: x must be a Tensor, got list"):
            F.power([3.0], exponent)
    for exponent in (-1, 0.5):
        with pytest.raises(ArgumentTypeError, match=f"power: exponent {exponent} needs floating point, got int64"):
            F.power(Tensor([3, -2]), exponent)


def test_a_number_to_the_power_of_a_tensor(xp):
    x = on(xp, np.array([3.0, -2.0, 0.5, 0.0]), requires_grad=True)
    y = 4**x
    equal(y, [64, 1 / 16, 2, 1])  # exact, as exp(x · ln 4) is not
    y.backward([1.0, 1.0, 1.0, 2.0])
    close(x.grad, np.log(4) * np.array([64, 1 / 16, 2, 2]), rtol=1e-15)
    for base in (0, -2.0, np.inf, np.nan):
        with pytest.raises(ArgumentError, match="power: the base of a Tensor of exponents must be above 0 and finite"):
            F.power(base, x)
    with pytest.raises(ArgumentTypeError, match="power: the exponent must be floating point, got int64"):
        F.power(2, on(xp, [1, 2]))


# --- broadcasting and its transpose ---------------------------------------------------------------------------------


def test_broadcast_and_sum_are_transposes(xp):
    """⟨broadcast(x), y⟩ = ⟨x, sum(y)⟩, exactly."""
    source = np.random.default_rng(1)
    for small, large in (
        ((3, 1), (2, 3, 4)),
        ((), (2, 3)),
        ((1, 1), (1, 1)),
        ((3,), (0, 3)),
        ((2, 1, 4), (2, 5, 4)),
        ((1, 1), (2, 5, 1)),
    ):
        x = source.integers(-9, 10, small).astype(float)
        y = source.integers(-9, 10, large).astype(float)
        wide, narrow = F.broadcast_to(on(xp, x), large), F.sum_to(on(xp, y), small)
        equal(wide, np.broadcast_to(x, large))
        assert narrow.shape == small
        assert (get(wide) * y).sum() == (x * get(narrow)).sum()


@pytest.mark.parametrize("small, large", [((3,), (2,)), ((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 1), (3, 4))])
def test_broadcast_errors(small, large):
    with pytest.raises(ArgumentError, match=r"broadcast_to: shape \(.*\) cannot be repeated to \(.*\); sizes must"):
        F.broadcast_to(Tensor(np.ones(small)), large)
    with pytest.raises(ArgumentError, match=r"sum_to: shape \(.*\) cannot be repeated to \(.*\); sizes must"):
        F.sum_to(Tensor(np.ones(large)), small)
    for function in (F.broadcast_to, F.sum_to):
        with pytest.raises(ArgumentTypeError, match="x must be a Tensor, got ndarray"):
            function(np.ones(3), (3,))
