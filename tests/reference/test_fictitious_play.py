"""Fictitious play against (42)-(50) written out in extended precision, and its theorems."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tabular_marl as tm

S, A, B = 3, 2, 3
INF = math.inf
LONG = np.longdouble


def game_of(seed, discount=0.7):
    rng = np.random.default_rng(seed)
    return tm.StochasticGame(
        rng.dirichlet(np.full(S, 0.5), size=(S, A, B)),
        rng.normal(size=(S, A, B)),
        discount=discount,
    )


def soft(x, beta, prior, axis):
    """(1/β) log Σ p exp(βx), by the formula, in 64-bit mantissas."""
    return np.log((prior * np.exp(beta * x)).sum(axis=axis)) / beta


def paper_rounds(game, beta_i, beta_o, prior_update, evaluation, count, p, r):
    """Rounds of (42), (46), (50) as they stand, values by iteration: [(V_k, model held fixed)]."""
    P, R = game.transition.astype(LONG), game.reward.astype(LONG)
    gamma, beta_i, beta_o = LONG(game.discount), LONG(beta_i), LONG(beta_o)
    p, prior = p.astype(LONG), r.astype(LONG)
    model, path = prior, []
    for _ in range(count):
        V = np.zeros(S, dtype=LONG)
        for _ in range(150):
            x = soft(R + gamma * P @ V, beta_i, p, 1)
            if evaluation == "regularised":
                V = soft(x, beta_o, prior, 1)
            else:
                V = (model * x).sum(axis=1)
        tilted = prior * np.exp(beta_o * x)
        new = tilted / tilted.sum(axis=1, keepdims=True)
        path.append((V, new if evaluation == "regularised" else model))
        model = new
        prior = new if prior_update == "replaced" else prior
    return path


@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
@pytest.mark.parametrize("prior_update", ["replaced", "kept"])
@pytest.mark.parametrize("betas", [(2.0, 1.5), (3.0, -2.0), (-1.0, 0.5)])
def test_every_round_against_the_equations(prior_update, evaluation, betas):
    game, rng = game_of(1), np.random.default_rng(3)
    p = rng.dirichlet(np.ones(A), (S, B)).transpose(0, 2, 1)
    r = rng.dirichlet(np.ones(B), S)
    result = tm.fictitious_play(
        game, *betas, prior_update, evaluation, rounds=6, agent_prior=p, opponent_prior=r
    )
    reference = paper_rounds(game, *betas, prior_update, evaluation, 6, p, r)
    assert len(result.path) == 6
    for k, (solution, (value, model)) in enumerate(zip(result.path, reference, strict=True)):
        slack = 1e-9 if k else 1e-14  # later rounds hold policies fixed that were rounded
        assert np.abs(solution.value - value).max() <= solution.error_bound + slack
        np.testing.assert_allclose(solution.opponent_policy, model.astype(float), atol=1e-8)
        x = solution.opponent_q
        q = game.reward + game.discount * game.transition @ solution.value
        np.testing.assert_allclose(solution.q, q, rtol=0, atol=1e-9)
        e = p * np.exp(betas[0] * q)
        np.testing.assert_allclose(x, np.log(e.sum(axis=1)) / betas[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            solution.agent_policy, e / e.sum(axis=1, keepdims=True), rtol=0, atol=1e-8
        )
    assert result.value is result.path[-1].value


def test_one_round_is_the_conditional_agent_against_a_fixed_prior():
    game, model = game_of(2), np.random.default_rng(5).dirichlet(np.ones(B), S)
    result = tm.fictitious_play(game, 2.0, 1.0, rounds=1, opponent_prior=model)
    recipe = (tm.Aggregation(0, 2.0), tm.Aggregation(1, 0.0, model))
    np.testing.assert_allclose(result.value, tm.solve(game, recipe).value, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.opponent_policy, model, atol=1e-15)
    assert result.certify().width < 1e-15


@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
@pytest.mark.parametrize("betas", [(2.0, 1.5), (2.0, -1.5), (-3.0, 4.0), (0.0, -0.7)])
def test_replaced_priors_rise_to_the_hard_optimum(evaluation, betas):
    game = game_of(4)
    prior = np.array([0.2, 0.0, 0.8])
    result = tm.fictitious_play(
        game, *betas, "replaced", evaluation, opponent_prior=prior, tol=1e-9
    )
    hard = tm.balancing_q(
        game, betas[0], math.copysign(INF, betas[1]), "opponent", opponent_prior=prior
    )
    assert result.status is tm.Status.CONVERGED
    np.testing.assert_allclose(result.limit.value, hard.value, rtol=0, atol=1e-9)
    assert np.abs(result.value - hard.certify().upper).max() <= result.error_bound <= 1e-9
    steps = np.diff([solution.value for solution in result.path], axis=0) * np.sign(betas[1])
    assert len(steps) > 3
    assert steps.min() >= -2e-9
    assert (result.opponent_policy[:, 1] == 0).all()
    assert result.course == ("rise" if betas[1] > 0 else "fall")


def test_an_action_that_underflowed_comes_back():
    """b = 0 pays first, b = 1 opens a better state; ρ(1) < 1e-308 before its worth is seen."""
    reward = np.zeros((2, 1, 2))
    reward[0, 0] = [40.0, 0.0]
    reward[1, 0] = [0.0, 1000.0]
    transition = np.zeros((2, 1, 2, 2))
    transition[0, 0, 0, 0] = transition[0, 0, 1, 1] = transition[1, 0, :, 1] = 1.0
    game = tm.StochasticGame(transition, reward, discount=0.5)
    prior = np.array([[0.5, 0.5], [1 - 1e-300, 1e-300]])
    result = tm.fictitious_play(game, 1.0, 30.0, opponent_prior=prior)
    assert min(solution.opponent_policy[0, 1] for solution in result.path) == 0.0
    np.testing.assert_allclose(result.value, [1000.0, 2000.0], rtol=1e-12)
    assert result.opponent_policy[0, 1] == 1.0


def test_the_corrected_recursion_with_the_kept_prior_is_balancing_q():
    game = game_of(6)
    result = tm.fictitious_play(game, 2.0, -3.0, "kept", "regularised")
    other = tm.balancing_q(game, 2.0, -3.0, "opponent")
    assert result.status is tm.Status.CONVERGED
    assert len(result.path) == 1
    assert np.abs(result.value - other.value).max() <= result.error_bound + other.error_bound
    np.testing.assert_allclose(result.opponent_policy, other.opponent_policy, atol=1e-9)


def test_expectations_under_a_kept_prior_settle_on_a_boltzmann_fixed_point():
    game = game_of(7)
    result = tm.fictitious_play(game, 2.0, 3.0, "kept")
    assert result.status is tm.Status.SETTLED
    assert result.period == 1
    assert result.limit is None
    e = np.exp(3.0 * result.opponent_q)
    rho = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result.opponent_policy, rho, atol=1e-8)
    np.testing.assert_allclose(result.value, (rho * result.opponent_q).sum(axis=1), atol=1e-8)


def test_the_boltzmann_operator_can_have_two_limits():
    transition = np.array(
        [[[0.937, 0.05, 0.013], [0.489, 0.464, 0.047]], [[0.954, 0.046, 0.0], [0.304, 0.696, 0.0]],
         [[0.818, 0.004, 0.178], [0.006, 0.007, 0.987]]]
    )[:, None]  # fmt: skip
    reward = np.array([[[1.156, 0.244]], [[-1.239, 0.406]], [[0.08, 1.954]]])
    game = tm.StochasticGame(transition, reward, discount=0.999)
    limits = [
        tm.fictitious_play(game, 1.0, 0.1788531319, "kept", start=start)
        for start in ([0.5, 0.5], [0.0, 1.0], [1.0, 0.0])
    ]
    assert all(result.period == 1 for result in limits)
    values = sorted(result.value[0] for result in limits)
    assert values[-1] - values[0] > 1.0
    for result in limits:
        again = tm.fictitious_play(game, 1.0, 0.1788531319, "kept", start=result.opponent_policy)
        assert abs(again.value - result.value).max() < 1e-5


@pytest.mark.parametrize("prior_update", ["replaced", "kept"])
def test_a_model_with_beta_zero_never_moves(prior_update):
    result = tm.fictitious_play(game_of(8), 1.0, 0.0, prior_update)
    assert (len(result.path), result.period) == (1, 1)


def test_infinite_beta_kept_is_policy_iteration():
    """ρ_{k+1} is greedy: the rounds end in finitely many steps at the opponent's optimum."""
    game = game_of(9)
    result = tm.fictitious_play(game, 2.0, -INF, "kept")
    assert result.period == 1
    best = tm.balancing_q(game, 2.0, -INF, "opponent")
    np.testing.assert_allclose(result.value, best.value, atol=1e-10)
    assert len(result.path) < 10


def test_more_rounds_than_allowed_raise_with_the_path(monkeypatch):
    monkeypatch.setattr("tabular_marl.models.rounds.MAX_ROUNDS", 3)
    with pytest.raises(tm.NotConverged, match="neither settled nor in a cycle") as caught:
        tm.fictitious_play(game_of(10), 1.0, 0.1)
    assert len(caught.value.partial.path) == 3
    partial = tm.fictitious_play(game_of(10), 1.0, 0.1, on_failure="return")
    assert partial.status is tm.Status.ROUNDS
    assert partial.error_bound > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior_update": "keep"}, "did you mean 'kept'"),
        ({"evaluation": "soft"}, "evaluation must be one of"),
        ({"rounds": 0}, "rounds must be an integer >= 1"),
        ({"start": [0.5, 0.5, 0.0]}, "start must be None unless"),
        ({"opponent_prior": [1.0]}, "opponent_prior must have shape"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(tm.InputError, match=message):
        tm.fictitious_play(game_of(11), 1.0, 1.0, **arguments)
