"""Level-k's rows: the formulas behind them, by enumeration, by optimisers, by the solvers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

import tabular_marl as tm
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims._recursive import Level, cost
from tabular_marl.verification.claims.recursive_behavioural import best, logit_answers
from tabular_marl.verification.claims.recursive_limit import opposed

A, B = 2, 3


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(8)
    return {
        "q": rng.normal(size=(1, A, B)),
        "pi": rng.dirichlet(np.ones(A), 1),
        "rho": rng.dirichlet(np.ones(B), 1),
    }


def levels(given, count):
    path = [Level.of(FLOAT, **given)]
    for _ in range(count - 1):
        path.append(path[-1].next())
    return path


@pytest.mark.parametrize("chain", ["agent", "opponent"])
def test_every_level_is_the_solvers(given, chain):
    start = {"agent_prior": given["pi"], "opponent_prior": given["rho"]}
    result = tm.level_k(tm.MatrixGame(given["q"][0]), 1.0, 5, chain, **start)
    for k, level in enumerate(levels(given, 5)):
        np.testing.assert_allclose(level.value(), result.path[k].value, atol=1e-9)
        np.testing.assert_allclose(level.joint(), result.path[k].joint_policy, atol=1e-9)
        for mine, theirs in zip(
            level.marginals(), (result.agent_marginals, result.opponent_marginals), strict=True
        ):
            np.testing.assert_allclose(mine, theirs[k + 1], atol=1e-9)


def test_the_level_is_the_optimum_over_joint_laws_and_products(given):
    here = Level.of(FLOAT, **given)

    def law_of(flat):
        weights = np.exp(flat.reshape(1, A, B))
        return weights / weights.sum()

    def negative(flat):
        law = law_of(flat)
        return -(here.mean(law) - cost(FLOAT, law, here.product()))[0]

    found = minimize(negative, np.zeros(A * B), tol=1e-12)
    assert -found.fun == pytest.approx(here.value()[0], abs=1e-9)
    np.testing.assert_allclose(law_of(found.x), here.joint(), atol=1e-5)

    def apart(flat):
        pi, rho = (np.exp(x) / np.exp(x).sum() for x in (flat[:A], flat[A:]))
        return cost(FLOAT, here.joint(), (pi[:, None] * rho)[None])[0]

    near = minimize(apart, np.zeros(A + B), tol=1e-12).x
    for found_marginal, marginal in zip((near[:A], near[A:]), here.marginals(), strict=True):
        shown = np.exp(found_marginal) / np.exp(found_marginal).sum()
        np.testing.assert_allclose(shown, marginal[0], atol=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_values_rise_to_a_mutual_optimum(seed):
    rng = np.random.default_rng(seed)
    q = 2 * rng.normal(size=(1, 3, 3))
    path = levels(
        {"q": q, "pi": rng.dirichlet(np.ones(3), 1), "rho": rng.dirichlet(np.ones(3), 1)}, 1500
    )
    values = np.array([level.value()[0] for level in path])
    assert np.diff(values).min() >= -1e-12
    last = path[-1]
    payoff = np.exp(q[0])
    assert (payoff @ last.rho[0]).max() <= np.exp(values[-1]) * (1 + 1e-3)
    assert (last.pi[0] @ payoff).max() <= np.exp(values[-1]) * (1 + 1e-3)
    assert values[-1] <= q.max() + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_values_of_a_stochastic_game_rise_by_the_divergences(seed):
    rng = np.random.default_rng(seed)
    game = tm.StochasticGame(
        rng.dirichlet(np.ones(2), (2, A, B)), rng.normal(size=(2, A, B)), discount=0.8
    )
    result = tm.level_k(game, 1.0, 6)

    def apart(now, before):
        return (now * np.log(now / before)).sum(axis=1)

    for k in range(1, 6):
        moved = apart(result.agent_marginals[k], result.agent_marginals[k - 1])
        moved = moved + apart(result.opponent_marginals[k], result.opponent_marginals[k - 1])
        assert (result.path[k].value - result.path[k - 1].value >= moved - 1e-8).all()


def test_opposed_temperatures_are_the_solvers_cycle():
    pennies, start = np.array([[[1.0, -1.0], [-1.0, 1.0]]]), ([0.6, 0.4], [0.45, 0.55])
    found = opposed(FLOAT, pennies, *(np.array([p]) for p in start), 8)
    options = {"beta_opponent": -1.0, "agent_prior": start[0], "opponent_prior": start[1]}
    result = tm.level_k(tm.MatrixGame(pennies[0]), 1.0, 8, **options)
    for k, (value, pi, rho) in enumerate(found):
        np.testing.assert_allclose(value, result.path[k].value, atol=1e-9)
        np.testing.assert_allclose(pi, result.agent_marginals[k + 1], atol=1e-9)
        np.testing.assert_allclose(rho, result.opponent_marginals[k + 1], atol=1e-9)
    assert tm.level_k(tm.MatrixGame(pennies[0]), 1.0, **options).period == 4


@pytest.mark.parametrize("poisson", [None, 1.0])
def test_behavioural_levels_are_the_solvers(given, poisson):
    here = Level.of(FLOAT, **given)
    start = {"agent_prior": given["pi"], "opponent_prior": given["rho"]}
    game = tm.MatrixGame(np.stack([given["q"][0], given["q"][0]]))
    result = tm.behavioural_levels(game, 1.0, 2, poisson, **start)
    pi, rho = logit_answers(FLOAT, here, here.pi, here.rho)
    np.testing.assert_allclose(pi, result.agent_marginals[1], atol=1e-9)
    share = 0.0 if poisson is None else 1 / (1 + poisson)
    belief = share * here.pi + (1 - share) * pi, share * here.rho + (1 - share) * rho
    again = logit_answers(FLOAT, here, *belief)
    np.testing.assert_allclose(again[0], result.agent_marginals[2], atol=1e-9)
    np.testing.assert_allclose(again[1], result.opponent_marginals[2], atol=1e-9)
    assert np.abs(again[0] - here.next().marginals()[0]).max() > 0.01


def test_best_answers_cycle_with_period_four():
    reward = np.array([[1.0, -1.0], [-1.0, 1.0]])
    pi, rho = np.array([0.6, 0.4]), np.array([0.4, 0.6])
    path = []
    for _ in range(12):
        pi, rho = best(FLOAT, reward @ rho), best(FLOAT, -(pi @ reward))
        path.append((*pi, *rho))
    assert path[4:8] == path[8:]
    assert len(set(path[8:])) == 4
    game = tm.MatrixGame(np.stack([reward, -reward]))
    start = {"agent_prior": [0.6, 0.4], "opponent_prior": [0.4, 0.6]}
    assert tm.behavioural_levels(game, math.inf, **start).period == 4


def test_em_and_levels_part_after_the_first_round():
    """diag(2, 1.9) from 1/10: EM ends at the best pair, the levels where level zero leans."""
    q, start = np.array([[[2.0, 0.0], [0.0, 1.9]]]), np.array([[0.1, 0.9]])
    last = levels({"q": q, "pi": start, "rho": start}, 200)[-1]
    assert last.value()[0] == pytest.approx(1.9, abs=1e-6)
    found = tm.rommeo_em(tm.MatrixGame(q[0]), 1.0, agent_prior=start[0], opponent_prior=start[0])
    assert found.value[0] == pytest.approx(2.0, abs=1e-6)


def test_level_two_gains_on_level_one_only_from_marginal_priors(given):
    q, pi, rho = given["q"][0], given["pi"][0], given["rho"][0]
    first = pi[:, None] * rho * np.exp(q)
    agent, opponent = (first.sum(axis=k) / first.sum() for k in (1, 0))
    for model in (rho, opponent):  # (107), (109)
        assert np.log(agent @ np.exp(q) @ model) >= np.log(first.sum())

    copied = np.eye(2)  # π_0(a|b): (105)'s conditional level zero in diag(1, 1)
    law = copied * np.exp(copied) / 2
    agent, opponent = (law.sum(axis=k) / law.sum() for k in (1, 0))
    assert np.log(agent @ np.exp(copied) @ opponent) < np.log(law.sum())
