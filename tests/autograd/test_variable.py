"""What becomes an array in a graph, what is refused, and what the array is shared with."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, as_tensor, no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError


@pytest.mark.parametrize(
    "data, dtype",
    [
        ([1.0, 2.0], np.float32),  # Python's floats: single precision, as everywhere in deep learning
        (1.5, np.float32),
        ([[1, 2], [3, 4]], np.int64),
        ([True, False], np.bool_),
        ([1, 2.0], np.float32),
        (np.float64(1.5), np.float64),  # NumPy's scalars and arrays keep what they are
        (np.arange(3.0), np.float64),
        (np.arange(3, dtype=np.float16), np.float16),
        (np.arange(3, dtype=np.uint8), np.uint8),
        (np.arange(3, dtype=np.int32), np.int32),
        (np.array(2.5), np.float64),
    ],
)
def test_dtypes(data, dtype):
    x = Tensor(data)
    assert x.dtype == dtype
    assert x.shape == np.shape(data)
    np.testing.assert_array_equal(x.data, data)
    assert Tensor(data, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    "data", [[1j], np.array([1j]), "a", ["a"], None, [None], object(), {1: 2}, np.array(["a"]), b"1"]
)
def test_what_is_no_number_is_refused(data):
    for dtype in (None, np.float32):
        with pytest.raises(
            ArgumentTypeError, match="a Tensor cannot hold dtype .*; convert to float32, float64 or int"
        ):
            Tensor(data, dtype=dtype)


@pytest.mark.case(37)
def test_masked_and_ragged_data_are_refused():
    with pytest.raises(ArgumentTypeError, match=r"a masked array cannot become a Tensor; fill it first with .filled"):
        Tensor(np.ma.array([1.0, 2.0], mask=[0, 1]))
    with pytest.raises(ArgumentError, match="the data are not a rectangular array"):
        Tensor([[1.0, 2.0], [3.0]])


def test_dtype_errors():
    for dtype in (complex, object, "U2"):
        with pytest.raises(ArgumentTypeError, match="a Tensor cannot hold dtype"):
            Tensor([1.0], dtype=dtype)
    with pytest.raises(ArgumentTypeError, match="'float33' is not a dtype; use float32, float64 or an integer type"):
        Tensor([1.0], dtype="float33")
    with pytest.raises(ArgumentError, match='device "tpu" is unknown|device .tpu. is unknown'):
        Tensor([1.0], device="tpu")


def test_data_are_copied():
    source = np.zeros(3)
    x, shared = Tensor(source), as_tensor(source)
    again = Tensor(x)
    source[0] = 5
    x.data[1] = 7
    np.testing.assert_array_equal(x.data, [0, 7, 0])
    np.testing.assert_array_equal(again.data, [0, 0, 0])
    np.testing.assert_array_equal(shared.data, [5, 0, 0])
    assert as_tensor(x) is x
    assert not Tensor(Tensor([1.0], requires_grad=True)).requires_grad


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_only_floating_point_can_require_grad(dtype):
    with pytest.raises(ArgumentTypeError, match="only floating point tensors can require gradients, this one is"):
        Tensor(np.zeros(2, dtype), requires_grad=True)
    x = Tensor(np.zeros(2, dtype))
    with pytest.raises(ArgumentTypeError, match="only floating point"):
        x.requires_grad_()
    assert not x.requires_grad


def test_requires_grad_of_computed_tensors_is_fixed():
    x = Tensor([1.0], requires_grad=True)
    y = x * 2.0
    assert (x.is_leaf, y.is_leaf) == (True, False)
    with pytest.raises(GraphError, match=r"a computed tensor requires grad because its operands do; use \.detach\(\)"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad


def test_detach_shares_memory_but_no_graph():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x * 2.0).detach()
    assert not y.requires_grad
    assert y.grad_fn is None
    z = x.detach()
    z[0] = 9.0
    assert x.data[0] == 9.0


def test_numpy_and_item():
    x = Tensor([[1.0, 2.0]])
    assert np.shares_memory(x.numpy(), x.data)
    x.requires_grad = True
    with pytest.raises(GraphError, match=r"^numpy\(\) of a tensor that requires grad .* use \.detach\(\)\.numpy\(\)"):
        x.numpy()
    with pytest.raises(
        ArgumentError, match=r"item\(\) needs exactly one element, this tensor has 2 \(shape \(1, 2\)\)"
    ):
        x.item()
    assert type(Tensor([[2.5]]).item()) is float
    assert type(Tensor([[2]]).item()) is int
    assert x[0, 1].item() == 2.0


def test_replacing_data():
    x = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    x.data = [3, 4]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.data, [3, 4])
    with pytest.raises(ArgumentError, match=r"data of shape \(3,\) cannot replace data of shape \(2,\)"):
        x.data = [1, 2, 3]


def test_only_a_leaf_can_be_given_another_array():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GraphError, match=r"^only a leaf can be given another array; this tensor was computed\.$"):
        (x * 2.0).replace_(np.zeros(3))
    (x * 2.0).sum().backward()
    x.mutable()[0] = 3.0
    y = (x * x).sum()
    x.replace_(np.zeros(3))
    with pytest.raises(GraphError, match="was changed in place after it was used"):
        y.backward()
    assert (x.shape, x.dtype, x.grad) == ((3,), np.float64, None)
    z = (x * x).sum()
    x.mutable()[0] = 4.0
    x.replace_(np.zeros(1))  # is one change more, not one taken back
    with pytest.raises(GraphError, match="was changed in place after it was used"):
        z.backward()


def test_length_and_truth():
    assert len(Tensor([[1.0], [2.0], [3.0]])) == 3
    with pytest.raises(ArgumentTypeError, match="^a tensor without dimensions has no length"):
        len(Tensor(1.0))
    assert bool(Tensor([[1.0]]))
    assert not Tensor(0.0)
    with pytest.raises(ArgumentError, match=r"the truth value of a tensor of shape \(2,\) is ambiguous"):
        bool(Tensor([1.0, 1.0]))
    with pytest.raises(ArgumentError, match=r"shape \(0,\) is ambiguous"):
        bool(Tensor(np.zeros(0)))


def test_repr_tells_what_matters():
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(Tensor([1, 2])) == "Tensor([1, 2], dtype=int64)"
    x = Tensor([1.0], requires_grad=True)
    assert repr(x) == "Tensor([1.], requires_grad=True)"
    assert repr(x * 2.0) == "Tensor([2.], grad_fn=Multiply)"
    assert repr(Tensor([[1.0], [2.5]])) == "Tensor([[1. ],\n        [2.5]])"  # rows stand below one another
    assert "..." not in repr(Tensor(np.zeros((6, 10))))
    assert "..." in repr(Tensor(np.zeros(61)))
    assert len(repr(Tensor(np.zeros((100, 100))))) < 600


def test_a_computed_tensor_is_of_the_kind_of_its_operands():
    class Mine(Tensor):
        __slots__ = ()

    x = Mine([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    assert type(y) is Mine
    y.backward()
    assert type(x.grad) is Mine


def test_nothing_is_recorded_for_constants():
    with no_grad():
        pass
    assert (Tensor([1.0]) * 2.0).grad_fn is None
