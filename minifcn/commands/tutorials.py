"""`minifcn tutorials`: the lessons, copied into a folder of the reader's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.commands.keeping import put
from minifcn.errors import FileError
from minifcn.teaching.shelf import shelf

PATTERNS = ("[0-9][0-9]_*.ipynb", "*.md", "*.gif")  # the lessons, the two pages about them, and the picture they show


def lessons() -> Path:
    """Where the lessons lie; FileError where they are in neither place."""
    return shelf(PATTERNS[0], "the lessons")


def run(options: Mapping[str, Any]) -> int:
    """Copy the lessons; what the reader has changed in a lesson that is there already is kept."""
    folder, source = Path(options["folder"]), lessons()
    if folder.exists() and folder.samefile(source):
        raise FileError(f"{folder} is where the lessons lie; name another folder for your copy.")
    folder.mkdir(parents=True, exist_ok=True)
    found: Counter[str] = Counter()
    for item in sorted(path for pattern in PATTERNS for path in source.glob(pattern)):
        state = put(folder / item.name, item.read_bytes())
        found[state] += 1
        if state != "same":
            theirs = ": yours is another and is kept; move it away to have the new one" * (state == "theirs")
            print(f"{item.name}{theirs}")
    told = [
        f"{found['new']} files copied to {folder}",
        f"{found['same']} were there already" * bool(found["same"]),
        f"{found['theirs']} kept" * bool(found["theirs"]),
    ]
    print(", ".join(filter(None, told)))
    print(f'To open them: pip install "minifcn[notebooks]" && jupyter lab "{folder}"')
    return 0
