"""The profile: every operation once, with its own time; counted exactly; and nothing at all when it is off."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import minifcn
import minifcn.functional as F
from minifcn import Tensor, no_grad
from minifcn.autograd import Operation
from minifcn.machine.profiling import Profile, running, section, waiting
from minifcn.machine.timetable import BACKWARD, FORWARD, OTHER, Entry


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(Operation):
    """x, after some seconds; its backward takes seconds itself, and as many again in an operation."""

    keeps_operands = False

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.clock.now += self.seconds
        return x + 1

    def backward(self, grad: Tensor) -> object:
        self.clock.now += 10 * self.seconds

        def later() -> Tensor:
            self.clock.now += 100 * self.seconds
            return Slow(self.clock, self.seconds)(grad)

        return later


class Nested(Slow):
    """Runs an operation inside its forward."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.clock.now += self.seconds
        return Slow(self.clock, 1000.0)(Tensor(x)).data + 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(clock: Clock) -> Iterator[Profile]:
    profile = Profile(clock)
    profile.start()
    yield profile
    profile.stop()


def leaf(*shape: int, dtype: type = np.float32) -> Tensor:
    return Tensor(np.random.default_rng(0).integers(1, 5, shape).astype(dtype), requires_grad=True)


def named(record: Profile) -> dict[tuple[str, str], Entry]:
    assert len({(e.phase, e.name) for e in record.entries.values()}) == len(record.entries)
    return {(entry.phase, entry.name): entry for entry in record.entries.values()}


def counts(record: Profile) -> dict[tuple[str, str], tuple[int, int, int]]:
    """(phase, name) -> (calls, operations, bytes), of operations."""
    found = named(record).items()
    return {key: (e.calls, e.operations, e.bytes) for key, e in found if "." not in key[1] and " " not in key[1]}


# --- time ---------------------------------------------------------------------------------------------------------


def test_the_time_of_a_backward_is_its_own(record: Profile, clock: Clock) -> None:
    x = leaf(3)
    y = Slow(clock, 1.0)(x)
    clock.now += 5000.0
    y.backward(np.ones(3, np.float32))
    seconds = {key: (entry.calls, entry.seconds) for key, entry in named(record).items()}
    assert seconds == {
        (FORWARD, "Slow"): (1, 1.0),
        (BACKWARD, "Slow.backward"): (1, 110.0),
        (BACKWARD, "Slow"): (1, 1.0),
        (BACKWARD, "the walk of the graph"): (1, 0.0),
    }
    assert record.seconds == 5112.0
    rest = next(row for row in record.rows() if row.name == "Python between the operations")
    assert (rest.phase, rest.seconds, rest.calls) == (OTHER, 5000.0, 0)
    assert record.rows()[0] is not None and record.rows()[0].name == rest.name
    assert sum(row.seconds for row in record.rows()) == record.seconds


def test_an_operation_inside_another_is_not_counted_twice(record: Profile, clock: Clock) -> None:
    Nested(clock, 7.0)(leaf(3))
    assert {name: entry.seconds for (_, name), entry in named(record).items()} == {"Nested": 7.0, "Slow": 1000.0}


def test_writing_down_is_a_line_of_its_own(clock: Clock) -> None:
    """A clock that moves by one second whenever it is read: what is read between two operations is nobody's."""
    reads = iter(range(1000))
    record = Profile(lambda: float(next(reads)))
    record.start()
    with section("part"):
        for _ in range(3):
            Slow(clock, 0.0)(leaf(2))
    record.stop()
    entries = named(record)
    assert entries[FORWARD, "Slow"].seconds == 3.0  # read before and after each
    assert entries[OTHER, "part"].seconds == 4.0  # before, between and after the three
    own = next(row for row in record.rows() if row.name == "the profile itself")
    assert own.seconds == 4.0  # one read after each of the three, and one after the part
    assert sum(row.seconds for row in record.rows()) == record.seconds == 13.0


def test_an_operation_that_fails_leaves_no_line_and_no_frame(record: Profile) -> None:
    class Broken(Operation):
        def forward(self, x: np.ndarray) -> np.ndarray:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Broken()(leaf(2))
    with pytest.raises(ZeroDivisionError), section("part"):
        Broken()(leaf(2))
    assert [entry.name for entry in record.entries.values()] == ["part"]
    F.exp(leaf(2))
    assert named(record)[FORWARD, "Exp"].calls == 1


