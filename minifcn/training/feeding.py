"""Batches on their way to the device that computes on them.

A copy to a GPU takes time in which the GPU could compute. So there are two slots, each with memory for one batch on
both sides, and while the GPU computes on the batch in one slot, the next batch goes into the other:

    host         batch 2 to the page-locked memory of slot 0      batch 3 to that of slot 1       ...
    copies       |                batch 2 -> slot 0               |        batch 3 -> slot 1      ...
    computation  |        on batch 1, which is in slot 1          |  on batch 2, in slot 0        ...

The three lines are the host and two streams of the GPU. They run side by side and know nothing of one another: whoever
touches what another may still be using has to wait for it. Where that is, a comment says who waits, for whom and why.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import numpy as np

from minifcn.data import Batch
from minifcn.errors import AllocationError
from minifcn.machine.backend import Array, at_home, cupy_module, device_of, is_cupy, to_device
from minifcn.tensor import Tensor, as_tensor

Fed = tuple[Batch, Tensor, Tensor]

BOUNDARY = 512  # bytes; CuPy lets every array begin at a multiple of it


def on_device(batches: Iterator[Batch], device: str) -> Generator[Fed, None, None]:
    """(batch, images, labels) one after the other, images (N, 3, H, W) and labels (N, H, W) as Tensors on `device`.

    On a CPU they are the batch's own arrays. On a GPU the Tensors are yours until you ask for the next ones: then their
    memory is used again, and a graph that still needs them raises GraphError in backward. What you told the GPU to
    compute from them before is computed from the right values; you need not wait for it. Compute on one stream, the one
    that is CuPy's current stream when you ask for a batch (without a word from you it is always the same).

    One batch more is taken from `batches` than you have asked for. If that fails you hear of it after the batch before.
    However you stop, `batches` is closed and nothing is left running.

    Raises ArgumentError for an unknown device, AllocationError for a batch that there is no memory for.
    """
    home = to_device(np.empty(0, np.uint8), device)  # which knows all the names, and what is wrong with a device
    return _copied(batches, home) if is_cupy(home) else _shared(batches)


def _shared(batches: Iterator[Batch]) -> Generator[Fed, None, None]:
    with _closing(batches):
        for batch in batches:
            yield batch, as_tensor(batch.images), as_tensor(batch.labels)


def _copied(batches: Iterator[Batch], home: Array) -> Generator[Fed, None, None]:
    with _closing(batches), _stream_for_copies(home) as stream:
        waiting: _Slot | None = None
        failure: Exception | None = None
        for slot in cycle([_Slot(stream, home), _Slot(stream, home)]):
            try:
                batch = next(batches, None)
            except Exception as error:  # said below: the batch before this one is whole
                batch, failure = None, error
            if batch is not None:
                slot.fill(batch)
            if waiting is not None:
                yield waiting.give()
            if batch is None:
                break
            waiting = slot
        if failure is not None:
            raise failure


@contextmanager
def _closing(batches: Iterator[Batch]) -> Iterator[None]:
    """An iterator need not have `close`; a DataLoader's has, and ends its thread there."""
    try:
        yield
    finally:
        getattr(batches, "close", lambda: None)()


@contextmanager
def _stream_for_copies(home: Array) -> Iterator[Any]:
    """A stream of the device of `home` that takes no notice of any other stream (non-blocking)."""
    with at_home(home):
        stream = cupy_module().cuda.Stream(non_blocking=True)
    try:
        yield stream
    finally:
        # The host waits for the last copy: now the slots give their memory back to CuPy's two pools, whose next owners
        # would have it while the copy still reads the one and writes the other. This takes time only if somebody stops
        # early; otherwise the last copy came before the last results.
        with at_home(home):
            stream.synchronize()


