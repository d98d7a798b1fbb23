"""What the laws speak about: operations as functions of NumPy arrays, with PyTorch's names and arguments.

`Operations()` are minifcn's own, through its public functions and its autograd. Put any other implementation in the
place of one of them, a student's or another library's:

    Operations(conv2d=my_conv2d)
    Operations(conv2d=lambda x, weight, bias=None, **options: library.conv2d(...)

A law that needs several operations takes the others from minifcn, so each can be tested alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from minifcn.testing import ours

Function = Callable[..., Any]


@dataclass(frozen=True)
class Operations:
    """The implementations under test, by name; what is not given is minifcn's own. See the module for the arguments."""

    conv2d: Function = ours.conv2d
    conv_transpose2d: Function = ours.conv_transpose2d
    conv2d_input: Function = ours.conv2d_input
    conv2d_weight: Function = ours.conv2d_weight
    conv2d_double_backward: Function = ours.conv2d_double_backward
    convolution_matrix: Function = ours.convolution_matrix
    conv_output_size: Function = ours.conv_output_size
    conv_transpose_output_size: Function = ours.conv_transpose_output_size
    pool_output_size: Function = ours.pool_output_size
    receptive_field: Function = ours.receptive_field
    crop_offset: Function = ours.crop_offset
    crop: Function = ours.crop
    pad: Function = ours.pad
    fuse: Function = ours.fuse
    max_pool2d: Function = ours.max_pool2d
    max_pool2d_backward: Function = ours.max_pool2d_backward
    max_unpool2d: Function = ours.max_unpool2d
    avg_pool2d: Function = ours.avg_pool2d
    avg_pool2d_backward: Function = ours.avg_pool2d_backward
    bilinear_kernel: Function = ours.bilinear_kernel
    interpolate: Function = ours.interpolate
    interpolate_backward: Function = ours.interpolate_backward
    cross_entropy: Function = ours.cross_entropy
    cross_entropy_backward: Function = ours.cross_entropy_backward
    batch_norm: Function = ours.batch_norm
    batch_norm_backward: Function = ours.batch_norm_backward
    confusion_matrix: Function = ours.confusion_matrix
    segmentation_metrics: Function = ours.segmentation_metrics
    backward: Function = ours.backward
    hessian_vector: Function = ours.hessian_vector
    sgd: Function = ours.sgd
    adam: Function = ours.adam

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    # What `parameters` says of an argument without a default.
    REQUIRED: ClassVar[object] = inspect.Parameter.empty

    @staticmethod
    def parameters(name: str) -> dict[str, Any]:
        """The arguments of an operation with their defaults, REQUIRED where there is none."""
        return {p.name: p.default for p in inspect.signature(getattr(ours, name)).parameters.values()}
