"""Arithmetic, activations and matrix products against PyTorch's: exact where nothing is rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes

import minifcn.functional as F
from tests.oracles.peers import close, compare, dtypes, exact, generators, peer
from tests.strategies import distinct, whole_numbers

torch = peer("torch")
TF = torch.nn.functional

Pair = tuple[Callable[..., Any], Callable[..., Any]]

# Linear between their kinks, and with the same answer at the kinks, which whole numbers hit.
PIECEWISE_LINEAR: dict[str, Pair] = {
    "relu": (F.relu, torch.relu),
    "leaky_relu by a quarter": (lambda x: F.leaky_relu(x, 0.25), lambda x: TF.leaky_relu(x, 0.25)),
    "abs": (F.abs, torch.abs),
    "negative": (F.negative, torch.neg),
    "clamp": (lambda x: F.clamp(x, -3, 4), lambda x: torch.clamp(x, -3, 4)),
    "clamp from below": (lambda x: F.clamp(x, min=2.0), lambda x: torch.clamp(x, min=2.0)),
    "clamp from above": (lambda x: F.clamp(x, max=-2.0), lambda x: torch.clamp(x, max=-2.0)),
    "square": (lambda x: x**2, lambda x: x**2),
    "cube": (lambda x: F.power(x, 3), lambda x: x.pow(3)),
    "power 1": (lambda x: x**1, lambda x: x**1),
    "power 0": (lambda x: x**0, lambda x: x**0),
    "with numbers": (lambda x: 3 - (x * 2 + 1) / 4, lambda x: 3 - (x * 2 + 1) / 4),
}
SMOOTH: dict[str, Pair] = {
    "leaky_relu": (F.leaky_relu, TF.leaky_relu),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "tanh": (F.tanh, torch.tanh),
    "exp": (F.exp, torch.exp),
    "gelu": (F.gelu, TF.gelu),
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh")),
    "silu": (F.silu, TF.silu),
}
POSITIVE: dict[str, Pair] = {
    "log": (F.log, torch.log),
    "sqrt": (F.sqrt, torch.sqrt),
    "power 0.75": (lambda x: x**0.75, lambda x: x**0.75),
    "power -1": (lambda x: x**-1, lambda x: x**-1),
    "a number divided": (lambda x: 2 / x, lambda x: 2 / x),
}
OF_TWO: dict[str, Pair] = {
    "add": (F.add, torch.add),
    "subtract": (F.subtract, torch.sub),
    "multiply": (F.multiply, torch.mul),
}


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
@given(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), dtypes(), generators())
def test_whole_numbers_stay_whole(name: str, shape: Any, dtype: Any, generator: np.random.Generator) -> None:
    compare(*PIECEWISE_LINEAR[name], [whole_numbers(generator, shape, dtype)], exact, generator)


@pytest.mark.parametrize("name", [*SMOOTH, *POSITIVE])
@given(array_shapes(min_dims=0, max_dims=4, max_side=4), dtypes(), generators())
def test_real_numbers(name: str, shape: Any, dtype: Any, generator: np.random.Generator) -> None:
    x = distinct(generator, shape, 0.01).astype(dtype)
    x = np.abs(x) + dtype(0.25) if name in POSITIVE else x * 4
    compare(*(SMOOTH | POSITIVE)[name], [x], close(16, 9.0), generator, second=close(32, 9.0 * 9))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax", "silu"])
def test_far_from_zero_nothing_overflows(name: str) -> None:
    x = np.array([-1e4, -800.0, -90.0, -20.0, 0.0, 20.0, 90.0, 800.0, 1e4])
    for dtype in (np.float64, np.float32):
        ours = (lambda x: F.softmax(x, 0)) if name == "softmax" else getattr(F, name)
        theirs = (lambda x: torch.softmax(x, 0)) if name == "softmax" else getattr(TF, name)
        compare(ours, theirs, [x.astype(dtype)], close(16, 9.0), np.random.default_rng(0))


@pytest.mark.parametrize("name", OF_TWO)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4), dtypes(), generators())
def test_operands_are_broadcast(name: str, shapes: Any, dtype: Any, generator: np.random.Generator) -> None:
    operands = [whole_numbers(generator, shape, dtype) for shape in shapes.input_shapes]
    compare(*OF_TWO[name], operands, exact, generator)


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4), dtypes(), generators())
def test_quotients(shapes: Any, dtype: Any, generator: np.random.Generator) -> None:
    """By powers of two, so that even quotients are exact."""
    a, b = (whole_numbers(generator, shape, dtype) for shape in shapes.input_shapes)
    compare(F.divide, torch.div, [a, np.sign(b + 0.5).astype(dtype) * 2 ** np.floor(np.abs(b) / 3)], exact, generator)


@given(
    mutually_broadcastable_shapes(signature="(n?,k),(k,m?)->(n?,m?)", max_dims=2, max_side=4), dtypes(), generators()
)
def test_matmul(shapes: Any, dtype: Any, generator: np.random.Generator) -> None:
    """Matrices, vectors on either side, and batches that are broadcast."""
    compare(
        F.matmul,
        torch.matmul,
        [whole_numbers(generator, shape, dtype) for shape in shapes.input_shapes],
        exact,
        generator,
    )


@given(array_shapes(max_dims=4, max_side=4), st.integers(1, 5), st.booleans(), dtypes(), generators())
def test_linear(shape: Any, out: int, bias: bool, dtype: Any, generator: np.random.Generator) -> None:
    operands = [whole_numbers(generator, s, dtype) for s in (shape, (out, shape[-1]), (out,))]
    compare(F.linear, TF.linear, operands if bias else operands[:2], exact, generator)
