"""The options of a training run, with the defaults of each data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from minifcn.data import KINDS
from minifcn.errors import ArgumentError, FileError
from minifcn.models.backbones import ALIGNMENTS
from minifcn.models.heads import HEADS
from minifcn.models.named import BACKBONES
from minifcn.models.settings import STRIDES, UPSAMPLINGS
from minifcn.training.groups import TRAIN_ONLY
from minifcn.training.objective import REDUCTIONS
from minifcn.training.recipe import Recipe
from minifcn.weights.preprocessing import KINDS as WEIGHTS_KINDS

LR_DIVISOR = 2.0  # of `--stages` without a recipe: by default a backbone begins with nothing and has much left to learn
PROFILED = 20  # steps that `--profile` records if it is not told how many
BALANCE = {"sqrt": 0.5, "median": 1.0}  # the power of the median frequency weights

# The folder of one's own, as `train --help` and the README show it.
FOLDER_FORMAT = """\
    yard/classes.toml         the classes in the order of their values in the masks; an example is below
    yard/images/a.jpg ...     the images
    yard/masks/a.png ...      of each image a PNG of its size and name: every pixel 0, 1, ... or 255, which is void
    yard/train.txt, val.txt, test.txt     which image is for what, a name per line; without them minifcn divides

    [[class]]                 # the value 0 in the masks
    name = "grass"
    color = [0, 128, 0]       # how it is drawn; may be left out

    [[class]]                 # the value 1
    name = "path"
