"""A file that is not whole, not of its kind or not meant well is refused in one sentence that names it."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn.errors import FileError
from minifcn.weights import SUFFIXES, files, load_arrays, save_arrays
from tests.weights.test_pth import refusal

ARRAYS = {
    "stage1.0.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4),
    "stage1.0.bias": np.array([1.5, -2.5]),
    "step": np.array(7),
    "empty": np.zeros((0, 3), dtype=np.float16),
    "mask": np.array([True, False, True]),
}
EACH_SUFFIX = pytest.mark.parametrize("suffix", SUFFIXES)


def saved(folder: Path, suffix: str) -> Path:
    path = folder / f"weights{suffix}"
    save_arrays(path, ARRAYS, {"config": json.dumps({"classes": ["sky", "tree"]}), "unicode": "größe"})
    return path


@pytest.mark.case(55)
@EACH_SUFFIX
def test_truncation_at_every_byte(tmp_path: Path, suffix: str) -> None:
    whole = saved(tmp_path, suffix).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert f"is damaged or not a {suffix} file (" in refusal(path), length


@EACH_SUFFIX
def test_bytes_too_many(tmp_path: Path, suffix: str) -> None:
    whole = saved(tmp_path, suffix).read_bytes()
    path = tmp_path / f"long{suffix}"
    path.write_bytes(whole + whole[-100:])
    assert "damaged" in refusal(path)


@pytest.mark.case(55)
@EACH_SUFFIX
def test_a_flipped_bit_is_found_or_does_no_harm(tmp_path: Path, suffix: str) -> None:
    """Harmless places exist: the date of a zip member, say. What comes back is then exactly what was saved."""
    whole = saved(tmp_path, suffix).read_bytes()
    expected, metadata = load_arrays(tmp_path / f"weights{suffix}", require_format=True)
    path = tmp_path / f"flipped{suffix}"
    rng = random.Random(0)
    found = 0
    places = rng.sample(range(len(whole)), min(700, len(whole)))
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            arrays, texts = load_arrays(path, require_format=True)
        except FileError as error:
            assert str(error).startswith(str(path))
            found += 1
            continue
        assert texts == metadata and list(arrays) == list(expected)
        assert all(arrays[name].tobytes() == expected[name].tobytes() for name in expected), place
    assert found == len(places) if suffix == ".safetensors" else found > 0.6 * len(places)


@pytest.mark.case(55)
def test_a_flipped_bit_in_the_values_is_named_as_such(tmp_path: Path) -> None:
    """The format of safetensors has no checksum of its own: a weight would change without a word."""
    path = saved(tmp_path, ".safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 64
    path.write_bytes(content)
    assert "is damaged (its checksum is " in refusal(path)
    npz = saved(tmp_path, ".npz")
    content = bytearray(npz.read_bytes())
    place = content.index(ARRAYS["stage1.0.weight"].tobytes())
    content[place] ^= 1
    npz.write_bytes(content)
    assert "Bad CRC-32" in refusal(npz)


@pytest.mark.parametrize(("old", "new"), [(b"[2,3,1,4]", b"[3,2,1,4]"), (b'"mask"', b'"task"'), (b"sky", b"fly")])
def test_a_changed_shape_name_or_text_is_found(tmp_path: Path, old: bytes, new: bytes) -> None:
    """The header is still valid, and every value is where it was."""
    path = saved(tmp_path, ".safetensors")
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    assert "is damaged (its checksum is " in refusal(path)


@EACH_SUFFIX
@given(content=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_other_content_is_refused(tmp_path_factory, suffix: str, content: bytes) -> None:
    path = tmp_path_factory.mktemp("junk") / f"junk{suffix}"
    path.write_bytes(content)
    refusal(path)


def tensors_file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(start: int, stop: int, shape: list[int], dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.case(55)
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(tensors_file({}, length=2**63), id="header longer than any file"),
        pytest.param(tensors_file({}, length=200), id="header longer than this file"),
        pytest.param(tensors_file(b"\xff\xfe{}"), id="header not UTF-8"),
        pytest.param(tensors_file(b"[1, 2]"), id="header not a table"),
        pytest.param(tensors_file({"a": entry(0, 4, [4]), "b": entry(2, 6, [4])}, bytes(6)), id="overlap"),
        pytest.param(tensors_file({"a": entry(0, 4, [4]), "b": entry(6, 8, [2])}, bytes(8)), id="gap"),
        pytest.param(tensors_file({"a": entry(4, 0, [4])}, bytes(4)), id="backwards"),
        pytest.param(tensors_file({"a": entry(0, 4, [4])}, bytes(5)), id="a byte too many"),
        pytest.param(tensors_file({"a": entry(0, 4, [4])}, bytes(3)), id="a byte too few"),
        pytest.param(tensors_file({"a": entry(0, 4, [5])}, bytes(4)), id="shape larger than data"),
        pytest.param(tensors_file({"a": entry(0, 4, [2**62, 2**62])}, bytes(4)), id="shape beyond 64 bits"),
        pytest.param(tensors_file({"a": entry(0, 4, [4], "PICKLE")}, bytes(4)), id="unknown type"),
        pytest.param(tensors_file({"__metadata__": {"epoch": 3}}), id="metadata not a string"),
        pytest.param(b"PK\x03\x04" + b"\x14" * 60, id="zip"),
    ],
)
def test_malformed_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    message = refusal(path)  # the reason in parentheses is in the library's words, which change with its version
    assert message.startswith(f"{path} is damaged or not a .safetensors file (")
    assert message.endswith("); use another copy.")


def test_the_malformed_files_are_else_well_made(tmp_path: Path) -> None:
    path = tmp_path / "good.safetensors"
    path.write_bytes(tensors_file({"a": entry(0, 4, [2, 2]), "b": entry(4, 6, [2])}, bytes(range(6))))
    arrays, metadata = load_arrays(path)
    assert arrays["a"].tolist() == [[0, 1], [2, 3]] and arrays["b"].tolist() == [4, 5] and metadata == {}


def test_a_type_that_numpy_has_not_is_named(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(tensors_file({"a": entry(0, 4, [2], "BF16")}, bytes(4)))
    assert refusal(path) == f"{path} holds 'a' as BF16, which NumPy has not; convert it to float32."


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def npy_header(text: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


SHAPE = "{{'descr': '<f8', 'fortran_order': False, 'shape': {}, }}\n"


def archive(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members:
            file.writestr(name, content)
    return path


@pytest.mark.case(55)
def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    objects = np.array([Trap(sprung)], dtype=object)
    path = archive(tmp_path / "trap.npz", [("a.npy", npy(np.zeros(2))), ("b.npy", npy(objects, allow_pickle=True))])
    assert "array 'b' holds Python objects, which are never read" in refusal(path)
    path.write_bytes(pickle.dumps(Trap(sprung)))
    assert "trap.npz is a pickle, as torch.save writes it" in refusal(path)
    assert not sprung.exists()


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a.txt", b"hello")], "member 'a.txt' is not an array"),
        ([("a.npy", b"hello, this is text")], "array 'a' has no valid header"),
        ([("a.npy", b"")], "array 'a' has no valid header"),
        ([("a.npy", npy(np.arange(4))[:-3])], "array 'a' of shape (4,) needs 32 bytes but 29 are there"),
        ([("a.npy", npy(np.arange(4)) + b"x")], "needs 32 bytes but 33 are there"),
        ([("a.npy", npy_header(SHAPE.format("(10**15,)")))], "array 'a' has no valid header"),
        ([("a.npy", npy_header(SHAPE.format("(1000000000000,)")))], "needs 8000000000000 bytes but 0 are there"),
        ([("a.npy", npy_header(SHAPE.format("(-1,)"), bytes(8)))], "needs -8 bytes but 8 are there"),
        ([("a.npy", npy_header(SHAPE.format("(-1, -1)"), bytes(8)))], "damaged"),
        ([("a.npy", npy_header("__import__('os').getcwd()\n"))], "array 'a' has no valid header"),
        ([("a.npy", npy_header("(" * 9000 + "\n"))], "array 'a' has no valid header"),
        ([("a.npy", npy_header(" " * 20_000 + "\n"))], "array 'a' has no valid header"),
        ([("__metadata__.npy", npy(np.array("{ not json")))], "Expecting"),
        ([("__metadata__.npy", npy(np.array('{"epoch": 3}')))], "not a JSON object of strings"),
        ([("__metadata__.npy", npy(np.array('["a"]')))], "not a JSON object of strings"),
    ],
)
def test_malformed_npz(tmp_path: Path, members: list[tuple[str, bytes]], words: str) -> None:
    assert words in refusal(archive(tmp_path / "bad.npz", members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice(tmp_path: Path) -> None:
    members = [("a.npy", npy(np.zeros(2))), ("a.npy", npy(np.ones(2)))]
    assert "array 'a' is there twice" in refusal(archive(tmp_path / "twice.npz", members))


@EACH_SUFFIX
@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ValueError("It broke.\nSet allow_pickle=True."), "(It broke)"),
        (EOFError(), "(EOFError)"),
        (OSError(5, "x"), "x"),
    ],
)
def test_whatever_a_library_raises_becomes_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, failure: Exception, reason: str
) -> None:
    def fail(path: Path) -> None:
        raise failure

    path = saved(tmp_path, suffix)
    monkeypatch.setitem(files.READERS, suffix, fail)
    assert reason in refusal(path)
