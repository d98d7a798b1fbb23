"""Crops and kernels from geometry alone, for VGG16 and for backbones of other geometries; explain() and repr."""

from __future__ import annotations

from fractions import Fraction

import pytest

import minifcn.models.backbones as backbones
from minifcn.errors import ArgumentError
from minifcn.models import FCN
from minifcn.nn import Module
from tests.models.networks import STRIDES, crops, image, kernels, narrow, run
from tests.models.trunks import alexnet, backbone, bare, googlenet, ones, pool

# --- crops and kernels from geometry alone ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "alignment", "stride", "expected"),
    [
        ("vgg16", "caffe", 32, ([], 19)),
        ("vgg16", "caffe", 16, ([(0, 5)], 27)),
        ("vgg16", "caffe", 8, ([(0, 5), (0, 9)], 31)),
        ("vgg16", "compact", 32, ([], 16)),
        ("vgg16", "compact", 16, ([(1, 0)], 8)),
        ("vgg16", "compact", 8, ([(1, 0), (1, 0)], 4)),
        # The head of `small` is 3x3 instead of 7x7, so without padding it begins two features, 64 pixels, earlier.
        ("small", "caffe", 32, ([], 19 + 64)),
        ("small", "caffe", 16, ([(0, 5 - 4)], 27 + 64)),
        ("small", "caffe", 8, ([(0, 5 - 4), (0, 9 - 8)], 31 + 64)),
        ("small", "compact", 8, ([(1, 0), (1, 0)], 4)),
    ],
)
def test_crops_are_derived(name, alignment, stride, expected):
    net = narrow(stride, alignment, backbone=name)
    assert crops(net) == expected
    assert kernels(net) == {32: [64], 16: [4, 32], 8: [4, 4, 16]}[stride]


@pytest.mark.parametrize("padding", [81, 97, 100, 113])
@pytest.mark.parametrize("stride", STRIDES)
def test_the_last_crop_follows_the_padding_and_the_skips_do_not(padding, stride, monkeypatch):
    monkeypatch.setattr(backbones, "CAFFE_PADDING", padding)
    skips, final = crops(narrow(stride, "caffe"))
    assert final == padding - {32: 81, 16: 73, 8: 69}[stride]
    assert skips == [(0, 5), (0, 9)][: {32: 0, 16: 1, 8: 2}[stride]]


def test_the_parity_of_the_kernel_is_forced_by_the_backbone():
    """VGG needs 64; the 3x3 poolings of AlexNet and GoogLeNet put the score where only 63 gives whole pixels."""
    assert kernels(narrow(32)) == [64]
    net = FCN(alexnet(), 2, 32)
    assert kernels(net) == [63] and crops(net) == ([], 18)
    assert (net.traces["score"].map.scale, net.traces["score"].map.offset) == (Fraction(1, 32), Fraction(-13, 32))
    assert net.traces["score"].field.size == 355
    assert crops(FCN(alexnet(99), 2, 32)) == ([], 17)

    net = FCN(googlenet(), 2, 32)
    assert kernels(net) == [63] and crops(net) == ([], 1)
    net = FCN(googlenet(), 2, 16)
    assert kernels(net) == [3, 31] and crops(net) == ([(0, 0)], 1)
    net = FCN(googlenet(), 2, 8)
    assert kernels(net) == [3, 3, 15] and crops(net) == ([(0, 0), (0, 0)], 1)


@pytest.mark.parametrize(("H", "W"), [(1, 5), (30, 64), (65, 33), (224, 37)])
def test_an_alexnet_serves_any_size_with_its_odd_kernel(H, W):
    assert run(FCN(alexnet(), 2, 32), image(H, W)).shape == (1, 2, H, W)


def test_a_googlenet_serves_images_from_31_pixels_and_says_so_below():
    net = FCN(googlenet(), 2, 8)
    for H, W in ((31, 63), (31, 500), (100, 33)):
        assert run(net, image(H, W)).shape == (1, 2, H, W)
    with pytest.raises(ArgumentError, match=r"the window does not fit: padded input 1x2, effective kernel 3x3"):
        run(net, image(30, 40))


def test_a_backbone_that_begins_inside_the_image_is_refused():
    """Without padding the first score already lies behind the first pixel: no crop can bring that pixel back."""
    valid = backbone(*[(ones(3, before=3 if i == 0 else 1), pool()) for i in range(5)], (ones(7),))
    with pytest.raises(ArgumentError, match=r"the offset -\d+ is negative .*increase the padding of the first layer"):
        FCN(valid, 2, 32)
    assert crops(FCN(bare(0), 2, 32))[1] == 15 and crops(FCN(bare(1), 2, 32))[1] == 16


