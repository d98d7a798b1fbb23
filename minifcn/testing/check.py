"""Try an implementation against the laws, and call its mistake by its name."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from minifcn.testing.blame import Difference, difference, error_in_words, first_difference, options_of
from minifcn.testing.calling import Adapted
from minifcn.testing.calls import Call, Outcome, Watched, bound
from minifcn.testing.cases import drawn
from minifcn.testing.chosen import Asked, known, names_of
from minifcn.testing.diagnosis import calls_of_the_laws, mistakes, of_planes, outcomes
from minifcn.testing.law import Counterexample, Ended, Law, LawBroken, NotApplicable
from minifcn.testing.operations import Operations
from minifcn.testing.report import Finding, Report
from minifcn.testing.score import laws_about
from minifcn.testing.shrinking import simplest
from minifcn.testing.strategies import count, keeping_default
from minifcn.testing.version import Version

CANDIDATES = 3  # calls that went wrong and are made small, to tell the simplest
FIRST_LOOK, NAMING = 2, 6  # cases of each law: to find out how a function is called, and to name its mistake


def check(
    *,
    examples: int = 100,
    seed: int = 0,
    laws: str | Law | Iterable[str | Law] | None = None,
    without: str | Law | Iterable[str | Law] = (),
    shrink: str = "first",
    planes: bool | None = None,
    **implementations: Callable[..., Any],
) -> Report:
    """Every law that speaks about one of the implementations, on `examples` cases each.

    implementations: by the name of the operation, taking and giving NumPy arrays: `check(conv2d=my_conv2d)`. The
        arguments are described in `minifcn.testing.ours`; they may be called in any of PyTorch's ways. One that does
        not take all of them, say no `groups` yet, or a stride that is one number, is tried without, and the report
        says so. Values are what is judged: lists of numbers, or a result of another dtype, are only noted. Each is
        judged alone, the other operations of a law are minifcn's.
    examples: cases for each law. 15 are enough beside a lesson, and take a second or two; the same seed draws the
        same cases.
    laws: only these, by their names. without: all but these, which are excused; the report says which, so nobody takes
        them for granted. `python -m minifcn.testing laws conv2d` lists them.
    shrink: which wrong calls are made as small as they get: "first", the one that is shown; "all", one for every
        broken law; "none".
    planes: whether the functions are of planes, `conv2d(x, weight)` of (H, W) and (KH, KW). None finds out: a function
        is taken for one of planes if it cannot do with (N, C, H, W), and gives a plane for planes.

    A Report: true if every law holds, a text with `print`, tables in a notebook. In a test:
    `assert check(conv2d=my_conv2d)`. A function that is not written yet (`...`, `pass`, NotImplementedError) is called
    so and nothing else, and `report.unwritten` names it. Raises ArgumentError for a name that no law or operation has.

    A function that never returns is not ended here: Ctrl-C is. `python -m minifcn.testing check FILE` has limits.

    >>> report = check(conv2d=lambda x, w: x, examples=5, laws=["a_delta_copies_the_image"])
    >>> bool(report), report.names
    (False, ('conv2d',))
    """
    known(implementations, planes)
    only = None if laws is None else names_of(laws, "laws", implementations)
    asked = Asked(examples, seed, only, names_of(without, "without", implementations), shrink, planes)
    with warnings.catch_warnings(action="ignore"):  # of arithmetic that mutants and students get wrong
        return Report(tuple(examined(name, function, asked) for name, function in implementations.items()))


def diagnose(*, examples: int = 8, seed: int = 0, **implementations: Callable[..., Any]) -> list[Version]:
    """The known mistakes that give the same wrong results as an implementation; none if it is right, or new.

    `diagnose(conv2d=my_conv2d)`. The implementation and all mutants are called as the laws call the operation, with
    `examples` cases of each law; calls in which the implementation raises are left out. A mutant is named if it
    agrees with the implementation in all others, and the right answer does not.
    """
    asked, found = Asked(examples, seed), []
    with warnings.catch_warnings(action="ignore"):
        for name, function in known(implementations).items():
            adapted = Adapted(name, function)
            _find_the_form(adapted, asked)
            found += mistakes(adapted, _calls(adapted, asked, examples))
    return found


def examined(name: str, function: Callable[..., Any], asked: Asked) -> Finding:
    """One implementation: a first look, every law, the smallest case of what is wrong, and its name."""
    began, adapted = time.monotonic(), Adapted(name, function)
    laws, excused = asked.of(name)
    calls: list[Call] = []
    try:
        found = _unwritten(adapted, asked, laws)
        if found is None:
            _find_the_form(adapted, asked)
            calls = _calls(adapted, asked, min(FIRST_LOOK, asked.examples))
            found = _in_every_call(adapted, calls)
        if found is None:
            found = _by_the_laws(adapted, asked, laws)
    except Ended as ended:
        found = Finding(name, cause=f"{name} {ended}.", last_call=_last_call(name, ended))
    notes = [] if found.unwritten else adapted.notes
    if asked.laws is not None and not found.unwritten:
        notes.append(f"Only {len(laws)} of the {count(len(laws_about(name)), 'law')} about it were asked for.")
    dtypes = [wrong.verb for wrong in map(difference, calls) if wrong and wrong.kind == "dtype"]
    told = next(iter([*dtypes, *adapted.dtypes.values()]), "")
    seconds = time.monotonic() - began
    found = replace(found, dtype=told, but_for_dtype=tuple(adapted.dtypes))
    return replace(found, missing=adapted.missing, excused=excused, notes=tuple(notes), seconds=seconds)


def _last_call(name: str, ended: Ended) -> Call | None:
    """The call that did not come back."""
    if ended.call is None:
        return None
    arguments, named = ended.call
    known_ones = {key: value for key, value in named.items() if key in Operations.parameters(name)}
    try:
        return Call(name, bound(name, arguments, known_ones), Outcome(error=ended))
    except TypeError:
        return None


def _unwritten(adapted: Adapted, asked: Asked, laws: Sequence[Law]) -> Finding | None:
    """What a function says that has no body yet, found out by the simplest calls of a few laws."""
    name = adapted.operation
    with keeping_default(adapted.optional):
        made = outcomes(adapted, calls_of_the_laws(laws[:3], name, 1, asked.seed))[:3]
    raised = [error_in_words(call.outcome.error) for call in made if call.outcome.error is not None]
    if raised and len(raised) == len(made) and all(told.startswith("NotImplementedError") for told in raised):
        return Finding(name, unwritten=True, cause=f"{name} is not written yet: it raises {raised[0]}.")
    if made and all(call.outcome.error is None and call.outcome.value is None for call in made):
        what = "it returns None. If you have written it, its `return` is missing"
        return Finding(name, unwritten=True, cause=f"{name} is not written yet: {what}.")
    return None


def _find_the_form(adapted: Adapted, asked: Asked) -> None:
    """Find out how a function is called: with planes, with numbers or with pairs."""
    laws, _ = asked.of(adapted.operation)
    if asked.planes is None:
        with adapted.applicable():
            adapted.recognise(calls_of_the_laws(laws, adapted.operation, 1, asked.seed))
    else:
        adapted.planes = asked.planes
    with adapted.applicable():
        calls = calls_of_the_laws(laws, adapted.operation, min(FIRST_LOOK, asked.examples), asked.seed)
    adapted.learn(of_planes(adapted.operation, calls) if adapted.planes else calls)


def _calls(adapted: Adapted, asked: Asked, examples: int) -> list[Call]:
    """What the implementation makes of some of the laws' calls."""
    laws, _ = asked.of(adapted.operation)
    with adapted.applicable():
        calls = calls_of_the_laws(laws, adapted.operation, examples, asked.seed)
    return outcomes(adapted, of_planes(adapted.operation, calls) if adapted.planes else calls)


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
    return Finding(name, wrong=first, cause=f"In every call {name} raises {error_in_words(error)}.")


