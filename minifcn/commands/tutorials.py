"""`minifcn tutorials`: the lessons, copied into a folder of the reader's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.errors import FileError
from minifcn.teaching.shelf import shelf
from minifcn.weights import atomic_path

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
    copied = kept = same = 0
    for item in sorted(path for pattern in PATTERNS for path in source.glob(pattern)):
        target, content = folder / item.name, item.read_bytes()
        if not target.exists():
            with atomic_path(target) as temporary:
                temporary.write_bytes(content)
            copied += 1
            print(item.name)
        elif target.is_file() and target.read_bytes() == content:
            same += 1
        else:
            kept += 1
            print(f"{item.name}: yours is another and is kept; move it away to have the new one")
    told = [
        f"{copied} files copied to {folder}",
        f"{same} were there already" * bool(same),
        f"{kept} kept" * bool(kept),
    ]
    print(", ".join(filter(None, told)))
    print(f'To open them: pip install "minifcn[notebooks]" && jupyter lab "{folder}"')
    return 0
