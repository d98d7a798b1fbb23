"""What a network leaves in memory: nothing. The garbage collector is off, so a cycle would show as a leak."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, optim
from minifcn.autograd import Operation, Variable
from minifcn.errors import GraphError
from minifcn.models import FCN
from minifcn.tensor import Parameter
from minifcn.training import train_step
from tests.garbage import without_garbage_collector
from tests.training.tiny import card


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    with without_garbage_collector():
        yield


class Births:
    """Weak references to every result, every operation and every array that are made while it watches.

    Parameters, what the network was given and what a test still names are no births: `alive` counts what outlives.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.references: list[weakref.ref[Any]] = []
        call = Operation.__call__

        def watched(operation: Operation, *operands: Variable) -> Any:
            result = call(operation, *operands)
            self.references += [weakref.ref(made) for made in (operation, result, result._array)]
            return result

        monkeypatch.setattr(Operation, "__call__", watched)

    def alive(self) -> list[Any]:
        return [made for reference in self.references if (made := reference()) is not None]

    def __len__(self) -> int:
        return len(self.references)


@pytest.fixture
def births(monkeypatch: pytest.MonkeyPatch) -> Births:
    return Births(monkeypatch)


@pytest.fixture
def model() -> FCN:
    """FCN-8s, narrow: convolutions, batch norm, poolings, transposed convolutions, crops and sums of two branches."""
    made = card().build(np.random.default_rng(0))
    for parameter in made.parameters():
        parameter.requires_grad = True
    return made


IMAGES = np.random.default_rng(1).standard_normal((2, 3, 33, 41)).astype(np.float32)
LABELS = np.random.default_rng(2).choice(np.array([0, 1, 2, 255], np.uint8), (2, 33, 41))


def loss_of(model: FCN) -> Tensor:
    return F.cross_entropy(model(Tensor(IMAGES)), LABELS)


def forget_gradients(model: FCN) -> None:
    for parameter in model.parameters():
        parameter.grad = None


# --- what dies, and when --------------------------------------------------------------------------------------------


def test_a_graph_lives_as_long_as_its_loss(model: FCN, births: Births) -> None:
    """The watch itself works: a network of many operations is seen to live, and to die with `del`, unused."""
    loss = loss_of(model)
    assert len(births) > 100
    assert len(births.alive()) > 50
    del loss
    assert births.alive() == []


def test_after_backward_only_the_loss_and_the_gradients_live(model: FCN, births: Births) -> None:
    loss = loss_of(model)
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    kept = {id(part) for kept in (loss, *gradients) for part in (kept, kept._array)} | {id(loss.grad_fn)}
    assert {id(made) for made in births.alive()} <= kept
    del loss, gradients, kept
    forget_gradients(model)
    assert births.alive() == []


def test_a_retained_graph_dies_with_its_loss(model: FCN, births: Births) -> None:
    loss = loss_of(model)
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    forget_gradients(model)
    assert len(births.alive()) > 50
    del loss
    assert births.alive() == []


def test_a_retained_gradient_dies_with_its_tensor(model: FCN, births: Births) -> None:
    scores = model(Tensor(IMAGES)).retain_grad()
    F.cross_entropy(scores, LABELS).backward()
    gradient = weakref.ref(scores.grad)
    assert gradient() is not None
    del scores
    forget_gradients(model)
    assert gradient() is None
    assert births.alive() == []


def test_after_grad_only_the_answer_lives(model: FCN, births: Births) -> None:
    """The gradient of the image: no weight gets one, and the branches that do not lead to the image die as well."""
    images = Tensor(IMAGES, requires_grad=True)
    loss = F.cross_entropy(model(images), LABELS)
    (gradient,) = grad(loss, images)
    kept = [gradient, gradient._array, loss, loss._array, loss.grad_fn]
    assert all(any(made is one for one in kept) for made in births.alive())
    del loss, gradient, kept
    assert births.alive() == []


@pytest.mark.parametrize("way", ["never differentiated", "differentiated", "twice"])
def test_a_graph_of_gradients_dies_with_them(model: FCN, births: Births, way: str) -> None:
    weights = list(model.parameters())[:3]
    loss = loss_of(model)
    gradients = grad(loss, weights, create_graph=True)
    assert all(gradient.requires_grad for gradient in gradients)
    penalty = sum(((gradient * gradient).sum() for gradient in gradients), start=Tensor(0.0))
    if way != "never differentiated":
        penalty.backward(retain_graph=way == "twice")
    if way == "twice":
        penalty.backward()
    del loss, gradients, penalty
    forget_gradients(model)
    assert births.alive() == []


