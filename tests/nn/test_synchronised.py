"""nn.SyncBatchNorm: the layer, and how a network comes to have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, nn
from minifcn.machine.processes import ProcessGroup
from minifcn.models import FCN
from tests.parallel.group import in_threads


def test_every_batch_norm_of_a_network_becomes_one_and_keeps_what_it_has() -> None:
    generator = np.random.default_rng(0)
    net = FCN("small", 3, 8, width=1 / 8, generator=generator)
    count = sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())
    before, order = list(net.parameters()), list(net.state_dict())
    assert nn.SyncBatchNorm.convert_sync_batchnorm(net) is net
    assert count and sum(type(layer) is nn.SyncBatchNorm for layer in net.modules()) == count
    assert [id(p) for p in net.parameters()] == [id(p) for p in before] and list(net.state_dict()) == order
    nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()) == count


@pytest.mark.parametrize("affine", [True, False])
def test_in_lists_in_dicts_and_alone(affine: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.many: Any = [nn.BatchNorm2d(2), 3, nn.ReLU()]
            self.named: Any = {"a": nn.Sequential(nn.BatchNorm2d(2, 0.5, 0.25, affine)), "b": "text"}

    net = Net()
    nn.SyncBatchNorm.convert_sync_batchnorm(net)
    inner = net.named["a"][0]
    assert type(net.many[0]) is type(inner) is nn.SyncBatchNorm and net.many[1] == 3 and net.named["b"] == "text"
    assert (inner.eps, inner.momentum, inner.weight is not None) == (0.5, 0.25, affine)
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm2d(4))) is nn.SyncBatchNorm


@pytest.mark.parametrize("momentum", [0.1, None])
def test_it_is_batch_norm_of_all_images(momentum: float | None) -> None:
    X = np.random.default_rng(2).standard_normal((3, 2, 4, 4)).astype(np.float32)
    whole = nn.BatchNorm2d(2, momentum=momentum)
    expected = [whole(Tensor(X)).data, whole(Tensor(X + 1)).data]

    def part(group: ProcessGroup) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        layer = nn.SyncBatchNorm(2, momentum=momentum, process_group=group)
        mine = X[group.rank :: group.size]
        trained = [layer(Tensor(x)).data for x in (mine, mine + 1)]
        return trained, [b.data for b in layer.buffers()], layer.eval()(Tensor(mine)).data

    for rank, (trained, buffers, evaluated) in enumerate(in_threads(2, part)):
        for mine, all_ in zip(trained, expected, strict=True):
            np.testing.assert_allclose(mine, all_[rank::2], rtol=1e-5, atol=1e-5)
        for mine, all_ in zip(buffers, whole.buffers(), strict=True):
            np.testing.assert_allclose(mine, all_.data, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(evaluated, whole.eval()(Tensor(X[rank::2])).data, rtol=1e-4, atol=1e-5)


def test_alone_it_is_batch_norm_to_the_bit() -> None:
    x = Tensor(np.random.default_rng(3).standard_normal((2, 2, 3, 3)).astype(np.float32))
    assert np.array_equal(nn.SyncBatchNorm(2)(x).data, nn.BatchNorm2d(2)(x).data)
