"""Fifty steps of every optimiser beside PyTorch's, and every schedule that PyTorch has, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn import optim
from minifcn.tensor import Parameter, Tensor
from tests.oracles.peers import close, dtypes, generators, peer

torch = peer("torch")

SHAPES = [(3, 2, 1, 4), (5,), (), (1, 7)]
STEPS = 50
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.03}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.7, "dampening": 0.4, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.02, "nesterov": True}),
    ("Adam", {"lr": 0.03}),
    ("Adam", {"lr": 0.03, "betas": (0.6, 0.95), "eps": 0.02, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.03}),
    ("AdamW", {"lr": 0.03, "betas": (0.0, 0.5), "eps": 0.1, "weight_decay": 0.7}),
    ("RMSprop", {"lr": 0.03, "weight_decay": 0.3, "eps": 0.01}),
    ("RMSprop", {"alpha": 0.8, "momentum": 0.9}),
    ("RMSprop", {"alpha": 0.9, "eps": 0.01, "momentum": 0.6, "centered": True}),
    ("RMSprop", {"alpha": 0.5, "eps": 0.1, "centered": True}),
    ("RMSprop", {}),
    ("SGD", {}),
    ("Adam", {}),
    ("AdamW", {}),
]
RATES = st.floats(1e-3, 0.2)
SHARES = st.floats(0.0, 0.99)
DECAYS = st.sampled_from([0.0, 0.01, 0.5])
ANY_SETTINGS = st.one_of(
    st.tuples(st.just("SGD"), st.fixed_dictionaries({"lr": RATES, "weight_decay": DECAYS})),
    st.tuples(
        st.just("SGD"),
        st.fixed_dictionaries({"lr": RATES, "momentum": SHARES, "dampening": SHARES, "weight_decay": DECAYS}),
    ),
    st.tuples(
        st.just("SGD"),
        st.fixed_dictionaries(
            {"lr": RATES, "momentum": st.floats(0.1, 0.99), "weight_decay": DECAYS, "nesterov": st.just(True)}
        ),
    ),
    st.tuples(
        st.sampled_from(["Adam", "AdamW"]),
        st.fixed_dictionaries(
            {
                "lr": RATES,
                "betas": st.tuples(SHARES, st.floats(0.5, 0.999)),
                "eps": st.sampled_from([1e-8, 1e-3]),
                "weight_decay": DECAYS,
            }
        ),
    ),
    # With an eps that keeps what rounding left of a spread of nothing from dividing.
    st.tuples(
        st.just("RMSprop"),
        st.fixed_dictionaries(
            {
                "lr": RATES,
                "alpha": st.floats(0.5, 0.99),
                "eps": st.sampled_from([0.01, 0.5]),
                "weight_decay": DECAYS,
                "momentum": st.sampled_from([0.0, 0.5, 0.9]),
                "centered": st.booleans(),
            }
        ),
    ),
)


def side_by_side(name: str, settings: dict[str, Any], dtype: Any, generator: np.random.Generator) -> None:
    """The same random gradients for both, one parameter left out now and then; compared after every step.

    A rounding error stays in a weight and in a running mean, so errors add up over the steps: so do the terms.
    """
    begin = [generator.standard_normal(shape).astype(dtype) for shape in SHAPES]
    ours, theirs = [Parameter(w) for w in begin], [torch.nn.Parameter(torch.tensor(w)) for w in begin]
    # Two groups, of which the second has a rate of its own.
    found, expected = (
        getattr(module, name)([{"params": weights[:3]}, {"params": weights[3:], "lr": 0.07}], **settings)
        for module, weights in ((optim, ours), (torch.optim, theirs))
    )
    for step in range(STEPS):
        for i, shape in enumerate(SHAPES):
            g = np.asarray(generator.standard_normal(shape), dtype)
            left_out = i == 1 and step % 7 in (0, 3)
            ours[i].grad, theirs[i].grad = (None, None) if left_out else (Tensor(g), torch.tensor(g))
        found.step()
        expected.step()
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            close(8 * (step + 1), 10.0)(a.data, b.detach().numpy(), f"parameter {i} after step {step + 1}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_trajectory(name: str, settings: dict[str, Any], dtype: Any) -> None:
    side_by_side(name, settings, dtype, np.random.default_rng(0))


@given(ANY_SETTINGS, dtypes(), generators())
def test_trajectory_for_any_settings(asked: Any, dtype: Any, generator: np.random.Generator) -> None:
    side_by_side(*asked, dtype, generator)


SCHEDULES = [
    ("StepLR", (3, 0.5)),
    ("StepLR", (1,)),
    ("PolynomialLR", (8, 0.9)),
    ("PolynomialLR", ()),
    ("CosineAnnealingLR", (6, 0.01)),
    ("CosineAnnealingLR", (25,)),
]


def rates(module: Any, schedules: Any, name: str, arguments: Any, weights: list[Any]) -> tuple[Any, Any]:
    optimizer = module.SGD([{"params": weights[:1]}, {"params": weights[1:], "lr": 0.03}], lr=0.5, momentum=0.9)
    return optimizer, getattr(schedules, name)(optimizer, *arguments)


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_schedule_and_the_steps_it_steers(name: str, arguments: tuple[float, ...]) -> None:
    """PyTorch multiplies from step to step, minifcn has closed forms: the same rates but for rounding."""
    ours = [Parameter(np.full(2, w)) for w in (1.0, -2.0)]
    theirs = [torch.nn.Parameter(torch.tensor(w.data)) for w in ours]
    found, schedule = rates(optim, optim, name, arguments, ours)
    expected, other = rates(torch.optim, torch.optim.lr_scheduler, name, arguments, theirs)
    for step in range(STEPS):
        close(8 * (step + 1), 0.5)(
            np.array(schedule.get_last_lr()), np.array(other.get_last_lr(), float), f"rates at step {step}"
        )
        for a, b in zip(ours, theirs, strict=True):
            g = np.array([0.5, -1.0]) * (step % 5)
            a.grad, b.grad = Tensor(g), torch.tensor(g)
        for stepped in (found, schedule, expected, other):
            stepped.step()
    for a, b in zip(ours, theirs, strict=True):
        close(8 * STEPS, 30.0)(a.data, b.detach().numpy(), "weight")


@given(
    st.one_of(
        st.tuples(st.just("StepLR"), st.tuples(st.integers(1, 20), st.floats(0.1, 1.0))),
        st.tuples(st.just("PolynomialLR"), st.tuples(st.integers(1, 60), st.floats(0.1, 3.0))),
        st.tuples(st.just("CosineAnnealingLR"), st.tuples(st.integers(1, 60), st.floats(0.0, 0.02))),
    )
)
def test_schedule_for_any_settings(asked: Any) -> None:
    name, arguments = asked
    found, schedule = rates(optim, optim, name, arguments, [Parameter(np.ones(1)) for _ in range(2)])
    theirs = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    expected, other = rates(torch.optim, torch.optim.lr_scheduler, name, arguments, theirs)
    for step in range(STEPS):
        close(32 * (step + 1), 0.5)(
            np.array(schedule.get_last_lr()), np.array(other.get_last_lr(), float), f"rates at step {step}"
        )
        for stepped in (found, schedule, expected, other):
            stepped.step()


@pytest.mark.parametrize("T", [1, 4, 10])
def test_linear_warmup_is_pytorchs_constant_rate_ramped_up(T: int) -> None:
    """PyTorch's LinearLR from 1/T to 1 in T − 1 steps, on a rate that would stay."""
    found = optim.SGD([Parameter(np.ones(1))], lr=0.5)
    schedule = optim.LinearWarmup(optim.StepLR(found, 1, 1.0), T)
    expected = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    other = torch.optim.lr_scheduler.LinearLR(expected, 1 / T, 1.0, max(1, T - 1))
    for step in range(2 * T):
        close(8 * (step + 1), 0.5)(
            np.array(schedule.get_last_lr()), np.array(other.get_last_lr(), float), f"rates at step {step}"
        )
        for stepped in (found, schedule, expected, other):
            stepped.step()
