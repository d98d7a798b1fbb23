"""Lab 5: the pieces of a fully convolutional network behind its backbone, from the tent to mean IU, put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.form import Form
from minifcn.labs.lab import Effort, Lab, Task


def _scores() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """2 images of 30x40 pixels and 5 classes: a loop over pixels is long."""
    return (np.zeros((2, 5, 30, 40)), np.ones((2, 30, 40), np.uint8)), {}


def _batches() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Two batches of 2400 pixels each."""
    labels = (np.arange(2400) % 5).astype(np.uint8).reshape(1, 40, 60)
    return ([(labels, labels), (labels, labels[..., ::-1])], 5), {}


LAB = Lab(
    number=5,
    name="fcn",
    title="Assemble and train an FCN",
    minutes=180,
    tasks=(
        Task(
            "bilinear_kernel",
            "bilinear_kernel",
            gate={"between_pixels_the_tent_interpolates": 5},
            laws={"the_tent_is_symmetric": 2, "the_tent_is_a_product": 1, "shares_sum_to_one": 2},
            hint="Write down one line for k = 4: the centre is 1.5, f is 2, and the weights are 1/4, 3/4, 3/4, 1/4.",
            mutants=(
                "off_centre_as_in_early_caffe", "half_rounded_down", "centre_at_half_the_size",
                "tent_normalised_to_one", "tent_not_normalised", "cone_for_a_tent", "box_for_a_tent",
                "smooth_for_a_tent", "kernel_always_square",
            ),
        ),
        Task(
            "fuse",
            "fuse",
            form=Form(("score_offset", "skip_offset")),
            gate={"a_skip_lands_at_its_offset": 3, "an_empty_skip_changes_nothing": 3},
            laws={"score_and_skip_may_change_places": 2},
            hint="Both maps lose what lies before their offset; then the smaller number of rows and columns is kept.",
            mutants=(
                "fuse_offsets_exchanged", "fuse_averages", "fuse_without_offsets", "fuse_in_the_middle",
                "fuse_ignores_the_score_offset", "fuse_keeps_the_larger",
            ),
        ),
        Task(
            "fcn8s",
            "fcn8s",
            gate={"empty_skips_leave_the_coarse_score": 4, "each_skip_is_enlarged_from_its_own_grid": 4},
            laws={
                "three_streams_add_up": 1,
                "a_move_by_32_moves_the_result_by_32": 2,
                "classes_and_images_stay_apart": 1,
            },
            contracts={"an_image_that_is_not_covered_is_refused": 2, "the_streams_are_only_read": 2},
            hint="Enlarge by 2, fuse from offset 1 on, twice; enlarge by 8 and cut the image out from offset 4 on. "
            "It uses your bilinear_kernel and your fuse: they come first.",
            mutants=(
                "skip4_left_out", "skip3_left_out", "fused_scores_averaged", "enlarged_by_repetition",
                "tents_with_a_sum_of_one", "doubled_scores_not_cropped", "last_crop_forgotten",
                "last_crop_a_row_early", "later_skip_wins", "classes_mixed_by_the_tents",
                "smaller_where_scores_end", "skip_added_in_place", "enlarged_between_the_corners",
            ),
        ),
        Task(
            "cross_entropy",
            "cross_entropy",
            form=Form(("weight", "ignore_index")),
            gate={"scores_are_logarithms_of_probabilities": 4},
            laws={
                "equal_scores_cost_log_of_the_classes": 1,
                "large_scores_are_safe": 2,
                "void_pixels_might_as_well_be_missing": 1,
                "void_pixels_may_hold_anything": 1,
                "all_void_costs_nothing": 1,
                "another_number_can_mean_void": 1,
            },
            contracts={"labels_without_a_class_are_refused": 2, "scores_and_labels_are_only_read": 1},
            efforts=(Effort(_scores, 2, "arrays hold all pixels, no loop over them is needed", lines=80),),
            hint="−log p[t] = log Σ exp(x) − x[t], with the largest score of each pixel subtracted first.",
            mutants=(
                "exponentials_overflow", "largest_score_of_the_whole_batch", "probabilities_clipped",
                "logarithm_to_base_two", "softmax_taken_twice", "softmax_over_the_columns",
                "sigmoid_for_each_class", "mean_over_all_pixels", "mean_over_the_batch_only",
                "mean_of_the_means_of_images", "weights_ignored", "loss_not_divided",
                "weighted_sum_over_all_pixels", "weights_not_in_the_denominator", "weight_of_the_prediction",
                "void_counted_as_the_last_class", "only_255_is_void", "void_multiplied_by_zero",
                "all_void_divides_by_zero", "labels_begin_at_one", "negative_labels_wrap",
                "unknown_labels_are_void", "scores_shifted_in_place", "classes_read_as_contiguous",
                "labels_only_of_one_byte",
            ),
        ),
        Task(
            "cross_entropy_backward",
            "cross_entropy_backward",
            form=Form(("weight", "ignore_index")),
            gate={"the_gradient_is_softmax_minus_onehot": 4},
            laws={
                "the_gradient_is_the_slope_of_the_loss": 2,
                "large_scores_are_safe": 2,
                "void_pixels_may_hold_anything": 1,
                "all_void_costs_nothing": 1,
            },
            contracts={"labels_without_a_class_are_refused": 2, "scores_and_labels_are_only_read": 2},
            efforts=(Effort(_scores, 2, "arrays hold all pixels, no loop over them is needed", lines=80),),
            hint="(p − onehot(t)) · weight[t], divided by the same number as the loss; zero at void pixels.",
            mutants=(
                "gradient_not_divided", "gradient_divided_by_all_pixels", "gradient_divided_by_the_images",
                "void_receives_its_softmax", "void_gradient_multiplied_by_zero", "onehot_forgotten",
                "gradient_uphill", "gradient_without_weights", "weights_on_the_scores_classes",
                "weights_not_in_the_gradients_denominator", "gradient_of_the_next_class",
                "gradient_of_all_void_is_nan", "softmax_overflows_in_backward", "unknown_labels_receive_nothing",
                "softmax_made_in_the_scores",
            ),
        ),
        Task(
            "confusion_matrix",
            "confusion_matrix",
            gate={"a_pixel_counts_once_in_the_row_of_its_truth": 2, "rows_add_up_to_the_truth": 2},
            laws={"void_labels_hide_the_prediction": 1, "batches_add_up": 1, "counts_do_not_overflow": 1},
            contracts={"labels_that_cannot_be_counted_are_refused": 2, "predictions_and_labels_are_only_read": 1},
            efforts=(Effort(_batches, 2, "all pixels of a batch can be counted at once, with np.bincount", lines=80),),
            hint="Number the pairs (truth, prediction) from 0 to C² − 1, count the numbers, and shape the counts.",
            mutants=(
                "rows_are_the_prediction", "cells_computed_in_bytes", "counted_in_bytes",
                "equal_pixels_counted_once", "equal_pixels_of_a_batch_counted_once", "only_the_last_batch",
                "void_counted_as_background", "void_must_not_be_predicted", "void_left_out_of_the_truth_only",
                "wrong_predictions_left_out", "cut_to_the_shorter", "bins_without_a_range",
                "shares_instead_of_counts", "void_erased_in_the_callers_array",
            ),
        ),
        Task(
            "segmentation_metrics",
            "segmentation_metrics",
            gate={"one_class_everywhere": 4},
            laws={
                "a_perfect_prediction_has_one_everywhere": 1,
                "the_metrics_of_all_batches_are_no_mean": 2,
                "classes_that_never_occur_are_left_out": 2,
                "intersection_and_union_are_symmetric": 2,
                "nothing_counted_is_not_a_number": 1,
            },
            hint="All four come from the matrix of all batches: its diagonal, the sums of its rows and of its columns.",
            mutants=(
                "mean_over_the_batches", "absent_classes_count_as_zero", "absent_classes_count_as_one",
                "one_absent_class_spoils_the_mean", "predicted_only_classes_left_out", "intersection_counted_twice",
                "dice_for_iu", "precision_for_accuracy", "weighted_by_the_prediction", "frequencies_forgotten",
                "all_classes_pooled", "background_left_out", "void_pixels_are_wrong", "accuracies_exchanged",
                "nothing_counted_is_zero", "in_percent",
            ),
        ),
    ),
    written={
        "upsampling": "10: what a tent can draw, straight lines between the centres of cells (3); where the wrong "
        "pixels are, at borders, corners and the thin bar (3); a learned kernel has a weight for each place in a cell "
        "(2); one picture learnt by heart tests the code and says nothing about others (2).",
    },
)  # fmt: skip
