"""`minifcn train`: from images to a trained network, its metrics and its pictures, in one folder."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from minifcn import data, optim
from minifcn.commands.options import BALANCE, Options, options_for
from minifcn.commands.profiling import StepProfile
from minifcn.commands.reporting import Progress, metrics_table, versions
from minifcn.data import Dataset
from minifcn.data.transforms import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip, RandomScale, Transform
from minifcn.errors import ArgumentError, FileError
from minifcn.machine.profiling import section
from minifcn.models import FCN
from minifcn.tensor import Tensor
from minifcn.training import (
    CHECKPOINT_FILE,
    WEIGHTS_FILE,
    Card,
    Interrupted,
    State,
    evaluate,
    load_network,
    predictions,
    read_checkpoint,
    restore,
    save_checkpoint,
    save_network,
    stop_on_interrupt,
    train,
)
from minifcn.training.balance import median_frequency_weights
from minifcn.weights import write_text_atomic

METRICS_FILE = "metrics.json"
GALLERY_ROWS = 6
MEMORY_BYTES, BYTES_PER_PIXEL = 1 << 30, 4  # three of the image and one of the label
CHANGEABLE = ("epochs", "device", "root")  # what may differ when a run goes on


def run(arguments: dict[str, Any]) -> int:
    """Train, or go on with a run; returns the exit status."""
    quiet, out, resume = arguments.pop("quiet"), arguments.pop("out"), arguments.pop("resume")
    steps = arguments.pop("profile", None)
    if steps is not None and steps < 1:
        raise ArgumentError(f"--profile must be at least 1 step, got {steps}.")
    state, saved = State(), None
    if resume is None:
        options = options_for(arguments)
        folder = new_folder(out, options)
    else:
        folder = Path(resume)
        if out is not None:
            raise ArgumentError(f"--out {out} cannot be given with --resume; the run goes on in {folder}.")
        card, state, stored, saved = read_checkpoint(folder / CHECKPOINT_FILE)
        options = resumed_options(arguments, stored, folder / CHECKPOINT_FILE)
        # Without metrics.json the run was interrupted after its last epoch: what is left to do is to report.
        if state.epoch >= options.epochs and (folder / METRICS_FILE).exists():
            raise ArgumentError(
                f"{folder} has finished: {state.epoch} of {options.epochs} epochs are done; "
                f"pass --epochs with more than {state.epoch} to go on."
            )
    training, validation, test = splits(options)
    if resume is None:
        card = card_of(options, training)
    card.check_classes(training, str(folder))
    model = card.build(np.random.default_rng(options.seed)).to(options.device)
    optimizer, schedule, loader = learning(options, model, training)
    if saved is not None:
        restore(folder / CHECKPOINT_FILE, saved, model, optimizer)
        schedule.last_epoch = state.epoch * len(loader) + state.step
    weight = None
    if options.balance != "none":
        weight = Tensor(median_frequency_weights(training, BALANCE[options.balance]), device=options.device)

    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"FCN-{options.stride}s on {options.backbone} ({parameters:,} parameters), {len(training)} training, "
        f"{len(validation)} validation and {len(test)} test images of {training.name}; into {folder}"
    )
    started = time.perf_counter() - (state.history[-1]["seconds"] if state.history else 0.0)

    def save(state: State) -> None:
        with section("saving", whole=True):
            save_checkpoint(folder / CHECKPOINT_FILE, model, optimizer, card, state, options.to_dict())

    left = options.epochs * len(loader) - schedule.last_epoch
    with (
        made(folder),
        stop_on_interrupt() as should_stop,
        Progress(options, state, len(training), quiet) as progress,
        StepProfile(steps, left, folder, progress.write) as profile,
    ):

        def after_step(state: State, loss: float, images: int) -> None:
            progress.step(state, loss, images)
            profile.step(images)

        def after_epoch(state: State) -> None:
            with section("evaluation", whole=True):
                score = evaluate(model, validation).mean_iu()
            entry = state.history[-1]
            entry |= {
                "step": state.epoch * len(loader),
                "val_mean_iu": None if np.isnan(score) else score,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": time.perf_counter() - started,
            }
            if state.best < 0 or score > state.best:
                state.best = float(np.nan_to_num(score))
                save_network(folder / WEIGHTS_FILE, model, card)
            save(state)
            progress.epoch(entry)

        try:
            train(
                model,
                loader,
                optimizer,
                schedule,
                epochs=options.epochs,
                seed=options.seed,
                state=state,
                class_weight=weight,
                after_step=after_step,
                after_epoch=after_epoch,
                on_stop=save,
                should_stop=should_stop,
                look_every=0.2 if steps is None else 0.0,  # a profile has to begin and end between two steps
            )
        except Interrupted as error:
            profile.finish()
            progress.close()
            go_on = f"minifcn train --resume {quote(str(folder))}"
            print(f"{error} Everything is saved; go on with: {go_on}", file=sys.stderr)
            return 130
    seconds = state.history[-1]["seconds"]
    finish(folder, options, test, state.history, seconds)
    return 0


def resumed_options(arguments: dict[str, Any], stored: dict[str, Any], path: Path) -> Options:
    """The options of the run that goes on; only how long and where it runs may change."""
    before = Options.from_dict(stored, path)
    changes = {name: value for name, value in arguments.items() if value is not None and value != getattr(before, name)}
    for name, value in changes.items():
        if name not in CHANGEABLE:
            option, allowed = name.replace("_", "-"), ", ".join(f"--{each}" for each in CHANGEABLE)
            raise ArgumentError(
                f"--{option} is {shown(getattr(before, name))} in this run and cannot become {shown(value)} with "
                f"--resume, which can change {allowed}; leave --{option} out or start a new run."
            )
    return replace(before, **changes)


def shown(value: Any) -> str:
    """As it is written on the command line."""
    return "x".join(str(side) for side in value) if isinstance(value, tuple) else str(value)


def splits(options: Options) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test data. The network is chosen on validation and reported on test."""
    counts = {"train": options.count, "val": None, "test": None}
    training, validation, test = (
        data.open_dataset(options.data, options.root, split, options.size, options.seed, count)
        for split, count in counts.items()
    )
    return kept_in_memory(training, options), kept_in_memory(validation, options), test


