"""Weights of others come into a network: every tensor has a fate, and what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn.errors import ArgumentError, FileError
from minifcn.models import FCN
from minifcn.models import network as build
from minifcn.weights import load_pretrained, pretrained, save, save_arrays, torchvision_names
from minifcn.weights.naming import KERAS
from tests.weights.test_caffemodel import blob, layer
from tests.weights.test_pth import stored, zipped

WIDTH = 1 / 32
Arrays = dict[str, np.ndarray]


def network(stride: int = 32, classes: int = 3, seed: int = 0) -> FCN:
    return FCN("vgg16", classes, stride, width=WIDTH, generator=np.random.default_rng(seed))


def canonical(model: FCN) -> Arrays:
    """conv1_1.weight, ..., fc7.bias: the trunk by the names of its layers, fc6 and fc7 flattened."""
    trunk = {
        name.partition(".")[2]: np.array(value.data)
        for name, value in model.state_dict().items()
        if name.startswith(("stage", "head"))
    }
    return {name: array.reshape(len(array), -1) if name in FULLY else array for name, array in trunk.items()}


FULLY = ("fc6.weight", "fc7.weight")
SOURCE = network(seed=1)
TRUNK = {name for name in SOURCE.state_dict() if name.startswith(("stage", "head"))}


def as_npz(path: Path, arrays: Arrays) -> Path:
    """As Chainer saves it."""
    parts = {"weight": "W", "bias": "b"}
    path = path.with_suffix(".npz")
    np.savez(path, **{f"{name.rpartition('.')[0]}/{parts[name.rpartition('.')[2]]}": a for name, a in arrays.items()})
    return path


def as_safetensors(path: Path, arrays: Arrays) -> Path:
    save_arrays(path.with_suffix(".safetensors"), arrays)
    return path.with_suffix(".safetensors")


def as_caffemodel(path: Path, arrays: Arrays, old: bool = False) -> Path:
    path = path.with_suffix(".caffemodel")
    names = [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]
    path.write_bytes(
        b"".join(
            layer(
                name,
                [blob(arrays[f"{name}.{part}"], old=old) for part in ("weight", "bias") if f"{name}.{part}" in arrays],
                old,
            )
            for name in names
        )
    )
    return path


def as_old_caffemodel(path: Path, arrays: Arrays) -> Path:
    return as_caffemodel(path, arrays, old=True)


def as_pth(path: Path, arrays: Arrays) -> Path:
    storages: dict[str, bytes] = {}
    return zipped(path.with_suffix(".pth"), stored(arrays, storages), storages)


def as_h5(path: Path, arrays: Arrays) -> Path:
    """As Keras saves it: axes and rows in its order."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed, so no .h5 can be made or read")
    path = path.with_suffix(".h5")
    back = {here: there for there, here in KERAS.items()}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            own, _, part = name.rpartition(".")
            if array.ndim == 4:
                array = array.transpose(2, 3, 1, 0)
            elif own == "fc6" and array.ndim == 2:
                array = array.reshape(len(array), -1, 7, 7).transpose(2, 3, 1, 0).reshape(-1, len(array))
            elif array.ndim == 2:
                array = array.T
            file.create_dataset(f"{back[own]}/{back[own]}_{'W' if part == 'weight' else 'b'}_1:0", data=array)
    return path


def check_trunk(model: FCN, flipped: bool) -> None:
    for name in TRUNK:
        wanted = np.array(SOURCE.state_dict()[name].data)
        if flipped and name == "stage1.conv1_1.weight":
            wanted = wanted[:, ::-1]
        np.testing.assert_array_equal(model.state_dict()[name].data, wanted, err_msg=name)


@pytest.mark.parametrize("write", [as_npz, as_caffemodel, as_old_caffemodel, as_pth, as_safetensors])
def test_from_every_container(tmp_path: Path, write: Callable[[Path, Arrays], Path]) -> None:
    model = network()
    report = load_pretrained(model, write(tmp_path / "a", canonical(SOURCE)))
    check_trunk(model, flipped=True)  # Caffe's layer names, and so images with blue first
    assert {each.target for each in report.of("loaded") + report.of("converted")} == TRUNK
    assert report.of("missing") and not report.of("unexpected")
    assert report.preprocessing.channels == "BGR" and report.mean == (122.67892, 116.66877, 104.00699)
    assert report.std == (1, 1, 1)


