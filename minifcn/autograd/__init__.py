"""Define-by-run automatic differentiation; it knows no particular operation."""

from minifcn.autograd.checking import GradcheckError, gradcheck, gradgradcheck
from minifcn.autograd.engine import backward, grad
from minifcn.autograd.mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from minifcn.autograd.operation import Gradient, Gradients, Movement, Operation
from minifcn.autograd.variable import Variable

__all__ = [
    "GradcheckError",
    "Gradient",
    "Gradients",
    "Movement",
    "Operation",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
