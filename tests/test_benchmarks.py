"""The pieces of `python -m benchmarks` on tiny sizes. No time is asserted: a clock of its own tells it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.append(
    str(ROOT)
)  # benchmarks/ is not installed; at the end, so that an installed minifcn stays the one tested

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import ceilings, memory, ours, picture, record, running, sliding, table, works  # noqa: E402
from benchmarks.checking import errors, problem  # noqa: E402
from benchmarks.contender import Contender, Step  # noqa: E402
from benchmarks.machine import environment  # noqa: E402
from benchmarks.measure import Clock, Plan, paired, ratio, seconds, tries  # noqa: E402
from benchmarks.opponents import OPPONENTS, de_zero, onnx_runtime, pytorch, teaching, why_not  # noqa: E402
from benchmarks.works import BEST, EAGER, ONNX, TAUGHT, WORKS, ConvolutionJob, NetworkJob, Work, layer  # noqa: E402

ONCE = Plan(least=2, most=2, tries=2, pause=0.0)


def small(gradients: bool = False, reading: bool = False) -> ConvolutionJob:
    generator = np.random.default_rng(3)
    return ConvolutionJob(
        [layer("a", 3, 5, (6, 7), generator), layer("b", 4, 2, (5, 8), generator)], gradients, reading
    )


def work(job: Any, memory: bool = False) -> Work:
    targets = {EAGER: 1.0} if memory else {EAGER: 1.6, BEST: 1.3, TAUGHT: 3.0}
    name = "memory-inference" if memory else "convolutions"
    return Work(name, "a title", {True: "tiny", False: "large"}, lambda quick: job, targets, memory)


class Ticks:
    """A clock that moves only when a step takes its time."""

    def __init__(self) -> None:
        self.time, self.log = 0.0, []

    def clock(self) -> Clock:
        return Clock(lambda: self.time, lambda pause: None)

    def contender(self, name: str, *takes: float, counts: tuple[int, ...] = (1,)) -> Contender:
        """Steps of so many seconds, divided by the number of threads in use; their preparation takes 100 more."""
        used = [1]

        def step(take: float) -> Step:
            def run(given: Any) -> None:
                self.log.append(name)
                self.time += take / used[0]

            def before() -> None:
                self.time += 100

            return Step(run, before)

        return Contender(
            name, [step(take) for take in takes], lambda made: {}, counts, lambda n: used.__setitem__(0, n)
        )


# Timing -----------------------------------------------------------------------------------------------------------------


def test_only_the_steps_are_timed_and_each_by_itself() -> None:
    ticks = Ticks()
    assert seconds(ticks.contender("a", 2.0, 3.0), 2, Plan(), ticks.clock()) == [1.0, 1.5]


def test_runs_alternate_and_ratios_are_those_of_the_pairs() -> None:
    ticks = Ticks()
    mine, slow, fast = ticks.contender("ours", 1.0, 1.0), ticks.contender("slow", 6.0), ticks.contender("fast", 1.0)
    pairs = paired(mine, [(slow, 1, 2), (fast, 2, 1)], Plan(), ticks.clock())
    assert ticks.log == ["ours", "ours", "slow", "ours", "ours", "fast", "ours", "ours", "slow"]
    assert pairs == [[{"ours": [1.0, 1.0], "theirs": [6.0]}] * 2, [{"ours": [1.0, 1.0], "theirs": [0.5]}]]
    assert [ratio(one)["median"] for one in pairs] == [3.0, 0.25]


def test_the_ratio_is_not_that_of_the_medians() -> None:
    times = [(1.0, 2.0), (10.0, 30.0), (4.0, 4.0)]  # medians 4 and 4
    found = ratio([{"ours": [a], "theirs": [b]} for a, b in times])
    assert found == {"median": 2.0, "low": 1.5, "high": 2.5}


def test_every_number_of_threads_is_tried_and_the_first_run_does_not_count() -> None:
    ticks = Ticks()
    found = tries(ticks.contender("a", 2.0, counts=(1, 4)), Plan(tries=3), ticks.clock())
    assert found == {1: [2.0, 2.0], 4: [0.5, 0.5]}
    assert len(ticks.log) == 6


@pytest.mark.parametrize("one, pairs", [(0.001, 21), (4.0, 10), (100.0, 7)])
def test_as_many_pairs_as_the_time_allows(one: float, pairs: int) -> None:
    assert Plan(least=7, most=21, seconds=40.0).pairs(one) == pairs


# Correctness ------------------------------------------------------------------------------------------------------------


def test_errors_are_relative_and_by_kind() -> None:
    expected = {"y of a": np.array([3.0, 4.0]), "y of b": np.array([0.0, 1.0]), "w of a": np.array([2.0])}
    found = {"y of a": np.array([3.0, 4.5]), "y of b": np.array([0.0, 1.0]), "w of a": np.array([2.0])}
    assert errors(found, expected) == {"w": 0.0, "y": 0.1}
    assert problem({"y": 0.1, "w": 0.0}, {"y": 1e-4, "w": 1e-4}) == "wrong result: y is off by 0.1, allowed 1e-04"
    assert problem({"y": 0.1}, {"y": 0.2}) == ""


@pytest.mark.parametrize("found", [{}, {"y": np.ones((1, 2))}, {"y": np.array([1.0, np.nan])}])
def test_what_is_missing_misshapen_or_not_finite_is_infinitely_wrong(found: dict[str, np.ndarray]) -> None:
    assert errors(found, {"y": np.ones(2)}) == {"y": np.inf}
    assert "off by inf" in problem(errors(found, {"y": np.ones(2)}), {"y": 1.0})
    assert problem({"y": float("nan")}, {"y": 1.0}), "NaN is below no limit"


def spoiled(what: Any) -> Any:
    """The naive im2col with something done to its results, as an opponent."""

    def build(job: Any, variant: str, threads: int) -> Contender:
        good = teaching.build(job, variant, threads)
        steps = [Step(lambda given, step=step: what(step.run(given))) for step in good.steps]
        return Contender(variant, steps, good.arrays, good.counts, good.use)

    return SimpleNamespace(
        NAME="spoiled", INSTALL="pip install spoiled", NEEDS=(), PATCH="a patch", load=teaching.load,
        variants=teaching.variants, build=build,
    )  # fmt: skip


def fail(y: Any) -> Any:
    raise MemoryError("no room")


def timed(job: Any, *opponents: Any) -> dict[str, Any]:
    return record.timed(work(job), job, True, 1, opponents, ONCE)


def test_a_wrong_or_failing_opponent_is_named_and_not_timed() -> None:
    made = timed(small(), spoiled(lambda y: y * 1.001), spoiled(fail), teaching)
    problems = [entry["problem"] for entry in made["opponents"]]
    assert problems == ["wrong result: y is off by 0.001, allowed 1e-04", "failed: MemoryError: no room", ""]
    assert [("pairs" in entry, "ratio" in entry) for entry in made["opponents"]] == [(False, False)] * 2 + [
        (True, True)
    ]
    made["machine"] = MACHINE
    assert "failed: MemoryError: no room" in table.table([made])


def test_a_result_that_is_no_longer_finite_at_the_end_has_no_ratio() -> None:
    calls = iter(range(1000))
    made = timed(small(), spoiled(lambda y: y if next(calls) < 2 else y * np.nan))
    assert made["opponents"][0]["problem"] == "wrong result: no longer finite at the end"
    assert "ratio" not in made["opponents"][0]


def test_when_ours_is_wrong_nothing_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ours.build

    def wrong(job: Any, threads: int, dtype: Any = np.float32) -> Contender:
        good = right(job, threads, dtype)
        if dtype == np.float64:
            return good
        return Contender("minifcn", good.steps, lambda made: {k: -v for k, v in good.arrays(made).items()}, (1,))

    monkeypatch.setattr(ours, "build", wrong)
    with pytest.raises(record.WrongResult, match="minifcn against its float64 reference: wrong result: y is off by 2,"):
        timed(small(), teaching)


# Contenders -------------------------------------------------------------------------------------------------------------

VGG = NetworkJob("vgg16", 3, (1, 37, 50), 1 / 32)
STEP = NetworkJob("vgg16", 3, (1, 37, 50), 1 / 32, "sgd", {"lr": 1e-2, "momentum": 0.9})
SMALL_STEP = NetworkJob("small", 4, (2, 33, 40), 0.25, "adamw", {"lr": 3e-3, "weight_decay": 1e-4})
JOBS = {
    "forward": small(),
    "gradients": small(gradients=True),
    "reading": small(reading=True),
    "inference": VGG,
    "training": STEP,
    "default job": SMALL_STEP,
}
REFERENCES: dict[str, Any] = {}


def reference(name: str) -> Any:
    if name not in REFERENCES:
        REFERENCES[name] = ours.reference(JOBS[name], 1)
    return REFERENCES[name]


@pytest.fixture
def global_generator_put_back() -> Iterator[None]:
    """NumPy's global generator as it was: JAX draws from it when it is first used."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.usefixtures("global_generator_put_back")
