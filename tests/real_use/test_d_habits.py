"""D1 to D4: what a person who knows PyTorch types first works as there, or is refused with the way that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn import Tensor, nn, no_grad, optim
from minifcn import functional as F
from minifcn.data import DataLoader, InMemory
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError, GraphError
from minifcn.weights import load_arrays, save_arrays


def line() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, y and the weight and bias of a line, not yet fitted."""
    x = minifcn.arange(8.0).reshape(8, 1)
    return x, 2 * x + 1, minifcn.zeros(1, 1, requires_grad=True), minifcn.zeros(1, requires_grad=True)


# D1: arithmetic in place ----------------------------------------------------------------------------------------------


def test_d1_gradient_descent_by_hand_learns() -> None:
    x, y, w, b = line()
    weight, bias, memory = w, b, w.data
    for _ in range(300):
        loss = ((x @ w.T + b - y) ** 2).mean()
        loss.backward()
        with no_grad():
            w -= 0.03 * w.grad
            b -= 0.03 * b.grad
        w.grad.zero_()
        b.grad = None
    assert w is weight and b is bias and w.data is memory
    assert w.requires_grad and w.is_leaf and b.requires_grad
    assert abs(w.item() - 2) < 0.01 and abs(b.item() - 1) < 0.05


def test_d1_every_way_to_write_a_step_moves_the_parameter() -> None:
    def by_data(p: Any, g: Any) -> None:
        p.data -= 0.5 * g.data

    def by_slice(p: Any, g: Any) -> None:
        with no_grad():
            p[:] -= 0.5 * g

    def by_loop(p: Any, g: Any) -> None:
        with no_grad():
            for each in [p]:
                each -= 0.5 * g

    def by_method(p: Any, g: Any) -> None:
        with no_grad():
            p.sub_(g, alpha=0.5)

    def by_copy(p: Any, g: Any) -> None:
        with no_grad():
            p.copy_(p - 0.5 * g)

    def by_detach(p: Any, g: Any) -> None:
        p.detach().sub_(0.5 * g)

    for step in (by_data, by_slice, by_loop, by_method, by_copy, by_detach):
        layer = nn.Linear(2, 1)
        before = layer.weight.data.copy()
        layer(Tensor([[1.0, 2.0]])).sum().backward()
        step(layer.weight, layer.weight.grad)
        np.testing.assert_array_equal(layer.weight.data, before - np.float32([[0.5, 1.0]]), step.__name__)
        assert layer.weight.requires_grad and type(layer.weight) is nn.Parameter
        assert dict(layer.named_parameters())["weight"] is layer.weight


def test_d1_a_leaf_outside_no_grad_is_an_error_that_says_what_works() -> None:
    w = minifcn.ones(2, requires_grad=True)
    with pytest.raises(
        GraphError, match=r"a leaf that requires grad .* inside no_grad\(\), or make a new tensor \(w = w -"
    ):
        w -= 1.0
    with pytest.raises(GraphError, match=r"inside no_grad\(\)"):
        w[0] = 1.0
    assert w.tolist() == [1, 1]


def test_d1_a_residual_block_adds_in_place() -> None:
    """out += identity, after a layer whose result backward needs as it was."""

    class Block(nn.Module):
        def __init__(self, in_place: bool) -> None:
            self.conv = nn.Conv2d(2, 2, 3, padding=1, generator=np.random.default_rng(0))
            self.norm, self.in_place = nn.BatchNorm2d(2), in_place

        def forward(self, x: Tensor) -> Tensor:
            identity, out = x, F.relu(self.norm(self.conv(x)))
            if self.in_place:
                out += identity
            else:
                out = out + identity
            return F.relu(out)

    results = []
    for in_place in (True, False):
        block = Block(in_place)
        x = Tensor(np.random.default_rng(1).standard_normal((2, 2, 4, 5)), requires_grad=True, dtype=np.float32)
        y = block(x)
        (y * y).sum().backward()
        results.append([y.data, x.grad.data, *(p.grad.data for p in block.parameters())])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_d1_a_loss_is_gathered() -> None:
    w, total = minifcn.ones(3, requires_grad=True), minifcn.zeros(())
    for k in range(3):
        total += (w[k] * (k + 1)) ** 2
    total.backward()
    assert total.item() == 14 and w.grad.tolist() == [2, 8, 18]


# D2: numbers in text --------------------------------------------------------------------------------------------------


