"""An active Markov game with its joint states as states, for losses on tables.

    x = (s, θ),  R(x, a, b),  P(x'|x, a, b) = T(s'|s, a, b) U(θ'|θ, s, a, b, r, s'),  ρ(b|x)

                                                                            FURTHER 2.1, Prop. 1
θ is what FURTHER's latent ẑ stands for, here exactly. An action that the learner never takes at x
leads back to x and is never in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabular_marl.active.joint_chain import explore
from tabular_marl.active.joint_step import Step
from tabular_marl.active.learners.rule import Learner
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError

#: Joint states that tables of q over (x, a, b) should not exceed.
MAX_STATES = 5_000


def active_game(
    game: StochasticGame | MatrixGame, learner: Learner, max_states: int = MAX_STATES
) -> tuple[StochasticGame, NDArray[np.float64]]:
    """The game on joint states against ``learner`` in seat 1, and its policy ρ [X, B] there.

    Raises InputError for a game of other than two players, or more joint states than may be.

    >>> from tabular_marl.active.learners import best_response
    >>> from tabular_marl.games import matching_pennies
    >>> joint, others = active_game(matching_pennies(), best_response())
    >>> joint.num_states, others.tolist()
    (2, [[0.0, 1.0], [1.0, 0.0]])
    """
    game = game.as_stochastic() if isinstance(game, MatrixGame) else game
    if game.num_players != 2:
        raise InputError("game", "have two players", f"it had {game.num_players}")
    learners: Mapping[int, Learner] = {1: learner}
    process = explore(game, learners, max_states=max_states)
    rule = process.rules[1]
    base = rule.policy(process.parameters, process.state)
    others = (1 - rule.epsilon) * base + rule.epsilon / base.shape[1]
    step = Step(game, 0, process.rules)
    rows, keys, chance, joint = step.edges(process.keys, (others > 0).astype(np.float64))
    actions, replies = game.action_counts
    cells = (rows // actions) * actions * replies + joint
    size = process.num_states * actions * replies
    taken = np.broadcast_to((others > 0)[:, None, :], (len(others), actions, replies)).ravel()
    idle = np.flatnonzero(~taken)
    at = np.concatenate([cells, idle])
    to = np.concatenate([process.names(keys), idle // (actions * replies)])
    weight = np.concatenate([chance, np.ones(len(idle))])
    table = sparse.coo_array((weight, (at, to)), shape=(size, process.num_states)).tocsr()
    reward = game.reward[process.state]
    return StochasticGame(table, reward, discount=game.discount, name=game.name), others
