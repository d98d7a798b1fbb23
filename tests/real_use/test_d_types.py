"""D7: a type checker knows what the library takes and gives. A file of right and wrong uses goes through mypy, once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minifcn

# A line that is wrong names the error that mypy has to report there; nothing else may be reported.
USES = """
from typing import assert_type

import numpy as np

import minifcn
from minifcn import Tensor, nn, optim
from minifcn import functional as F

x = Tensor(np.zeros((2, 3, 8, 8), np.float32), requires_grad=True)
weight = minifcn.zeros(4, 3, 3, 3)
labels = np.zeros((2, 8, 8), np.uint8)

# functional
assert_type(F.conv2d(x, weight, None, stride=(1, 2), padding=1), Tensor)
assert_type(F.max_pool2d(x, 2), Tensor)
assert_type(F.max_pool2d(x, 2, return_indices=True), tuple[Tensor, Tensor])
assert_type(F.interpolate(x, scale_factor=2.0, mode="bilinear"), Tensor)
assert_type(F.cross_entropy(x, labels), Tensor)
assert_type(F.relu(x) + 1 - x * np.float32(2), Tensor)
F.conv2d(3, "a", stride=None)  # arg-type
F.conv2d(x, weight, stride="2")  # arg-type
F.conv2d(x)  # call-arg
F.relu(x, x, x)  # call-arg
F.softmax(x, dim="1")  # arg-type
F.no_such_operation(x)  # attr-defined
F.cat(x, dim=None)  # arg-type
F.reshape(x, "a")  # arg-type
F.dropout(x, 0.5, generator=0)  # arg-type

# Tensor
assert_type(x.exp().mean(), Tensor)
assert_type(x.sum(dim=(2, 3)), Tensor)
assert_type(x.sum(axis=1), Tensor)
assert_type(x.view(2, -1).unsqueeze(0).squeeze().clone(), Tensor)
assert_type(x.max(), Tensor)
values, indices = x.max(dim=1)
assert_type(values, Tensor)
assert_type(x.max(1).indices, Tensor)
assert_type(x[0], Tensor)
assert_type(2**x / 3 @ x, Tensor)
assert_type(x > 0, Tensor)
assert_type(x.numel(), int)
assert_type(x.shape, tuple[int, ...])
assert_type(x.float().cpu().detach(), Tensor)
assert_type(x.add_(1.0).zero_(), Tensor)
x += 1.0
x -= 0.1 * x
assert_type(x, Tensor)
assert_type(minifcn.grad(x.sum(), x), tuple[Tensor, ...])
x.softmax()  # call-arg
x.transpose("a", 1)  # arg-type
x.max(dim="a")  # call-overload
x.clamp("low")  # arg-type
x.no_such_method()  # attr-defined

# minifcn
assert_type(minifcn.zeros(2, 3, dtype=np.float64), Tensor)
assert_type(minifcn.randn(2, generator=np.random.default_rng(0)), Tensor)
assert_type(minifcn.cat([x, x], 1), Tensor)
assert_type(minifcn.where(x > 0, x, 0.0), Tensor)
assert_type(minifcn.load("a.safetensors"), dict[str, Tensor])
minifcn.zeros(2, requires_grad="yes")  # typeddict-item|arg-type
minifcn.manual_seed("0")  # arg-type
minifcn.randn(2, generator=0)  # arg-type

# nn
conv = nn.Conv2d(3, 4, (3, 3), padding=1)
assert_type(conv(x), Tensor)
assert_type(nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU())(x), Tensor)
assert_type(nn.MaxPool2d(2)(x), Tensor)
assert_type(nn.ConvTranspose2d(3, 4, 2)(x, output_size=(9, 9)), Tensor)
assert_type(nn.CrossEntropyLoss()(x, labels), Tensor)
assert_type(nn.Sequential(conv)[:1], nn.Sequential)
assert_type(list(conv.parameters()), list[nn.Parameter])
assert_type(conv.state_dict(), dict[str, Tensor])
conv(3)  # arg-type
conv(x, x)  # call-arg
nn.ReLU()(x, x)  # call-arg
nn.CrossEntropyLoss()(x)  # call-arg
nn.Conv2d(3, 4, "3")  # arg-type
nn.Conv2d(3)  # call-arg
nn.init.kaiming_normal_(3)  # arg-type


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.blocks = nn.ModuleList([nn.ReLU()])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.conv(x)


# optim
net = Net()
optimizer = optim.RMSprop(net.parameters(), lr=0.1)
schedule = optim.lr_scheduler.StepLR(optimizer, 3)
assert_type(schedule.get_last_lr(), list[float])
optim.SGD(net)  # arg-type
optim.SGD(net.parameters(), lr="0.1")  # arg-type
optim.lr_scheduler.StepLR(net, 3)  # arg-type
"""


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, set[str]]:
    """{line: the codes of its errors}, as mypy reports them."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("types")
    (folder / "uses.py").write_text(USES, encoding="utf-8")
    root = Path(minifcn.__file__).parent.parent
    # An installed package is found by its py.typed, and mypy refuses to be led into site-packages.
    path = {} if root.name == "site-packages" else {"MYPYPATH": str(root)}
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-pretty", "--hide-error-context", "uses.py"],
        cwd=folder,
        env=os.environ | path,
        capture_output=True,
        text=True,
    )
    assert answer.returncode in (0, 1) and not answer.stderr, answer.stdout + answer.stderr
    found: dict[int, set[str]] = {}
    for line, code in re.findall(r"^uses\.py:(\d+): error: .*\[([\w-]+)\]$", answer.stdout, re.MULTILINE):
        found.setdefault(int(line), set()).add(code)
    return found


def test_d7_a_type_checker_refuses_what_is_wrong_and_nothing_else(reported: dict[int, set[str]]) -> None:
    lines = USES.splitlines()
    expected = {n: set(line.partition("  # ")[2].split("|")) for n, line in enumerate(lines, 1) if "  # " in line}
    missed = [lines[n - 1] for n in expected if n not in reported]
    assert not missed, "mypy takes what is wrong: " + "; ".join(missed)
    wrong = {lines[n - 1]: codes for n, codes in reported.items() if not codes & expected.get(n, set())}
    assert not wrong, f"mypy reports what is right, or something else: {wrong}"


def test_d7_the_layers_say_what_they_compute() -> None:
    """Formula and shapes stand in the docstring of each, not only where to look them up."""
    for name in minifcn.nn.__all__:
        layer = getattr(minifcn.nn, name)
        if isinstance(layer, type) and issubclass(layer, minifcn.nn.Module):
            text = layer.__doc__ or ""
            assert text and not text.startswith("See "), f"nn.{name} only says where to look"
