"""What a skip, a stride and an alignment mean: which scores agree, to which bit, and over which pixels they lie."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import minifcn.functional as F
import minifcn.models.backbones as backbones
from minifcn import Tensor, no_grad
from minifcn.models import FCN
from minifcn.models.fusion import Fuse
from minifcn.nn import init
from tests.models.networks import ALIGNMENTS, STRIDES, drawn, fuses, image, narrow, rng, run
from tests.models.trunks import adding_vgg, alexnet, googlenet

# --- skips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("stride", [16, 8])
def test_staged_with_zero_skips_is_the_staged_fcn_32s_to_the_last_bit(stride, alignment):
    coarse = drawn(narrow(32, alignment, upsampling="staged")).eval()
    fine = narrow(stride, alignment, upsampling="staged").eval()
    missing, unexpected = fine.load_state_dict(coarse.state_dict(), strict=False)
    skips = ["fuse_pool4.skip.weight", "fuse_pool4.skip.bias", "fuse_pool3.skip.weight", "fuse_pool3.skip.bias"]
    assert (missing, unexpected) == (skips[: 2 if stride == 16 else 4], [])
    for H, W in ((50, 83), (1, 1), (64, 31)):
        expected = run(coarse, image(H, W))
        assert expected.any() and (np.ptp(expected) > 0 or (H, W) == (1, 1))
        np.testing.assert_array_equal(run(fine, image(H, W)), expected)
    drawn(fine, seed=4)
    assert not np.array_equal(run(fine, image(50, 83)), run(coarse, image(50, 83)))  # and a skip does change it


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("stride", [16, 8])
def test_with_zero_skips_the_fused_score_is_the_doubled_score(stride, alignment):
    net = drawn(narrow(stride, alignment), skips=False).eval()
    with no_grad():
        pool3 = net.stage3(net.stage2(net.stage1(image(50, 83))))
        pool4 = net.stage4(pool3)
        score = net.score(net.head(net.stage5(pool4)))
        for fuse, finer in ((net.fuse_pool4, pool4), (net.fuse_pool3, pool3)):
            if not isinstance(fuse, Fuse):
                continue
            fused, first = fuse(score, finer), fuse.alignment.first
            doubled = fuse.up(score).numpy()
            stamped = F.conv_transpose2d(score, fuse.up.weight, None, 2, 0, 0, 3).numpy()
            np.testing.assert_allclose(doubled, stamped, rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(
                fused.numpy(), doubled[:, :, first:, first:][:, :, : fused.shape[2], : fused.shape[3]]
            )
            assert fused.numpy().any()
            size = finer.shape if alignment == "compact" else doubled.shape
            assert fused.shape[2:] == size[2:]
            score = fused


def test_two_bilinear_steps_are_not_one_but_keep_what_is_constant():
    """Why FCN-16s with a zero skip is not FCN-32s to the pixel, unless both go the same way ("staged")."""
    coarse, fine = drawn(narrow(32)).eval(), narrow(16).eval()
    fine.load_state_dict({n: v for n, v in coarse.state_dict().items() if "upscore" not in n}, strict=False)
    a, b = run(coarse, image(160, 192)), run(fine, image(160, 192))
    inside = (..., slice(32, -32), slice(32, -32))
    assert np.abs(a - b)[inside].max() > 1e-3 * np.ptp(a)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9

    for net in (coarse, fine):
        init.zeros_(net.score.weight)
        net.score.bias.mutable()[...] = [3, -1, 0.5]
    a, b = run(coarse, image(160, 192)), run(fine, image(160, 192))
    np.testing.assert_array_equal(a[inside], np.broadcast_to(np.array([3, -1, 0.5])[:, None, None], (1, 3, 96, 128)))
    np.testing.assert_array_equal(a[inside], b[inside])


def test_a_skip_is_added_where_it_belongs():
    """An impulse in pool4, and one in pool3, must come out over the pixels of the image that made them."""
    for alignment in ALIGNMENTS:
        net = narrow(8, alignment, classes=1)
        H, W = 120, 150
        with no_grad():
            pool3 = net.stage3(net.stage2(net.stage1(image(H, W))))
            pool4 = net.stage4(pool3)
            coarse = net.score(net.head(net.stage5(pool4)))
            for fuse, maps, name in ((net.fuse_pool4, pool4, "pool4"), (net.fuse_pool3, pool3, "pool3")):
                init.zeros_(fuse.skip.weight)
                fuse.skip.weight.mutable()[0, 0] = 1
                trace = net.traces[name]
                i, j = (round(trace.map(size // 2)) for size in (H, W))
                impulse = np.zeros(maps.shape, np.float32)
                impulse[0, 0, i, j] = 1
                inputs = {"pool4": np.zeros(pool4.shape, np.float32), "pool3": np.zeros(pool3.shape, np.float32)}
                inputs[name] = impulse
                score = net.fuse_pool3(net.fuse_pool4(coarse, Tensor(inputs["pool4"])), Tensor(inputs["pool3"]))
                out = net.upscore(score, image(H, W)).numpy()[0, 0]
                assert centre_of_mass(out) == (trace.map.inverse()(i), trace.map.inverse()(j))
                assert out.min() == 0 < out.max()  # added, not subtracted
                init.zeros_(fuse.skip.weight)


def test_fusion_is_the_sum_of_the_doubled_score_and_the_skip():
    """In whole numbers; the even kernel of 4 has weights in sixteenths, so a score of sixteens stays whole."""
    for alignment, (first, second) in (("compact", (1, 0)), ("caffe", (0, 5))):
        fuse = narrow(16, alignment).fuse_pool4
        fuse.skip.weight.mutable()[...] = rng(1).integers(-3, 4, fuse.skip.weight.shape)
        fuse.skip.bias.mutable()[...] = [1, -2, 3]
        score = Tensor(16 * rng(2).integers(-9, 10, (2, 3, 5, 6)).astype(np.float32))
        finer = Tensor(rng(3).integers(-9, 10, (2, 8, 11 + second, 13 + second)).astype(np.float32))
        doubled = F.conv_transpose2d(score, fuse.up.weight, None, 2, 0, 0, 3).numpy()
        weight, bias = fuse.skip.weight.detach().numpy()[:, :, 0, 0], fuse.skip.bias.detach().numpy()
        skip = np.einsum("oc,nchw->nohw", weight, finer.numpy()) + bias[:, None, None]
        a, b = doubled[:, :, first:, first:], skip[:, :, second:, second:]
        H, W = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])
        np.testing.assert_array_equal(fuse(score, finer).detach().numpy(), a[:, :, :H, :W] + b[:, :, :H, :W])


# --- where the scores lie ---------------------------------------------------------------------------------------------


def centre_of_mass(values):
    """Exact: bilinear weights are whole multiples of a power of two."""
    total = Fraction(float(values.sum()))
    rows, columns = (Fraction(float(values.sum(axis=1 - a) @ np.arange(values.shape[a]))) for a in (0, 1))
    return rows / total, columns / total


def places(position):
    """The one or two whole pixels nearest to it."""
    return {math.floor(position), math.ceil(position)}


@pytest.mark.parametrize(
    "net",
    [
        *(narrow(s, a, classes=1, upsampling=u) for s in STRIDES for a in ALIGNMENTS for u in ("single", "staged")),
        FCN(alexnet(), 1, 32),
        FCN(googlenet(), 1, 8),
        FCN(adding_vgg(), 1, 16),
    ],
    ids=lambda net: f"{net.stride}s-{net.backbone}-{net.upscore.up.kernel_size[0]}-{net.upscore.alignment.first}",
)
def test_an_impulse_of_the_score_comes_out_over_the_pixel_that_the_map_predicts(net):
    H, W = 200, 250
    image_of_that_size = image(H, W)
    with no_grad():
        pool3 = net.stage3(net.stage2(net.stage1(image_of_that_size)))
        pool4 = net.stage4(pool3)
        score = net.score(net.head(net.stage5(pool4)))
        i, j = (round(net.traces["score"].map(size // 2)) for size in (H, W))
        impulse = np.zeros(score.shape, np.float32)
        impulse[0, 0, i, j] = 1
        fused = net.fuse_pool3(net.fuse_pool4(Tensor(impulse), pool4), pool3)
        out = net.upscore(fused, image_of_that_size).numpy()[0, 0]
    assert out.shape == (H, W)
    row, column = (net.traces["score"].map.inverse()(k) for k in (i, j))
    rows, columns = np.nonzero(out == out.max())
    if not fuses(net):
        assert (set(rows), set(columns)) == (places(row), places(column))
    else:  # several steps round the peak off, but evenly
        assert min(rows) + max(rows) == 2 * row and min(columns) + max(columns) == 2 * column
    assert centre_of_mass(out) == (row, column)


def far_inside(net, x, border=260):
    """Farther from the border than half of the receptive field, 202, and the reach of the upsampling, 32 + 16 + 8."""
    return run(net, x)[:, :, border:-border, border:-border]


@pytest.mark.parametrize("stride", [32, 8])
def test_compact_gives_the_scores_of_caffe_far_from_the_border(stride, monkeypatch):
    """The same weights, the same function, on a grid of poolings that a padding of 100 shifts by three pixels.

    100 = 97 + 3, and 97 = 1 + 3·32 is what the head's padding of 3 amounts to. So caffe is compact of the image moved
    by three pixels, and with a padding of 97 the two are the same.
    """

    def built(alignment):
        net = drawn(narrow(stride, alignment, width=1 / 32)).eval().to("float64")
        for name, p in net.named_parameters():
            if name.startswith(("stage", "head")) and name.endswith("bias"):
                init.constant_(p, 0.1)  # or padded places, too, would be zero behind every layer
        return net

    x = rng(5).standard_normal((1, 3, 560, 544))
    moved = Tensor(np.pad(x, ((0, 0), (0, 0), (3, 0), (3, 0))))
    compact, caffe = built("compact"), built("caffe")
    caffe.load_state_dict(compact.state_dict())
    expected = far_inside(caffe, Tensor(x))
    assert expected.shape == (1, 3, 40, 24) and np.ptp(expected) > 0.1
    got = run(compact, moved)[:, :, 3:, 3:][:, :, 260:-260, 260:-260]
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)

    unmoved = far_inside(compact, Tensor(x))
    assert np.abs(unmoved - expected).max() > 1e-3  # three pixels are three pixels
    monkeypatch.setattr(backbones, "CAFFE_PADDING", 97)
    np.testing.assert_allclose(far_inside(built("caffe"), Tensor(x)), unmoved, rtol=1e-10, atol=1e-12)


def test_an_image_moved_by_the_stride_moves_its_scores_by_the_stride():
    net = drawn(narrow(32, width=1 / 32)).eval().to("float64")
    x = rng(6).standard_normal((1, 3, 536, 560))
    out, moved = run(net, Tensor(x)), run(net, Tensor(np.roll(x, (32, 64), (2, 3))))
    here, there = out[:, :, 240:264, 240:256], moved[:, :, 272:296, 304:320]
    assert np.ptp(here) > 0.05
    np.testing.assert_allclose(there, here, rtol=1e-10, atol=1e-12)
