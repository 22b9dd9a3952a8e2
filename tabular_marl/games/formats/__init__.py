"""Game files: .npz, .json and Gambit's .nfg, read and written.

``load_game(path)`` and ``save_game(game, path)`` choose by extension. What is saved loads back as
an equal game: the same float64 numbers bit for bit, labels, names, source. A number that is
written as text is the shortest text that reads back as the same float, or p/q where a fraction
with denominator at most 10 000 does (see :mod:`.numbers`), so 1/3 stays "1/3".

Files are checked as strictly as arguments: every failure to read is an InputError that names the
file, and the field or line in it. Nothing is unpickled. A save is atomic: a new file takes the
old one's place only when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tabular_marl.games.formats import jsonfile, nfg, npz
from tabular_marl.games.formats.files import read_bytes, replace_file
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError

Game = MatrixGame | StochasticGame

_READ: dict[str, Callable[[bytes], Game]] = {
    ".npz": npz.decode,
    ".json": jsonfile.decode,
    ".nfg": nfg.decode,
}
_WRITE: dict[str, Callable[[Game], bytes]] = {
    ".npz": npz.encode,
    ".json": jsonfile.encode,
    ".nfg": nfg.encode,
}
#: The extensions that load_game and save_game know.
SUFFIXES = tuple(_READ)


def load_game(path: str | os.PathLike[str]) -> Game:
    """The game in a .npz, .json or .nfg file; .nfg and files with ``payoffs`` give a MatrixGame.

    Raises InputError, naming the file, where it is missing, truncated, pickled or malformed.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "thirds.json")
    ...     _ = path.write_text('{"payoffs": [["1/3", 0], [0, 1]], "name": "thirds"}')
    ...     load_game(path)
    MatrixGame('thirds', actions 2×2)
    """
    suffix = _suffix(path)
    data = read_bytes(path)
    try:
        return _READ[suffix](data)
    except InputError as error:
        raise InputError(
            f"file {os.fspath(path)!r}", "hold a valid game", f"in it, {error}"
        ) from error


def save_game(game: Game, path: str | os.PathLike[str]) -> None:
    """Write ``game`` to a .npz, .json or .nfg file, atomically; .nfg holds matrix games only.

    >>> import tempfile, tabular_marl as tm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_game(tm.games.chicken(), f"{folder}/chicken.nfg")
    ...     load_game(f"{folder}/chicken.nfg") == tm.games.chicken()
    True
    """
    suffix = _suffix(path)
    if not isinstance(game, MatrixGame | StochasticGame):
        raise InputError("game", "be a MatrixGame or a StochasticGame", f"it was {game!r}")
    replace_file(path, _WRITE[suffix](game))


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in _READ:
        raise InputError(
            "path",
            f"end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
            f"it was {os.fspath(path)!r}",
        )
    return suffix


__all__ = ["SUFFIXES", "load_game", "save_game"]
