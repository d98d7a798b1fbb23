"""`minifcn lab start`: a lab, copied into a folder of the student's, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.commands.keeping import put
from minifcn.errors import ArgumentError
from minifcn.labs.forms import BUILDS_ON, Source, source_of

STATES = {"new": "", "same": " was there already", "theirs": " is yours and is kept; move it away to begin anew"}


def run(options: Mapping[str, Any]) -> int:
    """Copy one form of a lab: one file to write in, and one to hand in. What the student has written is kept."""
    source, earlier = source_of(options["number"]), options["reference"]
    if earlier is not None and earlier >= source.number:
        raise ArgumentError(f"lab {source.number} does not build on lab {earlier}; --reference takes an earlier one.")
    files = plain(source) if options["plain"] else {f"{source.name}.ipynb": source.notebook()}
    if earlier is not None:
        files[f"reference_lab{earlier}.py"] = source_of(earlier).reference()
    folder = Path(options["folder"] or f"lab{source.number}")
    folder.mkdir(parents=True, exist_ok=True)
    print(source.title)
    for name, text in files.items():
        print(f"    {folder / name}{STATES[put(folder / name, text.encode())]}")
    print(_next(source, folder, options["plain"], earlier))
    return 0


def plain(source: Source) -> dict[str, str]:
    """The files of a lab without Jupyter."""
    return {f"{source.name}.py": source.python(), f"test_lab{source.number}.py": source.tests()}


def _next(source: Source, folder: Path, is_plain: bool, reference: int | None) -> str:
    number, lines = source.number, []
    if is_plain:
        lines += [
            f"Write the functions in {folder / source.name}.py. To check them, as often as you like:",
            f"    minifcn lab check {number}"
            + (f' "{folder / source.name}.py"' if folder != Path(f"lab{number}") else ""),
            f'or: pytest "{folder}". Both need: pip install "minifcn[testing]" pytest',
        ]
    else:
        lines += [
            "Write the functions in the notebook; each is checked by the cell below it. To open it:",
            f'    pip install "minifcn[notebooks]" && jupyter lab "{folder / source.name}.ipynb"',
            f"No Jupyter? minifcn lab start {number} --plain copies a Python file instead.",
        ]
    if reference is None and number in BUILDS_ON:
        before = " and ".join(map(str, BUILDS_ON[number]))
        lines.append(
            f"It may use what you wrote in lab {before}; without that, see --reference: minifcn lab start --help"
        )
    if reference is not None:
        lines.append(f"To use lab {reference}: from reference_lab{reference} import <a function>")
    return "\n".join(lines)
