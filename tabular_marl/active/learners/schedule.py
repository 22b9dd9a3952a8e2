"""Policies and exploration rates that follow the clock.

    scheduled play      π_t(·|s), t = 0, 1, …, T−1, then the last for ever, or again from the first
    annealed learner    (1 − ε_t) π_j + ε_t / A_j with ε_0, …, ε_{T−1} and then ε_T for ever

GLIE ("greedy in the limit with infinite exploration", Singh et al. 2000) wants every action
infinitely often and greed in the limit: of a clock, ε_t → 0 and Σ ε_t = ∞. No finite clock has
that. A clock that stops at ε_T = 0 is greedy from then on, with a start distribution that T steps
of exploration have made; one that stops at ε_T > 0 is the stationary kernel whose limit ε_T → 0 is
the stochastically stable one. The two limits can differ: both can be computed, and neither is
passed off as the other. ε_t = a t^−p for ever, and which of the two it goes to, is in
active/decaying.py. θ = (t, θ of the learner), t ≤ T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.learners.rule import (
    Array,
    Event,
    Ints,
    Learner,
    Rule,
    one_branch,
    unit_interval,
)
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, one_of, probability_rows


@dataclass(frozen=True)
class Schedule:
    """Plays ``policies`` [T, S, A] by the clock; ``after`` the end: the "last" one, or "again".

    >>> from tabular_marl.games import matching_pennies
    >>> alternate = Schedule([[[1, 0]], [[0, 1]]], after="again")
    >>> alternate.bind(matching_pennies().as_stochastic(), 1).start()
    array([[0]])
    """

    policies: ArrayLike
    after: str = "last"

    def bind(self, game: StochasticGame, player: int) -> _ScheduleRule:
        """The rule for ``player`` in ``game``."""
        one_of("after", self.after, ("last", "again"))
        shape = (None, game.num_states, game.action_counts[player])
        policies = probability_rows("policies", self.policies, shape)
        if not policies.shape[0]:
            raise InputError("policies", "hold at least one policy", "it was empty")
        return _ScheduleRule(policies, self.after)


class _ScheduleRule:
    width = 1
    epsilon = 0.0
    num_starts = 1

    def __init__(self, policies: Array, after: str) -> None:
        self.policies, self.after = policies, after

    def start(self) -> Ints:
        return np.zeros((1, 1), dtype=np.int64)

    def policy(self, theta: Ints, state: Ints) -> Array:
        return np.asarray(self.policies[theta[:, 0], state])

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        length = self.policies.shape[0]
        after = theta + 1
        return one_branch(
            after % length if self.after == "again" else np.minimum(after, length - 1)
        )

    def describe(self, theta: Ints) -> int:
        return int(theta[0])


@dataclass(frozen=True)
class Annealed:
    """``learner`` with exploration rates ε_0, …, ε_T by the clock, ε_T from then on.

    The learner is any dataclass with a field ``epsilon``, which the clock replaces. Source: GLIE,
    Singh, Jaakkola, Littman and Szepesvari (2000); FURTHER A.

    >>> from tabular_marl.active.learners import best_response
    >>> from tabular_marl.games import matching_pennies
    >>> rule = Annealed(best_response(), [0.5, 0.1, 0.0]).bind(
    ...     matching_pennies().as_stochastic(), 1)
    >>> rule.policy(np.array([[0, 0], [2, 0]]), np.array([0, 0]))
    array([[0.25, 0.75],
           [0.  , 1.  ]])
    """

    learner: Any
    rates: Sequence[float]

    def bind(self, game: StochasticGame, player: int) -> Rule:
        """The rule for ``player`` in ``game``."""
        if not len(self.rates):
            raise InputError("rates", "hold at least one rate", "it was empty")
        if not hasattr(self.learner, "epsilon"):
            raise InputError(
                "learner", "have an epsilon that the clock can set", f"it was {self.learner!r}"
            )
        rates = np.array([unit_interval("rates", rate) for rate in self.rates])
        steady: Learner = replace(self.learner, epsilon=0.0)
        return _AnnealedRule(steady.bind(game, player), rates)


class _AnnealedRule:
    epsilon = 0.0

    def __init__(self, inner: Rule, rates: Array) -> None:
        self.inner, self.rates = inner, rates
        self.width = 1 + inner.width
        self.num_starts = inner.num_starts

    def start(self) -> Ints:
        inner = self.inner.start()
        return np.concatenate([np.zeros_like(inner[:, :1]), inner], axis=1)

    def policy(self, theta: Ints, state: Ints) -> Array:
        base = self.inner.policy(np.ascontiguousarray(theta[:, 1:]), state)
        rate = self.rates[theta[:, 0]][:, None]
        return np.asarray((1 - rate) * base + rate / base.shape[1])

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        after, odds = self.inner.update(np.ascontiguousarray(theta[:, 1:]), event)
        clock = np.minimum(theta[:, :1] + 1, len(self.rates) - 1)
        clocks = np.broadcast_to(clock[:, None, :], (*after.shape[:2], 1))
        return np.concatenate([clocks, after], axis=2), odds

    def describe(self, theta: Ints) -> tuple[int, Any]:
        return int(theta[0]), self.inner.describe(theta[1:])
