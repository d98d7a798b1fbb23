"""What the strategies draw: valid cases, mostly unequal, with remainders and edges, in every layout."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from minifcn.testing import (
    conv_operands,
    distinct,
    geometries,
    laid_out,
    layouts,
    pool_geometries,
    pool_operands,
    transposed_geometries,
    whole_numbers,
)
from minifcn.testing.strategies import LAYOUTS, keeping_default, pairs, shown


def drawn(strategy, number=300):
    found = []

    @settings(max_examples=number, phases=[Phase.generate], database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


def share(cases, condition):
    return sum(map(condition, cases)) / len(cases)


@pytest.mark.parametrize("strategy", [geometries(), transposed_geometries(), pool_geometries()])
def test_the_two_axes_differ_mostly_but_not_always(strategy):
    cases = drawn(strategy)
    for name in ("input_size", "kernel_size", "stride"):
        assert 0.4 < share(cases, lambda g, name=name: getattr(g, name)[0] != getattr(g, name)[1]) < 1, name


def test_convolutions_leave_remainders_and_reach_the_edges():
    cases = drawn(geometries())

    def rest(g):
        return (g.input_size[0] + 2 * g.padding[0] - g.reach[0]) % g.stride[0]

    assert share(cases, lambda g: rest(g) == g.stride[0] - 1 > 0) > 0.15, "the largest remainder"
    assert share(cases, lambda g: rest(g) == 0) > 0.1
    assert share(cases, lambda g: g.kernel_size == (1, 1)) > 0
    assert share(cases, lambda g: g.output_size == (1, 1)) > 0, "the whole padded image under one kernel"
    assert share(cases, lambda g: 0 in g.input_size) > 0, "nothing but padding"
    assert {g.groups for g in cases} == {1, 2, 3}


def test_transposed_convolutions_use_all_of_output_padding():
    cases = drawn(conv_operands(transposed_geometries()))
    extra = [case.transposed_options["output_padding"][0] for case in cases]
    stride = [case.geometry.stride[0] for case in cases]
    assert any(e == s - 1 > 0 for e, s in zip(extra, stride, strict=True))
    assert any(e >= s for e, s in zip(extra, stride, strict=True)), "which a dilation allows"
    for case in cases:
        assert case.x.shape[2:] == case.geometry.input_size
        assert case.y.shape[2:] == case.geometry.output_size


def test_poolings_hang_over_the_edge_and_are_padded():
    cases = drawn(pool_operands())

    def hangs(case):
        g = case.geometry
        return (g.output_size[0] - 1) * g.stride[0] + g.reach[0] > g.input_size[0] + 2 * g.padding[0]

    assert share(cases, hangs) > 0.05
    assert not any(hangs(case) for case in cases if not case.ceil_mode)
    assert share(cases, lambda case: case.geometry.padding[0] > 0) > 0.1
    assert share(cases, lambda case: case.x.size and case.x.max() < 0) > 0.2, "a zero of the padding would win"
    assert share(cases, lambda case: len(np.unique(case.x)) < case.x.size) > 0.2, "ties"


def test_operands_are_whole_and_seldom_empty():
    cases = drawn(conv_operands(empty=True))
    for case in cases:
        assert all((a == np.round(a)).all() for a in (case.x, case.weight, case.y, case.bias))
        assert len({a.dtype for a in (case.x, case.weight, case.y, case.bias)}) == 1
    assert 0 < share(cases, lambda case: 0 in case.x.shape[:2]) < 0.4
    assert share(cases, lambda case: case.x.shape[1] != case.weight.shape[0]) > 0.3
    assert not any(0 in case.x.shape[:2] for case in drawn(conv_operands()))
    assert Counter(case.x.dtype.name for case in cases).keys() == {"float32", "float64"}


def test_arguments_can_be_kept_at_their_default():
    names = ("stride", "padding", "dilation", "groups", "output_padding", "ceil_mode")
    with keeping_default(names):
        for g in drawn(geometries(), 50):
            assert (g.stride, g.padding, g.dilation, g.groups) == ((1, 1), (0, 0), (1, 1), 1)
        for case in drawn(conv_operands(transposed_geometries()), 50):
            assert case.transposed_options["output_padding"] == (0, 0)
        for case in drawn(pool_operands(), 50):
            assert case.geometry.stride == case.geometry.kernel_size
            assert not case.ceil_mode
    assert {g.groups for g in drawn(geometries(), 100)} != {1}


@given(st.data())
def test_a_layout_changes_memory_and_not_values(data):
    layout = data.draw(layouts())
    array = whole_numbers(data.draw(st.integers(0, 9)), (3, 2, 4, 5))
    found = laid_out(array, layout)
    np.testing.assert_array_equal(found, np.broadcast_to(array[:1], array.shape) if layout == "repeated" else array)
    assert found.shape == array.shape
    facts = {
        "plain": found is array,
        "fortran": found.flags.f_contiguous,
        "reversed": all(step < 0 for step in found.strides),
        "every third": found.strides[-1] == 3 * array.itemsize,
        "transposed": not found.flags.c_contiguous,
        "read-only": not found.flags.writeable,
        "repeated": found.strides[0] == 0,
    }
    assert facts.keys() == set(LAYOUTS)
    assert facts[layout]


def test_distinct_numbers_have_no_kink_near():
    values = np.sort(distinct(4, (3, 5), 0.5).ravel())
    assert (np.diff(values) == 0.5).all()
    assert abs(values).min() == 0.25


def test_cases_are_told_in_words():
    case = drawn(conv_operands(), 1)[0]
    assert "image" in str(case)
    assert f"kernel {case.geometry.kernel_size[0]}x{case.geometry.kernel_size[1]}" in str(case)
    assert shown(x=np.array([[1.0, -2.0]])) == "    x = [[ 1, -2]]   (float64, shape (1, 2))"
    assert shown(x=np.array([0.5])) == "    x = [0.5]   (float64, shape (1,))"
    assert "..." in shown(x=np.zeros(1000))


def test_two_axes_may_have_but_one_size():
    assert set(drawn(pairs(2, 2), 5)) == {(2, 2)}
