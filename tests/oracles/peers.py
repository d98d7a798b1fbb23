"""The peers, and how two answers are laid side by side: values, gradients, and gradients of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import minifcn
from minifcn import Tensor
from minifcn.geometry import Geometry
from minifcn.testing.tolerances import assert_close_float32, assert_close_float64, assert_exact

Arrays = dict[str, np.ndarray]
Judge = Callable[[np.ndarray, np.ndarray, str], None]


def peer(name: str) -> ModuleType:
    """The module, or the whole file is skipped; see conftest.py for where that is not allowed."""
    reason = f'{name} is not installed, and these tests compare minifcn with it; pip install ".[oracles]"'
    module: ModuleType = pytest.importorskip(name, reason=reason, exc_type=ImportError)
    if name == "torch":
        module.set_num_threads(1)  # threads that wait for each other cost more than these small arrays are worth
    return module


def generators() -> st.SearchStrategy[np.random.Generator]:
    """Sources of the values, which are not worth shrinking."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def dtypes() -> st.SearchStrategy[Any]:
    return st.sampled_from([np.float64, np.float32])


def output_padding(g: Geometry) -> tuple[int, int]:
    """The rows and columns that a transposed convolution makes beyond the fewest."""
    least = [(g.output_size[a] - 1) * g.stride[a] - 2 * g.padding[a] + g.reach[a] for a in (0, 1)]
    return g.input_size[0] - least[0], g.input_size[1] - least[1]


def small_output_padding(g: Geometry) -> bool:
    """Below the stride. PyTorch's function and minifcn go up to the dilation where that is larger, others do not."""
    return all(extra < stride for extra, stride in zip(output_padding(g), g.stride, strict=True))


def exact(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert found.dtype == expected.dtype, f"{what} is {found.dtype}, expected {expected.dtype}"
    assert_exact(found, expected, what)


def close(terms: int, scale: float = 1.0) -> Judge:
    """T2 or T3, by the dtype of what is expected.

    terms   the additions behind one element, those of the gradient of a gradient included
    scale   the largest of the numbers that are added up, for where they cancel in every element of a result; where
            results are larger than that, the largest of them counts
    """

    def judge(found: np.ndarray, expected: np.ndarray, what: str) -> None:
        bounded = assert_close_float32 if expected.dtype == np.float32 else assert_close_float64
        bounded(found, expected, terms, max(scale, float(np.abs(expected).max(initial=0))), what)

    return judge


def compare(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    operands: Sequence[np.ndarray],
    judge: Judge,
    generator: np.random.Generator,
    *,
    orders: int = 2,
    unit: int = 1,
    first: Judge | None = None,
    second: Judge | None = None,
) -> None:
    """Judge f(*operands), its gradients for a random cotangent, and the gradients of those, against PyTorch's.

    ours, theirs   the same function of Tensors and of PyTorch's tensors
    orders         0: values, 1: gradients too, 2: gradients of gradients too
    unit           what random cotangents are multiples of, for results that are divided exactly afterwards
    first, second  other judges for the gradients of order 1 and 2; default: the one before
    """
    y = ours(*map(Tensor, operands)).numpy()
    cotangent = unit * generator.integers(-9, 10, y.shape).astype(y.dtype)
    directions = [generator.integers(-9, 10, operand.shape).astype(operand.dtype) for operand in operands]
    found = by_minifcn(ours, operands, cotangent, directions, orders)
    expected = by_torch(theirs, operands, cotangent, directions, orders)
    first = first or judge
    for name, value in expected.items():
        (judge, first, second or first)[name.partition("/")[0].count("∂")](found[name], value, name)


def by_minifcn(
    function: Callable[..., Any], operands: Sequence[np.ndarray], cotangent: Any, directions: Any, orders: int
) -> Arrays:
    leaves = [Tensor(operand, requires_grad=True) for operand in operands]
    y, g = function(*leaves), Tensor(cotangent, requires_grad=True)
    results = {"y": y}
    if orders >= 1:
        gradients = minifcn.grad(y, leaves, g, create_graph=orders > 1)
        results |= {f"∂y/∂{i}": value for i, value in enumerate(gradients)}
    if orders == 2:
        inner = sum((Tensor(h) * value).sum() for h, value in zip(directions, gradients, strict=True))
        again = minifcn.grad(inner, [g, *leaves], allow_unused=True)
        for name, value, leaf in zip(["y", *range(len(leaves))], again, [g, *leaves], strict=True):
            results[f"∂∂y/∂{name}"] = Tensor(np.zeros(leaf.shape, leaf.dtype)) if value is None else value
    return {name: value.detach().numpy() for name, value in results.items()}


def by_torch(
    function: Callable[..., Any], operands: Sequence[np.ndarray], cotangent: Any, directions: Any, orders: int
) -> Arrays:
    import torch

    leaves = [torch.tensor(operand, requires_grad=True) for operand in operands]
    y, g = function(*leaves), torch.tensor(cotangent, requires_grad=True)
    results = {"y": y}
    if orders >= 1:
        gradients = torch.autograd.grad(y, leaves, g, create_graph=orders > 1)
        results |= {f"∂y/∂{i}": value for i, value in enumerate(gradients)}
    if orders == 2:
        inner = sum((torch.tensor(h) * value).sum() for h, value in zip(directions, gradients, strict=True))
        # + 0·g, since a gradient that is always zero belongs to no graph in PyTorch.
        again = torch.autograd.grad(inner + 0 * g.sum(), [g, *leaves], allow_unused=True)
        for name, value, leaf in zip(["y", *range(len(leaves))], again, [g, *leaves], strict=True):
            results[f"∂∂y/∂{name}"] = torch.zeros_like(leaf) if value is None else value
    return {name: value.detach().numpy(force=True) for name, value in results.items()}
