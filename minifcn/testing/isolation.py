"""A student's file in a process of its own, and its functions as functions of this one.

The laws, the random numbers and the verdict stay here; only calls and what they gave cross over (`wire.py`). Each call
has a limit of time, the process one of memory. What it prints is kept, and the keyboard is not its own. A function
that never returns, or takes its process with it, ends the search with `Ended`, which says how.

This keeps accidents in, not attacks: a file may still read and write what its user may.
"""

from __future__ import annotations

import inspect
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, Self

import numpy as np

from minifcn.errors import FileError
from minifcn.testing.endings import Printed, at_place, how_it_ended, last_line
from minifcn.testing.law import Ended
from minifcn.testing.wire import Packer, WireError, extent, memory_of, receive, send, unpack

MOST_PRINTED = 2**24  # bytes; who prints more is in a loop that never ends


QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8:replace"}


class Process(Protocol):
    """What is used here of `subprocess.Popen`."""

    pid: int
    stdin: Any
    stdout: Any
    stderr: Any
    returncode: Any

    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Limits:
    """call: seconds for one call, and for reading the file; total: for all of them; memory: bytes of address space."""

    call: float = 10.0
    total: float = 300.0
    memory: int = 4 * 2**30


@dataclass(frozen=True)
class Count:
    """lines: of the file, that began to run; bytes: held at once, of Python and NumPy; whole: counted to the end."""

    lines: int
    bytes: int
    whole: bool


class Raised(Exception):
    """A function of the other process raised: `told` is the type and the message, `place` the line of the file."""

    def __init__(self, told: str, place: str | None, kind: str) -> None:
        super().__init__(told)
        self.told, self.place, self.kind = told, place, kind


