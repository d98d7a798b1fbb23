"""Sums between the GPUs of a process group, by NVIDIA's NCCL: from card to card, without a way through the host.

This has been run against a double of NCCL. It has not been run on a card.
"""

from __future__ import annotations

import numpy as np

from minifcn.machine.backend import Array, array_module, at_home, cupy_module
from minifcn.machine.processes import ProcessGroup

DTYPES = {"f": "NCCL_FLOAT32", "d": "NCCL_FLOAT64"}
LETTERS = 128  # of the unique id that NCCL draws, by which the cards of a group find one another


class Cards:
    """One card of each process. Made together, with an array of the card of this process.

    local_size   how many processes are on this machine
    usable       whether NCCL is there for all of them, and no two share a card, which it does not allow
    """

    def __init__(self, group: ProcessGroup, local_size: int, x: Array) -> None:
        cuda = cupy_module().cuda
        self.nccl = cuda.nccl
        able = self.nccl.available and local_size <= cuda.runtime.getDeviceCount()
        self.usable = not group.any(not able)
        if self.usable:
            # Bytes, with or without a sign.
            name = np.array(self.nccl.get_unique_id() if group.rank == 0 else [0] * LETTERS, np.int16)
            with at_home(x):
                self.communicator = self.nccl.NcclCommunicator(
                    group.size, tuple(group.broadcast(name).tolist()), group.rank
                )

    def all_reduce(self, x: Array) -> Array:
        """Σ x over the cards, in NCCL's order, as a new array. Together."""
        with at_home(x):
            total = array_module(x).array(x, order="C")
            place, kind = total.data.ptr, getattr(self.nccl, DTYPES[x.dtype.char])
            stream = cupy_module().cuda.get_current_stream()
            self.communicator.allReduce(place, place, total.size, kind, self.nccl.NCCL_SUM, stream.ptr)
        return total
