"""FCN-32s, 16s and 8s: any size of image, the first loss, what is learned, weights, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN, Alignment, vgg16
from minifcn.nn import AvgPool2d, Conv2d, Dropout, MaxPool2d, Sequential
from tests.models.networks import ALIGNMENTS, STRIDES, crops, drawn, fuses, image, narrow, rng, run
from tests.models.trunks import backbone, bare, ones
from tests.onto import close, device_of, on

# --- any size of image ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("stride", STRIDES)
def test_the_output_is_as_large_as_the_image_for_every_size(stride, alignment):
    single, staged = narrow(stride, alignment).eval(), narrow(stride, alignment, upsampling="staged").eval()
    for h in range(1, 71):
        assert run(single, image(h, 71 - h)).shape == (1, 3, h, 71 - h)
        assert run(staged, image(h, h + 3)).shape == (1, 3, h, h + 3)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("stride", STRIDES)
def test_an_image_of_pascal_voc(stride, alignment):
    assert run(narrow(stride, alignment).eval(), image(375, 500)).shape == (1, 3, 375, 500)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_small_serves_every_size_too(alignment):
    net = narrow(8, alignment, backbone="small", width=1 / 16).eval()
    for h in range(1, 71):
        assert run(net, image(h, 71 - h)).shape == (1, 3, h, 71 - h)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize(("H", "W"), [(1, 1), (2, 33), (31, 5)])
def test_training_works_on_tiny_images(alignment, H, W, xp):
    net = drawn(narrow(8, alignment, learn_upsampling=True)).to(device_of(xp))
    target = xp.asarray(rng(3).integers(0, 3, (2, H, W)).astype(np.uint8))
    F.cross_entropy(net(image(H, W, N=2, xp=xp)), target).backward()
    assert all(p.grad is not None and np.isfinite(p.grad.numpy()).all() for p in net.parameters())


def test_a_batch_is_its_images_one_by_one(xp):
    net = drawn(narrow(8)).eval().to("float64").to(device_of(xp))
    x = image(37, 50, N=3, xp=xp).to("float64")
    together = run(net, x)
    assert together.shape == (3, 3, 37, 50) and np.ptp(together) > 0.1
    for n in range(3):
        np.testing.assert_allclose(together[n : n + 1], run(net, x[n : n + 1]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("backbone", ["small", "vgg16"])
def test_scores_statistics_and_gradients_are_those_of_numpy(stride, alignment, backbone, xp):
    """A whole network in training, on every array module."""
    target = rng(3).choice(np.array([0, 1, 2, 255], np.uint8), (2, 21, 34))

    def trained(there):
        width = 1 / 16 if backbone == "small" else 1 / 64
        net = drawn(narrow(stride, alignment, backbone=backbone, width=width, learn_upsampling=stride == 16))
        for part in net.modules():
            if isinstance(part, Dropout):
                part.p = 0.0  # a GPU draws its own random numbers
        net.to("float64").to(device_of(there))
        scores = net(image(21, 34, N=2, xp=there).to("float64"))
        F.cross_entropy(scores, there.asarray(target)).backward()
        learned = [p.grad for p in net.parameters() if p.requires_grad]
        return [scores, *learned, *(buffer for _, buffer in net.named_buffers())]

    for found, expected in zip(trained(xp), trained(np), strict=True):
        assert type(found._array) is xp.ndarray
        close(found, expected, rtol=1e-9, atol=1e-11)


# --- the beginning: zero scores, fixed bilinear upsampling ------------------------------------------------------------


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("classes", [1, 2, 21])
def test_scores_begin_at_zero_so_the_first_loss_is_the_logarithm_of_the_number_of_classes(stride, classes, xp):
    net = narrow(stride, classes=classes).to(device_of(xp))
    scores = net(image(20, 33, xp=xp))
    assert scores.shape == (1, classes, 20, 33) and not scores.detach().numpy().any()
    target = xp.asarray(rng(2).integers(0, classes, (1, 20, 33)).astype(np.uint8))
    each = F.cross_entropy(scores, target, reduction="none").detach().numpy()
    assert (each == np.log(np.float32(classes))).all()
    loss = F.cross_entropy(scores, target)
    assert math.isclose(loss.item(), math.log(classes), rel_tol=1e-6, abs_tol=0)
    if classes > 1:
        loss.backward()
        for layer in (net.score, *(fuse.skip for fuse in fuses(net))):
            assert layer.weight.grad.numpy().any(), "every score layer learns from the first step"


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("upsampling", ["single", "staged"])
def test_upsampling_is_bilinear_and_learned_only_if_asked(learn, upsampling):
    net = drawn(narrow(8, upsampling=upsampling, learn_upsampling=learn))
    ups = {name: p for name, p in net.named_parameters() if ".up." in name}
    assert list(ups) == ["fuse_pool4.up.weight", "fuse_pool3.up.weight", "upscore.up.weight"]
    for weight in ups.values():
        size = weight.shape[2]
        assert weight.shape == (3, 1, size, size)
        axis = 1 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2)
        np.testing.assert_array_equal(weight.detach().numpy()[:, 0], np.stack([np.outer(axis, axis)] * 3))
    net(image(40, 30)).sum().backward()
    for name, p in net.named_parameters():
        assert p.requires_grad == (learn or name not in ups)
        assert (p.grad is not None) == p.requires_grad, name
    # The trunk learns through the fixed upsampling, whether that is learned or not.
    assert net.score.weight.grad.numpy().any() and net.stage5["conv5_1"].weight.grad.numpy().any()


def test_learning_the_upsampling_changes_no_other_gradient(xp):
    fixed, learned = (drawn(narrow(8, learn_upsampling=learn)).eval().to(device_of(xp)) for learn in (False, True))
    for net in (fixed, learned):
        (net(image(40, 30, xp=xp)) * on(xp, rng(8).standard_normal((1, 3, 40, 30)).astype(np.float32))).sum().backward()
    other = dict(learned.named_parameters())
    for name, p in fixed.named_parameters():
        if p.requires_grad:
            # The fixed one goes by two small matrices, the other by stamps: the same numbers, rounded on other ways.
            limit = 1e-5 * abs(p.grad.numpy()).max()
            np.testing.assert_allclose(p.grad.numpy(), other[name].grad.numpy(), rtol=0, atol=limit, err_msg=name)


def test_each_class_is_upsampled_by_itself(xp):
    net = narrow(32, classes=4).to(device_of(xp))
    net.score.bias.data = [0, 1, 0, 0]
    out = run(net, image(64, 64, xp=xp))
    assert out[0, 1].any() and not out[0, [0, 2, 3]].any()


# --- weights ----------------------------------------------------------------------------------------------------------


def test_weights_carry_over_from_stage_to_stage_and_between_alignments():
    """32s to 16s to 8s, as the paper trains them: only the new skip and the last upsampling are not there yet."""
    coarse, fine = drawn(narrow(32)), narrow(16)
    with pytest.raises(ArgumentError) as caught:
        fine.load_state_dict(coarse.state_dict())
    message = str(caught.value)
    assert "missing: fuse_pool4.up.weight, fuse_pool4.skip.weight, fuse_pool4.skip.bias;" in message
    assert "mis-shaped: upscore.up.weight has shape (3, 1, 64, 64) but the module's is (3, 1, 32, 32)" in message
    other = narrow(32, "caffe")
    assert other.load_state_dict(coarse.state_dict()) == ([], [])


def test_the_same_generator_gives_the_same_network():
    first, again, other = (FCN("small", 3, width=1 / 4, generator=rng(seed)) for seed in (1, 1, 2))
    a, b, c = (net.state_dict() for net in (first, again, other))
    assert list(a) == list(b) == list(c)
    assert all(np.array_equal(a[name].numpy(), b[name].numpy()) for name in a)
    assert not np.array_equal(a["stage1.conv1_1.weight"].numpy(), c["stage1.conv1_1.weight"].numpy())


def test_one_trunk_can_serve_two_heads():
    trunk = vgg16(width=1 / 64, generator=rng())
    first, second = FCN(trunk, 2, 32), FCN(trunk, 5, 8)
    assert first.stage1 is second.stage1 and first.backbone == "custom"
    assert run(first.eval(), image(9, 8)).shape == (1, 2, 9, 8)
    assert run(second.eval(), image(9, 8)).shape == (1, 5, 9, 8)


def test_defaults():
    net = FCN(width=1 / 8)
    assert (net.backbone, net.num_classes, net.stride) == ("small", 21, 8)
    assert crops(net) == ([(1, 0), (1, 0)], 4)
    assert net.upscore.alignment == Alignment(4, 0)
    assert not net.upscore.up.weight.requires_grad


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"stride": 4}, ArgumentError, r"FCN: stride must be 32, 16 or 8, got 4"),
        ({"stride": "8"}, ArgumentTypeError, r"FCN: stride must be an integer, got '8' \(str\)"),
        ({"stride": 8.0}, ArgumentTypeError, r"FCN: stride must be an integer, got 8.0 \(float\)"),
        ({"alignment": "same"}, ArgumentError, r"alignment 'same' is unknown; use \"compact\" or \"caffe\""),
        ({"alignment": "same", "backbone": bare(1)}, ArgumentError, r"alignment 'same' is unknown"),
        ({"backbone": "resnet"}, ArgumentError, r"FCN: backbone 'resnet' is unknown; use one of small, vgg16"),
        ({"backbone": 16}, ArgumentTypeError, r"FCN: backbone must be a name or a Backbone, got int"),
        ({"backbone": vgg16}, ArgumentTypeError, r"FCN: backbone must be a name or a Backbone, got function"),
        (
            {"upsampling": "bilinear"},
            ArgumentError,
            r"FCN: upsampling 'bilinear' is unknown; use \"single\" or \"staged\"",
        ),
        ({"width": 0}, ArgumentError, r"small: width must be a number greater than 0 and at most 16, got 0"),
        ({"width": 5, "backbone": "vgg16"}, ArgumentError, r"vgg16: width must be .* at most 4, got 5"),
        ({"width": "1"}, ArgumentError, r"small: width must be .* got '1'"),
        ({"num_classes": 0}, ArgumentError, r"FCN: num_classes must be between 1 and \d+, got 0"),
        ({"num_classes": 2.0}, ArgumentTypeError, r"FCN: num_classes must be an integer, got 2.0 \(float\)"),
    ],
)
def test_wrong_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        FCN(**arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 20, 30), r"FCN: image must be \(N, 3, H, W\) with at least one pixel, got \(1, 1, 20, 30\)"),
        ((1, 4, 20, 30), r"FCN: image must be \(N, 3, H, W\) .* got \(1, 4, 20, 30\)"),
        ((1, 20, 30, 3), r"FCN: image must be \(N, 3, H, W\) .* got \(1, 20, 30, 3\)"),
        ((1, 3, 0, 30), r"with at least one pixel, got \(1, 3, 0, 30\)"),
        ((1, 3, 20, 0), r"with at least one pixel, got \(1, 3, 20, 0\)"),
        (
            (3, 20, 30),
            r"FCN: image must have 4 dimensions \(N, C, H, W\), got 3 \(shape \(3, 20, 30\)\); index it with",
        ),
        ((20, 30), r"FCN: image must have 4 dimensions .* got 2"),
    ],
)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_images_of_the_wrong_shape(shape, message, alignment):
    with pytest.raises(ArgumentError, match=message):
        narrow(8, alignment)(Tensor(np.zeros(shape, np.float32)))


def test_images_of_the_wrong_kind():
    net = narrow()
    with pytest.raises(ArgumentTypeError, match=r"FCN: image must be a Tensor, got ndarray; wrap it"):
        net(np.zeros((1, 3, 8, 9), np.float32))
    with pytest.raises(ArgumentTypeError, match=r"FCN: image must be floating point, got uint8; convert it"):
        net(Tensor(np.zeros((1, 3, 8, 9), np.uint8)))
    with pytest.raises(ArgumentTypeError, match=r"float64 and float32"):
        net(Tensor(np.zeros((1, 3, 8, 9))))


def test_poolings_of_a_trunk_may_be_averages():
    pools = [(AvgPool2d(2, ceil_mode=True),) for _ in range(4)]
    trunk = backbone((Conv2d(3, 1, 3, padding=1, generator=rng()), MaxPool2d(2, ceil_mode=True)), *pools, (ones(1),))
    net = FCN(trunk, 2, 8)
    assert isinstance(net.stage5, Sequential) and crops(net) == ([(1, 0), (1, 0)], 4)
    assert run(net, image(33, 21)).shape == (1, 2, 33, 21)
