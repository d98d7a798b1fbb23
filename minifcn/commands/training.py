"""What `minifcn train` is told: its options, each with what a run takes if it is not given."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from minifcn.commands.options import CHOICES, DEFAULTS, FOLDER_FORMAT, LR_DIVISOR, PROFILED, Options
from minifcn.commands.parsing import Parser, add_inside, size
from minifcn.training.recipe import RECIPES
from minifcn.weights.preprocessing import KINDS as WEIGHTS_KINDS


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


def add_to(commands: Any, parents: Sequence[Parser]) -> None:
    """Adds the command to those of the command line. parents: options that it shares with others."""
    train = commands.add_parser(
        "train",
        parents=parents,
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
        help=f"resize the images, height x width (default: {default('size')}; voc, folder: as the files are)",
    )  # fmt: skip
    number("count", "how many scenes to generate for training")
    choice("stride", "FCN-8s, FCN-16s or FCN-32s", int)
    choice("head", "the way to scores: skips, dilations in place of strides, four dilations, or a mirror image")
    choice("backbone", "the network that gives the features")
    choice("alignment", "how borders are made good; caffe pads the image by 100")
    number("width", "factor on the channels of the backbone", float, "F")
    train.add_argument(
        "--weights", metavar="FILE",
        help="start from a trunk of PyTorch, Caffe, Keras or minifcn: .pth, .caffemodel, .h5, .npz, .safetensors "
        "(default: from nothing)",
    )  # fmt: skip
    train.add_argument(
        "--weights-kind", choices=tuple(WEIGHTS_KINDS),
        help="how images were prepared for --weights (default: as the names in the file tell); weights of Caffe under "
        "torchvision's names are caffe",
    )  # fmt: skip
    add_inside(train)
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
    train.add_argument(
        "--processes", type=int, metavar="N",
        help='train in N processes on this machine, each a share of every batch; needs: pip install "minifcn[mpi]"; '
        "elsewhere too: mpiexec -n N minifcn train (default: 1)",
    )  # fmt: skip
    train.add_argument(
        "--sync-batch-norm", action="store_true", default=None,
        help="batch norm takes the statistics of the batch from all processes (default: no, each has its own)",
    )  # fmt: skip
    train.add_argument("--out", metavar="DIR", help="the folder of the run (default: runs/<data>-fcn<stride>s-<n>)")
    train.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with the run in this folder; only --epochs, --device, --root, --sbd and --allow-absent may change",
    )
