"""The kernels' frame: what is written for CUDA's compiler, what is refused, and that their double can find mistakes."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minifcn
import minifcn.functional as F
from minifcn import Geometry, Tensor, no_grad, use_algorithm
from minifcn.arrays.pooling import maximum as pooling
from minifcn.machine import kernels
from minifcn.machine.kernels import C_NAMES, KERNELS, SCALARS, THREADS, Kernel, contiguous, run_on
from minifcn.optim import SGD, Adam, RMSprop
from tests import nvrtc
from tests.conftest import card
from tests.played_cupy.kernels import RawKernel

for found in pkgutil.walk_packages(minifcn.__path__, "minifcn."):
    if "__main__" not in found.name and not found.name.startswith("minifcn.labs."):  # one of those needs nbgrader
        importlib.import_module(found.name)  # so that every kernel is there
NAMES = sorted(KERNELS)


@pytest.fixture
def kernel() -> Iterator[type[Kernel]]:
    """The class; what a test makes of it is forgotten afterwards."""
    before = dict(KERNELS)
    yield Kernel
    KERNELS.clear()
    KERNELS.update(before)


def types_of(name: str, decimals: str) -> dict[str, np.dtype]:
    """T as `decimals`, and for other letters a type that they may be."""
    return {letter: np.dtype(decimals if letter == "T" else "uint8") for letter in KERNELS[name].letters}


# --- sources --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_compiles_for_every_card_without_a_warning(name: str) -> None:
    if nvrtc.library() is None:
        if os.environ.get("MINIFCN_REQUIRE_NVRTC") == "1":
            pytest.fail("MINIFCN_REQUIRE_NVRTC=1, but nvidia-cuda-nvrtc is not installed")
        pytest.skip('NVRTC is not installed; pip install ".[nvrtc]"')
    for decimals in ("float32", "float64"):
        for wide in (False, True):
            source = KERNELS[name].source(types_of(name, decimals), wide)
            for architecture in nvrtc.ARCHITECTURES:
                assert nvrtc.complaints(source, architecture) == "", source


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_says_what_its_accesses_are_and_takes_numbers_of_a_known_size(name: str) -> None:
    kernel = KERNELS[name]
    assert "//" in kernel.body, "a comment on the access pattern"
    for kind, pointer, text in kernel.parameters:
        assert len(kind) == 1 or kind in ({*C_NAMES.values()} if pointer else {"Index", *SCALARS}), text
    assert len(kernel.letters) > 0
    assert kernel.by_block == ("block_sum" in kernel.body)


# --- running --------------------------------------------------------------------------------------------------------


def test_a_kernel_runs_once_per_item(played: ModuleType, kernel: type[Kernel]) -> None:
    weighed = kernel(
        "weighed", "T* y, const T* x, const L* l, Index step, T factor", "y[i] = factor * x[i * step] + l[i];"
    )
    x, labels = played.arange(2 * 700, dtype=np.float64), played.ones(700, np.uint8)
    y = played.empty(700)
    weighed(700, y, x, labels, 2, 0.5)
    assert np.array_equal(y.get(), np.arange(700) + 1.0)
    weighed(0, y, x, labels, 2, 0.5)  # of nothing there is nothing to do


def test_a_block_sums_up_for_its_item(played: ModuleType, kernel: type[Kernel]) -> None:
    summed = kernel(
        "summed",
        "T* y, const T* x, Index width",
        """
        T mine = 0;
        for (Index j = thread; j < width; j += THREADS) mine += x[i * width + j];
        const T total = block_sum(mine);
        if (thread == 0) y[i] = total + block_sum(1) - THREADS;
        else block_sum(1);
        """,
        by_block=True,
    )
    x = np.arange(3 * (THREADS + 7)).reshape(3, -1).astype(np.float32)
    y = played.empty(3, np.float32)
    summed(3, y, played.asarray(x), x.shape[1])
    assert np.array_equal(y.get(), x.sum(1))


def test_whole_numbers_have_64_bits_only_where_32_are_too_few(kernel: type[Kernel]) -> None:
    copied = kernel("copied", "T* y, const T* x", "y[i] = x[i];")
    types = {"T": np.dtype(np.float32)}
    assert "typedef int Index" in copied.source(types, False)
    assert "typedef long long Index" in copied.source(types, True)

    class Recorded:
        """An array so large that only its size is real."""

        dtype, flags, shape = types["T"], type("Flags", (), {"c_contiguous": True}), (1,)
        device = type("Device", (), {"id": 0})

        def __init__(self, size: int) -> None:
            self.size = size

    Recorded.__module__ = "cupy"
    sources = []

    def raw_kernel(source: str, name: str) -> object:
        sources.append(source)
        return lambda grid, block, arguments: sources.append(f"{grid[0]} {type(arguments[0]).__name__}")

    module = ModuleType("cupy")
    module.RawKernel = raw_kernel  # type: ignore[attr-defined]
    module.cuda = SimpleNamespace(Device=lambda index: nullcontext())  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", module)
        for count, size in ((2**31 - THREADS - 1, 5), (2**31 - THREADS, 5), (7, 2**31)):
            copied(count, Recorded(5), Recorded(size))
    assert ["int Index" in sources[0], "long long Index" in sources[2]] == [True, True]
    assert sources[1] == f"{(2**31 - THREADS - 1 + THREADS - 1) // THREADS} int32"
    assert sources[3:] == [f"{(2**31 - 1) // THREADS} int64", "1 int64"]  # the third needs no other source


def test_what_was_compiled_by_one_module_is_not_run_by_another(played: ModuleType, kernel: type[Kernel]) -> None:
    """The double and a real CuPy meet in one process when the suite runs on a card."""
    copied = kernel("copied", "T* y, const T* x", "y[i] = x[i];")
    x, y = played.ones(3), played.empty(3)
    copied(3, y, x)
    other = ModuleType("cupy")
    other.RawKernel = lambda source, name: lambda *given: seen.append(name)  # type: ignore[attr-defined]
    other.cuda = played.cuda  # type: ignore[attr-defined]
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", other)
        copied(3, y, x)
    assert seen == ["copied"]


def test_steps_and_mixed_types_are_refused(played: ModuleType, kernel: type[Kernel]) -> None:
    copied = kernel("copied", "T* y, const T* x", "y[i] = x[i];")
    x = played.zeros((4, 6), np.float32)
    with pytest.raises(ValueError, match=r"copied: const T\* x is a view with steps, of shape \(6, 4\)"):
        copied(24, played.empty((6, 4), np.float32), x.T)
    with pytest.raises(ValueError, match=r"const T\* x is float32, but T is float64"):
        copied(24, played.empty(24), x)
    assert contiguous(x.T, x)[1] is x


def test_only_what_is_on_a_gpu_and_has_a_name_in_c_is_taken(played: ModuleType) -> None:
    assert run_on(played.zeros(3, np.float32), played.zeros(3, bool))
    assert not run_on(played.zeros(3, np.float16))
    assert not run_on(played.zeros(3), np.zeros(3))


# --- the double notices ---------------------------------------------------------------------------------------------


def test_the_double_notices_what_a_card_would_not(played: ModuleType, kernel: type[Kernel]) -> None:
    beyond = kernel("beyond", "T* y", "y[i + 1] = 1;")
    with pytest.raises(AssertionError, match="beyond wrote outside an array of shape"):
        beyond(10, played.empty(10))
    peeking = kernel("peeking", "T* y, const T* x", "y[i] = x[i + 1];")
    y = played.empty(10)
    peeking(10, y, played.zeros(10))
    assert np.isnan(y.get()[-1])
    racing = kernel("racing", "T* y", "y[0] = i;")
    seen = set()
    for _ in range(10):
        racing(1000, y)
        seen.add(float(y[0]))
    assert len(seen) > 1
    lonely = kernel("lonely", "T* y", "if (thread < 7) y[i] = block_sum(1);", by_block=True)
    with pytest.raises(AssertionError, match="some threads of a block wait at a barrier"):
        lonely(1, y)
    with pytest.raises(AssertionError, match="does not compile"):
        kernel("wrong", "T* y", "y[i] = z;")(1, y)


# --- beyond 32 bits -------------------------------------------------------------------------------------------------


def test_every_kernel_computes_the_same_with_whole_numbers_of_64_bits(
    played: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network in training, and what it does not need: all kernels but those of the other tile size."""
    met = []
    for largest in (kernels.LARGEST, 0):
        monkeypatch.setattr(kernels, "LARGEST", largest)
        for kernel in KERNELS.values():
            kernel._compiled.clear()
        del RawKernel.launches[:]
        with use_algorithm("winograd"):
            met.append((everything(played), set(RawKernel.launches)))
        kinds = {("long long Index" in one.code) for kernel in KERNELS.values() for one in kernel._compiled.values()}
        assert kinds == {largest == 0}
    (first, launched), (second, again) = met
    assert launched == again
    assert set(KERNELS) - launched == {name for name in KERNELS if name.endswith("_4")}
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def everything(xp: ModuleType) -> list[np.ndarray]:
    """Results and gradients in which every kernel has a part."""
    rng = np.random.default_rng(0)
    x = Tensor.of(xp.asarray(rng.standard_normal((2, 3, 9, 11)))).requires_grad_()
    parameters = [
        Tensor.of(xp.asarray(rng.standard_normal(shape))).requires_grad_()
        for shape in ((8, 3, 3, 3), (8, 8, 3, 3), (8,), (8,), (8, 4, 3, 2))
    ]
    first, second, gain, shift, strided = parameters
    y = F.conv2d(x, first, padding=1)
    y = F.conv2d(y, second, padding=1)
    y = F.relu(F.batch_norm(y, None, None, gain, shift, training=True))
    y = F.dropout(y, 0.25, generator=np.random.default_rng(1))
    y = F.conv_transpose2d(F.max_pool2d(y, 3, stride=2), strided, stride=2)
    y = F.interpolate(F.avg_pool2d(y, 3, stride=2, padding=1), (5, 4), mode="bilinear")
    labels = xp.asarray(rng.integers(0, 4, (2, *y.shape[2:])))
    loss = F.cross_entropy(F.gelu(y), labels) + F.nll_loss(y, labels)
    with no_grad():
        pooled = F.max_pool2d(x, 2)
    (slope,) = minifcn.grad(loss, [x], create_graph=True)
    (slope * slope).sum().backward()
    normed = F.batch_norm(x, xp_tensor(xp, np.zeros(3)), xp_tensor(xp, np.ones(3)))
    makes = (
        lambda p: SGD(p, 0.1),
        lambda p: SGD(p, 0.1, momentum=0.9),
        lambda p: Adam(p, 0.1),
        lambda p: RMSprop(p, 0.1),
    )
    for make in makes:
        make(parameters).step()
    return [t.data.get() for t in (loss, pooled, slope, normed, x.grad, *(p.grad for p in parameters), *parameters)]


def xp_tensor(xp: ModuleType, values: np.ndarray) -> Tensor:
    return Tensor.of(xp.asarray(values))


def test_more_numbers_than_32_bits_can_count() -> None:
    """On a card with 4 GiB to spare: the last pixel of 2.2 billion is found, and so is the way back to it."""
    cupy = card()
    if isinstance(cupy, str):
        if os.environ.get("MINIFCN_REQUIRE_GPU") == "1":
            pytest.fail(f"MINIFCN_REQUIRE_GPU=1, but there is no GPU for this test: {cupy}")
        pytest.skip(f"no GPU for this test, and a double would take hours: {cupy}")
    geometry = Geometry.of_pooling((46400, 46400), 2)
    x = cupy.zeros((1, 1, 46400, 46400), np.uint8)
    assert x.size > 2**31
    x[0, 0, -1, -1] = 7
    y, taps = pooling.max_pool(x, geometry)
    assert (int(y[0, 0, -1, -1]), int(taps[0, 0, -1, -1]), int(y.sum())) == (7, 3, 7)
    del x
    back = pooling.scatter_taps(y, taps, geometry)
    assert (int(back[0, 0, -1, -1]), int(back.sum())) == (7, 7)
