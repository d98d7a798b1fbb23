"""`minifcn weights inspect`, `convert`, `fetch`: what is in a file of weights, the same in ours, a download."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from minifcn.commands.parsing import add_inside
from minifcn.commands.reporting import printable, shows_bar
from minifcn.errors import ArgumentError, FileError
from minifcn.text import counted
from minifcn.weights import canonical_names, load_arrays, save_arrays
from minifcn.weights.naming import Recognised
from minifcn.weights.preprocessing import KINDS
from minifcn.weights.pretrained import preparation_of


def add_to(commands: Any) -> None:
    """The parser of `minifcn weights` and of what it does."""
    parser = commands.add_parser(
        "weights",
        help="look into a file of weights, convert it, fetch one",
        description="Weights of PyTorch, Caffe, Keras, Chainer, minifcn: .pth, .caffemodel, .h5, .npz, .safetensors.",
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True, help="what to do")

    looked = actions.add_parser("inspect", help="every tensor: whose layer it is, its shape and its values")
    looked.add_argument("file", metavar="FILE", help="the weights")
    add_inside(looked)

    converted = actions.add_parser(
        "convert", help="the same numbers as .safetensors or .npz, under our names, with how images are prepared"
    )
    converted.add_argument("file", metavar="FILE", help="the weights")
    converted.add_argument("out", metavar="OUT", help="the new file, .safetensors or .npz")
    add_inside(converted)
    converted.add_argument(
        "--weights-kind", choices=tuple(KINDS), help="how images were prepared (default: as the names tell)"
    )

    fetched = actions.add_parser("fetch", help="download one file, verify it, and go on where it was interrupted")
    fetched.add_argument("url", metavar="URL", help="https://... or file:///...")
    fetched.add_argument("--sha256", required=True, metavar="H", help="the 64 digits that the file must have")
    fetched.add_argument("--out", metavar="FILE", help="where to (default: here, by its name in the address)")
    fetched.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: dict[str, Any]) -> int:
    action = arguments.pop("action")
    if action == "inspect":
        inspect(arguments["file"], arguments["inside"])
    elif action == "convert":
        convert(arguments["file"], arguments["out"], arguments["weights_kind"], arguments["inside"])
    else:
        fetch_file(arguments["url"], arguments["sha256"], arguments["out"], arguments["quiet"])
    return 0


def inspect(file: str, inside: str | None = None) -> None:
    """One line for every tensor: its name in the file, its name here, type, shape, and the span of its values."""
    arrays, metadata = load_arrays(file, inside=inside)
    recognised = _recognised(arrays)
    named = printable(list(arrays))
    width = max(map(len, named), default=0)
    for shown, (name, array) in zip(named, arrays.items(), strict=True):
        here = "" if recognised is None else recognised.names[name] or "(not known)"
        shape = "x".join(map(str, array.shape)) or "one number"
        span = "empty" if not array.size else f"{array.min():.4g} .. {array.max():.4g}"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            span = "not finite"
        elif array.size and not array.any():
            span = "all zeros"
        print(f"{shown:<{width}}  {here:<28}  {array.dtype.name:<8} {shape:<14} {span}".rstrip())
    total = sum(array.size for array in arrays.values())
    whose = "names of no network that is known here" if recognised is None else recognised.naming.name
    print(f"\n{file}: {counted(len(arrays), 'tensor')}, {counted(total, 'number')}; {whose}")
    for key, value in sorted(metadata.items()):
        shown = printable([value])[0]
        print(f"  {key}: {shown if len(shown) <= 100 else shown[:97] + '...'}")


def convert(file: str, out: str, kind: str | None, inside: str | None = None) -> None:
    """The same numbers under our names of the layers, with what is known of where they come from."""
    if Path(out).resolve() == Path(file).resolve():
        raise ArgumentError(f"{out} is the file to be converted; choose another name.")
    arrays, metadata = load_arrays(file, inside=inside)
    recognised = canonical_names(arrays)
    preparation = preparation_of(metadata, recognised, kind, file)
    renamed = {recognised.names[name] or name: array for name, array in arrays.items()}
    if len(renamed) != len(arrays):
        raise FileError(f"{file} has two tensors for one layer; give a file of one network.")
    with open(file, "rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    notes = {"source": Path(file).name, "source_sha256": digest, "names_before": recognised.naming.name}
    notes |= {"inside": metadata["inside"]} if "inside" in metadata else {}
    save_arrays(out, renamed, {**notes, "preprocessing": preparation.to_json()})
    unknown = sum(name is None for name in recognised.names.values())
    print(
        f"{out}: {counted(len(renamed), 'tensor')} of {file} ({recognised.naming.name}), images {preparation.channels} "
        f"0..{preparation.top:g}{f'; {unknown} keep names that are not known' if unknown else ''}"
    )


def fetch_file(url: str, sha256: str, out: str | None, quiet: bool) -> None:
    from tqdm import tqdm

    from minifcn.weights.fetching import fetch  # the libraries of the network, which nothing else needs

    name = out or Path(unquote(urlsplit(url).path)).name
    if not name:
        raise ArgumentError(f"{url} does not say what the file is called; say it with --out.")
    with tqdm(desc=name, unit="B", unit_scale=True, disable=not shows_bar(quiet), dynamic_ncols=True) as bar:

        def report(done: int, size: int | None) -> None:
            bar.total = size
            bar.n = done
            bar.refresh()

        path = fetch(url, sha256, name, report)
    print(f"{path}: {path.stat().st_size:,} bytes, SHA-256 as it was said")


def _recognised(arrays: dict[str, np.ndarray]) -> Recognised | None:
    try:
        return canonical_names(arrays)
    except ArgumentError:
        return None