def test_from_keras(tmp_path: Path) -> None:
    model = network()
    report = load_pretrained(model, as_h5(tmp_path / "a", canonical(SOURCE)))
    check_trunk(model, flipped=True)
    assert report.naming == "Keras VGG16" and report.mean == (123.68, 116.779, 103.939)


def test_torchvision_names_in_every_kind(tmp_path: Path) -> None:
    arrays = torchvision_names(SOURCE.state_dict(), "vgg16")
    path = as_safetensors(tmp_path / "a", arrays)
    model = network()
    report = load_pretrained(model, path)
    check_trunk(model, flipped=False)
    np.testing.assert_allclose(report.std, [58.395, 57.12, 57.375])
    assert report.summary() == f"{path} (torchvision vgg16, images RGB 0..1): 28 loaded, 2 converted, 3 missing"
    lines = str(report).splitlines()
    assert len(lines) == 1 + 33 and "  converted   classifier.0.weight -> head.fc6.weight  ((128, 784) -> " in str(
        report
    )
    model = network()
    assert load_pretrained(model, path, kind="caffe").preprocessing.channels == "BGR"
    check_trunk(model, flipped=True)
    with pytest.raises(ArgumentError, match="the kind of weights 'tf' is unknown"):
        load_pretrained(model, path, kind="tf")


def test_a_known_file_of_caffes_weights_under_torchvisions_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    path = as_safetensors(tmp_path / "a", torchvision_names(SOURCE.state_dict(), "vgg16"))
    monkeypatch.setitem(pretrained.KNOWN_FILES, hashlib.md5(path.read_bytes()).hexdigest(), "caffe")
    assert load_pretrained(network(), path).preprocessing.channels == "BGR"


def test_turned_channels_are_the_same_network(tmp_path: Path) -> None:
    """What the weights say of a picture with blue first they say here of the picture as it is."""
    model = network()
    load_pretrained(model, as_npz(tmp_path / "a", canonical(SOURCE)))
    image = np.random.default_rng(2).standard_normal((1, 3, 20, 30), dtype=np.float32)
    with no_grad():
        wanted = SOURCE.stage1(Tensor(image[:, ::-1].copy())).data
        np.testing.assert_allclose(model.stage1(Tensor(image)).data, wanted, rtol=1e-5, atol=1e-5)


def heads(stride: int, classes: int) -> Arrays:
    """Scores and upsamplings as the reference code saves them, upsampling with a kernel for every pair of classes."""
    model, made = network(stride, classes, seed=5), {}
    names = {"score": "score_fr", "fuse_pool4.skip": "score_pool4", "fuse_pool3.skip": "score_pool3"}
    last = {32: "upscore", 16: "upscore16", 8: "upscore8"}[stride]
    names |= {"fuse_pool4.up": "upscore2", "fuse_pool3.up": "upscore_pool4", "upscore.up": last}
    rng = np.random.default_rng(7)
    for name, value in model.state_dict().items():
        own, _, part = name.rpartition(".")
        if own in names:
            array = rng.standard_normal(value.shape, dtype=np.float32)
            if "up" in own.split("."):
                full = np.zeros((classes, classes, *array.shape[2:]), np.float32)
                full[np.arange(classes), np.arange(classes)] = array[:, 0]
                array = full
            made[f"{names[own]}.{part}"] = array
    return made


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_a_whole_fcn_of_the_reference_code(tmp_path: Path, stride: int) -> None:
    given = canonical(SOURCE) | heads(stride, 3)
    model = network(stride)
    report = load_pretrained(model, as_pth(tmp_path / "a", given))
    assert not report.of("missing") and not report.of("dropped")
    last = given[{32: "upscore", 16: "upscore16", 8: "upscore8"}[stride] + ".weight"]
    np.testing.assert_array_equal(model.state_dict()["upscore.up.weight"].data, last[[0, 1, 2], [0, 1, 2]][:, None])
    np.testing.assert_array_equal(model.state_dict()["score.bias"].data, given["score_fr.bias"])


def test_upsampling_that_mixes_classes_is_refused(tmp_path: Path) -> None:
    given = canonical(SOURCE) | heads(32, 3)
    given["upscore.weight"][0, 2, 5, 5] = -0.25
    refused(
        network(), as_pth(tmp_path / "a", given), r"upscore\.weight mixes classes while it upsamples .* is 0\.25, not 0"
    )


