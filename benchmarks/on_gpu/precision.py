"""float32, or TF32: float32 of which products read 10 binary digits; the same for both libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import minifcn

FP32, TF32 = "fp32", "tf32"
NAMES = {FP32: "highest", TF32: "high"}


@contextmanager
def precision(name: str, torch: Any) -> Iterator[None]:
    """Inside, products of float32 are made in `name`; afterwards in float32. torch: the module, or None."""
    choose(name, torch)
    try:
        yield
    finally:
        choose(FP32, torch)


def choose(name: str, torch: Any) -> None:
    minifcn.set_float32_matmul_precision(NAMES[name])
    if torch is not None:
        torch.backends.cuda.matmul.allow_tf32 = name == TF32
        torch.backends.cudnn.allow_tf32 = name == TF32
