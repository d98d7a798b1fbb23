"""Whole networks beside PyTorch's, layer for layer, in float64: scores, losses, every gradient, and a training.

PyTorch's FCN is written here once more, from the paper: its crops are the numbers that the paper's networks and their
unpadded siblings have, where minifcn derives them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn, optim
from minifcn.models import FCN, classifier, image_size
from minifcn.nn import init
from tests.oracles.peers import close, peer

torch = peer("torch")
TF = torch.nn.functional

CLASSES = 3
# (alignment, stride): what is cropped away before the first row that counts, at 1/16, 1/8 and 1/1.
CROPS = {
    ("caffe", 32): (19,),
    ("caffe", 16): (5, 27),
    ("caffe", 8): (5, 9, 31),
    ("compact", 32): (16,),
    ("compact", 16): (1, 8),
    ("compact", 8): (1, 1, 4),
}
# About twenty layers one after the other, each of up to 9·128 products: what a score has gone through.
TERMS = 20 * 9 * 128


def translated(layer: nn.Module) -> Any:
    """The layer of the same name in PyTorch, made with the same arguments."""
    name, t = type(layer).__name__, layer.__dict__
    if isinstance(layer, nn.Sequential):
        return torch.nn.Sequential(*map(translated, layer))
    if isinstance(layer, nn.Fork):
        return Joined(list(map(translated, layer)))
    given = {
        "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
        "ConvTranspose2d": (
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "output_padding",
            "groups",
        ),
        "BatchNorm2d": ("num_features", "eps", "momentum"),
        "LocalResponseNorm": ("size", "alpha", "beta", "k"),
        "MaxPool2d": ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"),
        "AvgPool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
        "LeakyReLU": ("negative_slope",),
        "Linear": ("in_features", "out_features"),
        "Softmax": ("dim",),
        "AdaptiveAvgPool2d": ("output_size",),
        "Dropout": ("p",),
        "Upsample": ("size", "scale_factor", "mode"),
    }.get(name, ())
    options = {"bias": t["bias"] is not None} if name in ("Conv2d", "ConvTranspose2d") else {}
    options |= {"dilation": t["dilation"]} if name == "ConvTranspose2d" else {}
    options |= {"align_corners": t["align_corners"]} if name == "Upsample" and t["mode"] == "bilinear" else {}
    return getattr(torch.nn, name)(*(t[argument] for argument in given), **options)


class Joined(torch.nn.ModuleList):
    """All are given the same; what they make stands one behind the other along the channels."""

    def forward(self, x: Any) -> Any:
        return torch.cat([way(x) for way in self], 1)


def bilinear(x: Any, factor: int) -> Any:
    """x `factor` times as large, by a transposed convolution with the tent of Long, Shelhamer and Darrell."""
    k = 2 * factor
    tent = 1 - torch.abs(torch.arange(k, dtype=torch.float64) - (factor - 0.5)) / factor
    weight = torch.outer(tent, tent).expand(x.shape[1], 1, k, k)
    return TF.conv_transpose2d(x, weight, stride=factor, groups=x.shape[1])


class Reference(torch.nn.Module):
    def __init__(self, net: FCN, alignment: str) -> None:
        super().__init__()
        parts = (net.stage1, net.stage2, net.stage3, net.stage4, net.stage5, net.head, net.score)
        self.parts = torch.nn.ModuleList(map(translated, parts))
        skips = [fuse.skip for fuse in (net.fuse_pool4, net.fuse_pool3) if hasattr(fuse, "skip")]
        self.skips = torch.nn.ModuleList(map(translated, skips))
        self.crops, self.of_the_skip = CROPS[alignment, net.stride], alignment == "caffe"
        self.double()
        frozen = {id(up.up.weight) for up in (net.fuse_pool4, net.fuse_pool3, net.upscore) if hasattr(up, "up")}
        learned = [weight for weight in net.parameters() if id(weight) not in frozen]
        with torch.no_grad():
            for theirs, ours in zip(self.parameters(), learned, strict=True):
                theirs.copy_(torch.tensor(ours.data))

    def forward(self, image: Any) -> Any:
        stage1, stage2, stage3, stage4, stage5, head, score = self.parts
        pool3 = stage3(stage2(stage1(image)))
        pool4 = stage4(pool3)
        x, factor = score(head(stage5(pool4))), 32
        for layer, pool, crop in zip(self.skips, (pool4, pool3), self.crops, strict=False):
            x, y, factor = bilinear(x, 2), layer(pool), factor // 2
            x, y = (x, y[:, :, crop:, crop:]) if self.of_the_skip else (x[:, :, crop:, crop:], y)
            H, W = (min(x.shape[i], y.shape[i]) for i in (2, 3))
            x = x[:, :, :H, :W] + y[:, :, :H, :W]
        crop, (H, W) = self.crops[-1], image.shape[2:]
        return bilinear(x, factor)[:, :, crop : crop + H, crop : crop + W]


def pair(backbone: str, alignment: str, stride: int, width: float) -> tuple[FCN, Reference]:
    generator = np.random.default_rng(7)
    net = FCN(backbone, CLASSES, stride, alignment, width=width, generator=generator)
    for layer in (net.score, *(fuse.skip for fuse in (net.fuse_pool4, net.fuse_pool3) if hasattr(fuse, "skip"))):
        init.kaiming_normal_(layer.weight, generator=generator)  # they begin at zero: there would be little to compare
    net.to(np.float64)
    return net, Reference(net, alignment)


def batch(H: int, W: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, (2, H, W)).astype(np.uint8)
    labels[generator.random(labels.shape) < 0.1] = 255
    return generator.standard_normal((2, 3, H, W)), labels


def losses(net: FCN, reference: Reference, image: np.ndarray, labels: np.ndarray) -> tuple[Any, Any, Any, Any]:
    found, expected = net(Tensor(image)), reference(torch.tensor(image))
    theirs = TF.cross_entropy(expected, torch.tensor(labels.astype(np.int64)), ignore_index=255)
    return found, expected, F.cross_entropy(found, labels), theirs


def learned(net: FCN) -> list[Any]:
    return [(name, weight) for name, weight in net.named_parameters() if weight.requires_grad]


# Not "small" with "caffe": for its head of 3x3 the paper has no crops.
NETWORKS = [("vgg16", *case) for case in CROPS] + [("small", *case) for case in CROPS if case[0] == "compact"]


@pytest.mark.parametrize("backbone, alignment, stride", NETWORKS)
def test_fcn(backbone: str, alignment: str, stride: int) -> None:
    net, reference = pair(backbone, alignment, stride, 0.25 if backbone == "small" else 1 / 32)
    training = backbone == "small"  # VGG's dropout would draw different elements
    net.train(training)
    reference.train(training)
    found, expected, loss, theirs = losses(net, reference, *batch(45, 70))
    close(TERMS)(found.detach().numpy(), expected.detach().numpy(), "scores")
    close(TERMS)(np.array(loss.item()), np.array(theirs.item()), "loss")
    loss.backward()
    theirs.backward()
    for (name, ours), other in zip(learned(net), reference.parameters(), strict=True):
        close(TERMS, 1e-2)(ours.grad.numpy(), other.grad.numpy(), f"gradient of {name}")
    statistics = [b for b in reference.buffers() if b.dtype == torch.float64]
    for (name, ours), other in zip(net.named_buffers(), statistics, strict=True):
        close(TERMS)(ours.numpy(), other.numpy(), name)


def test_six_steps_of_training_and_then_evaluation() -> None:
    net, reference = pair("small", "compact", 8, 0.25)
    settings = {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    optimizer = optim.SGD([weight for _, weight in learned(net)], **settings)
    other = torch.optim.SGD(reference.parameters(), **settings)
    schedules = optim.PolynomialLR(optimizer, 6, 0.9), torch.optim.lr_scheduler.PolynomialLR(other, 6, 0.9)
    seen = []
    for step in range(6):
        _, _, loss, theirs = losses(net, reference, *batch(33, 47, step % 2))
        for each in (optimizer, other):
            each.zero_grad()
        loss.backward()
        theirs.backward()
        for each in (optimizer, other, *schedules):
            each.step()
        close(TERMS * (step + 1))(np.array(loss.item()), np.array(theirs.item()), f"loss {step}")
        seen.append(loss.item())
    assert seen[-1] < seen[0] - 0.1, "a training that stands still compares little"
    found, expected, _, _ = losses(net.eval(), reference.eval(), *batch(33, 47))
    close(6 * TERMS)(found.detach().numpy(), expected.detach().numpy(), "scores afterwards")


def test_every_other_layer_in_one_column() -> None:
    source: dict[str, Any] = {"generator": np.random.default_rng(2)}
    column = nn.Sequential(
        nn.Conv2d(3, 6, (5, 4), (2, 1), (1, 2), groups=3, **source),
        nn.LocalResponseNorm(3, 0.3, 0.6, 2.0),
        nn.LeakyReLU(0.2),
        nn.AvgPool2d((3, 2), (2, 3), (1, 0), ceil_mode=True, count_include_pad=False),
        nn.ConvTranspose2d(6, 4, (3, 2), (2, 3), (1, 0), (1, 2), 2, dilation=(2, 1), **source),
        nn.Tanh(),
        nn.Upsample((9, 7), mode="bilinear"),
        nn.MaxPool2d(3, 2, 1),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Sigmoid(),
        nn.Identity(),
        nn.Flatten(),
        nn.Linear(4 * 10 * 8, 5, **source),
        nn.Softmax(1),
    ).to(np.float64)
    reference = translated(column).double()
    with torch.no_grad():
        for theirs, ours in zip(reference.parameters(), column.parameters(), strict=True):
            theirs.copy_(torch.tensor(ours.data))
    x = np.random.default_rng(3).standard_normal((2, 3, 13, 11))
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found, expected = column(ours), reference(theirs)
    close(TERMS)(found.detach().numpy(), expected.detach().numpy(), "y")
    cotangent = np.arange(10.0).reshape(2, 5) ** 2
    found.backward(cotangent)
    expected.backward(torch.tensor(cotangent))
    close(TERMS)(ours.grad.numpy(), theirs.grad.numpy(), "gradient of x")
    for (name, weight), other in zip(column.named_parameters(), reference.parameters(), strict=True):
        close(TERMS)(weight.grad.numpy(), other.grad.numpy(), f"gradient of {name}")


@pytest.mark.parametrize(
    "name", ["vgg16", "vgg16_bn", "alexnet", "alexnet_torchvision", "googlenet", "googlenet_torchvision"]
)
def test_the_classifiers_score_and_learn_as_the_same_layers_do_in_pytorch(name: str) -> None:
    generator, size = np.random.default_rng(3), image_size(name)
    ours = classifier(name, 4, 1 / 32, generator=generator).to(np.float64).eval()
    theirs = translated(ours).double().eval()
    with torch.no_grad():
        for there, here in zip(theirs.parameters(), ours.parameters(), strict=True):
            there.copy_(torch.tensor(here.data))
    x = generator.standard_normal((2, 3, size, size))
    scores, expected = ours(Tensor(x)), theirs(torch.tensor(x))
    close(TERMS)(scores.data, expected.detach().numpy(), "scores")
    (scores * scores).sum().backward()
    (expected * expected).sum().backward()
    for there, here in zip(theirs.parameters(), ours.parameters(), strict=True):
        close(10 * TERMS)(here.grad.data, there.grad.numpy(), "a gradient")
