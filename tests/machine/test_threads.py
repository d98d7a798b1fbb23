"""Pieces of work on several threads: each done once, errors found, settings handed on, BLAS put back, forks survived."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import minifcn
import minifcn.functional as F
from minifcn import Tensor, get_num_threads, grad, is_grad_enabled, no_grad, set_num_threads, use_algorithm
from minifcn.arrays import convolution
from minifcn.arrays.convolution import algorithms, matrix
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine import limits
from minifcn.machine import threads as threads_module
from minifcn.machine.shared_work import SharedWork
from minifcn.machine.threads import even_parts, for_each, one_blas_thread
from minifcn.testing import ours
from tests.arrays.convolution.contractions import CONTRACTIONS, pair_for
from tests.garbage import without_garbage_collector
from tests.strategies import whole_numbers

# JAX, where other tests have loaded it, warns of every fork.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")

PATIENCE = 60  # seconds until a test that hangs fails
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
# CPython warns of every fork beside threads; that it is safe here is what is tested.
forked_beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script in a fresh interpreter."""
    settings = {name: value for name, value in os.environ.items() if name != "MINIFCN_NUM_THREADS"}
    settings |= {"PYTHONPATH": str(Path(minifcn.__file__).parent.parent)} | environment
    return subprocess.run(
        [sys.executable, "-c", script], env=settings, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@cache
def blas_of_numpy() -> frozenset[str]:
    """The files of NumPy's BLAS, by a process that has loaded nothing else. SciPy brings one of its own along."""
    answer = run("import json, numpy, threadpoolctl; print(json.dumps(threadpoolctl.threadpool_info()))")
    return frozenset(library["filepath"] for library in json.loads(answer.stdout) if library["user_api"] == "blas")


def blas_threads() -> set[int]:
    """As many as NumPy's BLAS has, which is all that minifcn calls."""
    return {library["num_threads"] for library in threadpool_info() if library["filepath"] in blas_of_numpy()}


@contextmanager
def two_blas_threads() -> Iterator[None]:
    """As if the process had begun so: set by a thread that is over, since the limit of a living one binds all others."""
    with ThreadPoolExecutor(1) as pool:
        limits = pool.submit(threadpool_limits, 2, "blas").result(PATIENCE)
    try:
        yield
    finally:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(limits.restore_original_limits).result(PATIENCE)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Even the smallest work is shared between threads; asked, how often that happened since it was last asked."""
    calls, share = [], threads_module._crew.share
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads_module._crew, "share", lambda *given: (calls.append(None), share(*given)))

    def times() -> int:
        count = len(calls)
        calls.clear()
        return count

    return times


def meeting(parties: int = 2) -> threading.Barrier:
    """Pieces that wait here for one another can only go on if they run in different threads at the same time."""
    return threading.Barrier(parties, timeout=PATIENCE)


# --- the setting ------------------------------------------------------------------------------------------------------


def test_the_number_is_what_was_set():
    for number in (3, 1, 1, 2):
        set_num_threads(number)
        assert get_num_threads() == number


@pytest.mark.parametrize("number", [0, -1])
def test_fewer_than_one_thread_is_refused(number):
    with pytest.raises(ArgumentError, match=f"set_num_threads: the number of threads must be at least 1, got {number}"):
        set_num_threads(number)


@pytest.mark.parametrize("number", [True, 2.0, "2", None])
def test_what_is_no_integer_is_refused(number):
    before = get_num_threads()
    with pytest.raises(ArgumentTypeError, match=f"set_num_threads: .* must be an integer, got {number!r}"):
        set_num_threads(number)
    assert get_num_threads() == before


SHOW = "import minifcn; print(minifcn.get_num_threads())"
OF_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_without_a_setting_there_are_as_many_as_blas_has(number):
    """It may have fewer than it was told to, where there are fewer cores."""
    script = f"""{SHOW}
from threadpoolctl import threadpool_info
print(max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1))
"""
    ours, of_blas = map(int, run(script, **dict.fromkeys(OF_BLAS, number)).stdout.split())
    assert ours == of_blas <= int(number)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert ours > 1 or number == "1" or cores == 1 or not blas_threads()


def test_the_environment_goes_first():
    assert run(SHOW, MINIFCN_NUM_THREADS="5", **dict.fromkeys(OF_BLAS, "2")).stdout == "5\n"
    assert run(SHOW, MINIFCN_NUM_THREADS="", **dict.fromkeys(OF_BLAS, "1")).stdout == "1\n"


def test_without_threadpoolctl_there_is_one():
    hidden = 'import sys; sys.modules["threadpoolctl"] = None; '
    assert run(hidden + SHOW, **dict.fromkeys(OF_BLAS, "2")).stdout == "1\n"
    assert run(hidden + SHOW, MINIFCN_NUM_THREADS="5", **dict.fromkeys(OF_BLAS, "2")).stdout == "5\n"


@pytest.mark.parametrize("text, number", [(None, None), ("", None), ("1", 1), ("12", 12)])
def test_the_environment_is_read_as_a_number(text, number, monkeypatch):
    monkeypatch.delenv(threads_module.VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(threads_module.VARIABLE, text)
    assert threads_module._from_environment() == number


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_what_is_no_number_of_threads_is_refused(text, monkeypatch):
    monkeypatch.setenv(threads_module.VARIABLE, text)
    with pytest.raises(ArgumentError) as caught:
        threads_module._from_environment()
    assert str(caught.value) == f"MINIFCN_NUM_THREADS is {text!r}; set it to the number of threads, 1 or more."


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_a_wrong_environment_is_named(text):
    answer = run(SHOW, MINIFCN_NUM_THREADS=text)
    assert answer.returncode == 1
    assert (
        f"ArgumentError: MINIFCN_NUM_THREADS is {text!r}; set it to the number of threads, 1 or more." in answer.stderr
    )


# --- pieces -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 50))
def test_even_parts_cover_the_length_once(length, parts):
    slices = even_parts(length, parts)
    assert [i for part in slices for i in range(length)[part]] == list(range(length))
    assert len(slices) == max(1, min(length, parts))
    sizes = [part.stop - part.start for part in slices]
    assert max(sizes) - min(sizes) <= 1
    assert length == 0 or min(sizes) >= 1


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_every_piece_is_done_once(threads, count):
    set_num_threads(threads)
    done = []
    for_each(done.append, iter(range(count)))
    assert sorted(done) == list(range(count))


def test_pieces_are_shared_by_as_many_threads_as_were_set():
    for number in (2, 4, 3):
        set_num_threads(number)
        names, together = [], meeting(number)

        def piece(_, names=names, together=together):
            together.wait()
            names.append(threading.get_ident())

        for_each(piece, range(number))
        assert len(set(names)) == number
        assert threading.get_ident() in names, "the calling thread works too"


def test_one_thread_or_one_piece_stays_where_it_is():
    seen = []
    for threads, count in ((1, 3), (4, 1)):
        set_num_threads(threads)
        for_each(lambda _: seen.append((threading.get_ident(), blas_threads())), range(count))
    assert seen == [(threading.get_ident(), blas_threads())] * 4


def test_a_piece_does_its_own_pieces_in_its_thread():
    set_num_threads(2)
    inner, together = [], meeting()

    def outer(number):
        together.wait()
        here = threading.get_ident()
        for_each(lambda i: inner.append((number, i, threading.get_ident() == here)), range(3))

    for_each(outer, range(2))
    assert sorted(inner) == [(number, i, True) for number in range(2) for i in range(3)]
    names, together = set(), meeting()  # and afterwards work is shared again
    for_each(lambda _: (together.wait(), names.add(threading.get_ident())), range(2))
    assert len(names) == 2


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_settings_of_the_caller_reach_the_pieces(threads):
    """NumPy's errstate, the algorithm and the mode of gradients are those of the caller, in every thread."""
    set_num_threads(threads)
    together, seen = meeting(threads), []

    def piece(_):
        together.wait()
        seen.append((np.geterr()["divide"], algorithms._chosen.get(), is_grad_enabled()))

    with np.errstate(divide="raise"), use_algorithm("matrix"), no_grad():
        for_each(piece, range(threads))
    for_each(piece, range(threads))
    assert seen == [("raise", "matrix", False)] * threads + [(np.geterr()["divide"], "auto", True)] * threads


