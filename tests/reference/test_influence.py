"""Exact plateaus against brute force in rationals; cells against exact chains; runs of play."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active.cell_bounds import cell_bounds, discounted_cell_bounds
from tabular_marl.active.greedy_learner import best_against_greedy, dilemma, hold
from tabular_marl.active.influence import influence, play
from tabular_marl.active.learners import Grid, QLearning, best_response
from tabular_marl.games import (
    MatrixGame,
    bach_or_stravinsky,
    iterated_prisoners_dilemma,
    prisoners_dilemma,
)
from tabular_marl.validation import InputError

PAY = {(0, 0): (-1, -1), (0, 1): (-3, 0), (1, 0): (0, -3), (1, 1): (-2, -2)}


def learn(q, mine, tie, alpha, gamma):
    """One step of the greedy learner, from the definition: its action, agent i's reward, new Q."""
    action = 0 if q[0] > q[1] or (q[0] == q[1] and tie == "first") else 1
    paid, earned = PAY[mine, action]
    new = list(q)
    new[action] += alpha * (earned + gamma * max(q) - q[action])
    return action, paid, tuple(new)


@pytest.mark.parametrize(
    ("alpha", "gamma", "gain"),
    [
        ("1/2", "9/10", Fraction(-11, 21)),
        (1, "9/10", Fraction(-6, 11)),
        (1, 0, Fraction(-1)),
        ("1/2", 0, Fraction(-1)),
        (1, "1/2", Fraction(-1)),
        ("1/10", "9/10", Fraction(-55, 109)),
    ],
)
def test_the_high_plateau(alpha, gamma, gain):
    ipd = dilemma(prisoners_dilemma(), alpha, gamma)
    start = (ipd.floor + Fraction(1, 7), ipd.floor + Fraction(1, 3))
    for tie in ("first", "last", "uniform"):
        assert best_against_greedy(ipd, start, tie) == gain
        assert best_against_greedy(ipd, (start[0] - 1, start[1]), tie) == -2


@pytest.mark.parametrize("tie", ["first", "last"])
@pytest.mark.parametrize("start", [(-10, -15), (-15, -10), (-12, -25), (-19, -20), (-5, -29)])
def test_an_explicit_strategy_earns_it_in_rationals(tie, start):
    """Defect whenever the learner does, or whenever Q_C stays above the level: the lower bound."""
    alpha, gamma = Fraction(1, 2), Fraction(9, 10)
    ipd = dilemma(prisoners_dilemma(), alpha, gamma)
    gain = best_against_greedy(ipd, start, tie)
    level = max(ipd.floor, Fraction(start[1])) if start[1] < ipd.floor else ipd.floor
    if start[1] < ipd.floor:
        level = Fraction(start[1])
    q, paid = tuple(map(Fraction, start)), []
    period = len(hold(ipd, level).word)
    for _ in range(140 + 4 * period):
        holds = q[0] >= q[1] and ipd.after(q[0], True) > level
        mine = 1 if holds or q[0] < q[1] else 0
        _, r, q = learn(q, mine, tie, alpha, gamma)
        paid.append(r)
    assert Fraction(sum(paid[-period:]), period) == gain


@pytest.mark.parametrize("start", [(-10, -15), (-15, -10), (-12, -25), (-25, -12)])
def test_no_way_of_playing_exceeds_it(start):
    """All 2^T action sequences: the best total is at most T g plus what Q can still give away.

    r = −3/2 − r_j/2 − 3/2·1[D] and Σ α (r_j + γ max Q − Q_a) = Q_T − Q_0 bound the overshoot.
    """
    alpha, gamma, steps = Fraction(1, 2), Fraction(9, 10), 12
    ipd = dilemma(prisoners_dilemma(), alpha, gamma)
    gain = best_against_greedy(ipd, start, "first")
    best = {tuple(map(Fraction, start)): Fraction(0)}
    for _ in range(steps):
        ahead = {}
        for (q, total), mine in itertools.product(best.items(), (0, 1)):
            _, r, after = learn(q, mine, "first", alpha, gamma)
            ahead[after] = max(ahead.get(after, Fraction(-99)), total + r)
        best = ahead
    low = min(ipd.floor, Fraction(start[1]))
    give = (max(map(Fraction, start)) - low) / (2 * alpha) + 2
    assert max(best.values()) <= steps * gain + give


def test_the_rate_of_holding_against_all_words():
    """Periodic words whose orbit stays at or above the level: none defects more often."""
    ipd = dilemma(prisoners_dilemma(), "1/2", "9/10")
    for level in (Fraction(-25), Fraction(-20), Fraction(-27, 2)):
        best = Fraction(0)
        for length in range(1, 13):
            for word in itertools.product((0, 1), repeat=length):
                total = Fraction(0)
                for w in word:
                    total = ipd.after(total, bool(w))
                x = total / (1 - ipd.contraction**length)
                kept = True
                for w in word:
                    kept &= x >= level
                    x = ipd.after(x, bool(w))
                if kept:
                    best = max(best, Fraction(sum(word), length))
        found = hold(ipd, level)
        assert best <= found.rate
        assert found.rate - best < Fraction(1, 12)
        assert len(found.word) > 12 or best == found.rate


