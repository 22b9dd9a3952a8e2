"""Responses to what the others did: best response, logit response, fictitious play with memory m.

    belief  ρ(o) = (1/m) #{k : o_{t−k} = o, k = 1..m}            the others' last m joint actions
    play    argmax_a Σ_o ρ(o) r_j(s, a, o),   or   ∝ exp(β Σ_o ρ(o) r_j(s, a, o))

Fictitious play: Brown (1951), with bounded memory Young (1993) without sampling; m = 1 is the best
response (Cournot 1838), with finite β the logit response (Blume 1993). Payoffs are those of the
current state s: the learner is myopic. θ is the window of the last m actions o, a number in base O
with the newest last; it updates after every step, whatever the learner itself has played.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_marl.active.learners.rule import (
    TIES,
    Array,
    Event,
    Ints,
    among_best,
    one_branch,
    unit_interval,
)
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.numerics.free_energy import tilt
from tabular_marl.validation import InputError, integer, inverse_temperature, one_of

#: Expected payoffs this close, relative to the payoffs' size, are tied.
TIED = 1e-12


@dataclass(frozen=True)
class FictitiousPlay:
    """Responds to the empirical frequencies of the last ``memory`` joint actions of the others.

    ``beta`` = inf plays a best response (``tie``: "uniform", "first" or "last"), a finite β the
    logit response (β an inverse temperature, 1/reward). ``initial``: the windows to start from, a
    list of tuples of joint actions o (oldest first; o numbers the others' actions in C order), or
    "every" window. Source: Young (1993), Brown (1951).

    >>> from tabular_marl.games import coordination
    >>> rule = FictitiousPlay(memory=3).bind(coordination().as_stochastic(), 1)
    >>> rule.start().shape, rule.describe(rule.start()[5])
    ((8, 1), (1, 0, 1))
    """

    memory: int
    beta: float = math.inf
    epsilon: float = 0.0
    tie: str = "uniform"
    initial: Any = "every"

    def bind(self, game: StochasticGame, player: int) -> _WindowRule:
        """The rule for ``player`` in ``game``."""
        integer("memory", self.memory)
        one_of("tie", self.tie, TIES)
        return _WindowRule(self, game, player)


def best_response(epsilon: float = 0.0, tie: str = "uniform") -> FictitiousPlay:
    """Best response to the others' last actions; source: Cournot (1838)."""
    return FictitiousPlay(1, epsilon=epsilon, tie=tie)


def logit_response(beta: float) -> FictitiousPlay:
    """π_j(a) ∝ exp(β r_j(s, a, o)) with o the others' last actions; source: Blume (1993)."""
    return FictitiousPlay(1, beta=beta)


class _WindowRule:
    width = 1

    def __init__(self, learner: FictitiousPlay, game: StochasticGame, player: int) -> None:
        self.learner = learner
        self.epsilon = unit_interval("epsilon", learner.epsilon)
        self.beta = inverse_temperature("beta", learner.beta)
        counts = game.action_counts
        payoff = np.moveaxis(game.player_reward(player), 1 + player, 1)
        self.payoff = payoff.reshape(game.num_states, counts[player], -1)  # [s, a, o]
        self.others = [j for j in range(len(counts)) if j != player]
        self.other_counts = tuple(counts[j] for j in self.others)
        self.num_others = math.prod(self.other_counts)
        self.windows = self.num_others**learner.memory
        self.given = None
        if self.windows * self.num_others >= 2**63:
            raise InputError(
                "memory",
                "give windows that fit in 63 bits",
                f"there are {self.num_others}^{learner.memory}",
            )
        if isinstance(learner.initial, str):
            one_of("initial", learner.initial, ("every",))
        else:
            self.given = self._named(learner.initial)

    @property
    def num_starts(self) -> int:
        return self.windows if self.given is None else int(self.given.shape[0])

    def start(self) -> Ints:
        return np.arange(self.windows)[:, None] if self.given is None else self.given

    def _named(self, initial: Any) -> Ints:
        """Windows [k, memory] as their numbers [k, 1]."""
        windows = np.asarray(initial)
        if (
            windows.dtype.kind not in "iu"
            or windows.ndim != 2
            or windows.shape[1] != self.learner.memory
            or windows.min() < 0
            or windows.max() >= self.num_others
        ):
            raise InputError(
                "initial",
                f"list windows of {self.learner.memory} joint actions 0..{self.num_others - 1}",
                f"it was {initial!r}",
            )
        weights = self.num_others ** np.arange(self.learner.memory)[::-1]
        return np.asarray(windows @ weights, dtype=np.int64)[:, None]

    def policy(self, theta: Ints, state: Ints) -> Array:
        belief = np.zeros((theta.shape[0], self.num_others))
        rest = theta[:, 0].copy()
        every = np.arange(rest.size)
        for _ in range(self.learner.memory):
            rest, newest = np.divmod(rest, self.num_others)
            belief[every, newest] += 1 / self.learner.memory
        worth = np.einsum("mao,mo->ma", self.payoff[state], belief)
        if math.isfinite(self.beta):
            return np.asarray(tilt(worth, self.beta, axis=1))
        sign = math.copysign(1.0, self.beta)
        slack = TIED * max(1.0, float(np.abs(self.payoff).max()))
        best = sign * worth >= (sign * worth).max(axis=1, keepdims=True) - slack
        return among_best(best, self.learner.tie)

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        seen = np.ravel_multi_index(tuple(event.actions[:, self.others].T), self.other_counts)
        return one_branch((theta * self.num_others + seen[:, None]) % self.windows)

    def describe(self, theta: Ints) -> tuple[int, ...]:
        rest, window = int(theta[0]), []
        for _ in range(self.learner.memory):
            rest, newest = divmod(rest, self.num_others)
            window.append(newest)
        return tuple(window[::-1])
