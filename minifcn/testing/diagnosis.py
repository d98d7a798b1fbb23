"""A mistake is called by its name: the mutant that gives the same wrong results as the implementation.

The laws are run with minifcn's own operation while the arguments of every call are kept; then the implementation and
the mutants are called with them. Compared are the calls that minifcn answers and the implementation answers at all, so
a loop that runs out of its array now and then is still recognised by the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import numpy as np

from minifcn.testing.blame import PARTS, Difference, difference
from minifcn.testing.calling import Adapted, compared
from minifcn.testing.calls import Call, Given, Outcome, arrays_in, bound, tried, twin
from minifcn.testing.cases import drawn
from minifcn.testing.comparing import differs_in
from minifcn.testing.law import Law, LawBroken, NotApplicable
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.operations import Operations
from minifcn.testing.planes import of_planes as function_of_planes
from minifcn.testing.planes import planes_in
from minifcn.testing.strategies import restrictions
from minifcn.testing.version import Version


def calls_of_the_laws(laws: Sequence[Law], operation: str, examples: int, seed: int) -> list[Given]:
    """The arguments with which laws call one operation, small ones first."""
    calls = [twin(given) for given in _calls(tuple(laws), operation, examples, seed, restrictions())]
    return sorted(calls, key=_size)


@lru_cache(maxsize=64)
def _calls(laws: tuple[Law, ...], operation: str, examples: int, seed: int, restricted: object) -> list[Given]:
    """They are the same for every implementation. restricted: what is not drawn freely, which the cases look up."""
    calls: list[Given] = []
    right = getattr(Operations(), operation)

    def recorded(*arguments: Any, **named: Any) -> Any:
        calls.append(twin(bound(operation, arguments, named)))
        return right(*arguments, **named)

    operations = Operations(**{operation: recorded})
    for law in laws:
        for case in drawn(law, examples, seed):
            with suppress(LawBroken, NotApplicable):
                law(operations, case)
    return calls


def of_planes(operation: str, calls: Iterable[Given]) -> list[Given]:
    """One call of planes for each call that is made of them."""
    made = []
    for given in calls:
        with suppress(NotApplicable):
            made.append(next(planes_in(operation, given))[1])
    return made


def _size(given: Given) -> int:
    """Small calls first: the first one that does not return is shown. One without a pixel says little."""
    sizes = [array.size for array in arrays_in(given)]
    return sum(sizes) + 1000 * (0 in sizes)


def outcomes(adapted: Adapted, calls: list[Given]) -> list[Call]:
    """What an implementation makes of the calls that it can take."""
    made = []
    for given in calls:
        try:
            made.append(Call(adapted.operation, given, tried(adapted, given), adapted.planes))
        except NotApplicable:
            continue
    return made


def mistakes(adapted: Adapted, calls: list[Call]) -> list[Version]:
    """The mutants that agree with the implementation in everything that is wrong with it.

    calls: of the implementation. First what it gives where it answers, rightly or not, and minifcn does: of several
    parts the first one that is ever wrong. Where all of that is right, what it does not refuse; and where that is
    right, too, its dtypes and what becomes of its arguments.
    """
    told = [(call, difference(call)) for call in calls]
    answered = [(call, wrong) for call, wrong in told if call.outcome.error is None and not _refused(wrong)]
    if any(wrong and wrong.of_values for _, wrong in answered):
        # Beside a mistake of its own there is often an overflow: where NaN or infinity came out that is all one sees.
        finite = [(call, wrong) for call, wrong in answered if not (wrong and _blown_up(wrong))]
        asked = finite if any(wrong and wrong.of_values for _, wrong in finite) else answered
        part = _first_wrong_part(adapted.operation, asked)
        return _those_that(adapted, [(call, part) for call, _ in asked], _same_value)
    if any(_refused(wrong) for _, wrong in told):
        return _those_that(adapted, [(call, None) for call, _ in told], _same_value)
    if any(wrong and not wrong.of_values for _, wrong in answered):
        return _those_that(adapted, answered, _same_manners)
    return []


def _those_that(adapted: Adapted, calls: list[Any], agree: Callable[[Call, Any, Outcome], bool]) -> list[Version]:
    def by(mutant: Version, given: Given) -> Outcome:
        if adapted.planes:
            of = partial(function_of_planes, adapted.operation, mutant.function)
            return compared(adapted, tried(of, given), given)
        return compared(adapted, tried(lambda arguments: mutant.function(**arguments), given), given)

    named = [mutant for mutant in MUTANTS.values() if mutant.of == adapted.operation]
    return [m for m in named if all(agree(call, wrong, by(m, call.given)) for call, wrong in calls)]


def _refused(wrong: Difference | None) -> bool:
    return wrong is not None and wrong.right.error is not None


def _blown_up(wrong: Difference) -> bool:
    """NaN or infinity where numbers should be."""
    found, right = (_finite(outcome.value) for outcome in (wrong.call.outcome, wrong.right))
    return any(a.shape == b.shape and (np.isnan(a) & ~np.isnan(b)).any() for a, b in zip(found, right, strict=False))


def _finite(value: Any) -> list[np.ndarray]:
    """The numbers of a result, with NaN for infinities: which of them an overflow becomes depends on the formula."""
    parts = value if isinstance(value, tuple | list) else [value]
    arrays = [np.asarray(part) for part in parts if isinstance(part, np.ndarray | np.generic | float | int)]
    return [np.where(np.isfinite(array), array, np.nan) for array in arrays if array.dtype.kind in "iuf"]


def _first_wrong_part(operation: str, answered: list[tuple[Call, Difference | None]]) -> int | None:
    """The number of the first part of the results that is ever wrong; None where there is one part, or no such pair."""
    parts = len(PARTS.get(operation, ()))
    for part in range(parts):
        for call, wrong in answered:
            if wrong and (
                not _splits(call.outcome, parts)
                or differs_in(call.outcome.value, wrong.right.value, part, call.of_float32)
            ):
                return part if _splits(call.outcome, parts) else None
    return None


def _splits(outcome: Outcome, parts: int) -> bool:
    return isinstance(outcome.value, tuple | list) and len(outcome.value) == parts


def _same_value(call: Call, part: int | None, other: Outcome) -> bool:
    """Both refuse, or both give the same up to rounding and dtype."""
    if (call.outcome.error is None) != (other.error is None):
        return False
    if call.outcome.error is not None:
        return True
    return not differs_in(call.outcome.value, other.value, part, call.of_float32)


def _same_manners(call: Call, wrong: Difference | None, other: Outcome) -> bool:
    its = difference(Call(call.operation, call.given, other, call.planes))
    return (wrong and wrong.verb) == (its and its.verb)
