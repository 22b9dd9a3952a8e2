"""Proved bounds on the best average reward against an exploring Q-learner that no grid holds.

    h̄(cell) = max_a Σ_b π(b) [ r_i(a, b) + max over cells that the update can reach of h̄ ]

and with min for h̲. A learner with values in [min r, max r]/(1−γ) never leaves that box; cells of
side h cover it. By monotonicity any true play is worth at most what the optimistic cells say and
agent i, who sees the cell, can earn what the pessimistic ones say:

    min (T̲h̲ − h̲) ≤ g*(θ) ≤ max (T̄h̄ − h̄)     for every θ in the box

for any h (Odoni 1969), so nothing depends on convergence. The width of the bracket is of the order
of h; value grids, in contrast, say nothing about the learner without a grid. On the diagonal cells
the greedy action is left open too, so the bounds hold for every tie rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabular_marl.active.learners.rule import Array, unit_interval
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.numerics.kernels import cells as kernels
from tabular_marl.validation import InputError, discount_factor, fitting, integer

#: Sums of two rewards and a few products err by less than this share of the largest value.
ROUNDING = 1e-12

LAZINESS = 0.9

#: Discounted value iteration stops when what it started from counts for so little.
SETTLED = 1e-6


@dataclass(frozen=True)
class CellBounds:
    """lower ≤ g* ≤ upper for every start in the box; cells a side, sweeps done."""

    lower: float
    upper: float
    cells: int
    sweeps: tuple[int, int]


@dataclass(frozen=True)
class _Cells:
    """The learner's rule on cells: what every kernel wants to know."""

    own: Array
    learned: Array
    low: float
    size: float
    step_size: float
    discount: float
    epsilon: float
    cells: int

    @property
    def rule(self) -> tuple[Array, Array, float, float, float, float, float]:
        """The kernels' arguments, in their order."""
        return (
            self.own, self.learned, self.low, self.size, self.step_size, self.discount,
            self.epsilon,
        )  # fmt: skip

    def error(self, size: float) -> float:
        """What rounding can do to sums of rewards and values of this size."""
        return ROUNDING * (1 + size + float(np.abs(self.own).max()))


def _cells(
    game: MatrixGame, step_size: float, discount: float, epsilon: float, cells: int, seat: int
) -> _Cells:
    alpha, epsilon = unit_interval("step_size", step_size), unit_interval("epsilon", epsilon)
    gamma = discount_factor("discount", discount)
    if game.num_players != 2 or game.action_counts[seat] != 2:
        raise InputError("game", "give the learner two actions", f"it gave {game.action_counts}")
    cells = integer("cells", cells, 2)
    fitting("cells", "be fewer", f"two tables of {cells} x {cells}", 16.0 * cells**2)
    own, learned = game.payoffs[1 - seat], game.payoffs[seat]
    if seat == 0:
        own, learned = own.T, learned.T
    low, high = learned.min() / (1 - gamma), learned.max() / (1 - gamma)
    size = float(high - low) / cells
    tables = np.ascontiguousarray(own), np.ascontiguousarray(learned)
    return _Cells(*tables, float(low), size, alpha, gamma, epsilon, cells)


def cell_bounds(
    game: MatrixGame,
    step_size: float,
    discount: float,
    epsilon: float,
    cells: int,
    seat: int = 1,
    tol: float = 1e-4,
    max_sweeps: int = 20_000,
) -> CellBounds:
    """Bracket agent i's best average reward against the Q-learner in ``seat``, undiscretised.

    ``cells`` a side; value iteration stops when min and max of Th − h are ``tol`` apart, or after
    ``max_sweeps``. The learner has two actions. Source: FURTHER A, Fig. 6b; Odoni (1969).

    >>> from tabular_marl.games import prisoners_dilemma
    >>> found = cell_bounds(prisoners_dilemma(), 0.5, 0.9, 0.05, 30)
    >>> -2 < found.lower < -0.75 < found.upper < 0
    True
    """
    grid = _cells(game, step_size, discount, epsilon, cells, seat)
    found, sweeps = [], []
    for upper in (False, True):
        h, out = np.zeros((cells, cells)), np.zeros((cells, cells))
        bound, count = np.inf, 0
        while count < max_sweeps:
            count += 1
            least, most = kernels.sweep(h, out, *grid.rule, 1.0, upper)
            bound = min(bound, most if upper else -least)
            if most - least <= tol:
                break
            kernels.relax(h, out, LAZINESS)
        found.append(bound + grid.error(float(np.abs(h).max())))
        sweeps.append(count)
    return CellBounds(-found[0], found[1], cells, (sweeps[0], sweeps[1]))


def discounted_cell_bounds(
    game: MatrixGame,
    step_size: float,
    discount: float,
    epsilon: float,
    cells: int,
    initial: Sequence[float],
    patience: float,
    seat: int = 1,
) -> Array:
    """Bounds [2, A] on agent i's optimal discounted Q(θ_0, a_i), lower row first.

    ``initial`` is the learner's table θ_0, ``discount`` its γ, ``patience`` agent i's. Value
    iteration from r_min/(1 − patience) goes up and stays a lower bound, from r_max/(1 − patience)
    it goes down and stays an upper one. Source: FURTHER (25), G.1 (Question 1).

    >>> from tabular_marl.games import bach_or_stravinsky
    >>> low, high = discounted_cell_bounds(
    ...     bach_or_stravinsky(), 1.0, 0.9, 0.05, 200, [10, 20], 0.5)
    >>> bool(low[1] > high[0])  # a shortsighted agent complies with what the learner prefers
    True
    """
    grid = _cells(game, step_size, discount, epsilon, cells, seat)
    patience = discount_factor("patience", patience)
    place = (np.asarray(initial, dtype=float) - grid.low) / grid.size
    if place.shape != (2,) or place.min() < 0 or place.max() > cells:
        raise InputError("initial", "be two values that rewards can keep up", f"it was {initial}")
    i, k = np.minimum(place.astype(int), cells - 1)
    sweeps = int(np.ceil(np.log(SETTLED) / np.log(max(patience, 0.1))))
    bounds = np.empty((2, grid.own.shape[0]))
    for row, upper in enumerate((False, True)):
        extreme = float(grid.own.max() if upper else grid.own.min()) / (1 - patience)
        h = np.full((cells, cells), extreme)
        out = np.empty_like(h)
        for _ in range(sweeps):
            kernels.sweep(h, out, *grid.rule, patience, upper)
            h, out = out, h
        error = grid.error(float(np.abs(h).max())) / (1 - patience)
        for a in range(grid.own.shape[0]):
            q = kernels.worth(h, i, k, a, *grid.rule, patience, upper)
            bounds[row, a] = q + error if upper else q - error
    return bounds
