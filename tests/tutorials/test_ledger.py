"""Every claim and every misconception has an assertion that ran, and the two pages are what the notebooks show."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))  # tutorials/ is not installed; at the end, as of benchmarks/

from tutorials import ledger

FOUND = ledger.everything()


def test_every_claim_and_every_misconception_was_run() -> None:
    assert ledger.missing(FOUND) == []


def test_what_did_not_run_is_missing() -> None:
    assert ledger.missing([item for item in FOUND if item.number != "C6"]) == ["C6"]
    assert len(ledger.missing([])) == ledger.CLAIMS + ledger.MISCONCEPTIONS


@pytest.mark.parametrize(("name", "text"), ledger.pages(FOUND).items())
def test_the_pages_are_what_the_notebooks_show(name: str, text: str) -> None:
    assert (ledger.HERE / name).read_text(encoding="utf-8") == text, "run python -m tutorials"


def test_all_of_them_ran() -> None:
    assert [item for item in FOUND if not item.ran] == []


def test_a_number_stands_for_one_belief_and_is_known() -> None:
    beliefs = [item.number for item in FOUND if item.number.startswith("M")]
    assert len(beliefs) == len(set(beliefs))
    known = {*(f"C{n}" for n in range(1, ledger.CLAIMS + 1)), *(f"M{n}" for n in range(1, ledger.MISCONCEPTIONS + 1))}
    assert {item.number for item in FOUND} <= known


def test_a_claim_counts_only_with_the_output_that_says_so(tmp_path: Path) -> None:
    code = 'ledger.claim(\n    "C6",\n    "so it is",\n    lambda f: f(1) == 2,\n    right=one,\n    mistake=two,\n)'
    markdown = {"cell_type": "markdown", "source": ["# 05 Title\n", "## 1. Begin, here"]}
    for said in ("C6 holds: so it is\n", ""):
        cell = {"cell_type": "code", "source": code.splitlines(True), "outputs": [{"text": [said]}]}
        notebook = tmp_path / "05_a.ipynb"
        notebook.write_text(json.dumps({"cells": [markdown, cell]}))
        (item,) = ledger.everything(tmp_path)
        assert item.ran is bool(said)
        assert item.link == "[05 Title, section 1. Begin, here](05_a.ipynb#1-begin-here), cell 1"
        assert item.code == {"right": "one", "mistake": "two", "tries": "lambda f: f(1) == 2"}
        page = ledger.claims_page([item])
        assert ("Held for `one`; failed for `two`." in page) is bool(said)


def test_of_a_function_that_tries_a_claim_the_lines_are_shown(tmp_path: Path) -> None:
    function = 'def adds_up(way):\n    """Whether it does."""\n    return way(1, 2) == 3'
    code = 'ledger.claim("C7", "so it is", adds_up, right=one, mistake=two)'
    cells = [{"cell_type": "code", "source": [text], "outputs": []} for text in (function, code)]
    cells[1]["outputs"] = [{"text": ["C7 holds: so it is\n"]}]
    notebook = tmp_path / "05_a.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    (item,) = ledger.everything(tmp_path)
    assert item.code["tries"] == function
    assert function in ledger.claims_page([item])
