"""minifcn keeps every law, with each algorithm, and so does every right implementation by another way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from minifcn.arrays.convolution import ALGORITHMS, use_algorithm
from minifcn.testing import LAWS, VARIANTS, Operations, laws_about

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
def test_minifcn_keeps_the_law(name):
    if not CONVOLUTIONS & set(LAWS[name].needs):
        holds(LAWS[name])
        return
    for algorithm in ALGORITHMS:
        with use_algorithm(algorithm):
            if algorithm == "matrix" and name.startswith("nan_stays"):
                # A dense matrix touches every pixel with every output, and 0 · NaN is NaN: documented in matrix.py.
                assert LAWS[name].falsify(Operations(), smallest=False) is not None
            else:
                holds(LAWS[name])


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
