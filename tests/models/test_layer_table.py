"""The tables of the networks that branch, dilate and go back: told of every layer is what it does to an image."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, no_grad, zeros
from minifcn.errors import ArgumentError
from minifcn.models import FCN, DeconvNet, network
from minifcn.models.alignment import Trace
from minifcn.models.layer_table import rows_of, table
from minifcn.nn import Conv2d, ConvTranspose2d, Fork, MaxPool2d, Sequential


def narrow(head: str, backbone: str = "vgg16", stride: int = 8) -> Any:
    return network(head, backbone, 3, stride, width=1 / 64, generator=np.random.default_rng(0)).eval()


def told(text: str) -> dict[str, list[str]]:
    """The cells of every row of the table by its name."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("layer"))
    last = next(number for number, line in enumerate(lines) if line.startswith("together"))
    return {line.split()[0]: line.split()[1:] for line in lines[first + 1 : last]}


def test_a_row_for_every_window_behind_a_fork_that_of_the_whole() -> None:
    fork = Fork({"a": Sequential({"one": Conv2d(2, 3, 1)}), "b": Sequential({"three": Conv2d(2, 4, 3, padding=1)})})
    column = Sequential({"fork": fork, "pool": MaxPool2d(2, ceil_mode=True), "up": ConvTranspose2d(7, 2, 4, stride=2)})
    rows = list(rows_of(column, Trace(), (5, 7)))
    assert [row.name for row in rows] == ["  a.one", "  b.three", "fork", "pool", "up"]
    assert [row.size for row in rows] == [(5, 7), (5, 7), (5, 7), (3, 4), (8, 10)]
    assert [row.parameters for row in rows] == [2 * 3 + 3, 2 * 4 * 9 + 4, 0, 0, 7 * 2 * 16 + 2]
    # Every place of the result, and of what is given where each stamps.
    assert [row.operations for row in rows] == [35 * 2 * 3, 35 * 2 * 4 * 9, 0, 0, 12 * 7 * 2 * 16]
    assert [row.trace.field.size for row in rows] == [1, 3, 3, 4, 6]
    header, *lines = table(rows)
    assert "dilation" not in header and len({len(line) for line in (header, lines[0], lines[1], lines[4])}) == 1
    assert lines[2].split() == ["fork", "5x7", "1", "0", "3"]


def test_columns_in_a_column_are_gone_through() -> None:
    inner = Sequential({"conv": Conv2d(3, 2, 3), "pool": MaxPool2d(2)})
    rows = list(rows_of(Sequential({"first": inner, "last": Conv2d(2, 2, 3)}), Trace(), (12, 12)))
    assert [(row.name, row.size) for row in rows] == [
        ("first.conv", (10, 10)),
        ("first.pool", (5, 5)),
        ("last", (3, 3)),
    ]
    assert rows[-1].trace == Trace().through(inner).through(Conv2d(2, 2, 3))


@pytest.mark.parametrize("head", ["dilated", "aspp"])
def test_dilations_are_told(head: str) -> None:
    net = narrow(head)
    text = net.explain((70, 90))
    assert text.startswith(f"{net.title} on vgg16: where") and "offset (p - d*(k - 1)/2)/s" in text
    rows = told(text)
    assert rows["conv5_3"][:5] == ["3", "1", "2", "2", "10x13"]
    assert rows["score"][4:6] == ["10x13", "1/8"] and rows["score"][7] == str(net.traces["score"].field.size)
    if head == "dilated":
        assert rows["fc6"][:4] == ["7", "1", "12", "4"]
    else:
        assert [rows[f"rate{rate}.fc6"][:4] for rate in (6, 12)] == [["3", "1", "6", "6"], ["3", "1", "12", "12"]]
    assert "Two maps are added" not in text and "The score lies over the image" in text
    assert "d*(k" not in narrow("fcn").explain()
    assert repr(net).startswith(f"FCN({net.title}, backbone 'vgg16', 3 classes")


@pytest.mark.parametrize("size", [(64, 96), (37, 50), (1, 1)])
def test_a_deconvnet_there_and_back(size: tuple[int, int]) -> None:
    net = narrow("deconvnet")
    text = net.explain(size)
    rows = told(text)
    assert text.startswith("DeconvNet on vgg16: where") and "scale 1 and offset 0 again" in text
    for number in (1, 2, 3, 4, 5):
        before = {1: "conv1_2", 2: "conv2_2", 3: "conv3_3", 4: "conv4_3", 5: "conv5_3"}[number]
        assert rows[f"unpool{number}"][:3] == ["2", "2", "0"]
        assert rows[f"unpool{number}"][3:6] == rows[before][3:6], "the size, scale and offset of before the pooling"
    names = {name for name, layer in named_windows(net)}
    assert {name for name in rows if not name.startswith(("unpool", "pool"))} == names
    assert sum(int(row[7].replace(",", "")) for row in rows.values() if len(row) > 7) == sum(
        values.numel() for name, layer in named_windows(net) for values in layer.parameters()
    )
    with no_grad():
        assert net(zeros((1, 3, *size))).shape[2:] == tuple(map(int, rows["score"][3].split("x")))


def test_batch_norms_are_counted_besides() -> None:
    net = narrow("deconvnet", "small")
    text = net.explain(64)
    (shown,) = re.findall(r"^together ([\d,]+) parameters, and", text, re.M)
    (norms,) = re.findall(r"^besides these ([\d,]+) parameters of (\d+) batch norms", text, re.M)
    total = sum(values.numel() for values in net.parameters())
    assert int(shown.replace(",", "")) + int(norms[0].replace(",", "")) == total and int(norms[1]) == 23
    assert "batch norms" not in narrow("fcn").explain()


def named_windows(net: DeconvNet) -> list[tuple[str, Conv2d]]:
    found = [(name.split(".", 1), layer) for name, layer in net.named_modules() if isinstance(layer, Conv2d)]
    return [(".".join(name) if name[0].startswith("back") else name[-1], layer) for name, layer in found]


def test_no_score_of_a_deconvnet_sees_more_than_is_told() -> None:
    """A pixel further away changes nothing; one of those that are seen does."""
    net = network("deconvnet", "small", 2, width=1 / 4, generator=np.random.default_rng(0)).eval()
    rng = np.random.default_rng(1)
    net.load_state_dict({"score.weight": np.ones((2, 4, 1, 1), np.float32)}, strict=False)  # it begins at zero
    sees = int(told(net.explain())["score"][6])
    H = 2 * sees
    image = rng.standard_normal((1, 3, H, 1), dtype=np.float32)
    other = image.copy()
    other[0, :, 0] += 50
    with no_grad():
        changed = np.nonzero((net(Tensor(image)).numpy() != net(Tensor(other)).numpy()).any((0, 1, 3)))[0]
    assert sees // 4 < changed.max() < sees


def test_a_deconvnet_has_one_alignment() -> None:
    assert isinstance(network("deconvnet", "small", 2, alignment="compact", width=1 / 16), DeconvNet)
    with pytest.raises(ArgumentError, match="undoes maps that keep their size; leave 'caffe' out"):
        network("deconvnet", "small", 2, alignment="caffe", width=1 / 16)
    assert FCN("small", 2, 16, width=1 / 16).title == "FCN-16s"
