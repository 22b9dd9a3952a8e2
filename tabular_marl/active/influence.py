"""Agent i's best average reward against others who learn, from given starts, and how it looks.

    max over agent i's policies on (s, θ) of lim (1/T) E Σ_{t<T} R_i(s_t, a_t)         FURTHER (7)

θ_0 is the others' start: "agent i's average reward after convergence with respect to θ_0^{-i}" is
what Fig. 6 of FURTHER draws. Gains are within proved bounds (gain_bounds.py); they are about the
learner that was given, so a value grid is part of it (learners/grid.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.average_reward import AverageRewardSolution, average_reward
from tabular_marl.active.chains import Array, Indices, MarkovChain
from tabular_marl.active.joint_chain import MAX_STATES, JointProcess, explore
from tabular_marl.active.learners.rule import Event, Learner
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, integer


@dataclass(frozen=True, eq=False)
class Influence:
    """The optimum against learners: ``process``, its solution, and the starts' share of it.

    gain, gain_lower, gain_upper: [starts], reward units, in the order of ``process.starts``.
    """

    process: JointProcess
    solution: AverageRewardSolution

    @property
    def gain(self) -> Array:
        """The best average reward from each start, [starts]."""
        return np.asarray(self.solution.gain[self.process.starts])

    @property
    def gain_lower(self) -> Array:
        """What the policy earns at least, [starts]; proved."""
        return np.asarray(self.solution.gain_lower[self.process.starts])

    @property
    def gain_upper(self) -> Array:
        """What no policy exceeds, [starts]; proved."""
        return np.asarray(self.solution.gain_upper[self.process.starts])

    def chain(self) -> MarkovChain:
        """The joint chain under the policy that was found."""
        return self.process.chain(self.solution.policy)

    @property
    def seconds(self) -> float:
        """Exploring and solving."""
        return self.process.seconds + self.solution.seconds


def influence(
    game: StochasticGame | MatrixGame,
    learners: Mapping[int, Learner],
    states: ArrayLike | None = None,
    max_states: int = MAX_STATES,
    **options: object,
) -> Influence:
    """Explore ``game`` with ``learners`` from their starts and solve for the best average reward.

    ``states`` and ``max_states`` as for ``explore``, ``options`` as for ``average_reward``. Raises
    InputError and NotConverged. Source: FURTHER (7), Fig. 6.

    >>> from tabular_marl.active.learners import best_response
    >>> from tabular_marl.games import matching_pennies
    >>> influence(matching_pennies(), {1: best_response()}).gain
    array([1., 1.])
    """
    process = explore(game, learners, states, max_states)
    return Influence(process, average_reward(process.decision, **options))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Play:
    """A run of joint play: joint states [T], actions [T, n], rewards [T, n]."""

    joint_states: Indices
    actions: Indices
    rewards: Array


def play(process: JointProcess, policy: ArrayLike, start: int, steps: int, seed: int = 0) -> Play:
    """One run of ``steps`` steps from the joint state ``start`` under ``policy`` [X, A].

    Where everything is deterministic it is *the* run, else one sample (numpy's default generator
    with ``seed``). Players who are paid by nobody knows what earn nan.
    """
    if not 0 <= integer("start", start, 0) < process.num_states:
        must = f"be a joint state 0..{process.num_states - 1}"
        raise InputError("start", must, f"it was {start}")
    integer("steps", steps, 1)
    rng = np.random.default_rng(seed)
    game, weights = process.game, process.decision.weights(policy)
    paid = [
        game.player_reward(j)
        if game.num_players > 2 or j == 0 or game.opponent_reward is not None
        else np.full((game.num_states, *game.action_counts), np.nan)
        for j in range(game.num_players)
    ]
    rows = game.transition_rows
    x = int(start)
    joint, actions, rewards = [], [], []
    for _ in range(steps):
        s = int(process.state[x])
        a = np.zeros(game.num_players, dtype=np.int64)
        a[process.player] = rng.choice(process.num_actions, p=weights[x])
        for j, rule in process.rules.items():
            base = rule.policy(process.parameters[[x], process.columns[j]], np.array([s]))[0]
            law = (1 - rule.epsilon) * base + rule.epsilon / base.size
            a[j] = rng.choice(base.size, p=law)
        number = s * int(np.prod(game.action_counts)) + int(
            np.ravel_multi_index(tuple(a), game.action_counts)
        )
        law = np.asarray(rows[[number]].toarray() if hasattr(rows, "toarray") else rows[number])
        after = int(rng.choice(game.num_states, p=law.ravel()))
        earned = np.array([float(table[(s, *a)]) for table in paid])
        key = [after]
        for j, rule in process.rules.items():
            event = Event(np.array([s]), a[None], earned[[j]], np.array([after]))
            branches, odds = rule.update(process.parameters[[x], process.columns[j]], event)
            key += branches[0, rng.choice(odds.shape[1], p=odds[0])].tolist()
        joint.append(x)
        actions.append(a)
        rewards.append(earned)
        x = process.find(key[0], key[1:])
    return Play(np.array(joint), np.array(actions), np.array(rewards))
