"""What a run shows: a bar that counts images from where the run is, and a table that names split and data set."""

from __future__ import annotations

import io
import re
import sys

import numpy as np
import pytest

from minifcn.commands import reporting
from minifcn.commands.options import Options
from minifcn.commands.reporting import (
    Counter,
    Progress,
    advice,
    metrics_table,
    openblas_kernels,
    shows_bar,
    simd,
    versions,
)
from minifcn.metrics import ConfusionMatrix
from minifcn.training import State
from tests.played_cupy import playing
from tests.training.tiny import Pictures

OPTIONS = Options(epochs=3, batch_size=4)
ENTRY = {"epoch": 1, "loss": 0.75, "val_mean_iu": 0.5, "seconds": 12.4}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if stderr were one."""
    monkeypatch.setattr(reporting, "shows_bar", lambda quiet: not quiet)


@pytest.mark.usefixtures("terminal")
def test_the_bar_counts_the_images_of_the_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(OPTIONS, State(), 10, quiet=False) as progress:
        assert (progress.bar.total, progress.bar.n) == (30, 0)
        progress.step(State(0, 1), 1.0, 4)
        progress.step(State(0, 2), 0.5, 4)
        assert progress.smooth == pytest.approx(0.95)
        assert progress.bar.n == 8
        progress.epoch(ENTRY)
        progress.step(State(1, 1), 0.5, 2)
        progress.bar.refresh()
    out, err = capsys.readouterr()
    assert out.strip() == "epoch 1/3  loss 0.7500  validation mean IU 50.0 %  12 s"
    last = err.split("\r")[-1]
    assert "epoch 2/3" in last and "10/30" in last and "loss 0.905, mean IU 50.0 %" in last
    assert re.search(r"img/s|s/img|\?img", last)
    assert err.endswith("\n")


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("epoch", "step", "done"), [(0, 2, 8), (0, 3, 10), (2, 0, 20), (2, 1, 24)])
def test_a_resumed_run_starts_where_it_was(epoch: int, step: int, done: int) -> None:
    history = [{"val_mean_iu": None}, {"val_mean_iu": 0.25}][:epoch]
    with Progress(OPTIONS, State(epoch, step, history=history), 10, quiet=False) as progress:
        assert (progress.bar.initial, progress.bar.n) == (done, done)
        assert progress.mean_iu == ("25.0 %" if epoch else "-")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_or_without_a_terminal_there_is_a_line_for_each_epoch_and_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal() if quiet else sys.stderr)
    assert shows_bar(False) is quiet and not shows_bar(True)
    with Progress(OPTIONS, State(), 10, quiet) as progress:
        progress.step(State(0, 1), 1.0, 4)
        progress.epoch(ENTRY | {"val_mean_iu": None})
        assert progress.mean_iu == "-"
    with Counter(2, "evaluate", quiet) as counter:
        counter(2)
        assert counter.seconds() >= 0
    assert capsys.readouterr() == ("epoch 1/3  loss 0.7500  validation mean IU      -  12 s\n", "")


@pytest.mark.usefixtures("terminal")
def test_the_line_of_a_bar_ends_before_an_error_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError), Counter(5, "evaluate", quiet=False) as counter:
        counter(2)
        raise ValueError
    err = capsys.readouterr().err
    assert "evaluate" in err and err.endswith("\n")


def test_the_table_names_split_and_data_set() -> None:
    matrix = ConfusionMatrix.from_hist(np.array([[6, 2, 0], [0, 8, 0], [0, 0, 4]]))
    lines = metrics_table(matrix, Pictures(7), "val").splitlines()
    assert lines[1] == "on 7 val images of pictures:"
    assert [line.split()[0] for line in lines[4:7]] == ["ground", "block", "sky"]
    assert "75.0" in lines[4] and "mean IU" in lines[-2]


def test_advice_is_given_where_openblas_takes_the_processor_for_an_older_one() -> None:
    told = advice("Haswell", {"X86_V3", "X86_V4"})
    assert "kernels for Haswell" in told
    assert "OPENBLAS_CORETYPE=SkylakeX" in told
    assert advice("Zen", {"AVX2", "AVX512F"})
    assert advice("Haswell", {"AVX2"}) == ""
    assert advice("SkylakeX", {"X86_V4"}) == ""
    assert advice("", {"X86_V4"}) == "", "another BLAS"


def test_versions_name_the_kernels_that_blas_uses() -> None:
    assert all(isinstance(name, str) and name for name in simd())
    found = openblas_kernels()
    assert str(versions()["blas"]).endswith(f"with its kernels for {found}" if found else "")


def test_a_run_on_a_gpu_tells_which_and_how_it_multiplies() -> None:
    with playing():
        assert {"gpu", "cupy", "cuda"} & set(versions()) == set()
        found = versions("cuda:1")
        assert (found["gpu"], found["cuda"], found["float32 products"]) == ("played card 1", "13.2", "highest")
        assert str(found["cupy"]).startswith("14.2")
