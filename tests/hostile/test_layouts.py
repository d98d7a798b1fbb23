"""Cases 32 to 37: arrays in odd layouts, arrays that share memory, and what only looks like an array.

A layout is how numbers lie in memory; no result may depend on it, no input may be changed, and what is returned is the
caller's alone, unless the operation says that it gives a view.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, as_tensor, convolution_matrix, grad, nn, no_grad, optim
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import to_numpy
from minifcn.metrics import ConfusionMatrix
from tests.hostile.arrays import (
    CASES,
    WITHOUT_GRADIENT,
    Case,
    arrays_of,
    differentiated,
    eighths,
    identifier,
    laid_out,
    leaves,
    same,
)
from tests.strategies import LAYOUTS

every_operation = pytest.mark.parametrize("case", CASES, ids=identifier)
ODD = [layout for layout in LAYOUTS if layout != "plain"]
odd_layout = pytest.mark.parametrize("layout", ODD)


@contextmanager
def named(layout):
    """A failure inside says in which layout."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"in layout {layout!r}")
        raise


def test_every_operation_is_here():
    assert {case.name for case in CASES} | WITHOUT_GRADIENT == set(F.__all__)


def in_layout(case, xp, layout):
    """(operands, labels, cotangent, directions), all of them in the layout."""
    operands, labels = arrays_of(case, xp)
    shape = case(*(Tensor(x) for x in operands), *labels)
    v = xp.asarray(eighths(shape.shape, 7).astype(shape.dtype))
    u = [xp.asarray(eighths(x.shape, 8)) for x in operands]
    return tuple(
        [laid_out(array, layout) for array in group] if isinstance(group, list) else laid_out(group, layout)
        for group in (operands, labels, v, u)
    )


def plain(arrays):
    return [array.copy() for array in arrays]


# --- 32, 33, 34: the layout of the operands, of the labels and of the gradient that comes in -------------------------


@pytest.mark.case(32)
@pytest.mark.case(33)
@pytest.mark.case(34)
@every_operation
def test_no_result_depends_on_the_layout(case, xp):
    for layout in ODD:
        operands, labels, v, u = in_layout(case, xp, layout)
        expected = differentiated(case, plain(operands), plain(labels), v.copy(), plain(u))
        # All at once, and one at a time beside plain ones.
        mixtures = [(operands, labels, v)]
        for position in range(len(operands)):
            mixture = plain(operands)
            mixture[position] = operands[position]
            mixtures.append((mixture, plain(labels), v.copy()))
        for mixture in mixtures:
            for found, right in zip(differentiated(case, *mixture, u), expected, strict=True):
                with named(layout):
                    same(found, right, case.exact)


@pytest.mark.case(32)
@pytest.mark.case(33)
@pytest.mark.case(34)
@odd_layout
def test_what_has_no_gradient_does_not_depend_on_the_layout_either(xp, layout):
    x = laid_out(xp.asarray(eighths((2, 3, 4, 5))), layout)
    w = laid_out(xp.asarray(eighths((6, 2, 3, 2))), layout)
    truth, guess = (laid_out(xp.asarray(np.arange(24).reshape(2, 3, 4) * k % 5), layout) for k in (3, 7))
    same(as_tensor(x).argmax(1), Tensor(x).argmax(1))
    for sparse in (False, True):
        found, right = (convolution_matrix(w_, (4, 3), 2, 1, 1, 2, sparse=sparse) for w_ in (w, w.copy()))
        same(found.toarray() if sparse else found, right.toarray() if sparse else right)
    counted, expected = ConfusionMatrix(5), ConfusionMatrix(5)
    counted.update(guess, truth)
    expected.update(guess.copy(), truth.copy())
    same(counted.hist, expected.hist)


