"""Which tensors of what torch.save pickled are a network: all of them, or a state_dict inside of a checkpoint.

A checkpoint holds other things beside: {"epoch": 3, "state_dict": {...}, "optimizer": {...}}. Where one thing in it is
a dict of tensors by name, that is the network. Where several are, such as the running mean of the weights beside them,
nobody but the user knows which is meant.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, NoReturn

from minifcn.errors import FileError
from minifcn.weights.unpickling import Described

SHOWN = 6  # at most so many things are named in an error


def named_tensors(found: Any, path: Path, inside: str | None) -> tuple[dict[str, Described], str | None]:
    """(tensors by name, under which key of a checkpoint they stand or None).

    found    what was unpickled
    inside   the key that is meant; None takes the only one that there is
    Raises FileError that says what is there instead, ValueError for a name that is none.
    """
    if not isinstance(found, dict):
        what = "one tensor without a name" if isinstance(found, Described) else f"a {type(found).__name__}"
        raise FileError(
            f"{path} holds {what}, not tensors by name; in PyTorch save a dict of them: "
            f"torch.save(model.state_dict(), path)."
        )
    items = _items(found)
    dicts = {key: _items(value) for key, value in items.items() if isinstance(value, dict)}
    if not dicts and inside is None:
        return _checked(items, path), None
    networks = [key for key, value in dicts.items() if value and all(isinstance(v, Described) for v in value.values())]
    key = inside if inside is not None else networks[0] if len(networks) == 1 else None
    if key not in networks:
        _refuse(path, items, networks, inside)
    if not isinstance(key, str) or not key.isprintable():
        raise ValueError(f"a part of it is called {key!r}")
    return _checked(dicts[key], path), key


def _refuse(path: Path, items: dict[Any, Any], networks: list[Any], inside: str | None) -> NoReturn:
    there = ", ".join(repr(key) for key in list(items)[:SHOWN])
    choice = ", ".join(repr(key) for key in networks[:SHOWN])
    if inside is not None:
        remedy = f"choose one of {choice}" if networks else "leave it out"
        raise FileError(f"{path} has no network inside {inside!r}; it holds {there}: {remedy}.")
    if networks:
        raise FileError(
            f"{path} is a checkpoint with {len(networks)} networks ({choice}); say which is meant, --inside "
            f"{networks[0]} (in Python inside={networks[0]!r}), or take it out: minifcn weights convert {path} "
            f"OUT.safetensors --inside {networks[0]}."
        )
    raise FileError(
        f"{path} is a checkpoint of several things ({there}), and none is a dict of tensors by name; in PyTorch save "
        f"the weights alone: torch.save(model.state_dict(), path)."
    )


def _checked(items: dict[Any, Any], path: Path) -> dict[str, Described]:
    for key, value in items.items():
        if not isinstance(value, Described):
            raise FileError(
                f"{path} holds {key!r} of type {type(value).__name__}, no tensor; in PyTorch save the tensors alone: "
                f"torch.save(model.state_dict(), path)."
            )
        if not isinstance(key, str) or not key.isprintable():
            raise ValueError(f"a tensor is called {key!r}")
    return items


def _items(found: dict[Any, Any]) -> dict[Any, Any]:
    """As a plain dict. A pickle may have put attributes over the methods of an OrderedDict, so the class is asked."""
    return dict(OrderedDict.items(found) if isinstance(found, OrderedDict) else found.items())