@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("opponent", OPPONENTS, ids=lambda opponent: opponent.NAME)
@pytest.mark.filterwarnings("default")  # of libraries that are not ours
def test_every_opponent_that_is_installed_computes_what_we_do(opponent: Any, name: str) -> None:
    job = JOBS[name]
    variants = opponent.variants(job)
    if not variants:
        return  # not its kind of work
    if reason := why_not(opponent):
        pytest.skip(f'{reason}; or all of them with pip install ".[benchmarks]"')
    for variant in variants:
        contender = opponent.build(job, variant, 1)
        found = contender.arrays([step.run(step.before()) for step in contender.steps])
        assert len(contender.steps) == len(job.parts)
        assert found.keys() == reference(name).keys()
        assert problem(errors(job.comparable(found), reference(name)), job.limits) == "", variant


@pytest.mark.parametrize("name", JOBS)
def test_ours_computes_what_the_reference_does_and_a_missing_step_would_show(name: str) -> None:
    job = JOBS[name]
    contender = ours.build(job, 1)
    found = contender.arrays([step.run(step.before()) for step in contender.steps])
    assert problem(errors(job.comparable(found), reference(name)), job.limits) == ""
    if isinstance(job, NetworkJob) and job.optimizer:
        start = {f"update of {key}": value.detach().numpy() for key, value in works.learned(job.network())}
        assert "update is off by 1" in problem(errors(job.comparable(found | start), reference(name)), job.limits)


