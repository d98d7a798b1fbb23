"""minifcn keeps every law, with each algorithm, and so does every right implementation by another way."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn.arrays.convolution import winograd
from minifcn.arrays.convolution.algorithms import ALGORITHMS, use_algorithm
from minifcn.testing import LAWS, VARIANTS, LawBroken, Operations, ours, strategies
from tests.testing.on_device import operations_on

CONVOLUTIONS = {
    "conv2d",
    "conv_transpose2d",
    "conv2d_input",
    "conv2d_weight",
    "conv2d_double_backward",
    "conv2d_same",
    "convolution_matrix",
}


def holds(law, ways, share=1):
    """The law holds in as many cases as the profile has, or a share of them, whichever of the ways computes them.

    ways: name -> (algorithm, operations). All of them get the same cases: to draw one takes longer than to compute it.
    """

    @settings(max_examples=max(1, int(settings().max_examples * share)))
    @given(law.cases())
    def in_every_case(case):
        for name, (algorithm, operations) in ways.items():
            try:
                with use_algorithm(algorithm):
                    law(operations, case)
            except LawBroken as broken:
                broken.add_note(f"computed by {name}")
                raise

    in_every_case()


@pytest.mark.parametrize("name", LAWS)
def test_minifcn_keeps_the_law(name, xp):
    """On NumPy in all the cases. Elsewhere in a few: what they see there is an array that should not be there."""
    law, algorithms = LAWS[name], ["auto"]
    if CONVOLUTIONS & set(law.needs):
        algorithms = [algorithm for algorithm in ALGORITHMS if algorithm != "winograd"]  # which rounds: see below
    with operations_on(xp) as operations:
        if "matrix" in algorithms and name.startswith("nan_stays"):
            # A dense matrix touches every pixel with every output, and 0 · NaN is NaN: documented in matrix.py.
            algorithms.remove("matrix")
            with use_algorithm("matrix"):
                assert law.falsify(operations, smallest=False) is not None
        holds(law, {algorithm: (algorithm, operations) for algorithm in algorithms}, 1 if xp is np else 0.1)


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
    with strategies.keeping_default({"stride", "dilation", "groups"}), kernels, tiles:
        if name == "nan_stays_in_its_stamp":
            # A NaN spoils whole tiles: documented in winograd.py. (Of the windows that are drawn, three at most, all see
            # the pixel in the middle that the other law of this kind spoils.)
            with use_algorithm("winograd"):
                assert law.falsify(operations, smallest=False) is not None
        else:
            holds(law, {"winograd": ("winograd", operations)}, share=0.3)


def right_ways(law):
    """The right implementations by other ways of what the law is about."""
    return {name: ("auto", variant.operations()) for name, variant in VARIANTS.items() if variant.of in law.needs}


@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if right_ways(law)])
def test_no_right_implementation_raises_an_alarm(name):
    holds(LAWS[name], right_ways(LAWS[name]), share=0.4)


def test_some_law_is_about_every_right_implementation():
    assert set(VARIANTS) == {name for law in LAWS.values() for name in right_ways(law)}


def test_every_law_reads_as_a_sentence_and_a_formula():
    for law in LAWS.values():
        assert law.statement.endswith((".", ".)")), law.name
        assert len(law.statement) <= 160, law.name
        assert set(law.needs) <= set(Operations.names())
    spoken_of = {operation for law in LAWS.values() for operation in law.needs}
    assert spoken_of == set(Operations.names()), "an operation without a law"
