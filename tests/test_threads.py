"""Pieces of work on several threads: each done once, errors found, settings handed on, BLAS put back, forks survived."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import minifcn
import minifcn.functional as F
from minifcn import Tensor, get_num_threads, is_grad_enabled, no_grad, set_num_threads, use_algorithm
from minifcn.arrays import convolution
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.threads import even_parts, for_each
from tests.arrays.contractions import CONTRACTIONS, pair_for
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


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


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


def test_the_environment_sets_the_number_and_without_it_there_is_one():
    assert run(SHOW, MINIFCN_NUM_THREADS="5").stdout == "5\n"
    assert run(SHOW, MINIFCN_NUM_THREADS="").stdout == "1\n"


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
        seen.append((np.geterr()["divide"], convolution._chosen.get(), is_grad_enabled()))

    with np.errstate(divide="raise"), use_algorithm("matrix"), no_grad():
        for_each(piece, range(threads))
    for_each(piece, range(threads))
    assert seen == [("raise", "matrix", False)] * threads + [(np.geterr()["divide"], "auto", True)] * threads


# --- errors -----------------------------------------------------------------------------------------------------------


class Broken(Exception):
    pass


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
        assert len(begun) < 1000, "the rest is left alone"
        assert {0, 1, 2, 3} <= set(begun)
        done = []
        for_each(done.append, range(10))
        assert sorted(done) == list(range(10))


def test_the_first_error_is_that_of_the_first_piece_whoever_fails_first_in_time():
    set_num_threads(2)
    later_failed = threading.Event()

    def piece(number):
        if number == 0:
            assert later_failed.wait(PATIENCE)
            raise Broken("first")
        later_failed.set()
        raise Broken("second")

    with pytest.raises(Broken, match="first"):
        for_each(piece, range(2))


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
    gc.disable()
    try:
        for _ in range(100):
            array = np.ones(10)
            seen = weakref.ref(array)
            for_each(lambda number, array=array: array[number], range(3))
            del array
            assert seen() is None
    finally:
        gc.enable()


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

    gc.disable()
    try:
        seen, patience = failing(), 1000
        while seen() is not None and patience:  # the helper may not have put its last piece away
            time.sleep(0.01)
            patience -= 1
        assert seen() is None
    finally:
        gc.enable()


# --- the limit of BLAS ------------------------------------------------------------------------------------------------

several_blas_threads = pytest.mark.skipif(
    not blas_threads(), reason="NumPy's BLAS is none that threadpoolctl knows: everything runs in the calling thread"
)


@several_blas_threads
def test_blas_has_one_thread_inside_and_what_it_had_outside():
    set_num_threads(2)
    with two_blas_threads():
        outside, inside = blas_threads(), []
        for_each(lambda _: inside.append(blas_threads()), range(4))
        assert inside == [{1}] * 4
        assert blas_threads() == outside == {2}
        with pytest.raises(Broken):
            for_each(raise_broken, range(4))
        assert blas_threads() == outside


def raise_broken(_):
    raise Broken


@several_blas_threads
@pytest.mark.parametrize("failing", [False, True])
def test_the_last_of_two_users_lifts_the_limit(failing):
    """Two threads of the user overlap: A enters, B enters, A leaves, B leaves. The limit holds from first to last."""
    set_num_threads(2)
    a_is_in, b_is_in, a_is_out = (threading.Event() for _ in range(3))
    seen = {}

    def a():
        def piece(number):
            a_is_in.set()
            assert b_is_in.wait(PATIENCE)
            if failing and number == 0:
                raise Broken

        try:
            for_each(piece, range(2))
        except Broken:
            seen["failed"] = True
        a_is_out.set()

    def b():
        assert a_is_in.wait(PATIENCE)

        def piece(number):
            b_is_in.set()
            if number == 0:
                assert a_is_out.wait(PATIENCE)
                seen["while b is in"] = blas_threads()

        for_each(piece, range(2))

    with two_blas_threads():
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(a), pool.submit(b)]:
                future.result(PATIENCE)
        assert blas_threads() == {2}
    assert seen == {"while b is in": {1}} | ({"failed": True} if failing else {})


def test_without_threadpoolctl_everything_runs_in_the_calling_thread():
    answer = run(
        """
import sys, threading
sys.modules["threadpoolctl"] = None
import numpy as np
import minifcn.functional as F
from minifcn import Tensor, set_num_threads
from minifcn.threads import for_each
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
def test_a_fork_works_and_its_own_forks_do():
    set_num_threads(2)
    expected = scores(0)

    def child():
        assert get_num_threads() == 2
        assert scores(0) == expected
        grandchild()

    def grandchild():
        in_fork(same_bits)

    def same_bits():
        assert scores(0) == expected

    in_fork(child)
    assert scores(0) == expected


@forks
@forked_beside_threads
def test_a_fork_while_pieces_are_running_elsewhere():
    """The child has neither the threads nor the limit of BLAS; its parent goes on undisturbed."""
    set_num_threads(2)
    expected = scores(0)
    begun, over = threading.Event(), threading.Event()

    def piece(_):
        begun.set()
        assert over.wait(PATIENCE)

    with two_blas_threads():
        worker = threading.Thread(target=for_each, args=(piece, range(4)))
        worker.start()
        assert begun.wait(PATIENCE)

        def child():
            assert blas_threads() <= {2}
            assert scores(0) == expected
            seen = []
            for_each(lambda number: seen.append((number, blas_threads() <= {1})), range(4))
            assert sorted(seen) == [(number, True) for number in range(4)]

        try:
            in_fork(child)
        finally:
            over.set()
            worker.join(PATIENCE)
    assert not worker.is_alive()
    assert scores(0) == expected


@forks
@forked_beside_threads
def test_forks_while_another_thread_convolves():
    set_num_threads(2)
    expected, over, found = scores(1), threading.Event(), []

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
def test_process_pools_give_the_same_bits(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    set_num_threads(2)
    source = np.random.default_rng(0)
    operands = [
        (source.random((2, 16, 48, 64), np.float32), source.random((32, 16, 3, 3), np.float32)) for _ in range(3)
    ]
    expected = [ours.conv2d(x, w).tobytes() for x, w in operands]
    # A function of the package: a process that is spawned may not find this file.
    with multiprocessing.get_context(method).Pool(1 if method == "spawn" else 2) as pool:
        found = pool.starmap_async(ours.conv2d, operands).get(PATIENCE)
    assert [y.tobytes() for y in found] == expected


# --- results ----------------------------------------------------------------------------------------------------------


def test_threads_of_the_user_get_the_bits_of_serial():
    set_num_threads(2)
    expected = [scores(seed) for seed in range(6)]
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
    "winograd": (Geometry.of_convolution((37, 50), 3, padding=1), 24, 20),
    "auto": (Geometry.of_convolution((37, 50), 1), 40, 36),
}


@pytest.mark.parametrize("contraction", CONTRACTIONS)
@pytest.mark.parametrize("case", CASES)
def test_results_do_not_depend_on_the_number_of_threads(case, contraction):
    """The same bits for the same number, and the same but for rounding for another; whole numbers are exact in im2col."""
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
    scale = np.abs(found[1]).max()
    for threads in (2, 3):
        np.testing.assert_allclose(found[threads], found[1], rtol=0, atol=1e-5 * scale)
        off = exact[threads] - exact[1]
        assert np.abs(off).max() <= (1e-7 if case == "winograd" else 0)
