"""Batches on their way to the device: the right values, however late a GPU is, and nobody waits who need not.

The double's streams are as late as they may be, so each wait is taken out here, and the values are wrong without it.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor
from minifcn import functional as F
from minifcn.data import Batch
from minifcn.errors import AllocationError, ArgumentError, GraphError
from minifcn.training import feeding
from minifcn.training.feeding import on_device
from tests.onto import device_of, equal
from tests.played_cupy import playing
from tests.played_cupy.arrays import ndarray, synchronisations
from tests.training.tiny import Pictures, loader

SAME = 6 * [(2, 5, 7)]
SIZES = {
    "the same": SAME,
    "the last is smaller": [*SAME, (1, 5, 7)],
    "growing": [(1, 5, 7), (1, 5, 8), (2, 6, 7), (2, 9, 8), (3, 9, 8), (3, 20, 30), (3, 20, 31)],
    "changing": [(2, 5, 7), (1, 3, 3), (2, 6, 7), (2, 5, 7), (1, 1, 1), (3, 4, 9), (2, 5, 7)],
    "two": 2 * [(2, 5, 7)],
    "one": [(2, 5, 7)],
    "of nothing": [(2, 5, 7), (0, 5, 7), (0, 5, 7), (2, 5, 7)],
    "none": [],
}


def made(sizes: list[tuple[int, int, int]]) -> list[Batch]:
    """One batch of each size (N, H, W), no two alike; labels of all values, 255 among them."""
    rng = np.random.default_rng(3)
    return [
        Batch(
            rng.standard_normal((N, 3, H, W), np.float32),
            rng.integers(0, 256, (N, H, W), np.uint8),
            tuple(f"{number}-{n}" for n in range(N)),
        )
        for number, (N, H, W) in enumerate(sizes)
    ]


def copies(xp: ModuleType, feed: Iterator[Any], first: Callable[[], object] = lambda: None) -> list[Any]:
    """What the device finds in the Tensors, without a wait of the host; it does `first` before each look."""
    found = []
    for batch, images, labels in feed:
        first()
        found.append((batch, xp.array(images.data), xp.array(labels.data)))
        del batch, images, labels
    return found


def agree(found: list[Any], batches: list[Batch]) -> None:
    assert [batch.names for batch, _, _ in found] == [batch.names for batch in batches]
    for (batch, images, labels), expected in zip(found, batches, strict=True):
        assert batch is expected
        assert (images.dtype, labels.dtype) == (np.float32, np.uint8)
        equal(images, expected.images)
        equal(labels, expected.labels)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_value_arrives(xp: ModuleType, sizes: list[tuple[int, int, int]]) -> None:
    batches = made(sizes)
    agree(copies(xp, on_device(iter(batches), device_of(xp))), batches)


def test_a_busy_device_finds_the_right_values(xp: ModuleType, request: pytest.FixtureRequest) -> None:
    """On a card kernels are queued that take longer than the copies, on the default stream and on another."""
    on_a_card = request.node.callspec.params["xp"] == "cupy"
    batches = made(12 * [(4, 200, 300)] if on_a_card else SAME)
    x = xp.ones((4096, 4096) if on_a_card else (3, 3), np.float32)

    def work() -> None:
        for _ in range(3):
            x @ x

    agree(copies(xp, on_device(iter(batches), device_of(xp)), work), batches)
    if on_a_card:  # the double's arrays are computed at once, whatever the stream; kernels that are late come below
        xp.cuda.Device().synchronize()  # x was made on the default stream
        with xp.cuda.Stream(non_blocking=True) as stream:
            found = copies(xp, on_device(iter(batches), device_of(xp)), work)
            stream.synchronize()
        agree(found, batches)


def test_on_a_cpu_nothing_is_copied() -> None:
    batches = made(SAME)
    for batch, images, labels in on_device(iter(batches), "cpu"):
        assert images.data is batch.images and labels.data is batch.labels


def test_tensors_are_where_they_were_asked_for() -> None:
    with playing() as cupy:
        for device, index in (("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)):
            for _, images, labels in on_device(iter(made(SAME)), device):
                assert (images.device, labels.device) == (f"cuda:{index}", f"cuda:{index}")
                assert (labels.data.data.ptr - images.data.data.ptr) % 512 == 0, "as if it were an array of its own"
                assert cupy.cuda.Device().id == 0, "the consumer's device is its own"
        with cupy.cuda.Device(1):
            assert {images.device for _, images, _ in on_device(iter(made(SAME)), "cuda")} == {"cuda:1"}


def test_an_unknown_device_is_an_error_before_anything_is_read() -> None:
    batches = iter(made(SAME))
    with pytest.raises(ArgumentError, match="device \"gpu\" is unknown|device 'gpu' is unknown"):
        on_device(batches, "gpu")
    with playing(), pytest.raises(ArgumentError, match='device "cuda:2" cannot be used'):
        on_device(batches, "cuda:2")
    assert len(list(batches)) == len(SAME)


# --- Who waits for whom ---------------------------------------------------------------------------------------------


def seen_late(cupy: Any, batches: list[Batch]) -> list[tuple[np.ndarray, np.ndarray]]:
    """What kernels read that are told to run while their batch is there, and run when they must."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    stream = cupy.cuda.get_current_stream()
    for _, images, labels in on_device(iter(batches), "cuda"):
        x, y = images.data.values, labels.data.values
        stream.later(lambda x=x, y=y: seen.append((x.copy(), y.copy())))
    stream.synchronize()
    return seen


