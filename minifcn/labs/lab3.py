"""Lab 3: an engine that differentiates sums, products and powers, and the two gradients of a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.labs.form import Form
from minifcn.labs.lab import Effort, Lab, Task


def _chain() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A sum of 2000 terms, one after the other: longer than Python may call functions within each other."""

    def chain(a: Any, b: Any) -> Any:
        for _ in range(2000):
            a = a + b
        return a.sum()

    return ([chain], [np.ones(2), np.ones(2)]), {}


def _doublings() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Twelve sums, through which 4096 ways lead."""

    def doubled(a: Any) -> Any:
        for _ in range(12):
            a = a + a
        return a.sum()

    return ([doubled], [np.ones(2)]), {}


def _to_the_image() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """9 taps, and 1824 windows in each of two images."""
    return ((2, 3, 40, 50), np.ones((4, 3, 3, 3)), np.ones((2, 4, 38, 48))), {}


def _to_the_weight() -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same convolution's weight."""
    return (np.ones((2, 3, 40, 50)), (4, 3, 3, 3), np.ones((2, 4, 38, 48))), {}


TAPS = "a loop over the taps of the kernel is enough, none over the pixels"

# The engine is one function under four names; each task knows the mistakes that its part is there to see.
LAB = Lab(
    number=3,
    name="autograd",
    title="Autograd",
    minutes=150,
    tasks=(
        Task(
            "sums",
            "backward",
            gate={"terms_receive_what_their_sum_receives": 7},
            laws={"doubling_again_and_again": 6},
            efforts=(Effort(_chain, 4, "a function that calls itself for each operand goes too deep", lines=200_000),),
            hint="Take y = total(a + b) with a pencil: which Tensors does `ordered` list, what does each rule give?",
            mutants=("gradient_overwritten_on_reuse", "walks_depth_first", "one_array_as_both_operands_counts_once"),
        ),
        Task(
            "products",
            "backward",
            gate={"each_factor_receives_the_other": 7},
            laws={"a_sum_hands_its_gradient_to_both": 5, "what_is_subtracted_receives_minus": 2},
            contracts={"differentiated_arrays_are_only_read": 4},
            hint="Print the shapes: what an operand receives must have the operand's shape, so `unbroadcast` belongs "
            "into both `add` and `multiply`.",
            mutants=(
                "unused_arrays_receive_ones",
                "broadcast_gradient_not_summed",
                "broadcast_gradient_averaged",
                "only_missing_axes_summed",
                "sign_of_a_difference_lost",
                "negative_counted_as_positive",
                "factors_receive_themselves",
                "incoming_gradient_ignored_by_products",
                "numbers_on_the_left_exchanged",
                "gradient_kept_in_the_array",
            ),
        ),
        Task(
            "powers",
            "backward",
            gate={"a_power_comes_down": 7},
            laws={"a_quotient_has_two_derivatives": 4, "a_polynomial_has_its_derivative": 2},
            hint="p**2 receives g and hands on g · 2 · p. What do your lines give for k = 2, and what for k = 0?",
            mutants=(
                "walks_level_by_level",
                "divisor_not_squared",
                "divisor_taken_for_a_constant",
                "exponent_not_lowered",
                "exponent_forgotten",
                "zeroth_power_by_the_formula",
            ),
        ),
        Task(
            "graphs",
            "backward",
            gate={"both_operands_may_be_one_array": 5},
            laws={
                "gradients_of_a_sum_add_up": 2,
                "a_chain_multiplies_its_slopes": 1,
                "what_is_not_used_receives_zero": 1,
            },
            contracts={"a_second_backward_adds": 5},
            efforts=(Effort(_doublings, 4, "each value hands on what it received once", lines=1500),),
            hint="Follow (a · a).sum() with a = 3. The Tensor a stands twice among the operands: what does it receive?",
            mutants=(
                "gradient_overwritten_on_reuse",
                "walks_depth_first",
                "one_array_as_both_operands_counts_once",
                "grad_overwritten_by_the_second_backward",
                "added_in_place_to_shared_memory",
                "incoming_gradient_ignored_by_sums",
                "unused_arrays_receive_ones",
            ),
        ),
        Task(
            "conv2d_input",
            "conv2d_input",
            form=Form(("stride", "padding", "dilation")),
            gate={"a_step_of_one_pixel_is_exact": 6},
            laws={"a_gradient_reaches_the_window_that_was_read": 2},
            contracts={"an_image_that_does_not_make_the_gradient_is_refused": 2},
            efforts=(Effort(_to_the_image, 2, TAPS, lines=200),),
            hint="The same loop over taps as in conv2d. Where it reads a slice, add to one.",
            mutants=(
                "input_gradient_of_the_flipped_kernel",
                "input_gradient_averaged",
                "input_gradient_of_the_batch",
                "input_gradient_of_the_border_dropped",
                "gradient_filled_up_with_zeros",
                "stamps_overwritten_in_backward",
                "input_gradient_without_dilation",
                "incoming_gradient_ignored",
                "rows_beyond_the_last_window",
            ),
        ),
        Task(
            "conv2d_weight",
            "conv2d_weight",
            form=Form(("stride", "padding", "dilation")),
            gate={"a_single_gradient_reads_one_window": 6},
            laws={"gradients_of_images_add_up": 2},
            contracts={"a_kernel_that_does_not_make_the_gradient_is_refused": 2},
            efforts=(Effort(_to_the_weight, 2, TAPS, lines=200),),
            hint="For each tap: the pixels that it saw, times what the results received, summed over all windows.",
            mutants=(
                "averaged_over_the_batch",
                "only_the_last_image",
                "weight_gradient_flipped",
                "stride_and_dilation_not_exchanged",
                "padding_forgotten_in_backward",
                "gradient_clipped",
                "image_cut_to_the_gradient",
                "incoming_gradient_of_ones",
            ),
        ),
    ),
    written={
        "order": "Handing on what has just arrived is right, 8 ways with 1 each (2), and takes 2**n steps (1); handing "
        "on all that has arrived so far counts too much (2).",
        "memory": "p and q are kept, for the product's rule (2); nothing for sums but shapes (2); training keeps what "
        "every layer saw until backward comes back (1).",
    },
)
