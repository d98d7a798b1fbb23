"""`minifcn train --resume`: which run goes on, whether it can, and what may be different from now on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minifcn.commands.options import Options
from minifcn.errors import ArgumentError, FileError
from minifcn.training import CHECKPOINT_FILE, Card, State, no_such_run, read_checkpoint, runs_in
from minifcn.training.checkpoint import state_from
from minifcn.training.staged import METRICS_FILE, is_staged
from minifcn.weights import load_metadata

CHANGEABLE = ("epochs", "device", "root", "sbd", "allow_absent")  # what may differ when a run goes on


class Begun(NamedTuple):
    """What the checkpoint of a run says."""

    card: Card
    state: State
    stored: dict[str, Any]
    arrays: dict[str, np.ndarray]


def begun_in(folder: Path) -> Begun:
    """What is saved in the folder of a run; raises as `read_checkpoint` does."""
    return Begun(*read_checkpoint(folder / CHECKPOINT_FILE))


def saved_state(folder: Path) -> State:
    """How far the run in `folder` is saved, without reading its arrays; FileError if that cannot be read."""
    try:
        return state_from(json.loads(load_metadata(folder / CHECKPOINT_FILE)["state"]))
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(f"{folder / CHECKPOINT_FILE}: the state of the run is damaged ({error}).") from None


def folder_to_resume(given: str) -> Path:
    """The folder of a run, by its name or that of a file in it; FileError, with the runs there are, if it is none."""
    folder = Path(given).parent if Path(given).is_file() else Path(given)
    if is_staged(folder):
        return folder
    if not folder.exists():
        raise no_such_run(given, CHECKPOINT_FILE)
    if not (folder / CHECKPOINT_FILE).exists():
        raise FileError(
            f"{folder} has no {CHECKPOINT_FILE}, so there is nothing to go on with; {runs_in(folder, CHECKPOINT_FILE)}."
        )
    return folder


def check_epochs(folder: Path, state: State, epochs: int) -> None:
    """ArgumentError if nothing is left to do, or less than what has been done."""
    done = f"{state.epoch} epoch{'' if state.epoch == 1 else 's'}"
    # A report of fewer epochs is that of an earlier end, after which the run went on.
    if epochs <= state.epoch and reported(folder / METRICS_FILE) == state.epoch:
        raise ArgumentError(f"{folder} has finished its {done}; pass --epochs with more than {state.epoch} to go on.")
    least = state.epoch + (state.step > 0)
    if epochs < least:
        begun = f" and {state.step} steps" if state.step else ""
        raise ArgumentError(f"{folder} has done {done}{begun}, so --epochs {epochs} is too few; pass at least {least}.")


def reported(path: Path) -> int:
    """How many epochs metrics.json tells of; 0 if it is not there, or no such file."""
    try:
        return len(json.loads(path.read_text(encoding="utf-8"))["history"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0


def resumed_options(arguments: dict[str, Any], stored: dict[str, Any], path: Path) -> Options:
    """The options of the run that goes on; only how long and where it runs may change."""
    before = Options.from_dict(stored, path)
    changes = {name: value for name, value in arguments.items() if value is not None and value != getattr(before, name)}
    for name, value in changes.items():
        if name not in CHANGEABLE:
            option, allowed = name.replace("_", "-"), ", ".join(f"--{each.replace('_', '-')}" for each in CHANGEABLE)
            raise ArgumentError(
                f"--{option} is {shown(getattr(before, name))} in this run and cannot become {shown(value)} with "
                f"--resume, which can change {allowed}; leave --{option} out or start a new run."
            )
    return replace(before, **changes)


def shown(value: Any) -> str:
    """As it is written on the command line."""
    return "x".join(str(side) for side in value) if isinstance(value, tuple) else str(value)
