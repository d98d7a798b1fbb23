"""What a run shows while it works."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from minifcn.commands.options import Options
from minifcn.metrics import ConfusionMatrix
from minifcn.training import State


class Progress:
    """A tqdm bar over all images of a run: loss, mean IU on validation, images per second, time left."""

    def __init__(self, options: Options, state: State, images: int, quiet: bool) -> None:
        from tqdm import tqdm

        done = state.epoch * images + min(state.step * options.batch_size, images)
        self.epochs = options.epochs
        self.bar = tqdm(
            total=options.epochs * images,
            initial=done,
            unit="img",
            disable=quiet,
            dynamic_ncols=True,
            mininterval=0.5,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}<{remaining}, {rate_fmt}{postfix}]",
        )
        scores = [entry["val_mean_iu"] for entry in state.history if entry.get("val_mean_iu") is not None]
        self.mean_iu = f"{scores[-1]:.3f}" if scores else "-"
        self.smooth: float | None = None

    def step(self, state: State, loss: float, images: int) -> None:
        self.smooth = loss if self.smooth is None else 0.9 * self.smooth + 0.1 * loss
        self.bar.set_description_str(f"epoch {state.epoch + 1}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(f"loss {self.smooth:.3f}, mean IU {self.mean_iu}", refresh=False)
        self.bar.update(images)

    def epoch(self, entry: dict[str, Any]) -> None:
        score = entry["val_mean_iu"]
        self.mean_iu = "-" if score is None else f"{score:.3f}"
        if not self.bar.disable:
            self.bar.write(
                f"epoch {entry['epoch']:>3}  loss {entry['loss']:.4f}  validation mean IU {self.mean_iu}  "
                f"{entry['seconds']:.0f} s"
            )

    def close(self) -> None:
        self.bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


class Counter:
    """A plain tqdm bar over images; a context, so that the bar's line ends before an error is printed."""

    def __init__(self, total: int, what: str, quiet: bool) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=total, desc=what, unit="img", disable=quiet, dynamic_ncols=True)
        self.started = time.perf_counter()

    def __call__(self, count: int) -> None:
        self.bar.update(count)

    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.close()


def metrics_table(matrix: ConfusionMatrix, dataset: Any, split: str) -> str:
    return f"\non {len(dataset)} {split} images of {dataset.name}:\n{matrix.table(list(dataset.classes))}"
