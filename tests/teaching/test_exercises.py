"""A stub is told from a function that is written, and the lesson goes on either way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
    assert "Going on with your" in capsys.readouterr().out


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="an exercise is a function, got 3"):
        is_written(3)  # type: ignore[arg-type]
