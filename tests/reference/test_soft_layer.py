"""The losses (59)-(68), sampled values (62), (65) and particles (64), against enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

import tabular_marl as tm
from tabular_marl.models import soft_layer as layer

S, A, B = 3, 3, 2
rng = np.random.default_rng(5)


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


Q, PRIOR, STATES = rng.normal(size=(S, A)), rows(S, A), rows(S)


def softmax(z):
    return np.exp(z - logsumexp(z, axis=-1, keepdims=True))


def searched(loss, size):
    return minimize(loss, np.zeros(size), tol=1e-14)


# -- losses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.7, -1.5])
def test_value_loss_is_least_at_the_soft_value_of_the_policy(beta):
    policy = rows(S, A)
    best = layer.best_value(Q, policy, beta, PRIOR)
    target = (policy * (Q - np.log(policy / PRIOR) / beta)).sum(axis=1)
    np.testing.assert_allclose(best.argument, target, rtol=1e-13)
    found = searched(lambda v: layer.value_loss(v, Q, policy, beta, PRIOR, STATES), S)
    np.testing.assert_allclose(found.x, best.argument, atol=1e-6)
    optimal = layer.best_value(Q, layer.best_policy(Q, beta, PRIOR).argument, beta, PRIOR)
    np.testing.assert_allclose(optimal.argument, tm.free_energy(Q, beta, PRIOR), rtol=1e-12)


@pytest.mark.parametrize("players", [(A,), (A, B)])
def test_action_value_loss_is_least_at_the_mean_target(players):
    reward, transition = rng.normal(size=(S, *players)), rows(S, *players, S)
    target, pairs = rng.normal(size=S), rng.dirichlet(np.ones(reward.size)).reshape(reward.shape)
    data = (reward, transition, target, 0.8, pairs)
    best = layer.best_action_value(*data)
    found = searched(lambda q: layer.action_value_loss(q.reshape(reward.shape), *data), reward.size)
    np.testing.assert_allclose(found.x.reshape(reward.shape), best.argument, atol=1e-4)
    spread = (transition * target**2).sum(axis=-1) - (transition @ target) ** 2
    assert best.loss == pytest.approx(0.32 * (pairs * spread).sum(), rel=1e-12)


@pytest.mark.parametrize("beta", [0.7, -1.5])
def test_policy_loss_is_least_at_the_tilt(beta):
    best = layer.best_policy(Q, beta, PRIOR, STATES)
    found = searched(
        lambda z: layer.policy_loss(softmax(z.reshape(S, A)), Q, beta, PRIOR, STATES), S * A
    )
    np.testing.assert_allclose(softmax(found.x.reshape(S, A)), best.argument, atol=1e-5)
    assert found.fun == pytest.approx(best.loss, abs=1e-9)


def test_minimisers_taken_in_turn_are_soft_q():
    game = tm.StochasticGame(rows(S, A, 1, S), rng.normal(size=(S, A, 1)), discount=0.8)
    q, policy = np.zeros((S, A)), PRIOR
    for _ in range(200):
        value = layer.best_value(q, policy, 2.0, PRIOR).argument
        q = layer.best_action_value(game.reward[..., 0], game.transition[:, :, 0], value, 0.8)
        q = q.argument
        policy = layer.best_policy(q, 2.0, PRIOR).argument
    exact = tm.soft_q(game, 2.0, PRIOR[..., None])
    np.testing.assert_allclose(value, exact.value, atol=1e-9)
    np.testing.assert_allclose(policy, exact.agent_policy, atol=1e-9)


def test_balancing_values_and_minimisers_are_balancing_q():
    game = tm.StochasticGame(rows(S, A, B, S), rng.normal(size=(S, A, B)), discount=0.8)
    x, y, prior = 1.5, -0.5, rows(S, B)
    value = np.zeros(S)
    for _ in range(200):
        q = layer.best_action_value(game.reward, game.transition, value, 0.8).argument
        agent_q = tm.free_energy(q, y, prior[:, None], axis=2)  # (67) over β^i
        value = tm.free_energy(agent_q, x, PRIOR)
    policy = layer.best_policy(agent_q, x, PRIOR)
    exact = tm.balancing_q(game, x, y, view="agent", agent_prior=PRIOR, opponent_prior=prior)
    np.testing.assert_allclose(value, exact.value, atol=1e-9)
    np.testing.assert_allclose(policy.argument, exact.agent_policy, atol=1e-9)


def test_a_moving_target_has_another_minimiser_where_transitions_are_random():
    reward, random = np.array([[1.0], [0.0]]), np.array([[[0.5, 0.5]], [[0.0, 1.0]]])
    exact = np.array([[4 / 3], [0.0]])
    found = searched(lambda q: layer.residual_loss(q.reshape(2, 1), reward, random, 1.0, 0.5), 2)
    assert np.abs(found.x - exact[:, 0]).max() > 0.05
    assert layer.residual_loss(exact, reward, np.eye(2)[[[1], [1]]], 1.0, 0.5) > 0
    assert layer.residual_loss([[1.0], [0.0]], reward, np.eye(2)[[[1], [1]]], 1.0, 0.5) == 0


# -- samples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [1.3, -0.6])
@pytest.mark.parametrize("samples", [1, 2, 4])
def test_sampled_values_against_every_sample(beta, samples):
    proposal = rows(S, A)
    expected = np.zeros(S)
    for draw in itertools.product(range(A), repeat=samples):
        chosen = list(draw)
        logs = beta * Q[:, chosen] + np.log(PRIOR / proposal)[:, chosen]
        estimate = (logsumexp(logs, axis=1) - np.log(samples)) / beta
        expected += proposal[:, chosen].prod(axis=1) * estimate
    found = layer.sampled_free_energy(Q, beta, samples, PRIOR, proposal)
    np.testing.assert_allclose(found.expected, expected, rtol=1e-12)
    np.testing.assert_allclose(found.value, tm.free_energy(Q, beta, PRIOR), rtol=1e-12)
    assert (found.bias * beta < 0).all()


def test_bias_falls_with_samples_to_its_first_order_between_the_bounds():
    for beta in (2.0, -2.0):
        biases = []
        for samples in (1, 2, 3, 10, 40, 160):
            bias = layer.sampled_free_energy(Q, beta, samples, PRIOR).bias
            bounds = layer.sampled_bias_bounds(Q, beta, samples, PRIOR)
            assert (bounds.lower <= bias + 1e-15).all()
            assert (bias <= bounds.upper + 1e-15).all()
            biases.append(np.abs(bias))
        assert (np.diff(biases, axis=0) < 0).all()
        np.testing.assert_allclose(bias, bounds.first_order, rtol=0.05)


def test_the_tilt_is_the_unbiased_proposal():
    tilted = tm.tilt(Q, 2.0, PRIOR)
    assert np.abs(layer.sampled_free_energy(Q, 2.0, 3, PRIOR, tilted).bias).max() < 1e-14


def test_sampled_balancing_value_against_every_sample():
    table, x, y = rng.normal(size=(A, B)), 1.2, -0.7
    p, r, qa, qb = rows(A), rows(B), rows(A), rows(B)
    expected = 0.0
    for mine in itertools.product(range(A), repeat=2):
        for theirs in itertools.product(range(B), repeat=2):
            inner = np.log(np.mean([np.exp(x * table[a]) * p[a] / qa[a] for a in mine], axis=0))
            outer = np.mean([np.exp(y / x * inner[b]) * r[b] / qb[b] for b in theirs])
            chance = qa[list(mine)].prod() * qb[list(theirs)].prod()
            expected += chance * np.log(outer) / y
    found = layer.sampled_balancing_value(table, x, y, (2, 2), p, r, qa, qb)
    assert found.expected == pytest.approx(expected, rel=1e-12)
    game = tm.MatrixGame(table)
    exact = tm.balancing_q(game, x, y, view="opponent", agent_prior=p, opponent_prior=r)
    assert found.value == pytest.approx(exact.value[0], rel=1e-12)


def test_nested_samples_err_to_either_side():
    """With opposite signs the outer logarithm errs one way, the inner power the other."""
    by_outer, by_inner = [[0.0, 3.0], [0.0, 3.0]], [[0.0, 0.0], [3.0, 3.0]]
    assert layer.sampled_balancing_value(by_outer, 1.0, -1.0, (2, 2)).bias > 0.1
    assert layer.sampled_balancing_value(by_inner, 1.0, -1.0, (2, 2)).bias < -0.1


def test_sampled_soft_q_is_the_fixed_point_of_its_mean_backup():
    game = tm.StochasticGame(rows(S, A, B, S), rng.normal(size=(S, A, B)), discount=0.9)
    found = tm.sampled_soft_q(game, 2.0, 2)
    value = np.zeros(S)
    for _ in range(400):
        q = (game.reward + 0.9 * game.transition @ value).reshape(S, A * B)
        value = layer.sampled_free_energy(q, 2.0, 2).expected
    np.testing.assert_allclose(found.expected, value, atol=1e-10)
    np.testing.assert_allclose(found.value, tm.soft_q(game, 2.0).value, atol=1e-9)
    assert (found.bias < 0).all()


# -- particles -------------------------------------------------------------------------------------

GRID = np.linspace(-5, 5, 201)
NORMAL = layer.ActionLine(GRID, -(GRID**2) / 2)
TWO_HILLS = layer.ActionLine(
    GRID, np.logaddexp(-((GRID - 2) ** 2), np.log(0.3) - 2 * (GRID + 1.5) ** 2)
)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_two_particles_at_a_normal_density(sigma):
    found = layer.stein_particles(NORMAL, 2, sigma)
    rest = sigma / 2 * np.log1p(4 / sigma**2) ** 0.5
    np.testing.assert_allclose(found.positions, [-rest, rest], atol=1e-8)
    assert found.stable
    assert rest**2 < NORMAL.variance


def test_one_particle_rests_at_the_stationary_points():
    found = layer.resting_particle(TWO_HILLS)
    assert [p.stable for p in found] == [True, False, True]
    for p in found:
        assert abs(TWO_HILLS.score(p.positions)[0]) < 1e-9
    for start in (-2.0, 3.0):
        end = layer.stein_particles(TWO_HILLS, 1, 1.0, [start])
        assert min(abs(end.positions[0] - found[k].positions[0]) for k in (0, 2)) < 1e-8
    assert abs(found[2].positions[0] - TWO_HILLS.mean) > 0.5


def test_particles_at_rest_satisfy_the_equations_and_balance_their_forces():
    sigma = 0.8
    found = layer.stein_particles(TWO_HILLS, 8, sigma)
    x = found.positions
    force = []
    for y in x:
        kernel = np.exp(-((x - y) ** 2) / sigma**2)
        force.append(np.mean(kernel * TWO_HILLS.score(x) - 2 * (x - y) / sigma**2 * kernel))
    assert np.abs(force).max() <= 1e-9
    weights = np.exp(-((x[:, None] - x) ** 2) / sigma**2).sum(axis=0)
    assert abs(weights @ TWO_HILLS.score(x)) < 1e-8
    np.testing.assert_allclose(layer.stein_direction(TWO_HILLS, x, sigma, at=x), force, atol=1e-14)


def test_more_particles_come_nearer_to_the_density():
    apart = [
        NORMAL.distance(layer.stein_particles(NORMAL, n, 1.0).positions) for n in (1, 2, 4, 16)
    ]
    assert (np.diff(apart) < 0).all()
    assert apart[0] == pytest.approx((2 / np.pi) ** 0.5, abs=1e-3)  # E|x|


def test_stability_is_that_of_the_flow():
    saddle = next(p for p in layer.resting_particle(TWO_HILLS) if not p.stable)
    pushed = saddle.positions + 1e-4
    for _ in range(2000):
        pushed = pushed + 0.05 * layer.stein_direction(TWO_HILLS, pushed, 1.0)
    assert abs(pushed[0] - saddle.positions[0]) > 0.5


def test_a_particle_is_held_at_the_end_of_the_line():
    slope = layer.ActionLine(GRID, GRID)
    (only,) = layer.resting_particle(slope)
    assert (only.positions[0], only.stable) == (5.0, True)
    found = layer.stein_particles(slope, 3, 1.0)
    assert found.positions.max() == 5.0


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer.best_value(Q, PRIOR, 0.0), "beta must be finite and not 0"),
        (lambda: layer.policy_loss([[1.0, 0]], [[0.0, 0]], 1.0, [0.0, 1]), "policy must be 0"),
        (lambda: layer.best_action_value([1.0], [[1.0]], [1.0], 0.5), "reward must have axes"),
        (lambda: layer.sampled_free_energy(Q, 1.0, 0), "samples must be an integer"),
        (lambda: layer.sampled_free_energy(np.zeros(9), 1.0, 99), "samples must leave at most"),
        (
            lambda: layer.sampled_free_energy([0.0, 1], 1.0, 1, None, [1.0, 0]),
            "proposal must have the support",
        ),
        (lambda: layer.ActionLine([0.0, 1, 1, 2], [0.0] * 4), "actions must be at least 4"),
        (lambda: layer.stein_particles(NORMAL, 2, 0.0), "bandwidth must be a positive"),
        (lambda: layer.stein_particles(NORMAL, 2, 1.0, [9.0, 1]), "positions must lie on"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(tm.InputError, match=message):
        call()
