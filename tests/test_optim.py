"""Optimisers against slow formulas in plain Python, schedules against their closed forms, states through a file."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from minifcn import nn, optim
from minifcn.autograd import no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.optim import optimizer as shared
from minifcn.tensor import Parameter, Tensor
from minifcn.weights import load_arrays, save_arrays
from tests.onto import equal, get, on
from tests.played_cupy import playing
from tests.played_cupy.kernels import RawKernel

SHAPES = [(3, 2, 1, 4), (5,), (), (1, 7)]
STEPS = 50
Trajectory = Callable[[float, list[float | None], dict[str, Any]], float]

# One number at a time, straight from the papers: nothing is shared with the code under test. ------------------------


def slow_sgd(w: float, gradients: list[float | None], at: dict[str, Any]) -> float:
    v: float | None = None
    for given in gradients:
        if given is None:
            continue
        g = given + at["weight_decay"] * w
        if at["momentum"] == 0:
            w = w - at["lr"] * g
            continue
        v = g if v is None else at["momentum"] * v + (1 - at["dampening"]) * g
        w = w - at["lr"] * (g + at["momentum"] * v if at["nesterov"] else v)
    return w


def slow_adam(w: float, gradients: list[float | None], at: dict[str, Any]) -> float:
    """The estimates as weighted means over the whole history instead of recursions."""
    history: list[float] = []
    for given in gradients:
        if given is None:
            continue
        history.append(given + at["weight_decay"] * w)
        w = w - adam_move(history, at)
    return w


def slow_adamw(w: float, gradients: list[float | None], at: dict[str, Any]) -> float:
    history: list[float] = []
    for given in gradients:
        if given is None:
            continue
        history.append(given)
        w = w - at["lr"] * at["weight_decay"] * w - adam_move(history, at)
    return w


def slow_rmsprop(w: float, gradients: list[float | None], at: dict[str, Any]) -> float:
    """The means as sums over the whole history instead of recursions."""
    history: list[float] = []
    b = 0.0
    for given in gradients:
        if given is None:
            continue
        history.append(given + at["weight_decay"] * w)
        shares = [(1 - at["alpha"]) * at["alpha"] ** age for age in range(len(history))][::-1]
        divisor = math.fsum(share * g * g for share, g in zip(shares, history, strict=True))
        if at["centered"]:
            divisor -= math.fsum(share * g for share, g in zip(shares, history, strict=True)) ** 2
        b = at["momentum"] * b + history[-1] / (math.sqrt(divisor) + at["eps"])
        w = w - at["lr"] * b
    return w


def adam_move(history: list[float], at: dict[str, Any]) -> float:
    def mean(values: list[float], beta: float) -> float:
        weights = [beta**age for age in range(len(values))][::-1]
        return math.fsum(x * y for x, y in zip(values, weights, strict=True)) / math.fsum(weights)

    first, second = mean(history, at["betas"][0]), mean([g * g for g in history], at["betas"][1])
    return float(at["lr"] * first / (math.sqrt(second) + at["eps"]))


CASES: list[tuple[type[optim.Optimizer], Trajectory, dict[str, Any]]] = [
    (optim.SGD, slow_sgd, {"lr": 0.1}),
    (optim.SGD, slow_sgd, {"lr": 0.1, "weight_decay": 0.03}),
    (optim.SGD, slow_sgd, {"lr": 0.05, "momentum": 0.9}),
    (optim.SGD, slow_sgd, {"lr": 0.05, "momentum": 0.7, "dampening": 0.4, "weight_decay": 0.1}),
    (optim.SGD, slow_sgd, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.02, "nesterov": True}),
    (optim.Adam, slow_adam, {"lr": 0.03}),
    (optim.Adam, slow_adam, {"lr": 0.03, "betas": (0.6, 0.95), "eps": 0.02, "weight_decay": 0.3}),
    (optim.AdamW, slow_adamw, {"lr": 0.03}),
    (optim.AdamW, slow_adamw, {"lr": 0.03, "betas": (0.0, 0.5), "eps": 0.1, "weight_decay": 0.7}),
    (optim.RMSprop, slow_rmsprop, {}),
    (optim.RMSprop, slow_rmsprop, {"alpha": 0.8, "eps": 0.1, "weight_decay": 0.3, "momentum": 0.6}),
    (optim.RMSprop, slow_rmsprop, {"lr": 0.02, "alpha": 0.9, "eps": 0.01, "centered": True}),
    (optim.RMSprop, slow_rmsprop, {"alpha": 0.5, "eps": 0.1, "momentum": 0.9, "centered": True}),
]
DEFAULTS = {
    optim.SGD: {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    optim.Adam: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
    optim.AdamW: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2},
    optim.RMSprop: {
        "lr": 1e-2,
        "alpha": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "momentum": 0.0,
        "centered": False,
    },
}
KINDS: list[tuple[Any, dict[str, Any]]] = [
    (optim.SGD, {"momentum": 0.9}),
    (optim.Adam, {}),
    (optim.AdamW, {}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"momentum": 0.5, "centered": True}),
]


def parameters(dtype: Any = np.float64, seed: int = 0, xp: ModuleType = np) -> list[Parameter]:
    rng = np.random.default_rng(seed)
    return [Parameter(xp.asarray(np.asarray(rng.standard_normal(shape), dtype))) for shape in SHAPES]


def gradients(steps: int, dtype: Any = np.float64, seed: int = 1) -> list[list[np.ndarray | None]]:
    """gradients[step][parameter]; the second parameter is left out now and then."""
    rng = np.random.default_rng(seed)
    drawn = [[np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES] for _ in range(steps)]
    return [
        [None if place == 1 and step % 7 in (0, 3) else g for place, g in enumerate(row)]
        for step, row in enumerate(drawn)
    ]


def run(optimizer: optim.Optimizer, weights: list[Parameter], rows: list[list[np.ndarray | None]]) -> None:
    for row in rows:
        optimizer.zero_grad()
        for weight, g in zip(weights, row, strict=True):
            weight.grad = None if g is None else Tensor(g, device=weight.device)
        optimizer.step()


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("kind", "slow", "settings"), CASES)
def test_trajectory(
    kind: type[optim.Optimizer],
    slow: Trajectory,
    settings: dict[str, Any],
    cut: bool,
    monkeypatch: pytest.MonkeyPatch,
    xp: ModuleType,
) -> None:
    if cut:  # every row becomes a block of its own
        monkeypatch.setattr(shared, "working_bytes", lambda x: 64)
    weights, rows = parameters(xp=xp), gradients(STEPS)
    begin = [get(weight).copy() for weight in weights]
    run(kind(weights, **settings), weights, rows)
    at = DEFAULTS[kind] | settings
    for place, weight in enumerate(map(get, weights)):
        for index in np.ndindex(weight.shape):
            seen = [None if row[place] is None else float(row[place][index]) for row in rows]  # type: ignore[index]
            assert weight[index] == pytest.approx(slow(float(begin[place][index]), seen, at), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", DEFAULTS)
def test_defaults(kind: type[optim.Optimizer]) -> None:
    group = kind([Parameter([1.0])]).param_groups[0]  # type: ignore[arg-type]
    assert {key: value for key, value in group.items() if key != "params"} == DEFAULTS[kind]


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_writes_in_place_in_the_same_dtype_and_counts_it(
    kind: type[optim.Optimizer], settings: dict[str, Any], xp: ModuleType
) -> None:
    for dtype in (np.float32, np.float64):
        weights, rows = parameters(dtype, xp=xp), gradients(2, dtype)
        memory = [weight.data for weight in weights]
        versions = [weight._version.count for weight in weights]
        optimizer = kind(weights, weight_decay=0.1, **settings)
        run(optimizer, weights, rows)
        for place, weight in enumerate(weights):
            assert weight.data is memory[place]
            assert weight.dtype == dtype
            assert weight._version.count == versions[place] + (1 if place == 1 else 2), "left out of the first step"
            equal(weight.grad, rows[1][place])  # a gradient is read, never written
            state = [value for key, value in optimizer.state[place].items() if key != "step"]
            assert state and all(value.dtype == dtype and value.shape == weight.shape for value in state)
            assert all(isinstance(value, xp.ndarray) for value in state)


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_same_bits_whatever_the_blocks_and_the_memory_layout(
    kind: type[optim.Optimizer], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, xp: ModuleType
) -> None:
    rng = np.random.default_rng(2)
    begin, g = (xp.asarray(rng.standard_normal((9, 6))) for _ in range(2))

    def moved(grad: Any) -> Any:
        weight = Parameter(begin)
        optimizer = kind([weight], **settings)
        for _ in range(3):
            weight.grad = Tensor.of(grad)
            optimizer.step()
        return weight.data.copy()

    whole = moved(g)
    equal(moved(xp.asfortranarray(g)), whole)
    equal(moved(g[::-1].copy()[::-1]), whole)
    monkeypatch.setattr(shared, "working_bytes", lambda x: 5 * 16 * 8 * 6)  # blocks of 5 rows: 5 and 4
    equal(moved(g), whole)


def test_blocks_cover_every_row_once(monkeypatch: pytest.MonkeyPatch, xp: ModuleType) -> None:
    monkeypatch.setattr(shared, "working_bytes", lambda x: 3 * 16 * 8 * 2)
    x = xp.arange(14.0).reshape(7, 2)
    pieces = [first for first, second in shared.blocks(x, -x) if xp.array_equal(first, -second)]
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    equal(xp.concatenate(pieces), x)
    for shape in [(), (0, 3), (3, 0)]:
        assert [piece.shape for (piece,) in shared.blocks(xp.zeros(shape))] == [shape]


def test_groups_have_their_own_settings(xp: ModuleType) -> None:
    first, second, third = (Parameter(on(xp, values)) for values in ([1.0, 2.0], [[4.0]], [8.0]))
    optimizer = optim.SGD([{"params": [first]}, {"params": (second, third), "lr": 0.5, "weight_decay": 1}], lr=0.25)
    for weight in (first, second, third):
        weight.grad = on(xp, np.ones(weight.shape, np.float32))
    optimizer.step()
    assert first.data.tolist() == [0.75, 1.75]
    assert (second.data.tolist(), third.data.tolist()) == ([[1.5]], [3.5])
    optimizer.param_groups[0]["lr"] = 1.0
    optimizer.step()
    assert first.data.tolist() == [-0.25, 0.75]
    optimizer.add_param_group({"params": Parameter(on(xp, [1.0]))})
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 2, 1]
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5, 0.25]


def test_a_generator_of_parameters_is_read_once() -> None:
    assert len(optim.SGD(weight for weight in parameters()).param_groups[0]["params"]) == len(SHAPES)


def test_zero_grad_forgets(xp: ModuleType) -> None:
    weights = parameters(xp=xp)
    optimizer = optim.SGD(weights, lr=1.0)
    for weight in weights:
        (weight * weight).sum().backward()
    optimizer.zero_grad()
    assert all(weight.grad is None for weight in weights)
    before = [weight.data.copy() for weight in weights]
    optimizer.step()
    assert all(xp.array_equal(weight.data, old) for weight, old in zip(weights, before, strict=True))
    assert not optimizer.state


def test_zero_grad_may_leave_zeros(xp: ModuleType) -> None:
    for owner in (nn.Linear(2, 1), None):
        weights = list(owner.parameters()) if owner else parameters(xp=xp)
        zero = owner.zero_grad if owner else optim.SGD(weights, momentum=0.5).zero_grad
        for weight in weights[1:]:
            (weight * weight).sum().backward()
        memory = [weight.grad._array for weight in weights[1:]]
        zero(set_to_none=False)
        assert weights[0].grad is None
        for weight, array in zip(weights[1:], memory, strict=True):
            assert weight.grad._array is array and not get(weight.grad).any()
        zero(True)
        assert all(weight.grad is None for weight in weights)


@pytest.mark.parametrize(("kind", "settings"), [(kind, {"lr": 0.1} | settings) for kind, settings in KINDS])
def test_finds_a_minimum(kind: type[optim.Optimizer], settings: dict[str, Any], xp: ModuleType) -> None:
    """The valley (x − 3)² + 10 (y + 1)², through autograd."""
    weight = Parameter(xp.asarray([0.0, 0.0]))
    optimizer = kind([weight], **(settings if kind in (optim.Adam, optim.AdamW) else settings | {"lr": 0.01}))
    for _ in range(400 if kind is not optim.RMSprop else 600):
        optimizer.zero_grad()
        away = weight - xp.asarray([3.0, -1.0])
        (away * away * xp.asarray([1.0, 10.0])).sum().backward()
        optimizer.step()
    assert np.abs(get(weight) - [3, -1]).max() < 0.02


# States --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_resumed_training_gives_the_same_bits(
    kind: type[optim.Optimizer], settings: dict[str, Any], suffix: str, tmp_path: Path, xp: ModuleType
) -> None:
    if suffix == "safetensors":
        pytest.importorskip("safetensors")

    def groups(weights: list[Parameter]) -> list[dict[str, Any]]:
        return [{"params": weights[:1], "lr": 0.02}, {"params": weights[1:], "weight_decay": 0.1}]

    rows = gradients(20, np.float32)
    through = parameters(np.float32, xp=xp)
    optimizer = kind(groups(through), **settings)
    schedule = optim.PolynomialLR(optimizer, 20, 0.9)
    for row in rows[:9]:
        run(optimizer, through, [row])
        schedule.step()
    halfway = [Parameter(weight.data) for weight in through]
    save_arrays(tmp_path / f"state.{suffix}", optimizer.state_dict())
    for row in rows[9:]:
        run(optimizer, through, [row])
        schedule.step()

    resumed = kind(groups(halfway), **settings)
    again = optim.PolynomialLR(resumed, 20, 0.9)
    resumed.load_state_dict(load_arrays(tmp_path / f"state.{suffix}")[0])
    again.last_epoch = 9
    for row in rows[9:]:
        run(resumed, halfway, [row])
        again.step()
    for weight, expected in zip(halfway, through, strict=True):
        assert weight.device == expected.device
        equal(weight, expected)
    assert again.get_last_lr() == schedule.get_last_lr()


def test_the_names_in_a_state(xp: ModuleType) -> None:
    weights = parameters(xp=xp)
    optimizer = optim.SGD(weights, lr=0.25, momentum=0.5)
    run(optimizer, weights, gradients(1))
    state = optimizer.state_dict()
    assert sorted(state) == [
        *(f"group.0.{key}" for key in ("dampening", "lr", "momentum", "nesterov", "parameters", "weight_decay")),
        *(f"state.{index}.momentum_buffer" for index in (0, 2, 3)),
    ]
    assert state["group.0.lr"] == 0.25 and state["group.0.lr"].shape == ()
    assert state["group.0.parameters"] == len(SHAPES)
    assert all(type(value) is np.ndarray for value in state.values()), "it can be saved wherever the weights are"
    kept = state["state.0.momentum_buffer"].copy()
    run(optimizer, weights, gradients(1, seed=5))
    np.testing.assert_array_equal(state["state.0.momentum_buffer"], kept)  # a copy


def adam_state() -> tuple[optim.Adam, dict[str, np.ndarray]]:
    weights = parameters()
    optimizer = optim.Adam(weights, lr=0.5)
    run(optimizer, weights, gradients(2))
    return optimizer, optimizer.state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"state.0.exp_avg": np.zeros((3, 2, 4, 1))},
            r"state.0.exp_avg is \(3, 2, 4, 1\).* parameter 0 is \(3, 2, 1, 4",
        ),
        ({"state.0.exp_avg": np.zeros((3, 2, 1, 4), int)}, r"state.0.exp_avg is .* int64"),
        ({"state.0.exp_avg": None}, r"parameter 0 has \['exp_avg_sq', 'step'\], expected"),
        ({"state.1.momentum_buffer": np.zeros(5)}, r"parameter 1 has .*momentum_buffer.* build the optimiser"),
        ({"state.9.step": np.array(1)}, r"names parameter 9, there are 4"),
        ({"state.0.step": np.array([1, 2, 3])}, r"state.0.step must be a finite number.*\[1, 2, 3\]"),
        ({"group.0.parameters": np.array(3)}, r"groups of \[3\] parameters, this optimiser \[4\]"),
        ({"group.0.parameters": None}, r"groups of \[0\] parameters"),
        ({"group.1.parameters": np.array(3)}, r"groups of \[4, 3\] parameters, this optimiser \[4\]"),
        ({"group.0.eps": None}, r"another optimiser's: group 0 lacks \['eps'\]"),
        ({"group.0.momentum": np.array(0.5)}, r"group 0 lacks \[\] and has \['momentum'\]"),
        ({"group.0.lr": np.array(np.nan)}, r"group.0.lr must be a finite number, the saved state has nan"),
        ({"group.0.lr": np.array(-1.0)}, r"lr must be at least 0, got -1"),
        ({"group.0.lr": np.array("fast")}, r"group.0.lr must be a finite number, the saved state has 'fast'"),
        ({"group.0.betas": np.array([0.5, 1.5])}, r"betas\[1\] must be at least 0 and below 1, got 1.5"),
        ({"weight": np.zeros(3)}, r"'weight' is no name of an optimiser's state"),
        ({"state.x.step": np.zeros(3)}, r"'state.x.step' is no name"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: dict[str, Any], message: str) -> None:
    optimizer, saved = adam_state()
    before = {name: value.copy() for name, value in saved.items()}
    broken = {
        name: value for name, value in ({"group.0.lr": np.array(0.125)} | saved | change).items() if value is not None
    }
    with pytest.raises(ArgumentError, match=message):
        optimizer.load_state_dict(broken)
    after = optimizer.state_dict()
    assert after.keys() == before.keys() and all(np.array_equal(after[name], before[name]) for name in after)


def test_a_state_of_another_kind_of_optimiser_is_refused() -> None:
    _, saved = adam_state()
    with pytest.raises(
        ArgumentError, match=r"lacks \['momentum', 'dampening', 'nesterov'\] and has \['betas', 'eps'\]"
    ):
        optim.SGD(parameters()).load_state_dict(saved)


def test_a_loaded_state_is_a_copy_in_the_dtype_of_the_parameter() -> None:
    _, saved = adam_state()
    weights = parameters(np.float32)
    optimizer = optim.Adam(weights)
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.state[0]["exp_avg"].dtype == np.float32
    assert optimizer.state[0]["step"] == 2 and optimizer.state[1]["step"] == 1
    kept = saved["state.0.exp_avg"].copy()
    run(optimizer, weights, gradients(1, np.float32))
    np.testing.assert_array_equal(saved["state.0.exp_avg"], kept)


# Errors --------------------------------------------------------------------------------------------------------------


def one() -> list[Parameter]:
    return [Parameter([1.0, 2.0])]


shared_weight = Parameter([1.0, 2.0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD([]), ArgumentError, "SGD: there are no parameters to train"),
        (lambda: optim.SGD([{"params": []}]), ArgumentError, "SGD: group 0 has no parameters"),
        (lambda: optim.Adam(iter([])), ArgumentError, "Adam: there are no parameters"),
        (lambda: optim.SGD(one()[0]), ArgumentTypeError, r"params must be a list, got one Parameter; write \[it\]"),
        (lambda: optim.SGD({"params": one()}), ArgumentTypeError, "params must be a list, got one dict"),
        (lambda: optim.SGD([np.ones(3)]), ArgumentTypeError, "parameter 0 is a ndarray; pass Parameters"),
        (lambda: optim.SGD([*one(), {"params": one()}]), ArgumentTypeError, "do not mix groups and single parameters"),
        (lambda: optim.SGD([{"lr": 1.0}]), ArgumentTypeError, 'every group must be a dictionary with "params"'),
        (lambda: optim.SGD([one()[0] * 2]), ArgumentError, r"parameter 0 of shape \(2,\) is computed from others"),
        (
            lambda: optim.SGD([shared_weight, *one(), shared_weight]),
            ArgumentError,
            "parameters 0 and 2 are one and the same",
        ),
        (
            lambda: optim.SGD([{"params": [shared_weight]}, {"params": [*one(), shared_weight]}]),
            ArgumentError,
            "parameters 0 and 2 are one and the same",
        ),
        (lambda: optim.SGD(one(), lr=-0.1), ArgumentError, "SGD: lr must be at least 0, got -0.1"),
        (lambda: optim.SGD(one(), lr=math.nan), ArgumentError, "SGD: lr must be finite, got nan"),
        (lambda: optim.SGD(one(), lr="0.1"), ArgumentTypeError, "SGD: lr must be a number, got '0.1'"),
        (lambda: optim.SGD(one(), lr=True), ArgumentTypeError, "SGD: lr must be a number, got True"),
        (lambda: optim.SGD([{"params": one(), "lr": -1}]), ArgumentError, "lr must be at least 0, got -1"),
        (
            lambda: optim.SGD([{"params": one(), "rate": 1}]),
            ArgumentError,
            "setting 'rate' is unknown; use lr, momentum",
        ),
        (lambda: optim.SGD(one(), momentum=-1), ArgumentError, "momentum must be at least 0, got -1"),
        (lambda: optim.SGD(one(), weight_decay=-1), ArgumentError, "weight_decay must be at least 0, got -1"),
        (lambda: optim.SGD(one(), nesterov=True), ArgumentError, "nesterov needs momentum > 0 .* got momentum 0.0"),
        (
            lambda: optim.SGD(one(), momentum=0.9, dampening=0.5, nesterov=True),
            ArgumentError,
            "nesterov needs momentum > 0 and dampening 0, got momentum 0.9 and dampening 0.5",
        ),
        (lambda: optim.SGD(one(), nesterov=1), ArgumentTypeError, "nesterov must be True or False, got 1"),
        (lambda: optim.Adam(one(), betas=(0.9, 1.0)), ArgumentError, r"Adam: betas\[1\] must be .* below 1, got 1.0"),
        (lambda: optim.Adam(one(), betas=(-0.1, 0.9)), ArgumentError, r"Adam: betas\[0\] must be at least 0"),
        (lambda: optim.Adam(one(), betas=0.9), ArgumentTypeError, "betas must be a pair of numbers, got 0.9"),
        (lambda: optim.AdamW(one(), eps=-1e-8), ArgumentError, "AdamW: eps must be at least 0, got -1e-08"),
    ],
)
def test_errors(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_gradient_that_does_not_fit_moves_nothing(xp: ModuleType) -> None:
    first, second = Parameter(on(xp, [1.0, 2.0])), Parameter(on(xp, [3.0, 4.0, 5.0]))
    optimizer = optim.SGD([first, second], lr=1.0)
    first.grad, second.grad = on(xp, [1.0, 1.0]), on(xp, [1.0])
    with pytest.raises(ArgumentError, match=r"parameter 1 is \(3,\) float32 on .* but its gradient is \(1,\) float32"):
        optimizer.step()
    second.grad = on(xp, np.ones(3))
    with pytest.raises(ArgumentError, match=r"parameter 1 is \(3,\) float32 .* its gradient is \(3,\) float64"):
        optimizer.step()
    assert first.data.tolist() == [1.0, 2.0]


# Schedules -----------------------------------------------------------------------------------------------------------

RATES = (0.5, 0.03)


def two_groups() -> optim.SGD:
    return optim.SGD([{"params": one()}, {"params": one(), "lr": RATES[1]}], lr=RATES[0])


SCHEDULES: list[tuple[str, Callable[[optim.Optimizer], optim.LRScheduler], Callable[[int, float], float]]] = [
    ("step", lambda o: optim.StepLR(o, 3, 0.5), lambda t, base: base / 2 ** (t // 3)),
    ("poly", lambda o: optim.PolynomialLR(o, 8, 0.9), lambda t, base: base * (max(8 - t, 0) / 8) ** 0.9),
    (
        "cosine",
        lambda o: optim.CosineAnnealingLR(o, 6, 0.01),
        lambda t, base: 0.01 + (base - 0.01) * math.cos(math.pi * t / 12) ** 2,
    ),
    (
        "warm-up",
        lambda o: optim.LinearWarmup(optim.StepLR(o, 5, 0.1), 4),
        lambda t, base: base * 0.1 ** (t // 5) * [0.25, 0.5, 0.75, 1.0][min(t, 3)],
    ),
]


@pytest.mark.parametrize(("make", "closed"), [case[1:] for case in SCHEDULES], ids=[case[0] for case in SCHEDULES])
def test_schedule(make: Callable[[optim.Optimizer], optim.LRScheduler], closed: Callable[[int, float], float]) -> None:
    optimizer = two_groups()
    schedule = make(optimizer)
    for t in range(15):
        assert schedule.last_epoch == t
        assert schedule.get_last_lr() == pytest.approx([closed(t, base) for base in RATES], rel=1e-12)
        assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        schedule.step()
    resumed = make(two_groups())
    resumed.last_epoch = 15
    assert resumed.get_last_lr() == schedule.get_last_lr(), "the same bits, since the form is closed"
    assert resumed.base_lrs == list(RATES)


def test_schedule_steers_the_steps(xp: ModuleType) -> None:
    weight = Parameter(on(xp, [0.0]))
    optimizer = optim.SGD([weight], lr=8.0)
    schedule = optim.StepLR(optimizer, 1, 0.5)
    for _ in range(3):
        weight.grad = on(xp, [-1.0])
        optimizer.step()
        schedule.step()
    assert weight.data.tolist() == [8.0 + 4.0 + 2.0]


def test_a_schedule_made_after_loading_begins_at_the_first_rate() -> None:
    optimizer = two_groups()
    schedule = optim.StepLR(optimizer, 1, 0.5)
    schedule.last_epoch = 4
    resumed = two_groups()
    resumed.load_state_dict(optimizer.state_dict())
    again = optim.StepLR(resumed, 1, 0.5)
    again.last_epoch = 4
    assert again.get_last_lr() == schedule.get_last_lr() == [rate / 16 for rate in RATES]


def test_a_group_added_later_is_scheduled_too() -> None:
    optimizer = two_groups()
    schedule = optim.StepLR(optimizer, 2, 0.5)
    optimizer.add_param_group({"params": one(), "lr": 1.0})
    schedule.last_epoch = 2
    assert schedule.get_last_lr() == [RATES[0] / 2, RATES[1] / 2, 0.5]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.StepLR(two_groups(), 0), ArgumentError, "StepLR: step_size must be between 1 and"),
        (lambda: optim.StepLR(two_groups(), 2.5), ArgumentTypeError, "StepLR: step_size must be an integer"),
        (lambda: optim.StepLR(two_groups(), 2, "half"), ArgumentTypeError, "gamma must be a number, got 'half'"),
        (lambda: optim.StepLR(one(), 2), ArgumentTypeError, "optimizer must be an Optimizer, got list"),
        (lambda: optim.PolynomialLR(two_groups(), 0), ArgumentError, "PolynomialLR: total_iters must be between 1"),
        (lambda: optim.PolynomialLR(two_groups(), 5, -1), ArgumentError, "power must be at least 0, got -1"),
        (lambda: optim.CosineAnnealingLR(two_groups(), 0), ArgumentError, "CosineAnnealingLR: T_max must be between 1"),
        (lambda: optim.CosineAnnealingLR(two_groups(), 5, -1), ArgumentError, "eta_min must be at least 0, got -1"),
        (lambda: optim.LinearWarmup(two_groups(), 5), ArgumentTypeError, "after must be a schedule, got SGD"),
        (
            lambda: setattr(optim.StepLR(two_groups(), 2), "last_epoch", -1),
            ArgumentError,
            "StepLR: last_epoch must be between 0",
        ),
    ],
)
def test_schedule_errors(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_training_under_no_grad_is_not_needed(xp: ModuleType) -> None:
    """A step writes arrays, not graph nodes: the parameter stays a leaf, inside and outside no_grad."""
    weight = Parameter(on(xp, [1.0]))
    for _ in range(2):
        (weight * 2).sum().backward()
        optim.SGD([weight], lr=0.25).step()
        assert weight.is_leaf and weight.requires_grad
    with no_grad():
        optim.SGD([weight], lr=0.25).step()
    assert weight.data.tolist() == [1.0 - 0.5 - 1.0 - 1.0], "the gradients add up without zero_grad: 2, then 4, then 4"


# --- on a GPU -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, 0.5),
        lambda p: optim.SGD(p, 0.5, momentum=0.9),
        lambda p: optim.Adam(p, 0.5),
        lambda p: optim.AdamW(p, 0.5),
    ],
)
def test_a_gpu_that_found_an_infinity_changes_nothing(make: Callable[[Any], Any]) -> None:
    """Neither weights nor what the optimiser remembers; and it is one kernel for each parameter."""
    with playing() as cupy:
        weight = Parameter(cupy.asarray(np.arange(5.0)))
        optimizer = make([weight])
        (weight * weight).sum().backward()
        optimizer.step()
        before = [get(weight.data), *optimizer.state_dict().values()]
        optimizer.found_inf = cupy.asarray([True])
        del RawKernel.launches[:]
        optimizer.step()
        assert len(RawKernel.launches) == 1
        after = [get(weight.data), *optimizer.state_dict().values()]
        names = list(optimizer.state_dict())
        for name, old, new in zip(["weight", *names], before, after, strict=True):
            assert name.endswith(".step") or np.array_equal(old, new), name
        optimizer.found_inf = None
        optimizer.step()
        assert not np.array_equal(before[0], get(weight.data))


# PyTorch's habits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_they_print_their_settings(kind: type[optim.Optimizer], settings: dict[str, Any]) -> None:
    first, second = Parameter([1.0]), Parameter([2.0])
    one = kind([first, second], lr=0.5, **settings)
    shown = ", ".join(f"{key}={value}" for key, value in (DEFAULTS[kind] | settings | {"lr": 0.5}).items())
    assert repr(one) == f"{kind.__name__}(2 parameters, {shown})"
    assert repr(kind([{"params": [first]}, {"params": [second], "lr": 0.25}], lr=0.5, **settings)) == (
        f"{kind.__name__}(\n  (0): 1 parameters, {shown}\n  (1): 1 parameters, {shown.replace('lr=0.5', 'lr=0.25')}\n)"
    )


def test_schedules_print_where_they_are() -> None:
    optimizer = optim.SGD([Parameter([1.0])], lr=0.5)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    schedule.step()
    schedule.step()
    assert repr(schedule) == "StepLR(step_size=2, gamma=0.1, last_epoch=2, lr=[0.05])"
    assert repr(optim.LinearWarmup(schedule, 4)).startswith("LinearWarmup(after=StepLR(step_size=2, ")


def test_schedules_are_where_pytorch_has_them() -> None:
    for name in ("LRScheduler", "StepLR", "PolynomialLR", "CosineAnnealingLR", "LinearWarmup"):
        assert getattr(optim.lr_scheduler, name) is getattr(optim, name)


def test_a_model_in_the_place_of_its_parameters_is_an_error_that_says_so() -> None:
    for wrong in (nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1))):
        with pytest.raises(ArgumentTypeError, match=rf"got {type(wrong).__name__}; pass model\.parameters\(\)"):
            optim.SGD(wrong, lr=0.1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="SGD: params must be a list of Parameters, got float"):
        optim.SGD(0.1)  # type: ignore[arg-type]


def test_rmsprop_errors() -> None:
    for settings, message in (
        ({"alpha": 1.5}, "RMSprop: alpha must be between 0 and 1, got 1.5"),
        ({"alpha": -0.1}, "RMSprop: alpha must be between 0 and 1"),
        ({"eps": -1.0}, "RMSprop: eps must be at least 0, got -1"),
        ({"momentum": -1.0}, "RMSprop: momentum must be at least 0, got -1"),
    ):
        with pytest.raises(ArgumentError, match=message):
            optim.RMSprop([Parameter([1.0])], **settings)
    with pytest.raises(ArgumentTypeError, match="RMSprop: centered must be True or False, got 1"):
        optim.RMSprop([Parameter([1.0])], centered=1)  # type: ignore[arg-type]


def test_rmsprop_takes_its_settings_as_they_are_now() -> None:
    """Momentum that is switched on later begins with a buffer of 0; what is not used is kept for later."""
    weight = Parameter([1.0])
    optimizer = optim.RMSprop([weight], lr=0.5, alpha=0.0)
    for momentum, moved in ((0.0, 0.5), (0.5, 0.5), (0.5, 0.75), (0.0, 0.5), (0.5, 0.875)):
        before, weight.grad = weight.item(), Tensor([2.0])
        optimizer.param_groups[0]["momentum"] = momentum
        optimizer.step()
        assert before - weight.item() == pytest.approx(moved)
    assert sorted(optimizer.state[0]) == ["momentum_buffer", "square_avg"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_never_makes_a_negative_spread(dtype: Any, xp: ModuleType) -> None:
    weight = Parameter(xp.asarray(np.zeros(50, dtype)))
    optimizer = optim.RMSprop([weight], alpha=0.5, centered=True)
    for _ in range(80):  # a constant gradient has no spread, and v − m² is rounding alone in the end
        weight.grad = Tensor(xp.asarray(np.linspace(0.1, 7, 50).astype(dtype)))
        optimizer.step()
    assert np.isfinite(get(weight)).all()
