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
    conv2d_same: Function = ours.conv2d_same
    unfold: Function = ours.unfold
    fold: Function = ours.fold
    convolution_matrix: Function = ours.convolution_matrix
    conv_output_size: Function = ours.conv_output_size
    conv_transpose_output_size: Function = ours.conv_transpose_output_size
    preimages: Function = ours.preimages
    pool_output_size: Function = ours.pool_output_size
    receptive_field: Function = ours.receptive_field
    pixels_seen: Function = ours.pixels_seen
    crop_offset: Function = ours.crop_offset
    crop: Function = ours.crop
    crop_like: Function = ours.crop_like
    pad: Function = ours.pad
    pad_to_multiple: Function = ours.pad_to_multiple
    insert_zeros: Function = ours.insert_zeros
    convolutionalise: Function = ours.convolutionalise
    fuse: Function = ours.fuse
    fcn8s: Function = ours.fcn8s
    max_pool2d: Function = ours.max_pool2d
    max_pool2d_backward: Function = ours.max_pool2d_backward
    max_unpool2d: Function = ours.max_unpool2d
    avg_pool2d: Function = ours.avg_pool2d
    avg_pool2d_backward: Function = ours.avg_pool2d_backward
    adaptive_avg_pool2d: Function = ours.adaptive_avg_pool2d
    adaptive_avg_pool2d_backward: Function = ours.adaptive_avg_pool2d_backward
    adaptive_max_pool2d: Function = ours.adaptive_max_pool2d
    bilinear_kernel: Function = ours.bilinear_kernel
    interpolate: Function = ours.interpolate
    interpolate_backward: Function = ours.interpolate_backward
    interpolate_bicubic: Function = ours.interpolate_bicubic
    interpolate_bicubic_backward: Function = ours.interpolate_bicubic_backward
    pixel_shuffle: Function = ours.pixel_shuffle
    pixel_unshuffle: Function = ours.pixel_unshuffle
    cross_entropy: Function = ours.cross_entropy
    cross_entropy_backward: Function = ours.cross_entropy_backward
    nll_loss: Function = ours.nll_loss
    nll_loss_backward: Function = ours.nll_loss_backward
    dice_loss: Function = ours.dice_loss
    dice_loss_backward: Function = ours.dice_loss_backward
    mse_loss: Function = ours.mse_loss
    mse_loss_backward: Function = ours.mse_loss_backward
    l1_loss: Function = ours.l1_loss
    l1_loss_backward: Function = ours.l1_loss_backward
    binary_cross_entropy_with_logits: Function = ours.binary_cross_entropy_with_logits
    binary_cross_entropy_with_logits_backward: Function = ours.binary_cross_entropy_with_logits_backward
    batch_norm: Function = ours.batch_norm
    batch_norm_backward: Function = ours.batch_norm_backward
    group_norm: Function = ours.group_norm
    group_norm_backward: Function = ours.group_norm_backward
    layer_norm: Function = ours.layer_norm
    layer_norm_backward: Function = ours.layer_norm_backward
    confusion_matrix: Function = ours.confusion_matrix
    segmentation_metrics: Function = ours.segmentation_metrics
    boundary_iu: Function = ours.boundary_iu
    coarsened: Function = ours.coarsened
    upper_bound: Function = ours.upper_bound
    backward: Function = ours.backward
    hessian_vector: Function = ours.hessian_vector
    sgd: Function = ours.sgd
    adam: Function = ours.adam
    rmsprop: Function = ours.rmsprop

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    # What `parameters` says of an argument without a default.
    REQUIRED: ClassVar[object] = inspect.Parameter.empty

    @staticmethod
    def parameters(name: str) -> dict[str, Any]:
        """The arguments of an operation with their defaults, REQUIRED where there is none."""
        return {p.name: p.default for p in inspect.signature(getattr(ours, name)).parameters.values()}
