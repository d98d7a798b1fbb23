"""`python -m benchmarks.gpu` without a GPU: rehearsed on the CPU, and with CuPy and CUDA played. No time is asserted."""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # benchmarks/ is not installed; at the end, so that an installed minifcn is the one tested

import minifcn  # noqa: E402
import minifcn.functional as F  # noqa: E402
from benchmarks import gpu  # noqa: E402
from benchmarks.checking import error  # noqa: E402
from benchmarks.machine import version_of  # noqa: E402
from benchmarks.on_gpu import ceilings, device, exact, measure, precision, report, sweep, works  # noqa: E402
from benchmarks.on_gpu.convolutions import FORWARD, INPUT, WEIGHT, Convolutions, convolution  # noqa: E402
from benchmarks.on_gpu.networks import Network, operations  # noqa: E402
from benchmarks.on_gpu.rehearsal import Rehearsal  # noqa: E402
from benchmarks.on_gpu.side import OURS, THEIRS, Side, floors, in_turn, sets  # noqa: E402
from benchmarks.works import NetworkJob  # noqa: E402
from tests.played_cupy import playing  # noqa: E402
from tests.played_cupy.cuda import cuda as played_cuda  # noqa: E402

ONCE = measure.Plan(least=2, most=2, seconds=0.0, sample=0.0, calls=1, warm=1)
GIVEN = {"TFLOP/s": {"fp32": {"a": 2.0, "b": 1.0}, "tf32": {"a": 8.0}}, "TB/s": {"a": 0.5}}

torch_only = pytest.mark.skipif(version_of("torch") == "unknown", reason="PyTorch is not installed: pip install torch")


def quiet(text: object) -> None:
    pass


def run(name: str, used: Any, say: Callable[[str], object] = quiet) -> dict[str, Any]:
    return measure.measured(works.WORKS[name], used, True, ONCE, GIVEN, lambda: False, say)


# The command ------------------------------------------------------------------------------------------------------------


def rehearse(folder: Path, *more: str) -> int:
    return gpu.main(["--rehearse", "--out", str(folder), *more])


def test_a_rehearsal_writes_records_page_and_picture_that_say_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rehearse(tmp_path, "--work", "exact", "inference-tf32", "weight-1", "memory-inference") == 0
    names = {path.name for path in tmp_path.iterdir()}
    written = {"ceilings.json", "exact.json", "inference-tf32.json", "weight-1.json", "table.md"}
    assert names - {"ratios.png"} == written
    for path in tmp_path.glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert (record["rehearsal"], record["quick"]) == (True, True)
        assert record["machine"]["gpu"] == "none: a rehearsal on the CPU"
    page = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert page.startswith("# A rehearsal on the CPU with tiny sizes: no result\n")
    assert "44 of 44 checks" in page and "conv5_3" in page and "none: a rehearsal" in page
    said = capsys.readouterr().out
    assert "memory-inference: left out, memory is not measured in a rehearsal" in said
    short = said[said.index("A REHEARSAL on the CPU") :]
    assert "inference-tf32" in short and "weight-1" in short and "forward-1" not in short
    record = json.loads((tmp_path / "inference-tf32.json").read_text(encoding="utf-8"))
    assert any("ToOutput" in entry["name"] for entry in record["profile"]["entries"])


