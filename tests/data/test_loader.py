"""Batches: the same bits from (seed, epoch, sample), however they are reached."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from minifcn.data import (
    VOID,
    Batch,
    ColorJitter,
    Compose,
    DataLoader,
    RandomCrop,
    RandomHorizontalFlip,
    RandomScale,
    Sample,
    Scenes,
    collate,
    normalize,
)  # fmt: skip
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.tensor import Tensor
from tests.training.tiny import Pictures, loader

SCENES = Scenes(11, size=(20, 28), seed=2)
CHANGES = Compose([RandomScale(0.7, 1.4), RandomCrop((16, 24)), RandomHorizontalFlip(), ColorJitter(0.2, 0.2, 0.2)])


def equal(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x.images, y.images) and np.array_equal(x.labels, y.labels) and x.names == y.names
        for x, y in zip(a, b, strict=True)
    )


def test_normalize_is_the_formula():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    mean, std = np.array([10, 20.5, 30], np.float32), np.array([2, 4, 8], np.float32)
    result = normalize(image, mean, std)
    assert result.dtype == np.float32
    assert result.shape == (3, 4, 6)
    assert result.flags.c_contiguous
    assert np.array_equal(result, ((image - mean) / std).transpose(2, 0, 1))
    assert np.array_equal(normalize(image[::-1, ::2], mean, std), result[:, ::-1, ::2])
    with pytest.raises(
        ArgumentError, match=r"normalize: the image is float64 \(4, 6, 3\); it must be uint8 \(H, W, 3\)"
    ):
        normalize(image / 255, mean, std)
    with pytest.raises(ArgumentError, match=r"the image is uint8 \(3, 4, 6\)"):
        normalize(image.transpose(2, 0, 1), mean, std)


def test_batches_hold_every_sample_once_and_in_order():
    batches = list(DataLoader(SCENES, 4))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert batches[0].images.dtype == np.float32
    assert batches[0].labels.dtype == np.uint8
    assert sum((batch.names for batch in batches), ()) == tuple(scene.name for scene in SCENES)
    for number, batch in enumerate(batches):
        for n in range(len(batch)):
            scene = SCENES[4 * number + n]
            assert np.array_equal(batch.images[n], normalize(scene.image, SCENES.mean, SCENES.std))
            assert np.array_equal(batch.labels[n], scene.label)


def test_drop_last_and_lengths():
    assert len(DataLoader(SCENES, 4)) == 3
    assert [len(batch) for batch in DataLoader(SCENES, 4, drop_last=True)] == [4, 4]
    assert len(DataLoader(SCENES, 11, drop_last=True)) == 1
    assert [len(batch) for batch in DataLoader(SCENES, 50)] == [11]


def test_each_epoch_has_its_own_order_of_all_samples():
    loader = DataLoader(SCENES, 4, shuffle=True, seed=5)
    orders = []
    for epoch in range(6):
        loader.set_epoch(epoch)
        orders.append(tuple(loader.order()))
        assert sorted(orders[-1]) == list(range(11))
        assert sum((batch.names for batch in loader), ()) == tuple(SCENES[i].name for i in orders[-1])
    assert len(set(orders)) == 6
    assert DataLoader(SCENES, 4, shuffle=True, seed=6).order() != list(orders[0])


@pytest.mark.case(58)
@pytest.mark.parametrize("prefetch", [False, True])
def test_a_resumed_run_sees_the_same_bits(prefetch):
    def loader(**options):
        return DataLoader(SCENES, 3, shuffle=True, transform=CHANGES, seed=9, **options)

    whole = loader()
    seen = []
    for epoch in range(3):
        whole.set_epoch(epoch)
        seen.append(list(whole))
    resumed = loader(prefetch=prefetch)
    resumed.set_epoch(2)
    assert equal(list(resumed), seen[2])
    assert equal(list(resumed), seen[2])  # iterating does not advance the epoch
    assert equal(list(resumed.batches(2)), seen[2][2:])
    assert list(resumed.batches(4)) == []
    assert not equal(seen[0], seen[1])


@pytest.mark.case(58)
def test_a_change_belongs_to_epoch_and_sample_not_to_its_place():
    """The same sample in another batch and another order is changed in the same way; in another epoch in another."""

    def of(epoch, size, shuffle):
        loader = DataLoader(SCENES, size, shuffle=shuffle, transform=CHANGES, seed=4)
        loader.set_epoch(epoch)
        return {name: batch.images[n] for batch in loader for n, name in enumerate(batch.names)}

    plain, mixed, later = of(1, 4, False), of(1, 3, True), of(2, 4, False)
    assert all(np.array_equal(plain[name], mixed[name]) for name in plain)
    assert not any(np.array_equal(plain[name], later[name]) for name in plain)


def test_sizes_that_differ_are_padded_below_and_right_with_mean_and_void():
    generator = np.random.default_rng(0)
    samples = [
        Sample(
            generator.integers(0, 256, (h, w, 3), dtype=np.uint8),
            generator.integers(0, 8, (h, w), dtype=np.uint8),
            f"{h}",
        )
        for h, w in [(4, 9), (7, 3), (5, 5)]
    ]
    batch = collate(samples, SCENES.mean, SCENES.std)
    assert batch.images.shape == (3, 3, 7, 9)
    assert batch.labels.shape == (3, 7, 9)
    for n, sample in enumerate(samples):
        h, w = sample.size
        assert np.array_equal(batch.images[n, :, :h, :w], normalize(sample.image, SCENES.mean, SCENES.std))
        assert np.array_equal(batch.labels[n, :h, :w], sample.label)
        outside = np.ones((7, 9), bool)
        outside[:h, :w] = False
        assert (batch.images[n][:, outside] == 0).all()
        assert (batch.labels[n][outside] == VOID).all()
    with pytest.raises(ArgumentError, match="collate: there is no sample"):
        collate([], SCENES.mean, SCENES.std)


class Broken:
    name, classes = "broken", ("a", "b")
    palette = np.zeros((2, 3), np.uint8)
    mean, std = np.zeros(3, np.float32), np.ones(3, np.float32)

    def __init__(self, count: int = 6) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            np.zeros((3, 4, 3), np.uint8), np.full((3, 4), 2 if index == 4 else 1, np.uint8), f"sample {index}"
        )


def threads() -> int:
    return sum(thread.name.startswith("minifcn-data") for thread in threading.enumerate())


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_bad_sample_stops_the_loop_at_its_batch_and_is_named(prefetch):
    seen = 0
    with pytest.raises(FileError, match="sample 4: the label holds value 2, but the 2 classes are 0..1"):
        for _ in DataLoader(Broken(), 2, prefetch=prefetch):
            seen += 1
    assert seen == 2
    assert threads() == 0


def test_no_thread_outlives_a_loop_that_was_left():
    iterator = iter(DataLoader(SCENES, 2, prefetch=True))
    next(iterator)
    assert threads() == 1
    iterator.close()
    assert threads() == 0
    with pytest.raises(KeyError):
        for _ in DataLoader(SCENES, 2, prefetch=True):
            raise KeyError
    assert threads() == 0


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"batch_size": 0}, ArgumentError, "DataLoader: batch_size is 0; it must be between 1 and"),
        ({"batch_size": 2.5}, ArgumentTypeError, "batch_size must be an integer, not 2.5"),
        ({"batch_size": 2, "seed": -1}, ArgumentError, "DataLoader: seed is -1"),
        ({"batch_size": 2, "transform": 3}, ArgumentTypeError, "transform 3 cannot be called"),
        (
            {"batch_size": 12, "drop_last": True},
            ArgumentError,
            "with drop_last there is no full batch of 12 in 11 samples",
        ),
    ],
)
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        DataLoader(SCENES, **arguments)


def test_other_bad_arguments():
    loader = DataLoader(SCENES, 4)
    with pytest.raises(ArgumentError, match="DataLoader.set_epoch: epoch is -1"):
        loader.set_epoch(-1)
    with pytest.raises(ArgumentError, match="DataLoader.batches: first is 4; it must be between 0 and 3"):
        loader.batches(4)
    with pytest.raises(ArgumentError, match="DataLoader: the data set is empty"):
        DataLoader(Broken(0), 1)


def test_a_batch_is_taken_apart_as_in_pytorch() -> None:
    scenes = Scenes(3, (16, 24), seed=1)
    loader = DataLoader(scenes, batch_size=2)
    for (images, labels), batch in zip(loader, loader, strict=True):
        assert isinstance(images, Tensor) and isinstance(labels, Tensor)
        assert np.array_equal(images.numpy(), batch.images) and np.array_equal(labels.numpy(), batch.labels)


@pytest.mark.parametrize("replicas", [1, 2, 3, 5])
def test_shares_together_are_the_batches(replicas: int) -> None:
    """Number rank, rank + replicas, ... of every batch; that of rank 0 is never empty, and one that is has a size."""
    whole = list(loader(Pictures(7), 3))
    shares = [list(loader(Pictures(7), 3, rank=rank, num_replicas=replicas)) for rank in range(replicas)]
    assert loader(Pictures(7), 3).images(0) == 3 and loader(Pictures(7), 3).images(2) == 1
    for number, batch in enumerate(whole):
        for rank, share in enumerate(batches[number] for batches in shares):
            assert share.names == batch.names[rank::replicas] and len(share) == len(share.images)
            assert np.array_equal(share.images, batch.images[rank::replicas])
            assert np.array_equal(share.labels, batch.labels[rank::replicas])
        assert len(shares[0][number]) > 0


def test_a_share_is_one_of_those_that_there_are() -> None:
    with pytest.raises(ArgumentError, match="DataLoader: rank is 2; it must be between 0 and 1"):
        loader(Pictures(2), rank=2, num_replicas=2)
    with pytest.raises(ArgumentError, match="DataLoader: num_replicas is 0"):
        loader(Pictures(2), num_replicas=0)
    assert "rank=1, num_replicas=2" in repr(loader(Pictures(2), rank=1, num_replicas=2))
    assert "rank" not in repr(loader(Pictures(2)))
