"""Lab 1: windows as columns (im2col), back again (col2im), and a convolution as one product of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.lab import Effort, Lab, Task


def _image() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call on 2x3 channels of 40x50 pixels, in which a loop over pixels is long and one over taps is short."""
    return (np.ones((2, 3, 40, 50)), 3), {}


LAB = Lab(
    number=1,
    name="im2col",
    title="Windows as columns",
    minutes=90,
    tasks=(
        Task(
            "output_size",
            "conv_output_size",
            gate={"the_size_counts_the_windows_that_fit": 10},
            laws={"half_the_kernel_of_padding_keeps_the_size": 2},
            contracts={"a_kernel_that_does_not_fit_is_refused": 5},
            hint="Count the places of a window in one row by hand: size 5, kernel 2, stride 2.",
        ),
        Task(
            "im2col",
            "unfold",
            gate={"a_column_is_a_window": 12},
            laws={"a_window_of_one_pixel_is_that_pixel": 5, "a_nan_pixel_stays_in_its_columns": 3},
            contracts={"unfolding_minds_its_manners": 5},
            efforts=(Effort(_image, 5, "a loop over the taps is enough, none over the pixels", lines=200),),
            hint="Tap (k, l) of all windows at once is one slice of the image, with a step of the stride.",
        ),
        Task(
            "col2im",
            "fold",
            gate={"folding_adds_at_the_pixels_of_the_window": 12},
            laws={"folding_ones_counts_the_windows_over_each_pixel": 4, "folding_undoes_unfolding_up_to_the_counts": 4},
            contracts={"columns_that_do_not_fit_are_refused": 5},
            hint="It is the transpose of im2col: where im2col reads a pixel, it adds to one.",
        ),
        Task(
            "conv2d",
            "conv2d",
            gate={"a_delta_copies_the_image": 6},
            laws={"convolution_is_linear_in_the_weight": 3, "channels_may_change_places": 3, "a_bias_is_added_once": 3},
            contracts={"arguments_stay_as_they_are": 3},
            hint="The weight as (O, C·KH·KW) times the columns, for each image.",
        ),
    ),
    written={"memory": "How many times its own bytes do the columns of an image take, and why?"},
)
