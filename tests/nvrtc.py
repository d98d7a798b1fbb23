"""NVIDIA's run-time compiler without a GPU: does a CUDA source compile for every card that minifcn is for?"""

from __future__ import annotations

import ctypes
import glob
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

# Turing, the oldest that CUDA 13 knows, and Hopper.
AS_CUPY = ("-ftz=true", "--device-as-default-execution-space")  # what CuPy adds for every kernel
ARCHITECTURES = ("compute_75", "compute_90")


@cache
def library() -> Any:
    """The one of the package nvidia-cuda-nvrtc, or None."""
    site = Path(sysconfig.get_path("purelib"))
    found = [
        path
        for path in glob.glob(str(site / "nvidia" / "**" / "libnvrtc*.so*"), recursive=True)
        if "builtins" not in path and ".alt." not in path
    ]
    return ctypes.CDLL(found[0]) if found else None


def complaints(source: str, architecture: str) -> str:
    """What the compiler says: nothing if it compiles without a warning."""
    nvrtc, program = library(), ctypes.c_void_p()
    options = [f"--gpu-architecture={architecture}", "--std=c++17", *AS_CUPY]
    given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    _require(nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None))
    try:
        failed = nvrtc.nvrtcCompileProgram(program, len(options), given)
        size = ctypes.c_size_t()
        _require(nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
        log = ctypes.create_string_buffer(size.value)
        _require(nvrtc.nvrtcGetProgramLog(program, log))
        return log.value.decode() or ("it does not compile, and does not say why" if failed else "")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _require(status: int) -> None:
    if status:
        raise RuntimeError(f"NVRTC answers with error {status}.")