def test_the_opponents_of_each_work() -> None:
    names = {name: [v for o in OPPONENTS for v in o.variants(job)] for name, job in JOBS.items()}
    both = [EAGER, "PyTorch channels_last"]
    numpy = ["DeZero", "MyGrad", "im2col, whole image"]
    assert names["forward"] == [*both, "JAX jit", "onnxruntime", *numpy]
    assert names["gradients"] == [*both, "JAX jit", *numpy]
    assert names["reading"] == ["loops", "matrix", "im2col, whole image"]
    assert names["inference"] == [*both, "onnxruntime"]
    assert names["training"] == names["default job"] == both


def test_what_is_not_installed_is_listed_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "NEEDS", ("no_such_module",))
    monkeypatch.setattr(de_zero, "load", lambda: 1 / 0)
    monkeypatch.setattr(de_zero, "NEEDS", ())
    made = timed(small(), onnx_runtime, de_zero)
    assert made["missing"] == [
        {"name": "onnxruntime", "reason": "not installed: pip install onnxruntime onnx"},
        {"name": "DeZero", "reason": "cannot be imported (ZeroDivisionError: division by zero)"},
    ]
    assert made["opponents"] == []


def test_the_patch_of_dezero_leaves_numpy_as_it_was() -> None:
    if reason := why_not(de_zero):
        pytest.skip(reason)
    assert not hasattr(np, "int")


