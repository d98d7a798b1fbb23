"""`minifcn figures`: every picture with numbers in it, written into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.plot.collection import PICTURES
from minifcn.plot.frames import Frames
from minifcn.plot.style import save_figure


def run(options: Mapping[str, Any]) -> int:
    """Write the pictures: a .png of each, and of what moves a .gif and the .html of a slider."""
    folder = Path(options["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PICTURES.items():
        made = make()
        if isinstance(made, Frames):
            for suffix in (".gif", ".html", ".png"):
                made.save(folder / f"{name}{suffix}")
        else:
            save_figure(made, folder / f"{name}.png")
        print(f"{name}{f', {len(made)} frames' if isinstance(made, Frames) else ''}")
    print(f"{len(PICTURES)} pictures in {folder}")
    return 0
