"""A profile as text: one aligned line per kind of operation, the slowest first, and the sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FORWARD, BACKWARD, OTHER = "forward", "backward", "other"
LEAST = 0.005  # the share of the time below which a line says little

HEAD = ("%", "ms", "calls", "GFLOP", "MB", "GFLOP/s", "phase", "operation")


@dataclass(slots=True)
class Entry:
    """All calls of one kind of operation: `name` with `detail`, in a phase.

    operations: additions, multiplications, comparisons and the like, one each; 0 where nothing is known.
    bytes: of operands read and results written; 0 where nothing is known, and for views.
    """

    phase: str
    name: str
    detail: str = ""
    calls: int = 0
    seconds: float = 0.0
    operations: int = 0
    bytes: int = 0

    @property
    def label(self) -> str:
        return f"{self.name} {self.detail}".rstrip()

    @property
    def rate(self) -> float | None:
        """Operations per second."""
        return self.operations / self.seconds if self.operations and self.seconds > 0 else None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def together(entries: Iterable[Entry], phase: str, name: str) -> Entry:
    """One entry with the sums."""
    total = Entry(phase, name)
    for entry in entries:
        total.calls += entry.calls
        total.seconds += entry.seconds
        total.operations += entry.operations
        total.bytes += entry.bytes
    return total


def shortened(rows: Sequence[Entry], least: float = LEAST, most: int = 30) -> list[Entry]:
    """Of rows, slowest first, those with a share of `least` or more, at most `most`; and one for all others."""
    seconds = sum(row.seconds for row in rows)
    shown = [row for row in rows if row.seconds >= least * seconds][:most]
    others = [row for row in rows[len(shown) :] if row.seconds or row.calls]
    if len(others) < 2:
        return [*shown, *others]
    return [*shown, together(others, "", f"{len(others)} others")]


def table(rows: Sequence[Entry], steps: int = 1) -> str:
    """The rows, slowest first, and the sums; divided by the number of steps, calls too.

    GFLOP: 10⁹ operations; MB: 10⁶ bytes; GFLOP/s: what was achieved. A minus where nothing is known.
    """
    seconds = sum(row.seconds for row in rows)
    lines = [_cells(row, seconds, steps) for row in shortened(rows)]
    phases = [[row for row in rows if row.phase == phase] for phase in (FORWARD, BACKWARD, OTHER)]
    sums = [together(members, members[0].phase, "together") for members in phases if members]
    foot = [_cells(row, seconds, steps) for row in [*sums, together(rows, "", "total")]]
    widths = [max(len(line[i]) for line in (HEAD, *lines, *foot)) for i in range(len(HEAD))]

    def aligned(line: Sequence[str]) -> str:
        """Numbers to the right, words to the left."""
        words = len(HEAD) - 2
        pairs = enumerate(zip(line, widths, strict=True))
        cells = (text.ljust(n) if i >= words else text.rjust(n) for i, (text, n) in pairs)
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([aligned(HEAD), rule, *map(aligned, lines), rule, *map(aligned, foot)])


def _cells(row: Entry, seconds: float, steps: int) -> tuple[str, ...]:
    return (
        f"{100 * row.seconds / seconds:.1f}" if seconds > 0 else "-",
        f"{1e3 * row.seconds / steps:.2f}",
        f"{row.calls / steps:.2f}".removesuffix(".00") if row.calls else "-",
        f"{row.operations / steps / 1e9:.3f}" if row.operations else "-",
        f"{row.bytes / steps / 1e6:.1f}" if row.bytes else "-",
        "-" if row.rate is None else f"{row.rate / 1e9:.1f}",
        row.phase,
        row.label,
    )
