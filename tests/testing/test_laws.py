"""minifcn keeps every law, with each algorithm, and so does every right implementation by another way."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn.arrays.convolution import winograd
from minifcn.arrays.convolution.algorithms import ALGORITHMS, use_algorithm
from minifcn.testing import LAWS, VARIANTS, Operations, laws_about, ours, strategies
from tests.testing.on_device import operations_on

CONVOLUTIONS = {
    "conv2d",
    "conv_transpose2d",
    "conv2d_input",
    "conv2d_weight",
    "conv2d_double_backward",
    "convolution_matrix",
}


def holds(law, operations=None, share=1):
    """The law holds in as many cases as the profile has, or a share of them."""

    @settings(max_examples=max(1, int(settings().max_examples * share)))
    @given(law.cases())
    def in_every_case(case):
        law(Operations() if operations is None else operations, case)

    in_every_case()


@pytest.mark.parametrize("name", LAWS)
def test_minifcn_keeps_the_law(name, xp):
    """On NumPy in all the cases. Elsewhere in a few: what they see there is an array that should not be there."""
    share = 1 if xp is np else 0.1
    if not CONVOLUTIONS & set(LAWS[name].needs):
        with operations_on(xp) as operations:
            holds(LAWS[name], operations, share)
        return
    for algorithm in set(ALGORITHMS) - {"winograd"}:  # which rounds: see below
        with use_algorithm(algorithm), operations_on(xp) as operations:
            if algorithm == "matrix" and name.startswith("nan_stays"):
                # A dense matrix touches every pixel with every output, and 0 · NaN is NaN: documented in matrix.py.
                assert LAWS[name].falsify(operations, smallest=False) is not None
            else:
                holds(LAWS[name], operations, share)


def test_the_work_is_done_by_the_array_module(xp):
    """And not by NumPy, whatever the laws give and get."""
    seen = []

    def watched(batches, num_classes):
        seen.extend(type(array) for batch in batches for array in batch)
        return {"made": (ours.np.ones(num_classes), 7)}

    with mock.patch.object(ours, "confusion_matrix", watched), operations_on(xp) as operations:
        made = operations.confusion_matrix([(np.zeros(2), np.ones(2))], num_classes=3)
    assert seen == [xp.ndarray] * 2
    assert type(made["made"][0]) is np.ndarray and made["made"][1] == 7


def rounded(function):
    """The laws are about whole numbers and are exact, winograd is off by 1e-10: its results are rounded to whole ones."""

    def to_whole_numbers(*operands, **options):
        result = function(*operands, **options)
        return tuple(map(np.rint, result)) if isinstance(result, tuple) else np.rint(result)

    return to_whole_numbers


def mostly_3x3(smallest, largest, drawn=strategies.pairs):
    """Kernels up to 4x4 are seldom 3x3, which is all that winograd computes. With stride 1 no others are drawn as 1-4."""
    return st.just((3, 3)) if (smallest, largest) == (1, 4) else drawn(smallest, largest)


@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if CONVOLUTIONS & set(law.needs)])
def test_winograd_keeps_the_laws_of_convolution(name, m):
    law = LAWS[name]
    operations = Operations(
        **{needed: rounded(getattr(Operations, needed)) for needed in CONVOLUTIONS & set(law.needs)}
    )
    kernels = mock.patch.object(strategies, "pairs", mostly_3x3)
    tiles = mock.patch.object(winograd, "tile", lambda geometry, images: m)
    with use_algorithm("winograd"), strategies.keeping_default({"stride", "dilation", "groups"}), kernels, tiles:
        if name == "nan_stays_in_its_stamp":
            # A NaN spoils whole tiles: documented in winograd.py. (Of the windows that are drawn, three at most, all see
            # the pixel in the middle that the other law of this kind spoils.)
            assert law.falsify(operations, smallest=False) is not None
        else:
            holds(law, operations, share=0.3)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_right_implementation_raises_no_alarm(name):
    laws = laws_about(VARIANTS[name].of)
    assert laws
    for law in laws:
        holds(law, VARIANTS[name].operations(), share=0.4)


def test_every_law_reads_as_a_sentence_and_a_formula():
    for law in LAWS.values():
        assert law.statement.endswith((".", ".)")), law.name
        assert len(law.statement) <= 160, law.name
        assert set(law.needs) <= set(Operations.names())
    spoken_of = {operation for law in LAWS.values() for operation in law.needs}
    assert spoken_of == set(Operations.names()), "an operation without a law"
