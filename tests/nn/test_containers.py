"""Sequential, ModuleList and ModuleDict: what they hold, under which names, and what they refuse."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from minifcn import Tensor, nn
from minifcn.errors import ArgumentError, ArgumentTypeError


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


def test_parts_of_a_sequential() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert net[0] is net["0"] and net[-1] is net[2] and len(net) == 3 and list(net)[1] is net[1]
    head = net[1:]
    assert type(head) is nn.Sequential and names(head) == ["2.weight", "2.bias"] and head[1] is net[2]
    assert len(net) == 3, "a slice is another container"
    np.testing.assert_array_equal(head(net[0](Tensor([[1.0, 2.0]]))).data, net(Tensor([[1.0, 2.0]])).data)
    net[-1] = nn.Linear(3, 5)
    assert net(Tensor([[1.0, 2.0]])).shape == (1, 5)
    net.append(nn.Tanh()).extend([nn.Linear(5, 2), nn.ReLU()])
    assert list(net.layers) == ["0", "1", "2", "3", "4", "5"]
    named = nn.Sequential({"2": nn.ReLU(), "a": nn.ReLU()})
    with pytest.raises(ArgumentError, match="Sequential: the name '2' of the next module is taken"):
        named.append(nn.ReLU())


def test_a_module_list_is_counted_and_called_by_its_owner() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.blocks = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
            self.blocks.append(nn.Linear(2, 1, bias=False))

        def forward(self, x: Tensor) -> Tensor:
            for block in self.blocks:
                x = block(x)
            return x

    net = Net()
    assert names(net) == ["blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias", "blocks.2.weight"]
    assert list(net.state_dict()) == names(net)
    assert net(Tensor([[1.0, 2.0]])).shape == (1, 1)
    assert type(net.blocks[:2]) is nn.ModuleList and len(net.blocks[:2]) == 2 and net.blocks[-1] is net.blocks[2]
    assert "(0): Linear" in repr(net)
    with pytest.raises(NotImplementedError, match="ModuleList does not define forward"):
        net.blocks(Tensor([1.0]))
    again = copy.deepcopy(net)
    assert names(again) == names(net) and again.blocks[0] is not net.blocks[0]


def test_a_module_dict_is_a_dict() -> None:
    heads = nn.ModuleDict({"a": nn.Linear(2, 1, bias=False)})
    heads["b"] = nn.ReLU()
    heads.update({"c": nn.Linear(1, 2, bias=False)})
    assert list(heads) == list(heads.keys()) == ["a", "b", "c"] and "a" in heads and "x" not in heads
    assert [type(module) for module in heads.values()] == [nn.Linear, nn.ReLU, nn.Linear]
    assert dict(heads.items())["a"] is heads["a"]
    del heads["b"]
    assert len(heads) == 2 and names(heads) == ["a.weight", "c.weight"]
    assert len(nn.ModuleDict()) == 0 == len(nn.ModuleList()) == len(nn.Sequential())


def test_only_modules_are_let_in() -> None:
    for make in (lambda: nn.Sequential(3), lambda: nn.ModuleList([3]), lambda: nn.ModuleDict({"0": 3})):
        with pytest.raises(ArgumentTypeError, match="0 is int, not a Module"):
            make()
    for make, message in (
        (lambda: nn.ModuleList(3), "ModuleList: a list of modules is needed, got int"),
        (lambda: nn.ModuleDict(3), "ModuleDict: a dict of modules is needed, got int"),
        (lambda: nn.ModuleDict({3: nn.ReLU()}), "ModuleDict: names are strings, got 3"),
    ):
        with pytest.raises(ArgumentTypeError, match=message):
            make()
    net = nn.Sequential(nn.ReLU())
    with pytest.raises(ArgumentTypeError, match="Sequential: 0 is str, not a Module"):
        net[0] = "ReLU"  # type: ignore[assignment]
    with pytest.raises(ArgumentError, match="Sequential: there is no module 1; there are 1"):
        net[1]
    with pytest.raises(ArgumentTypeError, match="Sequential: a module is found by an integer, got 1.0"):
        net[1.0]  # type: ignore[call-overload]


def test_the_modules_of_a_fork_are_given_the_same_and_joined_along_the_channels() -> None:
    rng = np.random.default_rng(0)
    fork = nn.Fork({"wide": nn.Conv2d(2, 3, 3, padding=1, generator=rng), "as_it_is": nn.Identity()})
    x = Tensor(rng.standard_normal((2, 2, 4, 5)).astype(np.float32))
    y = fork(x).detach().numpy()
    assert np.array_equal(y[:, :3], fork["wide"](x).detach().numpy()) and np.array_equal(y[:, 3:], x.numpy())
    assert list(fork.state_dict()) == ["wide.weight", "wide.bias"]
    with pytest.raises(ArgumentError, match="Fork: there is no module"):
        nn.Fork()
