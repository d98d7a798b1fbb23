"""Work spread over the cores: pieces of one operation, each done by one thread with a single-threaded BLAS.

NumPy copies and computes elementwise on one core, and BLAS multiplies on all of them. Cut into pieces that are done
side by side, with BLAS told to use one thread in each, both keep every core busy, and the data of a piece stays in the
cache of its core. NumPy releases the interpreter's lock in both, so ordinary Python threads are enough.

    minifcn.set_num_threads(4)    at most four threads of ours; 1 leaves everything to the calling thread and to BLAS
    MINIFCN_NUM_THREADS=4         the same from outside

The default is as many as BLAS has, which is the number of cores unless OMP_NUM_THREADS or the like says otherwise.

Every piece writes to a place of its own, so a result does not depend on which thread did what: for one number of
threads it is the same to the last bit.

With several threads BLAS is held to one, for the whole process, during every operation that multiplies matrices, cut or
not. Otherwise a thread of BLAS that has nothing to do would keep its core busy, waiting for the next product, and ours
would share the core with it (what that costs: benchmarks/README.md). threadpoolctl holds BLAS; without it everything
runs in the calling thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import copy_context
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, TypeVar

from minifcn.arguments import whole_number
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.shared_work import Here, SharedWork

Piece = TypeVar("Piece")

VARIABLE = "MINIFCN_NUM_THREADS"


def set_num_threads(number: int) -> None:
    """Use at most `number` threads from now on, in the whole process. ArgumentError below 1."""
    threads = whole_number(number)
    if threads is None:
        raise ArgumentTypeError(f"set_num_threads: the number of threads must be an integer, got {number!r}.")
    if threads < 1:
        raise ArgumentError(f"set_num_threads: the number of threads must be at least 1, got {number}.")
    _crew.resize(threads)


def get_num_threads() -> int:
    """How many threads of ours are used at most: as set, or as MINIFCN_NUM_THREADS says, or as BLAS has."""
    return _crew.size


def leave_cores(number: int) -> None:
    """Use at most `number` threads from now on, BLAS with its own included: the other cores are other processes'.

    What MINIFCN_NUM_THREADS says goes before it.
    """
    _crew.limit_blas(number)
    if not os.environ.get(VARIABLE):
        set_num_threads(min(number, get_num_threads()))


def for_each(work: Callable[[Piece], object], pieces: Iterable[Piece], alone: bool = False) -> None:
    """work(piece) for every piece, spread over the threads; what it returns is dropped.

    alone: one after the other, by the thread that asks: what a GPU is told to do, as its current device and its stream
    are those of a thread.

    The pieces must not write to the same memory. Inside a piece `for_each` stays in its thread. Returns when all are
    done; the error of the first piece that failed is raised, with nothing left running, and later pieces may be left
    undone.
    """
    queue = list(pieces)
    if not alone and len(queue) > 1 and _crew.size > 1 and not _crew.working() and _crew.limiter() is not None:
        _crew.share(work, queue)
    else:
        for piece in queue:
            work(piece)


def one_blas_thread() -> AbstractContextManager[None]:
    """Inside it BLAS works in one thread if there are several of ours, that they may have the cores to themselves."""
    limit = None if _crew.size == 1 or _crew.working() else _crew.limiter()
    return nullcontext() if limit is None else limit()


def even_parts(length: int, parts: int) -> list[slice]:
    """[0, length) cut into at most `parts` slices, lengths within one of each other; only length 0 has an empty one."""
    parts = max(1, min(parts, length))
    bounds = [length * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


class _Crew:
    """The threads of this process: started when first needed, and again after a fork, which copies no threads."""

    def __init__(self) -> None:
        self._size: int | None = None
        self._jobs: SimpleQueue[Any] | None = None  # where the helpers wait for the next one
        self._here = Here()
        self._lock = threading.Lock()
        self._blas: Any = None
        self._limited = 0
        self._restore: Any = None

    @property
    def size(self) -> int:
        if self._size is None:
            self._size = _from_environment() or self.threads_of_blas()
        return self._size

    def resize(self, number: int) -> None:
        with self._lock:
            if number == self._size:
                return
            size, self._size, jobs, self._jobs = self._size, number, self._jobs, None
        if jobs is not None and size is not None:
            for _ in range(size - 1):
                jobs.put(None)  # each ends when it has done what came before

    def working(self) -> bool:
        """Whether the calling thread is one of ours, doing a piece."""
        return self._here.working

    def share(self, work: Callable[[Any], object], queue: list[Any]) -> None:
        """Every thread does its share, and then what others have left of theirs; the calling thread is one of them.

        The shares follow one another, and a thread has the same one each time: what it wrote is in the cache of its
        core, and neighbouring pieces of the next operation will read it there.
        """
        parts = even_parts(len(queue), self.size)
        shared = SharedWork(self._here, work, [queue[part] for part in parts])
        try:
            self._ask(shared, len(parts) - 1)
            shared.do()
        finally:
            try:
                shared.wait()
            finally:
                shared.wait()  # Ctrl-C while waiting does not leave a piece running
        shared.raise_what_failed()

    def _ask(self, shared: SharedWork, helpers: int) -> None:
        """So many threads are asked to help. All of them are started when the first is needed."""
        # As the interpreter ends, no thread is started any more (RuntimeError): the calling one does everything.
        with self._lock, suppress(RuntimeError):
            jobs = self._jobs = self._jobs or self._started()
            for _ in range(helpers):
                # NumPy's errstate and the chosen algorithm are context variables: each helper works in a copy of them.
                jobs.put(partial(copy_context().run, shared.help))

    def _started(self) -> SimpleQueue[Any]:
        """The queue at which new threads wait. It is little more than a lock: nothing wakes a thread sooner."""
        jobs: SimpleQueue[Any] = SimpleQueue()
        for number in range(1, self.size):
            name = f"minifcn_{number}"
            threading.Thread(target=self._serve, args=(jobs, number), name=name, daemon=True).start()
        return jobs

    def _serve(self, jobs: SimpleQueue[Any], number: int) -> None:
        self._here.number = number
        while (job := jobs.get()) is not None:
            job()
            del job

    def limiter(self) -> Callable[[], AbstractContextManager[None]] | None:
        """A context manager that holds BLAS to one thread, or None without threadpoolctl."""
        return self._one_blas_thread if self._control() else None

    def threads_of_blas(self) -> int:
        """As many as NumPy's BLAS has at most; 1 if that cannot be known."""
        control = self._control()
        return max((library.num_threads for library in control.lib_controllers), default=1) if control else 1

    def limit_blas(self, number: int) -> None:
        """BLAS has at most so many threads from now on."""
        if self._control() and self.threads_of_blas() > number:
            self._blas.limit(limits=number)
            self._hand_over()

    def _control(self) -> Any:
        """What can ask and limit BLAS; something false without threadpoolctl, or for a BLAS that it does not know."""
        if self._blas is None:
            try:
                from threadpoolctl import ThreadpoolController
            except ImportError:
                self._blas = False
            else:
                self._blas = ThreadpoolController().select(user_api="blas")
        return self._blas

    @contextmanager
    def _one_blas_thread(self) -> Iterator[None]:
        """The first to come sets the limit and the last to leave lifts it, whichever threads they are."""
        with self._lock:
            self._limited += 1
            if self._limited == 1:
                self._restore = self._blas.limit(limits=1)
                self._hand_over()
            restore = self._restore
        try:
            yield
        finally:
            with self._lock:
                if self._restore is restore:  # else a fork has lifted the limit, and forgotten who was here
                    self._limited -= 1
                    if self._limited == 0:
                        self._restore.restore_original_limits()
                        self._hand_over()

    def _hand_over(self) -> None:
        """Give up the say over BLAS: newer threadpoolctl obeys only the thread that set a limit, however long ago."""
        for library in self._blas.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread()

    def forget(self) -> None:
        """In the child of a fork: its threads and its locks are those of nobody."""
        if self._limited:
            self._restore.restore_original_limits()
            self._hand_over()
        size, blas = self._size, self._blas
        self.__init__()  # type: ignore[misc]
        self._size, self._blas = size, blas


def _from_environment() -> int | None:
    text = os.environ.get(VARIABLE, "")
    if text and not (text.isdecimal() and int(text) >= 1):
        raise ArgumentError(f"{VARIABLE} is {text!r}; set it to the number of threads, 1 or more.")
    return int(text) if text else None


_crew = _Crew()
if hasattr(os, "register_at_fork"):
    # Whoever holds the lock finishes first, so that the child finds the limit of BLAS either set or lifted. The lock of
    # a child is a new one: it is asked for at each fork.
    os.register_at_fork(
        before=lambda: _crew._lock.acquire(),
        after_in_parent=lambda: _crew._lock.release(),
        after_in_child=_crew.forget,
    )