"""

CHOICES: dict[str, tuple[Any, ...]] = {
    "data": KINDS,
    "head": HEADS,
    "backbone": tuple(sorted(BACKBONES)),
    "stride": tuple(sorted(STRIDES)),
    "alignment": ALIGNMENTS,
    "upsampling": UPSAMPLINGS,
    "optimizer": ("adamw", "adam", "sgd"),
    "schedule": ("poly", "cosine", "step", "constant"),
    "balance": ("none", *BALANCE),
    "reduction": REDUCTIONS,
    "train_only": ("all", *TRAIN_ONLY),
}


@dataclass(frozen=True)
class Options:
    """Everything that decides a run; it is stored in the checkpoint, and `--resume` reads it back."""

    data: str = "scenes"
    root: str | None = None
    sbd: str | None = None
    size: tuple[int, int] | None = None
    count: int | None = None  # scenes per epoch; real data sets are used whole
    backbone: str = "small"
    stride: int = 8
    alignment: str = "compact"
    width: float = 1.0
    weights: str | None = None
    weights_kind: str | None = None
    inside: str | None = None  # which network of a checkpoint --weights
    upsampling: str = "single"
    learn_upsampling: bool = False
    epochs: int = 10
    batch_size: int = 8
    optimizer: str = "adamw"
    lr: float = 3e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    schedule: str = "poly"
    balance: str = "none"
    augment: bool = False
    allow_absent: bool = False
    head: str = "fcn"
    seed: int = 0
    device: str = "cpu"
    recipe: str = ""  # its name; what it says is in the other fields
    pretrained: bool = False  # whether --weights are meant to be given
    at_once: bool = False
    train_only: str = "all"
    reduction: str = "mean"
    accumulate: int = 1
    bias_lr: float = 1.0
    bias_decay: bool = True
    sync_batch_norm: bool = False

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                known = ", ".join(str(value) for value in allowed)
                option = name.replace("_", "-")
                raise ArgumentError(f"--{option} must be one of {known}, got {getattr(self, name)!r}.")
        for name, least in (("epochs", 1), ("batch_size", 1), ("accumulate", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ArgumentError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(self, name)}.")
        if not 0 < self.lr < float("inf"):
            raise ArgumentError(f"--lr must be greater than 0 and finite, got {self.lr}.")
        if not 0 <= self.weight_decay < float("inf"):
            raise ArgumentError(f"--weight-decay must be at least 0 and finite, got {self.weight_decay}.")
        if not 0 <= self.momentum < 1:
            raise ArgumentError(f"--momentum must be at least 0 and less than 1, got {self.momentum}.")
        if self.weights_kind is not None and self.weights_kind not in WEIGHTS_KINDS:
            raise ArgumentError(f"--weights-kind must be one of {', '.join(WEIGHTS_KINDS)}, got {self.weights_kind!r}.")
        for name in ("weights_kind", "inside"):
            if getattr(self, name) is not None and self.weights is None:
                raise ArgumentError(f"--{name.replace('_', '-')} says what --weights holds; give that, too.")
        if self.learn_upsampling and self.train_only == "score":
            raise ArgumentError(
                "--train-only score leaves the kernels that enlarge the score as they are, so --learn-upsampling "
                "cannot be given with it; leave one of the two out."
            )
        if self.at_once and self.stride == 32:
            raise ArgumentError("at_once is about skips, and FCN-32s has none; take --stride 8 or 16.")
        if self.head in ("dilated", "aspp") and self.stride == 32:
            raise ArgumentError(f"--head {self.head} scores at 1/8 or 1/16 of the image; take --stride 8 or 16.")
        if self.head != "fcn" and (self.at_once or self.upsampling != "single"):
            raise ArgumentError(f"--head {self.head} adds no scores, so at_once and --upsampling staged say nothing.")
        if self.head == "deconvnet" and self.learn_upsampling:
            raise ArgumentError("--head deconvnet always learns its way back; leave --learn-upsampling out.")
        if self.count is not None and self.data != "scenes":
            raise ArgumentError(f"--count is for generated scenes; --data {self.data} is used whole.")
        if self.sbd is not None and self.data != "voc":
            raise ArgumentError(f"--sbd is for --data voc, whose images it has labels for, not for {self.data}.")

    def to_dict(self) -> dict[str, Any]:
        """As it is stored: with the whole path of the data, so that the run finds them from wherever it goes on."""
        places = {name: getattr(self, name) for name in ("root", "sbd", "weights")}
        return asdict(self) | {name: given and str(Path(given).resolve()) for name, given in places.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any], path: object) -> Options:
        """The options that `to_dict` gave; FileError, naming the file `path` they came from, if they are none."""
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise FileError(f"{path}: the run has unknown options {sorted(unknown)}; use the minifcn it was made with.")
        size = values.get("size")
        try:
            return cls(**{**values, "size": None if size is None else (int(size[0]), int(size[1]))})
        except (TypeError, ValueError, IndexError) as error:
            reason = str(error).rstrip(".")
            raise FileError(f"{path}: the options of the run are damaged ({reason}); start the run again.") from None


# What a data set needs to train well without further options. Measured but for voc; the README shows the results.
DEFAULTS: dict[str, dict[str, Any]] = {
    "scenes": {"size": (96, 128), "count": 1600, "epochs": 5},
    "camvid": {"size": (180, 240), "epochs": 25, "batch_size": 8, "balance": "sqrt", "augment": True},
    "voc": {"epochs": 30, "augment": True},
    "folder": {"epochs": 30, "augment": True},
}


def check_tf32(wanted: bool, device: str) -> None:
    """ArgumentError for --tf32 where there are no tensor cores."""
    if wanted and device == "cpu":
        raise ArgumentError("--tf32 is for a GPU and would change nothing on cpu; leave it out or pass --device cuda.")


def options_for(given: dict[str, Any], recipe: Recipe | None = None) -> Options:
    """Options from what the user gave (None where nothing was), then from the recipe, then the data set's defaults."""
    chosen = {name: value for name, value in given.items() if value is not None}
    data = chosen.get("data", "scenes")
    said = {} if recipe is None else {**recipe.settings, "recipe": recipe.name}
    if data != "scenes":
        said.pop("count", None)  # which a recipe says for those who train on scenes
    return Options(**{**DEFAULTS[data], **said, **chosen})
