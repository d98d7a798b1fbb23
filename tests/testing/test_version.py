"""A mutant or a variant is registered with a name, an operation and a sentence."""

from __future__ import annotations

from functools import wraps

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.testing import MUTANTS, VARIANTS, Operations, changes, mutant, ours, spoils, variant, version


@pytest.mark.parametrize("register", [mutant, changes, spoils, variant])
def test_a_version_needs_a_name_an_operation_and_a_sentence(register):
    def silent(x):
        return x

    def kernel_flipped(x):
        """Said before."""

    def by_loops(x):
        """Said before."""

    known = by_loops if register is variant else kernel_flipped
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


@pytest.fixture
def registry(monkeypatch):
    """MUTANTS as it is, put back afterwards."""
    for name in ("MUTANTS", "VARIANTS"):
        monkeypatch.setattr(version, name, dict(getattr(version, name)))
    return version


@pytest.mark.parametrize("kind", ["mutant", "changes", "spoils"])
def test_the_docstring_becomes_the_remark(registry, kind):
    def every_second_column(x):
        """Only every second column
        is computed.
        """

    made = getattr(registry, kind)("conv2d")(every_second_column)
    assert (made.name, made.of) == ("every_second_column", "conv2d")
    assert made.remark == "Only every second column is computed."
    assert registry.MUTANTS["every_second_column"] is made


X, WEIGHT = np.arange(2.0 * 5 * 4).reshape(1, 2, 5, 4), np.arange(2.0 * 3 * 2).reshape(1, 2, 3, 2)


def same(found, expected):
    np.testing.assert_array_equal(found, expected, strict=True)


def test_changed_arguments_are_handed_to_the_operation_the_others_as_they_were_given(registry):
    seen = []

    def changed(weight, stride, padding, groups):
        """Everything is other than it should be."""
        seen.append((weight, stride, padding, groups))
        return {"weight": -weight, "stride": stride[::-1]}

    function = registry.changes("conv2d")(changed).function
    expected = ours.conv2d(X, -WEIGHT, stride=(2, 1), padding=1)
    same(function(X, WEIGHT, None, (1, 2), 1), expected)
    same(function(weight=WEIGHT, padding=1, x=X, stride=(1, 2)), expected)
    for weight, stride, padding, groups in seen:
        assert weight is WEIGHT
        assert stride == (1, 2)
        assert padding == (1, 1), "one number for rows and columns is handed over as a pair"
        assert groups == 1, "what was not given is handed over as its default"
    same(function(X, WEIGHT, stride=2), ours.conv2d(X, -WEIGHT, stride=2))


def test_nothing_needs_to_be_looked_at_to_change_it(registry):
    def changed():
        """There is never any padding."""
        return {"padding": 0}

    same(registry.changes("conv2d")(changed).function(X, WEIGHT, padding=2), ours.conv2d(X, WEIGHT))


def test_a_reference_has_arguments_that_the_operation_lacks(registry):
    def scaled(x, size, offset=(0, 0), *, factor=1):
        return factor * ours.crop(x, size, offset)

    def changed(factor):
        """Everything is twice as large."""
        return {"factor": factor + 1}

    same(registry.changes("crop", scaled)(changed).function(X, (2, 3)), 2 * ours.crop(X, (2, 3)))


def test_a_result_is_spoilt_whole_or_by_its_parts(registry):
    def lowered(y, /, x, padding):
        """The smallest pixel is subtracted."""
        assert padding == (0, 0)
        return y - x.min()

    same(registry.spoils("conv2d")(lowered).function(X, weight=WEIGHT), ours.conv2d(X, WEIGHT) - X.min())

    def exchanged(y, index, /):
        """Maxima and indices change places."""
        return index, y

    def paired(both, /):
        """Maxima and indices are given twice."""
        return both + both

    y, index = ours.max_pool2d(X, 2)
    for body, expected in ((exchanged, (index, y)), (paired, (y, index, y, index))):
        found = registry.spoils("max_pool2d")(body).function(X, 2)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            same(a, b)


def test_the_operation_can_be_called_again_with_other_arguments(registry, monkeypatch):
    def added(y, /, x, again):
        """A result without padding and one for the mirrored image are added."""
        return y + again() + again(x=x[..., ::-1], stride=1)

    function = registry.spoils("conv2d")(added).function
    expected = 2 * ours.conv2d(X, WEIGHT, padding=1) + ours.conv2d(X[..., ::-1], WEIGHT, padding=1)
    same(function(X, WEIGHT, padding=1), expected)

    def only_again(again):
        """The padding is forgotten."""
        return again(padding=0)

    calls = []
    right = ours.conv2d
    monkeypatch.setattr(ours, "conv2d", wraps(right)(lambda *a, **k: calls.append(k["padding"]) or right(*a, **k)))
    same(registry.spoils("conv2d")(only_again).function(X, WEIGHT, padding=1), right(X, WEIGHT))
    assert calls == [0], "a result that the function does not name is not computed"


def test_what_the_operation_does_not_take_a_mutant_does_not_take():
    for name in ("kernel_flipped", "negative_results_cut"):
        with pytest.raises(TypeError, match="'colour'"):
            MUTANTS[name].function(X, WEIGHT, colour=1)
        with pytest.raises(TypeError, match="'weight'"):
            MUTANTS[name].function(X)


@pytest.mark.parametrize("kind", ["changes", "spoils"])
def test_a_mutant_asks_for_arguments_of_its_operation_only(kind):
    def misspelt(y, /, x, wieght):
        """The weight is not found."""

    with pytest.raises(ArgumentError, match="misspelt asks for x, wieght; conv2d takes x, weight, bias, stride, "):
        getattr(version, kind)("conv2d")(misspelt)
    assert "misspelt" not in MUTANTS