# --- shares -----------------------------------------------------------------------------------------------------------


class Order:
    """Who did what: the pieces of the calling thread and those of its one helper, in the order in which they began."""

    def __init__(self) -> None:
        self.caller = threading.get_ident()
        self.mine: list[int] = []
        self.others: list[int] = []
        self.events: dict[int, threading.Event] = {}

    def begin(self, number: int) -> None:
        (self.mine if threading.get_ident() == self.caller else self.others).append(number)
        self.event(number).set()

    def event(self, number: int) -> threading.Event:
        return self.events.setdefault(number, threading.Event())

    def wait_for(self, *numbers: int) -> None:
        for number in numbers:
            assert self.event(number).wait(PATIENCE), f"piece {number} was not begun"


def test_the_calling_thread_takes_the_first_pieces_and_then_the_last_of_its_helper():
    set_num_threads(2)
    order = Order()

    def piece(number):
        order.begin(number)
        if number == 0:
            order.wait_for(4)
        if number == 4:
            order.wait_for(0, 1, 2, 3, 5, 6, 7)

    for_each(piece, range(8))
    assert order.mine == [0, 1, 2, 3, 7, 6, 5]
    assert order.others == [4]


def test_a_helper_takes_the_last_pieces_of_the_calling_thread_when_its_own_are_done():
    set_num_threads(2)
    order = Order()

    def piece(number):
        order.begin(number)
        if number == 0:
            order.wait_for(1, 2, 3, 4, 5, 6, 7)
        if number == 4:
            order.wait_for(0)

    for_each(piece, range(8))
    assert order.mine == [0]
    assert order.others == [4, 5, 6, 7, 3, 2, 1]