def test_a_rehearsal_and_results_never_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "training.json").write_text('{"rehearsal": false}', encoding="utf-8")
    assert rehearse(tmp_path) == 2
    assert "a rehearsal cannot be written into" in capsys.readouterr().err
    gpu.keep_apart(tmp_path, False)
    (tmp_path / "training.json").write_text('{"rehearsal": true}', encoding="utf-8")
    with pytest.raises(gpu.FileError, match="results cannot be written into .* a rehearsal"):
        gpu.keep_apart(tmp_path, False)
    (tmp_path / "training.json").write_text("[", encoding="utf-8")
    with pytest.raises(gpu.FileError, match=r"training\.json is no record of this command"):
        gpu.keep_apart(tmp_path, False)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--work", "nothing"], "invalid choice: 'nothing'"),
        (["--seconds", "0"], "'0' is not a number of seconds from 1 to 86400"),
        (["--seconds", "nan"], "'nan' is not a number of seconds from 1 to 86400"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        gpu.main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_without_a_gpu_it_says_so_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def no_cupy(name: str, *more: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "cupy":
            raise ImportError("No module named 'cupy'")
        return real(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", no_cupy)
    assert gpu.main(["--out", str(tmp_path / "new")]) == 2
    said = capsys.readouterr()
    assert said.err == (
        "No GPU can be used (ImportError: No module named 'cupy'); run this on a machine with an NVIDIA GPU, or try "
        "the program with --rehearse.\n"
    )
    assert not said.out and not (tmp_path / "new").exists()


def test_what_no_longer_fits_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(tmp_path, "--seconds", "1", "--work", "exact", "forward-1") == 0
    said = capsys.readouterr().out
    assert "forward-1: left out, 0 s are left and it may take" in said
    assert "left out, as the time was over: exact, forward-1" in said
    assert {path.name for path in tmp_path.iterdir()} == {"ceilings.json", "table.md"}
    assert "exact, forward-1" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_a_wrong_result_is_printed_recorded_not_timed_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = F.max_pool2d
    monkeypatch.setattr(F, "max_pool2d", lambda x, *more, **options: right(x, *more, **options) * (1 + 1e-3 * (x.dtype == np.float32)))  # fmt: skip
    assert rehearse(tmp_path, "--work", "max-pool-2", "avg-pool") == 1
    record = json.loads((tmp_path / "max-pool-2.json").read_text(encoding="utf-8"))
    assert (
        record["ours"]["problem"] == "wrong result: x is off by 0.001, allowed 1e-05; y is off by 0.001, allowed 1e-05"
    )
    assert "seconds" not in record["ours"] and not record["opponents"]
    assert "seconds" in json.loads((tmp_path / "avg-pool.json").read_text(encoding="utf-8"))["ours"]
    said = capsys.readouterr().out
    assert "minifcn: wrong result: x is off by 0.001" in said and "FAILED: max-pool-2\n" in said


def test_a_gpu_that_no_longer_answers_ends_the_measuring_but_not_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def release(self: Rehearsal) -> None:
        if (tmp_path / "ceilings.json").exists():
            raise RuntimeError("cudaErrorIllegalAddress")

    monkeypatch.setattr(Rehearsal, "release", release)
    assert rehearse(tmp_path, "--work", "avg-pool", "max-pool-2", "max-pool-3") == 1
    said = capsys.readouterr().out
    assert "FAILED: ceilings ended the measuring (RuntimeError: cudaErrorIllegalAddress)" in said
    assert "PyTorch / ours" in said and not (tmp_path / "avg-pool.json").exists()


# A work -----------------------------------------------------------------------------------------------------------------


@torch_only
@pytest.mark.parametrize("name", ["default-job", "training", "cross-entropy", "batch-norm", "max-pool-3", "input-16"])
def test_a_work_from_the_check_to_the_share_of_the_roof(name: str) -> None:
    record = json.loads(json.dumps(run(name, Rehearsal())))
    assert [record["ours"]["problem"], *(entry["problem"] for entry in record["opponents"])] == [""] * 3
    assert all(value > 0 for value in record["ours"]["error"].values()) or name == "max-pool-3"
    assert [entry["name"] for entry in record["opponents"]] == list(measure.VARIANTS)
    parts = len(record["parts"])
    for entry in (record["ours"], *record["opponents"]):
        assert [len(entry[key]) for key in ("seconds", "wall", "calls", "shares")] == [parts] * 4
        took = sum(part["median"] for part in entry["seconds"])
        assert entry["share"] == pytest.approx(sum(record["floor"]) / took)
    for entry in record["opponents"]:
        assert [len(pair[side]) for pair in entry["pairs"] for side in ("ours", "theirs")] == [parts] * 4
        pairs = [sum(pair["theirs"]) / sum(pair["ours"]) for pair in entry["pairs"]]
        assert entry["ratio"]["median"] == pytest.approx(np.median(pairs))
    assert ("profile" in record) == (name in ("default-job", "training"))


def test_two_runs_that_differ_in_one_bit_are_found() -> None:
    turn = iter(range(100))

    def part(number: int) -> np.ndarray:
        return np.nextafter(np.float32(1), np.float32(2 * (next(turn) % 2)), dtype=np.float32) * np.ones(3, np.float32)

    side = Side("minifcn", [part], lambda made: {"y": made[0]}, OURS)
    assert measure.unlike(side.results(), side.results(), Rehearsal()) == (
        "two runs gave different bits in 1 results, first y"
    )
    zero = np.zeros(2, np.float32)
    assert measure.unlike({"y": zero}, {"y": -zero}, Rehearsal()), "the sign of a zero is a bit, too"
    assert measure.unlike({"y": zero}, {"y": zero.copy()}, Rehearsal()) == ""


def test_an_opponent_without_room_or_without_pytorch_has_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    used = Rehearsal()
    used.torch, used.without_torch = None, "cannot be imported (ImportError: no torch)"
    record = run("avg-pool", used)
    assert record["missing"] == [{"name": "PyTorch", "reason": used.without_torch}] and record["ours"]["seconds"]
    assert report.ratio(record) == used.without_torch

    def no_room(self: Any, used: Any, variant: str) -> Side:
        raise MemoryError("CUDA out of memory.\nTried to allocate")

    used.torch = SimpleNamespace(
        backends=SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace()), cudnn=SimpleNamespace())
    )
    monkeypatch.setattr(works.elementwise.Elementwise, "theirs", no_room)
    record = run("avg-pool", used)
    assert [entry["problem"] for entry in record["opponents"]] == ["failed: MemoryError: CUDA out of memory."] * 2
    assert record["ours"]["seconds"] and report.ratio(record) == "failed: MemoryError: CUDA out of memory."


def test_what_cannot_be_built_has_a_record_too() -> None:
    broken = works.GpuWork("forward-1", "a title", {True: "tiny", False: "full"}, lambda tiny: 1 // 0, 1.0)
    record = measure.measured(broken, Rehearsal(), True, ONCE, GIVEN, lambda: False, quiet)
    assert record["ours"]["problem"].startswith("failed: ZeroDivisionError:") and record["parts"] == []
    assert "failed: ZeroDivisionError" in report.short({"forward-1": record})
    assert "failed: ZeroDivisionError" in report.measurements(record)


def test_rounds_are_interleaved_and_stop_at_the_deadline() -> None:
    log: list[str] = []

    class Used(Rehearsal):
        def timed(self, whose: str, run: Any, count: int) -> tuple[float, float]:
            log.append(run(0))
            return {"a0": 1.0, "a1": 2.0, "b0": 3.0, "b1": 6.0}[log[-1]], 0.5

    def side(name: str, whose: str) -> Side:
        return Side(name, [lambda _: f"{name}0", lambda _: f"{name}1"], lambda made: {}, whose)

    record: dict[str, Any] = {"ours": {}}
    entry: dict[str, Any] = {}
    plan = measure.Plan(least=2, most=9, seconds=1e6, sample=0.0, warm=1)
    measure.in_pairs(record, side("a", OURS), [(entry, side("b", THEIRS))], Used(), plan, lambda: True)
    assert log[12:] == ["a0", "b0", "a1", "b1"] * 3, "three rounds, then it looks at the time"
    assert entry["pairs"] == [{"ours": [1.0, 2.0], "theirs": [3.0, 6.0]}] * 3 and entry["ratio"]["median"] == 3.0
    assert [part["median"] for part in record["ours"]["seconds"]] == [1.0, 2.0] and entry["wall"] == [0.5, 0.5]


def test_a_sample_is_as_many_calls_as_take_its_time() -> None:
    class Used(Rehearsal):
        def timed(self, whose: str, run: Any, count: int) -> tuple[float, float]:
            return run(0), 0.0

    side = Side("a", [lambda _, takes=takes: takes for takes in (1e-6, 1e-3, 1.0)], lambda made: {}, OURS)
    found = measure.calibrated(side, Used(), measure.Plan(sample=3e-3, calls=50))
    assert [count for count, _ in found] == [50, 3, 1]


# Counting ---------------------------------------------------------------------------------------------------------------


def test_the_floor_is_the_slower_of_arithmetic_and_memory_for_each_operation() -> None:
    assert floors([[(100.0, 1.0), (1.0, 50.0)], [(20.0, 20.0)]], flops=10.0, bytes_=5.0) == [20.0, 4.0]
    assert ceilings.of(GIVEN, "fp32") == (2e12, 5e11) and ceilings.of(GIVEN, "tf32") == (8e12, 5e11)
    assert ceilings.of({"TFLOP/s": {"fp32": {}}, "TB/s": {"a": 1.0}}, "fp32") is None


def test_sets_of_inputs_do_not_fit_the_cache_together() -> None:
    assert [sets(size, 60) for size in (1, 10, 59, 120, 1000)] == [16, 12, 3, 1, 1]
    assert [in_turn([lambda: "a", lambda: "b"])(number) for number in range(3)] == ["a", "b", "a"]


def test_operations_of_vgg16_are_those_of_the_literature() -> None:
    assert convolution((1, 2, 5, 7), (3, 2, 3, 3), (1, 3, 5, 7)) == (2.0 * 3 * 35 * 18, 4.0 * (70 + 54 + 105))
    net = operations(NetworkJob("vgg16", 21, (1, 224, 224)))
    assert sum(work for work, _ in net[:13]) == pytest.approx(2 * 15.35e9, rel=2e-3)  # 15.3 G multiply-adds
    step = operations(NetworkJob("vgg16", 21, (1, 224, 224), optimizer="sgd"))
    assert len(step) == 3 * len(net) - 1 + 1, "three of each, but no gradient of the image, and the optimiser"
    assert step[-1][1] / 20 == pytest.approx(134.4e6, rel=5e-3)


def test_the_works_are_those_that_are_asked_for() -> None:
    names = list(works.WORKS)
    for kind in (FORWARD, INPUT, WEIGHT):
        for images in (1, 16):
            for ending, asked in (("", 1.0), ("-tf32", 0.6)):
                assert works.WORKS[f"{kind}-{images}{ending}"].targets == {"PyTorch, best format": asked}
    assert works.WORKS["memory-training"].memory and works.WORKS["training-tf32"].precision == "tf32"
    assert names.index("training") < names.index("forward-1") < names.index("forward-16")
    assert sum(one.seconds for one in works.WORKS.values()) < 700
    sizes = [layer.x.shape for layer in Convolutions(FORWARD, 1, False).data()]
    assert sizes[0] == (1, 3, 224, 224) and sizes[-1] == (1, 512, 14, 14)


def test_one_network_serves_everybody_and_begins_anew() -> None:
    job = Network(NetworkJob("small", 4, (2, 33, 40), 0.25, "adamw", {"lr": 3e-3}))
    used = Rehearsal()
    side = job.ours(used)
    first = side.results()
    side.parts[0](0)
    again = side.results()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    reference = job.reference(used)
    assert {value.dtype for value in reference.values()} == {np.dtype(np.float64)}
    assert all(error(first[name], reference[name]) < 0.9 for name in first)
    job.unload()
    assert all(np.array_equal(value.numpy(), job.start[name]) for name, value in job.net.state_dict().items())


# Integers, precision, knobs -----------------------------------------------------------------------------------------------


def test_integers_find_one_wrong_number(monkeypatch: pytest.MonkeyPatch) -> None:
    right, said = F.max_pool2d, []

    def spoiled(x: Any, *more: Any, **options: Any) -> Any:
        y = right(x, *more, **options)
        return (
            y
            if x.dtype == np.float64
            else y + minifcn.Tensor(np.eye(1, y.numel(), 3, dtype=np.float32).reshape(y.shape))
        )

    monkeypatch.setattr(F, "max_pool2d", spoiled)
    checks = exact.checks(Rehearsal(), said.append, exact.POOLINGS)
    assert [bool(check["problem"]) for check in checks] == [True, True, False, False]
    assert checks[0]["problem"].startswith("y differs, by ") and "max pooling 2x2" in said[0]


def test_integers_allow_a_rounding_only_where_winograd_may_be() -> None:
    case = exact.Case(
        "c", lambda x, w: F.conv2d(x, w) * (1 + 1e-5 * (x.dtype == np.float32)), (1, 2, 5, 6), (3, 2, 3, 3)
    )
    assert "differs" in exact.compared(case, Rehearsal(), 0.0)
    assert exact.compared(case, Rehearsal(), 1e-4) == ""


def test_precision_is_chosen_for_both_and_put_back() -> None:
    flags = SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=None)), cudnn=SimpleNamespace())
    with precision.precision("tf32", SimpleNamespace(backends=flags)):
        assert minifcn.get_float32_matmul_precision() == "high"
        assert flags.cuda.matmul.allow_tf32 is True and flags.cudnn.allow_tf32 is True
    assert minifcn.get_float32_matmul_precision() == "highest"
    assert flags.cuda.matmul.allow_tf32 is False and flags.cudnn.allow_tf32 is False


