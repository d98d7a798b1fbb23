"""An optimiser's groups and state as flat named arrays, and back; what does not fit is refused before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.machine.backend import to_device, to_numpy
from minifcn.optim.settings import as_setting

OPTIONAL = ("initial_lr",)  # a schedule leaves it in the groups


def flatten(groups: list[dict[str, Any]], state: dict[int, dict[str, Any]]) -> dict[str, np.ndarray]:
    named = {}
    for index, group in enumerate(groups):
        named[f"group.{index}.parameters"] = np.array(len(group["params"]))
        named |= {f"group.{index}.{key}": np.array(value) for key, value in group.items() if key != "params"}
    for index in sorted(state):
        named |= {f"state.{index}.{key}": np.array(to_numpy(value)) for key, value in state[index].items()}
    return named


def read_groups(
    owner: str, named: Mapping[str, Any], groups: list[dict[str, Any]], keys: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The settings of every group. Counts and names must be those of this optimiser."""
    saved = _table(owner, named, "group")
    counts = [int(_value(owner, f"group.{index}.parameters", saved[index].pop("parameters", 0))) for index in saved]
    if counts != [len(group["params"]) for group in groups]:
        raise ArgumentError(
            f"{owner}: the saved state has groups of {counts} parameters, this optimiser "
            f"{[len(group['params']) for group in groups]}; build it as it was built when the state was saved."
        )
    for index, settings in saved.items():
        missing = [key for key in keys if key not in settings]
        unexpected = [key for key in settings if key not in keys + OPTIONAL]
        if missing or unexpected:
            raise ArgumentError(
                f"{owner}: the saved state is another optimiser's: group {index} lacks {missing} "
                f"and has {unexpected}; build the optimiser that was saved."
            )
    return [
        {key: as_setting(owner, key, _value(owner, f"group.{index}.{key}", value)) for key, value in settings.items()}
        for index, settings in saved.items()
    ]


def read_state(
    owner: str, named: Mapping[str, Any], parameters: list[Any], keys: tuple[str, ...], optional: tuple[str, ...]
) -> dict[int, dict[str, Any]]:
    """The state of every parameter that has one, on the parameter's device, in its dtype, as a copy."""
    state: dict[int, dict[str, Any]] = {}
    for index, values in _table(owner, named, "state").items():
        if index >= len(parameters):
            raise ArgumentError(f"{owner}: the saved state names parameter {index}, there are {len(parameters)}.")
        if sorted(set(values) - set(optional)) != sorted(keys):
            raise ArgumentError(
                f"{owner}: the saved state of parameter {index} has {sorted(values)}, expected {sorted(keys)}; "
                f"build the optimiser that was saved."
            )
        parameter, state[index] = parameters[index], {}
        for key in values:
            if key == "step":
                state[index][key] = int(_value(owner, f"state.{index}.step", values[key]))
                continue
            array = to_numpy(values[key])
            if array.shape != parameter.shape or array.dtype.kind != "f":
                raise ArgumentError(
                    f"{owner}: state.{index}.{key} is {array.shape} {array.dtype} but parameter {index} is "
                    f"{parameter.shape} {parameter.dtype}; load the state of this very network."
                )
            state[index][key] = to_device(np.array(array, parameter.dtype), parameter.device)
    return state


def _table(owner: str, named: Mapping[str, Any], kind: str) -> dict[int, dict[str, Any]]:
    """{index: {key: value}} of the names "kind.index.key", in the order of the indices."""
    table: dict[int, dict[str, Any]] = {}
    for name, value in named.items():
        family, _, rest = name.partition(".")
        index, _, key = rest.partition(".")
        if family not in ("group", "state") or not (index.isascii() and index.isdigit()) or not key:
            raise ArgumentError(f"{owner}: {name!r} is no name of an optimiser's state; pass what state_dict() gave.")
        if family == kind:
            table.setdefault(int(index), {})[key] = value
    return dict(sorted(table.items()))


def _value(owner: str, name: str, value: Any) -> Any:
    """The number, flag or pair in a small array."""
    plain = np.asarray(value)
    if plain.dtype.kind not in "fiub" or plain.shape not in ((), (2,)) or not np.isfinite(plain).all():
        raise ArgumentError(f"{owner}: {name} must be a finite number, the saved state has {plain.tolist()!r}.")
    return tuple(plain.tolist()) if plain.ndim else plain.item()
