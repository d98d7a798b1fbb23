"""Lab 2: the matrix of a convolution, and its transpose by three programs that have nothing in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.form import Form, OneAxis, Pairs
from minifcn.labs.lab import Effort, Lab, Refusal, Task

Call = tuple[tuple[Any, ...], dict[str, Any]]
OPTIONS = ("stride", "padding", "dilation")
TRANSPOSED = ("stride", "padding", "output_padding", "dilation")
LINES = 200  # a loop over 9 taps has 20 lines for each, and 20 around them
MATRIX = (2 * 14 * 16) * (2 * 16 * 18) * 8  # bytes


def _matrix() -> Call:
    return (np.ones((2, 2, 3, 3)), (16, 18)), {}


def _more_windows() -> Call:
    """Into 4x6 pixels fit 3x5 windows of 2x2."""
    return (np.ones((1, 1, 2, 2)), (4, 6)), {"output_size": (7, 5)}


def _stamps() -> Call:
    return (np.ones((2, 3, 20, 25)), np.ones((3, 2, 3, 3))), {"stride": (2, 2)}


def _beyond_the_stride() -> Call:
    return (4, 2), {"stride": 3, "output_padding": 5}


# A task knows the mistakes of stamps that can be made without groups and without a bias.
STAMPS = (
    "stamps_overwritten",
    "stamps_overwritten_by_the_last_channel",
    "stamps_overwritten_tap_by_tap",
    "stamps_flipped",
    "stamps_averaged",
    "transposed_stride_ignored",
    "transposed_strides_exchanged",
    "transposed_strides_exchanged_in_a_result_of_the_right_size",
    "transposed_padding_ignored",
    "padding_enlarges",
    "padding_cropped_at_the_end",
    "output_padding_of_zeros",
    "output_padding_ignored",
    "output_padding_in_front",
    "transposed_dilation_ignored",
    "channels_exchanged",
)

LAB = Lab(
    number=2,
    name="transposed",
    title="The convolution matrix and its transpose",
    minutes=120,
    tasks=(
        Task(
            "conv_matrix",
            "convolution_matrix",
            gate={"a_row_is_a_kernel_among_zeros": 6},
            laws={
                "convolution_multiplies_by_its_matrix": 5,
                "the_matrix_holds_each_weight_once_per_place": 2,
                "the_transposed_matrix_has_every_output_padding": 2,
            },
            contracts={"a_size_that_the_window_does_not_make_is_refused": 2},
            refusals=(
                Refusal(_more_windows, ((7,), (3,)), 2, "The error names the windows wanted, and those that fit."),
            ),
            efforts=(Effort(_matrix, 2, "three times the matrix is enough", memory=3 * MATRIX),),
            hint="Draw an image of zeros, put the kernel where window (i, j) is. Row by row, that is one row of C.",
            form=Pairs((*OPTIONS, "output_size")),
            mutants=(
                "matrix_of_the_flipped_kernel",
                "matrix_wraps_around",
                "matrix_transposed",
                "matrix_output_size_ignored",
                "matrix_of_the_last_windows",
                "matrix_filled_up_with_zeros",
            ),
        ),
        Task(
            "tconv_output_size",
            "conv_transpose_output_size",
            gate={"the_last_pixel_adds_a_whole_stamp": 3},
            laws={"the_last_stamp_ends_the_size": 4, "output_padding_tells_sizes_apart": 2},
            contracts={"output_padding_stays_below_stride_or_dilation": 3},
            refusals=(
                Refusal(_beyond_the_stride, ((5,), (3,)), 2, "The error names the output_padding, and its limit."),
            ),
            hint="Where does the stamp of the last pixel begin, and how many pixels does it reach over?",
            form=OneAxis(TRANSPOSED),
            mutants=(
                "output_size_of_the_kernel_added",
                "output_size_with_padding_once",
                "any_output_padding",
                "output_size_without_output_padding",
                "output_size_without_dilation",
            ),
        ),
        Task(
            "tconv_scatter",
            "conv_transpose2d",
            gate={"neighbouring_stamps_are_added": 4},
            laws={"a_pixel_stamps_the_kernel": 4, "output_padding_uncovers_rows": 2, "nan_stays_in_its_stamp": 2},
            contracts={"stamps_do_not_depend_on_the_layout": 2},
            efforts=(Effort(_stamps, 4, "a loop over the taps is enough, none over the pixels", lines=LINES),),
            hint="Begin with a result of zeros, without the cut. Tap (k, l) of the stamp of pixel (i, j) is added at "
            "row i·stride + k·dilation; of all pixels at once, that is one slice of the result.",
            form=Pairs(TRANSPOSED),
            mutants=(*STAMPS, "through_the_transposed_matrix"),
        ),
        Task(
            "tconv_matrix",
            "conv_transpose2d",
            gate={"neighbouring_stamps_are_added": 4},
            laws={"a_pixel_stamps_the_kernel": 3, "output_padding_uncovers_rows": 2},
            contracts={"stamps_do_not_depend_on_the_layout": 2},
            hint="The convolution of the other way starts from the image that you want to make: its size is what "
            "tconv_output_size says.",
            form=Pairs(TRANSPOSED),
            mutants=STAMPS,
        ),
        Task(
            "tconv_zero_insert",
            "conv_transpose2d",
            gate={"neighbouring_stamps_are_added": 4},
            laws={"a_pixel_stamps_the_kernel": 3, "a_stride_puts_zeros_between_pixels": 2},
            contracts={"stamps_do_not_depend_on_the_layout": 2},
            efforts=(Effort(_stamps, 2, "a loop over the taps is enough, none over the pixels", lines=LINES),),
            hint="With stride 1 there is nothing to insert. Is the kernel turned, and is the frame wide enough? "
            "A 2x2 image and a 2x2 kernel need a frame of one zero on each side.",
            form=Pairs(TRANSPOSED),
            mutants=STAMPS,
        ),
        Task(
            "preimages",
            "preimages",
            gate={"preimages_are_the_sizes_that_become_one": 6},
            laws={"preimages_lie_side_by_side": 3, "each_preimage_has_its_output_padding": 4},
            hint="The smallest one leaves no remainder: its last window ends at its last pixel.",
            form=Form(OPTIONS),
            mutants=(
                "only_the_smallest_preimage",
                "one_preimage_too_many",
                "preimages_downwards",
                "preimages_without_dilation",
                "preimages_with_padding_once",
                "preimages_by_dividing",
            ),
        ),
    ),
    written={
        "inverse": "10: it would have to be the identity, and is not, shown by a number of C.T @ C (3); it cannot be, "
        "since 9 numbers become 4 (2); the size is restored, and which pixel belongs to which window (2); it is the "
        "gradient with respect to the image, with a reason (3).",
    },
)
