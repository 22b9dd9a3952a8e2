"""Win-stay-lose-shift: keep the action that paid enough, change the one that did not.

θ = the action to play;   after action a and reward r:   θ' = a if r ≥ aspiration, else another

                                                Robbins (1952); Nowak and Sigmund (1993), "Pavlov"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_marl.active.learners.rule import Array, Event, Ints, one_branch, unit_interval
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, finite_array, one_of


@dataclass(frozen=True)
class WinStayLoseShift:
    """Repeats its last action while it pays at least ``aspiration`` (reward units).

    ``shift``: to the "next" action, cyclically, or to "any" other with even odds. What counts is
    the action that was played, explored or not. ``initial``: the first actions, or "every".

    >>> from tabular_marl.games import prisoners_dilemma
    >>> rule = WinStayLoseShift(aspiration=-1).bind(prisoners_dilemma().as_stochastic(), 1)
    >>> rule.policy(rule.start(), rule.start()[:, 0]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    aspiration: float
    shift: str = "next"
    epsilon: float = 0.0
    initial: Any = "every"

    def bind(self, game: StochasticGame, player: int) -> _HabitRule:
        """The rule for ``player`` in ``game``."""
        one_of("shift", self.shift, ("next", "any"))
        return _HabitRule(self, game.action_counts[player], player)


class _HabitRule:
    width = 1

    def __init__(self, learner: WinStayLoseShift, num_actions: int, player: int) -> None:
        self.learner, self.num_actions, self.player = learner, num_actions, player
        self.aspiration = float(finite_array("aspiration", learner.aspiration, ()))
        self.epsilon = unit_interval("epsilon", learner.epsilon)
        self.first = self._actions(learner.initial)
        self.num_starts = int(self.first.shape[0])

    def start(self) -> Ints:
        return self.first

    def _actions(self, initial: Any) -> Ints:
        """First actions [k, 1]."""
        if isinstance(initial, str):
            one_of("initial", initial, ("every",))
            return np.arange(self.num_actions)[:, None]
        first = np.atleast_1d(np.asarray(initial))
        if (
            first.dtype.kind not in "iu"
            or first.ndim != 1
            or not ((first >= 0) & (first < self.num_actions)).all()
        ):
            raise InputError(
                "initial", f"be actions 0..{self.num_actions - 1}", f"it was {initial!r}"
            )
        return first.astype(np.int64)[:, None]

    def policy(self, theta: Ints, state: Ints) -> Array:
        return np.asarray(np.eye(self.num_actions)[theta[:, 0]])

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        played = event.actions[:, self.player]
        stays = event.reward >= self.aspiration
        if self.learner.shift == "next" or self.num_actions < 3:
            moved = (played + 1) % self.num_actions
            return one_branch(np.where(stays, played, moved)[:, None])
        ahead = np.arange(self.num_actions)
        after = (played[:, None] + ahead) % self.num_actions
        odds = np.where(ahead == 0, 0.0, 1 / (self.num_actions - 1))
        return after[:, :, None], np.where(stays[:, None], ahead == 0, odds)

    def describe(self, theta: Ints) -> int:
        return int(theta[0])
