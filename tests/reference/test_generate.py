"""Generators: shapes, supports, seeds; planted solutions checked without the engine."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.games import plant
from tabular_marl.numerics.recipe import Aggregation, check

INF = np.inf


def test_the_same_seed_gives_the_same_game_and_another_seed_another() -> None:
    for make in (
        lambda seed: tm.games.random_matrix_game((2, 3), seed=seed),
        lambda seed: tm.games.random_game(4, (2, 3), seed=seed),
        lambda seed: tm.games.ring_game(6, (2, 3), seed=seed),
        lambda seed: tm.games.sparse_game(40, (2, 3), seed=seed, successors=4),
        lambda seed: tm.games.sparse_game(40, (2, 3), seed=seed, successors=4, local=True),
    ):
        assert make(1) == make(1)
        assert make(1) != make(2)


def test_generators_take_n_players_and_single_agents() -> None:
    assert tm.games.random_game(3, (2, 2, 2), seed=0).num_players == 3
    assert tm.games.sparse_game(30, (4, 1), seed=0).action_counts == (4, 1)


def test_ring_moves_to_neighbours_only() -> None:
    game = tm.games.ring_game(7, (2, 2), seed=0)
    reached = game.transition.any(axis=(1, 2))
    distance = np.abs(np.arange(7)[:, None] - np.arange(7))
    assert np.array_equal(reached, np.minimum(distance, 7 - distance) <= 1)
    thin = tm.games.ring_game(7, (2, 2), seed=0, as_sparse=True)
    assert np.array_equal(thin.transition.toarray(), game.transition_rows)


@pytest.mark.parametrize(("states", "successors"), [(12, 12), (50, 10), (400, 10)])
@pytest.mark.parametrize("local", [False, True])
def test_sparse_rows_have_so_many_different_successors(
    states: int, successors: int, local: bool
) -> None:
    game = tm.games.sparse_game(states, (2, 2), seed=3, successors=successors, local=local)
    assert (np.diff(game.transition.indptr) == successors).all()
    if local:
        rows, columns = game.transition.nonzero()
        distance = np.abs(rows // 4 - columns)
        assert np.minimum(distance, states - distance).max() <= successors


def test_sparse_successors_are_uniform() -> None:
    game = tm.games.sparse_game(20, (50, 20), seed=0, successors=2)
    hits = np.bincount(game.transition.indices, minlength=20)
    expected = 2 * 20_000 / 20
    assert np.abs(hits - expected).max() < 5 * np.sqrt(expected)


def free_energy(x: np.ndarray, beta: float, prior: np.ndarray, axis: int) -> np.ndarray:
    """An independent float version, good enough for moderate β."""
    x = np.where(prior > 0, x, np.nan)
    if np.isinf(beta):
        return (np.nanmax if beta > 0 else np.nanmin)(x, axis=axis, keepdims=True)
    if beta == 0:
        return np.nansum(prior * x, axis=axis, keepdims=True)
    top = np.nanmax(beta * x, axis=axis, keepdims=True)
    total = np.nansum(prior * np.exp(beta * x - top), axis=axis, keepdims=True)
    return (top + np.log(total)) / beta


PRIOR = np.array([0.5, 0.5, 0.0])
CONDITIONAL = np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 3)).transpose(0, 2, 1)
RECIPES = [
    (Aggregation(0, 2.0), Aggregation(1, 2.0)),
    (Aggregation(1, -3.0), Aggregation(0, 50.0)),
    (Aggregation(0, 1.0), Aggregation(1, 0.0, PRIOR)),
    (Aggregation(0, INF, PRIOR), Aggregation(1, -0.5, PRIOR)),
    (Aggregation(0, -INF), Aggregation(1, INF)),
    (Aggregation(0, 4.0, CONDITIONAL), Aggregation(1, 1.0)),
    (Aggregation(2, 1.0), Aggregation(0, -2.0), Aggregation(1, INF)),
]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("discount", [0.0, 0.9, 0.999])
def test_planted_value_is_a_fixed_point_within_its_bound(recipe, discount: float) -> None:
    counts = (3,) * len(recipe)
    base = tm.games.random_game(4, counts, seed=5, discount=discount)
    planted = plant(recipe, base, seed=1)
    game = planted.game
    q = game.player_reward(0) + game.discount * (game.transition @ planted.value)
    backed_up, joint = q, np.ones_like(q)
    for level, policy in zip(check(recipe, 4, counts), planted.policies, strict=True):
        prior = np.broadcast_to(level.prior, policy.shape)
        axis = level.axis + 1
        after = free_energy(backed_up, level.beta, prior, axis)
        if np.isfinite(level.beta):
            tilt = prior * np.exp(level.beta * (backed_up - after))
            assert np.allclose(tilt, policy, atol=1e-9)
        assert np.allclose(policy.sum(axis=axis), 1)
        assert (policy[prior == 0] == 0).all()
        backed_up, joint = after, joint * policy
    error = np.abs(backed_up.ravel() - planted.value).max() / (1 - discount)
    assert error <= planted.rounding < 1e-9
    assert np.array_equal(joint, planted.joint_policy)


def test_exact_plant_has_no_rounding_at_all() -> None:
    uniform = [Fraction(1, 4)] * 4
    for first, second in [(INF, 0.0), (0.0, -INF), (-INF, INF), (0.0, 0.0)]:
        planted = plant((Aggregation(1, first), Aggregation(0, second)), seed=4, exact=True)
        game = planted.game
        assert planted.rounding == 0

        def aggregate(row: list[Fraction], beta: float) -> Fraction:
            if beta == 0:
                return sum((p * x for p, x in zip(uniform, row, strict=True)), Fraction(0))
            return max(row) if beta > 0 else min(row)

        value = [Fraction(v) for v in planted.value]

        def ahead(row: np.ndarray, value: list[Fraction] = value) -> Fraction:
            return sum((Fraction(p) * v for p, v in zip(row, value, strict=True)), Fraction(0))

        gamma = Fraction(game.discount)
        for s in range(4):
            q = [
                [
                    Fraction(game.reward[s, a, b]) + gamma * ahead(game.transition[s, a, b])
                    for b in range(4)
                ]
                for a in range(4)
            ]
            assert aggregate([aggregate(row, first) for row in q], second) == value[s]


def test_exact_plant_refuses_what_cannot_be_exact() -> None:
    with pytest.raises(tm.InputError, match=r"recipe must have every beta 0 or ±inf"):
        plant((Aggregation(0, 1.0), Aggregation(1, 0.0)), seed=0, exact=True)
    with pytest.raises(tm.InputError, match="game must hold multiples of 1/1024"):
        plant(
            (Aggregation(0, INF), Aggregation(1, 0.0)),
            tm.games.random_game(3, (2, 2), seed=0),
            seed=0,
            exact=True,
        )


def test_plant_keeps_the_others_rewards_and_labels() -> None:
    base = tm.iterated(tm.games.chicken())
    planted = plant((Aggregation(0, 2.0), Aggregation(1, -1.0)), base, seed=0)
    assert planted.game.states == base.states
    assert np.array_equal(planted.game.opponent_reward, base.opponent_reward)
