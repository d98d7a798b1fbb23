"""Define-by-run automatic differentiation; it knows no particular operation."""

from minifcn.autograd.checking import GradcheckError, gradcheck, gradgradcheck
from minifcn.autograd.engine import backward, grad
from minifcn.autograd.mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from minifcn.autograd.operation import Movement, Operation
from minifcn.autograd.profiling import Profile, profile, section, waiting
from minifcn.autograd.timetable import Entry
from minifcn.autograd.variable import Variable

__all__ = [
    "Entry",
    "GradcheckError",
    "Movement",
    "Operation",
    "Profile",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "profile",
    "section",
    "set_grad_enabled",
    "waiting",
]
