"""The equations of a logit equilibrium, laid out for the kernels.                report (17)-(19)

    π_i(a|s) ∝ p_i(a|s) exp(λ w_i q_i(s,a)),     q_i(s,a_i) = E_{π_-i}[ r_i + γ E_{s'} V_i(s') ]
    V_i(s)   = E_π[ r_i + γ E_{s'} V_i(s') ] − Σ_j c_ij KL(π_j ‖ p_j) / λ

β_i = λ w_i is player i's inverse temperature. Two readings of V for games with a future:

    regularised   the report's objective: KL terms are paid in every state. Players who share one
                  reward share one objective with every player's term, c_ij = 1/w_j, as in (17);
                  otherwise each pays its own, c_ii = 1/w_i.
    expectation   c = 0: the stationary logit Markov equilibrium of the literature (Eibelshäuser
                  and Poensgen 2019), where only choices are noisy.

For one-shot games the policies are the same. Shapes: as in kernels/logit.py, after moving the
player with the most actions to the end (its block of the Jacobian is eliminated for nothing).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import (
    InputError,
    finite_array,
    float_array,
    one_each,
    one_of,
    probability_rows,
)

Array = NDArray[np.float64]
Game = MatrixGame | StochasticGame
Evaluation = Literal["regularised", "expectation"]
EVALUATIONS = ("regularised", "expectation")


@dataclass(frozen=True)
class LogitSystem:
    """The arrays of one game and one choice of w, priors and evaluation.

    ``arrays`` are the kernels' (reward, transition, discount, prior, counts, owner, w, cost,
    actions), with players in ``order``; ``unit`` turns λ into log-odds.
    """

    arrays: tuple[Any, ...]
    order: tuple[int, ...]
    unit: float
    evaluation: Evaluation

    @cached_property
    def parts(self) -> tuple[slice, ...]:
        """Each player's entries among the ΣA, in the game's order of players."""
        ends = np.cumsum(self.arrays[4]).tolist()
        found = [slice(e - c, e) for e, c in zip(ends, self.arrays[4].tolist(), strict=True)]
        return tuple(found[self.order.index(i)] for i in range(len(found)))

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """k(i) for each player in the game's order."""
        owner = self.arrays[5].tolist()
        return tuple(owner[self.order.index(i)] for i in range(len(owner)))

    @property
    def num_states(self) -> int:
        return int(self.arrays[0].shape[1])

    @property
    def shared(self) -> bool:
        """Whether all players have one value."""
        return bool(self.arrays[0].shape[0] == 1)

    def split(self, policy: Array) -> tuple[Array, ...]:
        """[..., ΣA] in kernel order as one [..., A_i] for each player in the game's order."""
        return tuple(policy[..., part] for part in self.parts)

    def values(self, values: Array) -> Array:
        """[..., m, S] as [..., n, S] in the game's order of players."""
        if self.owners == tuple(range(values.shape[-2])):
            return values
        return values[..., self.owners, :]


def rewards(game: Game) -> Array:
    """Every player's reward, [n, s, a1, …, an]; without opponent_reward the players share one."""
    if isinstance(game, MatrixGame):
        return game.payoffs[:, None]
    if not isinstance(game, StochasticGame):
        raise InputError("game", "be a MatrixGame or a StochasticGame", f"it was {game!r}")
    if game.num_players > 2:
        return game.reward
    other = game.reward if game.opponent_reward is None else game.opponent_reward
    return np.stack([game.reward, other])


def common_interest(game: Game) -> bool:
    """Whether all players are paid the same."""
    if isinstance(game, StochasticGame) and game.num_players == 2:
        return game.opponent_reward is None or np.array_equal(game.reward, game.opponent_reward)
    paid = rewards(game)
    return bool((paid[1:] == paid[0]).all())


def logit_system(
    game: Game,
    weights: Sequence[float] | None = None,
    priors: Sequence[ArrayLike | None] | None = None,
    evaluation: Evaluation | None = None,
    discount: float | None = None,
) -> LogitSystem:
    """Lay out a game; ``evaluation`` is by default regularised if all players share one reward.

    ``weights`` w_i, finite, of either sign (a player with w < 0 minimises its reward, one with
    w = 0 keeps its prior), default 1. ``priors[i]`` is None (uniform), [a] or [s, a].
    Raises InputError. Source: report (17)-(19).
    """
    if priors is None and (weights is None or isinstance(weights, tuple)):
        return _laid_out(game, weights, None, evaluation, discount)
    return _lay_out(game, weights, priors, evaluation, discount)


