"""Reductions, padding and the other operations that change a shape, against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices

import minifcn.functional as F
from minifcn import Tensor
from tests.oracles.peers import close, compare, dtypes, exact, generators, peer
from tests.strategies import distinct, whole_numbers

torch = peer("torch")
TF = torch.nn.functional


@st.composite
def reductions(draw: Any) -> tuple[tuple[int, ...], Any, bool]:
    """A shape, some of its dimensions counted from either end (or None), keepdim."""
    shape = draw(array_shapes(max_dims=4, max_side=4))
    dims = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    signed = tuple(d - len(shape) if draw(st.booleans()) else d for d in sorted(dims))
    dim = draw(st.sampled_from([signed, signed[0], None]))
    return shape, dim, dim is not None and draw(st.booleans())


def count(shape: Any, dim: Any) -> int:
    chosen = range(len(shape)) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    return int(np.prod([shape[d] for d in chosen]))


def both(name: str, dim: Any, keepdim: bool, **options: Any) -> Any:
    """The same reduction of both; PyTorch has no keepdim where every dimension goes."""
    asked = dict(options) if dim is None else {"dim": dim, "keepdim": keepdim, **options}
    return lambda x: getattr(F, name)(x, **asked), lambda x: getattr(torch, name)(x, **asked)


@given(reductions(), dtypes(), generators())
def test_sum_and_amax(drawn: Any, dtype: Any, generator: np.random.Generator) -> None:
    """Equal winners share the gradient in both: a half, a third, ... so amax takes numbers that differ, too."""
    shape, dim, keepdim = drawn
    compare(*both("sum", dim, keepdim), [whole_numbers(generator, shape, dtype)], exact, generator)
    compare(*both("amax", dim, keepdim), [distinct(generator, shape).astype(dtype)], exact, generator)
    compare(*both("amax", dim, keepdim), [whole_numbers(generator, shape, dtype)], close(4, 9.0), generator)


@given(reductions(), dtypes(), generators())
def test_mean(drawn: Any, dtype: Any, generator: np.random.Generator) -> None:
    shape, dim, keepdim = drawn
    x = generator.standard_normal(shape).astype(dtype)
    compare(*both("mean", dim, keepdim), [x], close(count(shape, dim), 9.0), generator)


@given(reductions(), st.sampled_from([1, 1, 0, 2]), dtypes(), generators())
def test_var(drawn: Any, correction: int, dtype: Any, generator: np.random.Generator) -> None:
    shape, dim, keepdim = drawn
    assume(count(shape, dim) > correction)
    x = generator.standard_normal(shape).astype(dtype)
    judge = close(4 * count(shape, dim), 9.0 * 9)
    if dim is None:
        compare(
            lambda x: F.var(x, correction=correction), lambda x: x.var(correction=correction), [x], judge, generator
        )
    else:
        compare(*both("var", dim, keepdim, correction=correction), [x], judge, generator)


@given(reductions(), generators())
def test_argmax(drawn: Any, generator: np.random.Generator) -> None:
    """Without ties: which of equal elements wins, PyTorch leaves open; here it is the first."""
    shape, dim, keepdim = drawn
    x, dim = distinct(generator, shape), dim[0] if isinstance(dim, tuple) else dim
    found = F.argmax(Tensor(x), dim, keepdim).numpy()
    exact(found, torch.argmax(torch.tensor(x), dim, keepdim).numpy(), "argmax")


@given(
    array_shapes(min_dims=1, max_dims=4, max_side=4),
    st.lists(st.tuples(st.integers(-2, 3), st.integers(-2, 3)), min_size=1, max_size=4),
    st.sampled_from([0.0, -2.5]),
    dtypes(),
    generators(),
)
def test_pad(shape: Any, widths: Any, value: float, dtype: Any, generator: np.random.Generator) -> None:
    """Negative widths cut; where nothing of the image is left, PyTorch refuses and minifcn pads nothing."""
    widths = widths[: len(shape)]
    assume(all(n + min(a, 0) + min(b, 0) > 0 for n, (a, b) in zip(shape[::-1], widths, strict=False)))
    asked = {"pad": [width for pair in widths for width in pair], "value": value}
    operands = [whole_numbers(generator, shape, dtype)]
    compare(lambda x: F.pad(x, **asked), lambda x: TF.pad(x, **asked), operands, exact, generator)


@given(st.data(), array_shapes(min_dims=2, max_dims=4, max_side=4), generators())
def test_moving_elements_about(data: Any, shape: Any, generator: np.random.Generator) -> None:
    x, other = (whole_numbers(generator, shape) for _ in range(2))
    order = data.draw(st.permutations(range(len(shape))))
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, len(shape) - 1)] * 2)))
    cases = {
        "permute": (lambda x, y: F.permute(x, order), lambda x, y: x.permute(*order)),
        "transpose": (lambda x, y: F.transpose(x, a, b), lambda x, y: x.transpose(a, b)),
        "flatten": (lambda x, y: F.flatten(x, a, b), lambda x, y: x.flatten(a, b)),
        "reshape": (lambda x, y: F.reshape(x, (shape[0], -1)), lambda x, y: x.reshape(shape[0], -1)),
        "cat": (lambda x, y: F.cat([x, y, x], a), lambda x, y: torch.cat([x, y, x], a)),
        "stack": (lambda x, y: F.stack([x, y], a), lambda x, y: torch.stack([x, y], a)),
    }
    for ours, theirs in cases.values():
        # What is left out goes in with a factor of 0, as an operand must have a gradient.
        compare(
            lambda x, y, f=ours: f(x, y) + (x * y).sum() * 0.0,
            lambda x, y, f=theirs: f(x, y) + (x * y).sum() * 0.0,
            [x, other],
            exact,
            generator,
        )


@given(st.data(), array_shapes(min_dims=1, max_dims=4, max_side=5), generators())
def test_indexing(data: Any, shape: Any, generator: np.random.Generator) -> None:
    """Slices, integers, None and Ellipsis; PyTorch takes no negative steps."""
    key = data.draw(basic_indices(shape, allow_newaxis=True))
    parts = key if isinstance(key, tuple) else (key,)
    assume(all((part.step or 1) > 0 for part in parts if isinstance(part, slice)))
    compare(lambda x: x[key], lambda x: x[key], [whole_numbers(generator, shape)], exact, generator)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
def test_indexing_by_arrays_adds_up_what_was_read_twice(shape: Any) -> None:
    generator = np.random.default_rng(1)
    for key in ([2, 0, 2, 2], [-1, 3], [[0, 1], [1, 0]], [True, False, True, True]):
        ours, theirs, x = np.array(key), torch.tensor(key), whole_numbers(generator, shape)
        compare(lambda x, i=ours: x[i], lambda x, i=theirs: x[i], [x], exact, generator)
