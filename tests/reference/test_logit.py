"""Logit equilibria against closed forms, hand-solved games and 40-digit mpmath solutions."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.equilibria.logit import BranchStatus
from tabular_marl.validation import InputError

mpmath.mp.dps = 40


def solve_two_by_two(payoffs, lam, start=(0.0, 0.0)):
    """(P(action 1) of each player) from two coupled logistic equations, in mpmath."""
    one, two = ([[mpmath.mpf(float(x)) for x in row] for row in matrix] for matrix in payoffs)

    def equations(x, y):
        p, q = 1 / (1 + mpmath.exp(-x)), 1 / (1 + mpmath.exp(-y))
        gain = (one[1][0] - one[0][0]) * (1 - q) + (one[1][1] - one[0][1]) * q
        other = (two[0][1] - two[0][0]) * (1 - p) + (two[1][1] - two[1][0]) * p
        return x - lam * gain, y - lam * other

    x, y = mpmath.findroot(equations, start)
    return 1 / (1 + mpmath.exp(-x)), 1 / (1 + mpmath.exp(-y))


#: McKelvey-Palfrey's asymmetric matching pennies (row's prize on the diagonal), Goeree-Holt's
#: asymmetric pennies in cents, and a 2x2 game without any symmetry.
UNIQUE = {
    "mckelvey-palfrey 9": [[[9, 0], [0, 1]], [[0, 1], [1, 0]]],
    "mckelvey-palfrey 4": [[[4, 0], [0, 1]], [[0, 1], [1, 0]]],
    "goeree-holt 320": [[[3.2, 0.4], [0.4, 0.8]], [[0.4, 0.8], [0.8, 0.4]]],
    "goeree-holt 44": [[[0.44, 0.4], [0.4, 0.8]], [[0.4, 0.8], [0.8, 0.4]]],
    "no symmetry": [[[1.5, -2], [0.25, 3]], [[-1, 0.5], [2, -0.75]]],
}


@pytest.mark.parametrize("name", UNIQUE)
@pytest.mark.parametrize("lam", [0.3, 1.0, 2.5, 8.0])
def test_pennies_against_mpmath(name, lam):
    game = tm.MatrixGame(np.array(UNIQUE[name], dtype=float))
    found = tm.logit_equilibria(game, lam).equilibria[0]
    start = [float(np.log(p[0, 1] / p[0, 0])) for p in found.policies]
    exact = solve_two_by_two(UNIQUE[name], lam, start)
    for policy, p in zip(found.policies, exact, strict=True):
        assert abs(policy[0, 1] - float(p)) < 1e-14
    proof = found.certify(128)
    for bounds, p in zip(proof.policies, exact, strict=True):
        assert bounds[0, 0, 1] <= p <= bounds[1, 0, 1]
        assert bounds[1, 0, 1] - bounds[0, 0, 1] < 1e-15


def test_a_dominant_action_is_the_binary_logit_formula():
    """The other's choice does not matter, so P(action 1) = 1/(1 + e^(-2 lambda)) exactly."""
    game = tm.MatrixGame([[[0, 0], [2, 2]], [[0, 1], [0, 1]]])
    for lam in (0.5, 3.0, 40.0):
        found = tm.logit_equilibria(game, lam).equilibria[0]
        assert found.policies[0][0, 1] == pytest.approx(1 / (1 + np.exp(-2 * lam)), abs=1e-15)
        assert found.policies[1][0, 1] == pytest.approx(1 / (1 + np.exp(-lam)), abs=1e-15)


def test_at_lambda_zero_everyone_keeps_the_prior():
    priors = ([0.2, 0.8], [0.5, 0.25, 0.25])
    game = tm.MatrixGame(np.arange(12.0).reshape(2, 2, 3))
    found = tm.logit_equilibria(game, 0.0, priors=priors).equilibria[0]
    assert np.allclose(found.policies[0][0], priors[0], atol=1e-16)
    assert np.allclose(found.policies[1][0], priors[1], atol=1e-16)
    assert found.values[0, 0] == pytest.approx(priors[0] @ game.payoffs[0] @ priors[1])


def test_saddle_of_matching_pennies_by_hand():
    """By symmetry both mix evenly and the value is 0 at every temperature."""
    game = tm.MatrixGame([[1.0, -1.0], [-1.0, 1.0]])
    saddle = tm.logit(game, beta_agent=3.0, beta_opponent=-0.5)
    assert saddle.unique
    assert abs(saddle.value[0]) <= saddle.error_bound + 1e-16
    assert saddle.error_bound < 1e-14


def random_game(states, counts, seed, common=False, discount=0.9):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.full(states, 0.5), size=(states, *counts))
    rewards = rng.normal(size=(len(counts), states, *counts))
    if len(counts) == 2:
        other = None if common else rewards[1]
        return tm.StochasticGame(transition, rewards[0], other, discount=discount)
    if common:
        rewards[:] = rewards[0]
    return tm.StochasticGame(transition, rewards, discount=discount)


