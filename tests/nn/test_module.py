"""Module: what it finds among its attributes, its modes, its state, and how it prints."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError, MinifcnError
from minifcn.nn import BatchNorm2d, Buffer, Conv2d, Dropout, Linear, Module, Parameter, ReLU, Sequential
from tests.onto import device_of, get, on


def rng(seed=0):
    return np.random.default_rng(seed)


class Block(Module):
    """A bit of everything that a module can have."""

    def __init__(self, seed=0):
        self.scale = Parameter(np.arange(2.0, dtype=np.float32))
        self.first = Linear(3, 2, generator=rng(seed))
        self.name = "not a module"
        self.plain = Tensor([1.0])
        self.many = [
            Linear(2, 4, generator=rng(seed + 1)),
            "nor this",
            Linear(4, 2, bias=False, generator=rng(seed + 2)),
        ]
        self.named = {"left": BatchNorm2d(2), "none": None}
        self.offsets = [Parameter([1.0, 2.0]), Parameter([3.0])]
        self.count = Buffer(np.array([7.0], np.float32))

    def forward(self, x):
        return self.named["left"](self.first(x)) * self.scale


NAMES = [
    "scale",
    "offsets.0",
    "offsets.1",
    "first.weight",
    "first.bias",
    "many.0.weight",
    "many.0.bias",
    "many.2.weight",
    "named.left.weight",
    "named.left.bias",
]
BUFFERS = ["count", "named.left.running_mean", "named.left.running_var"]


# --- what it consists of ----------------------------------------------------------------------------------------------


def test_parameters_and_buffers_are_found_in_attributes_lists_and_dicts():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == NAMES
    assert [name for name, _ in block.named_buffers()] == BUFFERS
    assert [id(p) for p in block.parameters()] == [id(p) for _, p in block.named_parameters()]
    assert sum(p.numel() for p in block.parameters()) == 2 + 3 + 8 + 12 + 8 + 4
    assert all(type(p) is Parameter and p.requires_grad for p in block.parameters())
    assert not any(b.requires_grad for _, b in block.named_buffers())


def test_modules_are_listed_before_their_parts():
    outer = Sequential(ReLU(), Sequential({"inner": Linear(1, 1), "act": ReLU()}))
    assert [name for name, _ in outer.named_modules()] == ["", "0", "1", "1.inner", "1.act"]
    assert [type(m).__name__ for m in outer.modules()] == ["Sequential", "ReLU", "Sequential", "Linear", "ReLU"]
    assert [name for name, _ in outer.named_modules("net")][:3] == ["net", "net.0", "net.1"]
    assert [name for name, _ in Block().named_children()] == ["first", "many.0", "many.2", "named.left"]


def test_a_tuple_of_modules_counts_and_a_reassigned_attribute_replaces_the_old_one():
    class Pair(Module):
        def __init__(self):
            self.pair = (Linear(1, 2), Linear(2, 1))
            self.last = Linear(1, 1)
            self.last = Linear(1, 1, bias=False)

    assert [name for name, _ in Pair().named_parameters()] == [
        "pair.0.weight",
        "pair.0.bias",
        "pair.1.weight",
        "pair.1.bias",
        "last.weight",
    ]


def test_a_shared_parameter_is_one_parameter_under_its_first_name(xp):
    class Tied(Module):
        def __init__(self):
            self.a, self.b = Linear(2, 2, bias=False), Linear(2, 2, bias=False)
            self.b.weight = self.a.weight
            self.again = self.a

        def forward(self, x):
            return self.b(self.a(x))

    tied = Tied().to(device_of(xp))
    assert [name for name, _ in tied.named_parameters()] == ["a.weight"]
    assert list(tied.state_dict()) == ["a.weight"]
    tied.a.weight.data = [[2.0, 0.0], [0.0, 3.0]]
    tied(on(xp, [[1.0, 1.0]])).sum().backward()
    # y = W (W x): both uses add to the one gradient, (dy/dW)[0, 0] = 2·w·x = 4.
    np.testing.assert_array_equal(np.diag(tied.a.weight.grad.numpy()), [4.0, 6.0])


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module does not define forward"):
        Module()(1)


def test_forward_gets_every_argument():
    class Weighted(Module):
        def forward(self, x, y, *, factor=1):
            return x + factor * y

    assert Weighted()(1, 2, factor=10) == 21


# --- modes ------------------------------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module_and_return_self():
    block = Block()
    assert all(m.training for m in block.modules())
    assert block.eval() is block
    assert not any(m.training for m in block.modules())
    assert block.train() is block
    assert all(m.training for m in block.modules())
    block.many[0].eval()
    assert block.training and not block.many[0].training
    assert Module.training, "the default of the class is untouched"


def test_eval_changes_what_dropout_and_batch_norm_do(xp):
    x = on(xp, rng().standard_normal((4, 3, 5, 2)).astype(np.float32))
    net = Sequential(BatchNorm2d(3), Dropout(0.5, generator=rng())).to(device_of(xp))
    trained = net(x).detach().numpy()
    assert (trained == 0).mean() > 0.2
    mean = net[0].running_mean.numpy().copy()
    still = net.eval()(x).detach().numpy()
    assert not (still == 0).any()
    np.testing.assert_array_equal(net[0].running_mean.numpy(), mean)  # eval moves nothing
    np.testing.assert_array_equal(net(x).detach().numpy(), still)


def test_zero_grad_clears_every_gradient():
    block = Block()
    block(Tensor(rng().standard_normal((5, 3)).astype(np.float32))).sum().backward()
    assert block.first.weight.grad is not None and block.scale.grad is not None
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_freezing_stops_the_weights_gradient_and_lets_the_inputs_through(xp):
    """Not to learn a layer does not mean that nothing passes it: dW is skipped, dX is not."""
    first, frozen, last = (Conv2d(2, 2, (3, 1), generator=rng(i)).to(device_of(xp)) for i in range(3))
    x = on(xp, rng(9).standard_normal((1, 2, 9, 4)).astype(np.float32), requires_grad=True)
    Sequential(first, frozen, last)(x).sum().backward()
    free = {"x": x.grad.numpy(), "first": first.weight.grad.numpy(), "last": last.weight.grad.numpy()}
    assert frozen.weight.grad is not None

    x.grad = None
    net = Sequential(first, frozen, last)
    net.zero_grad()
    assert frozen.requires_grad_(False) is frozen
    net(x).sum().backward()
    assert frozen.weight.grad is None and frozen.bias.grad is None
    np.testing.assert_array_equal(x.grad.numpy(), free["x"])
    np.testing.assert_array_equal(first.weight.grad.numpy(), free["first"])
    np.testing.assert_array_equal(last.weight.grad.numpy(), free["last"])
    assert np.abs(free["x"]).min() > 0

    net.zero_grad()
    frozen.requires_grad_()
    net(x).sum().backward()
    assert frozen.weight.grad is not None


def test_a_wholly_frozen_module_makes_no_graph():
    layer = Linear(3, 2, generator=rng()).requires_grad_(False)
    assert not layer(Tensor([[1.0, 2.0, 3.0]])).requires_grad


def test_to_changes_the_dtype_of_parameters_and_buffers_in_place():
    block = Block()
    block.steps = Buffer(np.array([3], np.int64))
    before = dict(block.named_parameters())
    values = {name: p.detach().numpy().copy() for name, p in block.named_parameters()}
    block.first.requires_grad_(False)
    assert block.to(np.float64) is block
    after = dict(block.named_parameters())
    assert all(after[name] is before[name] for name in NAMES), "an optimiser keeps its parameters"
    assert all(p.dtype == np.float64 for p in after.values())
    assert [b.dtype for _, b in block.named_buffers()] == [np.float64, np.int64, np.float64, np.float64]
    assert all(np.array_equal(after[name].detach().numpy(), values[name]) for name in NAMES)
    assert not after["first.weight"].requires_grad and after["scale"].requires_grad
    assert block.eval()(Tensor(np.ones((2, 3)))).dtype == np.float64
    assert all(p.dtype == np.float32 for p in block.to("float32").parameters())
    assert block.to("cpu").first.weight.device == "cpu"


def test_to_moves_parameters_and_buffers_and_back(xp):
    block, there = Block(), device_of(xp)
    before = snapshot(block)
    identities = [id(p) for p in block.parameters()]
    assert block.to(there) is block
    assert [id(p) for p in block.parameters()] == identities, "an optimiser keeps its parameters"
    for tensors in (block.parameters(), [buffer for _, buffer in block.named_buffers()]):
        assert all(type(tensor._array) is xp.ndarray for tensor in tensors)
    block(on(xp, rng(3).standard_normal((6, 3)), dtype=np.float32)).sum().backward()
    assert all(type(p.grad._array) is xp.ndarray for p in (block.scale, block.first.weight))
    before |= {name: get(value) for name, value in block.state_dict().items() if "running" in name}
    assert same(snapshot(block.to("cpu")), before)
    assert all(type(tensor._array) is np.ndarray for tensor in block.parameters())


@pytest.mark.parametrize("wrong", ["gpu", "float", "int64", np.int32, np.complex64, None, 3, "bool"])
def test_to_refuses_what_is_no_device_and_no_floating_point_dtype(wrong):
    block = Block()
    if wrong == "float":  # NumPy's name for float64
        assert block.to(wrong).scale.dtype == np.float64
        return
    with pytest.raises(ArgumentTypeError, match=r"to: .* is neither a device nor a floating point dtype; use \"cpu\""):
        block.to(wrong)
    assert all(p.dtype == np.float32 for p in block.parameters())


# --- state ------------------------------------------------------------------------------------------------------------


def test_state_dict_names_everything_and_shares_memory():
    block = Block()
    state = block.state_dict()
    assert sorted(state) == sorted(NAMES + BUFFERS)
    assert not any(value.requires_grad for value in state.values())
    state["scale"].mutable()[...] = 5
    np.testing.assert_array_equal(block.scale.detach().numpy(), [5, 5])


def test_load_state_dict_copies_every_value(xp):
    source, target = Block(seed=10).to(device_of(xp)), Block(seed=20).to(device_of(xp))
    source(on(xp, rng(3).standard_normal((6, 3)).astype(np.float32)))  # moves the running mean and variance
    x = on(xp, rng(4).standard_normal((6, 3)).astype(np.float32))
    assert not np.array_equal(source.eval()(x).detach().numpy(), target.eval()(x).detach().numpy())
    identities = [id(p) for p in target.parameters()]
    assert target.load_state_dict(source.state_dict()) == ([], [])
    assert [id(p) for p in target.parameters()] == identities
    for name, value in source.state_dict().items():
        np.testing.assert_array_equal(target.state_dict()[name].numpy(), value.numpy(), err_msg=name)
    np.testing.assert_array_equal(source(x).detach().numpy(), target(x).detach().numpy())
    source.scale.mutable()[...] = -1  # a copy: what happens to the source afterwards does not matter
    assert (target.scale.detach().numpy() != -1).all()
    assert all(p.requires_grad for p in target.parameters())


def test_arrays_and_another_precision_can_be_loaded(xp):
    layer = Linear(3, 2, generator=rng()).to(device_of(xp))
    state = {"weight": np.arange(6.0).reshape(2, 3), "bias": np.array([1.0, -1.0])}
    layer.load_state_dict(state)
    assert layer.weight.dtype == np.float32
    np.testing.assert_array_equal(layer(on(xp, [[1.0, 0.0, 2.0]])).detach().numpy(), [[5.0, 12.0]])


def broken_state():
    state = {name: value.numpy().copy() + 1 for name, value in Block().state_dict().items()}
    del state["scale"], state["named.left.running_var"]
    state["first.weight"] = np.zeros((3, 2), np.float32)
    state["many.0.bias"] = np.zeros((5,), np.float32)
    state["head.weight"] = np.zeros(1, np.float32)
    state["many.1.weight"] = np.zeros(1, np.float32)
    return state


def snapshot(module):
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.case(55)
def test_strict_loading_lists_everything_that_is_wrong_at_once_and_loads_nothing():
    block = Block()
    before = snapshot(block)
    with pytest.raises(ArgumentError) as caught:
        block.load_state_dict(broken_state())
    message = str(caught.value)
    assert message.startswith("load_state_dict of Block: ")
    missing, unexpected, shapes = message.split(": ", 1)[1].split("; ")[:3]
    assert missing == "missing: scale, named.left.running_var"
    assert unexpected == "unexpected: head.weight, many.1.weight"
    assert shapes == (
        "mis-shaped: first.weight has shape (3, 2) but the module's is (2, 3), "
        "many.0.bias has shape (5,) but the module's is (4,)"
    )
    assert same(snapshot(block), before)


def test_not_strict_loads_what_fits_and_reports_the_rest():
    block, state = Block(), broken_state()
    before = snapshot(block)
    with pytest.raises(ArgumentError, match=r"mis-shaped: first.weight .*many.0.bias") as caught:
        block.load_state_dict(state, strict=False)  # a wrong shape is never let through
    assert "missing" not in str(caught.value) and "unexpected" not in str(caught.value)
    assert same(snapshot(block), before)

    del state["first.weight"], state["many.0.bias"]
    missing, unexpected = block.load_state_dict(state, strict=False)
    assert missing == ["scale", "first.weight", "many.0.bias", "named.left.running_var"]
    assert unexpected == ["head.weight", "many.1.weight"]
    after = snapshot(block)
    for name in after:
        expected = before[name] if name in missing else state[name]
        np.testing.assert_array_equal(after[name], expected, err_msg=name)


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_array_is_refused_by_name(strict):
    layer = Linear(3, 2, generator=rng())
    before = snapshot(layer)
    good = np.zeros((2, 3), np.float32)
    with pytest.raises(ArgumentTypeError, match=r"bias is list, not a Tensor or an array; convert it"):
        layer.load_state_dict({"weight": good, "bias": [0.0, 0.0]}, strict)
    another_librarys = type("Tensor", (), {"__module__": "torch"})()
    with pytest.raises(ArgumentTypeError, match=r"bias is torch.Tensor, not a Tensor or an array; convert it"):
        layer.load_state_dict({"weight": good, "bias": another_librarys}, strict)
    with pytest.raises(ArgumentTypeError, match=r"state must be a dict of arrays by name, got str"):
        layer.load_state_dict("weights.npz", strict)
    with pytest.raises(ArgumentTypeError, match=r"bias is int64 but the module's is float32; convert it"):
        layer.load_state_dict({"weight": good, "bias": np.zeros(2, np.int64)}, strict)
    assert same(snapshot(layer), before)


def test_loading_between_forward_and_backward_is_noticed(xp):
    layer = Linear(3, 2, generator=rng()).to(device_of(xp))
    x = on(xp, [[1.0, 2.0, 3.0]], requires_grad=True)
    loss = layer(x).sum()
    layer.load_state_dict(snapshot(layer))
    with pytest.raises(GraphError, match=r"changed"):
        loss.backward()


# --- Sequential and printing ------------------------------------------------------------------------------------------


def test_sequential_applies_its_layers_in_order():
    double, minus = Linear(1, 1, generator=rng()), Linear(1, 1, generator=rng())
    double.load_state_dict({"weight": np.array([[2.0]]), "bias": np.array([0.0])})
    minus.load_state_dict({"weight": np.array([[1.0]]), "bias": np.array([-3.0])})
    with no_grad():
        assert Sequential(double, minus)(Tensor([[5.0]])).item() == 7
        assert Sequential(minus, double)(Tensor([[5.0]])).item() == 4
        assert Sequential()(Tensor([[5.0]])).item() == 5


def test_sequential_is_indexed_by_number_and_name():
    a, b = ReLU(), Linear(2, 1)
    numbered, named = Sequential(a, b), Sequential({"act": a, "fc": b})
    assert len(numbered) == len(named) == 2
    assert numbered[0] is a and numbered[-1] is b and named["fc"] is b and named[0] is a
    assert list(numbered) == list(named) == [a, b]
    assert list(numbered.state_dict()) == ["1.weight", "1.bias"]
    assert list(named.state_dict()) == ["fc.weight", "fc.bias"]


def test_sequential_refuses_what_is_no_module():
    with pytest.raises(ArgumentTypeError, match=r"Sequential: 1 is function, not a Module"):
        Sequential(ReLU(), lambda x: x)
    with pytest.raises(ArgumentTypeError, match=r"Sequential: act is type, not a Module"):
        Sequential({"act": ReLU})
    with pytest.raises(MinifcnError, match=r"Sequential: 0 is list"):
        Sequential([ReLU()])


def test_repr_shows_the_tree_with_every_setting():
    net = Sequential({"conv": Conv2d(3, 8, (3, 1), padding=1, bias=False), "rest": Sequential(ReLU(), Dropout(0.25))})
    assert repr(net) == "\n".join(
        [
            "Sequential(",
            "  (conv): Conv2d(3, 8, kernel_size=(3, 1), stride=1, padding=1, bias=False)",
            "  (rest): Sequential(",
            "    (0): ReLU()",
            "    (1): Dropout(p=0.25)",
            "  )",
            ")",
        ]
    )
    lines = repr(Block()).splitlines()
    assert lines[0] == "Block(" and lines[-1] == ")"
    assert [line.split(":")[0].strip() for line in lines[1:-1]] == ["(first)", "(many.0)", "(many.2)", "(named.left)"]
    assert repr(Sequential()) == "Sequential()"


def test_a_module_that_knows_its_parent_is_walked_once():
    outer, inner = Sequential(Linear(2, 3)), Module()
    inner.parent, outer.layers["inner"] = outer, inner
    assert [name for name, _ in outer.named_modules()] == ["", "0", "inner"]
    assert list(outer.state_dict()) == ["0.weight", "0.bias"]


# --- PyTorch's other ways -----------------------------------------------------------------------------------------------


def test_what_was_a_parameter_a_buffer_or_a_module_stays_one():
    block = Block()
    values = Tensor([1.0, 2.0])
    for name, kind, wrong in (
        ("scale", "Parameter", 3),
        ("scale", "Parameter", values),
        ("scale", "Parameter", Buffer(values)),
        ("count", "Buffer", values),
        ("count", "Buffer", np.ones(1)),
        ("first", "Module", values),
    ):
        before = vars(block)[name]
        message = rf"^Block: {name} is a {kind} and cannot become a {type(wrong).__name__}; assign a {kind} or None"
        with pytest.raises(ArgumentTypeError, match=message):
            setattr(block, name, wrong)
        assert vars(block)[name] is before
    block.scale = Parameter(values)
    block.count = Buffer(values)
    block.first = ReLU()
    for name in ("scale", "count", "first"):
        setattr(block, name, None)
        setattr(block, name, 3)  # what is None is free
    block.plain, block.name = 1, Parameter([1.0])


def test_registration_is_assignment():
    block = Module()
    block.register_buffer("mean", Tensor([1.0]))
    block.register_parameter("scale", Parameter([2.0]))
    block.add_module("act", ReLU())
    for call in (block.register_buffer, block.register_parameter, block.add_module):
        call("nothing", None)
    assert [name for name, _ in block.named_buffers()] == ["mean"] and next(iter(block.buffers())) is block.mean
    assert [name for name, _ in block.named_parameters()] == ["scale"] and type(block.act) is ReLU
    assert block.nothing is None and list(block.state_dict()) == ["mean", "scale"]
    for call, wrong, kind in (
        (block.register_buffer, np.ones(1), "Buffer"),
        (block.register_parameter, Tensor([1.0]), "Parameter"),
        (block.add_module, Parameter([1.0]), "Module"),
    ):
        with pytest.raises(ArgumentTypeError, match=rf"{call.__name__}: x must be a {kind} or None, got"):
            call("x", wrong)


def test_children_and_apply():
    shared = ReLU()
    net = Sequential(Linear(1, 1), shared, Sequential(shared, Linear(1, 2)), shared)
    assert [type(child).__name__ for child in net.children()] == ["Linear", "ReLU", "Sequential"]
    seen = []
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "ReLU", "ReLU", "Linear", "Sequential", "Sequential"]  # the parts before the whole


def test_dtypes_and_devices_by_name():
    block = Block()
    for call, dtype in ((block.double, np.float64), (block.half, np.float16), (block.float, np.float32)):
        assert call() is block
        assert {value.dtype for value in block.state_dict().values()} == {np.dtype(dtype)}
    assert block.cpu() is block and {value.device for value in block.parameters()} == {"cpu"}
    with pytest.raises(ArgumentError, match='device "cuda"'):
        block.cuda()
