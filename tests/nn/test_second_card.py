"""Networks, their training and their files on "cuda:1" while card 0 is the current one: as on a CPU, and on card 1."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, as_tensor, nn, optim
from minifcn import functional as F
from minifcn.data import Batch
from minifcn.nn import init
from minifcn.tensor import Buffer, Parameter
from minifcn.training import State, TrainingError, predict, read_checkpoint, restore, save_checkpoint, train, train_step
from tests.nn.tensors import rng
from tests.onto import equal, get, moved_to
from tests.training.tiny import MEAN, STD, Pictures, card, loader, picture, weights

CARD = "cuda:1"


@pytest.fixture(autouse=True)
def cupy(played):
    return played


def all_there(tensors):
    """The tensors by name, each on the second card."""
    named = dict(tensors)
    assert named and {x.device for x in named.values()} == {CARD}
    return named


def close(found, expected, atol=1e-5):
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(get(found[name]), get(expected[name]), rtol=0, atol=atol, err_msg=name)


def batch(seed=0, size=(33, 41)):
    source = rng(seed)
    labels = source.choice(np.array([0, 1, 2, 255], np.uint8), (2, *size))
    return Batch(source.standard_normal((2, 3, *size)).astype(np.float32), labels, ("a", "b"))


# Modules --------------------------------------------------------------------------------------------------------------


def every_layer():
    """All but dropout, which draws other numbers on a GPU."""
    return [
        nn.Conv2d(3, 4, (2, 3), padding=1, generator=rng(1)),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.25),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 6, (3, 2), stride=2, generator=rng(4)),
        nn.BatchNorm2d(6, affine=False),
        nn.LocalResponseNorm(3),
        nn.Upsample(scale_factor=(1.5, 2), mode="bilinear"),
        nn.AvgPool2d((2, 3)),
        nn.Softmax(1),
        nn.Flatten(),
        nn.Linear(6 * 6 * 5, 5, generator=rng(5)),
    ]


def test_every_layer_trains_there_and_its_running_statistics_move():
    here, there = nn.Sequential(*every_layer()), nn.Sequential(*every_layer()).to(CARD)
    all_there(there.state_dict().items())
    x, target = batch(size=(7, 8)).images, np.array([1, 4])
    for model, xp_target, device in ((here, target, "cpu"), (there, moved_to(target, CARD), CARD)):
        for _ in range(2):
            y = model(as_tensor(x, device=device))
            nn.CrossEntropyLoss(np.arange(1.0, 6, dtype=np.float32)).to(device)(y, xp_target).backward()
        assert y.device == device
        model.eval()(as_tensor(x, device=device))
    gradients = [{name: p.grad for name, p in model.named_parameters()} for model in (there, here)]
    all_there(gradients[0].items())
    close(*gradients)
    close(all_there(there.state_dict().items()), here.state_dict())
    assert not np.array_equal(get(there.state_dict()["1.running_mean"]), np.zeros(4))


def test_a_module_moves_and_changes_its_dtype_there(cupy):
    layer, before = nn.Conv2d(3, 4, 2, generator=rng(1)).to(CARD), nn.Conv2d(3, 4, 2, generator=rng(1)).state_dict()
    close(all_there(layer.to(np.float64).state_dict().items()), before, 0)
    assert layer.weight.dtype == np.float64
    for device in ("cuda:0", CARD, "cpu", CARD):
        close(layer.to(device).state_dict(), before, 0)
        assert {x.device for x in layer.parameters()} == {device}


def test_a_state_is_loaded_from_anywhere():
    for device in ("cpu", "cuda:0", CARD):
        source, layer = (nn.Linear(3, 2, generator=rng(seed)) for seed in (1, 2))
        state = source.to(device).state_dict()
        layer.to(CARD).load_state_dict({"weight": state["weight"], "bias": state["bias"].data})
        close(all_there(layer.state_dict().items()), state, 0)
        layer.weight.mutable()
        layer.load_state_dict({name: get(x).astype(np.float64) for name, x in state.items()})
        close(all_there(layer.state_dict().items()), state, 0)
        assert layer.weight.dtype == np.float32


@pytest.mark.parametrize("kind", [Parameter, Buffer, Tensor])
@pytest.mark.parametrize(
    "fill",
    [
        *(
            lambda w, name=name: getattr(init, name)(w, generator=rng(7))
            for name in ("kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_")
        ),
        lambda w: init.constant_(w, 2.5),
        init.zeros_,
        init.ones_,
        init.bilinear_,
    ],
)
def test_initial_values(fill, kind):
    values = np.full((3, 3, 4, 5), 9, np.float32)
    here, there = fill(kind(values)), fill(kind(values, device=CARD))
    assert there.device == CARD
    equal(there, here)


# Training -------------------------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "SGD, decay": lambda p: optim.SGD(p, 0.1, weight_decay=0.03),
    "SGD, momentum": lambda p: optim.SGD(p, 0.05, 0.7, dampening=0.4, weight_decay=0.1),
    "SGD, nesterov": lambda p: optim.SGD(p, 0.05, 0.9, weight_decay=0.02, nesterov=True),
    "Adam": lambda p: optim.Adam(p, 0.03),
    "Adam, decay": lambda p: optim.Adam(p, 0.03, betas=(0.6, 0.95), eps=0.02, weight_decay=0.3),
    "AdamW": lambda p: optim.AdamW(p, 0.03, betas=(0.6, 0.95), eps=0.02, weight_decay=0.3),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float16])  # float16 has no kernel
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_of_optimizers_and_their_state(name, dtype):
    values = [rng(1).standard_normal(shape).astype(dtype) for shape in [(3, 2, 1, 4), (5,), ()]]
    here, there = [Parameter(x) for x in values], [Parameter(x, device=CARD) for x in values]
    first, second = OPTIMIZERS[name](here), OPTIMIZERS[name](there)
    for step in range(5):
        for p, q in zip(here, there, strict=True):
            gradient = rng((step, p.ndim)).standard_normal(p.shape).astype(dtype)
            p.grad, q.grad = Tensor(gradient), Tensor(gradient, device=CARD)
        first.step()
        second.step()
        if step == 2:  # what is saved goes on elsewhere
            close(second.state_dict(), first.state_dict(), 1e-9 if dtype == np.float64 else 5e-3)
            saved, second = second.state_dict(), OPTIMIZERS[name](there)
            second.load_state_dict(saved)
    for p, q in zip(here, there, strict=True):
        assert q.device == CARD
        np.testing.assert_allclose(get(q), get(p), rtol=0, atol=1e-9 if dtype == np.float64 else 1e-2)


@pytest.mark.parametrize("backbone", ["small", "vgg16"])
def test_a_narrow_network_forward_and_backward(backbone):
    here, there = (card(backbone=backbone, width=1 / 16).build(rng(1)) for _ in range(2))
    there.to(CARD)
    for layer in [*here.modules(), *there.modules()]:
        if isinstance(layer, nn.Dropout):
            layer.p = 0  # it draws other numbers on a GPU
    images, labels = batch().images, batch().labels
    F.cross_entropy(here(Tensor(images)), labels).backward()
    scores = there(Tensor(images, device=CARD))
    assert scores.device == CARD
    F.cross_entropy(scores, moved_to(labels, CARD)).backward()
    expected, found = ({name: p.grad for name, p in m.named_parameters() if p.grad is not None} for m in (here, there))
    close(all_there(found.items()), expected)


def test_steps_of_training_a_checkpoint_and_an_answer(tmp_path):
    def begun(device, seed=1):
        model = card(width=1 / 16).build(rng(seed)).to(device)
        return model, optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2, eps=1e-3)

    path, after = tmp_path / "checkpoint.safetensors", {}
    for device in ("cpu", CARD):
        model, optimizer = begun(device)
        losses = [train_step(model, optimizer, batch(step), None, f"step {step}") for step in range(2)]
        if device == CARD:
            save_checkpoint(path, model, optimizer, card(width=1 / 16), State(), {})
            model, optimizer = begun(device, seed=2)
            restore(path, read_checkpoint(path)[3], model, optimizer)
            all_there(model.state_dict().items())
        losses.append(train_step(model, optimizer, batch(2), None, "step 2"))
        answers = [predict(model.eval(), picture(0, (33, 41))[0], MEAN, STD, size) for size in (None, (40, 48))]
        after[device] = losses, answers, weights(model)
    np.testing.assert_allclose(after[CARD][0], after["cpu"][0], rtol=1e-4)
    for found, expected in zip(after[CARD][1], after["cpu"][1], strict=True):
        assert (found != expected).mean() < 0.01
    close(after[CARD][2], after["cpu"][2], 1e-3)


def detached(model):
    return ((name, p.detach()) for name, p in model.named_parameters())


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_loss_that_is_no_number_is_found_there(wrong):
    model = card(width=1 / 16).build(rng(1)).to(CARD)
    optimizer, broken = optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1), batch()
    broken.images[0, 1, 2, 3] = wrong
    before = {name: p.numpy() for name, p in detached(model)}
    with pytest.raises(TrainingError, match=r"the loss is nan at step 1 .*; the largest gradient is nan in "):
        train_step(model, optimizer, broken, None, "step 1")
    close(dict(detached(model)), before, 0)
    init.constant_(model.score.bias, wrong)
    with pytest.raises(TrainingError, match="the scores of the network are not finite numbers"):
        predict(model, picture(0, (33, 41))[0], MEAN, STD)


def test_an_epoch_there():
    losses = {}
    for device in ("cpu", CARD):
        model = card(width=1 / 16).build(rng(1)).to(device)
        optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1, 0.9)
        batches = loader(Pictures(4, (33, 41)))
        state = train(model, batches, optimizer, optim.PolynomialLR(optimizer, 2), epochs=1)
        losses[device] = state.history[0]["losses"]
        all_on = {x.device for x in model.state_dict().values()}
        assert all_on == {device}
    np.testing.assert_allclose(losses[CARD], losses["cpu"], rtol=1e-4)
