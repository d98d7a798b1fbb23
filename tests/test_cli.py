"""The command line as a user meets it: real processes and signals, what --help says, and one sentence for each misuse."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minifcn
from minifcn import cli
from minifcn.commands import parsing
from minifcn.commands.options import CHOICES, DEFAULTS, LR_DIVISOR, PROFILED, Options
from minifcn.data import KINDS, SCENE_COUNTS, reported_split
from minifcn.errors import ArgumentError
from minifcn.training import CHECKPOINT_FILE, WEIGHTS_FILE, save_network
from minifcn.weights import load_arrays
from tests.training.tiny import card, picture, same, write_camvid, write_folder

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(minifcn.__file__).parent.parent), "OPENBLAS_NUM_THREADS": "1"}
TRAIN = ["train", "--data", "folder", "--root", "yard", "--width", "0.125", "--size", "33x41", "--batch-size", "2"]
RUN = {WEIGHTS_FILE, CHECKPOINT_FILE, "metrics.json", "learning_curve.png", "gallery.png", "confusion.png"}


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "minifcn", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set `yard`, as the current one."""
    write_folder(tmp_path / "yard")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_whole_way_of_a_user(here: Path) -> None:
    first = call(here, *TRAIN, "--epochs", "1", "--seed", "7")
    assert (first.returncode, first.stderr) == (0, ""), "no bar where there is no terminal"
    assert "epoch 1/1  loss " in first.stdout and "\r" not in first.stdout
    run = "runs/folder-fcn8s-1"
    assert {path.name for path in (here / run).iterdir()} == RUN
    assert f"{run}/{WEIGHTS_FILE}  the weights" in first.stdout and "mean IU" in first.stdout

    second = call(here, *TRAIN, "--epochs", "1", "--seed", "7", "--quiet")
    assert (second.returncode, second.stderr) == (0, "")
    assert same(*(load_arrays(here / f"runs/folder-fcn8s-{n}" / WEIGHTS_FILE)[0] for n in (1, 2)))

    for weights in (run, f"{run}/{WEIGHTS_FILE}"):
        assert cli.main(["evaluate", "--weights", weights, "--root", "yard", "--quiet"]) == 0
    for name, size in (("one", (1, 1)), ("two", (50, 37))):
        Image.fromarray(picture(3, size)[0]).save(here / f"{name}.png")
    third = call(here, "segment", "--weights", run, "one.png", "two.png", "--quiet")
    assert (third.returncode, third.stderr) == (0, "")
    produced = {path.name for path in here.iterdir()} | {path.name for path in (here / "segmented").iterdir()}
    assert produced == {
        "yard", "runs", "segmented", "one.png", "two.png", "metrics-test.json", "confusion-test.png",
        "one_label.png", "one_overlay.png", "two_label.png", "two_overlay.png",
    }  # fmt: skip
    with Image.open(here / "segmented" / "two_label.png") as label:
        assert (label.mode, label.size) == ("P", (37, 50))


# Signals ------------------------------------------------------------------------------------------------------------

SLOW = """
import signal, sys, time
from minifcn import cli
from minifcn.commands import parsing
from minifcn.training import loop

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
true_step = loop.train_step

def slow(*given, **options):
    print("step", flush=True)
    time.sleep({seconds})
    return true_step(*given, **options)

loop.train_step = slow
sys.exit(cli.main(sys.argv[1:]))
"""