def test_a_backward_that_fails_is_left_too(record: Profile) -> None:
    x = leaf(2)
    y = x * x
    x.mutable()[0] = 5.0
    with pytest.raises(RuntimeError):
        y.sum().backward()
    F.exp(leaf(2))
    assert (FORWARD, "Exp") in named(record)


# --- counts -------------------------------------------------------------------------------------------------------


def test_the_operations_and_bytes_of_a_small_network(record: Profile) -> None:
    """2 images of 5x7, 3 to 4 channels: 2·N·O·OH·OW·C·taps; 4 bytes for each number that is read or written."""
    x, w = leaf(2, 3, 5, 7), leaf(4, 3, 2, 3)
    y = F.conv2d(x, w, leaf(4), stride=(1, 2), padding=(1, 0))  # (2, 4, 6, 3)
    z = F.max_pool2d(F.relu(y), (2, 3))  # (2, 4, 3, 1)
    z.sum().backward()
    X, W, Y, Z = 2 * 3 * 5 * 7, 4 * 3 * 2 * 3, 2 * 4 * 6 * 3, 2 * 4 * 3
    taps = z.grad_fn.taps.nbytes  # the winner of each window
    convolution = 2 * Y * 3 * 2 * 3
    assert counts(record) == {
        (FORWARD, "ToOutput"): (1, convolution, 4 * (X + W + Y)),
        (FORWARD, "AddBias"): (1, Y, 4 * (Y + 4 + Y)),  # in place: y is read and written
        (FORWARD, "ReLU"): (1, Y, 4 * (Y + Y)),
        (FORWARD, "MaxPool"): (1, 6 * Z, 4 * (Y + Z) + taps),
        (FORWARD, "Sum"): (1, Z, 4 * (Z + 1)),
        (BACKWARD, "Reshape"): (1, 0, 0),  # of the sum's gradient, for BroadcastTo
        (BACKWARD, "BroadcastTo"): (1, 0, 0),
        (BACKWARD, "ScatterTaps"): (1, Z, 4 * (1 + Y) + taps),  # the gradient of a sum is one number, repeated
        (BACKWARD, "Gate"): (
            1,
            2 * Y,
            4 * (Y + Y + Y),
        ),  # a comparison and a product; gradient, result of ReLU, gradient
        (BACKWARD, "Sum"): (1, Y, 4 * (Y + 4)),  # the gradient of the bias
        (BACKWARD, "ToInput"): (1, convolution, 4 * (W + Y + X)),
        (BACKWARD, "ToWeight"): (1, convolution, 4 * (X + Y + W)),
    }


def test_groups_and_the_algorithm_count_as_they_are_written(record: Profile) -> None:
    x, w = leaf(1, 4, 6, 5), leaf(2, 2, 3, 3)
    F.conv2d(x, w, padding=1, groups=2)
    F.conv_transpose2d(leaf(1, 64, 3, 4), leaf(64, 48, 4, 4), stride=2)
    with minifcn.use_algorithm("loops"):
        F.conv2d(leaf(1, 2, 8, 9), leaf(5, 2, 1, 1))
    F.conv2d(leaf(1, 2, 8, 9), leaf(5, 2, 1, 1))
    F.conv2d(leaf(2, 96, 24, 24), leaf(112, 96, 3, 3), padding=1).sum().backward()
    kinds = {(e.phase, e.label): e.operations for e in record.entries.values() if e.operations and "To" in e.name}
    big = 2 * 2 * 112 * 24 * 24 * 96 * 9
    assert kinds == {
        (FORWARD, "ToOutput 3x3 in 2 groups, 4->2 channels, 6x5, im2col"): 2 * 2 * 30 * 2 * 9,
        (FORWARD, "ToInput 4x4 stride 2, 64->48 channels, 3x4->8x10, im2col"): 2 * 64 * 12 * 48 * 16,
        (FORWARD, "ToOutput 1x1, 2->5 channels, 8x9, loops"): 2 * 5 * 72 * 2,
        (FORWARD, "ToOutput 1x1, 2->5 channels, 8x9, pointwise"): 2 * 5 * 72 * 2,
        (FORWARD, "ToOutput 3x3, 96->112 channels, 24x24, winograd"): big,
        (BACKWARD, "ToInput 3x3, 112->96 channels, 24x24, winograd"): big,
        (BACKWARD, "ToWeight 3x3, 96->112 channels, 24x24, winograd"): big,
    }


