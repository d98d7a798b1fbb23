"""Try an implementation against the laws, and call its mistake by its name."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.testing.blame import Difference, difference, error_in_words, first_difference, options_of
from minifcn.testing.calling import Adapted
from minifcn.testing.calls import Call, Given, Outcome, Watched, arrays_in, bound
from minifcn.testing.diagnosis import calls_of_the_laws, mistakes, outcomes
from minifcn.testing.law import Ended, Law, LawBroken, NotApplicable
from minifcn.testing.operations import Operations
from minifcn.testing.report import Finding, Report
from minifcn.testing.score import laws_about
from minifcn.testing.shrinking import simplest
from minifcn.testing.version import Version

CANDIDATES = 3  # calls that went wrong and are made small, to tell the simplest


def check(*, examples: int = 100, seed: int = 0, **implementations: Callable[..., Any]) -> Report:
    """Every law that speaks about one of the implementations, on `examples` cases each.

    implementations: by the name of the operation, taking and giving NumPy arrays: `check(conv2d=my_conv2d)`. The
    arguments are described in `minifcn.testing.ours`; they may be called in any of PyTorch's ways. One that does not
    take all of them, say no `groups` yet, is tried without. Each is judged alone, the other operations of a law are
    minifcn's. The same seed draws the same cases. In a test: `assert check(conv2d=my_conv2d)`.

    A function that never returns is not ended here: Ctrl-C is. `python -m minifcn.testing check FILE` has limits.
    """
    with warnings.catch_warnings(action="ignore"):  # of arithmetic that mutants and students get wrong
        return Report(tuple(examined(n, f, examples, seed) for n, f in _known(implementations).items()))


def diagnose(*, examples: int = 8, seed: int = 0, **implementations: Callable[..., Any]) -> list[Version]:
    """The known mistakes that give the same wrong results as an implementation; none if it is right, or new.

    `diagnose(conv2d=my_conv2d)`. The implementation and all mutants are called as the laws call the operation, with
    `examples` cases of each law; calls in which the implementation raises are left out. A mutant is named if it
    agrees with the implementation in all others, and the right answer does not.
    """
    found = []
    with warnings.catch_warnings(action="ignore"):
        for name, function in _known(implementations).items():
            adapted = Adapted(name, function)
            found += mistakes(adapted, _first_look(adapted, examples, seed))
    return found


def examined(name: str, function: Callable[..., Any], examples: int, seed: int) -> Finding:
    """One implementation: a first look, every law, the smallest case of what is wrong, and its name."""
    began, adapted = time.monotonic(), Adapted(name, function)
    try:
        calls = _first_look(adapted, min(6, examples), seed)
        found = _in_every_call(adapted, calls)
        if found is None:
            found = _by_the_laws(adapted, calls, examples, seed)
        if found.counterexamples:
            found = replace(found, mistakes=tuple(mistakes(adapted, calls)))
    except Ended as ended:
        found = Finding(name, cause=f"{name} {ended}.", last_call=_last_call(name, ended))
    return replace(found, missing=adapted.missing, notes=tuple(adapted.notes), seconds=time.monotonic() - began)


def _last_call(name: str, ended: Ended) -> Call | None:
    """The call that did not come back."""
    if ended.call is None:
        return None
    arguments, named = ended.call
    known = {key: value for key, value in named.items() if key in Operations.parameters(name)}
    try:
        return Call(name, bound(name, arguments, known), Outcome(error=ended))
    except TypeError:
        return None


def _first_look(adapted: Adapted, examples: int, seed: int) -> list[Call]:
    """What the implementation makes of some of the laws' calls, after it was found out how it is called."""
    name = adapted.operation
    with adapted.applicable():
        calls = calls_of_the_laws(name, examples, seed)
    if adapted.learn(sorted(calls, key=_size)):
        with adapted.applicable():
            calls = calls_of_the_laws(name, examples, seed)
    return outcomes(adapted, sorted(calls, key=_size))


