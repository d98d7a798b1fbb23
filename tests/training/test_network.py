"""A network on disk comes back as it was, with all that is needed to use it; anything else is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from minifcn.errors import ArgumentError, FileError
from minifcn.models import FCN
from minifcn.training import WEIGHTS_FILE, Card, load_network, save_network
from minifcn.weights import save_arrays
from tests.onto import device_of, equal, on
from tests.training.tiny import MEAN, PALETTE, Pictures, card, same, weights

NAMES = [WEIGHTS_FILE, "weights.npz"]


def trained(description: Card) -> FCN:
    """A network whose score layers are not zero, so that its answers tell it from another."""
    model = description.build(np.random.default_rng(5))
    rng = np.random.default_rng(6)
    for _, value in model.named_parameters():
        value.data[...] += 0.05 * rng.standard_normal(value.shape).astype(np.float32)
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "description",
    [
        card(),
        card(backbone="vgg16", width=1 / 64, stride=16, alignment="caffe", size=None),
        card(stride=32, upsampling="staged", learn_upsampling=True, width=0.1),
    ],
    ids=["small", "vgg16", "staged"],
)
def test_a_network_comes_back_to_the_bit(tmp_path: Path, name: str, description: Card, xp: ModuleType) -> None:
    model = trained(description).to(device_of(xp))  # a file is the same, wherever the network was
    save_network(tmp_path / name, model, description, {"note": "kept"})
    found, found_card = load_network(tmp_path / name)
    assert found_card == description
    assert same(weights(found), weights(model))
    assert not any(module.training for module in found.modules())
    x = on(xp, np.random.default_rng(0).standard_normal((1, 3, 19, 26)).astype(np.float32))
    equal(found.to(device_of(xp))(x), model(x))
    learned = [name for name, p in found.named_parameters() if p.requires_grad and ".up." in name]
    assert bool(learned) is description.learn_upsampling


def test_a_run_folder_stands_for_its_weights(tmp_path: Path) -> None:
    model = trained(card())
    save_network(tmp_path / WEIGHTS_FILE, model, card())
    assert same(weights(load_network(tmp_path)[0]), weights(model))
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FileError, match=rf"empty is a folder without {WEIGHTS_FILE}; give the folder of a run or a file in it\."
    ):
        load_network(tmp_path / "empty")


def test_a_card_describes_a_data_set() -> None:
    data = Pictures(1)
    found = Card.describing(
        "folder", data, (32, 40), backbone="small", stride=8, alignment="compact", width=1 / 8,
        learn_upsampling=False, upsampling="single",
    )  # fmt: skip
    assert found == card()
    assert all(type(value) is float for value in (*found.mean, *found.std))
    assert all(type(value) is int for colour in found.palette for value in colour)
    assert Card.from_json(found.to_json(), "x") == found
    found.check_classes(data, "the run")


def test_other_classes_are_refused() -> None:
    data = Pictures(1)
    data.classes = ("block", "ground", "sky")  # the same words in another order are other classes
    with pytest.raises(ArgumentError) as caught:
        card().check_classes(data, "runs/a")
    assert "runs/a knows the 3 classes ground, block, sky" in str(caught.value)
    assert "pictures has the 3 classes block, ground, sky; use the kind of data" in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_broken_weights_are_never_written(tmp_path: Path, bad: float) -> None:
    model = trained(card())
    path = tmp_path / WEIGHTS_FILE
    save_network(path, model, card())
    before = path.read_bytes()
    model.stage3.layers["norm3_2"].running_var.data[1] = bad
    with pytest.raises(
        FileError, match=r"weights.safetensors was not written: .*running_var holds NaN or infinity; what"
    ):
        save_network(path, model, card())
    assert path.read_bytes() == before
    with pytest.raises(FileError):
        save_network(tmp_path / "new.npz", model, card())
    assert sorted(p.name for p in tmp_path.iterdir()) == [WEIGHTS_FILE]


@pytest.mark.parametrize("name", NAMES)
def test_broken_weights_are_never_used(tmp_path: Path, name: str) -> None:
    arrays = weights(trained(card()))
    arrays["score.bias"][1] = np.nan
    save_arrays(tmp_path / name, arrays, {"network": card().to_json()})
    with pytest.raises(
        FileError, match=rf"{name} cannot be used: score.bias holds NaN or infinity; give the weights of"
    ):
        load_network(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_no_networks(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(FileError, match=rf"{name} does not exist; check the path\."):
        load_network(path)
    path.write_text("these are no weights", encoding="utf-8")
    with pytest.raises(FileError, match=rf"{name} is damaged or not a {path.suffix} file"):
        load_network(path)
    path.write_bytes(b"")
    with pytest.raises(FileError, match=rf"{name} is damaged or not a {path.suffix} file"):
        load_network(path)
    save_arrays(path, {"score.bias": MEAN})
    with pytest.raises(FileError, match=rf"{name} holds arrays but no description of a network; give weights that"):
        load_network(path)
    save_network(path, trained(card()), card())
    whole = path.read_bytes()
    for content in (
        whole[: len(whole) // 2],
        whole[:-1],
        whole[: len(whole) // 2] + b"?" + whole[len(whole) // 2 + 1 :],
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match=rf"{name} is damaged"):
            load_network(path)


def test_a_checkpoint_is_not_mistaken_for_weights(tmp_path: Path) -> None:
    save_arrays(tmp_path / "checkpoint.safetensors", {"model.x": MEAN}, {"network": card().to_json(), "state": "{}"})
    with pytest.raises(FileError, match=r"is the checkpoint of a run, for --resume; give .*weights\.safetensors\."):
        load_network(tmp_path / "checkpoint.safetensors")


def test_a_card_of_another_network(tmp_path: Path) -> None:
    path = tmp_path / WEIGHTS_FILE
    arrays = weights(trained(card()))
    four = card(classes=("a", "b", "c", "d"), palette=(*map(tuple, PALETTE.tolist()), (1, 2, 3)))
    save_arrays(path, arrays, {"network": four.to_json()})
    with pytest.raises(FileError) as caught:
        load_network(path)
    text = str(caught.value)
    assert "weights.safetensors does not fit the network it describes" in text
    assert "score.weight" in text and "(4, 16, 1, 1)" in text and "(3, 16, 1, 1)" in text
    save_arrays(path, arrays, {"network": card(stride=16).to_json()})
    with pytest.raises(FileError, match=r"unexpected: fuse_pool3"):
        load_network(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ["a", "b"]}, "2 classes and 3 colours"),
        ({"classes": [], "palette": []}, "0 classes and 0 colours"),
        ({"palette": [[0, 0, 0], [1, 1, 300], [2, 2, 2]]}, "colours outside 0..255"),
        ({"palette": [[0, 0], [1, 1], [2, 2]]}, "not enough values"),
        ({"std": [1.0, 0.0, 1.0]}, "std"),
        ({"mean": [1.0, None, 1.0]}, "float"),
        ({"mean": [1.0, float("nan"), 1.0]}, "mean"),
        ({"size": [0, 40]}, "size 0x40"),
        ({"size": [40]}, "index out of range"),
        ({"width": "wide"}, "could not convert"),
        ({"colour": 3}, "colour"),
        ({"stride": None}, "NoneType"),
    ],
)
def test_a_damaged_card(changes: dict[str, object], said: str) -> None:
    fields = json.loads(card().to_json()) | changes
    with pytest.raises(FileError) as caught:
        Card.from_json(json.dumps(fields), "runs/a/weights.npz")
    text = str(caught.value)
    assert text.startswith("runs/a/weights.npz: the description of the network is damaged (")
    assert said in text and text.endswith("); save it again.")


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '"small"', "null", "{}"])
def test_a_card_that_is_none(text: str) -> None:
    with pytest.raises(FileError, match=r"w.npz: the description of the network is damaged \("):
        Card.from_json(text, "w.npz")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbone": "resnet"}, "resnet"),
        ({"stride": 4}, "4"),
        ({"width": -1.0}, "-1"),
        ({"alignment": "left"}, "left"),
    ],
)
def test_a_card_that_no_network_fits(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = tmp_path / WEIGHTS_FILE
    save_arrays(path, weights(trained(card())), {"network": json.dumps(json.loads(card().to_json()) | changes)})
    with pytest.raises(FileError, match=rf"does not fit the network it describes: .*{said}"):
        load_network(path)
