"""What is saved comes back, and what cannot be saved or is not there is refused in one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.weights import FORMAT, SUFFIXES, files, load_arrays, load_metadata, save_arrays

ARRAYS = {
    "stage1.0.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4),
    "stage1.0.bias": np.array([1.5, -2.5], dtype=np.float64),
    "step": np.array(7),
    "empty": np.zeros((0, 3), dtype=np.float16),
    "mask": np.array([True, False, True]),
    "file": np.array([3], dtype=np.uint8),
    "größe/ü": np.arange(-3, 3, dtype=np.int16)[::-2],
    "big endian": np.arange(5, dtype=">f4"),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "zero stride": np.broadcast_to(np.float32(2), (3, 2)),
}
METADATA = {"config": json.dumps({"classes": ["sky", "tree"]}), "unicode": 'größe \n "quoted"', "empty": ""}
EACH_SUFFIX = pytest.mark.parametrize("suffix", SUFFIXES)


def saved(folder: Path, suffix: str) -> Path:
    path = folder / f"weights{suffix}"
    save_arrays(path, ARRAYS, METADATA)
    return path


def refusal(path: Path, **options: bool) -> str:
    """The one sentence with which `path` is refused."""
    with pytest.raises(FileError) as caught:
        load_arrays(path, **options)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message, message
    return message


@EACH_SUFFIX
def test_what_is_saved_comes_back(tmp_path: Path, suffix: str) -> None:
    arrays, metadata = load_arrays(saved(tmp_path, suffix), require_format=True)
    assert list(arrays) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].shape == array.shape
        assert arrays[name].dtype == array.dtype.newbyteorder("=")
        assert np.array_equal(arrays[name], array), name
        assert arrays[name].flags.writeable and arrays[name].flags.aligned
    assert metadata == METADATA | {"format": FORMAT}
    assert [entry.name for entry in tmp_path.iterdir()] == [f"weights{suffix}"]


def test_the_texts_can_be_read_alone(tmp_path: Path) -> None:
    path = saved(tmp_path, ".safetensors")
    texts = load_metadata(path)
    assert texts.items() > METADATA.items() and texts["format"] == FORMAT
    with pytest.raises(FileError, match="nowhere does not exist; check the path"):
        load_metadata("nowhere")
    path.write_text("texts?")
    with pytest.raises(FileError, match=r"is damaged or not a \.safetensors file"):
        load_metadata(path)


@EACH_SUFFIX
def test_nothing_can_be_saved_too_and_what_was_loaded_saved_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none{suffix.upper()}"
    save_arrays(str(path), {})
    assert load_arrays(str(path)) == ({}, {"format": FORMAT})
    save_arrays(path, *load_arrays(path))
    assert load_arrays(path) == ({}, {"format": FORMAT})


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1).filter(str.isprintable),
        hnp.arrays(st.sampled_from(["?", "i1", "u8", "f2", ">f4", "f8"]), hnp.array_shapes(min_dims=0, min_side=0)),
        max_size=4,
    ),
    st.dictionaries(
        st.text(st.characters(codec="utf-8")).filter(lambda key: key not in ("format", "crc32")),
        st.text(st.characters(codec="utf-8")),
        max_size=3,
    ),
    st.sampled_from(SUFFIXES),
)
@settings(deadline=None, max_examples=50)
def test_any_names_shapes_and_values_come_back(tmp_path_factory, arrays, metadata, suffix: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"weights{suffix}"
    save_arrays(path, arrays, metadata)
    back, texts = load_arrays(path)
    assert sorted(back) == sorted(arrays) and texts == metadata | {"format": FORMAT}
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        assert back[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes(), "bit for bit, nan too"


def test_numpy_and_the_library_of_safetensors_read_the_files(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    by_numpy = dict(np.load(saved(tmp_path, ".npz"), allow_pickle=False))
    by_library = load_file(saved(tmp_path, ".safetensors"))
    for name, array in ARRAYS.items():
        assert np.array_equal(by_numpy[name], array) and np.array_equal(by_library[name], array)


@EACH_SUFFIX
def test_an_array_of_a_gpu_is_refused_by_name_and_changes_nothing(tmp_path: Path, suffix: str, xp: ModuleType) -> None:
    path = saved(tmp_path, suffix)
    before = path.read_bytes()
    if xp is np:
        save_arrays(path, {"weight": xp.ones(3)})
        assert path.read_bytes() != before
    else:
        with pytest.raises(
            ArgumentTypeError, match=r"array 'weight' is a cupy\S*\.ndarray; pass a plain numpy.ndarray"
        ):
            save_arrays(path, {"weight": xp.ones(3)})
        assert path.read_bytes() == before


def test_files_of_others_are_read_unless_the_format_is_required(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    savez, compressed, tensors = (tmp_path / name for name in ("a.npz", "b.npz", "c.safetensors"))
    np.savez(savez, weight=np.arange(3), bias=np.zeros((), np.float32))
    np.savez_compressed(compressed, weight=np.arange(3))
    save_file({"weight": np.arange(3)}, tensors, {"format": "pt"})
    for path, metadata in ((savez, {}), (compressed, {}), (tensors, {"format": "pt"})):
        arrays, texts = load_arrays(path)
        assert arrays["weight"].tolist() == [0, 1, 2] and texts == metadata
    assert "does not say its format, so minifcn did not write it" in refusal(savez, require_format=True)
    assert "has the format 'pt', so minifcn did not write it" in refusal(tensors, require_format=True)


@pytest.mark.case(55)
@EACH_SUFFIX
@pytest.mark.parametrize("require", [False, True])
def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, require: bool) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(files, "FORMAT", "minifcn 2")
        path = saved(tmp_path, suffix)
    message = refusal(path, require_format=require)
    assert message == f"{path} has the format 'minifcn 2', but this minifcn reads 'minifcn 1'; update minifcn."


@EACH_SUFFIX
def test_missing_files_folders_pipes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    assert "does not exist; check the path" in refusal(path)
    assert "Not a directory" in refusal(Path(__file__) / path.name)
    path.mkdir()
    assert "is a folder" in refusal(path)
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    assert "not a regular file" in refusal(pipe)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
@EACH_SUFFIX
def test_a_file_that_may_not_be_read(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path, suffix)
    path.chmod(0)
    assert "could not be read (Permission denied)" in refusal(path)


def test_a_folder_is_told_to_be_one_whatever_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r" is a folder; give the name of a file in it\.$"):
        load_arrays(tmp_path)


@pytest.mark.parametrize("call", [lambda path: save_arrays(path, {}), load_arrays])
@pytest.mark.parametrize(
    ("name", "words"),
    [("weights.bin", "the suffix '.bin'"), ("weights.npy", "the suffix '.npy'"), ("weights", "no suffix")],
)
def test_other_suffixes_are_refused(tmp_path: Path, call: Callable[[Path], object], name: str, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name} has {words}; name a file of arrays *.safetensors or *.npz")
    assert list(tmp_path.iterdir()) == []


@EACH_SUFFIX
@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "words"),
    [
        ({"a": np.array([None, "x"])}, {}, ArgumentTypeError, "array 'a' is of dtype object"),
        ({"a": np.array(["x"])}, {}, ArgumentTypeError, "array 'a' is of dtype <U1"),
        ({"a": np.zeros(2, complex)}, {}, ArgumentTypeError, "array 'a' is of dtype complex128"),
        ({"a": np.zeros(2, [("x", "f4")])}, {}, ArgumentTypeError, "array 'a' is of dtype [('x', '<f4')]"),
        ({"a": np.ma.masked_array([1, 2], [True, False])}, {}, ArgumentTypeError, "MaskedArray"),
        ({"a": [1.0, 2.0]}, {}, ArgumentTypeError, "array 'a' is a builtins.list; pass a plain numpy.ndarray"),
        ({"a": np.float64(2)}, {}, ArgumentTypeError, "numpy.float64"),
        ({3: np.zeros(2)}, {}, ArgumentTypeError, "array names are strings, but 3 is of type int"),
        ({"": np.zeros(2)}, {}, ArgumentError, "'' cannot be the name of an array"),
        ({"a\0b": np.zeros(2)}, {}, ArgumentError, "'a\\x00b' cannot be the name"),
        ({"\ud800": np.zeros(2)}, {}, ArgumentError, "cannot be the name"),
        ({"__metadata__": np.zeros(2)}, {}, ArgumentError, "'__metadata__' cannot be the name"),
        ({}, {"epoch": 3}, ArgumentTypeError, "metadata holds strings only, but 'epoch' is 3"),
        ({}, {3: "epoch"}, ArgumentTypeError, "metadata holds strings only, but 3 is 'epoch'"),
        ({}, {"format": "pt"}, ArgumentError, "the metadata key 'format' belongs to the file format"),
        ({}, {"crc32": "0"}, ArgumentError, "the metadata key 'crc32' belongs to the file format"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path, suffix: str, arrays, metadata, error: type[Exception], words: str
) -> None:
    path = saved(tmp_path, suffix)
    old = path.read_bytes()
    with pytest.raises(error) as caught:
        save_arrays(path, arrays, metadata)
    assert words in str(caught.value)
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


@EACH_SUFFIX
@pytest.mark.parametrize("failure", [RuntimeError("the serializer broke"), OSError(5, "Input/output error")])
def test_a_writer_that_breaks_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, failure: Exception
) -> None:
    path = saved(tmp_path, suffix)
    old = path.read_bytes()

    def half_write(temporary: Path, *_: object) -> None:
        temporary.write_bytes(b"half")
        raise failure

    monkeypatch.setitem(files.WRITERS, suffix, half_write)
    with pytest.raises(FileError, match=r"could not be written \(.*(serializer broke|Input/output error)\)"):
        save_arrays(path, {"a": np.zeros(3)})
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_inputs_are_left_alone(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    array.flags.writeable = False
    metadata = {"a": "b"}
    for suffix in SUFFIXES:
        save_arrays(tmp_path / f"w{suffix}", {"a": array, "b": array}, metadata)
        arrays, _ = load_arrays(tmp_path / f"w{suffix}")
        arrays["a"][:] = 0
        assert np.array_equal(arrays["b"], array), "no two arrays share memory"
    assert metadata == {"a": "b"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_contents_give_equal_bytes(tmp_path, suffix):
    """Same seed, same bits: also of the file."""
    texts = {f"key{n}": "x" * n for n in range(8)}
    files = [tmp_path / f"{n}{suffix}" for n in range(5)]
    for file in files:
        save_arrays(file, {"a": np.arange(5.0), "b": np.ones((2, 3), np.float32)}, texts)
    assert len({file.read_bytes() for file in files}) == 1


def test_the_files_of_others_are_never_written(tmp_path: Path) -> None:
    for name in ("a.pth", "a.caffemodel", "a.h5"):
        with pytest.raises(ArgumentError, match=r"name a file of arrays \*\.safetensors or \*\.npz\.$"):
            save_arrays(tmp_path / name, {})
    assert list(tmp_path.iterdir()) == []
