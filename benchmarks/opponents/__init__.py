"""The opponents: one file each, with

NAME, INSTALL     for people: "JAX", "pip install jax"
NEEDS             the modules that must be there
PATCH             what is changed at run time to make it work with a current NumPy, or ""
load()            import it
variants(job)     the names of the ways to do this job; none if it cannot
build(job, variant, threads)   a Contender
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol, cast

from benchmarks.contender import Contender
from benchmarks.opponents import de_zero, jax_jit, my_grad, onnx_runtime, pytorch, teaching
from benchmarks.works import Job


class Opponent(Protocol):
    NAME: str
    INSTALL: str
    NEEDS: tuple[str, ...]
    PATCH: str

    def load(self) -> object: ...
    def variants(self, job: Job) -> list[str]: ...
    def build(self, job: Job, variant: str, threads: int) -> Contender: ...


OPPONENTS = cast("list[Opponent]", [pytorch, jax_jit, onnx_runtime, de_zero, my_grad, teaching])


def why_not(opponent: Opponent) -> str:
    """Why an opponent cannot take part, or ""."""
    missing = [name for name in opponent.NEEDS if find_spec(name) is None]
    if missing:
        return f"not installed: {opponent.INSTALL}"
    try:
        opponent.load()
    except Exception as error:  # whatever a library does while it is imported, the others can still be measured
        return f"cannot be imported ({type(error).__name__}: {error})"
    return ""
