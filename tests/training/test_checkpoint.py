"""A checkpoint holds all of a run; a damaged, foreign or contradictory one is refused before anything changes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from minifcn import optim
from minifcn.errors import FileError
from minifcn.training import (
    CHECKPOINT_FILE,
    State,
    TrainingError,
    checkpoint,
    read_checkpoint,
    restore,
    save_checkpoint,
    save_network,
    train,
)
from minifcn.weights import load_arrays, save_arrays
from tests.onto import device_of
from tests.training.tiny import Pictures, card, loader, same, weights

OPTIONS = {"lr": 0.01, "size": [33, 41]}


def run(kind: str = "adamw", xp: ModuleType = np) -> tuple[object, object, object]:
    """(model, optimizer, schedule), not yet trained."""
    model = card().build(np.random.default_rng(2)).to(device_of(xp))
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = optim.SGD(learned, 1e-2, 0.9) if kind == "sgd" else optim.AdamW(learned, 1e-3)
    return model, optimizer, optim.PolynomialLR(optimizer, 4)


def trained(kind: str = "adamw", xp: ModuleType = np) -> tuple[object, object, State]:
    model, optimizer, schedule = run(kind, xp)
    batches = loader(Pictures(4, (33, 41)))
    return model, optimizer, train(model, batches, optimizer, schedule, epochs=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model, optimizer, state = trained()
    save_checkpoint(tmp_path / CHECKPOINT_FILE, model, optimizer, card(), state, OPTIONS)
    return tmp_path / CHECKPOINT_FILE


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_everything_comes_back(tmp_path: Path, kind: str, xp: ModuleType) -> None:
    model, optimizer, state = trained(kind, xp)
    state.step, state.losses, state.best = 2, [0.1, 1 / 3], 0.2
    save_checkpoint(tmp_path / CHECKPOINT_FILE, model, optimizer, card(), state, OPTIONS)
    found_card, found_state, options, arrays = read_checkpoint(tmp_path / CHECKPOINT_FILE)
    assert (found_card, found_state, options) == (card(), state, OPTIONS)
    other, other_optimizer, _ = run(kind, xp)
    restore(tmp_path / CHECKPOINT_FILE, arrays, other, other_optimizer)
    assert same(weights(other), weights(model))
    assert all(type(value._array) is xp.ndarray for value in other.state_dict().values())
    assert same(other_optimizer.state_dict(), optimizer.state_dict())
    assert any("state." in name for name in optimizer.state_dict())


def test_another_optimiser_or_network_is_refused_by_file(path: Path) -> None:
    arrays = read_checkpoint(path)[3]
    model, optimizer, _ = run("sgd")
    with pytest.raises(FileError, match=r"checkpoint.safetensors does not fit this run: SGD: .*another optimiser's"):
        restore(path, arrays, model, optimizer)
    wide = card(width=1 / 4).build(np.random.default_rng(2))
    with pytest.raises(
        FileError, match=r"checkpoint.safetensors does not fit this run: load_state_dict.*stage1\.conv1_1"
    ):
        restore(path, arrays, wide, optim.AdamW([p for p in wide.parameters() if p.requires_grad]))


def test_broken_weights_do_not_replace_good_ones(path: Path) -> None:
    before = path.read_bytes()
    model, optimizer, _ = run()
    model.score.bias.data[0] = np.inf
    with pytest.raises(
        FileError, match=r"checkpoint.safetensors was not written: score.bias holds NaN or infinity; what"
    ):
        save_checkpoint(path, model, optimizer, card(), State(), {})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [CHECKPOINT_FILE]


@pytest.mark.case(55)
def test_a_missing_damaged_or_truncated_file(path: Path) -> None:
    with pytest.raises(FileError, match=r"nowhere/checkpoint.safetensors does not exist"):
        read_checkpoint(path.parent / "nowhere" / CHECKPOINT_FILE)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[-5] ^= 1
    for content in (b"", b"no checkpoint", whole[:100], whole[:-3], bytes(changed)):
        path.write_bytes(content)
        with pytest.raises(FileError, match=r"checkpoint.safetensors is damaged"):
            read_checkpoint(path)


@pytest.mark.case(55)
def test_what_is_no_checkpoint(path: Path) -> None:
    model, _, _ = run()
    save_network(path, model, card())
    with pytest.raises(
        FileError, match=r"checkpoint.safetensors is not a checkpoint of a run; give the folder of a run"
    ):
        read_checkpoint(path)
    from safetensors.numpy import save_file

    save_file({"x": np.ones(3)}, path, {"network": "", "state": "", "options": ""})
    with pytest.raises(FileError, match=r"does not say its format, so minifcn did not write it"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("state", ""),
        ("state", "[1, 2]"),
        ("state", "{}"),
        ("state", json.dumps(asdict(State()) | {"epoch": "three"})),
        ("state", json.dumps(asdict(State()) | {"step": 2})),
        ("state", json.dumps(asdict(State()) | {"epoch": 1})),
        ("state", json.dumps(asdict(State()) | {"losses": [None], "step": 1})),
        ("state", json.dumps(asdict(State()) | {"epoch": float("inf")})),
        ("options", "nothing"),
        ("options", "7"),
    ],
)
def test_a_contradictory_state(path: Path, key: str, text: str) -> None:
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, metadata | {key: text})
    with pytest.raises(
        FileError, match=r"checkpoint.safetensors: the state of the run is damaged \(.*\); start the run"
    ):
        read_checkpoint(path)


def test_a_damaged_card(path: Path) -> None:
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, metadata | {"network": "{}"})
    with pytest.raises(FileError, match=r"checkpoint.safetensors: the description of the network is damaged"):
        read_checkpoint(path)


def test_a_diverging_run_leaves_the_file_alone(path: Path) -> None:
    """As the command does it: the checkpoint is written after an epoch, and the error comes within the next one."""
    before = path.read_bytes()
    model, optimizer, schedule = run("sgd")
    optimizer.param_groups[0]["initial_lr"] = 1e30
    with pytest.raises(TrainingError):
        train(
            model,
            loader(Pictures(8, (33, 41))),
            optimizer,
            schedule,
            epochs=1,
            after_epoch=lambda state: save_checkpoint(path, model, optimizer, card(), state, {}),
        )
    assert path.read_bytes() == before


def test_options_of_a_run_are_told_by_its_folder_and_by_the_files_in_it(path: Path, tmp_path: Path) -> None:
    for place in (path.parent, path, path.with_name("weights.safetensors")):
        assert checkpoint.options_of_run(place) == OPTIONS
    assert checkpoint.options_of_run(tmp_path / "nowhere" / "w.npz") == {}
    path.write_bytes(path.read_bytes()[:50])
    assert checkpoint.options_of_run(path) == {}


def test_state_from_takes_what_asdict_gives() -> None:
    state = State(1, 2, [0.5, 0.25], [{"epoch": 1, "loss": 0.7}], 0.3, [0.003, 0.002])
    stored = json.loads(json.dumps(asdict(state)))
    assert checkpoint.state_from(stored) == state
    del stored["rates"]  # as in the runs of earlier versions
    assert checkpoint.state_from(stored).losses == state.losses


@pytest.mark.parametrize(("before", "after"), [(np, None), (None, np)], ids=["to another device", "from it"])
def test_a_run_goes_on_where_there_is_another_device(
    tmp_path: Path, before: ModuleType | None, after: ModuleType | None, xp: ModuleType
) -> None:
    """A checkpoint holds numbers, not places: weights and what the optimiser remembers go to where the network is."""
    model, optimizer, state = trained("adamw", before or xp)
    save_checkpoint(tmp_path / CHECKPOINT_FILE, model, optimizer, card(), state, OPTIONS)
    other, other_optimizer, schedule = run("adamw", after or xp)
    restore(tmp_path / CHECKPOINT_FILE, read_checkpoint(tmp_path / CHECKPOINT_FILE)[3], other, other_optimizer)
    assert same(weights(other), weights(model))
    train(other, loader(Pictures(4, (33, 41))), other_optimizer, schedule, epochs=1)
    assert all(type(value._array) is (after or xp).ndarray for value in other.state_dict().values())
