"""Label maps as pictures: exact colours at exact pixels, and PNG files that hold the labels themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from minifcn.data.images import luminance
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.plot import colorize, error_map, overlay, save_image_png, save_label_png
from minifcn.plot.labels import UNCOUNTED_COLOUR, VOID_COLOUR, WRONG_COLOUR, contours

PALETTE = np.array([[10, 20, 30], [200, 0, 100], [0, 250, 50]], dtype=np.uint8)
LABEL = np.array([[0, 0, 2, 2], [0, 1, 2, 255], [0, 0, 0, 255]], dtype=np.uint8)
IMAGE = np.arange(3 * 4 * 3, dtype=np.uint8).reshape(3, 4, 3) * 7

LABELS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 2, 255])
)


def text_of(error: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_every_label_has_the_colour_of_its_class() -> None:
    picture = colorize(LABEL, PALETTE)
    assert picture.dtype == np.uint8 and picture.shape == (3, 4, 3)
    assert picture[0, 2].tolist() == [0, 250, 50] and picture[1, 1].tolist() == [200, 0, 100]
    assert picture[1, 3].tolist() == picture[2, 3].tolist() == list(VOID_COLOUR)
    assert np.array_equal(picture[LABEL == 0], np.broadcast_to(PALETTE[0], (6, 3)))


def test_a_palette_of_256_colours_decides_about_void() -> None:
    palette = np.arange(768).reshape(256, 3) % 256
    assert colorize(LABEL, palette)[1, 3].tolist() == palette[255].tolist()
    assert colorize(np.array([[254]]), palette)[0, 0].tolist() == palette[254].tolist()


@pytest.mark.parametrize("palette", [PALETTE.tolist(), PALETTE.astype(np.int64), [tuple(row) for row in PALETTE]])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint16])
def test_palettes_and_labels_of_other_kinds(palette, dtype: type) -> None:
    assert np.array_equal(colorize(LABEL.astype(dtype), palette), colorize(LABEL, PALETTE))


def test_contours_run_along_the_rarer_class_on_all_its_sides() -> None:
    label = np.zeros((6, 7), np.uint8)
    label[1:5, 2:6] = 1  # 16 pixels of 1, 26 of 0
    expected = label.astype(bool)
    expected[2:4, 3:5] = False
    assert np.array_equal(contours(label), expected)
    assert np.array_equal(contours(1 - label), expected), "it is the number of pixels that decides, not the label"


@given(LABELS)
def test_contours_turn_with_the_picture_and_separate_all_regions(label: np.ndarray) -> None:
    edge = contours(label)
    for turn in (lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::-1]):
        assert np.array_equal(contours(turn(label)), turn(edge))
    across = label[:, :-1] != label[:, 1:]
    assert np.array_equal(across, across & (edge[:, :-1] ^ edge[:, 1:]) | across & edge[:, :-1] & edge[:, 1:])
    assert not edge[label == 255].any()


def test_overlay_is_a_blend_of_the_photograph_and_the_colour_of_the_class() -> None:
    label = np.full((3, 4), 1, np.uint8)
    label[2, 3] = 255
    for alpha in (0.0, 0.25, 1.0):
        picture = overlay(IMAGE, label, PALETTE, alpha)
        expected = (1 - alpha) * IMAGE[0, 0] + alpha * PALETTE[1].astype(float)
        assert np.abs(picture[0, 0] - expected).max() <= 0.5
        assert np.array_equal(picture[2, 3], IMAGE[2, 3]), "void shows the image"
    assert picture.dtype == np.uint8 and picture.shape == IMAGE.shape


def test_overlay_draws_contours_lighter_than_the_class() -> None:
    picture = overlay(IMAGE, LABEL, PALETTE, alpha=1.0)
    edge = contours(LABEL)
    assert edge.any() and (~edge & (LABEL != 255)).any()
    assert np.array_equal(picture[edge], np.round(PALETTE[LABEL[edge]] / 2 + 127.5))
    plain = ~edge & (LABEL != 255)
    assert np.array_equal(picture[plain], PALETTE[LABEL[plain]])


def test_errors_are_red_void_is_grey_and_the_rest_is_dimmed() -> None:
    prediction = np.where(LABEL == 255, 0, LABEL)
    prediction[0, 1] = 2
    errors = error_map(IMAGE, LABEL, prediction)
    assert errors[0, 1].tolist() == list(WRONG_COLOUR)
    assert np.array_equal(errors[LABEL == 255], np.broadcast_to(UNCOUNTED_COLOUR, (2, 3)))
    right = (prediction == LABEL) & (LABEL != 255)
    assert right.sum() == 9
    assert np.abs(errors[right] - 0.4 * luminance(IMAGE)[right][:, None]).max() <= 0.5
    assert error_map(np.full_like(IMAGE, 255), LABEL, prediction)[right].max() < min(UNCOUNTED_COLOUR)


def test_inputs_are_left_alone() -> None:
    image, label, palette = IMAGE.copy(), LABEL.copy(), PALETTE.copy()
    for array in (image, label, palette):
        array.flags.writeable = False
    for picture in (colorize(label, palette), overlay(image, label, palette), error_map(image, label, label)):
        assert picture.flags.writeable and not np.shares_memory(picture, image)


@given(label=LABELS)
def test_a_label_png_holds_the_labels(tmp_path_factory, label: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("png") / "label.png"
    save_label_png(path, label.astype(np.int64), PALETTE)
    with Image.open(path) as picture:
        assert picture.mode == "P" and picture.format == "PNG"
        assert np.array_equal(np.asarray(picture), label)
        assert np.array_equal(np.asarray(picture.convert("RGB")), colorize(label, PALETTE))
    assert [entry.name for entry in path.parent.iterdir()] == ["label.png"]


def test_a_label_png_of_255_classes(tmp_path: Path) -> None:
    label = np.arange(256, dtype=np.uint8).reshape(8, 32)
    palette = np.stack([np.arange(255), 255 - np.arange(255), np.arange(255) // 2], axis=1)
    save_label_png(tmp_path / "label.PNG", label, palette)
    with Image.open(tmp_path / "label.PNG") as picture:
        assert np.array_equal(np.asarray(picture), label)


def test_an_image_png_holds_the_image(tmp_path: Path) -> None:
    for image in (IMAGE, IMAGE[::-1, ::-1], np.asfortranarray(IMAGE)):
        save_image_png(tmp_path / "image.png", image)
        with Image.open(tmp_path / "image.png") as picture:
            assert picture.mode == "RGB" and np.array_equal(np.asarray(picture), image)


def test_a_failed_png_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.png"
    save_image_png(path, IMAGE)
    old = path.read_bytes()

    def fail(self: object, path: Path, format: str, **more: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    for save in (lambda: save_image_png(path, IMAGE + 1), lambda: save_label_png(path, LABEL, PALETTE)):
        assert text_of(FileError, save).startswith(f"{path} could not be written (No space left on device)")
        assert path.read_bytes() == old
        assert [entry.name for entry in tmp_path.iterdir()] == ["image.png"]


def test_where_no_png_can_be_written(tmp_path: Path) -> None:
    assert "has not the suffix .png" in text_of(ArgumentError, lambda: save_image_png(tmp_path / "a.jpg", IMAGE))
    assert "has not the suffix .png" in text_of(ArgumentError, lambda: save_label_png(tmp_path / "a", LABEL, PALETTE))
    missing = tmp_path / "none" / "a.png"
    assert "does not exist" in text_of(FileError, lambda: save_image_png(missing, IMAGE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("label", "error", "words"),
    [
        (np.array([[0, 3, 7]]), ArgumentError, "label holds 3, 7 but there are colours for 0 to 2 (and void is 255)"),
        (np.array([[-1, 0]]), ArgumentError, "label holds -1 but"),
        (np.array([[256, 0]]), ArgumentError, "label holds 256 but"),
        (np.arange(20).reshape(4, 5), ArgumentError, "label holds 3, 4, 5, 6, 7, ... but"),
        (np.zeros((2, 3, 1), int), ArgumentError, "label has shape (2, 3, 1); pass (H, W)"),
        (np.zeros((0, 3), int), ArgumentError, "label has shape (0, 3)"),
        (np.zeros((2, 3)), ArgumentTypeError, "label is of dtype float64; pass a NumPy array of integer labels"),
        ([[0, 1]], ArgumentTypeError, "label is a list"),
    ],
)
def test_what_is_no_label_map(tmp_path: Path, label, error: type[Exception], words: str) -> None:
    calls = (lambda: colorize(label, PALETTE), lambda: save_label_png(tmp_path / "label.png", label, PALETTE))
    for call in calls:
        message = text_of(error, call)
        assert words in message and "np." not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("palette", "words"),
    [
        (np.zeros((3, 4), int), "shape (3, 4)"),
        (np.zeros((0, 3), int), "shape (0, 3)"),
        (np.zeros((257, 3), int), "shape (257, 3)"),
        ([1, 2, 3], "shape (3,)"),
        ([[0, 0, 256]], "not integers from 0 to 255"),
        ([[0, 0, -1]], "not integers from 0 to 255"),
        (np.array([[0.5, 0.1, 1.0]]), "not integers from 0 to 255"),
    ],
)
def test_what_is_no_palette(palette, words: str) -> None:
    assert words in text_of(ArgumentError, lambda: colorize(np.zeros((1, 2), int), palette))


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (IMAGE.astype(np.float32), ArgumentTypeError, "image is of dtype float32; pass a NumPy array of uint8"),
        ([[[0, 0, 0]]], ArgumentTypeError, "image is a list"),
        (IMAGE[..., 0], ArgumentError, "image has shape (3, 4); pass (H, W, 3)"),
        (IMAGE.transpose(2, 0, 1), ArgumentError, "image has shape (3, 3, 4)"),
        (IMAGE[:0], ArgumentError, "image has shape (0, 4, 3)"),
    ],
)
def test_what_is_no_image(tmp_path: Path, image, error: type[Exception], words: str) -> None:
    for call in (
        lambda: overlay(image, LABEL, PALETTE),
        lambda: error_map(image, LABEL, LABEL),
        lambda: save_image_png(tmp_path / "image.png", image),
    ):
        assert words in text_of(error, call)


def test_sizes_and_alpha_are_checked() -> None:
    wide = np.zeros((3, 5), int)
    assert text_of(ArgumentError, lambda: overlay(IMAGE, wide, PALETTE)) == (
        "label has the size (3, 5) but the image has (3, 4); pass equal sizes."
    )
    assert "truth has the size (3, 5)" in text_of(ArgumentError, lambda: error_map(IMAGE, wide, LABEL))
    assert "prediction has the size (3, 5)" in text_of(ArgumentError, lambda: error_map(IMAGE, LABEL, wide))
    for alpha in (-0.1, 1.5, float("nan")):
        assert f"alpha is {alpha}" in text_of(ArgumentError, lambda alpha=alpha: overlay(IMAGE, LABEL, PALETTE, alpha))
