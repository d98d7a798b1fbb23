"""`pytest --quick`: the tests on NumPy alone, with few examples, and without those that take long.

For whoever changes a file and wants to know within a minute. Nothing is tested here that the whole suite does not test.
"""

from __future__ import annotations

import pytest

COLLECTED = pytest.StashKey[list[pytest.Item]]()  # in a run's configuration: the tests, before any was left out
EXAMPLES = 5  # of Hypothesis, in place of the profile's 50

# What took a second and more of its own, and why: programs that are searched, trained or killed, processes that are
# started, memory that is watched, kernels that are compiled. A name stands for all the parameters of its test.
LEFT_OUT = """
arrays/convolution/test_choice.py::test_the_workspace_is_enough_and_not_much_too_large
arrays/convolution/test_im2col.py::test_contractions_are_those_of_the_loops_however_columns_are_made
arrays/convolution/test_winograd.py::test_a_gpu_transforms_every_channel_in_one_go
arrays/convolution/test_winograd.py::test_gradients_of_gradients_are_right
autograd/test_machine.py::TestMachine::runTest
autograd/test_machine.py::test_the_machine_finds
autograd/test_memory.py::test_a_thousand_steps_keep_memory_flat
autograd/test_operation.py::test_memory_stays_flat
commands/test_doctor.py::test_in_a_real_process
commands/test_train.py::test_a_finished_run
commands/test_train.py::test_a_loss_that_is_no_number_keeps_what_was_good
commands/test_train.py::test_a_profile_of_a_run_that_goes_on_or_is_stopped
commands/test_train.py::test_a_profiled_run_is_the_same_run
commands/test_train.py::test_a_run_interrupted_after_its_last_epoch_reports_when_it_is_resumed
commands/test_train.py::test_a_run_is_complete
commands/test_train.py::test_a_run_on_a_gpu_from_the_first_word_to_the_last
commands/test_train.py::test_an_interrupted_run_goes_on_to_the_same_bits
commands/test_train.py::test_pictures_of_different_sizes_and_camvid
commands/test_train.py::test_the_same_seed_gives_the_same_bits_and_another_seed_others
commands/test_train.py::test_the_weights_of_the_best_epoch_are_kept
commands/test_train.py::test_what_cannot_change_when_a_run_goes_on
functional/test_normalization.py::test_moments_are_those_of_two_passes_in_double_precision
hostile/test_autograd.py::test_a_chain_of_ten_thousand_operations
hostile/test_autograd.py::test_a_thread_with_a_small_stack_frees_a_long_chain
hostile/test_numbers.py::test_every_case_has_a_test_and_a_row_that_leads_to_it
hostile/test_system.py::test_a_process_killed_at_any_moment_leaves_the_old_file_or_the_new
hostile/test_system.py::test_the_same_seed_gives_the_same_bits_in_another_process
machine/test_kernels.py::test_every_kernel_compiles_for_every_card_without_a_warning
machine/test_memory.py::TestPrograms::runTest
machine/test_memory.py::test_an_array_may_die_at_any_moment
machine/test_memory.py::test_the_end_of_the_interpreter_is_silent
machine/test_threads.py::test_a_wrong_environment_is_named
machine/test_threads.py::test_forks_while_another_thread_convolves
machine/test_threads.py::test_process_pools_give_the_same_bits
machine/test_threads.py::test_without_a_setting_there_are_as_many_as_blas_has
models/test_fcn.py::test_the_output_is_as_large_as_the_image_for_every_size
models/test_memory.py::test_two_maps_live_at_a_time_and_nothing_else_grows
plot/test_plot_figures.py::test_confusion_is_readable_at_any_number_of_classes
plot/test_plot_figures.py::test_figures_need_no_pyplot_and_leave_the_settings_of_the_user_alone
plot/test_plot_figures.py::test_save_figure
test_benchmarks.py::test_ceilings_are_positive_numbers_with_units_printed_and_written
test_benchmarks.py::test_every_opponent_that_is_installed_computes_what_we_do
test_benchmarks.py::test_memory_is_paired_too
test_benchmarks_gpu.py::test_a_rehearsal_and_results_never_share_a_folder
test_benchmarks_gpu.py::test_a_rehearsal_writes_records_page_and_picture_that_say_what_they_are
test_benchmarks_gpu.py::test_a_work_from_the_check_to_the_share_of_the_roof
test_benchmarks_gpu.py::test_a_wrong_result_is_printed_recorded_not_timed_and_the_rest_goes_on
test_benchmarks_gpu.py::test_arrays_of_a_gpu_and_of_the_cpu_are_nowhere_mixed
test_benchmarks_gpu.py::test_the_works_are_those_that_are_asked_for
test_cli.py::test_a_second_ctrl_c_kills_at_once_and_breaks_nothing
test_cli.py::test_ctrl_c_saves_says_how_to_go_on_and_going_on_gives_the_same_bits
test_cli.py::test_misuse_in_a_real_process
test_cli.py::test_the_whole_way_of_a_user
test_readme.py::test_the_python_blocks_run
testing/test_check.py::test_a_mistake_is_called_by_its_name
testing/test_check.py::test_a_mutant_is_diagnosed_as_itself
testing/test_check.py::test_a_right_implementation
testing/test_check.py::test_arguments_that_are_not_taken_are_left_out
testing/test_check.py::test_nothing_is_diagnosed_in_what_is_right_or_new
testing/test_check.py::test_what_is_left_out_does_not_hide_a_mistake
testing/test_laws.py::test_no_right_implementation_raises_an_alarm
testing/test_score.py::test_some_law_kills_the_mutant
testing/test_score.py::test_the_law_kills_some_mutant
testing/test_score.py::test_the_score_names_who_kills_whom_and_who_lives
testing/test_strategies.py::test_convolutions_leave_remainders_and_reach_the_edges
testing/test_strategies.py::test_operands_are_whole_and_seldom_empty
testing/test_strategies.py::test_poolings_hang_over_the_edge_and_are_padded
testing/test_strategies.py::test_the_two_axes_differ_mostly_but_not_always
testing/test_strategies.py::test_transposed_convolutions_use_all_of_output_padding
testing/test_testing_main.py::test_a_file_of_ones_own
testing/test_testing_main.py::test_too_few_examples_let_mutants_live_and_the_command_says_so
training/test_loop.py::test_a_gpu_stops_changing_weights_by_itself
training/test_loop.py::test_between_two_looks_the_host_never_waits
training/test_loop.py::test_losses_of_a_gpu_are_looked_at_together_and_are_the_same
training/test_loop.py::test_what_was_stopped_goes_on_to_the_same_bits
training/test_loop.py::test_wrong_labels_are_named_before_the_loss_is_called_no_number
training/test_threads.py::test_two_threads_train_to_the_same_bits_as_one_after_the_other
weights/test_weights_atomic.py::test_a_writer_that_is_killed_leaves_a_whole_file
weights/test_weights_damage.py::test_a_flipped_bit_is_found_or_does_no_harm
weights/test_weights_damage.py::test_truncation_at_every_byte
weights/test_weights_files.py::test_any_names_shapes_and_values_come_back
""".split()  # noqa: SIM905 (a list of one name in a line)


def name_of(item: pytest.Item) -> str:
    """As in LEFT_OUT: the path below tests/, the class if there is one, and the function."""
    return item.nodeid.partition("[")[0].removeprefix("tests/")


def is_quick(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    elsewhere = parameters.get("xp", "numpy") != "numpy" or "played" in getattr(item, "fixturenames", ())
    return not elsewhere and name_of(item) not in LEFT_OUT
