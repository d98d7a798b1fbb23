"""A work that several threads do together; tests/machine/test_threads.py asks `for_each`, which does it with one."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from minifcn.machine.shared_work import Here, SharedWork

PATIENCE = 30  # seconds until a thread that should be done counts as lost


def test_one_thread_does_all_shares_its_own_first_and_others_from_their_end() -> None:
    done: list[str] = []
    here = Here()
    here.number = 1
    shared = SharedWork(here, done.append, ["ab", "cd", "ef"])
    shared.do()
    shared.wait()
    assert done == ["c", "d", "f", "e", "b", "a"]
    assert not here.working


def test_who_comes_too_late_finds_nothing_and_was_not_waited_for() -> None:
    done: list[int] = []
    shared = SharedWork(Here(), done.append, [[1], [2]])
    shared.do()
    shared.wait()
    shared.help()
    assert done == [1, 2]


def test_who_has_begun_is_waited_for() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(piece: int) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        done.append(piece)

    shared = SharedWork(Here(), work, [[1]])
    helper = threading.Thread(target=shared.help)
    helper.start()
    assert begun.wait(PATIENCE)
    threading.Timer(0.05, go_on.set).start()
    shared.wait()
    assert done == [1]
    helper.join()
    shared.wait()  # again, as after an interruption: nothing is to come


def test_an_interruption_while_waiting_leaves_what_is_to_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(piece: int) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        done.append(piece)

    class Interrupted:
        """A queue whose first answer is Ctrl-C."""

        def __init__(self, queue: object) -> None:
            self.put, self._get, self._first = queue.put, queue.get, True  # type: ignore[attr-defined]

        def get(self) -> None:
            if self._first:
                self._first = False
                raise KeyboardInterrupt
            self._get()

    shared = SharedWork(Here(), work, [[1], [2]])
    monkeypatch.setattr(shared, "_told", Interrupted(shared._told))
    helper = threading.Thread(target=shared.help)
    helper.start()
    assert begun.wait(PATIENCE)
    with pytest.raises(KeyboardInterrupt):
        shared.wait()
    assert not done
    go_on.set()
    shared.wait()
    assert done == [1], "the second piece had not been begun, and nobody begins it after an interruption"
    helper.join()


def test_nothing_is_kept_of_a_work_that_is_done() -> None:
    array = np.zeros(3)
    known = weakref.ref(array)
    shared = SharedWork(Here(), lambda piece: piece[0].sum(), [[(array,)], []])
    del array
    shared.do()
    gc.collect()
    assert known() is None, "a thread that comes too late still holds the work"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_first_error_is_raised_but_an_interruption_before_it(order: tuple[int, int]) -> None:
    errors = [ValueError("first"), KeyError("second")]

    def work(piece: BaseException) -> None:
        raise piece

    shared = SharedWork(Here(), work, [[errors[0]], [errors[1]]])
    shared._here.number = order[0]
    shared.do()
    with pytest.raises(ValueError, match="first"):
        shared.raise_what_failed()
    shared.raise_what_failed()  # once only
    shared = SharedWork(Here(), work, [[errors[0]], [KeyboardInterrupt()]])
    shared._here.number = 1
    shared.do()
    with pytest.raises(KeyboardInterrupt):
        shared.raise_what_failed()
