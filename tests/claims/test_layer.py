"""The rows of (58)-(68): the formulas behind them, checked from outside."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.optimize import minimize

import tabular_marl as tm
from tabular_marl.models import soft_layer as layer
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims._layer import (
    expected_log,
    sampled,
    soft_evaluation,
    target_loss,
)
from tabular_marl.verification.ledger import LEDGER

LEDGER.load_own()  # before a file of claims is imported by name, so that each claim knows its file
rate, particles, balancing, critic, gaussian = (
    importlib.import_module(f"tabular_marl.verification.claims.layer_{name}")
    for name in (
        "samples_rate",
        "particles",
        "balancing_value",
        "action_value",
        "particles_gaussian",
    )
)
MINE = {c.id: c for c in LEDGER if ".claims.layer_" in c.module}
rng = np.random.default_rng(3)
A, B = 3, 2


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


X, PRIOR, PROPOSAL, POLICY = rng.normal(size=A), rows(A), rows(A), rows(A)


def test_targets_are_those_of_the_layer():
    found = layer.best_value(X[None], POLICY[None], 1.0, PRIOR).argument[0]
    assert soft_evaluation(FLOAT, X, PRIOR, POLICY) == pytest.approx(found, rel=1e-13)
    reward, transition, value = rng.normal(size=(2, A)), rows(2, A, 2), rng.normal(size=2)
    pairs, q = rows(2 * A).reshape(2, A), rng.normal(size=(2, A))
    expected = layer.action_value_loss(q, reward, transition, value, 0.7, pairs)
    flat = (q.ravel(), reward.ravel(), transition.reshape(-1, 2), value, 0.7, pairs.ravel())
    assert target_loss(*flat) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("beta", [1.4, -0.6])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_sampled_values_are_those_of_the_layer(beta, count):
    exact = layer.sampled_free_energy(X, beta, count, PRIOR, PROPOSAL)
    found = sampled(FLOAT, X, PRIOR, PROPOSAL, beta, count)
    assert found == pytest.approx(float(exact.expected), rel=1e-12)


def test_the_expansion_is_the_layers_bounds():
    beta, count = 1.4, 3
    bounds = layer.sampled_bias_bounds(X, beta, count, PRIOR, PROPOSAL)
    u, (second, third, _) = rate.moments(FLOAT, X, PRIOR, PROPOSAL, beta)
    assert (PROPOSAL * u).sum() == pytest.approx(1, rel=1e-13)
    main = second / (2 * count) - third / (3 * count**2)
    loss = -expected_log(FLOAT, u, PROPOSAL, count)
    assert float(bounds.upper) == pytest.approx(-main / beta, rel=1e-12)
    assert float(bounds.lower) <= -loss / beta <= float(bounds.upper)


@pytest.mark.parametrize("betas", [(1.2, 0.5), (1.2, -0.8), (-0.9, -0.4)])
def test_nested_samples_are_those_of_the_layer(betas):
    table, p, P = rng.normal(size=(A, B)), rows(A), rows(B)
    exact = layer.sampled_balancing_value(table, *betas, (2, 2), p, P)
    game = {"beta_agent": betas[0], "beta_opponent": betas[1]}
    found = balancing.nested(FLOAT, table, 2, 2, **game, agent_prior=p, opponent_prior=P)
    assert found.left == pytest.approx(float(exact.expected), rel=1e-12)
    assert found.right == pytest.approx(float(exact.value), rel=1e-12)


def test_a_moving_target_moves_the_minimiser():
    """The counterexample of (63) is on the way to what a search finds."""
    reward, transition = np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]])
    half = np.array([0.5, 0.5])

    def loss(q):
        return critic.moving_target(FLOAT, reward, transition, 0.5, half, q, q).left

    exact = np.array([4 / 3, 0.0])
    assert critic.solves(FLOAT, reward, transition, 0.5, half, exact, exact).min() > -1e-12
    found = minimize(loss, exact, tol=1e-14)
    assert found.fun < loss(np.array([1.3, 0.1])) < loss(exact)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_the_field_is_that_of_the_layer(sigma):
    grid = np.linspace(-4, 4, 81)
    line = layer.ActionLine(grid, -(grid**2) / 2)
    x = np.array([-1.0, 0.3, 0.9])
    found = particles.field(FLOAT, x, -x, sigma)
    np.testing.assert_allclose(found, layer.stein_direction(line, x, sigma), atol=1e-12)
    rest = layer.stein_particles(line, 2, sigma).positions
    variance = particles.pair_variance(FLOAT, sigma).right
    assert float(np.mean(rest**2)) == pytest.approx(variance, rel=1e-7)


@pytest.mark.parametrize(("mean", "variance", "sigma"), [(1.0, 4.0, 2.0), (-0.5, 0.3, 0.7)])
def test_a_gaussian_policy_moves_as_the_ledger_says(mean, variance, sigma):
    """Quadrature of (64), and a derivative of the divergence by differences."""
    noise, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    x = mean + np.sqrt(variance) * noise
    apart = x[:, None] - x[None]
    kernel = np.exp(-(apart**2) / sigma**2)
    push = weights @ (kernel * (-x[:, None] - 2 * apart / sigma**2))
    found = weights @ push, np.sqrt(variance) * weights @ (push * noise)

    def loss(m, s):
        return (s**2 + m**2 - 1) / 2 - np.log(s)

    s, h = np.sqrt(variance), 1e-6
    gradient, step = gaussian.directions(mean, variance, sigma**2)
    slopes = (loss(mean + h, s) - loss(mean - h, s)), s * (loss(mean, s + h) - loss(mean, s - h))
    np.testing.assert_allclose(gradient, np.array(slopes) / (2 * h), rtol=1e-7)
    share = np.sqrt(sigma**2 / (sigma**2 + 4 * variance))
    np.testing.assert_allclose(found, -share * np.array(step), rtol=1e-6)


def test_the_three_losses_rest_at_the_soft_optimum():
    game = tm.StochasticGame(rows(2, A, 1, 2), rng.normal(size=(2, A, 1)), discount=0.8)
    solved = tm.soft_q(game, 1.3)
    q = 1.3 * np.asarray(solved.q).reshape(2, A)
    policy = np.asarray(solved.agent_policy).reshape(2, A)
    prior = np.full(A, 1 / A)
    value = np.array([soft_evaluation(FLOAT, q[s], prior, policy[s]) for s in range(2)])
    np.testing.assert_allclose(value, 1.3 * np.asarray(solved.value), rtol=1e-9)
    ahead = 1.3 * game.reward[:, :, 0] + 0.8 * game.transition[:, :, 0] @ value
    np.testing.assert_allclose(q, ahead, rtol=1e-9)


def test_only_the_tilt_is_at_rest_on_a_grid():
    target, size = rows(5), 5
    kernel = np.exp(-(np.subtract.outer(np.arange(size), np.arange(size)) ** 2) / 2.0)
    score = particles.differences(FLOAT, target) / target
    after = np.concatenate([kernel[1:], 0 * kernel[:1]])
    operator = (kernel * score[:, None] + after - kernel).T  # field = operator @ policy
    _, size_of, right = np.linalg.svd(operator)
    assert size_of[-1] < 1e-12 < 1e-4 < size_of[-2]
    np.testing.assert_allclose(right[-1] / right[-1].sum(), target, atol=1e-9)


def test_a_sampled_bellman_solution_errs_as_the_ledger_says():
    game = tm.StochasticGame(rows(2, A, B, 2), rng.normal(size=(2, A, B)), discount=0.9)
    for beta in (1.5, -1.5):
        assert (tm.sampled_soft_q(game, beta, 2).bias * beta < 0).all()


def test_every_equation_has_rows():
    sources = " ".join(c.source for c in MINE.values())
    assert not [n for n in range(58, 69) if f"report ({n})" not in sources]
