"""The product of matrices, cut between the threads of a CPU."""

from __future__ import annotations

from minifcn.machine import cublas
from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.machine.limits import threads_for
from minifcn.machine.memory import empty
from minifcn.machine.threads import even_parts, for_each, one_blas_thread


def product(a: Array, b: Array, out: Array | None = None, add: bool = False) -> Array:
    """a (..., n, k) @ b (..., k, m) -> (..., n, m), stacks broadcast: for some rows of a at a time, or columns of b.

    Those of which there are more are cut: the pieces stay as square as they can be, and are multiplied fastest.
    out: where the result goes, instead of into new memory; add: it is added to what is there.
    """
    xp, n, m, k = array_module(a, b), a.shape[-2], b.shape[-1], a.shape[-1]
    stack = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = empty((*stack, n, m), xp.result_type(a, b), a) if out is None else out
    if add and not is_cupy(y):
        y += product(a, b)
        return y
    threads = threads_for(y, y.size, y.size * k)

    def compute(part: slice) -> None:
        rows, columns = (part, slice(None)) if n >= m else (slice(None), part)
        multiply(a[..., rows, :], b[..., columns], y[..., rows, columns], add)

    with one_blas_thread():
        for_each(compute, even_parts(max(n, m), threads))
    return y


def multiply(a: Array, b: Array, out: Array, add: bool = False) -> None:
    """out = a @ b, or added to what is there, by the thread that asks."""
    if is_cupy(out) and cublas.fits(out.dtype):
        cublas.multiply(a, b, out, add)
    elif add:
        out += a @ b
    else:
        array_module(out).matmul(a, b, out=out)
