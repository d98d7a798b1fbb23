"""Batches for the network: samples in a seeded order, changed at random, normalised, and padded to one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minifcn.data.sample import Dataset, Image, Sample, check_sample, integer_in
from minifcn.data.transforms import Transform
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID
from minifcn.tensor import Tensor, as_tensor

ORDER, CHANGE = 0, 1  # two kinds of random numbers, so that neither repeats the other


@dataclass(frozen=True, eq=False)
class Batch:
    """images float32 (N, 3, H, W), normalised; labels uint8 (N, H, W), 255 is void; names, one per sample.

    `for images, labels in loader` gives both as Tensors.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((as_tensor(self.images), as_tensor(self.labels)))


def normalize(image: Image, mean: NDArray[np.float32], std: NDArray[np.float32]) -> NDArray[np.float32]:
    """(x - mean) / std of each channel: uint8 (H, W, 3) -> float32 (3, H, W). mean, std: (3,), in 0..255."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ArgumentError(f"normalize: the image is {image.dtype} {image.shape}; it must be uint8 (H, W, 3).")
    values = np.empty((3, *image.shape[:2]), dtype=np.float32)
    for c in range(3):
        np.subtract(image[:, :, c], np.float32(mean[c]), out=values[c])
        values[c] /= np.float32(std[c])
    return values


def collate(samples: Sequence[Sample], mean: NDArray[np.float32], std: NDArray[np.float32]) -> Batch:
    """One batch of all samples; smaller ones are padded at the bottom and the right with the mean colour and void.

    The mean colour is 0 once normalised, so what is padded looks to the network as its own zero padding does.
    """
    if not samples:
        raise ArgumentError("collate: there is no sample to make a batch of.")
    H = max(sample.size[0] for sample in samples)
    W = max(sample.size[1] for sample in samples)
    images = np.zeros((len(samples), 3, H, W), dtype=np.float32)
    labels = np.full((len(samples), H, W), VOID, dtype=np.uint8)
    for n, sample in enumerate(samples):
        h, w = sample.size
        images[n, :, :h, :w] = normalize(sample.image, mean, std)
        labels[n, :h, :w] = sample.label
    return Batch(images, labels, tuple(sample.name for sample in samples))


class DataLoader:
    """A data set in batches: `for batch in loader` goes through it once, which is an epoch.

    dataset      what to take samples from
    batch_size   samples in a batch; the last batch of an epoch has those that are left
    shuffle      whether each epoch has an order of its own; otherwise samples come in the order of the data set
    transform    changes each sample at random, with a generator of that sample's own; see transforms.py
    seed         decides about order and changes; 0 <= seed < 2**64
    drop_last    leave the last batch out if it is smaller than the others
    prefetch     make the next batch in a thread while the caller works on this one
    rank, num_replicas   of so many processes this is number `rank`, and its batches are shares: of the images of a
                 batch number rank, rank + num_replicas, ...; a share may hold none (N = 0), but for that of rank 0

    An epoch has a number, which `set_epoch(k)` sets; going through the loader does not advance it, the training loop
    does. What a batch holds follows from (seed, epoch, its place in the epoch) alone, not from the batches before it,
    nor from the thread or process that makes it. So a training that stopped in the middle of epoch k sees the same
    bits as one that did not, after `set_epoch(k)` and from `batches(first)` on, which leaves out the first batches.

    Raises ArgumentError for a number out of range, an empty data set, and drop_last without one full batch;
    ArgumentTypeError for what is no integer, or a transform that cannot be called.
    """

    def __init__(
        self, dataset: Dataset, batch_size: int, shuffle: bool = False, transform: Transform | None = None,
        seed: int = 0, drop_last: bool = False, prefetch: bool = False, rank: int = 0, num_replicas: int = 1,
    ) -> None:  # fmt: skip
        if not hasattr(dataset, "classes") or not hasattr(dataset, "mean"):
            raise ArgumentTypeError(
                f"DataLoader: the data set knows its classes and colours, got {type(dataset).__name__}; make one of "
                f"(image, label) arrays with InMemory.of(pairs, classes)."
            )
        self.dataset = dataset
        self.batch_size = integer_in(batch_size, "DataLoader: batch_size", 1, 2**31 - 1)
        self.seed = integer_in(seed, "DataLoader: seed", 0, 2**64 - 1)
        self.num_replicas = integer_in(num_replicas, "DataLoader: num_replicas", 1, 2**31 - 1)
        self.rank = integer_in(rank, "DataLoader: rank", 0, self.num_replicas - 1)
        if transform is not None and not callable(transform):
            raise ArgumentTypeError(f"DataLoader: transform {transform!r} cannot be called; pass a transform or None.")
        self.shuffle, self.transform, self.drop_last, self.prefetch = shuffle, transform, drop_last, prefetch
        self.epoch = 0
        if len(dataset) == 0:
            raise ArgumentError("DataLoader: the data set is empty; it must hold at least one sample.")
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: with drop_last there is no full batch of {self.batch_size} in {len(dataset)} samples; "
                "make batch_size smaller or leave drop_last out."
            )

    def __repr__(self) -> str:
        settings = {
            "batch_size": self.batch_size, "shuffle": self.shuffle, "transform": self.transform, "seed": self.seed,
            "drop_last": self.drop_last, "prefetch": self.prefetch,
        }  # fmt: skip
        if self.num_replicas > 1:
            settings |= {"rank": self.rank, "num_replicas": self.num_replicas}
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"DataLoader({self.dataset!r}, {shown}): {len(self)} batches"

    def __len__(self) -> int:
        """The number of batches of an epoch."""
        count = len(self.dataset)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def images(self, number: int) -> int:
        """How many images batch `number` of an epoch has, in all processes together."""
        return min(self.batch_size, len(self.dataset) - number * self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives, counted from 0."""
        self.epoch = integer_in(epoch, "DataLoader.set_epoch: epoch", 0, 2**32 - 1)

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """The batches of the chosen epoch, from number `first` on."""
        first = integer_in(first, "DataLoader.batches: first", 0, len(self))
        epoch, order = self.epoch, self.order()
        chosen = [order[b * self.batch_size : (b + 1) * self.batch_size] for b in range(first, len(self))]
        if self.prefetch:
            return self._ahead(epoch, chosen)
        return (self._batch(epoch, indices) for indices in chosen)

    def order(self) -> list[int]:
        """The indices of all samples in the order of the chosen epoch."""
        count = len(self.dataset)
        return self._rng(ORDER, self.epoch).permutation(count).tolist() if self.shuffle else list(range(count))

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _batch(self, epoch: int, indices: list[int]) -> Batch:
        samples = []
        share = indices[self.rank :: self.num_replicas]
        for index in share or indices[:1]:
            sample = check_sample(self.dataset[index], len(self.dataset.classes))
            if self.transform is not None:
                sample = self.transform(sample, self._rng(CHANGE, epoch, index))
            samples.append(sample)
        batch = collate(samples, self.dataset.mean, self.dataset.std)
        return batch if share else Batch(batch.images[:0], batch.labels[:0], ())

    def _ahead(self, epoch: int, chosen: list[list[int]]) -> Iterator[Batch]:
        # Leaving the block waits for the one batch under way: no thread outlives the loop, however it ends.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="minifcn-data") as thread:
            waiting: Future[Batch] | None = None
            for indices in chosen:
                following = thread.submit(self._batch, epoch, indices)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()
