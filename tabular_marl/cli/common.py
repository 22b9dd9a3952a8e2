"""What several commands need: how a game is read, a spinner, the ``--json`` flag."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

if TYPE_CHECKING:
    from tabular_marl.games.matrix import MatrixGame
    from tabular_marl.games.stochastic import StochasticGame

DeviceName = Annotated[str, arg(help="Where to compute: cpu, cuda, or cuda:1.")]
JsonFlag = Annotated[bool, arg(help="Print one JSON value to stdout and nothing else.")]


def read_game(game: str) -> MatrixGame | StochasticGame:
    """A named game, or a file where the argument looks like a path or exists as one."""
    from tabular_marl.games import formats, library

    if Path(game).suffix in formats.SUFFIXES or "/" in game or Path(game).is_file():
        return formats.load_game(game)
    return library.named(game)


def working(what: str, quiet: bool) -> AbstractContextManager[Any]:
    """A spinner on stderr, where somebody watches."""
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(what)


def torch_on_one_thread() -> None:
    """Torch with one thread, unless OMP_NUM_THREADS says how many.

    Networks here are small: on a machine with other work two threads are slower than one, by far.
    Raises ImportError, with the command that installs it, where torch is missing.
    """
    from tabular_marl.deep import require_torch

    torch = require_torch()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
