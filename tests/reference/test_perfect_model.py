"""The perfect model against (51)-(56) in extended precision; its limits, bounds and cycles."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.solution import Status

S, A, B = 3, 2, 3
INF = math.inf
LONG = np.longdouble


def game_of(seed, discount=0.7):
    rng = np.random.default_rng(seed)
    return tm.StochasticGame(
        rng.dirichlet(np.full(S, 0.5), size=(S, A, B)),
        rng.normal(size=(S, A, B)),
        rng.normal(size=(S, A, B)),
        discount=discount,
    )


def priors_of(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(A), (S, B)).transpose(0, 2, 1)
    return p, rng.dirichlet(np.ones(B), S)


def paper_opponent(game, beta, sigma, r):
    """(52)-(54) iterated: V^-i, Q^-i(s,b), ρ."""
    P, R, gamma = game.transition.astype(LONG), game.opponent_reward.astype(LONG), game.discount
    V = np.zeros(S, dtype=LONG)
    for _ in range(160):
        q = beta * R + LONG(gamma) * P @ V  # the report's units
        q_b = np.log((sigma * np.exp(q)).sum(axis=1))
        e = r * np.exp(q_b)
        V = np.log(e.sum(axis=1))
    return V / beta, q_b / beta, e / e.sum(axis=1, keepdims=True)


def paper_agent(game, beta, rho, p, r, evaluation):
    """(55) or (56) iterated: V^i, π."""
    P, R, gamma = game.transition.astype(LONG), game.reward.astype(LONG), game.discount
    V = np.zeros(S, dtype=LONG)
    for _ in range(160):
        q = beta * R + LONG(gamma) * P @ V
        e = p * np.exp(q)
        ahead = np.log(e.sum(axis=1))
        if evaluation == "regularised":
            ahead = ahead - np.log(rho / r)
        V = (rho * ahead).sum(axis=1)
    return V / beta, e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
@pytest.mark.parametrize("betas", [(2.0, 1.5), (3.0, -2.0), (-1.0, 4.0)])
def test_fixed_priors_against_the_equations(betas, evaluation):
    game, (p, r) = game_of(1), priors_of(2)
    result = tm.perfect_model(game, *betas, evaluation, agent_prior=p, opponent_prior=r)
    value, q_b, rho = paper_opponent(game, LONG(betas[1]), p, r)
    assert np.abs(result.opponent.value - value).max() <= result.opponent.error_bound + 1e-16
    np.testing.assert_allclose(result.opponent_q, q_b.astype(float), atol=1e-10)
    np.testing.assert_allclose(result.opponent_policy, rho.astype(float), atol=1e-9)
    value, pi = paper_agent(game, LONG(betas[0]), rho, p, r, evaluation)
    assert result.error_bound < 1e-8
    assert np.abs(result.value - value).max() <= result.error_bound
    np.testing.assert_allclose(result.agent_policy, pi.astype(float), atol=1e-9)
    ahead = game.reward + game.discount * game.transition @ result.value
    np.testing.assert_allclose(result.q, ahead, atol=1e-9)
    assert result.path == ()


def test_the_bound_counts_the_opponents_error():
    """A few sweeps leave the opponent wrong; the agent's bound still holds."""
    game = game_of(3, 0.95)
    exact = tm.perfect_model(game, 2.0, 3.0, tol=1e-12)
    few = {"max_iterations": 4, "on_failure": "return"}
    loose = tm.perfect_model(game, 2.0, 3.0, method="value-iteration", **few)
    apart = np.abs(loose.value - exact.value).max()
    assert 1e-6 < apart <= loose.error_bound + exact.error_bound


@pytest.mark.parametrize("beta_opponent", [1.0, 10.0, 1000.0, 1e308])
def test_converged_means_that_the_bound_is_within_the_tolerance(beta_opponent):
    """The opponent's error, many times over, is part of the agent's bound."""
    for seed in range(5):
        result = tm.perfect_model(game_of(seed, 0.9), 1.0, beta_opponent, tol=1e-10)
        assert (result.status is Status.CONVERGED) == (result.error_bound <= 1e-10)
        assert result.error_bound < 1e-6 or beta_opponent == 1e308


@pytest.mark.parametrize("coupled", [False, True])
def test_an_opponent_who_shares_the_reward_and_beta_is_rommeo(coupled):
    """(56) then is ROMMEO with fixed priors; coupled it is not."""
    shared = tm.StochasticGame(
        game_of(4).transition, game_of(4).reward, game_of(4).reward, discount=0.7
    )
    result = tm.perfect_model(shared, 2.0, 2.0, "regularised", coupled)
    rommeo = tm.rommeo(shared, 2.0)
    gap = np.abs(result.value - rommeo.value).max()
    if coupled:
        assert gap > 1e-3
    else:
        assert gap <= result.error_bound + rommeo.error_bound
        np.testing.assert_allclose(result.agent_policy, rommeo.agent_policy, atol=1e-9)
        np.testing.assert_allclose(result.opponent_policy, rommeo.opponent_policy, atol=1e-9)


