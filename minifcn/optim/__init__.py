"""Optimisers and learning-rate schedules, with PyTorch's names, formulas and defaults: `from minifcn import optim`."""

from minifcn.optim.adam import Adam, AdamW
from minifcn.optim.optimizer import Optimizer
from minifcn.optim.schedules import CosineAnnealingLR, LinearWarmup, LRScheduler, PolynomialLR, StepLR
from minifcn.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "LRScheduler",
    "LinearWarmup",
    "Optimizer",
    "PolynomialLR",
    "StepLR",
]
