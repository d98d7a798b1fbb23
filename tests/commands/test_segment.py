"""`minifcn segment`: any picture file of any size gives a label PNG of class indices and an overlay of its own size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minifcn import Tensor
from minifcn import functional as F
from minifcn.commands import segment
from minifcn.data import Scenes, normalize
from minifcn.errors import ArgumentError, FileError
from minifcn.labels import VOID
from minifcn.plot import overlay
from minifcn.training import load_network
from tests.training.tiny import CLASSES, MEAN, PALETTE, STD, card, picture, save_some


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights in it, as the current one."""
    save_some(tmp_path / "w.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*images: str, weights: str | None = "w.npz", **options: object) -> int:
    return segment.run(
        {"weights": weights, "images": list(images), "size": None, "out": None, "device": None, "quiet": True} | options
    )


def labels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "P"
        assert np.array_equal(np.array(image.getpalette()).reshape(-1, 3)[: len(CLASSES)], PALETTE)
        return np.array(image)


MODES = ["RGB", "L", "LA", "RGBA", "P", "CMYK", "1", "YCbCr"]


def test_every_kind_of_picture_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = Image.fromarray(picture(1, (37, 50))[0])
    names = [f"{mode}.tif" if mode in ("CMYK", "YCbCr") else f"{mode}.png" for mode in MODES] + ["photo.jpg"]
    for name in names:
        (image if name == "photo.jpg" else image.convert(Path(name).stem)).save(here / name)
    assert run(*names) == 0
    results = {path.name for path in (here / "segmented").iterdir()}
    assert results == {f"{Path(name).stem}_{kind}.png" for name in names for kind in ("label", "overlay")}
    for name in names:
        labels = labels_of(here / "segmented" / f"{Path(name).stem}_label.png")
        assert labels.shape == (37, 50)
        assert set(np.unique(labels)) <= {0, 1, 2}
        with Image.open(here / "segmented" / f"{Path(name).stem}_overlay.png") as shown:
            assert shown.mode == "RGB" and shown.width >= 320 and shown.height > 37  # the legend has room
    assert len(np.unique(labels_of(here / "segmented" / "RGB_label.png"))) > 1
    out = capsys.readouterr().out
    assert all(f"{name} (37x50): " in out for name in names)
    assert "segmented/RGB_label.png\n  segmented/RGB_overlay.png" in out


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (211, 1), (2, 3), (31, 33), (64, 47), (120, 77)])
@pytest.mark.parametrize("trained_at", [(32, 40), None], ids=str)
def test_every_size_of_picture(here: Path, size: tuple[int, int], trained_at: tuple[int, int] | None) -> None:
    save_some(here / "w.npz", size=trained_at)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(here / "x.png")
    assert run("x.png", out="deep/er") == 0
    labels = labels_of(here / "deep" / "er" / "x_label.png")
    assert labels.shape == size
    assert labels.max() <= 2
    with Image.open(here / "deep" / "er" / "x_overlay.png") as shown:
        assert np.array_equal(np.array(shown)[: size[0], : size[1]], overlay(pixels, labels, PALETTE))


def test_the_labels_are_those_of_the_scores_brought_to_full_size(here: Path) -> None:
    image = picture(2, (64, 47))[0]
    Image.fromarray(image).save(here / "x.png")
    run("x.png", size=(40, 56))
    small = np.array(Image.fromarray(image).resize((56, 40), Image.Resampling.BILINEAR))
    scores = load_network(here / "w.npz")[0](Tensor(normalize(small, MEAN, STD)[None]))
    expected = F.interpolate(scores, (64, 47), mode="bilinear").data[0].argmax(axis=0)
    assert np.array_equal(labels_of(here / "segmented" / "x_label.png"), expected)
    run("x.png", out="other")
    assert not np.array_equal(labels_of(here / "other" / "x_label.png"), expected)


def test_the_size_at_which_a_picture_is_looked_at() -> None:
    assert segment.viewing_size(card(size=(96, 128)), (192, 300)) == (96, 150)
    assert segment.viewing_size(card(size=(96, 128)), (48, 64)) == (96, 128)
    assert segment.viewing_size(card(size=(96, 128)), (3000, 1)) == (96, 1)
    assert segment.viewing_size(card(size=None), (17, 1)) == (17, 1)
    h, w = segment.viewing_size(card(size=(96, 128)), (1, 50000))  # not 96x4800000
    assert (h, w) == (1, 16 * 128)
    h, w = segment.viewing_size(card(size=(96, 128)), (100, 4000))
    assert w == 16 * 128 and h / w == pytest.approx(100 / 4000, rel=0.01)


def test_shares_are_told_largest_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture(1, (37, 50))[0]).save(here / "x.png")
    run("x.png")
    labels = labels_of(here / "segmented" / "x_label.png")
    shares = sorted(((labels == c).mean(), name) for c, name in enumerate(CLASSES))[::-1]
    expected = ", ".join(f"{name} {100 * share:.0f} %" for share, name in shares if share > 0.005)
    assert capsys.readouterr().out.splitlines()[0] == f"x.png (37x50): {expected}"


