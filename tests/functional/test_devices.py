"""Operands on two devices are an error that names both devices and both shapes, whatever the operation."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

from minifcn import Tensor
from minifcn.errors import ArgumentTypeError
from minifcn.metrics import ConfusionMatrix
from tests.functional.anywhere import CASES
from tests.hostile.test_system import MIXTURES
from tests.onto import moved_to
from tests.played_cupy import playing

DEVICES = [("cpu", "cuda:0"), ("cuda:0", "cpu"), ("cuda:0", "cuda:1"), ("cuda:1", "cuda:0")]


@pytest.fixture
def played():
    with playing() as cupy:
        yield cupy


def on(device, values):
    """A tensor on "cpu", "cuda:0" or "cuda:1", whichever card is the current one."""
    return Tensor(values if device == "cpu" else moved_to(values, device))


class Maker:
    """Makes tensors of ones on a device and remembers their shapes."""

    def __init__(self, device):
        self.device, self.shapes = device, []

    def __call__(self, *shape, dtype=np.float64):
        self.shapes.append(shape)
        return on(self.device, np.ones(shape, dtype))


def problem(call, name, here, there, first, second):
    """What is wrong with the error that `call`, which mixes operands of the shapes `first` and `second`, raises."""
    try:
        call()
    except Exception as error:
        message = str(error)
        if not isinstance(error, ArgumentTypeError):
            return f"{type(error).__name__}: {message}"
        place = r"(cpu|cuda:\d) \(shape (\([\d, ]*\))\)"
        told = re.fullmatch(
            rf"{name}: (.+) live on different devices, {place} and {place}; move one with \.to\(\.\.\.\)\.", message
        )
        if not told:
            return f"not what it should say: {message}"
        operands, *devices_and_shapes = told.groups()
        found = dict(zip(devices_and_shapes[::2], devices_and_shapes[1::2], strict=True))
        if found.keys() != {here, there}:
            return f"does not name {here} and {there}: {message}"
        # An operand that was made of others (a sum, a matrix) has a shape of its own, and must have a name then.
        if not (operands != "the operands" or (found[here] in map(str, first) and found[there] in map(str, second))):
            return f"names neither the shapes nor the operands: {message}"
        return None
    return "no error"


def of_case(case, moved, here, there):
    """The case with one of its operands on the other device."""
    values = [*map(np.ones, case.shapes), *case.labels]
    tensors = [on(there if number == moved else here, array) for number, array in enumerate(values)]
    operands = [x if number < len(case.shapes) else x.data for number, x in enumerate(tensors)]
    others = [array.shape for number, array in enumerate(values) if number != moved]
    return problem(lambda: case(*operands), case.name, here, there, others, [values[moved].shape])


def of_mixture(name, here, there):
    first, second = Maker(here), Maker(there)
    function = INSIDE.get(name, name.partition(",")[0])
    return problem(lambda: MIXTURES[name](first, second), function, here, there, first.shapes, second.shapes)


# Who speaks, where it is not the function that the case is named after.
INSIDE = {"multiply by an array": "multiply", "metrics": "update"}

MIXED = {
    f"{name}, operand {moved}": partial(of_case, case, moved)
    for name, case in CASES.items()
    for moved in range(len(case.shapes) + len(case.labels))
    if len(case.shapes) + len(case.labels) > 1
} | {name: partial(of_mixture, name) for name in MIXTURES}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize(("here", "there"), DEVICES)
def test_two_devices_are_an_error_that_names_both_and_both_operands(name, here, there, played):
    with played.cuda.Device(int(here[-1]) if here != "cpu" else 0):
        found = MIXED[name](here, there)
    assert not found, found


@pytest.mark.parametrize("labels", [[0, 1], (0, 1), 1, None])
def test_what_is_no_array_is_named_and_not_its_device(labels, played):
    on_card, kind = played.asarray(np.array([0, 1])), type(labels).__name__
    for name, arguments in {"prediction": (labels, on_card), "target": (on_card, labels)}.items():
        with pytest.raises(
            ArgumentTypeError, match=f"^update: {name} is a {kind}; pass a NumPy or CuPy array of labels.$"
        ):
            ConfusionMatrix(2).update(*arguments)
