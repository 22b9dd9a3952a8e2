"""No failure to converge: random tiny games, which are the hardest for Newton with both signs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import InputError

SETTINGS = [
    (kind, magnitude, signs)
    for kind in ("dense", "sparse")
    for magnitude in (1.0, 10.0, 100.0, 1000.0, math.inf)
    for signs in ((1, 1), (1, -1))
]


def random_game(rng, kind):
    states, agent, opponent = (int(n) for n in rng.integers(2, [7, 4, 4]))
    shape = (states, agent, opponent)
    reward = rng.standard_normal(shape) * rng.choice([0.1, 1.0, 10.0])
    if kind == "dense":
        return reward, rng.dirichlet(np.ones(states), shape)
    transition = np.zeros((*shape, states))
    successors = int(rng.integers(1, 3))
    for cell in np.ndindex(*shape):
        some = rng.choice(states, successors, replace=False)
        transition[(*cell, some)] = rng.dirichlet(np.ones(successors))
    return reward, transition


def campaign(kind, magnitude, signs, games, seed):
    """Sweeps of each solve; every one must end with a bound that is worth something."""
    rng = np.random.default_rng(seed)
    sweeps = []
    for _ in range(games):
        reward, transition = random_game(rng, kind)
        discount = float(rng.choice([0.5, 0.9, 0.99, 0.999]))
        share = np.ones(2) if math.isinf(magnitude) else rng.uniform(0.1, 1.0, 2)
        betas = magnitude * share * signs
        recipe = [Aggregation(AGENT, betas[0]), Aggregation(OPPONENT, betas[1])]
        if rng.random() < 0.5:
            recipe.reverse()
        answer = fixed_point(Backup(reward, transition, discount, tuple(recipe)))
        assert answer.status in (Status.CONVERGED, Status.FLOOR)
        largest = np.max(np.abs(reward)) / (1 - discount)
        assert answer.error_bound <= max(1e-10, 1e-12 * largest / (1 - discount))
        sweeps.append(answer.iterations)
    return sweeps


@pytest.mark.parametrize(("kind", "magnitude", "signs"), SETTINGS)
def test_every_random_game_is_solved(kind, magnitude, signs):
    sweeps = campaign(kind, magnitude, signs, games=200, seed=1)
    assert np.median(sweeps) <= 6
    assert max(sweeps) <= 2000


@pytest.mark.deep
@pytest.mark.parametrize(("kind", "magnitude", "signs"), SETTINGS)
def test_ten_thousand_random_games_are_solved(kind, magnitude, signs):
    sweeps = campaign(kind, magnitude, signs, games=10_000, seed=2)
    print(
        f"{kind} |β|≤{magnitude:g} {signs}: 10000 solved, sweeps median {np.median(sweeps):.0f}, "
        f"99.9 % {np.percentile(sweeps, 99.9):.0f}, most {max(sweeps)}"
    )
    assert max(sweeps) <= 5000


@pytest.mark.parametrize("betas", [(5.0, -3.0), (50.0, -50.0), (math.inf, -math.inf)])
@pytest.mark.parametrize("discount", [0.99, 0.999])
def test_a_ring_with_opposite_signs_takes_few_sweeps(betas, discount):
    rng = np.random.default_rng(3)
    states, actions = 100, (4, 4)
    transition = np.zeros((states, *actions, states))
    for s in range(states):
        near = [(s - 1) % states, s, (s + 1) % states]
        transition[s][..., near] = rng.dirichlet(np.ones(3), actions)
    recipe = (Aggregation(AGENT, betas[0]), Aggregation(OPPONENT, betas[1]))
    answer = fixed_point(Backup(rng.random((states, *actions)), transition, discount, recipe))
    assert answer.status is Status.CONVERGED
    assert answer.iterations <= 120


@pytest.mark.parametrize("method", ["newton", "value-iteration", "anderson"])
def test_all_methods_agree(method):
    rng = np.random.default_rng(4)
    for _ in range(40):
        reward, transition = random_game(rng, str(rng.choice(["dense", "sparse"])))
        betas = rng.choice([-100.0, -3.0, -0.1, 0.0, 0.1, 3.0, 100.0], 2)
        recipe = (Aggregation(AGENT, betas[0]), Aggregation(OPPONENT, betas[1]))
        operator = Backup(reward, transition, 0.9, recipe)
        first, second = fixed_point(operator), fixed_point(operator, method)
        bound = first.error_bound + second.error_bound
        assert np.max(np.abs(first.value - second.value)) <= bound


@pytest.mark.parametrize("states", [1, 3, 40])
def test_a_discount_next_to_one_gives_a_bound_or_says_so(states):
    """Where 1 − γ drowns in the rows' rounding the policy's equations are singular."""
    rng = np.random.default_rng(0)
    shape = (states, 2, 2)
    recipe = (Aggregation(AGENT, 1.0), Aggregation(OPPONENT, -1.0))
    backup = Backup(
        rng.normal(size=shape), rng.dirichlet(np.ones(states), shape), 1 - 2.0**-53, recipe
    )
    found = fixed_point(backup, max_iterations=200, on_failure="return")
    assert found.value.shape == (states,)
    assert math.isfinite(found.error_bound) == (found.status is Status.FLOOR)


def test_a_solve_stopped_at_once_still_has_a_value():
    game = tm.games.random_game(3, (2, 2), seed=0)
    with pytest.raises(NotConverged, match="iteration limit") as failure:
        tm.rommeo(game, 1.0, method="value-iteration", max_iterations=1)
    partial = failure.value.partial
    assert partial.error_bound is None
    assert partial.value.tolist() == [0.0, 0.0, 0.0]
    assert partial.agent_policy.shape == (3, 2, 2)


def test_rewards_whose_values_overflow_are_refused():
    huge = tm.MatrixGame([[1e308, -1e308], [1.0, 2.0]])
    with pytest.raises(
        InputError, match=r"reward must keep max\|reward\| / \(1 - discount\) within"
    ):
        tm.rommeo(huge, 1.0, discount=0.9)
