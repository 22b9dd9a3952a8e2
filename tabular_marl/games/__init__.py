"""Games: matrix and stochastic games, a library of named ones, generators, and file formats.

import tabular_marl as tm
tm.games.prisoners_dilemma(), tm.games.iterated(tm.games.chicken()), tm.games.named("soccer")
"""

from tabular_marl.games.four_rooms import four_rooms
from tabular_marl.games.generate import random_game, random_matrix_game, ring_game, sparse_game
from tabular_marl.games.gridworlds import grid_game_1, grid_game_2, meeting, pursuit, soccer
from tabular_marl.games.iterate import iterated
from tabular_marl.games.library import (
    REGISTRY,
    bach_or_stravinsky,
    biased_pennies,
    chicken,
    climbing,
    coordination,
    describe,
    harmony,
    iterated_bach_or_stravinsky,
    iterated_coordination,
    iterated_matching_pennies,
    iterated_prisoners_dilemma,
    matching_pennies,
    named,
    penalty,
    prisoners_dilemma,
    rock_paper_scissors,
    stag_hunt,
    three_player_pennies,
    tricky,
)
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.planted import PlantedGame, plant
from tabular_marl.games.stochastic import StochasticGame

__all__ = [
    "REGISTRY",
    "MatrixGame",
    "PlantedGame",
    "StochasticGame",
    "bach_or_stravinsky",
    "biased_pennies",
    "chicken",
    "climbing",
    "coordination",
    "describe",
    "four_rooms",
    "grid_game_1",
    "grid_game_2",
    "harmony",
    "iterated",
    "iterated_bach_or_stravinsky",
    "iterated_coordination",
    "iterated_matching_pennies",
    "iterated_prisoners_dilemma",
    "matching_pennies",
    "meeting",
    "named",
    "penalty",
    "plant",
    "prisoners_dilemma",
    "pursuit",
    "random_game",
    "random_matrix_game",
    "ring_game",
    "rock_paper_scissors",
    "soccer",
    "sparse_game",
    "stag_hunt",
    "three_player_pennies",
    "tricky",
]
