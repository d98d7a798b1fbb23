"""Tensors from nothing: values, dtypes, devices, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn import Tensor, creation
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.random import manual_seed

CALLS: list[tuple[Any, Any, Any]] = [
    (lambda: minifcn.zeros(2, 3), np.zeros((2, 3)), np.float32),
    (lambda: minifcn.zeros((2, 3), dtype=np.int64), np.zeros((2, 3)), np.int64),
    (lambda: minifcn.zeros(()), 0, np.float32),
    (lambda: minifcn.zeros(0, 3), np.zeros((0, 3)), np.float32),
    (lambda: minifcn.ones(2), np.ones(2), np.float32),
    (lambda: minifcn.ones([2, 1], dtype=np.bool_), np.ones((2, 1)), np.bool_),
    (lambda: minifcn.full((2, 2), 7), np.full((2, 2), 7), np.int64),
    (lambda: minifcn.full(3, 0.5), np.full(3, 0.5), np.float32),
    (lambda: minifcn.full(3, True), np.full(3, True), np.bool_),
    (lambda: minifcn.full((), 2, dtype=np.float64), 2.0, np.float64),
    (lambda: minifcn.empty(2), np.full(2, np.nan), np.float32),
    (lambda: minifcn.empty(2, dtype=np.int32), np.zeros(2), np.int32),
    (lambda: minifcn.arange(4), np.arange(4), np.int64),
    (lambda: minifcn.arange(1, 2, 0.25), np.arange(1, 2, 0.25), np.float32),
    (lambda: minifcn.arange(5, 1, -2), [5, 3], np.int64),
    (lambda: minifcn.arange(0), np.zeros(0), np.int64),
    (lambda: minifcn.linspace(0, 1, 5), np.linspace(0, 1, 5), np.float32),
    (lambda: minifcn.eye(2), np.eye(2), np.float32),
    (lambda: minifcn.eye(2, 3), np.eye(2, 3), np.float32),
    (lambda: minifcn.tensor([[1, 2]]), [[1, 2]], np.int64),
    (lambda: minifcn.tensor(0.5), 0.5, np.float32),
    (lambda: minifcn.zeros_like(Tensor(np.ones((2, 3)))), np.zeros((2, 3)), np.float64),
    (lambda: minifcn.ones_like(Tensor([1, 2])), [1, 1], np.int64),
    (lambda: minifcn.ones_like(Tensor([1, 2]), dtype=np.float16), [1, 1], np.float16),
    (lambda: minifcn.full_like(Tensor([1, 2]), 3), [3, 3], np.int64),
]


@pytest.mark.parametrize("call, values, dtype", CALLS)
def test_values_and_dtypes(call: Any, values: Any, dtype: Any) -> None:
    made = call()
    assert type(made) is Tensor and made.dtype == dtype and made.device == "cpu" and not made.requires_grad
    np.testing.assert_array_equal(made.data, values)


def test_devices_and_gradients() -> None:
    x = minifcn.ones(2, device="cpu", requires_grad=True)
    assert x.is_leaf and x.requires_grad
    assert not minifcn.zeros_like(x).requires_grad
    with pytest.raises(ArgumentTypeError, match="only floating point tensors can require gradients"):
        minifcn.arange(3, requires_grad=True)
    with pytest.raises(ArgumentError, match='device "cuda" needs CuPy|device "cuda" cannot be used'):
        minifcn.zeros(2, device="cuda")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_random_numbers(dtype: Any) -> None:
    generator = np.random.default_rng(0)
    x, y = (f((100, 200), generator=generator, dtype=dtype) for f in (minifcn.rand, minifcn.randn))
    assert x.dtype == y.dtype == dtype and x.shape == y.shape == (100, 200)
    values = x.data.astype(float), y.data.astype(float)
    assert values[0].min() >= 0 and values[0].max() <= 1 and abs(values[0].mean() - 0.5) < 0.01
    assert abs(values[1].mean()) < 0.03 and abs(values[1].std() - 1) < 0.02
    whole = minifcn.randint(-2, 3, (500,), generator=generator)
    assert whole.dtype == np.int64 and set(whole.tolist()) == {-2, -1, 0, 1, 2}
    assert set(minifcn.randint(2, (50,)).tolist()) == {0, 1}
    order = minifcn.randperm(50, generator=generator)
    assert sorted(order.tolist()) == list(range(50)) != order.tolist()
    for function in (minifcn.rand_like, minifcn.randn_like):
        manual_seed(0)
        first = function(x)
        manual_seed(0)
        assert first.dtype == dtype
        np.testing.assert_array_equal(function(x, generator=None).data, first.data)


def test_from_numpy_shares_memory_and_tensor_copies() -> None:
    array = np.zeros(2, np.float32)
    shared, copied = minifcn.from_numpy(array), minifcn.tensor(array)
    array[0] = 5
    assert shared.tolist() == [5, 0] and copied.tolist() == [0, 0]
    with pytest.raises(ArgumentTypeError, match=r"from_numpy: a NumPy array is needed, got list; use tensor\(\.\.\.\)"):
        minifcn.from_numpy([1.0])  # type: ignore[arg-type]


ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda: minifcn.zeros(-1), ArgumentError, "zeros: a size must be between 0 and .*, got -1"),
    (lambda: minifcn.ones(2.0), ArgumentTypeError, r"ones: a size must be an integer, got 2.0 \(float\)"),
    (lambda: minifcn.zeros(2**30, 2**30), AllocationError, r"zeros: a result of shape .* takes .*; make it smaller"),
    (lambda: minifcn.arange(2**31 - 1, dtype="float33"), ArgumentTypeError, "arange: 'float33' is not a dtype"),
    (lambda: minifcn.arange(1, 5, -1), ArgumentError, "arange: step -1 does not lead from 1 to 5"),
    (lambda: minifcn.arange(1, 5, 0), ArgumentError, "arange: step 0 does not lead"),
    (lambda: minifcn.arange(np.inf), ArgumentTypeError, "arange: start, end and step must be finite numbers"),
    (lambda: minifcn.full(2, "1"), ArgumentTypeError, "full: fill_value must be a number, got '1'"),
    (lambda: minifcn.full(2, 300, dtype=np.uint8), ArgumentError, "full: uint8 cannot hold 300"),
    (lambda: minifcn.full(2, 0.5, dtype=np.int64), ArgumentError, "full: int64 cannot hold 0.5"),
    (lambda: minifcn.full(2, np.nan, dtype=np.int64), ArgumentError, "full: int64 cannot hold nan"),
    (lambda: minifcn.randint(0, 300, (2,), dtype=np.uint8), ArgumentError, "randint: uint8 cannot hold 299"),
    (lambda: minifcn.randint(2**70, (2,)), ArgumentError, "randint: int64 cannot hold"),
    (lambda: minifcn.linspace(0, "1", 3), ArgumentTypeError, "linspace: start and end must be numbers"),
    (lambda: minifcn.randn(2, dtype=np.int64), ArgumentTypeError, "randn: real numbers are drawn, which int64 cannot"),
    (lambda: minifcn.randint(3), ArgumentTypeError, r"randint: write randint\(high, size\) or"),
    (lambda: minifcn.randint(3, 3, (1,)), ArgumentError, "randint: low 3 must be below high 3"),
    (lambda: minifcn.randint(0.5, (1,)), ArgumentTypeError, "randint: the bounds must be integers"),
    (lambda: minifcn.rand(2, generator=0), ArgumentTypeError, "rand: generator must be .* or None, got int"),
    (lambda: minifcn.zeros_like([1.0]), ArgumentTypeError, "zeros_like: input must be a Tensor, got list"),  # type: ignore[arg-type]
    (lambda: minifcn.tensor([1j]), ArgumentTypeError, "cannot hold dtype complex128"),
]


@pytest.mark.parametrize("call, error, message", ERRORS)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_every_function_is_public() -> None:
    own = {name for name, value in vars(creation).items() if getattr(value, "__module__", "") == creation.__name__}
    functions = {name for name in own if name[0] != "_" and name != "Options"}
    assert functions <= set(minifcn.__all__)
