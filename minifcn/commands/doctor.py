"""`minifcn doctor`: whether minifcn can compute here, on the CPU and on every GPU, and what to do where it cannot.

That `import cupy` succeeds says little: it does so without a GPU, too, and CuPy loads most of CUDA when it is first
needed. So everything that minifcn needs of a GPU is tried on each of them: its memory, kernels compiled for it, and
cuBLAS. Facts are printed as they are found; should one of them end the process, the lines before say how far it came.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import secrets
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.arrays.convolution.algorithms import use_algorithm
from minifcn.commands.reporting import advice, openblas_kernels, simd, versions
from minifcn.machine import backend, limits, mpi, threads
from minifcn.tensor import Tensor

WIDTH = 15  # of the column of labels
NAMES = {"python": "Python", "numpy": "NumPy", "blas": "BLAS"}
INSTALL = 'pip install "minifcn[cuda12]" or "minifcn[cuda13]"'
EXTRAS = {12, 13}  # the CUDA versions in it
OLDEST_FOR_13 = (7, 5)  # the compute capability below which CUDA 13 makes no kernels
EXACT = 1 << 23  # float32 has all whole numbers up to twice that
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass
class Cuda:
    """What is known of CuPy and CUDA before a GPU is touched. Versions as CUDA writes them, 13020 is 13.2."""

    package: str = ""  # that brought CuPy: cupy-cuda13x; "" if unknown
    runtime: int | None = None  # which CuPy works with
    driver: int | None = None  # the newest that the driver supports; 0 if there is none

    @property
    def major(self) -> int | None:
        named = re.fullmatch(r"cupy-cuda(\d+)x", self.package)
        return int(named[1]) if named else self.runtime and self.runtime // 1000

    @property
    def with_libraries(self) -> str:
        """The command that installs the libraries and headers of CUDA."""
        if self.package.startswith("cupy-cuda"):
            return f'pip install "{self.package}[ctk]"'
        return f"install the CUDA toolkit, version {version(self.runtime)}"


@dataclass
class Gpus:
    cupy: bool  # whether CuPy is installed
    working: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)


def run(arguments: dict[str, Any]) -> int:
    cpu = check_cpu()
    print()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CuPy warns of what is said here in other words
        gpus = check_gpus()
    print(f"\n{verdict(cpu, gpus)}")
    return 0 if cpu and (gpus.working or not gpus.cupy) else 1


def verdict(cpu: bool, gpus: Gpus) -> str:
    """One line: where minifcn can compute, and where it cannot."""
    failing = gpus.failing or (["a GPU"] if gpus.cupy and not gpus.working else [])
    can = [place for place in ("the CPU" if cpu else "", ", ".join(gpus.working)) if place]
    cannot = [place for place in ("" if cpu else "the CPU", ", ".join(failing)) if place]
    where = f"can compute on {' and on '.join(can)}" if can else "cannot compute here"
    if cannot:
        where += f", but not on {' and on '.join(cannot)}; see" if can else "; see"
        where += " what FAILS above"
    if not gpus.cupy:
        where += f"; for an NVIDIA GPU install CuPy: {INSTALL}, whichever CUDA version nvidia-smi shows"
    return f"minifcn {where}."


# The CPU ------------------------------------------------------------------------------------------------------------


def check_cpu() -> bool:
    facts = versions()
    if found := _attempt(_threads_of_blas):
        facts["blas"] = f"{facts['blas']}, threads: {found}"
    for name, value in facts.items():
        say(NAMES.get(name, name), value)
    say("memory", gibibytes(limits.memory_of("cpu")))
    if told := advice(openblas_kernels(), simd()).split():
        say("advice", " ".join(told))
    try:
        say("threads", f"{threads.get_num_threads()} of minifcn; {threads.VARIABLE} changes that")
        say("MPI", mpi.described())
        _convolve()
    except Exception as error:
        fails("CPU", f"a convolution does not work ({reason_of(error)})", "if that is not clear, reinstall NumPy")
        return False
    say("CPU", "works")
    return True


def _convolve() -> None:
    """One convolution by products of matrices and by plain loops: whole numbers, so the results are equal."""
    x = Tensor.of(np.arange(40, dtype=np.float32).reshape(1, 2, 4, 5))
    weight = Tensor.of(np.arange(36, dtype=np.float32).reshape(3, 2, 2, 3))
    results = []
    for algorithm in ("im2col", "loops"):
        with use_algorithm(algorithm):
            results.append(F.conv2d(x, weight, padding=1).data)
    _expect(results[0], results[1])


def _threads_of_blas() -> int | None:
    from threadpoolctl import threadpool_info

    return max((one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"), default=None)


# CuPy, CUDA and the GPUs --------------------------------------------------------------------------------------------


def check_gpus() -> Gpus:
    found = packages()
    cuda = Cuda(package=next(iter(found)) if len(found) == 1 else "")
    try:
        cupy = backend.cupy_module()
        number, runtime = cupy.__version__, cupy.cuda.runtime  # a folder that is only called cupy has neither
    except Exception as error:
        root = _root(error)
        if not found and isinstance(root, ModuleNotFoundError) and root.name == "cupy":
            say("CuPy", "not installed")
            return Gpus(cupy=False)
        names = " and ".join(f"{name} {number}" for name, number in found.items()) or "something called cupy"
        fails("CuPy", f"{names} is installed but cannot be used ({reason_of(root)})", _again(found, cuda))
        return Gpus(cupy=True)
    say("CuPy", f"{number}, package {' and '.join(found) or 'unknown'}")
    if len(found) > 1:
        fails("packages", f"{len(found)} packages share the folder of CuPy ({', '.join(found)})", _again(found, cuda))
    cuda.runtime, cuda.driver = _attempt(runtime.runtimeGetVersion), _attempt(runtime.driverGetVersion)
    built = _attempt(lambda: cupy.cuda.driver.get_build_version())
    compiler = _attempt(lambda: "{}.{}".format(*cupy.cuda.nvrtc.getVersion())) or "not found"
    say("CUDA", f"CuPy is built for {version(built)}, runtime {version(cuda.runtime)}, compiler NVRTC {compiler}")
    say("driver", "none found" if cuda.driver == 0 else f"for CUDA up to {version(cuda.driver)}")
    if VISIBLE in os.environ:
        say("visible", f"{VISIBLE}={os.environ[VISIBLE]}")
    gpus = Gpus(cupy=True)
    try:
        count = runtime.getDeviceCount()
    except Exception as error:
        fails("GPUs", f"CUDA cannot be asked for GPUs ({reason_of(error)})", remedy(error, cuda))
        return gpus
    if not count:
        fails("GPUs", "CUDA sees no GPU", _unseen())
    for index in range(count):
        (gpus.working if check_gpu(cupy, index, cuda) else gpus.failing).append(f"cuda:{index}")
    return gpus


def packages() -> dict[str, str]:
    """The installed packages that bring the module cupy, with their versions."""
    listed = {str(one.name).lower().replace("_", "-"): one.version for one in importlib.metadata.distributions()}
    return {name: listed[name] for name in sorted(listed) if re.fullmatch(r"cupy(-cuda\w+|-rocm[-\w]+)?", name)}


def _again(found: dict[str, str], cuda: Cuda) -> str:
    """How to install CuPy anew. Packages that share a folder take parts of one another along when they go."""
    again = f'"minifcn[cuda{cuda.major}]"' if cuda.major in EXTRAS else '"minifcn[cuda12]" or "minifcn[cuda13]"'
    if len(found) > 1:
        return f"keep one: pip uninstall {' '.join(found)}, all of them, and then pip install {again}"
    return f"reinstall it: pip uninstall {' '.join(found) or 'cupy'}, and then pip install {again}"


def check_gpu(cupy: ModuleType, index: int, cuda: Cuda) -> bool:
    name, capability = f"cuda:{index}", (0, 0)
    try:
        properties = cupy.cuda.runtime.getDeviceProperties(index)
        capability = properties["major"], properties["minor"]
        say(name, f"{properties['name'].decode()}, compute capability {capability[0]}.{capability[1]}")
        free, total = cupy.cuda.Device(index).mem_info
        say("  memory", f"{gibibytes(free)} free of {gibibytes(total)}")
    except Exception as error:
        fails(name, f"the GPU does not answer ({reason_of(error)})", remedy(error, cuda, name, capability))
        return False
    failure, works = "", True
    for label, cannot, check in CHECKS:
        try:
            with cupy.cuda.Device(index):
                check(cupy)
        except Exception as error:
            works, last, failure = False, failure, reason_of(error)
            if failure == last:
                say(label, f"FAILS: {cannot}, for the same reason.")
            else:
                fails(label, f"{cannot} ({failure})", remedy(error, cuda, name, capability))
            if check is _transfer:
                return False  # nothing else can work
        else:
            say(label, "works")
    return works


def _transfer(cupy: ModuleType) -> None:
    _expect(cupy.asarray(np.array([20], np.float32)).get(), [20])


# CuPy keeps compiled kernels in files. A random number makes these two new to it, so that they need the compiler and
# the headers which any other will need.
def _own_kernel(cupy: ModuleType) -> None:
    number, x = secrets.randbelow(EXACT), cupy.empty(1, np.float32)
    source = f'extern "C" __global__ void minifcn_doctor(float* x) {{ x[0] = {number}; }}'
    cupy.RawKernel(source, "minifcn_doctor")((1,), (1,), (x,))
    _expect(x.get(), [number])


def _computation(cupy: ModuleType) -> None:
    number = secrets.randbelow(EXACT)
    add = cupy.ElementwiseKernel("float32 x", "float32 y", f"y = x + {number}", "minifcn_doctor_add")
    _expect(add(cupy.asarray(np.array([1], np.float32))).get(), [number + 1])


def _product(cupy: ModuleType) -> None:
    a, b = np.array([[1, 2], [3, 4]], np.float32), np.array([[5, 6], [7, 8]], np.float32)
    _expect((cupy.asarray(a) @ cupy.asarray(b)).get(), [[19, 22], [43, 50]])


# Label, what cannot be done if it fails, and how to try; what needs least first.
CHECKS: list[tuple[str, str, Callable[[ModuleType], None]]] = [
    ("  transfer", "a number cannot be put there and read back", _transfer),
    ("  own kernel", "a CUDA kernel of our own cannot be compiled and run", _own_kernel),
    ("  computation", "CuPy cannot add two numbers", _computation),
    ("  product", "cuBLAS cannot multiply two matrices", _product),
]


def _expect(result: Any, expected: Any) -> None:
    if not np.array_equal(result, expected):
        raise ArithmeticError(f"it gives {np.asarray(result).tolist()} instead of {np.asarray(expected).tolist()}")


# What to do ---------------------------------------------------------------------------------------------------------


def remedy(error: BaseException, cuda: Cuda, name: str = "the GPU", capability: tuple[int, int] = (0, 0)) -> str:
    """What to do about an error of CuPy, which are told apart by their texts: they share no classes."""
    text = re.sub(r"[\s_]", "", f"{type(error).__name__} {error}").lower()

    def says(*parts: str) -> bool:
        return any(part in text for part in parts)

    if says("insufficientdriver", "unsupportedptx"):
        return _newer_driver(cuda)
    if says("nodevice"):
        return _unseen()
    if says("outofmemory", "allocfailed", "cublasstatusnotinitialized", "devicesunavailable"):
        return f"nvidia-smi shows who else uses {name}; end that, or choose another GPU with {VISIBLE}"
    if says("gpu-architecture", "nokernelimage"):
        number = f"{capability[0]}.{capability[1]}"
        if cuda.major == 13 and capability < OLDEST_FOR_13:
            return f"CUDA 13 needs compute capability 7.5 and {name} has {number}: {_other(cuda, 12)}"
        return f"CUDA {version(cuda.runtime)} does not know compute capability {number}; install a newer CuPy"
    if says("nvrtc", "cublas", "opensourcefile", "sharedobject", "dll", "modulenotfound"):
        return f"a library or header of CUDA is missing or does not fit: {cuda.with_libraries}"
    return f"if nvidia-smi shows the GPU, the libraries of CUDA may not fit: {cuda.with_libraries}"


def _newer_driver(cuda: Cuda) -> str:
    if not cuda.driver:
        return "there is no NVIDIA driver: install it until nvidia-smi shows the GPU (a container needs --gpus all)"
    both = f"the driver supports CUDA {version(cuda.driver)} but CuPy works with {version(cuda.runtime)}"
    major = cuda.driver // 1000
    if major in EXTRAS and cuda.major and major < cuda.major:
        return f"{both}: update the driver, or {_other(cuda, major)}"
    return f"{both}: update the driver"


def _other(cuda: Cuda, major: int) -> str:
    return f'pip uninstall {cuda.package or "cupy"}, and then pip install "minifcn[cuda{major}]"'


def _unseen() -> str:
    value = repr(os.environ[VISIBLE]) if VISIBLE in os.environ else "not set"
    return f"check that nvidia-smi shows a GPU, and that {VISIBLE} does not hide it (it is {value})"


def reason_of(error: BaseException) -> str:
    """The first line of its text that says something, without the full stop."""
    lines = [line.strip(" .=-") for line in str(error).splitlines()]
    return next(filter(None, lines), type(error).__name__)


def _root(error: BaseException) -> BaseException:
    """The error that led to this one: CuPy wraps a missing library in a page of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _attempt(ask: Callable[[], Any]) -> Any:
    """What is answered; None if it cannot be."""
    try:
        return ask()
    except Exception:
        return None


def say(label: str, text: object) -> None:
    print(f"{label:<{WIDTH}}{text}", flush=True)


def fails(label: str, reason: str, cure: str) -> None:
    say(label, f"FAILS: {reason};\n{'':<{WIDTH}}{cure}.")


def version(number: int | None) -> str:
    """13020 -> "13.2"."""
    return "unknown" if number is None else f"{number // 1000}.{number % 1000 // 10}"


def gibibytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 2**30:.1f} GiB"
