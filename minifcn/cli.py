"""The command line: `minifcn train`, `minifcn evaluate`, `minifcn segment`, `minifcn explain`.

Errors that minifcn raises on purpose are printed as the one sentence they are, with exit status 2 and no traceback.
The commands are imported when they are called, so `minifcn --help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from minifcn.errors import MinifcnError


def size(text: str) -> tuple[int, int]:
    """ "180x240" (height x width) as (180, 240)."""
    rows, cross, columns = text.lower().partition("x")
    if not cross or not rows.isdecimal() or not columns.isdecimal() or 0 in (int(rows), int(columns)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write height x width, for example 180x240")
    return int(rows), int(columns)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="minifcn", description="Fully Convolutional Networks for semantic segmentation, from scratch on NumPy."
    )
    top.add_argument("--version", action="store_true", help="print the version and leave")
    commands = top.add_subparsers(dest="command", metavar="command")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--device", metavar="cpu|cuda", help="where to compute (default: cpu)")
    common.add_argument("--quiet", action="store_true", help="no progress bar")

    source = argparse.ArgumentParser(add_help=False)
    source.add_argument("--root", metavar="PATH", help="the folder of camvid or folder data")
    source.add_argument("--size", type=size, metavar="HxW", help="resize the images, for example 180x240")
    source.add_argument("--count", type=int, metavar="N", help="how many scenes to generate")
    source.add_argument("--seed", type=int, metavar="N", help="seed of everything random (default: 0)")
    kinds = ("scenes", "camvid", "folder")

    train = commands.add_parser(
        "train",
        parents=[source, common],
        help="train an FCN",
        description="Train an FCN, by default on generated scenes.",
    )
    train.add_argument("--data", choices=kinds, help="what to train on (default: scenes)")
    train.add_argument("--stride", type=int, choices=(8, 16, 32), help="FCN-8s, FCN-16s or FCN-32s (default: 8)")
    train.add_argument("--backbone", choices=("small", "vgg16"), help="default: small")
    train.add_argument("--alignment", choices=("compact", "caffe"), help="default: compact; caffe pads by 100")
    train.add_argument("--width", type=float, metavar="F", help="factor on the channels of the backbone (default: 1)")
    train.add_argument("--upsampling", choices=("single", "staged"), help="default: single, as in the paper")
    train.add_argument("--learn-upsampling", action="store_true", default=None, help="learn the bilinear kernels too")
    train.add_argument("--epochs", type=int, metavar="N")
    train.add_argument("--batch-size", type=int, metavar="N")
    train.add_argument("--optimizer", choices=("adamw", "adam", "sgd"), help="default: adamw")
    train.add_argument("--lr", type=float, metavar="LR", help="learning rate at the beginning (default: 0.003)")
    train.add_argument("--weight-decay", type=float, metavar="F")
    train.add_argument("--momentum", type=float, metavar="F", help="for sgd (default: 0.9)")
    train.add_argument("--schedule", choices=("poly", "cosine", "step", "constant"), help="default: poly")
    train.add_argument("--balance", choices=("none", "median"), help="weight classes by their median frequency")
    train.add_argument("--augment", action=argparse.BooleanOptionalAction, help="mirror, zoom and recolour")
    train.add_argument("--out", metavar="DIR", help="the folder of the run (default: runs/<data>-fcn<stride>s-<n>)")
    train.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")

    evaluate = commands.add_parser(
        "evaluate",
        parents=[source, common],
        help="the four metrics of the paper",
        description="Pixel accuracy, mean accuracy, mean IU and frequency weighted IU of trained weights.",
    )
    evaluate.add_argument("--weights", required=True, metavar="RUN_OR_FILE")
    evaluate.add_argument("--data", choices=kinds, help="default: the kind the weights were trained on")
    evaluate.add_argument("--split", choices=("train", "val", "test"), default="test", help="default: test")
    evaluate.add_argument("--out", metavar="DIR", help="where metrics and the confusion picture go (default: here)")

    segment = commands.add_parser(
        "segment",
        parents=[common],
        help="label images",
        description="Write a label image (palette PNG) and an overlay for every image.",
    )
    segment.add_argument("--weights", required=True, metavar="RUN_OR_FILE")
    segment.add_argument("images", nargs="+", metavar="IMAGE")
    segment.add_argument(
        "--size", type=size, metavar="HxW", help="look at the images at this size (default: as high as in training)"
    )
    segment.add_argument("--out", metavar="DIR", help="default: segmented/")

    explain = commands.add_parser(
        "explain",
        help="derive the crops of an FCN",
        description="Print where every feature of a network lies over the image, and so every crop.",
    )
    explain.add_argument("--backbone", choices=("small", "vgg16"), default="vgg16")
    explain.add_argument("--stride", type=int, choices=(8, 16, 32), default=8)
    explain.add_argument("--alignment", choices=("compact", "caffe"), default="caffe")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    top = parser()
    arguments = vars(top.parse_args(argv))
    command, version = arguments.pop("command"), arguments.pop("version")
    if version:
        from minifcn import __version__

        print(f"minifcn {__version__}")
        return 0
    if command is None:
        top.print_help()
        return 0
    try:
        status: int = import_module(f"minifcn.commands.{command}").run(arguments)
        return status
    except MinifcnError as error:
        print(f"minifcn {command}: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"minifcn {command}: out of memory ({error}); reduce --batch-size or --size.", file=sys.stderr)
        return 2
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or error
        print(f"minifcn {command}: {place}{reason}; check the path and its permissions.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"minifcn {command}: interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