def test_a_backbone_that_no_upsampling_can_align_is_refused():
    for stride, scale in ((3, "1/48"), (4, "1/64")):
        message = rf"no upsampling by 2 aligns a score with scale {scale}, .* with scale 1/16, .*; change the backbone"
        with pytest.raises(ArgumentError, match=message):
            FCN(bare(1, last_stride=stride), 2, 16)
    assert FCN(bare(1, last_stride=4), 2, 32).upscore.up.stride == (64, 64)  # without a skip there is nothing to meet


def test_a_score_that_does_not_cover_the_image_is_an_error_not_a_smaller_answer():
    net = FCN(bare(1, ceil_mode=False), 2, 8)
    assert run(net, image(64, 96)).shape == (1, 2, 64, 96)
    with pytest.raises(
        ArgumentError, match=r"of \d+x\d+, cropped by \d+, does not cover the image of 70x96; pool with ceil"
    ):
        run(net, image(70, 96))


def test_a_backbone_with_a_block_that_cannot_be_followed_is_refused():
    class Block(Module):
        def __init__(self):
            self.conv = ones(3)

        def forward(self, x):
            return self.conv(x)

    with pytest.raises(ArgumentError, match=r"cannot follow Block"):
        FCN(backbone((ones(3, 1, before=3), pool()), *[(pool(),)] * 3, (Block(), pool()), (ones(1),)), 2, 8)


# --- printing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alignment", "stride", "lines"),
    [
        ("caffe", 8, ["crop pool4 by 5", "crop pool3 by 9", "crop the score by 31", "(kernel 16)", "191/16", "47/16"]),
        ("caffe", 16, ["crop pool4 by 5", "crop the score by 27", "x16 (kernel 32)", "183/32", "23/32", "-25/64"]),
        ("caffe", 32, ["crop the score by 19", "x32 (kernel 64)", "-25/64", " 100 "]),
        ("compact", 32, ["crop the score by 16", "x32 (kernel 64)", "-31/64"]),
        ("compact", 16, ["crop the score by 1\n", "crop the score by 8", "-31/64"]),
        ("compact", 8, ["crop the score by 1\n", "crop the score by 4", "x2 (kernel 4)", "x8 (kernel 16)"]),
    ],
)
def test_explain_derives_every_number(alignment, stride, lines):
    net = narrow(stride, alignment)
    text = net.explain() + "\n"
    for line in [*lines, f"FCN-{stride}s on vgg16", "scale 1/s, offset (p - (k - 1)/2)/s"]:
        assert line in text, line
    rows = {
        line.split()[0]: line.split()[1:]
        for line in text.splitlines()
        if line.startswith(("conv", "pool", "fc", "score"))
    }
    pool3 = {"caffe": "88x88", "compact": "63x63"}[alignment]
    assert rows["pool3"] == ["2", "2", "0", pool3, "1/8", str(net.traces["pool3"].map.offset), "44"]
    padding, place = "0" if alignment == "caffe" else "3", str(net.traces["score"].map.offset)
    assert rows["fc6"][:7] == ["7", "1", padding, "16x16", "1/32", place, "404"]
    assert len([name for name in rows if name[:4] == "conv" and name[4].isdigit()]) == 13
    assert text.count("upsampled") == {32: 1, 16: 2, 8: 3}[stride]
    assert all(len(line) <= 120 for line in text.splitlines())


def test_explain_names_a_backbone_of_ones_own():
    text = FCN(alexnet(), 2, 32).explain()
    assert (
        "FCN-32s on custom" in text
        and "x32 (kernel 63)" in text
        and "crop the score by 18" in text
        and "-13/32" in text
    )


def test_repr_shows_the_network():
    text = repr(narrow(16))
    assert text.startswith("FCN(FCN-16s, backbone 'vgg16', 3 classes\n")
    for line in (
        "    (conv1_1): Conv2d(3, 1, kernel_size=3, stride=1, padding=1)",
        "    (fc6): Conv2d(8, 64, kernel_size=7, stride=1, padding=3)",
        "  (score): Conv2d(64, 3, kernel_size=1, stride=1)",
        "    (up): BilinearUpsampling(3, 3, kernel_size=4, stride=2, groups=3, bias=False, frozen)",
        "    (skip): Conv2d(8, 3, kernel_size=1, stride=1)",
        "  (fuse_pool3): Unchanged()",
        "    (up): BilinearUpsampling(3, 3, kernel_size=32, stride=16, groups=3, bias=False, frozen)",
    ):
        assert line in text.splitlines(), line
    assert "frozen" not in repr(narrow(16, learn_upsampling=True))
