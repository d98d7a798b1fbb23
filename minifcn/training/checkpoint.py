"""A run that can go on: network, optimiser and progress in one file, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import FileError, MinifcnError
from minifcn.models import Network
from minifcn.optim import Optimizer
from minifcn.training.loop import State
from minifcn.training.network import Card, arrays_of, check_finite
from minifcn.training.staged import network_folder
from minifcn.weights import load_arrays, load_metadata, save_arrays

CHECKPOINT_FILE = "checkpoint.safetensors"

MODEL, OPTIMIZER = "model.", "optimizer."


def save_checkpoint(
    path: str | os.PathLike[str],
    model: Network,
    optimizer: Optimizer,
    card: Card,
    state: State,
    options: dict[str, Any],
) -> None:
    """Everything a run needs to go on from here. Raises FileError, before writing, if a weight is not finite."""
    weights = arrays_of(model)
    check_finite(weights, f"{path} was not written", "what was there is unchanged")
    arrays = {MODEL + name: array for name, array in weights.items()}
    arrays |= {OPTIMIZER + name: array for name, array in optimizer.state_dict().items()}
    save_arrays(
        path,
        arrays,
        {"network": card.to_json(), "state": json.dumps(asdict(state)), "options": json.dumps(options)},
    )


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[Card, State, dict[str, Any], dict[str, np.ndarray]]:
    """(card, state, options, arrays) of a checkpoint; FileError if it is missing, damaged or something else."""
    arrays, metadata = load_arrays(path, require_format=True)
    if not {"network", "state", "options"} <= metadata.keys():
        raise FileError(f"{path} is not a checkpoint of a run; give the folder of a run of minifcn train.")
    try:
        state, options = state_from(json.loads(metadata["state"])), dict(json.loads(metadata["options"]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise FileError(f"{path}: the state of the run is damaged ({error}); start the run again.") from None
    return Card.from_json(metadata["network"], path), state, options, arrays


def options_of_run(weights: str | os.PathLike[str]) -> dict[str, Any]:
    """The options of the run that `weights` belong to (its folder, or a file in it); {} if there is no such run to ask.

    Only the head of the checkpoint is read, not its arrays.
    """
    given = Path(weights)
    try:
        file = (network_folder(given) if given.is_dir() else given.parent) / CHECKPOINT_FILE
        return dict(json.loads(load_metadata(file)["options"]))
    except (FileError, KeyError, ValueError, TypeError):
        return {}


def state_from(fields: dict[str, Any]) -> State:
    """The State of `asdict`; ValueError, TypeError or KeyError if it is none."""
    state = State(
        epoch=int(fields["epoch"]),
        step=int(fields["step"]),
        losses=[float(loss) for loss in fields["losses"]],
        rates=[float(rate) for rate in fields.get("rates", ())],  # which older runs did not write down
        history=[dict(entry) for entry in fields["history"]],
        best=float(fields["best"]),
    )
    if len(state.losses) != state.step or len(state.history) != state.epoch:
        raise ValueError(
            f"{state.step} steps and {len(state.losses)} losses, {state.epoch} epochs and {len(state.history)} entries"
        )
    return state


def restore(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], model: Network, optimizer: Optimizer) -> None:
    """Put the arrays of a checkpoint back where they came from; FileError if they do not fit, and nothing changes."""
    before = {name: array.copy() for name, array in arrays_of(model).items()}
    try:
        model.load_state_dict({k.removeprefix(MODEL): v for k, v in arrays.items() if k.startswith(MODEL)})
        optimizer.load_state_dict({k.removeprefix(OPTIMIZER): v for k, v in arrays.items() if k.startswith(OPTIMIZER)})
    except MinifcnError as error:
        model.load_state_dict(before)
        raise FileError(f"{path} does not fit this run: {error}") from None