def _size(given: Given) -> int:
    """Small calls first: the first one that does not return is shown. One without a pixel says little."""
    sizes = [array.size for array in arrays_in(given)]
    return sum(sizes) + 1000 * (0 in sizes)


def _in_every_call(adapted: Adapted, calls: Sequence[Call]) -> Finding | None:
    """What goes wrong always, and before anything can be compared: said once, and no law is tried."""
    name = adapted.operation
    told = [(call, difference(call)) for call in calls]
    wrong = [found for call, found in told if not (found is None and call.outcome.error is not None)]
    if not wrong or not all(found and found.kind in ("raises", "type") for found in wrong):
        return None
    first = simplest(min((found for found in wrong if found), key=lambda found: found.weight), adapted)
    error = first.call.outcome.error
    if error is None:
        return Finding(name, wrong=first, cause=f"In every call {name} {first.verb}.")
    what = error_in_words(error)
    if what.startswith("NotImplementedError"):
        return Finding(name, cause=f"{name} is not written yet: it raises {what}.")
    return Finding(name, wrong=first, cause=f"In every call {name} raises {what}.")


def _by_the_laws(adapted: Adapted, calls: Sequence[Call], examples: int, seed: int) -> Finding:
    """Every law; those that speak about this operation alone go first."""
    name, tried, broken = adapted.operation, [], []
    watched = Watched(adapted.operation, adapted)
    blamed: list[Difference] = []
    with adapted.applicable():
        for law in sorted(laws_about(name), key=lambda law: len(law.needs)):
            with suppress(NotApplicable):
                operations = Operations(**{name: watched})
                found = fair(law, watched, blamed).falsify(operations, examples=examples, smallest=False, seed=seed)
                tried.append(law)
                if found:
                    broken.append(replace(found, law=law))
    if not broken:
        return Finding(name, tuple(tried))
    wrong = _most_telling([*blamed, *(found for found in map(difference, calls) if found)], adapted)
    first = max(broken, key=lambda found: _speaks_of(found.law, wrong))
    told = [replace(first, found=wrong.sentence), *(found for found in broken if found is not first)]
    return Finding(name, tuple(tried), tuple(told), wrong)


def _most_telling(found: Sequence[Difference], adapted: Adapted) -> Difference:
    """The simplest of all calls that went wrong, made simpler. Wrong values come before wrong types and manners."""
    of_values = [wrong for wrong in found if wrong.of_values] or found
    small = sorted(of_values, key=lambda wrong: wrong.weight)[:CANDIDATES]
    return min((simplest(wrong, adapted) for wrong in small), key=lambda wrong: wrong.weight)


def _speaks_of(law: Law, wrong: Difference) -> tuple[int, bool]:
    """How many of the options of a call a law names, in its name twice; and whether it is about the operation alone."""
    parameters = Operations.parameters(wrong.call.operation)
    words = [n.partition("_")[0] for n in options_of(wrong.call) if parameters[n] is not Operations.REQUIRED]
    named = sum(2 * (word in law.name) + (word in law.statement.lower()) for word in words)
    return named, len(law.needs) == 1


def fair(law: Law, watched: Watched, blamed: list[Difference]) -> Law:
    """The law, broken only where a call of the watched operation is wrong by itself; which call goes into `blamed`."""

    def body(operations: Operations, case: Any) -> None:
        watched.forget()
        try:
            law(operations, case)
        except LawBroken as broken:
            wrong = first_difference(watched.calls)
            if wrong is None:
                return
            blamed.append(wrong)
            raise LawBroken(wrong.sentence) from broken

    return replace(law, body=body)


def _known(implementations: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    names = Operations.names()
    if not implementations:
        raise ArgumentError(f"nothing to check; pass an implementation by its name, one of {', '.join(names)}.")
    for name, function in implementations.items():
        if name not in names:
            raise ArgumentError(f"no law speaks about {name!r}; name one of {', '.join(names)}.")
        if not callable(function):
            raise ArgumentError(f"{name} is {function!r}; pass a function of NumPy arrays.")
    return implementations
