"""What layers are called, here and elsewhere: tables of facts, and which of them a file follows.

Every layer has one name of its own, whoever saved it: those of the paper's reference code where it has one, conv1_1,
fc6, score_fr, score_pool4; norm1_1 for the batch normalisation behind conv1_1; inception3a.branch2.reduce in GoogLeNet.
A tensor is a layer and a part: conv1_1.weight. In a network of this library it is in a stage: stage1.conv1_1.weight.

Sources: torchvision/models (vgg, alexnet, googlenet); the prototxts of shelhamer/fcn.berkeleyvision.org and of
BVLC/caffe (bvlc_googlenet, bvlc_reference_caffenet); keras-applications (vgg16); wkentaro/pytorch-fcn (names as in
Caffe) and wkentaro/fcn (Chainer's conv1_1/W); amdegroot/ssd.pytorch (vgg16_reducedfc, numbers alone).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minifcn.autograd import Variable
from minifcn.errors import ArgumentError
from minifcn.machine.backend import to_numpy

VGG_CONVOLUTIONS = [
    f"conv{stage}_{i}" for stage, count in enumerate((2, 2, 3, 3, 3), start=1) for i in range(1, count + 1)
]  # conv1_1, conv1_2, conv2_1, ..., conv5_3
ALEXNET_CONVOLUTIONS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
INCEPTIONS = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
SCORES = ("score_fr", "score_pool4", "score_pool3")
UPSAMPLINGS = ("upscore2", "upscore_pool4", "upscore")
SCALES = ("scale_pool4", "scale_pool3")  # of FCN-8s "at once": constants before the scores of the skips
CLASSIFIERS = ("fc8", "fc", "aux1", "aux2")  # what scores the classes of ImageNet, which FCN drops

# Where the layers of the head stand in an FCN of this library.
OWN = {
    "score": "score_fr", "fuse_pool4.skip": "score_pool4", "fuse_pool3.skip": "score_pool3",
    "fuse_pool4.up": "upscore2", "fuse_pool3.up": "upscore_pool4", "upscore.up": "upscore",
}  # fmt: skip
STAGE = re.compile(r"(?:stage\d|head)\.")


def _sequence(container: str, places: str, layers: Iterable[str]) -> dict[str, str]:
    """features.0 -> conv1_1, ...: the layers that a torch.nn.Sequential numbers."""
    return {f"{container}.{place}": layer for place, layer in zip(places.split(), layers, strict=True)}


def _torchvision_googlenet() -> dict[str, str]:
    """A convolution and its batch norm are a pair: conv1.conv, conv1.bn. Of branch4 the first member is the pooling."""
    pairs = {name: name for name in ("conv1", "conv2", "conv3")}
    for i in INCEPTIONS:
        ours = f"inception{i}.branch"
        pairs |= {f"{ours}1": f"{ours}1.conv", f"{ours}4.1": f"{ours}4.conv"}
        pairs |= {f"{ours}{b}.{j}": f"{ours}{b}.{part}" for b in (2, 3) for j, part in enumerate(("reduce", "conv"))}
    table = {f"{there}.conv": here for there, here in pairs.items()}
    return table | {f"{there}.bn": f"{here}_norm" for there, here in pairs.items()} | {"fc": "fc"}


def _caffe_googlenet() -> dict[str, str]:
    branches = {
        "1x1": "branch1.conv", "3x3_reduce": "branch2.reduce", "3x3": "branch2.conv", "5x5_reduce": "branch3.reduce",
        "5x5": "branch3.conv", "pool_proj": "branch4.conv",
    }  # fmt: skip
    table = {"conv1/7x7_s2": "conv1", "conv2/3x3_reduce": "conv2", "conv2/3x3": "conv3", "loss3/classifier": "fc"}
    for i in INCEPTIONS:
        table |= {f"inception_{i}/{there}": f"inception{i}.{here}" for there, here in branches.items()}
    return table


VGG_NORMS = [name.replace("conv", "norm") for name in VGG_CONVOLUTIONS]
# The networks of torchvision, by the name of the backbone here: (name there, name of the layer).
TORCHVISION: dict[str, dict[str, str]] = {
    "vgg16": _sequence("features", "0 2 5 7 10 12 14 17 19 21 24 26 28", VGG_CONVOLUTIONS)
    | _sequence("classifier", "0 3 6", ("fc6", "fc7", "fc8")),
    "vgg16_bn": _sequence("features", "0 3 7 10 14 17 20 24 27 30 34 37 40", VGG_CONVOLUTIONS)
    | _sequence("features", "1 4 8 11 15 18 21 25 28 31 35 38 41", VGG_NORMS)
    | _sequence("classifier", "0 3 6", ("fc6", "fc7", "fc8")),
    "alexnet_torchvision": _sequence("features", "0 3 6 8 10", ALEXNET_CONVOLUTIONS)
    | _sequence("classifier", "1 4 6", ("fc6", "fc7", "fc8")),
    "googlenet_torchvision": _torchvision_googlenet(),
}
KERAS = {name.replace("conv", "block").replace("_", "_conv"): name for name in VGG_CONVOLUTIONS} | {
    "fc1": "fc6", "fc2": "fc7", "predictions": "fc8",
}  # fmt: skip
TRUNKS = {
    "vgg16": [*VGG_CONVOLUTIONS, "fc6", "fc7"],
    "alexnet": [*ALEXNET_CONVOLUTIONS, "fc6", "fc7"],
    "googlenet": [name for name in _caffe_googlenet().values() if name != "fc"],
}
LAYERS = dict.fromkeys([
    *VGG_CONVOLUTIONS, *VGG_NORMS, "fc6", "norm6", "fc7", "norm7", "fc8", *TRUNKS["alexnet"],
    *TORCHVISION["googlenet_torchvision"].values(), *SCORES, *UPSAMPLINGS, *SCALES,
])  # fmt: skip
LAST = {"upscore16": "upscore", "upscore8": "upscore"}  # the reference code names the last step by its factor
CHAINER = {"W": "weight", "b": "bias"}
WRAPPERS = ("module.", "model.")  # PyTorch's DataParallel; a LightningModule, as its users call what is inside
COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Naming:
    """How somebody calls the layers: `layers` is from their names to ours, `kind` how images were prepared."""

    name: str
    kind: str
    backbone: str  # "" where the names alone do not say it
    layers: Mapping[str, str]
    also: tuple[str, ...] = ()  # beginnings of the names of layers that FCN drops
    whole: bool = False  # whether it counts only where every layer is there: bare numbers could be of any network


def _numbered(backbone: str) -> dict[str, str]:
    """0 -> conv1_1, ...: of a Sequential saved by itself, without the network that called it features."""
    features = TORCHVISION[backbone].items()
    return {there.removeprefix("features."): here for there, here in features if there.startswith("features.")}


# Its fc6 has 1024 channels, 3x3 and dilation 6: of VGG16's 7x7 taps every third, of the channels every fourth.
SSD = {"31": "fc6", "33": "fc7"}
NAMINGS = (
    *(
        Naming(f"torchvision {name.partition('_torch')[0]}", "torchvision", name, table, ("aux1.", "aux2."))
        for name, table in TORCHVISION.items()
    ),
    *(
        Naming(f"the features of torchvision's {name.partition('_torch')[0]}", "", name, _numbered(name), whole=True)
        for name in ("vgg16", "vgg16_bn", "alexnet_torchvision")
    ),
    Naming("SSD's VGG16, whose fc6 and fc7 are reduced", "", "vgg16", _numbered("vgg16") | SSD, whole=True),
    Naming("Caffe GoogLeNet", "caffe", "googlenet", _caffe_googlenet(), ("loss1/", "loss2/")),
    Naming("Keras VGG16", "keras", "vgg16", KERAS),
    Naming("Caffe's layer names", "caffe", "", {name: name for name in LAYERS} | LAST),
)


@dataclass(frozen=True)
class Recognised:
    """`names`: for each tensor of a file what it is here, None where that is not known."""

    naming: Naming
    names: dict[str, str | None]


def canonical_names(names: Iterable[str]) -> Recognised:
    """Which naming the tensors of a file follow, and what each of them is called here.

    names    as they are in the file: features.0.weight, conv1_1/W, block1_conv1.weight, stage1.conv1_1.weight, ...;
             "module." or "model." before all of them, as PyTorch's DataParallel and others leave it, is passed over
    Raises ArgumentError if no naming knows any of them.

    >>> canonical_names(["features.28.weight", "classifier.0.bias"]).names
    {'features.28.weight': 'conv5_3.weight', 'classifier.0.bias': 'fc6.bias'}
    """
    given = list(names)
    split = {name: _layer_and_part(inner) for name, inner in zip(given, _unwrapped(given), strict=True)}
    layers = {layer for layer, _ in split.values()}

    def fit(naming: Naming) -> tuple[int, int]:
        """More layers known is better; of two that know as many, the one that misses fewer."""
        known = len(layers & naming.layers.keys())
        if naming.whole and known < len(naming.layers):
            known = 0
        return known, known - len(naming.layers)

    best = max(NAMINGS, key=fit)
    if not fit(best)[0]:
        some, known = ", ".join(repr(name) for name in given[:3]), "; ".join(naming.name for naming in NAMINGS)
        raise ArgumentError(
            f"the names {some or '(none)'} belong to no network that is known here ({known}); rename the tensors to "
            f"conv1_1.weight, conv1_1.bias and so on."
        )
    if any(STAGE.match(name) for name in given):
        best = replace(best, name="minifcn", kind="")
    found: dict[str, str | None] = {}
    for name, (layer, part) in split.items():
        if layer in best.layers:
            found[name] = f"{best.layers[layer]}.{part}"
        else:
            dropped = any(layer.startswith(each) for each in best.also)
            found[name] = f"aux1.{layer}.{part}" if dropped else None
    return Recognised(best, found)


def _unwrapped(names: list[str]) -> list[str]:
    """Without what stands before all of them, as whoever wraps a network in another module leaves it."""
    for wrapper in WRAPPERS:
        if names and all(name.startswith(wrapper) for name in names):
            return _unwrapped([name.removeprefix(wrapper) for name in names])
    return names


def _layer_and_part(name: str) -> tuple[str, str]:
    place = max(name.rfind("."), name.rfind("/"))
    layer, part = name[: max(place, 0)], name[place + 1 :]
    return layer_of_own(layer), CHAINER.get(part, part)


def layer_of_own(layer: str) -> str:
    """stage1.conv1_1 -> conv1_1, fuse_pool4.skip -> score_pool4; another name as it is."""
    return OWN.get(layer, STAGE.sub("", layer, count=1))


def torchvision_names(state: Mapping[str, Any], backbone: str) -> dict[str, np.ndarray]:
    """The weights of an FCN or a classifier as torchvision's network of that kind has them: the way out to PyTorch.

    state      `model.state_dict()` of an FCN or of `models.classifier(backbone)`, or its arrays by name
    backbone   "vgg16", "vgg16_bn", "alexnet_torchvision" or "googlenet_torchvision"
    returns    float arrays by torchvision's names: features.0.weight, ..., classifier.3.bias; fc6 and fc7 flattened, as
               fully connected layers have them. Scores and upsamplings have no place there and are left out; the layer
               for ImageNet's classes is not in an FCN: load_state_dict(..., strict=False) keeps PyTorch's own. A
               classifier has all that strict=True asks for (googlenet built with aux_logits=False)

    Raises ArgumentError for another backbone, or if a layer of the trunk is missing.
    """
    if backbone not in TORCHVISION:
        raise ArgumentError(
            f"torchvision_names: torchvision has no backbone {backbone!r}; use one of {', '.join(TORCHVISION)}."
        )
    names = {here: there for there, here in TORCHVISION[backbone].items()}
    made: dict[str, np.ndarray] = {}
    for name, value in state.items():
        layer, _, part = name.rpartition(".")
        layer = layer_of_own(layer)
        if layer in names:
            array = to_numpy(value._array) if isinstance(value, Variable) else np.asarray(value)
            flat = layer in ("fc6", "fc7", "fc8", "fc") and part == "weight"
            made[f"{names[layer]}.{part}"] = array.reshape(len(array), -1) if flat else array
    missing = [layer for layer in names if layer not in CLASSIFIERS and f"{names[layer]}.weight" not in made]
    if missing:
        raise ArgumentError(
            f"torchvision_names: the state has no {', '.join(missing[:6])}{', ...' if len(missing) > 6 else ''}; give "
            f"that of an FCN whose backbone is {backbone}."
        )
    return made
