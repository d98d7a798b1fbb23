"""FCN-8s (compact) in PyTorch's own layers, as a user of PyTorch would write it: in-place ReLU, no frozen parameters.

The parameters come in the order of minifcn's, so that weights can be copied one by one.
"""

from __future__ import annotations

from typing import Any

STAGES = {
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
    "small": ((16, 16), (32, 32), (64, 64), (96, 96), (128, 128)),
}
# The channels of the head, and the kernel of its first layer.
HEADS = {"vgg16": (4096, 7), "small": (128, 3)}


def fcn(backbone: str, classes: int, width: float = 1.0) -> Any:
    import torch
    from torch import nn
    from torch.nn import functional as TF

    normalised = backbone == "small"

    def scaled(C: int) -> int:
        return max(1, round(C * width))

    def block(before: int, C: int, kernel: int) -> list[Any]:
        layers = [nn.Conv2d(before, C, kernel, padding=kernel // 2, bias=not normalised)]
        return [*layers, *([nn.BatchNorm2d(C)] if normalised else []), nn.ReLU(inplace=True)]

    class FCN8s(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stages, before = [], 3
            for channels in STAGES[backbone]:
                layers: list[Any] = []
                for C in map(scaled, channels):
                    layers += block(before, C, 3)
                    before = C
                stages.append(nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True)))
            pool3, pool4 = (scaled(STAGES[backbone][i][-1]) for i in (2, 3))
            wide, kernel = scaled(HEADS[backbone][0]), HEADS[backbone][1]
            self.stages = nn.ModuleList(stages)
            self.head = nn.Sequential(*block(before, wide, kernel), *block(wide, wide, 1))
            self.score = nn.Conv2d(wide, classes, 1)
            self.skip4, self.skip3 = nn.Conv2d(pool4, classes, 1), nn.Conv2d(pool3, classes, 1)
            for factor in (2, 8):
                self.register_buffer(f"tent{factor}", tent(factor), persistent=False)

        tent2: Any
        tent8: Any

        def forward(self, image: Any) -> Any:
            pools, x = [], image
            for stage in self.stages:
                x = stage(x)
                pools.append(x)
            x = self.score(self.head(x))
            for skip, pool in ((self.skip4, pools[3]), (self.skip3, pools[2])):
                y = skip(pool)
                x = crop(TF.conv_transpose2d(x, self.tent2, stride=2, groups=classes), 1, y.shape[2:]) + y
            return crop(TF.conv_transpose2d(x, self.tent8, stride=8, groups=classes), 4, image.shape[2:])

    def tent(factor: int) -> Any:
        """The bilinear kernel of Long, Shelhamer and Darrell, the same for every class."""
        side = 1 - torch.abs(torch.arange(2.0 * factor) - (factor - 0.5)) / factor
        return torch.outer(side, side).repeat(classes, 1, 1, 1)

    def crop(x: Any, offset: int, size: Any) -> Any:
        return x[:, :, offset : offset + size[0], offset : offset + size[1]]

    return FCN8s()
