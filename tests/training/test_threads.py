"""Threads beside each other: each trains, chooses and records for itself, to the same bits as alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, is_grad_enabled, no_grad, optim, use_algorithm
from minifcn.arrays.convolution import algorithms
from minifcn.training import train
from tests.training.tiny import Pictures, card, loader, same, weights

PATIENCE = 60  # seconds; a thread that waits longer has lost its partner


def trained(seed: int, meet: Callable[[], object] = lambda: None) -> tuple[dict[str, np.ndarray], list[float]]:
    """(weights, losses) of a run of its own: network, pictures, order, dropout and optimiser all from `seed`.

    `meet` is called before the first and after every step.
    """
    network = card(backbone="vgg16", width=1 / 64) if seed % 2 else card(stride=16)
    model = network.build(np.random.default_rng(seed))
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optim.AdamW(learned, 3e-3) if seed % 2 else optim.SGD(learned, 1e-2, 0.9)
    pictures = loader(Pictures(4, (33, 41), first=10 * seed), batch_size=1 + seed % 2, seed=seed)
    schedule = optim.PolynomialLR(optimizer, 4 * len(pictures))
    meet()
    state = train(
        model, pictures, optimizer, schedule, epochs=2 if seed % 2 else 1, seed=seed, after_step=lambda *step: meet()
    )
    return weights(model), [loss for epoch in state.history for loss in epoch["losses"]]


def together(*work: Callable[[], Any]) -> list[Any]:
    """What each piece of work gave, all run at the same time; what any of them raised is raised here."""
    with ThreadPoolExecutor(len(work)) as pool:
        futures = [pool.submit(one) for one in work]
        return [future.result(PATIENCE) for future in futures]


@pytest.mark.case(50)
def test_two_threads_train_to_the_same_bits_as_one_after_the_other() -> None:
    """They meet at a barrier before every step, so no step of one runs without a step of the other beside it."""
    alone = [trained(1), trained(2)]
    barrier = threading.Barrier(2)
    meetings = []

    def meet() -> None:
        barrier.wait(PATIENCE)
        meetings.append(threading.get_ident())

    beside = together(lambda: trained(1, meet), lambda: trained(2, meet))
    assert len(meetings) == 2 * 5 and len(set(meetings)) == 2  # four steps each, and the start
    for (expected, losses), (found, losses_beside) in zip(alone, beside, strict=True):
        assert losses_beside == losses
        assert same(found, expected)
    assert not same(alone[0][0], trained(3)[0])  # the comparison can fail


def test_what_one_thread_chooses_does_not_reach_the_other() -> None:
    """Both are inside their own blocks at the same time, look around, and compute."""
    barrier = threading.Barrier(2)
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    seen: dict[str, Any] = {}

    def look(name: str) -> None:
        barrier.wait(PATIENCE)
        weight = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
        y = F.conv2d(Tensor(x), weight)
        seen[name] = is_grad_enabled(), algorithms._chosen.get(), y.requires_grad
        barrier.wait(PATIENCE)

    def reader() -> None:
        look("reader outside")
        with no_grad(), use_algorithm("loops"):
            look("reader inside")
        look("reader after")

    def trainer() -> None:
        with use_algorithm("matrix"):
            look("trainer inside")
            look("trainer still inside")
        with pytest.raises(ZeroDivisionError), no_grad(), use_algorithm("loops"):
            raise ZeroDivisionError
        look("trainer after")

    together(reader, trainer)
    assert seen == {
        "reader outside": (True, "auto", True),
        "reader inside": (False, "loops", False),
        "reader after": (True, "auto", True),
        "trainer inside": (True, "matrix", True),
        "trainer still inside": (True, "matrix", True),
        "trainer after": (True, "auto", True),
    }


@pytest.mark.parametrize("recording", [False, True])
def test_four_threads_read_one_network(recording: bool) -> None:
    """Inference on a shared network in eval mode: the bits of serial, and the network is as it was, writable."""
    model = card().build(np.random.default_rng(6)).eval()
    source = np.random.default_rng(7)
    for parameter in model.parameters():  # score layers start at zero
        parameter.data[...] = 0.1 * source.standard_normal(parameter.shape)
    before = weights(model)
    images = [source.standard_normal((1, 3, 32 + i % 3, 40 + i)).astype(np.float32) for i in range(8)]

    def scores(image: np.ndarray) -> np.ndarray:
        if recording:
            return model(Tensor(image)).detach().numpy()
        with no_grad():
            return model(Tensor(image)).numpy()

    expected = [scores(image) for image in images]
    assert all(values.std() > 0 for values in expected)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for found, right in zip(pool.map(scores, images, timeout=PATIENCE), expected, strict=True):
                assert found.tobytes() == right.tobytes()
    assert same(weights(model), before)
    assert all(parameter.data.flags.writeable for parameter in model.parameters())
