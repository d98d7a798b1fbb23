"""Lab 4: max and average pooling with their gradients, unpooling, and the contract on sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.form import Form
from minifcn.labs.lab import Effort, Lab, Task


def _image() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call on 2x3 channels of 40x50 pixels: 9 taps, and 1824 windows in each channel."""
    return (np.ones((2, 3, 40, 50)), 3, 1), {}


def _gradient() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The way back of the same pooling."""
    return (np.ones((2, 3, 38, 48)), np.ones((2, 3, 40, 50)), 3, 1), {}


WHY = "a loop over the taps of a window is enough, none over the windows"

POOLING = ("stride", "padding", "ceil_mode")

LAB = Lab(
    number=4,
    name="pooling",
    title="Pooling and the size contract",
    minutes=150,
    tasks=(
        Task(
            "pool_output_size",
            "pool_output_size",
            form=Form(POOLING),
            gate={"pool_windows_are_counted": 6},
            laws={"the_pool_stride_is_the_kernel_by_default": 2},
            contracts={"a_pool_window_of_padding_alone_is_refused": 3},
            hint="Write down where each window begins, for 6 pixels, kernel 3 and stride 2, and cross out those that "
            "end outside. In ceil mode cross out those that begin outside.",
            mutants=(
                "pool_size_of_any_padding",
                "pool_size_never_rounded_up",
                "pool_size_always_rounded_up",
                "window_beyond_the_image_counted",
                "one_window_more_in_ceil_mode",
                "pool_size_of_stride_one",
            ),
        ),
        Task(
            "max_pool2d",
            "max_pool2d",
            form=Form(POOLING),
            gate={"no_pixel_of_a_window_is_larger": 3, "every_maximum_stands_in_its_window": 3},
            laws={
                "the_first_of_equal_pixels_wins": 2,
                "in_an_even_image_the_first_pixel_of_each_window_wins": 2,
                "padding_is_minus_infinity": 2,
                "ceil_mode_extends_the_image": 2,
                "nan_wins_its_windows": 1,
                "windows_lie_side_by_side_by_default": 1,
                "a_bright_pixel_is_found_however_large_the_window": 1,
            },
            contracts={"pooling_leaves_its_arguments_alone": 2},
            efforts=(Effort(_image, 3, WHY, lines=400),),
            hint="Go through the taps in order. Keep the best pixel so far and its index, and replace both where a tap "
            "shows a larger one.",
            mutants=(
                "zeros_of_the_padding_win",
                "maximum_starts_at_the_lowest_number",
                "the_last_of_ties",
                "ties_by_columns",
                "padding_ties_with_minus_infinity",
                "index_within_the_window",
                "index_in_the_padded_image",
                "index_through_the_batch",
                "index_column_by_column",
                "index_in_a_byte",
                "tap_in_a_byte",
                "pool_stride_ignored",
                "pool_stride_one_by_default",
                "pool_strides_exchanged",
                "pool_strides_exchanged_in_a_result_of_the_right_size",
                "window_always_square",
                "pool_padding_of_rows_for_columns",
                "pool_padded_on_one_side",
                "ceil_mode_ignored",
                "ceil_window_in_the_padding",
                "nan_overlooked",
                "largest_magnitude",
                "negative_maxima_cut",
                "maximum_over_channels",
                "winners_marked_in_the_image",
            ),
        ),
        Task(
            "max_unpool2d",
            "max_unpool2d",
            form=Form(("stride", "padding", "output_size")),
            gate={"unpooling_puts_values_at_their_indices": 3},
            laws={
                "values_with_one_index_add_up": 2,
                "the_size_is_that_of_the_smallest_image": 1,
                "a_nan_value_stays_at_its_index": 1,
            },
            contracts={"an_index_outside_the_image_is_refused": 3},
            hint="Make each channel one long row of H·W pixels; an index is a place in that row.",
            mutants=(
                "rows_and_columns_of_the_index_exchanged",
                "last_of_equal_indices_stays",
                "values_in_the_corner_of_their_window",
                "wanted_size_ignored",
                "unpooled_size_without_padding",
                "unpooled_size_of_stride_times_size",
                "negative_index_from_the_end",
                "index_beyond_the_end_ignored",
                "all_channels_in_the_first",
                "unpooled_by_a_matrix",
            ),
        ),
        Task(
            "max_pool2d_backward",
            "max_pool2d_backward",
            form=Form(POOLING),
            gate={"each_gradient_goes_to_its_winner": 6},
            laws={"no_gradient_is_lost": 2, "a_nan_gradient_reaches_one_pixel": 1},
            contracts={"pooling_leaves_its_arguments_alone": 1},
            efforts=(Effort(_gradient, 2, WHY, lines=400),),
            hint="max_pool2d tells who won. Unpooling adds values at indices.",
            mutants=(
                "gradient_to_all_ties",
                "gradient_divided_among_ties",
                "gradient_to_the_last_tie",
                "gradient_lost_in_the_padding",
                "gradient_overwritten_on_overlap",
                "gradient_divided_by_the_window",
                "gradient_spread_over_the_window",
                "pooling_gradient_of_ones",
                "gradient_times_a_mask",
                "gradient_of_the_last_window_lost",
                "gradient_summed_over_images",
                "what_came_in_is_scratched",
            ),
        ),
        Task(
            "avg_pool2d",
            "avg_pool2d",
            form=Form((*POOLING, "count_include_pad")),
            gate={"an_average_is_a_convolution_of_each_channel": 4},
            laws={
                "windows_side_by_side_keep_the_sum": 1,
                "a_constant_stays_constant": 2,
                "padding_counts_as_zeros": 2,
                "nan_spoils_the_means_that_contain_it": 1,
            },
            contracts={"averaging_leaves_its_arguments_alone": 2},
            efforts=(Effort(_image, 2, WHY, lines=400),),
            hint="Print `divisors` for one row of three pixels, and compare them with those of the text.",
            mutants=(
                "always_divided_by_the_window",
                "count_include_pad_ignored",
                "count_include_pad_swapped",
                "padding_never_counted",
                "average_ignores_padding",
                "average_ceil_mode_ignored",
                "average_repeats_the_border",
                "sum_not_divided",
                "divided_by_the_squared_height",
                "average_stride_one_by_default",
                "average_strides_exchanged",
                "empty_windows_divided",
                "by_an_integral_image",
                "means_of_all_channels",
                "magnitudes_averaged",
                "means_rounded",
                "one_by_one_is_the_image_itself",
            ),
        ),
        Task(
            "avg_pool2d_backward",
            "avg_pool2d_backward",
            form=Form((*POOLING, "count_include_pad")),
            gate={"the_average_gradient_is_the_transpose": 4},
            laws={
                "all_pixels_of_a_window_receive_the_same": 1,
                "every_window_hands_on_all_it_receives": 1,
                "a_nan_gradient_stays_in_its_window": 1,
            },
            efforts=(Effort(_gradient, 2, WHY, lines=400),),
            hint="Divide first, then add the shares tap by tap to an empty frame, then cut the frame off.",
            mutants=(
                "average_gradient_not_divided",
                "average_gradient_always_divided_by_the_window",
                "average_gradient_overwritten",
                "average_gradient_to_the_first_pixel",
                "count_include_pad_forgotten_in_backward",
                "average_gradient_of_ones",
                "average_gradient_by_a_matrix",
                "average_gradient_summed_over_images",
            ),
        ),
        Task(
            "pad_to_multiple",
            "pad_to_multiple",
            gate={"the_size_becomes_the_next_multiple": 2, "every_pixel_keeps_its_place": 2},
            laws={"every_size_can_be_halved_five_times": 2},
            hint="How many rows does 375 lack to 384? And how many does 64 lack to 64?",
            mutants=(
                "a_whole_multiple_more",
                "padded_on_all_sides",
                "multiples_exchanged",
                "cut_to_a_multiple",
                "border_repeated_to_a_multiple",
            ),
        ),
        Task(
            "crop_like",
            "crop_like",
            form=Form(("offset",)),
            gate={"a_crop_like_another_has_its_size_alone": 2},
            laws={"a_crop_to_its_size_undoes_a_multiple": 1},
            contracts={"a_larger_map_is_no_crop": 3},
            hint="Rows from a to a + h, columns from b to b + w, of all images and channels of x.",
            mutants=(
                "cropped_like_in_the_middle",
                "cropped_like_without_an_offset",
                "cropped_as_far_as_there_is",
                "cropped_like_its_channels",
            ),
        ),
    ),
    written={
        "ties": "A gradient that goes to all pixels as large as the maximum: an example with its numbers (2), one "
        "pixel won and nothing may be added (1), behind a ReLU (2).",
        "sizes": "375x500 pixels with zeros: 384x512, nothing lost, more work, zeros at the border (2); cut: 352x480, "
        "23 rows and 20 columns without a result (1); ceil mode: 12x16 too, smaller last windows, a crop on the way "
        "up (2).",
    },
)
