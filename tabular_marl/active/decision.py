"""A Markov decision process without a discount: agent i against everything that moves by itself.

    q(x, a) = r(x, a) + Σ_y P(y | x, a) h(y)

    reward [X, A], reward units;   transition CSR (X·A, X), rows (x, a) in C order

Joint processes of active Markov games become this (``JointProcess.decision``), and average-reward
problems from elsewhere are given directly. No rounding of rows is hidden: ``margin`` bounds what
rounding, and rows that do not quite sum to one, can do to q(x, a) − h(x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tabular_marl.active.chains import Array, Indices, MarkovChain
from tabular_marl.games.transitions import check_transition
from tabular_marl.validation import (
    InputError,
    finite_array,
    probability_rows,
    read_only,
)

UNIT = 2.0**-53


@dataclass(frozen=True, eq=False, repr=False)
class DecisionProcess:
    """``reward`` [X, A] and ``transition`` [X, A, X] or (X·A, X); checked once, kept as CSR.

    Raises InputError for numbers that are no probabilities, rows that do not sum to one, shapes
    that disagree.

    >>> DecisionProcess([[0.0, 1.0]], [[[1.0], [1.0]]])
    DecisionProcess(1 state, 2 actions)
    """

    reward: Array
    transition: Any

    def __post_init__(self) -> None:
        reward = finite_array("reward", self.reward, (None, None))
        if 0 in reward.shape:
            raise InputError("reward", "have a state and an action", f"it had {reward.shape}")
        given = check_transition(self.transition, reward.shape, None, None)
        if not sparse.issparse(given):
            given = sparse.csr_array(given.reshape(reward.size, -1))
        object.__setattr__(self, "reward", read_only(reward))
        object.__setattr__(self, "transition", given)

    @classmethod
    def trusted(cls, reward: Array, transition: Any) -> DecisionProcess:
        """The same without checks or copies, for arrays that were made here."""
        made = object.__new__(cls)
        object.__setattr__(made, "reward", reward)
        object.__setattr__(made, "transition", transition)
        return made

    @property
    def num_states(self) -> int:
        """X."""
        return int(self.reward.shape[0])

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.reward.shape[1])

    def q(self, h: Array) -> Array:
        """r + P h, [X, A]."""
        return np.asarray(self.reward + self.expected(h))

    def expected(self, h: Array) -> Array:
        """P h, [X, A]."""
        return np.asarray((self.transition @ h).reshape(self.reward.shape))

    def margin(self, h: Array) -> Array:
        """A bound on the error of the computed q(x, a) − h(x), [X, A].

        It covers rounding, and every chain with rows that sum to one exactly and differ from the
        stored ones by no more than what those miss. Smallest when h is centred.
        """
        size = float(np.abs(h).max())
        lengths, excess = self._rows
        return np.asarray(
            excess * size + 1.01 * UNIT * (lengths + 4) * (np.abs(self.reward) + 2 * size)
        )

    @cached_property
    def _rows(self) -> tuple[Array, Array]:
        """Entries of each row, and a bound on |1 − its exact sum|, [X, A] both."""
        lengths = np.diff(self.transition.indptr).reshape(self.reward.shape).astype(np.float64)
        sums = np.asarray(self.transition.sum(axis=1)).reshape(self.reward.shape)
        return lengths, np.abs(sums - 1) + 1.01 * UNIT * lengths

    def weights(self, policy: ArrayLike) -> Array:
        """``policy`` as [X, A], whether given so or as numbers of actions [X]."""
        given = np.asarray(policy)
        if given.shape == (self.num_states,) and given.dtype.kind in "iu":
            if given.min() < 0 or given.max() >= self.num_actions:
                raise InputError(
                    "policy",
                    f"choose actions 0..{self.num_actions - 1}",
                    f"it chose {given.min()}..{given.max()}",
                )
            return np.asarray(np.eye(self.num_actions)[given])
        return probability_rows("policy", policy, self.reward.shape)

    def chain(self, policy: ArrayLike) -> MarkovChain:
        """The chain under ``policy``, [X, A] or numbers of actions [X]."""
        given = np.asarray(policy)
        weights = self.weights(given)
        if given.ndim == 1:
            rows = self.transition[np.arange(self.num_states) * self.num_actions + given]
            return MarkovChain.trusted(rows)
        states, actions = weights.shape
        mix = sparse.csr_array(
            (weights.ravel(), np.arange(weights.size), np.arange(0, weights.size + 1, actions)),
            shape=(states, weights.size),
        )
        mix.eliminate_zeros()
        return MarkovChain.trusted(sparse.csr_array(mix @ self.transition))

    def sources(self) -> Indices:
        """The state x of every stored transition, in the order of ``transition.indices``."""
        lengths = np.diff(self.transition.indptr)
        return np.asarray(np.repeat(np.arange(self.reward.size) // self.num_actions, lengths))

    def __repr__(self) -> str:
        x, a = self.reward.shape
        return f"DecisionProcess({x} state{'s' if x > 1 else ''}, {a} action{'s' if a > 1 else ''})"
