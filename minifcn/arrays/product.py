"""The product of matrices, cut between the threads of a CPU."""

from __future__ import annotations

from minifcn.arrays import cublas
from minifcn.backend import Array, array_module, is_cupy, threads_for
from minifcn.memory import empty
from minifcn.threads import even_parts, for_each, one_blas_thread


def product(a: Array, b: Array, out: Array | None = None, add: bool = False) -> Array:
    """a (..., n, k) @ b (..., k, m) -> (..., n, m), stacks broadcast: for some rows of a at a time, or columns of b.

    Those of which there are more are cut: the pieces stay as square as they can be, and are multiplied fastest.
    out: where the result goes, instead of into new memory; add: it is added to what is there.
    """
    xp, n, m, k = array_module(a, b), a.shape[-2], b.shape[-1], a.shape[-1]
    stack = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = empty((*stack, n, m), xp.result_type(a, b), a) if out is None else out
    if is_cupy(y) and cublas.fits(y.dtype):
        cublas.multiply(a, b, y, add)
        return y
    if add:
        y += product(a, b)
        return y
    threads = threads_for(y, y.size, y.size * k)

    def multiply(part: slice) -> None:
        rows, columns = (part, slice(None)) if n >= m else (slice(None), part)
        xp.matmul(a[..., rows, :], b[..., columns], out=y[..., rows, columns])

    with one_blas_thread():
        for_each(multiply, even_parts(max(n, m), threads))
    return y
