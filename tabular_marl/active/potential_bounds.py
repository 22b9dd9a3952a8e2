"""Proved upper bounds against Q-learners with a table for each last joint action, greedy or not.

    Q(s, b) ← Q(s, b) + α (r_j + γ max Q(s', ·) − Q(s, b)),      s' = (a, b) the joint action

Eight values and more are too many for cells. But for any function h of all that is known,

    g*  ≤  max over a and tables of  E[r_i + h'] − h

(Odoni 1969), and for h that are affine in the table, one for each w = the last ``memory`` joint
actions and each action that is greedy now, this is a finite number of affine inequalities on
polytopes: what is greedy in the states ahead tells which entry is max Q(s', ·). The sides G z ≥ 0,
z = (1, Q), of a polytope are the box of values, what is greedy, and, with ``memory`` ≥ 2 and p the
state before s, what the last update e of Q(p, b) left: e = (1 − α) old + α (r + γ max Q(s, ·)).

    t − v·z = λ·G z  with  λ ≥ 0   proves  v·z ≤ t                                    (Farkas)

so h, λ and the least t are a linear programme. Its numbers are not trusted: with λ ≥ 0 of any
origin and ρ = v + Gᵀ λ, v·z = ρ·z − λ·G z ≤ ρ_0 + Σ_e max(ρ_e low_e, ρ_e high_e), in rationals.
Both actions of a tie satisfy their polytopes, so bounds hold for every tie rule. What is earned at
least: active/table_play.py for greedy learners, active/fixed_play.py for exploring ones.
                                                                        FURTHER A, Fig. 6a and 6b
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import linprog

from tabular_marl.active.learners.q_learning import exact
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.solution import NotConverged
from tabular_marl.validation import InputError, integer

#: A linear programme with more inequalities than this would take hours.
MOST_INEQUALITIES = 20_000

Rationals = NDArray[Any]


@dataclass(frozen=True)
class Inequality:
    """Reward and moves [(probability, z' = M z, next mode)] of one case; ``sides`` G [m, n]."""

    mode: int
    reward: Fraction
    moves: tuple[tuple[Fraction, Rationals, int], ...]
    sides: Rationals


@dataclass(frozen=True)
class TableLearner:
    """A learner of two actions in ``seat`` with one table [2] for each last joint action.

    ``box`` [2, 2] holds the least and the largest value of each of its actions, in all states;
    by default what rewards can keep up, [min r, max r]/(1 − γ). Raises InputError where a step
    leaves the box.

    >>> from tabular_marl.games import prisoners_dilemma
    >>> box = [[-21, -1], [-20, 0]]  # P/(1 − γ) = −20; S + γ P/(1 − γ) = −21
    >>> round(TableLearner(prisoners_dilemma(), "1/2", "9/10", box=box).upper_bound(), 6)
    -0.518519
    """

    game: MatrixGame
    step_size: Any
    discount: Any
    epsilon: Any = 0
    box: ArrayLike | None = None
    seat: int = 1

    def __post_init__(self) -> None:
        game, seat = self.game, integer("seat", self.seat, 0)
        if game.num_players != 2 or game.action_counts[seat] != 2:
            raise InputError(
                "game", "give the learner two actions", f"it gave {game.action_counts}"
            )
        for name, top in (("step_size", True), ("discount", False), ("epsilon", True)):
            value = exact(name, getattr(self, name))
            if not (0 <= value < 1 or (top and value == 1)):
                raise InputError(name, f"be in [0, 1{']' if top else ')'}", f"it was {value}")
        (low, high), gamma = self.values.T, exact("discount", self.discount)
        aims = self.payoff(seat)
        if (
            (low > high).any()
            or (aims.min(axis=0) + gamma * max(low) < low).any()
            or (aims.max(axis=0) + gamma * max(high) > high).any()
        ):
            raise InputError("box", "be one that no update leaves", f"it was {self.box}")

    def payoff(self, player: int) -> Rationals:
        """What ``player`` earns, [agent i's action, the learner's action], in rationals."""
        table = self.game.payoffs[player] if self.seat == 1 else self.game.payoffs[player].T
        return _rational(table)

    @cached_property
    def values(self) -> Rationals:
        """The box in rationals, [2, (least, largest)]."""
        if self.box is not None:
            given = _rational(self.box)
            if given.shape != (2, 2):
                raise InputError("box", "have shape (2, 2)", f"it had {given.shape}")
            return given
        learned = self.payoff(self.seat) / (1 - exact("discount", self.discount))
        return np.array([[learned.min(), learned.max()]] * 2)

    def upper_bound(self, memory: int = 1) -> float:
        """No play earns more on average, from any tables in the box.

        A longer ``memory`` is never worse and takes longer. Raises InputError, NotConverged.
        """
        count = self._modes(integer("memory", memory)) * self.own * (2 if self.epsilon == 0 else 4)
        if count > MOST_INEQUALITIES:
            must = f"give at most {MOST_INEQUALITIES} inequalities"
            raise InputError("memory", must, f"{memory} gives about {count}")
        cases = list(self._inequalities(memory))
        low, high = np.tile(self.values.T, 2 * self.own)
        least = max(
            _proved(case, potential, weights, low, high)
            for case, potential, weights in _solved(cases, self._modes(memory), self.width)
        )
        return math.nextafter(float(least), math.inf)

    @property
    def own(self) -> int:
        """How many actions agent i has."""
        return int(self.game.action_counts[1 - self.seat])

    @property
    def width(self) -> int:
        """Entries of z = (1, Q): Q in C order of (s, b)."""
        return 1 + 4 * self.own

    def _modes(self, memory: int) -> int:
        """Pairs of a window of joint actions (base S, the newest last) and what is greedy now."""
        return int(2 * (2 * self.own) ** memory)

    def _inequalities(self, memory: int) -> Iterator[Inequality]:
        states, slip = 2 * self.own, exact("epsilon", self.epsilon) / 2
        own = self.payoff(1 - self.seat)
        for mode in range(self._modes(memory)):
            window, greedy = divmod(mode, 2)
            state = window % states
            sides = self._sides(window, greedy, memory)
            for a in range(self.own):
                plays = [(1 - slip, greedy)] + ([(slip, 1 - greedy)] if slip else [])
                reward = sum((p * own[a, b] for p, b in plays), Fraction(0))
                ways = [list(self._moves(state, greedy, a, b)) for _, b in plays]
                for chosen in itertools.product(*ways):
                    moves = []
                    for (p, b), (matrix, _, ahead) in zip(plays, chosen, strict=True):
                        after = (window * states + 2 * a + b) % states**memory
                        moves.append((p, matrix, 2 * after + ahead))
                    known = [side for _, side, _ in chosen]
                    yield Inequality(mode, reward, tuple(moves), np.array(sides + known))

    def _sides(self, window: int, greedy: int, memory: int) -> list[Rationals]:
        """What is known in a mode, as rows of G."""
        states, box = 2 * self.own, np.tile(self.values, (2 * self.own, 1))
        unit = np.eye(self.width, dtype=int) * Fraction(1)
        sides = [unit[1 + e] - low * unit[0] for e, (low, _) in enumerate(box)]
        sides += [high * unit[0] - unit[1 + e] for e, (_, high) in enumerate(box)]
        state, before = window % states, window // states % states
        sides.append(unit[1 + 2 * state + greedy] - unit[2 + 2 * state - greedy])
        if memory > 1 and before != state:  # then the update has not changed max Q(state, ·)
            alpha = exact("step_size", self.step_size)
            a, b = divmod(state, 2)
            aim = self.payoff(self.seat)[a, b] * unit[0]
            aim = aim + exact("discount", self.discount) * unit[1 + 2 * state + greedy]
            old = unit[1 + 2 * before + b] - alpha * aim  # times 1 − α
            low, high = (1 - alpha) * self.values[b]
            sides += [old - low * unit[0], high * unit[0] - old]
            if self.epsilon == 0:  # it was greedy
                sides.append(old - (1 - alpha) * unit[2 + 2 * before - b])
        return sides

    def _moves(
        self, state: int, greedy: int, a: int, b: int
    ) -> Iterator[tuple[Rationals, Rationals, int]]:
        """(M, the side that tells the case, what is greedy next) when (a, b) is played."""
        alpha, ahead = exact("step_size", self.step_size), 2 * a + b
        unit = np.eye(self.width, dtype=int) * Fraction(1)
        for following in range(2):
            best = greedy if ahead == state else following
            matrix = unit.copy()
            matrix[1 + 2 * state + b] *= 1 - alpha
            matrix[1 + 2 * state + b, 0] += alpha * self.payoff(self.seat)[a, b]
            matrix[1 + 2 * state + b, 1 + 2 * ahead + best] += alpha * exact(
                "discount", self.discount
            )
            side = matrix[1 + 2 * ahead + following] - matrix[2 + 2 * ahead - following]
            yield matrix, side, following


def _rational(table: ArrayLike) -> Rationals:
    given = np.asarray(table)
    flat = [exact("game", v) for v in given.ravel().tolist()]
    return np.array(flat, dtype=object).reshape(given.shape)


def _solved(
    cases: list[Inequality], modes: int, width: int
) -> Iterator[tuple[Inequality, Any, Any]]:
    """Each case with h [modes, width] and its λ, as the linear programme has them."""
    rows, columns, entries, right = [], [], [], np.zeros((len(cases), width))
    total = 1 + modes * width
    first = []
    for k, case in enumerate(cases):
        terms = [(1.0, np.eye(width), case.mode)]
        terms += [(-float(p), matrix.T.astype(float), m) for p, matrix, m in case.moves]
        for factor, matrix, mode in terms:
            at = np.nonzero(matrix)
            rows.append(k * width + at[0])
            columns.append(1 + mode * width + at[1])
            entries.append(factor * matrix[at])
        sides = case.sides.astype(float)
        at = np.nonzero(sides.T)
        rows += [k * width + at[0], np.array([k * width])]
        columns += [total + at[1], np.array([0])]
        entries += [-sides.T[at], np.ones(1)]
        right[k, 0] = float(case.reward)
        first.append(total)
        total += sides.shape[0]
    programme = sparse.csr_array(
        (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))),
        shape=(right.size, total),
    )
    cost = np.zeros(total)
    cost[0] = 1.0
    least = np.where(np.arange(total) <= modes * width, -np.inf, 0.0)
    answer = linprog(
        cost, A_eq=programme, b_eq=right.ravel(), bounds=np.column_stack([least, cost + np.inf])
    )
    if answer.status != 0:
        raise NotConverged(f"The linear programme ended without an answer: {answer.message}", None)
    potential = answer.x[1 : 1 + modes * width].reshape(modes, width)
    for case, start in zip(cases, first, strict=True):
        yield case, potential, answer.x[start : start + case.sides.shape[0]]


def _proved(
    case: Inequality, potential: Any, weights: Any, low: Rationals, high: Rationals
) -> Fraction:
    """ρ_0 + Σ_e max(ρ_e low_e, ρ_e high_e), in rationals, whatever h and λ ≥ 0 are."""

    def rational(row: Any) -> Rationals:
        return np.array([Fraction(float(v)) for v in row], dtype=object)

    rest = -rational(potential[case.mode])
    rest[0] += case.reward
    for chance, matrix, mode in case.moves:
        rest = rest + chance * (rational(potential[mode]) @ matrix)
    rest = rest + rational(np.maximum(weights, 0.0)) @ case.sides
    return Fraction(rest[0] + np.maximum(rest[1:] * low, rest[1:] * high).sum())
