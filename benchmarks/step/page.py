"""The record as markdown: families, how to read them, and every operation."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.table import number, rows, said

Record = dict[str, Any]

LEAST = 0.004  # the share of the step below which an operation has no line of its own
HEAD = ["", "ours, ms", "roof, ms", "left, ms", "GFLOP", "MB", "GFLOP/s", "GB/s"]

MEASURED = """\
**How it is measured.** First the loss, the gradients and the moved weights of everybody are compared with minifcn's in
float64. Then come {rounds} rounds. In each, one after the other and with a pause between two: our step, and PyTorch's
in both formats; so if the machine is slow for a while, it is so for all. After its step everybody makes another one
without a pause, as in a training, and ours then a third that is recorded, operation by operation. (After a pause a
virtual machine may wake our second thread on the core of the first for some 30 ms.) Ours has {threads} threads, as the
roof has; PyTorch takes one if that is faster. A time is the median over the rounds, that of a family the median of its
sums, so families do not add up exactly. The time of writing the record is not counted."""

ROOF = """\
**How to read the roof.** It is the least time in which this machine could do these operations, each for itself: the
larger of its operations at {products:.0f} GFLOP/s and its bytes at {copy:.1f} GB/s. Both were measured before and after
the rounds, and the faster counts: NumPy's product of large matrices and a copy of 256 MiB, with one thread and with
all. We take the larger, not the sum, because a core multiplies while its cache is filled. Operations are a product and
a sum for each term of a convolution, and where winograd computes it those of its products; bytes are those of operands
and result, each once. Columns, tiles and sums that an algorithm makes on the way are not in it. The column *left* is
these, second visits to memory, hand-overs between threads, threads that wait for one another's Python, and Python.

- The roof is of these operations and not of the job. Two operations that become one on a single visit to memory have a
  lower roof than both, and a convolution may need fewer products than the algorithm that was taken.
- What lies in a cache moves faster than a copy of 256 MiB, so a small operation may take less than its roof.
- Products are slow where matrices are narrow: 16 channels never reach the speed of 2048."""

OPERATIONS = """\
Every operation of the step, slowest first; like ones in one line. ToOutput, ToInput and ToWeight are convolution and
its gradients with respect to input and weight. GFLOP and MB are sums over the calls; the limit is which of the two the
roof comes from. Those of less than {least:g}% of the step are together in the last line."""


def page(record: Record) -> str:
    found, m = record["speeds"], record["machine"]
    parts = [
        "# One training step of the default job, operation by operation",
        f"{record['title']}, {record['size']}, float32.",
        families(record),
        MEASURED.format(**record),
        ROOF.format(products=found["products"] / 1e9, copy=found["copy"] / 1e9),
        "## Operations",
        operations(record),
        OPERATIONS.format(least=100 * LEAST),
        "## Machine and versions",
        notes(record, m),
    ]
    return "\n\n".join(parts) + "\n"


def families(record: Record) -> str:
    """One line per family, the step, and the steps of PyTorch."""
    lines = [[one["family"], *cells(one)] for one in record["families"]]
    lines.append(["**all of it**", *cells(record["step"])])
    for name, of in (("**the step, not recorded**", "seconds"), ("**the step right after it**", "again")):
        lines.append([name, *cells({"seconds": record["ours"][of], "roof": record["step"]["roof"]})])
    for entry in record["opponents"]:
        if "ratio" in entry:
            for what, of, share in (("the whole step", "seconds", "ratio"), ("right after it", "again", "ratio again")):
                name = f"{entry['name']}, {what}: {number(entry[share]['median'])} of ours"
                lines.append([name, milliseconds(median(entry[of])), *[""] * (len(HEAD) - 2)])
        else:
            lines.append([f"{entry['name']}: {entry['problem'].replace('|', '/')}", *[""] * (len(HEAD) - 1)])
    return rows([HEAD, *lines])


def operations(record: Record) -> str:
    least = LEAST * median(record["step"]["seconds"])
    shown = [one for one in record["operations"] if median(one["seconds"]) >= least]
    others = [one for one in record["operations"] if median(one["seconds"]) < least]
    lines = [[label(one), one["phase"], str(one["calls"] or ""), *cells(one), one["limit"]] for one in shown]
    if others:
        one = together(others)
        lines.append([f"{len(others)} others", "", str(one["calls"]), *cells(one), ""])
    return rows([["operation", "phase", "calls", *HEAD[1:], "limit"], *lines])


def label(one: Record) -> str:
    """With whose backward it is part of, where its own name does not say so."""
    within = one["within"].removesuffix(".backward")
    inside = within and within not in ("ToOutput", one["operation"].removesuffix(".backward"))
    return f"{one['operation']} (of {within})" if inside and one["calls"] else one["operation"]


def together(lines: Iterable[Record]) -> Record:
    lines = list(lines)
    made: Record = {key: sum(one[key] for one in lines) for key in ("calls", "operations", "bytes", "roof")}
    return made | {"seconds": [sum(one) for one in zip(*(one["seconds"] for one in lines), strict=True)]}


def cells(one: Record) -> list[str]:
    """ours, roof, left, GFLOP, MB, GFLOP/s, GB/s; empty where nothing is counted."""
    took, done, moved = median(one["seconds"]), one.get("operations", 0), one.get("bytes", 0)
    return [
        milliseconds(took),
        milliseconds(one["roof"]),
        milliseconds(took - one["roof"]),
        f"{done / 1e9:.3f}" if done else "",
        f"{moved / 1e6:.2f}" if moved else "",
        f"{done / took / 1e9:.1f}" if done and took > 0 else "",
        f"{moved / took / 1e9:.2f}" if moved and took > 0 else "",
    ]


def milliseconds(value: float) -> str:
    return f"{1e3 * value:.1f}" if abs(value) >= 0.00995 else f"{1e3 * value:.2f}"


def notes(record: Record, m: Record) -> str:
    lines = [
        f"- {m['processor']}, {m['cores']} cores, {record['threads']} threads; {m['system']}, Python {m['python']}, "
        f"NumPy {m['numpy']}, {m['blas']}; minifcn {m['minifcn']} at {m['commit']}",
    ]
    for unit in ("GFLOP/s", "GB/s"):
        lines += [f"- {value:.1f} {unit}: {name}" for name, value in record["ceilings"][unit].items()]
    for entry in [{"name": "minifcn", **record["ours"]}, *record["opponents"]]:
        threads = f", threads: {entry['threads']}" if "threads" in entry else ""
        lines.append(f"- {entry['name']}{threads}, error: {said(entry.get('error'))}")
    lines += [f"- {one['name']}: {one['reason']}" for one in record["missing"]]
    if (m["busy"] or 0) > 0.5 * m["cores"]:
        lines.append("- The machine was not idle when the command began.")
    return "\n".join(lines)
