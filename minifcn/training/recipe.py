"""A recipe: how a network is trained, as a small TOML file that anyone can read, change and hand on.

    about = "what it is for, in a sentence"
    stages = [32, 16, 8]        # FCN-32s, then FCN-16s from its weights, then FCN-8s
    lr = 1e-10                  # of the first stage
    lr_divisor = 100            # the learning rate of each further stage is this much smaller
    reduction = "sum"           # the loss: "sum" or "mean" over the labelled pixels of a step
    batch_size = 1
    pretrained = true           # the backbone has been trained before: without --weights a run says so
    bias_lr = 2                 # biases learn twice as fast
    bias_decay = false          # and are not pulled towards 0

Every key may be left out; `KEYS` has them all. A recipe says nothing about where data lie and on what machine to work.
It is kept word for word beside what was trained by it.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minifcn.arguments import LARGEST_SIZE, real_number, whole_number
from minifcn.errors import ArgumentError, FileError
from minifcn.models.settings import STRIDES
from minifcn.text import nearest
from minifcn.training.groups import TRAIN_ONLY
from minifcn.training.objective import REDUCTIONS

FOLDER = Path(__file__).parent / "recipes"
RECIPES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
RECIPE_FILE = "recipe.toml"  # in the folder of a run


@dataclass(frozen=True)
class Kind:
    """What a value may be; `fits` gives it as it is used, or None."""

    says: str
    words: tuple[str, ...] = ()
    type: type = str
    least: float = 0.0
    most: float = LARGEST_SIZE
    open: bool = False  # whether least itself is too little

    def fits(self, value: Any) -> Any:
        if self.type is bool or self.type is str:
            right = isinstance(value, self.type) and (not self.words or value in self.words)
            return value if right else None
        number = whole_number(value) if self.type is int else real_number(value)
        if number is None or not self.least <= number <= self.most or (self.open and number == self.least):
            return None
        return number


def _words(*words: str) -> Kind:
    return Kind(f"one of {', '.join(words)}", words)


def _count(least: int) -> Kind:
    return Kind(f"a whole number of at least {least}", type=int, least=least)


_TEXT, _FLAG = Kind("a text"), Kind("true or false", type=bool)
_POSITIVE = Kind("a number greater than 0", type=float, open=True)
_FACTOR = Kind("a number of at least 0", type=float)

KEYS: dict[str, Kind] = {
    "about": _TEXT,
    "source": _TEXT,
    "lr_divisor": Kind("a number of at least 1", type=float, least=1),
    # What the network is.
    "backbone": _TEXT,
    "pretrained": _FLAG,
    "width": Kind("a number greater than 0 and at most 16", type=float, most=16, open=True),
    "alignment": _words("caffe", "compact"),
    "upsampling": _words("single", "staged"),
    "learn_upsampling": _FLAG,
    "at_once": _FLAG,
    # How it learns.
    "train_only": _words("all", *TRAIN_ONLY),
    "reduction": _words(*REDUCTIONS),
    "optimizer": _words("adamw", "adam", "sgd"),
    "lr": _POSITIVE,
    "momentum": Kind("a number of at least 0 and at most 0.9999", type=float, most=0.9999),
    "weight_decay": _FACTOR,
    "bias_lr": _FACTOR,
    "bias_decay": _FLAG,
    "schedule": _words("poly", "cosine", "step", "constant"),
    "batch_size": _count(1),
    "accumulate": _count(1),
    "epochs": _count(1),
    "count": _count(1),
    "balance": _words("none", "sqrt", "median"),
    "augment": _FLAG,
}
OF_THE_FILE = ("about", "source", "lr_divisor")  # the others are options of a run, under the same names


@dataclass(frozen=True)
class Recipe:
    """A recipe, read and checked.

    name        that of the file, without .toml
    text        the file, word for word
    stages      strides, the coarsest first; () if it says nothing about them
    lr_divisor  of the learning rate from stage to stage
    settings    the options that it sets, by their names
    """

    name: str
    text: str
    stages: tuple[int, ...]
    lr_divisor: float
    settings: dict[str, Any]

    @classmethod
    def read(cls, given: str | os.PathLike[str]) -> Recipe:
        """The recipe of that name in the package (`RECIPES`), or that of a file.

        Raises ArgumentError if there is neither, and FileError, with the line, for what a recipe cannot say.
        """
        path = FOLDER / f"{given}.toml" if given in RECIPES else Path(given)
        if not path.is_file():
            meant = nearest(str(given), RECIPES)
            hint = f"did you mean {meant}?" if meant else f"use one of {', '.join(RECIPES)}, or the path of a file."
            raise ArgumentError(f"recipe {str(given)!r} does not exist; {hint}")
        try:
            return cls.parse(path.read_text(encoding="utf-8"), path.stem, str(given))
        except UnicodeDecodeError as error:
            raise FileError(f"{given}: byte {error.start + 1} of it is no UTF-8; save it as UTF-8.") from None
        except OSError as error:
            raise FileError(f"{given}: it cannot be read ({error.strerror}); check its permissions.") from None

    @classmethod
    def parse(cls, text: str, name: str, path: str) -> Recipe:
        """The recipe that a text is; `path` is for the errors."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise FileError(f"{path}: it is not readable as TOML ({str(error).rstrip('.')}).") from None
        given, stages = "stages" in table, table.pop("stages", [])
        values = {}
        for key, value in table.items():
            where = f"{path}, line {_line_of(text, key)}"
            if key not in KEYS:
                meant = nearest(key, (*KEYS, "stages"))
                hint = f"did you mean {meant}?" if meant else f"the keys are stages, {', '.join(KEYS)}."
                raise FileError(f"{where}: {key} is no key of a recipe; {hint}")
            values[key] = KEYS[key].fits(value)
            if values[key] is None:
                raise FileError(f"{where}: {key} is {value!r}; it must be {KEYS[key].says}.")
        whole = isinstance(stages, list) and all(whole_number(stride) is not None for stride in stages)
        if given and not (whole and _descend(stages)):
            raise FileError(
                f"{path}, line {_line_of(text, 'stages')}: stages is {stages!r}; it must be a list of strides out of "
                "32, 16 and 8, the coarsest first, as [32, 16, 8]."
            )
        settings = {key: value for key, value in values.items() if key not in OF_THE_FILE}
        return cls(name, text, tuple(stages), values.get("lr_divisor", 1.0), settings)

    def mean_equivalent(self, pixels: int) -> Recipe:
        """The recipe with the mean loss that walks the same way, for `pixels` labelled pixels in every step.

        η·N and λ/N in place of η and λ; what the biases and the stages get are factors of those and stay. It is exact
        while every step has that many pixels, and has its own text, without the comments.
        Raises ArgumentError unless it is a summed recipe with both numbers.
        """
        if self.settings.get("reduction") != "sum" or not {"lr", "weight_decay"} <= self.settings.keys():
            raise ArgumentError(
                f"recipe {self.name}: only one with reduction sum, lr and weight_decay has a mean twin."
            )
        if (whole_number(pixels) or 0) < 1:
            raise ArgumentError(f"recipe {self.name}: pixels must be a whole number of at least 1, got {pixels!r}.")
        lr, decay = self.settings["lr"] * pixels, self.settings["weight_decay"] / pixels
        settings = {**self.settings, "reduction": "mean", "lr": lr, "weight_decay": decay}
        twin = replace(self, name=f"{self.name}-mean", settings=settings)
        return replace(twin, text=twin.to_toml())

    def to_toml(self) -> str:
        """A text that reads back as this recipe."""
        lines = [f"stages = {list(self.stages)}\n"] if self.stages else []
        for key, value in {"lr_divisor": self.lr_divisor, **self.settings}.items():
            shown = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
            lines.append(f"{key} = {shown}\n")
        return "".join(lines)


def check_stages(stages: Any) -> tuple[int, ...]:
    """Strides, the coarsest first; ArgumentError for others."""
    if not _descend(stages):
        shown = " ".join(str(stride) for stride in stages)
        raise ArgumentError(f"--stages must be strides out of 32, 16 and 8, the coarsest first, got {shown}.")
    return tuple(stages)


def _descend(stages: Any) -> bool:
    return len(stages) > 0 and list(stages) == [stride for stride in STRIDES if stride in stages]


def _line_of(text: str, key: str) -> int:
    """Where the file gives a key; keys of a recipe stand at the beginning of a line."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"""\s*\[*["']?{re.escape(key)}\b""", line):
            return number
    return 1
