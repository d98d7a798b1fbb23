"""CUDA kernels on a CPU: their own source, compiled by g++ and run thread by thread.

What a card does side by side is done here one after the other, in another order each time: a kernel whose result depends
on the order, which would be a race on a card, gives different results. Before and behind each array lies a guard of
NaN, which must be there afterwards; what reads it gets NaN. A thread that waits at __syncthreads() lets the others of
its block catch up; that some wait there and others have ended is an error.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.played_cupy.arrays import inside, ndarray

GUARD = 4096  # bytes on each side

PRELUDE = r"""
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <setjmp.h>
#include <ucontext.h>
#include <vector>
using std::exp; using std::log; using std::sqrt; using std::min; using std::max; using std::fabs; using std::isfinite;
struct Place { unsigned x, y, z; };
static Place threadIdx, blockIdx, blockDim, gridDim;
#define __global__
#define __device__ [[maybe_unused]] static
#define __shared__ static
#define __launch_bounds__(n)
#define __forceinline__ inline
#define __constant__ static const
// A permutation drawn with a seed: <random> would take longer to compile than a kernel.
[[maybe_unused]] static void shuffle(std::vector<unsigned>& order, uint64_t& state) {
    for (size_t left = order.size(); left > 1; left--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(order[left - 1], order[(state >> 33) % left]);
    }
}
// A thread of a block is a stack of its own; from one to another leads longjmp, which asks nothing of the system.
struct Fiber { ucontext_t beginning; jmp_buf place; bool begun; };
static jmp_buf scheduler;
static Fiber* running;
static unsigned waiting;
[[maybe_unused]] static void __syncthreads() {
    Fiber* const mine = running;
    waiting++;
    if (!_setjmp(mine->place)) _longjmp(scheduler, 1);
}
template <typename V> [[maybe_unused]] static V atomicAdd(V* place, V value) {
    V old = *place; *place += value; return old;
}
template <typename V> [[maybe_unused]] static V atomicMin(V* place, V value) {
    V old = *place; *place = std::min(old, value); return old;
}
template <typename V> [[maybe_unused]] static V atomicMax(V* place, V value) {
    V old = *place; *place = std::max(old, value); return old;
}
"""

# Runs all blocks; returns 1 if threads of a block do not meet at the same number of barriers.
LAUNCH = r"""
static void** given;
static void item() { %(name)s(%(arguments)s); }
static void fiber() {
    item();
    _longjmp(scheduler, 1);
}
static void go_on(Fiber& next) {
    running = &next;
    if (_setjmp(scheduler)) return;
    if (next.begun) _longjmp(next.place, 1);
    next.begun = true;
    setcontext(&next.beginning);
}
extern "C" int launch(unsigned blocks, unsigned threads, unsigned seed, void** arguments) {
    given = arguments;
    gridDim = {blocks, 1, 1};
    blockDim = {threads, 1, 1};
    uint64_t random = seed;
    std::vector<unsigned> order(blocks), within(threads);
    std::iota(order.begin(), order.end(), 0u);
    std::iota(within.begin(), within.end(), 0u);
    shuffle(order, random);
    shuffle(within, random);
    for (unsigned block : order) {
        blockIdx = {block, 0, 0};
        if (!%(barriers)d) {
            for (unsigned thread : within) { threadIdx = {thread, 0, 0}; item(); }
            continue;
        }
        const size_t size = 1 << 15;
        static std::vector<char> stacks(size * threads);
        static std::vector<Fiber> fibers(threads);
        for (Fiber& each : fibers) {
            getcontext(&each.beginning);
            each.beginning.uc_stack.ss_sp = &stacks[size * (&each - &fibers[0])];
            each.beginning.uc_stack.ss_size = size;
            makecontext(&each.beginning, fiber, 0);
            each.begun = false;
        }
        do {
            waiting = 0;
            for (unsigned thread : within) {
                threadIdx = {thread, 0, 0};
                go_on(fibers[thread]);
            }
            if (waiting && waiting != threads) return 1;
        } while (waiting);
    }
    return 0;
}
"""


# The folder that conftest.py keeps from one run of the tests to the next, and for all processes of a run. Without one,
# what is compiled ends with this process.
kept_in: list[Path] = []


def compiler() -> str | None:
    """The C++ compiler of this machine, or None."""
    return shutil.which("g++")


COMMAND = (
    compiler() or "g++",
    "-std=c++17",
    "-O1",
    "-Wall",
    "-Werror",
    "-Wno-unknown-pragmas",
    "-Wno-tautological-compare",
    "-fPIC",
)


class RawKernel:
    """As cupy.RawKernel: `kernel(grid, block, arguments)`."""

    launches: list[str] = []  # noqa: RUF012 (every kernel's, for tests that count)

    def __init__(self, code: str, name: str, options: tuple[str, ...] = ()) -> None:
        self.code, self.name = code, name

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
        run = _compiled(self.code, self.name)
        constant = [text.strip().startswith("const ") for text in _parameters(self.code, self.name)]
        kept, pointers = [], (ctypes.c_void_p * len(args))()
        for number, value in enumerate(args):
            if isinstance(value, ndarray):
                inside(value)  # which looks at its device
                guarded = _guarded(value.values)
                kept.append((value.values, guarded, constant[number]))
                value = np.uintp(guarded.ctypes.data + GUARD)
            elif not isinstance(value, np.generic):
                raise TypeError(f"{self.name}: argument {number} is a {type(value).__name__} of no certain size.")
            holder = np.array(value)
            kept.append((None, holder, True))
            pointers[number] = holder.ctypes.data
        self.launches.append(self.name)
        if run(grid[0], block[0], len(self.launches), pointers):
            raise AssertionError(f"{self.name}: some threads of a block wait at a barrier that others never reach.")
        for values, guarded, const in kept:
            if values is not None:
                if not ((guarded[:GUARD] == 255).all() and (guarded[-GUARD:] == 255).all()):
                    raise AssertionError(f"{self.name} wrote outside an array of shape {values.shape}.")
                if not const:
                    values.reshape(-1).view(np.uint8)[...] = guarded[GUARD:-GUARD]


def _guarded(values: np.ndarray) -> np.ndarray:
    guarded: np.ndarray = np.full(values.nbytes + 2 * GUARD, 255, np.uint8)
    guarded[GUARD:-GUARD] = values.reshape(-1).view(np.uint8)
    return guarded


def _parameters(code: str, name: str) -> list[str]:
    found = re.search(rf"\b{name}\((.*?)\)\s*\{{", code, re.DOTALL)
    assert found, f"no function {name}"
    return found[1].split(",")


@cache
def _compiled(code: str, name: str) -> Any:
    kinds = [text.rpartition(" ")[0].replace("__restrict__", "") for text in _parameters(code, name)]
    arguments = ", ".join(f"*({kind}*)given[{number}]" for number, kind in enumerate(kinds))
    text = code + LAUNCH % {"name": name, "arguments": arguments, "barriers": "__syncthreads()" in code}
    prelude = _prelude()

    def compile_to(library: Path) -> None:
        source = library.with_suffix(".cpp")
        source.write_text(f'#include "{prelude}"\n{text}', encoding="utf-8")
        made = subprocess.run([*COMMAND, "-shared", "-o", library, source], capture_output=True, text=True)
        if made.returncode:
            raise AssertionError(f"{name} does not compile:\n{made.stderr}\n{code}")

    library = _made_once(prelude.with_name(f"{name}-{_digest(text)}.so"), compile_to)
    run = ctypes.CDLL(str(library)).launch
    run.argtypes = [ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p]
    return run


@cache
def _prelude() -> Path:
    """The header of all kernels, and beside it what g++ made of it, which saves half of its work for each of them.

    Its folder is named after everything but the kernels: what lies there was made of the same source by the same g++.
    """
    if kept_in:
        folder = kept_in[-1]
    else:
        folder = Path(tempfile.mkdtemp(prefix="played-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    version = subprocess.run([COMMAND[0], "-v"], capture_output=True, text=True).stderr
    folder /= _digest("\n".join((version, *COMMAND, PRELUDE)))
    folder.mkdir(parents=True, exist_ok=True)
    header = _made_once(folder / "prelude.hpp", lambda place: place.write_text(PRELUDE, encoding="utf-8"))
    precompile = [*COMMAND, "-x", "c++-header", header, "-o"]
    _made_once(folder / "prelude.hpp.gch", lambda place: subprocess.run([*precompile, place], check=True))
    return header


def _made_once(path: Path, make: Callable[[Path], Any]) -> Path:
    """`path`, made elsewhere and moved there in one step: another process sees all of it or nothing, and may make it,
    too."""
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as elsewhere:
            make(Path(elsewhere) / path.name)
            (Path(elsewhere) / path.name).replace(path)
    return path


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
