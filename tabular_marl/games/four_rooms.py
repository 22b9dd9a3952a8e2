"""Four rooms: the gridworld on which options were introduced, for one agent.

The opponent has one action, so transition is [s, a, 1, t] and reward [s, a, 1]. A state is a cell,
labelled "row,column" from the upper left of the picture below, walls counted.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.games.gridworlds import MOVES
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError

_PICTURE = """
#############
#     #     #
#     #     #
#           #
#     #     #
#     #     #
## ####     #
#     ### ###
#     #     #
#     #     #
#           #
#     #     #
#############
"""


def four_rooms(goal: tuple[int, int] = (9, 9), success: float = 2 / 3) -> StochasticGame:
    """One agent walks through four rooms to ``goal``, (row, column); every step costs 1.

    A move succeeds with probability ``success``, else one of the other three happens; walls stop
    it. At the goal the agent stays for nothing. Discount 0.95. Raises InputError.
    Source: Sutton, Precup and Singh (1999), with a cost a step in place of a prize.

    >>> four_rooms().num_states
    104
    """
    rows = _PICTURE.strip().split("\n")
    cells = [(r, c) for r, row in enumerate(rows) for c, mark in enumerate(row) if mark == " "]
    if goal not in cells:
        raise InputError("goal", "be a cell that is not a wall", f"it was {goal!r}")
    if not 0 <= success <= 1:
        raise InputError("success", "be a probability", f"it was {success!r}")
    moves = [name for name in MOVES if name != "stay"]
    index = {cell: s for s, cell in enumerate(cells)}
    transition = np.zeros((len(cells), len(moves), 1, len(cells)))
    for (r, c), s in index.items():
        for a in range(len(moves)):
            for other, name in enumerate(moves):
                down, right = MOVES[name]
                t = s if (r, c) == goal else index.get((r + down, c + right), s)
                share = success if other == a else (1 - success) / (len(moves) - 1)
                transition[s, a, 0, t] += share
    reward = np.full((len(cells), len(moves), 1), -1.0)
    reward[index[goal]] = 0.0
    return StochasticGame(
        transition,
        reward,
        discount=0.95,
        states=tuple(f"{r},{c}" for r, c in cells),
        actions=(tuple(moves), ("nothing",)),
        name="four-rooms",
        source='Sutton, Precup and Singh (1999), "Between MDPs and Semi-MDPs"',
    )