def test_scores_of_other_classes_and_steps_of_another_stride_are_dropped(tmp_path: Path) -> None:
    model = network(16, classes=4)
    report = load_pretrained(model, as_pth(tmp_path / "a", canonical(SOURCE) | heads(8, 3)))
    assert {each.source for each in report.of("dropped")} == set(heads(8, 3))
    assert not np.any(model.state_dict()["score.weight"].data)


def test_the_scales_of_fcn_8s_at_once_go_into_the_scores(tmp_path: Path) -> None:
    given = canonical(SOURCE) | heads(8, 3)
    given |= {"scale_pool4.weight": np.full(16, 0.01, np.float32), "scale_pool3.weight": np.full(1, 1e-4, np.float32)}
    model = network(8)
    report = load_pretrained(model, as_pth(tmp_path / "a", given))
    assert {each.source for each in report.of("dropped")} == {"scale_pool4.weight", "scale_pool3.weight"}
    state = model.state_dict()
    np.testing.assert_allclose(state["fuse_pool4.skip.weight"].data, 0.01 * given["score_pool4.weight"])
    np.testing.assert_allclose(state["fuse_pool3.skip.weight"].data, 1e-4 * given["score_pool3.weight"])


# What is refused ----------------------------------------------------------------------------------------------------


def refused(model: FCN, path: Path, words: str, **options: Any) -> None:
    before = {name: np.array(value.data) for name, value in model.state_dict().items()}
    with pytest.raises(FileError, match=words) as caught:
        load_pretrained(model, path, **options)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.data, before[name])


def test_a_trunk_layer_of_zeros(tmp_path: Path) -> None:
    given = canonical(SOURCE)
    given["fc6.weight"], given["conv4_2.weight"] = 0 * given["fc6.weight"], 0 * given["conv4_2.weight"]
    path = as_npz(tmp_path / "a", given)
    for strict in (True, False):
        refused(network(), path, r"stage4\.conv4_2\.weight, head\.fc6\.weight are all zeros", strict=strict)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    given = canonical(SOURCE)
    given["conv3_1.bias"][2] = np.nan
    refused(network(), as_npz(tmp_path / "a", given), r"stage3\.conv3_1\.bias is not finite", strict=False)


def test_missing_tensors_of_the_trunk(tmp_path: Path) -> None:
    given = canonical(SOURCE)
    del given["fc7.weight"], given["conv1_2.bias"]
    path = as_npz(tmp_path / "a", given)
    refused(network(), path, r"\(missing: stage1\.conv1_2\.bias, head\.fc7\.weight\); .* or pass strict=False")
    model = network()
    report = load_pretrained(model, path, strict=False)
    assert {"stage1.conv1_2.bias", "head.fc7.weight"} <= {each.target for each in report.of("missing")}
    np.testing.assert_array_equal(model.state_dict()["stage5.conv5_3.bias"].data, given["conv5_3.bias"])


def test_tensors_that_are_not_known(tmp_path: Path) -> None:
    """VGG16 with batch normalisation would be a wrong VGG16 without it; so would the first 16 layers of VGG19."""
    given = canonical(SOURCE) | {"norm1_1.weight": np.ones(2, np.float32)}
    refused(network(), as_npz(tmp_path / "a", given), r"unexpected: norm1_1/W")
    nineteen = torchvision_names(SOURCE.state_dict(), "vgg16") | {
        "features.34.weight": np.ones((16, 16, 3, 3), np.float32)
    }
    refused(network(), as_safetensors(tmp_path / "b", nineteen), r"unexpected: features\.34\.weight")


def test_wrong_shapes(tmp_path: Path) -> None:
    given = canonical(SOURCE)
    given["conv2_1.weight"] = given["conv2_1.weight"][:, :, :, :2]
    given["fc6.weight"] = given["fc6.weight"].T  # a Linear the other way round
    path = as_npz(tmp_path / "a", given)
    refused(
        network(), path, r"wrong shape: stage2\.conv2_1\.weight \(\(4, 2, 3, 2\) here, \(4, 2, 3, 3\) in the network\)"
    )
    report = load_pretrained(network(), path, strict=False)
    assert {each.source for each in report.of("wrong shape")} == {"conv2_1/W", "fc6/W"}
    refused(FCN("vgg16", 3, 32, width=1 / 16), as_npz(tmp_path / "b", canonical(SOURCE)), "wrong shape", strict=True)
    refused(
        FCN("vgg16", 3, 32, width=1 / 16), tmp_path / "b.npz", "holds no weights that fit this network", strict=False
    )


