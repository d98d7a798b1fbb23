"""Module: parameters, buffers and sub-modules, found by looking at a module's own attributes.

    class Block(Module):
        def __init__(self):
            self.conv = Conv2d(3, 8, 3)            # a Module: its parameters are ours, named conv.weight, conv.bias
            self.scale = Parameter(numpy.ones(8))  # a Parameter: learned, named scale
        def forward(self, x): ...

There is no registration: whatever is a Module, Parameter or Buffer among `vars(self)` counts, alone or in a list, tuple
or dict, in the order in which it was assigned. (`register_buffer` and the like assign, for those who know them.) What
once was one of the three is replaced by its own kind or by None: `layer.weight = tensor` cannot lose a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from minifcn.arrays.accepted import checked_array
from minifcn.autograd.gradients import forget
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import array_module, at_home, is_array, names_device, to_device
from minifcn.tensor import Buffer, Parameter, Tensor


class Module:
    """The base of all layers and networks. Calling a module calls its `forward`; hooks there are none."""

    _idle: tuple[str, ...] = ()  # names in PyTorch's state that mean nothing here
    training = True  # `train()` and `eval()` change it; dropout and batch normalisation read it

    def forward(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define forward(self, x).")

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.forward(*args, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        before = vars(self).get(name)
        for kind in (Parameter, Buffer, Module):
            if isinstance(before, kind) and value is not None and not isinstance(value, kind):
                remedy = "" if kind is Module else f", or write into it: {name}.copy_(values) inside no_grad()"
                raise ArgumentTypeError(
                    f"{type(self).__name__}: {name} is a {kind.__name__} and cannot become a {type(value).__name__}; "
                    f"assign a {kind.__name__} or None{remedy}."
                )
        super().__setattr__(name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """self.name = param."""
        self._register("register_parameter", Parameter, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """self.name = Buffer(tensor): part of the state, but not learned."""
        made = Buffer(tensor) if isinstance(tensor, Tensor) and not isinstance(tensor, Buffer) else tensor
        self._register("register_buffer", Buffer, name, made)

    def add_module(self, name: str, module: Module | None) -> None:
        """self.name = module."""
        self._register("add_module", Module, name, module)

    def _register(self, call: str, kind: type[Any], name: str, value: Any) -> None:
        if value is not None and not isinstance(value, kind):
            raise ArgumentTypeError(f"{call}: {name} must be a {kind.__name__} or None, got {type(value).__name__}.")
        setattr(self, name, value)

    # What it consists of --------------------------------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Any]]:
        """All attributes by name; what is in a list is numbered, what is in a dict is named by its key."""
        for name, value in vars(self).items():
            if isinstance(value, list | tuple):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value))
            elif isinstance(value, dict):
                yield from ((f"{name}.{key}", item) for key, item in value.items())
            else:
                yield name, value

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one."""
        yield from ((name, value) for name, value in self._members() if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one, each once."""
        yield from {id(child): child for _, child in self.named_children()}.values()

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """This module (named `prefix`) and all modules inside it, each once, and before its own parts."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def _named_tensors(self, *kinds: type[Tensor]) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()  # a parameter that two modules share is one parameter
        for prefix, module in self.named_modules():
            for name, value in module._members():
                if isinstance(value, kinds) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{prefix}.{name}" if prefix else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return self._named_tensors(Parameter)

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        return self._named_tensors(Buffer)

    def buffers(self) -> Iterator[Buffer]:
        return (buffer for _, buffer in self.named_buffers())

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call fn(module) for every module inside this one, and at last for itself: to initialise weights, say."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # Modes and places -----------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient: `grad` becomes None, or with set_to_none=False zeros in the same memory."""
        forget(self.parameters(), set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or thaw (True) every parameter; gradients still flow through a frozen layer."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def to(self, device_or_dtype: Any) -> Self:
        """Move every parameter and buffer to a device ("cpu", "cuda", "cuda:1") or dtype, in place."""
        named = names_device(device_or_dtype)
        if not named:
            _require_floating(device_or_dtype)
        for _, value in self._named_tensors(Parameter, Buffer):
            if named:
                value.replace_(to_device(value._array, device_or_dtype))
            elif value.dtype.kind == "f":
                with at_home(value._array):
                    value.replace_(value._array.astype(device_or_dtype))
        return self

    def cpu(self) -> Self:
        return self.to("cpu")

    def cuda(self) -> Self:
        return self.to("cuda")

    # State ----------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        """Every parameter and buffer by name; the tensors share memory with the module."""
        return {name: value.detach() for name, value in self._named_tensors(Parameter, Buffer)}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Copy values from `state` (Tensors or arrays by name, on any device) into the parameters and buffers.

        Returns (missing, unexpected) names. With `strict` either is an ArgumentError; a wrong shape always is. The
        error lists everything that is wrong, and then nothing has been loaded. What PyTorch's modules hold and the ones
        here do without (`_idle`) is passed over.
        """
        own = dict(self._named_tensors(Parameter, Buffer))
        if not isinstance(state, Mapping):
            raise ArgumentTypeError(
                f"load_state_dict: state must be a dict of arrays by name, got {type(state).__name__}."
            )
        given = {name: value._array if isinstance(value, Tensor) else value for name, value in state.items()}
        for name, value in given.items():
            if not is_array(value):
                kind = type(value)  # another library's Tensor is told from ours by where it comes from
                place = "" if kind.__module__ == "builtins" else kind.__module__.partition(".")[0] + "."
                raise ArgumentTypeError(
                    f"load_state_dict: {name} is {place}{kind.__name__}, not a Tensor or an array; convert it with "
                    f"numpy.asarray."
                )
        missing = [name for name in own if name not in given]
        idle = {f"{place}.{name}".lstrip(".") for place, module in self.named_modules() for name in module._idle}
        unexpected = [name for name in given if name not in own and name not in idle]
        shared = [name for name in own if name in given]
        shapes = [
            f"{name} has shape {tuple(given[name].shape)} but the module's is {own[name].shape}"
            for name in shared
            if tuple(given[name].shape) != own[name].shape
        ]
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(unexpected)}")
        if shapes:
            problems.append(f"mis-shaped: {', '.join(shapes)}")
        if problems:
            raise ArgumentError(
                f"load_state_dict of {type(self).__name__}: {'; '.join(problems)}; "
                f"build the module with the settings it was saved with."
            )
        for name in shared:
            given[name] = checked_array(given[name], name=f"the module's {name}")
            if given[name].dtype.kind != own[name].dtype.kind:
                raise ArgumentTypeError(
                    f"load_state_dict: {name} is {given[name].dtype} but the module's is {own[name].dtype}; convert it."
                )
        for name in shared:
            target = own[name].mutable()
            with at_home(target):
                target[...] = array_module(target).asarray(to_device(given[name], own[name].device), target.dtype)
        return missing, unexpected

    # Printing -------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The settings to show between the parentheses of the repr."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        head = f"{type(self).__name__}({self.extra_repr()}"
        return "\n".join([head, *lines, ")"])

    # These hide Python's own inside this class, so they stand last.

    def half(self) -> Self:
        """Every parameter and floating point buffer as float16."""
        return self.to(np.float16)

    def float(self) -> Self:
        """As float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """As float64."""
        return self.to(np.float64)


class Layer(Module):
    """A module that makes one tensor of one tensor, and says so to a type checker."""

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define forward(self, x).")

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)


def _require_floating(dtype: Any) -> None:
    try:
        known = None if dtype is None else np.dtype(dtype)  # NumPy takes None for float64
    except TypeError:
        known = None
    if known is None or known.kind != "f":
        raise ArgumentTypeError(
            f'to: {dtype!r} is neither a device nor a floating point dtype; use "cpu", "cuda", "cuda:<index>", '
            f"numpy.float32 or numpy.float64."
        )