def right(seen: list[tuple[np.ndarray, np.ndarray]], batches: list[Batch]) -> bool:
    return len(seen) == len(batches) and all(
        np.array_equal(images, batch.images) and np.array_equal(labels, batch.labels)
        for (images, labels), batch in zip(seen, batches, strict=True)
    )


def without(monkeypatch: pytest.MonkeyPatch, cupy: Any, wait: str, computing: Any) -> None:
    """Take one wait out."""
    Stream, Event = cupy.cuda.Stream, cupy.cuda.Event
    true_wait = Stream.wait_event
    if wait == "the host for a copy":
        monkeypatch.setattr(Event, "synchronize", lambda self: None)
    elif wait == "the host for the last copy":
        monkeypatch.setattr(Stream, "synchronize", lambda self: None)
    elif wait != "none":
        nobody = {"a copy for the computation": False, "the computation for a copy": True}[wait]

        def wait_event(self: Any, event: Any) -> None:
            if (self is computing) != nobody:
                true_wait(self, event)

        monkeypatch.setattr(Stream, "wait_event", wait_event)


@pytest.mark.parametrize("sizes", ["the same", "growing", "changing"])
@pytest.mark.parametrize(
    ("wait", "late"),
    [("none", True), ("none", False),
     ("the host for a copy", True), ("a copy for the computation", True), ("the computation for a copy", False)],
)  # fmt: skip
def test_each_wait_is_needed(monkeypatch: pytest.MonkeyPatch, sizes: str, wait: str, late: bool) -> None:
    """late: kernels run as late as they may; otherwise at once, so that only the copies are late."""
    batches = made(SIZES[sizes])
    with playing() as cupy:
        stream = cupy.cuda.Stream(null=not late, non_blocking=True)
        with stream:
            without(monkeypatch, cupy, wait, stream)
            wrong = not right(seen_late(cupy, batches), batches)
        if sizes == "growing" and wait != "the computation for a copy":
            assert not wrong, "new memory for each batch: nothing is used again"
        else:
            assert wrong == (wait != "none")


class Pools:
    """CuPy's two pools: what is given back has a new owner at once, and that one still has it in the end.

    cupy.empty gives memory in which kernels are still at work, as a pool may that knows of one stream only.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cupy: Any) -> None:
        self.stream = cupy.cuda.get_current_stream()
        self.given: list[np.ndarray] = []
        self.back: list[tuple[np.ndarray, int]] = []  # and what the new owner writes
        true_empty, true_set = cupy.empty, ndarray.set

        def empty(shape: Any, dtype: Any) -> Any:
            assert len(self.given) - len(self.back) <= 2, "the old memory of a slot goes back before it gets more"
            made = true_empty(shape, dtype)
            values = made.values
            self._watch(made, values, 8, self.stream.later)
            self.stream.later(lambda: values.fill(7))
            return made

        def alloc_pinned_memory(size: int) -> Any:
            values = np.full(size + 1000, 255, np.uint8)  # a pool has larger pieces, too
            made = (ctypes.c_uint8 * values.nbytes).from_buffer(values)  # an array of it keeps it alive, as CuPy's
            self._watch(made, values, 9, lambda action: action())
            return made

        def set_(array: Any, values: np.ndarray, stream: Any) -> None:
            """A copy does not keep the host's memory alive."""
            owner = next(owner for owner in self.given if np.shares_memory(owner, values))
            assert values.flags.c_contiguous and array.values.flags.c_contiguous, "CuPy would copy it first"
            start = values.ctypes.data - owner.ctypes.data
            true_set(array, owner[start : start + values.nbytes].view(values.dtype).reshape(values.shape), stream)

        monkeypatch.setattr(cupy, "empty", empty)
        monkeypatch.setattr(cupy.cuda, "alloc_pinned_memory", alloc_pinned_memory)
        monkeypatch.setattr(ndarray, "set", set_)

    def _watch(self, made: Any, values: np.ndarray, number: int, later: Callable[[Callable[[], None]], None]) -> None:
        def gone() -> None:
            self.back.append((values, number))
            later(lambda: values.fill(number))

        self.given.append(values)
        weakref.finalize(made, gone)

    def whole(self) -> bool:
        """What has a new owner holds what that one wrote."""
        return all((values == number).all() for values, number in self.back)


