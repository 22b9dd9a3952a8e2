"""``error_bound`` bounds the error: against 60-digit solutions of random tiny games of every kind.

The reference solves the same stored game (its floats taken exactly, priors as p/Σp) by Newton's
method in mpmath from the engine's answer, and proves its own error from its residual.
"""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.recipe import Aggregation
from tabular_marl.solution import Status

DIGITS = 60
MAGNITUDES = [0.0, 1e-8, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6, math.inf]


def exact_row(x, prior, beta):
    """(F, tilt) of one row in mpmath."""
    total = mp.fsum(prior)
    p = [w / total for w in prior]
    support = [k for k in range(len(x)) if p[k] > 0]
    if beta == 0:
        weights = p
        value = mp.fsum(p[k] * x[k] for k in support)
    else:
        best = (max if beta > 0 else min)(x[k] for k in support)
        if math.isinf(beta):
            weights = [p[k] if p[k] > 0 and x[k] == best else mp.mpf(0) for k in range(len(x))]
            value = best
        else:
            weights = [p[k] * mp.exp(mp.mpf(beta) * (x[k] - best)) for k in range(len(x))]
            for k in range(len(x)):
                if p[k] == 0:
                    weights[k] = mp.mpf(0)
            value = best + mp.log(mp.fsum(weights)) / mp.mpf(beta)
    total = mp.fsum(weights)
    return value, [w / total for w in weights]


def exact_backup(game, value):
    """(TV, joint weights) of the stored game in mpmath."""
    reward, transition, discount, levels = game
    x = np.empty(reward.shape, dtype=object)
    for cell in np.ndindex(*reward.shape):
        ahead = mp.fsum(
            mp.mpf(float(p)) * v for p, v in zip(transition[cell], value, strict=True) if p
        )
        x[cell] = mp.mpf(float(reward[cell])) + mp.mpf(discount) * ahead
    weights = np.full(reward.shape, mp.mpf(1), dtype=object)
    for level in levels:
        rows = np.moveaxis(x, level.axis + 1, -1)
        priors = np.moveaxis(np.broadcast_to(level.prior, x.shape), level.axis + 1, -1)
        out = np.empty(rows.shape[:-1], dtype=object)
        tilts = np.empty(rows.shape, dtype=object)
        for cell in np.ndindex(*out.shape):
            prior = [mp.mpf(float(p)) for p in priors[cell]]
            out[cell], tilts[cell] = exact_row(list(rows[cell]), prior, level.beta)
        weights = weights * np.moveaxis(tilts, -1, level.axis + 1)
        x = np.expand_dims(out, level.axis + 1)
    return list(x.reshape(-1)), weights


def exact_solution(game, start, target):
    """(V*, a proof of its error) by Newton's method."""
    _, transition, discount, _ = game
    states = len(start)
    value = [mp.mpf(float(v)) for v in start]
    for _ in range(50):
        image, weights = exact_backup(game, value)
        residual = [a - b for a, b in zip(image, value, strict=True)]
        error = max(abs(d) for d in residual) / (1 - mp.mpf(discount) * (1 + mp.mpf("1e-9")))
        if error <= target:
            return value, error
        matrix = mp.eye(states)
        for cell in np.ndindex(*weights.shape):
            for t in range(states):
                factor = mp.mpf(discount) * weights[cell] * mp.mpf(float(transition[(*cell, t)]))
                matrix[cell[0], t] -= factor
        step = mp.lu_solve(matrix, mp.matrix(residual))
        value = [v + d for v, d in zip(value, step, strict=True)]
    raise AssertionError("the reference did not converge")


