"""torchvision's VGG16, AlexNet and GoogLeNet as plain torch.nn modules, under the names that torchvision gives them.

torchvision need not be there: its networks are facts, and they are written down here once more, apart from minifcn's
tables of names. Each takes its channels times `width`, which must divide them; 1 is the size that torchvision has.
Sources: torchvision/models/vgg.py, alexnet.py, googlenet.py; the parameter counts are those of its weights' meta data.
"""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from typing import Any

from tests.oracles.peers import peer

torch = peer("torch")
nn = torch.nn

# By the name of the backbone here.
PARAMETERS = {
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "alexnet_torchvision": 61_100_840,
    "googlenet_torchvision": 6_624_904,
}
INCEPTIONS = {  # ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def of_torch(name: str, classes: int = 1000, width: Fraction = Fraction(1)) -> Any:
    """The network of that backbone, in evaluation mode, with PyTorch's own initial weights."""
    build = {"vgg16": vgg16, "vgg16_bn": vgg16_bn, "alexnet_torchvision": alexnet, "googlenet_torchvision": googlenet}
    return build[name](classes, width).eval()


def randomized(model: Any, seed: int = 0) -> Any:
    """The model with weights that keep the variance, and biases and statistics of batch norms that are not trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.normal_(0, (2 / module.weight[0].numel()) ** 0.5, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1, 0.1, generator=generator)
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
            if getattr(module, "bias", None) is not None:
                module.bias.normal_(0, 0.1, generator=generator)
    return model


def times(channels: int, width: Fraction) -> int:
    scaled = Fraction(channels) * width
    assert scaled.denominator == 1, f"a width of {width} does not divide {channels} channels"
    return int(scaled)


def vgg16(classes: int, width: Fraction, norm: bool = False) -> Any:
    """features.0 ... features.30 (with batch norms ... features.43), classifier.0, .3 and .6."""
    layers: list[Any] = []
    before = 3
    for count, full in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        C = times(full, width)
        for _ in range(count):
            layers += [nn.Conv2d(before, C, 3, padding=1), *([nn.BatchNorm2d(C)] if norm else []), nn.ReLU()]
            before = C
        layers.append(nn.MaxPool2d(2, 2))
    wide = times(4096, width)
    classifier = [
        nn.Linear(before * 7 * 7, wide), nn.ReLU(), nn.Dropout(), nn.Linear(wide, wide), nn.ReLU(), nn.Dropout(),
        nn.Linear(wide, classes),
    ]  # fmt: skip
    return _column(layers, 7, classifier)


def vgg16_bn(classes: int, width: Fraction) -> Any:
    return vgg16(classes, width, norm=True)


def alexnet(classes: int, width: Fraction) -> Any:
    """features.0, .3, .6, .8, .10, classifier.1, .4 and .6."""
    a, b, c, d, e, wide = (times(C, width) for C in (64, 192, 384, 256, 256, 4096))
    layers = [
        nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(b, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, d, 3, padding=1), nn.ReLU(),
        nn.Conv2d(d, e, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
    ]  # fmt: skip
    classifier = [
        nn.Dropout(), nn.Linear(e * 6 * 6, wide), nn.ReLU(), nn.Dropout(), nn.Linear(wide, wide), nn.ReLU(),
        nn.Linear(wide, classes),
    ]  # fmt: skip
    return _column(layers, 6, classifier)


def _column(layers: list[Any], side: int, classifier: list[Any]) -> Any:
    parts = OrderedDict(
        features=nn.Sequential(*layers),
        avgpool=nn.AdaptiveAvgPool2d((side, side)),
        flat=nn.Flatten(),
        classifier=nn.Sequential(*classifier),
    )
    return nn.Sequential(parts)


def googlenet(classes: int, width: Fraction) -> Any:
    """conv1.conv, conv1.bn, ..., inception3a.branch2.1.bn, ..., fc; without the auxiliary classifiers of training."""
    a, before = times(64, width), times(192, width)
    parts: dict[str, Any] = {
        "conv1": _basic(3, a, 7, 2, 3), "maxpool1": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv2": _basic(a, a, 1), "conv3": _basic(a, before, 3, 1, 1), "maxpool2": nn.MaxPool2d(3, 2, ceil_mode=True),
    }  # fmt: skip
    for name, channels in INCEPTIONS.items():
        parts[f"inception{name}"] = block = _inception(before, *(times(C, width) for C in channels))
        before = block.channels
        if name == "3b":
            parts["maxpool3"] = nn.MaxPool2d(3, 2, ceil_mode=True)
        if name == "4e":
            parts["maxpool4"] = nn.MaxPool2d(2, 2, ceil_mode=True)
    parts |= {"avgpool": nn.AdaptiveAvgPool2d((1, 1)), "flat": nn.Flatten(), "dropout": nn.Dropout(0.2)}
    return nn.Sequential(OrderedDict(parts, fc=nn.Linear(before, classes)))


def _basic(before: int, C: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Any:
    convolution = nn.Conv2d(before, C, kernel_size, stride, padding, bias=False)
    return nn.Sequential(OrderedDict(conv=convolution, bn=nn.BatchNorm2d(C, eps=0.001), relu=nn.ReLU()))


def _inception(before: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pooled: int) -> Any:
    block = _Joined(
        {
            "branch1": _basic(before, one, 1),
            "branch2": nn.Sequential(_basic(before, reduce3, 1), _basic(reduce3, three, 3, padding=1)),
            "branch3": nn.Sequential(_basic(before, reduce5, 1), _basic(reduce5, five, 3, padding=1)),
            "branch4": nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), _basic(before, pooled, 1)),
        }
    )
    block.channels = one + three + five + pooled
    return block


class _Joined(nn.ModuleDict):  # type: ignore[misc, name-defined]
    """What every branch makes of x, one behind the other along the channels."""

    def forward(self, x: Any) -> Any:
        return torch.cat([branch(x) for branch in self.values()], 1)
