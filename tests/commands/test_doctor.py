"""`minifcn doctor` on machines that are played: with and without CuPy, a driver, GPUs, and what CuPy needs of CUDA."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn import cli
from minifcn.commands import doctor, reporting
from minifcn.commands.doctor import Cuda, Gpus, remedy
from minifcn.machine import threads

GIB = 1 << 30
UP_TO_DATE = "if nvidia-smi shows the GPU, the libraries of CUDA may not fit"
MISSING = 'a library or header of CUDA is missing or does not fit: pip install "cupy-cuda13x[ctk]".'


class CUDARuntimeError(RuntimeError):
    """As CuPy's: a name of CUDA and its explanation."""


class OnCard:
    """As much of a CuPy array as the doctor needs, which knows the GPU that it is on."""

    def __init__(self, card: Machine, values: np.ndarray) -> None:
        self.card, self.values = card, values

    def get(self) -> np.ndarray:
        return self.values.copy()

    def __matmul__(self, other: OnCard) -> OnCard:
        self.card.happens("product")
        return OnCard(self.card, self.values @ other.values)


class Machine:
    """The module `cupy` of a machine with GPUs. `trouble[what]` is raised when that is done on GPU `only` (None: any).

    `wrong` names a check whose result is off by one.
    """

    def __init__(self, cards: int = 1, driver: int = 13000, capability: tuple[int, int] = (9, 0)) -> None:
        self.cards, self.driver, self.capability = cards, driver, capability
        self.trouble: dict[str, Exception] = {}
        self.only: int | None = None
        self.wrong = ""
        self.current = 0
        self.done: list[tuple[int, str]] = []
        self.sources: list[str] = []

    def happens(self, what: str, card: int | None = None) -> None:
        card = self.current if card is None else card
        self.done.append((card, what))
        if what in self.trouble and self.only in (None, card):
            raise self.trouble[what]

    def off(self, what: str) -> int:
        return int(self.wrong == what)

    def count(self) -> int:
        self.happens("count")
        return self.cards

    def properties(self, card: int) -> dict[str, Any]:
        self.happens("properties", card)
        return {"name": f"Card {card}".encode(), "major": self.capability[0], "minor": self.capability[1]}

    def asarray(self, values: np.ndarray) -> OnCard:
        self.happens("transfer")
        return OnCard(self, values + np.float32(self.off("transfer")))

    def empty(self, shape: int, dtype: Any) -> OnCard:
        return OnCard(self, np.full(shape, -1, dtype))

    def raw_kernel(self, source: str, name: str) -> Callable[..., None]:
        assert f"void {name}(float* x)" in source and 'extern "C" __global__' in source
        self.sources.append(source)
        number = int(re.search(r"x\[0\] = (\d+);", source)[1])  # type: ignore[index]

        def launch(grid: tuple[int], block: tuple[int], arguments: tuple[OnCard]) -> None:
            self.happens("kernel")
            arguments[0].values[0] = number + self.off("kernel")

        return launch

    def elementwise(self, inputs: str, outputs: str, body: str, name: str) -> Callable[[OnCard], OnCard]:
        self.sources.append(body)
        number = int(re.fullmatch(r"y = x \+ (\d+)", body)[1])  # type: ignore[index]

        def call(x: OnCard) -> OnCard:
            self.happens("computation")
            return OnCard(self, x.values + np.float32(number + self.off("computation")))

        return call

    def module(self) -> ModuleType:
        machine = self

        class Device:
            def __init__(self, card: int) -> None:
                self.id = card

            @property
            def mem_info(self) -> tuple[int, int]:
                machine.happens("memory", self.id)
                return 3 * GIB // 2, 4 * GIB

            def __enter__(self) -> None:
                self.before, machine.current = machine.current, self.id

            def __exit__(self, *error: object) -> None:
                machine.current = self.before

        cupy: Any = ModuleType("cupy")
        cupy.__version__ = "14.2.0"
        cupy.asarray, cupy.empty = self.asarray, self.empty
        cupy.RawKernel, cupy.ElementwiseKernel = self.raw_kernel, self.elementwise
        cupy.cuda = SimpleNamespace(
            Device=Device,
            driver=SimpleNamespace(get_build_version=lambda: 13020),
            nvrtc=SimpleNamespace(getVersion=lambda: (13, 5)),
            runtime=SimpleNamespace(
                getDeviceCount=self.count,
                getDeviceProperties=self.properties,
                runtimeGetVersion=lambda: 13020,
                driverGetVersion=lambda: self.driver,
            ),
        )
        return cupy


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """installed(machine, *packages): that CuPy, and what pip says brought it; a machine of None has none."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(machine: Machine | None, *names: str) -> None:
        monkeypatch.setitem(sys.modules, "cupy", machine.module() if machine else None)
        found = [SimpleNamespace(name=name, version="14.2.0") for name in (*names, "numpy", "cupyx-tools")]
        monkeypatch.setattr(importlib.metadata, "distributions", lambda: found)

    return install


@pytest.fixture
def played(installed: Callable[..., None]) -> Machine:
    """One GPU that works; change it before the doctor is called."""
    machine = Machine()
    installed(machine, "cupy-cuda13x")
    return machine


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, str]]:
    """The exit status and what is printed by `minifcn doctor`: nothing to stderr."""

    def call() -> tuple[int, str]:
        status = cli.main(["doctor"])
        out, err = capsys.readouterr()
        assert err == ""
        return status, out

    return call


Examine = Callable[[], tuple[int, str]]


def verdict_of(text: str) -> str:
    *_, blank, last = text.splitlines()
    assert blank == ""
    return last


def line(text: str, label: str) -> str:
    """What stands beside the label: exactly one line has it."""
    (found,) = [row for row in text.splitlines() if row[: doctor.WIDTH].strip() == label]
    return found[doctor.WIDTH :]


def failure(text: str, label: str) -> tuple[str, str]:
    """Reason and remedy of the only failure with this label."""
    rows = text.splitlines()
    (place,) = [n for n, row in enumerate(rows) if row[: doctor.WIDTH].strip() == label and "FAILS: " in row]
    assert rows[place + 1][: doctor.WIDTH].isspace() and rows[place + 1].endswith(".")
    assert rows[place].endswith(";")
    return rows[place][doctor.WIDTH :].removeprefix("FAILS: ").removesuffix(";"), rows[place + 1].strip()


# The CPU ------------------------------------------------------------------------------------------------------------


def test_the_facts_of_the_machine(installed: Callable[..., None], examine: Examine) -> None:
    installed(None)
    _, text = examine()
    facts = reporting.versions()
    for label, name in (("minifcn", "minifcn"), ("Python", "python"), ("NumPy", "numpy"), ("cores", "cores")):
        assert line(text, label) == str(facts[name])
    assert line(text, "processor") == facts["processor"]
    assert line(text, "BLAS").startswith(str(facts["blas"]))
    assert re.search(r", threads: [1-9]\d*$", line(text, "BLAS"))
    assert line(text, "threads") == f"{threads.get_num_threads()} of minifcn; MINIFCN_NUM_THREADS changes that"
    assert re.fullmatch(r"\d+\.\d GiB|unknown", line(text, "memory"))
    assert re.match(r"mpi4py \d.* with |not installed; ", line(text, "MPI"))
    assert line(text, "CPU") == "works"


@pytest.mark.parametrize(("found", "told"), [("Haswell", True), ("SkylakeX", False)])
def test_advice_on_blas_is_repeated(
    installed: Callable[..., None], examine: Examine, monkeypatch: pytest.MonkeyPatch, found: str, told: bool
) -> None:
    installed(None)
    monkeypatch.setattr(doctor, "openblas_kernels", lambda: found)
    monkeypatch.setattr(doctor, "simd", lambda: {"X86_V4"})
    _, text = examine()
    assert ("advice         NumPy's OpenBLAS works with its kernels for Haswell, but" in text) == told
    assert ("Try OPENBLAS_CORETYPE=SkylakeX in front of the command.\n" in text) == told


def test_memory_that_the_system_does_not_tell(
    installed: Callable[..., None], examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(None)
    monkeypatch.setattr(doctor.limits, "memory_of", {"cpu": None}.__getitem__)
    status, text = examine()
    assert (status, line(text, "memory")) == (0, "unknown")


def test_blas_without_threadpoolctl(
    installed: Callable[..., None], examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(None)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    status, text = examine()
    assert (status, line(text, "BLAS")) == (0, str(reporting.versions()["blas"]))
    assert "threads: " not in text


def test_a_cpu_that_multiplies_wrongly(played: Machine, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    true = doctor.F.conv2d
    broken = iter([1, 0])  # the first result only
    monkeypatch.setattr(doctor.F, "conv2d", lambda *given, **options: true(*given, **options) + next(broken))
    status, text = examine()
    assert status == 1
    reason, cure = failure(text, "CPU")
    assert reason.startswith("a convolution does not work (it gives [[[[") and " instead of [[[[" in reason
    assert cure == "if that is not clear, reinstall NumPy."
    assert verdict_of(text) == "minifcn can compute on cuda:0, but not on the CPU; see what FAILS above."


def test_a_number_of_threads_that_is_none(tmp_path: Path) -> None:
    """In a process of its own: minifcn reads the variable once."""
    root = str(Path(minifcn.__file__).parent.parent)
    script = "import sys; sys.modules['cupy'] = None; from minifcn.cli import main; sys.exit(main(['doctor']))"
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": root, "MINIFCN_NUM_THREADS": "many"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, "")
    reason, _ = failure(result.stdout, "CPU")
    assert "MINIFCN_NUM_THREADS is 'many'; set it to the number of threads, 1 or more" in reason
    assert "not on the CPU" in verdict_of(result.stdout) or "cannot compute here" in verdict_of(result.stdout)


# CuPy ---------------------------------------------------------------------------------------------------------------


def test_without_cupy(installed: Callable[..., None], examine: Examine) -> None:
    installed(None)
    status, text = examine()
    assert (status, line(text, "CuPy")) == (0, "not installed")
    assert "FAILS" not in text and "cuda:0" not in text
    assert verdict_of(text) == (
        'minifcn can compute on the CPU; for an NVIDIA GPU install CuPy: pip install "minifcn[cuda12]" or '
        '"minifcn[cuda13]", whichever CUDA version nvidia-smi shows.'
    )


def test_a_gpu_that_works(played: Machine, examine: Examine) -> None:
    status, text = examine()
    assert status == 0
    assert text.split("\n\n")[1].splitlines() == [
        "CuPy           14.2.0, package cupy-cuda13x",
        "CUDA           CuPy is built for 13.2, runtime 13.2, compiler NVRTC 13.5",
        "driver         for CUDA up to 13.0",
        "cuda:0         Card 0, compute capability 9.0",
        "  memory       1.5 GiB free of 4.0 GiB",
        "  transfer     works",
        "  own kernel   works",
        "  computation  works",
        "  product      works",
    ]
    assert verdict_of(text) == "minifcn can compute on the CPU and on cuda:0."
    assert [what for _, what in played.done] == [
        "count", "properties", "memory", "transfer", "kernel", "transfer", "computation", "transfer", "transfer",
        "product",
    ]  # fmt: skip


def test_kernels_are_new_to_the_cache_of_cupy(played: Machine, examine: Examine, monkeypatch: Any) -> None:
    numbers = iter(range(4))
    monkeypatch.setattr(doctor.secrets, "randbelow", lambda bound: bound - 1 - next(numbers))
    for _ in range(2):
        status, _ = examine()
        assert status == 0, "the largest numbers are exact in float32, too"
    assert len(set(played.sources)) == 4


def test_every_gpu_is_tried_on_itself(played: Machine, examine: Examine) -> None:
    played.cards = 3
    status, text = examine()
    assert status == 0
    assert verdict_of(text) == "minifcn can compute on the CPU and on cuda:0, cuda:1, cuda:2."
    assert [card for card, what in played.done if what == "product"] == [0, 1, 2]
    assert [line(text, f"cuda:{card}") for card in range(3)] == [
        f"Card {card}, compute capability 9.0" for card in range(3)
    ]


def test_one_of_two_gpus_that_works_is_enough(played: Machine, examine: Examine) -> None:
    played.cards, played.only = 2, 0
    played.trouble["product"] = RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED")
    status, text = examine()
    assert status == 0
    assert verdict_of(text) == "minifcn can compute on the CPU and on cuda:1, but not on cuda:0; see what FAILS above."
    reason, cure = failure(text, "product")
    assert reason == "cuBLAS cannot multiply two matrices (CUBLAS_STATUS_EXECUTION_FAILED)"
    assert cure == MISSING


def test_what_hides_gpus_is_shown(played: Machine, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "CUDA_VISIBLE_DEVICES" not in examine()[1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert line(examine()[1], "visible") == "CUDA_VISIBLE_DEVICES=2"


def test_warnings_of_cupy_are_not_shown(played: Machine, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    true = played.count

    def count() -> int:
        warnings.warn("this card is old", UserWarning, stacklevel=2)
        return true()

    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", count)
    status, _ = examine()  # an error in these tests, if it were shown
    assert (status, played.done[0]) == (0, (0, "count"))


@pytest.mark.parametrize(("names", "shown"), [(["Cupy"], "cupy"), (["cupy_cuda12x"], "cupy-cuda12x"), ([], "unknown")])
def test_names_of_packages(installed: Callable[..., None], examine: Examine, names: list[str], shown: str) -> None:
    installed(Machine(), *names)
    status, text = examine()
    assert (status, line(text, "CuPy")) == (0, f"14.2.0, package {shown}")


def test_two_packages_of_cupy(installed: Callable[..., None], examine: Examine) -> None:
    installed(Machine(), "cupy-cuda13x", "cupy-cuda12x")
    status, text = examine()
    assert status == 0, "it works all the same, for now"
    reason, cure = failure(text, "packages")
    assert reason == "2 packages share the folder of CuPy (cupy-cuda12x, cupy-cuda13x)"
    assert cure == (
        "keep one: pip uninstall cupy-cuda12x cupy-cuda13x, all of them, and then pip install "
        '"minifcn[cuda12]" or "minifcn[cuda13]".'
    )


BANNER = """
================================================================
Failed to import CuPy.

