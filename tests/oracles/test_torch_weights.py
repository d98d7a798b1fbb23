"""Files that PyTorch itself writes, and networks of torchvision's layout: the same scores here as there, both ways."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn.models import FCN, classifier, image_size
from minifcn.nn import BatchNorm2d, init
from minifcn.weights import load_arrays, load_pretrained, torchvision_names
from tests.oracles.peers import peer
from tests.oracles.torchvision_networks import PARAMETERS, of_torch, randomized

torch = peer("torch")
WIDTH = Fraction(1, 16)
WIDTHS = dict.fromkeys(PARAMETERS, WIDTH) | {"googlenet_torchvision": Fraction(1, 8)}  # the most that divides them


def saved(model: Any, path: Path, legacy: bool = False) -> None:
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=not legacy)


def image_for(name: str) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 3, image_size(name), image_size(name)))


def assert_same_scores(ours: Any, theirs: Any, image: np.ndarray) -> None:
    """In float64, of two classifiers whose scores tell the classes and the images apart."""
    with torch.no_grad(), no_grad():
        wanted = theirs(torch.from_numpy(image)).numpy()
        found = ours(Tensor(image)).numpy()
    assert np.ptp(wanted, axis=1).min() > 1e-3 and np.abs(wanted[0] - wanted[1]).max() > 1e-3
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_classifier_of_torchvision_gives_the_same_scores_here(tmp_path: Path, name: str, legacy: bool) -> None:
    theirs = randomized(of_torch(name, 10, WIDTHS[name])).double()
    saved(theirs, tmp_path / "theirs.pth", legacy)
    ours = classifier(name, 10, width=float(WIDTHS[name])).double().eval()
    report = load_pretrained(ours, tmp_path / "theirs.pth")
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in theirs.modules())
    fates = [each.fate for each in report.tensors]
    assert fates.count("dropped") == norms and set(fates) <= {"loaded", "dropped"}, "counters of batch norms alone"
    assert_same_scores(ours, theirs, image_for(name))


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_classifier_of_ours_loads_in_pytorch_without_a_change(name: str) -> None:
    rng = np.random.default_rng(5)
    ours = classifier(name, 10, width=float(WIDTHS[name]), generator=rng).double().eval()
    for layer in ours.modules():
        if isinstance(layer, BatchNorm2d):  # as they are after training, and not 0 and 1
            layer.running_mean.data[:] = rng.normal(0, 0.1, layer.running_mean.shape)
            layer.running_var.data[:] = rng.uniform(0.5, 1.5, layer.running_var.shape)
    state = torchvision_names(ours.state_dict(), name)
    theirs = of_torch(name, 10, WIDTHS[name]).double()
    theirs.load_state_dict({key: torch.from_numpy(array.copy()) for key, array in state.items()}, strict=True)
    assert_same_scores(ours, theirs, image_for(name))


@pytest.mark.parametrize("name", PARAMETERS)
def test_at_full_size_names_and_shapes_are_those_of_torchvision(name: str) -> None:
    """Of both networks only the shapes: nothing is allocated, and nothing computed."""
    with torch.device("meta"):
        theirs = of_torch(name)
    with init.only_shapes():
        ours = classifier(name)
    shapes = {key: tuple(values.shape) for key, values in theirs.state_dict().items()}
    made = {key: array.shape for key, array in torchvision_names(ours.state_dict(), name).items()}
    assert made == {key: shape for key, shape in shapes.items() if not key.endswith("num_batches_tracked")}
    assert sum(values.numel() for values in theirs.parameters()) == PARAMETERS[name]
    assert sum(values.numel() for values in ours.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_an_fcn_scores_its_middle_as_the_classifier_does(tmp_path: Path, norm: bool, legacy: bool) -> None:
    """At 224x224 the head sees the 7x7 map whole, once, and there says what the classifier says.

    The features are compared at another size, too, where their map is no multiple of anything.
    """
    backbone = "vgg16_bn" if norm else "vgg16"
    theirs = randomized(of_torch(backbone, 10, WIDTH))
    saved(theirs, tmp_path / "vgg16.pth", legacy)
    model = FCN(backbone, 10, stride=32, width=float(WIDTH))
    report = load_pretrained(model, tmp_path / "vgg16.pth")
    assert [each.fate for each in report.tensors].count("dropped") == (2 + 13 if norm else 2)
    assert not report.of("unexpected") and not report.of("wrong shape")
    assert {each.target for each in report.of("missing")} == {"score.weight", "score.bias", "upscore.up.weight"}
    assert {each.target for each in report.of("converted")} == {"head.fc6.weight", "head.fc7.weight"}
    np.testing.assert_allclose(report.mean, [123.675, 116.28, 103.53])

    last = theirs.classifier[6]
    model.load_state_dict(
        {"score.weight": last.weight.detach().numpy()[:, :, None, None], "score.bias": last.bias.detach().numpy()},
        strict=False,
    )
    model.eval()
    image = np.random.default_rng(1).standard_normal((1, 3, 224, 224), dtype=np.float32)
    with torch.no_grad(), no_grad():
        wanted = theirs(torch.from_numpy(image))[0].numpy()
        x: Any = Tensor(image)
        for stage in (model.stage1, model.stage2, model.stage3, model.stage4, model.stage5):
            x = stage(x)
        features = theirs.features(torch.from_numpy(image)).numpy()
        np.testing.assert_allclose(x.data, features, rtol=1e-5, atol=1e-5 * np.abs(features).max())
        scores = model.score(model.head(x)).data[0, :, 3, 3]  # padded by 3: the middle sees all 7x7
    np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_the_trunk_of_an_fcn_goes_out_and_comes_back(tmp_path: Path) -> None:
    model = FCN("vgg16", 4, stride=8, width=float(WIDTH), generator=np.random.default_rng(3))
    state = torchvision_names(model.state_dict(), "vgg16")
    theirs = of_torch("vgg16", 10, WIDTH)
    missing, unexpected = theirs.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in state.items()}, strict=False
    )
    assert sorted(missing) == ["classifier.6.bias", "classifier.6.weight"] and not unexpected
    torch.save(theirs.state_dict(), tmp_path / "back.pth")
    again = FCN("vgg16", 4, stride=8, width=float(WIDTH))
    load_pretrained(again, tmp_path / "back.pth")
    for name, value in model.state_dict().items():
        if name.startswith(("stage", "head")):
            np.testing.assert_array_equal(again.state_dict()[name].data, value.data)


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_of_every_kind_and_layout(tmp_path: Path, legacy: bool) -> None:
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = OrderedDict(
        base=base, turned=base.permute(2, 0, 1), part=base[1, :, 1:3], last=base[..., ::2],
        half=base.half(), brain=base.bfloat16(), double=base.double(), whole=base.long(), small=base.to(torch.int8),
        short=base.short(), byte=base.byte(), truth=base > 5, none=torch.empty(0, 3), point=torch.tensor(7.5),
        parameter=torch.nn.Parameter(base), int=base.int(), channels=torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
    )  # fmt: skip
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    arrays, _ = load_arrays(tmp_path / "a.pth")
    assert sorted(arrays) == sorted(state)
    for name, tensor in state.items():
        wanted = tensor.detach().float().numpy() if name == "brain" else tensor.detach().numpy()
        np.testing.assert_array_equal(arrays[name], wanted)
        assert arrays[name].dtype == wanted.dtype and arrays[name].flags.c_contiguous and arrays[name].flags.writeable


def test_a_state_dict_of_a_module_and_a_checkpoint(tmp_path: Path) -> None:
    model = of_torch("vgg16_bn", 10, WIDTH)
    torch.save(model.state_dict(), tmp_path / "a.pth")  # an OrderedDict with attributes of its own
    assert len(load_arrays(tmp_path / "a.pth")[0]) == len(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 3, 224, 224)).sum().backward()
    optimizer.step()  # so that it has moments, tensors like any other
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    checkpoint = {
        "epoch": 1,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "best": torch.tensor(0.5),
    }
    torch.save(checkpoint | {"lr_scheduler": schedule.state_dict()}, tmp_path / "b.pth")
    arrays, metadata = load_arrays(tmp_path / "b.pth")
    assert metadata == {"inside": "model"} and sorted(arrays) == sorted(model.state_dict())
    for name, values in model.state_dict().items():
        np.testing.assert_array_equal(arrays[name], values.numpy())
    torch.save(model, tmp_path / "c.pth")
    with pytest.raises(ValueError, match=r"asks for torch\.nn\.modules\.container\.Sequential, and only tensors"):
        load_arrays(tmp_path / "c.pth")


def test_pytorch_reads_the_oldest_container_as_we_do(tmp_path: Path) -> None:
    """Nobody can write it any more; the file that tests/weights/test_pth.py makes is one for PyTorch as well."""
    from tests.weights.test_pth import oldest

    theirs = torch.load(oldest(tmp_path / "a.pth"), weights_only=False)
    for name, array in load_arrays(tmp_path / "a.pth")[0].items():
        np.testing.assert_array_equal(array, theirs[name].numpy())