# Records, table, picture ------------------------------------------------------------------------------------------------

MACHINE = {
    "processor": "a processor", "cores": 2, "system": "a system", "python": "3", "numpy": "2", "blas": "b", "busy": 2.0,
    "minifcn": "0", "commit": "c0ffee",
}  # fmt: skip


def entry(name: str, opponent: str, median: float, patch: str = "") -> dict[str, Any]:
    spread = {"median": median, "low": median - 0.1, "high": median + 0.1}
    pairs = [{"ours": [1.0], "theirs": [median]}]
    return {"name": name, "opponent": opponent, "packages": {"p": "1"}, "patch": patch, "problem": "", "threads": 2,
            "error": {"y": 1e-6}, "pairs": pairs, "ratio": spread}  # fmt: skip


def example() -> dict[str, Any]:
    entries = [
        entry(EAGER, "PyTorch", 1.7),
        entry("PyTorch channels_last", "PyTorch", 1.25),
        entry("DeZero", "DeZero", 12.0, "a patch"),
        entry("MyGrad", "MyGrad", 4.0),
        entry("onnxruntime", "onnxruntime", 0.9),
    ]
    made = record.header(work(None), False, 2) | {"parts": ["a"], "ours": {"error": {"y": 2e-6}}, "machine": MACHINE}
    return made | {"opponents": entries, "missing": [{"name": "JAX", "reason": "not installed: pip install jax"}]}


def test_a_record_is_plain_json_with_everything_in_it() -> None:
    made = json.loads(json.dumps(timed(small(gradients=True), teaching)))
    expected = {"work", "title", "size", "quick", "unit", "threads", "targets", "parts", "missing", "ours", "opponents"}
    assert set(made) == expected
    assert made["parts"] == ["a", "b"] and made["unit"] == "seconds" and made["size"] == "tiny"
    (one,) = made["opponents"]
    assert set(one) == {
        "name",
        "opponent",
        "packages",
        "patch",
        "problem",
        "error",
        "tries",
        "threads",
        "pairs",
        "ratio",
    }
    assert [len(pair[side]) for pair in one["pairs"] for side in ("ours", "theirs")] == [2] * 4
    assert set(made["ours"]["error"]) == {"x", "w"} and all(value > 0 for value in made["ours"]["error"].values())


def test_the_table_shows_what_is_reached_and_what_is_missed() -> None:
    text = table.table([example(), {**example(), "work": "of long ago"}])
    assert "| a title, large | 1.70 (asked: 1.6) | **1.25, missed** (asked: 1.3) | 0.90 | 4.00 (asked: 3) |" in text
    assert "| DeZero (patched) | 2 | 12 s | 1 s | 12.0 | 11.9 – 12.1 | 1 | y 1e-06 |" in text
    assert "DeZero is patched at run time: a patch." in text
    assert "- JAX: not installed: pip install jax" in text
    assert "a processor, 2 cores, 2 threads; a system, Python 3, NumPy 2, b; minifcn 0 at c0ffee" in text
    assert "The machine was not idle when the command began, for convolutions." in text
    alone = {**example(), "opponents": []}
    assert "not measured (asked: 1.6)" in table.table([alone])