@pytest.mark.parametrize("sizes", ["the same", "growing", "changing"])
@pytest.mark.parametrize(
    ("wait", "late"),
    [("none", True), ("none", False),
     ("the host for a copy", True), ("a copy for the computation", True), ("the computation for a copy", False)],
)  # fmt: skip
def test_memory_comes_from_the_pools_and_goes_back(
    monkeypatch: pytest.MonkeyPatch, sizes: str, wait: str, late: bool
) -> None:
    """Now also what is new must be waited for, and the page-locked memory that goes back as a slot grows."""
    batches = made(SIZES[sizes])
    with playing() as cupy, cupy.cuda.Stream(null=not late, non_blocking=True) as stream:
        pools = Pools(monkeypatch, cupy)
        without(monkeypatch, cupy, wait, stream)
        seen = seen_late(cupy, batches)
        stream.synchronize()
        assert len(pools.back) == len(pools.given) >= 4
        assert (right(seen, batches) and pools.whole()) == (wait == "none")


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("wait", ["none", "the host for the last copy"])
def test_who_stops_early_leaves_no_copy_running(monkeypatch: pytest.MonkeyPatch, wait: str, late: bool) -> None:
    with playing() as cupy, cupy.cuda.Stream(null=not late, non_blocking=True) as stream:
        streams = []
        begin = cupy.cuda.Stream.__init__

        def noticed(self: Any, *given: Any, **options: Any) -> None:
            begin(self, *given, **options)
            streams.append(self)

        monkeypatch.setattr(cupy.cuda.Stream, "__init__", noticed)
        pools = Pools(monkeypatch, cupy)
        feed = on_device(iter(made(SAME)), "cuda")
        next(feed)
        copying = streams[0]
        assert copying.waiting, "the copy of the second batch is on its way"
        with monkeypatch.context() as patched:
            without(patched, cupy, wait, stream)
            feed.close()
        del feed
        assert len(pools.back) == 4
        assert (not copying.waiting) == (wait == "none")
        stream.synchronize()
        copying.synchronize()
        assert pools.whole() == (wait == "none")


def test_the_next_copy_has_begun_before_a_batch_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    true_set = ndarray.set
    monkeypatch.setattr(ndarray, "set", lambda *given, **options: (begun.append(given), true_set(*given, **options)))
    with playing():
        assert [len(begun) for _ in on_device(iter(made(SAME)), "cuda")] == [2, 3, 4, 5, 6, 6]
        del begun[:]
        assert [len(begun) for _ in on_device(iter(made(SIZES["one"])), "cuda")] == [1]


def test_the_host_waits_for_nothing_but_copies_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    with playing() as cupy:
        true_synchronize = cupy.cuda.Event.synchronize

        def synchronize(self: Any) -> None:
            done.append(self.done)
            true_synchronize(self)

        monkeypatch.setattr(cupy.cuda.Event, "synchronize", synchronize)
        del synchronisations[:]
        for _, images, _ in on_device(iter(made(SAME)), "cuda"):
            images + images
        assert synchronisations == [*(len(SAME) * ["event"]), "stream"]
        assert done == len(SAME) * [True]


# --- Memory ---------------------------------------------------------------------------------------------------------


