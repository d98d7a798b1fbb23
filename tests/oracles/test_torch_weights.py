"""Files that PyTorch itself writes, and a VGG16 of PyTorch's whose scores are ours after its weights came in.

torchvision need not be there: its networks are written down here as it numbers their layers.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn.models import BACKBONES, FCN
from minifcn.weights import load_arrays, load_pretrained, torchvision_names
from tests.oracles.peers import peer

torch = peer("torch")
WIDTH = 1 / 16


def vgg16_of_torch(norm: bool = False) -> Any:
    """features.0 ... features.30 and classifier.0 ... classifier.6, as torchvision.models.vgg16, 1/16 as wide."""
    layers: list[Any] = []
    before = 3
    for count, channels in ((2, 4), (2, 8), (3, 16), (3, 32), (3, 32)):
        for _ in range(count):
            layers += [torch.nn.Conv2d(before, channels, 3, padding=1)]
            layers += [torch.nn.BatchNorm2d(channels)] if norm else []
            layers += [torch.nn.ReLU()]
            before = channels
        layers.append(torch.nn.MaxPool2d(2, 2))
    classifier = [
        torch.nn.Linear(32 * 7 * 7, 256), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(256, 256),
        torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(256, 10),
    ]  # fmt: skip
    parts = OrderedDict(
        features=torch.nn.Sequential(*layers),
        avgpool=torch.nn.AdaptiveAvgPool2d((7, 7)),
        flat=torch.nn.Flatten(),
        classifier=torch.nn.Sequential(*classifier),
    )
    model = torch.nn.Sequential(parts).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, values in model.state_dict().items():
            if values.ndim > 1:
                values.normal_(0, (2 / values[0].numel()) ** 0.5, generator=generator)
            elif values.ndim == 1:
                values.uniform_(0.5, 1.5, generator=generator) if "running_var" in name else values.normal_(
                    0, 0.1, generator=generator
                )
                if norm and name.startswith("features") and name.endswith("weight"):
                    values.add_(1)
    return model


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("norm", [False, *([True] if "vgg16_bn" in BACKBONES else [])])
def test_a_vgg16_of_pytorch_gives_the_same_scores_here(tmp_path: Path, norm: bool, legacy: bool) -> None:
    """One classifier, one FCN: at 224x224 the head sees the 7x7 map whole, once, and there says what the classifier says.

    The features are compared at another size, too, where their map is no multiple of anything.
    """
    theirs = vgg16_of_torch(norm)
    torch.save(theirs.state_dict(), tmp_path / "vgg16.pth", _use_new_zipfile_serialization=not legacy)
    backbone = "vgg16_bn" if norm else "vgg16"
    model = FCN(backbone, 10, stride=32, width=WIDTH)
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


def test_the_way_out_loads_in_pytorch_without_a_change(tmp_path: Path) -> None:
    model = FCN("vgg16", 4, stride=8, width=WIDTH, generator=np.random.default_rng(3))
    state = torchvision_names(model.state_dict(), "vgg16")
    theirs = vgg16_of_torch()
    missing, unexpected = theirs.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in state.items()}, strict=False
    )
    assert sorted(missing) == ["classifier.6.bias", "classifier.6.weight"] and not unexpected
    torch.save(theirs.state_dict(), tmp_path / "back.pth")
    again = FCN("vgg16", 4, stride=8, width=WIDTH)
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
    model = vgg16_of_torch(norm=True)
    torch.save(model.state_dict(), tmp_path / "a.pth")  # an OrderedDict with attributes of its own
    assert len(load_arrays(tmp_path / "a.pth")[0]) == len(model.state_dict())
    torch.save({"epoch": 1, "model": model.state_dict()}, tmp_path / "b.pth")
    with pytest.raises(ValueError, match=r"checkpoint of several things .*torch\.load\(path\)\['model'\]"):
        load_arrays(tmp_path / "b.pth")
    torch.save(model, tmp_path / "c.pth")
    with pytest.raises(ValueError, match=r"asks for torch\.nn\.modules\.container\.Sequential, and only tensors"):
        load_arrays(tmp_path / "c.pth")


def test_pytorch_reads_the_oldest_container_as_we_do(tmp_path: Path) -> None:
    """Nobody can write it any more; the file that tests/weights/test_pth.py makes is one for PyTorch as well."""
    from tests.weights.test_pth import oldest

    theirs = torch.load(oldest(tmp_path / "a.pth"), weights_only=False)
    for name, array in load_arrays(tmp_path / "a.pth")[0].items():
        np.testing.assert_array_equal(array, theirs[name].numpy())
