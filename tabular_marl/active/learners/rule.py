"""What a learner is: a policy that depends on parameters θ, and an update of θ.

    a_j ~ π_j(·|s; θ_j),      θ_j' ~ U_j(·|θ_j, s, a, r_j, s')           FURTHER 2.1, Prop. 1

A ``Learner`` is a description (a frozen dataclass); ``bind(game, player)`` gives its ``Rule`` for
one seat of one game. Rules work on batches: θ is a row of integers, [m, width], whatever it stands
for: grid points, a window of actions, or names of arbitrary values (:class:`NamedRule`). The
update may see the whole transition, an :class:`Event` with all players' actions.

The policy that is played is (1 − ε) π_j + ε / A_j, with ``rule.epsilon`` = ε kept apart from π_j.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, finite_array

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Event:
    """Transitions: state [m], actions [m, n], this player's reward [m], next state [m]."""

    state: Ints
    actions: Ints
    reward: Array
    next_state: Ints


class Rule(Protocol):
    """A learner in its seat."""

    width: int
    epsilon: float

    @property
    def num_starts(self) -> int:
        """How many rows ``start`` gives: known before they are made, however many they are."""

    def start(self) -> Ints:
        """The parameters it may start from, [starts, width]."""

    def policy(self, theta: Ints, state: Ints) -> Array:
        """π_j(·|s; θ) before exploration, [m, A_j]."""

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        """Every θ' [m, branches, width] with its probability [m, branches] (0 for none)."""

    def describe(self, theta: Ints) -> Any:
        """θ [width] in words or numbers that a reader understands."""


class Learner(Protocol):
    """A learning rule before it knows its game."""

    def bind(self, game: StochasticGame, player: int) -> Rule:
        """The rule for ``player`` in ``game``."""


def unit_interval(argument: str, value: float) -> float:
    """A probability or a step size in [0, 1]."""
    number = float(finite_array(argument, value, ()))
    if not 0 <= number <= 1:
        raise InputError(argument, "be in [0, 1]", f"it was {number:g}")
    return number


def hashable(argument: str, value: Any, when: str = "") -> Any:
    """``value``, if a dictionary can hold it: learners' parameters are told apart by that."""
    try:
        hash(value)
    except TypeError:
        must = "give hashable parameters (numbers, strings, tuples; no lists, arrays or dicts)"
        raise InputError(argument, must, f"{when}one was {value!r}") from None
    return value


def among_best(best: NDArray[np.bool_], tie: str) -> Array:
    """A policy [m, A] on the best actions: even odds ("uniform"), or the "first" or "last" one."""
    if tie == "uniform":
        return np.asarray(best / best.sum(axis=1, keepdims=True))
    chosen = best.argmax(axis=1) if tie == "first" else _last(best)
    return np.asarray(np.eye(best.shape[1])[chosen])


def _last(best: NDArray[np.bool_]) -> Ints:
    last: Ints = best.shape[1] - 1 - best[:, ::-1].argmax(axis=1)
    return last


#: Tie rules that :func:`among_best` knows.
TIES = ("uniform", "first", "last")


def one_branch(theta: Ints) -> tuple[Ints, Array]:
    """A deterministic update: θ' [m, width] with probability one."""
    return theta[:, None, :], np.ones((theta.shape[0], 1))


class NamedRule:
    """Base for rules whose parameters are any hashable values: they are named 0, 1, 2, … as met.

    A subclass gives ``respond(value, s)``, the policy [A_j], and ``revise(value, s, actions,
    reward, s')``, a list of (value, probability); both are called once for each different input.
    """

    width = 1

    def __init__(self, starts: Iterable[Hashable], epsilon: float, num_actions: int) -> None:
        self.epsilon = epsilon
        self.num_actions = num_actions
        self.values: list[Any] = []
        self._names: dict[Hashable, int] = {}
        self._responses: dict[tuple[int, int], Array] = {}
        self._revisions: dict[tuple[Any, ...], list[tuple[int, float]]] = {}
        self._starts = np.array([[self.name(value)] for value in starts], dtype=np.int64)

    def respond(self, value: Any, state: int) -> ArrayLike:
        """π_j(·|s; value)."""
        raise NotImplementedError

    def revise(
        self, value: Any, state: int, actions: tuple[int, ...], reward: float, next_state: int
    ) -> Sequence[tuple[Hashable, float]]:
        """U_j(·|value, s, a, r, s') as pairs."""
        raise NotImplementedError

    def name(self, value: Hashable) -> int:
        """The number of a parameter value."""
        known = self._names.get(value)
        if known is None:
            known = self._names[value] = len(self.values)
            self.values.append(value)
        return known

    @property
    def num_starts(self) -> int:
        """How many parameters it may start from."""
        return int(self._starts.shape[0])

    def start(self) -> Ints:
        """The parameters it may start from, [starts, 1]."""
        return self._starts

    def describe(self, theta: Ints) -> Any:
        """The value that θ names."""
        return self.values[int(theta[0])]

    def policy(self, theta: Ints, state: Ints) -> Array:
        """π_j(·|s; θ), [m, A_j]."""
        out = np.empty((theta.shape[0], self.num_actions))
        for k, key in enumerate(zip(theta[:, 0].tolist(), state.tolist(), strict=True)):
            if key not in self._responses:
                given = finite_array("policy", self.respond(self.values[key[0]], key[1]))
                if (
                    given.shape != (self.num_actions,)
                    or given.min() < 0
                    or abs(given.sum() - 1) > 1e-9
                ):
                    raise InputError(
                        "policy",
                        f"be a distribution over {self.num_actions} actions",
                        f"in state {key[1]} with parameters {self.values[key[0]]!r} it was {given}",
                    )
                self._responses[key] = given
            out[k] = self._responses[key]
        return out

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        """Every θ' with its probability, padded to the longest list."""
        table = np.column_stack([theta[:, 0], event.state, event.actions, event.next_state])
        unique, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
        lists = []
        for row, k in zip(unique.tolist(), first.tolist(), strict=True):
            key = tuple(row)
            if key not in self._revisions:
                self._revisions[key] = self._revised(key, float(event.reward[k]))
            lists.append(self._revisions[key])
        longest = max(map(len, lists))
        names = np.zeros((len(lists), longest, 1), dtype=np.int64)
        chances = np.zeros((len(lists), longest))
        for k, pairs in enumerate(lists):
            for b, (name, chance) in enumerate(pairs):
                names[k, b, 0], chances[k, b] = name, chance
        inverse = inverse.ravel()
        return names[inverse], chances[inverse]

    def _revised(self, key: tuple[Any, ...], reward: float) -> list[tuple[int, float]]:
        name, state, *actions, next_state = key
        value = self.values[name]
        pairs = self.revise(value, state, tuple(actions), reward, next_state)
        total = sum(chance for _, chance in pairs)
        if not abs(total - 1) <= 1e-9 or any(chance < 0 for _, chance in pairs):
            raise InputError(
                "update",
                "return parameters with probabilities that sum to 1",
                f"from {value!r} in state {state} after actions {tuple(actions)} it returned "
                f"{list(pairs)!r}",
            )
        return [(self.name(v), float(chance)) for v, chance in pairs]
