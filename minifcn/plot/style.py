"""What all figures share: the type, the few colours, and how a figure is made and saved.

A `Figure` is made directly, not by pyplot: no window, no display, no global list of open figures, any thread.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minifcn.errors import ArgumentError
from minifcn.plot.fonts import boxes_are_known, families, warn_of_boxes
from minifcn.weights import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#22272e"  # text and axes
QUIET = "#6b7280"  # what explains: labels of axes, notes
LINE = "#d9dce1"  # grids and frames
BLUE, ORANGE, RED = "#2f6db3", "#d9822b", "#de2d26"

STYLE: dict[str, Any] = {
    "font.size": 9.0,
    "text.color": INK,
    "text.usetex": False,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 8.0,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9.0,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "image.interpolation": "antialiased",
}
SHOWN_DPI = 110  # of a picture in a notebook
FORMATS = (".png", ".pdf", ".svg")


@contextlib.contextmanager
def styled(texts: Iterable[str] = ()) -> Iterator[None]:
    """The style, for what is drawn inside the block; the user's own settings are back after it.

    texts: what users have named, in whatever letters; a RuntimeWarning says if no font has them.
    """
    import matplotlib

    texts = list(texts)
    warn_of_boxes(texts)
    settings: Any = {**STYLE, "font.family": families(texts)}  # the stubs ask for a dict with literal keys
    with matplotlib.rc_context(settings):
        yield


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure of `width` x `height` inches that draws with Agg, and shows itself in a notebook."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure: Figure = _shown_figure()(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def paper(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure and axes without lines all over it, measured in inches, x to the right and y downwards."""
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


@cache
def _shown_figure() -> type[Figure]:
    """matplotlib's Figure with the one method by which a notebook shows what a cell ends with, without a magic line."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            made = io.BytesIO()
            self.savefig(made, format="png", dpi=SHOWN_DPI, facecolor="white", metadata={"Software": None})
            return made.getvalue()

    return ShownFigure


def picture_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes without ticks for an image, placed in inches from the lower left corner of the figure."""
    full_width, full_height = figure.get_size_inches()
    axes = figure.add_axes((left / full_width, bottom / full_height, width / full_width, height / full_height))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes


def text_width(texts: Iterable[str], size: float, weight: str = "normal") -> float:
    """The width of the longest of `texts` in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    texts = list(texts)
    font = FontProperties(family=families(texts), size=size, weight=weight)
    with boxes_are_known():
        return max(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0] for text in texts) / 72


def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Writes a figure to a `.png`, `.pdf` or `.svg`, atomically.

    Raises ArgumentError for another suffix, FileError if writing fails; the old file is then unchanged.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ArgumentError(f"{path} cannot be a figure; name it *{', *'.join(FORMATS[:-1])} or *{FORMATS[-1]}.")
    with atomic_path(path) as temporary, boxes_are_known():
        figure.savefig(temporary, format=suffix[1:], dpi=dpi, facecolor="white")
