"""The norm of all gradients, and what is left of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, nn, optim
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on

A, B = np.array([[3.0, -4.0], [0.0, 12.0]]), np.array([84.0])  # 13 and 84 make 85


def leaves(xp: Any, dtype: Any = np.float64) -> list[Tensor]:
    made = [on(xp, np.zeros(g.shape), requires_grad=True, dtype=dtype) for g in (A, B, B)]
    for leaf, g in zip(made, (A, B), strict=False):
        leaf.grad = on(xp, g, dtype=dtype)
    return made


@pytest.mark.parametrize("p, norm", [(2, 85.0), (1, 103.0), (math.inf, 84.0), (2.0, 85.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_become_shorter_but_never_longer(p: float, norm: float, dtype: Any, xp: Any) -> None:
    for limit in (norm / 4, norm + 1):
        made = leaves(xp, dtype)
        versions = [leaf.grad._version.count for leaf in made[:2]]
        memory = [leaf.grad._array for leaf in made[:2]]
        total = optim.clip_grad_norm_(made, limit, p)
        assert isinstance(total, Tensor) and total.shape == () and total.dtype == dtype
        close(total, norm, rtol=1e-6)
        for leaf, g, version, array in zip(made, (A, B), versions, memory, strict=False):
            close(leaf.grad, g * min(1, limit / (norm + 1e-6)), rtol=2e-7)
            assert leaf.grad._array is array and leaf.grad._version.count == version + 1
        assert made[2].grad is None


def test_one_tensor_a_generator_and_pytorchs_place() -> None:
    assert nn.utils.clip_grad_norm_ is optim.clip_grad_norm_
    weight = leaves(np)[1]
    assert nn.utils.clip_grad_norm_(weight, 1.0).item() == 84
    layer = nn.Linear(2, 2)
    layer(Tensor([[1.0, 2.0]])).sum().backward()
    optim.clip_grad_norm_((p for p in layer.parameters()), max_norm=0)
    assert not any(get(p.grad).any() for p in layer.parameters())


def test_half_precision_adds_up_in_single() -> None:
    weight = Tensor(np.zeros(10000), requires_grad=True, dtype=np.float16)
    weight.grad = Tensor(np.full(10000, 300.0), dtype=np.float16)  # 300² is beyond float16
    close(optim.clip_grad_norm_([weight], 300.0), 30000.0, rtol=1e-6)
    assert weight.grad.dtype == np.float16
    equal(weight.grad, np.full(10000, 3.0, np.float16))


def test_errors() -> None:
    weight = leaves(np)[0]
    weight.grad[0, 0] = np.nan
    with pytest.raises(ArgumentError, match="clip_grad_norm_: the norm of the gradients is nan; leave this step out"):
        optim.clip_grad_norm_([weight], 1.0, error_if_nonfinite=True)
    equal(weight.grad[1], A[1])
    assert math.isnan(optim.clip_grad_norm_([weight], 1.0).item())
    with pytest.raises(ArgumentTypeError, match=r"got one Linear; pass its \.parameters\(\)"):
        optim.clip_grad_norm_(nn.Linear(1, 1), 1.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"parameters must be Tensors, got str; pass model\.parameters\(\)"):
        optim.clip_grad_norm_(["w"], 1.0)  # type: ignore[list-item]
    with pytest.raises(ArgumentTypeError, match="max_norm and norm_type must be numbers, got '1', 2.0"):
        optim.clip_grad_norm_([weight], "1")  # type: ignore[arg-type]
    for options in ({"max_norm": -1.0}, {"max_norm": math.nan}, {"max_norm": 1.0, "norm_type": 0.0}):
        with pytest.raises(ArgumentError, match="max_norm must be 0 or more and norm_type above 0, got"):
            optim.clip_grad_norm_([weight], **options)
    with pytest.raises(ArgumentError, match=r"no parameter has a gradient; call it after backward\(\)"):
        optim.clip_grad_norm_([Tensor([1.0], requires_grad=True)], 1.0)
