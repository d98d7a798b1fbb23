"""The results as markdown: first what was asked for and what was reached, then everything that was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.works import BEST, EAGER, ONNX, TAUGHT, WORKS

Record = dict[str, Any]
NUMBER = re.compile(r"(\*\*)?[-\d]|$")  # how a cell with a number begins, or one with nothing
COLUMNS = (EAGER, BEST, ONNX, TAUGHT)
FASTEST_OF = {EAGER: (EAGER,), BEST: ("PyTorch",), ONNX: (ONNX,), TAUGHT: ("DeZero", "MyGrad")}


def reached(record: Record, column: str) -> Record | None:
    """The entry that counts in a column: of all that belong to it, the hardest to beat; None if none was measured."""
    names = FASTEST_OF[column]
    entries = [e for e in record["opponents"] if {e["name"], e["opponent"]} & set(names) and "ratio" in e]
    return min(entries, key=lambda entry: entry["ratio"]["median"], default=None)


def cell(record: Record, column: str) -> str:
    """ "1.72 (asked: 1.6)", "**1.43, missed** (asked: 1.6)", or why there is no number."""
    target, entry = record["targets"].get(column), reached(record, column)
    if target is None:
        return "" if entry is None or record["work"] == "reading" else number(entry["ratio"]["median"])
    if entry is None:
        return f"not measured (asked: {target})"
    found = entry["ratio"]["median"]
    shown = number(found) if found >= target else f"**{number(found)}, missed**"
    return f"{shown} (asked: {target:g})"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def amount(values: Iterable[float], unit: str) -> str:
    value = median(values)
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def rows(lines: list[list[str]]) -> str:
    """A table of a head and a body; columns of numbers are set to the right, where their digits stand in line."""
    head, *body = lines
    sides = ["---:" if all(NUMBER.match(line[i]) for line in body) else "---" for i in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---", *sides[1:]], *body])


def in_order(records: list[Record], names: Iterable[str] = WORKS) -> list[Record]:
    """In the order of works.py, or of other names, without works that are gone."""
    return [record for name in names for record in records if record["work"] == name]


def targets(records: list[Record]) -> str:
    asked = [record for record in in_order(records) if record["targets"]]
    lines = [[f"{r['title']}, {r['size']}", *(cell(r, column) for column in COLUMNS)] for r in asked]
    return rows([["opponent / ours", *COLUMNS], *lines])


def measurements(record: Record) -> str:
    unit = record["unit"]
    lines = [["opponent", "threads", "theirs", "ours", "theirs / ours", "middle half of the ratios", "pairs", "error"]]
    for entry in record["opponents"]:
        if entry["problem"]:
            lines.append([entry["name"], "", entry["problem"].replace("|", "/"), *[""] * 5])
            continue
        pairs, spread = entry["pairs"], entry["ratio"]
        theirs, ours = ([sum(pair[side]) for pair in pairs] for side in ("theirs", "ours"))
        lines.append(
            [
                entry["name"] + (" (patched)" if entry["patch"] else ""),
                str(entry["threads"]),
                amount(theirs, unit),
                amount(ours, unit),
                number(spread["median"]),
                f"{number(spread['low'])} – {number(spread['high'])}",
                str(len(pairs)),
                said(entry.get("error")),
            ]
        )
    mine = said(record["ours"].get("error"))
    note = f"\n\nminifcn's own error: {mine}." if mine else ""
    return f"## {record['title']}, {record['size']}\n\n{rows(lines)}{note}"


def said(errors: dict[str, float] | None) -> str:
    return ", ".join(f"{kind} {value:.0e}" for kind, value in (errors or {}).items())


def notes(records: list[Record]) -> str:
    """Where it was measured, what was patched, who was not there."""
    machines: dict[str, list[str]] = {}
    lines = []
    for record in records:
        m = record["machine"]
        text = (
            f"{m['processor']}, {m['cores']} cores, {record['threads']} threads; {m['system']}, Python {m['python']}, "
            f"NumPy {m['numpy']}, {m['blas']}; minifcn {m['minifcn']} at {m['commit']}"
        )
        machines.setdefault(text, []).append(record["work"])
    for text, names in machines.items():
        lines.append(f"- {text}" + (f" ({', '.join(names)})" if len(machines) > 1 else ""))
    entries = [entry for record in records for entry in record["opponents"]]
    packages = {f"{name} {version}" for entry in entries for name, version in entry["packages"].items()}
    lines += [f"- Opponents: {', '.join(sorted(packages))}"] if packages else []
    patches = {
        f"- {entry['opponent']} is patched at run time: {entry['patch']}." for entry in entries if entry["patch"]
    }
    missing = {f"- {one['name']}: {one['reason']}" for record in records for one in record["missing"]}
    busy = [record["work"] for record in records if (record["machine"]["busy"] or 0) > 0.5 * record["machine"]["cores"]]
    lines += [*sorted(patches), *sorted(missing)]
    lines += [f"- The machine was not idle when the command began, for {', '.join(busy)}."] if busy else []
    return "\n".join(lines)


def table(records: list[Record]) -> str:
    """The whole page."""
    known = in_order(records)
    title = "# Small sizes, for a quick look" if any(record["quick"] for record in known) else "# minifcn beside others"
    explained = (
        "Ratios are theirs / ours, the median over pairs of runs next to each other: above 1, ours is faster or needs "
        "less. The error is ‖found − reference‖ / ‖reference‖ against minifcn in float64. Algorithms of minifcn "
        "that are there to be read, not to be fast, stand among the opponents."
    )
    parts = [title, explained, targets(known), *(measurements(record) for record in known)]
    return "\n\n".join([*parts, "## Machine and versions", notes(known)]) + "\n"
