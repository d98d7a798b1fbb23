"""`minifcn segment`: a label image and an overlay for every image given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minifcn.autograd import no_grad
from minifcn.backend import to_numpy
from minifcn.commands.reporting import Counter
from minifcn.data import normalize
from minifcn.data.images import read_image, resize_image
from minifcn.errors import ArgumentError, FileError
from minifcn.functional import interpolate
from minifcn.models import FCN
from minifcn.plot import overlay, save_image_png, save_label_png
from minifcn.tensor import as_tensor
from minifcn.training import Card, load_network

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
            label = segment(model, card, image, arguments["size"] or working_size(card, image.shape[:2]))
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


def working_size(card: Card, size: tuple[int, ...]) -> tuple[int, int]:
    """The size at which an image is looked at: as high as the training images, in the proportions of its own, unless
    that is too wide.

    A network knows objects at the scale at which it saw them; the scores are brought back to the full size.
    """
    H, W = size
    if card.size is None:
        return H, W
    h, w = card.size[0], W * card.size[0] / H
    fit = min(1.0, LONGEST * card.size[1] / w)  # a strip of 1x5000 would become 96x480000
    return max(1, round(h * fit)), max(1, round(w * fit))


@no_grad()
def segment(model: FCN, card: Card, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels uint8 (H, W) of an image uint8 (H, W, 3), computed at `size` and brought back to the full size.

    The scores are interpolated, not the labels: boundaries stay smooth.
    """
    H, W = image.shape[:2]
    batch = normalize(resize_image(image, size), np.array(card.mean, np.float32), np.array(card.std, np.float32))[None]
    scores = model(as_tensor(batch, device=next(iter(model.parameters())).device))
    if size != (H, W):
        scores = interpolate(scores, (H, W), mode="bilinear")
    return to_numpy(scores.argmax(1).data)[0].astype(np.uint8)
