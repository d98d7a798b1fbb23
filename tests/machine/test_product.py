"""The product that is cut between threads: exactly `a @ b`, whatever is stacked, turned round, or empty."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn import get_float32_matmul_precision, set_float32_matmul_precision, set_num_threads
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine import cublas
from minifcn.machine import product as module
from minifcn.machine.memory import owns
from minifcn.machine.product import product
from tests.arrays.convolution.contractions import shared
from tests.played_cupy import playing
from tests.strategies import laid_out, whole_numbers


def operands(*shapes, dtype=np.float64, seed=0):
    source = np.random.default_rng(seed)
    return [whole_numbers(source, shape, dtype) for shape in shapes]


LAYOUTS = ["contiguous", "fortran", "reversed", "every third"]
STACKS = [((), ()), ((3,), (3,)), ((), (3,)), ((3,), ()), ((2, 1), (3,)), ((1,), (4,)), ((2, 3), (2, 3)), ((0,), (0,))]


@given(
    stacks=st.sampled_from(STACKS),
    sizes=st.tuples(*3 * [st.integers(0, 7)]),
    dtype=st.sampled_from([np.float32, np.float64]),
    threads=st.integers(1, 3),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_it_is_the_product(stacks, sizes, dtype, threads, seed, data):
    n, m, k = sizes
    a, b = operands((*stacks[0], n, k), (*stacks[1], k, m), dtype=dtype, seed=seed)
    a, b = (laid_out(array, data.draw(st.sampled_from(LAYOUTS))) for array in (a, b))
    kept, expected = (a.copy(), b.copy()), a @ b
    with shared(threads):
        found = product(a, b)
        out = np.full(expected.shape, np.nan, dtype)
        assert product(a, b, out) is out
    for result in (found, out):
        assert (result.dtype, result.shape) == (dtype, expected.shape)
        np.testing.assert_array_equal(result, expected)
    assert not any(np.shares_memory(found, array) for array in (a, b))
    for array, before in zip((a, b), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("n, m", [(1, 1), (1, 40), (40, 1), (2, 33), (33, 2), (17, 17), (100, 130)])
def test_rows_and_columns_turned_round(n, m, threads):
    """Matrices of more than one piece, and vectors as matrices of one row or column; views that BLAS reads backwards."""
    a, b = operands((5, n), (m, 5), seed=n)
    expected = a.T @ b.T
    out = np.full((m, n), np.nan)
    with shared(threads):
        np.testing.assert_array_equal(product(a.T, b.T), expected)
        np.testing.assert_array_equal(product(b, a), expected.T)
        product(a.T, b.T, out=out.T)
        np.testing.assert_array_equal(out.T, expected)
        product(a[::-1].T, b.T[::-1], out=out.T)
    np.testing.assert_array_equal(out.T, expected)


def test_it_writes_to_a_part_of_another_array_and_to_nothing_else():
    a, b = operands((2, 9, 4), (2, 4, 5))
    whole = np.full((2, 12, 8), -1.0)
    with shared(3):
        product(a, b, out=whole[:, 2:11, 1:6])
    np.testing.assert_array_equal(whole[:, 2:11, 1:6], a @ b)
    whole[:, 2:11, 1:6] = -1
    assert (whole == -1).all()


@pytest.mark.parametrize(
    "n, m, threads, pieces",
    [(40, 30, 3, ["14 rows", "13 rows"]), (30, 40, 2, ["20 columns"]), (5, 5, 2, ["2 rows", "3 rows"]),
     (1, 2, 3, ["1 columns"]), (40, 30, 1, ["40 rows"])],
)  # fmt: skip
def test_the_longer_side_is_cut(n, m, threads, pieces):
    a, b = operands((n, 6), (6, m))
    seen = set()

    def noted(x, y, out):
        seen.add(f"{len(x)} rows" if y.shape[1] == m and n >= m else f"{y.shape[1]} columns")
        assert out.shape == (len(x), y.shape[1])
        real(x, y, out=out)

    real = np.matmul
    with shared(threads), mock.patch.object(module, "array_module", lambda *arrays: Noted(noted)):
        np.testing.assert_array_equal(product(a, b), a @ b)
    assert seen == set(pieces)


class Noted:
    """NumPy, but for its product."""

    def __init__(self, matmul):
        self.matmul = matmul

    def __getattr__(self, name):
        return getattr(np, name)


def test_little_is_multiplied_by_one_thread_and_much_by_all():
    set_num_threads(3)
    counts = []

    def noted(work, pieces):
        counts.append(len(pieces))
        real(work, pieces)

    real = module.for_each
    with mock.patch.object(module, "for_each", noted):
        for size in (50, 400):
            a, b = operands((size, size), (size, size), dtype=np.float32)
            np.testing.assert_array_equal(product(a, b), a @ b)
    assert counts == [1, 3]


def test_the_result_owns_its_memory_and_the_next_is_another():
    a, b = operands((200, 7), (7, 300))
    first = product(a, b)
    assert owns(first)
    kept = first.copy()
    product(a + 1, b)
    np.testing.assert_array_equal(first, kept)


def test_dtypes_meet_as_in_numpy():
    a, b = operands((3, 4), (4, 5))
    assert product(a.astype(np.float32), b).dtype == product(a, b.astype(np.float32)).dtype == np.float64
    assert product(a.astype(np.float32), b.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shapes", [((3, 4), (5, 6)), ((2, 3, 4), (3, 4, 5))])
def test_what_does_not_fit_is_refused(shapes, threads):
    with shared(threads), pytest.raises(ValueError):
        product(*operands(*shapes))


# --- on a GPU -------------------------------------------------------------------------------------------------------

VIEWS = {
    "rows": lambda x: x.copy(),
    "columns": lambda x: x.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "every second row": lambda x: x.repeat(2, -2)[..., ::2, :],
    "every second column": lambda x: x.repeat(2, -1)[..., ::2],
    "backwards": lambda x: x[..., ::-1, ::-1].copy()[..., ::-1, ::-1],
}


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("view_a", VIEWS)
@pytest.mark.parametrize("view_b", VIEWS)
def test_it_is_the_product_wherever_it_is_computed(xp, view_a, view_b, add):
    for stacks in STACKS:
        for n, m, k in [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (3, 4, 0), (0, 4, 2), (3, 0, 2)]:
            a, b = operands((*stacks[0], n, k), (*stacks[1], k, m), seed=n)
            expected = a @ b
            (start,) = operands(expected.shape)
            out = xp.array(start)
            product(VIEWS[view_a](xp.asarray(a)), VIEWS[view_b](xp.asarray(b)), out, add)
            assert xp.array_equal(out, xp.asarray(expected + start if add else expected))


def test_a_gpu_copies_no_matrix_that_has_rows_or_columns_side_by_side(monkeypatch):
    """One call for a whole stack, a repeated weight and a transposed view included."""
    with playing() as cupy:
        (w,), products = operands((4, 3)), cupy.cuda.cublas.products
        x = cupy.asarray(operands((6, 3, 5))[0])
        w = cupy.asarray(w)
        monkeypatch.setattr(cublas.array_module(x), "ascontiguousarray", None, raising=False)
        del products[:]
        product(w, x)
        product(w, x.swapaxes(1, 2)[:, :3, :3])
        product(w.T, cupy.asarray(operands((4, 7))[0]))
        product(x[:, None], x.swapaxes(1, 2)[:, None])
        assert [(m, n, k, count) for m, n, k, count, _ in products] == [
            (5, 4, 3, 6), (3, 4, 3, 6), (7, 3, 4, 1), (3, 3, 5, 6),
        ]  # fmt: skip


LAYOUTS_OF_NUMBERS = [
    (np.zeros((3, 4)), (0, 4)),
    (np.zeros((3, 4)).T, (1, 4)),
    (np.zeros((2, 8))[:, :4], (0, 8)),
    (np.zeros((2, 8))[:, :4].T, (1, 8)),
    (np.zeros((6, 4))[::2], (0, 8)),
    (np.zeros((1, 8))[:, :4], (0, 4)),
    (np.zeros((3, 8))[:, :1], (0, 8)),
    (np.zeros((1, 8))[:, ::2], (1, 2)),
    (np.zeros((1, 1)), (0, 1)),
    (np.zeros((3, 8))[:, ::2], (0, 0)),
    (np.zeros((2, 8))[:, ::2], (0, 0)),
    (np.zeros((3, 8))[:, ::4], (0, 0)),
    (np.lib.stride_tricks.sliding_window_view(np.zeros(5), 4), (0, 0)),  # each row begins inside the one before
    (np.lib.stride_tricks.sliding_window_view(np.zeros(4), 2), (0, 0)),
]


@pytest.mark.parametrize("number", range(len(LAYOUTS_OF_NUMBERS)))
def test_how_a_matrix_lies_in_memory(number):
    x, layout = LAYOUTS_OF_NUMBERS[number]
    assert cublas._layout(x) == layout


def test_how_far_apart_the_matrices_of_a_stack_are():
    x = np.zeros((2, 6, 4, 5))
    assert cublas._distance(x, (2, 6)) == 20
    assert cublas._distance(x[:, ::2], (2, 3)) == 40
    assert cublas._distance(x[:, :3], (2, 3)) is None
    assert cublas._distance(x[:1, :1], (1, 1)) == cublas._distance(x[0, 0], ()) == 0
    assert cublas._distance(np.broadcast_to(x[0, 0], (2, 6, 4, 5)), (2, 6)) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_card_adds_only_if_it_is_told_to_and_calls_what_there_is_for_one_matrix(dtype):
    with playing() as cupy:
        blas, called = cupy.cuda.cublas, []
        handle = cublas.cublas()[1]

        def noted(name, real):
            def call(given, *numbers):
                called.append((name, given == handle))
                real(given, *numbers)

            return mock.patch.object(blas, name, call)

        a, b = operands((2, 3, 4), (2, 4, 5), dtype=dtype)
        with noted("gemmEx", blas.gemmEx), noted("gemmStridedBatchedEx", blas.gemmStridedBatchedEx):
            for multiply in (cublas.multiply, module.multiply):
                for part in (slice(0, 1), slice(0, 2)):
                    out = cupy.full((len(a[part]), 3, 5), 7, dtype)
                    multiply(cupy.asarray(a[part]), cupy.asarray(b[part]), out)
                    np.testing.assert_array_equal(out.get(), a[part] @ b[part])
                    multiply(cupy.asarray(a[part]), cupy.asarray(b[part]), out, True)
                    np.testing.assert_array_equal(out.get(), 2 * (a[part] @ b[part]))
    stack = ("gemmStridedBatchedEx", True)
    # The double's gemmEx is a stack of one.
    assert called == 2 * [("gemmEx", True), stack, ("gemmEx", True), stack, stack, stack]


def test_one_thread_adds_only_if_it_is_told_to():
    a, b = operands((3, 4), (4, 5))
    out = np.full((3, 5), np.nan)
    module.multiply(a, b, out)
    np.testing.assert_array_equal(out, a @ b)
    module.multiply(a, b, out, True)
    np.testing.assert_array_equal(out, 2 * (a @ b))


def test_threads_are_asked_for_by_the_result_and_its_multiplications():
    a, b = operands((2, 3, 4), (4, 5))
    with mock.patch.object(module, "threads_for", return_value=1) as asked:
        out = product(a, b)
    ((y, elements, multiplications),) = [call.args for call in asked.call_args_list]
    assert y is out and (elements, multiplications) == (30, 120)


def test_two_devices_are_refused(played):
    x, there = np.ones((2, 2)), played.ones((2, 2))
    calls = [lambda: product(x, there), lambda: product(there, x), lambda: cublas.multiply(there, x, there)]
    for call in [*calls, lambda: cublas.multiply(x, there, there), lambda: cublas.multiply(there, there, x)]:
        with pytest.raises(ArgumentTypeError, match="^the arrays live on different devices"):
            call()


def test_tf32_is_asked_for_only_where_it_was_chosen():
    with playing() as cupy:
        blas = cupy.cuda.cublas
        computed = {}
        for precision in ("high", "medium", "highest"):
            set_float32_matmul_precision(precision)
            assert get_float32_matmul_precision() == precision
            for dtype in (np.float32, np.float64):
                product(cupy.ones((2, 3), dtype), cupy.ones((3, 2), dtype))
                computed[precision, dtype] = blas.products[-1][-1]
    tf32 = blas.CUBLAS_COMPUTE_32F_FAST_TF32
    assert [computed[precision, np.float32] for precision in ("high", "medium")] == [tf32, tf32]
    assert computed["highest", np.float32] == blas.CUBLAS_COMPUTE_32F
    assert {computed[precision, np.float64] for precision in ("high", "medium", "highest")} == {blas.CUBLAS_COMPUTE_64F}
    with pytest.raises(ArgumentError, match="'tf32' is unknown; choose one of highest, high, medium"):
        set_float32_matmul_precision("tf32")
