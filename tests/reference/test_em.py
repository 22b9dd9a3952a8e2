"""EM against (88)-(102) in extended precision; the bounds, the theorems, and the cycles."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tabular_marl as tm

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


def value_of(game, reward, pi, rho, cost=0.0):
    """V and Q of policies by iteration, ``cost`` [s, a, b] charged in every state."""
    P, R, V = game.transition.astype(LONG), reward.astype(LONG), np.zeros(S, dtype=LONG)
    for _ in range(170):
        Q = R + LONG(game.discount) * P @ V
        V = (pi * rho[:, None, :] * (Q - cost)).sum(axis=(1, 2))
    return V, Q


def paper_rommeo_em(game, beta, prior_update, evaluation, count, p, r):
    """(89)-(93): [(V_k, π_k, ρ_k, L(θ_k, ω_k), L(θ_{k+1}, ω_k), log P(O))], the report's units."""
    beta, pi, rho = LONG(beta), p.astype(LONG), r.astype(LONG)
    first, last, rounds = (pi, rho), (pi, rho), []
    for _ in range(count):
        base = first if prior_update == "kept" else last
        q, was = pi * rho[:, None, :], base[0] * base[1][:, None, :]
        cost = np.log(q / was) / beta if evaluation == "regularised" else LONG(0)
        V, Q = value_of(game, game.reward, pi, rho, cost)
        prior = first if prior_update == "kept" else (pi, rho)
        e = prior[0] * np.exp(beta * Q)
        Q_b = np.log(e.sum(axis=1))
        f = prior[1] * np.exp(Q_b)
        worth = np.log(f.sum(axis=1))
        kl = (q * np.log(q / (prior[0] * prior[1][:, None, :]))).sum(axis=(1, 2))
        before = ((q * beta * Q).sum(axis=(1, 2)) - kl).mean()
        rounds.append((V, pi, rho, before, worth.mean(), np.log(np.exp(worth).mean())))
        last = (pi, rho)
        pi, rho = e / e.sum(axis=1, keepdims=True), f / f.sum(axis=1, keepdims=True)
    return rounds


@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
@pytest.mark.parametrize("prior_update", ["replaced", "kept"])
@pytest.mark.parametrize("beta", [1.5, -1.0])
def test_every_round_of_rommeo_em(prior_update, evaluation, beta):
    game, (p, r) = game_of(1), priors_of(2)
    result = tm.rommeo_em(game, beta, prior_update, evaluation, 5, agent_prior=p, opponent_prior=r)
    reference = paper_rommeo_em(game, beta, prior_update, evaluation, 5, p, r)
    for k, (value, pi, rho, before, after, evidence) in enumerate(reference):
        solution = result.path[k]
        slack = 1e-9 if k else 1e-14
        assert np.abs(solution.value - value).max() <= solution.error_bound + slack
        np.testing.assert_allclose(solution.agent_policy, pi.astype(float), atol=1e-9)
        np.testing.assert_allclose(solution.opponent_policy, rho.astype(float), atol=1e-9)
        q = game.reward + game.discount * game.transition @ solution.value
        np.testing.assert_allclose(solution.q, q, atol=1e-9)
        for found, wanted in (
            (result.elbo_before[k], before), (result.elbo[k], after), (result.evidence[k], evidence)
        ):  # fmt: skip
            assert found * beta == pytest.approx(float(wanted), abs=1e-9)


@pytest.mark.parametrize("beta", [2.0, -0.5])
def test_the_bound_is_a_bound_and_jensens_gap_is_real(beta):
    result = tm.rommeo_em(game_of(3), beta, "kept", rounds=6)
    before, after, evidence = (
        np.sign(beta) * np.array(x) for x in (result.elbo_before, result.elbo, result.evidence)
    )
    assert (before <= after + 1e-12).all()
    assert (after < evidence - 1e-3).all()
    one_state = tm.rommeo_em(tm.MatrixGame(np.eye(2)), beta, rounds=3)
    np.testing.assert_allclose(one_state.elbo, one_state.evidence, atol=1e-13)


@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
@pytest.mark.parametrize("beta", [2.0, -4.0])
def test_replaced_priors_rise_to_the_joint_optimum(evaluation, beta):
    game, rho = game_of(13), np.array([0.3, 0.7, 0.0])
    result = tm.rommeo_em(game, beta, "replaced", evaluation, opponent_prior=rho, tol=1e-9)
    assert result.status is tm.Status.CONVERGED
    best = tm.soft_q(game, math.copysign(INF, beta), prior=np.ones((S, A, 1)) / A * rho)
    assert np.abs(result.value - best.value).max() <= result.error_bound + best.error_bound
    steps = np.diff([solution.value for solution in result.path], axis=0) * np.sign(beta)
    assert steps.min() >= -2e-9
    assert len(steps) > 3


@pytest.mark.parametrize("beta", [3.0, -1.0])
def test_soft_policy_iteration_rises_to_rommeo(beta):
    game, (p, r) = game_of(5), priors_of(6)
    result = tm.rommeo_em(game, beta, "kept", "regularised", agent_prior=p, opponent_prior=r)
    rommeo = tm.rommeo(game, beta, p, r)
    assert result.status is tm.Status.CONVERGED
    assert np.abs(result.value - rommeo.value).max() <= result.error_bound + rommeo.error_bound
    np.testing.assert_allclose(result.agent_policy, rommeo.agent_policy, atol=1e-4)
    assert len(result.path) < 12
    steps = np.diff([solution.value for solution in result.path], axis=0) * np.sign(beta)
    assert steps.min() >= -1e-10