def mean(tensor, policies, keep):
    """E over the players not kept, by einsum over every axis at once."""
    n = len(policies)
    letters = "abcdef"[:n]
    terms = [letters[j] for j in range(n) if j not in keep]
    operands = [policies[j] for j in range(n) if j not in keep]
    out = "".join(letters[j] for j in keep)
    return np.einsum(",".join([letters, *terms]) + "->" + out, tensor, *operands)


@pytest.mark.parametrize("evaluation", ["regularised", "expectation"])
@pytest.mark.parametrize(
    ("counts", "common", "weights"),
    [
        ((2, 3), True, (1.0, 1.0)),
        ((3, 2), True, (1.0, -0.5)),
        ((3, 3), False, (1.0, 2.0)),
        ((2, 2, 2), False, (1.0, 0.5, 2.0)),
        ((3, 2, 2), True, (1.0, 1.0, -1.0)),
    ],
)
def test_stochastic_games_satisfy_the_equations(counts, common, weights, evaluation):
    """(17)-(19) written once more, with einsum and no log-odds."""
    game = random_game(4, counts, seed=1, common=common)
    paid = [game.player_reward(0)] * len(counts) if common else None
    for lam in (0.0, 0.4, 3.0):
        branch = tm.logit_equilibria(game, lam, weights=weights, evaluation=evaluation)
        found = branch.equilibria[-1]
        for i in range(len(counts)):
            reward = paid[i] if common else game.player_reward(i)
            for s in range(4):
                here = [p[s] for p in found.policies]
                q = reward[s] + 0.9 * game.transition[s] @ found.values[i]
                own = mean(q, here, (i,))
                scores = lam * weights[i] * own
                answer = np.exp(scores - scores.max())
                assert np.allclose(found.policies[i][s], answer / answer.sum(), atol=1e-13)
                value = here[i] @ own
                if evaluation == "regularised" and lam > 0:
                    divergence = [p @ np.log(p * len(p)) / lam for p in here]
                    payers = range(len(counts)) if common else (i,)
                    value -= sum(divergence[j] / weights[j] for j in payers)
                assert abs(found.values[i, s] - value) < 1e-12


def test_folds_are_found_and_passed():
    """A branch with a pair of folds: at a λ between them three equilibria, all of them right."""
    payoffs = np.random.default_rng(31).normal(size=(2, 4, 3))
    game = tm.MatrixGame(payoffs)
    first, second = (f.inverse_temperature for f in tm.logit_equilibria(game, 10.0).folds)
    assert first == pytest.approx(3.96418876889, abs=1e-9)
    assert second == pytest.approx(3.69307851180, abs=1e-9)
    between = 0.5 * (first + second)
    branch = tm.logit_equilibria(game, [between, 10.0])
    found = branch.at(between)
    assert len(found) == 3
    assert branch.status is BranchStatus.REACHED
    for e in found:
        for policy, other, matrix in (
            (e.policies[0][0], e.policies[1][0], payoffs[0]),
            (e.policies[1][0], e.policies[0][0], payoffs[1].T),
        ):
            scores = np.exp(between * (matrix @ other))
            assert np.allclose(policy, scores / scores.sum(), atol=1e-13)
        assert e.certify(64).width < 1e-9


def test_a_bifurcation_is_reported_and_not_called_a_limit():
    """Stag hunt (4, 1; 3, 2) has its pitchfork at λ = 2: σ'(0)² λ² d² = 1 with d = 2."""
    branch = tm.logit_equilibria(tm.games.stag_hunt(), [1.0, 6.0])
    assert branch.status is BranchStatus.BIFURCATED
    assert [b.inverse_temperature for b in branch.bifurcations] == pytest.approx([2.0], abs=1e-4)
    assert not branch.folds
    with pytest.raises(ArithmeticError):  # J is singular where branches cross
        tm.logit_equilibria(tm.games.stag_hunt(), 2.0).equilibria[0].certify(128)
    # the straight branch is the mixed equilibrium, a limit that is a Nash equilibrium
    assert np.allclose(branch.equilibria[-1].policies[0], 0.5, atol=1e-9)


def test_bad_input_is_refused():
    game = tm.games.stag_hunt()
    with pytest.raises(InputError, match="lambdas"):
        tm.logit_equilibria(game, [-1.0])
    with pytest.raises(InputError, match="lambdas"):
        tm.logit_equilibria(game, float("nan"))
    with pytest.raises(InputError, match="weights"):
        tm.logit_equilibria(game, 1.0, weights=[1.0])
    with pytest.raises(InputError, match="evaluation"):
        tm.logit_equilibria(game, 1.0, evaluation="entropy")
    with pytest.raises(InputError, match="priors"):
        tm.logit_equilibria(game, 1.0, priors=([0.5, 0.6], None))
    with pytest.raises(InputError, match="beta"):
        tm.logit(game, float("inf"), 1.0)
