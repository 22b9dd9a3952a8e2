"""Games: matrix and stochastic games, a library of named ones, generators, and file formats."""

from tabular_marl.games.matrix import MatrixGame as MatrixGame
from tabular_marl.games.stochastic import StochasticGame as StochasticGame
