"""An exercise is a function that the reader writes. Until it is written the lesson goes on with the solution."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.errors import ArgumentTypeError
from minifcn.tensor import Tensor


def is_written(function: Callable[..., Any]) -> bool:
    """Whether a function has a body: more than a docstring, `...`, `pass` or `raise NotImplementedError`.

    >>> def mine(x):
    ...     "Doubles x."
    ...     raise NotImplementedError
    >>> is_written(mine)
    False
    """
    if not callable(function):
        raise ArgumentTypeError(f"an exercise is a function, got {function!r}; write it with def.")
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return True  # without its text, what can be called counts as written
    found = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)), None)
    return found is None or any(not _says_nothing(line) for line in found.body)


def yours(mine: Callable[..., Any], solution: Callable[..., Any], *trials: tuple[Any, ...]) -> Callable[..., Any]:
    """`mine` if it is written and right in all `trials`, else `solution`; a line says which, and what is wrong.

    trials: the arguments of a call each. What `mine` gives, a number or an array, must be what `solution` gives, and an
    array or a Tensor where that is one. So the lesson goes on with right numbers, whatever the reader wrote. Without
    trials it is for what follows to judge.

    >>> def double(x):
    ...     return x + 2
    >>> going_on = yours(double, lambda x: 2 * x, (2,), (3,))
    Not yet: double(3) is 5, it should be 6; going on with the solution.
    """
    instead = "going on with the solution" + ("" if solution.__name__ == "<lambda>" else f", {solution.__name__}")
    if not is_written(mine):
        print(f"{mine.__name__} is not written yet; {instead}.")
        return solution
    for given in trials:
        wrong = _wrong(mine, given, solution(*given))
        if wrong is not None:
            print(f"Not yet: {wrong}; {instead}.")
            return solution
    print(f"{'Going on with' if trials else 'Trying'} your {mine.__name__}.")
    return mine


def _says_nothing(line: ast.stmt) -> bool:
    if isinstance(line, ast.Raise):
        raised = line.exc.func if isinstance(line.exc, ast.Call) else line.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return isinstance(line, ast.Pass) or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))


def _wrong(mine: Callable[..., Any], given: tuple[Any, ...], solved: Any) -> str | None:
    """What is wrong about the answer of `mine`; None if it is the one that is `solved`."""
    right = np.asarray(solved)
    call = f"{mine.__name__}({', '.join(map(_short, given))})"
    try:
        answer = mine(*copy.deepcopy(given))
    except Exception as error:  # whatever the reader's lines raise
        return f"{call} raises {type(error).__name__}{_place(mine, error)}: {str(error).strip().rstrip('.')}"
    if answer is None:
        return f"{call} returns None; end it with return"
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        if hasattr(answer, "__next__"):
            return f"{call} returns a {type(answer).__name__}, which can be read only once; end with return list(...)"
        return f"{call} returns {answer!r:.60}, which is no number and no array of numbers"
    if found.shape != right.shape:
        if max(found.size, right.size) <= 9 and max(found.ndim, right.ndim) <= 1:  # a few numbers: say which
            return f"{call} is {_numbers(found)}, it should be {_numbers(right)}"
        return f"{call} has shape {found.shape}, it should have shape {right.shape}"
    differ = np.argwhere(~np.isclose(found, right, rtol=1e-9, atol=0) & ~(np.isnan(found) & np.isnan(right)))
    if not len(differ):
        if isinstance(solved, Tensor) and not isinstance(answer, Tensor):
            return f"{call} is right, but no Tensor ({type(answer).__name__}); leave .numpy() out"
        other = isinstance(solved, np.ndarray) and solved.ndim and not isinstance(answer, np.ndarray)
        return f"{call} is right, but a {type(answer).__name__}; end with return np.array(...)" if other else None
    at = tuple(differ[0].tolist())
    if not at:
        return f"{call} is {found:g}, it should be {right:g}"
    return (
        f"{call} has {found[at]:g} at {list(at)}, it should be {right[at]:g}; {len(differ)} of {right.size} are wrong"
    )


def _place(mine: Callable[..., Any], error: Exception) -> str:
    """Which of the reader's lines raised, counted from its def."""
    code = getattr(mine, "__code__", None)
    lines = [
        frame.lineno - code.co_firstlineno + 1
        for frame in traceback.extract_tb(error.__traceback__)
        if code is not None and frame.filename == code.co_filename and frame.name == code.co_name and frame.lineno
    ]
    return f" in its line {lines[-1]}" if lines else ""


def _numbers(array: np.ndarray) -> str:
    """One number, or a row of them in brackets."""
    row = ", ".join(f"{number:g}" for number in array.ravel())
    return f"[{row}]" if array.ndim else row


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray | Tensor):
        return f"{'x'.join(map(str, value.shape))} {'array' if isinstance(value, np.ndarray) else 'tensor'}"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))  # not where in memory it lies
    return f"{value!r:.40}"
