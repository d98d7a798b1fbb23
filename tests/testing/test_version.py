"""A mutant or a variant is registered with a name, an operation and a sentence."""

from __future__ import annotations

import pytest

from minifcn.errors import ArgumentError
from minifcn.testing import MUTANTS, VARIANTS, Operations, mutant, ours, variant


@pytest.mark.parametrize("register", [mutant, variant])
def test_a_version_needs_a_name_an_operation_and_a_sentence(register):
    def silent(x):
        return x

    def kernel_flipped(x):
        """Said before."""

    def by_loops(x):
        """Said before."""

    known = kernel_flipped if register is mutant else by_loops
    for of, function in (("conv2d", silent), ("convolve", known), ("conv2d", known)):
        with pytest.raises(
            ArgumentError, match=f"{function.__name__}: a version needs a name of its own, .*got '{of}'"
        ):
            register(of)(function)
    assert "silent" not in MUTANTS.keys() | VARIANTS.keys()


def test_a_version_stands_in_for_one_operation_only():
    flipped = MUTANTS["kernel_flipped"].operations()
    assert flipped.conv2d is MUTANTS["kernel_flipped"].function
    assert flipped.conv_transpose2d is ours.conv_transpose2d
    assert Operations() == Operations(conv2d=ours.conv2d)