def _lay_out(
    game: Game,
    weights: Sequence[float] | None,
    priors: Sequence[ArrayLike | None] | None,
    evaluation: Evaluation | None,
    discount: float | None,
) -> LogitSystem:
    paid = rewards(game)
    n, states, counts = paid.shape[0], paid.shape[1], paid.shape[2:]
    if isinstance(game, StochasticGame) and discount is not None:
        game = game.with_discount(discount)
    elif isinstance(game, MatrixGame) and discount:
        game = game.as_stochastic(discount)
    gamma = game.discount if isinstance(game, StochasticGame) else 0.0
    same = common_interest(game)
    if evaluation is None:
        evaluation = "regularised" if same else "expectation"
    one_of("evaluation", evaluation, EVALUATIONS)
    w = np.ones(n) if weights is None else finite_array("weights", weights, (n,))
    order = tuple(range(n))
    if counts[-1] < max(counts):
        largest = counts.index(max(counts))
        order = (*(i for i in order if i != largest), largest)
    if order != tuple(range(n)):
        axes = (1, *(2 + i for i in order))
        paid = np.stack([paid[i].transpose(0, *(a - 1 for a in axes[1:])) for i in order])
        w = w[list(order)]
    joint, own_counts, actions = _layout(tuple(counts[i] for i in order))
    m = 1 if same else n
    owner = np.zeros(n, dtype=np.int64) if same else np.arange(n)
    cost = np.zeros((m, n))
    if evaluation == "regularised":
        inverse = np.divide(1.0, w, out=np.zeros(n), where=w != 0)
        cost[:] = inverse if same else np.diag(inverse)
    # copies: the kernels are compiled for arrays that are not locked
    reward = np.array(paid[:m].reshape(m, states, joint), order="C")
    spread = float((reward.max(axis=(1, 2)) - reward.min(axis=(1, 2))).max())
    unit = spread * float(np.abs(w).max()) or 1.0
    arrays = (
        reward,
        _rows(game, gamma, order, states, counts),
        float(gamma),
        _priors(priors, counts, order, states),
        own_counts,
        owner,
        np.asarray(w, dtype=np.float64),
        cost,
        actions,
    )
    return LogitSystem(arrays, order, unit, evaluation)


#: Games are values: the last few stay laid out, as the same one is often solved again.
_laid_out = lru_cache(maxsize=4)(_lay_out)


@lru_cache(maxsize=64)
def _layout(counts: tuple[int, ...]) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """(N, counts, actions [N, n]): each joint action's positions among the ΣA policy entries."""
    joint = math.prod(counts)
    starts = np.cumsum((0, *counts[:-1]))
    actions = np.stack(np.unravel_index(np.arange(joint), counts), axis=1) + starts
    return joint, np.array(counts, dtype=np.int64), np.ascontiguousarray(actions, dtype=np.int64)


@lru_cache(maxsize=64)
def _uniform(counts: tuple[int, ...], states: int) -> Array:
    return np.tile(np.concatenate([np.full(c, 1.0 / c) for c in counts]), (states, 1))


def _priors(
    priors: Sequence[ArrayLike | None] | None,
    counts: tuple[int, ...],
    order: tuple[int, ...],
    states: int,
) -> Array:
    """[S, ΣA] in kernel order."""
    if priors is None:
        return _uniform(tuple(counts[i] for i in order), states)
    one_each("priors", priors, len(counts), "priors or None, one a player")
    parts = []
    for i in order:
        given = priors[i]
        if given is None:
            parts.append(np.full((states, counts[i]), 1.0 / counts[i]))
            continue
        given = float_array(f"priors[{i}]", given)
        shape = (counts[i],) if given.ndim == 1 else (states, counts[i])
        checked = probability_rows(f"priors[{i}]", given, shape)
        parts.append(np.broadcast_to(checked, (states, counts[i])))
    return np.concatenate(parts, axis=1)


_ALONE = np.ones((1, 1, 1))


def _rows(
    game: Game, gamma: float, order: tuple[int, ...], states: int, counts: tuple[int, ...]
) -> Array:
    """P as dense [S, N, S] in kernel order; not read where γ = 0."""
    if gamma == 0.0 or isinstance(game, MatrixGame):
        return _ALONE
    rows = game.transition_rows
    dense = rows.toarray() if game.is_sparse else np.asarray(rows)
    dense = dense.reshape(states, *counts, states)
    if order != tuple(range(len(counts))):
        dense = dense.transpose(0, *(1 + i for i in order), len(counts) + 1)
    return np.array(dense.reshape(states, -1, states), order="C")
