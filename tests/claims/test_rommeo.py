"""ROMMEO's rows: the formulas behind them, checked from outside."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

import tabular_marl as tm
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims._rommeo import Game, divergence

S, A, B, T = 2, 2, 3, 1
BETA, GAMMA = 1.5, 0.8


@pytest.fixture(scope="module")
def instance():
    rng = np.random.default_rng(3)

    def rows(*shape):
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])

    return {
        "reward": rng.normal(size=(S, A, B)),
        "transition": rows(S, A, B, S),
        "agent_prior": rows(S, B, A),
        "opponent_prior": rows(S, B),
        "initial": rows(S),
        "agent": rows(T + 1, S, B, A),
        "opponent": rows(T + 1, S, B),
    }


def game_of(given, gamma=GAMMA):
    return Game.of(
        FLOAT,
        given["reward"],
        BETA,
        given["transition"],
        gamma,
        given["agent_prior"],
        given["opponent_prior"],
    )


def trajectories(given):
    """(probability under q, joint weight with O=1, Σ γ^t (…)) of each, one at a time."""
    P, R = given["transition"], given["reward"]
    mu, nu = given["agent_prior"], given["opponent_prior"]
    step = [range(A), range(B), range(S)]
    for s0, *rest in itertools.product(range(S), *(step * (T + 1))):
        s, q, joint, total = s0, given["initial"][s0], given["initial"][s0], 0.0
        for t in range(T + 1):
            a, b, after = rest[3 * t : 3 * t + 3]
            pi, rho = given["agent"][t, s, b, a], given["opponent"][t, s, b]
            q *= pi * rho * P[s, a, b, after]
            joint *= mu[s, b, a] * nu[s, b] * P[s, a, b, after] * np.exp(BETA * R[s, a, b])
            cost = np.log(pi / mu[s, b, a]) + np.log(rho / nu[s, b])
            total += GAMMA**t * (BETA * R[s, a, b] - cost)
            s = after
        yield q, joint, total


def of_instance(given):
    return [pi.transpose(0, 2, 1) for pi in given["agent"]], list(given["opponent"])


def test_objective_is_the_sum_over_trajectories(instance):
    expected = sum(q * total for q, _, total in trajectories(instance))
    found = game_of(instance).objective(instance["initial"], *of_instance(instance))
    assert found == pytest.approx(expected, abs=1e-12)


def test_divergence_is_the_sum_over_trajectories(instance):
    found, log_evidence = divergence(
        game_of(instance, 1.0), instance["initial"], *of_instance(instance)
    )
    evidence = sum(joint for _, joint, _ in trajectories(instance))
    expected = sum(q * np.log(q * evidence / joint) for q, joint, _ in trajectories(instance))
    assert log_evidence == pytest.approx(np.log(evidence), abs=1e-12)
    assert found == pytest.approx(expected, abs=1e-12)


def test_no_optimiser_beats_backward_induction(instance):
    game, initial = game_of(instance), instance["initial"]
    best = game.objective(initial, *game.tilts(game.optimise(T + 1)))

    def negative(flat):
        first = flat[: (T + 1) * S * A * B].reshape(T + 1, S, A, B)
        second = flat[(T + 1) * S * A * B :].reshape(T + 1, S, B)
        agent = np.exp(first) / np.exp(first).sum(axis=2, keepdims=True)
        opponent = np.exp(second) / np.exp(second).sum(axis=2, keepdims=True)
        return -game.objective(initial, list(agent), list(opponent))

    start = np.random.default_rng(0).normal(size=(T + 1) * S * B * (A + 1))
    found = -minimize(negative, start, method="BFGS", options={"gtol": 1e-9}).fun
    assert found <= best + 1e-12
    assert found == pytest.approx(best, abs=1e-7)


def test_the_long_horizon_is_the_solver(instance):
    game = game_of(instance)
    table = game.optimise(300)[0]
    solution = tm.rommeo(
        tm.StochasticGame(instance["transition"], instance["reward"], discount=GAMMA),
        BETA,
        agent_prior=instance["agent_prior"].transpose(0, 2, 1),
        opponent_prior=instance["opponent_prior"],
    )
    (agent,), (opponent,) = game.tilts([table])
    np.testing.assert_allclose(table, BETA * solution.q, atol=1e-9)
    np.testing.assert_allclose(agent, solution.agent_policy, atol=1e-9)
    np.testing.assert_allclose(opponent, solution.opponent_policy, atol=1e-9)
