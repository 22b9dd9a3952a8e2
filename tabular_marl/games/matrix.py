"""The matrix game: one state, one simultaneous choice.

    payoffs[i, a1, …, an]    player i's payoff, n ≥ 2, in reward units

One matrix [a, b] stands for a game of common interest, both players paid the same. As a
one-state stochastic game with discount γ its discounted value is the payoff over 1 − γ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_marl.games.labels import action_labels, player_names
from tabular_marl.games.stochastic import Array, StochasticGame
from tabular_marl.validation import InputError, finite_array, read_only, text


@dataclass(frozen=True, eq=False, repr=False)
class MatrixGame:
    """A game in strategic form; payoffs[i, a1, …, an], checked once, copied and locked.

    >>> game = MatrixGame([[[2, 0], [0, 1]], [[1, 0], [0, 2]]], name="bach-or-stravinsky")
    >>> game, game.payoffs[1, 1, 1]
    (MatrixGame('bach-or-stravinsky', actions 2×2), np.float64(2.0))
    """

    payoffs: Array
    actions: Any = None  # one list of labels a player; a tuple of tuples once checked
    name: str = ""
    source: str = ""
    players: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        payoffs: Array = finite_array("payoffs", self.payoffs)
        if payoffs.ndim == 2:
            payoffs = np.stack([payoffs, payoffs])
        if payoffs.ndim < 3 or payoffs.shape[0] != payoffs.ndim - 1 or 0 in payoffs.shape:
            raise InputError(
                "payoffs",
                "have shape (players, *actions), with an action axis for each player, or be one "
                "matrix that both players share",
                f"it had {payoffs.shape}",
            )
        counts = payoffs.shape[1:]
        for field, value in (
            ("payoffs", read_only(payoffs)),
            ("actions", action_labels(self.actions, counts)),
            ("name", text("name", self.name)),
            ("source", text("source", self.source)),
            ("players", player_names(self.players, len(counts))),
        ):
            object.__setattr__(self, field, value)

    @property
    def num_players(self) -> int:
        """n."""
        return int(self.payoffs.shape[0])

    @property
    def action_counts(self) -> tuple[int, ...]:
        """(A_1, …, A_n)."""
        return tuple(self.payoffs.shape[1:])

    @property
    def action_labels(self) -> tuple[tuple[str, ...], ...]:
        """The labels of each player's actions; "0", "1", … where none were given."""
        return self.actions or tuple(tuple(str(a) for a in range(n)) for n in self.action_counts)

    def as_stochastic(self, discount: float = 0.0) -> StochasticGame:
        """The one-state stochastic game that repeats this one for ever.

        >>> MatrixGame([[4, 0], [0, 8]]).as_stochastic(0.5)
        StochasticGame(1 state, actions 2×2, discount 0.5)
        """
        two = self.num_players == 2
        return StochasticGame(
            np.ones((1, *self.action_counts, 1)),
            self.payoffs[0, None] if two else self.payoffs[:, None],
            self.payoffs[1, None] if two else None,
            discount=discount,
            actions=self.actions,
            name=self.name,
            source=self.source,
            players=self.players,
        )

    def against(self, player: int) -> StochasticGame:
        """``player`` against one joint opponent, as a one-state stochastic game with γ = 0.

        A stochastic game because the joint opponent of three or more players has no payoff of
        its own; see :meth:`StochasticGame.against`.
        """
        return self.as_stochastic().against(player)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MatrixGame):
            return NotImplemented
        return np.array_equal(self.payoffs, other.payoffs) and (
            (self.actions, self.name, self.source, self.players)
            == (other.actions, other.name, other.source, other.players)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.action_counts))

    def __repr__(self) -> str:
        title = f"{self.name!r}, " if self.name else ""
        return f"MatrixGame({title}actions {'×'.join(map(str, self.action_counts))})"
