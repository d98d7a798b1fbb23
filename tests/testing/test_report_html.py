"""A report in a notebook: tables of yours and expected, marked places, folded laws; and lines of 80 columns in text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from minifcn.testing import MUTANTS, check, ours
from minifcn.testing.tables import MOST, _of_arrays, beside, in_text


def wrong_at_one_place(x, weight):
    y = ours.conv2d(x, weight).copy()
    y[..., -1, -1] += 1
    return y


def marked(html, kind):
    return re.findall(rf'<td class="{kind}">([^<]*)</td>', html)


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def of_a_mistake():
    return check(conv2d=MUTANTS["kernel_flipped"].function, examples=3)


def test_what_it_gave_stands_beside_what_it_should_give(of_a_mistake):
    html = of_a_mistake._repr_html_()
    wrong = of_a_mistake.findings[0].wrong
    assert marked(html, "yours") and len(marked(html, "yours")) == len(marked(html, "right"))
    assert float(marked(html, "yours")[0]) in wrong.call.outcome.value
    assert float(marked(html, "right")[0]) in wrong.right.value
    assert "kernel_flipped" in html and MUTANTS["kernel_flipped"].remark in html
    assert "<figcaption>it gave</figcaption>" in html and "<figcaption>it should give</figcaption>" in html
    for law in of_a_mistake.laws:
        assert law.name in html.partition("<details>")[2], "every law is in the folded list"


def test_it_is_well_formed_and_asks_no_network(of_a_mistake):
    for report in (of_a_mistake, check(conv2d=lambda x, weight: x @ missing, examples=2)):  # noqa: F821
        html = report._repr_html_()
        parser = Balanced()
        parser.feed(html)
        assert parser.open == []
        assert "http" not in html and "<script" not in html
        assert "&lt;lambda&gt;" in html or report is of_a_mistake


def test_three_states_look_different():
    def later(x, weight): ...

    right, stub = check(conv2d=ours.conv2d, examples=2)._repr_html_(), check(conv2d=later)._repr_html_()
    assert '<section class="right"><p><strong>✓ conv2d: all ' in right
    assert '<section class="unwritten"><p><strong>… conv2d is not written yet: it returns None.' in stub
    assert "<table>" not in stub and "<details" not in stub


def test_excused_laws_are_open_to_the_eye():
    html = check(conv2d=ours.conv2d, examples=2, without="ones_count_taps")._repr_html_()
    assert "<details open><summary>1 excused, so of this nothing is known</summary><ul><li>ones_count_taps: " in html


@pytest.mark.parametrize("name", ["kernel_flipped", "stamps_overwritten", "zeros_of_the_padding_win", "loss_not_divided",
                                  "rows_are_the_prediction", "size_off_by_one"])  # fmt: skip
def test_lines_fit_eighty_columns(name):
    text = str(check(**{MUTANTS[name].of: MUTANTS[name].function}, examples=3))
    assert max(map(len, text.split("\n"))) <= 80, text
    assert "it gave" in text and "it should give" in text


def test_only_the_places_that_differ_are_marked():
    wrong = check(conv2d=wrong_at_one_place, examples=3, shrink="none").findings[0].wrong
    (tables,) = beside(wrong)
    differ = ~np.isclose(wrong.call.outcome.value, wrong.right.value)
    at = tuple(np.argwhere(differ)[0][:2])
    assert [[mark for _, mark in row] for row in tables.found] == differ[at].tolist()[:MOST]
    lines = in_text(tables, 76)
    assert sum(line.count("[") for line in lines[1:]) == 2 * int(differ[at].sum())


def test_a_large_result_is_cut_around_the_place_that_differs():
    right = np.zeros((2, 1, 30, 40))
    found = right.copy()
    found[1, 0, 20, 33] = 0.5
    tables = _of_arrays("the maxima", found, right, single=False)
    assert len(tables.found) == len(tables.found[0]) == MOST
    assert sum(mark for row in tables.found for _, mark in row) == 1
    assert tables.cut == "rows 16 to 23 and columns 29 to 36 of 30x40" and "plane [1, 0]" in tables.title
    assert max(map(len, in_text(tables, 76))) <= 76


def test_numbers_that_read_alike_are_told_in_full():
    tables = _of_arrays("", np.array(0.1234567), np.array(0.1234568), single=False)
    assert (tables.found, tables.right) == ([[("0.1234567", True)]], [[("0.1234568", True)]])


def test_a_wrong_shape_has_both_tables_and_no_marks():
    tables = beside(check(conv2d=MUTANTS["size_off_by_one"].function, examples=3).findings[0].wrong)
    assert tables and not any(mark for row in tables[0].found + tables[0].right for _, mark in row)