class Isolated:
    """A file and its functions, `functions` by their names; a context manager, which ends the process.

    others: the names of the functions written in the file that are not among `names`.
    """

    def __init__(self, file: Path, names: tuple[str, ...], limits: Limits) -> None:
        self.file, self.names, self.limits = file, names, limits
        self.functions: dict[str, Callable[..., Any]] = {}
        self.others: tuple[str, ...] = ()
        self.printed = Printed()
        self._child: _Child | None = None
        self._spent = 0.0
        self._folder = TemporaryDirectory(prefix="minifcn-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        try:
            told = self._start()
        except BaseException as error:
            self.__exit__()
            if isinstance(error, Ended):
                raise FileError(f"{self.file} cannot be checked: while it was read, it {error}.") from None
            raise
        self.functions = {name: self._function(name, parameters) for name, parameters in told.items()}
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()
        self._folder.cleanup()

    def _start(self) -> dict[str, Any]:
        trace = Path(self._folder.name, "trace")
        self._child = _Child(self.process(), self.file, trace, self.printed)
        request = {"names": self.names, "memory": self.limits.memory, "file": str(self.file), "trace": str(trace)}
        told, _ = self._asked(request, [])
        if "raised" in told:
            self._stop()
            error = told["raised"]
            said = at_place(f"{error['type']}: {error['message']}".rstrip(": "), error["place"])
            exits = error["type"] == "SystemExit"
            hint = ' Put what should not run in a check under `if __name__ == "__main__":`.' if exits else ""
            raise FileError(f"{self.file} cannot be run, it raised {said}.{hint}")
        functions: dict[str, Any] = told["functions"]
        self.others = tuple(told["others"])
        return functions

    def process(self) -> Process:
        """One more process, with pipes to its inputs and outputs."""
        alone: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
        return subprocess.Popen(
            self.command(), env=self.environment() | QUIET, bufsize=-1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **alone,
        )  # fmt: skip

    def command(self) -> list[str]:
        """What starts the process."""
        return [sys.executable, "-X", "utf8", str(Path(__file__).with_name("worker.py"))]

    def environment(self) -> dict[str, str]:
        """The variables that it sees."""
        return dict(os.environ)

    def _stop(self) -> None:
        if self._child:
            self._child.end()
        self._child = None

    def _asked(self, question: dict[str, Any], buffers: list[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The answer of the process; its time is what counts, not the time of the laws."""
        assert self._child is not None
        seconds, began = self._seconds(), time.monotonic()
        try:
            return self._child.ask(question, buffers, seconds)
        finally:
            self._spent += time.monotonic() - began

    def _seconds(self) -> float:
        left = self.limits.total - self._spent
        if left <= 0:
            raise Ended(f"was not through after {self.limits.total:g} s in all its calls")
        return min(left, self.limits.call)

    def _function(self, name: str, parameters: list[Any] | None) -> Callable[..., Any]:
        def function(*arguments: Any, **named: Any) -> Any:
            return self._call(name, arguments, named)

        function.__name__ = name
        if parameters is not None:
            function.__signature__ = _signature(parameters)  # type: ignore[attr-defined]
        return function

    def counted(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Count:
        """Call a function of the file once, and count: lines of the file, and bytes held at once."""
        counts: list[Count] = []
        self._call(name, arguments, named, counts=counts)
        return counts[0]

    def tried(self, name: str, given: dict[str, Callable[..., Any]]) -> Any:
        """Call a function of the file with functions of this process, by their names; each of its calls comes here."""
        return self._call(name, (), {}, given=given)

    def _call(
        self,
        name: str,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        given: dict[str, Callable[..., Any]] | None = None,
        counts: list[Count] | None = None,
    ) -> Any:
        if self._child is None:
            try:
                self._start()
            except FileError as error:
                raise Ended(f"could not be run once more: {error}") from None
        packer = Packer(variables=_variables(arguments))
        question = {"call": name, "arguments": packer.pack(arguments), "named": packer.pack(named)}
        question |= {"given": list(given or ()), "count": counts is not None}
        try:
            told, buffers = self._asked(question, packer.buffers)
            while given and "asks" in told:
                told, buffers = self._asked(*_replied(given, told, buffers))
            changed = [int(number) for number in told["changed"]]
            for number, memory in zip(changed, buffers[len(buffers) - len(changed) :], strict=True):
                _write_back(packer.arrays[number], memory)
            if "raised" in told:
                what = told["raised"]
                message = f"{what['type']}: {what['message']}".rstrip(": ")
                raise Raised(message, what["place"], what["type"])
            if counts is not None:
                lines, size, whole = told["count"]
                counts.append(Count(int(lines), int(size), whole is True))
            return unpack(told["gave"], buffers, [memory_of(array) for array in packer.arrays])
        except (WireError, KeyError, IndexError, TypeError, ValueError):
            self._stop()
            raise self._last(Ended("wrote into the pipe that its answers take"), arguments, named) from None
        except Ended as ended:
            self._stop()
            raise self._last(ended, arguments, named) from None

    def _last(self, ended: Ended, arguments: tuple[Any, ...], named: dict[str, Any]) -> Ended:
        ended.call = arguments, named
        return ended


class _Child:
    """One process with its two pipes, and two threads that empty them."""

    def __init__(self, process: Process, file: Path, trace: Path, printed: Printed) -> None:
        self.process, self.file, self.trace, self.printed = process, file, trace, printed
        self.number, self.gone, self.reason = 0, False, ""
        self.answers: queue.Queue[Any] = queue.Queue()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._drain)]
        for thread in self.threads:
            thread.start()

    def ask(
        self, question: dict[str, Any], buffers: list[np.ndarray], seconds: float
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The answer; Ended if none comes in so many seconds, or none that belongs to the question."""
        self.number += 1
        try:
            send(self.process.stdin, {**question, "number": self.number, "seconds": seconds}, buffers)
            answer = self.answers.get(timeout=seconds + 0.5)
        except queue.Empty:
            self.end()
            raise Ended(f"did not return within {seconds:.3g} s", last_line(self.trace, self.file)) from None
        except OSError:
            answer = None
        if answer is None:
            self.end()
            raise Ended(self.reason or how_it_ended(self.process.returncode), last_line(self.trace, self.file))
        told, made = answer
        if told.get("number", self.number) != self.number:
            raise WireError
        return told, made

    def end(self) -> None:
        """The process and whatever it started in its session are killed; waits until it is gone."""
        if self.gone:  # it goes by itself, with a status of its own
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(1)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                pipe.close()

    def _listen(self) -> None:
        while True:
            try:
                self.answers.put(receive(self.process.stdout))
            except (EOFError, OSError, ValueError):
                break
            except WireError:
                self.answers.put(({"number": -1}, []))
                break
        self.gone = True
        self.answers.put(None)

    def _drain(self) -> None:
        try:
            while data := os.read(self.process.stderr.fileno(), 2**16):
                self.printed.add(data)
                if self.printed.size > MOST_PRINTED and not self.reason:
                    self.reason = f"printed more than {MOST_PRINTED} bytes"
                    self.process.kill()
        except (OSError, ValueError):
            pass


def _replied(
    given: dict[str, Callable[..., Any]], told: dict[str, Any], buffers: list[np.ndarray]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What the function of this process gives that the other one asks for; an error of it goes back in words."""
    arguments, named = unpack(told["arguments"], buffers), unpack(told["named"], buffers)
    packer = Packer()
    try:
        with np.errstate(all="ignore"):
            return {"gave": packer.pack(given[told["asks"]](*arguments, **named))}, packer.buffers
    except Exception as error:
        kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
        return {"raised": str(error) or type(error).__name__, "kind": kind}, []


def _signature(parameters: list[Any]) -> inspect.Signature:
    kinds = {kind.name: kind for kind in inspect._ParameterKind}
    return inspect.Signature(
        [inspect.Parameter(str(name), kinds[kind], default=None if default else inspect.Parameter.empty)
         for name, kind, default in parameters]
    )  # fmt: skip


def _variables(arguments: tuple[Any, ...]) -> int | None:
    """How many variables the functions among the arguments take: one for each array; None without a function."""
    if arguments and callable(arguments[0]):
        return 1
    if arguments and isinstance(arguments[0], list | tuple) and any(map(callable, arguments[0])):
        return len(arguments[1])
    return None


def _write_back(array: np.ndarray, memory: np.ndarray) -> None:
    """What the other side made of an argument that may be written; what lies between its elements stays."""
    low, size = extent(array)
    if array.flags.writeable and size == memory.size:
        array[...] = np.ndarray(array.shape, array.dtype, memory, low, array.strides)
