"""Where chance comes from: a Generator that is passed, or else one default generator, which `manual_seed` sets.

Everything that draws takes `generator`, a numpy.random.Generator; numpy.random's own global state is never touched. A
program that passes generators of its own is repeatable whatever else draws. One that passes none is repeatable from
`manual_seed(seed)` on, as in PyTorch (the numbers are others); without a seed it is different on every run.

Threads may share the default generator, but who comes first gets the first numbers: in threads, pass one to each. A
process that was forked begins with a copy, and draws the same numbers as its parent, until it calls `manual_seed`. On a
GPU the numbers are those of the CPU, moved there; dropout alone draws on the card, from a key that the generator gives.
"""

from __future__ import annotations

import numpy as np

from minifcn.arguments import whole_number
from minifcn.errors import ArgumentError, ArgumentTypeError

Generator = np.random.Generator

default_generator: Generator = np.random.default_rng()
"""What draws where no generator is passed. It is seeded by the system when the program begins."""


def manual_seed(seed: int) -> Generator:
    """Begin anew with the default generator, 0 <= seed < 2**64: what follows is drawn as after any other such call.

    Returns the default generator. Raises ArgumentTypeError for what is no whole number, ArgumentError for one out of
    range.

    >>> first = manual_seed(7).random()
    >>> manual_seed(7).random() == first
    True
    """
    number = whole_number(seed)
    if number is None:
        raise ArgumentTypeError(f"manual_seed: seed must be an integer, got {seed!r} ({type(seed).__name__}).")
    if not 0 <= number < 2**64:
        raise ArgumentError(f"manual_seed: seed must be at least 0 and below 2**64, got {number}.")
    # In place: layers and user code may hold the generator itself.
    default_generator.bit_generator.state = np.random.default_rng(number).bit_generator.state
    return default_generator


def generator_for(name: str, generator: Generator | None) -> Generator:
    """`generator`, or the default one for None; ArgumentTypeError, which begins with `name`, for anything else."""
    if generator is None:
        return default_generator
    if not isinstance(generator, np.random.Generator):
        raise ArgumentTypeError(
            f"{name}: generator must be numpy.random.default_rng(seed) or None, got {type(generator).__name__}."
        )
    return generator