@pytest.mark.parametrize(
    ("call", "name", "operations", "numbers"),
    [
        (lambda x: x @ leaf(2, 7, 4), "MatMul", 2 * 2 * 5 * 4 * 7, 70 + 56 + 40),
        (lambda x: F.softmax(x, 1), "Softmax", 5 * 70, 140),
        (lambda x: F.log_softmax(x, 1), "LogSoftmax", 5 * 70, 140),
        (lambda x: F.sigmoid(x), "Sigmoid", 4 * 70, 140),
        (lambda x: x.sum(1), "Sum", 70, 70 + 14),
        (lambda x: F.amax(x, 2), "AMax", 70, 70 + 10),
        (lambda x: F.sum_to(x, (1, 7)), "SumTo", 70, 77),
        (lambda x: F.cat([x, x], 0), "Concatenate", 0, 280),
        (lambda x: F.pad(x, (1, 2)), "Pad", 0, 70 + 100),
        (lambda x: F.permute(x, (2, 0, 1)), "Permute", 0, 0),
        (lambda x: F.broadcast_to(x, (3, 2, 5, 7)), "BroadcastTo", 0, 0),
        (lambda x: F.broadcast_to(x, (3, 2, 5, 7)) * 2.0, "Multiply", 210, 70 + 1 + 210),
        (lambda x: x[:, 1:3], "GetItem", 0, 0),
        (lambda x: x[0, 0, 0] + 1.0, "Add", 1, 3),
    ],
)
def test_what_an_operation_counts(call: object, name: str, operations: int, numbers: int, record: Profile) -> None:
    call(leaf(2, 5, 7))  # type: ignore[operator]
    entry = named(record)[FORWARD, name]
    assert (entry.operations, entry.bytes) == (operations, 4 * numbers)


def test_what_operations_on_images_count(record: Profile) -> None:
    x = leaf(2, 3, 4, 6, dtype=np.float64)
    F.avg_pool2d(x, (2, 3)).sum().backward()
    F.interpolate(x, (8, 18), mode="bilinear")  # 14 numbers in the band of the rows, 28 in that of the columns
    F.batch_norm(x, None, None, training=True)
    values, indices = F.max_pool2d(x, (2, 2), return_indices=True)
    F.max_unpool2d(values, indices, 2)
    F.cross_entropy(x, np.zeros((2, 4, 6), np.uint8))
    columns = F.unfold(x, (2, 3))
    F.fold(columns, (4, 6), (2, 3))
    F.adaptive_avg_pool2d(x, (3, 2)).sum().backward()
    F.adaptive_avg_pool2d(x, (5, 8))
    operations = {key: entry.operations for key, entry in named(record).items()}
    assert {e.label for e in record.entries.values()} >= {"Unfold 2x3", "Fold 2x3"}
    assert operations[FORWARD, "Unfold"] == 0 and operations[FORWARD, "Fold"] == columns.numel()
    assert operations[FORWARD, "AdaptiveAvgPool"] == x.numel() + 2 * 3 * 5 * 8  # or of each result, if there are more
    assert operations[BACKWARD, "AdaptiveAvgPoolTransposed"] == x.numel()
    assert operations[FORWARD, "AvgPool"] == operations[BACKWARD, "AvgPoolTransposed"] == 2 * 3 * 2 * 2 * 6
    assert operations[FORWARD, "Interpolate"] == 2 * 6 * (4 * 28 + 18 * 14)  # columns first
    assert operations[FORWARD, "BatchNorm"] == 6 * x.numel()
    assert operations[FORWARD, "MaxPool"] == x.numel() and operations[FORWARD, "Unpool"] == 0
    assert operations[FORWARD, "CrossEntropy"] == 4 * x.numel() + 4 * 2 * 4 * 6


# --- where it holds -----------------------------------------------------------------------------------------------


def test_it_is_off_by_default_and_after_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object) -> None:
        raise AssertionError

    assert running() is None
    with minifcn.profile() as record, section("part"):
        assert running() is record
    assert running() is None
    seconds = record.seconds
    monkeypatch.setattr(Profile, "forward", never)
    monkeypatch.setattr(Profile, "section", never)
    with section("more"):
        (leaf(3) * 2.0).sum().backward()
    assert list(waiting("numbers", [1, 2])) == [1, 2]
    assert [entry.name for entry in record.entries.values()] == ["part"]
    assert record.seconds == seconds > 0
    with pytest.raises(ZeroDivisionError), minifcn.profile():
        raise ZeroDivisionError
    assert running() is None