@pytest.mark.parametrize("threads", [3, 4])
def test_every_thread_begins_with_a_share_of_its_own(threads):
    """And with the same one each time, where what it wrote before is in the cache of its core."""
    set_num_threads(threads)
    workers = []
    for _ in range(3):
        together, doing = meeting(threads), {}

        def piece(number, together=together, doing=doing):
            if number % 5 == 0:
                doing[number] = threading.get_ident()
                together.wait()

        for_each(piece, range(5 * threads))
        workers.append(doing)
    assert workers[0][0] == threading.get_ident()
    assert len(set(workers[0].values())) == threads
    assert workers[1:] == workers[:1] * 2


# --- errors -----------------------------------------------------------------------------------------------------------


class Broken(Exception):
    pass


@contextmanager
def busy_helpers() -> Iterator[None]:
    """Somebody else has work for all threads but the calling one, and is not done before the end of the block."""
    begun, over = meeting(get_num_threads() + 1), threading.Event()

    def piece(_):
        begun.wait()
        assert over.wait(PATIENCE)

    worker = threading.Thread(target=for_each, args=(piece, range(get_num_threads())))
    worker.start()
    try:
        begun.wait()
        yield
    finally:
        over.set()
        worker.join(PATIENCE)
    assert not worker.is_alive()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_error_of_the_first_piece_is_raised_and_nothing_is_left_running(threads):
    set_num_threads(threads)
    for _ in range(20):
        running, begun = [], []

        def piece(number, running=running, begun=begun):
            begun.append(number)
            running.append(number)
            try:
                if number in (3, 4, 5):
                    raise Broken(number)
            finally:
                running.remove(number)

        with pytest.raises(Broken, match="^3$"):
            for_each(piece, range(1000))
        assert not running
        assert {0, 1, 2, 3} <= set(begun)
        assert len(set(begun)) == len(begun)
        done = []
        for_each(done.append, range(10))
        assert sorted(done) == list(range(10))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_pieces_after_the_one_that_failed_are_left_alone(threads, monkeypatch):
    set_num_threads(threads)
    caller, begun, nothing_left, together = threading.get_ident(), [], threading.Event(), meeting(threads)
    following = SharedWork._next

    def watched(shared):
        found = following(shared)
        if found is None and threading.get_ident() == caller:
            nothing_left.set()
        return found

    monkeypatch.setattr(SharedWork, "_next", watched)

    def piece(number):
        begun.append(number)
        if number % 100 == 0:
            together.wait()
        if number == 3:
            raise Broken(number)
        if threading.get_ident() != caller:
            assert nothing_left.wait(PATIENCE)

    with pytest.raises(Broken, match="^3$"):
        for_each(piece, range(100 * threads))
    assert sorted(begun) == [0, 1, 2, 3, 100, 200][: 3 + threads]


