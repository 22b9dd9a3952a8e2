"""Changes of a game whose effect on the exact solution is known without solving it."""

from __future__ import annotations

import numpy as np
import pytest

import tabular_marl as tm

STATES, A, B = 4, 2, 3


def game_of(seed=0, discount=0.9):
    rng = np.random.default_rng(seed)
    return tm.StochasticGame(
        rng.dirichlet(np.ones(STATES), size=(STATES, A, B)),
        rng.normal(size=(STATES, A, B)),
        discount=discount,
    )


def swapped(game):
    """The same game with the players' names exchanged."""
    return tm.StochasticGame(
        game.transition.transpose(0, 2, 1, 3),
        game.reward.transpose(0, 2, 1),
        discount=game.discount,
    )


def close(one, other, slack=1e-9):
    np.testing.assert_allclose(one, other, rtol=0, atol=slack)


SOLVERS = [
    pytest.param(lambda g, k=1.0, **o: tm.rommeo(g, 2.0 / k, **o), id="rommeo"),
    pytest.param(lambda g, k=1.0, **o: tm.pr2(g, -1.0 / k, **o), id="pr2"),
    pytest.param(lambda g, k=1.0, **o: tm.balancing_q(g, 3.0 / k, -2.0 / k, **o), id="agent"),
    pytest.param(
        lambda g, k=1.0, **o: tm.balancing_q(g, 3.0 / k, -2.0 / k, view="opponent", **o),
        id="opponent",
    ),
]


@pytest.mark.parametrize("beta", [2.0, -0.5, float("inf")])
def test_rommeo_is_pr2_with_the_names_exchanged(beta):
    game, rng = game_of(), np.random.default_rng(9)
    inner = rng.dirichlet(np.ones(A), (STATES, B)).transpose(0, 2, 1)
    outer = rng.dirichlet(np.ones(B), STATES)
    one = tm.rommeo(game, beta, agent_prior=inner, opponent_prior=outer)
    other = tm.pr2(swapped(game), beta, agent_prior=outer, opponent_prior=inner.transpose(0, 2, 1))
    close(one.value, other.value)
    close(one.opponent_q, other.agent_q)
    close(one.opponent_policy, other.agent_policy)
    close(one.agent_policy, other.opponent_policy.transpose(0, 2, 1))


@pytest.mark.parametrize("betas", [(2.0, 3.0), (5.0, -3.0), (0.0, -float("inf"))])
def test_views_exchange_with_the_names(betas):
    game, rng = game_of(1), np.random.default_rng(9)
    p, r = rng.dirichlet(np.ones(A), STATES), rng.dirichlet(np.ones(B), STATES)
    one = tm.balancing_q(game, *betas, "agent", p, r)
    other = tm.balancing_q(swapped(game), *betas[::-1], "opponent", r, p)
    close(one.value, other.value)
    close(one.agent_q, other.opponent_q)
    close(one.agent_policy, other.opponent_policy)
    close(one.opponent_policy, other.agent_policy)
    close(one.conditional_policy, other.conditional_policy.transpose(0, 2, 1))
    close(one.joint_policy, other.joint_policy.transpose(0, 2, 1))


@pytest.mark.parametrize("beta", [1.5, -2.0, 0.0, float("inf")])
def test_equal_betas_make_the_views_agree(beta):
    """Σ_a Σ_b = Σ_b Σ_a, so (22) holds, and all the models are one."""
    game = game_of(2)
    value = tm.balancing_q(game, beta, beta).value
    for other in (
        tm.balancing_q(game, beta, beta, view="opponent"),
        tm.rommeo(game, beta),
        tm.pr2(game, beta),
        tm.soft_q(game, beta),
    ):
        close(other.value, value)


