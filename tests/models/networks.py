"""Narrow FCNs for the tests, and what the tests ask of them."""

from __future__ import annotations

import numpy as np

from minifcn import no_grad
from minifcn.models import FCN
from minifcn.models.fusion import Double, Fuse
from minifcn.nn import init
from tests.onto import on

ALIGNMENTS, STRIDES = ("compact", "caffe"), (32, 16, 8)


def rng(seed=0):
    return np.random.default_rng(seed)


def narrow(stride=8, alignment="compact", classes=3, backbone="vgg16", width=1 / 64, **options):
    return FCN(backbone, classes, stride, alignment, width=width, generator=rng(), **options)


def image(H, W, N=1, seed=0, xp=np):
    return on(xp, rng(seed).standard_normal((N, 3, H, W)).astype(np.float32))


def drawn(net, seed=1, skips=True):
    """The score layers filled with numbers, so that there is something to see; the skips are left at 0 if so asked."""
    generator = rng(seed)
    named = {"score": net.score} | {
        name: fuse.skip
        for name, fuse in (("pool4", net.fuse_pool4), ("pool3", net.fuse_pool3))
        if skips and isinstance(fuse, Fuse)
    }
    for layer in named.values():
        init.kaiming_normal_(layer.weight, generator=generator)
        init.constant_(layer.bias, 0.5)
    return net


def run(net, x):
    with no_grad():
        return net(x).numpy()


def fuses(net):
    return [fuse for fuse in (net.fuse_pool4, net.fuse_pool3) if isinstance(fuse, Double)]


def crops(net):
    """The crop of each fusion and the last one: (of the score, of the skip) where there are two maps."""
    return [(f.alignment.first, f.alignment.second) for f in fuses(net)], net.upscore.alignment.first


def kernels(net):
    return [layer.up.kernel_size[0] for layer in (*fuses(net), net.upscore)]
