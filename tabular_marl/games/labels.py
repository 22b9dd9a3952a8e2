"""Labels of actions, names and indices of players: what both kinds of game check alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from tabular_marl.validation import InputError, labels


def action_labels(given: object, counts: Sequence[int]) -> tuple[tuple[str, ...], ...] | None:
    """Checked labels, one tuple a player, or None."""
    if given is None:
        return None
    lists = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
    if len(lists) != len(counts) or any(isinstance(one, str) for one in lists):
        raise InputError(
            "actions", f"be {len(counts)} lists of labels, one for each player", f"it was {given!r}"
        )
    return tuple(
        labels(f"actions[{k}]", one, n, f"actions of player {k}")
        for k, (one, n) in enumerate(zip(lists, counts, strict=True))
    )


def player_names(given: object, count: int) -> tuple[str, ...]:
    """Checked names, "Player 1", "Player 2", … where none were given."""
    if given is None:
        return tuple(f"Player {k + 1}" for k in range(count))
    return labels("players", given, count, "players")


def player_index(player: int, count: int) -> int:
    """A player's index 0..n−1."""
    if isinstance(player, bool) or not isinstance(player, int | np.integer):
        raise InputError("player", f"be an integer 0..{count - 1}", f"it was {player!r}")
    if not 0 <= player < count:
        raise InputError("player", f"be an integer 0..{count - 1}", f"it was {player}")
    return int(player)


def joint_labels(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One label for each tuple of labels, in C order; different tuples get different labels.

    >>> joint_labels([("C", "D"), ("C", "D")]), joint_labels([("up",), ("left", "right")])
    (('CC', 'CD', 'DC', 'DD'), ('up/left', 'up/right'))
    """
    given = [label for one in lists for label in one]
    tuples = itertools.product(*lists)
    if all(len(label) == 1 for label in given):
        return tuple("".join(chosen) for chosen in tuples)
    for separator in ("/", ", ", "|", ";"):
        if not any(separator in label for label in given):
            return tuple(separator.join(chosen) for chosen in tuples)
    return tuple(repr(chosen) for chosen in tuples)
