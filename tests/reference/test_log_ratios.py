"""Tilts of tilts in extended precision, where probabilities underflow in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.models.log_ratios import free_energy_of_tilt

INF, LONG = math.inf, np.longdouble
# extended precision holds exp(-11356), four rounds of |β| times a difference of 6
BETAS = [(450.0, 400.0), (-450.0, 300.0), (400.0, -450.0), (INF, 450.0), (450.0, -INF), (2.0, 0)]


def long_tilt(x, beta, prior, axis):
    """(F_β[prior](x), its tilt), keeping ``axis``, β = 0 and ±inf included."""
    x, prior = np.broadcast_arrays(x.astype(LONG), prior)
    if math.isinf(beta):
        inside = np.where(prior > 0, x, -np.sign(beta) * LONG(INF))
        best = (np.max if beta > 0 else np.min)(inside, axis=axis, keepdims=True)
        kept = np.where(inside == best, prior, LONG(0))
        return best, kept / kept.sum(axis=axis, keepdims=True)
    if beta == 0:
        return (prior * x).sum(axis=axis, keepdims=True), prior
    with np.errstate(divide="ignore"):
        logs = LONG(beta) * x + np.log(prior)
    top = logs.max(axis=axis, keepdims=True)
    total = np.exp(logs - top).sum(axis=axis, keepdims=True)
    return (top + np.log(total)) / LONG(beta), np.exp(logs - top) / total


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("seed", range(3))
def test_free_energy_of_a_tilt(seed, betas):
    rng = np.random.default_rng(seed)
    x, exponent = rng.uniform(-3, 3, size=(2, 5, 4))
    prior = rng.dirichlet(np.ones(4), 5)
    prior[:, 0] = 0.0
    prior /= prior.sum(axis=1, keepdims=True)
    tilted = long_tilt(exponent, betas[0], prior.astype(LONG), 1)[1]
    found = free_energy_of_tilt(x, betas[1], exponent, betas[0], prior, axis=1)
    np.testing.assert_allclose(
        found, long_tilt(x, betas[1], tilted, 1)[0][:, 0].astype(float), atol=1e-11
    )


def game_of(seed):
    rows, other = np.random.default_rng(seed).uniform(-3, 3, size=(2, 3, 4))
    return tm.MatrixGame([rows, other]), rows[None], other[None]


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("seed", range(3))
def test_a_coupled_perfect_model(seed, betas):
    game, mine, theirs = game_of(seed)
    result = tm.perfect_model(game, *betas, coupled=True, rounds=4)
    sigma, rho_0 = np.full((1, 3, 4), LONG(1) / 3), np.full((1, 1, 4), LONG(1) / 4)
    pi = long_tilt(mine, betas[0], sigma, 1)[1]
    for level in result.path:
        worth = long_tilt(theirs, betas[1], sigma, 1)[0]
        rho = long_tilt(worth, betas[1], rho_0, 2)[1]
        np.testing.assert_allclose(level.opponent_q, worth[:, 0].astype(float), atol=1e-10)
        np.testing.assert_allclose(level.opponent_policy, rho[:, 0].astype(float), atol=1e-9)
        sigma = pi
    np.testing.assert_allclose(result.opponent.q, theirs, atol=1e-11)


@pytest.mark.parametrize("update", ["replaced", "kept"])
@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("seed", range(3))
def test_generalised_em(seed, betas, update):
    game, mine, theirs = game_of(seed)
    result = tm.em(game, *betas, prior_update=update, rounds=4)
    pi_0, rho_0 = np.full((1, 3, 4), LONG(1) / 3), np.full((1, 1, 4), LONG(1) / 4)
    pi, rho = pi_0, rho_0
    for k, level in enumerate(result.path):
        before = rho
        bound = (rho * long_tilt(mine, betas[0], pi if update == "replaced" else pi_0, 1)[0]).sum()
        pi = long_tilt(mine, betas[0], pi if update == "replaced" else pi_0, 1)[1]
        worth = long_tilt(theirs, betas[1], pi, 1)[0]
        prior = rho if update == "replaced" else rho_0
        other, rho = long_tilt(worth, betas[1], prior, 2)
        np.testing.assert_allclose(level.value, float((pi * before * mine).sum()), atol=1e-10)
        np.testing.assert_allclose(level.opponent_q, worth[:, 0].astype(float), atol=1e-10)
        np.testing.assert_allclose(result.elbo[k], float(bound), atol=1e-10)
        np.testing.assert_allclose(result.opponent_elbo[k], float(other.item()), atol=1e-10)
