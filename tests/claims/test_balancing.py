"""Balancing-Q's rows: the formulas behind them checked from outside."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

import tabular_marl as tm
from tabular_marl.verification import FLOAT, verify
from tabular_marl.verification.claims._balancing import Stage
from tabular_marl.verification.ledger import LEDGER

LEDGER.load_own()  # before a file of claims is imported by name, so that each claim knows its file
action_value, improvement = (
    importlib.import_module(f"tabular_marl.verification.claims.balancing_{name}")
    for name in ("action_value", "improvement")
)
MINE = {c.id: c for c in LEDGER if ".claims.balancing_" in c.module}
SIGNS = [(2.0, 0.5), (0.7, -1.5), (-1.2, 0.4), (-0.5, -2.0)]
rng = np.random.default_rng(11)


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


Q, P_AGENT, P_OPPONENT = rng.normal(size=(2, 3)), rows(2), rows(3)


def stage(beta_agent, beta_opponent):
    return Stage.of(FLOAT, Q, beta_agent, beta_opponent, P_AGENT, P_OPPONENT)


def softmax(z):
    return np.exp(z - logsumexp(z, axis=-1, keepdims=True))


@pytest.mark.parametrize(("x", "y"), SIGNS)
def test_values_are_those_that_the_report_prints(x, y):
    agent_q = x / y * logsumexp(y * Q, b=P_OPPONENT, axis=1)
    other_q = y / x * logsumexp(x * Q, b=P_AGENT[:, None], axis=0)
    assert stage(x, y).agent_value() == pytest.approx(logsumexp(agent_q, b=P_AGENT) / x, rel=1e-13)
    assert stage(x, y).opponent_value() == pytest.approx(
        logsumexp(other_q, b=P_OPPONENT) / y, rel=1e-13
    )
    pi = P_AGENT * np.exp(agent_q) / (P_AGENT * np.exp(agent_q)).sum()
    np.testing.assert_allclose(stage(x, y).agent_policy(), pi, rtol=1e-13)


@pytest.mark.parametrize(("x", "y"), SIGNS)
def test_policies_of_the_leader_are_the_optimum_a_numerical_search_finds(x, y):
    here = stage(x, y)
    answer = here.conditional_opponent()

    def loss(z):
        return -np.sign(x) * here.conditional_objective(softmax(z), answer)

    found = minimize(loss, np.zeros(2), tol=1e-14)
    assert -np.sign(x) * found.fun == pytest.approx(here.agent_value(), abs=1e-9)
    np.testing.assert_allclose(softmax(found.x), here.agent_policy(), atol=1e-5)


def test_independent_optimum_is_a_logit_equilibrium_and_not_the_printed_pair():
    here = stage(2.0, 0.5)

    def loss(z):
        return -here.objective(softmax(z[:2]), softmax(z[2:]))

    found = minimize(loss, np.zeros(5), tol=1e-14)
    pi, rho = softmax(found.x[:2]), softmax(found.x[2:])
    np.testing.assert_allclose(pi, here.agent_response(rho), atol=1e-5)
    np.testing.assert_allclose(rho, here.opponent_response(pi), atol=1e-5)
    assert -found.fun > here.objective(here.agent_policy(), here.opponent_policy()) + 1e-6
    assert -found.fun < min(here.agent_value(), here.opponent_value())


def test_action_value_is_the_sum_over_trajectories():
    S, A, B, gamma = 2, 2, 2, 0.8
    reward, transition = rng.normal(size=(S, A, B)), rows(S, A, B, S)
    pi, rho = rows(S, A), rows(S, B)
    game = Stage.of(FLOAT, reward, 1.5, -0.7, axis=1)

    def term(s, a, b):
        return reward[s, a, b] - np.log(pi[s, a] * A) / 1.5 + np.log(rho[s, b] * B) / 0.7

    expected = reward.copy()
    for s0, a0, b0 in itertools.product(range(S), range(A), range(B)):
        for path in itertools.product(range(S), range(A), range(B), repeat=action_value.STEPS):
            weight, s, a, b = 1.0, s0, a0, b0
            for t in range(action_value.STEPS):
                after, c, d = path[3 * t : 3 * t + 3]
                weight *= transition[s, a, b, after] * pi[after, c] * rho[after, d]
                s, a, b = after, c, d
                # what follows this step sums to one: count each partial path once
                if all(k == 0 for k in path[3 * t + 3 :]):
                    expected[s0, a0, b0] += gamma ** (t + 1) * weight * term(s, a, b)
    play = (transition, gamma, pi, rho)
    np.testing.assert_allclose(
        action_value.summed(game, *play, reward, gamma), expected, rtol=1e-12
    )
    np.testing.assert_allclose(action_value.recursive(game, *play), expected, rtol=1e-12)


def test_expected_distance_is_a_mixture_of_divergences():
    here, pi, rho = stage(1.3, 0.4), rows(2), rows(3)
    imagined = P_AGENT[:, None] * np.exp(1.3 * Q)
    imagined /= imagined.sum(axis=0)
    each = [(pi * np.log(pi / imagined[:, b])).sum() for b in range(3)]
    assert improvement.expected_distance(here, pi, rho) == pytest.approx(rho @ each, rel=1e-12)


@pytest.mark.parametrize(("x", "y"), SIGNS)
def test_solved_views_are_ordered_as_the_ledger_says(x, y):
    game = tm.StochasticGame(rows(4, 3, 2, 4), rng.normal(size=(4, 3, 2)), discount=0.9)
    agent = tm.balancing_q(game, x, y, view="agent").value
    opponent = tm.balancing_q(game, x, y, view="opponent").value
    assert ((opponent - agent) * (x - y) > 0).all()


@pytest.fixture(scope="module")
def report():
    return verify(*MINE, examples=300, store=False, progress=False)


def test_every_equation_and_proof_has_rows(report):
    sources = " ".join(row.claim.source for row in report.rows)
    wanted = [f"report ({n})" for n in (*range(15, 26), *range(33, 39), 157)]
    wanted += [f"report A.{s}" for s in ("2.1", "2.2", "4.1", "4.2")]
    assert not [w for w in wanted if w not in sources]
