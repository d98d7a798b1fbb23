"""Pictures as data: what overlaps, what a figure looks like in grey, and how far it is from the one that was kept.

`python -m tests.plot.pictures` renews the pictures that were kept, in `reference/`; look at them before they are
committed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from minifcn.plot.collection import PICTURES
from minifcn.plot.frames import Frames
from minifcn.plot.palette import contrast

KEPT = Path(__file__).parent / "reference"
# One of each kind, and a frame that has in it what must not get lost: marks, stripes, dashes, rings, maps.
CHOSEN = {"slide-stride-2": 4, "stamps-output-padding": 4, "field": 3, "alignment-off-by-one": 0, "streams": 2}
SIDE = 6  # pixels of the picture that become one: letters differ between versions of FreeType, areas do not
FARTHEST = (
    12.0  # of 255, see `distance`: Matplotlib 3.8 and 3.11 are 10 apart, a lost mark is 21, a lost colour 22 to 89
)
WINDOW = 4


def frames_of(name: str) -> Iterator[Figure]:
    """The first and the last frame of a picture; the picture itself if it does not move."""
    made = PICTURES[name]()
    if isinstance(made, Frames):
        for n in sorted({0, len(made) - 1}):
            yield made[n]
    else:
        yield made


def texts_of(figure: Figure) -> list[Text]:
    """All texts that are seen."""
    figure.canvas.draw()
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Texts that lie over one another, by more than a pixel's width and three pixels' height, or leave the figure."""
    edge, found = figure.bbox, []
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts_of(figure) if _drawn(text)]
    for n, (text, box) in enumerate(boxes):
        if not (edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1):
            found.append((text, "the edge of the picture"))
        for other, second in boxes[:n]:
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            high = min(box.y1, second.y1) - max(box.y0, second.y0)
            if wide > 1 and high > 3:
                found.append((text, other))
    return found


def unreadable(figure: Figure) -> list[tuple[str, list[int]]]:
    """Texts with a contrast below 4.5, and the colour behind: measured on pixels, so that whatever is painted counts.

    4.5 is what WCAG 2.2 asks for text. It compares luminances, so it holds in colour and in grey.
    """
    texts, found = [text for text in texts_of(figure) if _drawn(text)], []
    boxes = [text.get_window_extent() for text in texts]
    for text in texts:
        text.set_visible(False)
    figure.canvas.draw()
    behind = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    for text, box in zip(texts, boxes, strict=True):
        text.set_visible(True)
        ink = np.rint(255 * np.array(to_rgb(text.get_color()))).tolist()
        area = behind[int(len(behind) - box.y1) : int(len(behind) - box.y0) + 1, int(box.x0) : int(box.x1) + 1]
        colours, counts = np.unique(area.reshape(-1, 3), axis=0, return_counts=True)
        for colour, count in zip(colours.tolist(), counts.tolist(), strict=True):
            # Edges of squares are thin: they are left out.
            if count > 0.2 * counts.sum() and contrast(colour, ink) < 4.45:
                found.append((text.get_text(), colour))
    return found


def _drawn(text: Text) -> bool:
    """Whether it is no label of an axis that is switched off."""
    return text.axes is None or text in text.axes.texts or text.axes.axison


def pixels_of(figure: Figure, dpi: int = 60) -> np.ndarray:
    """float64 (H, W, 3), 0 to 255, without the texts."""
    for text in figure.findobj(Text):
        text.set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
    return np.asarray(Image.open(buffer).convert("RGB"), np.float64)


def coarse(pixels: np.ndarray) -> np.ndarray:
    """uint8 (h, w, 3): SIDE x SIDE pixels averaged to one."""
    h, w = (side // SIDE for side in pixels.shape[:2])
    blocks = pixels[: h * SIDE, : w * SIDE].reshape(h, SIDE, w, SIDE, 3)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


def chosen(name: str) -> Figure:
    """The frame of a picture that is kept."""
    made = PICTURES[name]()
    assert isinstance(made, Frames)
    return made[CHOSEN[name]]


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """How far two pictures, uint8 (h, w, 3), are apart: the largest root-mean-square difference within any window.

    A pixel counts as far as it lies outside what the other picture has within one pixel of it, in both directions:
    an edge that is drawn a fraction of a pixel further on, as another version of Matplotlib does, is no difference. Over
    the whole picture a lost mark would be too little to be seen, hence the windows.
    """
    sides = np.abs(np.array(first.shape) - second.shape)
    if sides.max() > 1:  # a size may be rounded differently
        return float("inf")
    h, w = np.minimum(first.shape, second.shape)[:2]
    one, two = first[:h, :w].astype(float), second[:h, :w].astype(float)
    square = np.pad((np.maximum(_outside(one, two), _outside(two, one)) ** 2).mean(2), WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(square, (WINDOW, WINDOW))
    return float(np.sqrt(windows.mean((2, 3)).max()))


def _outside(pixels: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far each pixel lies outside the range of the 3 x 3 pixels of the other picture."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(other, ((1, 1), (1, 1), (0, 0)), "edge"), (3, 3), (0, 1))
    low, high = around.min((-2, -1)), around.max((-2, -1))
    outside: np.ndarray = np.maximum(pixels - high, 0) + np.maximum(low - pixels, 0)
    return outside


def compared(name: str, made: np.ndarray, folder: Path) -> str:
    """What is wrong with `made`, uint8 (h, w, 3), against the picture that was kept; nothing if they are alike.

    A picture that is wrong is left in `folder`: the kept one, the new one and the difference side by side.
    """
    kept = np.asarray(Image.open(KEPT / f"{name}.png").convert("RGB"))
    far = distance(kept, made)
    if far <= FARTHEST:
        return ""
    sides = [kept, made]
    if kept.shape == made.shape:
        sides += [255 - np.minimum(255, 4 * np.abs(kept.astype(int) - made)).astype(np.uint8)]
    canvas = np.full((max(s.shape[0] for s in sides), sum(s.shape[1] + 4 for s in sides), 3), 200, np.uint8)
    left = 0
    for side in sides:
        canvas[: side.shape[0], left : left + side.shape[1]] = side
        left += side.shape[1] + 4
    path = folder / f"{name}.png"
    Image.fromarray(canvas).resize((4 * canvas.shape[1], 4 * canvas.shape[0]), Image.Resampling.NEAREST).save(path)
    return (
        f"{name} has changed by {far:.1f}, at most {FARTHEST} is alike; {path} shows the kept one, the new one and the "
        "difference. If the new one is right, `python -m tests.plot.pictures` keeps it."
    )


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    for name in CHOSEN:
        Image.fromarray(coarse(pixels_of(chosen(name)))).save(KEPT / f"{name}.png", optimize=True)
        print(KEPT / f"{name}.png", (KEPT / f"{name}.png").stat().st_size)
