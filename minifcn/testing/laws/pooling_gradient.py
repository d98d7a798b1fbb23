"""Laws of what max pooling's input receives, and of the manners of both directions. All exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law
from minifcn.testing.laws.pooling import pooled
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import PoolOperands, laid_out, layouts, pool_operands
from minifcn.testing.unrolled import scattered


def received(ops: Operations, case: PoolOperands, y: Any = None, x: Any = None) -> np.ndarray:
    """What x receives from the cotangent y."""
    return ops.max_pool2d_backward(case.y if y is None else y, case.x if x is None else x, **case.max_options)


@law("max_pool2d_backward", "max_pool2d", cases=pool_operands)
def each_gradient_goes_to_its_winner(ops: Operations, case: PoolOperands) -> None:
    """What a window receives goes to the pixel that won it, undivided; a pixel that won several windows gets the sum.

    ∂x[n, c, q] = Σ of y[n, c, i, j] over all windows with index[n, c, i, j] = q
    """
    index = pooled(ops, case)[1]
    equal(received(ops, case), scattered(case.y, index, case.geometry.input_size), "the gradient")


@law("max_pool2d_backward", cases=pool_operands)
def no_gradient_is_lost(ops: Operations, case: PoolOperands) -> None:
    """The pixels receive together what the windows received, in an image of nothing but −∞, too.

    Σ ∂x = Σ y, for each channel of each image
    """
    for x, what in ((case.x, "the image"), (np.full_like(case.x, -np.inf), "an image of −∞")):
        equal(received(ops, case, x=x).sum((2, 3)), case.y.sum((2, 3)), f"the sum of what {what} receives")


@law("max_pool2d_backward", "max_pool2d", cases=pool_operands, ties=False)
def a_small_step_moves_the_maxima(ops: Operations, case: PoolOperands) -> None:
    """As long as no other pixel takes over, the maxima follow their winners: the gradient is an exact difference.

    ⟨max_pool(x + u) − max_pool(x), y⟩ = ⟨u, ∂x⟩ for steps u smaller than half the distance between pixels
    """
    u = (case.x % 7 - 3) / 16
    slope = ((pooled(ops, case, case.x + u)[0] - pooled(ops, case)[0]) * case.y).sum()
    equal((u * received(ops, case)).sum(), slope, "⟨u, ∂x⟩")


@law("max_pool2d_backward", cases=pool_operands)
def the_pooling_gradient_is_linear(ops: Operations, case: PoolOperands) -> None:
    """The winners are settled by x: in what the windows receive, the gradient is linear.

    ∂x(2·y − 3·y') = 2·∂x(y) − 3·∂x(y')
    """
    y, other = case.y, case.y[..., ::-1, ::-1] + 1
    equal(received(ops, case, 2 * y - 3 * other), 2 * received(ops, case) - 3 * received(ops, case, other))


@law("max_pool2d_backward", "max_pool2d", cases=pool_operands)
def a_nan_gradient_reaches_one_pixel(ops: Operations, case: PoolOperands) -> None:
    """A window that receives NaN spoils its winner and no other pixel (0 · NaN would be NaN).

    y[n, c, i, j] = NaN  ⟹  ∂x is NaN at index[n, c, i, j] only
    """
    y, index = case.y.copy(), pooled(ops, case)[1]
    y[-1, -1, -1, -1] = np.nan
    expected = np.zeros(case.x.shape, bool)
    expected[-1, -1].flat[index[-1, -1, -1, -1]] = True
    equal(np.isnan(received(ops, case, y)), expected, "what is NaN")


# --- manners ----------------------------------------------------------------------------------------------------------


@law("max_pool2d", "max_pool2d_backward", cases=pool_operands)
def pooling_leaves_its_arguments_alone(ops: Operations, case: PoolOperands) -> None:
    """Arguments are read, never written; the results have the dtype of the image, and the indices are integers.

    after max_pool(x) and its gradient: x and y unchanged, result.dtype = x.dtype
    """
    for dtype in (np.float64, np.float32):
        x, y = case.x.astype(dtype), case.y.astype(dtype)
        maxima, index = pooled(ops, case, x)
        gradient = received(ops, case, y, x)
        equal(x, case.x, "the image afterwards")
        equal(y, case.y, "what the windows received, afterwards,")
        for what, found in {"maxima": maxima, "gradient": gradient}.items():
            demand(found.dtype == dtype, f"The {what} of {np.dtype(dtype)} came out as {found.dtype}.")
        demand(index.dtype.kind in "iu", f"The indices are {index.dtype}, they should be integers.")


@st.composite
def in_some_layout(draw: Any) -> PoolOperands:
    """x and y in two memory layouts: transposed, with steps, reversed, read-only, one image repeated, ..."""
    case = draw(pool_operands())
    x, y = laid_out(case.x, draw(layouts())), laid_out(case.y, draw(layouts()))
    return PoolOperands(case.geometry, case.ceil_mode, x, y)


@law("max_pool2d", "max_pool2d_backward", cases=in_some_layout)
def pooling_reads_any_memory_layout(ops: Operations, case: PoolOperands) -> None:
    """An array that is transposed, reversed, read-only or skips elements in memory counts as its values.

    max_pool(x) = max_pool(copy of x), and so for the gradient
    """
    x, y = case.x.copy(order="C"), case.y.copy(order="C")
    for found, expected in zip(pooled(ops, case), pooled(ops, case, x), strict=True):
        equal(found, expected)
    equal(received(ops, case), received(ops, case, y, x), "the gradient")
