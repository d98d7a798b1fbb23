"""Losses as modules, for those who build them before the training loop. Names, defaults and shapes are PyTorch's.

Each is a function of minifcn.functional with its settings; a weight is kept as a buffer, so it moves with `.to(...)`.
"""

from __future__ import annotations

from typing import Any

from minifcn import functional as F
from minifcn.arguments import LARGEST_SIZE, choice, integer, number
from minifcn.functional.reductions import REDUCTIONS
from minifcn.machine.backend import Array
from minifcn.nn.module import Module
from minifcn.tensor import Buffer, Tensor


class Loss(Module):
    """What all losses share: a reduction, "mean", "sum" or "none"."""

    def __init__(self, reduction: str) -> None:
        self.reduction = choice(reduction, f"{type(self).__name__}: reduction", REDUCTIONS)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define forward(self, x, target).")

    def __call__(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return self.forward(x, target)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class _OfLabels(Loss):
    """A loss of labels: factors of the classes, and the label that is void."""

    def __init__(self, weight: Any, ignore_index: int, reduction: str) -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index = integer(ignore_index, f"{type(self).__name__}: ignore_index", -LARGEST_SIZE)

    def extra_repr(self) -> str:
        weight = "" if self.weight is None else f"weight of {self.weight.numel()} classes, "
        return f"{weight}ignore_index={self.ignore_index}, {super().extra_repr()}"


class CrossEntropyLoss(_OfLabels):
    """Σ weight[t]·(−log softmax(x)[t]) / Σ weight[t] over labelled pixels; see `functional.cross_entropy`.

    weight   one factor per class, (C,): an array, a Tensor or a list
    """

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = 255,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        self.label_smoothing = number(label_smoothing, "CrossEntropyLoss: label_smoothing", 0, 1)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.cross_entropy(
            x,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + (f", label_smoothing={self.label_smoothing}" if self.label_smoothing else "")


class NLLLoss(_OfLabels):
    """Σ weight[t]·(−x[t]) / Σ weight[t] over labelled pixels, x = log_softmax; see `functional.nll_loss`."""

    def __init__(self, weight: Any = None, *, ignore_index: int = 255, reduction: str = "mean") -> None:
        super().__init__(weight, ignore_index, reduction)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.nll_loss(x, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class DiceLoss(_OfLabels):
    """1 − (2·Σ p·g + smooth) / (Σ p² + Σ g² + smooth), the mean over the classes; see `functional.dice_loss`."""

    def __init__(self, *, ignore_index: int = 255, smooth: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(None, ignore_index, reduction)
        self.smooth = number(smooth, "DiceLoss: smooth", 0)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.dice_loss(x, target, ignore_index=self.ignore_index, smooth=self.smooth, reduction=self.reduction)

    def extra_repr(self) -> str:
        return f"smooth={self.smooth}, {super().extra_repr()}"


class MSELoss(Loss):
    """Mean of (x − target)²; see `functional.mse_loss`."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.mse_loss(x, target, reduction=self.reduction)


class L1Loss(Loss):
    """Mean of |x − target|; see `functional.l1_loss`."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.l1_loss(x, target, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Mean of −t·log σ(x) − (1 − t)·log (1 − σ(x)); see `functional.binary_cross_entropy_with_logits`.

    weight, pos_weight   arrays, Tensors or lists that broadcast to x
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else Buffer(weight)
        self.pos_weight = None if pos_weight is None else Buffer(pos_weight)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            x, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )

    def extra_repr(self) -> str:
        given = {"weight": self.weight, "pos_weight": self.pos_weight}
        shown = [f"{name} of shape {values.shape}" for name, values in given.items() if values is not None]
        return ", ".join([*shown, super().extra_repr()])
