"""Hostile systems: too little memory, 32-bit sizes, two devices, killed processes, damaged files, network, seeds."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn import Geometry, Tensor, convolution_matrix, nn, optim
from minifcn import functional as F
from minifcn.arguments import LARGEST_SIZE
from minifcn.arrays.pooling import maximum as pooling
from minifcn.arrays.pooling import unpooling
from minifcn.data import Batch
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError, FileError, MinifcnError
from minifcn.machine import limits
from minifcn.machine.backend import is_cupy, to_numpy
from minifcn.metrics import ConfusionMatrix
from minifcn.training import State, read_checkpoint, restore, save_checkpoint, train_step
from minifcn.weights import SUFFIXES
from tests.training.tiny import card, same, weights

ROOT = Path(__file__).parents[2]
KILLED_WRITER = Path(__file__).with_name("killed_writer.py")


def ones(xp: ModuleType, *shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor.of(xp.asarray(np.ones(shape, dtype)))


def image(xp: ModuleType, C: int = 1) -> Tensor:
    return ones(xp, 1, C, 3, 4)


def kernel(xp: ModuleType, C: int = 1) -> Tensor:
    return ones(xp, 1, C, 2, 3)


def winners(xp: ModuleType) -> Tensor:
    return Tensor.of(xp.zeros((1, 1, 3, 4), np.int64))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """memory(n): every device has n bytes."""
    return lambda limit: monkeypatch.setattr(limits, "memory_of", lambda device: limit)


# 52: more memory than there is ---------------------------------------------------------------------------------------

ABSURD: list[tuple[Callable[[ModuleType], object], str | tuple[str, ...], str]] = [
    (
        lambda xp: F.conv2d(image(xp), kernel(xp), padding=10**6),
        "conv2d: a result of shape (1, 1, 2000002, 2000002) in float32 takes 14.55 TiB",
        "reduce padding or cut the image into pieces",
    ),
    (
        lambda xp: F.conv2d(image(xp, 10**6), kernel(xp, 10**6), padding=(0, 10**7)),
        (
            "rows: one line of columns of shape (1000000, 3, 1, 20000002) in float32 takes 218.3 TiB",  # on a CPU
            "im2col: one output row of columns of shape (1000000, 2, 3, 1, 1, 20000002) in float32 takes 436.6 TiB",
        ),
        "reduce padding or cut the image into narrower pieces",
    ),
    (
        lambda xp: F.conv_transpose2d(image(xp), kernel(xp), stride=10**6),
        "conv_transpose2d: a result of shape (1, 1, 2000002, 3000003) in float32 takes 21.83 TiB",
        "reduce stride or cut the image into pieces",
    ),
    (
        lambda xp: convolution_matrix(kernel(xp), (3000, 4000)),
        "convolution_matrix: a dense matrix of shape (11990002, 12000000) in float32 takes 523.4 TiB",
        "use sparse=True and multiply with it as it is",
    ),
    (
        lambda xp: convolution_matrix(kernel(xp), (3000, 4000), sparse=True).T.toarray(),
        "convolution_matrix: a dense matrix of shape (12000000, 11990002) in float32 takes 523.4 TiB",
        "use sparse=True and multiply with it as it is",
    ),
    (
        lambda xp: F.interpolate(image(xp), (10**6, 10**7), mode="bilinear"),
        "interpolate: a result of shape (1, 1, 1000000, 10000000) in float32 takes 36.38 TiB",
        "choose a smaller size",
    ),
    (
        lambda xp: F.interpolate(image(xp), scale_factor=10**6),
        "interpolate: a result of shape (1, 1, 3000000, 4000000) in float32 takes 43.66 TiB",
        "choose a smaller size",
    ),
    (
        lambda xp: F.interpolate(ones(xp, 1, 1, 10**4, 1), (2 * 10**9, 1), mode="bilinear"),
        "interpolate: a ",  # the result (7.45 GiB) may fit, the weights of its rows (953.7 GiB) do not
        "choose a smaller size",
    ),
    (
        lambda xp: F.pad(image(xp), (10**6, 10**6, 10**6, 10**6)),
        "pad: a result of shape (1, 1, 2000003, 2000004) in float32 takes 14.55 TiB",
        "reduce the widths",
    ),
    (
        lambda xp: F.max_unpool2d(image(xp), winners(xp), 2, stride=10**6),
        "max_unpool2d: a result of shape (1, 1, 2000002, 3000002) in float32 takes 21.83 TiB",
        "reduce stride or kernel_size",
    ),
    (
        lambda xp: nn.Conv2d(3, 8, 10**6),
        "a weight of shape (8, 3, 1000000, 1000000) in float32 takes 87.31 TiB",
        "reduce kernel_size or the number of channels or features",
    ),
    (
        lambda xp: nn.Linear(10**7, 10**7),
        "a weight of shape (10000000, 10000000) in float32 takes 363.8 TiB",
        "reduce kernel_size or the number of channels or features",
    ),
]


@pytest.mark.case(52)
@pytest.mark.parametrize(("call", "what", "remedy"), ABSURD)
def test_more_than_all_memory_is_refused_before_it_is_asked_for(
    xp: ModuleType, call: Callable[[ModuleType], object], what: str | tuple[str, ...], remedy: str
) -> None:
    """On the machine as it is. NumPy's and CuPy's own errors are of another class: these sentences came before."""
    with pytest.raises(AllocationError) as caught:
        call(xp)
    message = str(caught.value)
    assert message.startswith(what) and message.endswith(f" of memory; {remedy}.")
    assert ", but cpu has " in message or ", but cuda:0 has " in message
    assert isinstance(caught.value, MemoryError) and isinstance(caught.value, MinifcnError)


MODEST: list[tuple[Callable[[ModuleType], object], int]] = [
    (lambda xp: F.conv2d(image(xp), kernel(xp), padding=10), 22 * 22 * 4),
    (lambda xp: F.conv2d(image(xp, 8), kernel(xp, 8), padding=(0, 50)), 8 * 2 * 3 * 102 * 4),  # one row of columns
    (lambda xp: F.conv_transpose2d(image(xp), kernel(xp), stride=10), 22 * 33 * 4),
    (lambda xp: convolution_matrix(kernel(xp), (5, 6)), (4 * 4) * (5 * 6) * 4),
    (lambda xp: F.interpolate(image(xp), (250, 260)), 250 * 260 * 4),
    (lambda xp: F.interpolate(ones(xp, 1, 1, 300, 1), (200, 1)), 200 * 64 * 8),  # the weights of the rows
    (lambda xp: F.pad(image(xp), (10, 20, 30, 40)), 73 * 34 * 4),
    (lambda xp: F.max_unpool2d(image(xp), winners(xp), 2, stride=10), 22 * 32 * 4),
]


@pytest.mark.case(52)
@pytest.mark.parametrize(("call", "needed"), MODEST)
def test_what_just_fits_is_made_and_one_byte_less_is_refused(
    xp: ModuleType, memory: Callable[[int | None], None], call: Callable[[ModuleType], object], needed: int
) -> None:
    memory(needed)
    call(xp)
    memory(needed - 1)
    with pytest.raises(AllocationError):
        call(xp)


@pytest.mark.case(52)
def test_the_sparse_matrix_has_no_such_limit(xp: ModuleType) -> None:
    """The remedy that the dense matrix names is one: a matrix of 523 TiB, and a product with it."""
    C = convolution_matrix(kernel(xp), (300, 400), sparse=True)
    y = to_numpy(C @ xp.ones(120000, np.float32))
    assert y.shape == (299 * 398,) and (y == 6).all()
    assert convolution_matrix(kernel(xp), (3000, 4000), sparse=True).shape == (2999 * 3998, 12000000)


@pytest.mark.case(52)
def test_the_limit_is_the_memory_of_the_place_where_the_array_lives(played: ModuleType) -> None:
    here, there = np.zeros(1, np.uint8), played.zeros(1, np.uint8)
    limits.require_memory("a thing", (1 << 30,), there, "make it smaller")
    with pytest.raises(AllocationError, match=r"takes 2 GiB, but cuda:0 has 1 GiB of memory; make it smaller\.$"):
        limits.require_memory("a thing", (2 << 30,), there, "make it smaller")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits.require_memory("a thing", (total,), here, "make it smaller")
    with pytest.raises(AllocationError, match="but cpu has .*; make it smaller"):
        limits.require_memory("a thing", (total + 1,), here, "make it smaller")


@pytest.mark.case(52)
@pytest.mark.parametrize("answer", [-1, ValueError("unrecognized configuration name"), None])
def test_a_system_that_does_not_say_how_much_it_has_sets_no_limit(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | int | None
) -> None:
    def sysconf(name: str) -> int:
        if isinstance(answer, Exception):
            raise answer
        return -1 if answer is None or name == "SC_PHYS_PAGES" else 4096

    if answer is None:
        monkeypatch.delattr(os, "sysconf")
    else:
        monkeypatch.setattr(os, "sysconf", sysconf)
    assert limits.memory_of.__wrapped__("cpu") is None
    monkeypatch.setattr(limits, "memory_of", limits.memory_of.__wrapped__)
    limits.require_memory("a thing", (10**30,), np.zeros(1), "make it smaller")


@pytest.mark.case(52)
@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (1 << 30, "1 GiB"), (10**19, "8.674 EiB"), (1 << 80, "1.049e+06 EiB")],
)  # fmt: skip
def test_bytes_are_told_in_units_that_one_can_read(memory: Callable[[int | None], None], count: int, text: str) -> None:
    memory(0)
    with pytest.raises(AllocationError, match=f"takes {text.replace('+', '[+]')}, but cpu has 0 bytes of memory"):
        limits.require_memory("a thing", (count,), np.zeros(1, np.uint8), "make it smaller")


# 53: more than 32 bits -----------------------------------------------------------------------------------------------

OUTPUT_SIZE = f"output size must be between 1 and {LARGEST_SIZE}, got "


@pytest.mark.case(53)
@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda xp: F.conv2d(image(xp), kernel(xp), padding=2**31),
            "conv2d: padding must be between 0 and 2147483647, got 2147483648.",
            marks=pytest.mark.case(52),
        ),
        (lambda xp: F.conv2d(image(xp), kernel(xp), padding=2**31 - 1), f"conv2d: {OUTPUT_SIZE}4294967296."),
        (lambda xp: F.conv2d(image(xp), kernel(xp), stride=2**31), "conv2d: stride must be between 1 and 2147483647, got"),
        (lambda xp: F.conv2d(image(xp), kernel(xp), dilation=2**40), "conv2d: dilation must be between 1 and 2147483647, got 1099511627776."),
        (lambda xp: F.conv_transpose2d(image(xp), kernel(xp), stride=2**31 - 1), f"conv_transpose2d: {OUTPUT_SIZE}4294967296."),
        (lambda xp: F.conv_transpose2d(image(xp), kernel(xp), padding=2**31), "conv_transpose2d: padding must be between 0"),
        (lambda xp: F.max_pool2d(image(xp), 2**31), "max_pool2d: kernel_size must be between 1 and 2147483647, got 2147483648."),
        (lambda xp: F.avg_pool2d(image(xp), 2, stride=2**63), "avg_pool2d: stride must be between 1 and 2147483647, got"),
        (lambda xp: Geometry.of_pooling((2**31 - 1, 1), (2, 1), 1, (1, 0)), f"max_pool2d: {OUTPUT_SIZE}2147483648."),
        (lambda xp: F.max_unpool2d(image(xp), winners(xp), 2, 2**31 - 1), f"max_unpool2d: {OUTPUT_SIZE}4294967296."),
        (lambda xp: F.interpolate(image(xp), (2**31, 1)), "interpolate: size must be between 1 and 2147483647, got 2147483648."),
        (lambda xp: F.interpolate(image(xp), scale_factor=2**30), "interpolate: size must be between 1 and 2147483647, got 3221225472."),
        (lambda xp: F.pad(image(xp), (2**31, 0)), "pad must be between -2147483648 and 2147483647, got 2147483648."),
        (lambda xp: F.pad(image(xp), (2**31 - 1, 2**31 - 1)), "pad: size of the result must be between 0 and 2147483647, got 4294967298."),
        (lambda xp: F.crop(image(xp), (1, 2**31)), "crop: size must be between 0 and 2147483647, got 2147483648."),
        (lambda xp: nn.Conv2d(2**31, 1, 1), "Conv2d: in_channels must be between 1 and 2147483647, got 2147483648."),
    ],
)  # fmt: skip
def test_a_size_beyond_31_bits_is_refused_given_or_computed(
    xp: ModuleType, call: Callable[[ModuleType], object], message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(xp)
    assert str(caught.value).startswith(message)


def geometries_of(kind: Callable[[int], Any]) -> list[Geometry]:
    """Three geometries; `kind` makes every number, 200 at most, though their sums and products are larger."""
    size, two, three, pad = (kind(199), kind(200)), kind(2), (kind(3), kind(5)), kind(2)
    return [
        Geometry.of_convolution(size, three, two, (pad, kind(180)), two, kind(1)),
        Geometry.of_transposed_convolution(size, three, two, pad, kind(1), kind(1), two),
        Geometry.of_pooling(size, (kind(150), kind(7)), (kind(3), two), pad, kind(1), True),
    ]


@pytest.mark.case(53)
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.uint64])
def test_a_geometry_holds_plain_ints_whatever_it_is_given(kind: Callable[[int], Any]) -> None:
    """Sizes read from an image file or an array's index are NumPy's integers, which wrap: 199 + 2·180 would be 47."""
    for given, expected in zip(geometries_of(kind), geometries_of(int), strict=True):
        assert given == expected
        for value in dataclasses.astuple(given):
            assert all(type(number) is int for number in (value if isinstance(value, tuple) else [value]))


@pytest.mark.case(53)
def test_products_of_sizes_are_exact() -> None:
    g = Geometry.of_convolution((70001, 70003), (2, 4), 1, (1, 2))
    assert g.input_pixels == 4900280003 > 2**32
    assert g.output_pixels == 70002 * 70004 == 4900420008
    vast = Geometry.of_convolution((LARGEST_SIZE, LARGEST_SIZE), 1)
    assert vast.input_pixels == (2**31 - 1) ** 2
    C = convolution_matrix(np.ones((6, 5, 2, 4), np.float32), (70001, 70003), padding=(1, 2), sparse=True)
    assert C.shape == (6 * 4900420008, 5 * 4900280003)


@pytest.mark.case(53)
def test_taps_far_out_are_where_the_relation_puts_them() -> None:
    g = Geometry.of_convolution((LARGEST_SIZE, 1), (3, 1), (2**30, 1), (7, 0), (2**29, 1))
    for k in range(3):
        met = [(i, i * 2**30 + k * 2**29 - 7) for i in range(g.output_size[0])]
        met = [(i, row) for i, row in met if 0 <= row < LARGEST_SIZE]
        rows, out_rows = g.tap(0, k)
        found = range(rows.start, rows.stop, rows.step)
        assert list(zip(range(out_rows.start, out_rows.stop), found, strict=True)) == met


@pytest.mark.case(53)
def test_flat_indices_are_64_bit(xp: ModuleType) -> None:
    """Four windows of a plane of 70000 x 50000: the last winner is pixel 3,499,999,999."""
    KH, KW = 35000, 25000
    g = Geometry.of_pooling((70000, 50000), (KH, KW))
    taps = xp.asarray(np.array([[[[0, 1], [KW, KH * KW - 1]]]], np.uint32))
    indices = to_numpy(pooling.flat_indices(taps, g))
    assert indices.dtype == np.int64
    assert indices.tolist() == [[[[0, KW + 1], [(KH + 1) * 50000, 70000 * 50000 - 1]]]]


@pytest.mark.case(53)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_indices_of_few_bits_are_widened_before_they_are_multiplied(xp: ModuleType, dtype: Any) -> None:
    """Every operation that adds a plane's or a row's offset to an index, with offsets beyond 8 bits."""
    index = xp.asarray(np.array([3, 99], dtype))

    planes = to_numpy(unpooling.unpool(xp.ones((2, 3, 1, 2)), xp.tile(index, (2, 3, 1, 1)), (10, 10)))
    expected = np.zeros((2, 3, 100))
    expected[:, :, [3, 99]] = 1
    assert np.array_equal(planes.reshape(2, 3, 100), expected)

    x = Tensor.of(xp.asarray(np.arange(2000.0).reshape(100, 20))).requires_grad_()
    x[index].sum().backward()
    assert x.grad is not None and np.flatnonzero(to_numpy(x.grad.data).sum(1)).tolist() == [3, 99]

    matrix = ConfusionMatrix(100)
    matrix.update(index[::-1], index)
    assert (int(matrix.hist[3, 99]), int(matrix.hist[99, 3]), int(matrix.hist.sum())) == (1, 1, 2)

    scores = np.random.default_rng(0).standard_normal((1, 100, 2))
    loss = F.cross_entropy(Tensor.of(xp.asarray(scores)), index[None], reduction="sum").item()
    likelihoods = np.exp(scores) / np.exp(scores).sum(1)
    assert loss == pytest.approx(-np.log(likelihoods[0, 3, 0] * likelihoods[0, 99, 1]), rel=1e-12)


@pytest.mark.case(53)
def test_the_answer_of_argmax_is_64_bit(xp: ModuleType) -> None:
    assert ones(xp, 2, 3).argmax(1).dtype == np.int64 and ones(xp, 2, 3).argmax().dtype == np.int64


# 54: two devices -----------------------------------------------------------------------------------------------------

Make = Callable[..., Any]
BATCH = (2, 3, 5, 6)


def put(make: Make, other: Make, key: Make = lambda make, other: 0) -> None:
    make(4, 3)[key(make, other)] = other(3)


def set_data(make: Make, other: Make) -> None:
    make(4, 3).data = other(4, 3).data


# Each mixes an operand of `make` with one of `other`.
MIXTURES: dict[str, Callable[[Make, Make], object]] = {
    "conv2d, weight": lambda make, other: F.conv2d(make(*BATCH), other(4, 3, 2, 2)),
    "conv2d, bias": lambda make, other: F.conv2d(make(*BATCH), make(4, 3, 2, 2), other(4)),
    "conv_transpose2d": lambda make, other: F.conv_transpose2d(make(*BATCH), other(3, 4, 2, 2)),
    "convolution_matrix": lambda make, other: convolution_matrix(make(1, 1, 2, 2), (3, 3), sparse=True) @ other(9).data,
    "linear": lambda make, other: F.linear(make(2, 3), other(4, 3)),
    "linear, bias": lambda make, other: F.linear(make(2, 3), make(4, 3), other(4)),
    "matmul": lambda make, other: F.matmul(make(2, 3), other(3, 4)),
    "add": lambda make, other: make(2, 3) + other(2, 3),
    "multiply by an array": lambda make, other: make(2, 3) * other(2, 3).data,
    "equal": lambda make, other: make(2, 3) == other(2, 3),
    "cat": lambda make, other: F.cat([make(2, 3), other(2, 3)]),
    "stack": lambda make, other: F.stack([make(2, 3), other(2, 3)]),
    "cross_entropy, target": lambda make, other: F.cross_entropy(make(*BATCH), other(2, 5, 6, dtype=np.uint8)),
    "cross_entropy, weight": lambda make, other: F.cross_entropy(make(*BATCH), make(2, 5, 6, dtype=np.uint8), other(3)),
    "nll_loss, weight": lambda make, other: F.nll_loss(make(*BATCH), make(2, 5, 6, dtype=np.uint8), other(3)),
    "dice_loss, target": lambda make, other: F.dice_loss(make(*BATCH), other(2, 5, 6, dtype=np.uint8)),
    "mse_loss, target": lambda make, other: F.mse_loss(make(2, 3), other(2, 3)),
    "binary_cross_entropy_with_logits, pos_weight": lambda make, other: F.binary_cross_entropy_with_logits(
        make(2, 3), make(2, 3), pos_weight=other(3)
    ),
    "group_norm, weight": lambda make, other: F.group_norm(make(*BATCH), 3, other(3)),
    "layer_norm, bias": lambda make, other: F.layer_norm(make(2, 3), 3, None, other(3)),
    "max_unpool2d": lambda make, other: F.max_unpool2d(make(*BATCH), other(*BATCH, dtype=np.int64), 2),
    "batch_norm, running": lambda make, other: F.batch_norm(make(*BATCH), other(3), other(3)),
    "batch_norm, weight": lambda make, other: F.batch_norm(make(*BATCH), make(3), make(3), other(3)),
    "getitem, index": lambda make, other: make(4, 3)[other(2, dtype=np.int64)],
    "getitem, array": lambda make, other: make(4, 3)[:, other(2, dtype=np.int64).data],
    "getitem, mask": lambda make, other: make(4, 3)[other(4, 3, dtype=bool)],
    "setitem": put,
    "setitem, index": lambda make, other: put(make, make, lambda *_: other(1, dtype=np.int64)),
    "data": set_data,
    "backward": lambda make, other: (make(2, 3).requires_grad_() * 2).backward(other(2, 3)),
    "metrics": lambda make, other: ConfusionMatrix(3).update(
        make(4, dtype=np.int64).data, other(4, dtype=np.int64).data
    ),
}


@pytest.fixture
def two_places(xp: ModuleType, request: pytest.FixtureRequest) -> tuple[ModuleType, ModuleType]:
    """NumPy and, for CuPy: the real one, or the played one where there is no GPU."""
    return (np, request.getfixturevalue("played")) if xp is np else (np, xp)


@pytest.mark.case(54)
@pytest.mark.parametrize("first", ["cpu", "cuda"])
@pytest.mark.parametrize("mixture", MIXTURES.values(), ids=MIXTURES.keys())
def test_arrays_of_two_devices_never_mix(
    two_places: tuple[ModuleType, ModuleType], mixture: Callable[[Make, Make], object], first: str
) -> None:
    makers = [lambda *shape, place=place, **options: ones(place, *shape, **options) for place in two_places]
    with pytest.raises(TypeError) as caught:
        mixture(*(makers if first == "cpu" else makers[::-1]))
    message = str(caught.value)
    assert isinstance(caught.value, MinifcnError), message
    assert "different devices" in message and "cpu" in message and "cuda" in message and ".to(...)" in message


@pytest.mark.case(54)
def test_loading_a_state_is_the_one_copy_that_crosses(two_places: tuple[ModuleType, ModuleType]) -> None:
    """As a file is read on one machine for another: the values go where the module is, as the documentation says."""
    layer = nn.Linear(3, 2)
    layer.load_state_dict({"weight": two_places[1].ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)})
    assert not is_cupy(layer.weight.data) and layer.weight.data.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.case(54)
def test_a_gradient_of_another_device_moves_no_parameter(two_places: tuple[ModuleType, ModuleType]) -> None:
    parameter = nn.Linear(2, 2).weight
    parameter.grad = ones(two_places[1], 2, 2)
    before = parameter.data.copy()
    with pytest.raises(
        ArgumentError, match=r"parameter 0 is .* on cpu but its gradient is .* on cuda:0; they must agree"
    ):
        optim.SGD([parameter], lr=1.0).step()
    assert np.array_equal(parameter.data, before)


def batch(size: tuple[int, int] = (33, 41)) -> Batch:
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, *size))
    return Batch(rng.standard_normal((2, 3, *size)).astype(np.float32), labels, ("a", "b"))


def trained(device: str) -> dict[str, np.ndarray]:
    """Two steps of a whole network: every operation that a training needs, forward and backward."""
    model = card().build(np.random.default_rng(1)).to(device)
    optimizer = optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
    for step in range(2):
        train_step(model, optimizer, batch(), None, f"step {step}")
    return weights(model.to("cpu"))


@pytest.mark.case(54)
def test_a_network_is_trained_without_a_single_mixture(played: ModuleType) -> None:
    """The played CuPy refuses every NumPy array. Its kernels add up in another order: some last bits differ,
    and AdamW makes steps of a hundredth of even the smallest gradients.
    """
    on_device, on_cpu = trained("cuda"), trained("cpu")
    assert on_device.keys() == on_cpu.keys()
    for name, expected in on_cpu.items():
        np.testing.assert_allclose(on_device[name], expected, rtol=0, atol=1e-3, err_msg=name)


def twice(x: Any, taps: Any) -> list[np.ndarray]:
    """Results and gradients where several values land on one element, in whatever order a device adds them."""
    x.grad = None
    pooled, places = F.max_pool2d(x, 3, stride=1, return_indices=True)
    weight = Tensor.of(x.data[:4, :, :3, :3]).requires_grad_()
    stamped = F.conv_transpose2d(pooled, weight, stride=1)
    picked = F.reshape(x, (-1,))[taps]
    averaged = F.avg_pool2d(F.max_unpool2d(pooled, places, 3, 1), 3, stride=1)
    (stamped.exp().sum() + (picked * picked).sum() + averaged.exp().sum()).backward()
    return [to_numpy(t.data) for t in (stamped, picked, averaged, x.grad, weight.grad)]


@pytest.mark.case(54)
def test_the_same_computation_twice_gives_the_same_bits(xp: ModuleType) -> None:
    """On a GPU above all: slices are added one after the other, and no atomic adds in the order of the threads."""
    rng = np.random.default_rng(0)
    x = Tensor.of(xp.asarray(rng.standard_normal((5, 4, 11, 13)).astype(np.float32))).requires_grad_()
    taps = Tensor.of(xp.asarray(rng.integers(0, 300, 5000)))
    first = twice(x, taps)
    for _ in range(3):
        for before, now in zip(first, twice(x, taps), strict=True):
            assert before.tobytes() == now.tobytes()


# 55: killed processes and damaged files ------------------------------------------------------------------------------


@pytest.mark.case(55)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is forked here")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_process_killed_at_any_moment_leaves_the_old_file_or_the_new(tmp_path: Path, suffix: str) -> None:
    """Around every call to the system, and in the middle of writing, at some sixty different bytes."""
    path = tmp_path / f"weights{suffix}"
    answer = subprocess.run(
        [sys.executable, KILLED_WRITER, path], env=environment(), capture_output=True, text=True, check=True
    )
    left = {name: (cause, found) for name, cause, found in (line.rsplit(" ", 2) for line in answer.stdout.splitlines())}
    assert len(left) > 70 and {found for _, found in left.values()} == {"old", "new"}
    for name, (cause, found) in left.items():
        if name.startswith("at byte"):
            assert (cause, found) in (("SIGXFSZ", "old"), ("finished", "new")), name
        else:
            assert (cause, found) == ("SIGKILL", "new" if name == "after replace" else "old"), name
    assert all(entry.name == path.name or entry.name.startswith(".") for entry in tmp_path.iterdir())


@pytest.mark.case(55)
def test_a_checkpoint_of_other_arrays_lists_them_all_and_changes_nothing(tmp_path: Path) -> None:
    path, model = tmp_path / "checkpoint.safetensors", card().build(np.random.default_rng(1))
    optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], momentum=0.9)
    train_step(model, optimizer, batch(), None, "step 1")
    save_checkpoint(path, model, optimizer, card(), State(), {})
    arrays = read_checkpoint(path)[3]
    before, state = weights(model), optimizer.state_dict()
    changed = {name: array + 1 if name.startswith("model.") else array for name, array in arrays.items()}

    wrong = changed | {"model.extra": np.ones(2), "model.score.bias": np.ones(9, np.float32)}
    del wrong["model.score.weight"]
    with pytest.raises(FileError) as caught:
        restore(path, wrong, model, optimizer)
    message = str(caught.value)
    assert message.startswith(f"{path} does not fit this run: load_state_dict of FCN: ")
    assert (
        "missing: score.weight; unexpected: extra; mis-shaped: score.bias has shape (9,) but the module's is (3,)"
        in message
    )
    assert same(weights(model), before) and same(optimizer.state_dict(), state)

    del changed["optimizer.group.0.momentum"]  # the network fits, the optimiser does not
    with pytest.raises(FileError, match=r"does not fit this run: SGD: .* lacks \['momentum'\]"):
        restore(path, changed, model, optimizer)
    assert same(weights(model), before) and same(optimizer.state_dict(), state)


# 56: no downloads ----------------------------------------------------------------------------------------------------

NETWORK = {
    "aiohttp", "ftplib", "http", "httpx", "huggingface_hub", "imaplib", "poplib", "pooch", "requests", "smtplib", "socket",
    "socketserver", "ssl", "subprocess", "tarfile", "urllib", "urllib3", "wget", "xmlrpc",
}  # fmt: skip
UNPACKING = {"extract", "extractall", "unpack_archive", "urlopen", "urlretrieve", "DataSource"}
SHELLS = {"os.system", "os.popen", "os.posix_spawn"}


def reaching_out(tree: ast.AST) -> list[str]:
    """What talks to a network, starts another program that could, or unpacks an archive; each with its line."""
    found = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            names = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
        elif isinstance(node, ast.Attribute) and (node.attr in UNPACKING or ast.unparse(node) in SHELLS):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        found += [f"line {node.lineno}: {name}" for name in names if name.partition(".")[0] in NETWORK]
    return found


# Each is there for a reason, and nothing else may come.
KNOWN = [
    "testing/isolation.py: subprocess",  # the process of its own in which a student's file runs,
    "commands/processes.py: subprocess",  # mpiexec, where a process cannot become it: Windows
    "labs/forked.py: subprocess",  # its copies, and the pair of sockets by which they are asked for
    "labs/forked.py: socket",
    "labs/walled.py: socket",
    "weights/pth.py: tarfile",  # the oldest .pth files are archives: members are read one by one, none is unpacked
    "weights/fetching.py: urllib.error",  # `minifcn weights fetch URL --sha256 H`: asked for, and compared
    "weights/fetching.py: urllib.request",
    "weights/fetching.py: urllib.parse",
    "commands/weights.py: urllib.parse",
]


@pytest.mark.case(56)
def test_nothing_is_downloaded_unasked_and_no_archive_is_unpacked() -> None:
    """The choice of this package: data are fetched by the user, who sees from where. See README.md beside this file."""
    package = Path(minifcn.__file__).parent
    sources = sorted(package.rglob("*.py"))
    found = [
        f"{path.relative_to(package)} {fault}"
        for path in sources
        for fault in reaching_out(ast.parse(path.read_text(encoding="utf-8")))
    ]
    without_lines = [re.sub(r" line \d+", "", one) for one in found]
    assert len(sources) > 50 and sorted(without_lines) == sorted(KNOWN), "\n".join(found)


@pytest.mark.case(56)
@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("import urllib.request", 1),
        ("from urllib.request import urlopen", 1),
        ("def fetch():\n    import os, requests", 1),
        ("importlib.import_module('http.client')", 1),
        ("__import__('socket')", 1),
        ("import tarfile", 1),
        ("zipfile.ZipFile(path).extractall(folder)", 1),
        ("archive.extract(member)", 1),
        ("os.system('curl ' + url)", 1),
        ("import subprocess", 1),
        ("platform.system()", 0),
        ("import zipfile, json\nzipfile.ZipFile(path).open(name)", 0),
        ("from minifcn.http_names import requests", 0),
    ],
)
def test_the_check_of_downloads_can_fail(line: str, count: int) -> None:
    assert len(reaching_out(ast.parse(line))) == count


# 57: notebooks -------------------------------------------------------------------------------------------------------

NOTEBOOK_STEP = "pytest tests/tutorials'"


def notebook_faults(root: Path) -> list[str]:
    """Notebooks under root/tutorials that nobody runs, that no text makes, or whose stored outputs hold an error."""
    notebooks = [path for path in sorted((root / "tutorials").rglob("*")) if _is_notebook(path)]
    checks = root / ".ci" / "run"
    run = checks.read_text(encoding="utf-8") if checks.is_file() else ""
    found = [f"{len(notebooks)} notebooks, but .ci/run has no step that runs them"] * bool(
        notebooks and NOTEBOOK_STEP not in run
    )
    for path in notebooks:
        if path.suffix == ".ipynb":
            if not path.with_suffix(".py").is_file():
                found.append(f"{path.relative_to(root)}: no text makes it")
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            outputs = [(n, output) for n, cell in enumerate(cells) for output in cell.get("outputs", ())]
            failed = [n for n, output in outputs if output.get("output_type") == "error"]
            found += [f"{path.relative_to(root)}: cell {n} holds an error" for n in failed]
    return found


def _is_notebook(path: Path) -> bool:
    """A .ipynb file, or a script in cells, as jupytext writes it."""
    if path.suffix == ".py" and path.is_file():
        return any(line.startswith("# %%") for line in path.read_text(encoding="utf-8").splitlines())
    return path.suffix == ".ipynb" and ".ipynb_checkpoints" not in path.parts


@pytest.mark.case(57)
def test_every_notebook_is_run_by_the_checks_and_made_from_its_text() -> None:
    """tests/tutorials runs each: a fresh kernel, top to bottom, warnings as errors, no network."""
    assert notebook_faults(ROOT) == []


@pytest.mark.case(57)
def test_the_check_of_notebooks_can_fail(tmp_path: Path) -> None:
    assert notebook_faults(tmp_path) == []
    (tmp_path / "tutorials" / "labs").mkdir(parents=True)
    (tmp_path / "tutorials" / "helper.py").write_text("x = 1\n")
    assert notebook_faults(tmp_path) == [], "a module is no notebook"
    (tmp_path / "tutorials" / "labs" / "lab1.py").write_text("# %% [markdown]\n# Text\n\n# %%\nx = 1\n")
    assert notebook_faults(tmp_path) == ["1 notebooks, but .ci/run has no step that runs them"]
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text("#!/usr/bin/env bash\n# the lessons are still to be run\n")
    assert len(notebook_faults(tmp_path)) == 1
    (tmp_path / ".ci" / "run").write_text("#!/usr/bin/env bash\nstep 'pytest tests/tutorials' lessons\n")
    assert notebook_faults(tmp_path) == []
    code = {"cell_type": "code", "source": "1 + 1", "outputs": [{"output_type": "stream"}]}
    cells = [{"cell_type": "markdown", "source": "Text"}, code, code | {"outputs": [{"output_type": "error"}]}]
    (tmp_path / "tutorials" / "one.ipynb").write_text(json.dumps({"cells": cells}))
    assert notebook_faults(tmp_path) == [
        "tutorials/one.ipynb: no text makes it",
        "tutorials/one.ipynb: cell 2 holds an error",
    ]


# 58: seeds -----------------------------------------------------------------------------------------------------------

TRAINING = """
import hashlib, sys
import numpy as np
from minifcn import optim
from minifcn.data import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip
from minifcn.training import train
from tests.training.tiny import Pictures, card, loader, weights

