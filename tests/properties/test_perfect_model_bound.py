"""The perfect model's bound holds on random games of all scales, solved roughly or finely."""

from __future__ import annotations

import numpy as np
import pytest

import tabular_marl as tm

LONG = np.longdouble
S, A, B = 3, 2, 3


def soft(x, beta, axis):
    """(1/β) log of the mean of exp(βx), and its tilt, in 64-bit mantissas."""
    y = beta * x
    top = y.max(axis=axis, keepdims=True)
    e = np.exp(y - top)
    value = np.squeeze(top + np.log(e.mean(axis=axis, keepdims=True)), axis) / beta
    return value, e / e.sum(axis=axis, keepdims=True)


def iterate(backup, start):
    value = start.astype(LONG)
    for _ in range(5000):
        new = backup(value)
        gap = np.abs(new - value).max()
        value = new
        if gap < 1e-17 * (1 + np.abs(value).max()):
            break
    return value


def exact_agent_value(game, beta, beta_o, evaluation, near):
    """(52)-(56) with uniform priors; ``near`` are the values to start from, agent's first."""
    P, gamma = game.transition.astype(LONG), LONG(game.discount)
    beta, beta_o = LONG(beta), LONG(beta_o)

    def opponent(V):
        return soft(soft(game.opponent_reward + gamma * P @ V, beta_o, 1)[0], beta_o, 1)

    rho = opponent(iterate(lambda V: opponent(V)[0], near[1]))[1]
    cost = LONG(0)
    if evaluation == "regularised":
        cost = (rho * np.log(np.where(rho > 0, rho, 1) * B)).sum(axis=1) / beta

    def agent(V):
        return (rho * soft(game.reward + gamma * P @ V, beta, 1)[0]).sum(axis=1) - cost

    return iterate(agent, near[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
def test_the_bound_holds(evaluation, seed):
    rng = np.random.default_rng(seed)
    tightest = 0.0
    for _ in range(20):
        reward, other = (rng.normal(size=(S, A, B)) * 10 ** rng.uniform(-2, 3) for _ in range(2))
        transition = rng.dirichlet(np.full(S, 0.3), size=(S, A, B))
        discount = float(rng.choice([0.5, 0.9, 0.99]))
        game = tm.StochasticGame(transition, reward, other, discount=discount)
        betas = [float(np.exp(rng.uniform(-6, 4)) * rng.choice([1, -1])) for _ in range(2)]
        tol = float(10 ** rng.uniform(-11, -1))
        result = tm.perfect_model(game, *betas, evaluation, tol=tol)
        near = (result.value, result.opponent.value)
        error = float(
            np.abs(result.value - exact_agent_value(game, *betas, evaluation, near)).max()
        )
        assert error <= result.error_bound
        tightest = max(tightest, error / result.error_bound)
    assert tightest > 1e-3  # and it is not vacuous
