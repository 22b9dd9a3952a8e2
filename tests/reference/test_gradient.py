"""The policy-gradient theorem against implicit differentiation, finite differences and optima."""

from __future__ import annotations

import numpy as np
import pytest

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.active.gradient import (
    ascend,
    finite_differences,
    implicit_gradient,
    policy_gradient,
)
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import FunctionLearner, WinStayLoseShift, best_response
from tabular_marl.active.periodic import periodic_limit
from tabular_marl.games import iterated_prisoners_dilemma, matching_pennies
from tabular_marl.solution import NotConverged
from tabular_marl.validation import InputError


def agree(process, phi, **setting):
    found = policy_gradient(process, phi, **setting)
    np.testing.assert_allclose(
        found.gradient, implicit_gradient(process, phi, **setting), atol=1e-12
    )
    np.testing.assert_allclose(
        found.gradient, finite_differences(process, phi, **setting), atol=1e-8
    )
    return found


@pytest.mark.parametrize(
    "learner",
    [
        best_response(epsilon=0.1),
        WinStayLoseShift(-1.5, epsilon=0.05),
        FunctionLearner(  # U sees a^i, and nothing else
            lambda theta, s: [theta, 1 - theta],
            lambda theta, s, a, r, t: 0.9 if a[0] == 0 else 0.3,
            [0.9, 0.3],
        ),
    ],
)
@pytest.mark.parametrize("sees", ["s", "everything"])
def test_three_ways_to_the_gradient(learner, sees):
    process = explore(iterated_prisoners_dilemma(), {1: learner})
    rng = np.random.default_rng(0)
    observation = process.state if sees == "s" else np.arange(process.num_states)
    phi = rng.normal(size=(observation.max() + 1, 2))
    found = agree(process.decision, phi, observation=observation)
    assert np.abs(found.transient_term).max() < 1e-12
    assert np.abs(found.gradient).max() > 1e-3


def multichain(rng):
    """Transient states 0 and 1 choose between two closed classes of different gain."""
    rows = np.zeros((5, 2, 5))
    rows[0, 0], rows[0, 1] = [0.1, 0.3, 0.5, 0, 0.1], [0.2, 0.2, 0, 0.5, 0.1]
    rows[1, 0], rows[1, 1] = [0.5, 0, 0.1, 0.3, 0.1], [0, 0, 0.9, 0.1, 0]
    rows[2, :, 2] = 1
    rows[3:, :, 3:] = rng.dirichlet(np.ones(2), (2, 2))
    return DecisionProcess(rng.normal(size=(5, 2)), rows)


def test_the_term_that_a_multichain_adds():
    process = multichain(np.random.default_rng(1))
    phi = np.random.default_rng(2).normal(size=(5, 2))
    found = agree(process, phi, initial=[1.0, 0, 0, 0, 0])
    assert np.abs(found.transient_term[:2]).max() > 1e-2
    assert np.abs(found.transient_term[2:]).max() < 1e-12
    # without it, that is with Prop. 3 alone, the gradient is wrong
    assert np.abs(found.stationary_term - found.gradient).max() > 1e-2


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_every_period_gives_the_same_gradient(k):
    """Prop. 3 with μ_k(·|ℓ) averaged over ℓ, on a chain of period 2."""
    ring = np.roll(np.eye(4), 1, axis=1)
    process = DecisionProcess(
        np.random.default_rng(3).normal(size=(4, 2)), np.stack([ring, ring @ ring @ ring], axis=1)
    )
    phi = np.random.default_rng(4).normal(size=(4, 2))
    found = agree(process, phi)
    chain = process.chain(found.policy)
    assert chain.periods.tolist() == [2]
    gain, value = chain.gain_and_bias((found.policy * process.reward).sum(axis=1))
    q = process.q(value) - gain[:, None]
    total = np.zeros((4, 2))
    for law in periodic_limit(chain, [1, 0, 0, 0], k).distribution:
        total += law[:, None] * found.policy * (q - (found.policy * q).sum(axis=1)[:, None]) / k
    np.testing.assert_allclose(total, found.gradient, atol=1e-13)


def test_tabular_gradient_along_the_simplex():
    process = DecisionProcess(
        np.random.default_rng(5).normal(size=(4, 3)),
        np.random.default_rng(6).dirichlet(np.ones(4), (4, 3)),
    )
    rng = np.random.default_rng(7)
    policy = rng.dirichlet(np.ones(3), 4)
    found = policy_gradient(process, policy, kind="tabular")
    way = rng.normal(size=(4, 3))
    way -= way.mean(axis=1, keepdims=True)
    step = 1e-6
    ahead, back = (
        policy_gradient(process, policy + s * step * way, kind="tabular").gain for s in (1, -1)
    )
    assert (found.gradient * way).sum() == pytest.approx((ahead - back) / (2 * step), abs=1e-8)


def test_natural_direction_is_the_fisher_solution():
    process = DecisionProcess(
        np.random.default_rng(8).normal(size=(5, 3)),
        np.random.default_rng(9).dirichlet(np.ones(5), (5, 3)),
    )
    phi = np.random.default_rng(10).normal(size=(2, 3))
    seen = np.array([0, 1, 0, 1, 1])
    found = policy_gradient(process, phi, seen)
    law = process.chain(found.policy[seen]).class_distribution
    for o in range(2):
        p = found.policy[o]
        fisher = law[seen == o].sum() * (np.diag(p) - np.outer(p, p))
        np.testing.assert_allclose(fisher @ found.natural[o], found.gradient[o], atol=1e-13)


@pytest.mark.parametrize("natural", [True, False])
def test_ascent_reaches_the_exact_optimum(natural):
    process = explore(matching_pennies(), {1: best_response(epsilon=0.2)}).decision
    best = average_reward(process)
    found = ascend(
        process, np.zeros((process.num_states, 2)), natural=natural, tol=1e-7, max_steps=3000
    )
    assert found.gain == pytest.approx(best.gain[0], abs=1e-5)
    assert found.gain <= best.gain_upper[0]
    assert all(b >= a for a, b in zip(found.history, found.history[1:], strict=False))


def test_what_is_refused():
    process = multichain(np.random.default_rng(1))
    with pytest.raises(InputError, match="a row for each of 5 observations"):
        policy_gradient(process, np.zeros((4, 2)))
    with pytest.raises(NotConverged, match="slope"):
        ascend(process, np.zeros((5, 2)), tol=1e-12, max_steps=2)
