"""`minifcn segment`: a label image and an overlay with a legend for every image given."""

from __future__ import annotations

import glob
import sys
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.commands.options import check_tf32
from minifcn.commands.reporting import Counter
from minifcn.commands.run_folder import writable_folder
from minifcn.data.images import read_image
from minifcn.data.pictures import SUFFIXES
from minifcn.errors import ArgumentError, FileError, MinifcnError
from minifcn.models import Network
from minifcn.plot import explained, overlay, save_image_png, save_label_png
from minifcn.plot.seal import is_as_written
from minifcn.training import Card, load_network, predict, pretrained

LONGEST = 16  # no image is looked at wider than so many training images
NOT_ALL = 1  # the exit status where some images could not be segmented
WITHOUT_WEIGHTS = (
    "without --weights: an FCN-8s that knows generated scenes only, so what it says of photographs means nothing; "
    "to train on pictures of your own: minifcn train --data folder --root PATH"
)
SHARE = 0.005  # of the pixels; a class with less is left out of the line that is printed


def run(arguments: dict[str, Any]) -> int:
    device = arguments["device"] or "cpu"
    check_tf32(arguments.get("tf32", False), device)
    model, card = network_of(arguments["weights"])
    model.to(device)
    folder = Path(arguments["out"] or "segmented")
    found, failures = images_of(arguments["images"])
    targets = named_apart(found, folder)
    if found:
        writable_folder(folder)
    with Counter(len(found), "segment", arguments["quiet"] or len(found) == 1) as counter:
        for path, (label_path, overlay_path) in zip(found, targets, strict=True):
            try:
                shares = segment(model, card, path, arguments["size"], label_path, overlay_path)
                counter.write(f"{shares}\n  {label_path}\n  {overlay_path}")
            except MinifcnError as error:
                failures.append(str(error))
            except MemoryError as error:
                failures.append(f"{path}: out of memory ({error}); choose a smaller --size.")
            counter(1)
    if not failures:
        return 0
    if len(failures) > 1:
        print(f"minifcn segment: {len(failures)} images were left out:", file=sys.stderr)
    print("\n".join(f"minifcn segment: {failure}" for failure in failures), file=sys.stderr)
    return NOT_ALL


def network_of(weights: str | None) -> tuple[Network, Card]:
    """The network of these weights; without any the FCN-8s that comes with the package, and a line that says so."""
    if weights is not None:
        return load_network(weights)
    print(WITHOUT_WEIGHTS, flush=True)
    return pretrained("fcn8s-scenes")


def segment(
    model: Network, card: Card, path: Path, size: tuple[int, int] | None, label_path: Path, overlay_path: Path
) -> str:
    """Writes the two pictures of one image; returns a line with its name, its size and its largest classes."""
    for target in (label_path, overlay_path):
        if target.exists() and not is_as_written(target):
            raise FileError(
                f"{path}: {target} is there and not as minifcn wrote it, so it is not written over; move it, or choose "
                "another --out."
            )
    image = read_image(path)
    label = predict(model, image, card.mean, card.std, size or viewing_size(card, image.shape[:2]))
    palette = np.array(card.palette, np.uint8)
    save_label_png(label_path, label, palette)
    save_image_png(overlay_path, explained(overlay(image, label, palette), label, card.classes, palette))
    shares = np.bincount(label.ravel(), minlength=len(card.classes)) / label.size
    largest = [c for c in np.argsort(-shares)[:4] if shares[c] > SHARE]
    most = ", ".join(f"{card.classes[c]} {100 * shares[c]:.0f} %" for c in largest)
    return f"{path} ({image.shape[0]}x{image.shape[1]}): {most}"


def images_of(given: list[str]) -> tuple[list[Path], list[str]]:
    """(the images that are meant, what is wrong with the rest): of files, folders and patterns such as "in/*.jpg".

    From folders and patterns only pictures are taken, and not what an earlier call has written. Each is taken once.
    """
    chosen: list[Path] = []
    failures = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            inside = sorted(path.iterdir())
        elif path.exists() or not glob.has_magic(name):
            chosen.append(path)
            continue
        else:
            inside = [Path(each) for each in sorted(glob.glob(name, recursive=True))]
        pictures = [each for each in inside if is_picture(each)]
        chosen += pictures
        if not pictures:
            failures.append(f"{name}: there is no picture in it ({', '.join(SUFFIXES)}).")
    return list(dict.fromkeys(chosen)), failures


def is_picture(path: Path) -> bool:
    """Whether a file is taken from a folder: by its name, and unless it is one of a pair that this command writes."""
    stem, _, kind = path.stem.rpartition("_")
    result = kind in ("label", "overlay") and all(each.exists() for each in results_of(stem, path.parent))
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not result and not path.is_dir()


def results_of(stem: str, folder: Path) -> tuple[Path, Path]:
    """(label, overlay) for an image."""
    return folder / f"{stem}_label.png", folder / f"{stem}_overlay.png"


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
    targets = [results_of(path.stem, folder) for path in paths]
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
