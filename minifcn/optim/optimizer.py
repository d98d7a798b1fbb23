"""What every optimiser shares: groups of parameters, the loop over them, and a state that can be saved.

An optimiser is its formula: a subclass says with `update` how one weight moves along its gradient, and with `check`
which settings make sense.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from minifcn.autograd.gradients import forget
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import Array, array_module, at_home, device_of, is_cupy
from minifcn.machine.kernels import contiguous
from minifcn.machine.limits import working_bytes
from minifcn.optim import saved
from minifcn.optim.settings import as_setting, non_negative
from minifcn.tensor import Tensor

Group = dict[str, Any]
State = dict[str, Any]


class Optimizer(ABC):
    """params: Parameters, or groups of them as dictionaries, `{"params": [...], "lr": 0.01}`, each with own settings.

    `param_groups` is the list of groups: dictionaries with "params" and every setting, which may be changed between
    steps. `state[i]` holds what the formula remembers of the i-th parameter, counted through all groups.

    Raises ArgumentError for no parameter at all, a parameter given twice, a computed tensor, and settings that are
    unknown or out of range; ArgumentTypeError for what is not a Tensor.
    """

    found_inf: Array | None = None
    """A GPU's array of one bool, or None. Where it is true, `step` changes nothing: so a loss that is not a number can
    stop training before anybody has waited for it. (PyTorch's name.)"""

    remembers: ClassVar[tuple[str, ...]] = ()
    """The names in a state: arrays of the parameter's shape, and the number "step"."""

    may_remember: ClassVar[tuple[str, ...]] = ()
    """More names in a state, which depend on the settings."""

    def __init__(self, params: Iterable[Any], **defaults: Any) -> None:
        self.defaults = {key: as_setting(self._name, key, value) for key, value in defaults.items()}
        self.param_groups: list[Group] = []
        self.state: dict[int, State] = {}
        self._never: dict[str, Array] = {}  # for each GPU one bool that is false
        if isinstance(params, Tensor | Mapping):
            raise ArgumentTypeError(
                f"{self._name}: params must be a list, got one {type(params).__name__}; write [it]."
            )
        if hasattr(params, "parameters") or not isinstance(params, Iterable):
            raise ArgumentTypeError(
                f"{self._name}: params must be a list of Parameters, got {type(params).__name__}; "
                f"pass model.parameters()."
            )
        given = list(params)
        if not given:
            raise ArgumentError(f"{self._name}: there are no parameters to train; pass model.parameters().")
        for group in given if any(isinstance(item, Mapping) for item in given) else [{"params": given}]:
            self.add_param_group(group)

    @abstractmethod
    def update(self, weight: Array, grad: Array, state: State, group: Group) -> None:
        """Move `weight` in place along `grad`, of the same shape; `state` is this weight's own, empty at first."""

    def check(self, group: Group) -> None:
        """Raise ArgumentError if a setting of `group` is out of range."""
        non_negative(self._name, group, "lr", "weight_decay")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Train more parameters: `{"params": [...]}` and any settings that differ from the optimiser's own."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise ArgumentTypeError(
                f'{self._name}: every group must be a dictionary with "params", got {type(group).__name__}; '
                f"do not mix groups and single parameters."
            )
        if unknown := [key for key in group if key != "params" and key not in self.defaults]:
            raise ArgumentError(f"{self._name}: setting {unknown[0]!r} is unknown; use {', '.join(self.defaults)}.")
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        self._check_params(params)
        settings = {key: as_setting(self._name, key, group.get(key, value)) for key, value in self.defaults.items()}
        self.check(settings)
        self.param_groups.append({"params": params, **settings})

    def _check_params(self, params: list[Any]) -> None:
        if not params:
            raise ArgumentError(f"{self._name}: group {len(self.param_groups)} has no parameters; leave it out.")
        seen = {id(parameter): index for index, (parameter, _) in enumerate(self._members())}
        for index, parameter in enumerate(params, len(seen)):
            if not isinstance(parameter, Tensor):
                raise ArgumentTypeError(
                    f"{self._name}: parameter {index} is a {type(parameter).__name__}; pass Parameters."
                )
            if not parameter.is_leaf:
                raise ArgumentError(
                    f"{self._name}: parameter {index} of shape {parameter.shape} is computed from others; pass those."
                )
            if id(parameter) in seen:
                raise ArgumentError(
                    f"{self._name}: parameters {seen[id(parameter)]} and {index} are one and the same, of shape "
                    f"{parameter.shape}; it would be moved twice per step, pass it once."
                )
            seen[id(parameter)] = index

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _members(self) -> Iterator[tuple[Tensor, Group]]:
        return ((parameter, group) for group in self.param_groups for parameter in group["params"])

    def __repr__(self) -> str:
        """SGD(4 parameters, lr=0.1, momentum=0.9, ...), with a line for each group if there are several."""
        groups = [
            ", ".join([f"{len(group['params'])} parameters", *(f"{k}={v}" for k, v in group.items() if k != "params")])
            for group in self.param_groups
        ]
        if len(groups) == 1:
            return f"{self._name}({groups[0]})"
        return "\n".join([f"{self._name}(", *(f"  ({index}): {group}" for index, group in enumerate(groups)), ")"])

    # Training -------------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient: `grad` becomes None, so a parameter that gets none is skipped by `step`.

        With set_to_none=False it becomes zeros in the same memory, and momentum goes on without a gradient.
        """
        forget((parameter for parameter, _ in self._members()), set_to_none)

    def step(self) -> None:
        """Move every parameter that has a gradient, in place; the parameter's version counts the write.

        Raises ArgumentError if a gradient that was set by hand has another shape, dtype or device than its parameter;
        no parameter is moved then.
        """
        for index, (parameter, _) in enumerate(self._members()):
            grad = parameter.grad
            if grad is not None and _kind(grad) != _kind(parameter):
                wanted, found = ("{} {} on {}".format(*_kind(tensor)) for tensor in (parameter, grad))
                raise ArgumentError(
                    f"{self._name}: parameter {index} is {wanted} but its gradient is {found}; they must agree."
                )
        for index, (parameter, group) in enumerate(self._members()):
            if parameter.grad is not None:
                array = parameter.mutable()
                with at_home(array):
                    # A kernel needs its numbers side by side, which a weight that is a view of another array has not.
                    (weight,) = contiguous(array) if is_cupy(array) else (array,)
                    self.update(weight, parameter.grad.data, self.state.setdefault(index, {}), group)
                    if weight is not array:
                        array[...] = weight

    # Saving ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """All that a resumed training needs, as NumPy arrays under flat names, which any file of arrays can hold.

        "state.3.momentum_buffer" belongs to parameter 3, counted through all groups; "group.0.lr" is a number, of
        shape (); "group.0.parameters" is how many the group has. It is a copy: later steps do not change it.
        """
        return saved.flatten(self.param_groups, self.state)

    def load_state_dict(self, named: Mapping[str, np.ndarray]) -> None:
        """Continue where `state_dict` was taken. The settings of the groups are taken over too, as in PyTorch.

        Raises ArgumentError if the state is another optimiser's or that of other parameters; nothing changes then.
        """
        groups = saved.read_groups(self._name, named, self.param_groups, tuple(self.defaults))
        state = saved.read_state(
            self._name, named, [parameter for parameter, _ in self._members()], self.remembers, self.may_remember
        )
        for settings in groups:
            self.check(settings)
        for group, settings in zip(self.param_groups, groups, strict=True):
            group |= settings
        self.state = state

    def stops(self, like: Array) -> Array:
        """found_inf for a kernel: an array of one bool beside `like`."""
        if self.found_inf is not None:
            return self.found_inf
        device = device_of(like)
        if device not in self._never:
            self._never[device] = array_module(like).zeros(1, bool)
        return self._never[device]


def _kind(tensor: Any) -> tuple[Any, ...]:
    return tensor.shape, tensor.dtype, tensor.device


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Matching pieces of arrays of one shape, cut along the first axis, as views.

    A formula that goes through all its lines for one piece before the next one finds the piece still in the cache,
    and its temporaries are as large as a piece: the largest weight of VGG16 alone has 411 MB.
    """
    whole = arrays[0]
    if not whole.ndim or not whole.size:
        yield arrays
        return
    piece = working_bytes(whole) // 16  # a formula has up to four arrays and four temporaries at hand, with room left
    rows = max(1, piece * len(whole) // whole.nbytes)
    for start in range(0, len(whole), rows):
        yield tuple(array[start : start + rows] for array in arrays)
