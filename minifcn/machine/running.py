"""One operation run on its arrays: where they live, noted if there is a profile, told clearly if memory runs out."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.errors import AllocationError
from minifcn.machine.backend import Array, at_home
from minifcn.machine.limits import out_of_memory, ran_out
from minifcn.machine.profiling import running


def run(operation: Any, arrays: tuple[Array, ...]) -> Array:
    """operation.forward(*arrays)."""
    record = running()
    try:
        with at_home(arrays[0]):
            array = operation.forward(*arrays) if record is None else record.forward(operation, arrays)
    except AllocationError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise out_of_memory(operation.name, arrays) from error
    # NumPy's answer for arrays of no dimensions is a scalar, without memory.
    return np.asarray(array) if isinstance(array, np.generic) else array
