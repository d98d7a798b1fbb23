"""Lab 6: tests of five operations, graded by the wrong implementations that they notice, minus false alarms."""

from __future__ import annotations

from minifcn.labs.breaking import BreakTask
from minifcn.labs.lab import Lab

LAB = Lab(
    number=6,
    name="break_it",
    title="Break it",
    minutes=120,
    tasks=(
        BreakTask(
            "test_conv2d",
            "conv2d",
            public=(
                "kernel_flipped", "stride_ignored", "bias_forgotten", "only_the_first_channel",
                "padding_of_rows_for_columns",
            ),
            hidden=(
                "kernel_transposed", "stride_of_rows_for_columns", "strides_exchanged",
                "stride_ignored_in_a_result_of_the_right_size", "dilation_ignored_in_a_result_of_the_right_size",
                "height_for_width", "strides_exchanged_in_a_result_of_the_right_size", "size_off_by_one",
                "last_window_forgotten", "padding_ignored", "padded_on_one_side", "border_repeated",
                "dilation_ignored", "dilation_exchanged", "only_the_last_product", "mean_over_taps",
                "groups_interleaved", "every_group_reads_the_first", "bias_twice", "bias_per_tap",
                "negative_results_cut", "images_share_a_sum", "memory_read_as_contiguous", "always_double_precision",
                "through_a_dense_matrix",
            ),
            hint="A kernel with a single 1 copies pixels: which one belongs where can be written down by hand.",
        ),
        BreakTask(
            "test_conv_transpose2d",
            "conv_transpose2d",
            public=(
                "stamps_overwritten", "transposed_stride_ignored", "transposed_bias_forgotten",
                "output_padding_ignored",
            ),
            hidden=(
                "stamps_overwritten_by_the_last_channel", "stamps_overwritten_tap_by_tap", "stamps_flipped",
                "stamps_averaged", "transposed_strides_exchanged",
                "transposed_strides_exchanged_in_a_result_of_the_right_size", "transposed_padding_ignored",
                "padding_enlarges", "padding_cropped_at_the_end", "output_padding_of_zeros",
                "output_padding_in_front", "transposed_dilation_ignored", "channels_exchanged", "bias_per_stamp",
                "first_group_stamps_everywhere", "through_the_transposed_matrix", "stamps_in_double_precision",
            ),
            hint="An image with one pixel that is 1 and zeros elsewhere shows the kernel where it is stamped.",
        ),
        BreakTask(
            "test_max_pool2d",
            "max_pool2d",
            public=(
                "zeros_of_the_padding_win", "index_within_the_window", "pool_stride_ignored", "maximum_over_channels",
            ),
            hidden=(
                "the_last_of_ties", "ties_by_columns", "index_in_the_padded_image", "index_through_the_batch",
                "index_column_by_column", "index_in_a_byte", "pool_stride_one_by_default", "pool_strides_exchanged",
                "pool_strides_exchanged_in_a_result_of_the_right_size", "window_always_square",
                "pool_padding_of_rows_for_columns", "pool_padded_on_one_side", "pool_dilation_ignored",
                "nan_overlooked", "largest_magnitude", "negative_maxima_cut", "maxima_always_double",
                "pooled_image_read_as_contiguous",
            ),
            hint="Pool an image of numbers that all differ: each maximum and its place can be looked up.",
        ),
        BreakTask(
            "test_cross_entropy",
            "cross_entropy",
            public=("mean_over_all_pixels", "exponentials_overflow", "weights_ignored"),
            hidden=(
                "largest_score_of_the_whole_batch", "probabilities_clipped", "logarithm_to_base_two",
                "softmax_taken_twice", "softmax_over_the_columns", "sigmoid_for_each_class",
                "mean_over_the_batch_only", "mean_of_the_means_of_images", "loss_not_divided",
                "weighted_sum_over_all_pixels", "weights_not_in_the_denominator", "weight_of_the_prediction",
                "void_counted_as_the_last_class", "only_255_is_void", "void_multiplied_by_zero",
                "all_void_divides_by_zero", "labels_begin_at_one", "negative_labels_wrap", "unknown_labels_are_void",
                "classes_read_as_contiguous", "labels_only_of_one_byte",
            ),
            hint="With C equal scores the loss is log C; with scores log p it is the mean of −log p of the labels.",
        ),
        BreakTask(
            "test_confusion_matrix",
            "confusion_matrix",
            public=("rows_are_the_prediction", "void_counted_as_background"),
            hidden=(
                "cells_computed_in_bytes", "counted_in_bytes", "equal_pixels_counted_once",
                "equal_pixels_of_a_batch_counted_once", "only_the_last_batch", "void_must_not_be_predicted",
                "void_left_out_of_the_truth_only", "wrong_predictions_left_out", "cut_to_the_shorter",
                "bins_without_a_range", "shares_instead_of_counts",
            ),
            hint="One pixel of truth 2 predicted as 0 makes a single 1: in which row, and in which column?",
        ),
    ),
    written={
        "oracle": "10: what an oracle misses, the same misunderstanding twice, with an example (3); what laws miss, "
        "wrong operations that obey them, with an example (3); hand-made numbers or several laws close the gap (2); "
        "how the own tests were chosen (2).",
    },
)  # fmt: skip
