"""What features see, drawn on the image: the numbers are those of the geometry, and any image is taken."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import WindowLayer
from minifcn.models import FCN
from minifcn.models.alignment import Trace
from minifcn.nn import BatchNorm2d, Conv2d, MaxPool2d, ReLU, Sequential
from minifcn.plot import field
from minifcn.plot.frames import svg_of
from minifcn.plot.given import picture

IMAGE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def layers() -> Sequential:
    return Sequential(Conv2d(3, 1, 3, padding=1, generator=np.random.default_rng(0)), ReLU(), MaxPool2d(2))


def texts(figure: Figure) -> str:
    return "\n".join(re.findall(r"<text [^>]*>(.*?)</text>", svg_of(figure)))


def test_vgg16_sees_what_its_paper_says_pooling_by_pooling() -> None:
    network = FCN("vgg16", 2, 8, width=0.01, generator=np.random.default_rng(0))
    made = field(np.zeros((96, 128, 3), np.uint8), network)
    assert len(made) == 6
    assert "pool1 6, pool2 16, pool3 44, pool4 100, pool5 212, score 404" in texts(made.still())
    assert "pool3: feature [6, 10] of 12 x 16 sees 44 x 44 pixels" in texts(made[2])
    assert "the next feature sees the same 8 pixels further" in texts(made[2])


def test_the_numbers_are_those_of_the_trace_and_padding_is_not_counted() -> None:
    made = field(IMAGE, layers(), (0, 3))
    assert len(made) == 1 and "<input" not in made._repr_html_()  # there is nothing to move
    said = texts(made[0])
    assert Trace().through(layers()).region(0, 3) == (range(-1, 3), range(5, 9))
    assert "map: feature [0, 3] of 12 x 16 sees 4 x 4 pixels" in said
    assert "rows −1 to 2, columns 5 to 8; of these 3 x 4 are in the image" in said
    assert "+ is its centre, (0.5, 6.5); the next feature sees the same 2 pixels further" in said


def test_the_frame_lies_on_the_pixels_that_change_the_feature() -> None:
    """The frame that is drawn is measured against what a changed pixel changes."""
    network = layers()
    figure = field(IMAGE, network, (4, 5))[0]
    image = figure.axes[0].get_images()[0].get_extent()  # left, right, bottom, top
    pixel = (image[1] - image[0]) / IMAGE.shape[1]
    frame = max((p for p in figure.axes[0].patches if isinstance(p, Rectangle)), key=lambda p: p.get_linewidth())
    rows = range(
        round((frame.get_y() - image[3]) / pixel), round((frame.get_y() + frame.get_height() - image[3]) / pixel)
    )
    columns = range(
        round((frame.get_x() - image[0]) / pixel), round((frame.get_x() + frame.get_width() - image[0]) / pixel)
    )
    summed = Sequential(
        network[0], Conv2d(1, 1, 2, stride=2, generator=np.random.default_rng(2))
    )  # a pooling that adds
    x = Tensor(np.ones((1, 3, 24, 32), np.float32), requires_grad=True)
    summed(x)[0, 0, 4, 5].backward()
    assert x.grad is not None
    changed = np.nonzero(x.grad.numpy()[0, 0])
    assert (rows.start, rows.stop - 1) == (changed[0].min(), changed[0].max())
    assert (columns.start, columns.stop - 1) == (changed[1].min(), changed[1].max())


def test_features_are_walked_through_and_many_are_spread_evenly() -> None:
    trace = Trace().through(layers())
    made = field(IMAGE, trace)
    assert len(made) == 48  # every second row and column of 12 x 16
    assert "feature [0, 2] of" in texts(made[1]) and "feature [10, 14] of" in texts(made[-1])
    assert made.label == "feature" and len({tuple(made[n].get_size_inches()) for n in (0, 47)}) == 1


def test_traces_by_name_are_looked_at_over_one_place() -> None:
    first, second = Sequential(MaxPool2d(2)), Sequential(MaxPool2d(2), MaxPool2d(2))
    made = field(IMAGE, {"halved": first, "quartered": second}, (2, 3))
    assert made.label == "map" and "halved: feature [4, 6]" in texts(made[0])  # its centre is nearest: (8.5, 12.5)
    assert "thin: the maps before" in texts(made[1]) and "what each sees: halved 2, quartered 4" in texts(made[1])


def test_a_feature_that_sees_only_padding_is_said_to() -> None:
    blind = Trace().through(Sequential(Conv2d(3, 1, 1, padding=2, generator=np.random.default_rng(0))))
    assert "of these 0 x 0 are in the image" in texts(field(IMAGE, blind, (0, 0))[0]) or "0 x" in texts(
        field(IMAGE, blind, (0, 0))[0]
    )


def test_an_image_stands_once_in_a_slider() -> None:
    made = field(IMAGE, Sequential(MaxPool2d(4)))
    html = made._repr_html_()
    assert len(made) == 48 and html.count("data:image/png") == 1
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_a_large_image_is_drawn_coarser_and_the_slider_stays_small() -> None:
    large = np.random.default_rng(0).integers(0, 256, (1000, 1500, 3), np.uint8)
    figure = field(large, Sequential(MaxPool2d(2), MaxPool2d(2)), (3, 4))[0]
    assert max(figure.axes[0].get_images()[0].get_array().shape) == 320


@pytest.mark.parametrize(
    "image",
    [
        IMAGE, IMAGE.transpose(2, 0, 1), IMAGE[None].transpose(0, 3, 1, 2), IMAGE[..., 0], IMAGE[..., :1], IMAGE / 255,
        Tensor(IMAGE.transpose(2, 0, 1)[None] / 99.0 - 1), IMAGE > 3, np.full((4, 5), np.nan),
    ],
    ids=["HW3", "3HW", "13HW", "HW", "HW1", "fractions", "tensor", "bool", "nan"],
)  # fmt: skip
def test_every_usual_image_is_taken(image: Any) -> None:
    made = picture(image, "field")
    assert made.dtype == np.uint8 and made.shape[2] == 3 and made.shape[:2] in ((24, 32), (4, 5))


def test_bytes_are_drawn_as_they_are_and_others_from_black_to_white() -> None:
    assert (picture(IMAGE, "x") == IMAGE).all()
    assert picture(np.array([[-1.0, 0.0], [1.0, 3.0]]), "x")[..., 0].tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: field(np.ones((2, 3, 4, 5)), layers()), ArgumentError, r"an image has shape .*\(2, 3, 4, 5\)"),
        (lambda: field("abc", layers()), ArgumentError, "field: an image has shape"),
        (lambda: field(IMAGE, 3), ArgumentTypeError, "3 is no Trace"),
        (lambda: field(IMAGE, {}), ArgumentError, "no map to draw"),
        (lambda: field(IMAGE, layers(), (12, 0)), ArgumentError, r"no feature \[12, 0\], map has 12 x 16"),
        (lambda: field(IMAGE, layers(), 3), ArgumentTypeError, "place is 3"),
        (lambda: field(IMAGE, Trace(steps=(WindowLayer(30),))), ArgumentError, "kernel"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_layers_that_move_nothing_are_one_map_as_large_as_the_image() -> None:
    made = field(IMAGE, Sequential(BatchNorm2d(3)), (3, 4))
    assert "sees 1 x 1 pixels" in texts(made[0])
