"""Memory that is kept and used again: never while anybody can see it, never more of it than there once was."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import minifcn
import minifcn.functional as F
from minifcn import Tensor, nn, optim, set_num_threads
from minifcn.machine import memory
from minifcn.machine.memory import LEAST, SCRATCH, SPARE, _Shelf, empty, empty_cache, owns, scratch, zeros
from tests.machine.test_threads import PATIENCE, forked_beside_threads, forks, in_fork, run
from tests.played_cupy import playing

pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")

CPU = np.zeros(0, np.float32)


class Watched(_Shelf):
    """A shelf that counts the blocks it had to ask the system for."""

    def __init__(self) -> None:
        super().__init__()
        self.new = 0

    def _new(self, size: int) -> np.ndarray:
        made = super()._new(size)
        self.new += 1
        return made

    def numbers(self) -> tuple[int, int, int]:
        """Bytes kept, in use, and the most that were in use at once; after a look at whether the books are right."""
        self._put_away()
        listed = sorted(number for numbers in self._of_size.values() for number in numbers)
        assert listed == list(self._blocks), "both lists have the same blocks, the oldest first"
        for size, numbers in self._of_size.items():
            assert numbers and {self._blocks[number].nbytes for number in numbers} == {size}
        assert self._kept == sum(block.nbytes for block in self._blocks.values())
        return self._kept, self._used, self._most


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """An empty one, which spares nothing; arrays made before bring their memory back to theirs."""
    made = Watched()
    monkeypatch.setattr(memory, "_shelf", made)
    monkeypatch.setattr(memory, "SPARE", 0)
    return made


def block(count: int = 1) -> np.ndarray:
    """An array of `count` times the least number of bytes that are kept."""
    return empty((count, LEAST), np.uint8, CPU)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


# --- a new array ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [empty, zeros])
@pytest.mark.parametrize("dtype", [np.float32, "f8", np.float16, np.uint8, bool, np.int64, ">i4", np.complex128])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (3, 1, 70_001), (1, 2, 33, 4000)])
def test_shape_dtype_and_layout_are_those_of_numpy(make, shape, dtype, shelf):
    for _ in range(2):  # new memory, and memory that is used again
        made = make(shape, dtype, CPU)
        assert type(made) is np.ndarray
        assert (made.shape, made.dtype, made.strides) == (shape, np.dtype(dtype), np.empty(shape, dtype).strides)
        assert made.flags.c_contiguous and made.flags.writeable and made.flags.aligned
        assert address(made) % 16 == 0
        if make is zeros:
            assert not made.any()
        made.fill(1)
        assert made.sum(dtype=np.complex128) == made.size
        del made
    assert shelf.new == (1 if np.empty(shape, dtype).nbytes >= LEAST else 0)


def test_small_arrays_come_from_numpy(shelf):
    for size, kept in ((LEAST - 1, 0), (LEAST, LEAST)):
        made = empty((size,), np.uint8, CPU)
        assert made.flags.owndata == (kept == 0)
        assert shelf.numbers() == (0, kept, kept)
        del made
        assert shelf.numbers() == (kept, 0, kept)


@pytest.mark.parametrize("shape", [(-1, LEAST), (2**62, 2**62), (2**60,)])
def test_what_cannot_be_made_is_an_error_and_forgotten(shape, shelf):
    """Also by the account: a size that never was in use does not allow as much to be kept."""
    kept = block(2)
    del kept
    with pytest.raises((MemoryError, ValueError)):
        empty(shape, np.uint8, CPU)
    now, used, most = shelf.numbers()
    assert (used, most) == (0, 2 * LEAST)
    assert now <= most
    made = block(3)
    assert shelf.numbers() == (0, 3 * LEAST, 3 * LEAST)
    del made


def test_out_of_memory_while_others_live(shelf, monkeypatch):
    one, other = block(1), block(2)
    del other

    def refuse(size, dtype):
        raise MemoryError(size)

    with monkeypatch.context() as patched:
        patched.setattr(memory.np, "empty", refuse)
        with pytest.raises(MemoryError, match=f"^{8 * LEAST}$"):
            block(8)
    assert shelf.numbers()[1:] == (LEAST, 3 * LEAST)
    del one
    assert shelf.numbers()[1:] == (0, 3 * LEAST)


# --- used again once nobody sees it, and not before -------------------------------------------------------------------


class Reader:
    """Keeps an array as a local variable of a frame that waits."""

    def __init__(self, array: np.ndarray) -> None:
        def wait(kept: np.ndarray) -> Iterator[np.ndarray]:
            while True:
                yield kept

        self.frame = wait(array)
        next(self.frame)

    def read(self) -> np.ndarray:
        return next(self.frame)


VIEWS: dict[str, Callable[[np.ndarray], Any]] = {
    "itself": lambda a: a,
    "a view": lambda a: a[...],
    "a slice": lambda a: a[1:, ::3],
    "one row": lambda a: a[-1],
    "backwards": lambda a: a[::-1, ::-2],
    "reshaped": lambda a: a.reshape(-1),
    "transposed": lambda a: a.T,
    "of another dtype": lambda a: a.view(np.uint8),
    "a view of a view": lambda a: a.reshape(-1)[2:].view(np.uint16)[::2],
    "strided": lambda a: np.lib.stride_tricks.as_strided(a, (2, 2), (8, 4)),
    "broadcast": lambda a: np.broadcast_to(a[0], (3, a.shape[1])),
    "a memoryview": memoryview,
    "its part": lambda a: memoryview(a)[1:],
    "its data": lambda a: a.data,
    "a buffer": lambda a: np.frombuffer(a, np.uint8, offset=4),
    "an iterator": lambda a: a.flat,
    "wrapped": lambda a: np.asarray(SimpleNamespace(__array_interface__=a.__array_interface__, kept=a)),
    "by DLPack": np.from_dlpack,
    "a Tensor": Tensor.of,
    "the data of a Tensor": lambda a: Tensor.of(a).data,
    "the array of a Tensor": lambda a: Tensor.of(a).numpy(),
    "a view of a Tensor": lambda a: Tensor.of(a)[1:],
    "in a frame": Reader,
    "pickled out of band": lambda a: out_of_band(a)[1][0],
}


def out_of_band(array: np.ndarray) -> tuple[bytes, list[pickle.PickleBuffer]]:
    buffers: list[pickle.PickleBuffer] = []
    return pickle.dumps(array, protocol=5, buffer_callback=buffers.append), buffers


def bytes_of(view: Any) -> set[int]:
    """The bytes that it shows."""
    if isinstance(view, Tensor):
        view = view.data
    if isinstance(view, Reader):
        view = view.read()
    return {*(memoryview(view).tobytes() if not isinstance(view, np.flatiter) else np.array(view).tobytes())}


@pytest.mark.parametrize("kind", VIEWS)
def test_as_long_as_anything_shows_it_memory_is_not_used_again(kind, shelf):
    array = empty((5, LEAST), np.int32, CPU)
    array.view(np.uint8).fill(7)
    here, view = address(array), VIEWS[kind](array)
    del array
    assert shelf.numbers() == (0, 20 * LEAST, 20 * LEAST)
    other = empty((5, LEAST), np.int32, CPU)
    assert address(other) != here
    other.view(np.uint8).fill(9)
    assert bytes_of(view) == {7}
    del view
    again = empty((5, LEAST), np.int32, CPU)
    assert address(again) == here
    assert shelf.new == 2


def test_the_memory_used_last_is_used_first(shelf):
    """It is the likeliest to be in the cache."""
    one, other = block(), block()
    places = address(one), address(other)
    del one, other
    assert (address(block()), address(block())) == places[::-1][:1] * 2
    kept = [block(), block()]
    assert [address(array) for array in kept] == [*places[::-1]]


def test_only_the_very_size_is_used_again_whatever_the_shape(shelf):
    array = empty((3, LEAST), np.float32, CPU)
    other = empty((3, LEAST + 1), np.float32, CPU)
    here = address(array)
    del array, other
    for shape, dtype in (((LEAST, 2, 3), "u2"), ((12, LEAST), "?"), ((12 * LEAST,), "u1"), ((3, LEAST // 2), "c8")):
        array = empty(shape, dtype, CPU)
        assert address(array) == here
        del array
    assert shelf.new == 2
    for size in (12 * LEAST - 1, 12 * LEAST + 1, 6 * LEAST):
        empty((size,), np.uint8, CPU)
    assert shelf.new == 5


def test_zeros_are_zero_where_something_was(shelf):
    for value in (3.5, np.nan):
        array = empty((2, LEAST), np.float32, CPU)
        here = address(array)
        array.fill(value)
        del array
        array = zeros((LEAST, 2), np.float32, CPU)
        assert address(array) == here
        assert array.tobytes() == bytes(8 * LEAST)
        del array


def test_the_oldest_go_first_when_room_is_needed(shelf):
    arrays = [block(count) for count in (1, 2, 3, 4)]
    while arrays:
        del arrays[0]  # 1, 2, 3, 4 are kept, in this order
    assert shelf.numbers() == (10 * LEAST, 0, 10 * LEAST)
    arrays = [block(5)]
    assert shelf.numbers() == (4 * LEAST, 5 * LEAST, 10 * LEAST), "1, 2 and 3 had to go, 4 did not"
    arrays.append(block(4))
    assert shelf.new == 5


@settings(max_examples=60, stateful_step_count=40, deadline=None)
class Programs(RuleBasedStateMachine):
    """Random programs: arrays are made, filled each with a byte of its own, seen from elsewhere, handed to a thread, let
    go. Against a model that knows what is kept from sizes alone.
    """

    SPARE = 500
    SIZES = (4, 8, 12, 16)
    DTYPES = (np.uint8, np.float32, np.int16, np.uint64)

    def __init__(self) -> None:
        super().__init__()
        self.before = memory._shelf, memory.LEAST, memory.SPARE
        self.shelf = memory._shelf = Watched()
        memory.LEAST, memory.SPARE = 64, self.SPARE
        self.alive: list[tuple[int, int, list[Any]]] = []  # its byte, its size, and what shows it
        self.kept: list[int] = []  # sizes, the oldest first
        self.used = self.most = self.new = self.count = 0

    def teardown(self) -> None:
        memory._shelf, memory.LEAST, memory.SPARE = self.before

    @initialize()
    def begin(self) -> None:
        assert self.shelf.numbers() == (0, 0, 0)

    @rule(
        rows=st.sampled_from(SIZES), columns=st.sampled_from(SIZES), dtype=st.sampled_from(DTYPES), clean=st.booleans()
    )
    def make(self, rows, columns, dtype, clean):
        array = (zeros if clean else empty)((rows, columns), dtype, CPU)
        assert array.shape == (rows, columns) and array.dtype == dtype
        if clean:
            assert not array.any()
        self.count = self.count % 250 + 1
        array.view(np.uint8).fill(self.count)
        size = array.nbytes
        if size >= 64:
            if size in self.kept:
                self.kept.reverse()
                self.kept.remove(size)  # the newest
                self.kept.reverse()
            else:
                self.new += 1
                while self.kept and sum(self.kept) + self.used + size > self.most + self.SPARE:
                    self.kept.pop(0)
            self.used += size
            self.most = max(self.most, self.used)
        self.alive.append((self.count, size, [array]))

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), kind=st.sampled_from(sorted(VIEWS)))
    def look(self, data, kind):
        _, _, views = self.alive[data.draw(st.integers(0, len(self.alive) - 1))]
        seen = views[0]
        if isinstance(seen, np.ndarray) and seen.flags.c_contiguous and seen.ndim == 2 and min(seen.shape) >= 4:
            views.append(VIEWS[kind](seen))

    def let_go(self, place: int, part: int | None) -> None:
        _, size, views = self.alive[place]
        if part is None:
            views.clear()
        else:
            del views[part % len(views)]
        if not views:
            del self.alive[place]
            if size >= 64:
                self.used -= size
                self.kept.append(size)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), part=st.none() | st.integers(0, 9), elsewhere=st.booleans())
    def drop(self, data, part, elsewhere):
        place = data.draw(st.integers(0, len(self.alive) - 1))
        if elsewhere:
            other = threading.Thread(target=self.let_go, args=(place, part))
            other.start()
            other.join()
        else:
            self.let_go(place, part)

    @rule()
    def clear(self):
        empty_cache()
        self.kept, self.most = [], self.used

    @invariant()
    def nothing_was_overwritten(self):
        for number, _, views in self.alive:
            for view in views:
                assert bytes_of(view) <= {number}

    @invariant()
    def the_books_are_right(self):
        assert self.shelf.numbers() == (sum(self.kept), self.used, self.most)
        assert [kept.nbytes for kept in self.shelf._blocks.values()] == self.kept
        assert self.shelf.new == self.new
        assert sum(self.kept) + self.used <= self.most + self.SPARE


TestPrograms = Programs.TestCase


def test_a_chain_of_falling_sizes_finds_them_again_where_there_is_something_to_spare(shelf, monkeypatch):
    """Only one is in use at a time, so all together are more than ever was."""
    for spare, new in ((3 * LEAST, 3), (3 * LEAST - 1, 6)):
        monkeypatch.setattr(memory, "SPARE", spare)
        empty_cache()
        before = shelf.new
        for count in (4, 2, 1) * 2:
            block(count)
        assert shelf.new - before == new
    assert SPARE == 64 << 20


def test_an_empty_cache_keeps_nothing(shelf):
    one, other = block(1), block(2)
    del other
    scratch("a name", (LEAST,), CPU).fill(3)
    assert shelf.numbers() == (2 * LEAST, LEAST, 3 * LEAST)
    minifcn.empty_cache()
    assert shelf.numbers() == (0, LEAST, LEAST)
    assert not memory._of_this_thread.blocks
    one.fill(2)
    more = block(1)
    del one, more
    assert shelf.numbers() == (2 * LEAST, 0, 2 * LEAST)
    minifcn.empty_cache()
    assert shelf.numbers() == (0, 0, 0)


# --- at any moment, in any thread -------------------------------------------------------------------------------------


def test_an_array_may_die_at_any_moment(shelf, monkeypatch):
    """At the k-th step of the interpreter within the shelf, for every k: garbage may be collected anywhere."""
    moments = 1
    while moments and moments < 10_000:
        fresh = Watched()
        monkeypatch.setattr(memory, "_shelf", fresh)
        dying, passed = [block(1), block(3), block(2)], 0

        def step(frame, event, _, k=moments, dying=dying):
            nonlocal passed
            if event == "opcode":
                passed += 1
                if passed == k:
                    dying.clear()
            return step

        def enter(frame, event, _, step=step):
            if frame.f_code.co_filename != memory.__file__:
                return None
            frame.f_trace_opcodes = True
            return step

        def program():
            arrays = [block(1), block(2)]
            del arrays[1]
            arrays += [block(2), block(5)]
            arrays.clear()
            return [block(1), block(2), block(3)]

        before = sys.gettrace()
        sys.settrace(enter)
        try:
            kept = program()
            empty_cache()
            kept.append(block(1))
        finally:
            sys.settrace(before)
        for number, array in enumerate(kept):
            array[:, ::4096] = number
        assert [{*array[:, ::4096].ravel().tolist()} for array in kept] == [{0}, {1}, {2}, {3}]
        dead = 0 if dying else 6 * LEAST
        assert fresh.numbers()[1] == 7 * LEAST + 6 * LEAST - dead
        assert sum(fresh.numbers()[:2]) <= fresh.numbers()[2]
        moments = moments + 1 if passed >= moments else 0
    assert passed > 300, "the shelf was watched"
    assert moments == 0


def test_garbage_that_is_collected_within_take_brings_its_memory_back(shelf, monkeypatch):
    class Cycle:
        def __init__(self) -> None:
            self.me, self.array = self, block(2)

    new = shelf._new

    def collecting(size):
        assert gc.collect()
        return new(size)

    gc.disable()
    try:
        Cycle()
        monkeypatch.setattr(shelf, "_new", collecting)
        made = block(3)
    finally:
        gc.enable()
    assert shelf.numbers() == (2 * LEAST, 3 * LEAST, 5 * LEAST)
    del made


def test_an_array_dies_without_waiting_for_another_thread(shelf):
    """Whoever lets go of an array may hold a lock that the other thread wants next."""
    array, died = block(), threading.Event()
    shelf._lock.acquire()
    try:

        def die():
            nonlocal array
            del array
            died.set()

        threading.Thread(target=die, daemon=True).start()
        assert died.wait(PATIENCE)
    finally:
        shelf._lock.release()
    assert shelf.numbers() == (LEAST, 0, LEAST)


def test_many_threads_at_once(shelf):
    """Each writes its number into all it makes, hands half of it to the next, and finds its own number in the rest."""
    count, wrong = 8, []
    post = [[] for _ in range(count)]
    begin, end = threading.Barrier(count, timeout=PATIENCE), threading.Barrier(count, timeout=PATIENCE)

    def work(number):
        source = np.random.default_rng(number)
        begin.wait()
        mine = []
        for _ in range(150):
            array = empty((int(source.integers(1, 4)), LEAST), np.uint8, CPU)
            array[:, ::4096] = number
            mine.append(array)
            if source.random() < 0.5:
                post[(number + 1) % count].append((number, mine.pop(0)))
            while len(mine) > 3:
                wrong.extend(mine.pop(0)[:, ::4096].ravel() != number)
            while len(post[number]) > 2:
                sender, array = post[number].pop(0)
                wrong.extend(array[:, ::4096].ravel() != sender)
        end.wait()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert wrong and not any(wrong)
    for letters in post:
        for sender, array in letters:
            assert (array[:, ::4096] == sender).all()
    letters = array = None
    post.clear()
    kept, used, most = shelf.numbers()
    assert used == 0
    assert LEAST < kept <= most


@forks
@forked_beside_threads
def test_a_fork_while_another_thread_takes(shelf):
    """The lock is free in the child, whoever held it, and arrays of the parent can be let go there."""
    holding, asked, forking = threading.Event(), threading.Event(), threading.get_ident()
    lock = shelf._lock

    class Announcing:
        """The lock, which its holder gives back only when the thread that forks has asked for it."""

        def acquire(self) -> bool:
            if threading.get_ident() == forking:
                asked.set()
            return lock.acquire()

        def release(self) -> None:
            lock.release()

        def __enter__(self) -> None:
            self.acquire()

        def __exit__(self, *_: object) -> None:
            self.release()

    array, here = block(), block(2)
    shelf._lock = Announcing()

    def hold():
        with shelf._lock:
            holding.set()
            assert asked.wait(PATIENCE)

    worker = threading.Thread(target=hold)
    worker.start()
    assert holding.wait(PATIENCE)

    def child():
        nonlocal array
        place = address(array)
        del array
        again = block()
        assert address(again) == place
        assert shelf.numbers() == (0, 3 * LEAST, 3 * LEAST)

    try:
        in_fork(child)
    finally:
        asked.set()
        worker.join(PATIENCE)
    assert not worker.is_alive()
    del here
    assert shelf.numbers() == (2 * LEAST, LEAST, 3 * LEAST)


ENDS = {
    "a global": "kept = made()",
    "builtins": "import builtins; builtins.kept = made()",
    "sys": "import sys; sys.kept = [made(), made()[1:]]",
    "NumPy": "np.kept = made()",
    "the module itself": "memory.kept = made(); memory._kept = made(); memory.zzz = Tensor.of(made())",
    "the module, which outlives the others": "import sys; sys.m = memory; memory.kept = made(); sys.kept = made()",
    "the shelf": "memory._shelf.kept = made()",
    "the class": "memory._Lent.kept = made(); memory._Shelf.kept = made()",
    "a cycle": "kept = [made()]; kept.append(kept); del kept",
    "a generator": "g = (x for x in [made()]); next(g); import sys; sys.g = g",
    "an exit handler": "import atexit; atexit.register(lambda array: array.fill(2), made())",
    "an exit handler that makes one": "import atexit; atexit.register(lambda: made().fill(3))",
    "a finalizer that makes one": """
