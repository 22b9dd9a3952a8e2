"""Tabular Q-learning with ε-greedy play, on a value grid or in exact rationals.

stateless    Q(a) ← Q(a) + α (r + γ max_b Q(b) − Q(a))
per state    Q(s, a) ← Q(s, a) + α (r + γ max_b Q(s', b) − Q(s, a))

                                        Watkins and Dayan (1992); opponents of FURTHER A and G.1
The maximum is over the table before the update. Only the entry that was played changes. Play is
greedy with probability 1 − ε and uniform with probability ε; ``tie`` says what greedy means where
several actions are best. θ is the whole table: on a :class:`Grid` its indices, [A] or [S·A]
integers; without one the exact rationals, which are finite in number only for special learners
(γ = 0 with α = 1, updates that reach a fixed point, …): ``explore`` finds out, and refuses the
rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.learners.grid import Grid
from tabular_marl.active.learners.rule import (
    TIES,
    Array,
    Event,
    Ints,
    NamedRule,
    Rule,
    among_best,
    unit_interval,
)
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, discount_factor, finite_array, one_of

#: Exact values with denominators of more bits than this are taken for an infinite set.
MAX_BITS = 4096

Table = tuple[Fraction, ...]


@dataclass(frozen=True)
class QLearning:
    """A Q-learner; ``initial`` is one table, a list of tables, or "every" table of the grid.

    Tables are [A] (stateless) or [S, A] (``per_state``). ``grid=None`` computes in rationals, where
    floats are read as the decimals that they print: 0.1 is 1/10. Defaults: FURTHER G.1.

    >>> from tabular_marl.games import bach_or_stravinsky
    >>> learner = QLearning(initial=[10, 20], grid=Grid(0, 20, 201))
    >>> rule = learner.bind(bach_or_stravinsky().as_stochastic(), 1)
    >>> rule.describe(rule.start()[0])
    array([10., 20.])
    """

    initial: Any
    step_size: float | Fraction = 0.5
    discount: float | Fraction = 0.9
    epsilon: float = 0.05
    per_state: bool = False
    tie: str = "uniform"
    grid: Grid | None = None

    def bind(self, game: StochasticGame, player: int) -> Rule:
        """The rule for ``player`` in ``game``."""
        one_of("tie", self.tie, TIES)
        unit_interval("epsilon", self.epsilon)
        unit_interval("step_size", float(self.step_size))
        discount_factor("discount", float(self.discount))
        actions = game.action_counts[player]
        shape = (game.num_states, actions) if self.per_state else (actions,)
        if self.grid is None:
            return _ExactRule(self, shape, player)
        return _GridRule(self, self.grid, shape, player)


class _GridRule:
    """θ [m, S·A or A] are grid indices; ties are exact."""

    def __init__(self, learner: QLearning, grid: Grid, shape: tuple[int, ...], player: int) -> None:
        self.learner, self.grid, self.shape, self.player = learner, grid, shape, player
        self.width = int(np.prod(shape))
        self.epsilon = float(learner.epsilon)
        if isinstance(learner.initial, str):
            one_of("initial", learner.initial, ("every",))
            self.given, self.num_starts = None, grid.points**self.width
        else:
            tables = _tables(learner.initial, shape).reshape(-1, self.width)
            self.given = grid.index("initial", tables)
            self.num_starts = tables.shape[0]

    def start(self) -> Ints:
        if self.given is not None:
            return self.given
        every = np.unravel_index(np.arange(self.num_starts), (self.grid.points,) * self.width)
        return np.stack(every, axis=1).astype(np.int64)

    def policy(self, theta: Ints, state: Ints) -> Array:
        rows = self._rows(theta, state)
        return among_best(rows == rows.max(axis=1, keepdims=True), self.learner.tie)

    def update(self, theta: Ints, event: Event) -> tuple[Ints, Array]:
        ahead = self.grid.values(self._rows(theta, event.next_state).max(axis=1))
        every = np.arange(theta.shape[0])
        entry = event.actions[:, self.player]
        if len(self.shape) == 2:
            entry = event.state * self.shape[1] + entry
        old = self.grid.values(theta[every, entry])
        target = event.reward + float(self.learner.discount) * ahead
        points, odds = self.grid.project(old + float(self.learner.step_size) * (target - old))
        after = np.repeat(theta[:, None, :], points.shape[1], axis=1)
        after[every, :, entry] = points
        return after, odds

    def describe(self, theta: Ints) -> Array:
        return self.grid.values(np.asarray(theta).reshape(self.shape))

    def _rows(self, theta: Ints, state: Ints) -> Ints:
        """The entries [m, A] that decide in each state."""
        if len(self.shape) == 1:
            return theta
        return theta.reshape(-1, *self.shape)[np.arange(state.size), state]


class _ExactRule(NamedRule):
    """θ names a tuple of rationals."""

    def __init__(self, learner: QLearning, shape: tuple[int, ...], player: int) -> None:
        self.learner, self.shape, self.player = learner, shape, player
        self.step_size = exact("step_size", learner.step_size)
        self.discount = exact("discount", learner.discount)
        if isinstance(learner.initial, str):
            raise InputError(
                "initial", "be tables of numbers without a grid", f"it was {learner.initial!r}"
            )
        given = np.asarray(learner.initial, dtype=object)
        width = int(np.prod(shape))
        if given.size % width or given.shape[given.ndim - len(shape) :] != shape:
            raise InputError("initial", f"be tables of shape {shape}", f"it had {given.shape}")
        starts = [tuple(exact("initial", v) for v in row) for row in given.reshape(-1, width)]
        super().__init__(starts, float(learner.epsilon), shape[-1])

    def respond(self, value: Table, state: int) -> ArrayLike:
        row = self._row(value, state)
        best = max(row)
        return np.asarray(among_best(np.array([[q == best for q in row]]), self.learner.tie)[0])

    def revise(
        self, value: Table, state: int, actions: tuple[int, ...], reward: float, next_state: int
    ) -> Sequence[tuple[Table, float]]:
        entry = actions[self.player] + (state * self.shape[1] if len(self.shape) == 2 else 0)
        target = exact("reward", reward) + self.discount * max(self._row(value, next_state))
        new = value[entry] + self.step_size * (target - value[entry])
        if new.denominator.bit_length() > MAX_BITS:
            raise InputError(
                "grid",
                "be given: the exact values of this learner do not close up",
                f"a denominator has {new.denominator.bit_length()} bits",
            )
        return [((*value[:entry], new, *value[entry + 1 :]), 1.0)]

    def _row(self, value: Table, state: int) -> Table:
        if len(self.shape) == 1:
            return value
        return value[state * self.shape[1] : (state + 1) * self.shape[1]]


def exact(argument: str, value: Any) -> Fraction:
    """A rational: integers, Fractions and "p/q" as they are, floats as the decimal they print.

    >>> exact("step_size", 0.1), exact("step_size", "2/3")
    (Fraction(1, 10), Fraction(2, 3))
    """
    try:
        if isinstance(value, float | np.floating):
            return Fraction(repr(float(value)))
        return Fraction(value)
    except (TypeError, ValueError, ZeroDivisionError):
        raise InputError(argument, "be a rational number", f"it was {value!r}") from None


def _tables(initial: Any, shape: tuple[int, ...]) -> Array:
    """One table or a list of tables as [k, *shape]."""
    given = finite_array("initial", initial)
    if given.ndim == len(shape):
        given = given[None]
    if given.shape[1:] != shape or not given.shape[0]:
        raise InputError("initial", f"be tables of shape {shape}", f"it had {np.shape(initial)}")
    return given
