"""`minifcn train --profile`: some steps are recorded, shown and drawn, and training goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from minifcn.commands.reporting import profile_text, versions
from minifcn.machine.profiling import Profile
from minifcn.weights import write_text_atomic

WARM_UP = 3  # steps before it: in the first, memory is asked for and threads are started
NUMBERS_FILE, PICTURE_FILE = "profile.json", "profile.png"


class StepProfile:
    """Records `steps` steps of those that are left; None: nothing is done.

    If fewer are left there is less of a warm-up, and then less to record. `say` prints.
    """

    def __init__(self, steps: int | None, left: int, folder: Path, say: Callable[[str], object]) -> None:
        self.asked, self.folder, self.say = steps is not None, folder, say
        self.steps = min(steps or 0, left)
        self.before = min(WARM_UP, left - self.steps)
        self.done = self.images = 0
        self.finished = False
        self.record = Profile()

    def __enter__(self) -> Self:
        if self.asked and not self.steps:
            self.say("--profile: no step of this run is left to record.")
        elif self.steps and not self.before:
            self.record.start()
        return self

    def step(self, images: int) -> None:
        """To be called after every step, with the number of images in it."""
        self.done += 1
        if self.before < self.done <= self.before + self.steps:
            self.images += images
        if self.steps and self.done == self.before:
            self.record.start()
        elif self.steps and self.done == self.before + self.steps:
            self.finish()

    def finish(self) -> None:
        """Show what has been recorded; nothing, if that was done or there is nothing."""
        steps = min(self.done - self.before, self.steps)
        if self.finished or steps < 1:
            return
        self.finished = True
        self.record.stop()
        from minifcn.plot import profile_bars, save_figure

        report = {
            "steps": steps,
            "steps_before": self.before,
            "images": self.images,
            "seconds": self.record.seconds,
            "entries": [entry.to_dict() for entry in self.record.rows()],
            "versions": versions(),
        }
        self.say(profile_text(self.record, steps, self.before, self.images))
        write_text_atomic(self.folder / NUMBERS_FILE, json.dumps(report, indent=1) + "\n")
        save_figure(profile_bars(self.record, steps), self.folder / PICTURE_FILE)
        self.say(f"all numbers are in {self.folder / NUMBERS_FILE}, a picture in {self.folder / PICTURE_FILE}\n")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.record.stop()
