"""The command line: `minifcn train`, `minifcn evaluate`, `minifcn segment`, `minifcn explain`, `minifcn read`,
`minifcn figures`, `minifcn tutorials`, `minifcn lab`, `minifcn doctor`, `minifcn check-data`.

Errors that minifcn raises on purpose are printed as the one sentence they are, with exit status 2 and no traceback.
The commands are imported when they are called, so `minifcn --help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from minifcn.commands import lab
from minifcn.commands.options import CHOICES, DEFAULTS, FOLDER_FORMAT, LR_DIVISOR, PROFILED, Options
from minifcn.commands.parsing import Parser
from minifcn.commands.terminal import lasting_streams, one_interrupt, plain_warnings, status_after
from minifcn.data import SCENE_COUNTS
from minifcn.data.sample import LARGEST_SIDE
from minifcn.errors import MinifcnError
from minifcn.machine.tf32 import get_float32_matmul_precision, set_float32_matmul_precision
from minifcn.starting import STATUS, nothing_is_left_to_stop
from minifcn.training.recipe import RECIPES


def size(text: str) -> tuple[int, int]:
    """ "180x240" (height x width) as (180, 240)."""
    rows, cross, columns = text.lower().partition("x")
    if not cross or not rows.isdecimal() or not columns.isdecimal() or 0 in (int(rows), int(columns)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write height x width, for example 180x240")
    if max(int(rows), int(columns)) > LARGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is too large; a side has at most {LARGEST_SIDE} pixels")
    return int(rows), int(columns)


def device(text: str) -> str:
    """ "cpu", "cuda" or "cuda:1". Whether it is there is found out when it is used."""
    kind, colon, index = text.partition(":")
    if (kind != "cuda" if colon else kind not in ("cpu", "cuda")) or (colon and not index.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device; use cpu, cuda or cuda:<index>")
    return text


def default(name: str) -> str:
    """What a run takes for an option that is not given: "8", or "none; camvid median" where data sets differ."""

    def shown(value: object) -> str:
        if isinstance(value, bool) or value is None:
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return "x".join(str(side) for side in value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    usual = getattr(Options(), name)
    others = {kind: values[name] for kind, values in DEFAULTS.items() if values.get(name, usual) != usual}
    known = [] if usual is None or len(others) == len(DEFAULTS) else [shown(usual)]
    return "; ".join(known + [f"{kind} {shown(value)}" for kind, value in others.items()])


def parser() -> Parser:
    top = Parser(
        prog="minifcn", description="Fully Convolutional Networks for semantic segmentation, from scratch on NumPy."
    )
    top.add_argument("--version", action="store_true", help="print the version and leave")
    commands = top.add_subparsers(dest="command", metavar="command")

    common = Parser(add_help=False)
    common.add_argument(
        "--device", type=device, metavar="cpu|cuda", help=f"where to compute (default: {default('device')})"
    )
    common.add_argument(
        "--tf32", action="store_true", help="on a GPU, multiply float32 in TF32: faster, three digits (default: no)"
    )
    common.add_argument(
        "--quiet", action="store_true", help="no progress bar; there is none without a terminal, either"
    )

    source = Parser(add_help=False)
    source.add_argument("--root", metavar="PATH", help="the folder of camvid or folder data; a run knows its own")

    train = commands.add_parser(
        "train",
        parents=[source, common],
        help="train an FCN",
        description="Train an FCN, by default on generated scenes.",
        epilog=f"the folder of --data folder:\n\n{FOLDER_FORMAT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def choice(name: str, what: str, kind: type = str) -> None:
        text = f"{what} (default: {default(name)})"
        train.add_argument(f"--{name.replace('_', '-')}", type=kind, choices=CHOICES[name], help=text)

    def number(name: str, what: str, kind: type = int, metavar: str = "N") -> None:
        text = f"{what} (default: {default(name)})"
        train.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=text)

    choice("data", "what to train on")
    train.add_argument(
        "--recipe", metavar="NAME|FILE",
        help=f"take what is not said here from a recipe: {', '.join(RECIPES)}, or a file of your own (default: none)",
    )  # fmt: skip
    train.add_argument(
        "--stages", type=int, nargs="+", metavar="STRIDE",
        help="train one network after the other, each from the weights of the one before: 32 16 8 (default: one)",
    )  # fmt: skip
    train.add_argument(
        "--lr-divisor", type=float, metavar="F",
        help=f"what the learning rate is divided by from stage to stage (default: {LR_DIVISOR:g})",
    )  # fmt: skip
    train.add_argument(
        "--size", type=size, metavar="HxW",
        help=f"resize the images, height x width (default: {default('size')}; folder: as the files are)",
    )  # fmt: skip
    number("count", "how many scenes to generate for training")
    choice("stride", "FCN-8s, FCN-16s or FCN-32s", int)
    choice("backbone", "the network that gives the features")
    choice("alignment", "how borders are made good; caffe pads the image by 100")
    number("width", "factor on the channels of the backbone", float, "F")
    choice("upsampling", "to the image in one step, as in the paper, or always x2, x2, x8")
    train.add_argument(
        "--learn-upsampling", action="store_true", default=None,
        help=f"learn the bilinear kernels too (default: {default('learn_upsampling')})",
    )  # fmt: skip
    number("epochs", "passes over the training images")
    number("batch_size", "images per step")
    choice("optimizer", "how weights follow the gradient")
    number("lr", "learning rate at the beginning", float, "LR")
    choice("reduction", "what of the loss is made smaller: the mean or the sum over the labelled pixels of a step")
    number("accumulate", "batches whose gradients make one step")
    choice("train_only", "what learns; score: only the layers that score, on a backbone that stays as it is")
    number("weight_decay", "pull of the weights towards 0", float, "F")
    number("momentum", "for sgd", float, "F")
    choice("schedule", "how the learning rate falls")
    choice("balance", "weight rare classes more: median frequency weights, or their square root")
    train.add_argument(
        "--augment", action=argparse.BooleanOptionalAction,
        help=f"mirror, zoom and recolour at random (default: {default('augment')})",
    )  # fmt: skip
    train.add_argument(
        "--allow-absent", action="store_true", default=None,
        help="train although a class never occurs in the training labels (default: no)",
    )  # fmt: skip
    number("seed", "seed of everything random")
    train.add_argument(
        "--profile", type=int, nargs="?", const=PROFILED, metavar="STEPS",
        help=f"print and draw where the time of STEPS steps goes, by operation (default: no; without STEPS {PROFILED})",
    )  # fmt: skip
    train.add_argument("--out", metavar="DIR", help="the folder of the run (default: runs/<data>-fcn<stride>s-<n>)")
    train.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with the run in this folder; only --epochs, --device, --root and --allow-absent may change",
    )

    evaluate = commands.add_parser(
        "evaluate",
        parents=[source, common],
        help="the four metrics of the paper",
        description="Pixel accuracy, mean accuracy, mean IU and frequency weighted IU of trained weights.",
    )
    evaluate.add_argument("--weights", required=True, metavar="RUN_OR_FILE", help="a run, or a file of weights")
    evaluate.add_argument("--data", choices=CHOICES["data"], help="default: the kind the weights were trained on")
    evaluate.add_argument("--split", choices=("train", "val", "test"), default="test", help="default: test")
    evaluate.add_argument("--size", type=size, metavar="HxW", help="resize the images (default: as in training)")
    scenes = ", ".join(f"{split} {count}" for split, count in SCENE_COUNTS.items())
    evaluate.add_argument("--count", type=int, metavar="N", help=f"how many scenes to generate (default: {scenes})")
    evaluate.add_argument("--seed", type=int, metavar="N", help="seed of the scenes (default: as in training)")
    evaluate.add_argument("--out", metavar="DIR", help="where metrics and the confusion picture go (default: here)")

    segment = commands.add_parser(
        "segment",
        parents=[common],
        help="label images",
        description="Write a label image (palette PNG) and an overlay with a legend for every image. Those that cannot "
        "be read are named at the end, and the exit status is 1.",
    )
    segment.add_argument(
        "--weights",
        metavar="RUN_OR_FILE",
        help="a run, or a file of weights (default: a small FCN-8s that knows generated scenes only)",
    )
    segment.add_argument(
        "images", nargs="+", metavar="IMAGE", help='a picture of any size, a folder of them, or a pattern ("in/*.jpg")'
    )
    segment.add_argument(
        "--size", type=size, metavar="HxW", help="look at the images at this size (default: as high as in training)"
    )
    segment.add_argument("--out", metavar="DIR", help="where label images and overlays go (default: segmented/)")

    explain = commands.add_parser(
        "explain",
        help="derive the crops of an FCN",
        description="Print where every feature of a network lies over the image, and so every crop (FCN.explain in "
        "Python; minifcn.explain there says which algorithm computes a convolution).",
    )
    for name, usual in (("backbone", "vgg16"), ("stride", 8), ("alignment", "caffe")):
        explain.add_argument(
            f"--{name}", type=type(usual), choices=CHOICES[name], default=usual, help=f"default: {usual}"
        )

    read = commands.add_parser(
        "read",
        help="the code as a text, in an order to read it in",
        description="Print which files tell the idea, in an order in which one builds on the other, or one of them.",
    )
    read.add_argument("number", type=int, nargs="?", metavar="N", help="print the N-th text (default: the list)")

    check = commands.add_parser(
        "check-data",
        help="say what a data set holds, and what is wrong with it",
        description="Look at every image and label of a data set: sizes, classes, void, splits, odd files. The exit "
        "status is 1 if minifcn train would refuse it.",
    )
    check.add_argument("--data", choices=("folder", "camvid"), default="folder", help="default: folder")
    check.add_argument("--root", required=True, metavar="PATH", help="the folder of the data set")
    check.add_argument("--size", type=size, metavar="HxW", help="resize the images (default: as the files are)")
    check.add_argument("--out", metavar="DIR", help="where the picture of samples goes (default: here)")
    check.add_argument("--quiet", action="store_true", help="no progress bar")

    figures = commands.add_parser(
        "figures",
        help="write the pictures of the lessons",
        description="Write every picture with numbers in it: a .png of each, and of what moves a .gif and a slider.",
    )
    figures.add_argument("folder", nargs="?", metavar="DIR", default="figures", help="default: figures")

    lessons = commands.add_parser(
        "tutorials",
        help="copy the lessons into a folder of yours",
        description="Copy the notebooks of the lessons into a folder. What you changed in one that is there is kept.",
    )
    lessons.add_argument("folder", nargs="?", metavar="DIR", default="tutorials", help="default: tutorials")

    lab.add_to(commands)

    commands.add_parser(
        "doctor",
        help="say whether minifcn can compute here",
        description="Say whether minifcn can compute here, on the CPU and on a GPU, and what to do if not.",
    )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 if part of the work could not be done, 2 for bad input, 130 after
    Ctrl-C, 141 if the pipe was closed into which it wrote.
    """
    status = _main(argv)
    if status == STATUS:
        nothing_is_left_to_stop()
    return status