def test_returns_with_kept_priors_settle_on_a_boltzmann_policy():
    game = game_of(7)
    result = tm.rommeo_em(game, 2.0, "kept")
    assert result.status is tm.Status.SETTLED
    assert result.limit is None
    e = np.exp(2.0 * result.q)
    joint = e / e.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(result.joint_policy, joint, atol=1e-8)
    assert np.abs(result.value - tm.rommeo(game, 2.0).value).max() > 1e-2


def test_replaced_priors_are_level_k_without_marginals():
    """EM keeps the joint policy as its prior, level-k its marginals: here they end elsewhere."""
    game = tm.MatrixGame([[2.0, 0.0], [0.0, 1.9]])
    start = {"agent_prior": [0.1, 0.9], "opponent_prior": [0.1, 0.9]}
    assert tm.rommeo_em(game, 1.0, tol=1e-8, **start).value[0] == pytest.approx(2.0, abs=1e-8)
    assert tm.level_k(game, 1.0, **start).value[0] == pytest.approx(1.9, abs=1e-6)


def paper_em(game, beta_i, beta_o, prior_update, count, p, r):
    """(94)-(102) in the order of (102): [(V^i, V^-i, π, ρ, (97) after E, (101) after E)]."""
    beta_i, beta_o = LONG(beta_i), LONG(beta_o)
    first_pi, first_rho = pi, rho = p.astype(LONG), r.astype(LONG)
    _, Q = value_of(game, game.reward, pi, rho)
    _, W = value_of(game, game.opponent_reward, pi, rho)
    rounds = []
    for _ in range(count):
        base_pi, base_rho = (first_pi, first_rho) if prior_update == "kept" else (pi, rho)
        e = base_pi * np.exp(beta_i * Q)
        mine = (rho * np.log(e.sum(axis=1))).sum(axis=1).mean()
        pi = e / e.sum(axis=1, keepdims=True)
        V, Q = value_of(game, game.reward, pi, rho)
        W_b = np.log((pi * np.exp(beta_o * W)).sum(axis=1))
        f = base_rho * np.exp(W_b)
        theirs = np.log(f.sum(axis=1)).mean()
        rho = f / f.sum(axis=1, keepdims=True)
        V_o, W = value_of(game, game.opponent_reward, pi, rho)
        rounds.append((V, V_o, pi, rho, mine, theirs))
    return rounds


@pytest.mark.parametrize("prior_update", ["replaced", "kept"])
@pytest.mark.parametrize("betas", [(1.5, 2.0), (2.0, -1.0)])
def test_every_round_of_generalised_em(prior_update, betas):
    game, (p, r) = game_of(8), priors_of(9)
    result = tm.em(game, *betas, prior_update, 4, agent_prior=p, opponent_prior=r)
    reference = paper_em(game, *betas, prior_update, 4, p, r)
    for k, (value, _, pi, _, mine, theirs) in enumerate(reference):
        solution = result.path[k]
        np.testing.assert_allclose(solution.value, value.astype(float), atol=1e-9)
        np.testing.assert_allclose(solution.agent_policy, pi.astype(float), atol=1e-9)
        assert result.elbo[k] * betas[0] == pytest.approx(float(mine), abs=1e-9)
        assert result.opponent_elbo[k] * betas[1] == pytest.approx(float(theirs), abs=1e-9)
        assert (result.elbo[k] - result.elbo_before[k]) * betas[0] >= -1e-12
        if k:
            rho = reference[k - 1][3]
            np.testing.assert_allclose(solution.opponent_policy, rho.astype(float), atol=1e-9)
    np.testing.assert_allclose(result.opponent.value, reference[-1][1].astype(float), atol=1e-9)


def test_general_sum_em_can_cycle():
    after = np.array([[[1, 0], [0, 0]], [[1, 0], [1, 1]]])
    reward = [[[0.0, -2.0], [0.0, -1.0]], [[2.0, -2.0], [-2.0, 1.0]]]
    other = [[[1.0, 2.0], [0.0, -1.0]], [[-1.0, -1.0], [1.0, 0.0]]]
    game = tm.StochasticGame(np.eye(2)[after], reward, other, discount=0.9)
    result = tm.em(game, 4.0, 4.0, "kept")
    assert result.status is tm.Status.CYCLE
    assert result.period == 2
    values = [solution.value for solution in result.cycle]
    assert np.abs(values[0] - values[1]).max() > 0.1


def test_a_dominant_strategy_is_found():
    result = tm.em(tm.games.prisoners_dilemma(), 1.0, 1.0)
    assert result.period == 1
    np.testing.assert_allclose(result.agent_policy[0, 1], 1.0, atol=1e-7)
    np.testing.assert_allclose(result.opponent_policy[0], [0.0, 1.0], atol=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: tm.rommeo_em(g, INF, evaluation="regularised"), "beta must be finite and not 0"),
        (lambda g: tm.rommeo_em(g, 1.0, "fixed"), "prior_update must be one of"),
        (lambda g: tm.em(tm.StochasticGame(g.transition, g.reward), 1.0, 1.0), "game must have an"),
        (lambda g: tm.em(g, 1.0, math.nan), "beta_opponent must be"),
        (lambda g: tm.em(g, 1.0, 1.0, rounds=-1), "rounds must be an integer"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(tm.InputError, match=message):
        call(game_of(10))


@pytest.mark.parametrize("prior_update", ["replaced", "kept"])
def test_limits_of_beta(prior_update):
    game = game_of(11)
    still = tm.rommeo_em(game, 0.0, prior_update)
    assert (len(still.path), still.period) == (1, 1)
    hard = tm.rommeo_em(game, INF, prior_update)
    np.testing.assert_allclose(hard.value, tm.soft_q(game, INF).value, atol=1e-9)