def test_infinite_betas_are_an_exact_leader_and_its_follower():
    game = game_of(5)
    result = tm.perfect_model(game, INF, INF)
    joint = tm.StochasticGame(game.transition, game.opponent_reward, discount=game.discount)
    theirs = tm.soft_q(joint, INF)
    np.testing.assert_allclose(result.opponent.value, theirs.value, atol=1e-10)
    b = result.opponent_policy.argmax(axis=1)
    assert (b == theirs.q.max(axis=1).argmax(axis=1)).all()
    at = (np.arange(S), slice(None), b)
    V = np.zeros(S)
    for _ in range(200):
        V = (game.reward[at] + game.discount * game.transition[at] @ V).max(axis=1)
    np.testing.assert_allclose(result.value, V, atol=1e-10)
    assert result.error_bound is not None


def test_a_tie_at_infinite_beta_is_not_called_proved():
    tied = tm.MatrixGame([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]])
    assert tm.perfect_model(tied, 1.0, INF).error_bound is None


@pytest.mark.parametrize("damping", [0.0, 0.5])
@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
def test_a_coupled_limit_solves_both_systems(evaluation, damping):
    game, (p, r) = game_of(6), priors_of(7)
    result = tm.perfect_model(
        game, 1.0, 2.0, evaluation, True, damping, agent_prior=p, opponent_prior=r
    )
    assert result.status is tm.Status.SETTLED
    assert "guaranteed" in result.status.value
    pi = result.agent_policy.astype(LONG)
    value, _, rho = paper_opponent(game, LONG(2.0), pi, r)
    np.testing.assert_allclose(result.opponent.value, value.astype(float), atol=1e-7)
    np.testing.assert_allclose(result.opponent_policy, rho.astype(float), atol=1e-7)
    value, answer = paper_agent(game, LONG(1.0), rho, p, r, evaluation)
    np.testing.assert_allclose(result.value, value.astype(float), atol=1e-7)
    np.testing.assert_allclose(answer.astype(float), result.agent_policy, atol=1e-7)


def two_state_game():
    after = np.array([[[1, 1], [0, 0]], [[1, 0], [0, 0]]])
    reward = [[[-2.0, -2.0], [2.0, -2.0]], [[-2.0, -1.0], [-1.0, 2.0]]]
    other = [[[-1.0, -2.0], [-1.0, 1.0]], [[0.0, -1.0], [-2.0, -2.0]]]
    return tm.StochasticGame(np.eye(2)[after], reward, other, discount=0.9)


def test_a_cycle_is_a_result_and_damping_ends_it():
    game = two_state_game()
    result = tm.perfect_model(game, 2.0, 2.0, coupled=True)
    assert result.status is tm.Status.CYCLE
    assert result.period == 2
    assert result.course == "neither"
    one, two = result.cycle
    assert np.abs(one.value - two.value).max() > 0.1
    assert one.error_bound < 1e-9
    p, r = np.full((2, 2, 2), 0.5), np.full((2, 2), 0.5)
    for here, there in ((one, two), (two, one)):  # each is the exact answer to the other
        rho = here.opponent_policy
        e = p * np.exp(2 * here.q)
        np.testing.assert_allclose(here.agent_policy, e / e.sum(axis=1, keepdims=True), atol=1e-8)
        recipe = (tm.Aggregation(0, 2.0, here.agent_policy), tm.Aggregation(1, 2.0, r))
        theirs = tm.StochasticGame(game.transition, game.opponent_reward, discount=0.9)
        solved = tm.solve(theirs, recipe)
        np.testing.assert_allclose(solved.opponent_policy, there.opponent_policy, atol=1e-7)
        assert np.abs(rho - there.opponent_policy).max() > 0.1
    assert tm.perfect_model(game, 2.0, 2.0, coupled=True, damping=0.5).period == 1


def test_one_shot_coupling_settles_at_once():
    chicken = tm.MatrixGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
    result = tm.perfect_model(chicken, 1.0, 1.0, coupled=True)
    assert result.period == 1
    assert len(result.path) <= 3
    assert tm.perfect_model(chicken, 1.0, 1.0, coupled=True, rounds=1).course == "still"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: tm.perfect_model(g, 1.0, 1.0, damping=1.0), "damping must be a number in"),
        (lambda g: tm.perfect_model(g, INF, 1.0, "regularised"), "beta_agent must be finite"),
        (lambda g: tm.perfect_model(g.against(0), 1.0, math.nan), "beta_opponent must be"),
        (
            lambda g: tm.perfect_model(tm.StochasticGame(g.transition, g.reward), 1.0, 1.0),
            "game must have an opponent_reward",
        ),
        (lambda g: tm.perfect_model(g, 1.0, 1.0, damping=0.5), "coupled must be True for"),
        (lambda g: tm.perfect_model(g, 1.0, 1.0, rounds=0), "coupled must be True for"),
        (lambda g: tm.perfect_model(g, 1.0, 1.0, damping=None), "damping must be a number in"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(tm.InputError, match=message):
        call(game_of(8))