def _aligned(size: int) -> int:
    """The number of bytes after which the next array may begin."""
    return -(-size // BOUNDARY) * BOUNDARY


class _Slot:
    """Memory for one batch: `host`, page-locked, and `memory`, on the device; the images' bytes, then the labels'.

    Only from page-locked memory is a copy asynchronous: any other is first copied to such memory by the driver, and the
    host waits for that. Both grow when a batch does not fit, and a smaller batch uses the beginning of them.
    """

    def __init__(self, stream: Any, home: Array) -> None:
        self.stream, self.home = stream, home
        self.host, self.memory = np.empty(0, np.uint8), home
        self.batch: Batch
        self.arrays: tuple[Array, ...] = ()
        self.given: tuple[Tensor, ...] = ()
        with at_home(home):
            event = cupy_module().cuda.Event
            # That nothing queued reads `memory` any more, and that the copy is done; unrecorded, they have happened.
            self.free, self.copied = event(disable_timing=True), event(disable_timing=True)

    def fill(self, batch: Batch) -> None:
        """Start the copy of `batch`. The one that was here must have been given, and the next one asked for."""
        for tensor in self.given:
            tensor.mutable()  # counts as a write, so that a graph that still needs the old values notices
        self.given = ()
        self.batch, self.arrays = batch, (batch.images, batch.labels)
        with at_home(self.home):
            # The host waits for the last copy from `host`, which is written below, or goes back to CuPy's pool of
            # page-locked memory, whose next owner would write it. That copy is two batches old, and what is computed
            # from it has been queued since: it is done, unless the host is two batches ahead of the GPU.
            self.copied.synchronize()
            size = sum(_aligned(array.nbytes) for array in self.arrays)
            if size > self.host.nbytes:
                self._grow(size)
            for array, place in zip(self.arrays, self._places(self.host), strict=True):
                place[...] = array
            # The copy waits for all that has been queued on the compute stream so far, for two reasons. The kernels of
            # the last batch in this slot read `memory`. And new memory from the pool may belong to kernels that are
            # still queued: an array goes back as soon as the host lets go of it, and the pool gives its memory only to
            # who uses the same stream, after them. The copy does not, so it has to wait.
            self.free.record(cupy_module().cuda.get_current_stream())
            self.stream.wait_event(self.free)
            # Asynchronous: from page-locked memory, and contiguous; CuPy copies what is not to memory that it forgets.
            self.memory[:size].set(self.host[:size], stream=self.stream)
            self.copied.record(self.stream)

    def give(self) -> Fed:
        """The batch and its Tensors, for what is computed from now on."""
        with at_home(self.home):
            # The compute stream waits for the copy: what is queued there from now on reads `memory`. Not the host.
            cupy_module().cuda.get_current_stream().wait_event(self.copied)
            images, labels = (as_tensor(array) for array in self._places(self.memory))
        self.given = images, labels
        return self.batch, images, labels

    def _places(self, memory: Array) -> list[Array]:
        """The images and the labels in the bytes of `memory`."""
        places, start = [], 0
        for array in self.arrays:
            places.append(memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape))
            start += _aligned(array.nbytes)
        return places

    def _grow(self, size: int) -> None:
        """Memory of `size` bytes on both sides. Nothing of the old is kept."""
        cupy = cupy_module()
        del self.host, self.memory  # so that there need not be room for both
        try:
            # Made on the compute stream, so that the pool gives it to that stream again, when it is done with: the next
            # owner comes after the kernels that read it, and so after the copy, for which they have waited. The host
            # need not. What is made on the stream for copies would be overwritten by the next copy that gets it.
            self.memory = cupy.empty(size, np.uint8)
            self.host = np.frombuffer(cupy.cuda.alloc_pinned_memory(size), np.uint8, size)  # which may hold more
        except (MemoryError, cupy.cuda.runtime.CUDARuntimeError) as error:
            raise AllocationError(
                f"on_device: there is no memory left for a batch of images {self.batch.images.shape} and its labels "
                f"on {device_of(self.home)} or, page-locked, beside it ({error}); make the batch or the images smaller."
            ) from error
