"""A network's layers as a table: where each puts its features over the image, what they see, and what it costs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from minifcn.arguments import Pair
from minifcn.geometry import WindowLayer
from minifcn.models.alignment import Trace
from minifcn.nn import BatchNorm2d, Conv2d, ConvTranspose2d, Fork, Module, Sequential, Window


@dataclass(frozen=True)
class Row:
    """One step on the way: what it is called, its layer (None for a fork and an unpooling), and where it leads.

    size, given   height and width of the map that it makes, and of the one that it is given
    """

    name: str
    layer: Module | None
    trace: Trace
    size: Pair
    given: Pair

    @property
    def window(self) -> WindowLayer | None:
        """What slides; None for a fork as a whole."""
        step = self.trace.steps[-1]
        return step if isinstance(step, WindowLayer) else None

    @property
    def parameters(self) -> int:
        return sum(values.numel() for values in self.layer.parameters()) if isinstance(self.layer, Conv2d) else 0

    @property
    def operations(self) -> int:
        """Multiplications with a weight, each with an addition, for one image."""
        if not isinstance(self.layer, Conv2d):
            return 0
        # Every place of the result meets the whole weight; every place of what is given, if the layer is transposed.
        H, W = self.given if isinstance(self.layer, ConvTranspose2d) else self.size
        return H * W * self.layer.weight.numel()


def rows_of(column: Module, trace: Trace, size: Pair, prefix: str = "") -> Generator[Row, None, tuple[Trace, Pair]]:
    """One row for every window of the column, in the order of the data, and one for every fork behind its ways.

    trace, size   where the map lies that goes in, and its height and width
    prefix        of every name
    returns       trace and size of the map that comes out, to whoever yields from it
    """
    for name, layer in column.named_children():
        if isinstance(layer, Sequential):
            trace, size = yield from rows_of(layer, trace, size, f"{prefix}{name}.")
            continue
        if isinstance(layer, Fork):
            for branch, way in layer.named_children():
                yield from rows_of(way, trace, size, f"  {prefix}{branch}.")
        elif not isinstance(layer, Window):
            continue
        trace, given = trace.through(layer), size
        step = trace.steps[-1]
        size = (step.made(size[0]), step.made(size[1]))
        yield Row(prefix + name, layer if isinstance(layer, Window) else None, trace, size, given)
    return trace, size


def table(rows: list[Row]) -> Iterator[str]:
    """A line for each row and one for all of them; dilations are shown where there are any."""
    first = max(12, *(len(row.name) + 1 for row in rows))
    dilated = is_dilated(rows)
    dilation = f"{'dilation':>9}" if dilated else ""
    yield (
        f"{'layer':<{first}}{'kernel':>6}{'stride':>7}{'pad':>4}{dilation}{'size':>10}{'scale':>6}{'offset':>8}{'sees':>5}"
        f"{'parameters':>13}{'operations':>12}"
    )
    for row in rows:
        place, slides = row.trace.map, " " * (17 + len(dilation))
        if row.window is not None:
            slides = f"{row.window.kernel_size:>6}{row.window.stride:>7}{row.window.padding:>4}"
            slides += f"{row.window.dilation:>9}" if dilated else ""
        cost = f"{row.parameters:>13,}{row.operations / 1e6:>10,.0f} M" if isinstance(row.layer, Conv2d) else ""
        yield (
            f"{row.name:<{first}}{slides}{f'{row.size[0]}x{row.size[1]}':>10}{place.scale!s:>6}{place.offset!s:>8}"
            f"{row.trace.field.size:>5}{cost}"
        )
    parameters, operations = (sum(getattr(row, name) for row in rows) for name in ("parameters", "operations"))
    yield f"together {parameters:,} parameters, and {operations:,} multiplications with one of them (operations)"


def norms_of(model: Module) -> list[str]:
    """A line on the parameters of batch norms, which have no row of their own; none where there are none."""
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm2d)]
    count = sum(values.numel() for layer in layers for values in layer.parameters())
    return [f"besides these {count:,} parameters of {len(layers)} batch norms, which move nothing"] if layers else []


def is_dilated(rows: list[Row]) -> bool:
    return any(row.window is not None and row.window.dilation > 1 for row in rows)