def test_memory_grows_only_when_a_batch_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [(2, 15, 17), (2, 15, 17), (1, 15, 17), (2, 30, 9), (2, 30, 18), (2, 14, 17), (2, 15, 17), (2, 30, 18)]
    with playing() as cupy:
        asked: list[tuple[str, int]] = []
        true_alloc, true_empty = cupy.cuda.alloc_pinned_memory, cupy.empty
        monkeypatch.setattr(
            cupy.cuda, "alloc_pinned_memory", lambda size: (asked.append(("host", size)), true_alloc(size))[1]
        )
        monkeypatch.setattr(
            cupy, "empty", lambda size, dtype: (asked.append(("device", size)), true_empty(size, dtype))[1]
        )
        batches = made(sizes)
        counts = []
        for _ in on_device(iter(batches), "cuda"):
            counts.append(len(asked) // 2)
    # Before batch k is given, k + 1 has memory: new for the first two, more for number 3, 4 and 7.
    assert counts == [2, 2, 3, 4, 4, 4, 5, 5]
    assert [where for where, _ in asked] == 5 * ["device", "host"]
    assert all(0 <= size - 13 * 2 * H * W < 2 * feeding.BOUNDARY
               for (_, size), (_, H, W) in zip(asked[::2], [sizes[k] for k in (0, 1, 3, 4, 7)], strict=True))  # fmt: skip


def test_no_memory_for_a_batch_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing() as cupy:
        for module, name, error in (
            (cupy, "empty", cupy.cuda.memory.OutOfMemoryError("out of memory")),
            (cupy.cuda, "alloc_pinned_memory", cupy.cuda.runtime.CUDARuntimeError("cudaErrorMemoryAllocation")),
        ):
            with monkeypatch.context() as patched, pytest.raises(AllocationError) as raised:

                def fail(*given: object, error: Exception = error) -> None:
                    raise error

                patched.setattr(module, name, fail)
                next(on_device(iter(made(SAME)), "cuda:1"))
            assert raised.value.__cause__ is error
            assert "a batch of images (2, 3, 5, 7)" in str(raised.value) and "cuda:1" in str(raised.value)


def test_a_graph_that_outlives_its_batch_is_not_wrong_in_silence(xp: ModuleType) -> None:
    if xp is np:
        pytest.skip("on a CPU the batches are the caller's own")
    feed = on_device(iter(made(SAME)), device_of(xp))
    _, images, _ = next(feed)
    weight = Tensor(xp.ones((1, 3, 5, 7), np.float32), requires_grad=True)
    F.sum(images * weight).backward()
    equal(weight.grad, images.data.sum(axis=0, keepdims=True))
    late = F.sum(images * weight)
    next(feed)
    with pytest.raises(GraphError, match="changed"):
        late.backward()
    feed.close()


# --- The end --------------------------------------------------------------------------------------------------------


def test_an_error_comes_after_the_batch_before_it(xp: ModuleType) -> None:
    batches = made(SAME)
    ended = []

    def failing() -> Iterator[Batch]:
        try:
            yield from batches[:3]
            raise ValueError("the fourth picture is damaged")
        finally:
            ended.append(True)

    feed = on_device(failing(), device_of(xp))
    agree([(batch, images.data.copy(), labels.data.copy()) for batch, images, labels in (next(feed) for _ in range(3))],
          batches[:3])  # fmt: skip
    with pytest.raises(ValueError, match="the fourth picture is damaged"):
        next(feed)
    assert ended == [True]
    with pytest.raises(StopIteration):
        next(feed)


@pytest.mark.parametrize("how", ["to the end", "close", "break", "error"])
def test_the_thread_that_reads_ends_too(xp: ModuleType, how: str) -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("minifcn-data")]

    def consume(feed: Any) -> None:
        for number, _ in enumerate(feed):
            assert number or threads()
            if how == "close":
                feed.close()
            elif how == "break":
                break
            elif how == "error":
                raise KeyError("of the consumer")

    batches = loader(Pictures(7), prefetch=True).batches()
    try:
        consume(on_device(batches, device_of(xp)))
    except KeyError:
        assert how == "error"
    assert threads() == []
    assert next(batches, None) is None, "closed"


def test_any_iterator_will_do(xp: ModuleType) -> None:
    """Without `close`, as that of a list."""
    feed = on_device(iter(made(SAME)), device_of(xp))
    next(feed)
    feed.close()
    assert next(feed, None) is None
