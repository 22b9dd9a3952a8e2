"""Gain and bias of a large chain that mixes slowly, by aggregation on many levels.

    (I − P) h = r − g 1,       P [n, n] sparse with one recurrent class

The residual r − (I − P) h is constant exactly at a solution, and its range brackets the gain. It is
minimised, in the plane of mean zero, over directions (generalised conjugate residuals) that come
from a cycle: a sweep of Gauss-Seidel, what is left averaged over groups of states and solved for on
the chain of groups, again a sweep. The chain of groups

    P'(I, J) = Σ_{x in I} w_x P(x, J) / Σ_{x in I} w_x

is a Markov chain of one recurrent class too, so the levels recur; the last is eliminated exactly.
Groups are two rounds of pairs of the strongest flow, w the law after some lazy steps: states of
nearly decoupled parts are grouped inside them, neighbours in lattices. Slow pairs wait until the
quick ones on their level are gone. Sources: Horton and Leutenegger (1994); Notay (2010), whose
cycle of two directions a level serves where levels shrink quickly. Nothing is claimed of the
accuracy: the bracket is measured afterwards (active/gain_bounds.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from tabular_marl.active.chains import Array, Indices, MarkovChain
from tabular_marl.numerics.kernels import aggregation as kernels

#: States of the last level at most, and lazy steps towards the law of each level.
COARSEST, LAZY_STEPS = 400, 16

#: Rounds of pairs a level. States whose strongest move is below this share of the median are slow.
ROUNDS, SLOW = 2, 0.1

#: A level with at most this share of the entries above it is visited in two directions, not one.
QUICK_SHARE = 0.34

#: Directions before a start from the measured residual, starts, and what each must gain to go on.
DIRECTIONS, STARTS, GAIN = 30, 6, 0.5

#: An iteration is done when the residual is this share of the reward (here: of the ranges of reward
#: and bias), and counts as exact within ten times that share of both.
RESIDUAL = 1e-14


@dataclass(frozen=True)
class _Level:
    """A chain and how its states are grouped: ``group`` [n], ``share`` [n] of the group's law."""

    parts: tuple[Indices, Indices, Array]
    group: Indices
    share: Array
    directions: int


class Multilevel:
    """The levels of a sparse chain [n, n] with one recurrent class.

    >>> ring = (np.roll(np.eye(6), 1, axis=1) + np.roll(np.eye(6), -1, axis=1)) / 2
    >>> levels = Multilevel(sparse.csr_array(ring), coarsest=2)
    >>> h, width = levels.solve(np.arange(6.0))
    >>> levels.sizes[0], bool(width < 1e-12)
    (6, True)
    """

    def __init__(self, transition: Any, coarsest: int = COARSEST) -> None:
        self.levels: list[_Level] = []
        matrix, law = transition, np.ones(transition.shape[0])
        while matrix.shape[0] > coarsest:
            for _ in range(LAZY_STEPS):
                law = (law + law @ matrix) / 2
            law = np.maximum(law, law.max() * 1e-200)
            group, below, below_law = _grouped(matrix, law)
            if below.shape[0] > 0.9 * matrix.shape[0]:
                break
            directions = 2 if below.nnz <= QUICK_SHARE * matrix.nnz else 1
            self.levels.append(_Level(_parts(matrix), group, law / below_law[group], directions))
            matrix, law = below, below_law
        self.last = MarkovChain.trusted(matrix)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The states of each level, the finest first."""
        return (*(level.group.size for level in self.levels), self.last.num_states)

    def solve(self, reward: Array, guess: Array | None = None) -> tuple[Array, float]:
        """A bias h [n] and the range of r − (I − P) h, from a ``guess`` [n]."""
        h = np.zeros_like(reward) if guess is None else guess.copy()
        if not self.levels:
            return self.last.gain_and_bias(reward)[1], 0.0
        size = float(np.ptp(reward))
        best, width = h, np.inf
        for _ in range(STARTS):
            rest = reward - self._decline(0, h)
            reached = float(np.ptp(rest))
            if reached < width:
                best = h
            done = reached <= RESIDUAL * (size + float(np.ptp(h)))
            if done or not reached <= GAIN * width:
                width = min(width, reached)
                break
            width = reached
            h = h + self._directions(0, rest, DIRECTIONS, RESIDUAL * (size + float(np.ptp(h))))
        return best, width

    def _decline(self, at: int, h: Array) -> Array:
        out = np.empty_like(h)
        kernels.decline(*self.levels[at].parts, h, out)
        return out

    def _directions(self, at: int, v: Array, count: int, target: float) -> Array:
        """The h of the least residual v − (I − P) h, up to a constant, over ``count`` cycles."""
        if at == len(self.levels):
            return self.last.gain_and_bias(v)[1]
        h, rest = np.zeros_like(v), v - v.mean()
        directions, images = np.empty((count, v.size)), np.empty((count, v.size))
        for k in range(count):
            directions[k] = self._cycle(at, rest)
            image = self._decline(at, directions[k])
            images[k] = image - image.mean()
            if not kernels.step(directions, images, k, rest, h) or np.ptp(rest) <= target:
                break
        return h

    def _cycle(self, at: int, v: Array) -> Array:
        level = self.levels[at]
        h = np.zeros_like(v)
        kernels.sweep(*level.parts, v, h, False)
        rest = (v - self._decline(at, h)) * level.share
        below = np.bincount(level.group, rest).astype(np.float64)
        h += self._directions(at + 1, below, level.directions, 0.0)[level.group]
        kernels.sweep(*level.parts, v, h, True)
        return h


def _parts(matrix: Any) -> tuple[Indices, Indices, Array]:
    return matrix.indptr, matrix.indices, matrix.data


def _grouped(matrix: Any, law: Array) -> tuple[Indices, Any, Array]:
    """The group of each state, the chain of groups, and its law."""
    strongest = np.empty(matrix.shape[0])
    kernels.strongest(*_parts(matrix), strongest)
    least = SLOW * float(np.median(strongest))
    group = np.arange(matrix.shape[0])
    for _ in range(ROUNDS):
        count, pair = kernels.pairs(*_parts(matrix), *_parts(matrix.T.tocsr()), law, least)
        start = np.arange(pair.size + 1)
        total = np.bincount(pair, law, count).astype(np.float64)
        member = sparse.csr_array((np.ones(pair.size), pair, start), shape=(pair.size, count))
        share = sparse.csr_array((law / total[pair], pair, start), shape=(pair.size, count))
        matrix = sparse.csr_array(share.T @ (matrix @ member))
        group, law = pair[group], total
    return group, matrix, law
