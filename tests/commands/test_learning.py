"""How fast a network learns: the schedules of the command line, from the first step to the last."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, optim
from minifcn.commands.learning import scheduled


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("poly", [1.0, (5 / 6) ** 0.9, (1 / 6) ** 0.9, 0.0]),
        ("cosine", [1.0, (1 + 3**0.5 / 2) / 2, (1 - 3**0.5 / 2) / 2, 0.0]),
        ("step", [1.0, 1.0, 0.01, 0.001]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_how_the_learning_rate_falls(name: str, rates: list[float]) -> None:
    optimizer = optim.SGD([Tensor(np.zeros(2), requires_grad=True)], 1.0)
    schedule, found = scheduled(name, optimizer, 6), []
    for step in range(7):
        if step in (0, 1, 5, 6):
            found.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    assert found == pytest.approx(rates)