def test_d2_a_loss_is_formatted_as_a_number() -> None:
    loss = (minifcn.ones(2, requires_grad=True) / 3).mean()
    assert f"{loss:.4f}" == "0.3333" and f"{loss:8.2e}" == "3.33e-01" and f"{loss}" == str(loss.item())
    assert f"{Tensor([[0.5]]):.1%}" == "50.0%" and f"{Tensor([7]):03d}" == "007"
    assert f"{Tensor([1.0, 2.0])}" == "Tensor([1., 2.])"
    with pytest.raises(
        ArgumentTypeError, match=r"the format '\.2f' is for one number, .* has 2 \(shape \(2,\)\); reduce it"
    ):
        f"{Tensor([1.0, 2.0]):.2f}"


# D3: what was missing -------------------------------------------------------------------------------------------------


def test_d3_methods_of_a_tensor() -> None:
    x = Tensor([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]], requires_grad=True)
    assert x.view(3, 2).shape == x.view((3, -1)).shape == (3, 2)
    assert x.unsqueeze(1).shape == (2, 1, 3) and x.unsqueeze(1).squeeze(1).shape == (2, 3)
    copied = x.clone()
    assert copied.data is not x.data and copied.requires_grad
    assert x.max().item() == 4 and x.min().item() == -6
    values, indices = x.max(dim=1)
    assert values.tolist() == [3, 4] and indices.tolist() == [2, 0]
    assert x.min(0).values.tolist() == [1, -2, -6] and x.max(1, keepdim=True).indices.shape == (2, 1)
    assert (x.numel(), x.size(), x.size(1), x.size(-2), x.dim()) == (6, (2, 3), 3, 2, 2)
    assert [x.float().dtype, x.double().dtype, x.long().dtype, x.int().dtype, x.half().dtype, x.bool().dtype] == [
        np.dtype(kind) for kind in ("f4", "f8", "i8", "i4", "f2", "?")
    ]
    assert x.std().item() == pytest.approx(np.std(x.data, ddof=1)) and x.std(dim=0, correction=0).shape == (3,)
    assert x.tolist() == [[1, -2, 3], [4, 0.5, -6]] and Tensor(2).tolist() == 2
    assert abs(x).tolist() == x.abs().tolist() == [[1, 2, 3], [4, 0.5, 6]]
    assert (2**x).tolist()[0] == [2, 0.25, 8]
    assert x.sum(axis=1).tolist() == x.sum(dim=1).tolist() == [2, -1.5]
    assert x.permute(1, 0).contiguous().view(6).tolist() == [1, 4, -2, 0.5, 3, -6]
    assert x.expand(4, 2, 3).shape == (4, 2, 3) and (x > -10).all().item() and not (x > 10).any()


def test_d3_methods_pass_the_gradient_on() -> None:
    x = Tensor([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]], requires_grad=True)
    y = x.view(6).unsqueeze(0).squeeze().clone()
    (y.max() + abs(y).min() + (2**y)[0] + x.max(1).values.sum()).backward()
    found = x.grad.data - np.float32([[2 * np.log(2), 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(found, [[0, 0, 1], [2, 1, 0]], atol=1e-6)


def test_d3_a_view_that_would_be_a_copy_is_refused() -> None:
    x = minifcn.ones(2, 3)
    with pytest.raises(
        ArgumentError, match=r"view: the memory of x .* use \.reshape\(\.\.\.\), .* or \.contiguous\(\) first"
    ):
        x.T.view(6)
    x.view(6)[0] = 5.0
    assert x.tolist()[0] == [5, 1, 1]


def test_d3_constructors_and_the_seed() -> None:
    assert minifcn.zeros(2, 3).shape == (2, 3) and minifcn.ones((2,)).tolist() == [1, 1]
    assert minifcn.tensor([1, 2]).dtype == np.int64 and minifcn.full((2,), 0.5).tolist() == [0.5, 0.5]
    assert minifcn.arange(3).tolist() == [0, 1, 2] and minifcn.eye(2).tolist() == [[1, 0], [0, 1]]
    array = np.zeros(2)
    minifcn.from_numpy(array).add_(1.0)
    assert array.tolist() == [1, 1]
    a, b = minifcn.tensor([1.0, -1.0]), minifcn.zeros(2)
    assert minifcn.where(a > 0, a, b).tolist() == [1, 0]
    assert minifcn.cat([a, b]).shape == (4,) and minifcn.stack([a, b]).shape == (2, 2)
    assert minifcn.zeros_like(a).tolist() == [0, 0] and minifcn.max(a).item() == 1
    drawn = []
    for _ in range(2):
        minifcn.manual_seed(3)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5))
        drawn.append([minifcn.randn(5).data, minifcn.rand(2, 2).data, net(minifcn.ones(1, 3, 8, 8)).data])
    for first, second in zip(*drawn, strict=True):
        np.testing.assert_array_equal(first, second)


def test_d3_no_generator_is_demanded() -> None:
    minifcn.manual_seed(0)
    first = F.dropout(minifcn.ones(20)).data
    weight = nn.init.kaiming_normal_(minifcn.empty(3, 4)).data
    minifcn.manual_seed(0)
    np.testing.assert_array_equal(F.dropout(minifcn.ones(20)).data, first)
    np.testing.assert_array_equal(nn.init.kaiming_normal_(minifcn.empty(3, 4)).data, weight)


def test_d3_modules() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Conv2d(2, 2, 1) for _ in range(2))
            self.heads = nn.ModuleDict({"a": nn.Identity()})
            self.register_buffer("scale", minifcn.ones(1))

    net = Net()
    assert [type(child) for child in net.children()] == [nn.ModuleList, nn.ModuleDict]
    assert list(net.state_dict()) == [
        "blocks.0.weight",
        "blocks.0.bias",
        "blocks.1.weight",
        "blocks.1.bias",
        "scale",
    ] or (set(net.state_dict()) == {f"blocks.{i}.{n}" for i in (0, 1) for n in ("weight", "bias")} | {"scale"})

    def zero(module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)

    assert net.apply(zero) is net and not any(block.weight.data.any() for block in net.blocks)
    assert net.double().scale.dtype == np.float64 and net.float().cpu() is net
    with pytest.raises(ArgumentError, match='device "cuda"'):
        net.cuda()