def test_results_never_meet_each_other_or_an_image(here: Path) -> None:
    for name in ("a.png", "a.jpg", "b.png", "b_label.png"):
        Image.fromarray(picture(1, (20, 25))[0]).save(here / name)
    before = (here / "b_label.png").read_bytes()
    with pytest.raises(ArgumentError, match=r"a.png and a.jpg would both be written to segmented/a_label.png; segment"):
        run("a.png", "a.jpg")
    with pytest.raises(
        ArgumentError, match=r"^b_label.png would be written over by the result of another image; choose"
    ):
        run("b.png", "b_label.png", out=".")
    assert (here / "b_label.png").read_bytes() == before
    assert not (here / "segmented").exists()
    assert not (here / "a_label.png").exists()


def test_what_cannot_be_segmented_is_named_at_the_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture(1, (20, 25))[0]).save(here / "good.png")
    whole = (here / "good.png").read_bytes()
    (here / "cut.png").write_bytes(whole[: len(whole) // 2])
    (here / "text.png").write_text("a poem", encoding="utf-8")
    Image.fromarray(np.zeros((4, 5), np.uint16)).save(here / "deep.png")
    for bad, said in (
        ("gone.png", r"gone.png: the image does not exist or is not a file"),
        ("text.png", r"text.png: the image cannot be read as a picture"),
        ("cut.png", r"cut.png: the image cannot be read as a picture"),
        ("deep.png", r"deep.png: the image has 16 bits per channel but uses the lowest 1 of 256"),
    ):
        assert run(bad, "good.png", out=f"after-{bad}") == 1
        out, err = capsys.readouterr()
        assert out.startswith("good.png (20x25): ")
        assert err.startswith(f"minifcn segment: {said}") and err.count("\n") == 1
        assert {path.name for path in (here / f"after-{bad}").iterdir()} == {"good_label.png", "good_overlay.png"}


def test_a_mask_of_ones_own_beside_its_image_is_not_written_over(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = here / "photos"
    photos.mkdir()
    Image.fromarray(picture(0, (20, 24))[0]).save(photos / "a.png")
    mine = photos / "a_label.png"
    mine.write_bytes(b"painted by hand")
    assert run("photos/a.png", out="photos") == 1
    assert "a_label.png is there and not as minifcn wrote it" in capsys.readouterr().err
    assert mine.read_bytes() == b"painted by hand"
    mine.unlink()
    assert run("photos/a.png", out="photos") == 0
    assert run("photos", out="photos") == 0  # over the pair of the first call


def test_a_label_that_was_corrected_by_hand_is_kept_and_the_others_are_done(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        Image.fromarray(picture(0, (20, 24))[0]).save(here / f"{name}.png")
    assert run("a.png", "b.png", out="made") == 0
    with Image.open(here / "made" / "a_label.png") as label:
        corrected, note = label.copy(), label.info["minifcn"]
    corrected.putpixel((3, 4), 1 - corrected.getpixel((3, 4)) % 2)
    information = PngInfo()
    information.add_text("minifcn", note)  # as an editor that keeps notes
    corrected.save(here / "made" / "a_label.png", pnginfo=information)
    before = (here / "made" / "a_label.png").read_bytes()
    (here / "made" / "b_overlay.png").unlink()
    assert run("a.png", "b.png", out="made") == 1
    assert (here / "made" / "a_label.png").read_bytes() == before
    assert (here / "made" / "b_overlay.png").exists()
    assert "a.png: " in capsys.readouterr().err


def test_a_link_to_nothing_is_named_as_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = here / "photos"
    photos.mkdir()
    Image.fromarray(picture(0, (20, 24))[0]).save(photos / "a.png")
    (photos / "b.png").symlink_to(here / "gone.png")
    assert run("photos") == 1
    assert "b.png: the image does not exist or is not a file." in capsys.readouterr().err


def test_folders_that_cannot_be_made(here: Path) -> None:
    Image.fromarray(picture(1, (20, 25))[0]).save(here / "x.png")
    with pytest.raises(FileError, match=r"x.png cannot be made \(File exists\); choose another --out\."):
        run("x.png", out="x.png")
    with pytest.raises(FileError, match=r"x.png/y cannot be made \(Not a directory\); choose another --out\."):
        run("x.png", out="x.png/y")


def test_without_weights_the_network_of_the_package_is_used_and_a_line_says_what_it_knows(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = Scenes(1, (96, 128), split="test")[0]
    Image.fromarray(sample.image).save(here / "scene.png")
    Image.fromarray(sample.image[5:42, 3:]).save(here / "part.png")
    assert run("scene.png", "part.png", weights=None) == 0
    said = capsys.readouterr().out.splitlines()
    assert "knows generated scenes only" in said[0] and "minifcn train --data folder --root PATH" in said[0]
    assert said[1].startswith("scene.png (96x128): background ")
    with Image.open(here / "segmented" / "scene_label.png") as shown:
        labels = np.array(shown)
    known = sample.label != VOID
    assert (labels == sample.label)[known].mean() > 0.85
    with Image.open(here / "segmented" / "part_label.png") as shown:
        assert shown.size == (125, 37)
    assert run("scene.png", out="again") == 0  # with weights there is no such line
    assert "generated scenes" not in capsys.readouterr().out
