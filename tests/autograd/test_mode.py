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


@pytest.mark.case(50)
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
