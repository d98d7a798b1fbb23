"""The paper's three backbones: every number that it and its reference code give, and sizes from 1x1 on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from minifcn import Tensor, no_grad, zeros
from minifcn.errors import ArgumentError
from minifcn.geometry import receptive_field
from minifcn.models import BACKBONES, FCN, alexnet, alexnet_torchvision, googlenet, googlenet_torchvision
from minifcn.nn import AvgPool2d, Fork, LocalResponseNorm, init
from tests.models.networks import STRIDES, crops, kernels

OTHERS = sorted(set(BACKBONES) - {"small", "vgg16"})


def narrow(name: str, stride: int, alignment: str = "compact", classes: int = 2) -> FCN:
    return FCN(name, classes, stride, alignment, width=1 / 32, generator=np.random.default_rng(0)).eval()


def counted(module) -> int:
    return sum(values.numel() for values in module.parameters() if values.requires_grad)


# --- Table 1 of the paper ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "sees", "convolutions"),
    [("alexnet", 56_954_261, 355, 8), ("vgg16", 134_346_581, 404, 16), ("googlenet", 5_995_077, 715, 22)],
)
def test_table_1(name, parameters, sees, convolutions):
    with init.only_shapes():
        net = FCN(name, 21, 32, "caffe")
    assert counted(net) == parameters
    assert net.traces["score"].field.size == sees
    assert net.traces["score"].map.scale == Fraction(1, 32)
    # One behind the other, the score included; of the four ways of an inception block the longest has two.
    deep = 0
    for part in (net.stage1, net.stage2, net.stage3, net.stage4, net.stage5, net.head, net.score):
        for layer in part.modules() if not hasattr(part, "layers") else part.layers.values():
            deep += 2 if isinstance(layer, Fork) else type(layer).__name__ == "Conv2d"
    assert deep == convolutions


def test_googlenet_sees_907_pixels_only_with_the_pooling_that_the_paper_drops():
    with init.only_shapes():
        trace = FCN("googlenet", 21, 32).traces["score"]
    assert receptive_field([*trace.steps, AvgPool2d(7, 1).layer()]).size == 907


def test_torchvisions_variants_have_their_own_counts():
    with init.only_shapes():
        tv = FCN("alexnet_torchvision", 21, 32)
        assert counted(tv.head["fc6"]) == 4096 * (256 * 36 + 1)
        assert FCN("googlenet_torchvision", 21, 32).traces["score"].field.size == 379
        with_norms = FCN("vgg16_bn", 21, 32)
    assert counted(with_norms) == 134_346_581 + 2 * (2 * 64 + 2 * 128 + 3 * 256 + 3 * 512 + 3 * 512)


# --- crops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "alignment", "at_32", "at_16", "at_8"),
    [
        ("alexnet", "caffe", ([], 18), ([(0, 5)], 18), ([(0, 5), (0, 10)], 18)),
        ("alexnet", "compact", ([], 17), ([(0, 1)], 17), ([(0, 1), (0, 2)], 17)),
        ("googlenet", "caffe", ([], 98), ([(0, 0)], 98), ([(0, 0), (0, 0)], 98)),
        ("googlenet", "compact", ([], 16), ([(0, 0)], 16), ([(0, 0), (0, 0)], 16)),
        ("vgg16_bn", "caffe", ([], 19), ([(0, 5)], 27), ([(0, 5), (0, 9)], 31)),
    ],
)
def test_the_crops_at_every_stride(name, alignment, at_32, at_16, at_8):
    for stride, expected in ((32, at_32), (16, at_16), (8, at_8)):
        net = narrow(name, stride, alignment)
        assert crops(net) == expected
        odd = name != "vgg16_bn"
        assert kernels(net) == {32: [64 - odd], 16: [4 - odd, 32 - odd], 8: [4 - odd, 4 - odd, 16 - odd]}[stride]
    tv = name + "_torchvision"
    if name == "alexnet":
        assert crops(narrow(tv, 8, alignment)) == at_8


def test_torchvisions_googlenet_lies_elsewhere_and_needs_kernels_of_both_parities():
    net = narrow("googlenet_torchvision", 8)
    assert net.traces["score"].map.offset == Fraction(10 - 3, 32) - Fraction(11, 16)
    assert kernels(net) == [4, 3, 15] and crops(net) == ([(1, 0), (0, 0)], 8)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("alignment", ["compact", "caffe"])
def test_images_of_every_size_are_covered(name, alignment):
    nets = [narrow(name, stride, alignment, 1) for stride in STRIDES]
    heights = (*range(1, 66, 7), 64) if alignment == "compact" else (1, 32, 33, 66)
    with no_grad():
        for H in heights:
            for net in nets:
                assert net(zeros((1, 3, H, 70 - H))).shape == (1, 1, H, 70 - H)


@pytest.mark.parametrize(
    ("build", "first"), [(alexnet, 35), (alexnet_torchvision, 35), (googlenet, 18), (googlenet_torchvision, 10)]
)
def test_the_compact_padding_is_the_least_that_covers_every_image(build, first):
    """A pixel less, and some image is not covered; `first` is what the first convolution pads by."""

    def covers(padding: int) -> bool:
        with init.only_shapes():
            built = build("compact")
            conv = built.stages[0]["conv1"]
            assert conv.padding == (first, first)
            conv.padding = (padding, padding)
            net = FCN(built, 1, 32)
        steps = net.traces["score"].steps
        for H in range(1, 200):
            made = H
            try:
                for step in steps:
                    made = step.made(made)
            except ArgumentError:  # a window does not fit
                return False
            up = net.upscore.up.layer().made(made)
            if up - net.upscore.alignment.first < H:
                return False
        return True

    assert covers(first) and not covers(first - 1)


# --- what they compute ------------------------------------------------------------------------------------------------


def test_the_papers_alexnet_has_groups_and_normalises_behind_its_poolings():
    trunk = alexnet(width=1 / 4, generator=np.random.default_rng(0))
    layers = [(name, layer) for stage in trunk.stages for name, layer in stage.layers.items()]
    assert [name for name, _ in layers][:8] == ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2"]
    named = dict(layers)
    assert [named[f"conv{n}"].groups for n in range(1, 6)] == [1, 2, 1, 2, 2]
    assert isinstance(named["norm1"], LocalResponseNorm)
    assert (named["norm1"].size, named["norm1"].alpha, named["norm1"].beta, named["norm1"].k) == (5, 1e-4, 0.75, 1)


def test_the_four_ways_of_a_block_stand_one_behind_the_other():
    block = googlenet(width=1 / 8, generator=np.random.default_rng(0)).stages[2]["inception3a"]
    x = Tensor(np.random.default_rng(1).standard_normal((1, 24, 6, 5)).astype(np.float32))
    with no_grad():
        made = block(x).numpy()
        parts = [way(x).numpy() for way in block]
    assert [part.shape[1] for part in parts] == [8, 16, 4, 4]
    assert np.array_equal(made, np.concatenate(parts, 1))


@pytest.mark.parametrize("name", OTHERS)
def test_every_parameter_learns_in_a_step(name):
    net = narrow(name, 8, classes=3).train()
    with no_grad():
        net.score.weight.copy_(
            Tensor(np.random.default_rng(2).standard_normal(net.score.weight.shape), dtype="float32")
        )
    image = Tensor(np.random.default_rng(3).standard_normal((2, 3, 40, 33)).astype(np.float32))
    net(image).sum().backward()
    learned = {key: values for key, values in net.named_parameters() if values.requires_grad}
    assert all(values.grad is not None for values in learned.values())
    assert any(np.any(values.grad.numpy()) for key, values in learned.items() if key.startswith("stage1"))


def test_a_width_or_an_alignment_that_cannot_be_is_refused():
    for build in (alexnet, alexnet_torchvision, googlenet, googlenet_torchvision):
        with pytest.raises(ArgumentError, match=rf"{build.__name__}: width must be a number greater than 0"):
            build(width=0)
        with pytest.raises(ArgumentError, match="alignment 'same' is unknown"):
            build("same")