def kept_in_memory(dataset: Dataset, options: Options) -> Dataset:
    """The data set in memory after its first epoch, where it fits: reading files again costs time in every epoch."""
    if options.size is None or len(dataset) * options.size[0] * options.size[1] * BYTES_PER_PIXEL > MEMORY_BYTES:
        return dataset
    return data.InMemory(dataset)


def card_of(options: Options, training: Dataset) -> Card:
    return Card.describing(
        options.data,
        training,
        options.size,
        backbone=options.backbone,
        stride=options.stride,
        alignment=options.alignment,
        width=options.width,
        learn_upsampling=options.learn_upsampling,
        upsampling=options.upsampling,
    )


def new_folder(out: str | None, options: Options) -> Path:
    """Where a new run will be. An existing run is never overwritten."""
    if out is None:
        name, number = f"{options.data}-fcn{options.stride}s", 1
        while (folder := Path("runs") / f"{name}-{number}").exists():
            number += 1
    else:
        folder = Path(out)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileError(
                f"--out {folder} exists and is not an empty folder; name a new one, or use --resume {folder}."
            )
    return folder


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Makes the folder of a run, after all else that can fail; if nothing comes to be in it, it is gone again."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from None
    if not os.access(folder, os.W_OK | os.X_OK):  # now, and not after an hour of training
        raise FileError(f"{folder} cannot be written to; change its permissions or choose another folder.")
    try:
        yield
    finally:
        if new:
            with suppress(OSError):
                folder.rmdir()  # which refuses a folder that is not empty


