"""The laws are tested by mistakes: each one is noticed, and each law notices something."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain

import pytest

from minifcn.testing import LAWS, MUTANTS, Operations, laws_about, ours, score
from minifcn.testing.calls import reference, tried
from minifcn.testing.diagnosis import calls_of_the_laws
from minifcn.testing.score import Score, kills

EXAMPLES = 40  # as `python -m minifcn.testing score` does


@cache
def killed(law: str, mutant: str) -> bool:
    return kills(LAWS[law], MUTANTS[mutant], EXAMPLES)


def one_kills(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether in one of these pairs the law kills the mutant.

    A law that does not takes all of its examples to say so, and most that do need two. Whichever pairs two examples
    find, and then eight, are asked first: nearly always the first answer is yes.
    """
    pairs = list(pairs)
    likely = (pair for few in (2, 8) for pair in pairs if kills(LAWS[pair[0]], MUTANTS[pair[1]], few))
    return any(killed(*pair) for pair in chain(likely, pairs))


@pytest.mark.parametrize("name", MUTANTS)
def test_some_law_kills_the_mutant(name):
    assert one_kills((law.name, name) for law in laws_about(MUTANTS[name].of)), MUTANTS[name].remark


@pytest.mark.parametrize("name", LAWS)
def test_the_law_kills_some_mutant(name):
    candidates = [mutant.name for mutant in MUTANTS.values() if mutant.of in LAWS[name].needs]
    assert one_kills((name, mutant) for mutant in candidates), (
        f"{name} kills none of {candidates}; sharpen or remove it"
    )


@cache
def calls_of(operation: str) -> list:
    return calls_of_the_laws(laws_about(operation), operation, examples=10, seed=0)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_gives_a_result(name):
    """One that can only raise, say because it names an argument that does not exist, would be killed by every law."""
    mutant = MUTANTS[name]
    calls = [call for call in calls_of(mutant.of) if reference(mutant.of, call).error is None]
    assert any(tried(lambda given: mutant.function(**given), call).error is None for call in calls)


def test_there_are_many_mutants_and_every_operation_has_some():
    assert len(MUTANTS) >= 60
    assert {mutant.of for mutant in MUTANTS.values()} == set(Operations.names())
    for mutant in MUTANTS.values():
        assert mutant.remark.endswith((".", ").")), mutant.name


def test_the_score_names_who_kills_whom_and_who_lives():
    chosen = [MUTANTS["bias_twice"], MUTANTS["stride_ignored"]]
    result = score(chosen, examples=10)
    assert result.killed_by["bias_twice"] == ("a_bias_is_added_once",)
    assert "a_stride_leaves_out_pixels" in result.killed_by["stride_ignored"]
    assert result.survivors == []
    assert result.kills["a_bias_is_added_once"] == ["bias_twice", "stride_ignored"][:1] + (
        ["stride_ignored"] if "a_bias_is_added_once" in result.killed_by["stride_ignored"] else []
    )
    text = str(result)
    assert "2 of 2 mutants killed by" in text
    assert "   1    1  a_bias_is_added_once" in text
    alive = Score({"bias_twice": (), "stride_ignored": ("a_delta_copies_the_image",)})
    assert alive.survivors == ["bias_twice"]
    assert "ALIVE: no law kills it" in str(alive)
    assert "1 of 2 mutants killed" in str(alive)


def test_the_same_seed_gives_the_same_score():
    chosen = [MUTANTS["matrix_wraps_around"]]
    assert score(chosen, examples=5, seed=3) == score(chosen, examples=5, seed=3)


def test_a_mistake_of_ceil_mode_is_none_without_it():
    counted = MUTANTS["window_beyond_the_image_counted"].function
    assert counted((5, 7), 2) == ours.pool_output_size((5, 7), 2) == (2, 3)
    assert counted((5, 7), 2, padding=1, ceil_mode=True) != ours.pool_output_size((5, 7), 2, padding=1, ceil_mode=True)
