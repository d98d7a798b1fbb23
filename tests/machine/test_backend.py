"""The array decides where work runs. CuPy is played by a class of that module name, as no GPU is needed to ask."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minifcn import set_num_threads
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine import backend, limits
from tests.onto import moved_to
from tests.played_cupy import playing

Double = type("ndarray", (), {"__module__": "cupy", "device": SimpleNamespace(id=1), "get": lambda self: np.arange(3)})


def test_numpy_arrays_belong_to_numpy():
    x = np.zeros((2, 3))
    assert backend.array_module(x) is np and backend.array_module(x, x) is np and backend.array_module() is np
    assert backend.is_array(x) and not backend.is_array([0.0]) and not backend.is_cupy(x)
    assert backend.device_of(x) == "cpu"
    assert backend.to_numpy(x) is x and backend.to_device(x, "cpu") is x


def test_a_cupy_array_is_known_by_its_module_alone(monkeypatch):
    fake, entered = ModuleType("cupy"), []
    fake.cuda = SimpleNamespace(Device=lambda index: nullcontext(entered.append(index)))
    fake.get_default_memory_pool = lambda: SimpleNamespace(used_bytes=lambda: 0)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(limits, "memory_of", lambda device: {"cuda:1": 1 << 31}[device])
    x = Double()
    assert backend.is_cupy(x) and backend.is_array(x)
    assert backend.array_module(x) is fake and backend.array_module(x, Double()) is fake
    assert backend.device_of(x) == "cuda:1"
    np.testing.assert_array_equal(backend.to_numpy(x), [0, 1, 2])
    assert entered == [1], "it was read while another card was the current one"
    assert limits.working_bytes(x) > limits.working_bytes(np.zeros(1)) > 0


@pytest.mark.case(54)
def test_devices_are_never_mixed_silently():
    other = Double()
    other.device = SimpleNamespace(id=0)
    for first, second in ((Double(), np.zeros(2)), (np.zeros(2), Double()), (Double(), other), (other, Double())):
        places = rf"\({backend.device_of(first)}, {backend.device_of(second)}\)"
        with pytest.raises(ArgumentTypeError, match=rf"different devices {places}; move them to one with \.to"):
            backend.array_module(first, second)


def test_only_much_work_on_a_cpu_is_shared():
    set_num_threads(3)
    x, worth, products = np.zeros(1), limits.WORTH_SHARING, limits.PRODUCTS
    for elements, multiplications, threads in (
        (0, 0, 1),
        (worth - 1, 0, 1),
        (worth, 0, 3),
        (0, worth, 1),
        (0, products * worth - 1, 1),
        (0, products * worth, 3),
        (worth // 2, products * worth // 2 - 1, 1),
        (worth // 2, products * worth // 2, 3),
    ):
        assert limits.threads_for(x, elements, multiplications) == threads
        assert limits.threads_for(Double(), elements, multiplications) == 1
    set_num_threads(1)
    assert limits.threads_for(x, worth, worth) == 1


@pytest.mark.parametrize("device", ["tpu", "cpu:0", "cuda:x", "cuda:-1", "", "CUDA", None, 0])
def test_unknown_devices_are_refused_by_name(device):
    with pytest.raises(ArgumentError, match=rf"device {device!r} is unknown; use \"cpu\", \"cuda\""):
        backend.to_device(np.zeros(2), device)


def test_without_cupy_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # an import of it fails
    with pytest.raises(ArgumentError, match=r"needs CuPy, which is not installed; pip install \"minifcn\[cuda12\]\""):
        backend.to_device(np.zeros(2), "cuda")


def test_a_card_that_does_not_answer_is_said_so(monkeypatch):
    class CUDARuntimeError(RuntimeError):
        pass

    class Device:
        def __init__(self, index=None):
            self.id = 0

        def __enter__(self):
            raise CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")

        def __exit__(self, *error):
            return False

    fake = ModuleType("cupy")
    fake.cuda = SimpleNamespace(Device=Device, runtime=SimpleNamespace(CUDARuntimeError=CUDARuntimeError))
    monkeypatch.setitem(sys.modules, "cupy", fake)
    with pytest.raises(
        ArgumentError, match=r'device "cuda" cannot be used \(cudaErrorInsufficientDriver.*\); use "cpu"'
    ):
        backend.to_device(np.zeros(2), "cuda")


def test_blocks_on_a_gpu_are_a_part_of_all_its_memory(monkeypatch):
    with playing() as cupy:
        x = cupy.zeros(1)
        for total, expected in (
            (1 << 40, limits.MOST_ON_GPU),
            (1 << 32, limits.MOST_ON_GPU),
            (1 << 31, 1 << 25),
            ((1 << 31) + 63, 1 << 25),
            (1 << 20, limits.LEAST_ON_GPU),
            (None, limits.LEAST_ON_GPU),
        ):
            monkeypatch.setattr(limits, "memory_of", lambda device, total=total: total)
            assert limits.working_bytes(x) == expected
    assert limits.working_bytes(np.zeros(1)) == 2 << 20


def an_error(module, bases=(RuntimeError,)):
    return type("Error", bases, {"__module__": module})


@pytest.mark.parametrize(
    "kind, text, ran_out",
    [
        (MemoryError, "", True),
        (RuntimeError, "OUT_OF_MEMORY", False),
        (an_error("cupy.cuda.memory"), "CUDA_ERROR_OUT_OF_MEMORY: out of memory", True),
        (an_error("cupy_backends.cuda.libs.cublas"), "CUBLAS_STATUS_ALLOC_FAILED", True),
        (an_error("cupy_backends.cuda.api.runtime"), "cudaErrorMemoryAllocation: out of memory", True),
        (an_error("cupy_backends.cuda.api.runtime"), "cudaErrorIllegalAddress", False),
        (an_error("mine", (an_error("cupy.cuda"),)), "OUT_OF_MEMORY", True),
        (an_error("torch.cupy"), "OUT_OF_MEMORY", False),
    ],
)
def test_which_errors_say_that_memory_ran_out(kind, text, ran_out):
    """Those of Python, and those of CuPy, of the driver and of cuBLAS that name it; nobody else's."""
    assert limits.ran_out(kind(text)) is ran_out


def test_memory_that_ran_out_is_told_where_and_for_what(played, monkeypatch):
    """In use is what the card of the arrays holds, whichever is the current one."""
    monkeypatch.setattr(played.get_default_memory_pool(), "used_bytes", lambda: 1024 * played.cuda.Device().id)
    there = moved_to(np.ones((2, 3)), "cuda:1")
    remedy = (
        "for operands of shape (2, 3) and (4,); make the batch or the images smaller, or use minifcn.no_grad() where no "
        "gradient is wanted."
    )
    assert str(limits.out_of_memory("f", (there, np.ones(4)))) == (
        f"f: there is no memory left on cuda:1, which has 1 GiB (1 KiB of it in use here), {remedy}"
    )
    monkeypatch.setattr(limits, "memory_of", lambda device: None)
    assert str(limits.out_of_memory("f", (np.ones((2, 3)), np.ones(4)))) == (
        f"f: there is no memory left on cpu, {remedy}"
    )
