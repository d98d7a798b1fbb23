"""Copies are found whatever was renamed; what everybody writes is no copy."""

from __future__ import annotations

from minifcn.labs.alike import pairs, prints
from minifcn.labs.forms import source_of

FUNCTIONS = ("im2col", "col2im")
SOLUTION = source_of(1).python(solved=True)


def test_a_copy_with_other_names_layout_and_comments_has_the_same_prints() -> None:
    text = "def im2col(x, k):\n    '''doc'''\n    y = x[0:k] + 1\n    for i in range(k):\n        y = y * i\n    return y\n"
    copy = "# mine!\ndef im2col(image, size):\n    out = (image[0:size] +\n           1)\n    for n in range(size): out = out * n\n    return out\n"
    assert prints(text, FUNCTIONS) and prints(text, FUNCTIONS) == prints(copy, FUNCTIONS)
    assert prints(text.replace("+ 1", "+ 2"), FUNCTIONS) != prints(text, FUNCTIONS)


def test_a_pair_is_named_and_what_a_class_has_in_common_is_not_counted() -> None:
    own = [frozenset(range(100 * n, 100 * n + 60)) for n in range(1, 11)]
    common = frozenset(range(50))
    found = {f"s{n}": numbers | common for n, numbers in enumerate(own)}
    assert pairs(found) == []
    found["copy"] = own[3] | common
    assert pairs(found) == [(1.0, "copy", "s3")]
    found["half"] = frozenset([*own[5]][:30]) | frozenset(range(5000, 5030)) | common
    assert pairs(found) == [(1.0, "copy", "s3")]


def test_what_cannot_be_read_is_like_nothing() -> None:
    assert prints("def f(:", FUNCTIONS) == frozenset()
    assert pairs({"a": frozenset(), "b": frozenset()}) == []
