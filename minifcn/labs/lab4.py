"""Lab 4: max and average pooling with their gradients, unpooling, and the contract on sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.lab import Effort, Lab, Task


def _image() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call on 2x3 channels of 40x50 pixels: 9 taps, and 1824 windows in each channel."""
    return (np.ones((2, 3, 40, 50)), 3, 1), {}


def _gradient() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The way back of the same pooling."""
    return (np.ones((2, 3, 38, 48)), np.ones((2, 3, 40, 50)), 3, 1), {}


WHY = "a loop over the taps of a window is enough, none over the windows"

LAB = Lab(
    number=4,
    name="pooling",
    title="Pooling and the size contract",
    minutes=120,
    tasks=(
        Task(
            "pool_output_size",
            "pool_output_size",
            gate={"pool_windows_are_counted": 6},
            laws={"the_pool_stride_is_the_kernel_by_default": 2},
            contracts={"a_pool_window_of_padding_alone_is_refused": 3},
            hint="Write down where each window begins, for 6 pixels, kernel 3 and stride 2, and cross out those that "
            "end outside. In ceil mode cross out those that begin outside.",
        ),
        Task(
            "max_pool2d",
            "max_pool2d",
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
        ),
        Task(
            "max_unpool2d",
            "max_unpool2d",
            gate={"unpooling_puts_values_at_their_indices": 3},
            laws={
                "values_with_one_index_add_up": 2,
                "the_size_is_that_of_the_smallest_image": 1,
                "a_nan_value_stays_at_its_index": 1,
            },
            contracts={"an_index_outside_the_image_is_refused": 3},
            hint="Make each channel one long row of H·W pixels; an index is a place in that row.",
        ),
        Task(
            "max_pool2d_backward",
            "max_pool2d_backward",
            gate={"each_gradient_goes_to_its_winner": 6},
            laws={"no_gradient_is_lost": 2, "a_nan_gradient_reaches_one_pixel": 1},
            contracts={"pooling_leaves_its_arguments_alone": 1},
            efforts=(Effort(_gradient, 2, WHY, lines=400),),
            hint="max_pool2d tells who won. Unpooling adds values at indices.",
        ),
        Task(
            "avg_pool2d",
            "avg_pool2d",
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
        ),
        Task(
            "avg_pool2d_backward",
            "avg_pool2d_backward",
            gate={"the_average_gradient_is_the_transpose": 4},
            laws={
                "all_pixels_of_a_window_receive_the_same": 1,
                "every_window_hands_on_all_it_receives": 1,
                "a_nan_gradient_stays_in_its_window": 1,
            },
            efforts=(Effort(_gradient, 2, WHY, lines=400),),
            hint="Divide first, then add the shares tap by tap to an empty frame, then cut the frame off.",
        ),
        Task(
            "pad_to_multiple",
            "pad_to_multiple",
            gate={"the_size_becomes_the_next_multiple": 2, "every_pixel_keeps_its_place": 2},
            laws={"every_size_can_be_halved_five_times": 2},
            hint="How many rows does 375 lack to 384? And how many does 64 lack to 64?",
        ),
        Task(
            "crop_like",
            "crop_like",
            gate={"a_crop_like_another_has_its_size_alone": 2},
            laws={"a_crop_to_its_size_undoes_a_multiple": 1},
            contracts={"a_larger_map_is_no_crop": 3},
            hint="Rows from a to a + h, columns from b to b + w, of all images and channels of x.",
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
