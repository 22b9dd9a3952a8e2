"""Small two-player grid games as stochastic games.

Cells are (row, column) from the upper left; a state is what both players can see (positions, and
the ball where there is one). A grid game is described by its rules,

    step(state, a, b) -> [(probability, next state, agent's reward, opponent's reward), …]

and :func:`explore` turns rules into arrays by walking every state that the start can reach; the
reward r(s, a, b) is the expectation over the outcomes of the step. Transitions are CSR beyond a
million dense entries.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from scipy import sparse

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.games.transitions import compact
from tabular_marl.validation import InputError

Cell = tuple[int, int]
Outcome = tuple[float, Hashable, float, float]

MOVES: dict[str, Cell] = {
    "up": (-1, 0),
    "right": (0, 1),
    "down": (1, 0),
    "left": (0, -1),
    "stay": (0, 0),
}
END = "end"
MOST_STATES = 100_000


def explore(
    start: Sequence[tuple[float, Hashable]],
    step: Callable[..., list[Outcome]],
    actions: tuple[str, ...],
    label: Callable[..., str],
    *,
    discount: float,
    name: str,
    source: str,
) -> StochasticGame:
    """The game whose states are those reachable from ``start``, both players with ``actions``.

    ``start`` is a list of (probability, state); ``label`` names a state.
    """
    index = {state: k for k, (_, state) in enumerate(start)}
    queue = list(index)
    rows: list[int] = []
    columns: list[int] = []
    data: list[float] = []
    rewards: list[tuple[float, float]] = []
    for state in queue:
        for a in actions:
            for b in actions:
                agent = opponent = 0.0
                for probability, target, r, o in step(state, a, b):
                    if target not in index:
                        index[target] = len(queue)
                        queue.append(target)
                        if len(queue) > MOST_STATES:
                            raise InputError(
                                "size", f"give at most {MOST_STATES} states", "it gave more"
                            )
                    rows.append(len(rewards))
                    columns.append(index[target])
                    data.append(probability)
                    agent += probability * r
                    opponent += probability * o
                rewards.append((agent, opponent))
    states, count = len(queue), len(actions)
    transition = sparse.csr_array((data, (rows, columns)), shape=(len(rewards), states))
    reward = np.array(rewards).T.reshape(2, states, count, count)
    initial = np.zeros(states)
    for probability, state in start:
        initial[index[state]] += probability
    return StochasticGame(
        compact(transition, (states, count, count)),
        reward[0],
        reward[1],
        discount=discount,
        states=tuple(label(state) for state in queue),
        actions=(actions, actions),
        name=name,
        source=source,
        initial=initial,
    )


def _walk(cell: Cell, move: str, height: int, width: int) -> Cell:
    """The cell that ``move`` leads to; the player stays where a wall is in the way."""
    row, column = cell[0] + MOVES[move][0], cell[1] + MOVES[move][1]
    return (row, column) if 0 <= row < height and 0 <= column < width else cell


def _pair(state: tuple[Cell, Cell] | str) -> str:
    """A label such as "2,0 2,2": the agent's cell, then the opponent's."""
    if isinstance(state, str):
        return state
    return " ".join(f"{row},{column}" for row, column in state)


def _grid_game(goals: tuple[Cell, Cell], barriers: bool, name: str) -> StochasticGame:
    """Hu and Wellman's 3×3 races: +100 at one's goal, −1 for running into each other."""
    corners = ((2, 0), (2, 2))

    def targets(cell: Cell, move: str) -> list[tuple[float, Cell]]:
        there = _walk(cell, move, 3, 3)
        if barriers and move == "up" and cell in corners:
            return [(0.5, there), (0.5, cell)]
        return [(1.0, there)]

    def step(state: tuple[Cell, Cell] | str, a: str, b: str) -> list[Outcome]:
        if isinstance(state, str):
            return [(1.0, END, 0.0, 0.0)]
        agent, opponent = state
        outcomes: list[Outcome] = []
        for p, x in targets(agent, a):
            for q, y in targets(opponent, b):
                agent_home, opponent_home = x == goals[0], y == goals[1]
                if agent_home or opponent_home:
                    outcomes.append((p * q, END, 100.0 * agent_home, 100.0 * opponent_home))
                elif x == y:
                    outcomes.append((p * q, state, -1.0, -1.0))
                else:
                    outcomes.append((p * q, (x, y), 0.0, 0.0))
        return outcomes

    return explore(
        [(1.0, corners)],
        step,
        ("up", "right", "down", "left"),
        _pair,
        discount=0.99,
        name=name,
        source='Hu and Wellman (2003), "Nash Q-Learning for General-Sum Stochastic Games"',
    )


def grid_game_1() -> StochasticGame:
    """Two players cross a 3×3 grid to opposite corners without running into each other.

    The agent starts at the lower left and wants the upper right, the opponent the mirror image;
    reaching one's goal pays 100 and ends the game, choosing the same cell costs both 1 and moves
    neither (Hu and Wellman 2003, grid game 1; a step off the grid stays in place).

    >>> grid_game_1().states[0]
    '2,0 2,2'
    """
    return _grid_game(((0, 2), (0, 0)), False, "grid-game-1")


def grid_game_2() -> StochasticGame:
    """Two players race to one goal on a 3×3 grid; going up from the start succeeds half the time.

    Both want the upper middle cell and may reach it together (Hu and Wellman 2003, grid game 2).

    >>> grid_game_2().transition[0, 0, 1].max()  # up through the barrier, right to the middle
    np.float64(0.5)
    """
    return _grid_game(((0, 1), (0, 1)), True, "grid-game-2")


def meeting(size: int = 3, success: float = 0.9) -> StochasticGame:
    """Two players from opposite corners want to be in the same cell; moves sometimes fail.

    Each move succeeds with probability ``success``, else the player stays. Both are paid 1 for
    every step that they start in the same cell. The observed version of Bernstein, Hansen and
    Zilberstein's meeting on a grid.

    >>> meeting(2).num_states
    16
    """
    _check_size(size)
    if not 0 < success <= 1:
        raise InputError("success", "be a probability in (0, 1]", f"it was {success!r}")

    def targets(cell: Cell, move: str) -> list[tuple[float, Cell]]:
        there = _walk(cell, move, size, size)
        if there == cell or success == 1:
            return [(1.0, there)]
        return [(success, there), (1 - success, cell)]

    def step(state: tuple[Cell, Cell], a: str, b: str) -> list[Outcome]:
        together = float(state[0] == state[1])
        return [
            (p * q, (x, y), together, together)
            for p, x in targets(state[0], a)
            for q, y in targets(state[1], b)
        ]

    return explore(
        [(1.0, ((0, 0), (size - 1, size - 1)))],
        step,
        tuple(MOVES),
        _pair,
        discount=0.9,
        name="meeting",
        source='Bernstein, Hansen and Zilberstein (2005), "Bounded Policy Iteration for '
        'Decentralized POMDPs", with cells observed',
    )


def pursuit(size: int = 4) -> StochasticGame:
    """A predator (the agent) chases a prey on a torus; zero sum, +1 at each catch.

    Both move at once; sharing a cell, or swapping cells, is a catch, after which both go back to
    their starts. One predator instead of the four of Benda et al.

    >>> pursuit().opponent_reward.max()
    np.float64(0.0)
    """
    _check_size(size)
    start = ((0, 0), (size // 2, size // 2))

    def move(cell: Cell, name: str) -> Cell:
        return (cell[0] + MOVES[name][0]) % size, (cell[1] + MOVES[name][1]) % size

    def step(state: tuple[Cell, Cell], a: str, b: str) -> list[Outcome]:
        x, y = move(state[0], a), move(state[1], b)
        if x == y or (x, y) == state[::-1]:
            return [(1.0, start, 1.0, -1.0)]
        return [(1.0, (x, y), 0.0, 0.0)]

    return explore(
        [(1.0, start)],
        step,
        tuple(MOVES),
        _pair,
        discount=0.9,
        name="pursuit",
        source='after Benda, Jagannathan and Dodhiawala (1986), "On Optimal Cooperation of '
        'Knowledge Sources"',
    )


def soccer() -> StochasticGame:
    """Littman's soccer on a 4×5 field: dribble the ball over the far line; zero sum, γ = 0.9.

    The two moves are carried out one after the other, in random order. Walking into the other
    player moves nobody and gives the ball to the one walked into. Carrying the ball out through
    the two middle rows, to the left for the agent and to the right for the opponent, scores 1
    and starts again with the ball given at random.

    >>> soccer().num_states
    760
    """
    height, width = 4, 5
    homes = ((1, 3), (2, 1))
    kickoff: list[tuple[float, Hashable]] = [(0.5, (*homes, 0)), (0.5, (*homes, 1))]
    State = tuple[Cell, Cell, int]

    def one(state: State, player: int, move: str) -> State | int:
        """The state after ``player`` moves, or that player's index where it scores."""
        cells, ball = list(state[:2]), state[2]
        row, column = cells[player]
        out = column + MOVES[move][1]
        if ball == player and row in (1, 2) and out == (-1, width)[player]:
            return player
        there = _walk(cells[player], move, height, width)
        if there == cells[1 - player]:
            return (state[0], state[1], 1 - player)
        cells[player] = there
        return (cells[0], cells[1], ball)

    def step(state: State, a: str, b: str) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for first in (0, 1):
            after: State | int = state
            for player in (first, 1 - first):
                if not isinstance(after, int):
                    after = one(after, player, (a, b)[player])
            if isinstance(after, int):
                goal = 1.0 if after == 0 else -1.0
                outcomes += [(0.5 * p, again, goal, -goal) for p, again in kickoff]
            else:
                outcomes.append((0.5, after, 0.0, 0.0))
        return outcomes

    return explore(
        kickoff,
        step,
        tuple(MOVES),
        lambda state: f"{_pair(state[:2])} {'agent' if state[2] == 0 else 'opponent'}",
        discount=0.9,
        name="soccer",
        source='Littman (1994), "Markov Games as a Framework for Multi-Agent RL"',
    )


def _check_size(size: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 2 <= size <= 12:
        raise InputError("size", "be an integer 2..12", f"it was {size!r}")
