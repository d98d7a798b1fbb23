"""A student's function is judged in the form that the lab asks for, and spoken of in its own words."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.labs import LABS
from minifcn.labs.form import Form, OneAxis, Pairs
from minifcn.labs.forms import source_of
from minifcn.labs.judging import graded_task
from minifcn.labs.lab import Task
from minifcn.labs.telling import Told
from minifcn.testing import MUTANTS, ours

OPTIONS = ("stride", "padding", "dilation")
SIZE = Task(
    "how_many",
    "conv_output_size",
    gate={"a_window_begins_at_every_pixel_but_the_last_few": 1},
    laws={"the_size_counts_the_windows_that_fit": 1},
    form=OneAxis(OPTIONS),
)


def test_pairs_are_given_as_pairs_and_options_that_were_not_asked_for_are_not_given():
    seen = []
    called = Pairs(("stride",)).operation("unfold", lambda *arguments, **named: seen.append((arguments, named)))
    called("x", 2)
    called("x", (2, 3), stride=4)
    assert seen == [(("x", (2, 2)), {"stride": (1, 1)}), (("x", (2, 3)), {"stride": (4, 4)})]
    assert list(inspect.signature(called).parameters) == ["x", "kernel_size", "stride"]


def test_integers_stay_integers():
    called = Form(OPTIONS).operation("preimages", lambda size, kernel, **named: (size, kernel, named))
    assert called(2, 3, stride=2) == (2, 3, {"stride": 2, "padding": 0, "dilation": 1})


def test_a_function_of_one_axis_is_called_for_both():
    called = OneAxis(OPTIONS).operation(
        "conv_output_size", lambda size, kernel, **named: size - kernel + named["stride"]
    )
    assert called((5, 7), (2, 3), stride=(1, 10)) == (4, 14)


def test_a_mutant_of_both_axes_stands_in_for_a_function_of_one():
    written = OneAxis(OPTIONS).written(MUTANTS["first_window_not_counted"].function)
    assert written(5, 2) == ours.conv_output_size((5, 5), (2, 2))[0] - 1 == 3


def test_a_call_is_told_as_one_of_the_students_function():
    grade = graded_task(
        SIZE,
        lambda size, kernel, stride=1, padding=0, dilation=1: (
            (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
        ),
    )
    assert grade.finding.wrong.sentence == "how_many(2, 1, stride=2) gave 1.5, it should give 1."
    grade = graded_task(SIZE, lambda size, kernel, stride=1: 0)
    assert "unexpected keyword argument" in grade.finding.sentence
    assert grade.finding.wrong.spelt == "how_many(1, 1)"


def test_a_task_knows_its_mutants():
    with pytest.raises(ArgumentError, match="no mutant of conv_output_size has the name 'bias_twice'"):
        Task("f", "conv_output_size", gate=SIZE.gate, mutants=("bias_twice",))


def test_sizes_may_be_a_list_a_range_or_an_array():
    task = Task("sizes", "preimages", gate={"preimages_are_the_sizes_that_become_one": 1}, form=Form(OPTIONS))
    right = ours.preimages
    for made in (list, tuple, np.array):
        assert graded_task(task, lambda *given, made=made, **named: made(right(*given, **named))).points == 1
    grade = graded_task(task, lambda *given, **named: np.array(right(*given, **named)) + 1)
    assert grade.finding.wrong.sentence == "sizes(1, 1) gave [2], it should give [1]."


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_judge_gives_every_option_that_a_student_finds_in_the_starter(number):
    tree = ast.parse(source_of(number).python())
    asked = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.args.defaults:
            names = [argument.arg for argument in node.args.args]
            asked[node.name] = set(names[-len(node.args.defaults) :])
    for task in LABS[number].by_laws:
        given = set(task.form.options) if task.form else set()
        assert given == asked.get(task.function, set()), task.function


@pytest.mark.parametrize(("number", "name", "lost"), [(4, "avg_pool2d", "padding"), (5, "cross_entropy", "weight")])
def test_an_option_that_is_dropped_or_renamed_is_told_and_not_left_out(number, name, lost):
    task = next(task for task in LABS[number].by_laws if task.function == name)
    right = getattr(ours, name)
    options = [option for option in task.form.options if option != lost]
    for instead in ([], [f"{lost}s"]):
        parameters = ", ".join(f"{option}=OPTION" for option in [*options, *instead])
        given = ", ".join(f"{option}={option}" for option in options)
        text = f"def {name}(a, b, {parameters}):\n    return right(a, b, {given})\n"
        space = {"right": right, "OPTION": None}
        exec(text, space)
        grade = graded_task(task, space[name], examples=3, small=False)
        assert grade.points == 0
        assert f"unexpected keyword argument '{lost}'" in grade.finding.sentence


@pytest.mark.parametrize(("number", "name", "cost"), [(1, "im2col", 5), (4, "avg_pool2d", 2), (3, "conv2d_weight", 2)])
def test_a_narrower_dtype_costs_what_the_contracts_are_worth_and_is_told(number, name, cost):
    task = next(task for task in LABS[number].by_laws if task.function == name)
    right = getattr(ours, task.operation)
    grade = graded_task(task, right, examples=4, small=False)
    assert grade.points == task.points
    grade = graded_task(
        task, lambda *given, **named: right(*given, **named).astype(np.float32), examples=4, small=False
    )
    assert grade.points == task.points - cost and grade.state == "partly"
    told = " ".join(Told(grade).text().split())
    assert f"−{cost} {name} returned float32, it should return float64, as it was given." in told.replace("Its", "")
    wider = graded_task(
        task, lambda *given, **named: right(*given, **named).astype(np.float64), examples=4, small=False
    )
    assert wider.points == task.points