def test_different_betas_make_the_views_differ():
    """(22) is false in general: here by far more than both proved bounds."""
    game = game_of(2)
    one, other = (tm.balancing_q(game, 3.0, -2.0, view=v) for v in ("agent", "opponent"))
    assert np.abs(one.value - other.value).min() > 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_duplicating_an_action_with_its_prior_split(solver):
    game = game_of(3)
    more = tm.StochasticGame(
        game.transition[:, [0, 1, 1]], game.reward[:, [0, 1, 1]], discount=game.discount
    )
    one = solver(game, agent_prior=[0.25, 0.75])
    other = solver(more, agent_prior=[0.25, 0.5, 0.25])
    close(one.value, other.value)
    close(one.joint_policy[:, 1], other.joint_policy[:, 1:].sum(axis=1))


@pytest.mark.parametrize("solver", SOLVERS)
def test_shift_and_scale_of_the_reward(solver):
    game = game_of(4)
    base = solver(game)
    shifted = solver(tm.StochasticGame(game.transition, game.reward + 5.0, discount=0.9))
    close(shifted.value, base.value + 50.0)
    close(shifted.joint_policy, base.joint_policy)
    scaled = solver(tm.StochasticGame(game.transition, game.reward * 8.0, discount=0.9), k=8.0)
    close(scaled.value, base.value * 8.0)
    close(scaled.joint_policy, base.joint_policy)


@pytest.mark.parametrize("solver", SOLVERS)
def test_negating_reward_and_betas_negates_the_value(solver):
    game = game_of(5)
    mirrored = solver(tm.StochasticGame(game.transition, -game.reward, discount=0.9), k=-1.0)
    close(mirrored.value, -solver(game).value)
    close(mirrored.joint_policy, solver(game).joint_policy)


@pytest.mark.parametrize("solver", SOLVERS)
def test_order_of_states_does_not_matter(solver):
    game, order = game_of(6), np.array([2, 0, 3, 1])
    moved = tm.StochasticGame(
        game.transition[order][..., order], game.reward[order], discount=game.discount
    )
    close(solver(moved).value, solver(game).value[order])


@pytest.mark.parametrize("solver", SOLVERS)
def test_sparse_and_dense_are_one_game(solver):
    from scipy.sparse import csr_array

    game = game_of(7)
    packed = tm.StochasticGame(csr_array(game.transition_rows), game.reward, discount=0.9)
    one, other = solver(game), solver(packed)
    close(one.value, other.value)
    certified = other.certify()
    assert (certified.lower <= one.certify().upper).all()
    assert (one.certify().lower <= certified.upper).all()


@pytest.mark.parametrize("beta", [2.0, -1.0])
def test_soft_q_of_a_joint_prior_is_rommeo_with_the_prior_factored(beta):
    game = game_of(8)
    joint = np.random.default_rng(3).dirichlet(np.ones(A * B), STATES).reshape(STATES, A, B)
    rho = joint.sum(axis=1)
    one = tm.soft_q(game, beta, prior=joint)
    other = tm.rommeo(game, beta, agent_prior=joint / rho[:, None, :], opponent_prior=rho)
    close(one.value, other.value)
    close(one.joint_policy, other.joint_policy)
    close(one.opponent_policy, other.opponent_policy)


def test_balancing_q_with_a_conditional_prior_is_pr2_or_rommeo_at_equal_betas():
    rng = np.random.default_rng(8)
    game = tm.games.random_game(4, (3, 2), discount=0.8, seed=8)
    answer_b = rng.dirichlet(np.ones(2), (4, 3))
    answer_a = rng.dirichlet(np.ones(3), (4, 2)).transpose(0, 2, 1)
    one = tm.balancing_q(game, 2.0, 2.0, opponent_prior=answer_b)
    other = tm.pr2(game, 2.0, opponent_prior=answer_b)
    close(one.value, other.value)
    close(one.agent_policy, other.agent_policy)
    close(one.opponent_policy, other.opponent_policy)
    close(one.conditional_policy, other.opponent_policy)
    one = tm.balancing_q(game, 2.0, 2.0, view="opponent", agent_prior=answer_a)
    other = tm.rommeo(game, 2.0, agent_prior=answer_a)
    close(one.value, other.value)
    close(one.agent_policy, other.agent_policy)
    close(one.opponent_policy, other.opponent_policy)