def test_d3_optimisers_clip_and_schedule() -> None:
    x, y, w, b = line()
    optimizer = optim.RMSprop([w, b], lr=0.05, momentum=0.5)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=100, gamma=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        ((x @ w.T + b - y) ** 2).mean().backward()
        norm = nn.utils.clip_grad_norm_([w, b], max_norm=1.0)
        assert optim.clip_grad_norm_([w, b], max_norm=np.inf).item() <= min(norm.item(), 1.0) + 1e-5
        optimizer.step()
        schedule.step()
    assert abs(w.item() - 2) < 0.02 and abs(b.item() - 1) < 0.1


PROGRAM = """
import minifcn as torch
from minifcn import nn, optim
from minifcn import functional as F


class DoubleConv(nn.Module):
    def __init__(self, before, channels):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
        )

    def forward(self, x):
        return self.net(x)


class UNet(nn.Module):
    def __init__(self, classes, features=(4, 8)):
        super().__init__()
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        before = 3
        for feature in features:
            self.downs.append(DoubleConv(before, feature))
            before = feature
        for feature in reversed(features):
            self.ups.append(nn.ConvTranspose2d(feature * 2, feature, kernel_size=2, stride=2))
            self.ups.append(DoubleConv(feature * 2, feature))
        self.bottleneck = DoubleConv(features[-1], features[-1] * 2)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.final = nn.Conv2d(features[0], classes, kernel_size=1)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)

    def forward(self, x):
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for i, skip in zip(range(0, len(self.ups), 2), skips[::-1]):
            x = self.ups[i](x)
            if x.shape != skip.shape:
                x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            x = self.ups[i + 1](torch.cat((skip, x), dim=1))
        return self.final(x)


torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = UNet(3).to(device)
count = sum(p.numel() for p in model.parameters() if p.requires_grad)
optimizer = optim.RMSprop(model.parameters(), lr=1e-2, momentum=0.9)
scheduler = optim.lr_scheduler.PolynomialLR(optimizer, total_iters=20)
criterion = nn.CrossEntropyLoss()
x, y = torch.randn(2, 3, 9, 14, device=device), torch.randint(0, 3, (2, 9, 14), device=device)
average, best, losses = torch.zeros(()).to(device), float("inf"), []
for epoch in range(12):
    model.train()
    optimizer.zero_grad(set_to_none=True)
    out = model(x)
    loss = criterion(out, y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    optimizer.step()
    scheduler.step()
    with torch.no_grad():
        average.mul_(0.9).add_(loss, alpha=0.1)
    pred = out.argmax(dim=1, keepdim=True)
    correct = pred.eq(y.view_as(pred)).sum().item()
    accuracy = (pred.squeeze(1) == y).float().mean()
    valid = (y != 255) & (pred.squeeze(1) == y)
    probabilities, classes = F.softmax(out, dim=1).max(1)
    assert correct == valid.sum().item() == round(accuracy.item() * y.numel()) and (classes == pred.squeeze(1)).all()
    losses.append(loss.item())
    print(f"{epoch}: loss {loss:.4f}, {accuracy:.1%}, mean {average:.3f}, lr {scheduler.get_last_lr()[0]:.5f}")
    if loss < best:
        best = loss.item()
        torch.save(model.state_dict(), path)
model.load_state_dict(torch.load(path, map_location=device))
model.eval()
with torch.no_grad():
    assert model(x).requires_grad is False
"""


