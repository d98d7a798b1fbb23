"""Lab 1: windows as columns (im2col), back again (col2im), and a convolution as one product of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.form import OneAxis, Pairs
from minifcn.labs.lab import Effort, Lab, Refusal, Task

Call = tuple[tuple[Any, ...], dict[str, Any]]
PAIRS = ("stride", "padding", "dilation")
IMAGE, KERNEL = (2, 3, 40, 50), (3, 3)  # for the efforts: long for a loop over pixels, short for one over taps
WINDOWS = 38 * 48
LINES = 200  # a loop over 9 taps has 20 lines for each, and 20 around them
COLUMNS = IMAGE[0] * IMAGE[1] * 9 * WINDOWS * 8  # bytes


def _too_large() -> Call:
    return (5, 4), {"stride": 1, "padding": 0, "dilation": 2}


def _unfolding() -> Call:
    return (np.ones(IMAGE), KERNEL), {}


def _folding() -> Call:
    return (np.ones((2, 27, WINDOWS)), IMAGE[2:], KERNEL), {}


def _one_column_less() -> Call:
    """5 columns where 3x4 pixels have 6 windows of 2x2."""
    return (np.ones((1, 4, 5)), (3, 4), (2, 2)), {}


def _convolution() -> Call:
    return (np.ones(IMAGE), np.ones((8, 3, *KERNEL))), {}


LAB = Lab(
    number=1,
    name="im2col",
    title="Windows as columns",
    minutes=90,
    tasks=(
        Task(
            "output_size",
            "conv_output_size",
            gate={"a_window_begins_at_every_pixel_but_the_last_few": 4},
            laws={"the_size_counts_the_windows_that_fit": 6, "half_the_kernel_of_padding_keeps_the_size": 2},
            contracts={"a_kernel_that_does_not_fit_is_refused": 3},
            refusals=(
                Refusal(_too_large, ((7, 4), (5,)), 3, "The error names how far the window reaches, and the size."),
            ),
            hint="Size 5, kernel 2: the first window begins at pixel 0. Where does the last one begin?",
            form=OneAxis(PAIRS),
            mutants=(
                "size_rounded_up",
                "first_window_not_counted",
                "size_without_dilation",
                "size_with_dilation_times_kernel",
                "size_with_padding_once",
                "size_divided_by_the_stride",
                "size_of_nothing",
            ),
        ),
        Task(
            "im2col",
            "unfold",
            gate={"neighbouring_windows_become_columns": 7},
            laws={
                "a_column_is_a_window": 6,
                "a_window_of_one_pixel_is_that_pixel": 2,
                "a_nan_pixel_stays_in_its_columns": 2,
            },
            contracts={"unfolding_minds_its_manners": 5},
            efforts=(Effort(_unfolding, 4, "a loop over the taps is enough, none over the pixels", lines=LINES),),
            hint="What tap (k, l) sees in all windows at once is one slice of the image. For 3x3 pixels and a 2x2 "
            "kernel, tap (0, 0) sees x[:, :, 0:2, 0:2]. What do the others see?",
            form=Pairs(PAIRS),
            mutants=(
                "channels_last_in_a_column",
                "taps_column_by_column",
                "windows_column_by_column",
                "windows_turned_over",
                "images_side_by_side",
                "windows_as_rows",
                "stride_and_dilation_exchanged",
                "unfolded_without_dilation",
                "unfolded_by_a_square",
                "unfolded_with_the_border_repeated",
                "unfolded_by_deltas",
                "pixels_shown_instead_of_copied",
            ),
        ),
        Task(
            "col2im",
            "fold",
            gate={"columns_are_added_where_neighbouring_windows_were": 6},
            laws={
                "folding_adds_at_the_pixels_of_the_window": 5,
                "folding_ones_counts_the_windows_over_each_pixel": 3,
                "folding_undoes_unfolding_up_to_the_counts": 2,
                "a_nan_in_a_column_stays_at_its_pixel": 1,
            },
            contracts={"columns_that_do_not_fit_are_refused": 2},
            refusals=(
                Refusal(_one_column_less, ((5,), (6,)), 2, "The error names the columns given, and the windows."),
            ),
            efforts=(Effort(_folding, 4, "a loop over the taps is enough, none over the pixels", lines=LINES),),
            hint="Begin with zeros. Where im2col copies a slice of the image into its columns, add the columns to that "
            "slice.",
            form=Pairs(PAIRS),
            mutants=(
                "overlaps_overwritten",
                "overlaps_averaged",
                "folded_with_channels_last",
                "stamped_turned_over",
                "folded_from_the_first_row_of_the_padding",
                "folded_with_exchanged_strides",
                "other_numbers_of_columns_accepted",
                "rows_beyond_the_channels_dropped",
                "folded_by_a_matrix",
            ),
        ),
        Task(
            "conv2d",
            "conv2d",
            gate={"a_result_is_a_window_times_the_kernel": 6},
            laws={"a_delta_copies_the_image": 5, "a_bias_is_added_once": 2, "images_do_not_meet": 2},
            contracts={"arguments_stay_as_they_are": 2, "the_memory_layout_does_not_matter": 2},
            efforts=(Effort(_convolution, 2, "four times the columns are enough", memory=4 * COLUMNS),),
            hint="The weight as a matrix (O, C·KH·KW), times the columns of each image.",
            form=Pairs(("bias", *PAIRS)),
            mutants=(
                "kernel_flipped",
                "kernel_transposed",
                "stride_ignored",
                "stride_of_rows_for_columns",
                "strides_exchanged",
                "stride_ignored_in_a_result_of_the_right_size",
                "dilation_ignored_in_a_result_of_the_right_size",
                "height_for_width",
                "strides_exchanged_in_a_result_of_the_right_size",
                "size_off_by_one",
                "last_window_forgotten",
                "padding_ignored",
                "padding_of_rows_for_columns",
                "padded_on_one_side",
                "border_repeated",
                "dilation_ignored",
                "dilation_exchanged",
                "only_the_first_channel",
                "only_the_last_product",
                "mean_over_taps",
                "bias_forgotten",
                "bias_twice",
                "bias_per_tap",
                "negative_results_cut",
                "images_share_a_sum",
                "memory_read_as_contiguous",
                "image_scratched",
            ),
        ),
    ),
    written={
        "memory": "10: nine times, since each pixel is copied for each of the nine windows that see it (4); about once "
        "with stride 3, since windows do not overlap any more (3); one large product of matrices instead of many small "
        "ones, which processors do near to their peak (3). Half of each for the number without the reason.",
    },
)