def test_a_knob_is_turned_for_every_value_and_turned_back() -> None:
    now, seen = ["default"], set()

    @contextmanager
    def turned(value: Any) -> Iterator[None]:
        now[0] = str(value)
        try:
            yield
        finally:
            now[0] = "default"

    class Used(Rehearsal):
        def timed(self, whose: str, run: Any, count: int) -> tuple[float, float]:
            seen.add(now[0])
            if now[0] == "9":
                raise ValueError("too large")
            return super().timed(whose, run, count)

    knob = sweep.Knob("block", turned, (3, 9))
    found = sweep.swept(Used(), True, ONCE, lambda: False, quiet, [knob], batches=(1,))
    assert seen == {"default", "3", "9"} and now == ["default"]
    assert len(found["runs"]) == 3 * 2 * 3 and not found["left_out"]
    for run in found["runs"]:
        assert run["problem"] == ("failed: ValueError: too large" if run["value"] == "9" else "")
        assert ("seconds" in run and len(run["seconds"]) == 13) == (run["value"] != "9")
    late = sweep.swept(Rehearsal(), True, ONCE, lambda: True, quiet, [knob], batches=(16,))
    assert not late["runs"] and "block = 3, weight, batch 2, tf32" in late["left_out"]


# CuPy and CUDA, played ----------------------------------------------------------------------------------------------------