@pytest.mark.parametrize(("n", "error"), [(31, 0.05), (101, 0.02), (201, 0.01)])
def test_the_linear_grid_approaches_the_exact_map(n, error):
    grid = Grid(-30, 0, n, "linear")
    found = influence(
        prisoners_dilemma(), {1: QLearning("every", epsilon=0, tie="first", grid=grid)}
    )
    ipd = dilemma(prisoners_dilemma(), "1/2", "9/10")
    values = [Fraction(-30) + Fraction(30 * k, n - 1) for k in range(n)]
    exact = np.array([[float(best_against_greedy(ipd, (c, d))) for d in values] for c in values])
    assert np.abs(found.gain.reshape(n, n) - exact).mean() < error
    assert found.solution.width < 1e-8


def test_memory_adds_nothing_against_a_stateless_learner():
    learner = QLearning("every", epsilon=0, tie="first", grid=Grid(-30, 0, 31, "linear"))
    without = influence(prisoners_dilemma(), {1: learner})
    with_memory = influence(iterated_prisoners_dilemma(), {1: learner})
    np.testing.assert_allclose(with_memory.gain, without.gain, atol=1e-8)


def test_the_nearest_grid_freezes_an_exploring_learner():
    """On a coarse grid the start matters though the learner explores: false recurrent classes."""
    coarse = QLearning("every", epsilon=0.05, tie="first", grid=Grid(-30, 0, 31))
    assert np.ptp(influence(prisoners_dilemma(), {1: coarse}).gain) > 1
    linear = QLearning("every", epsilon=0.05, tie="first", grid=Grid(-30, 0, 31, "linear"))
    assert np.ptp(influence(prisoners_dilemma(), {1: linear}).gain) < 1e-8


@pytest.mark.parametrize(("alpha", "gamma"), [(1, 0), (1, 0.5)])
def test_cells_hold_the_exact_answer(alpha, gamma):
    """γ = 0, α = 1: four tables, solved exactly; γ = ½ against a fine linear grid."""
    if gamma == 0:
        exact = influence(prisoners_dilemma(), {1: QLearning([-1, -2], 1, 0, 0.1)})
    else:
        grid = Grid(-6, 0, 97, "linear")
        exact = influence(prisoners_dilemma(), {1: QLearning([-2, -4], 1, gamma, 0.1, grid=grid)})
    bounds = [cell_bounds(prisoners_dilemma(), alpha, gamma, 0.1, n) for n in (60, 240)]
    for found in bounds:
        assert found.lower - 0.02 <= exact.gain[0] <= found.upper + 0.02
    if gamma:
        assert bounds[1].upper - bounds[1].lower < bounds[0].upper - bounds[0].lower
    if gamma == 0:
        assert bounds[1].lower <= exact.gain[0] <= bounds[1].upper


@pytest.mark.parametrize(("patience", "action"), [(0.88, 1), (0.94, 0)])
def test_question_1_switches_with_the_discount(patience, action):
    """Proved for the learner without a grid: comply (1) when impatient, commit (0) when patient."""
    low, high = discounted_cell_bounds(
        bach_or_stravinsky(), 1.0, 0.9, 0.05, 250, [10, 20], patience
    )
    assert low[action] > high[1 - action]
    assert (low <= high).all()


def test_question_1_on_average_is_settled_by_a_line():
    """The learner shows Bach at most with 1 − ε/2, and from [10, 20] committing gets that."""
    found = cell_bounds(bach_or_stravinsky(), 1.0, 0.9, 0.05, 150)
    assert found.upper == pytest.approx(1.95, abs=1e-3)
    learner = QLearning([10, 20], 1, 0.9, 0.05, grid=Grid(0, 20, 201, "linear"))
    assert influence(bach_or_stravinsky(), {1: learner}).gain[0] == pytest.approx(1.95, abs=1e-9)


def test_seats_can_be_swapped():
    flipped = MatrixGame(prisoners_dilemma().payoffs[::-1].transpose(0, 2, 1))
    one = cell_bounds(prisoners_dilemma(), 1, 0.5, 0.1, 40)
    two = cell_bounds(flipped, 1, 0.5, 0.1, 40, seat=0)
    assert one == two
    assert dilemma(flipped, 1, 0.5, seat=0) == dilemma(prisoners_dilemma(), 1, 0.5)


def test_a_run_of_play_adds_up():
    found = influence(prisoners_dilemma(), {1: best_response(epsilon=0.2)})
    run = play(found.process, found.solution.policy, int(found.process.starts[0]), 4000, seed=1)
    assert run.rewards.shape == (4000, 2)
    assert run.rewards[:, 0].mean() == pytest.approx(found.gain[0], abs=0.1)
    for (a, b), paid in zip(run.actions.tolist(), run.rewards.tolist(), strict=True):
        assert tuple(paid) == PAY[a, b]


def test_what_is_refused():
    with pytest.raises(InputError, match="prisoner's dilemma"):
        dilemma(bach_or_stravinsky(), 0.5, 0.9)
    ipd = dilemma(prisoners_dilemma(), 0.5, 0.9)
    with pytest.raises(InputError, match="level must be below"):
        hold(ipd, Fraction(-10))
    with pytest.raises(InputError, match=r"step_size must be in \(0, 1\]"):
        dilemma(prisoners_dilemma(), 0, 0.9)
    with pytest.raises(InputError, match="cells must be an integer >= 2"):
        cell_bounds(prisoners_dilemma(), 1, 0.5, 0.1, 1)
