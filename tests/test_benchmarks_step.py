"""The pieces of `python -m benchmarks.step` on tiny sizes. No time is asserted: times are made up."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minifcn
import minifcn.functional as F
from minifcn import Tensor

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # benchmarks/ is not installed

from benchmarks import ours, running  # noqa: E402
from benchmarks.contender import Contender  # noqa: E402
from benchmarks.measure import Clock, Plan  # noqa: E402
from benchmarks.record import WrongResult  # noqa: E402
from benchmarks.step import __main__ as command  # noqa: E402
from benchmarks.step import measure, page, roofs  # noqa: E402
from benchmarks.step.calls import Call, recorded  # noqa: E402
from benchmarks.step.roofs import FAMILIES, Speeds, family  # noqa: E402
from benchmarks.works import EAGER, OPTIMIZER, NetworkJob, Work, learned  # noqa: E402

JOB = NetworkJob("small", 4, (2, 33, 40), 0.25, "adamw", {"lr": 3e-3, "weight_decay": 1e-4})
WORK = Work("default-job", "a title", {True: "tiny", False: "large"}, lambda quick: JOB, {EAGER: 1.0})
CLOCK = Clock(sleep=lambda pause: None)
GIVEN = {"GB/s": {"copy, 1 thread": 8.0, "copy, 2 threads": 10.0},
         "GFLOP/s": {"NumPy, a @ b, 1 thread": 40.0, "NumPy, a @ b, 2 threads": 50.0, "PyTorch, a @ b": 90.0}}  # fmt: skip
MACHINE = {
    "processor": "a processor", "cores": 2, "system": "a system", "python": "3", "numpy": "2", "blas": "b", "busy": 2.0,
    "minifcn": "0", "commit": "c0ffee",
}  # fmt: skip


def call(name: str, within: str = "", seconds: float = 1.0, done: int = 0, moved: int = 0, **more: Any) -> Call:
    return Call(more.pop("phase", "backward" if within else "forward"), name, more.pop("detail", ""), within,
                seconds, done, moved, more.pop("section", False))  # fmt: skip


# A step call by call ----------------------------------------------------------------------------------------------------


def test_the_calls_are_those_of_a_profile_and_add_up_to_the_step() -> None:
    step = ours.build(JOB, 1).steps[0].run
    step(None)
    with minifcn.profile() as whole:
        step(None)
    record = recorded(step)
    operations = [one for one in record.calls if not one.section]
    for count in ("operations", "bytes"):
        expected = sum(getattr(entry, count) for entry in whole.entries.values() if "Copy" not in entry.name)
        assert sum(getattr(one, count) for one in operations if one.name != "Copy") == expected > 0
    assert sum(one.seconds for one in record.calls) + record.between == pytest.approx(record.recorded)
    names = [one.name for one in operations]
    assert names[0] == "ToOutput" and names.index("MaxPool") < names.index("CrossEntropy"), "in the order of the step"
    assert [one.name for one in record.calls][-1] == OPTIMIZER
    assert {one.within for one in operations if one.name in ("ToInput", "ToWeight")} == {"ToOutput.backward"}
    assert {one.within for one in operations if one.phase == "forward"} == {""}


def test_a_step_that_fails_is_not_recorded_any_longer() -> None:
    with pytest.raises(ZeroDivisionError):
        recorded(lambda _: 1 / 0)
    assert minifcn.machine.profiling.running() is None


def test_what_is_looked_at_tells_its_size_and_the_optimizer_its_numbers() -> None:
    made = measure.looked_at(ours.build(JOB, 1), JOB, 1)
    assert [one.detail for one in made if one.name == "BatchNorm"][:3] == ["2x4x33x40", "2x4x33x40", "2x8x17x20"]
    assert next(one.detail for one in made if one.name == "MaxPool") == "2x2 2x4x33x40"
    each = Tensor(np.ones(3, np.float32))
    assert recorded(lambda _: each + each, roofs.look).calls[0].detail == "", "a number for each channel"
    (last,) = [one for one in made if one.name == OPTIMIZER]
    numbers = sum(value.detach().numpy().size for _, value in learned(JOB.network()))
    assert (last.operations, last.bytes) == (14 * numbers, 28 * numbers)


# Families and roofs -----------------------------------------------------------------------------------------------------


def test_every_operation_of_the_job_is_in_its_family() -> None:
    made = measure.looked_at(ours.build(JOB, 1), JOB, 1)
    names = {group: {one.name for one in made if family(one) == group} for group in FAMILIES}
    counts = [sum(family(one) == group for one in made) for group in FAMILIES[:3]]
    assert counts == [15, 14, 15], "the image needs no gradient"
    assert [names[group] for group in FAMILIES[:3]] == [{"ToOutput"}, {"ToInput"}, {"ToWeight"}]
    assert "BatchNorm" in names[roofs.NORM] and "MaxPool" in names[roofs.POOL]
    known = {roofs.RELU: {"ReLU", "Gate"}, roofs.POOL: {"MaxPool", "ScatterTaps"}}
    assert all(names[group] <= members for group, members in known.items())
    assert {"TentStamps", "CrossEntropy", "CrossEntropyGradient", "AddBias"} <= names[roofs.REST]
    assert names[roofs.OPTIMISER] == {OPTIMIZER}
    assert {"BatchNorm.backward", "the walk of the graph"} <= names[roofs.PYTHON]


@pytest.mark.parametrize(
    "one, expected",
    [
        (call("ToInput"), roofs.REST),  # a transposed convolution enlarges
        (call("ToInput", "ToOutput.backward"), roofs.OF_X),
        (call("GetItem"), roofs.REST),
        (call("GetItem", "BatchNorm.backward"), roofs.NORM),
        (call("Add", "ToOutput.backward"), roofs.REST),
        (call("Copy", "the walk of the graph"), roofs.PYTHON),
        (call("BatchNormReLU"), roofs.NORM),
        (call("Gate", "BatchNormReLU.backward"), roofs.NORM),
        (call(OPTIMIZER, section=True), roofs.OPTIMISER),
        (call("ToOutput.backward", "ToOutput.backward", section=True), roofs.PYTHON),
    ],
)
def test_a_family_is_that_of_the_operation_it_is_part_of(one: Call, expected: str) -> None:
    assert family(one) == expected


def test_the_roof_is_the_slower_of_products_and_bytes() -> None:
    found = Speeds(products=100.0, copy=10.0)
    assert [found.roof(call("a", done=done, moved=moved)) for done, moved in ((500, 30), (200, 30), (0, 0))] == [
        5,
        3,
        0,
    ]
    assert [found.limit(call("a", done=done, moved=moved)) for done, moved in ((500, 30), (200, 30), (0, 0))] == [
        "products", "bytes", "",
    ]  # fmt: skip
    assert measure.speeds(GIVEN) == Speeds(50e9, 10e9), "NumPy's product, not another library's"


def test_a_ceiling_is_what_was_reached_before_or_after() -> None:
    before, after = {"GB/s": {"a": 1.0, "b": 4.0}}, {"GB/s": {"a": 2.0, "b": 3.0}}
    assert measure.faster(before, after) == {"GB/s": {"a": 2.0, "b": 4.0}}


@pytest.mark.parametrize("images, m", [(2, 2), (9, 4)])
def test_of_winograd_its_own_products_are_counted_for_all_three(images: int, m: int) -> None:
    """Tiles of m x m on 8x12 pixels, (m + 2)² numbers each."""
    generator = np.random.default_rng(0)
    x = Tensor(generator.standard_normal((images, 5, 8, 12), np.float32), requires_grad=True)
    w = Tensor(generator.standard_normal((7, 5, 3, 3), np.float32), requires_grad=True)

    def step(_: Any) -> None:
        F.conv2d(x, w, padding=1).sum().backward()

    with minifcn.use_algorithm("winograd"):
        made = recorded(step, roofs.look).calls
    expected = 2 * 5 * 7 * (m + 2) ** 2 * images * (8 // m) * (12 // m)
    assert [one.operations for one in made if one.name in roofs.CONVOLUTIONS] == [expected] * 3
    with minifcn.use_algorithm("im2col"):
        made = recorded(step, roofs.look).calls
    assert [one.operations for one in made if one.name in roofs.CONVOLUTIONS] == [2 * 9 * 5 * 7 * images * 96] * 3


def test_the_gradient_of_x_has_tiles_on_x() -> None:
    """Without padding x is 10x14 where y is 8x12: (10/2)·(14/2) tiles of 2x2, not 4·6."""
    x = Tensor(np.ones((1, 3, 10, 14), np.float32), requires_grad=True)
    w = Tensor(np.ones((2, 3, 3, 3), np.float32), requires_grad=True)
    with minifcn.use_algorithm("winograd"):
        made = recorded(lambda _: F.conv2d(x, w).sum().backward(), roofs.look).calls
    counts = {one.name: one.operations for one in made}
    assert (counts["ToOutput"], counts["ToInput"], counts["ToWeight"]) == tuple(12 * 16 * n for n in (24, 35, 24))


# What is made of the times ----------------------------------------------------------------------------------------------


def profile(between: float, *made: Call) -> Any:
    return SimpleNamespace(calls=list(made), between=between)


COUNTED = [
    call("ToOutput", detail="3x3", done=400, moved=10),
    call("ReLU", moved=20),
    call("ReLU", moved=20),
    call("Copy", "the walk of the graph", moved=1000),
    call("ReLU.backward", "ReLU.backward", section=True),
]


def timed(*seconds: float) -> list[Call]:
    return [
        call(one.name, one.within, took, detail=one.detail, phase=one.phase, section=one.section)
        for one, took in zip(COUNTED, seconds, strict=True)
    ]


def test_a_time_is_that_of_each_round_and_like_calls_are_one_line() -> None:
    rounds = [profile(7.0, *timed(1, 2, 3, 4, 5)), profile(8.0, *timed(3, 3, 3, 3, 3))]
    made = measure.summed(COUNTED, rounds, Speeds(100.0, 10.0))
    assert made["step"]["seconds"] == [22, 23] and made["step"]["roof"] == 4 + 2 + 2
    by_family = {one["family"]: one for one in made["families"]}
    assert list(by_family) == list(FAMILIES), "each has a line, and always in the same order"
    assert by_family[roofs.RELU]["seconds"] == [5, 6] and by_family[roofs.RELU]["roof"] == 4
    assert by_family[roofs.PYTHON]["seconds"] == [4 + 5 + 7, 3 + 3 + 8] and by_family[roofs.PYTHON]["roof"] == 0
    kinds = {one["operation"]: one for one in made["operations"]}
    assert kinds["ReLU"]["calls"] == 2 and kinds["ReLU"]["bytes"] == 40 and kinds["ReLU"]["limit"] == "bytes"
    assert kinds["ToOutput 3x3"]["limit"] == "products" and kinds["ToOutput 3x3"]["roof"] == 4
    assert made["operations"][0]["operation"] == "beside all operations", "the slowest first"


def test_the_engine_may_copy_more_or_less_but_an_operation_more_is_an_error() -> None:
    without = timed(1, 2, 3, 4, 5)
    del without[3]
    assert measure.times_of(COUNTED, profile(7.0, *without)) == [1, 2, 3, 0, 5, 7]
    more = [*timed(1, 2, 3, 4, 5), call("Copy", "the walk of the graph", 6.0)]
    assert measure.times_of(COUNTED, profile(7.0, *more)) == [1, 2, 3, 4, 5, 13]
    for other in (timed(1, 2, 3, 4, 5)[1:], [*timed(1, 2, 3, 4, 5), call("ReLU")]):
        with pytest.raises(measure.UnlikeSteps, match="is not in every step as often as in the first"):
            measure.times_of(COUNTED, profile(7.0, *other))


# The whole measurement, and its page ------------------------------------------------------------------------------------


def opponent(*factors: float) -> Any:
    """Ours once more as somebody else's, once for each factor, which its results are multiplied with."""

    def build(job: Any, variant: str, threads: int) -> Contender:
        good = ours.build(job, threads)
        factor = factors[int(variant[-1])]
        arrays = lambda made: {name: value * factor for name, value in good.arrays(made).items()}  # noqa: E731
        return Contender(variant, good.steps, arrays, good.counts, good.use)

    return SimpleNamespace(
        NAME="other", INSTALL="pip install other", NEEDS=(), PATCH="", load=lambda: None, build=build,
        variants=lambda job: [f"other {i}" for i in range(len(factors))],
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    plan = Plan(least=1, most=1, tries=2, pause=0.0)
    with pytest.MonkeyPatch.context() as patch:
        turns = iter((GIVEN, {unit: {name: value / 2 for name, value in GIVEN[unit].items()} for unit in GIVEN}))
        patch.setattr(measure, "machine_gives", lambda threads: next(turns))
        made = measure.measured(WORK, JOB, 1, 3, [opponent(1.0, 1.1)], plan, CLOCK)
    return json.loads(json.dumps(made)) | {"machine": MACHINE}


def test_a_record_has_every_round_of_everybody_whose_result_is_right(measured: dict[str, Any]) -> None:
    right, wrong = measured["opponents"]
    assert wrong["problem"].startswith("wrong result: gradient is off by 0.1") and "seconds" not in wrong
    assert right["threads"] == 1 and right["ratio"]["median"] > 0
    lengths = {len(one["seconds"]) for one in (right, measured["ours"], measured["step"], *measured["operations"])}
    assert lengths == {3} and len(measured["ours"]["recorded"]) == 3
    assert len(right["again"]) == len(measured["ours"]["again"]) == 3 and right["ratio again"]["median"] > 0
    assert measured["step"]["seconds"] == pytest.approx(measured["ours"]["recorded"])
    assert measured["speeds"] == {"products": 50e9, "copy": 10e9}
    for key in ("operations", "bytes", "calls", "roof"):
        assert sum(one[key] for one in measured["families"]) == pytest.approx(measured["step"][key])
        assert sum(one[key] for one in measured["operations"]) == pytest.approx(measured["step"][key])


def test_the_page_has_a_line_for_each_family_and_says_how_it_is_measured(measured: dict[str, Any]) -> None:
    text = page.page(measured)
    for name in FAMILIES:
        assert f"| {name} | " in text
    assert "| other 0, the whole step: " in text and "| other 0, right after it: " in text
    assert "| **the step right after it** |" in text and "| other 1: wrong result: gradient is off by 0.1" in text
    assert "Then come 3 rounds" in text and "Ours has 1 threads" in " ".join(text.split())
    assert "operations at 50 GFLOP/s and its bytes at 10.0 GB/s" in text
    assert "- 90.0 GFLOP/s: PyTorch, a @ b" in text and "The machine was not idle" in text
    widths = {line.count("|") for line in page.families(measured).splitlines()}
    assert widths == {len(page.HEAD) + 1} and {line.count("|") for line in page.operations(measured).splitlines()} == {
        len(page.HEAD) + 4
    }


def test_lines_of_the_page() -> None:
    one = {"seconds": [0.004, 0.002, 0.003], "roof": 0.001, "operations": 6 * 10**6, "bytes": 15 * 10**6}
    assert page.cells(one) == ["3.00", "1.00", "2.00", "0.006", "15.00", "2.0", "5.00"]
    assert page.cells({"seconds": [0.5], "roof": 0.0}) == ["500.0", "0.00", "500.0", "", "", "", ""]
    shown = {"operation": "Gate 8x16", "within": "ReLU.backward", "calls": 2}
    assert page.label(shown) == "Gate 8x16 (of ReLU)"
    assert page.label({**shown, "operation": "ToInput 3x3", "within": "ToOutput.backward"}) == "ToInput 3x3"
    assert page.label({**shown, "operation": "ReLU.backward", "calls": 0}) == "ReLU.backward"
    lines = [{"calls": 1, "operations": 2, "bytes": 3, "roof": 4, "seconds": [5, 6]}] * 2
    assert page.together(lines) == {"calls": 2, "operations": 4, "bytes": 6, "roof": 8, "seconds": [10, 12]}


def test_when_ours_is_wrong_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "machine_gives", lambda threads: pytest.fail("measured"))
    good = ours.reference
    monkeypatch.setattr(ours, "reference", lambda job, threads: {k: -v for k, v in good(job, threads).items()})
    with pytest.raises(WrongResult, match="default-job: minifcn against its float64 reference"):
        measure.measured(WORK, JOB, 1, 1, [], Plan(), CLOCK)


