"""What is kept in memory is what was read, once, and nobody can change it."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.data import ColorJitter, Compose, DataLoader, InMemory, RandomCrop, RandomHorizontalFlip, Scenes


class Counting(Scenes):
    read = 0

    def __getitem__(self, index, /):
        self.read += 1
        return super().__getitem__(index)


def test_a_sample_is_read_once_and_stays_the_same():
    source = Counting(5, size=(20, 28))
    data = InMemory(source)
    assert len(data) == 5
    assert (data.name, data.classes) == (source.name, source.classes)
    assert data.mean is source.mean and data.std is source.std and data.palette is source.palette
    for _ in range(3):
        assert np.array_equal(data[4].image, Scenes(5, size=(20, 28))[4].image)
    assert data[-1] is data[4]
    assert source.read == 1
    with pytest.raises(ValueError, match="read-only"):
        data[4].image[0, 0] = 0
    with pytest.raises(IndexError, match="scenes: sample 5 does not exist; there are 5"):
        data[5]


def test_batches_are_those_of_the_source_with_every_transform():
    source = Scenes(6, size=(20, 28))
    changes = Compose([RandomCrop((24, 18)), RandomHorizontalFlip(), ColorJitter(0.3, 0.3, 0.3)])
    kept = DataLoader(InMemory(source), 4, shuffle=True, transform=changes, seed=1)
    plain = DataLoader(source, 4, shuffle=True, transform=changes, seed=1)
    for _ in range(2):  # the second time from memory
        for a, b in zip(kept, plain, strict=True):
            assert np.array_equal(a.images, b.images)
            assert np.array_equal(a.labels, b.labels)
