"""Which parameters of a network learn, and how fast: the groups that an optimiser is built from."""

from __future__ import annotations

from typing import Any

from minifcn.arguments import choice, flag, number
from minifcn.models import FCN, Network
from minifcn.models.at_once import skips
from minifcn.nn import BatchNorm2d, GroupNorm, LayerNorm, Module

TRAIN_ONLY = ("score",)


def parameter_groups(model: Network, lr: float, bias_lr: float = 1.0, bias_decay: bool = True) -> list[dict[str, Any]]:
    """Groups for an optimiser: the weights of convolutions, their biases, and the parameters of norms.

    lr          η of the weights and of batch norm (or another norm)
    bias_lr     a factor: the biases learn with η · bias_lr; 2 in the paper
    bias_decay  whether decay pulls on the biases; not in the paper. Where it does not, it does not pull on batch norm
                either: its scale and shift say how large a channel is, not how complicated the network

    With the defaults all learn alike, and there is one group. Only parameters that require a gradient are in a group.
    Raises ArgumentError or ArgumentTypeError for a factor below 0 and for what is no number or no truth value.
    """
    bias_lr, bias_decay = number(bias_lr, "bias_lr", 0), flag(bias_decay, "bias_decay")
    if bias_lr == 1 and bias_decay:
        return [{"params": [parameter for parameter in model.parameters() if parameter.requires_grad]}]
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm2d | GroupNorm | LayerNorm)]
    norms = {id(parameter) for layer in layers for parameter in layer.parameters()}
    kinds: dict[str, list[Any]] = {"weights": [], "biases": [], "norms": []}
    for name, parameter in model.named_parameters():
        kind = "norms" if id(parameter) in norms else "biases" if name.endswith(".bias") else "weights"
        if parameter.requires_grad:
            kinds[kind].append(parameter)
    free = {} if bias_decay else {"weight_decay": 0.0}
    settings: dict[str, dict[str, Any]] = {"weights": {}, "biases": {"lr": lr * bias_lr, **free}, "norms": free}
    return [{"params": kinds[kind], **settings[kind]} for kind in kinds if kinds[kind]]


def train_only(model: Network, which: str) -> list[Module]:
    """Freeze all but the score layers ("score"), those of the skips too; returns what has to rest in eval mode.

    These are the batch norms, whose running statistics would follow the data though no gradient reaches them. Dropout
    of the head goes on: it is noise on what the score learns from, and changes no weight.
    Source: Long, Shelhamer and Darrell, CVPR 2015, table 2, FCN-32s-fixed.
    Raises ArgumentError for another word.
    """
    choice(which, "train_only", (*TRAIN_ONLY, "all"))
    if which == "all":
        return []
    model.requires_grad_(False)
    added = [step.skip for step in skips(model).values()] if isinstance(model, FCN) else []
    for layer in (model.score, *added):
        layer.requires_grad_(True)
    return [layer for layer in model.modules() if isinstance(layer, BatchNorm2d)]
