"""Does it pay agent i to learn too? Fixed policies and own update rules, compared exactly.

    optimum        max over all policies of (s, θ): by Puterman (1994, theorem 9.1.8) no policy of
                   the whole history earns more, so no own update rule does
    fixed          the best deterministic π(a|s), which does not see θ
    own update     a rule of agent i's in its own seat: everybody learns, and the joint chain's mean
                   reward from the start is what the rule earns

FURTHER I leaves "i's own update function" open. Whoever sees θ has nothing to gain by it; whoever
does not can use an own state as memory, and gains at most optimum − fixed.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.chains import Array, MarkovChain
from tabular_marl.active.joint_chain import JointProcess, explore
from tabular_marl.active.learners.rule import Ints, Learner
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError

#: Fixed policies are enumerated up to this many.
MOST_POLICIES = 4096


@dataclass(frozen=True)
class OwnLearning:
    """Mean rewards of agent i from the start: the optimum's proved bracket, and what others earn.

    ``fixed_policy`` [S] holds actions; ``rules`` the earnings of the own update rules by name.
    """

    optimum_lower: float
    optimum_upper: float
    fixed: float
    fixed_policy: Ints
    rules: dict[str, float]


def own_learning(
    game: StochasticGame | MatrixGame,
    learners: Mapping[int, Learner],
    own: Mapping[str, Learner],
    states: ArrayLike | None = None,
) -> OwnLearning:
    """Compare ``own`` update rules for the free seat with fixed policies and with the optimum.

    Several starts count equally. Raises InputError for more than 4096 fixed policies.
    Source: FURTHER I (limitations), section 3.

    >>> from tabular_marl.active.learners import Schedule, best_response
    >>> from tabular_marl.games import matching_pennies
    >>> turns = Schedule([[[1, 0]], [[0, 1]]], after="again")
    >>> found = own_learning(matching_pennies(), {1: best_response()}, {"turns": turns})
    >>> found.optimum_upper.__round__(9), found.fixed, found.rules
    (1.0, -1.0, {'turns': 1.0})
    """
    process = explore(game, learners, states)
    seat = process.player
    if seat is None:
        raise InputError("learners", "leave agent i's seat free", "every seat had one")
    solution = average_reward(process.decision)
    fixed, policy = _best_fixed(process)
    rules = {}
    for name, rule in own.items():
        joint = explore(game, {**learners, seat: rule}, states)
        rules[name] = _mean(joint, joint.chain(), joint.rewards[seat, :, 0])
    return OwnLearning(
        float(solution.gain_lower[process.starts].mean()),
        float(solution.gain_upper[process.starts].mean()),
        fixed,
        policy,
        rules,
    )


def _best_fixed(process: JointProcess) -> tuple[float, Ints]:
    """The best of all deterministic policies of the game's state alone."""
    states, actions = process.game.num_states, process.num_actions
    if actions**states > MOST_POLICIES:
        raise InputError(
            "game", f"have at most {MOST_POLICIES} fixed policies", f"it had {actions}^{states}"
        )
    best, chosen = -np.inf, np.zeros(states, dtype=np.int64)
    every = np.arange(process.num_states)
    for choice in itertools.product(range(actions), repeat=states):
        played = np.array(choice)[process.state]
        earned = _mean(process, process.chain(played), process.reward[every, played])
        if earned > best + 1e-12:
            best, chosen = earned, np.array(choice)
    return float(best), chosen


def _mean(process: JointProcess, chain: MarkovChain, reward: Array) -> float:
    """The long-run mean of ``reward`` [X] from the start set."""
    first = np.zeros(process.num_states)
    first[process.starts] = 1 / process.starts.size
    return float(chain.long_run(first) @ reward)