Original error:
  ImportError: libcudart.so.12: cannot open shared object file
================================================================
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "try:\n    raise ImportError('libcudart.so.12: cannot open shared object file')\n"
            f"except ImportError as error:\n    raise ImportError({BANNER!r}) from error",
            "libcudart.so.12: cannot open shared object file",
        ),
        (f"raise ImportError({BANNER!r})", "Failed to import CuPy"),
        ("import cupy_has_lost_this", "No module named 'cupy_has_lost_this'"),
        ("raise OSError('[WinError 126] The module could not be found.')", "[WinError 126] The module could not be"),
        ("raise RuntimeError", "RuntimeError"),
        ("", "module 'cupy' has no attribute '__version__'"),
    ],
)
@pytest.mark.parametrize("package", ["cupy-cuda12x", ""])
def test_a_cupy_that_cannot_be_imported(
    installed: Callable[..., None], examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    body: str, reason: str, package: str,
) -> None:  # fmt: skip
    installed(None, *([package] if package else []))
    monkeypatch.delitem(sys.modules, "cupy")
    (tmp_path / "cupy.py").write_text(body, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    status, text = examine()
    sys.modules.pop("cupy", None)
    assert status == 1
    said, cure = failure(text, "CuPy")
    thing = "cupy-cuda12x 14.2.0" if package else "something called cupy"
    assert said.startswith(f"{thing} is installed but cannot be used ({reason}")
    again = '"minifcn[cuda12]"' if package else '"minifcn[cuda12]" or "minifcn[cuda13]"'
    assert cure == f"reinstall it: pip uninstall {package or 'cupy'}, and then pip install {again}."
    assert verdict_of(text) == "minifcn can compute on the CPU, but not on a GPU; see what FAILS above."


def test_files_of_cupy_that_are_gone(installed: Callable[..., None], examine: Examine) -> None:
    """As after one of two packages was uninstalled: pip knows it, Python does not find it."""
    installed(None, "cupy-cuda13x")
    status, text = examine()
    assert status == 1
    said, cure = failure(text, "CuPy")
    assert said.startswith("cupy-cuda13x 14.2.0 is installed but cannot be used (")
    assert cure == 'reinstall it: pip uninstall cupy-cuda13x, and then pip install "minifcn[cuda13]".'


# CUDA ---------------------------------------------------------------------------------------------------------------

INSUFFICIENT = CUDARuntimeError(
    "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
)


@pytest.mark.parametrize(
    ("driver", "shown", "cure"),
    [
        (
            0, "none found",
            "there is no NVIDIA driver: install it until nvidia-smi shows the GPU (a container needs --gpus all).",
        ),
        (
            12040, "for CUDA up to 12.4",
            "the driver supports CUDA 12.4 but CuPy works with 13.2: update the driver, or "
            'pip uninstall cupy-cuda13x, and then pip install "minifcn[cuda12]".',
        ),
        (
            11080, "for CUDA up to 11.8",
            "the driver supports CUDA 11.8 but CuPy works with 13.2: update the driver.",
        ),
    ],
)  # fmt: skip
def test_a_driver_that_is_too_old_or_missing(
    played: Machine, examine: Examine, driver: int, shown: str, cure: str
) -> None:
    played.driver = driver
    played.trouble["count"] = INSUFFICIENT
    status, text = examine()
    assert status == 1
    assert line(text, "driver") == shown
    assert failure(text, "GPUs") == (f"CUDA cannot be asked for GPUs ({INSUFFICIENT})", cure)
    assert "cuda:0" not in text
    assert verdict_of(text) == "minifcn can compute on the CPU, but not on a GPU; see what FAILS above."


@pytest.mark.parametrize("value", [None, "", "-1"])
@pytest.mark.parametrize("raised", [True, False])
def test_no_gpu_is_seen(
    played: Machine, examine: Examine, monkeypatch: pytest.MonkeyPatch, value: str | None, raised: bool
) -> None:
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    played.cards = 0
    if raised:
        played.trouble["count"] = CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    status, text = examine()
    assert status == 1
    reason, cure = failure(text, "GPUs")
    assert reason == (
        "CUDA cannot be asked for GPUs (cudaErrorNoDevice: no CUDA-capable device is detected)"
        if raised
        else "CUDA sees no GPU"
    )
    shown = "not set" if value is None else repr(value)
    assert cure == (
        f"check that nvidia-smi shows a GPU, and that CUDA_VISIBLE_DEVICES does not hide it (it is {shown})."
    )
    assert verdict_of(text) == "minifcn can compute on the CPU, but not on a GPU; see what FAILS above."


def test_versions_that_cuda_does_not_tell(played: Machine, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise RuntimeError('Failure finding "libnvrtc.so.13"')

    cuda = sys.modules["cupy"].cuda
    monkeypatch.setattr(cuda.nvrtc, "getVersion", refuse)
    monkeypatch.setattr(cuda.driver, "get_build_version", refuse)
    monkeypatch.setattr(cuda.runtime, "driverGetVersion", refuse)
    status, text = examine()
    assert status == 0, "what can be computed counts"
    assert line(text, "CUDA") == "CuPy is built for unknown, runtime 13.2, compiler NVRTC not found"
    assert line(text, "driver") == "for CUDA up to unknown"


# A GPU that fails ---------------------------------------------------------------------------------------------------

OUT_OF_MEMORY = CUDARuntimeError("cudaErrorMemoryAllocation: out of memory")
TAKEN = "nvidia-smi shows who else uses cuda:0; end that, or choose another GPU with CUDA_VISIBLE_DEVICES."
NO_NVRTC = RuntimeError('Failure finding "libnvrtc.so.13": No such file: libnvrtc.so.13\nand another line')


@pytest.mark.parametrize("where", ["properties", "memory"])
def test_a_gpu_that_does_not_answer(played: Machine, examine: Examine, where: str) -> None:
    played.trouble[where] = OUT_OF_MEMORY
    status, text = examine()
    assert status == 1
    assert failure(text, "cuda:0") == (
        "the GPU does not answer (cudaErrorMemoryAllocation: out of memory)",
        TAKEN,
    )
    assert [what for _, what in played.done][-1] == where, "nothing more is tried"
    assert verdict_of(text) == "minifcn can compute on the CPU, but not on cuda:0; see what FAILS above."


def test_a_gpu_whose_memory_cannot_be_used(played: Machine, examine: Examine) -> None:
    played.trouble["transfer"] = MemoryError("Out of memory allocating 512 bytes (allocated so far: 0 bytes).")
    status, text = examine()
    assert status == 1
    reason, cure = failure(text, "transfer")
    assert reason == (
        "a number cannot be put there and read back (Out of memory allocating 512 bytes (allocated so far: 0 bytes))"
    )
    assert cure == TAKEN
    assert text.count("FAILS") == 2 and "own kernel" not in text, "nothing more is tried; the verdict is the other"
    assert played.sources == []


FAILING = [
    ("kernel", "own kernel", NO_NVRTC, "a CUDA kernel of our own cannot be compiled and run", MISSING),
    (
        "computation", "computation",
        RuntimeError('cuda_fp16.h(129): catastrophic error: cannot open source file "vector_types.h"'),
        "CuPy cannot add two numbers", MISSING,
    ),
    (
        "product", "product", ImportError("libcublas.so.13: cannot open shared object file: No such file or directory"),
        "cuBLAS cannot multiply two matrices", MISSING,
    ),
    ("product", "product", RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), "cuBLAS cannot multiply two matrices", TAKEN),
    (
        "computation", "computation", RuntimeError("an unheard-of accident"), "CuPy cannot add two numbers",
        f'{UP_TO_DATE}: pip install "cupy-cuda13x[ctk]".',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "label", "error", "cannot", "cure"), FAILING)
def test_one_check_that_fails(
    played: Machine, examine: Examine, what: str, label: str, error: Exception, cannot: str, cure: str
) -> None:
    played.trouble[what] = error
    status, text = examine()
    assert status == 1
    assert failure(text, label) == (f"{cannot} ({str(error).splitlines()[0]})", cure)
    assert text.count("FAILS: ") == 1
    others = {"transfer", "own kernel", "computation", "product"} - {label}
    assert [line(text, other) for other in others] == ["works"] * 3
    assert verdict_of(text) == "minifcn can compute on the CPU, but not on cuda:0; see what FAILS above."


def test_the_same_reason_is_said_once(played: Machine, examine: Examine) -> None:
    played.trouble |= {"kernel": NO_NVRTC, "computation": NO_NVRTC}
    status, text = examine()
    assert status == 1
    assert failure(text, "own kernel")[1] == MISSING
    assert line(text, "computation") == "FAILS: CuPy cannot add two numbers, for the same reason."
    assert text.count("Failure finding") == text.count(MISSING) == 1
    assert line(text, "product") == "works"


@pytest.mark.parametrize(
    ("what", "label", "given"),
    [
        ("transfer", "transfer", r"\[21.0\] instead of \[20\]"),
        ("kernel", "own kernel", r"\[\d+.0\] instead of \[\d+\]"),
        ("computation", "computation", r"\[\d+.0\] instead of \[\d+\]"),
    ],
)
def test_results_are_compared(played: Machine, examine: Examine, what: str, label: str, given: str) -> None:
    played.wrong = what
    status, text = examine()
    assert status == 1
    assert re.search(rf"\(it gives {given}\)$", failure(text, label)[0])


def test_the_result_of_the_product_is_compared(
    played: Machine, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnCard, "__matmul__", lambda self, other: OnCard(self.card, other.values @ self.values))
    status, text = examine()
    assert status == 1
    assert "(it gives [[23.0, 34.0], [31.0, 46.0]] instead of [[19, 22], [43, 50]])" in failure(text, "product")[0]


ARCHITECTURE = RuntimeError("nvrtc: error: invalid value for --gpu-architecture (-arch)")


@pytest.mark.parametrize(
    ("package", "capability", "cure"),
    [
        (
            "cupy-cuda13x", (6, 1),
            "CUDA 13 needs compute capability 7.5 and cuda:0 has 6.1: "
            'pip uninstall cupy-cuda13x, and then pip install "minifcn[cuda12]".',
        ),
        (
            "cupy", (7, 0),
            "CUDA 13 needs compute capability 7.5 and cuda:0 has 7.0: "
            'pip uninstall cupy, and then pip install "minifcn[cuda12]".',
        ),
        ("cupy-cuda13x", (7, 5), "CUDA 13.2 does not know compute capability 7.5; install a newer CuPy."),
        ("cupy-cuda12x", (6, 1), "CUDA 13.2 does not know compute capability 6.1; install a newer CuPy."),
    ],
)  # fmt: skip
def test_a_gpu_that_cuda_has_no_kernels_for(
    installed: Callable[..., None], examine: Examine, package: str, capability: tuple[int, int], cure: str
) -> None:
    machine = Machine(capability=capability)
    installed(machine, package)
    machine.trouble["kernel"] = ARCHITECTURE
    status, text = examine()
    assert (status, failure(text, "own kernel")[1]) == (1, cure)


# Sentences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the provided PTX was compiled with an unsupported toolchain",
         "the driver supports CUDA 13.0 but CuPy works with 13.2: update the driver"),
        ("CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected", "check that nvidia-smi shows a GPU"),
        ("CUDA_ERROR_OUT_OF_MEMORY: out of memory", "nvidia-smi shows who else uses cuda:1"),
        ("CUBLAS_STATUS_NOT_INITIALIZED", "nvidia-smi shows who else uses cuda:1"),
        ("cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy", "nvidia-smi shows who else uses cuda:1"),
        ("CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available", "CUDA 13.2 does not know compute capability"),
        ("CuPy failed to load libnvrtc.so.12: OSError: libnvrtc.so.12", "a library or header of CUDA is missing"),
        ("DLL load failed while importing core: not found", "a library or header of CUDA is missing"),
        ("libnvJitLink.so.13: cannot open shared object file", "a library or header of CUDA is missing"),
        ("cudaErrorIllegalAddress: an illegal memory access was encountered", UP_TO_DATE),
    ],
)  # fmt: skip
def test_remedies_by_the_text_of_an_error(text: str, start: str) -> None:
    cuda = Cuda("cupy-cuda13x", 13020, 13000)
    assert remedy(RuntimeError(text), cuda, "cuda:1", (9, 0)).startswith(start)


