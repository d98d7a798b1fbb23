"""Sum or mean, one batch or several: the same walk in other words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minifcn import Tensor, optim
from minifcn.data import VOID, DataLoader
from minifcn.errors import ArgumentError
from minifcn.models import FCN
from minifcn.nn import Dropout
from minifcn.training import Interrupted, Objective, State, TrainingError, loop, train
from minifcn.training.groups import parameter_groups
from minifcn.training.objective import check_rate, labelled
from tests.training.tiny import Pictures, card, same, weights

LABELLED = 32 * 40 - 20  # of a picture: half of its last row is void


def plain(seed: int = 1) -> FCN:
    """Without batch norm and dropout, so that an image does not depend on those it is trained beside."""
    model = card(backbone="vgg16", width=1 / 64).build(np.random.default_rng(seed))
    for layer in model.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    return model


def walked(
    model: FCN, objective: Objective, lr: float, decay: float = 0.0, batch_size: int = 1, data: Any = None, **more: Any
) -> State:
    groups = parameter_groups(model, lr, bias_lr=2, bias_decay=False)
    optimizer = optim.SGD(groups, lr, momentum=0.9, weight_decay=decay)
    loader = DataLoader(Pictures(4) if data is None else data, batch_size)
    steady = optim.StepLR(optimizer, 1000)
    return train(model, loader, optimizer, steady, epochs=2, objective=objective, **more)


def close(first: FCN, second: FCN, start: FCN) -> bool:
    """Whether two networks agree to a small part of the way that they went."""
    a, b, origin = weights(first), weights(second), weights(start)
    assert any(np.abs(a[name] - origin[name]).max() > 1e-3 for name in a)
    return all(np.allclose(a[name], b[name], rtol=1e-4, atol=1e-6) for name in a)


def test_a_summed_recipe_and_its_mean_equivalent_walk_the_same_way() -> None:
    summed, mean, decayed = plain(), plain(), plain()
    lr, decay = 2e-2 / LABELLED, 5e-2 * LABELLED
    losses = walked(summed, Objective("sum"), lr, decay).history
    others = walked(mean, Objective("mean"), lr * LABELLED, decay / LABELLED).history
    walked(decayed, Objective("mean"), lr * LABELLED, decay)
    assert close(summed, mean, plain())
    assert not close(summed, decayed, plain()), "the learning rate alone is not enough"
    for entry, other in zip(losses, others, strict=True):
        assert np.allclose(entry["losses"], other["losses"], rtol=1e-5), "what is told is the mean, whatever is summed"
    assert losses[0]["losses"][0] == pytest.approx(np.log(3))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gathered_gradients_are_those_of_one_batch(reduction: str, weighted: bool) -> None:
    """Four images are a step of three and one of what is left, as in batches of three."""
    lr = 1e-2 if reduction == "mean" else 1e-2 / LABELLED
    more = {"class_weight": Tensor(np.array([0.5, 2.0, 1.0], np.float32))} if weighted else {}
    batch, gathered = plain(), plain()
    walked(batch, Objective(reduction), lr, batch_size=3, **more)
    state = walked(gathered, Objective(reduction, 3), lr, **more)
    assert close(batch, gathered, plain())
    assert len(state.history[0]["losses"]) == 4


def test_images_of_several_sizes_count_by_their_pixels() -> None:
    """As in one batch, where smaller images are filled up with void: but for what the filling does at borders."""
    model, sizes = plain(), Pictures(2, grow=9)
    walked(model, Objective("mean", 2), 1e-12, data=sizes)
    total = np.zeros(3, np.float32)
    pixels = 0.0
    for index in range(2):
        alone = plain()
        walked(alone, Objective("sum"), 1e-12, data=Only(sizes, index))
        total += alone.score.bias.grad.numpy()
        pixels += labelled(sizes[index].label)
    assert np.allclose(model.score.bias.grad.numpy(), total / pixels, rtol=1e-4)


class Only:
    """One picture of a data set."""

    def __init__(self, of: Pictures, index: int) -> None:
        self.of, self.index = of, index
        self.name, self.classes, self.palette, self.mean, self.std = of.name, of.classes, of.palette, of.mean, of.std

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int, /) -> Any:
        return self.of[self.index]


def test_a_run_stops_between_two_steps_of_the_optimiser_and_goes_on_to_the_same_bits() -> None:
    whole, part = plain(), plain()
    walked(whole, Objective("mean", 3), 1e-2)
    groups = parameter_groups(part, 1e-2, 2, False)
    optimizer = optim.SGD(groups, 1e-2, momentum=0.9)
    given = (part, DataLoader(Pictures(4), 1), optimizer, optim.StepLR(optimizer, 1000))
    state = State()
    with pytest.raises(Interrupted, match="after epoch 1, step 3"):
        train(*given, epochs=2, state=state, objective=Objective("mean", 3), should_stop=lambda: True)
    train(*given, epochs=2, state=state, objective=Objective("mean", 3))
    assert same(weights(whole), weights(part))


def test_a_loss_that_is_no_number_names_the_norm_of_the_gradient() -> None:
    model = plain()
    model.score.weight.mutable()[...] = np.inf
    with pytest.raises(TrainingError, match=r"the largest gradient is .*, and the norm of the whole gradient is nan"):
        walked(model, Objective("sum"), 1e-8)
    model.zero_grad()
    model.score.bias.grad = Tensor(np.array([3.0, 0, -4.0], np.float32))
    assert loop.gradients_of(model).endswith("is 4 in score.bias, and the norm of the whole gradient is 5")


def test_labelled_pixels() -> None:
    labels = np.array([[0, 1, VOID], [1, 2, VOID]], np.uint8)
    assert labelled(labels) == 4
    assert labelled(labels, np.array([1, 10, 100], np.float32)) == 121
    assert labelled(np.full((2, 2), VOID, np.uint8)) == 0


def test_images_that_are_all_void_change_nothing() -> None:
    model = plain()
    pictures = Pictures(2)
    for sample in (void := [pictures[0], pictures[1]]):
        sample.label[...] = VOID

    class Void(Only):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int, /) -> Any:
            return void[index]

    walked(model, Objective("mean", 2), 1e-2, data=Void(pictures, 0))
    assert same(weights(model), weights(plain()))


def test_what_an_objective_may_be() -> None:
    with pytest.raises(ArgumentError, match="reduction \"none\" is unknown|reduction 'none' is unknown"):
        Objective("none")
    with pytest.raises(ArgumentError, match="accumulate must be between 1 and"):
        Objective("mean", 0)


def test_a_learning_rate_of_the_other_reduction() -> None:
    for rate, momentum in ((1e-10, 0.99), (1e-10, 0.9)):
        assert check_rate("sum", rate, momentum, 187_500) == ""
    for rate, momentum in ((1.875e-5, 0.99), (1e-4, 0.9), (3e-3, 0.9)):
        assert check_rate("mean", rate, momentum, 187_500) == ""
    with pytest.raises(
        ArgumentError, match=r"1e-06 belongs to a mean loss: summed over the 187500 .* take about 1e-10"
    ):
        check_rate("sum", 1e-6, 0.99, 187_500)
    assert "1e-10 belongs to a summed loss" in check_rate("mean", 1e-10, 0.99, 187_500)
    assert "take 1.9e-05" in check_rate("mean", 1e-10, 0.99, 187_500)
