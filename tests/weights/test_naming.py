"""The tables of names: whose they are is recognised, and the way there and back again ends where it began."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.models import BACKBONES, FCN
from minifcn.weights import canonical_names, torchvision_names
from minifcn.weights.naming import LAYERS, NAMINGS, TORCHVISION, TRUNKS


def known_as(naming: str, name: str) -> str | None:
    """What `name` is called here, in a file that has the whole network under these names."""
    (one,) = (each for each in NAMINGS if each.name == naming)
    recognised = canonical_names([*(f"{layer}.weight" for layer in one.layers), name])
    assert recognised.naming == one
    return recognised.names[name]


@pytest.mark.parametrize(
    ("naming", "name", "here"),
    [
        ("torchvision vgg16", "features.0.weight", "conv1_1.weight"),
        ("torchvision vgg16", "features.7.bias", "conv2_2.bias"),
        ("torchvision vgg16", "features.24.weight", "conv5_1.weight"),
        ("torchvision vgg16", "classifier.3.bias", "fc7.bias"),
        ("torchvision vgg16", "features.31.weight", None),
        ("torchvision vgg16_bn", "features.24.weight", "conv4_1.weight"),
        ("torchvision vgg16_bn", "features.28.weight", "norm4_2.weight"),
        ("torchvision vgg16_bn", "features.41.running_var", "norm5_3.running_var"),
        ("torchvision vgg16_bn", "features.1.num_batches_tracked", "norm1_1.num_batches_tracked"),
        ("torchvision alexnet", "features.8.weight", "conv4.weight"),
        ("torchvision alexnet", "classifier.1.weight", "fc6.weight"),
        ("torchvision alexnet", "classifier.6.bias", "fc8.bias"),
        ("torchvision googlenet", "conv1.conv.weight", "conv1.weight"),
        ("torchvision googlenet", "conv2.bn.running_mean", "conv2_norm.running_mean"),
        ("torchvision googlenet", "inception4c.branch1.conv.weight", "inception4c.branch1.conv.weight"),
        ("torchvision googlenet", "inception4c.branch1.bn.bias", "inception4c.branch1.conv_norm.bias"),
        ("torchvision googlenet", "inception5b.branch3.0.conv.weight", "inception5b.branch3.reduce.weight"),
        ("torchvision googlenet", "inception5b.branch3.1.bn.weight", "inception5b.branch3.conv_norm.weight"),
        ("torchvision googlenet", "inception3a.branch4.1.conv.weight", "inception3a.branch4.conv.weight"),
        ("torchvision googlenet", "aux1.conv.conv.weight", "aux1.aux1.conv.conv.weight"),
        ("Caffe GoogLeNet", "conv2/3x3_reduce.weight", "conv2.weight"),
        ("Caffe GoogLeNet", "conv2/3x3.bias", "conv3.bias"),
        ("Caffe GoogLeNet", "inception_4e/5x5_reduce.weight", "inception4e.branch3.reduce.weight"),
        ("Caffe GoogLeNet", "inception_3a/pool_proj.bias", "inception3a.branch4.conv.bias"),
        ("Keras VGG16", "block4_conv3.weight", "conv4_3.weight"),
        ("Keras VGG16", "fc1.weight", "fc6.weight"),
        ("Caffe's layer names", "upscore16.weight", "upscore.weight"),
        ("Caffe's layer names", "score_pool3.bias", "score_pool3.bias"),
        ("Caffe's layer names", "conv3_2/W", "conv3_2.weight"),
        ("Caffe's layer names", "fc7/b", "fc7.bias"),
    ],
)
def test_the_name_here(naming: str, name: str, here: str | None) -> None:
    assert known_as(naming, name) == here


@pytest.mark.parametrize("naming", [naming for naming in NAMINGS if naming.backbone], ids=lambda naming: naming.name)
def test_every_naming_is_recognised_and_names_known_layers_each_once(naming: object) -> None:
    assert naming in NAMINGS
    layers = dict(naming.layers)  # type: ignore[attr-defined]
    assert canonical_names(f"{layer}.weight" for layer in layers).naming == naming
    assert set(layers.values()) <= LAYERS.keys() and len(set(layers.values())) == len(layers)


def test_how_many_layers_there_are() -> None:
    assert len(TRUNKS["vgg16"]) == 15 and len(TRUNKS["alexnet"]) == 7 and len(TRUNKS["googlenet"]) == 3 + 9 * 6
    assert {name: len(table) for name, table in TORCHVISION.items()} == {
        "vgg16": 16, "vgg16_bn": 29, "alexnet_torchvision": 8, "googlenet_torchvision": 2 * 57 + 1,
    }  # fmt: skip


def test_features_alone_and_names_of_parallel_training() -> None:
    some = [f"module.features.{i}.weight" for i in (0, 2, 5, 7, 10, 12, 14)]
    recognised = canonical_names(some)
    assert recognised.naming.name == "torchvision vgg16"
    assert recognised.names["module.features.14.weight"] == "conv3_3.weight"


def test_numbers_alone_are_known_where_they_are_all_there() -> None:
    """`features` of torchvision, saved by itself; few numbers could be of any network."""
    places = {name: [key for key in TORCHVISION[name] if key.startswith("features.")] for name in TORCHVISION}
    for name in ("vgg16", "vgg16_bn", "alexnet_torchvision"):
        numbers = [key.removeprefix("features.") for key in places[name]]
        recognised = canonical_names(f"{number}.weight" for number in numbers)
        assert recognised.naming.backbone == name and recognised.naming.kind == ""
        assert [f"{TORCHVISION[name][key]}.weight" for key in places[name]] == list(recognised.names.values())
        with pytest.raises(ArgumentError, match="belong to no network"):
            canonical_names(f"{number}.weight" for number in numbers[1:])
    ssd = [key.removeprefix("features.") for key in places["vgg16"]] + ["31", "33"]
    recognised = canonical_names(f"{number}.bias" for number in ssd)
    assert recognised.naming.name == "SSD's VGG16, whose fc6 and fc7 are reduced"
    assert recognised.names["31.bias"] == "fc6.bias" and recognised.names["33.bias"] == "fc7.bias"


def test_what_wraps_a_whole_network() -> None:
    for before in ("model.", "module.", "model.module.", "module.model."):
        recognised = canonical_names([f"{before}features.28.weight", f"{before}classifier.0.bias"])
        assert list(recognised.names.values()) == ["conv5_3.weight", "fc6.bias"]
    with pytest.raises(ArgumentError, match="belong to no network"):
        canonical_names(["model.features.28.weight", "other.classifier.0.bias"])


def test_names_of_nobody() -> None:
    with pytest.raises(ArgumentError, match=r"the names 'layer1\.0\.weight' belong to no network .*rename the tensors"):
        canonical_names(["layer1.0.weight"])
    with pytest.raises(ArgumentError, match=r"the names \(none\) belong to no network"):
        canonical_names([])


@pytest.mark.parametrize("backbone", [name for name in TORCHVISION if name in BACKBONES])
def test_the_names_of_torchvision_and_back(backbone: str) -> None:
    """Every tensor of the trunk goes out under one name, and is recognised by it."""
    model = FCN(backbone, 3, stride=32, width=0.03)
    made = torchvision_names(model.state_dict(), backbone)
    trunk = {name for name in model.state_dict() if name.startswith(("stage", "head"))}
    assert len(made) == len(trunk)
    recognised = canonical_names(made)
    assert recognised.naming.backbone == backbone
    ours = {name.partition(".")[2] for name in trunk}
    assert set(recognised.names.values()) == ours
    assert all(made[name].ndim == 2 for name in made if name.startswith("classifier") and "weight" in name)
    arrays = {name: np.asarray(value.data) for name, value in model.state_dict().items()}
    assert torchvision_names(arrays, backbone).keys() == made.keys()


def test_no_way_out() -> None:
    with pytest.raises(ArgumentError, match="torchvision has no backbone 'small'; use one of vgg16, vgg16_bn"):
        torchvision_names({}, "small")
    with pytest.raises(
        ArgumentError, match=r"the state has no conv1_1, .*\.\.\.; give that of an FCN whose backbone is"
    ):
        torchvision_names({}, "vgg16")