@contextlib.contextmanager
def slow_training(folder: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """`minifcn train` that says when a step begins, and takes its time for it."""
    command = [sys.executable, "-c", SLOW.format(seconds=seconds), *TRAIN, "--epochs", "2", "--quiet", "--out", "run"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def wait_for_steps(process: subprocess.Popen[str], count: int) -> None:
    assert process.stdout is not None
    while count:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        count -= line == "step\n"


def test_ctrl_c_saves_says_how_to_go_on_and_going_on_gives_the_same_bits(here: Path) -> None:
    with slow_training(here, 0.1) as process:
        wait_for_steps(process, 4)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert re.fullmatch(
        r"\nCtrl-C: finishing this step, then saving; once more to stop now\n"
        r"stopped after epoch 2, step [1-3]\. Everything is saved; go on with: minifcn train --resume run\n",
        err,
    )
    assert {path.name for path in (here / "run").iterdir()} == {WEIGHTS_FILE, CHECKPOINT_FILE}
    command = err.split("go on with: minifcn ")[1].split()
    assert cli.main([*command, "--quiet"]) == 0
    assert {path.name for path in (here / "run").iterdir()} == RUN
    assert cli.main([*TRAIN, "--epochs", "2", "--quiet", "--out", "whole"]) == 0
    assert same(*(load_arrays(here / out / WEIGHTS_FILE)[0] for out in ("run", "whole")))


def test_a_second_ctrl_c_kills_at_once_and_breaks_nothing(here: Path) -> None:
    with slow_training(here, 0.0) as process:
        wait_for_steps(process, 6)
        process.communicate(timeout=60)
    before = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    (here / "run" / "metrics.json").unlink()
    command = [sys.executable, "-c", SLOW.format(seconds=30), "train", "--resume", "run", "--epochs", "3", "--quiet"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=here, env=ENVIRONMENT, text=True, **pipes) as process:  # type: ignore[call-overload]
        wait_for_steps(process, 1)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None  # it would finish its step
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert time.monotonic() - begin < 25
    assert (process.returncode, err.splitlines()[2:]) == (
        130, ["stopped at once; saved is what was done after epoch 2; go on with: minifcn train --resume run"],
    )  # fmt: skip
    before.pop("metrics.json")
    assert {path.name: path.read_bytes() for path in (here / "run").iterdir()} == before


def test_an_interrupt_anywhere_else_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from minifcn.commands import explain

    def run(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "run", run)
    assert cli.main(["explain"]) == 130
    assert capsys.readouterr().err == "minifcn explain: interrupted.\n"


# Misuse -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stocked(here: Path) -> Path:
    """`here` with weights, pictures, and things that only look like them."""
    save_network(here / "w.safetensors", card().build(np.random.default_rng(0)), card())
    write_camvid(here / "road")
    for name in ("a.png", "b/a.png"):
        (here / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture(0, (20, 30))[0]).save(here / name)
    (here / "text.safetensors").write_text("Weights? None.\n")
    (here / "text.png").write_text("A picture? No.\n")
    (here / "cut.safetensors").write_bytes((here / "w.safetensors").read_bytes()[:-9])
    np.savez(here / "foreign.npz", weight=np.ones(3))
    for name in ("empty", "hollow/images", "hollow/masks"):
        (here / name).mkdir(parents=True)
    (here / "hollow" / "classes.toml").write_text((here / "yard" / "classes.toml").read_text())
    return here


S = "train --size 33x41 --width 0.125 --count 2 --epochs 1"
E = "evaluate --weights w.safetensors"
BY_ARGPARSE = [
    ("fly", "argument command: invalid choice: 'fly'"),
    ("train --colour red", "unrecognized arguments: --colour red"),
    ("train more", "unrecognized arguments: more"),
    (f"{S} --size 0x5", "argument --size: '0x5' is not a size; write height x width, for example 180x240"),
    (f"{S} --size 12", "argument --size: '12' is not a size; write height x width"),
    (f"{S} --size axb", "argument --size: 'axb' is not a size; write height x width"),
    (f"{S} --size 3x4x5", "argument --size: '3x4x5' is not a size"),
    (f"{S} --size -3x4", "expected one argument"),
    (f"{S} --size 1.5x4", "argument --size: '1.5x4' is not a size"),
    (f"{S} --size 99999x3", "argument --size: '99999x3' is too large; a side has at most 16384 pixels"),
    (f"{S} --stride 7", "argument --stride: invalid choice: 7 (choose from 8, 16, 32)"),
    (f"{S} --stride eight", "argument --stride: 'eight' is not a whole number"),
    (f"{S} --device tpu", "argument --device: 'tpu' is not a device; use cpu, cuda or cuda:<index>"),
    (f"{S} --device float16", "argument --device: 'float16' is not a device; use cpu"),
    (f"{S} --epochs 1.5", "argument --epochs: '1.5' is not a whole number"),
    (f"{S} --lr fast", "argument --lr: 'fast' is not a number"),
    (f"{S} --profile all", "argument --profile: 'all' is not a whole number"),
    (f"{S} --profile 1 2", "unrecognized arguments: 2"),
    (f"{S} --data coco", "argument --data: invalid choice: 'coco'"),
    (f"{S} --optimizer newton", "argument --optimizer: invalid choice: 'newton'"),
    ("evaluate", "the following arguments are required: --weights"),
    (f"{E} --split dev", "argument --split: invalid choice: 'dev'"),
    ("segment --weights w.safetensors", "the following arguments are required: IMAGE"),
    ("segment --weights w.safetensors --size 5 a.png", "argument --size: '5' is not a size"),
    ("explain --stride 7", "argument --stride: invalid choice: 7"),
]
BY_MINIFCN = [
    (f"{S} --epochs -1", "--epochs must be at least 1, got -1."),
    (f"{S} --epochs 0", "--epochs must be at least 1, got 0."),
    (f"{S} --lr 0", "--lr must be greater than 0 and finite, got 0.0."),
    (f"{S} --lr nan", "--lr must be greater than 0 and finite, got nan."),
    (f"{S} --lr inf", "--lr must be greater than 0 and finite, got inf."),
    (f"{S} --batch-size 0", "--batch-size must be at least 1, got 0."),
    (f"{S} --profile 0", "--profile must be at least 1 step, got 0."),
    ("train --resume yard --profile -3", "--profile must be at least 1 step, got -3."),
    (f"{S} --seed -1", "--seed must be at least 0, got -1."),
    (
        f"{S} --seed 18446744073709551616",
        "seed is 18446744073709551616; it must be between 0 and 18446744073709551615.",
    ),
    (f"{S} --weight-decay -1", "--weight-decay must be at least 0 and finite, got -1.0."),
    (f"{S} --momentum 1", "--momentum must be at least 0 and less than 1, got 1.0."),
    (f"{S} --width 0", "width must be a number greater than 0 and at most 16, got 0.0."),
    (f"{S} --width nan", "width must be a number greater than 0 and at most 16, got nan."),
    (f"{S} --count 0", "count is 0; it must be between 1 and"),
    (f"{S} --size 8x40", "the height is 8; it must be between 16 and 4096."),
    (f"{S} --root yard", "scenes are generated and have no root, but yard was given; leave it out"),
    ("train --data camvid", "the data set camvid needs a root"),
    ("train --data folder", "the data set folder needs a root"),
    ("train --data camvid --root road --count 5", "--count is for generated scenes; --data camvid is used whole."),
    ("train --data camvid --root nowhere", "nowhere: there is no such folder"),
    ("train --data camvid --root yard", "yard/train.txt, line 1: 1 path instead of two; a line is `image label`"),
    ("train --data folder --root nowhere", "nowhere: there is no such folder"),
    ("train --data folder --root empty", "classes.toml: the file does not exist"),
    ("train --data folder --root hollow", "images: there is no picture in it"),
    (f"{S} --out yard", "--out yard exists and is not an empty folder; name a new one, or use --resume yard."),
    (f"{S} --out a.png", "--out a.png exists and is not an empty folder"),
    (f"{S} --out a.png/b", "a.png/b cannot be made (Not a directory); choose another --out."),
    ("train --resume yard", f"yard has no {CHECKPOINT_FILE}, so there is nothing to go on with; give the folder of a"),
    ("train --resume nowhere", "nowhere does not exist; check the path."),
    ("train --resume w.safetensors", f". has no {CHECKPOINT_FILE}, so there is nothing to go on with; give"),
    (f"{S} --tf32", "--tf32 is for a GPU and would change nothing on cpu; leave it out or pass --device cuda."),
    (f"{E} --root yard --tf32", "--tf32 is for a GPU and would change nothing on cpu; leave it out or pass"),
    ("segment --weights w.safetensors a.png --tf32", "--tf32 is for a GPU and would change nothing on cpu; leave it"),
    ("evaluate --weights nowhere.npz", "nowhere.npz does not exist; check the path."),
    ("evaluate --weights nowhere", "nowhere does not exist; check the path."),
    ("evaluate --weights yard", f"yard is a folder without {WEIGHTS_FILE}; give the folder of a run or a file in it."),
    ("evaluate --weights text.safetensors", "text.safetensors is damaged or not a .safetensors file"),
    ("evaluate --weights cut.safetensors", "cut.safetensors is damaged"),
    ("evaluate --weights foreign.npz", "foreign.npz holds arrays but no description of a network; give weights that"),
    ("evaluate --weights a.png", "a.png has the suffix '.png'; name a file of arrays"),
    (E, "the data set folder needs a root"),
    (f"{E} --root nowhere", "nowhere: there is no such folder"),
    (f"{E} --root yard --out a.png", "a.png cannot be made (File exists); choose another --out."),
    (f"{E} --root yard --count 2", "--count is for generated scenes; --data folder is used whole."),
    (f"{E} --data scenes", "w.safetensors knows the 3 classes ground, block, sky but scenes has the 8 classes"),
    (f"{E} --data camvid --root road", "w.safetensors knows the 3 classes ground, block, sky but camvid has the 11"),
    (
        "segment --weights w.safetensors a.png b/a.png",
        "a.png and b/a.png would both be written to segmented/a_label.png;",
    ),
    (
        "segment --weights w.safetensors --out text.png a.png",
        "text.png cannot be made (File exists); choose another --out.",
    ),
    ("segment --weights yard a.png", f"yard is a folder without {WEIGHTS_FILE}"),
]


def everything(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def test_what_the_parser_refuses(stocked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(stocked)
    for line, said in BY_ARGPARSE:
        with pytest.raises(SystemExit) as caught:
            cli.main(line.split())
        out, err = capsys.readouterr()
        assert (caught.value.code, out) == (2, ""), line
        assert err.startswith("usage: minifcn "), line
        quoted = said.replace("choose from 8, 16, 32", "choose from ")  # newer Pythons quote the choices
        assert said in err or quoted.split("(choose")[0] in err, (line, err)
        assert err.splitlines()[-1].startswith("minifcn"), line
    assert everything(stocked) == before


def test_what_minifcn_refuses(stocked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, exactly one sentence on stderr, and not a file more or less than before."""
    before = everything(stocked)
    for line, said in BY_MINIFCN:
        assert cli.main([*line.split(), "--quiet"]) == 2, line
        err = capsys.readouterr().err
        assert err.startswith(f"minifcn {line.split()[0]}: "), (line, err)
        assert said in err, (line, err)
        assert err.count("\n") == 1 and err.endswith(".\n"), (line, err)
        assert "Traceback" not in err and "Error" not in err.replace("Error while deserializing", ""), (line, err)
        assert everything(stocked) == before, line


def test_a_gpu_without_cupy(stocked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
    before = everything(stocked)
    for line in (S, f"{E} --root yard", "segment --weights w.safetensors a.png"):
        for device in ("cuda", "cuda:1"):
            assert cli.main([*line.split(), "--quiet", "--device", device]) == 2
            assert capsys.readouterr().err == (
                f'minifcn {line.split()[0]}: device "cuda" needs CuPy, which is not installed; '
                'pip install "minifcn[cuda12]" or "minifcn[cuda13]".\n'
            )
    assert everything(stocked) == before


def test_misuse_in_a_real_process(stocked: Path) -> None:
    before = everything(stocked)
    result = call(stocked, "segment", "--weights", "cut.safetensors", "a.png")
    assert result.returncode == 2
    assert re.fullmatch(r"minifcn segment: cut\.safetensors is damaged .*\.\n", result.stderr)
    assert everything(stocked) == before


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ArgumentError("too small by 3."), 2, "minifcn explain: too small by 3.\n"),
        (MemoryError("7 PiB"), 2, "minifcn explain: out of memory (7 PiB); choose a smaller --size.\n"),
        (OSError(28, "No space left on device", "x.png"), 2,
         "minifcn explain: x.png: No space left on device; check the path and its permissions.\n"),
        (OSError("odd"), 2, "minifcn explain: odd; check the path and its permissions.\n"),
    ],
)  # fmt: skip
def test_errors_from_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, status: int, said: str
) -> None:
    from minifcn.commands import explain

    def run(arguments: object) -> int:
        raise error

    monkeypatch.setattr(explain, "run", run)
    assert cli.main(["explain"]) == status
    assert capsys.readouterr().err == said


def test_a_defect_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from minifcn.commands import explain

    monkeypatch.setattr(explain, "run", lambda arguments: [][1])
    with pytest.raises(IndexError):
        cli.main(["explain"])


# Help ---------------------------------------------------------------------------------------------------------------


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(action.choices)


def test_help_version_and_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"minifcn {minifcn.__version__}\n"
    assert cli.main([]) == 0
    overview = capsys.readouterr().out
    listed = {
        "train", "evaluate", "segment", "export", "explain", "figures", "tutorials", "lab", "read", "doctor", "check-data",
        "bounds", "weights",
    }  # fmt: skip
    for name in sorted(listed):
        assert name in overview
        with pytest.raises(SystemExit) as caught:
            cli.main([name, "--help"])
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: minifcn {name} ")
    assert set(commands()) == listed


def test_every_option_says_what_it_is_for_and_what_is_its_default() -> None:
    no_default = {"action", "help", "quiet", "weights", "images", "file", "root", "resume"}
    for name, parser in commands().items():
        for action in parser._actions:
            assert action.help, (name, action.dest)
            assert "default: " in action.help or action.dest in no_default, (name, action.dest)


def test_the_help_of_train_tells_the_true_defaults() -> None:
    stated = {action.dest: str(action.help) for action in commands()["train"]._actions}
    of_no_option = {"help", "quiet", "out", "profile", "resume", "tf32", "stages", "lr_divisor", "processes"}
    of_recipes = {"at_once", "bias_lr", "bias_decay", "pretrained"}  # which only a recipe says
    assert set(stated) - of_no_option == set(Options().to_dict()) - of_recipes
    assert "(default: none)" in stated["recipe"] and "(default: one)" in stated["stages"]
    assert f"(default: {LR_DIVISOR:g})" in stated["lr_divisor"]
    assert f"default: no; without STEPS {PROFILED})" in stated["profile"]
    for name, usual in Options().to_dict().items():
        if name in ("root", "sbd", "recipe", *of_recipes):
            continue
        said = stated[name].split("(default: ")[1]
        for kind, values in DEFAULTS.items():
            value = values.get(name, usual)
            written = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).removesuffix(".0")
            if isinstance(value, tuple):
                written = "x".join(map(str, value))
            if value is None:
                assert f"{kind} " not in said.replace("folder: as", ""), (name, kind)
            elif value != usual:
                assert f"{kind} {written}" in said, (name, kind)
            else:
                assert said.startswith(f"{written}"), (name, kind)
                assert f"{kind} " not in said, (name, kind)
    assert stated["lr"].endswith("(default: 0.003)") and stated["weight_decay"].endswith("(default: 0.0001)")


def test_the_help_of_the_others_tells_the_true_defaults() -> None:
    stated = {action.dest: str(action.help) for action in commands()["evaluate"]._actions}
    assert all(f"{split} {count}" in stated["count"] for split, count in SCENE_COUNTS.items())
    arguments = vars(cli.parser().parse_args(["explain"]))
    assert {name: arguments[name] for name in ("head", "backbone", "stride", "alignment")} == {
        "head": "fcn", "backbone": "vgg16", "stride": None, "alignment": None,
    }  # fmt: skip
    told = {action.dest: str(action.help) for action in commands()["explain"]._actions}
    assert told["stride"] == "default: 8" and told["alignment"].startswith("default: caffe as in the paper, compact")
    assert [reported_split(kind) for kind in KINDS] == ["test", "test", "val", "test"]
    assert stated["split"].startswith("default: test; voc val")


def test_every_choice_is_offered() -> None:
    offered = {action.dest: action.choices for action in commands()["train"]._actions}
    assert {name: tuple(offered[name] or ()) for name in CHOICES} == CHOICES


@pytest.mark.parametrize(("text", "value"), [("180x240", (180, 240)), ("1X16384", (1, 16384)), ("007x8", (7, 8))])
def test_sizes(text: str, value: tuple[int, int]) -> None:
    assert parsing.size(text) == value


@pytest.mark.parametrize("text", ["", "x", "5x", "x5", "0x1", "1x0", "5 x 6", "5*6", "+5x6", "16385x1", "1e2x3"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(repr(text))):
        parsing.size(text)


@pytest.mark.parametrize("text", ["cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices(text: str) -> None:
    assert parsing.device(text) == text


@pytest.mark.parametrize("text", ["", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "CUDA", "float32", "mps"])
def test_what_is_no_device(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a device; use cpu, cuda or cuda:<index>"):
        parsing.device(text)


def test_help_needs_numpy_only(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom minifcn.cli import main\ntry:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
    )
    script += "sys.stderr.write(' '.join({'matplotlib', 'PIL', 'tqdm', 'safetensors', 'cupy'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("usage: minifcn train ") and result.stderr == ""