@pytest.mark.case(32)
@pytest.mark.case(33)
@pytest.mark.case(34)
@odd_layout
@pytest.mark.parametrize("optimiser", [optim.SGD, optim.Adam, optim.AdamW], ids=lambda o: o.__name__)
def test_a_step_does_not_depend_on_the_layout_of_weight_and_gradient(xp, layout, optimiser):
    options = {"momentum": 0.5} if optimiser is optim.SGD else {}
    weights = []
    for odd in (True, False):
        values = xp.asarray(eighths((3, 2, 4, 5)))
        memory = laid_out(values, "plain" if layout in ("read-only", "repeated") else layout)  # a step writes here
        weight = as_tensor(memory if odd else values.copy()).requires_grad_()
        step = optimiser([weight], lr=0.25, weight_decay=0.5, **options)
        for seed in (1, 2):
            gradient = laid_out(xp.asarray(eighths((3, 2, 4, 5), seed)), layout)
            weight.grad = as_tensor(gradient if odd else gradient.copy())
            step.step()
        weights.append(weight)
    same(weights[0], weights[1])


# --- 35: nothing that is given changes, nothing that is returned is shared --------------------------------------------


def memory_of(array):
    """All of the memory that an array shows a part of."""
    while isinstance(array.base, type(array)):  # what stands behind the last of them is no array
        array = array.base
    return array


@pytest.mark.case(35)
@every_operation
def test_inputs_stay_as_they_are_to_the_last_bit(case, xp):
    for layout in LAYOUTS:
        operands, labels, v, u = in_layout(case, xp, layout)
        given = [memory_of(array) for array in (*operands, *labels, v, *u)]
        before = [to_numpy(array).tobytes("A") for array in given]
        differentiated(case, operands, labels, v, u)
        case(*leaves(operands), *labels).backward(as_tensor(v))
        with named(layout):
            assert [to_numpy(array).tobytes("A") for array in given] == before


def assert_apart(xp, *arrays):
    for count, first in enumerate(arrays):
        for second in arrays[:count]:
            assert not xp.shares_memory(first, second)


@pytest.mark.case(35)
@every_operation
def test_results_and_gradients_share_memory_with_nothing(case, xp):
    for layout in LAYOUTS:
        operands, labels, v, _ = in_layout(case, xp, layout)
        inputs = leaves(operands)
        y = case(*inputs, *labels)
        by_grad = grad(y, inputs, as_tensor(v), retain_graph=True)
        y.retain_grad().backward(as_tensor(v))
        gradients = [x._array for x in by_grad] + [x.grad._array for x in inputs]
        if y is not inputs[0]:  # what changes nothing gives x itself, whose gradient is there already
            gradients.append(y.grad._array)
        with named(layout):
            assert_apart(xp, y._array, v, *labels, *gradients)
            for array in operands:
                assert_apart(xp, array, v, *gradients)
                if not case.view:
                    assert_apart(xp, array, y._array)
        if case.view and layout == "plain":  # in another layout reshape may have to copy
            assert xp.shares_memory(y._array, operands[0])


@pytest.mark.case(35)
def test_indices_of_the_winners_are_the_callers_own(xp):
    x = leaves([xp.asarray(eighths((2, 3, 4, 6)))])[0]
    y, indices = F.max_pool2d(x, (2, 3), return_indices=True)
    back = F.max_unpool2d(y, indices, (2, 3))
    expected, before = back.detach()._array.copy(), indices._array.copy()
    indices[...] = 0  # neither pooling nor unpooling reads them again
    v = eighths(back.shape, 1)
    (by_x,) = grad(back, x, as_tensor(xp.asarray(v)), retain_graph=True)
    same(by_x, np.where(to_numpy(expected) != 0, v, 0))
    assert_apart(xp, y._array, indices._array, before, back._array, x._array)


