"""Modules that hold modules: one after the other, in a list, by name. As everywhere, their parameters are found."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from copy import copy
from typing import Any, Self, overload

from minifcn import functional as F
from minifcn.arguments import whole_number
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.nn.module import Layer, Module
from minifcn.tensor import Tensor


class Container(Module):
    """What the containers share: modules by name, in order; their parameters are named "0.weight", without "layers"."""

    def __init__(self, layers: Mapping[str, Module]) -> None:
        self.layers: dict[str, Module] = {}
        if not isinstance(layers, Mapping):
            raise ArgumentTypeError(f"{type(self).__name__}: a dict of modules is needed, got {type(layers).__name__}.")
        for name, layer in layers.items():
            self._put(name, layer)

    def _put(self, name: str, layer: Module) -> None:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{type(self).__name__}: names are strings, got {name!r}.")
        if not isinstance(layer, Module):
            raise ArgumentTypeError(f"{type(self).__name__}: {name} is {type(layer).__name__}, not a Module.")
        self.layers[name] = layer

    def _name_at(self, index: object) -> str:
        """The name of the module at a place, counted from either end."""
        place = whole_number(index)
        if place is None:
            raise ArgumentTypeError(f"{type(self).__name__}: a module is found by an integer, got {index!r}.")
        if not -len(self) <= place < len(self):  # an IndexError would end a `for` in silence
            raise ArgumentError(f"{type(self).__name__}: there is no module {place}; there are {len(self)}.")
        return list(self.layers)[place]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        yield from self.layers.items()

    def __len__(self) -> int:
        return len(self.layers)


class Numbered(Container):
    """Modules found by their place."""

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers.values())

    @overload
    def __getitem__(self, key: int | str) -> Module: ...
    @overload
    def __getitem__(self, key: slice) -> Self: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        """The module at a place or of a name; of a slice, a container of these very modules, under their names."""
        if isinstance(key, slice):
            made = copy(self)
            made.layers = dict(list(self.layers.items())[key])
            return made
        return self.layers[key if isinstance(key, str) else self._name_at(key)]

    def __setitem__(self, key: int | str, layer: Module) -> None:
        """Another module in the place of one: `net[-1] = Conv2d(...)`."""
        self._put(key if isinstance(key, str) else self._name_at(key), layer)

    def append(self, layer: Module) -> Self:
        """One more at the end, named by its number."""
        if (name := str(len(self))) in self.layers:
            raise ArgumentError(f"{type(self).__name__}: the name {name!r} of the next module is taken; use a dict.")
        self._put(name, layer)
        return self

    def extend(self, layers: Iterable[Module]) -> Self:
        """Several more at the end."""
        for layer in layers:
            self.append(layer)
        return self


class Sequential(Numbered, Layer):
    """y = f_n(... f_2(f_1(x))): modules applied one after the other.

    Pass modules, numbered from 0, or one dict of named modules. `net[0]`, `net["name"]` and `net[:3]` give parts.

    >>> from minifcn.nn import Conv2d, ReLU
    >>> net = Sequential(Conv2d(3, 8, 3), ReLU())
    >>> [name for name, _ in net.named_parameters()]
    ['0.weight', '0.bias']
    """

    def __init__(self, *layers: Any) -> None:
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], dict) else None
        super().__init__({str(place): layer for place, layer in enumerate(layers)} if named is None else named)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = layer(x)
        return x


class Fork(Numbered, Layer):
    """y = f_1(x), f_2(x), ..., f_n(x), one behind the other along the channels: every module is given the same x.

    The modules, numbered from 0, or one dict of named modules, make maps of one height and width; a network with such a
    fork is followed by a `Trace` where their coordinate maps agree. GoogLeNet's blocks are forks of four ways.

    >>> import minifcn
    >>> from minifcn.nn import Conv2d
    >>> Fork(Conv2d(3, 8, 1), Conv2d(3, 4, 3, padding=1))(minifcn.zeros((1, 3, 5, 6))).shape
    (1, 12, 5, 6)
    """

    def __init__(self, *layers: Any) -> None:
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], dict) else None
        super().__init__({str(place): layer for place, layer in enumerate(layers)} if named is None else named)
        if not self.layers:
            raise ArgumentError("Fork: there is no module; give one or more.")

    def forward(self, x: Tensor) -> Tensor:
        return F.cat([layer(x) for layer in self.layers.values()], 1)


class ModuleList(Numbered):
    """Modules in a list, numbered from 0, called by whoever holds them. (A plain list as an attribute will do.)"""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(f"ModuleList: a list of modules is needed, got {type(modules).__name__}.")
        super().__init__({str(place): layer for place, layer in enumerate(modules)})


class ModuleDict(Container):
    """Modules by name, to be called by whoever holds them. (A plain dict in an attribute will do.)"""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__({} if modules is None else modules)

    def __getitem__(self, key: str) -> Module:
        return self.layers[key]

    def __setitem__(self, key: str, layer: Module) -> None:
        self._put(key, layer)

    def __delitem__(self, key: str) -> None:
        del self.layers[key]

    def __contains__(self, key: object) -> bool:
        return key in self.layers

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def keys(self) -> KeysView[str]:
        return self.layers.keys()

    def values(self) -> ValuesView[Module]:
        return self.layers.values()

    def items(self) -> ItemsView[str, Module]:
        return self.layers.items()

    def update(self, modules: Mapping[str, Module]) -> None:
        for name, layer in modules.items():
            self._put(name, layer)
