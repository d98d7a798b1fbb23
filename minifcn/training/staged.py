"""The folder of a run in stages: a folder for each of its networks, each a run of its own, and the plan of all.

    run/stages.json    the plan
    run/32s/  16s/  8s/

Where weights are asked for, such a run stands for its last finished stage; a stage is finished when it has a report.
"""

from __future__ import annotations

import os
from pathlib import Path

from minifcn.errors import FileError
from minifcn.models.settings import STRIDES

STAGES_FILE, METRICS_FILE = "stages.json", "metrics.json"


def stage_folder(run: str | os.PathLike[str], stride: int) -> Path:
    """Where the stage of that stride lies."""
    return Path(run) / f"{stride}s"


def is_staged(run: str | os.PathLike[str]) -> bool:
    """Whether the folder `run` is that of a run in stages."""
    return (Path(run) / STAGES_FILE).is_file()


def network_folder(run: str | os.PathLike[str]) -> Path:
    """`run` itself, or the folder of its last finished stage if it has stages; FileError if none is finished."""
    if not is_staged(run):
        return Path(run)
    folders = [stage_folder(run, stride) for stride in STRIDES]
    finished = [folder for folder in folders if (folder / METRICS_FILE).is_file()]
    if not finished:
        raise FileError(f"{run}: none of its stages is finished; go on with minifcn train --resume {run}.")
    return finished[-1]