def test_d3_a_program_as_it_is_written_for_pytorch_runs(tmp_path: Path) -> None:
    names: dict[str, Any] = {"path": tmp_path / "unet.safetensors"}
    exec(PROGRAM, names)
    assert names["count"] > 1000 and names["losses"][-1] < 0.9 * names["losses"][0]


PAGE = (Path(minifcn.__file__).parent / "PYTORCH.md").read_text(encoding="utf-8")
UNLISTED = {"of", "beside", "mutable", "replace_"}  # of a Tensor: for those who write operations


def listed(section: str) -> set[str]:
    """The names in a section of the page: those of the paragraphs that hold names alone."""
    text = PAGE.split(f"### {section}\n")[1].partition("\n#")[0].replace("Not in PyTorch: ", "")
    paragraphs = [part for part in text.split("\n\n") if re.fullmatch(r"\s*(`\w+`,?\s*)+", part)]
    return set(re.findall(r"`(\w+)`", " ".join(paragraphs)))


def public(thing: Any) -> set[str]:
    return {name for name in dir(thing) if name[0] != "_"}


def test_d3_one_page_lists_what_is_here_and_nothing_else() -> None:
    own = {name for name, value in vars(nn.init).items() if getattr(value, "__module__", "") == nn.init.__name__}
    for section, here in {
        "minifcn, as torch": {*minifcn.__all__, "abs", "all", "any", "max", "min", "sum"},
        "F, as torch.nn.functional and torch": set(F.__all__),
        "Tensor": public(Tensor) - UNLISTED,
        "nn, as torch.nn": set(nn.__all__),
        "nn.Module": public(nn.Module),
        "nn.init": {name for name in own if name[0] != "_"} - {"fan_in_uniform"},
        "optim, as torch.optim": set(optim.__all__),
    }.items():
        found = listed(section)
        assert found == here, f"PYTORCH.md, {section}: add {sorted(here - found)}, remove {sorted(found - here)}"


def test_d3_what_the_page_leaves_out_is_not_here() -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE.split("## What is left out")[1], re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {"register_hook", "grid_sample", "Conv1d", "jit"} <= names
    for place in (minifcn, F, nn, nn.Module, Tensor):
        assert not names & public(place), f"{place} has what the page says is left out"


# D4: mistakes that are said, and files --------------------------------------------------------------------------------


def test_d4_a_parameter_is_not_lost_by_assignment() -> None:
    layer = nn.Conv2d(2, 3, 1)
    for wrong in (3, minifcn.zeros(3, 2, 1, 1), np.zeros(3)):
        with pytest.raises(
            ArgumentTypeError, match="weight is a Parameter and cannot become a .* or None, or write into it"
        ):
            layer.weight = wrong
    norm = nn.BatchNorm2d(2)
    with pytest.raises(ArgumentTypeError, match="running_mean is a Buffer and cannot become a Tensor; assign a Buffer"):
        norm.running_mean = minifcn.zeros(2)
    with pytest.raises(ArgumentTypeError, match="0 is str, not a Module"):
        nn.Sequential(layer)[0] = "conv"  # type: ignore[assignment]
    assert len(list(layer.parameters())) == 2
    layer.weight = nn.Parameter(minifcn.zeros(3, 2, 1, 1))
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_d4_a_model_is_not_its_parameters() -> None:
    with pytest.raises(ArgumentTypeError, match=r"SGD: .* got Sequential; pass model\.parameters\(\)"):
        optim.SGD(nn.Sequential(nn.Linear(1, 1)), lr=0.1)  # type: ignore[arg-type]


