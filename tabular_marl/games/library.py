"""Named games, each with its source.

Matrix games are payoffs[i, a1, a2] with the row player first; ``iterated`` repeats one with a
memory of the last joint actions (FURTHER G.1); grid games live in :mod:`gridworlds`.
``REGISTRY`` maps every name that the command line knows to its factory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import numpy as np

from tabular_marl.games.gridworlds import grid_game_1, grid_game_2, meeting, pursuit, soccer
from tabular_marl.games.iterate import iterated
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, one_of

_CD = (("C", "D"), ("C", "D"))
_FURTHER = 'Kim et al. (2022), "Influencing Long-Term Behavior in Multiagent RL" (FURTHER)'
_CLAUS = 'Claus and Boutilier (1998), "The Dynamics of RL in Cooperative Multiagent Systems"'
_RAPOPORT = "Rapoport and Guyer (1966), A Taxonomy of 2×2 Games"


def prisoners_dilemma() -> MatrixGame:
    """Defecting pays whatever the other does, and both defecting is worse for both.

    Payoffs of FURTHER, Table 1.

    >>> prisoners_dilemma().payoffs[:, 0, 1]
    array([-3.,  0.])
    """
    agent = np.array([[-1, -3], [0, -2]])
    return _symmetric(agent, _CD, "prisoners-dilemma", f"{_FURTHER}, Table 1")


def bach_or_stravinsky() -> MatrixGame:
    """Both want to meet; each prefers another concert.

    >>> bach_or_stravinsky().payoffs[:, 0, 0]
    array([2., 1.])
    """
    labels = (("Bach", "Stravinsky"),) * 2
    payoffs = [[[2, 0], [0, 1]], [[1, 0], [0, 2]]]
    return _game(payoffs, labels, "bach-or-stravinsky", f"{_FURTHER}, iterated games (IBS)")


def coordination() -> MatrixGame:
    """Common interest with a good and a better equilibrium.

    >>> coordination().payoffs[1, 1, 1]
    np.float64(8.0)
    """
    return _shared([[4, 0], [0, 8]], "coordination", f"{_FURTHER}, iterated games (IC)")


def matching_pennies() -> MatrixGame:
    """Zero sum, with its only equilibrium at even odds.

    >>> float(matching_pennies().payoffs.sum())
    0.0
    """
    agent = np.array([[1, -1], [-1, 1]])
    source = f"{_FURTHER}, iterated games (IMP)"
    return _game([agent, -agent], (("heads", "tails"),) * 2, "matching-pennies", source)


def biased_pennies() -> MatrixGame:
    """Matching pennies with a large prize on heads-heads for the row player.

    In equilibrium the row player mixes evenly and the column player shows heads with probability
    1/8. Payoffs in units of 40 cents.

    >>> biased_pennies().payoffs[0]
    array([[8., 1.],
           [1., 2.]])
    """
    payoffs = [[[8, 1], [1, 2]], [[1, 2], [2, 1]]]
    source = 'Goeree and Holt (2001), "Ten Little Treasures of Game Theory", asymmetric pennies'
    return _game(payoffs, (("heads", "tails"),) * 2, "biased-pennies", source)


def tricky() -> MatrixGame:
    """General sum, with even odds as its only equilibrium, which policy gradients circle.

    >>> tricky().payoffs.sum(axis=0)
    array([[3., 5.],
           [1., 3.]])
    """
    payoffs = [[[0, 3], [1, 2]], [[3, 2], [0, 1]]]
    source = 'Bowling and Veloso (2002), "Multiagent Learning Using a Variable Learning Rate"'
    return _game(payoffs, (("A", "B"),) * 2, "tricky", source)


def stag_hunt() -> MatrixGame:
    """Hunting the stag pays most if both do; the hare is safe.

    >>> stag_hunt().payoffs[0]
    array([[4., 1.],
           [3., 2.]])
    """
    agent = np.array([[4, 1], [3, 2]])
    return _symmetric(agent, (("stag", "hare"),) * 2, "stag-hunt", _RAPOPORT)


def chicken() -> MatrixGame:
    """Each wants to be the one who dares; both daring is worst.

    >>> chicken().payoffs[:, 1, 0]
    array([4., 2.])
    """
    agent = np.array([[3, 2], [4, 1]])
    return _symmetric(agent, (("swerve", "dare"),) * 2, "chicken", _RAPOPORT)


def harmony() -> MatrixGame:
    """Cooperating dominates and is best for both.

    >>> harmony().payoffs[:, 0, 1]
    array([3., 2.])
    """
    return _symmetric(np.array([[4, 3], [2, 1]]), _CD, "harmony", _RAPOPORT)


def rock_paper_scissors() -> MatrixGame:
    """Zero sum and cyclic.

    >>> rock_paper_scissors().payoffs[0, 1]
    array([ 1.,  0., -1.])
    """
    agent = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    labels = (("rock", "paper", "scissors"),) * 2
    source = 'von Neumann and Morgenstern (1944), "Theory of Games and Economic Behavior"'
    return _symmetric(agent, labels, "rock-paper-scissors", source)


def climbing() -> MatrixGame:
    """Common interest; the best joint action is surrounded by heavy penalties.

    The payoffs [[11, −30, 0], [−30, 7, 6], [0, 0, 5]]. ROMMEO's paper prints (5, 3) for the last
    joint action, a slip in a cooperative game.

    >>> climbing().payoffs[0].max()
    np.float64(11.0)
    """
    return _shared([[11, -30, 0], [-30, 7, 6], [0, 0, 5]], "climbing", _CLAUS)


def penalty(k: float = -100.0) -> MatrixGame:
    """Common interest with two best joint actions and a penalty k ≤ 0 for mixing them up.

    >>> penalty(-30).payoffs[0, 0]
    array([ 10.,   0., -30.])
    """
    if not k <= 0:
        raise InputError("k", "be a number <= 0", f"it was {k!r}")
    return _shared([[10, 0, k], [0, 2, 0], [k, 0, 10]], "penalty", _CLAUS)


def three_player_pennies() -> MatrixGame:
    """Three players on a ring: 1 matches 2, 2 matches 3, and 3 mismatches 1.

    >>> three_player_pennies().payoffs[:, 0, 0, 0]
    array([ 1.,  1., -1.])
    """
    sign = np.array([1.0, -1.0])
    a, b, c = np.meshgrid(sign, sign, sign, indexing="ij")
    source = 'Jordan (1993), "Three Problems in Learning Mixed-Strategy Nash Equilibria"'
    labels = (("heads", "tails"),) * 3
    return _game(np.stack([a * b, b * c, -c * a]), labels, "three-player-pennies", source)


def iterated_prisoners_dilemma() -> StochasticGame:
    """FURTHER's iterated prisoner's dilemma: the state is the last joint action.

    >>> iterated_prisoners_dilemma().states
    ('start', 'CC', 'CD', 'DC', 'DD')
    """
    return iterated(prisoners_dilemma())


def iterated_bach_or_stravinsky() -> StochasticGame:
    """FURTHER's IBS: the state is the last joint action.

    >>> iterated_bach_or_stravinsky().num_states
    5
    """
    return iterated(bach_or_stravinsky())


def iterated_coordination() -> StochasticGame:
    """FURTHER's IC: the state is the last joint action.

    >>> iterated_coordination().reward.max()
    np.float64(8.0)
    """
    return iterated(coordination())


def iterated_matching_pennies() -> StochasticGame:
    """FURTHER's IMP: the state is the last joint action.

    >>> iterated_matching_pennies().initial
    array([1., 0., 0., 0., 0.])
    """
    return iterated(matching_pennies())


#: name -> factory, in the order of the command line's table
REGISTRY: dict[str, Callable[[], MatrixGame | StochasticGame]] = {
    factory.__name__.replace("_", "-"): factory
    for factory in (
        prisoners_dilemma,
        bach_or_stravinsky,
        coordination,
        matching_pennies,
        biased_pennies,
        tricky,
        stag_hunt,
        chicken,
        harmony,
        rock_paper_scissors,
        climbing,
        penalty,
        three_player_pennies,
        iterated_prisoners_dilemma,
        iterated_bach_or_stravinsky,
        iterated_coordination,
        iterated_matching_pennies,
        grid_game_1,
        grid_game_2,
        meeting,
        pursuit,
        soccer,
    )
}


class Row(TypedDict):
    """A line of the table of named games."""

    name: str
    players: int
    states: int
    actions: list[int]
    summary: str
    source: str


def named(name: str) -> MatrixGame | StochasticGame:
    """The game called ``name``; an unknown name is an InputError that suggests the nearest.

    >>> named("stag-hunt")
    MatrixGame('stag-hunt', actions 2×2)
    """
    return REGISTRY[one_of("game", name, REGISTRY)]()


def describe() -> list[Row]:
    """Name, sizes, summary and source of every named game.

    >>> describe()[0]["name"], describe()[0]["actions"]
    ('prisoners-dilemma', [2, 2])
    """
    rows = []
    for name, factory in REGISTRY.items():
        game = factory()
        row: Row = {
            "name": name,
            "players": game.num_players,
            "states": game.num_states if isinstance(game, StochasticGame) else 1,
            "actions": list(game.action_counts),
            "summary": (factory.__doc__ or "").strip().split("\n")[0],
            "source": game.source,
        }
        rows.append(row)
    return rows


def _symmetric(
    agent: np.ndarray, labels: tuple[tuple[str, ...], ...], name: str, source: str
) -> MatrixGame:
    """A game whose two players face the same payoffs with the roles swapped."""
    return _game([agent, agent.T], labels, name, source)


def _shared(payoff: list[list[float]], name: str, source: str) -> MatrixGame:
    """A game of common interest with actions A, B, C."""
    labels = (("A", "B", "C")[: len(payoff)],) * 2
    return _game([payoff, payoff], labels, name, source)


def _game(
    payoffs: object, labels: tuple[tuple[str, ...], ...], name: str, source: str
) -> MatrixGame:
    return MatrixGame(np.array(payoffs, dtype=float), actions=labels, name=name, source=source)