@pytest.mark.case(35)
def test_labels_weights_and_keys_may_change_after_they_were_used(xp):
    """What backward needs of an array that is no Tensor, it has copied."""
    scores, labels, weight = (xp.asarray(a) for a in (eighths((2, 3, 4)), np.arange(8).reshape(2, 4) % 3, [1.0, 2, 4]))
    keys = xp.asarray(np.array([2, 0, 2]))
    for call, changed in (
        (lambda x: F.cross_entropy(x, labels, weight), (labels, weight)),
        (lambda x: F.cross_entropy(x, as_tensor(labels), as_tensor(weight)), (labels, weight)),
        (lambda x: F.cross_entropy(x, labels, weight, label_smoothing=0.5), (labels, weight)),
        (lambda x: F.nll_loss(x, labels, weight), (labels, weight)),
        (lambda x: F.dice_loss(x, labels), (labels,)),
        (lambda x: F.mse_loss(x, scores), (scores,)),
        (lambda x: x[:, keys].sum(), (keys,)),
        (lambda x: x[:, as_tensor(keys)].sum(), (keys,)),
        (lambda x: (x * scores).sum(), (scores,)),
    ):
        x = Tensor(scores, requires_grad=True)
        before = [array.copy() for array in changed]
        expected = grad(call(x), x)[0]
        y = call(x)
        for array in changed:
            array[...] = 0
        same(grad(y, x)[0], expected)
        for array, old in zip(changed, before, strict=True):
            array[...] = old


# --- 36: one array in two roles ---------------------------------------------------------------------------------------


TWICE = [
    Case("conv2d", lambda x, w: F.conv2d(x, w, padding=1), ((2, 2, 4, 3),)),
    Case("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2), ((3, 3, 2, 4),)),
    Case("matmul", F.matmul, ((4, 4),)),
    Case("linear", F.linear, ((4, 3),)),
    Case("add", F.add, ((2, 3),)),
    Case("subtract", F.subtract, ((2, 3),)),
    Case("multiply", F.multiply, ((2, 3),)),
    Case("divide", F.divide, ((2, 3),), exact=False),
    Case("cat", lambda *x: F.cat(x, 1), ((2, 3),)),
    Case("stack", lambda *x: F.stack(x, 1), ((2, 3),)),
    Case("batch_norm", lambda w, b: F.batch_norm(Tensor(w._array[None] * 1), w, w * w, w, b), ((3,),), exact=False),
]


@pytest.mark.case(36)
@pytest.mark.parametrize("case", TWICE, ids=lambda case: case.name)
def test_the_same_array_as_both_operands(case, xp):
    numbers = xp.asarray(eighths(case.shapes[0]))
    apart = leaves([numbers.copy(), numbers.copy()])
    y = case(*apart)
    v = xp.asarray(eighths(y.shape, 5))
    first, second = grad(y, apart, as_tensor(v))

    (one,) = leaves([numbers.copy()])  # one Tensor in both roles: the two gradients add up
    twice = case(one, one)
    same(twice, y, case.exact)
    same(grad(twice, one, as_tensor(v))[0], first + second, case.exact)

    shared = leaves([numbers, numbers])  # two Tensors on one array: each has its own gradient
    for found, right in zip(grad(case(*shared), shared, as_tensor(v)), (first, second), strict=True):
        same(found, right, case.exact)
    same(numbers, apart[0])


@pytest.mark.case(36)
def test_an_array_may_be_its_own_gradient(xp):
    numbers = xp.asarray(eighths((3, 4)))
    (x,) = leaves([numbers])
    (x * 2.0).backward(as_tensor(numbers))
    same(x.grad, numbers * 2)
    x.grad = x.detach()
    before = numbers.copy()
    optim.SGD([x], lr=0.5, weight_decay=0.25).step()
    same(x, before - 0.5 * (before + 0.25 * before))


@pytest.mark.case(36)
@pytest.mark.parametrize(
    "source, target",
    [(slice(0, 4), slice(1, 5)), (slice(1, 5), slice(0, 4)), (slice(None, None, -1), slice(None))],
    ids=["down", "up", "turned"],
)
def test_a_write_may_overlap_what_it_reads(xp, source, target):
    numbers = eighths((5, 3))
    x = Tensor(xp.asarray(numbers))
    x[target] = x[source]
    expected = numbers.copy()
    expected[target] = numbers[source]
    same(x, expected)


@pytest.mark.case(36)
def test_a_layer_may_load_its_own_state_turned_round(xp):
    """load_state_dict reads from the very memory it writes into."""
    layer = nn.Linear(3, 3, generator=np.random.default_rng(0)).to("cpu" if xp is np else "cuda")
    state = layer.state_dict()
    before = to_numpy(layer.weight.detach()._array).copy()
    state["weight"] = state["weight"].T
    layer.load_state_dict(state)
    same(layer.weight, before.T)


# --- 37: what only looks like an array --------------------------------------------------------------------------------

NUMBERS = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -0.25]], np.float32)
WHOLE = np.array([[1, 0, 2], [2, 2, 0]])


