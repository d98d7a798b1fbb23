"""Gradients made shorter before a step, so that one odd batch cannot throw the weights far away."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from minifcn.arguments import flag, real_number
from minifcn.autograd.variable import Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import array_module, at_home, to_numpy


def clip_grad_norm_(
    parameters: Variable | Iterable[Variable],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Any:
    """g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶)), where ‖g‖ is the norm of all gradients together, as one vector.

    parameters           Tensors; those without a gradient are passed over. All on one device
    max_norm             the largest norm that stays as it is
    norm_type            p of ‖g‖ = (Σ |g|^p)^(1/p), above 0; infinity is the largest |g|
    error_if_nonfinite   raise ArgumentError if ‖g‖ is infinite or NaN; otherwise all gradients become 0 or NaN

    Changes the gradients in place and returns ‖g‖ before, a Tensor without dimensions; a GPU is not waited for. Sums
    are made in float32 at least. Source: Pascanu et al. 2013, algorithm 1; the formula is PyTorch's.

    >>> import minifcn
    >>> w = minifcn.tensor([3.0, 4.0], requires_grad=True)
    >>> w.sum().backward()
    >>> w.grad.copy_([3.0, 4.0])
    Tensor([3., 4.])
    >>> clip_grad_norm_([w], max_norm=1.0)
    Tensor(5.)
    >>> [f"{g:.4f}" for g in w.grad]
    ['0.6000', '0.8000']
    """
    error_if_nonfinite = flag(error_if_nonfinite, "clip_grad_norm_: error_if_nonfinite")
    limit, p = real_number(max_norm), real_number(norm_type)
    if limit is None or p is None:
        raise ArgumentTypeError(f"clip_grad_norm_: max_norm and norm_type must be numbers, got {max_norm!r}, {p!r}.")
    if not limit >= 0 or not p > 0:
        raise ArgumentError(f"clip_grad_norm_: max_norm must be 0 or more and norm_type above 0, got {limit}, {p}.")
    if not isinstance(parameters, Variable | Iterable) or hasattr(parameters, "parameters"):
        raise ArgumentTypeError(
            f"clip_grad_norm_: parameters must be Tensors, got one {type(parameters).__name__}; pass its .parameters()."
        )
    given = [parameters] if isinstance(parameters, Variable) else list(parameters)
    if wrong := [type(value).__name__ for value in given if not isinstance(value, Variable)]:
        raise ArgumentTypeError(
            f"clip_grad_norm_: parameters must be Tensors, got {wrong[0]}; pass model.parameters()."
        )
    gradients = [parameter.grad for parameter in given if parameter.grad is not None]
    if not gradients:
        raise ArgumentError("clip_grad_norm_: no parameter has a gradient; call it after backward().")
    arrays = [gradient._array for gradient in gradients]
    xp = array_module(*arrays)
    with at_home(arrays[0]):
        sizes = [xp.abs(array.astype(xp.result_type(array, xp.float32), copy=False)) for array in arrays]
        if p == inf:
            total = xp.stack([size.max() if size.size else size.sum() for size in sizes]).max()
        else:
            total = xp.stack([(size**p).sum() for size in sizes]).sum() ** (1 / p)
        if error_if_nonfinite and not to_numpy(xp.isfinite(total)):
            raise ArgumentError(
                f"clip_grad_norm_: the norm of the gradients is {float(to_numpy(total))}; leave this step out."
            )
        factor = xp.minimum(limit / (total + 1e-6), 1.0)
        for gradient in gradients:
            memory = gradient.mutable()
            memory *= factor.astype(memory.dtype)
        return type(gradients[0]).of(xp.asarray(total))
