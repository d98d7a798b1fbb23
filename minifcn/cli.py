"""The command line: `minifcn train`, `minifcn evaluate`, `minifcn segment`, `minifcn export`, `minifcn explain`,
`minifcn read`, `minifcn figures`, `minifcn tutorials`, `minifcn lab`, `minifcn doctor`, `minifcn check-data`,
`minifcn bounds`, `minifcn weights`.

Errors that minifcn raises on purpose are printed as the one sentence they are, with exit status 2 and no traceback.
The commands are imported when they are called, so `minifcn --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from minifcn.commands import lab, training, weights
from minifcn.commands.options import CHOICES
from minifcn.commands.parsing import Parser, device, size, stride
from minifcn.commands.processes import in_processes, is_idle
from minifcn.commands.terminal import lasting_streams, one_interrupt, plain_warnings, sentence_of, status_after
from minifcn.commands.training import default
from minifcn.data import SCENE_COUNTS, SPLITS
from minifcn.errors import MinifcnError
from minifcn.machine.tf32 import get_float32_matmul_precision, set_float32_matmul_precision
from minifcn.starting import STATUS, nothing_is_left_to_stop


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
    source.add_argument("--root", metavar="PATH", help="the folder of camvid, voc or folder data; a run knows its own")
    source.add_argument("--sbd", metavar="PATH", help="SBD, for voc to learn; seg11valid is measured (default: none)")

    training.add_to(commands, [source, common])
    evaluate = commands.add_parser(
        "evaluate",
        parents=[source, common],
        help="the four metrics of the paper",
        description="Pixel accuracy, mean accuracy, mean IU and frequency weighted IU of trained weights.",
    )
    evaluate.add_argument("--weights", required=True, metavar="RUN_OR_FILE", help="a run, or a file of weights")
    evaluate.add_argument("--data", choices=CHOICES["data"], help="default: the kind the weights were trained on")
    evaluate.add_argument("--split", choices=SPLITS, help="default: test; voc val, or seg11valid with --sbd")
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

    export = commands.add_parser(
        "export",
        help="write a network as an ONNX file",
        description="Write trained weights as an ONNX file, which onnxruntime and other programs run without minifcn; "
        'it needs: pip install "minifcn[export]". How an image is prepared for it stands in its metadata.',
    )
    export.add_argument("weights", metavar="RUN_OR_FILE", help="a run, or a file of weights")
    export.add_argument("file", metavar="OUT.onnx", help="the file to write; one that is there is not written over")
    export.add_argument(
        "--size", type=size, metavar="HxW", help="a file for images of this size only (default: for every size)"
    )

    explain = commands.add_parser(
        "explain",
        help="derive the crops of an FCN",
        description="Print where every feature of a network lies over the image, and so every crop (FCN.explain in "
        "Python; minifcn.explain there says which algorithm computes a convolution).",
    )
    for name, usual in (("head", "fcn"), ("backbone", "vgg16")):
        explain.add_argument(f"--{name}", choices=CHOICES[name], default=usual, help=f"default: {usual}")
    explain.add_argument("--stride", type=int, choices=CHOICES["stride"], help="default: 8")
    usual = "default: caffe as in the paper, compact with another head"
    explain.add_argument("--alignment", choices=CHOICES["alignment"], help=usual)
    explain.add_argument(
        "--size", type=size, metavar="HxW", default=(500, 500), help="of the image (default: 500x500, as in the paper)"
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
    check.add_argument("--data", choices=("folder", "camvid", "voc"), default="folder", help="default: folder")
    check.add_argument("--sbd", metavar="PATH", help="the folder of SBD, with --data voc (default: none)")
    check.add_argument("--root", required=True, metavar="PATH", help="the folder of the data set")
    check.add_argument("--size", type=size, metavar="HxW", help="resize the images (default: as the files are)")
    check.add_argument("--out", metavar="DIR", help="where the picture of samples goes (default: here)")
    check.add_argument("--quiet", action="store_true", help="no progress bar")

    bounds = commands.add_parser(
        "bounds",
        parents=[source],
        help="what a stride costs, before a network is trained",
        description="The mean IU that a network would have if it made no mistake, but decided once for each block of "
        "stride x stride pixels, beside the table of the paper.",
    )
    bounds.add_argument("--data", choices=CHOICES["data"], default="scenes", help="default: scenes")
    bounds.add_argument("--split", choices=SPLITS, help="default: test; voc val, or seg11valid with --sbd")
    bounds.add_argument("--strides", type=stride, nargs="+", metavar="N", help="default: 128 64 32 16 8 4")
    bounds.add_argument("--size", type=size, metavar="HxW", help="resize the labels (default: as the files are)")
    bounds.add_argument("--count", type=int, metavar="N", help=f"how many scenes to generate (default: {scenes})")
    bounds.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the scenes (default: 0)")
    bounds.add_argument(
        "--out", metavar="DIR", help="write all numbers into this folder (default: print the table only)"
    )
    bounds.add_argument("--quiet", action="store_true", help="no progress bar")

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
    weights.add_to(commands)

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
            typed = sys.argv[1:] if argv is None else list(argv)
            arguments = vars(parser().parse_args(typed))
            who = f"minifcn {arguments['command']}"
            with plain_warnings(who):
                status = dispatch(arguments, typed)
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


def dispatch(arguments: dict[str, Any], typed: Sequence[str]) -> int:
    """The status of the command that was typed, in these arguments; what went wrong is one sentence on stderr."""
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
        if is_idle(command):
            return 0
        if (elsewhere := in_processes(arguments.pop("processes", None), typed)) is not None:
            return elsewhere
        status: int = import_module(f"minifcn.commands.{command.replace('-', '_')}").run(arguments)
        return status
    except (MinifcnError, MemoryError, OSError) as error:
        said = sentence_of(error, command)
    finally:
        set_float32_matmul_precision(before)
    print(f"minifcn {command}: {said}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