def matrix(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # NumPy advises against its own class
        return np.matrix(array)


def other_byte_order(array):
    return array.astype(array.dtype.newbyteorder())


def masked(array):
    return np.ma.array(array, mask=np.arange(array.size).reshape(array.shape) == 1)


FOREIGN = {"list of lists": np.ndarray.tolist, "matrix": matrix, "other byte order": other_byte_order}
foreign = pytest.mark.parametrize("disguise", FOREIGN.values(), ids=FOREIGN.keys())


@pytest.mark.case(37)
@foreign
@pytest.mark.parametrize("make", [Tensor, as_tensor], ids=["Tensor", "as_tensor"])
def test_tensors_are_made_of_plain_arrays(make, disguise):
    for values in (NUMBERS, WHOLE):
        x = make(disguise(values))
        same(x, values)
        assert type(x._array) is np.ndarray and x.dtype.isnative
        same(x[0] * x[0], values[0] * values[0])  # a matrix would multiply as matrices do


@pytest.mark.case(37)
def test_numbers_and_lists_keep_the_precision_of_the_dtype_that_is_asked_for():
    """1/10 has no exact float32, so a way through float32 shows."""
    tenth, x = np.array([0.1]), Tensor(np.zeros(1), requires_grad=True)
    for data in (0.1, [0.1], (0.1,), [np.float64(0.1)], [tenth]):
        same(Tensor(data, dtype=np.float64).reshape(1), tenth)
        same(Tensor(data).reshape(1), tenth.astype(np.float32))  # single precision unless asked
    (x * 1.0).backward([0.1])
    same(x.grad, tenth)
    with no_grad():
        x[0] = 0.1
        same(x, tenth)
        x[...] = [0.0]
        x.data = [0.1]
        same(x, tenth)
    assert (x * 0.1).item() == 0.1 * 0.1


@pytest.mark.case(37)
@foreign
def test_what_stands_beside_a_tensor_is_converted_or_refused(disguise):
    x = Tensor(NUMBERS, requires_grad=True)
    scores = Tensor(eighths((2, 4, 3)))
    whole, numbers = disguise(WHOLE), disguise(NUMBERS)
    listed = isinstance(numbers, list)

    x.backward(numbers)
    same(x.grad, NUMBERS)
    y = Tensor(np.zeros((2, 3), np.float32))
    y[...] = numbers
    same(y, NUMBERS)
    y.data = whole
    same(y, WHOLE.astype(np.float32))
    same(scores[0, whole], scores.data[0, WHOLE])
    counts = disguise(np.array([[3, 1], [0, 2]]))
    same(ConfusionMatrix.from_hist(counts).hist, np.array([[3, 1], [0, 2]]))

    for call, expected, message in (
        (lambda: x + numbers, x + NUMBERS, "add: cannot combine a Tensor with list"),
        (lambda: numbers * x, x * NUMBERS, "multiply: cannot combine a Tensor with list"),
        (lambda: x < numbers, x < NUMBERS, "less: cannot combine a Tensor with list"),
        (
            lambda: F.cross_entropy(scores, whole),
            F.cross_entropy(scores, WHOLE),
            "target must be an array .*, got list",
        ),
        (lambda: counted(whole), counted(WHOLE), "prediction is a list; pass a NumPy or CuPy array"),
    ):
        if listed:
            with pytest.raises(ArgumentTypeError, match=message):
                call()
        else:
            same(call(), expected)
    with pytest.raises(ArgumentTypeError, match="relu: x must be a Tensor, got .*; wrap it with minifcn.Tensor"):
        F.relu(numbers)


def counted(labels):
    matrix = ConfusionMatrix(3)
    matrix.update(labels, labels)
    return matrix.hist


@pytest.mark.case(37)
@pytest.mark.parametrize("disguise", [other_byte_order, np.ndarray.tolist], ids=["other byte order", "list of lists"])
def test_four_dimensions_in_disguise(disguise):
    x, w = eighths((1, 2, 2, 4)), eighths((3, 2, 2, 2))
    y, indices = F.max_pool2d(Tensor(x), 2, return_indices=True)
    layer = nn.Conv2d(2, 3, 2, bias=False)
    classes = np.array([1.0, 2.0])
    labels = np.array([[[0, 1, 1, 0], [1, 0, 1, 255]]])
    for call, expected, message in (
        (lambda d: convolution_matrix(d(w), (2, 4)), convolution_matrix(w, (2, 4)), "weight must be a Tensor or an array, got list"),
        (lambda d: F.max_unpool2d(y, d(indices.data), 2), F.max_unpool2d(y, indices, 2), r"indices must have the shape of x, \(1, 2, 1, 2\), got None"),
        (lambda d: F.cross_entropy(Tensor(x), labels, d(classes)), F.cross_entropy(Tensor(x), labels, classes), r"weight must have shape \(2,\), .* got \[1.0, 2.0\]"),
        (lambda d: layer.load_state_dict({"weight": d(w)}) and layer.weight, w.astype(np.float32), "weight is list, not a Tensor or an array; convert it with numpy.asarray"),
    ):  # fmt: skip
        if disguise is np.ndarray.tolist:
            with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
                call(disguise)
        else:
            same(call(disguise), expected)


@pytest.mark.case(37)
def test_a_mask_is_never_lost():
    x = Tensor(NUMBERS, requires_grad=True)
    scores = Tensor(eighths((2, 4, 3)))
    y, indices = F.max_pool2d(Tensor(eighths((1, 1, 2, 4))), 2, return_indices=True)
    numbers, whole = masked(NUMBERS), masked(WHOLE)
    layer = nn.Linear(3, 2)
    calls = {
        "a Tensor": (
            lambda: Tensor(numbers),
            lambda: as_tensor(numbers),
            lambda: Tensor([numbers[0], numbers[1]]),
            lambda: Tensor([1.0, np.ma.masked]),
            lambda: x + numbers,
            lambda: numbers * x,
            lambda: x < numbers,
            lambda: F.cat([x, numbers]),
            lambda: x.backward(numbers),
            lambda: grad(x * 2.0, x, numbers),
            lambda: setattr(x, "data", numbers),
            lambda: x.detach().__setitem__(..., numbers),
        ),
        "an index": (
            lambda: x[masked(np.array([1, 0]))],
            lambda: x.detach().__setitem__(masked(np.array([1, 0])), 1.0),
        ),
        "the target of cross_entropy": (lambda: F.cross_entropy(scores, whole),),
        "the weight of cross_entropy": (lambda: F.cross_entropy(scores, WHOLE, masked(np.ones(4))),),
        "the indices of max_unpool2d": (lambda: F.max_unpool2d(y, masked(indices.data), 2),),
        "the weight of convolution_matrix": (lambda: convolution_matrix(masked(eighths((1, 1, 2, 2))), (3, 3)),),
        "the prediction of a metric": (lambda: ConfusionMatrix(3).update(whole, WHOLE),),
        "the target of a metric": (lambda: ConfusionMatrix(3).update(WHOLE, whole),),
        "a confusion matrix": (lambda: ConfusionMatrix.from_hist(masked(np.eye(2, dtype=int))),),
        "the module's weight": (lambda: layer.load_state_dict({"weight": numbers}, strict=False),),
    }
    for what, attempts in calls.items():
        for attempt in attempts:
            with pytest.raises(
                ArgumentTypeError, match=rf"a masked array cannot become {what}; fill it first with \.filled"
            ):
                attempt()
    same(x, NUMBERS)