def test_the_reduced_vgg16_of_ssd(tmp_path: Path) -> None:
    """Its convolutions are VGG16's; its fc6 and fc7 are no layers of an FCN, and how it saw images it does not say."""
    trunk = torchvision_names(SOURCE.state_dict(), "vgg16")
    given = {name.removeprefix("features."): array for name, array in trunk.items() if name.startswith("features.")}
    C = given["28.weight"].shape[0]
    given |= {"31.weight": np.ones((32, C, 3, 3), np.float32), "33.weight": np.ones((32, 32, 1, 1), np.float32)}
    path = as_safetensors(tmp_path / "a", given)
    called = r"\(SSD's VGG16, whose fc6 and fc7 are reduced\)"
    refused(network(), path, rf"{called} does not say how images are prepared for these weights; say it with the kind")
    remedy = (
        r"take a head that begins anew \(--head aspp\), as all that does not fit is fc6 and fc7, or pass strict=Fal"
    )
    refused(
        network(), path, rf"{called} does not fit this network \(missing: .*wrong shape: .*\); {remedy}", kind="keras"
    )
    refused(FCN("vgg16", 3, 32, width=1 / 16), path, "build the backbone and width that the weights are", kind="keras")
    report = load_pretrained(network(), path, kind="keras", strict=False)
    assert len(report.of("loaded")) == 25 and {each.source for each in report.of("wrong shape")} == {
        "31.weight", "33.weight",
    }  # fmt: skip
    assert len(report.of("converted")) == 1, "the first convolution, for RGB"


@pytest.mark.parametrize(("head", "dropped"), [("dilated", 0), ("aspp", 4), ("deconvnet", 0)])
def test_a_head_of_its_own_begins_anew(tmp_path: Path, head: str, dropped: int) -> None:
    """What no classifier has may be missing; what it has may not."""

    def fresh() -> Any:
        return build(head, "vgg16", 3, width=WIDTH, generator=np.random.default_rng(0))

    given = torchvision_names(SOURCE.state_dict(), "vgg16")
    model = fresh()
    report = load_pretrained(model, as_safetensors(tmp_path / "a", given))
    assert [each.source for each in report.of("dropped") if "classifier" in str(each.source)] == [
        "classifier.0.bias", "classifier.0.weight", "classifier.3.bias", "classifier.3.weight",
    ][:dropped]  # fmt: skip
    np.testing.assert_array_equal(model.state_dict()["stage5.conv5_3.weight"].data, given["features.28.weight"])
    missing = {str(each.target).partition(".")[0] for each in report.of("missing")}
    assert missing <= {"head", "score", "upscore", "back1", "back2", "back3", "back4", "back5", "back6"}
    del given["features.28.weight"]
    refused(fresh(), as_safetensors(tmp_path / "b", given), r"\(missing: stage5\.conv5_3\.weight\)")


def test_files_of_nobody_and_of_two(tmp_path: Path) -> None:
    refused(
        network(), as_safetensors(tmp_path / "a", {"x": np.ones(3, np.float32)}), "belong to no network that is known"
    )
    save_arrays(tmp_path / "b.safetensors", {"conv1_1.weight": np.ones(2), "conv1_1/W": np.ones(2)})
    refused(network(), tmp_path / "b.safetensors", "two tensors for one layer")
    with pytest.raises(FileError, match="does not exist"):
        load_pretrained(network(), tmp_path / "none.pth")
    with pytest.raises(ArgumentError, match="there is no fate 'lost'"):
        load_pretrained(network(), as_npz(tmp_path / "c", canonical(SOURCE))).of("lost")


def test_our_own_state_says_nothing_of_images(tmp_path: Path) -> None:
    save(SOURCE.state_dict(), tmp_path / "a.safetensors")
    refused(network(), tmp_path / "a.safetensors", "does not say how images are prepared")
    model = network()
    report = load_pretrained(model, tmp_path / "a.safetensors", kind="torchvision")
    check_trunk(model, flipped=False)
    assert report.naming == "minifcn" and not report.of("missing")
    card = '{"mean": [1, 2, 3], "std": [4, 5, 6]}'
    save_arrays(tmp_path / "b.safetensors", dict(SOURCE.state_dict()), {"network": card})
    assert load_pretrained(model, tmp_path / "b.safetensors").mean == (1, 2, 3)
    save_arrays(tmp_path / "c.safetensors", dict(SOURCE.state_dict()), {"network": "{}"})
    refused(network(), tmp_path / "c.safetensors", "says wrongly how images are prepared")
