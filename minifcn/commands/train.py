"""`minifcn train`: from images to a trained network, its metrics and its pictures, in one folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, cast

import numpy as np

from minifcn import data
from minifcn.commands.finishing import finish
from minifcn.commands.learning import learning, warning_of_rate
from minifcn.commands.looking import Looked, look, say
from minifcn.commands.options import Options, check_tf32
from minifcn.commands.prepared import Prepared, begun_with_weights
from minifcn.commands.processes import folder_for, in_how_many, leave, share_numbers, together
from minifcn.commands.profiling import StepProfile
from minifcn.commands.reporting import Progress
from minifcn.commands.resuming import (
    Begun,
    begun_in,
    check_epochs,
    folder_to_resume,
    resumed_options,
    saved_state,
)
from minifcn.commands.run_folder import held, new_run
from minifcn.commands.staging import latest, plan_for, plan_in, work_through
from minifcn.data import Dataset
from minifcn.data.survey import WORDS
from minifcn.errors import ArgumentError
from minifcn.machine.processes import ProcessGroup
from minifcn.machine.profiling import section
from minifcn.models import FCN, from_coarser
from minifcn.models.heads import called
from minifcn.nn import SyncBatchNorm
from minifcn.starting import STATUS
from minifcn.tensor import Tensor
from minifcn.training import (
    CHECKPOINT_FILE,
    WEIGHTS_FILE,
    Card,
    Interrupted,
    State,
    evaluate,
    load_network,
    restore,
    save_checkpoint,
    save_network,
    stop_on_interrupt,
    train,
)
from minifcn.training.groups import train_only
from minifcn.training.objective import Objective
from minifcn.training.parallel import share_statistics, share_weights
from minifcn.training.staged import is_staged

MEMORY_BYTES, BYTES_PER_PIXEL = 1 << 30, 4  # three of the image and one of the label


def run(arguments: dict[str, Any]) -> int:
    """Train, or go on with a run; returns the exit status."""
    with together("train") as group:
        return run_in(group, arguments)


def run_in(group: ProcessGroup, arguments: dict[str, Any]) -> int:
    """The same, in one of the processes that do it together."""
    quiet, out, resume = arguments.pop("quiet"), arguments.pop("out"), arguments.pop("resume")
    steps, tf32 = arguments.pop("profile", None), arguments.pop("tf32", False)
    if steps is not None and steps < 1:
        raise ArgumentError(f"--profile must be at least 1 step, got {steps}.")
    if resume is None:
        plan = plan_for(arguments)
        check_tf32(tf32, plan.options.device)
        with folder_for(group, lambda: new_run(out, plan.name)) as folder:
            return guarded(folder, group, lambda: work_through(folder, plan, work, quiet, steps, group))
    folder = folder_to_resume(resume)
    if out is not None:
        raise ArgumentError(f"--out {out} cannot be given with --resume; the run goes on in {folder}.")
    for name in ("recipe", "stages", "lr_divisor"):
        if arguments.pop(name, None) is not None:
            option = name.replace("_", "-")
            raise ArgumentError(f"--{option} cannot be given with --resume; {folder} goes on as it began.")
    with folder_for(group, lambda: held(folder)):
        if is_staged(folder):
            plan = plan_in(folder, arguments)
            check_tf32(tf32, plan.options.device)
            return guarded(folder, group, lambda: work_through(folder, plan, work, quiet, steps, group))
        begun = begun_in(folder)
        options = resumed_options(arguments, begun.stored, folder / CHECKPOINT_FILE)
        check_tf32(tf32, options.device)
        check_epochs(folder, begun.state, options.epochs)
        return guarded(folder, group, lambda: work(folder, options, begun, quiet, steps, group))


def guarded(folder: Path, group: ProcessGroup, action: Callable[[], object]) -> int:
    """The status after `action`; where it was stopped, it is said what is saved and how to go on."""
    at_once = False
    try:
        action()
        return 0
    except Interrupted as error:
        said = f"{error} Everything is saved; "
    except KeyboardInterrupt:
        at_once = True
        if not (latest(folder) / CHECKPOINT_FILE).exists():
            print("stopped at once; nothing had been saved yet.", file=sys.stderr)
            leave(group, STATUS)
            return STATUS
        state = saved_state(latest(folder))
        where = f"epoch {state.epoch + 1}, step {state.step}" if state.step else f"epoch {state.epoch}"
        said = f"stopped at once; saved is what was done after {where}; "
    print(f"{said}go on with: minifcn train --resume {quote(str(folder))}", file=sys.stderr)
    if at_once:
        leave(group, STATUS)
    return STATUS


def work(
    folder: Path,
    options: Options,
    begun: Begun | None,
    quiet: bool,
    steps: int | None,
    group: ProcessGroup,
    coarser: Path | None = None,
    begin: Callable[[], object] = lambda: None,
) -> None:
    """The run of one network, in a folder that nobody else writes to.

    coarser: the run whose weights a new one begins with. begin: called once before it trains, when nothing was wrong.
    """
    training, validation, test = splits(options, group)
    of_splits = {"train": training, "val": validation} | ({} if test is validation else {"test": test})
    reported = data.reported_split(options.data, options.sbd)
    # One process looks at the data, and tells the others what the classes weigh.
    looked = Looked(None, {}) if group.rank else look(of_splits, options, quiet, None if begun is None else folder)
    weights = share_numbers(group, looked.weights)
    card, state = (card_of(options, training), State()) if begun is None else (begun.card, begun.state)
    card.check_classes(training, str(folder))
    model = card.build(np.random.default_rng(options.seed))
    if begun is None and coarser is None:
        card = begun_with_weights(model, card, options)
    elif begun is None and coarser is not None:
        before_it, its_card = load_network(coarser)
        card = replace(card, mean=its_card.mean, std=its_card.std)  # as for the weights that it began with
        print(f"begins as {coarser}: {from_coarser(cast(FCN, before_it), cast(FCN, model))}")  # others have no stages
    if options.weights is not None:
        training, validation = Prepared(training, card), Prepared(validation, card)
        test = Prepared(test, card)
    device = group.device(options.device)
    model.to(device)
    if options.sync_batch_norm and group.size > 1:
        SyncBatchNorm.convert_sync_batchnorm(model, group)
    elif options.sync_batch_norm:
        say("train", "--sync-batch-norm changes nothing in one process; give it with --processes N.")
    resting = train_only(model, options.train_only)
    optimizer, schedule, loader = learning(options, model, training, group)
    if coarser is None and begun is None and (warning := warning_of_rate(options, training)):
        say("train", warning)
    if begun is not None:
        restore(folder / CHECKPOINT_FILE, begun.arrays, model, optimizer)
        before = optimizer.param_groups[0]["lr"]
        schedule.last_epoch = state.epoch * len(loader) + state.step
    share_weights(model, group)
    weight = None if weights is None else Tensor(weights, device=device)

    if test is validation:
        say("train", f"{training.name} has no more labels: the best epoch is chosen on {reported}, and reported on it.")
    begin()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    counts = ", ".join(f"{len(each)} {WORDS[split]}" for split, each in of_splits.items())
    print(
        f"{called(options.head, options.stride)} on {options.backbone} ({parameters:,} parameters), "
        f"{' and '.join(counts.rsplit(', ', 1))} images of {training.name}; into {folder}"
        + in_how_many(group, options.batch_size)
    )
    if begun is not None and begun.stored["epochs"] != options.epochs and before != schedule.get_last_lr()[0]:
        print(
            f"with --epochs {options.epochs} the {options.schedule} schedule, made for {begun.stored['epochs']}, "
            f"begins anew: the learning rate goes on at {schedule.get_last_lr()[0]:.3g} instead of {before:.3g}"
        )
    started = time.perf_counter() - (state.history[-1].get("seconds", 0.0) if state.history else 0.0)
    left = options.epochs * len(loader) - schedule.last_epoch
    with (
        stop_on_interrupt(silent=group.rank > 0) as stop,
        Progress(options, state, len(training), quiet) as progress,
        StepProfile(None if group.rank else steps, left, folder, progress.write) as profile,
    ):

        def save(state: State) -> None:
            if group.rank:
                return
            with section("saving", whole=True), stop.held():
                save_checkpoint(folder / CHECKPOINT_FILE, model, optimizer, card, state, options.to_dict())

        def after_step(state: State, loss: float, images: int) -> None:
            progress.step(state, loss, images)
            profile.step(images)

        def after_epoch(state: State) -> None:
            state.history[-1] |= {"step": state.epoch * len(loader), "seconds": time.perf_counter() - started}
            save(state)  # before the validation, which can take long
            share_statistics(model, group)
            validate(state)

        def validate(state: State) -> None:
            def look_up(images: int) -> None:
                if stop():
                    raise Interrupted

            try:
                with section("evaluation", whole=True):
                    matrix = evaluate(model, validation, look_up, group)
            except Interrupted:
                raise Interrupted(f"stopped after epoch {state.epoch}, before its validation was done.") from None
            score = matrix.mean_iu() if matrix.hist.any() else float("nan")  # all void: said before the first epoch
            entry = state.history[-1]
            entry |= {"val_mean_iu": None if np.isnan(score) else score, "seconds": time.perf_counter() - started}
            # Without a score there is no best epoch: then the last one is kept.
            if score > state.best or (np.isnan(score) and state.best < 0):
                state.best = score if score > state.best else state.best
                if group.rank == 0:
                    save_network(folder / WEIGHTS_FILE, model, card, looked.notes)
            save(state)
            progress.epoch(entry)

        try:
            if state.history and "val_mean_iu" not in state.history[-1]:
                validate(state)
            train(
                model,
                loader,
                optimizer,
                schedule,
                epochs=options.epochs,
                seed=options.seed,
                state=state,
                class_weight=weight,
                objective=Objective(options.reduction, options.accumulate),
                resting=resting,
                after_step=after_step,
                after_epoch=after_epoch,
                on_stop=save,
                should_stop=stop,
                look_every=0.2 if steps is None else 0.0,  # a profile has to begin and end between two steps
                group=group,
            )
        except Interrupted:
            profile.finish()
            raise
    best = card.build(np.random.default_rng(options.seed)).eval() if group.rank else load_network(folder)[0]
    best.to(device)
    share_weights(best, group)
    matrix = evaluate(best, test, group=group)
    if group.rank == 0:
        finish(folder, options, test, best, matrix, state.history, group.size)


def splits(options: Options, group: ProcessGroup) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test data. The network is chosen on validation and reported on test.

    Where validation data are reported, too, test is the same object.
    """

    def opened(split: str, count: int | None = None) -> Dataset:
        return data.open_dataset(options.data, options.root, split, options.size, options.seed, count, options.sbd)

    of = data.splits_of(options.data, options.sbd)
    training = kept_in_memory(opened(of["train"], options.count), options, group)
    validation = kept_in_memory(opened(of["val"]), options, group)
    return training, validation, opened(of["test"]) if "test" in of else validation


def kept_in_memory(dataset: Dataset, options: Options, group: ProcessGroup) -> Dataset:
    """The data set in memory after its first epoch, where it fits: reading files again costs time in every epoch.

    In the memory of each process, as all of them meet all images in time.
    """
    H, W = options.size or (0, 0)
    if options.size is None or len(dataset) * H * W * BYTES_PER_PIXEL * group.size > MEMORY_BYTES:
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
        at_once=options.at_once,
        head=options.head,
        recipe=options.recipe,
    )