def learning(
    options: Options, model: FCN, training: Dataset
) -> tuple[optim.Optimizer, optim.LRScheduler, data.DataLoader]:
    """Optimiser, schedule (one step per batch) and loader."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if options.optimizer == "sgd":
        optimizer: optim.Optimizer = optim.SGD(learned, options.lr, options.momentum, weight_decay=options.weight_decay)
    else:
        kind = optim.AdamW if options.optimizer == "adamw" else optim.Adam
        optimizer = kind(learned, options.lr, weight_decay=options.weight_decay)
    transform = augmentation(training, options.size) if options.augment else None
    loader = data.DataLoader(
        training, options.batch_size, shuffle=True, transform=transform, seed=options.seed, prefetch=True
    )
    schedule = scheduled(options.schedule, optimizer, options.epochs * len(loader))
    return optimizer, schedule, loader


def scheduled(name: str, optimizer: optim.Optimizer, steps: int) -> optim.LRScheduler:
    """How the learning rate falls over all steps of the run."""
    if name == "poly":
        return optim.PolynomialLR(optimizer, steps, power=0.9)
    if name == "cosine":
        return optim.CosineAnnealingLR(optimizer, steps)
    if name == "step":
        return optim.StepLR(optimizer, max(1, steps // 3), gamma=0.1)
    return optim.StepLR(optimizer, steps, gamma=1.0)


def augmentation(training: Dataset, size: tuple[int, int] | None) -> Compose:
    """Mirror, zoom and colour: what a road scene looks like under other circumstances."""
    steps: list[Transform] = [RandomHorizontalFlip(), ColorJitter(0.2, 0.2, 0.2)]
    if size is not None:
        steps[1:1] = [RandomScale(0.75, 1.5), RandomCrop(size, training.mean)]
    return Compose(steps)


def finish(folder: Path, options: Options, test: Dataset, history: list[dict[str, Any]], seconds: float) -> None:
    """Measure the best weights on the test data, write metrics and pictures, and say where everything is."""
    from minifcn.plot import confusion, gallery, learning_curve, save_figure

    model, card = load_network(folder)
    model.to(options.device)
    matrix = evaluate(model, test)
    rows = np.linspace(0, len(test) - 1, min(GALLERY_ROWS, len(test))).astype(int)
    examples = list(predictions(model, test, rows))
    save_figure(learning_curve(curve(history)), folder / "learning_curve.png")
    save_figure(confusion(matrix.hist, test.classes), folder / "confusion.png")
    images, truths, labels = zip(*((s.image, s.label, p) for s, p in examples), strict=True)
    save_figure(gallery(images, truths, labels, test.classes, np.array(card.palette, np.uint8)), folder / "gallery.png")
    report = {
        "options": options.to_dict(),
        "test": matrix.summary(list(test.classes)),
        "confusion": matrix.hist.tolist(),
        "history": history,
        "seconds": seconds,
        "versions": versions(options.device),
    }
    write_text_atomic(folder / METRICS_FILE, json.dumps(report, indent=1) + "\n")  # the last: a run with it is finished
    print(metrics_table(matrix, test, "test"))
    print(f"\ntrained in {seconds:.0f} s; the best of {len(history)} epochs on validation is in {folder}:")
    for name, what in (
        (WEIGHTS_FILE, "the weights"),
        (METRICS_FILE, "all numbers"),
        ("learning_curve.png", "loss and mean IU, epoch by epoch"),
        ("gallery.png", "image | truth | prediction | errors"),
        ("confusion.png", "which class is taken for which"),
        (CHECKPOINT_FILE, "for --resume"),
    ):
        print(f"  {folder / name}  {what}")


def curve(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One point per step, at a fraction of its epoch; what was measured once per epoch stands at the last of them."""
    points = []
    for entry in history:
        count = len(entry["losses"])
        start = entry["epoch"] - 1
        steps = [{"epoch": start + (i + 1) / count, "loss": loss} for i, loss in enumerate(entry["losses"])]
        points += [*steps[:-1], {**steps[-1], **{key: entry[key] for key in ("val_mean_iu", "learning_rate")}}]
    return points
