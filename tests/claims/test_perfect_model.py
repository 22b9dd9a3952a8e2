"""The perfect model's rows: the formulas behind them, checked from outside."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp

import tabular_marl as tm
from tabular_marl.verification import EXACT, FLOAT
from tabular_marl.verification.arithmetic import ball
from tabular_marl.verification.claims._perfect import Relay
from tabular_marl.verification.ledger import LEDGER

LEDGER.load_own()  # before a file of claims is imported by name, so that each claim knows its file
coupled, opponent, agent, minimax = (
    importlib.import_module(f"tabular_marl.verification.claims.perfect_model_{name}")
    for name in ("coupled", "opponent", "agent", "minimax_pr2")
)
FAMILIES = (".claims.perfect_model_", ".claims.interpretation_")
MINE = {c.id: c for c in LEDGER if any(name in c.module for name in FAMILIES)}
rng = np.random.default_rng(7)
A, B = 2, 3


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def relay(game, arithmetic=FLOAT):
    made = {
        k: arithmetic.array(v) if isinstance(v, list) else arithmetic.number(v)
        for k, v in game.items()
    }
    return Relay.of(arithmetic, **made)


def turn_based(game):
    """The same game for the solver: at state 0 only a matters, at state 1 only b."""
    law = np.array(game["transition"], dtype=float)
    transition = np.stack(
        [np.repeat(law[0][:, None], 2, axis=1), np.repeat(law[1][None], 2, axis=0)]
    )

    def laid(table):
        (first, second) = np.array(table, dtype=float)
        return np.stack([np.repeat(first[:, None], 2, axis=1), np.repeat(second[None], 2, axis=0)])

    return tm.StochasticGame(
        transition, laid(game["reward"]), laid(game["opponent_reward"]), discount=0.9
    )


@pytest.mark.parametrize("game", [coupled.CHASE, coupled.CALM])
def test_one_round_is_the_solvers(game):
    beta = float(game["beta"])
    found = tm.perfect_model(turn_based(game), beta, beta, coupled=True, rounds=1)
    after, _ = relay(game).round(0.5)
    assert after == pytest.approx(found.agent_policy[0, 1, 0], abs=1e-9)


@pytest.mark.parametrize("x", [0.1, 0.5, 0.8])
def test_slope_of_a_round(x):
    after, slope = relay(coupled.CHASE).round(x)
    step = 1e-5
    ends = [relay(coupled.CHASE).round(x + d)[0] for d in (-step, step)]
    assert slope == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6)
    balls = ball(128)
    with balls.context():
        exact, exact_slope = relay(coupled.CHASE, balls).round(balls.number(x))
        assert float(exact.rad()) < 1e-15
    assert (float(exact.mid()), float(exact_slope.mid())) == pytest.approx((after, slope), 1e-9)


def test_the_chase_cycles_and_damping_ends_it():
    game = turn_based(coupled.CHASE)
    result = tm.perfect_model(game, 1.0, 1.0, coupled=True)
    assert result.period == 2
    found = sorted(float(s.agent_policy[0, 1, 0]) for s in result.cycle)
    assert found == pytest.approx([0.0288832494, 0.6277057967], abs=1e-6)
    calm = tm.perfect_model(game, 1.0, 1.0, coupled=True, damping=0.5)
    assert calm.period == 1
    assert calm.agent_policy[0, 1, 0] == pytest.approx(0.3369996931, abs=1e-6)


def test_the_calm_game_has_three_fixed_points():
    def gap(x):
        return relay(coupled.CALM).round(x)[0] - x

    roots = [brentq(gap, *ends) for ends in [(0.0, 1e-3), (1e-3, 0.5), (0.5, 1.0)]]
    slopes = [relay(coupled.CALM).round(x)[1] for x in roots]
    assert roots == pytest.approx([0.0, 0.0835503, 0.7723959], abs=1e-6)
    assert slopes[0] < 1 < slopes[1]
    assert slopes[2] < 1


@pytest.mark.parametrize("times", [1, 2, 4])
def test_with_a_last_time_the_rounds_settle(times):
    """The chase, one copy of its states for each time; the last one leads to an end."""
    game = turn_based(coupled.CHASE)
    size = 2 * times + 1
    transition = np.zeros((size, 2, 2, size))
    rewards = [np.zeros((size, 2, 2)) for _ in range(2)]
    transition[-1, :, :, -1] = 1
    for t in range(times):
        here, ahead = slice(2 * t, 2 * t + 2), slice(2 * t + 2, 2 * t + 4)
        if t < times - 1:
            transition[here, :, :, ahead] = game.transition
        else:
            transition[here, :, :, -1] = 1
        for table, whole in zip(rewards, (game.reward, game.opponent_reward), strict=True):
            table[here] = whole
    long = tm.StochasticGame(transition, *rewards, discount=0.9)
    result = tm.perfect_model(long, 1.0, 1.0, coupled=True)
    assert result.period == 1
    assert len(result.path) <= times + 2  # π after `times` rounds, ρ after one more, one to see it


def pair():
    q, other = rng.normal(size=(A, B)), rng.normal(size=(A, B))
    return q, other, rows(B, A), rows(B)


def test_values_of_55_and_56_are_those_that_the_report_prints():
    q, other, p, P = pair()
    soft, theirs = (logsumexp(x, b=p.T, axis=0) for x in (q, other))
    rho = P * np.exp(theirs) / (P * np.exp(theirs)).sum()
    given = {"q": q, "opponent_q": other, "agent_prior": p, "opponent_prior": P}
    assert agent.expectation_55(FLOAT, **given).left[0] == pytest.approx(rho @ soft, rel=1e-13)
    expected = rho @ (soft - np.log(rho / P))
    assert agent.regularised_56(FLOAT, **given).left[0] == pytest.approx(expected, rel=1e-13)
    assert agent.regularised_56(FLOAT, **given).right[0] == pytest.approx(
        logsumexp(theirs, b=P), rel=1e-13
    )


def test_the_true_reply_is_what_a_search_finds_and_54_is_not():
    _, other, p, P = pair()
    policy = rows(B, A)
    earned = (policy.T * other).sum(axis=0)

    def loss(z):
        rho = np.exp(z - logsumexp(z))
        return -(rho @ (earned - np.log(rho / P)))

    found = -minimize(loss, np.zeros(B), tol=1e-14).fun
    given = {"opponent_q": other, "opponent_prior": P, "agent": policy, "opponent": rows(B)}
    assert opponent.true_reply(FLOAT, **given).left[0] == pytest.approx(found, abs=1e-9)
    assert opponent.best_reply(FLOAT, agent_prior=p, **given).left[0] < found - 1e-6


def test_minimax_pr2_is_the_solver():
    q, P, p = rng.normal(size=(A, B)), rows(A, B), rows(A)
    game = tm.MatrixGame(q)
    solved = tm.minimax_pr2(game, 1.5, -0.7, agent_prior=p, opponent_prior=P[None])
    found = minimax.led(FLOAT, q, p, P, 1.5, -0.7)
    assert found == pytest.approx(solved.value[0], rel=1e-12)


def test_hulls_hold_both_ends_in_balls_and_the_middle_elsewhere():
    assert EXACT.hull(EXACT.number(1), EXACT.number(2)) == EXACT.number("3/2")
    balls = ball(64)
    with balls.context():
        found = balls.hull(balls.array([1, 2]), balls.array([2, 2]))
        assert found[0].contains(1)
        assert found[0].contains(2)
        assert found[1].rad() < 1e-15


def test_every_equation_has_rows():
    sources = " ".join(c.source for c in MINE.values())
    wanted = [f"report ({n})" for n in range(51, 58)]
    wanted += [f"report {s}" for s in ("1.4", "1.5", "1.6.1")]
    assert not [w for w in wanted if w not in sources]
