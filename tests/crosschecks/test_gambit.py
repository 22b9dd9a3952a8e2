"""Gambit itself reads what we write, and we read what it writes (skipped without pygambit ≥ 17)."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.games.formats import nfg

pygambit = pytest.importorskip("pygambit", minversion="17.0.0b0")

GAMES = [tm.games.named(name) for name in tm.games.REGISTRY]
MATRIX = [game for game in GAMES if isinstance(game, tm.MatrixGame)]
MATRIX += [tm.games.random_matrix_game((3, 2, 4), seed=k) for k in range(3)]
MATRIX += [tm.games.penalty(-1 / 3), tm.MatrixGame([[1e-9, 2.5e20], [-1e-300, 22 / 7]])]


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize("game", MATRIX, ids=repr)
def test_gambit_reads_what_we_write(game: tm.MatrixGame, outcomes: bool) -> None:
    theirs = pygambit.read_nfg(io.BytesIO(nfg.encode(game, outcomes=outcomes)))
    assert theirs.title == game.name
    assert theirs.description == game.source
    assert tuple(theirs.players) == game.players
    if game.actions:
        assert tuple(tuple(theirs.get_strategies(p)) for p in theirs.players) == game.actions
    tables = theirs.to_arrays(dtype=Fraction)
    for index in np.ndindex(game.payoffs.shape):
        assert float(tables[index[0]][index[1:]]) == game.payoffs[index]


@pytest.mark.parametrize("game", MATRIX, ids=repr)
def test_what_gambit_writes_back_is_the_same_game(game: tm.MatrixGame) -> None:
    theirs = pygambit.read_nfg(io.BytesIO(nfg.encode(game)))
    back = nfg.decode(theirs.to_nfg().encode())
    assert np.array_equal(back.payoffs, game.payoffs)
    assert (back.name, back.source, back.players) == (game.name, game.source, game.players)
    if game.actions:
        assert back.actions == game.actions