def test_the_picture_marks_the_target_of_each_opponent(tmp_path: Path) -> None:
    assert picture.asked(example()) == {EAGER: 1.6, "PyTorch channels_last": 1.3, "MyGrad": 3.0}
    made = {**example(), "targets": WORKS["inference"].targets}
    assert picture.asked(made) == {EAGER: 1.6, ONNX: 1.0}
    picture.save([example(), {**example(), "opponents": []}], tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").read_bytes()[:4] == b"\x89PNG"


def test_memory_is_paired_too() -> None:
    peaks = {"minifcn": iter([100, 200, 100]), EAGER: iter([150, 150, 150]), "PyTorch channels_last": iter([50] * 3)}
    if reason := why_not(pytorch):
        pytest.skip(reason)
    made = running.run(
        work(VGG, memory=True), False, 1,
        lambda name, threads, quick, variant: {"bytes": next(peaks[variant]), "method": "counted"},
    )  # fmt: skip
    assert made["unit"] == "bytes" and made["method"] == "counted"
    assert [pair["theirs"] for pair in made["opponents"][0]["pairs"]] == [[150]] * 3
    assert [one["name"] for one in made["opponents"]] == [EAGER, "PyTorch channels_last"]
    assert made["opponents"][0]["ratio"]["median"] == 1.5
    assert made["machine"]["cores"] >= 1


def test_a_peak_counts_what_a_step_takes_and_gives_back() -> None:
    def build() -> Contender:
        return Contender("a", [Step(lambda _: np.ones(1 << 23).sum())], lambda made: {})  # 64 MiB, gone at once

    assert 60 << 20 < memory.measured(build)["bytes"] < 100 << 20


def test_threads_are_pinned_alike() -> None:
    made = environment(3)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MINIFCN_NUM_THREADS", "NPROC")
    assert [made[name] for name in names] == ["3"] * 5
    assert made["PYTHONPATH"].startswith(str(ROOT))
    assert "eigen=false" in environment(1)["XLA_FLAGS"] and "eigen=true" in made["XLA_FLAGS"]


# The command ------------------------------------------------------------------------------------------------------------


def test_the_command_writes_a_file_per_work_a_table_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(work: Work, quick: bool, threads: int) -> dict[str, Any]:
        asked.append((work.name, quick, threads))
        if work.name == "gradients":
            raise running.ChildError("gradients: the process failed: killed")
        return {**example(), "quick": quick, "machine": dict(MACHINE)}

    arguments = ["--quick", "--work", "convolutions", "gradients", "--threads", "1", "--out", str(tmp_path / "new")]
    assert command.main(arguments, run) == 1, "one of two failed"
    assert asked == [("convolutions", True, 1), ("gradients", True, 1)]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"convolutions.json", "table.md", "ratios.png"}
    said = capsys.readouterr()
    assert "gradients: the process failed: killed" in said.err and "1.25, missed" in said.out
    assert (tmp_path / "new" / "table.md").read_text(encoding="utf-8").startswith("# Small sizes")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--work", "nothing"], "invalid choice: 'nothing'"),
        (["--threads", "0"], "'0' is not a number of threads; this process has"),
        (["--threads", "100000"], "'100000' is not a number of threads; this process has"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert command.main(["--out", str(tmp_path / "file" / "in")], lambda *_: pytest.fail("measured")) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_child_that_fails_is_told_by_its_last_line() -> None:
    with pytest.raises(running.ChildError, match="no-such-work: the process failed: KeyError: 'no-such-work'"):
        running.child("no-such-work", 1, True)


def test_works_are_what_the_issue_asks_for() -> None:
    assert [layer.x.shape[2] for layer in works.convolutions(False, gradients=False).layers] == [
        224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14,
    ]  # fmt: skip
    full = {name: one.job(False) for name, one in WORKS.items() if isinstance(one.job(True), NetworkJob)}
    assert full["inference"].shape == full["training"].shape == (1, 360, 480) and full["training"].optimizer == "sgd"
    assert full["default-job"].shape == (8, 96, 128) and full["default-job"].backbone == "small"
    assert [one.targets for one in WORKS.values()][:5] == [
        {EAGER: 1.0, TAUGHT: 3.0},
        {EAGER: 1.0, TAUGHT: 3.0},
        {EAGER: 1.6, ONNX: 1.0},
        {EAGER: 1.5},
        {EAGER: 1.0, BEST: 0.8},
    ]
    assert all(one.targets == {EAGER: 1.0} for one in WORKS.values() if one.memory)


# --- what the machine gives -------------------------------------------------------------------------------------------


def test_ceilings_are_positive_numbers_with_units_printed_and_written(tmp_path, monkeypatch, capsys):
    small = {"SIZE": 32, "COPIED": 1 << 20, "RUNS": 3, "CHANNELS": 4, "SIDE": 6}
    for name, value in small.items():
        monkeypatch.setattr(ceilings, name, value)
    ceilings.main(["--out", str(tmp_path / "new" / "ceilings.json")])
    written = json.loads((tmp_path / "new" / "ceilings.json").read_text(encoding="utf-8"))
    assert written["machine"]["numpy"] == np.__version__
    units = {unit: values for unit, values in written.items() if unit != "machine"}
    assert set(units) == {"GFLOP/s", "GB/s", "µs"}
    assert "NumPy, a @ b of 32x32, 1 thread" in units["GFLOP/s"]
    assert "copy of 256 MiB, 1 thread" in units["GB/s"]
    assert all(value > 0 for unit in ("GFLOP/s", "GB/s") for value in units[unit].values())
    printed = capsys.readouterr().out
    for unit, values in units.items():
        for name, value in values.items():
            assert f"{value:8.1f} {unit:8} {name}\n" in printed


def test_a_copy_is_shared_by_the_threads_and_all_of_it_is_made(monkeypatch):
    shares = []

    def for_each(work, pieces):
        shares.append(sorted((piece.start, piece.stop) for piece in pieces))

    monkeypatch.setattr(ceilings, "COPIED", 1000)
    monkeypatch.setattr(ceilings, "set_num_threads", lambda number: None)
    monkeypatch.setattr(ceilings, "for_each", for_each)
    assert list(ceilings.memory(3)) == ["copy of 256 MiB, 1 thread", "copy of 256 MiB, 3 threads"]
    assert shares[0] == [(0, 1000)] and shares[-1] == [(0, 333), (333, 666), (666, 1000)]


def test_a_ceiling_is_the_median_of_its_runs_without_the_first(monkeypatch):
    clock, runs = [0.0], iter([9.0, 1.0, 5.0, 2.0])  # to warm up, and three that count

    def run():
        clock[0] += next(runs)

    monkeypatch.setattr(ceilings, "RUNS", 3)
    monkeypatch.setattr(ceilings.time, "perf_counter", lambda: clock[0])
    assert ceilings.seconds(run) == 2.0


def test_the_table_of_what_sliding_costs() -> None:
    row = sliding.measured("alexnet", width=1 / 32, image=260, pairs=2)
    assert row["scores"] == [2, 2] and row["one"] > 0 and row["together"] > 0
    assert row["range"][0] <= row["ratio"] <= row["range"][1]
    row |= {"one": 0.1, "together": 0.5, "scores": [10, 10], "ratio": 20.0, "range": [18.0, 23.0]}
    text = sliding.table({"machine": {"processor": "P", "threads": 2}, "classifiers": {"alexnet": row}})
    assert "| alexnet, 227x227 | 100 ms | 10x10 | 500 ms | 20.0 (18.0 to 23.0) |" in text.splitlines()
    assert "on P, 2 threads, an image of 500x500." in text and "5.5 times as long" in text


def test_columns_of_numbers_are_set_to_the_right() -> None:
    body = [["1 process", "1.5", "**2.0**", "", "3 ms"], ["all", "-1", "12 (11)", "", "wrong"]]
    assert table.rows([["", "a", "b", "c", "d"], *body]).splitlines()[1] == "| --- | ---: | ---: | ---: | --- |"
    assert table.rows([["a", "b"]]).splitlines()[1] == "| --- | ---: |"
