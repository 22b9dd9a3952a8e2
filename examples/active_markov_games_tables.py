"""The tables of docs/systems/active-markov-games.md, printed again; some minutes.

``python examples/active_markov_games_tables.py [grids] [words] [potentials] [cells] [own]``: all by
default.
"""

from __future__ import annotations

import itertools
import sys
from fractions import Fraction

import numpy as np

from tabular_marl.active.cell_bounds import cell_bounds, discounted_cell_bounds
from tabular_marl.active.fixed_play import best_fixed_play
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
from tabular_marl.active.potential_bounds import TableLearner
from tabular_marl.active.table_bounds import greedy_upper_bound
from tabular_marl.active.table_play import Setting, descend, periodic_play, search_word
from tabular_marl.games import (
    bach_or_stravinsky,
    iterated_prisoners_dilemma,
    prisoners_dilemma,
)
from tabular_marl.validation import InputError


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


#: (per state, late, step size) -> the cells' side and ``weight`` that the table names.
CELLS = {
    (False, True, 0.5): (2e-4, 1.2),
    (True, False, 0.5): (0.025, 1.6),
    (True, True, 0.5): (0.025, 1.6),
    (False, True, 1.0): (2e-4, 1.2),
    (True, False, 1.0): (0.1, 2.2),
    (True, True, 1.0): (0.025, 2.0),
}

#: Values that the learner does not leave from the starts of these tables: of C, and of D.
BOX = [[-21, -1], [-20, 0]]


def verified(setting: Setting) -> Fraction:
    """The best of the words that a search finds from the start and after a descent."""
    found = []
    for prefix in ([], descend(setting, 0.01, 120)):
        try:
            found.append(periodic_play(setting, *search_word(setting, prefix)))
        except InputError:  # no word, or one that does not settle
            continue
    return max(found)


def words() -> None:
    """Words that a search finds, verified in rationals, and what no play exceeds."""
    for per_state, late, alpha in itertools.product((False, True), (False, True), (0.5, 1.0)):
        numbers = dilemma(prisoners_dilemma(), alpha, 0.9)
        line = f"per state {per_state}, late {late}, α={alpha}:"
        for first in ((-10, -20), (-10, -15)):
            setting = Setting(numbers, first, per_state, late)
            earned = verified(setting)
            line += f" from {first} {earned} = {float(earned):.6f},"
        if (per_state, late, alpha) in CELLS:
            size, weight = CELLS[per_state, late, alpha]
            bound = greedy_upper_bound(numbers, -20, size, per_state, late, weight)
            line += f" by cells at most {bound:.6f}"
        else:
            line += f" exactly {best_against_greedy(numbers, (-10, -20))}"
        print(line, flush=True)


def potentials() -> None:
    """The learner with a table for each last joint action by affine potentials, ε = 0 and 0.05."""
    for alpha, epsilon, memory in ((0.5, 0, 1), (1, 0, 2), (1, 0, 3), (0.5, 0.05, 2), (1, 0.05, 2)):
        learner = TableLearner(prisoners_dilemma(), alpha, 0.9, epsilon, BOX)
        line = f"α={alpha} ε={epsilon} memory {memory}: at most {learner.upper_bound(memory):.6f}"
        if epsilon:
            fixed = best_fixed_play(prisoners_dilemma(), 0.9, epsilon)
            line += f", {fixed.policy} earns {fixed.gain:.6f}"
        print(line, flush=True)


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
    every = {"grids": grids, "words": words, "potentials": potentials, "cells": cells, "own": own}
    for name in sys.argv[1:] or every:
        every[name]()
