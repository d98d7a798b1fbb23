"""Tensors from nothing: zeros, ones, a range, random numbers. Names, arguments and defaults are PyTorch's.

Sizes are numbers or one tuple: `zeros(2, 3)`, `zeros((2, 3))`. All take

    dtype           default float32 (`arange`, `full` and `randint`: int64 for whole numbers)
    device          "cpu", "cuda" or "cuda:1"; default the CPU
    requires_grad   whether gradients are wanted
    generator       where chance is involved: the source of it; default the default generator, see minifcn/random.py

Each raises ArgumentTypeError and ArgumentError for sizes that are no whole numbers of 0 or more, AllocationError for
more than all the memory there is.
"""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

import numpy as np

from minifcn.arguments import integer, real_number, whole_number
from minifcn.arrays.accepted import real_dtype
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.limits import require_memory
from minifcn.random import Generator, generator_for
from minifcn.tensor import Tensor, as_tensor


class Options(TypedDict, total=False):
    """What every function of this file takes by name."""

    dtype: Any
    device: str | None
    requires_grad: bool


def tensor(data: object, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """`data` as a new Tensor: numbers, lists, an array, a Tensor; copied. The same as `Tensor(data)`.

    >>> tensor([[1, 2]])
    Tensor([[1, 2]], dtype=int64)
    """
    return Tensor(data, requires_grad, dtype=dtype, device=device)


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shows the memory of a NumPy array: a write into one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError(f"from_numpy: a NumPy array is needed, got {type(array).__name__}; use tensor(...).")
    return as_tensor(array)


def full(size: Any, fill_value: float, **options: Unpack[Options]) -> Tensor:
    """`fill_value` everywhere; the dtype is int64 for a whole number, bool for True and False, else float32."""
    number = real_number(fill_value)
    if number is None and not isinstance(fill_value, bool | np.bool_):
        raise ArgumentTypeError(f"full: fill_value must be a number, got {fill_value!r}.")
    whole = np.int64 if whole_number(fill_value) is not None else np.float32
    default = whole if number is not None else np.bool_
    shape, dtype = _checked("full", (size,), options, default)
    if dtype.kind != "f" and not _fits(fill_value, dtype):
        raise ArgumentError(f"full: {dtype} cannot hold {fill_value}; choose another dtype.")
    return _made(np.full(shape, fill_value, dtype), options)


def zeros(*size: Any, **options: Unpack[Options]) -> Tensor:
    """0 everywhere.

    >>> zeros(2, 3).shape
    (2, 3)
    """
    shape, dtype = _checked("zeros", size, options)
    return _made(np.zeros(shape, dtype), options)


def ones(*size: Any, **options: Unpack[Options]) -> Tensor:
    """1 everywhere."""
    shape, dtype = _checked("ones", size, options)
    return _made(np.ones(shape, dtype), options)


def empty(*size: Any, **options: Unpack[Options]) -> Tensor:
    """To be filled later: NaN everywhere, or 0 in a dtype without, so that what was forgotten shows."""
    shape, dtype = _checked("empty", size, options)
    return _made(np.full(shape, np.nan if dtype.kind == "f" else 0, dtype), options)


def zeros_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """0 everywhere, with the shape, dtype and device of `input` unless others are given."""
    return zeros(_like("zeros_like", input, options).shape, **options)


def ones_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """1 everywhere, with the shape, dtype and device of `input` unless others are given."""
    return ones(_like("ones_like", input, options).shape, **options)


def full_like(input: Tensor, fill_value: float, **options: Unpack[Options]) -> Tensor:
    """`fill_value` everywhere, with the shape, dtype and device of `input` unless others are given."""
    return full(_like("full_like", input, options).shape, fill_value, **options)


def arange(start: float, end: float | None = None, step: float = 1, **options: Unpack[Options]) -> Tensor:
    """start, start + step, ... before `end`; arange(n) is 0, 1, ..., n − 1. int64 if all three are whole, else float32.

    >>> arange(2, 8, 3).tolist()
    [2, 5]
    """
    first, last = (0, start) if end is None else (start, end)
    given = (first, last, step)
    numbers = [real_number(value) for value in given]
    if None in numbers or not np.isfinite(np.array(numbers, float)).all():
        raise ArgumentTypeError(f"arange: start, end and step must be finite numbers, got {given!r}.")
    if step == 0 or (last - first) * step < 0:
        raise ArgumentError(f"arange: step {step} does not lead from {first} to {last}; change its sign.")
    default = np.int64 if all(whole_number(value) is not None for value in given) else np.float32
    count = int(np.ceil((last - first) / step))
    _, dtype = _checked("arange", (count,), options, default)
    return _made(np.arange(first, last, step).astype(dtype), options)


def linspace(start: float, end: float, steps: int, **options: Unpack[Options]) -> Tensor:
    """`steps` numbers at equal distances, from `start` to `end`, both included."""
    if real_number(start) is None or real_number(end) is None:
        raise ArgumentTypeError(f"linspace: start and end must be numbers, got {start!r} and {end!r}.")
    shape, dtype = _checked("linspace", (steps,), options)
    return _made(np.linspace(start, end, shape[0]).astype(dtype), options)


def eye(n: int, m: int | None = None, **options: Unpack[Options]) -> Tensor:
    """(n, m), 1 on the diagonal and 0 elsewhere; m is n unless given."""
    (rows, columns), dtype = _checked("eye", (n, n if m is None else m), options)
    return _made(np.eye(rows, columns, dtype=dtype), options)


def rand(*size: Any, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Uniform on [0, 1).

    >>> from minifcn.random import manual_seed
    >>> source = manual_seed(0)
    >>> x = rand(3)
    >>> source = manual_seed(0)
    >>> (rand(3) == x).tolist()
    [True, True, True]
    """
    shape, dtype = _checked("rand", size, options, drawn=True)
    source = generator_for("rand", generator)
    return _made(source.random(shape, _exact(dtype)).astype(dtype, copy=False), options)


def randn(*size: Any, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Standard normal: mean 0, variance 1."""
    shape, dtype = _checked("randn", size, options, drawn=True)
    source = generator_for("randn", generator)
    return _made(source.standard_normal(shape, _exact(dtype)).astype(dtype, copy=False), options)


def rand_like(input: Tensor, *, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Uniform on [0, 1), with the shape, dtype and device of `input` unless others are given."""
    return rand(_like("rand_like", input, options).shape, generator=generator, **options)


def randn_like(input: Tensor, *, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Standard normal, with the shape, dtype and device of `input` unless others are given."""
    return randn(_like("randn_like", input, options).shape, generator=generator, **options)


def randint(*bounds_and_size: Any, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """randint(low, high, size) or randint(high, size): int64 from `low` (0 unless given) to `high` − 1."""
    if len(bounds_and_size) not in (2, 3) or not isinstance(bounds_and_size[-1], tuple | list):
        raise ArgumentTypeError("randint: write randint(high, size) or randint(low, high, size), size a tuple.")
    *bounds, size = bounds_and_size
    low, high = (whole_number(bound) for bound in (bounds if len(bounds) == 2 else (0, *bounds)))
    if low is None or high is None:
        raise ArgumentTypeError(f"randint: the bounds must be integers, got {bounds!r}.")
    if low >= high:
        raise ArgumentError(f"randint: low {low} must be below high {high}.")
    shape, dtype = _checked("randint", (size,), options, np.int64)
    for bound in (low, high - 1):
        if not _fits(bound, np.dtype(np.int64)) or (dtype.kind != "f" and not _fits(bound, dtype)):
            raise ArgumentError(f"randint: {dtype} cannot hold {bound}; choose other bounds or another dtype.")
    return _made(generator_for("randint", generator).integers(low, high, shape).astype(dtype, copy=False), options)


def randperm(n: int, *, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """0, 1, ..., n − 1 in a random order, int64."""
    shape, dtype = _checked("randperm", (n,), options, np.int64)
    return _made(generator_for("randperm", generator).permutation(shape[0]).astype(dtype, copy=False), options)


def _checked(
    name: str, size: tuple[Any, ...], options: Options, default: Any = np.float32, drawn: bool = False
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and the dtype that are meant."""
    sizes = tuple(size[0]) if len(size) == 1 and isinstance(size[0], tuple | list) else size
    shape = tuple(integer(number, f"{name}: a size", 0) for number in sizes)
    given = options.get("dtype")
    dtype = real_dtype(default if given is None else given, "a Tensor", f"{name}: ")
    if drawn and dtype.kind != "f":
        raise ArgumentTypeError(f"{name}: real numbers are drawn, which {dtype} cannot hold; use randint.")
    require_memory(f"{name}: a result", shape, np.empty(0, dtype), "make it smaller")
    return shape, dtype


def _like(name: str, input: Tensor, options: Options) -> Tensor:
    """`input`, whose dtype and device join the options that are not given."""
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"{name}: input must be a Tensor, got {type(input).__name__}.")
    if options.get("dtype") is None:
        options["dtype"] = input.dtype
    if options.get("device") is None:
        options["device"] = input.device
    return input


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether a dtype of whole numbers or booleans holds `value` as it is."""
    if dtype.kind == "b":
        return value in (0, 1)
    return np.iinfo(dtype).min <= value <= np.iinfo(dtype).max and value == int(value)


def _exact(dtype: np.dtype[Any]) -> Any:
    """The dtype to draw in; a generator knows these two."""
    return np.float32 if dtype == np.float32 else np.float64


def _made(array: np.ndarray, options: Options) -> Tensor:
    made = as_tensor(array, device=options.get("device"))
    made.requires_grad = options.get("requires_grad", False)
    return made