def test_the_numbers_are_the_same() -> None:
    x, w = leaf(2, 3, 9, 8), leaf(4, 3, 3, 3)

    def gradients() -> tuple[bytes, bytes]:
        found = minifcn.grad(F.log_softmax(F.conv2d(x, w), 1).exp().sum(), (x, w))
        return found[0].data.tobytes(), found[1].data.tobytes()

    before = gradients()
    with minifcn.profile():
        assert gradients() == before


def test_without_gradients(record: Profile) -> None:
    with no_grad():
        leaf(3) * 2.0
    assert counts(record) == {(FORWARD, "Multiply"): (1, 3, 4 * (3 + 1 + 3))}


def test_grad_and_the_second_order_are_backward(record: Profile) -> None:
    x = leaf(3)
    (first,) = minifcn.grad((x * x).sum(), x, create_graph=True)
    minifcn.grad(first.sum(), x)
    calls = {key: entry.calls for key, entry in named(record).items()}
    assert calls[FORWARD, "Multiply"] == 1
    assert calls[BACKWARD, "Multiply"] == 4  # g·x twice, and of each the derivative for x
    assert calls[BACKWARD, "the walk of the graph"] == 2
    assert {name for phase, name in calls if phase == FORWARD} == {"Multiply", "Sum"}


def test_what_the_engine_adds_up_is_backward(record: Profile) -> None:
    x = leaf(3)
    for _ in range(2):
        (x * 2.0).sum().backward()
    assert counts(record)[BACKWARD, "Add"] == (1, 3, 36)


def test_threads_do_not_disturb_each_other() -> None:
    records: dict[str, Profile] = {}
    meeting = threading.Barrier(2, timeout=30)

    def work(name: str, times: int) -> None:
        with minifcn.profile() as records[name]:
            for _ in range(times):
                meeting.wait()
                leaf(2) * 2.0

    threads = [threading.Thread(target=work, args=("one", 5)), threading.Thread(target=work, args=("two", 5))]
    with minifcn.profile() as mine:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not mine.entries
    assert [counts(record)[FORWARD, "Multiply"][0] for record in records.values()] == [5, 5]


def test_a_copied_context_does_not_carry_it_into_another_thread() -> None:
    with minifcn.profile() as record:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(lambda: leaf(2) * 2.0,))
        thread.start()
        thread.join()
    assert not record.entries


def test_a_profile_inside_another_takes_over() -> None:
    with minifcn.profile() as outer:
        with minifcn.profile() as inner:
            leaf(2) * 2.0
        F.exp(leaf(2))
    assert [entry.name for entry in inner.entries.values()] == ["Multiply"]
    assert [entry.name for entry in outer.entries.values()] == ["another profile", "Exp"]


# --- sections -----------------------------------------------------------------------------------------------------


def test_sections(record: Profile, clock: Clock) -> None:
    with section("part"):
        clock.now += 2.0
        Slow(clock, 3.0)(leaf(2))
    with section("all", whole=True):
        clock.now += 5.0
        Slow(clock, 7.0)(leaf(2))
    assert {key: (entry.calls, entry.seconds) for key, entry in named(record).items()} == {
        (OTHER, "part"): (1, 2.0),
        (FORWARD, "Slow"): (1, 3.0),
        (OTHER, "all"): (1, 12.0),
    }


def test_waiting_counts_what_the_items_take_and_not_their_use(record: Profile, clock: Clock) -> None:
    def items() -> Iterator[int]:
        for number in range(3):
            clock.now += 4.0
            yield number

    found = []
    for item in waiting("data", items()):
        clock.now += 100.0
        found.append(item)
    assert found == [0, 1, 2]
    entry = named(record)[OTHER, "data"]
    assert (entry.seconds, entry.calls) == (12.0, 4)  # the fourth finds that there is no more


def test_stopped_inside_a_section(clock: Clock) -> None:
    record = Profile(clock)
    assert record.seconds == 0
    record.start()
    with section("part"):
        clock.now += 3.0
        assert record.seconds == 3.0
        record.stop()
        clock.now += 5.0
    record.stop()
    assert record.seconds == 3.0
    assert not record.entries
