"""What a teacher gets of a graded class: grades.csv, a page for each student, and one page about all of them.

The pages are files that open from disk, need nothing else and ask no other machine. A student's page says what was
tried and what was found; neither it nor the file about the class says the seed.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from minifcn.labs.alike import pairs
from minifcn.labs.grading import Result, file_name
from minifcn.labs.lab import AUTOMATIC, WRITTEN, Lab
from minifcn.labs.telling import STYLE
from minifcn.weights import write_text_atomic

BINS = 10  # bars of the histogram, each as many percent wide
MARK = "\ufeff"  # by which Excel knows UTF-8; without it 김민수 is unreadable there


def write_reports(lab: Lab, results: Sequence[Result], folder: Path) -> None:
    """grades.csv, class.html and reports/<student>.html."""
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    write_text_atomic(folder / "grades.csv", MARK + grades_csv(lab, results))
    write_text_atomic(folder / "class.html", class_page(lab, results))
    for result in results:
        write_text_atomic(folder / "reports" / f"{file_name(result.student)}.html", student_page(lab, result))


def grades_csv(lab: Lab, results: Sequence[Result]) -> str:
    """A line for each student; a spreadsheet takes none of its fields for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [f"{task.function} ({task.points})" for task in lab.tasks]
    writer.writerow(["student", f"points ({AUTOMATIC})", *names, "late", "file", "mistakes", "remark"])
    for result in results:
        tasks = {task.function: task.points for task in result.tasks}
        mistakes = [name for task in result.tasks for name in task.mistakes]
        row: list[object] = [result.student, result.points, *(tasks.get(task.function, 0) for task in lab.tasks)]
        row += [
            "late" if result.late else "",
            result.file,
            " ".join(mistakes),
            "; ".join(filter(None, [result.error, *result.notes])),
        ]
        writer.writerow([_harmless(str(cell)) for cell in row])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet runs what begins with = + - @; a space in front makes it a text."""
    return f" {cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def student_page(lab: Lab, result: Result) -> str:
    """What was tried and found, task by task."""
    rows = "".join(
        f"<tr><td>{escape(task.function)}</td><td>{task.points} of {task.of}</td><td>{escape(task.state)}"
        f"{f': {escape(task.told)}' if task.told else ''}</td></tr>"
        for task in result.tasks
    )
    told = [f"<p><strong>{result.points} of {AUTOMATIC} points</strong>; {WRITTEN} more are for the written part.</p>"]
    if result.error:
        told.append(f"<p class='error'>{escape(result.error)}</p>")
    told += [f"<p>{escape(note)}</p>" for note in result.notes]
    told.append(f"<table class='grades'><tr><th>task</th><th>points</th><th></th></tr>{rows}</table>")
    body = f"{''.join(told)}<div class='minifcn-lab'>{result.html}</div>"
    return page(f"Lab {lab.number}: {lab.title}", f"{escape(result.student)}, {escape(result.file)}", body)


def class_page(lab: Lab, results: Sequence[Result]) -> str:
    """A histogram, how each task went, the most common mistakes, what needs a look, and who wrote alike."""
    parts = [histogram([result.percent for result in results]), _tasks(lab, results), _mistakes(results)]
    parts += [_to_look_at(results), _alike(results), _everybody(results)]
    walls = sorted({wall for result in results for wall in result.walls})
    if walls:
        parts.append("<h2>Walls that this system did not allow</h2>" + _list(walls))
    points = sorted(result.points for result in results)
    middle = points[len(points) // 2] if points else 0
    head = f"{len(results)} submissions, the middle one with {middle} of {AUTOMATIC} points"
    return page(f"Lab {lab.number}: {lab.title}", head, "".join(parts))


def histogram(percents: Sequence[float]) -> str:
    """An SVG: how many have 0 to 9 %, ..., 90 to 99 %, and all of 100 %."""
    counts = [0] * (BINS + 1)
    for percent in percents:
        counts[min(BINS, int(percent * BINS / 100))] += 1
    most, row, left, width = max([*counts, 1]), 22, 62, 230
    bars = []
    for place, count in enumerate(counts):
        label = "100 %" if place == BINS else f"{100 // BINS * place}–{100 // BINS * (place + 1) - 1}"
        long, y = width * count / most, row * place
        bars.append(
            f"<text x='{left - 8}' y='{y + 15}' text-anchor='end'>{label}</text>"
            f"<rect x='{left}' y='{y + 2}' width='{long:.1f}' height='{row - 4}' fill='#0072b2'/>"
            f"<text x='{left + long + 6:.1f}' y='{y + 15}'>{count or ''}</text>"
        )
    size = left + width + 48, row * (BINS + 1)
    style = f"style='width:{size[0]}px;max-width:100%;font:13px sans-serif;fill:currentColor'"
    picture = f"<svg viewBox='0 0 {size[0]} {size[1]}' role='img' aria-label='points in percent' {style}>"
    return f"<h2>Points in percent</h2>{picture}{''.join(bars)}</svg>"


def _tasks(lab: Lab, results: Sequence[Result]) -> str:
    states = ("right", "partly", "wrong", "not written yet", "missing")
    rows = []
    for task in lab.tasks:
        of = Counter(found.state for result in results for found in result.tasks if found.function == task.function)
        rows.append(f"<tr><td>{escape(task.function)}</td>{''.join(f'<td>{of[state]}</td>' for state in states)}</tr>")
    head = "".join(f"<th>{state}</th>" for state in states)
    return f"<h2>Tasks</h2><table class='grades'><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _mistakes(results: Sequence[Result]) -> str:
    who: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        for task in result.tasks:
            for name, remark in task.mistakes.items():
                who.setdefault((task.function, name, remark), []).append(result.student)
    rows = "".join(
        f"<tr><td>{len(students)}</td><td>{escape(function)}</td><td>{escape(name)}: {escape(remark)}</td></tr>"
        for (function, name, remark), students in sorted(who.items(), key=lambda item: (-len(item[1]), item[0]))
    )
    told = f"<table class='grades'><tr><th>how many</th><th>task</th><th>mistake</th></tr>{rows}</table>"
    return f"<h2>The most common mistakes</h2>{told if rows else '<p>None was recognised.</p>'}"


def _to_look_at(results: Sequence[Result]) -> str:
    told = [f"{result.student}: {result.error}" for result in results if result.error]
    return f"<h2>To be looked at</h2>{_list(told) if told else '<p>Every submission could be run.</p>'}"


def _alike(results: Sequence[Result]) -> str:
    found = pairs({result.student: frozenset(result.prints) for result in results})
    told = [f"{one} and {other}: {share:.0%} of what is their own" for share, one, other in found]
    why = "<p>A reason to look at both, and no proof: names and layout do not count, nor what many wrote.</p>"
    return f"<h2>Suspiciously alike</h2>{why + _list(told) if told else '<p>No two.</p>'}"


def _everybody(results: Sequence[Result]) -> str:
    rows = "".join(
        f"<tr><td><a href='reports/{escape(file_name(result.student))}.html'>{escape(result.student)}</a></td>"
        f"<td>{result.points}</td><td>{'late' if result.late else ''}</td><td>{result.seconds:.0f} s</td></tr>"
        for result in sorted(results, key=lambda result: (-result.points, result.student))
    )
    head = "<tr><th>student</th><th>points</th><th></th><th>judged in</th></tr>"
    return f"<h2>Everybody</h2><table class='grades'>{head}{rows}</table>"


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def page(title: str, head: str, body: str) -> str:
    """A whole page of HTML: head is a sentence, body the rest, both escaped already."""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title>{STYLE}{PAGE}</head>"
        f"<body><h1>{escape(title)}</h1><p>{head}</p>{body}</body></html>\n"
    )


PAGE = """<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 sans-serif; max-width: 54em; margin: 1.5em auto; padding: 0 1em; overflow-wrap: anywhere; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 1.6em; }
table.grades { border-collapse: collapse; display: block; overflow-x: auto; }
table.grades td, table.grades th { padding: 0.15em 0.6em 0.15em 0; text-align: left; vertical-align: top;
  overflow-wrap: normal; }
@media (max-width: 28em) { table.grades { font-size: 0.85em; } }
.error { border-left: 4px solid #d55e00; padding-left: 0.8em; }
</style>"""
