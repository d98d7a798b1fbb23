"""One training in several processes: each has all the weights and a share of every batch.

The loss of a batch is a sum over its labelled pixels, divided by their number, and a gradient is linear:

    ∇((S₀ + S₁ + ...) / P)  =  (∇S₀ + ∇S₁ + ...) / P

Sᵣ is the sum over the pixels that process r has, P the number of labelled pixels that all have. So the processes need
to agree on two things in each step, P (objective.py) and the sum of the gradients, and then all move their weights
alike. The gradients of all parameters travel as one array, as a message costs time however short it is.

"Together" says that all processes have to call it, in the same order: whoever is alone waits for the others.
"""

from __future__ import annotations

import numpy as np

from minifcn.machine.backend import array_module, at_home
from minifcn.machine.processes import ProcessGroup
from minifcn.machine.profiling import section
from minifcn.models import Network
from minifcn.optim import Optimizer
from minifcn.tensor import Tensor


def add_gradients(optimizer: Optimizer, group: ProcessGroup) -> None:
    """The gradient of each parameter becomes the sum of those of all processes; None where nobody has one. Together."""
    if group.size == 1:
        return
    with section("the sum over the processes"):
        parameters = [parameter for settings in optimizer.param_groups for parameter in settings["params"]]
        having = group.all_reduce(np.array([float(parameter.grad is not None) for parameter in parameters]))
        moving = [parameter for parameter, count in zip(parameters, having, strict=True) if count]
        for dtype in sorted({parameter.dtype for parameter in moving}, key=str):
            alike = [parameter for parameter in moving if parameter.dtype == dtype]
            with at_home(alike[0]._array):
                xp = array_module(alike[0]._array)
                flat = [p.grad._array.reshape(-1) if p.grad is not None else xp.zeros(p.numel(), dtype) for p in alike]
                total, begin = group.all_reduce(xp.concatenate(flat)), 0
                for parameter in alike:
                    end = begin + parameter.numel()
                    parameter.grad = Tensor.of(total[begin:end].reshape(parameter.shape))
                    begin = end


def share_weights(model: Network, group: ProcessGroup) -> None:
    """All parameters and buffers become those of process 0. Together."""
    if group.size > 1:
        model.load_state_dict({name: group.broadcast(value._array) for name, value in model.state_dict().items()})


def share_statistics(model: Network, group: ProcessGroup) -> None:
    """The running statistics of batch normalisation become those of process 0, which has images in every batch.

    Each process has its own while it trains, and they are needed when it is measured and saved. (Their average would
    know more images; but a run that was stopped would not go on as if it had not been.) Together.
    """
    if group.size > 1:
        for buffer in model.buffers():
            with at_home(buffer._array):
                buffer.mutable()[...] = group.broadcast(buffer._array)
