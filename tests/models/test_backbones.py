"""The trunks: layer by layer what the paper's are, with its counts, sizes and receptive fields."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import ReceptiveField, Tensor, nn, no_grad
from minifcn.errors import ArgumentError
from minifcn.models import BACKBONES, FCN, Trace, small, vgg16
from minifcn.nn import init


def rng(seed=0):
    return np.random.default_rng(seed)


def narrow(alignment, generator=None):
    """VGG16 with 1, 2, 4, 8 and 8 channels and a head of 64."""
    return vgg16(alignment, 1 / 64, generator=generator or rng())


def convolutions(trunk):
    parts = (*trunk.stages, trunk.head)
    return {name: layer for part in parts for name, layer in part.layers.items() if isinstance(layer, nn.Conv2d)}


@pytest.fixture
def weightless():
    """Layers whose weights have their shape but take no memory: VGG16 has half a gigabyte of them."""
    with init.only_shapes():
        yield


# --- VGG16 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alignment", ["compact", "caffe"])
def test_vgg16_has_the_papers_number_of_parameters(weightless, alignment):
    trunk = vgg16(alignment)
    count = sum(p.numel() for part in (*trunk.stages, trunk.head) for p in part.parameters())
    assert count == 134_260_544
    assert (trunk.pool3_channels, trunk.pool4_channels, trunk.head_channels) == (256, 512, 4096)

    net = FCN(trunk, 21, 32, alignment)
    learned = [p for p in net.parameters() if p.requires_grad]  # the upsampling is fixed
    assert sum(p.numel() for p in learned) == 134_346_581
    finer = FCN(trunk, 21, 8, alignment)
    assert sum(p.numel() for p in finer.parameters() if p.requires_grad) == 134_346_581 + 21 * 513 + 21 * 257


def test_vgg16_has_the_papers_layers(weightless):
    trunk = vgg16("caffe")
    names = [
        [name for name in part.layers if name.startswith(("conv", "pool", "fc"))]
        for part in (*trunk.stages, trunk.head)
    ]
    assert names == [
        ["conv1_1", "conv1_2", "pool1"],
        ["conv2_1", "conv2_2", "pool2"],
        ["conv3_1", "conv3_2", "conv3_3", "pool3"],
        ["conv4_1", "conv4_2", "conv4_3", "pool4"],
        ["conv5_1", "conv5_2", "conv5_3", "pool5"],
        ["fc6", "fc7"],
    ]
    shapes = {name: layer.weight.shape for name, layer in convolutions(trunk).items()}
    channels = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
    assert all(
        shape[0] == channels[int(name[4])] and shape[2:] == (3, 3) for name, shape in shapes.items() if name[0] == "c"
    )
    assert shapes["conv1_1"][1] == 3 and shapes["conv3_1"][1] == 128 and shapes["conv5_1"][1] == 512
    assert shapes["fc6"] == (4096, 512, 7, 7) and shapes["fc7"] == (4096, 4096, 1, 1)
    assert [type(layer).__name__ for layer in trunk.head] == ["Conv2d", "ReLU", "Dropout"] * 2
    for part in trunk.stages:
        kinds = [type(layer).__name__ for layer in part]
        assert kinds == ["Conv2d", "ReLU"] * (len(kinds) // 2) + ["MaxPool2d"]
        assert part[-1].kernel_size == part[-1].stride == (2, 2) and part[-1].ceil_mode
    assert {layer.stride for layer in convolutions(trunk).values()} == {(1, 1)}
    assert all(layer.bias is not None for layer in convolutions(trunk).values())
    assert trunk.head[2].p == trunk.head[5].p == 0.5


@pytest.mark.parametrize(("alignment", "first", "fc6"), [("caffe", 100, 0), ("compact", 1, 3)])
def test_alignments_differ_in_two_paddings_only(alignment, first, fc6):
    for trunk, head in ((narrow(alignment), fc6), (small(alignment, 1 / 8, generator=rng()), fc6 and 1)):
        paddings = {name: layer.padding for name, layer in convolutions(trunk).items()}
        assert paddings.pop("conv1_1") == (first, first)
        assert paddings.pop("fc6") == (head, head)
        assert paddings.pop("fc7") == (0, 0)
        assert set(paddings.values()) == {(1, 1)}


@pytest.mark.parametrize(
    ("alignment", "offsets"), [("caffe", ["191/16", "183/32", "-25/64"]), ("compact", ["-7/16", "-15/32", "-31/64"])]
)
def test_vgg16_sees_404_pixels_and_lies_where_the_paper_says(alignment, offsets):
    trunk, trace, traces = narrow(alignment), Trace(), []
    for part in (*trunk.stages, trunk.head):
        trace = trace.through(part)
        traces.append(trace)
    assert [t.map.scale for t in traces] == [Fraction(1, s) for s in (2, 4, 8, 16, 32, 32)]
    assert [t.field.size for t in traces] == [6, 16, 44, 100, 212, 404]
    assert trace.field == ReceptiveField(404, 32)
    assert [traces[i].map.offset for i in (2, 3, 5)] == [Fraction(offset) for offset in offsets]


SIZES = {  # height or width: pool3, pool4, score, x32, x2, x2 of that, x8, with a first padding of 100
    224: (53, 27, 8, 288, 18, 38, 312),
    360: (70, 35, 12, 416, 26, 54, 440),
    480: (85, 43, 16, 544, 34, 70, 568),
    500: (88, 44, 16, 544, 34, 70, 568),
    512: (89, 45, 17, 576, 36, 74, 600),
}


@pytest.mark.parametrize(("H", "W"), [(224, 500), (360, 480), (512, 224)])
def test_sizes_with_a_padding_of_100(H, W):
    """The sizes of every map on the way, made by the modules themselves."""
    net, coarse = FCN(narrow("caffe"), 2, 8), FCN(narrow("caffe"), 2, 32)
    with no_grad():
        image = Tensor(np.zeros((1, 3, H, W), np.float32))
        pool3 = net.stage3(net.stage2(net.stage1(image)))
        pool4 = net.stage4(pool3)
        score = net.score(net.head(net.stage5(pool4)))
        once = net.fuse_pool4.up(score)
        twice = net.fuse_pool3.up(net.fuse_pool4(score, pool4))
        final = net.upscore.up(net.fuse_pool3(net.fuse_pool4(score, pool4), pool3))
        maps = (pool3, pool4, score, coarse.upscore.up(score), once, twice, final)
        assert [m.shape[2] for m in maps] == list(SIZES[H])
        assert [m.shape[3] for m in maps] == list(SIZES[W])
        assert net.upscore(net.fuse_pool3(net.fuse_pool4(score, pool4), pool3), image).shape == (1, 2, H, W)


def test_fully_connected_layers_have_become_convolutions():
    """fc6 reads channels, rows, columns in this order: reshaped (O, C·H·W) -> (O, C, H, W) it gives the same numbers."""
    trunk = narrow("caffe")
    fc6, fc7 = trunk.head["fc6"], trunk.head["fc7"]
    feature = Tensor(rng(1).integers(-9, 10, (2, 8, 7, 7)).astype(np.float32))
    matrix = rng(2).integers(-9, 10, (64, 8 * 7 * 7)).astype(np.float32)
    second = rng(3).integers(-3, 4, (64, 64)).astype(np.float32)
    bias = rng(4).integers(-9, 10, 64).astype(np.float32)
    fc6.load_state_dict({"weight": matrix.reshape(64, 8, 7, 7), "bias": bias})
    fc7.load_state_dict({"weight": second.reshape(64, 64, 1, 1), "bias": bias})
    connected = F.relu(F.linear(F.flatten(feature, 1), Tensor(matrix), Tensor(bias)))
    connected = F.relu(F.linear(connected, Tensor(second), Tensor(bias)))
    for layer in trunk.head:
        layer.eval()
    convolved = trunk.head(feature)
    assert convolved.shape == (2, 64, 1, 1)
    np.testing.assert_array_equal(convolved.detach().numpy()[:, :, 0, 0], connected.numpy())
    # The other order, rows before channels, is another function: nothing but the numbers would tell.
    fc6.load_state_dict({"weight": matrix.reshape(64, 7, 7, 8).transpose(0, 3, 1, 2), "bias": bias})
    assert not np.array_equal(trunk.head(feature).detach().numpy()[:, :, 0, 0], connected.numpy())

    # And on a larger feature it is the classifier at every place.
    fc6.load_state_dict({"weight": matrix.reshape(64, 8, 7, 7), "bias": bias})
    larger = rng(5).integers(-9, 10, (1, 8, 9, 8)).astype(np.float32)
    everywhere = trunk.head["fc6"](Tensor(larger)).detach().numpy()
    for i, j in ((0, 0), (2, 1), (1, 0)):
        window = larger[:, :, i : i + 7, j : j + 7].reshape(1, -1)
        np.testing.assert_array_equal(everywhere[:, :, i, j], window @ matrix.T + bias)


# --- small, and both --------------------------------------------------------------------------------------------------


def test_small_is_five_stages_with_batch_normalisation():
    trunk = small(generator=rng())
    assert [layer.weight.shape[:2] for layer in convolutions(trunk).values()] == [
        *((16, 3), (16, 16), (32, 16), (32, 32), (64, 32), (64, 64), (96, 64), (96, 96), (128, 96), (128, 128)),
        *((128, 128), (128, 128)),
    ]
    assert all(layer.bias is None for layer in convolutions(trunk).values())
    for part in trunk.stages:
        assert [type(layer).__name__ for layer in part] == ["Conv2d", "BatchNorm2d", "ReLU"] * 2 + ["MaxPool2d"]
        assert part[-1].ceil_mode
    assert (trunk.pool3_channels, trunk.pool4_channels, trunk.head_channels) == (64, 96, 128)
    assert convolutions(trunk)["fc6"].kernel_size == (3, 3) and convolutions(trunk)["fc7"].kernel_size == (1, 1)
    assert trunk.head["norm7"].num_features == 128


@pytest.mark.parametrize("name", BACKBONES)
def test_initial_weights_are_hes_and_repeatable(name):
    build = BACKBONES[name]
    width = 1 / 8 if name == "vgg16" else 1
    first, again, other = (convolutions(build("compact", width, generator=rng(seed))) for seed in (1, 1, 2))
    for key, layer in first.items():
        weight = layer.weight.detach().numpy()
        np.testing.assert_array_equal(weight, again[key].weight.detach().numpy())
        assert not np.array_equal(weight, other[key].weight.detach().numpy())
        if weight.size > 2000:
            expected = (2 / np.prod(weight.shape[1:])) ** 0.5
            assert abs(weight.std() / expected - 1) < 0.1 and abs(weight.mean()) < 0.1 * expected, key
        assert layer.bias is None or not layer.bias.detach().numpy().any()


@pytest.mark.parametrize(("name", "first"), {**dict.fromkeys(BACKBONES, 4), "small": 1, "alexnet": 6}.items())
def test_width_is_a_factor_on_every_channel_and_never_makes_none(name, first):
    build = BACKBONES[name]
    narrow = next(iter(convolutions(build("compact", 1 / 16, generator=rng())).values()))
    assert narrow.weight.shape[:2] == (first, 3)
    tiny = build("compact", 1e-6, generator=rng())
    made = {layer.weight.shape[0] // layer.groups for layer in tiny.stages[0].modules() if isinstance(layer, nn.Conv2d)}
    assert made <= {1, 2} and tiny.head_channels in (1, 4) and tiny.pool3_channels in (1, 2, 4)


@pytest.mark.parametrize(("name", "largest"), [("vgg16", 4), ("vgg16_bn", 4), ("small", 16)])
@pytest.mark.parametrize("width", [0, -1, 17, float("nan"), float("inf"), "1", None, True])
def test_a_width_that_is_none_is_refused(name, largest, width):
    with pytest.raises(ArgumentError) as caught:
        BACKBONES[name]("compact", width)
    assert str(caught.value) == (f"{name}: width must be a number greater than 0 and at most {largest}, got {width!r}.")


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("alignment", ["Caffe", "", None, 100])
def test_an_unknown_alignment_is_refused(name, alignment):
    with pytest.raises(ArgumentError, match=rf'alignment {alignment!r} is unknown; use "compact" or "caffe"'):
        BACKBONES[name](alignment, 1 / 16)