class Stamp:
    """An event that knows when it was recorded."""

    def __init__(self, **options: bool) -> None:
        self.options, self.at = options, 0.0

    def record(self, stream: Any) -> None:
        assert stream is not None
        CLOCK[0] += 0.25
        self.at = CLOCK[0]

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, other: Stamp) -> float:
        assert self.options == {"enable_timing": True}
        return 1e3 * (other.at - self.at)


CLOCK = [0.0]
HOOKS: list[Any] = []


class MemoryHook:
    def __enter__(self) -> MemoryHook:
        HOOKS.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        HOOKS.remove(self)


class Pool:
    used = total = 0

    def used_bytes(self) -> int:
        return self.used

    def total_bytes(self) -> int:
        return self.total

    def free_all_blocks(self) -> None:
        self.total = self.used

    def take(self, size: int) -> None:
        rounded = -(-size // 512) * 512
        self.used += rounded
        self.total = max(self.total, self.used)
        for hook in HOOKS:
            hook.malloc_postprocess(device_id=0, size=size, mem_size=rounded, mem_ptr=4096, pmem_id=1)

    def give(self, size: int) -> None:
        rounded = -(-size // 512) * 512
        self.used -= rounded
        for hook in HOOKS:
            hook.free_postprocess(device_id=0, mem_size=rounded, mem_ptr=4096, pmem_id=1)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Pool, list[Any]]]:
    """(device.Gpu with PyTorch on the CPU, its pool, what memory was set to)"""
    pool, filled = Pool(), []
    runtime = SimpleNamespace(**vars(played_cuda.runtime))
    runtime.getDeviceProperties = lambda index: {
        "name": b"NVIDIA Played", "l2CacheSize": 1 << 16, "totalGlobalMem": 9, "multiProcessorCount": 3,
    }  # fmt: skip
    runtime.driverGetVersion = runtime.runtimeGetVersion = lambda: 13000
    runtime.memsetAsync = lambda *given: filled.append(given)
    members = {
        "runtime": runtime, "MemoryHook": MemoryHook, "Event": Stamp,
        "get_elapsed_time": lambda start, end: 1e3 * (end.at - start.at),
        "get_current_stream": lambda: SimpleNamespace(ptr=7),
    }  # fmt: skip
    for name, member in members.items():
        monkeypatch.setattr(played_cuda, name, member, raising=False)
    with playing() as cupy:
        used = device.Gpu(cupy, None, "not asked for")
        used.pool = pool
        yield used, pool, filled


