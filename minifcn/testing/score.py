"""Which law kills which mutant: the test of the tests, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import fill

from minifcn.testing.law import Law
from minifcn.testing.laws import LAWS
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.version import Version


@dataclass(frozen=True)
class Score:
    """killed_by: for every mutant the names of the laws that it breaks."""

    killed_by: dict[str, tuple[str, ...]]

    @property
    def survivors(self) -> list[str]:
        return [name for name, laws in self.killed_by.items() if not laws]

    @property
    def kills(self) -> dict[str, list[str]]:
        """For every law that speaks about one of these mutants' operations, the names of those it kills."""
        operations = {MUTANTS[name].of for name in self.killed_by}
        laws = [law for law in LAWS.values() if operations & set(law.needs)]
        return {law.name: [name for name, by in self.killed_by.items() if law.name in by] for law in laws}

    def __str__(self) -> str:
        lines = []
        for operation in dict.fromkeys(MUTANTS[name].of for name in self.killed_by):
            lines += ["", operation, "-" * len(operation)]
            for name, laws in self.killed_by.items():
                if MUTANTS[name].of == operation:
                    lines.append(f"{name}: {MUTANTS[name].remark}")
                    lines.append(fill(f"killed by {', '.join(laws)}" if laws else "ALIVE: no law kills it", 116,
                                      initial_indent="    ", subsequent_indent="        "))  # fmt: skip
        lines += ["", "Laws, with the number of mutants they kill, and of those that no other law kills", "-" * 80]
        for law, names in self.kills.items():
            alone = sum(self.killed_by[name] == (law,) for name in names)
            lines.append(f"{len(names):4d} {alone:4d}  {law}")
        killed = len(self.killed_by) - len(self.survivors)
        lines += ["", f"{killed} of {len(self.killed_by)} mutants killed by {len(self.kills)} laws"]
        return "\n".join(lines[1:])


def score(mutants: Iterable[Version] | None = None, *, examples: int = 40, seed: int = 0) -> Score:
    """Try every law that speaks about a mutant's operation on `examples` cases. Default: all mutants."""
    chosen = list(MUTANTS.values() if mutants is None else mutants)
    return Score({v.name: tuple(law.name for law in laws_about(v.of) if kills(law, v, examples, seed)) for v in chosen})


def laws_about(*operations: str) -> list[Law]:
    """The laws that speak about at least one of the operations."""
    return [law for law in LAWS.values() if set(law.needs) & set(operations)]


def kills(law: Law, mutant: Version, examples: int = 40, seed: int = 0) -> bool:
    """Whether the mutant breaks the law in one of `examples` cases."""
    return law.falsify(mutant.operations(), examples=examples, smallest=False, seed=seed) is not None
