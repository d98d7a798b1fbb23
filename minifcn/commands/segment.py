"""`minifcn segment`: a label image and an overlay for every image given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minifcn.commands.reporting import Counter
from minifcn.data.images import read_image
from minifcn.errors import ArgumentError, FileError
from minifcn.plot import overlay, save_image_png, save_label_png
from minifcn.training import Card, load_network, predict

LONGEST = 16  # no image is looked at wider than so many training images


def run(arguments: dict[str, Any]) -> int:
    model, card = load_network(arguments["weights"])
    model.to(arguments["device"] or "cpu")
    paths = [Path(path) for path in arguments["images"]]
    folder = Path(arguments["out"] or "segmented")
    targets = named_apart(paths, folder)
    for path in paths:
        read_image(path)  # a file that cannot be read is found before anything is written
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from None
    palette = np.array(card.palette, np.uint8)
    lines = []
    with Counter(len(paths), "segment", arguments["quiet"] or len(paths) == 1) as counter:
        for path, (label_path, overlay_path) in zip(paths, targets, strict=True):
            image = read_image(path)
            size = arguments["size"] or viewing_size(card, image.shape[:2])
            label = predict(model, image, card.mean, card.std, size)
            save_label_png(label_path, label, palette)
            save_image_png(overlay_path, overlay(image, label, palette))
            counter(1)
            shares = np.bincount(label.ravel(), minlength=len(card.classes)) / label.size
            largest = [c for c in np.argsort(-shares)[:4] if shares[c] > 0.005]
            most = ", ".join(f"{card.classes[c]} {100 * shares[c]:.0f} %" for c in largest)
            lines.append(f"{path} ({image.shape[0]}x{image.shape[1]}): {most}\n  {label_path}\n  {overlay_path}")
    print("\n".join(lines))
    return 0


def named_apart(paths: list[Path], folder: Path) -> list[tuple[Path, Path]]:
    """(label, overlay) for every image; two images must not write to one file, nor one over an image that is given."""
    stems: dict[str, Path] = {}
    for path in paths:
        if path.stem in stems:
            raise ArgumentError(
                f"{stems[path.stem]} and {path} would both be written to {folder / path.stem}_label.png; "
                f"segment them in two calls with different --out."
            )
        stems[path.stem] = path
    targets = [(folder / f"{stem}_label.png", folder / f"{stem}_overlay.png") for stem in stems]
    written = {target.resolve() for pair in targets for target in pair}
    for path in paths:
        if path.resolve() in written:
            raise ArgumentError(f"{path} would be written over by the result of another image; choose another --out.")
    return targets


def viewing_size(card: Card, size: tuple[int, ...]) -> tuple[int, int]:
    """(H, W) at which an image is looked at: as high as the training images, with its own proportions unless too wide.

    A network knows objects at the scale at which it saw them; the scores are brought back to the full size.
    """
    H, W = size
    if card.size is None:
        return H, W
    h, w = card.size[0], W * card.size[0] / H
    fit = min(1.0, LONGEST * card.size[1] / w)  # a strip of 1x5000 would become 96x480000
    return max(1, round(h * fit)), max(1, round(w * fit))
