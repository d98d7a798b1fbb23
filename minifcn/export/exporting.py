"""A model as an ONNX file, which other programs run without this library: `minifcn.export.onnx(model, "net.onnx")`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.arguments import IntOrPair, Pair, flag, integer, pair
from minifcn.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from minifcn.export.following import Run
    from minifcn.export.graph import Graph
    from minifcn.nn import Module

# (rows, columns) more than the first size, and images in the batch. A pooling rounds up or not, a crop takes more or
# less; the sizes are even and odd in every way that five halvings can tell apart.
AROUND = (
    ((0, 0), 1), ((1, 35), 2), ((57, 61), 3), ((38, 13), 1), ((19, 66), 2), ((70, 8), 3), ((29, 40), 1), ((12, 83), 2),
)  # fmt: skip
# Rows and columns of small images: borders meet in them, and of two maps that are cropped to what they share the other
# may be the smaller. A model that does not take such images is followed without them.
SMALL = ((1, 1), (5, 70), (70, 5), (2, 18), (18, 2), (9, 30))
FIRST_TRIED = ((33, 48), (224, 256))  # without a size: small, and large enough for networks that need much room
SCALES = (1.0, 300.0, 1e-2, 30.0, 5.0, 100.0, 0.3, 2.0)  # of the noise: what is computed from it differs for certain
LARGEST = 2**31 - 2**24  # bytes: a protobuf has at most 2 GiB, and the nodes need some, too


@dataclass(frozen=True)
class Exported:
    """What a file takes and gives. A size is a number, or the name of one that the user of the file chooses.

    fixed: why not every size is free, or "".
    """

    path: Path
    image: tuple[int | str, ...]
    scores: tuple[int | str, ...]
    fixed: str = ""

    def __str__(self) -> str:
        shapes = [f"({', '.join(map(str, shape))})" for shape in (self.image, self.scores)]
        free = [size for size in self.image if isinstance(size, str)]
        sizes = f"for every {', '.join(free)}" if free else "for this size only"
        reason = f" (no other: {self.fixed})" if self.fixed else ""
        return f"{self.path}: image {shapes[0]} -> scores {shapes[1]}, {sizes}{reason}"


def onnx(
    model: Module,
    path: str | os.PathLike[str],
    size: IntOrPair | None = None,
    *,
    channels: int = 3,
    dynamic: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Writes `model`, in eval mode, to an ONNX file: "image" (N, channels, H, W) -> "scores".

    model      any Module whose forward maps one float32 image to one Tensor by operations of this library
    path       of the file, written whole or not at all; what is there is replaced
    size       (H, W) of the images, or one integer for both; None tries small ones
    dynamic    whether the file should serve every N, H and W, if the model does; else this size and one image
    metadata   texts to write beside the network, by name
    returns    what the file takes and gives, and if a size is fixed, why

    The model is run on noise, and the operations that it applies are written down, one by one. From images of several
    sizes it is found what every number of the file depends on; a crop becomes "as large as that map". A file for which
    that cannot be found has the size of `size`. Initialisers have the names of the state_dict. The file is of opset 17.

    What a model decides in Python, an `if` on the size or on numbers of the image, goes in the file as it went here.

    Raises ArgumentError for an operation that ONNX cannot express, naming its layer; for a model of another dtype than
    float32 or on a GPU, of 2 GB or more; if no size is given and not every size is served; and if the package onnx is
    not installed. FileError if the file cannot be written. Source: https://onnx.ai/onnx/operators.
    """
    from minifcn.export.file import write
    from minifcn.nn import Module as AnyModule

    if not isinstance(model, AnyModule):
        raise ArgumentTypeError(f"export.onnx: a Module is exported, got {type(model).__name__}.")
    if not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError(f"export.onnx: path must be the name of a file, got {type(path).__name__}.")
    channels, dynamic = integer(channels, "export.onnx: channels", 1), flag(dynamic, "export.onnx: dynamic")
    chosen = None if size is None else pair(size, "export.onnx: size", 1)
    _check_state(model)
    with _as_used(model):
        graph, free, fixed = _followed(model, channels, chosen, dynamic)
    image = tuple(free[axis] or numbers[0] for axis, numbers in enumerate(graph.shapes(0)))
    scores = tuple(
        numbers[0] if len({*numbers}) == 1 else _as_the_image(numbers, graph, free)
        for numbers in graph.shapes(graph.followed.result)
    )
    write(path, graph, image, scores, {"minifcn": _version(), **(metadata or {})})
    return Exported(Path(path), image, scores, fixed)


