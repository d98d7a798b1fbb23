"""Where half precision becomes single precision, and back; tests/hostile/test_dtypes.py has what it is good for."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.arrays.half import narrow, sum_dtype, wide
from tests.onto import equal


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, np.bool_])
def test_only_half_precision_is_widened(dtype, xp):
    x = xp.ones(3, dtype)
    assert sum_dtype(x.dtype) == dtype
    assert wide(x) is x
    assert narrow(x, x.dtype) is x
    total = wide(x).sum()
    assert narrow(total, x.dtype) is total  # integers have more room in a sum, and keep it


def test_half_precision_makes_the_way_there_and_back(xp):
    x = xp.asarray(np.array([0.1, -65504, np.inf, np.nan], np.float16))
    there = wide(x)
    assert sum_dtype(x.dtype) == there.dtype == np.float32
    back = narrow(there, x.dtype)
    assert back.dtype == np.float16
    equal(back, x)
    assert not xp.shares_memory(there, x)


def test_what_is_too_large_on_the_way_back_is_infinite_without_a_warning(xp):
    y = xp.asarray(np.array([65504, 65519, 65520, -1e9], np.float32))  # 65520 is half a step beyond the largest
    equal(narrow(y, np.dtype(np.float16)), [65504, 65504, np.inf, -np.inf])
