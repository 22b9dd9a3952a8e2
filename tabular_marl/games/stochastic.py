"""The stochastic game, and the axis conventions of the whole package.

A game Γ = (S, A_1, …, A_n, P, r, γ): in state s the players choose a = (a_1, …, a_n) at once,
player i is paid r_i(s, a), and the next state t has probability P(t | s, a). With values in
reward units, a backup reads

    Q(s, a) = r(s, a) + γ Σ_t P(t | s, a) V(t).

Axes (the one place that fixes them)
    transition[s, a1, …, an, t]    probabilities; or a scipy.sparse matrix of shape
                                   (S·A_1⋯A_n, S) with rows (s, a1, …, an) in C order
    two players (the agent i and the opponent −i, report section 1.1):
        reward[s, a, b]            the agent's;  opponent_reward[s, a, b]  the opponent's, or None
    n ≥ 3 players:
        reward[i, s, a1, …, an]    player i's
    discount γ in [0, 1);  initial[s] an optional distribution of the first state.

Inputs are checked once, copied, and locked. A single-agent problem is a game whose opponent has
one action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from tabular_marl.games.labels import action_labels, joint_labels, player_index, player_names
from tabular_marl.games.transitions import check_transition, lock
from tabular_marl.validation import (
    InputError,
    discount_factor,
    finite_array,
    labels,
    probability_rows,
    read_only,
    text,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class StochasticGame:
    """A finite discounted stochastic game; the module's docstring fixes axes and units.

    ``states`` and ``actions`` (one list a player) are optional labels, ``players`` names; ``name``
    is a title and ``source`` says where the game is from. ``initial`` may be given as a
    distribution, a state's index or a state's label. Raises InputError on anything malformed.

    >>> import numpy as np
    >>> game = StochasticGame(np.full((2, 2, 1, 2), 0.5), [[[1.0], [0.0]], [[0.0], [2.0]]])
    >>> game
    StochasticGame(2 states, actions 2×1, discount 0.9)
    >>> game.reward[1, 1, 0], game.action_counts
    (np.float64(2.0), (2, 1))
    """

    transition: Any  # ndarray [s, a1, …, an, t] or csr_array (S·ΠA, S)
    reward: Array
    opponent_reward: Array | None = None
    discount: float = 0.9
    states: tuple[str, ...] | None = None
    actions: Any = None  # one list of labels a player; a tuple of tuples once checked
    name: str = ""
    source: str = ""
    initial: Array | None = None
    players: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        reward, opponent = _rewards(self.reward, self.opponent_reward)
        shape = reward.shape if reward.ndim == 3 else reward.shape[1:]
        num_states, counts = shape[0], shape[1:]
        if 0 in shape:
            raise InputError("reward", "have at least one state and action", f"its shape {shape}")
        checked: dict[str, Any] = {
            "reward": read_only(reward),
            "opponent_reward": None if opponent is None else read_only(opponent),
            "discount": discount_factor("discount", self.discount),
            "states": self._check_states(num_states),
            "actions": action_labels(self.actions, counts),
            "players": player_names(self.players, len(counts)),
            "name": text("name", self.name),
            "source": text("source", self.source),
        }
        _set(self, checked)
        transition = check_transition(self.transition, shape, self.states, self.actions)
        _set(self, {"initial": self._check_initial(), "transition": transition})

    # -- shape ---------------------------------------------------------------------------------

    @property
    def num_players(self) -> int:
        """n ≥ 2, counting the opponent."""
        return self.reward.ndim - 1 if self.reward.ndim == 3 else self.reward.ndim - 2

    @property
    def num_states(self) -> int:
        """S."""
        return int(self.reward.shape[0 if self.reward.ndim == 3 else 1])

    @property
    def action_counts(self) -> tuple[int, ...]:
        """(A_1, …, A_n)."""
        return tuple(self.reward.shape[-self.num_players :])

    @property
    def is_sparse(self) -> bool:
        """Whether the transitions are stored as a scipy.sparse CSR array."""
        return bool(sparse.issparse(self.transition))

    @property
    def transition_rows(self) -> Any:
        """P as (S·A_1⋯A_n, S): the CSR array itself, or a 2-D view of the dense array."""
        return self.transition if self.is_sparse else self.transition.reshape(-1, self.num_states)

    # -- labels --------------------------------------------------------------------------------

    @property
    def state_labels(self) -> tuple[str, ...]:
        """The labels of the states; "0", "1", … where none were given."""
        return self.states or tuple(str(s) for s in range(self.num_states))

    @property
    def action_labels(self) -> tuple[tuple[str, ...], ...]:
        """The labels of each player's actions; "0", "1", … where none were given."""
        return self.actions or tuple(tuple(str(a) for a in range(n)) for n in self.action_counts)

    # -- views ---------------------------------------------------------------------------------

    def player_reward(self, player: int) -> Array:
        """r_i as [s, a1, …, an], in the game's own order of axes."""
        i = player_index(player, self.num_players)
        if self.num_players > 2:
            return np.asarray(self.reward[i])
        if i == 0:
            return self.reward
        if self.opponent_reward is None:
            raise InputError(
                "player", "be 0 in a game without opponent_reward", f"it was {player!r}"
            )
        return self.opponent_reward

    def against(self, player: int) -> StochasticGame:
        """The two-player view of ``player`` i against one joint opponent (report section 1.1).

        The joint opponent's action is the tuple of the others' actions, in C order with the
        players' order kept and labels joined; ``opponent_reward`` is the other's reward in a
        two-player game and None otherwise. ``against(0)`` of a two-player game is the game.

        >>> from tabular_marl.games import climbing
        >>> climbing().as_stochastic().against(1).players
        ('Player 2', 'Player 1')
        """
        i = player_index(player, self.num_players)
        n = self.num_players
        if n == 2 and i == 0:
            return self
        order = (i, *(k for k in range(n) if k != i))
        counts = self.action_counts
        shape = (self.num_states, counts[i], math.prod(counts) // counts[i])

        def view(array: Array, tail: tuple[int, ...] = ()) -> Array:
            """``array`` [s, a1, …, an, *tail] as [s, ai, b, *tail]."""
            axes = (0, *(1 + k for k in order), *range(n + 1, n + 1 + len(tail)))
            moved = array.transpose(axes).reshape(*shape, *tail)
            return read_only(np.ascontiguousarray(moved))

        if self.is_sparse:
            rows = np.arange(self.transition.shape[0]).reshape(self.num_states, *counts)
            transition = lock(self.transition[view(rows).ravel()])
        else:
            transition = view(self.transition, (self.num_states,))
        actions = self.actions and (
            self.actions[i],
            joint_labels([self.actions[k] for k in order[1:]]),
        )
        names = self.players or ()
        return _trusted(
            self,
            transition=transition,
            reward=view(self.player_reward(i)),
            opponent_reward=view(self.reward) if n == 2 else None,
            actions=actions,
            players=names and (names[i], joint_labels([(names[k],) for k in order[1:]])[0]),
        )

    def with_discount(self, discount: float) -> StochasticGame:
        """The same game with another γ in [0, 1); the arrays are shared, not copied."""
        return _trusted(self, discount=discount_factor("discount", discount))

    # -- being a value -------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StochasticGame):
            return NotImplemented
        return self is other or all(
            _same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.num_states, self.action_counts, self.discount))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickled arrays are locked again."""
        _set(self, state)
        for part in (self.transition, self.reward, self.opponent_reward, self.initial):
            if sparse.issparse(part):
                lock(part)
            elif part is not None:
                read_only(part)

    def __repr__(self) -> str:
        title = f"{self.name!r}, " if self.name else ""
        size = f"{self.num_states} state{'s' if self.num_states != 1 else ''}"
        kind = f", sparse with {self.transition.nnz} transitions" if self.is_sparse else ""
        return (
            f"StochasticGame({title}{size}, actions {'×'.join(map(str, self.action_counts))}, "
            f"discount {self.discount:g}{kind})"
        )

    def _check_states(self, count: int) -> tuple[str, ...] | None:
        return None if self.states is None else labels("states", self.states, count, "states")

    def _check_initial(self) -> Array | None:
        given: Any = self.initial
        if given is None:
            return None
        if isinstance(given, str):
            if given not in self.state_labels:
                raise InputError("initial", "be one of the states", f"it was {given!r}")
            given = self.state_labels.index(given)
        if isinstance(given, int | np.integer):
            if not 0 <= given < self.num_states:
                raise InputError(
                    "initial", f"be a state 0..{self.num_states - 1}", f"it was {given}"
                )
            given = np.eye(1, self.num_states, int(given))[0]
        return read_only(probability_rows("initial", given, (self.num_states,)))


def _rewards(given: ArrayLike, opponent: ArrayLike | None) -> tuple[Array, Array | None]:
    """Fresh copies; two players given as reward[2, s, a, b] are split into the two arrays."""
    reward = finite_array("reward", given)
    if reward.ndim < 3:
        raise InputError(
            "reward",
            "have shape (states, actions, opponent's actions) or (players, states, *actions); a "
            "single agent's opponent has one action",
            f"it had {reward.shape}",
        )
    if reward.ndim == 3:
        if opponent is None:
            return reward, None
        return reward, finite_array("opponent_reward", opponent, reward.shape)
    players = reward.ndim - 2
    if reward.shape[0] != players:
        raise InputError(
            "reward",
            f"have first length {players}, the number of action axes, when it has one array for "
            "each player",
            f"its shape was {reward.shape}",
        )
    if opponent is not None:
        raise InputError(
            "opponent_reward",
            "be None when reward holds every player's",
            f"it had shape {np.shape(opponent)}",
        )
    return (reward[0].copy(), reward[1].copy()) if players == 2 else (reward, None)


def _same(one: Any, other: Any) -> bool:
    """Equality of two field values, entry by entry for arrays; both CSR forms are canonical."""
    if type(one) is not type(other):
        return False
    if sparse.issparse(one):
        parts = ("shape", "data", "indices", "indptr")
        return all(np.array_equal(getattr(one, p), getattr(other, p)) for p in parts)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


def _set(game: StochasticGame, values: dict[str, Any]) -> None:
    for name, value in values.items():
        object.__setattr__(game, name, value)


def _trusted(game: StochasticGame, **changes: Any) -> StochasticGame:
    """``game`` with fields that need no second check."""
    twin = object.__new__(StochasticGame)
    _set(twin, {**game.__dict__, **changes})
    return twin
