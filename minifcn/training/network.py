"""A trained network as one file: the weights, and the card that says what they are.

The card holds everything that is needed to use the weights: how to build the network, what its classes are called and
coloured, and how an image is prepared for it. Weights that are fed images prepared for other weights give plausible
nonsense, so the preparation travels with them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.data import Dataset
from minifcn.errors import ArgumentError, FileError, MinifcnError
from minifcn.machine.backend import to_numpy
from minifcn.models import Network, network
from minifcn.text import closest
from minifcn.training.staged import STAGES_FILE, network_folder
from minifcn.weights import load_arrays, save_arrays

WEIGHTS_FILE = "weights.safetensors"
MOST_RUNS = 8  # are named where one is not found


@dataclass(frozen=True)
class Card:
    """How to build and feed a network.

    data: the kind of data it was trained on, as `data.open_dataset` names it. mean, std: per channel, RGB in 0..255: of
    the training images, or, after `train --weights`, those that the weights of others were made for.
    size: that of the training images, None if each had its own. at_once: as FCN takes it. recipe: the name of the
    recipe that it was trained by, "" for none. head: as `models.network` takes it.
    """

    backbone: str
    stride: int
    alignment: str
    width: float
    learn_upsampling: bool
    upsampling: str
    data: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: tuple[int, int] | None
    at_once: bool = False
    recipe: str = ""
    head: str = "fcn"

    @classmethod
    def describing(cls, data: str, dataset: Dataset, size: tuple[int, int] | None, **network: Any) -> Card:
        return cls(
            data=data,
            classes=tuple(dataset.classes),
            palette=tuple((int(r), int(g), int(b)) for r, g, b in dataset.palette),
            mean=_three(dataset.mean),
            std=_three(dataset.std),
            size=size,
            **network,
        )

    def build(self, generator: np.random.Generator | None = None) -> Network:
        """The network with fresh weights."""
        return network(
            self.head,
            self.backbone,
            len(self.classes),
            self.stride,
            self.alignment,
            learn_upsampling=self.learn_upsampling,
            upsampling=self.upsampling,
            at_once=self.at_once,
            width=self.width,
            generator=generator,
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, path: str | os.PathLike[str]) -> Card:
        try:
            fields = dict(json.loads(text))
            fields["stride"], fields["width"] = int(fields["stride"]), float(fields["width"])
            fields["classes"] = tuple(str(name) for name in fields["classes"])
            fields["palette"] = tuple((int(r), int(g), int(b)) for r, g, b in fields["palette"])
            fields["mean"], fields["std"] = _three(fields["mean"]), _three(fields["std"])
            fields["size"] = None if fields["size"] is None else (int(fields["size"][0]), int(fields["size"][1]))
            fields["recipe"] = str(fields.get("recipe", ""))
            return cls(**fields).checked()
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise FileError(f"{path}: the description of the network is damaged ({reason}); save it again.") from None

    def checked(self) -> Card:
        """This card, or ValueError if its parts do not fit each other."""
        if not self.classes or len(self.classes) != len(self.palette):
            raise ValueError(f"{len(self.classes)} classes and {len(self.palette)} colours")
        if not all(0 <= value <= 255 for colour in self.palette for value in colour):
            raise ValueError("colours outside 0..255")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and min(self.std) > 0):
            raise ValueError(f"mean {self.mean} and std {self.std}")
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"size {self.size[0]}x{self.size[1]}")
        return self

    def check_classes(self, dataset: Dataset, what: str) -> None:
        """Raises ArgumentError unless `dataset` has the classes that `what` was trained on, in the same order."""
        if tuple(dataset.classes) != self.classes:
            raise ArgumentError(
                f"{what} knows the {len(self.classes)} classes {', '.join(self.classes)} but {dataset.name} has the "
                f"{len(dataset.classes)} classes {', '.join(dataset.classes)}; use the kind of data it was trained on."
            )


def _three(values: Any) -> tuple[float, float, float]:
    r, g, b = (float(value) for value in values)
    return r, g, b


def arrays_of(model: Network) -> dict[str, np.ndarray]:
    return {name: to_numpy(value._array) for name, value in model.state_dict().items()}


def check_finite(arrays: dict[str, np.ndarray], what: str, remedy: str) -> None:
    """Raises FileError if a weight is NaN or infinite: such weights are neither written over good ones nor used."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise FileError(f"{what}: {name} holds NaN or infinity; {remedy}.")


def save_network(path: str | os.PathLike[str], model: Network, card: Card, notes: dict[str, str] | None = None) -> None:
    """Write weights and card to a .safetensors or .npz file, whole or not at all."""
    arrays = arrays_of(model)
    check_finite(arrays, f"{path} was not written", "what was there is unchanged")
    save_arrays(path, arrays, {"network": card.to_json(), **(notes or {})})


def load_network(path: str | os.PathLike[str]) -> tuple[Network, Card]:
    """The network of a weights file, or of a run folder, ready to use (in eval mode).

    Raises FileError, naming the file, if it is missing, damaged, or not a network that minifcn saved.
    """
    file = weights_file(path)
    arrays, metadata = load_arrays(file)
    if "network" not in metadata:
        raise FileError(f"{file} holds arrays but no description of a network; give weights that minifcn saved.")
    if "state" in metadata:
        raise FileError(f"{file} is the checkpoint of a run, for --resume; give {file.with_name(WEIGHTS_FILE)}.")
    card = Card.from_json(metadata["network"], file)
    try:
        model = card.build(np.random.default_rng(0))
        model.load_state_dict(arrays)
    except MinifcnError as error:
        raise FileError(f"{file} does not fit the network it describes: {error}") from None
    check_finite(arrays, f"{file} cannot be used", "give the weights of another run")
    return model.eval(), card


def weights_file(path: str | os.PathLike[str]) -> Path:
    """A run folder stands for the weights in it, a run in stages for those of its last finished stage."""
    given = Path(path)
    if given.is_dir():
        given = network_folder(given)
        file = given / WEIGHTS_FILE
        if not file.exists():
            raise FileError(f"{given} is a folder without {WEIGHTS_FILE}; {runs_in(given, WEIGHTS_FILE)}.")
        return file
    if not given.exists():
        raise no_such_run(given, WEIGHTS_FILE)
    return given


def no_such_run(path: str | os.PathLike[str], file: str) -> FileError:
    """The error for a `path` that does not exist, with the runs that there are: folders beside it that hold `file`."""
    given = Path(path)
    runs = [run for place in dict.fromkeys((given.parent, Path("runs"))) for run in _runs(place, file)]
    if not runs:
        return FileError(f"{path} does not exist; check the path.")
    alike = closest(str(given), runs, most=MOST_RUNS)
    order = ", the nearest first" if alike and len(runs) > 1 else ""
    return FileError(f"{path} does not exist; the runs there are{order}: {_named([*alike, *runs])}.")


def runs_in(folder: Path, file: str) -> str:
    """What to give instead of a folder that is no run, but may hold some."""
    runs = _runs(folder, file)
    return f"give one of the runs in it: {_named(runs)}" if runs else "give the folder of a run or a file in it"


def _runs(place: Path, file: str) -> list[str]:
    try:
        return sorted({str(found.parent) for name in (file, STAGES_FILE) for found in place.glob(f"*/{name}")})
    except OSError:
        return []


def _named(runs: list[str]) -> str:
    each = list(dict.fromkeys(runs))
    return ", ".join(each[:MOST_RUNS]) + (", ..." if len(each) > MOST_RUNS else "")
