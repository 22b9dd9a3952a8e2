"""What must not matter to a logit equilibrium: labels, order of players, shifts, units, signs."""

from __future__ import annotations

import numpy as np
import pytest

import tabular_marl as tm


def game_of(seed, counts=(3, 2, 2)):
    return np.random.default_rng(seed).normal(size=(len(counts), *counts))


def policies(payoffs, lam=3.0, **arguments):
    found = tm.logit_equilibria(tm.MatrixGame(payoffs), lam, **arguments).equilibria[-1]
    return [policy[0] for policy in found.policies]


@pytest.mark.parametrize("seed", range(5))
def test_relabelled_actions(seed):
    payoffs = game_of(seed)
    order = np.random.default_rng(seed).permutation(3)
    base, moved = policies(payoffs), policies(payoffs[:, order])
    assert np.allclose(moved[0], base[0][order], atol=1e-12)
    assert np.allclose(moved[1], base[1], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_reordered_players(seed):
    payoffs = game_of(seed)
    base = policies(payoffs)
    moved = policies(payoffs[[2, 0, 1]].transpose(0, 3, 1, 2))
    for i, j in enumerate((2, 0, 1)):
        assert np.allclose(moved[i], base[j], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_shifts_by_what_a_player_cannot_change(seed):
    """Adding to a player's payoff a function of the others' actions leaves every policy."""
    payoffs = game_of(seed)
    shifted = payoffs.copy()
    shifted[0] += np.random.default_rng(9).normal(size=(1, 2, 2))
    shifted[1] += 7.0
    for one, two in zip(policies(payoffs), policies(shifted), strict=True):
        assert np.allclose(one, two, atol=1e-11)


@pytest.mark.parametrize("seed", range(5))
def test_units_and_signs(seed):
    payoffs = game_of(seed)
    base = policies(payoffs, 3.0)
    for one, two in zip(base, policies(payoffs * 4.0, 0.75), strict=True):
        assert np.allclose(one, two, atol=1e-12)
    mirrored = payoffs * np.array([1.0, -1.0, 1.0])[:, None, None, None]
    for one, two in zip(base, policies(mirrored, weights=(1.0, -1.0, 1.0)), strict=True):
        assert np.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_prior_is_a_shift_of_payoffs(seed):
    """p e^{λ q} is e^{λ (q + log p / λ)}: the prior as a bonus on one's own actions."""
    payoffs, lam = game_of(seed), 3.0
    prior = [0.5, 0.3, 0.2]
    bonus = payoffs.copy()
    bonus[0] += (np.log(prior) / lam)[:, None, None]
    given = tm.logit_equilibria(
        tm.MatrixGame(payoffs), lam, priors=(prior, None, None), longest_step=0.2
    )
    other = tm.logit_equilibria(tm.MatrixGame(bonus), lam, longest_step=0.2)
    if not given.folds and not other.folds:  # else the two branches may end apart
        for one, two in zip(
            given.equilibria[-1].policies, other.equilibria[-1].policies, strict=True
        ):
            assert np.allclose(one, two, atol=1e-11)


@pytest.mark.parametrize("evaluation", ["regularised", "expectation"])
def test_relabelled_states(evaluation):
    rng = np.random.default_rng(4)
    transition, (one, two) = (
        rng.dirichlet(np.ones(4), size=(4, 2, 3)),
        rng.normal(size=(2, 4, 2, 3)),
    )
    order = rng.permutation(4)
    base = tm.logit(tm.StochasticGame(transition, one, two), 2.0, 1.0, evaluation=evaluation)
    moved = tm.logit(
        tm.StochasticGame(transition[order][..., order], one[order], two[order]),
        2.0, 1.0, evaluation=evaluation,
    )  # fmt: skip
    assert np.allclose(moved.value, base.value[order], atol=1e-11)
    assert np.allclose(moved.agent_policy, base.agent_policy[order], atol=1e-11)


@pytest.mark.parametrize("seed", range(40))
def test_long_steps_end_where_short_ones_do(seed):
    """The same equilibria and the same folds with steps thirty times shorter."""
    payoffs = np.random.default_rng(seed).normal(size=(2, 4, 3)) * 1.5
    game = tm.MatrixGame(payoffs)
    fast = tm.logit_equilibria(game, [2.0, 20.0])
    slow = tm.logit_equilibria(game, [2.0, 20.0], longest_step=0.1)
    assert len(fast.equilibria) == len(slow.equilibria)
    for one, two in zip(fast.equilibria, slow.equilibria, strict=True):
        for p, q in zip(one.policies, two.policies, strict=True):
            assert np.allclose(p, q, atol=1e-10)
    assert [f.inverse_temperature for f in fast.folds] == pytest.approx(
        [f.inverse_temperature for f in slow.folds], abs=1e-8
    )