def test_d4_a_list_of_pairs_is_refused_with_the_class_that_takes_it() -> None:
    image, label = np.zeros((4, 6, 3), np.uint8), np.array([[0, 1, 1, 2, 0, 255]] * 4, np.uint8)
    with pytest.raises(ArgumentTypeError, match=r"DataLoader: .* got list; .*InMemory\.of\(pairs, classes\)"):
        DataLoader([(image, label)], 1)  # type: ignore[arg-type]
    batch = next(iter(DataLoader(InMemory.of([(image, label)], ["sky", "road", "tree"]), 1)))
    assert batch.images.shape == (1, 3, 4, 6) and np.array_equal(batch.labels[0], label)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_d4_a_network_is_saved_and_loaded_in_python(tmp_path: Path, suffix: str) -> None:
    first, second = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)) for _ in range(2))
    minifcn.save(first.state_dict(), tmp_path / f"a{suffix}")
    second.load_state_dict(minifcn.load(tmp_path / f"a{suffix}"))
    save_arrays(tmp_path / f"b{suffix}", first.state_dict())
    for name, value in first.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[name].data, value.data)
        np.testing.assert_array_equal(load_arrays(tmp_path / f"b{suffix}")[0][name], value.data)


def test_d4_what_is_not_a_state_dict_is_refused(tmp_path: Path) -> None:
    net = nn.Linear(1, 1)
    with pytest.raises(ArgumentTypeError, match=r"got Linear; pass model\.state_dict\(\)"):
        minifcn.save(net, tmp_path / "a.safetensors")
    with pytest.raises(ArgumentTypeError, match="'model' is itself a dict, .* save each in a file of its own"):
        minifcn.save({"model": net.state_dict(), "epoch": 3}, tmp_path / "a.safetensors")
    with pytest.raises(ArgumentError, match=r"the suffix '\.pt'; name a file of arrays \*\.safetensors or"):
        minifcn.save(net.state_dict(), tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(FileError, match=r"b\.pt is a pickle, but not one that torch\.save wrote"):
        minifcn.load(tmp_path / "b.pt")


def test_d4_the_state_of_pytorchs_batch_normalisation_loads() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4, momentum=None))
    state = {
        name: np.asarray(value.data + 1) for name, value in net.state_dict().items()
    }  # PyTorch counts batches in every one
    assert net.load_state_dict({**state, "1.num_batches_tracked": np.array(7)}) == ([], [])
    assert net[2].num_batches_tracked.item() == 1  # this one averages over all batches, and has to know how many
    norm = nn.BatchNorm2d(2)
    norm.load_state_dict({**norm.state_dict(), "num_batches_tracked": np.array(7)})
    with pytest.raises(ArgumentError, match=r"unexpected: 0\.num_batches_tracked; build the module"):
        net.load_state_dict({**state, "0.num_batches_tracked": np.array(7)})


def test_d4_what_names_no_device_is_said_by_to() -> None:
    x = minifcn.zeros(2)
    with pytest.raises(
        ArgumentTypeError, match=r"^to: 'gpu' is neither a device \(\"cpu\", \"cuda\", .*\) nor a dtype"
    ):
        x.to("gpu")
    for place in ("gpu", "mps"):
        with pytest.raises(ArgumentError, match=f'device \'{place}\' is unknown; use "cpu", "cuda" or'):
            minifcn.zeros(2, device=place)


def test_d4_a_shape_in_the_place_of_data_wants_no_gradient() -> None:
    for wrong in (4, "yes", None, 1.0):
        with pytest.raises(ArgumentTypeError, match=f"requires_grad must be True or False, got {wrong!r}"):
            Tensor(3.0, wrong)  # type: ignore[arg-type]
    assert Tensor(3.0).requires_grad_(requires_grad=True).requires_grad
    assert not any(p.requires_grad for p in nn.Linear(1, 1).requires_grad_(requires_grad=False).parameters())


def test_d3_a_sum_of_labels_may_be_subtracted() -> None:
    labels = minifcn.tensor(np.array([[1, 2], [250, 255]], np.uint8))
    assert labels.sum().dtype == minifcn.int64
    assert (labels.sum(1)[0] - labels.sum(1)[1]).item() == 3 - 505


def test_d4_data_sets_of_another_make_are_refused_in_a_sentence() -> None:
    image, label = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    for wrong in (4, "abc"):
        with pytest.raises(
            ArgumentTypeError, match=f"InMemory.of: classes must be a list of names, got {wrong!r}; pass"
        ):
            InMemory.of([(image, label)], wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="InMemory.of: classes is empty; name at least one"):
        InMemory.of([(image, label)], [])

    class Pairs(InMemory):
        def __getitem__(self, index: int, /) -> Any:
            return image, label

    pairs = Pairs(InMemory.of([(image, label)], ["grass"]))
    with pytest.raises(
        ArgumentTypeError, match=r"gives a minifcn.data.Sample\(image, label, name\) .*, got tuple; make"
    ):
        next(iter(DataLoader(pairs, 1)))