def random_game(rng):
    """Any sizes up to 4 states and 3 players of 3 actions, any scale, any prior, any discount."""
    states = int(rng.integers(1, 5))
    actions = tuple(int(n) for n in rng.integers(1, 4, size=rng.integers(1, 4)))
    shape = (states, *actions)
    reward = rng.standard_normal(shape) * 10.0 ** rng.integers(-8, 9)
    if rng.random() < 0.3:
        reward *= 10.0 ** rng.integers(-6, 3, size=shape)
    transition = rng.dirichlet(np.full(states, rng.choice([0.05, 1.0])), shape)
    if rng.random() < 0.5:
        transition = np.where(transition < 0.2, 0.0, transition)
        transition[..., 0] += np.abs(1 - transition.sum(-1))
        transition /= transition.sum(-1, keepdims=True)
    discount = float(rng.choice([0.0, 0.3, 0.5, 0.9, 0.99, 0.999, 1 - 1e-6]))
    recipe, left = [], list(actions)
    for axis in rng.permutation(len(actions)):
        beta = float(rng.choice(MAGNITUDES) * rng.choice([-1, 1]))
        n = actions[axis]
        kind = rng.choice(["uniform", "vector", "conditional", "degenerate"])
        if kind == "uniform":
            prior = None
        elif kind == "vector":
            prior = rng.dirichlet(np.full(n, rng.choice([0.1, 1.0])))
        else:
            others = [m for k, m in enumerate((states, *left)) if k != axis + 1]
            prior = np.moveaxis(rng.dirichlet(np.ones(n), others), -1, axis + 1)
            if kind == "degenerate":
                prior = np.where(prior == prior.max(axis + 1, keepdims=True), 1.0, 0.0)
        recipe.append(Aggregation(int(axis), beta, prior))
        left[axis] = 1
    return reward, transition, discount, tuple(recipe)


def check_game(seed):
    rng = np.random.default_rng(seed)
    reward, transition, discount, recipe = random_game(rng)
    operator = Backup(reward, transition, discount, recipe)
    slow = discount > 0.95
    method = "auto" if slow else str(rng.choice(["auto", "newton", "value-iteration", "anderson"]))
    tol = float(rng.choice([1e-3, 1e-10]))
    answer = fixed_point(operator, method, tol=tol)
    assert answer.status in (Status.CONVERGED, Status.FLOOR)
    assert (answer.status is Status.CONVERGED) == (answer.error_bound <= tol)
    with mp.workdps(DIGITS):
        bound = mp.mpf(answer.error_bound)
        game = (reward, transition, discount, operator.levels)
        exact, slack = exact_solution(
            game, answer.value, bound * mp.mpf("1e-12") + mp.mpf(10) ** -45
        )
        error = max(abs(a - mp.mpf(float(b))) for a, b in zip(exact, answer.value, strict=True))
        assert error <= bound + slack
    # The bound is also worth having: of the size of rounding where that is what ended the solve.
    if answer.status is Status.FLOOR:
        largest = np.max(np.abs(reward)) / (1 - discount)
        assert answer.error_bound <= 1e-12 * largest / (1 - discount)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_error_bound_is_never_violated(seed):
    check_game(seed)


@pytest.mark.deep
@pytest.mark.parametrize("block", range(10))
def test_error_bound_is_never_violated_at_length(block):
    for seed in range(1000 * block, 1000 * (block + 1)):
        check_game(10**10 + seed)


@pytest.mark.parametrize("accurate", [False, True])
@pytest.mark.parametrize("states", [3, 70])
def test_radius_bounds_the_residuals_error(states, accurate):
    """d itself, far from the fixed point, against exact sums; w large, so that sums matter."""
    rng = np.random.default_rng(states)
    reward = rng.standard_normal((states, 3, 2))
    transition = rng.dirichlet(np.ones(states), (states, 3, 2))
    recipe = (Aggregation(0, 3.0), Aggregation(1, -2.0))
    operator = Backup(reward, transition, 0.99, recipe)
    offset, rest = 1e3, 50 * rng.standard_normal(states)
    operator.sweep(offset, rest)  # the first one also finds the row sums
    swept = operator.sweep(offset, rest, accurate=accurate)
    with mp.workdps(DIGITS):
        value = [mp.mpf(offset) + mp.mpf(float(w)) for w in rest]
        image, _ = exact_backup((reward, transition, 0.99, operator.levels), value)
        for s in range(states):
            error = abs(image[s] - value[s] - mp.mpf(float(swept.residual[s])))
            assert error <= mp.mpf(float(swept.radius[s]))
