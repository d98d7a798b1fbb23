"""Weights of others into a network: `load_pretrained(model, "vgg16.pth")`, and what became of every tensor.

The commonest mistake of all with FCN is weights that were not loaded, or loaded into the wrong place: nothing fails,
and the network learns little. So nothing is passed over in silence here. Every tensor of the file and of the network
has a fate in the report, and what would make a worse network without a word is refused before anything is changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from minifcn.errors import ArgumentError, FileError
from minifcn.nn.module import Module
from minifcn.weights.files import load_arrays
from minifcn.weights.naming import (
    CLASSIFIERS,
    COUNTER,
    SCALES,
    SCORES,
    UPSAMPLINGS,
    Recognised,
    canonical_names,
    layer_of_own,
)
from minifcn.weights.preprocessing import KINDS, Preprocessing, preprocessing_of

HEADS = (*SCORES, *UPSAMPLINGS, *SCALES)
NEW = re.compile(r"head\.aspp\.|back\d\.")  # what no classifier has: the head of an ASPP, the way back of a DeconvNet
FULLY_CONNECTED = {"fc6", "fc7"}
FATES = ("loaded", "converted", "dropped", "missing", "unexpected", "wrong shape")
KNOWN_FILES = {"aa75b158f4181e7f6230029eb96c1b13": "caffe"}  # by MD5: vgg16_from_caffe.pth of wkentaro/pytorch-fcn
NAMED = 6  # at most so many tensors are named in an error


@dataclass(frozen=True)
class Fate:
    """What became of one tensor. `source`: its name in the file, `target`: in the network; None where it has none."""

    fate: str
    source: str | None
    target: str | None
    why: str = ""


@dataclass(frozen=True)
class LoadReport:
    """What `load_pretrained` did: print it for one line per tensor; `summary()` is one line.

    naming          whose names the file follows
    preprocessing   how images were prepared for these weights
    mean, std       the same as it is used here: of red, green and blue in 0..255, see preprocessing.py
    """

    path: str
    naming: str
    preprocessing: Preprocessing
    tensors: tuple[Fate, ...]

    @property
    def mean(self) -> tuple[float, float, float]:
        return self.preprocessing.in_rgb()[0]

    @property
    def std(self) -> tuple[float, float, float]:
        return self.preprocessing.in_rgb()[1]

    def of(self, fate: str) -> list[Fate]:
        """The tensors of one fate: "loaded", "converted", "dropped", "missing", "unexpected" or "wrong shape"."""
        if fate not in FATES:
            raise ArgumentError(f"LoadReport: there is no fate {fate!r}; use one of {', '.join(FATES)}.")
        return [each for each in self.tensors if each.fate == fate]

    def summary(self) -> str:
        counts = Counter(each.fate for each in self.tensors)
        said = ", ".join(f"{counts[fate]} {fate}" for fate in FATES if counts[fate])
        order, top = self.preprocessing.channels, self.preprocessing.top
        return f"{self.path} ({self.naming}, images {order} 0..{top:g}): {said}"

    def __str__(self) -> str:
        lines = [self.summary()]
        for each in self.tensors:
            names = " -> ".join(name for name in (each.source, each.target) if name)
            lines.append(f"  {each.fate:<11} {names}{f'  ({each.why})' if each.why else ''}")
        return "\n".join(lines)


def load_pretrained(
    model: Module,
    path: str | os.PathLike[str],
    strict: bool = True,
    kind: str | None = None,
    inside: str | None = None,
) -> LoadReport:
    """Copies the weights in a file of PyTorch, Caffe, Keras, Chainer or minifcn into the layers of the same name.

    model    an FCN, or any Module whose layers are called as `canonical_names` says
    path     .pth, .pt, .tar, .caffemodel, .h5, .npz or .safetensors
    strict   refuse a file in which a tensor of the trunk is missing, of the wrong shape, or not known; False takes what
             fits and reports the rest. What no classifier has, such as the way back of a DeconvNet, may be missing
    kind     "torchvision", "caffe" or "keras": how images were prepared for these weights, where their names cannot
             tell. Converted Caffe weights with torchvision's names are "caffe"
    inside   of a checkpoint of PyTorch: which network, such as "state_dict"; None takes the only one that is in it
    returns  a LoadReport. Feed the network images normalised with its `mean` and `std`, RGB in 0..255

    A fully connected layer becomes the convolution that it is, (4096, 25088) -> (4096, 512, 7, 7); an upsampling with a
    kernel for each pair of classes becomes one for each class, where all others are zero; the channels of weights for
    BGR images are turned round in the first convolution; the scales of an FCN-8s "at once" go into the scores that they
    scale. The layer for ImageNet's classes is dropped, and so are scores of another number of classes.

    Raises FileError, and the model is as it was, for what `load_arrays` refuses, what `strict` refuses, a trunk layer
    that is all zeros or not finite (whatever `strict` says), upsampling that mixes classes, and names that nobody
    knows; ArgumentError for `inside` of a file that holds one network. Source: Long, Shelhamer and Darrell 2015, §4.1.
    """
    arrays, metadata = load_arrays(path, inside=inside)
    try:
        recognised = canonical_names(arrays)
    except ArgumentError as error:
        raise FileError(f"{path}: {error}") from None
    preprocessing = preparation_of(metadata, recognised, kind, path)
    given = {recognised.names[name] or name: (name, array) for name, array in arrays.items()}
    if len(given) != len(arrays):
        raise FileError(f"{path} has two tensors for one layer; give a file of one network.")
    _fold_scales(given)
    own = {name: value.shape for name, value in model.state_dict().items()}
    targets = {f"{layer_of_own(name.rpartition('.')[0])}.{name.rpartition('.')[2]}": name for name in own}
    fates: list[Fate] = []
    new: dict[str, np.ndarray] = {}
    for name, (source, array) in given.items():
        target = targets.get(name)
        layer, _, part = name.rpartition(".")
        if target is None:
            passed = _why_dropped(layer, part, targets.keys())
            fates.append(Fate("dropped" if passed else "unexpected", source, None, passed))
            continue
        made = _fitted(array, own[target], f"{path}: {source}")
        if made is None:
            why = f"{array.shape} here, {own[target]} in the network"
            fates.append(Fate("dropped" if layer in HEADS else "wrong shape", source, target, why))
            continue
        changed = "" if made.shape == array.shape else f"{array.shape} -> {made.shape}"
        if preprocessing.channels == "BGR" and target == next(iter(own)) and made.shape[1:2] == (3,):
            made, changed = made[:, ::-1], f"{changed}{' and ' if changed else ''}BGR -> RGB"
        new[target] = made
        fates.append(Fate("converted" if changed else "loaded", source, target, changed))
    touched = {each.target for each in fates}
    fates += [Fate("missing", None, name) for name in own if name not in touched]
    file = f"{path}, its {metadata['inside']!r}" if "inside" in metadata else str(path)
    _refuse(f"{file} ({recognised.naming.name})", fates, new, strict)
    try:
        model.load_state_dict(new, strict=False)
    except (ArgumentError, TypeError) as error:
        raise FileError(f"{path} does not fit the network: {error}") from None
    return LoadReport(file, recognised.naming.name, preprocessing, tuple(fates))


def preparation_of(
    metadata: dict[str, str], recognised: Recognised, kind: str | None, path: str | os.PathLike[str]
) -> Preprocessing:
    """As was said, or as the file says, or as those prepare images whose names it has."""
    if kind is not None:
        return preprocessing_of(kind, recognised.naming.backbone)
    try:
        if "preprocessing" in metadata:
            return Preprocessing.from_json(metadata["preprocessing"])
        if "network" in metadata:  # a network of minifcn, whose card has mean and std
            card = json.loads(metadata["network"])
            said = {"channels": "RGB", "top": 255, "mean": card["mean"], "std": card["std"]}
            return Preprocessing.from_json(json.dumps(said))
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(f"{path} says wrongly how images are prepared ({error}); say it with the kind.") from None
    found = recognised.naming.kind
    if not found:
        raise FileError(
            f"{path} ({recognised.naming.name}) does not say how images are prepared for these weights; say it with "
            f"the kind, one of {', '.join(KINDS)}, or give weights that `minifcn train` saved."
        )
    if found == "torchvision":  # converted weights of Caffe go about under torchvision's names, and look the same
        with open(path, "rb") as file:
            found = KNOWN_FILES.get(hashlib.file_digest(file, "md5").hexdigest(), found)
    return preprocessing_of(found, recognised.naming.backbone)


def _fold_scales(given: dict[str, tuple[str, np.ndarray]]) -> None:
    """score(scale · pool) = (score · scale)(pool): the constants of FCN-8s "at once" are one with the scores."""
    for scale in SCALES:
        score = f"{scale.replace('scale', 'score')}.weight"
        if f"{scale}.weight" in given and score in given:
            source, weight = given[score]
            factors = given[f"{scale}.weight"][1].reshape(1, -1, 1, 1)
            if factors.shape[1] in (1, weight.shape[1]):
                given[score] = (source, weight * factors)


def _why_dropped(layer: str, part: str, targets: Iterable[str]) -> str:
    """Why a tensor of the file has no place among the `targets` of the network; "" if that is not known."""
    if layer.split(".")[0] in CLASSIFIERS:
        return "the classes of ImageNet, as FCN drops them"
    if layer in SCALES:
        return "one with the scores"
    if layer in HEADS:
        return "a step that this network has not"
    if layer in FULLY_CONNECTED and any(name.startswith("aspp.") for name in targets):
        return "this network has a head of its own"
    return "a counter" if part == COUNTER else ""


def _fitted(array: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray | None:
    """The same weights in the shape that the network has for them, or None if they are not for it."""
    if array.shape == shape:
        return array
    if len(shape) == 4 and shape[1] == 1 and array.shape == (shape[0], shape[0], *shape[2:]):
        return _diagonal(array, what)
    ones_apart = [n for n in array.shape if n != 1] == [n for n in shape if n != 1]
    plain = array.reshape(array.shape[2:]) if array.ndim == 4 and array.shape[:2] == (1, 1) else array  # Caffe's old
    flattened = 2 in (plain.ndim, len(shape)) and plain.ndim > 1 and len(shape) > 1 and plain.shape[0] == shape[0]
    if plain.size == math.prod(shape) and (ones_apart or flattened):
        return plain.reshape(shape)
    return None


def _diagonal(array: np.ndarray, what: str) -> np.ndarray:
    """(C, C, k, k) -> (C, 1, k, k): every class for itself, where classes do not meet."""
    C = len(array)
    mixed = array[~np.eye(C, dtype=bool)]
    if mixed.any():
        raise FileError(
            f"{what} mixes classes while it upsamples (the largest of the weights between two of them is "
            f"{np.abs(mixed).max():.3g}, not 0), and here every class is upsampled for itself; give weights whose "
            f"upsampling is bilinear."
        )
    return array[np.arange(C), np.arange(C)][:, None]


def _refuse(file: str, fates: list[Fate], new: dict[str, np.ndarray], strict: bool) -> None:
    """FileError for what would make a worse network without a word."""

    def trunk(name: str) -> bool:
        return layer_of_own(name.rpartition(".")[0]) not in HEADS

    zero = [name for name, array in new.items() if name.endswith(".weight") and trunk(name) and not array.any()]
    if zero:
        raise FileError(
            f"{file}: {_named(zero)} all zeros, so nothing would get through the network; the weights were never "
            f"copied into that file: give the one that they came from."
        )
    wild = [name for name, array in new.items() if not np.isfinite(array).all()]
    if wild:
        raise FileError(f"{file}: {_named(wild)} not finite; give another copy.")
    if strict:
        wrong, layers = [], set()
        for fate in ("missing", "unexpected", "wrong shape"):
            meant = [each for each in fates if each.fate == fate and trunk(each.target or f"{each.source}")]
            meant = [each for each in meant if not (fate == "missing" and NEW.match(f"{each.target}"))]
            wrong += [f"{fate}: {_some([_said(each) for each in meant])}"] if meant else []
            layers |= {layer_of_own(f"{each.target or each.source}".rpartition(".")[0]) for each in meant}
        if wrong:
            remedy = "build the backbone and width that the weights are for"
            if layers <= FULLY_CONNECTED:
                remedy = "take a head that begins anew (--head aspp), as all that does not fit is fc6 and fc7"
            raise FileError(
                f"{file} does not fit this network ({'; '.join(wrong)}); {remedy}, or pass strict=False to take what "
                f"fits."
            )
    if not any(trunk(name) for name in new):
        raise FileError(f"{file} holds no weights that fit this network; give those of its backbone.")


def _said(each: Fate) -> str:
    name = each.target or str(each.source)
    return f"{name} ({each.why})" if each.why else name


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _named(names: list[str]) -> str:
    return f"{_some(names)} {'is' if len(names) == 1 else 'are'}"
