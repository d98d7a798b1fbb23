"""The maps that are drawn are the network's streams, in one scale, and the sum grows frame by frame."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN
from minifcn.plot import streams
from minifcn.plot.collection import PICTURES
from minifcn.plot.frames import svg_of
from minifcn.plot.palette import signed

IMAGE = np.random.default_rng(0).standard_normal((1, 3, 40, 60)).astype(np.float32)


def network(stride: int = 8, classes: int = 3, **more: Any) -> FCN:
    """A small network whose scores are not zero."""
    rng = np.random.default_rng(1)
    model = FCN("small", classes, stride, width=0.1, generator=rng, **more).eval()
    model.load_state_dict({**model.state_dict(), **{
        name: rng.standard_normal(value.shape).astype(np.float32) for name, value in model.state_dict().items()
        if ".skip." in name or name.startswith("score.")
    }})  # fmt: skip
    return model


def texts(figure: Figure) -> list[str]:
    return re.findall(r"<text [^>]*>(.*?)</text>", svg_of(figure))


@pytest.mark.parametrize(
    ("stride", "added"),
    [
        (32, ["1 · score"]),
        (16, ["1 · score", "1 · score + 1 · pool4"]),
        (8, ["1 · score", "1 · score + 1 · pool4", "1 · score + 1 · pool4 + 1 · pool3"]),
    ],
)
def test_a_stream_joins_in_every_frame(stride: int, added: list[str]) -> None:
    made = streams(IMAGE, network(stride), 1)
    assert len(made) == len(added)
    for figure, sum_so_far in zip(made, added, strict=True):
        assert f"added so far: {sum_so_far}; numbers are rounded" in texts(figure)
    assert len({tuple(figure.get_size_inches()) for figure in made}) == 1


def test_the_maps_are_the_streams_in_one_scale() -> None:
    model = network()
    scores = {name: value.detach().numpy() for name, value in model.streams(Tensor(IMAGE)).items()}
    most = max(np.abs(value[0, 2]).max() for value in scores.values())
    drawn = [image.get_array() for image in streams(IMAGE, model, 2)[-1].axes[0].get_images()]
    before4, before3 = scores["fused4"] - scores["pool4"], scores["fused3"] - scores["pool3"]
    wanted = [scores["score"], before4, scores["pool4"], scores["fused4"], before3, scores["pool3"], scores["fused3"]]
    for picture, values in zip(drawn[1:-1], wanted, strict=True):  # the first is the image, the last the scale
        assert np.abs(picture.astype(int) - signed(values[0, 2].astype(float), most)).max() <= 1


def test_numbers_in_the_pixels_and_at_the_scale_are_those_of_the_maps() -> None:
    made = PICTURES["streams"]()
    said = texts(made[0])
    values = said[said.index("score: 2 x 3") + 1 :][:6]
    assert values == ["−0.08", "0.18", "−0.3", "−0.17", "0.01", "−0.31"]
    assert said.count("−0.837") == said.count("0.837") == 1 and "against the class" in said


def test_what_streams_returned_is_drawn_as_what_the_network_is_asked() -> None:
    model = network()
    asked = streams(IMAGE, model, 0, {"pool4": 0.5})
    handed = streams(IMAGE, model.streams(Tensor(IMAGE), {"pool4": 0.5}), 0, {"pool4": 0.5})
    assert asked._repr_html_() == handed._repr_html_()
    assert "0.5 · pool4: 3 x 4" in texts(asked[1]) and "pool3: 5 x 8" in texts(asked[2])
    assert "added so far: 1 · score + 0.5 · pool4; numbers are rounded" in texts(asked[1])


def test_labels_are_the_highest_scores_with_their_numbers_and_names() -> None:
    model = network()
    said = texts(streams(IMAGE, model, classes=("sky", "road", "car"))[0])
    label = model.streams(Tensor(IMAGE))["score"].detach().numpy()[0].argmax(0)
    place = said.index(f"score: {label.shape[0]} x {label.shape[1]}") + 1
    assert said[place : place + label.size] == [str(value) for value in label.ravel()]
    assert {"0 sky", "1 road", "2 car"} & set(said)


def test_a_new_network_says_nothing_and_is_drawn_all_the_same() -> None:
    model = FCN("small", 3, 8, width=0.1, generator=np.random.default_rng(0)).eval()
    figure = streams(IMAGE, model, 1)[-1]
    assert all((image.get_array() == 150).all() for image in figure.axes[0].get_images()[1:-1])


def test_a_network_that_only_doubles_shows_the_score_growing() -> None:
    made = streams(IMAGE, network(32, upsampling="staged"), 1)
    assert [texts(made[-1]).count(f"{name}, enlarged: {size}") for name, size in (("score", "3 x 4"), ("fused4", "5 x 8"))] == [1, 1]  # fmt: skip
    assert "added so far: 1 · score; numbers are rounded" in texts(made[-1])


def test_the_network_is_left_as_it_was() -> None:
    model = network()
    streams(IMAGE, model, 1)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: streams(IMAGE, 3), ArgumentTypeError, "scores must be an FCN or what FCN.streams returns"),
        (lambda: streams(IMAGE, {"score": np.ones((2, 3, 4, 5))}), ArgumentError, r"pass the scores of one image"),
        (lambda: streams(IMAGE, network(), 3), ArgumentError, "no class 3, the scores are of 3; choose 0 to 2"),
        (lambda: streams(IMAGE, network(32), 1, {"pool4": 2}), ArgumentError, "no stream 'pool4'"),
        (lambda: streams(IMAGE, network(classes=9)), ArgumentError, "9 classes need a palette"),
        (lambda: streams(IMAGE, network(), palette=[[0, 0, 0]]), ArgumentError, "3 classes but 1 colours"),
        (lambda: streams(Tensor(np.ones(3)), network()), ArgumentError, "streams: an image has shape"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_nine_classes_have_a_palette_or_one_label() -> None:
    model, palette = network(classes=9), np.arange(27).reshape(9, 3) * 9
    assert len(streams(IMAGE, model, palette=palette)) == len(streams(IMAGE, model, 8)) == 3
