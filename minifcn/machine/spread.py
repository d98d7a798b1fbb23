"""Work on arrays spread over the cores: elementwise work, cut along the leading dimensions, and sums of many pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeVar

from minifcn.machine.backend import Array, is_cupy
from minifcn.machine.limits import threads_for, working_bytes
from minifcn.machine.memory import empty
from minifcn.machine.threads import even_parts, for_each

Piece = TypeVar("Piece")


def spread(
    compute: Callable[..., object], result: Array, *arrays: Array, axes: int | None = None, in_cache: bool = False
) -> Array:
    """compute(result, *arrays), which writes into `result` and returns nothing of interest; gives back `result`.

    The first `axes` dimensions (default: all of them), which result and arrays have in common, are taken as one and cut
    between the threads, so compute sees arrays of one dimension for them and must treat its places separately. For
    little work, and on a GPU, it is called once with everything. result must be contiguous.
    in_cache: compute makes temporaries, or reads its arrays several times; cut more finely, see `parts_of`.
    """
    axes = result.ndim if axes is None else axes
    rows = prod(result.shape[:axes])
    flat = [array.reshape(rows, *array.shape[axes:]) for array in (result, *arrays)]
    largest = max(flat, key=lambda array: int(array.size))
    for_each(lambda part: compute(*(array[part] for array in flat)), parts_of(rows, largest, in_cache))
    return result


def parts_of(length: int, x: Array, in_cache: bool = False) -> list[slice]:
    """[0, length) cut for work on all of x: one part per thread.

    in_cache: parts as small as to stay in the cache together with what is computed from them. It is the memory for new
    temporaries that costs most: the system hands it out page by page, several times slower than it is written.
    """
    if is_cupy(x):
        return [slice(0, length)]
    blocks = 2 * int(x.nbytes) // working_bytes(x) if in_cache else 1
    return even_parts(length, max(blocks, threads_for(x, 3 * x.size if in_cache else x.size)))


def sum_into(total: Array, add: Callable[[Piece, Array, bool], object], pieces: Sequence[Piece], threads: int) -> None:
    """total = Σ over the pieces of what add(piece, into, first) adds to `into`, or writes there if it is the first.

    Each thread adds up an array of its own, of neighbouring pieces; then these are added, always in the same order.
    """
    if not pieces:
        total.fill(0)
    shares = even_parts(len(pieces), threads)
    sums = [total, *(empty(total.shape, total.dtype, total) for _ in shares[1:])]

    def compute(number: int) -> None:
        for place in range(shares[number].start, shares[number].stop):
            add(pieces[place], sums[number], place == shares[number].start)

    for_each(compute, range(len(shares)))
    for other in sums[1:]:
        total += other
