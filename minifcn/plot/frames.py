"""A moving picture: one function draws a frame; the still, the slider and the GIF are made from the same frames.

The slider is one piece of HTML in which every frame is there from the beginning. It needs no running kernel, no network
and no library, so it moves in Jupyter, in VS Code and on a page; where scripts are taken away, one frame is left.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minifcn.errors import ArgumentError
from minifcn.plot.sheet import Sheet
from minifcn.plot.style import save_figure, styled
from minifcn.weights import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FRAMES, MOST_BYTES = 64, 3_000_000  # of a slider: more is slow to load, and nobody looks at more
SVG: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "minifcn"}  # numbers stay text; the same bytes each time
# On a page in dark mode the slider stays a white card, its control as well: the inks are made for white paper.
CARD = (
    "background:#fff;color:#22272e;color-scheme:light;padding:8px 10px;border-radius:8px;"
    "display:inline-block;max-width:100%;box-sizing:border-box"
)


class Frames(Sequence["Figure"]):
    """`count` figures of one size, drawn when asked for: `frames[0]`, `frames.still()`, `frames.save("a.gif")`.

    draw: makes frame number n. label: what moves, in a word or two, beside the slider.
    still: which frame stands for all where nothing moves; the last unless said.

    In a notebook a Frames shows itself as a slider. Raises ArgumentError for more than 64 frames.
    """

    def __init__(self, draw: Callable[[int], Figure], count: int, label: str, still: int = -1) -> None:
        if not 1 <= count <= MOST_FRAMES:
            raise ArgumentError(
                f"{label}: {count} frames were asked for, 1 to {MOST_FRAMES} are possible; draw a smaller example."
            )
        self._draw, self._count, self.label = draw, count, label
        self._still = range(count)[still]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self._draw(n) for n in range(self._count)[number]]
        return self._draw(range(self._count)[number])

    def __repr__(self) -> str:
        return f"Frames({self._count} frames, {self.label!r})"

    def still(self) -> Figure:
        """The frame that stands for all."""
        return self._draw(self._still)

    def save(self, path: str | os.PathLike[str], seconds: float = 0.8, dpi: int = 100) -> None:
        """Write a `.gif` of all frames, `seconds` for each, the `.html` of the slider, or a still (.png, .svg, .pdf).

        Raises ArgumentError for another suffix; FileError if writing fails, and the old file is then unchanged.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".gif":
            self._save_gif(path, seconds, dpi)
        elif suffix == ".html":
            with atomic_path(path) as temporary:
                Path(temporary).write_text(self._repr_html_(), encoding="utf-8")
        else:
            save_figure(self.still(), path, dpi)

    def _save_gif(self, path: str | os.PathLike[str], seconds: float, dpi: int) -> None:
        from PIL import Image

        if not 0.02 <= seconds <= 60:
            raise ArgumentError(f"{path}: a frame can stay 0.02 to 60 seconds, got {seconds}.")
        pictures = []
        for figure in self:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
            drawn = Image.open(buffer).convert("RGB")
            pictures.append(drawn.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
        stay = [round(1000 * seconds)] * (len(pictures) - 1) + [round(2500 * seconds)]  # the end is looked at longer
        with atomic_path(path) as temporary:
            pictures[0].save(temporary, format="GIF", save_all=True, append_images=pictures[1:], duration=stay, loop=0)

    def _repr_html_(self) -> str:
        """The slider; frame 0 is shown at first. Raises ArgumentError if it would be larger than 3 MB."""
        pictures = [svg_of(figure) for figure in self]
        name = "f" + hashlib.sha256("".join([self.label, *pictures]).encode()).hexdigest()[:10]
        # Ids within one page must differ from frame to frame and from slider to slider.
        shown = _images_once([_renamed(picture, f"{name}-{n}") for n, picture in enumerate(pictures)])
        size = sum(len(picture.encode()) for picture in shown)
        if size > MOST_BYTES:
            raise ArgumentError(
                f"{self.label}: the slider would have {size} bytes, at most {MOST_BYTES} are possible; "
                "draw a smaller example."
            )
        frames = "".join(
            f'<div class="minifcn-frame"{"" if n == 0 else " hidden"}>{picture}</div>'
            for n, picture in enumerate(shown)
        )
        move = (
            "const all=this.closest('.minifcn-frames').querySelectorAll('.minifcn-frame');"
            "all.forEach((frame,n)=>frame.hidden=n!=this.value);"
            "this.nextElementSibling.textContent=(+this.value+1)+' / '+all.length"
        )
        control = (
            f'<label style="font:13px sans-serif;color:inherit">{escape(self.label)} '
            f'<input type="range" min="0" max="{len(self) - 1}" value="0" aria-label="{escape(self.label)}" '
            f'oninput="{move}" style="vertical-align:middle;width:180px;accent-color:#0072b2"> '
            f"<output>1 / {len(self)}</output></label>"
        )
        return f'<div class="minifcn-frames" style="{CARD}">{control if len(self) > 1 else ""}{frames}</div>'


def of_sheets(draw: Callable[[int], Sheet], count: int, label: str, still: int = -1) -> Frames:
    """Frames of sheets, all as large as the largest, so that nothing jumps when the slider moves."""
    checked = Frames(lambda n: draw(n).figure(), count, label, still)  # refuses too many before they are laid out
    sizes = [draw(n).size for n in range(count)]
    size = max(width for width, _ in sizes), max(height for _, height in sizes)
    checked._draw = lambda n: draw(n).figure(size)
    return checked


def svg_of(figure: Figure) -> str:
    """A figure as one <svg> element that is as wide as there is room, at most its own size. Its texts stay texts."""
    import matplotlib

    buffer = io.StringIO()
    settings: Any = SVG  # the stubs of matplotlib 3.11 ask for a dict with literal keys
    with styled(), matplotlib.rc_context(settings):
        figure.savefig(buffer, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    picture = buffer.getvalue()
    picture = re.sub(r"<!--.*?-->", "", picture[picture.index("<svg") :], flags=re.DOTALL)
    picture = re.sub(r"\s*\n\s*", " ", picture).rstrip()
    picture = re.sub(r'<g id="text_\d+"> (<text .*?</text>) </g>', r"\1", picture)
    picture = re.sub(r' transform="rotate\(-0 [^"]*"', "", picture).replace(
        "'DejaVu Sans'", "'DejaVu Sans', sans-serif"
    )
    width = figure.get_size_inches()[0] * 96  # pixels of a page, 96 to the inch
    fitting = f'style="width:{width:.0f}px;max-width:100%;height:auto;display:block"'
    picture = re.sub(r'width="[\d.]+pt"', "", re.sub(r'height="[\d.]+pt"', "", picture, count=1), count=1)
    return re.sub(r"\s*<metadata>.*?</metadata>", "", picture, flags=re.DOTALL).replace("<svg ", f"<svg {fitting} ", 1)


def _renamed(picture: str, name: str) -> str:
    """The same picture with `name` in front of every id and of what refers to it."""
    picture = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', picture)
    picture = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', picture)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", picture)


def _images_once(pictures: list[str]) -> list[str]:
    """The same pictures; an image that was in one before, and in the same place, is only referred to."""
    first: dict[str, str] = {}

    def said(match: re.Match[str]) -> str:
        name = match[1]
        before = first.setdefault(match[0].replace(name, ""), name)
        return match[0] if before == name else f'<use xlink:href="#{before}"/>'

    return [re.sub(r'<image [^>]*?\bid="([^"]+)"[^>]*>', said, picture) for picture in pictures]
