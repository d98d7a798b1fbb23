"""Optimisers and learning-rate schedules, with PyTorch's names, formulas and defaults: `from minifcn import optim`."""

from minifcn.autograd.clipping import clip_grad_norm_
from minifcn.optim import lr_scheduler
from minifcn.optim.adam import Adam, AdamW
from minifcn.optim.lr_scheduler import CosineAnnealingLR, LinearWarmup, LRScheduler, PolynomialLR, StepLR
from minifcn.optim.optimizer import Optimizer
from minifcn.optim.rmsprop import RMSprop
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
    "RMSprop",
    "StepLR",
    "clip_grad_norm_",
    "lr_scheduler",
]