@torch_only
@pytest.mark.parametrize("name", ["training", "weight-16", "cross-entropy", "max-pool-3", "batch-norm"])
def test_arrays_of_a_gpu_and_of_the_cpu_are_nowhere_mixed(name: str, played: Any) -> None:
    import torch

    used, _, _ = played
    playing_cuda = SimpleNamespace(synchronize=lambda: None, current_stream=lambda: 1, Event=Stamp,
                                   empty_cache=lambda: None)  # fmt: skip
    used.torch = SimpleNamespace(
        **{key: value for key, value in vars(torch).items() if key != "cuda"}, cuda=playing_cuda
    )
    used.their_place = "cpu"
    record = run(name, used)
    assert [record["ours"]["problem"], *(entry["problem"] for entry in record["opponents"])] == [""] * 3
    assert record["ours"]["seconds"][0]["median"] == 0.25 and record["opponents"][0]["seconds"][0]["median"] == 0.25


def test_integers_are_the_same_on_a_played_gpu(played: Any) -> None:
    assert [check for check in exact.checks(played[0], quiet) if check["problem"]] == []


def test_memory_is_poisoned_only_where_it_was_given_and_only_inside(played: Any) -> None:
    used, pool, filled = played
    with used.poisoned():
        pool.take(1000)
        HOOKS[0].malloc_postprocess(device_id=0, size=8, mem_size=512, mem_ptr=0, pmem_id=0)  # which failed
    pool.take(1000)
    assert filled == [(4096, 255, 1024, 7)]
    assert np.isnan(np.frombuffer(bytes([255] * 16), np.float32)).all()


def test_a_peak_is_what_two_steps_use_at_most_without_what_was_there(played: Any) -> None:
    used, pool, _ = played
    pool.take(10_240)  # of somebody else

    def build() -> Side:
        pool.take(2048)  # weights

        def step(number: int) -> None:
            pool.take(5120)
            pool.take(1024)
            pool.give(5120)
            pool.give(1024)

        return Side("minifcn", [step], lambda made: {}, OURS)

    assert used.peak(OURS, build) == {"bytes": 2048 + 6144, "reserved": 2048 + 6144}
    assert not HOOKS


def test_the_machine_is_named_whatever_cannot_be_asked(played: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    used, _, _ = played
    monkeypatch.setattr(device, "driver", lambda: 1 / 0)
    found = used.machine()
    assert (found["gpu"], found["l2"], found["driver"], found["cuda_driver"]) == (
        "NVIDIA Played",
        1 << 16,
        "unknown",
        13000,
    )
    assert "NVIDIA Played; driver unknown" in report.machines([{"machine": found}])