# The command ------------------------------------------------------------------------------------------------------------


def test_the_command_writes_numbers_and_page(
    measured: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(threads: int, rounds: int) -> dict[str, Any]:
        asked.append((threads, rounds))
        return {**measured, "machine": {**MACHINE, "busy": None}}

    folder = tmp_path / "new"
    assert command.main(["--out", str(folder), "--threads", "1", "--rounds", "5"], run) == 0
    assert asked == [(1, 5)]
    assert {path.name for path in folder.iterdir()} == {"step.json", "step.md"}
    written = json.loads((folder / "step.json").read_text(encoding="utf-8"))
    assert written["families"] == measured["families"] and "busy" in written["machine"]
    assert (folder / "step.md").read_text(encoding="utf-8").startswith("# One training step of the default job")
    assert page.families(measured) in capsys.readouterr().out


@pytest.mark.parametrize("rounds", ["0", "1001", "1.5", "many"])
def test_wrong_rounds(rounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["--rounds", rounds])
    assert left.value.code == 2
    assert f"{rounds!r} is not a number of rounds; pass 1 to 1000" in capsys.readouterr().err


def test_a_process_that_fails_leaves_the_old_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "step.md").write_text("old", encoding="utf-8")

    def run(threads: int, rounds: int) -> Any:
        raise running.ChildError("step: the process failed: killed")

    assert command.main(["--out", str(tmp_path)], run) == 1
    assert "step: the process failed: killed" in capsys.readouterr().err
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["old"]
    (tmp_path / "file").touch()
    assert command.main(["--out", str(tmp_path / "file" / "in")], lambda *_: pytest.fail("measured")) == 2


def test_the_process_is_given_what_it_reads() -> None:
    with pytest.raises(running.ChildError, match=r"step: the process failed: ValueError: .*'many'"):
        running.apart("benchmarks.step.child", ["many"], 1, "step")