def _by_the_laws(adapted: Adapted, asked: Asked, laws: Sequence[Law]) -> Finding:
    """Every law; those that speak about this operation alone go first."""
    name, tried, broken = adapted.operation, [], []
    watched = Watched(name, adapted, adapted.planes)
    for law in sorted(laws, key=lambda law: len(law.needs)):
        with suppress(NotApplicable), adapted.applicable():
            wrong = _breaks(law, watched, asked)
            if wrong and wrong.kind == "dtype":
                adapted.dtypes[law.name] = wrong.verb
                continue
            tried.append(law)
            if wrong:
                broken.append((law, wrong))
    if not broken:
        return Finding(name, tuple(tried))
    calls = _calls(adapted, asked, min(NAMING, asked.examples))
    seen = [found for found in map(difference, calls) if found and found.kind != "dtype"]
    wrong = _most_telling([*(found for _, found in broken), *seen], adapted, asked.shrink != "none")
    if asked.shrink == "all":
        broken = [(law, simplest(found, adapted)) for law, found in broken]
    broken.sort(key=lambda one: not one[1].of_values)
    alike = [one for one in broken if (one[1].right.error is None) == (wrong.right.error is None)]
    first = max(alike or broken, key=lambda one: _speaks_of(one[0], wrong))
    known = [*calls, *(found.call for _, found in broken)]
    told = [(first[0], wrong), *(one for one in broken if one is not first)]
    counterexamples = tuple(Counterexample(law, found.call.given, found.sentence) for law, found in told)
    return Finding(name, tuple(tried), counterexamples, wrong, tuple(mistakes(adapted, known)))


def _breaks(law: Law, watched: Watched, asked: Asked) -> Difference | None:
    """The first call, of all cases of a law that is broken, that is wrong by itself; wrong dtypes only if no value is.

    Raises NotApplicable if the implementation takes the arguments of no case at all.
    """
    operations, applied, dtype = Operations(**{watched.operation: watched}), False, None
    for case in drawn(law, asked.examples, asked.seed):
        watched.forget()
        with suppress(NotApplicable):
            try:
                law(operations, case)
            except LawBroken:
                wrong = first_difference(watched.calls)
                if wrong and wrong.kind != "dtype":
                    return wrong
                dtype = dtype or wrong
            applied = True
    if not applied:
        raise NotApplicable(f"no case of {law.name} could be tried")
    return dtype


def _most_telling(found: Sequence[Difference], adapted: Adapted, small: bool) -> Difference:
    """The simplest of all calls that went wrong, made simpler.

    Wrong values come before wrong types and manners, and among them wrong answers before what should be refused.
    """
    of_values = [wrong for wrong in found if wrong.of_values] or found
    answers = [wrong for wrong in of_values if wrong.right.error is None] or of_values
    of_values = sorted(answers, key=lambda wrong: wrong.weight)
    if not small:
        return of_values[0]
    return min((simplest(wrong, adapted) for wrong in of_values[:CANDIDATES]), key=lambda wrong: wrong.weight)


def _speaks_of(law: Law, wrong: Difference) -> tuple[int, bool]:
    """How many of the options of a call a law names, in its name twice; and whether it is about the operation alone."""
    parameters = Operations.parameters(wrong.call.operation)
    words = [n.partition("_")[0] for n in options_of(wrong.call) if parameters[n] is not Operations.REQUIRED]
    named = sum(2 * (word in law.name) + (word in law.statement.lower()) for word in words)
    return named, len(law.needs) == 1
