"""The matrix of a convolution, as a user asks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, Pair, flag, pair
from minifcn.arrays.accepted import checked_array
from minifcn.arrays.convolution.sparse import SparseMatrix
from minifcn.autograd import Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, is_array

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def convolution_matrix(
    weight: Tensor | Array,
    input_size: IntOrPair,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    sparse: bool = False,
    output_size: IntOrPair | None = None,
) -> Array:
    """The matrix C of a convolution: C @ x.ravel() is conv2d(x, weight, ...).ravel() for one image x (C, H, W).

    Its transpose C.T is conv_transpose2d with the same parameters: from output_size to input_size.

    weight       (O, C/groups, KH, KW), a Tensor or an array
    input_size   (H, W)
    output_size  (OH, OW), by default what conv2d makes of input_size. Where dilation exceeds stride, an output_padding
                 of stride or more makes input_size from fewer rows than that: say here from how many, and C has
                 only their rows, those of the first windows
    returns      an array (O·OH·OW, C·H·W), or with `sparse=True` a SparseMatrix (`@`, `.T`, `.shape`, `.toarray()`)

    Its formula is in arrays/convolution/dense.py. Raises ArgumentError if weight is not 4-D or does not divide into
    the groups, and for an output_size that conv_transpose2d cannot make input_size of; AllocationError for an array
    larger than all memory: the sparse form has no such limit.
    Source: Dumoulin and Visin 2016, §4.1, here for every geometry.

    >>> import numpy as np
    >>> C = convolution_matrix(np.array([[[[0.0, 1.0], [2.0, 3.0]]]]), (3, 3))
    >>> C.shape
    (4, 9)
    >>> C.T @ np.array([0.0, 1.0, 2.0, 3.0])   # the transposed convolution of [[0, 1], [2, 3]]
    array([ 0.,  0.,  1.,  0.,  4.,  6.,  4., 12.,  9.])
    """
    name = "convolution_matrix"
    array = weight._array if isinstance(weight, Variable) else weight
    if not is_array(array):
        raise ArgumentTypeError(f"{name}: weight must be a Tensor or an array, got {type(weight).__name__}; wrap it.")
    array = checked_array(array, name="the weight of convolution_matrix")
    if array.ndim != 4:
        raise ArgumentError(
            f"{name}: weight must have 4 dimensions (O, C/groups, KH, KW), got shape {array.shape}; reshape it."
        )
    geometry = Geometry.of_convolution(input_size, array.shape[2:], stride, padding, dilation, groups, name=name)
    if array.shape[0] % geometry.groups:
        raise ArgumentError(
            f"{name}: groups {geometry.groups} must divide the {array.shape[0]} output channels; "
            f"change groups or weight."
        )
    if output_size is not None:
        geometry = _with_fewer_windows(geometry, pair(output_size, f"{name}: output_size", 1))
    sparse = flag(sparse, f"{name}: sparse")
    matrix = SparseMatrix(array, geometry)
    return matrix if sparse else matrix.toarray()


def _with_fewer_windows(geometry: Geometry, wanted: Pair) -> Geometry:
    """The first windows only, as many as a transposed convolution needs that makes the input size of them."""
    g = geometry

    def fewest(a: int) -> int:
        """The smallest o whose largest size, (o − 1)·s + reach − 2p and max(s, d) − 1 more, is not below H."""
        most_extra = max(g.stride[a], g.dilation[a]) - 1
        return max(1, 1 - (g.reach[a] + most_extra - 2 * g.padding[a] - g.input_size[a]) // g.stride[a])

    if any(not fewest(a) <= wanted[a] <= g.output_size[a] for a in (0, 1)):
        raise ArgumentError(
            f"convolution_matrix: output_size {wanted} does not belong to input_size {g.input_size}; "
            f"choose rows from {fewest(0)} to {g.output_size[0]} and columns from {fewest(1)} to {g.output_size[1]}."
        )
    return replace(g, output_size=wanted)
