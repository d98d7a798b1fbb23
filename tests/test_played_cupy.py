"""The double of CuPy refuses what CuPy refuses, and offers nothing that CuPy does not have."""

from __future__ import annotations

import numpy as np
import pytest

from tests.played_cupy import FUNCTIONS, TYPES, cupy, playing
from tests.played_cupy.arrays import NOT_METHODS, ndarray
from tests.played_cupy.cuda import members


def test_real_cupy_has_all_that_the_double_offers() -> None:
    real = pytest.importorskip("cupy", reason="CuPy is not installed; it need not find a GPU for this test")
    assert [name for name in [*FUNCTIONS, *TYPES, "RawKernel", "asnumpy"] if not hasattr(real, name)] == []
    from cupy.cuda import cublas, device, memory, runtime, stream  # noqa: F401

    assert [name for name in members if not hasattr(real.cuda, name)] == []
    assert [name for name in members["runtime"].__dict__ if not hasattr(runtime, name)] == []
    for kind, names in (("Stream", "wait_event record synchronize"), ("Event", "record synchronize done")):
        assert [name for name in names.split() if not hasattr(getattr(real.cuda, kind), name)] == []
    for name in (
        "gemmEx",
        "gemmStridedBatchedEx",
        "CUBLAS_COMPUTE_32F",
        "CUBLAS_COMPUTE_64F",
        "CUBLAS_COMPUTE_32F_FAST_TF32",
    ):
        ours, theirs = getattr(members["cublas"], name), getattr(cublas, name)
        assert ours == theirs if isinstance(ours, int) else callable(theirs)
    lacking = {name for name in dir(np.ndarray) if not name.startswith("__") and not hasattr(real.ndarray, name)}
    assert lacking == NOT_METHODS


def test_numpy_and_the_double_do_not_mix() -> None:
    x, y = cupy.ones(3), np.ones(3)
    for mix in (
        lambda: x + y,
        lambda: y + x,
        lambda: np.exp(x),
        lambda: np.asarray(x),
        lambda: cupy.exp(y),
        lambda: cupy.concatenate([x, y]),
        lambda: x.__setitem__(0, y[:1]),
        lambda: x.__iadd__(y),
        lambda: x[y > 0],
    ):
        with pytest.raises(TypeError):
            mix()
    with pytest.raises(AttributeError):
        _ = x.ctypes
    with pytest.raises(AttributeError):
        _ = cupy.errstate


def test_a_reduction_is_an_array_and_an_index_out_of_range_wraps() -> None:
    x = cupy.arange(5)
    assert isinstance(x.sum(), ndarray) and x.sum().shape == ()
    assert x[cupy.asarray([5, -1, 7])].tolist() == [0, 4, 2]
    assert cupy.stack([x, x])[cupy.asarray([3]), cupy.asarray([6])].tolist() == [1]


def test_new_memory_holds_no_zeros() -> None:
    assert np.isnan(cupy.empty(3).get()).all()
    assert (cupy.empty(3, np.int32).get() != 0).all()


def test_an_array_works_on_its_own_device_only() -> None:
    with playing() as module:
        with module.cuda.Device(1):
            x = module.ones(3)
            assert (x + x).device.id == 1
        with pytest.raises(ValueError, match="array device = 1 while current = 0"):
            _ = x + x


def test_a_copy_on_a_stream_is_there_once_it_was_waited_for() -> None:
    with playing() as module:
        cuda, host = module.cuda, np.arange(3.0)
        for wait in ("event", "synchronize"):
            x, stream = module.empty(3), cuda.Stream(non_blocking=True)
            x.set(host, stream=stream)
            event = stream.record()
            assert np.isnan(x.get()).all()
            cuda.get_current_stream().wait_event(event) if wait == "event" else stream.synchronize()
            assert x.tolist() == [0, 1, 2]


def test_a_stream_keeps_its_order_and_waits_for_an_event_as_it_was() -> None:
    with playing() as module:
        cuda, happened = module.cuda, []
        first, second, event = cuda.Stream(non_blocking=True), cuda.Stream(non_blocking=True), cuda.Event()
        assert event.done, "not recorded yet"
        first.later(lambda: happened.append("a"))
        event.record(first)
        second.wait_event(event)
        second.later(lambda: happened.append("b"))
        first.later(lambda: happened.append("c"))
        event.record(first)
        assert happened == [] and not event.done
        second.synchronize()
        assert happened == ["a", "b"] and not event.done
        event.synchronize()
        assert happened == ["a", "b", "c"] and event.done
        with second:
            event.record()
            assert event.stream is second
        cuda.get_current_stream().later(lambda: happened.append("at once"))
        assert happened[-1] == "at once"


def test_an_event_and_a_stream_are_of_one_device() -> None:
    with playing() as module:
        event = module.cuda.Event()
        with module.cuda.Stream() as stream, module.cuda.Device(1):
            assert module.cuda.get_current_stream() is not stream, "each device has its own current stream"
            with pytest.raises(module.cuda.runtime.CUDARuntimeError, match="invalid resource handle"):
                event.record()
            event.record(stream)


def test_views_know_whose_memory_they_show() -> None:
    x = cupy.ones((3, 4))
    assert x[1:].base is x
    assert x[1:].T.base is x
    assert x.base is None
    assert cupy.ascontiguousarray(x) is x
