"""How an implementation wants to be called: PyTorch's ways all count, and so does one that cannot do everything yet.

What it does not take is left out of the cases, what it takes in one form only, a number or a pair, is given in that
form, and where it returns the maxima or a padded image alone minifcn's indices or way back stand beside them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from minifcn.testing.blame import means_default
from minifcn.testing.calls import Given, Outcome, arrays_in, reference, tried
from minifcn.testing.comparing import differs_in
from minifcn.testing.law import NotApplicable
from minifcn.testing.operations import Operations
from minifcn.testing.planes import PLANAR, planes_in
from minifcn.testing.strategies import keeping_default, listed
from minifcn.testing.version import PAIRS

# What stands beside the array of a result; an implementation that gives the array alone is lent it by minifcn.
SECOND = {
    "max_pool2d": "indices; those of minifcn stood in for them",
    "pad_to_multiple": "way back; that of minifcn stood in for it",
}
PROBES = 8  # calls that show in which form an argument is taken


@dataclass
class Adapted:
    """An implementation that is called with the arguments of minifcn's own operation.

    missing: the optional arguments that it does not take; numbers, pairs: those that it takes in this form only;
    alone: whether it returned an array without what stands beside it (SECOND); refuses_nothing: whether it raised for
    an array without elements, as PyTorch's convolution does; planes: whether it is called with planes (H, W); kinds:
    what its results are, where that is no array of the dtype that was given, and dtypes: laws that hold but for this.
    """

    operation: str
    function: Callable[..., Any]
    missing: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    alone: bool = False
    refuses_nothing: bool = False
    planes: bool = False
    kinds: list[str] = field(default_factory=list)
    dtypes: dict[str, str] = field(default_factory=dict)
    _demanded: tuple[str, ...] = field(default=(), repr=False)
    _indices: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        takes = _parameters(self.function)
        optional = self.optional
        if takes is None or any(p.kind is p.VAR_KEYWORD for p in takes):
            return
        names = {p.name: p for p in takes}
        self.missing = tuple(name for name in optional if name not in names)
        self.numbers = tuple(name for name in PAIRS if name in names and names[name].annotation in (int, "int"))
        self._demanded = tuple(name for name, p in names.items() if name in optional and p.default is p.empty)
        self._indices = self.operation == "max_pool2d" and "return_indices" in names

    @property
    def optional(self) -> Given:
        parameters = Operations.parameters(self.operation)
        return {name: default for name, default in parameters.items() if default is not Operations.REQUIRED}

    def __call__(self, given: Given) -> Any:
        """NotApplicable where the case needs what the implementation does not take."""
        optional, parameters = self.optional, Operations.parameters(self.operation)
        for name in self.missing:
            if name in given and not means_default(name, given[name], given, parameters):
                raise NotApplicable(f"{self.operation} takes no {name}")
        wanted = {name: optional[name] for name in self._demanded} | given
        wanted = {name: self._formed(name, value) for name, value in wanted.items() if name not in self.missing}
        required = [value for name, value in wanted.items() if name not in optional]
        named = {name: value for name, value in wanted.items() if name in optional}
        if self._indices:
            named["return_indices"] = True
        try:
            result = self.function(*required, **named)
        except Exception as error:
            if any(array.size == 0 for array in arrays_in(given)):
                self.refuses_nothing = True
                raise NotApplicable(f"{self.operation} takes no arrays without elements") from error
            raise
        result = self._as_array(result, given)
        if self.operation in SECOND and isinstance(result, np.ndarray):
            self.alone = True
            return result, self._right(given).value[1]
        return result

    def _right(self, given: Given) -> Outcome:
        return reference(self.operation, given, self.planes)

    def _as_array(self, result: Any, given: Given) -> Any:
        """Lists of numbers as arrays, and whole numbers, or more exact ones, in the dtype that was given."""
        floats = [array.dtype for array in arrays_in(given) if array.dtype.kind == "f"]
        if not floats:
            return result
        if isinstance(result, tuple) and self.operation in SECOND and len(result) == 2:
            return self._as_array(result[0], given), result[1]
        if isinstance(result, list) and (made := _array_of(result)) is not None:
            self._noted("lists where arrays go on")
            result = made
        wanted = np.result_type(*floats)
        if isinstance(result, np.ndarray) and result.ndim and result.dtype.kind in "iu":
            if not all(np.isfinite(array).all() for array in arrays_in(given)):
                raise NotApplicable(f"{self.operation} makes whole numbers, and none is NaN or infinite")
            self._noted(f"{result.dtype} where floating point was given")
            return result.astype(wanted)
        if isinstance(result, np.ndarray) and result.dtype.kind == "f" and result.itemsize > wanted.itemsize:
            self._noted(f"{result.dtype} where {wanted} was given")
            return result.astype(wanted)
        return result

    def _noted(self, kind: str) -> None:
        if kind not in self.kinds:
            self.kinds.append(kind)

    def recognise(self, calls: Iterable[Given]) -> None:
        """Find out whether it wants planes: it cannot do with images and channels, and gives planes for planes."""
        if self.operation not in PLANAR:
            return
        alike = {False: 0, True: 0}
        for given in islice(calls, PROBES):
            for call in (given, _evened(given, numbers=True)):
                with suppress(NotApplicable):
                    _, plane = next(planes_in(self.operation, call))
                    for self.planes, formed in ((False, call), (True, plane)):
                        form = _form(self._right(formed))
                        alike[self.planes] += form is not None and _form(tried(self, formed)) == form
        self.planes = alike[True] > 0 and not alike[False]

    def _formed(self, name: str, value: Any) -> Any:
        if name in self.numbers and isinstance(value, tuple | list):
            if value[0] != value[1]:
                raise NotApplicable(f"{self.operation} takes {name} as one number")
            return value[0]
        return (value, value) if name in self.pairs and isinstance(value, int) else value

    def applicable(self) -> AbstractContextManager[None]:
        """Inside, cases are drawn that the implementation can take."""
        return keeping_default((*self.missing, "groups") if self.planes else self.missing, square=self.numbers)

    def learn(self, calls: Iterable[Given]) -> bool:
        """Find out which form it takes where PyTorch takes a number and a pair: the other one raises in every call.

        calls: some that minifcn answers. Returns whether there was anything to learn.
        """
        if self.numbers:  # as its annotations say
            return True
        parameters = Operations.parameters(self.operation)
        names = [name for name in PAIRS if name in parameters and name not in self.missing and self.operation != "pad"]
        given = [(sum(name in call for name in names), call) for call in map(_evened, calls)]
        most = max((number for number, _ in given), default=0)
        full = (call for number, call in given if number == most)  # what is not given shows no form
        even = list(islice((call for call in full if self._right(call).error is None), PROBES))
        numbers, pairs = (any(self._returns(form, names, call) for call in even) for form in (0, 1))
        if numbers == pairs:  # both forms do, or neither: then it may be a number here and a pair there
            mixed = [] if numbers else [n for n in names if any(self._returns(1, names, c, but=n) for c in even)]
            self.numbers = tuple(mixed)
        elif numbers:
            taken = [n for n in names if any(self._returns(0, names, c, but=n) for c in even)]
            self.numbers = tuple(n for n in names if n not in taken or self._means_one_number(n, names, even))
        else:
            self.pairs = tuple(n for n in names if not any(self._returns(1, names, c, but=n) for c in even))
        return bool(self.numbers or self.pairs)

    def _returns(self, form: int, names: list[str], call: Given, but: str = "") -> bool:
        """Whether a call returns with its numbers (0) or pairs (1) throughout, in the other form for one name."""
        formed = dict(call)
        for name in names:
            if isinstance(call.get(name), tuple):
                formed[name] = call[name] if (form == 1) != (name == but) else call[name][0]
        try:
            return tried(self, formed).error is None
        except NotApplicable:
            return False

    def _means_one_number(self, name: str, names: list[str], calls: list[Given]) -> bool:
        """Whether it answers rightly for one number, and wrongly for two, as np.pad(x, padding) of a plane does."""
        wrong = {False: 0, True: 0}
        for call in calls:
            numbers = {n: v[0] if n in names and isinstance(v, tuple) else v for n, v in call.items()}
            if not isinstance(numbers.get(name), int):  # a stride of None is the kernel
                continue
            for two in (False, True):
                given = numbers | ({name: (numbers[name], numbers[name] + 1)} if two else {})
                right = self._right(given)
                with suppress(NotApplicable):
                    mine = tried(self, given)
                    wrong[two] += right.error is None and (
                        mine.error is not None or differs_in(mine.value, right.value)
                    )
        return wrong[True] > 0 and not wrong[False]

    @property
    def notes(self) -> list[str]:
        """What was left out, a sentence each."""
        made = []
        if self.planes:
            made.append("It is a function of planes (H, W); images and channels were given to it plane by plane.")
        left_out = [name for name in self.missing if not (self.planes and name == "groups")]
        if left_out:
            made.append(f"It takes no {listed(left_out)}; such cases were left out.")
        if self.numbers:
            made.append(f"It takes {listed(self.numbers)} as one number; cases with two different ones were left out.")
        if self.pairs:
            made.append(f"It takes {listed(self.pairs)} as a pair only, where PyTorch takes one number, too.")
        if self.refuses_nothing:
            made.append("It takes no arrays without elements; such cases were left out.")
        if self.alone:
            made.append(f"It returns no {SECOND[self.operation]}.")
        if self.kinds:
            made.append(f"It returns {listed(self.kinds)}; only the values were judged.")
        for verb in dict.fromkeys(self.dtypes.values()):
            laws = [law for law, told in self.dtypes.items() if told == verb]
            made.append(f"It {verb}. Its values are right; not counted: {listed(laws)}.")
        return made


def compared(adapted: Adapted, outcome: Outcome, given: Given) -> Outcome:
    """The outcome of another version beside this one: without a second part of its own, if this one has none."""
    if adapted.alone and outcome.error is None and isinstance(outcome.value, tuple) and len(outcome.value) == 2:
        second = reference(adapted.operation, given, adapted.planes).value[1]
        return Outcome((outcome.value[0], second), None, outcome.changed, outcome.shared)
    return outcome


def _form(outcome: Outcome) -> Any:
    """How many axes the results of a call have; None if it raised."""
    value = outcome.value
    return None if outcome.error else [np.ndim(part) for part in (value if isinstance(value, tuple) else [value])]


def _array_of(lists: list[Any]) -> np.ndarray | None:
    """Lists of numbers as an array; None for lists of anything else."""
    if any(isinstance(part, np.ndarray) for part in lists):
        return None
    try:
        made = np.asarray(lists)
    except ValueError:
        return None
    return made if made.dtype.kind in "iuf" and made.size else None


def _evened(call: Given, numbers: bool = False) -> Given:
    """The call with equal numbers for rows and columns, all of them as pairs or as one number."""
    made = dict(call)
    for name in PAIRS:
        value = made.get(name)
        if isinstance(value, tuple | list | int):
            first = value if isinstance(value, int) else value[0]
            made[name] = first if numbers else (first, first)
    return made


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """None for what has no signature, as functions written in C."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None
