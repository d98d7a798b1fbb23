"""Files that are copied to a reader, who may have written into them: what is theirs is never written over."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from minifcn.weights import atomic_path


def put(path: Path, content: bytes) -> Literal["new", "same", "theirs"]:
    """Write a file that is not there; says whether it is new, was the same already, or is theirs and was kept."""
    if path.exists():
        return "same" if path.is_file() and path.read_bytes() == content else "theirs"
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return "new"
