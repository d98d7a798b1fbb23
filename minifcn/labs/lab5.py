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
        ),
        Task(
            "fuse",
            "fuse",
            form=Form(("score_offset", "skip_offset")),
            gate={"a_skip_lands_at_its_offset": 3, "an_empty_skip_changes_nothing": 3},
            laws={"score_and_skip_may_change_places": 2},
            hint="Both maps lose what lies before their offset; then the smaller number of rows and columns is kept.",
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
        ),
        Task(
            "confusion_matrix",
            "confusion_matrix",
            gate={"a_pixel_counts_once_in_the_row_of_its_truth": 2, "rows_add_up_to_the_truth": 2},
            laws={"void_labels_hide_the_prediction": 1, "batches_add_up": 1, "counts_do_not_overflow": 1},
            contracts={"labels_that_cannot_be_counted_are_refused": 2, "predictions_and_labels_are_only_read": 1},
            efforts=(Effort(_batches, 2, "np.bincount counts all pixels of a batch at once", lines=80),),
            hint="Number the pairs (truth, prediction) from 0 to C² − 1, count the numbers, and shape the counts.",
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
        ),
    ),
    written={
        "upsampling": "Why can the network with frozen tents not reach mean IU 1 on one image, and the other can?"
    },
    builds_on=(1, 2, 4),
)
