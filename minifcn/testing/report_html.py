"""A report as a notebook shows it: what is wrong in one line, the call, and what it gave beside what it should give.

Colours are orange and blue, which the colour-blind tell apart; wrong cells have a thick edge, too, so grey will do.
Text and paper are the page's own, dark or light.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from minifcn.testing.blame import arrays_of
from minifcn.testing.calls import Call, Given
from minifcn.testing.tables import Beside, Cells, beside, number_in_words

if TYPE_CHECKING:
    from minifcn.testing.report import Finding

STYLE = """<style>
.minifcn-check { max-width: 52em; line-height: 1.45; overflow-wrap: anywhere; }
.minifcn-check section { border-left: 4px solid #0072b2; padding: 0.1em 0 0.1em 0.9em; margin: 0.6em 0; }
.minifcn-check section.wrong { border-left-color: #d55e00; }
.minifcn-check section.unwritten { border-left: 4px dashed #888; }
.minifcn-check p { margin: 0.4em 0; }
.minifcn-check .arrays { display: flex; flex-wrap: wrap; gap: 0.4em 1.6em; align-items: flex-start; margin: 0.5em 0; }
.minifcn-check figure { margin: 0; max-width: 100%; overflow-x: auto; }
.minifcn-check figcaption { font-size: 0.85em; opacity: 0.85; text-align: left; }
.minifcn-check .arrays table { border-collapse: collapse; margin: 0.15em 0; font-variant-numeric: tabular-nums;
  font-size: 0.95em; background: transparent; border: 0; width: auto; display: table; }
.minifcn-check .arrays td { border: 1px solid rgba(128, 128, 128, 0.55); padding: 0.15em 0.5em; text-align: right;
  color: inherit; background: transparent; min-width: 1.4em; }
.minifcn-check .arrays td.yours { border: 3px solid #d55e00; background: rgba(213, 94, 0, 0.22); font-weight: bold; }
.minifcn-check .arrays td.right { border: 3px double #0072b2; background: rgba(0, 114, 178, 0.22); }
.minifcn-check details { margin: 0.4em 0; }
.minifcn-check summary { cursor: pointer; }
.minifcn-check pre { white-space: pre-wrap; margin: 0.3em 0; color: inherit; background: transparent; }
.minifcn-check .note { font-size: 0.9em; opacity: 0.85; }
</style>"""


def in_html(findings: Iterable[Finding]) -> str:
    """One block for each function."""
    return f'{STYLE}<div class="minifcn-check">{"".join(map(_section, findings))}</div>'


def _section(finding: Finding) -> str:
    kind, mark = ("right", "✓") if finding else ("unwritten", "…") if finding.unwritten else ("wrong", "✗")
    parts = [f"<p><strong>{mark} {escape(finding.sentence)}</strong></p>"]
    if len(finding.mistakes) > 1:
        known = "".join(f"<li><b>{escape(m.name)}</b>: {escape(m.remark)}</li>" for m in finding.mistakes)
        parts.append(f"<p>It does what known mistakes do, which the cases do not tell apart:</p><ul>{known}</ul>")
    wrong = finding.wrong
    if wrong and not finding.cause and finding.sentence != wrong.sentence:
        parts.append(f"<p>{escape(wrong.sentence)}</p>")
    elif wrong and finding.cause:
        parts.append(f"<p>One such call: <code>{escape(wrong.spelt)}</code></p>")
    call = wrong.call if wrong else finding.last_call
    if call:
        given = _arguments(call)
        told = "".join(given) if given is not None else f"<pre>{escape(arrays_of(call))}</pre>"
        parts.append(f'<div class="arrays">{told}</div>' if told else "")
    if wrong and not finding.cause:
        parts += map(_side_by_side, beside(wrong))
    if finding.counterexamples:
        law = finding.counterexamples[0].law
        parts.append(
            f"<p>That breaks the law <b>{escape(law.name)}</b>: {escape(law.statement)}</p>"
            f"<pre>{escape(law.formula)}</pre>"
        )
    parts.append(_laws(finding))
    parts += [f'<p class="note">{escape(note)}</p>' for note in finding.notes]
    return f'<section class="{kind}">{"".join(parts)}</section>'


def _arguments(call: Call) -> list[str] | None:
    """The arrays of a call as tables; None if one has more than a plane that could be shown."""
    arrays: Given = {name: value for name, value in call.given.items() if isinstance(value, np.ndarray)}
    if "batches" in call.given or any(array.size != np.prod(array.shape[-2:], dtype=int) or not 0 < array.size <= 80
                                      for array in arrays.values()):  # fmt: skip
        return None
    made = []
    for name, array in arrays.items():
        plane = array.reshape((1, 1, *array.shape)[-2:])
        cells = [[(number_in_words(number), False) for number in row] for row in plane]
        made.append(_table(f"{name}, {array.dtype}, shape {array.shape}", cells, ""))
    return made


def _side_by_side(tables: Beside) -> str:
    of = f" ({tables.title})" if tables.title else ""
    pair = _table(f"it gave{of}", tables.found, "yours") + _table("it should give", tables.right, "right")
    cut = f'<p class="note">{escape(tables.cut)}</p>' if tables.cut else ""
    return f'<div class="arrays">{pair}</div>{cut}'


def _table(caption: str, cells: Cells, kind: str) -> str:
    rows = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{t}</td>' if wrong else f"<td>{t}</td>" for t, wrong in row) + "</tr>"
        for row in cells
    )
    body = f"<table><tbody>{rows}</tbody></table>" if rows else "<p>nothing</p>"
    return f"<figure><figcaption>{escape(caption)}</figcaption>{body}</figure>"


def _laws(finding: Finding) -> str:
    """Every law that was tried or excused, folded away."""
    broken = {found.law.name: found.found for found in finding.counterexamples}
    lines = [
        f"<li>✗ <b>{escape(found.law.name)}</b>: {escape(found.law.statement)}<br>{escape(found.found)}</li>"
        for found in finding.counterexamples
    ]
    lines += [
        f"<li>✓ {escape(law.name)}: {escape(law.statement)}</li>" for law in finding.laws if law.name not in broken
    ]
    folded = [_folded(f"{len(broken)} of {len(finding.laws)} laws do not hold" if broken else
                      f"{len(finding.laws)} laws hold", lines)] if lines else []  # fmt: skip
    if finding.excused:
        lines = [f"<li>{escape(law.name)}: {escape(law.statement)}</li>" for law in finding.excused]
        folded.append(_folded(f"{len(lines)} excused, so of this nothing is known", lines, opened=True))
    return "".join(folded)


def _folded(summary: str, lines: list[str], opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{summary}</summary><ul>{''.join(lines)}</ul></details>"
