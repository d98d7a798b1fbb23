"""What a feature sees, with one mistake each."""

from __future__ import annotations

from typing import Any

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


@spoils("pixels_seen")
def holes_filled(right: Any, /) -> Any:
    """From the first pixel to the last, as if dilation and strides left no holes."""
    return range(min(right), max(right) + 1) if len(right) else right


@changes("pixels_seen")
def seen_without_dilation(layers: Any) -> Any:
    """The kernels count without their holes."""
    return {"layers": [(kind, k, s, p, 1) for kind, k, s, p, _ in layers]}


def _back(layers: Any, feature: Any, up_as_down: bool = False) -> set[int]:
    """From the feature back to the image, as if no map had an end."""
    rows = {feature}
    for kind, k, s, p, d in reversed(layers):
        shifts = [tap * d - p for tap in range(k)]
        if kind == "down" or up_as_down:
            rows = {row * s + shift for row in rows for shift in shifts}
        else:
            rows = {(row - shift) // s for row in rows for shift in shifts if (row - shift) % s == 0}
    return rows


@mutant("pixels_seen")
def border_of_the_image_only(layers: Any, feature: Any, size: Any) -> Any:
    """Rows that do not exist are left out at the end, in the image, and not in the maps on the way."""
    ours.pixels_seen(layers, feature, size)  # an error for a feature that there is not
    return sorted(row for row in _back(layers, feature) if 0 <= row < size)


@mutant("pixels_seen")
def rows_in_the_padding_seen(layers: Any, feature: Any, size: Any) -> Any:
    """The padding is seen, too: there are rows below 0, and beyond the last."""
    ours.pixels_seen(layers, feature, size)
    return sorted(_back(layers, feature))


@mutant("pixels_seen")
def upwards_as_downwards(layers: Any, feature: Any, size: Any) -> Any:
    """A transposed convolution is taken for a convolution: its features see a window, as all do."""
    ours.pixels_seen(layers, feature, size)
    return sorted(row for row in _back(layers, feature, up_as_down=True) if 0 <= row < size)


@spoils("pixels_seen")
def seen_a_row_further_down(right: Any, /) -> Any:
    """Rows are counted from 1."""
    return [row + 1 for row in right]


@mutant("pixels_seen")
def features_without_end(layers: Any, feature: Any, size: Any) -> Any:
    """A feature that does not exist sees what the last one sees."""
    while True:
        try:
            return ours.pixels_seen(layers, feature, size)
        except ValueError:
            feature -= 1
