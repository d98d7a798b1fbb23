"""What a run shows while it works."""

from __future__ import annotations

import os
import platform
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

import minifcn
from minifcn.commands.options import Options
from minifcn.data import Dataset
from minifcn.machine.backend import cupy_module, full_name
from minifcn.machine.profiling import Profile
from minifcn.machine.tf32 import get_float32_matmul_precision
from minifcn.machine.timetable import table
from minifcn.metrics import ConfusionMatrix
from minifcn.training import State

LEGEND = (
    "ToOutput is convolution; ToInput the gradient of its input, and transposed convolution; ToWeight the gradient of\n"
    "its weight. GFLOP counts the sum over taps, whatever the algorithm: winograd multiplies less, so its GFLOP/s may\n"
    "be more than the processor has."
)


def shows_bar(quiet: bool) -> bool:
    """Whether a bar is drawn: it goes back to the beginning of its line, which only a terminal understands."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty()


def percent(share: float | None) -> str:
    """0.4567 as "45.7 %"; "-" where there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


class Progress:
    """One line for every epoch; and, in a terminal, a tqdm bar over all images of the run: loss, mean IU, time left."""

    def __init__(self, options: Options, state: State, images: int, quiet: bool) -> None:
        from tqdm import tqdm

        done = state.epoch * images + min(state.step * options.batch_size, images)
        self.epochs = options.epochs
        self.bar = tqdm(
            total=options.epochs * images,
            initial=done,
            unit="img",
            disable=not shows_bar(quiet),
            dynamic_ncols=True,
            mininterval=0.5,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}<{remaining}, {rate_fmt}{postfix}]",
        )
        scores = [entry["val_mean_iu"] for entry in state.history if entry.get("val_mean_iu") is not None]
        self.mean_iu = percent(scores[-1] if scores else None)
        self.smooth: float | None = None

    def step(self, state: State, loss: float, images: int) -> None:
        self.smooth = loss if self.smooth is None else 0.9 * self.smooth + 0.1 * loss
        self.bar.set_description_str(f"epoch {state.epoch + 1}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(f"loss {self.smooth:.3f}, mean IU {self.mean_iu}", refresh=False)
        self.bar.update(images)

    def epoch(self, entry: dict[str, Any]) -> None:
        self.mean_iu = percent(entry["val_mean_iu"])
        place = f"{entry['epoch']:>{len(str(self.epochs))}}/{self.epochs}"
        self.write(
            f"epoch {place}  loss {entry['loss']:.4f}  validation mean IU {self.mean_iu:>6}  {entry['seconds']:.0f} s"
        )

    def write(self, text: str) -> None:
        """Print, above the bar if there is one."""
        self.bar.write(text)

    def close(self) -> None:
        self.bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


class Counter:
    """In a terminal a plain tqdm bar over images; a context, so that its line ends before an error is printed."""

    def __init__(self, total: int, what: str, quiet: bool) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=total, desc=what, unit="img", disable=not shows_bar(quiet), dynamic_ncols=True)
        self.started = time.perf_counter()

    def __call__(self, count: int) -> None:
        self.bar.update(count)

    def write(self, text: str) -> None:
        """Print, above the bar if there is one."""
        self.bar.write(text)

    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.close()


def printable(names: Sequence[str]) -> list[str]:
    """The names as stdout will show them: escaped where it has no letters for them, so that columns stay columns."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return [name.encode(encoding, "backslashreplace").decode(encoding) for name in names]


def metrics_table(matrix: ConfusionMatrix, dataset: Dataset, split: str) -> str:
    """The table, and what it has to be read with: which classes the labels do not hold."""
    classes = printable(dataset.classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a sentence below says it
        text = f"\non {len(dataset)} {split} images of {dataset.name}:\n{matrix.table(classes)}"
    truth, answers = matrix.hist.sum(axis=1), matrix.hist.sum(axis=0)
    absent = [name for name, pixels in zip(classes, truth, strict=True) if not pixels]
    if len(absent) == len(classes):
        return f"{text}\n\nall pixels of these labels are void, so there is no score."
    if absent:
        counted = int(((truth > 0) | (answers > 0)).sum())
        text += (
            f"\n\n{', '.join(absent)}: not in these labels; mean IU is over the {counted} of {len(classes)} classes "
            "that labels or predictions hold."
        )
    return text


def summary_of(matrix: ConfusionMatrix, dataset: Dataset) -> dict[str, Any]:
    """All numbers for JSON; None, and no further warning, where there is no score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return matrix.summary(list(dataset.classes))


def profile_text(record: Profile, steps: int, before: int, images: int) -> str:
    """The table of a profile of `steps` steps, everything for one step; before: steps that were not recorded."""
    warm = f" after {before} to warm up" if before else ""
    seconds = record.seconds
    return (
        f"\nprofile of {steps} {'step' if steps == 1 else 'steps'}{warm}: {1e3 * seconds / steps:.1f} ms per step, "
        f"{images / seconds:.1f} images per second; all for one step\n\n{table(record.rows(), steps)}\n\n{LEGEND}"
        f"{advice(openblas_kernels(), simd())}"
    )


# What OpenBLAS calls the processors whose kernels use AVX-512.
AVX512_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}


def advice(found: str, extensions: set[str]) -> str:
    """What to try if OpenBLAS takes the processor for an older one, as it does with those it does not know; or ""."""
    wide = any(name == "X86_V4" or name.startswith("AVX512") for name in extensions)  # X86_V4 since NumPy 2.4
    if not found or found in AVX512_KERNELS or not wide:
        return ""
    return (
        f"\n\nNumPy's OpenBLAS works with its kernels for {found}, but this processor has AVX-512, which can multiply "
        f"twice as fast.\nTry OPENBLAS_CORETYPE=SkylakeX in front of the command."
    )


def openblas_kernels() -> str:
    """The processor that NumPy's OpenBLAS has chosen its kernels for; "" for another BLAS, or without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ""
    return next((one["architecture"] for one in threadpool_info() if one.get("internal_api") == "openblas"), "")


def simd() -> set[str]:
    """The vector instructions that NumPy finds in this processor, by its names."""
    extensions = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return {*extensions.get("baseline", ()), *extensions.get("found", ())}


def versions(device: str = "cpu") -> dict[str, str | int]:
    """What the numbers of a run depend on: the software, and the machine and its GPU by their public names."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = openblas_kernels()
    return {
        "minifcn": minifcn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
        + (f" with its kernels for {found}" if found else ""),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        **gpu_facts(device),
    }


def gpu_facts(device: str) -> dict[str, str | int]:
    """The same of a GPU; nothing for "cpu"."""
    name = full_name(device)
    if name == "cpu":
        return {}
    cupy = cupy_module()
    properties = cupy.cuda.runtime.getDeviceProperties(int(name.removeprefix("cuda:")))
    version = cupy.cuda.runtime.runtimeGetVersion()  # 13020 is 13.2
    return {
        "gpu": properties["name"].decode(),
        "cupy": cupy.__version__,
        "cuda": f"{version // 1000}.{version % 1000 // 10}",
        "float32 products": get_float32_matmul_precision(),
    }


def _processor() -> str:
    """The processor's name; Linux tells it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