def test_backward_with_create_graph_lives_until_the_gradients_are_forgotten(model: FCN, births: Births) -> None:
    """Here a leaf's .grad has a graph that leads to the leaf: a cycle, as in PyTorch, which `grad = None` opens."""
    loss = loss_of(model)
    loss.backward(create_graph=True)
    del loss
    assert len(births.alive()) > 50
    forget_gradients(model)
    assert births.alive() == []


class Refusing(Operation):
    """The identity, whose gradient fails."""

    def forward(self, x: Any) -> Any:
        return x.copy()

    def backward(self, gradient: Any) -> Any:
        raise ZeroDivisionError


@pytest.mark.parametrize("way", ["backward", "grad", "create_graph", "changed in place", "forward"])
def test_an_exception_in_the_middle_leaves_nothing(model: FCN, births: Births, way: str) -> None:
    images = Tensor(IMAGES, requires_grad=True)
    error: type[Exception] = ZeroDivisionError
    if way == "changed in place":
        weight, error = next(iter(model.parameters())), GraphError
        loss = F.cross_entropy(model(images), LABELS)
        weight.mutable()[...] += 1
    elif way == "forward":
        loss, error = model(images), ValueError
    else:
        loss = F.cross_entropy(model(Refusing()(images)), LABELS)
    with pytest.raises(error):
        if way == "grad":
            grad(loss, images)
        elif way == "forward":
            F.cross_entropy(loss, LABELS[:, 1:])
        else:
            loss.backward(create_graph=way == "create_graph")
    del loss
    forget_gradients(model)
    images.grad = None
    assert births.alive() == []


def test_evaluation_keeps_nothing(model: FCN, births: Births) -> None:
    model.eval()
    scores = model(Tensor(IMAGES))
    kept = weakref.ref(scores)
    del scores
    assert kept() is None
    assert births.alive() == []


# --- a thousand steps -----------------------------------------------------------------------------------------------


class Batch:
    """Four pictures of 6x7 pixels, two channels and three classes."""

    images = np.random.default_rng(3).standard_normal((4, 2, 6, 7)).astype(np.float32)
    labels = np.random.default_rng(4).choice(np.array([0, 1, 2, 255], np.uint8), (4, 6, 7))


class Tiny:
    """Convolution, ReLU, max pooling, transposed convolution and a crop: a whole FCN in one line."""

    def __init__(self) -> None:
        source = np.random.default_rng(5)
        self.weights = [
            Parameter((0.3 * source.standard_normal(shape)).astype(np.float32))
            for shape in ((4, 2, 3, 3), (4,), (4, 3, 4, 4))
        ]

    def parameters(self) -> Iterator[Parameter]:
        return iter(self.weights)

    def __call__(self, images: Tensor) -> Tensor:
        w, b, up = self.weights
        pooled = F.max_pool2d(F.relu(F.conv2d(images, w, b, padding=1)), 2, ceil_mode=True)
        return F.crop(F.conv_transpose2d(pooled, up, stride=2, padding=1), (6, 7))


@pytest.mark.case(49)
def test_a_thousand_steps_keep_memory_flat() -> None:
    """Not one object more, and no more bytes than a few hundred numbers: eight bytes per step would be 8,000."""
    model, losses = Tiny(), [0.0]
    optimizer = optim.SGD(model.parameters(), 0.1, 0.9)

    def train(steps: int) -> None:
        for _ in range(steps):
            losses[0] = train_step(model, optimizer, Batch, None, "here")  # type: ignore[arg-type]

    def measured() -> tuple[int, int]:
        found = gc.collect()  # it also empties the interpreter's stock of unused tuples
        assert found == 0 or not tracemalloc.is_tracing(), "there were cycles"
        return tracemalloc.get_traced_memory()[0], len(gc.get_objects())

    train(20)
    measured()
    tracemalloc.start()
    try:
        train(300)  # until the interpreter's and NumPy's stocks of small objects are full
        bytes_before, objects_before = measured()
        train(1000)
        bytes_after, objects_after = measured()
    finally:
        tracemalloc.stop()
    assert bytes_after - bytes_before < 6000
    assert objects_after - objects_before <= 2
    assert losses[0] < 1.0  # from about ln 3: it has really trained
