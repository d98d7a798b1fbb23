"""A stub is told from a function that is written, and the lesson goes on either way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor
from minifcn.errors import ArgumentTypeError
from minifcn.teaching import is_written, yours


def dots(x: Any) -> Any: ...


def documented(x: Any) -> Any:
    """Doubles x."""


def passes(x: Any) -> Any:
    pass


def raises(x: Any) -> Any:
    """Doubles x."""
    raise NotImplementedError("your lines")


def doubles(x: Any) -> Any:
    """Doubles x."""
    return 2 * x


def fails(x: Any) -> Any:
    raise ValueError(x)


@pytest.mark.parametrize("stub", [dots, documented, passes, raises])
def test_a_stub_is_not_written(stub: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_written(stub)
    assert yours(stub, doubles) is doubles
    assert capsys.readouterr().out == f"{stub.__name__} is not written yet; going on with the solution, doubles.\n"


@pytest.mark.parametrize("function", [doubles, fails, lambda x: x, len])
def test_what_has_a_body_is_written(function: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert is_written(function)
    assert yours(function, dots) is function
    assert capsys.readouterr().out == f"Trying your {function.__name__}.\n"  # nothing has been tried yet


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="an exercise is a function, got 3"):
        is_written(3)  # type: ignore[arg-type]


def tripled(x: Any) -> Any:
    return 3 * np.asarray(x)


def reports(x: Any) -> Any:
    print("hello")


def returns_dots(x: Any) -> Any:
    return ...


def unfinished(x: Any) -> Any:
    first = x
    return first + np.zero(2)


async def waits(x: Any) -> Any: ...


def test_a_stub_that_is_async_is_not_written() -> None:
    assert not is_written(waits)


def test_what_is_right_in_all_trials_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    mine = lambda x: np.add(x, x)  # noqa: E731
    assert yours(mine, lambda x: 2 * np.asarray(x), ([1, 2],), ([math.nan],), ([],)) is mine
    assert capsys.readouterr().out == "Going on with your <lambda>.\n"


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (tripled, "tripled(2x1 array) has 3 at [0, 0], it should be 2; 2 of 2 are wrong"),
        (reports, "reports(2x1 array) returns None; end it with return"),
        (returns_dots, "returns_dots(2x1 array) returns Ellipsis, which is no number and no array of numbers"),
        (fails, "fails(2x1 array) raises ValueError in its line 2: [[1.]"),
        (unfinished, "unfinished(2x1 array) raises AttributeError in its line 3: module 'numpy' has no attribute"),
        (np.ravel, "ravel(2x1 array) has shape (2,), it should have shape (2, 1)"),
    ],
)
def test_what_is_wrong_is_said_and_the_lesson_goes_on_with_the_solution(
    mine: Callable[..., Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert yours(mine, doubles, (np.array([[1.0], [2.0]]),)) is doubles
    told = capsys.readouterr().out
    assert f"Not yet: {said}" in told and told.endswith("; going on with the solution, doubles.\n")


@pytest.mark.parametrize(
    ("answer", "right", "said"),
    [
        (16, range(16, 19), "is 16, it should be [16, 17, 18]"),
        (range(2), range(0), "is [0, 1], it should be []"),
        ([[1, 2]], [1, 2], "has shape (1, 2), it should have shape (2,)"),
        (range(10), range(9), "has shape (10,), it should have shape (9,)"),
    ],
)
def test_a_few_numbers_of_another_shape_are_shown(
    answer: Any, right: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    yours(lambda: answer, lambda: right, ())
    assert capsys.readouterr().out == f"Not yet: <lambda>() {said}; going on with the solution.\n"


def test_a_list_is_no_array_but_where_the_solution_gives_none_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(x: Any) -> Any:
        return [2 * n for n in x]

    assert yours(listed, doubles, (np.ones(2),)) is doubles  # the lesson may slice it next, or ask for its dtype
    assert "listed(2 array) is right, but a list; end with return np.array(...)" in capsys.readouterr().out
    assert yours(listed, lambda x: [x[0] + x[0], x[1] + x[1]], (np.ones(2),)) is listed
    assert yours(lambda x: Tensor(2 * x), doubles, (np.ones(2),)) is doubles  # nor is another library's array
    assert "<lambda>(2 array) is right, but a Tensor; end with return np.array(...)" in capsys.readouterr().out


def test_an_iterator_is_called_by_its_name_and_not_by_its_place_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    yours(lambda x: reversed([2 * n for n in x]), lambda x: [2 * n for n in x], ([1, 2],))
    told = "<lambda>([1, 2]) returns a list_reverseiterator, which can be read only once; end with return list(...)"
    assert capsys.readouterr().out == f"Not yet: {told}; going on with the solution.\n"


def test_an_exercise_that_writes_into_its_arguments_spoils_nothing() -> None:
    def spoils(x: Any) -> Any:
        x *= 2
        return x

    given = np.ones(2)
    assert yours(spoils, doubles, (given,), (given,)) is spoils
    assert given.tolist() == [1, 1]


def test_a_function_among_the_arguments_is_called_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    def applied(function: Callable[[int], int], value: int) -> int:
        return value

    yours(applied, lambda function, value: function(value), (doubles, 3))
    assert capsys.readouterr().out.startswith("Not yet: applied(doubles, 3) is 3, it should be 6;")


def test_a_tensor_is_called_by_its_shape(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(x):  # type: ignore[no-untyped-def]
        return 3 * x.numpy()

    yours(mine, lambda x: 2 * x, (Tensor(np.ones((1, 2, 2))),))
    assert "Not yet: mine(1x2x2 tensor) has 3 at [0, 0, 0], it should be 2; 4 of 4 are wrong" in capsys.readouterr().out


def test_what_must_be_a_tensor_may_not_be_an_array(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(x):  # type: ignore[no-untyped-def]
        return 2 * x.numpy()

    def doubles(x):  # type: ignore[no-untyped-def]
        return 2 * x

    assert yours(mine, doubles, (Tensor(np.ones(3)),)) is doubles
    assert "mine(3 tensor) is right, but no Tensor (ndarray); leave .numpy() out; going on" in capsys.readouterr().out
