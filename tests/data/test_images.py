"""Pictures from files: what is read, what is refused, and how image and label change size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from minifcn.data.images import read_image, resize_image, resize_label
from minifcn.data.pictures import open_label
from minifcn.errors import FileError, FileWarning

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
INDICES = RNG.integers(0, 6, (5, 7), dtype=np.uint8)


def read_label(path):
    return open_label(path).pixels


def test_images_of_every_usual_kind_become_rgb(tmp_path):
    for suffix in (".png", ".bmp", ".tif", ".ppm"):
        Image.fromarray(COLOURS).save(tmp_path / f"a{suffix}")
        image = read_image(tmp_path / f"a{suffix}")
        assert image.dtype == np.uint8
        assert np.array_equal(image, COLOURS), suffix
    Image.fromarray(INDICES).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.repeat(INDICES[..., None], 3, axis=2))
    Image.fromarray(np.dstack([COLOURS, INDICES])).save(tmp_path / "alpha.png")
    with pytest.warns(FileWarning, match=r"alpha.png: it is partly transparent; transparency is not used"):
        assert np.array_equal(read_image(tmp_path / "alpha.png"), COLOURS)


def test_a_photograph_is_turned_as_its_exif_note_says(tmp_path):
    picture = Image.fromarray(COLOURS)
    note = picture.getexif()
    note[0x0112] = 6  # a camera held upright
    picture.save(tmp_path / "a.png", exif=note)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(COLOURS, -1))


def test_an_indexed_label_gives_its_indices_and_not_its_colours(tmp_path):
    picture = Image.fromarray(INDICES).convert("P")
    picture.putdata(INDICES.ravel().tolist())
    picture.putpalette(RNG.integers(0, 256, 768).tolist())
    picture.save(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as saved:
        assert saved.mode == "P"
    assert np.array_equal(read_label(tmp_path / "p.png"), INDICES)
    Image.fromarray(INDICES).save(tmp_path / "l.png")
    assert np.array_equal(read_label(tmp_path / "l.png"), INDICES)
    Image.fromarray(INDICES > 2).save(tmp_path / "one.png")
    label = read_label(tmp_path / "one.png")
    assert label.dtype == np.uint8
    assert np.array_equal(label, INDICES > 2)


def test_a_label_in_colour_comes_as_colours(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "rgb.png")
    assert np.array_equal(read_label(tmp_path / "rgb.png"), COLOURS)
    Image.fromarray(np.dstack([COLOURS, np.full((5, 7), 255, np.uint8)])).save(tmp_path / "rgba.png")
    assert np.array_equal(read_label(tmp_path / "rgba.png"), COLOURS)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileError, match=r"none.png: the image does not exist or is not a file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(FileError, match=r"the label does not exist"):
        read_label(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(
        FileError, match=r"text.png: the image cannot be read as a picture \(its content is of no format"
    ):
        read_image(tmp_path / "text.png")
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(FileError, match=r"cut.png: the image cannot be read as a picture"):
        read_image(tmp_path / "cut.png")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(FileError, match=r"empty.png: the label cannot be read as a picture"):
        read_label(tmp_path / "empty.png")


def test_files_that_would_be_misread_are_refused(tmp_path):
    Image.fromarray(INDICES).save(tmp_path / "l.jpg")
    with pytest.raises(FileError, match=r"l.jpg: a label must not be a JPEG, which changes the values"):
        read_label(tmp_path / "l.jpg")
    Image.fromarray(INDICES.astype(np.uint16) * 800).save(tmp_path / "deep.png")
    with pytest.raises(FileError, match=r"deep.png: the image has 16 bits per channel but uses the lowest 16 of 256"):
        read_image(tmp_path / "deep.png")
    with pytest.raises(
        FileError, match=r"deep.png: the label has 16 bits per channel, and classes are 0..254; save it"
    ):
        read_label(tmp_path / "deep.png")
    Image.fromarray(np.dstack([COLOURS, INDICES])).save(tmp_path / "clear.png")
    with pytest.raises(FileError, match=r"clear.png: the label is RGBA and partly transparent"):
        read_label(tmp_path / "clear.png")


@pytest.mark.parametrize("size", [(10, 21), (5, 7), (2, 3), (1, 1), (7, 5), (11, 4)])
def test_a_label_takes_the_pixel_in_which_the_new_centre_lies(size):
    resized = resize_label(INDICES, size)
    assert resized.shape == size
    assert resized.dtype == np.uint8
    for i in range(size[0]):
        for j in range(size[1]):
            assert resized[i, j] == INDICES[int((i + 0.5) * 5 / size[0]), int((j + 0.5) * 7 / size[1])]


def test_an_image_shrinks_by_averaging_and_stays_if_it_fits():
    assert resize_image(COLOURS, (5, 7)) is COLOURS
    checks = np.indices((32, 48)).sum(0).astype(np.uint8)[..., None] % 2 * np.uint8(255) + np.zeros(3, np.uint8)
    small = resize_image(checks, (8, 6))
    assert small.shape == (8, 6, 3)
    assert np.abs(small.astype(int) - 127).max() < 12  # picking single pixels would give 0 or 255


def test_image_and_label_stay_on_one_another_when_resized():
    """An edge in the middle of a picture stays in the middle of both, at odd and even sizes, up and down."""
    label = np.zeros((12, 20), np.uint8)
    label[:, 10:] = 1
    image = np.repeat(label[..., None] * np.uint8(200), 3, axis=2)
    for size in [(6, 10), (3, 5), (24, 40), (7, 31), (12, 2)]:
        bright = resize_image(image, size)[..., 0]
        off_the_edge = bright != 100  # at an odd width the middle pixel is half of each
        assert np.array_equal((bright > 100)[off_the_edge], (resize_label(label, size) == 1)[off_the_edge]), size