class Last:
    def __del__(self, made=made): made().fill(1)
import sys; sys.last = Last()""",
    "a thread": """
import threading
def wait(array): threading.Event().wait()
threading.Thread(target=wait, args=(made(),), daemon=True).start()""",
    "a local of a thread": "import threading; kept = threading.local(); kept.array = made(); import sys; sys.kept = kept",
    "a context variable": "import contextvars; v = contextvars.ContextVar('v'); v.set(made()); import sys; sys.v = v",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_the_interpreter_is_silent(end):
    """Modules lose their names one after the other; the last arrays die when there are none left."""
    answer = run(
        f"""
import numpy as np
from minifcn import Tensor
from minifcn.machine import memory
def made(empty=memory.empty, like=np.zeros(0), shape=(3, memory.LEAST)):
    return empty(shape, "u1", like)
{ENDS[end]}
made().fill(1)
print("done")
"""
    )
    assert (answer.stdout, answer.stderr, answer.returncode) == ("done\n", "", 0)


# --- as an array ------------------------------------------------------------------------------------------------------


def test_copies_have_memory_of_their_own(shelf):
    array = empty((3, LEAST), np.float32, CPU)
    array[...] = np.arange(array.size, dtype=np.float32).reshape(array.shape)
    expected = np.arange(array.size, dtype=np.float32).reshape(array.shape)
    stored, buffers = out_of_band(array)
    copies = {
        "copied": copy.copy(array),
        "deep": copy.deepcopy([array])[0],
        "pickled": pickle.loads(pickle.dumps(array)),
        "out of band": pickle.loads(stored, buffers=[bytes(buffer) for buffer in buffers]),
        "a Tensor": Tensor(array).data,
        "numpy": array.copy(),
    }
    buffers.clear()
    for name, made in copies.items():
        assert not np.shares_memory(made, array), name
        assert not isinstance(made.base, memory._Lent), name
    array.fill(-1)
    del array
    empty((3, LEAST), np.float32, CPU).fill(np.nan)
    assert shelf.new == 1
    for name, made in copies.items():
        np.testing.assert_array_equal(made, expected, name)


def test_who_owns_memory():
    for array in (np.ones((4, 5)), empty((4, 5), np.float32, CPU), empty((4, LEAST), np.float32, CPU)):
        assert owns(array)
        views = array[...], array[1:], array.T, array.reshape(-1), array.view(np.uint8), array[...][1:][...]
        assert not any(owns(view) for view in views)
        assert owns(array.copy()) and owns(array[1:].copy())


def test_two_gradients_share_no_memory_and_a_third_takes_none_that_is_seen(shelf):
    """The same gradient for both operands of a sum, from memory that is used again."""
    x, y = (Tensor(np.ones((LEAST, 2), np.float32), requires_grad=True) for _ in range(2))
    for _ in range(2):
        (F.relu(x + y) * 3.0).sum().backward()
    assert not np.shares_memory(x.grad._array, y.grad._array)
    x.grad._array.fill(0)
    np.testing.assert_array_equal(y.grad.data, np.full((LEAST, 2), 6))
    (by_x,) = minifcn.grad(F.relu(x).sum(), x)
    assert owns(by_x._array) and isinstance(by_x._array.base, memory._Lent), "nothing was copied in vain"


def test_a_result_does_not_depend_on_what_its_memory_held(monkeypatch):
    """Every operation, on memory full of NaN: nothing is read that was not written. And in what order it is used does
    not matter: forward and backward give the same bits as on memory that is always new.
    """
    from minifcn.autograd import grad
    from tests.functional.test_gradients import CASES, inputs_of

    def differentiated(function, shapes):
        inputs = [Tensor(x.detach(), requires_grad=True, dtype=np.float32) for x in inputs_of(shapes)]
        y = function(*inputs)
        weights = np.linspace(0.5, 2, y.numel(), dtype=np.float32).reshape(y.shape)
        first = grad(y, inputs, Tensor(weights), create_graph=True, allow_unused=True)
        seconds = [
            by if by is None else by.data.copy()
            for gradient in first
            if gradient is not None and gradient.requires_grad
            for by in grad((gradient * gradient).sum(), inputs, retain_graph=True, allow_unused=True)
        ]
        return [y.data.copy(), *(by if by is None else by.data.copy() for by in first), *seconds]

    def poisoned(self, size):
        made = _Shelf._new(self, size)
        made.fill(255)
        return made

    def brought_back(self, memory):
        memory.fill(255)
        _Shelf.put(self, memory)

    def unclean(name, shape, like):
        made = scratch(name, shape, like)
        made.view(np.uint8).fill(255)
        return made

    def everything():
        return [differentiated(case[1], case[2:]) for case in CASES]

    set_num_threads(1)
    expected = everything()
    monkeypatch.setattr(memory, "_shelf", type("Poisoned", (_Shelf,), {"_new": poisoned, "put": brought_back})())
    monkeypatch.setattr(memory, "LEAST", 1)
    for name, module in list(sys.modules.items()):
        if name.startswith("minifcn.") and getattr(module, "scratch", None) is scratch and module is not memory:
            monkeypatch.setattr(module, "scratch", unclean)
    found = everything()
    assert memory._shelf._most > 0
    for case, one, other in zip(CASES, found, expected, strict=True):
        for a, b in zip(one, other, strict=True):
            if a is not None or b is not None:
                assert a.tobytes() == b.tobytes(), case[0]


# --- scratch ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_scratch() -> Iterator[None]:
    memory._of_this_thread.blocks.clear()
    yield
    memory._of_this_thread.blocks.clear()


def test_scratch_memory_is_the_same_for_a_name(no_scratch):
    first = scratch("a", (4, 300), np.zeros(0, np.float32))
    assert (first.shape, first.dtype) == ((4, 300), np.float32)
    assert first.flags.c_contiguous and first.flags.writeable and first.flags.aligned
    here = address(first)
    for shape, dtype in (
        ((4, 300), "f4"),
        ((2, 3), "f4"),
        ((300, 2), "f8"),
        ((), "f8"),
        ((0, 5), "i2"),
        ((4800,), "?"),
    ):
        again = scratch("a", shape, np.zeros(0, dtype))
        assert (again.shape, again.dtype, again.nbytes) == (shape, np.dtype(dtype), np.empty(shape, dtype).nbytes)
        assert address(again) == here
    assert not np.shares_memory(first, scratch("b", (4, 300), first))


def test_scratch_memory_grows_and_stays_large(no_scratch):
    small = scratch("a", (10,), CPU)
    large = scratch("a", (1000,), CPU)
    assert not np.shares_memory(small, large)
    assert address(scratch("a", (10,), CPU)) == address(large) == address(scratch("a", (1000,), CPU))
    assert memory._of_this_thread.blocks["a"].nbytes == 4000


def test_scratch_memory_of_another_thread_is_other_memory_and_goes_with_it(no_scratch):
    here, there, seen = scratch("a", (100,), CPU), [], []
    here.fill(1)

    def work():
        there.append(scratch("a", (100,), CPU))
        there[0].fill(2)
        seen.append(address(scratch("a", (100,), CPU)) == address(there[0]))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(PATIENCE)
    assert seen == [True]
    assert not np.shares_memory(here, there[0])
    assert (here == 1).all() and (there[0] == 2).all()
    base = weakref.ref(there[0].base)
    there.clear()
    assert base() is None


def test_too_much_scratch_memory_is_not_kept(no_scratch):
    kept = scratch("a", (SCRATCH,), np.zeros(0, np.uint8))
    assert address(scratch("a", (10,), CPU)) == address(kept)
    large = scratch("a", (SCRATCH + 1,), np.zeros(0, np.uint8))
    assert not np.shares_memory(large, kept)
    assert "a" not in memory._of_this_thread.blocks
    again = scratch("a", (10,), CPU)
    assert address(scratch("a", (10,), CPU)) == address(again)
    scratch("b", (SCRATCH // 4 + 1,), CPU)
    assert "b" not in memory._of_this_thread.blocks


def test_scratch_memory_that_is_too_small_goes_before_more_is_asked_for(no_scratch, monkeypatch):
    scratch("a", (1000,), CPU)
    small, asked, new = weakref.ref(memory._of_this_thread.blocks["a"]), [], np.empty

    def watched(*given):
        asked.append(small() is None)
        return new(*given)

    with monkeypatch.context() as patched:
        patched.setattr(memory.np, "empty", watched)
        scratch("a", (1001,), CPU)
    assert asked == [True]


# --- training ---------------------------------------------------------------------------------------------------------


class Training:
    """A small network, and its steps. In one thread: how many temporary results two have at once is a matter of chance."""

    def __init__(self) -> None:
        set_num_threads(1)
        rng = np.random.default_rng(0)
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, generator=rng),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 1, generator=rng),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 5, 4, 2, 1, generator=rng),
        )
        self.optimizer = optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9)
        self.images = Tensor(rng.standard_normal((2, 3, 24, 32)).astype(np.float32))
        self.labels = Tensor(rng.integers(0, 5, (2, 24, 32)).astype(np.uint8))

    def step(self) -> bytes:
        loss = F.cross_entropy(self.net(self.images), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return b"".join(parameter.data.tobytes() for parameter in self.net.parameters())


def test_where_there_is_room_the_second_step_of_training_takes_no_new_memory(shelf, monkeypatch):
    """Room is what was once in use and is no more."""
    monkeypatch.setattr(memory, "LEAST", 1)
    block(100)
    training, new = Training(), []
    for _ in range(4):
        before = shelf.new
        training.step()
        new.append(shelf.new - before)
    assert new[0] > 10
    assert new[1:] == [0, 0, 0]


def test_training_never_holds_more_than_it_once_had_in_use(shelf, monkeypatch):
    """And some of it is used again. The parameters have the same bits as without."""
    expected = [step for training in [Training()] for step in (training.step(), training.step(), training.step())]
    assert shelf.new == 0, "all is small"
    monkeypatch.setattr(memory, "LEAST", 1)
    training = Training()
    assert training.step() == expected[0]
    first, (kept, used, most) = shelf.new, shelf.numbers()
    assert kept > 10 * used
    for bits in expected[1:]:
        before = shelf.new
        assert training.step() == bits
        assert shelf.new - before < first
        assert shelf.numbers()[1:] == (used, most)
        assert sum(shelf.numbers()[:2]) <= most


def test_the_cache_of_a_gpu_is_emptied_too(monkeypatch):
    with playing() as cupy:
        freed = []
        monkeypatch.setattr(
            cupy.get_default_memory_pool(), "free_all_blocks", lambda: freed.append(cupy.cuda.Device().id)
        )
        empty_cache()

        def none():
            raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver")

        monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", none)
        empty_cache()  # CuPy imports without a card, too
    empty_cache()
    assert freed == [0, 1]  # of each card


def test_memory_of_a_card_is_on_the_card(played):
    like = played.ones(1, np.float32)
    for made in (scratch("here", (2, 3), like), zeros((2, 3), np.float32, like), empty((2, 3), np.float32, like)):
        assert isinstance(made, played.ndarray)
        assert (made.shape, made.dtype) == ((2, 3), np.float32)
    assert not zeros((2, 3), np.float32, like).get().any()
