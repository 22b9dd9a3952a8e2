"""Plain optima: the operator that skips hopeless actions is the general one, entry by entry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from tabular_marl.games import generate
from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.greedy import Greedy
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation


def recipe(beta, agent_prior=None, opponent_prior=None):
    return (Aggregation(AGENT, beta, agent_prior), Aggregation(OPPONENT, beta, opponent_prior))


def games(actions=(3, 2)):
    yield generate.random_game(30, actions, seed=1, discount=0.97)
    yield generate.ring_game(40, actions, seed=2, discount=0.999, as_sparse=True)
    yield generate.sparse_game(200, actions, seed=3, successors=5, discount=0.99)
    yield generate.sparse_game(200, actions, seed=4, successors=5, local=True, discount=0.99)


def brute(game, sign, value, allowed=None):
    """TV from the whole Q."""
    rows = game.transition_rows
    q = game.reward.reshape(game.num_states, -1) + game.discount * np.reshape(
        rows @ value, (game.num_states, -1)
    )
    if allowed is not None:
        q = np.where(allowed.reshape(q.shape), q, -sign * np.inf)
    return sign * np.max(sign * q, axis=1)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("accurate", [False, True])
def test_every_sweep_is_the_whole_backup_although_actions_are_skipped(sign, accurate):
    rng = np.random.default_rng(0)
    for game in games():
        operator = Backup(
            game.reward, game.transition, game.discount, recipe(sign * math.inf)
        ).specialised()
        assert isinstance(operator, Greedy)
        value = np.zeros(game.num_states)
        for turn in range(30):
            offset = (value.max() + value.min()) / 2
            swept = operator.sweep(offset, value - offset, True, accurate)
            d = brute(game, sign, value) - value
            scale = 1e-14 * (1 + np.abs(value).max())
            assert np.abs(swept.residual - d).max() <= scale + swept.radius.max()
            # a random walk of jumps that shrink, up and down, now and then a plain sweep
            step = rng.normal(size=value.size) * 10.0 ** (1 - turn / 3)
            value = value + (d if turn % 5 == 4 else step)


def test_actions_are_really_skipped():
    game = generate.sparse_game(500, (8, 1), seed=5, successors=5, discount=0.9)
    operator = Backup(game.reward, game.transition, game.discount, recipe(math.inf)).specialised()
    answer = fixed_point(operator)
    value = answer.value
    offset = (value.max() + value.min()) / 2
    operator.sweep(offset, value - offset)
    before = operator._stale.copy()
    operator.sweep(offset, value - offset + 1e-9)
    assert np.mean(before != operator._stale) < 0.25


@pytest.mark.parametrize("beta", [math.inf, -math.inf])
@pytest.mark.parametrize("method", ["auto", "newton", "value-iteration"])
def test_solution_agrees_with_plain_value_iteration_to_the_proved_bound(beta, method):
    for game in games():
        if method == "value-iteration" and game.discount > 0.99:
            continue
        answer = fixed_point(
            Backup(game.reward, game.transition, game.discount, recipe(beta)), method=method
        )
        value = np.zeros(game.num_states)
        for _ in range(int(40 / (1 - game.discount))):
            value = brute(game, math.copysign(1, beta), value)
        rounding = 1e-15 * np.abs(value).max() / (1 - game.discount)
        assert answer.error_bound <= 1e-10
        assert np.abs(answer.value - value).max() <= answer.error_bound + rounding


def test_only_the_priors_support_is_played():
    rng = np.random.default_rng(6)
    game = generate.random_game(20, (3, 2), seed=6, discount=0.95)
    agent = rng.dirichlet(np.ones(3), 20)
    agent[np.arange(20), rng.integers(0, 3, 20)] = 0
    agent /= agent.sum(axis=1, keepdims=True)
    opponent = np.array([0.0, 1.0])
    answer = fixed_point(
        Backup(game.reward, game.transition, game.discount, recipe(math.inf, agent, opponent))
    )
    allowed = (agent[:, :, None] > 0) & (opponent > 0)
    again = brute(game, 1.0, answer.value, np.broadcast_to(allowed, game.reward.shape))
    assert np.abs(again - answer.value).max() <= 1e-12
    assert np.abs(brute(game, 1.0, answer.value) - answer.value).max() > 0.01


def test_mixed_recipes_stay_general_and_single_actions_do_not_matter():
    game = generate.random_game(5, (3, 1), seed=7)
    common = (game.reward, game.transition, game.discount)
    one = Backup(*common, (Aggregation(AGENT, math.inf), Aggregation(OPPONENT, -2.0)))
    assert isinstance(one.specialised(), Greedy)
    soft = Backup(*common, (Aggregation(AGENT, 1e300), Aggregation(OPPONENT, math.inf)))
    assert soft.specialised() is soft
    two = generate.random_game(5, (3, 2), seed=7)
    minimax = (Aggregation(AGENT, math.inf), Aggregation(OPPONENT, -math.inf))
    mixed = Backup(two.reward, two.transition, two.discount, minimax)
    assert mixed.specialised() is mixed


def test_irregular_rows_and_ties():
    """Rows of one to five entries, and two actions that are copies: no slots, no cycling."""
    rng = np.random.default_rng(8)
    states = 60
    rows = np.zeros((states, 2, states))
    for s in range(states):
        for a in range(2):
            many = rng.integers(1, 6) if s else states
            rows[s, a, rng.choice(states, many, replace=False)] = rng.dirichlet(np.ones(many))
    rows = np.concatenate([rows, rows[:, :1]], axis=1)
    reward = rng.normal(size=(states, 3, 1))
    reward[:, 2] = reward[:, 0]
    matrix = sparse.csr_array(rows.reshape(-1, states))
    answers = [
        fixed_point(Backup(reward, transition, 0.99, recipe(math.inf))).value
        for transition in (matrix, rows[:, :, None, :])
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=2e-10)
