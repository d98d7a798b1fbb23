"""`minifcn train --stages 32 16 8`: one network after the other, each begun as the one before, in one run folder.

A stage is a run like any other in a folder of its own, so what is stopped goes on in the stage in which it was. What
goes from stage to stage are the weights that were best on validation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from minifcn.commands.options import LR_DIVISOR, Options, options_for
from minifcn.commands.processes import folder_for
from minifcn.commands.reporting import percent
from minifcn.commands.resuming import begun_in, reported, resumed_options
from minifcn.commands.run_folder import held
from minifcn.errors import ArgumentError, FileError
from minifcn.machine.processes import ALONE, ProcessGroup
from minifcn.training import CHECKPOINT_FILE
from minifcn.training.recipe import RECIPE_FILE, Recipe, check_stages
from minifcn.training.staged import METRICS_FILE, STAGES_FILE, is_staged, stage_folder
from minifcn.weights import write_text_atomic

Work = Callable[..., object]  # the `work` of train.py


@dataclass(frozen=True)
class Plan:
    """Which networks are trained one after the other, and how. options: of the first."""

    stages: tuple[int, ...]
    lr_divisor: float
    options: Options
    recipe: Recipe | None = None

    @property
    def name(self) -> str:
        """What the folder of the run is called."""
        head = self.options.head
        if head == "deconvnet":
            return f"{self.options.data}-deconvnet"
        return f"{self.options.data}-{head}{'-'.join(map(str, self.stages))}s"

    def of(self, index: int) -> Options:
        """The options of a stage: its stride, and its learning rate lr/lr_divisor^index."""
        return replace(self.options, stride=self.stages[index], lr=self.options.lr / self.lr_divisor**index)

    def write(self, folder: Path) -> None:
        """The plan, if there is more than one stage, and the recipe word for word, if there is one."""
        if self.recipe is not None:
            write_text_atomic(folder / RECIPE_FILE, self.recipe.text)
        if len(self.stages) > 1:
            said = {"stages": self.stages, "lr_divisor": self.lr_divisor, "options": self.options.to_dict()}
            write_text_atomic(folder / STAGES_FILE, json.dumps(said, indent=1) + "\n")


def plan_for(given: dict[str, Any]) -> Plan:
    """The plan from what the user gave, None where nothing was; `recipe`, `stages` and `lr_divisor` are taken out."""
    recipe, stages, divisor = (given.pop(name, None) for name in ("recipe", "stages", "lr_divisor"))
    recipe = None if recipe is None else Recipe.read(recipe)
    if stages is not None and given["stride"] is not None:
        raise ArgumentError(f"--stride {given['stride']} cannot be given with --stages; leave one of the two out.")
    if stages is None and given["stride"] is None and recipe is not None and recipe.stages:
        stages = recipe.stages
    elif stages is not None:
        stages = check_stages(stages)
    if stages is not None:
        given = {**given, "stride": stages[0]}
    options = options_for(given, recipe)
    stages = stages or (options.stride,)
    if len(stages) > 1 and options.head != "fcn":
        raise ArgumentError(f"--head {options.head} has no stages, as it adds no scores; leave one of the two out.")
    if divisor is not None and len(stages) == 1:
        raise ArgumentError(f"--lr-divisor {divisor:g} is for several stages; pass --stages 32 16 8, or leave it out.")
    if divisor is None:
        divisor = LR_DIVISOR if recipe is None else recipe.lr_divisor
    if not 1 <= divisor < float("inf"):
        raise ArgumentError(f"--lr-divisor must be at least 1 and finite, got {divisor:g}.")
    plan = Plan(stages, divisor, options, recipe)
    for index in range(len(stages)):
        plan.of(index)  # what does not fit a later stage is said now
    return plan


def plan_in(folder: Path, given: dict[str, Any]) -> Plan:
    """The plan of a run that goes on, with what may change; FileError for a damaged one."""
    path = folder / STAGES_FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        stages, divisor, stored = check_stages(said["stages"]), float(said["lr_divisor"]), dict(said["options"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).rstrip(".")
        raise FileError(f"{path}: the plan of the run is damaged ({reason}); start the run again.") from None
    options = resumed_options(given, stored, path)
    if options.epochs != stored["epochs"]:
        raise ArgumentError(
            f"--epochs cannot change for a run in stages, which has {stored['epochs']} in each; resume one of them "
            f"alone, as {stage_folder(folder, stages[-1])}, to train it for longer."
        )
    plan = Plan(stages, divisor, options)
    if all(finished(folder, stride, options) for stride in stages):
        raise ArgumentError(
            f"{folder} has finished its {len(stages)} stages; resume one of them alone, as "
            f"{stage_folder(folder, stages[-1])}, with more --epochs to go on."
        )
    return plan


def finished(run: Path, stride: int, options: Options) -> bool:
    """Whether that stage has been trained to its end and reported."""
    return reported(stage_folder(run, stride) / METRICS_FILE) >= options.epochs


def work_through(
    run: Path, plan: Plan, work: Work, quiet: bool, steps: int | None, group: ProcessGroup = ALONE
) -> None:
    """The one network of the plan, in the folder of the run; or each that is not finished, in a folder below it."""

    def begin() -> None:
        if group.rank == 0:
            plan.write(run)

    if len(plan.stages) == 1:
        work(run, plan.options, None, quiet, steps, group, begin=begin)
        return
    if steps is not None:
        raise ArgumentError(
            "--profile is for one network; choose one with --stages 8, or leave --stages or --profile out."
        )
    goes_on = is_staged(run)
    coarser: Path | None = None
    for index, stride in enumerate(plan.stages):
        folder, options = stage_folder(run, stride), plan.of(index)
        if not finished(run, stride, options):
            print(f"\nstage {index + 1} of {len(plan.stages)}: FCN-{stride}s, learning rate {options.lr:.3g}")
            with folder_for(group, partial(_stage, folder)):
                begun = begun_in(folder) if (folder / CHECKPOINT_FILE).exists() else None
                work(folder, options, begun, quiet, None, group, coarser, (lambda: None) if goes_on else begin)
                goes_on = True
        coarser = folder
    if group.rank == 0:
        print(f"\n{summary(run, plan.stages)}")


def latest(run: Path) -> Path:
    """The folder of the last checkpoint: `run` itself, or that of one of its stages."""
    begun = [stage_folder(run, stride) for stride in (8, 16, 32)] if is_staged(run) else []
    return next((folder for folder in begun if (folder / CHECKPOINT_FILE).exists()), run)


def summary(run: Path, stages: tuple[int, ...]) -> str:
    """A line for each stage, from its report."""
    lines = ["stage     seconds  validation      test  (mean IU)"]
    for stride in stages:
        report = json.loads((stage_folder(run, stride) / METRICS_FILE).read_text(encoding="utf-8"))
        scores = [entry["val_mean_iu"] for entry in report["history"] if entry["val_mean_iu"] is not None]
        best, test = percent(max(scores, default=None)), percent(report["test"]["mean_iu"])
        lines.append(f"FCN-{f'{stride}s':<4}{report['seconds']:>9.0f}{best:>12}{test:>10}")
    return "\n".join([*lines, f"minifcn evaluate and segment take {run}, and use its last stage."])


@contextmanager
def _stage(folder: Path) -> Iterator[None]:
    """Nobody else works in the stage; if nothing comes to be in its folder, it is gone again."""
    try:
        with held(folder):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()
