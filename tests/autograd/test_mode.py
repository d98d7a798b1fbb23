"""Recording is switched per thread, and every way out of a block restores it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from minifcn import Tensor, enable_grad, is_grad_enabled, no_grad


def test_nothing_is_recorded_inside_no_grad():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with no_grad():
        y = x * x
        assert not is_grad_enabled()
        with enable_grad():
            z = x * x
    assert not y.requires_grad
    assert y.grad_fn is None
    assert z.requires_grad
    assert is_grad_enabled()


def test_exceptions_restore_the_mode():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert is_grad_enabled()
    with no_grad():
        with pytest.raises(ZeroDivisionError), enable_grad():
            raise ZeroDivisionError
        assert not is_grad_enabled()


def test_a_backward_that_fails_restores_the_mode():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.mutable()[0] = 5.0
    with pytest.raises(RuntimeError):
        y.backward()
    assert is_grad_enabled()


def test_no_grad_as_a_decorator():
    @no_grad()
    def double(x):
        return x * 2.0

    x = Tensor([1.0], requires_grad=True)
    assert not double(x).requires_grad
    assert not double(x).requires_grad  # a second call enters a second block
    assert is_grad_enabled()


def test_threads_do_not_see_each_other():
    inside, finish, seen = threading.Event(), threading.Event(), {}

    def other():
        seen["at start"] = is_grad_enabled()
        with no_grad():
            inside.set()
            finish.wait(10)
            seen["inside"] = is_grad_enabled()

    thread = threading.Thread(target=other)
    with no_grad():
        thread.start()
        assert inside.wait(10)
    assert is_grad_enabled()
    assert (Tensor([1.0], requires_grad=True) * 2.0).requires_grad
    finish.set()
    thread.join()
    assert seen == {"at start": True, "inside": False}


def test_two_threads_compute_the_same_bits_as_one():
    def work(seed, results):
        generator = np.random.default_rng(seed)
        w = Tensor(generator.standard_normal((20, 20)), requires_grad=True)
        x = Tensor(generator.standard_normal((5, 20)))
        for _ in range(20):
            with no_grad():
                w = Tensor(w.data * 0.5, requires_grad=True)
            (x @ w).tanh().sum().backward()
            w = Tensor(w.data - 0.1 * w.grad.data, requires_grad=True)
        results[seed] = w.data

    alone, together = {}, {}
    for seed in (1, 2):
        work(seed, alone)
    threads = [threading.Thread(target=work, args=(seed, together)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        np.testing.assert_array_equal(alone[seed], together[seed])
