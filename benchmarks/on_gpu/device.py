"""The GPU: its clock, its memory, its name. Everything that only a GPU can do is called in this file."""

from __future__ import annotations

import gc
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.machine import cores, machine, version_of
from benchmarks.on_gpu.side import OURS, Side
from minifcn.errors import MinifcnError

Sample = tuple[float, float]
"""Seconds of a call by the GPU's events, and by the clock of the host."""


class NoGpu(MinifcnError, RuntimeError):
    """There is no GPU that CuPy can use."""


class Gpu:
    """xp: CuPy. torch: PyTorch, or None, and then `without_torch` says why."""

    rehearsal, place, their_place = False, "cuda", "cuda"

    def __init__(self, cupy: Any, torch: Any, without_torch: str) -> None:
        self.xp, self.torch, self.without_torch = cupy, torch, without_torch
        self.pool = cupy.get_default_memory_pool()
        self.properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self.cache = int(self.properties.get("l2CacheSize", 0)) or 60 << 20
        if torch is not None:
            torch.backends.cudnn.benchmark = True

    def settle(self) -> None:
        """Wait until the GPU has nothing to do, for either library."""
        self.xp.cuda.Device().synchronize()
        if self.torch is not None:
            self.torch.cuda.synchronize()

    def timed(self, whose: str, run: Callable[[int], Any], count: int) -> Sample:
        """`count` calls one behind the other, between two events of the library whose work it is, on its stream."""
        if whose == OURS:
            stream = self.xp.cuda.get_current_stream()
            start, end = self.xp.cuda.Event(), self.xp.cuda.Event()
        else:
            stream = self.torch.cuda.current_stream()
            start, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.settle()
        began = time.perf_counter()
        start.record(stream)
        for number in range(count):
            run(number)
        end.record(stream)
        end.synchronize()
        wall = time.perf_counter() - began
        passed = self.xp.cuda.get_elapsed_time(start, end) if whose == OURS else start.elapsed_time(end)
        return float(passed) / 1e3 / count, wall / count

    # Memory ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def poisoned(self) -> Iterator[None]:
        """Inside, all memory that CuPy's pool hands out is full of NaN: a result that was not written shows."""
        cuda = self.xp.cuda

        class Poison(cuda.MemoryHook):  # type: ignore[misc, name-defined]
            name = "poison"

            def malloc_postprocess(self, **given: Any) -> None:
                if given["mem_ptr"] and given["mem_size"]:
                    stream = cuda.get_current_stream().ptr
                    cuda.runtime.memsetAsync(given["mem_ptr"], 255, given["mem_size"], stream)

        with Poison():
            yield

    def peak(self, whose: str, build: Callable[[], Side]) -> dict[str, int]:
        """The most bytes in use during two steps, weights included, after two that do not count; and those reserved.

        What was in use before `build` is not counted.
        """
        self.release()
        if whose == OURS:
            return self._our_peak(build)
        cuda = self.torch.cuda
        used, reserved = cuda.memory_allocated(), cuda.memory_reserved()
        side = build()
        steps(side)
        self.release()
        cuda.reset_peak_memory_stats()
        steps(side)
        self.settle()
        return {"bytes": cuda.max_memory_allocated() - used, "reserved": cuda.max_memory_reserved() - reserved}

    def _our_peak(self, build: Callable[[], Side]) -> dict[str, int]:
        used, reserved = self.pool.used_bytes(), self.pool.total_bytes()
        side = build()
        steps(side)
        self.release()

        class Counting(self.xp.cuda.MemoryHook):  # type: ignore[misc, name-defined]
            name = "counting"
            now = most = 0

            def malloc_postprocess(self, **given: Any) -> None:
                if given["mem_ptr"]:
                    self.now += given["mem_size"]
                    self.most = max(self.most, self.now)

            def free_postprocess(self, **given: Any) -> None:
                self.now -= given["mem_size"]

        before = self.pool.used_bytes()
        with Counting() as counting:
            steps(side)
            self.settle()
        return {"bytes": before + counting.most - used, "reserved": self.pool.total_bytes() - reserved}

    def release(self) -> None:
        """Give back all memory that both libraries only keep for later."""
        gc.collect()
        self.settle()
        self.pool.free_all_blocks()
        if self.torch is not None:
            self.torch.cuda.empty_cache()

    # Names ----------------------------------------------------------------------------------------------------------

    def machine(self) -> dict[str, Any]:
        runtime = self.xp.cuda.runtime
        name = self.properties["name"]
        found: dict[str, Callable[[], Any]] = {
            "gpu": lambda: name.decode() if isinstance(name, bytes) else str(name),
            "gpu_memory": lambda: int(self.properties["totalGlobalMem"]),
            "multiprocessors": lambda: int(self.properties["multiProcessorCount"]),
            "l2": lambda: int(self.properties["l2CacheSize"]),
            "driver": driver,
            "cuda_driver": lambda: runtime.driverGetVersion(),
            "cuda_runtime": lambda: runtime.runtimeGetVersion(),
            "cublas": lambda: self.xp.cuda.cublas.getVersion(self.xp.cuda.device.get_cublas_handle()),
            "cupy": lambda: self.xp.__version__,
            "torch": lambda: version_of("torch") if self.torch is None else self.torch.__version__,
            "torch_cuda": lambda: None if self.torch is None else self.torch.version.cuda,
            "cudnn": lambda: None if self.torch is None else self.torch.backends.cudnn.version(),
        }
        return {**machine(cores()), **{key: known(ask) for key, ask in found.items()}}


def steps(side: Side) -> None:
    for number in range(2):
        for part in side.parts:
            part(number)


def known(ask: Callable[[], Any]) -> Any:
    """The name of a version must not cost the measurement."""
    try:
        return ask()
    except Exception:
        return "unknown"


def driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return answer.stdout.splitlines()[0].strip()


def find() -> Gpu:
    """The GPU of this machine. Raises NoGpu."""
    advice = "run this on a machine with an NVIDIA GPU, or try the program with --rehearse"
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
        if int(cupy.arange(4, dtype="int32").sum()) != 6:
            raise ArithmeticError("0 + 1 + 2 + 3 is not 6 there")
    except Exception as error:  # CuPy missing, a driver missing, no card, libraries of CUDA missing
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise NoGpu(f"No GPU can be used ({type(error).__name__}: {reason}); {advice}.") from None
    torch, reason = None, ""
    try:
        import torch as found

        if found.cuda.is_available():
            torch = found
        else:
            reason = "this PyTorch cannot use the GPU"
    except Exception as error:
        reason = f"cannot be imported ({type(error).__name__}: {error})"
    return Gpu(cupy, torch, reason)
