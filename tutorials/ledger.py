"""The two pages that `python -m tutorials` puts together from the notebooks: claims.md and misconceptions.md.

A claim stands there only if its assertion ran: the notebook's output must say that it holds. What is shown is the code
of the assertion itself, and the mistake on which it fails.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CLAIMS, MISCONCEPTIONS = 17, 23  # C1..C17 are the article's; M1..M23 are those that these lessons deny

ABOUT_CLAIMS = """\
# What is claimed, and what was run to show it

These lessons grew out of a review article about FCN. Each of its claims stands here in our own words, with what it
leaves vague, and with the assertion that shows it. Each assertion was run twice: on the right thing, where it held, and
on a planted mistake, where it failed. This page is made from the notebooks by `python -m tutorials`.
"""
ABOUT_MISCONCEPTIONS = """\
# What is often believed

Each belief is written as a few lines of code, run beside what is so, and seen to differ: `believed` is what somebody
who holds it would get, `found` is what is computed. This page is made from the notebooks by `python -m tutorials`.
"""


@dataclass(frozen=True)
class Shown:
    """One call of `ledger.claim` or `ledger.misconception` in a notebook."""

    number: str  # C7, M3
    lesson: str  # the notebook's file name
    title: str  # 05 Transposed convolution, four ways
    heading: str  # the section that it stands in
    cell: int  # its place among the notebook's cells of code, from 1
    sentence: str
    ran: bool  # whether the notebook's output says so
    code: dict[str, str] = field(default_factory=dict)  # keyword -> source

    @property
    def link(self) -> str:
        """A link to the section."""
        return f"[{self.title}, section {self.heading}]({self.lesson}#{slug(self.heading)}), cell {self.cell}"


def slug(heading: str) -> str:
    """The anchor of a heading, as on GitHub: small letters, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def shown(notebook: Path) -> Iterator[Shown]:
    """Every claim and misconception of a notebook with outputs."""
    title = heading = ""
    number = 0
    functions: dict[str, str] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for level, words in re.findall(r"^(#{1,3}) (.+)$", source, re.MULTILINE):
                title = title or words
                heading = words if len(level) > 1 else heading
            continue
        number += 1
        said = "".join("".join(output.get("text", "")) for output in cell["outputs"])
        tree = ast.parse(source)
        for one in tree.body:
            if isinstance(one, ast.FunctionDef):
                functions[one.name] = ast.get_source_segment(source, one) or ast.unparse(one)
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            kind = {"claim": "holds", "misconception": "is not so"}.get(call.func.attr)
            if kind is None:
                continue
            number_of, sentence = (ast.literal_eval(argument) for argument in call.args[:2])
            code = {word.arg: _written(source, word.value) for word in call.keywords if word.arg}
            if len(call.args) > 2:
                tries = _written(source, call.args[2])
                code["tries"] = functions.get(tries, tries)  # of a function its lines, and not its name alone
            ran = f"{number_of} {kind}: {sentence}" in said
            yield Shown(number_of, notebook.name, title, heading, number, sentence, ran, code)


def _written(source: str, node: ast.expr) -> str:
    """The text of an expression as it stands in the cell; a string's value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    text = ast.get_source_segment(source, node) or ast.unparse(node)
    first, *rest = text.splitlines()
    return "\n".join([first, *textwrap.dedent("\n".join(rest)).splitlines()])


def everything(folder: Path = HERE) -> list[Shown]:
    """What all notebooks show, in the order of the lessons."""
    return [item for notebook in sorted(folder.glob("[0-9][0-9]_*.ipynb")) for item in shown(notebook)]


def missing(found: list[Shown]) -> list[str]:
    """The claims and misconceptions for which nothing ran."""
    ran = {item.number for item in found if item.ran}
    wanted = [*(f"C{n}" for n in range(1, CLAIMS + 1)), *(f"M{n}" for n in range(1, MISCONCEPTIONS + 1))]
    return [number for number in wanted if number not in ran]


def claims_page(found: list[Shown]) -> str:
    """claims.md: each claim of the article, what is precisely so, and what was run to show it."""
    article = tomllib.loads((HERE / "article.toml").read_text(encoding="utf-8"))
    lines = [ABOUT_CLAIMS]
    for number, words in article.items():
        lines += [f"## {number}", "", f"*{words['claims']}*", "", f"**Precisely.** {words['precisely']}", ""]
        for item in found:
            if item.number == number and item.ran:
                mistake = item.code.get("named") or f"`{' '.join(item.code['mistake'].split())}`"
                lines += [f"{item.link}: {_sentence(item.sentence)}", "", "```python", item.code["tries"], "```", ""]
                lines += [f"Held for `{' '.join(item.code['right'].split())}`; failed for {mistake}.", ""]
    return "\n".join(lines)


def misconceptions_page(found: list[Shown]) -> str:
    """misconceptions.md: each belief in code, beside what is so."""
    lines = [ABOUT_MISCONCEPTIONS]
    for item in sorted(found, key=lambda item: int(item.number[1:])):
        if item.number.startswith("M") and item.ran:
            lines += [f"## {item.number}. “{_sentence(item.sentence)}”", "", _sentence(item.code["instead"]), ""]
            code = [f"{name} = {item.code[name]}" for name in ("believed", "found")]
            lines += [f"{item.link}.", "", "```python", *code, "```", ""]
    return "\n".join(lines)


def _sentence(words: str) -> str:
    """With a capital letter and a full stop, unless it begins with a sign or ends with one."""
    return (words[0].upper() + words[1:]).rstrip(".") + "."


def pages(found: list[Shown]) -> dict[str, str]:
    """The text of each page by the name of its file."""
    return {"claims.md": claims_page(found), "misconceptions.md": misconceptions_page(found)}