def test_the_first_error_is_that_of_the_first_piece_whoever_fails_first_in_time():
    """And all pieces before it were done."""
    set_num_threads(2)
    later_failed, done = threading.Event(), []

    def piece(number):
        if number == 0:
            assert later_failed.wait(PATIENCE)
        if number == 3:
            later_failed.set()
        if number >= 2:
            raise Broken(number)
        done.append(number)

    with pytest.raises(Broken, match="^2$"):
        for_each(piece, range(6))
    assert sorted(done) == [0, 1]


def test_the_first_error_is_found_by_a_thread_that_has_failed_itself():
    """All helpers are busy elsewhere: who took the last piece and failed is the only one that can do those before it."""
    set_num_threads(2)
    begun = []

    def piece(number):
        begun.append(number)
        if number >= 4:
            raise Broken(number)

    with busy_helpers(), pytest.raises(Broken, match="^4$"):
        for_each(piece, range(6))
    assert begun == [0, 1, 2, 5, 4, 3]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_after_an_interruption_nothing_more_is_begun(interruption):
    set_num_threads(2)
    begun = []

    def piece(number):
        begun.append(number)
        if number == 5:
            raise interruption

    with busy_helpers(), pytest.raises(interruption):
        for_each(piece, range(6))
    assert begun == [0, 1, 2, 5]
    for_each(begun.append, range(2))
    assert sorted(begun[4:]) == [0, 1]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_goes_before_an_error(interruption):
    set_num_threads(2)
    together = meeting()

    def piece(number):
        together.wait()
        raise interruption if number else Broken

    with pytest.raises(interruption):
        for_each(piece, range(2))


@pytest.mark.skipif(sys.platform == "win32", reason="signals cannot be sent to a thread")
def test_ctrl_c_leaves_nothing_running(request):
    """While the main thread waits for a helper it is interrupted; the helper is waited for all the same."""
    # A shell that runs the tests in the background has Ctrl-C ignored, and Python then leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    set_num_threads(2)
    together, finished, main = meeting(), [], threading.main_thread().ident

    def piece(_):
        together.wait()
        if threading.get_ident() != main:
            signal.pthread_kill(main, signal.SIGINT)
            threading.Event().wait(0.2)  # the other piece is done and waited for
            finished.append(True)

    with pytest.raises(KeyboardInterrupt):
        for_each(piece, range(2))
    assert finished == [True]


def test_arrays_are_let_go_when_the_work_is_done():
    """Not when a helper happens to run next: by then memory for the next result may have been taken."""
    set_num_threads(3)
    with without_garbage_collector():
        for _ in range(100):
            array = np.ones(10)
            seen = weakref.ref(array)
            for_each(lambda number, array=array: array[number], range(3))
            del array
            assert seen() is None


def test_an_error_does_not_keep_arrays_alive():
    """What the pieces worked on is gone with the error, at once and not when garbage is collected."""
    set_num_threads(2)

    def failing():
        array = np.zeros(10)

        def piece(_):
            raise Broken(len(array))

        try:
            for_each(piece, range(4))
        except Broken:
            return weakref.ref(array)

    with without_garbage_collector():
        seen, patience = failing(), 1000
        while seen() is not None and patience:  # the helper may not have put its last piece away
            time.sleep(0.01)
            patience -= 1
        assert seen() is None


# --- the limit of BLAS ------------------------------------------------------------------------------------------------

several_blas_threads = pytest.mark.skipif(
    "not blas_threads()",  # a text, which is asked only where a test is about to run
    reason="NumPy's BLAS is none that threadpoolctl knows: everything runs in the calling thread",
)


@several_blas_threads
def test_blas_has_one_thread_inside_and_what_it_had_outside():
    set_num_threads(2)
    with two_blas_threads():
        with one_blas_thread():
            assert blas_threads() == {1}
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
            inside, together = [], meeting()
            for_each(lambda _: (together.wait(), inside.append(blas_threads())), range(2))
            assert inside == [{1}] * 2
        assert blas_threads() == {2}
        with pytest.raises(Broken), one_blas_thread():
            raise Broken
        assert blas_threads() == {2}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


@several_blas_threads
def test_blas_keeps_its_threads_if_we_have_one_or_do_not_multiply():
    seen = []
    with two_blas_threads():
        set_num_threads(1)
        with one_blas_thread():
            seen.append(blas_threads())
        set_num_threads(2)
        for_each(lambda _: seen.append(blas_threads()), range(4))
    assert seen == [{2}] * 5


