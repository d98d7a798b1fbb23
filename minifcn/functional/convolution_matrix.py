"""The matrix of a convolution, as a user asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, flag
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
) -> Array:
    """The matrix C of a convolution: C @ x.ravel() is conv2d(x, weight, ...).ravel() for one image x (C, H, W).

    Its transpose C.T is conv_transpose2d with the same parameters.

    weight      (O, C/groups, KH, KW), a Tensor or an array
    input_size  (H, W)
    returns     an array (O·OH·OW, C·H·W), or with `sparse=True` a SparseMatrix (`@`, `.T`, `.shape`, `.toarray()`)

    Its formula is in arrays/convolution/dense.py. Raises ArgumentError if weight is not 4-D or does not divide into
    the groups, AllocationError for an array larger than all memory: the sparse form has no such limit.
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
    sparse = flag(sparse, f"{name}: sparse")
    matrix = SparseMatrix(array, geometry)
    return matrix if sparse else matrix.toarray()
