"""A process group: sums in the order of the ranks, the same in all; and how a process finds out who it is."""

from __future__ import annotations

from functools import reduce
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.errors import ArgumentError
from minifcn.machine import processes
from minifcn.machine.processes import ALONE, started_as
from tests.parallel.group import in_threads


@given(
    st.integers(1, 5),
    st.sampled_from([(), (0,), (1,), (3, 2), (11,)]),
    st.sampled_from([np.float16, np.float32, np.float64, np.int64]),
    st.integers(0, 9),
)
def test_a_sum_is_that_in_the_order_of_the_ranks(size: int, shape: tuple[int, ...], dtype: type, seed: int) -> None:
    given_ = [(100 * np.random.default_rng((seed, rank)).standard_normal(shape)).astype(dtype) for rank in range(size)]
    expected = reduce(np.add, given_)
    before = [x.copy() for x in given_]
    for total in in_threads(size, lambda group: group.all_reduce(given_[group.rank])):
        assert np.asarray(total).tobytes() == np.asarray(expected).tobytes() and total.dtype == dtype
        assert total.shape == shape
    assert all(np.array_equal(*pair) for pair in zip(given_, before, strict=True)), "what is summed is not changed"


def test_a_sum_of_what_does_not_lie_in_order() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, 1::2]
    for total in in_threads(3, lambda group: group.all_reduce(x)):
        assert np.array_equal(total, 3 * x)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_process_zero_tells_the_others(size: int) -> None:
    texts = in_threads(size, lambda group: group.broadcast_text("" if group.rank else "Öl, 2 €"))
    assert texts == ["Öl, 2 €"] * size
    assert in_threads(size, lambda group: group.broadcast_text("x" if group.rank else "")) == [""] * size
    arrays = in_threads(size, lambda group: group.broadcast(np.full((2, 3), 7 + group.rank, np.float16).T))
    assert all(np.array_equal(x, np.full((3, 2), 7)) and x.dtype == np.float16 for x in arrays)
    wishes = in_threads(size, lambda group: (group.any(group.rank == size - 1), group.any(False)))
    assert wishes == [(True, False)] * size


def test_a_group_on_cards(played: ModuleType) -> None:
    """Without NCCL the numbers go through the host, and come back to their card."""

    def summed(group: processes.ProcessGroup) -> tuple[str, list[float], str]:
        device = group.device("cuda")
        with played.cuda.Device(int(device[-1])):
            x = played.asarray(np.array([1.0 + group.rank, 2.0]))
        total = group.all_reduce(x)
        return device, total.get().tolist(), f"cuda:{total.device.id}"

    assert in_threads(3, summed) == [(f"cuda:{card}", [6.0, 6.0], f"cuda:{card}") for card in (0, 1, 0)]


def test_one_card_is_not_for_several_processes() -> None:
    def refused(group: processes.ProcessGroup) -> str:
        with pytest.raises(ArgumentError, match="2 processes cannot all compute on cuda:1; pass cuda, and each takes"):
            group.device("cuda:1")
        return group.device("cpu")

    assert in_threads(2, refused) == ["cpu", "cpu"]
    assert ALONE.device("cuda:1") == "cuda:1"


@pytest.mark.parametrize(
    ("environment", "who"),
    [
        ({}, (0, 1)),
        ({"PMI_RANK": "2", "PMI_SIZE": "4"}, (2, 4)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"}, (1, 3)),
        ({"PMI_RANK": "2"}, (0, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, (0, 1)),  # a script of Slurm's, which has started nothing yet
    ],
)
def test_who_it_is_stands_in_the_environment(environment: dict[str, str], who: tuple[int, int]) -> None:
    assert started_as(environment) == who