def test_libraries_for_a_cupy_that_pip_did_not_bring() -> None:
    error = ImportError("libcublas.so.13: cannot open shared object file")
    for package in ("", "cupy", "cupy-rocm-7-0"):
        assert remedy(error, Cuda(package, 13020, 13020)).endswith(": install the CUDA toolkit, version 13.2")
    assert remedy(error, Cuda("cupy-cuda12x", 12090, 13020)).endswith(': pip install "cupy-cuda12x[ctk]"')
    assert remedy(error, Cuda("", None, None)).endswith("install the CUDA toolkit, version unknown")
    lost = ModuleNotFoundError("No module named 'cuda'")
    assert remedy(lost, Cuda("cupy-cuda12x")) == remedy(error, Cuda("cupy-cuda12x"))


@pytest.mark.parametrize(
    ("cpu", "gpus", "said"),
    [
        (True, Gpus(True, ["cuda:0"]), "minifcn can compute on the CPU and on cuda:0."),
        (True, Gpus(True, ["cuda:1"], ["cuda:0", "cuda:2"]),
         "minifcn can compute on the CPU and on cuda:1, but not on cuda:0, cuda:2; see what FAILS above."),
        (False, Gpus(True, [], ["cuda:0"]), "minifcn cannot compute here; see what FAILS above."),
        (False, Gpus(True), "minifcn cannot compute here; see what FAILS above."),
        (False, Gpus(True, ["cuda:0"], ["cuda:1"]),
         "minifcn can compute on cuda:0, but not on the CPU and on cuda:1; see what FAILS above."),
        (False, Gpus(False),
         'minifcn cannot compute here; see what FAILS above; for an NVIDIA GPU install CuPy: pip install '
         '"minifcn[cuda12]" or "minifcn[cuda13]", whichever CUDA version nvidia-smi shows.'),
    ],
)  # fmt: skip
def test_verdicts(cpu: bool, gpus: Gpus, said: str) -> None:
    assert doctor.verdict(cpu, gpus) == said


def test_versions_of_cuda_are_read() -> None:
    assert [doctor.version(number) for number in (13000, 13020, 12090, 12110, 11080, None)] == [
        "13.0", "13.2", "12.9", "12.11", "11.8", "unknown",
    ]  # fmt: skip


def test_in_a_real_process(tmp_path: Path) -> None:
    """Whatever this machine has: a verdict, no traceback, and the exit status that belongs to it."""
    own = {"PYTHONPATH": str(Path(minifcn.__file__).parent.parent), "CUPY_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-m", "minifcn", "doctor"], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True
    )
    assert result.stderr == ""
    assert verdict_of(result.stdout).startswith("minifcn can compute on the CPU")
    assert result.returncode == ("; see what FAILS above" in result.stdout and "and on cuda:" not in result.stdout)
