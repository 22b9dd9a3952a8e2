"""The replicator on a grid of mixed strategies.

    x_a' = x_a (c + r_j(s, a, o)) / Σ_b x_b (c + r_j(s, b, o)),      o the others' actions

the discrete-time replicator of evolutionary games (Taylor and Jonker 1978; Maynard Smith 1982), for
one player whose actions grow with what they would have earned. θ = (n_1, …, n_A), x = n / N, N =
``resolution``. The image is put back on the grid with "nearest" (largest remainders, ties to the
first) or "linear" (the corners of the simplex of Kuhn's triangulation that holds it, with its
barycentric coordinates as probabilities: means are preserved).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_marl.active.learners.grid import ON_POINT
from tabular_marl.active.learners.rule import Array, Event, Ints, one_branch, unit_interval
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, integer, one_of, probability_rows


@dataclass(frozen=True)
class Replicator:
    """A mixed strategy that follows the replicator on a grid with N = ``resolution``.

    ``background`` c is the fitness added to every payoff; all c + r_j must be > 0. ``initial``: a
    mixed strategy or a list of them, multiples of 1/N; or "every" grid point.
    Source: Taylor and Jonker (1978); Maynard Smith (1982), appendix D.

    >>> from tabular_marl.games import coordination
    >>> learner = Replicator(resolution=4, background=1.0)
    >>> rule = learner.bind(coordination().as_stochastic(), 1)
    >>> rule.start()[1], rule.describe(rule.start()[1])
    (array([1, 3]), array([0.25, 0.75]))
    """

    resolution: int
    background: float
    projection: str = "nearest"
    epsilon: float = 0.0
    initial: Any = "every"

    def bind(self, game: StochasticGame, player: int) -> _SimplexRule:
        """The rule for ``player`` in ``game``."""
        integer("resolution", self.resolution)
        one_of("projection", self.projection, ("nearest", "linear"))
        return _SimplexRule(self, game, player)


class _SimplexRule:
    def __init__(self, learner: Replicator, game: StochasticGame, player: int) -> None:
        self.learner, self.player = learner, player
        self.epsilon = unit_interval("epsilon", learner.epsilon)
        self.counts = game.action_counts
        self.width = self.counts[player]
        payoff = np.moveaxis(game.player_reward(player), 1 + player, -1)
        self.fitness = payoff.reshape(game.num_states, -1, self.width) + float(learner.background)
        if not self.fitness.min() > 0:
            raise InputError(
                "background",
                "make every payoff plus background > 0",
                f"the least was {self.fitness.min():g}",
            )

        self.given = None
        if isinstance(learner.initial, str):
            one_of("initial", learner.initial, ("every",))
        else:
            self.given = self._points(learner.initial)

    @property
    def num_starts(self) -> int:
        if self.given is not None:
            return int(self.given.shape[0])
        return math.comb(self.learner.resolution + self.width - 1, self.width - 1)

    def start(self) -> Ints:
        if self.given is None:
            return _compositions(self.learner.resolution, self.width)
        return self.given

    def _points(self, initial: Any) -> Ints:
        """Mixed strategies [k, A] as grid points."""
        n = self.learner.resolution
        x = probability_rows("initial", np.atleast_2d(np.asarray(initial)), (None, self.width))
        counts = np.rint(x * n).astype(np.int64)
        if np.abs(x * n - counts).max() > 1e-6 or (counts.sum(axis=1) != n).any():
            raise InputError("initial", f"be multiples of 1/{n}", f"it was {initial!r}")
        return counts

    def policy(self, theta: Ints, state: Ints) -> Array:
        return theta / self.learner.resolution

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        others = [j for j in range(len(self.counts)) if j != self.player]
        seen = np.ravel_multi_index(
            tuple(event.actions[:, others].T), [self.counts[j] for j in others]
        )
        grown = theta * self.fitness[event.state, seen]
        target = self.learner.resolution * grown / grown.sum(axis=1, keepdims=True)
        if self.learner.projection == "linear":
            return kuhn(target, self.learner.resolution)
        return one_branch(largest_remainders(target, self.learner.resolution))

    def describe(self, theta: Ints) -> Array:
        return np.asarray(theta) / self.learner.resolution


def largest_remainders(target: Array, total: int) -> Ints:
    """Integers [m, A] that sum to ``total``, next to ``target`` [m, A]: largest fractions go up.

    >>> largest_remainders(np.array([[1.5, 1.2, 1.3]]), 4)
    array([[2, 1, 1]])
    """
    below = np.floor(target + ON_POINT)
    missing = (total - below.sum(axis=1)).astype(np.int64)
    order = np.argsort(-(target - below).round(9), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    counts: Ints = (below + (rank < missing[:, None])).astype(np.int64)
    return counts


def kuhn(target: Array, total: int) -> tuple[Ints, Array]:
    """Grid points [m, A, A] and probabilities [m, A] whose mean is ``target`` [m, A].

    Kuhn's triangulation in the sums z_k = Σ_{j≤k} n_j: corners go up in the order of the fractional
    parts of z, so the z stay increasing and the n non-negative.

    >>> kuhn(np.array([[1.25, 2.75]]), 4)
    (array([[[1, 3],
            [2, 2]]]), array([[0.75, 0.25]]))
    """
    sums = np.cumsum(target, axis=1)[:, :-1]
    close = np.rint(sums)
    sums = np.where(np.abs(sums - close) <= ON_POINT, close, sums)
    below = np.floor(sums)
    fraction = sums - below
    order = np.sort(fraction, axis=1)[:, ::-1]
    bounds = np.concatenate([np.ones((len(sums), 1)), order, np.zeros((len(sums), 1))], axis=1)
    odds = bounds[:, :-1] - bounds[:, 1:]  # corner c raises the c largest fractions
    rank = np.argsort(np.argsort(-fraction, axis=1, kind="stable"), axis=1, kind="stable")
    raised = rank[:, None, :] < np.arange(odds.shape[1])[None, :, None]
    z = (below[:, None, :] + raised).astype(np.int64)
    edges = np.zeros((*z.shape[:2], 1), dtype=np.int64)
    return np.diff(np.concatenate([edges, z, edges + total], axis=2), axis=2), odds


def _compositions(total: int, parts: int) -> Ints:
    """All vectors of ``parts`` integers >= 0 that sum to ``total``, in lexicographic order."""
    grid = np.zeros((1, 0), dtype=np.int64)
    for _ in range(parts - 1):
        left = total - grid.sum(axis=1)
        owner = np.repeat(np.arange(left.size), left + 1)
        first = np.cumsum(left + 1) - (left + 1)
        nth = np.arange(owner.size) - first[owner]
        grid = np.concatenate([grid[owner], nth[:, None]], axis=1)
    return np.concatenate([grid, (total - grid.sum(axis=1))[:, None]], axis=1)
