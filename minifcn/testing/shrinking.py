"""A call that goes wrong, made small: fewer options, smaller numbers, fewer pixels, as long as it goes wrong alike.

Hypothesis makes a law's case small without knowing what is wrong in it. Here one call is known to be, and what it
should give for any other arguments, too, so arguments can be left out and cut one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from minifcn.testing.blame import Difference, counted, difference, options_of
from minifcn.testing.calls import Call, Given, tried, twin
from minifcn.testing.law import NotApplicable
from minifcn.testing.planes import lifted, planes_in

TRIES = 400
Cut = Callable[[np.ndarray], np.ndarray]

# Arguments that are cut together, since they share the axis: an image, a channel that goes in, one that comes out, ...
CUTS: list[dict[str, Cut]] = [
    {"x": lambda a: a[:1], "target": lambda a: a[:1]},
    {"grad_output": lambda a: a[:1], "x": lambda a: a[:1]},
    {"x": lambda a: a[:, :1], "weight": lambda a: a[:, :1]},
    {"x": lambda a: a[:, :1], "weight": lambda a: a[:1]},
    {"x": lambda a: a[:, :1]},
    {"grad_output": lambda a: a[:, :1], "x": lambda a: a[:, :1]},
    {"weight": lambda a: a[:1], "bias": lambda a: a[:1]},
    {"weight": lambda a: a[:1]},
    {"weight": lambda a: a[:, :1], "bias": lambda a: a[:1]},
    {"x": lambda a: a[:, :-1], "weight": lambda a: a[:-1]},
    {"weight": lambda a: a[:, :, :-1]},
    {"weight": lambda a: a[..., :-1]},
    {"x": lambda a: a[..., :-1], "target": lambda a: a[..., :-1]},
    {"x": lambda a: a[:, :, :-1], "target": lambda a: a[:, :-1]},
    {"x": lambda a: counted(a).astype(a.dtype)},
    {"weight": lambda a: counted(a).astype(a.dtype)},
    {"bias": lambda a: counted(a).astype(a.dtype)},
]

FEWER_LABELS: list[Cut] = [lambda a: a[:1], lambda a: a[..., :1], lambda a: a[..., 1:], lambda a: a[:, :1]]


def simplest(wrong: Difference, function: Callable[[Given], Any]) -> Difference:
    """The smallest call found that goes wrong as this one does. function: the implementation, of arguments by name."""
    tries, progress = 0, True
    while progress:
        progress = False
        for given in _smaller_planes(wrong.call) if wrong.call.planes else _smaller(wrong.call):
            tries += 1
            if tries > TRIES:
                return wrong
            found = _still_wrong(wrong, given, function)
            if found and found.weight < wrong.weight:
                wrong, progress = found, True
                break
    return wrong


def _still_wrong(wrong: Difference, given: Given, function: Callable[[Given], Any]) -> Difference | None:
    try:
        found = difference(Call(wrong.call.operation, given, tried(function, given), wrong.call.planes))
    except NotApplicable:
        return None
    alike = (
        found is not None and found.kind == wrong.kind and (found.right.error is None) == (wrong.right.error is None)
    )
    return found if alike else None


def _smaller_planes(call: Call) -> Iterator[Given]:
    """The same of a call of planes, which is cut as one image of one channel."""
    for given in _smaller(Call(call.operation, lifted(call.operation, call.given), call.outcome)):
        with suppress(NotApplicable):
            yield from (plane for _, plane in planes_in(call.operation, given))


def _smaller(call: Call) -> Iterator[Given]:
    """The arguments with one thing less each."""
    for name in options_of(call):
        yield {key: twin(value) for key, value in call.given.items() if key != name}
    for name, value in call.given.items():
        if isinstance(value, tuple) and len(value) == 2 and all(isinstance(n, int) for n in value):
            for smaller in ((value[0] - 1, value[1]), (value[0], value[1] - 1), (value[0] - 1, value[1] - 1)):
                if min(smaller) >= (name == "size"):  # an image without pixels is no example
                    yield {**twin(call.given), name: smaller}
    batches = call.given.get("batches", ())
    for number in range(len(batches)):
        if len(batches) > 1:
            yield {**twin(call.given), "batches": twin([*batches[:number], *batches[number + 1 :]])}
        for cut in FEWER_LABELS:
            shorter = tuple(cut(labels) if labels.ndim == 3 else labels for labels in batches[number])
            yield {**twin(call.given), "batches": twin([*batches[:number], shorter, *batches[number + 1 :]])}
    for cuts in CUTS:
        arrays = {name: call.given[name] for name in cuts if isinstance(call.given.get(name), np.ndarray)}
        if next(iter(cuts)) in arrays:
            with suppress(IndexError):
                yield twin({**call.given, **{name: cuts[name](array) for name, array in arrays.items()}})
