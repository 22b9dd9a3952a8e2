"""The tables of docs/systems/active-markov-games.md, printed again; some minutes.

``python examples/active_markov_games_tables.py [grids] [words] [cells] [own]``: all by default.
"""

from __future__ import annotations

import itertools
import sys
from fractions import Fraction

import numpy as np
from numba import njit

from tabular_marl.active.cell_bounds import cell_bounds, discounted_cell_bounds
from tabular_marl.active.greedy_learner import best_against_greedy, dilemma
from tabular_marl.active.influence import influence
from tabular_marl.active.learners import (
    FictitiousPlay,
    FunctionLearner,
    Grid,
    QLearning,
    Schedule,
    WinStayLoseShift,
)
from tabular_marl.active.own_learning import own_learning
from tabular_marl.games import (
    bach_or_stravinsky,
    iterated_prisoners_dilemma,
    prisoners_dilemma,
)


def grids() -> None:
    """Every choice of grid, tie rule and step size, greedy and exploring."""
    for epsilon, projection, points, step, tie in itertools.product(
        (0.0, 0.05), ("nearest", "linear"), (31, 101, 201), (0.5, 1.0), ("first", "last", "uniform")
    ):
        grid = Grid(-30, 0, points, projection)
        learner = QLearning("every", step, 0.9, epsilon, tie=tie, grid=grid)
        found = influence(prisoners_dilemma(), {1: learner})
        gain = found.gain.reshape(points, points)
        line = f"ε={epsilon} {projection} {points} α={step} {tie}: {gain.min():.6f} … "
        line += f"{gain.max():.6f}"
        if not epsilon:
            ipd = dilemma(prisoners_dilemma(), step, 0.9)
            q = [Fraction(-30) + Fraction(30 * k, points - 1) for k in range(points)]
            exact = [[float(best_against_greedy(ipd, (c, d), tie)) for d in q] for c in q]
            at = gain[(2 * points - 2) // 3, (points - 1) // 2]
            trap = float(q[int(np.flatnonzero(gain[:, -1] < -1.999).max())])
            line += f", at (-10, -15) {at:.6f}, trap {trap}, mean error "
            line += f"{np.abs(gain - exact).mean():.3f}"
        print(line, flush=True)


@njit
def follow(word, alpha, gamma, first, steps, late, per_state):
    """Agent i's mean reward in the later half of periodic play against the greedy learner."""
    q = np.empty((5, 2))
    q[:, 0], q[:, 1] = first
    paid = np.array([[-1.0, -3.0], [0.0, -2.0]])
    learned = np.array([[-1.0, 0.0], [-3.0, -2.0]])
    s, total, seen = 0, 0.0, (-1, 0, 0.0, 0)
    for t in range(steps):
        a, b = word[t % word.size], 0 if q[s, 0] >= q[s, 1] else 1
        after = 1 + 2 * a + b if per_state else 0
        now = (s, b, learned[a, b], after)
        (x, y, r, z), seen = (seen, now) if late else (now, now)
        if x >= 0:
            q[x, y] += alpha * (r + gamma * max(q[z, 0], q[z, 1]) - q[x, y])
        if t >= steps // 2:
            total += paid[a, b]
        s = after
    return total / (steps - steps // 2)


def words() -> None:
    """The best periodic play of at most 11 actions, all of whose lengths divide 27720."""
    for per_state, late, alpha in itertools.product((False, True), (False, True), (0.5, 1.0)):
        for first in ((-10.0, -20.0), (-10.0, -15.0)):
            every = (w for n in range(1, 12) for w in itertools.product((0, 1), repeat=n))
            best = max(
                follow(np.array(w), alpha, 0.9, first, 2 * 27720, late, per_state) for w in every
            )
            print(f"per state {per_state}, late {late}, α={alpha}, {first}: {best:.4f}", flush=True)


def cells() -> None:
    """Brackets for the exploring learner, and the discount at which Question 1 switches."""
    for alpha, count in ((0.5, 1000), (1.0, 1000)):
        print(
            alpha, cell_bounds(prisoners_dilemma(), alpha, 0.9, 0.05, count, tol=2e-3), flush=True
        )
    for patience in (0.91, 0.915):
        low, high = discounted_cell_bounds(
            bach_or_stravinsky(), 1.0, 0.9, 0.05, 1000, [10, 20], patience
        )
        print(f"patience {patience}: lower {low}, upper {high}", flush=True)


def own() -> None:
    """Own update rules against fixed policies and the optimum."""

    def clock(*word: int) -> Schedule:
        return Schedule([[[1 - a, a]] * 5 for a in word], after="again")

    rules = {
        "tit for tat": FunctionLearner(lambda t, s: [1 - t, t], lambda t, s, a, r, n: a[1], [0]),
        "Pavlov": WinStayLoseShift(-1, initial=[0]),
        "best response": FictitiousPlay(1, initial=[[0]]),
        "fictitious play": FictitiousPlay(4, initial=[[0] * 4]),
        "C, D": clock(0, 1),
        "C, C, D": clock(0, 0, 1),
    }
    for epsilon in (0.0, 0.05):
        grid = Grid(-30, 0, 121, "linear")
        learner = QLearning([-10, -20], epsilon=epsilon, tie="first", grid=grid)
        print(epsilon, own_learning(iterated_prisoners_dilemma(), {1: learner}, rules), flush=True)


if __name__ == "__main__":
    every = {"grids": grids, "words": words, "cells": cells, "own": own}
    for name in sys.argv[1:] or every:
        every[name]()
