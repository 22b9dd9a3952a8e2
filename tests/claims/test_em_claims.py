"""EM's rows: the formulas behind them, by enumeration, by optimisers, by the solvers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

import tabular_marl as tm
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims import (
    em_general,
    em_kept,
    em_loop,
    em_opponent,
    em_opponent_posterior,
    em_replaced,
)
from tabular_marl.verification.claims._em import (
    bound,
    divergence,
    e_step,
    joint,
    log_evidence,
    posterior,
    replaced,
    returns,
    tables,
)
from tabular_marl.verification.claims._rommeo import Game, laid

S, A, B = 2, 2, 3
BETA, GAMMA = 1.5, 0.7
CELLS = list(itertools.product(range(S), range(A), range(B)))


def rows(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(5)
    return {
        "q": rng.normal(size=(S, A, B)),
        "other": rng.normal(size=(S, A, B)),
        "transition": rows(rng, S, A, B, S),
        "mu": rows(rng, S, B, A),
        "nu": rows(rng, S, B),
        "pi": rows(rng, S, B, A),
        "rho": rows(rng, S, B),
        "g": rng.uniform(0.2, 1.0, (S, A, B)),
        "h": rng.uniform(0.2, 1.0, (S, B)),
    }


def table_of(given):
    return tables(FLOAT, given["q"], given["mu"], given["nu"])


def game_of(given, reward="q"):
    priors = {"agent_prior": given["mu"], "opponent_prior": given["nu"]}
    return Game.of(FLOAT, given[reward], BETA, given["transition"], GAMMA, **priors)


def solved(given):
    return tm.StochasticGame(given["transition"], given["q"], given["other"], discount=GAMMA)


def priors(given):
    return {"agent_prior": laid(given["mu"]), "opponent_prior": given["nu"]}


def test_bound_evidence_and_divergence_cell_by_cell(given):
    mu, nu, pi, rho, q = (given[name] for name in ("mu", "nu", "pi", "rho", "q"))
    evidence = sum(mu[s, b, a] * nu[s, b] * np.exp(q[s, a, b]) / S for s, a, b in CELLS)
    lower = apart = 0.0
    for s, a, b in CELLS:
        here = pi[s, b, a] * rho[s, b] / S
        law = mu[s, b, a] * nu[s, b] * np.exp(q[s, a, b]) / S
        lower += here * np.log(law / here)
        apart += here * np.log(here * evidence / law)
    game, pair = table_of(given), (laid(pi), rho)
    assert bound(game, q, pair) == pytest.approx(lower, abs=1e-12)
    assert divergence(game, q, pair) == pytest.approx(apart, abs=1e-12)
    assert log_evidence(game, q) == pytest.approx(np.log(evidence), abs=1e-12)
    assert lower + apart == pytest.approx(np.log(evidence), abs=1e-12)
    at = posterior(game, q)
    np.testing.assert_allclose(at / at.sum(axis=1)[:, None], e_step(game, q)[0], atol=1e-12)


def test_no_optimiser_beats_the_e_step(given):
    game, q = table_of(given), given["q"]
    best = bound(game, q, e_step(game, q))

    def negative(flat):
        first, second = flat[: S * A * B].reshape(S, A, B), flat[S * A * B :].reshape(S, B)
        agent = np.exp(first) / np.exp(first).sum(axis=1, keepdims=True)
        return -bound(game, q, (agent, np.exp(second) / np.exp(second).sum(axis=1)[:, None]))

    found = minimize(negative, np.zeros(S * B * (A + 1)), method="BFGS", options={"gtol": 1e-9})
    assert -found.fun <= best + 1e-12
    assert -found.fun == pytest.approx(best, abs=1e-7)
    assert best < log_evidence(game, q) - 1e-3


@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
@pytest.mark.parametrize("prior_update", ["replaced", "kept"])
def test_rounds_are_the_solvers(given, prior_update, evaluation):
    game = game_of(given)
    result = tm.rommeo_em(solved(given), BETA, prior_update, evaluation, 4, **priors(given))
    pair, last = ((game.agent_prior, game.opponent_prior),) * 2
    for k in range(4):
        charged = game if prior_update == "kept" else replaced(game, last)
        q = returns(game, pair)
        if evaluation == "regularised":
            q = charged.stationary(*pair)
        np.testing.assert_allclose(q, BETA * result.path[k].q, atol=1e-8)
        np.testing.assert_allclose(joint(pair), result.path[k].joint_policy, atol=1e-8)
        base = game if prior_update == "kept" else replaced(game, pair)
        assert bound(base, q, e_step(base, q)) == pytest.approx(BETA * result.elbo[k], abs=1e-8)
        last, pair = pair, e_step(base, q)


def test_replaced_priors_end_at_the_best_pure_joint_policy(given):
    P, R = given["transition"], given["q"]
    best = -np.inf
    for choice in itertools.product(itertools.product(range(A), range(B)), repeat=S):
        step = np.array([P[s, a, b] for s, (a, b) in enumerate(choice)])
        gains = np.array([R[s, a, b] for s, (a, b) in enumerate(choice)])
        best = np.maximum(best, np.linalg.solve(np.eye(S) - GAMMA * step, gains))
    pair, q = em_replaced.path_of(game_of(given), 400)[-1]
    np.testing.assert_allclose((joint(pair) * q).sum(axis=(1, 2)), BETA * best, atol=1e-6)
    np.testing.assert_allclose(tm.rommeo_em(solved(given), BETA).value, best, atol=1e-8)


def test_boltzmann_rounds_have_three_limits():
    """The instance of report.092.kept.several: each root is a solution of kept plain returns."""
    after = np.eye(2)[np.array([[[0], [1]], [[1], [1]]])]
    prior = np.array([[[1 / 50], [49 / 50]], [[0.5], [0.5]]])
    reward = np.array([[[1.0], [0.0]], [[0.0], [0.0]]])
    game = Game(FLOAT, reward, after, 0.9, prior, np.ones((2, 1)))

    def away(v):
        return em_kept.boltzmann(game, np.array([v, 0.0]))[0] - v

    roots = [brentq(away, low, high) for low, high in ((0.0, 4.0), (4.0, 9.0), (9.0, 20.0))]
    for root in roots:
        pair = e_step(game, game.backup(np.array([root, 0.0])))
        values = (joint(pair) * returns(game, pair)).sum(axis=(1, 2))
        np.testing.assert_allclose(values, [root, 0.0], atol=1e-9)
    found = tm.rommeo_em(
        tm.StochasticGame(after, reward, discount=0.9), 1.0, "kept", agent_prior=prior
    )
    assert min(abs(found.value[0] - root) for root in roots) < 1e-6


def test_two_optimality_variables_by_enumeration(given):
    """(94) and (98), corrected for optimality caused by actions, against all O^i, O^-i."""
    mu, nu, g, h = (given[name] for name in ("mu", "nu", "g", "h"))
    law = np.zeros((S, A, B, 2, 2))
    for (s, a, b), mine, theirs in itertools.product(CELLS, (0, 1), (0, 1)):
        law[s, a, b, mine, theirs] = mu[s, b, a] * nu[s, b] / S
        law[s, a, b, mine, theirs] *= g[s, a, b] if mine else 1 - g[s, a, b]
        law[s, a, b, mine, theirs] *= h[s, b] if theirs else 1 - h[s, b]
    assert law.sum() == pytest.approx(1.0)
    known = {"agent_prior": mu, "opponent_prior": nu}
    for found in (em_general.caused_by_state, em_opponent.caused_corrected):
        np.testing.assert_allclose(found(FLOAT, g, h, **known).right, law[..., 1, 1], atol=1e-15)
    given_both = law[..., 1, 1].sum(axis=1)
    given_both /= given_both.sum(axis=1, keepdims=True)
    found = em_opponent_posterior.caused_posterior_corrected(FLOAT, g, h, **known)
    np.testing.assert_allclose(found.right, given_both, atol=1e-15)
    assert (
        np.abs(
            em_opponent_posterior.caused_posterior(FLOAT, g, h, **known).right - given_both
        ).max()
        > 0.01
    )


def test_the_loop_is_the_solver(given):
    game = game_of(given)
    result = tm.em(solved(given), BETA, BETA, "kept", 4, **priors(given))
    path = em_loop.play(game, BETA * given["other"], 4)
    for k in range(1, 5):
        pi, _ = path[k].policies
        np.testing.assert_allclose(path[k].mine, BETA * result.path[k - 1].q, atol=1e-8)
        np.testing.assert_allclose(pi, result.path[k - 1].agent_policy, atol=1e-8)
    np.testing.assert_allclose(path[3].policies[1], result.path[3].opponent_policy, atol=1e-8)


def test_the_cycle_is_the_solvers():
    arrays = {name: np.array(em_loop.GAME[name], float) for name in ("reward", "opponent_reward")}
    after = np.array(em_loop.GAME["transition"], float)
    game = tm.StochasticGame(after, **arrays, discount=0.5)
    result = tm.em(game, 16.0, 16.0, "kept")
    assert result.period == 2
    leads = sorted(solution.opponent_policy[0, 0] for solution in result.cycle)
    assert leads[0] < 1 / 500
    assert leads[1] > 499 / 500
    start = Game.of(FLOAT, arrays["reward"], 16.0, after, 0.5)
    sharp = em_loop.TwoActions.of(FLOAT, arrays["reward"], 16.0, after, 0.5)
    theirs = 16.0 * arrays["opponent_reward"]
    for one, two in zip(
        em_loop.play(start, theirs, 3), em_loop.play(sharp, theirs, 3), strict=True
    ):
        np.testing.assert_allclose(one.policies[0], two.policies[0], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_one_stage_ends_at_stackelberg(seed):
    rng = np.random.default_rng(seed)
    mine, theirs = rng.normal(size=(2, 3, 4))
    result = tm.em(
        tm.MatrixGame(np.stack([mine, theirs])), 2.0, 2.0, rounds=3000, on_failure="return"
    )
    answers = mine.argmax(axis=0)
    leader = theirs[answers, range(4)].argmax()
    assert result.opponent_policy[0].argmax() == leader
    assert result.opponent_policy[0, leader] > 0.99
    assert result.agent_policy[0, answers[leader], leader] > 0.99


def test_the_bound_needs_the_constant_of_optimality():
    q = np.random.default_rng(3).normal(1.0, 1.0, (2, 3, 2))
    value = np.log(np.exp(q).mean(axis=(1, 2)))  # uniform priors; max_θ L is its mean
    evidence = np.log(np.exp(q - q.max()).mean())  # log P(O=1), P(O=1|s,a,b) = exp(Q − max Q)
    assert value.mean() - q.max() <= evidence < value.mean()


def test_the_opposed_opponent_is_balancing_qs():
    q = np.random.default_rng(4).normal(size=(3, 2))
    answer = np.exp(q) / np.exp(q).sum(axis=0)  # (96), uniform prior
    soft = np.log(np.exp(q).mean(axis=0))
    np.testing.assert_allclose(np.log((answer * np.exp(-q)).sum(axis=0)), -soft, atol=1e-12)
    assert (np.log((answer * np.exp(q)).sum(axis=0)) > soft).all()  # ratio 1
