"""Proved upper bounds against greedy Q-learners with several tables, or that update one step late.

A table for each last joint action (ten values), or an update that comes after the next action, is
too much for cells of all values. In a prisoner's dilemma agent i earns r_i = k − κ r_j − pen, with
pen = 0 while the learner plays C, and step t's update α (r_j + γ v − e) = Δe, of the entry e that
was played, can be added with any weight μ_e/α: its sum stays bounded. What is left, with ℓ the
least D value and m = k − κ(1 − γ)ℓ, is

    m − r_i  ≐  pen − (μ_e − κ)(r_j − (1 − γ)ℓ) + μ_e (e − ℓ) − γ μ_e (v − ℓ)              (cost)

v being the value of the entry that is played next. ℓ ≤ P/(1−γ) is never undercut (a play of D
aims at P + γℓ ≥ ℓ at least), and C is played only at values ≥ ℓ. So agent i's average is at most m
minus the least mean cost of any play in which

    the C values that count are followed: Q_C, or those after (C, C) and (D, C), weight κ
    D values are whatever makes the cost smallest, but dear: weight μ > κ; so is what follows them

and that least mean is bounded by min(Tw − w) on cells, for any w (Odoni 1969): a bracket with
what play.py shows to be earned. μ decides how good the bound is, never whether it holds.
                                                                         FURTHER A, Fig. 6a
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from tabular_marl.active.greedy_learner import Dilemma
from tabular_marl.active.learners.q_learning import exact
from tabular_marl.active.learners.rule import Array
from tabular_marl.numerics.kernels import held as kernels
from tabular_marl.validation import InputError, fitting, integer, positive

#: The share of a sweep in each step of value iteration.
LAZINESS = 0.9

#: Cells grow by this share of their distance from ℓ.
GROWTH = 0.3

#: Sums of a few costs and weights err by less than this share of their size.
ROUNDING = 1e-12


def greedy_upper_bound(
    numbers: Dilemma,
    level: Any,
    size: float,
    per_state: bool = False,
    late: bool = False,
    weight: float = 1.6,
    max_sweeps: int = 500,
    tol: float = 1e-4,
) -> float:
    """No play against the greedy learner earns more on average, from tables with D values ≥ level.

    ``size`` is the side of the cells at ℓ, in reward units; ``weight`` is μ/κ. All values must be
    ones that rewards can keep up. One table without delay has an exact answer
    (``best_against_greedy``) and is refused. Raises InputError.
    Source: FURTHER A, Fig. 6a; Odoni (1969).

    >>> from tabular_marl.active.greedy_learner import dilemma
    >>> from tabular_marl.games import prisoners_dilemma
    >>> ipd = dilemma(prisoners_dilemma(), 0.5, 0.9)
    >>> bound = greedy_upper_bound(ipd, -20, 0.01, late=True)
    >>> -11 / 21 < bound < -0.51
    True
    """
    floor = exact("level", level)
    size, count = positive("size", size), integer("max_sweeps", max_sweeps, 1)
    if not per_state and not late:
        raise InputError("late", "be True for one table: else best_against_greedy is exact", "not")
    low, high = (extreme / (1 - numbers.discount) for extreme in _extremes(numbers))
    if not low <= floor <= numbers.floor:
        raise InputError("level", f"be in [{low}, {numbers.floor}]", f"it was {level}")
    kappa, top, leaving = _costs(numbers, floor)
    if not weight >= float(numbers.discount):
        raise InputError("weight", "be >= the learner's discount", f"it was {weight}")
    mu = weight * kappa
    step, discount = float(numbers.step_size), float(numbers.discount)
    levels = step, discount, float(floor), kappa, mu
    sucker, _, reward, _ = map(float, numbers.learner)
    paid = np.array([reward, sucker])
    below = sucker + discount * float(floor)
    steps = (float(floor) - below) / size + math.log1p((float(high) - float(floor)) * GROWTH) / (
        math.log1p(size * GROWTH)
    )  # _edges, in closed form
    values = 14 * steps**2 if per_state else 6 * steps
    fitting("size", "be larger", f"cells of {size:g}", 8 * values)
    edges = _edges(float(low), below, float(floor), float(high), size)
    at_level = (1 - discount) * float(floor)
    second = discount * mu  # the weight of entries in states where the learner has just played D
    returning = -(second - kappa) * (paid - at_level)
    cells = (7, edges.size - 1, edges.size - 1) if per_state else (3, edges.size - 1)
    w, out = np.zeros(cells), np.zeros(cells)
    best = -np.inf
    for _ in range(count):
        if per_state:
            costs = leaving(mu), returning, leaving(second)
            least, most = kernels.sweep_per_state(w, out, edges, levels, paid, *costs, late)
        else:
            least, most = kernels.sweep_stateless(w, out, edges, levels, paid, leaving(mu))
        error = ROUNDING * (1 + float(np.abs(w).max()) + mu * float(high - low) / step)
        best = max(best, least - error)
        if most - least <= tol:
            break
        w += LAZINESS * (out - w)
        w -= w.min()
    return top - best


def _extremes(numbers: Dilemma) -> tuple[Fraction, Fraction]:
    return min(numbers.learner), max(numbers.learner)


def _costs(numbers: Dilemma, floor: Fraction) -> tuple[float, float, Any]:
    """κ, m, and what a play of D costs at ℓ by its weight, whatever agent i plays."""
    sucker, punishment, reward, temptation = numbers.learner
    s, p, r, t = numbers.agent
    kappa = (t - r) / (reward - sucker)
    k = r + kappa * reward
    at_level = (1 - numbers.discount) * floor

    def leaving(weight: float) -> float:
        return min(
            float(k - kappa * paid - own) - (weight - float(kappa)) * float(paid - at_level)
            for paid, own in ((punishment, p), (temptation, s))
        )

    return float(kappa), float(k - kappa * at_level), leaving


def _edges(lowest: float, below: float, level: float, highest: float, size: float) -> Array:
    """Edges of cells: one below all updates, even ones up to ℓ, growing ones above."""
    even = np.linspace(below, level, int(np.ceil((level - below) / size)) + 1)
    edges = [lowest, *even] if below > lowest else list(even)
    while edges[-1] < highest:
        edges.append(edges[-1] + size * (1 + GROWTH * (edges[-1] - level)))
    edges[-1] = highest
    return np.array(edges)
