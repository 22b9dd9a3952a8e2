"""Iterated games: a matrix game repeated by players who remember the last m joint actions.

The state is the history h_t = (a_{t−m}, …, a_{t−1}), shorter while the game is young; for m = 1

    s_0 = ∅,  s_t = a_{t−1}        (FURTHER G.1)

with states 0 = ∅ and 1 + (the joint action's index in C order). For memory m the shorter
histories come first: S = Σ_{k=0}^{m} J^k states for J joint actions. Transitions are
deterministic and the reward r_i(s, a) is the matrix game's payoff, whatever the state.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import sparse

from tabular_marl.games.labels import joint_labels
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.games.transitions import compact
from tabular_marl.validation import InputError, integer

#: No iterated game has more states than this.
MOST_STATES = 1_000_000


def iterated(game: MatrixGame, memory: int = 1, discount: float = 0.9) -> StochasticGame:
    """``game`` repeated, its state the last ``memory`` joint actions, started with none (G.1).

    Labels are "start" and then the joint actions, oldest first: "CC", or "CD/CC" for two.
    Transitions become CSR beyond a million dense entries. Raises InputError for a negative
    memory or more than a million states.

    >>> from tabular_marl.games import prisoners_dilemma
    >>> ipd = iterated(prisoners_dilemma())
    >>> ipd.states
    ('start', 'CC', 'CD', 'DC', 'DD')
    >>> int(ipd.transition[2, 1, 0].argmax())  # after CD, the joint action DC leads to state DC
    3
    """
    memory = integer("memory", memory, 0)
    counts = game.action_counts
    joint = math.prod(counts)
    # `offset[k]` is the first state with a history of length k; beyond the cap nothing is built
    offset = [0]
    for k in range(min(int(memory), MOST_STATES) + 1):
        offset.append(offset[-1] + joint**k)
        if offset[-1] > MOST_STATES:
            raise InputError(
                "memory",
                f"give at most {MOST_STATES} states (sum of {joint}**k over k = 0..memory)",
                f"it was {memory}",
            )
    num_states = offset[-1]

    successor = np.empty((num_states, joint), dtype=np.intp)
    choice = np.arange(joint)
    for k in range(memory + 1):
        history = np.arange(joint**k)[:, None]
        longer = history * joint + choice  # append the newest joint action
        if k < memory:
            successor[offset[k] : offset[k + 1]] = offset[k + 1] + longer
        else:  # full: the oldest one is forgotten
            successor[offset[k] :] = offset[k] + longer % joint**k

    rows = num_states * joint
    transition = sparse.csr_array(
        (np.ones(rows), successor.ravel(), np.arange(rows + 1)), shape=(rows, num_states)
    )

    once = joint_labels(game.action_labels)
    histories = (joint_labels([once] * k) for k in range(1, memory + 1))
    two = game.num_players == 2
    payoffs = np.repeat(game.payoffs[:, None], num_states, axis=1)
    return StochasticGame(
        compact(transition, (num_states, *counts)),
        payoffs[0] if two else payoffs,
        payoffs[1] if two else None,
        discount=discount,
        states=("start", *itertools.chain.from_iterable(histories)),
        actions=game.actions,
        name=f"iterated-{game.name}" if game.name else "",
        source=game.source,
        initial=np.eye(1, num_states)[0],
        players=game.players,
    )