seed = int(sys.argv[1])
model = card().build(np.random.default_rng(seed))
changes = Compose([RandomCrop((25, 33)), RandomHorizontalFlip(), ColorJitter(0.2, 0.2, 0.2)])
batches = loader(Pictures(6), seed=seed, transform=changes, prefetch=True)
optimizer = optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
state = train(model, batches, optimizer, optim.PolynomialLR(optimizer, 6), epochs=2, seed=seed)
digest = hashlib.sha256(repr(state).encode())
for name, array in [*weights(model).items(), *optimizer.state_dict().items()]:
    digest.update(name.encode() + array.tobytes())
print(digest.hexdigest())
"""


def environment(**changes: str) -> dict[str, str]:
    """To import, in another process, the package that is tested here, and these tests."""
    installed = Path(minifcn.__file__).parents[1]
    return os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{ROOT}", "OPENBLAS_NUM_THREADS": "1"} | changes


@pytest.mark.case(58)
def test_the_same_seed_gives_the_same_bits_in_another_process(tmp_path: Path) -> None:
    """Fresh weights, shuffled and changed pictures, two epochs; the order of sets and dicts of text differs, too."""

    def digest(seed: int, hash_seed: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", TRAINING, str(seed)],
            cwd=tmp_path,
            env=environment(PYTHONHASHSEED=str(hash_seed)),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    first = digest(5, hash_seed=1)
    assert len(first) == len(hashlib.sha256().hexdigest())
    assert digest(5, hash_seed=2) == first
    assert digest(6, hash_seed=1) != first


@pytest.mark.case(58)
@pytest.mark.parametrize("draw", [F.dropout, F.dropout2d])
def test_without_a_generator_the_default_one_draws_and_numpys_global_state_has_no_say(
    xp: ModuleType, draw: Callable[..., Any]
) -> None:
    x, before, masks = image(xp, 64), np.random.get_state(), []  # noqa: NPY002
    try:
        for seed, seed_of_numpy in ((3, 1), (3, 2), (4, 1)):
            np.random.seed(seed_of_numpy)  # noqa: NPY002
            state = np.random.get_state()  # noqa: NPY002
            minifcn.manual_seed(seed)
            masks.append(to_numpy(draw(x).data))
            assert all(map(np.array_equal, np.random.get_state(), state))  # noqa: NPY002
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert np.array_equal(masks[0], masks[1]) and not np.array_equal(masks[0], masks[2])
    assert np.array_equal(masks[0], to_numpy(draw(x, generator=np.random.default_rng(3)).data))


@pytest.mark.case(58)
@pytest.mark.parametrize("draw", [F.dropout, F.dropout2d])
@pytest.mark.parametrize("wrong", [3, np.random, np.random.RandomState(3), np.random.PCG64(3)])
def test_a_generator_of_another_kind_is_refused(xp: ModuleType, draw: Callable[..., object], wrong: object) -> None:
    expected = (
        rf"{draw.__name__}: generator must be numpy.random.default_rng\(seed\) or None, got {type(wrong).__name__}"
    )
    with pytest.raises(ArgumentTypeError, match=expected):
        draw(image(xp, 64), generator=wrong)


@pytest.mark.case(58)
@pytest.mark.parametrize(
    ("layer", "sizes"), [(nn.Linear, (7, 5)), (nn.Conv2d, (3, 4, 5)), (nn.ConvTranspose2d, (3, 4, 5))]
)
def test_a_layer_draws_its_weights_from_its_generator_alone(layer: Callable[..., Any], sizes: tuple[int, ...]) -> None:
    first, again, other = (weights(layer(*sizes, generator=np.random.default_rng(seed))) for seed in (3, 3, 4))
    assert same(first, again) and not same(first, other)