def _main(argv: Sequence[str] | None) -> int:
    with one_interrupt(), lasting_streams() as (out, err):
        who = "minifcn"
        try:
            arguments = vars(parser().parse_args(argv))
            who = f"minifcn {arguments['command']}"
            with plain_warnings(who):
                status = dispatch(arguments)
        except SystemExit as leaving:  # of the parser, after its help or its complaint
            out.flush()
            if leaving.code == 0 and (status := status_after(out, err, 0, who)):
                raise SystemExit(status) from None
            raise
        except KeyboardInterrupt:
            print(f"{who}: interrupted.", file=err)
            return STATUS
        out.flush()
        return status_after(out, err, status, who)


def dispatch(arguments: dict[str, Any]) -> int:
    """The status of the command that is named in the arguments; what went wrong is one sentence on stderr."""
    command, version = arguments.pop("command"), arguments.pop("version")
    if version:
        from minifcn import __version__

        print(f"minifcn {__version__}")
        return 0
    if command is None:
        parser().print_help()
        return 0
    before = get_float32_matmul_precision()
    try:
        if arguments.get("tf32"):
            set_float32_matmul_precision("high")
        status: int = import_module(f"minifcn.commands.{command.replace('-', '_')}").run(arguments)
        return status
    except MinifcnError as error:
        said = str(error)
    except MemoryError as error:
        smaller = "--batch-size or --size" if command == "train" else "--size"
        said = f"out of memory ({error}); choose a smaller {smaller}."
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        said = f"{place}{error.strerror or error}; check the path and its permissions."
    finally:
        set_float32_matmul_precision(before)
    print(f"minifcn {command}: {said}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