@several_blas_threads
@pytest.mark.parametrize("failing", [False, True])
def test_the_last_of_two_users_lifts_the_limit(failing):
    """Two threads of the user overlap: A enters, B enters, A leaves, B leaves. The limit holds from first to last."""
    set_num_threads(2)
    a_is_in, b_is_in, a_is_out = (threading.Event() for _ in range(3))
    seen = {}

    def a():
        try:
            with one_blas_thread():
                a_is_in.set()
                assert b_is_in.wait(PATIENCE)
                if failing:
                    raise Broken
        except Broken:
            seen["failed"] = True
        a_is_out.set()

    def b():
        assert a_is_in.wait(PATIENCE)
        with one_blas_thread():
            b_is_in.set()
            assert a_is_out.wait(PATIENCE)
            seen["while b is in"] = blas_threads()

    with two_blas_threads():
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(a), pool.submit(b)]:
                future.result(PATIENCE)
        assert blas_threads() == {2}
    assert seen == {"while b is in": {1}} | ({"failed": True} if failing else {})


def of_convolution(algorithm, kernel=3, **options):
    """The convolution, its transpose, and all gradients of both, in one."""

    def compute(leaf):
        x, w = leaf(2, 4, 9, 10), leaf(4, 4 // options.get("groups", 1), kernel, kernel)
        with use_algorithm(algorithm):
            for convolve in (F.conv2d, F.conv_transpose2d):
                y = convolve(x, w, **options)
                grad(grad(y, x, leaf(*y.shape), create_graph=True)[0], w, leaf(*x.shape))

    return compute


def derived(function, *shapes):
    def compute(leaf):
        operands = [leaf(*shape) for shape in shapes]
        y = function(*operands)
        grad(y, operands, leaf(*y.shape))

    return compute


# What computes it, and how many multiplications it makes at least.
MULTIPLYING = {
    "im2col": (of_convolution("im2col", padding=1, stride=2), 6),
    "im2col, in groups": (of_convolution("im2col", padding=1, groups=2), 6),
    "rows": (of_convolution("rows", padding=1, stride=2), 6),
    "winograd": (of_convolution("winograd", padding=1), 12),
    "matrix": (of_convolution("matrix", padding=1), 6),
    "pointwise": (of_convolution("auto", 1), 6),
    "auto": (of_convolution("auto"), 6),
    "matmul": (derived(F.matmul, (3, 4, 5), (5, 6)), 3),
    "linear": (derived(F.linear, (3, 4), (5, 4), (5,)), 3),
    "interpolate": (derived(lambda x: F.interpolate(x, (7, 9), mode="bilinear"), (2, 3, 4, 5)), 4),
}


@several_blas_threads
@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("name", MULTIPLYING)
def test_whatever_multiplies_matrices_does_it_with_one_blas_thread(name, cut, monkeypatch):
    set_num_threads(2)
    if cut:
        monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    seen, source = [], np.random.default_rng(0)

    def watched(function):
        return lambda *given, **options: (seen.append(blas_threads()), function(*given, **options))[1]

    for module, function in ((np, "matmul"), (np, "dot"), (np, "einsum"), (matrix, "_vectors")):
        monkeypatch.setattr(module, function, watched(getattr(module, function)))
    compute, least = MULTIPLYING[name]
    with two_blas_threads():
        compute(lambda *shape: Tensor(source.standard_normal(shape), requires_grad=True))
        assert blas_threads() == {2}
    assert len(seen) >= least
    assert seen == [{1}] * len(seen)


def test_without_threadpoolctl_everything_runs_in_the_calling_thread():
    answer = run(
        """
import sys, threading
sys.modules["threadpoolctl"] = None
import numpy as np
import minifcn.functional as F
from minifcn import Tensor, set_num_threads
from minifcn.machine import limits
limits.WORTH_SHARING = 0
from minifcn.machine.threads import for_each
set_num_threads(4)
seen = []
for_each(lambda piece: seen.append((piece, threading.current_thread() is threading.main_thread())), range(5))
assert seen == [(piece, True) for piece in range(5)], seen
x = Tensor(np.ones((1, 32, 60, 50), np.float32), requires_grad=True)
F.conv2d(x, Tensor(np.ones((32, 32, 3, 3), np.float32)), padding=1).sum().backward()
print(x.grad.data.max(), threading.active_count())
"""
    )
    assert answer.stdout == "288.0 1\n", answer.stderr


# --- processes --------------------------------------------------------------------------------------------------------


def scores(seed: int) -> bytes:
    """A convolution large enough to be shared, forward and backward."""
    source = np.random.default_rng(seed)
    x = Tensor(source.standard_normal((1, 32, 40, 36)).astype(np.float32), requires_grad=True)
    w = Tensor(source.standard_normal((32, 32, 3, 3)).astype(np.float32), requires_grad=True)
    y = F.relu(F.conv2d(x, w, padding=1))
    y.sum().backward()
    return y.detach().numpy().tobytes() + x.grad.numpy().tobytes() + w.grad.numpy().tobytes()


def in_fork(work) -> None:
    """work() in a forked child, which must end with success soon."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)  # a deadlock ends here, and is seen as a failure
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@forks
@forked_beside_threads
def test_a_fork_works_and_its_own_forks_do(shared):
    set_num_threads(2)
    expected = scores(0)
    assert shared()

    def child():
        assert get_num_threads() == 2
        assert scores(0) == expected
        grandchild()

    def grandchild():
        in_fork(same_bits)

    def same_bits():
        assert scores(0) == expected
        assert shared()

    in_fork(child)
    assert scores(0) == expected


@forks
@forked_beside_threads
def test_a_fork_while_pieces_are_running_elsewhere(shared):
    """The child has neither the threads nor the limit of BLAS; its parent goes on undisturbed."""
    set_num_threads(2)
    expected = scores(0)
    begun, over = meeting(3), threading.Event()

    def piece(_):
        begun.wait()
        assert over.wait(PATIENCE)

    def operation():
        with one_blas_thread():
            for_each(piece, range(2))

    with two_blas_threads():
        outside = blas_threads()
        worker = threading.Thread(target=operation)
        worker.start()
        begun.wait()

        def child():
            assert blas_threads() == outside
            assert scores(0) == expected
            with one_blas_thread():
                assert blas_threads() == {1} or not outside
            assert blas_threads() == outside
            names, together = [], meeting()
            for_each(lambda _: (together.wait(), names.append(threading.get_ident())), range(2))
            assert len(set(names)) == 2

        try:
            in_fork(child)
        finally:
            over.set()
            worker.join(PATIENCE)
        assert not worker.is_alive()
        assert blas_threads() == outside
    assert scores(0) == expected


@forks
@forked_beside_threads
@several_blas_threads
def test_a_fork_inside_the_limit_leaves_it_and_can_set_it_again():
    """The limit is lifted in the child at once: who else was inside is not there to do so."""
    set_num_threads(2)
    leaving = []

    def child():
        assert blas_threads() == {2}
        inside.__exit__(None, None, None)
        leaving.append(blas_threads())
        for _ in range(2):
            with one_blas_thread():
                leaving.append(blas_threads())
            leaving.append(blas_threads())
        assert leaving == [{2}, {1}, {2}, {1}, {2}]

    with two_blas_threads():
        inside = one_blas_thread()
        with inside:
            in_fork(child)
            assert blas_threads() == {1}
        assert blas_threads() == {2}


@forks
@forked_beside_threads
def test_forks_while_another_thread_convolves(shared):
    set_num_threads(2)
    expected, over, found = scores(1), threading.Event(), []
    assert shared()

    def same_bits():
        assert scores(1) == expected

    def convolve():
        while not over.is_set():
            found.append(scores(1) == expected)

    worker = threading.Thread(target=convolve)
    worker.start()
    try:
        for _ in range(5):
            in_fork(same_bits)
    finally:
        over.set()
        worker.join(PATIENCE)
    assert all(found)


@forked_beside_threads
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_process_pools_give_the_same_bits(method, monkeypatch):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    set_num_threads(2)
    monkeypatch.setenv("MINIFCN_NUM_THREADS", "2")  # what is spawned begins anew
    source = np.random.default_rng(0)
    operands = [
        (source.random((2, 16, 48, 64), np.float32), source.random((32, 16, 3, 3), np.float32)) for _ in range(3)
    ]
    # What is shared here is shared there, where the limit cannot be changed by a test.
    assert limits.threads_for(operands[0][0], 2 * 46 * 62 * 16 * 9, 2 * 46 * 62 * 16 * 9 * 32) == 2
    expected = [ours.conv2d(x, w).tobytes() for x, w in operands]
    # A function of the package: a process that is spawned may not find this file.
    with multiprocessing.get_context(method).Pool(1 if method == "spawn" else 2) as pool:
        found = pool.starmap_async(ours.conv2d, operands).get(PATIENCE)
    assert [y.tobytes() for y in found] == expected


def test_what_is_computed_as_the_interpreter_ends_is_computed_by_the_calling_thread():
    answer = run(
        """
import atexit
import numpy as np
import minifcn.functional as F
from minifcn import Tensor, set_num_threads
from minifcn.machine import limits
limits.WORTH_SHARING = 0
set_num_threads(3)
x = Tensor(np.arange(-40, 60.0))
atexit.register(lambda: print(F.relu(x).sum().item()))
print(F.relu(x).sum().item())
"""
    )
    assert (answer.stdout, answer.stderr) == ("1770.0\n1770.0\n", "")


# --- results ----------------------------------------------------------------------------------------------------------


def test_threads_of_the_user_get_the_bits_of_serial(shared):
    set_num_threads(2)
    expected = [scores(seed) for seed in range(6)]
    assert shared()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(scores, [*range(6)] * 3, timeout=PATIENCE)) == expected * 3


def test_the_number_may_be_changed_while_others_compute():
    """Whatever the moment: no piece is lost, and none is handed to threads that are gone."""
    set_num_threads(2)
    over, errors = threading.Event(), []

    def compute():
        try:
            while not over.is_set():
                done = []
                for_each(done.append, range(5))
                assert sorted(done) == list(range(5))
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=compute) for _ in range(2)]
    for worker in workers:
        worker.start()
    for number in (1, 3, 2, 4) * 25:
        set_num_threads(number)
    over.set()
    for worker in workers:
        worker.join(PATIENCE)
    assert not errors


CASES = {
    "im2col": (Geometry.of_convolution((37, 50), (3, 2), (1, 2), (1, 0)), 24, 20),
    "im2col, turned": (Geometry.of_convolution((37, 50), (5, 3), 1, (2, 1)), 24, 20),
    "im2col, in groups": (Geometry.of_convolution((37, 50), (3, 2), (1, 2), (1, 0), 1, 4), 24, 20),
    "rows": (Geometry.of_convolution((37, 50), (3, 2), (1, 2), (1, 0), 1, 4), 24, 20),
    "rows, turned": (Geometry.of_convolution((37, 50), (5, 3), 1, (2, 1)), 24, 20),
    "winograd": (Geometry.of_convolution((37, 50), 3, padding=1), 24, 20),
    "auto": (Geometry.of_convolution((37, 50), 1), 40, 36),
}


@pytest.mark.parametrize("contraction", CONTRACTIONS)
@pytest.mark.parametrize("case", CASES)
def test_results_do_not_depend_on_the_number_of_threads(case, contraction, shared):
    """The same bits for the same number, and the same but for rounding for another; whole numbers are exact but in winograd."""
    geometry, C, O = CASES[case]
    G, source = geometry.groups, np.random.default_rng(5)
    shapes = (2, C, *geometry.input_size), (O, C // G, *geometry.kernel_size), (2, O, *geometry.output_size)
    real = pair_for(contraction, *(source.standard_normal(shape).astype(np.float32) for shape in shapes))
    whole = pair_for(contraction, *(whole_numbers(source, shape) for shape in shapes))
    found, exact = {}, {}
    with use_algorithm(case.partition(",")[0]):
        compute = getattr(convolution, contraction)
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found[threads], exact[threads] = compute(*real, geometry), compute(*whole, geometry)
            assert compute(*real, geometry).tobytes() == found[threads].tobytes()
            assert bool(shared()) == (threads > 1)
    scale = np.abs(found[1]).max()
    for threads in (2, 3):
        np.testing.assert_allclose(found[threads], found[1], rtol=0, atol=1e-5 * scale)
        off = exact[threads] - exact[1]
        assert np.abs(off).max() <= (1e-7 if case == "winograd" else 0)