def _as_the_image(numbers: tuple[int, ...], graph: Graph, free: tuple[str, ...]) -> str:
    """The name of a size of the image, if it is one; "?" for another."""
    return next((name for name, sizes in zip(free, graph.shapes(0), strict=True) if sizes == numbers), "?")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("minifcn")
    except PackageNotFoundError:
        return "unknown"


def _check_state(model: Module) -> None:
    total = 0
    for name, value in model.state_dict().items():
        if value.device != "cpu":
            raise ArgumentError(f"export.onnx: {name} is on {value.device}; call model.cpu() first.")
        if value.dtype.kind == "f" and value.dtype != np.float32:
            raise ArgumentError(
                f"export.onnx: {name} is {value.dtype}, and the file computes in float32; call model.float() first."
            )
        total += value._array.nbytes
    if total > LARGEST:
        raise ArgumentError(
            f"export.onnx: the parameters have {total / 1e9:.1f} GB, and a file has less than 2.1; make the network "
            f"narrower."
        )


@contextmanager
def _as_used(model: Module) -> Iterator[None]:
    """In eval mode inside the block; then every module is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _followed(model: Module, channels: int, size: Pair | None, dynamic: bool) -> tuple[Graph, tuple[str, ...], str]:
    """The graph that serves most sizes, the names of the free sizes ("" for a fixed one), and why one is fixed."""
    from minifcn.export.following import NotFollowed

    reason = ""
    for first in (size,) if size else FIRST_TRIED:
        every = [(n, channels, max(1, first[0] + more[0]), max(1, first[1] + more[1])) for more, n in AROUND]
        every += [(1 + place % 3, channels, *small) for place, small in enumerate(SMALL)]
        batches = [(n, channels, *first) for _, n in AROUND[:3]]
        tries = [(every, ("N", "", "H", "W")), (batches, ("N", "", "", "")), ([(1, channels, *first)] * 2, ("",) * 4)]
        for shapes, free in tries if dynamic else tries[2:]:
            if size is None and free[2:] != ("H", "W"):
                break
            try:
                return _translated(_runs(model, shapes)), free, reason
            except NotFollowed as why:
                reason = reason or str(why)
            except ValueError as error:  # a refusal of the very first image: by us, or by the model
                if size is not None or str(error).startswith("export.onnx: "):
                    raise
                if first == FIRST_TRIED[-1]:
                    raise ArgumentError(
                        f"export.onnx: {type(model).__name__} does not take images of {first[0]}x{first[1]} with "
                        f"{channels} channels ({str(error).rstrip('.')}); give size=(H, W) and channels that it takes."
                    ) from None
                break
    if size is not None:
        raise ArgumentError(
            f"export.onnx: no file serves {type(model).__name__} even at {size[0]}x{size[1]} ({reason}); a forward"
            f" that decides by the numbers of an image cannot be followed."
        )
    raise ArgumentError(
        f"export.onnx: no file serves {type(model).__name__} at every size ({reason or 'dynamic is False'}); "
        f"give size=(H, W) for a file of one size."
    )


def _runs(model: Module, shapes: list[Any]) -> list[Run]:
    """The model followed on one image of every shape.

    What it refuses at the first is refused, and of the sizes around it: then these are not served. Small ones it may.
    """
    from minifcn.export.following import NotFollowed, follow

    runs = []
    for seed, (shape, scale) in enumerate(zip(shapes, cycle(SCALES), strict=False)):
        try:
            runs.append(follow(model, shape, seed, scale))
        except ValueError as error:
            if not runs:
                raise
            if seed < len(AROUND):
                raise NotFollowed(str(error).rstrip(".")) from None
    return runs


def _translated(runs: list[Run]) -> Graph:
    from minifcn.export.comparing import Together
    from minifcn.export.graph import Graph
    from minifcn.export.translations import TABLE

    graph = Graph(Together(runs))
    for step in graph.followed.steps:
        translation = TABLE.get(type(step.operations[0]))
        if translation is None:
            raise step.unknown()
        graph.layer = step.layer
        graph.names[step.result] = translation(graph, step)
    return graph
