"""`minifcn read`: the code as a text, in an order in which one thing builds on the other.

Whoever reads these files in this order has met every idea of the library; what is not among them makes it fast, safe
and pleasant, and can be skipped without losing the thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import minifcn
from minifcn.errors import ArgumentError

PATH = (
    ("testing/small_engine.py", "reverse-mode differentiation on one screen: rules, an order, one walk"),
    ("arrays/convolution/loops.py", "the form T(x, w, y) term by term, and its three derivatives"),
    ("geometry/window.py", "which pixel meets which result under which tap: sizes, strides, borders"),
    ("arrays/convolution/dense.py", "a convolution is a matrix: where each weight stands in it"),
    ("arrays/convolution/matrix.py", "multiplied by it, by its transpose: convolution and transposed convolution"),
    ("autograd/operation.py", "what an operation is to the engine: forward on arrays, backward on variables"),
    ("autograd/engine.py", "the walk again, for any operation, to any order"),
    ("functional/conv.py", "three operations, each the derivative of the other two"),
    ("geometry/coordinates.py", "where pixels of the image lie in a feature map, in exact fractions"),
    ("models/alignment.py", "two feature maps laid over one another: every crop is derived"),
    ("models/fusion.py", "a score doubled, and the score of a finer pooling added"),
    ("models/fcn.py", "FCN-32s, 16s and 8s as one column of lines"),
)
MOST = 1500  # lines of the whole path: an afternoon


def run(arguments: dict[str, Any]) -> int:
    number = arguments["number"]
    print(contents() if number is None else text_of(number))
    return 0


def text_of(number: int) -> str:
    """The file at that place of the path, as it is installed; ArgumentError for a place that there is not."""
    if not 1 <= number <= len(PATH):
        raise ArgumentError(f"there is no text {number}; choose 1 to {len(PATH)}.")
    return _file(PATH[number - 1][0]).read_text(encoding="utf-8").rstrip("\n")


def contents() -> str:
    """The path as a table: number, lines, file, what it tells; and how many lines it is in all."""
    counts = [len(_file(name).read_text(encoding="utf-8").splitlines()) for name, _ in PATH]
    width = max(len(name) for name, _ in PATH)
    lines = [f"    lines  {'file':{width}}  what it tells"]
    for place, ((name, tells), count) in enumerate(zip(PATH, counts, strict=True), start=1):
        lines.append(f"{place:2}  {count:5}  {name:{width}}  {tells}")
    lines += [f"    {sum(counts):5}  in all", "", "`minifcn read 1` prints the first. The files are in", str(_file(""))]
    return "\n".join(lines)


def _file(name: str) -> Path:
    return Path(minifcn.__file__).parent / name
