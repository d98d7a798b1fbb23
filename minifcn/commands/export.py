"""`minifcn export`: a trained network as an ONNX file, with what its user has to know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from minifcn.errors import ArgumentError, FileError
from minifcn.export import onnx
from minifcn.training import Card, load_network


def run(arguments: dict[str, Any]) -> int:
    out = Path(arguments["file"])
    if out.suffix != ".onnx":
        raise ArgumentError(f"{out} does not end in .onnx; name the file that is to be written so.")
    if out.exists():
        raise FileError(f"{out} is there already and is not written over; move it, or choose another name.")
    model, card = load_network(arguments["weights"])
    size = arguments["size"]
    print(onnx(model, out, size, dynamic=size is None, metadata=described(card)))
    print("In its metadata: " + ", ".join(described(card)) + ".")
    return 0


def described(card: Card) -> dict[str, str]:
    """The texts beside the network; lists are JSON."""
    return {
        "classes": json.dumps(card.classes),
        "palette": json.dumps(card.palette),
        "mean": json.dumps(card.mean),
        "std": json.dumps(card.std),
        "size": json.dumps(card.size),
        "preprocessing": "image[n, c] = (RGB in 0..255 - mean[c]) / std[c], float32 (N, 3, H, W); size is the (rows, "
        "columns) of the training images; the label of a pixel is the largest of its scores",
    }
