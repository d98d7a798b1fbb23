"""Gradient checking: compare the gradients that autograd computes with finite differences.

For a function f and a random vector v the number L(x) = ⟨v, f(x)⟩ has one derivative per input element. It is computed
twice: by autograd, as the vector-Jacobian product vᵀJ, and by central differences (L(x + εe) − L(x − εe)) / 2ε. A
random v matters: with v = 1 a backward that ignores the incoming gradient would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.autograd.engine import grad
from minifcn.autograd.mode import enable_grad
from minifcn.autograd.variable import Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import to_numpy

if TYPE_CHECKING:  # to calculate with gradients takes the operators of a higher floor
    from minifcn.tensor import Tensor


class GradcheckError(AssertionError):
    """The two gradients disagree; the message names the input, the element and both numbers."""


def gradcheck(
    func: Callable[..., Tensor],
    inputs: Tensor | Sequence[Tensor],
    *,
    order: int = 1,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    generator: np.random.Generator | None = None,
) -> bool:
    """True if the gradients of `func(*inputs)` agree with central differences, else GradcheckError.

    inputs: Tensors; those that require grad must be float64 (finite differences in float32 measure only rounding).
    order: 2 checks the gradient of the gradient as well, and so on.
    eps: the step; for a function linear in each input, on integers, eps=1 makes the differences exact.
    Accepted where |analytic − numeric| ≤ atol + rtol·|numeric|, the meaning of PyTorch's gradcheck; rtol is tighter
    here, so that a factor of 2.001 for 2 is found.
    """
    inputs = [inputs] if isinstance(inputs, Variable) else list(inputs)
    generator = np.random.default_rng(0) if generator is None else generator
    checked = [position for position, x in enumerate(inputs) if x.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: no input requires grad, so there is nothing to check.")
    for position in checked:
        if inputs[position].dtype != np.float64:
            raise ArgumentTypeError(
                f"gradcheck: input {position} is {inputs[position].dtype}; finite differences need float64."
            )
    # Leaves of our own: the check must neither fill .grad of the caller's tensors nor see later changes of them.
    leaves = [type(x)(x.detach(), requires_grad=x.requires_grad) for x in inputs]
    with enable_grad():
        output = func(*leaves)
    seeds = generator.integers(1, 10, output.shape) * generator.choice([-1, 1], output.shape)
    vector = type(output)(seeds, dtype=np.float64, device=output.device)
    analytic = _analytic(output, [leaves[i] for i in checked], vector)
    for position, gradient in zip(checked, analytic, strict=True):
        numeric = _numeric(func, leaves, position, to_numpy(vector.data), eps)
        _compare(position, gradient, numeric, atol, rtol)
    if order > 1:
        vector.requires_grad = True

        def first_order(*arguments: Tensor) -> Tensor:
            *values, direction = arguments
            wanted = [values[i] for i in checked]
            found = grad(func(*values), wanted, direction, create_graph=True, allow_unused=True)
            return _joined([g for g in found if g is not None and g.requires_grad], direction)

        gradcheck(first_order, [*leaves, vector], order=order - 1, eps=eps, atol=atol, rtol=rtol, generator=generator)
    return True


def gradgradcheck(func: Callable[..., Tensor], inputs: Tensor | Sequence[Tensor], **options: Any) -> bool:
    """`gradcheck` of order 2."""
    return gradcheck(func, inputs, order=2, **options)


def _joined(gradients: list[Tensor], direction: Tensor) -> Tensor:
    """One number that depends on every element of every gradient, each with a weight of its own."""
    total = None
    for count, gradient in enumerate(gradients):
        weights = np.linspace(0.5, 1.5, gradient.numel()).reshape(gradient.shape) * (-1) ** count
        term = (gradient * type(direction)(weights, device=direction.device)).sum()
        total = term if total is None else total + term
    if total is None:  # The gradient does not depend on anything: a constant, whose second derivative is zero.
        return (direction * 0.0).sum()
    return total


def _analytic(output: Tensor, leaves: list[Tensor], vector: Tensor) -> list[np.ndarray]:
    if not output.requires_grad:
        return [np.zeros(x.shape) for x in leaves]
    found = grad(output, leaves, vector, allow_unused=True)
    return [np.zeros(x.shape) if g is None else to_numpy(g.data) for x, g in zip(leaves, found, strict=True)]


def _numeric(
    func: Callable[..., Tensor], leaves: list[Tensor], position: int, vector: np.ndarray, eps: float
) -> np.ndarray:
    values = to_numpy(leaves[position].data).copy()
    numeric = np.empty(values.shape)

    def loss(at: tuple[int, ...], step: float) -> float:
        shifted = values.copy()
        shifted[at] += step
        moved = type(leaves[position])(shifted, requires_grad=True, device=leaves[position].device)
        # func may itself differentiate (order 2), so the graph is needed here, too.
        with enable_grad():
            output = func(*leaves[:position], moved, *leaves[position + 1 :])
        return float((to_numpy(output.data) * vector).sum())

    for at in np.ndindex(*values.shape):
        numeric[at] = (loss(at, eps) - loss(at, -eps)) / (2 * eps)
    return numeric


def _compare(position: int, analytic: np.ndarray, numeric: np.ndarray, atol: float, rtol: float) -> None:
    error = np.abs(analytic - numeric) - (atol + rtol * np.abs(numeric))
    if not error.size or (error <= 0).all():
        return
    worst = np.unravel_index(np.nanargmax(np.where(np.isnan(error), np.inf, error)), error.shape)
    at = ", ".join(str(int(i)) for i in worst)
    raise GradcheckError(
        f"gradcheck: input {position}, element [{at}]: autograd gives {float(analytic[worst])!r} but central "
        f"differences give {float(numeric[worst])!r}; check the backward of the operation."
    )
