"""Periodic play against a greedy Q-learner, verified in rationals: what agent i earns at least.

A word of agent i's actions is played after a prefix, again and again. As long as the learner's
choices repeat too, one round is an affine map of its table that brings two tables of distance δ
(sup norm) to at most λδ, λ = 1 − α(1 − γ): each entry that is played is updated with
(1 − α)δ + αγδ, the others are the same. So if a round repeats the choices of the one before, moves
the table by δ, and every choice in it is made by more than 2δ/(1 − λ), all rounds to come are like
it, and the average reward is that of one round: exactly, whatever the table's values become.
A search by beam proposes words; nothing about it needs to be trusted.
                                                                         FURTHER A, Fig. 6a
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tabular_marl.active.greedy_learner import Dilemma
from tabular_marl.active.learners.q_learning import exact
from tabular_marl.validation import InputError, integer

#: Rounds of a word before it is given up.
MOST_ROUNDS = 200

#: Steps at the end of a beam that are played for the end, not for ever.
LAST_STEPS = 60


@dataclass(frozen=True)
class Setting:
    """The learner's numbers and first (Q_C, Q_D), equal in all tables; how it learns.

    ``per_state``: a table for the start and for each last joint action; ``late``: the update of a
    step comes after the next action. Ties are to C.
    """

    numbers: Dilemma
    initial: tuple[Any, Any]
    per_state: bool = False
    late: bool = False

    @property
    def learned(self) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
        """The learner's reward by agent i's action and its own."""
        sucker, punishment, reward, temptation = self.numbers.learner
        return (reward, temptation), (sucker, punishment)

    @property
    def paid(self) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
        """Agent i's reward by its own action and the learner's."""
        s, p, r, t = self.numbers.agent
        return (r, s), (t, p)


class _Run:
    """The learner's table [state][action] in rationals, and the steps it takes."""

    def __init__(self, setting: Setting) -> None:
        row = [exact("initial", v) for v in setting.initial]
        self.setting = setting
        self.table = [list(row) for _ in range(5 if setting.per_state else 1)]
        self.state = 0
        self.pending: tuple[int, int, int] | None = None

    def copy(self) -> _Run:
        """The same run so far."""
        other = _Run(self.setting)
        other.table = [list(row) for row in self.table]
        other.state, other.pending = self.state, self.pending
        return other

    def step(self, own: int) -> tuple[int, Fraction]:
        """Play ``own``; the learner's action and by how much it preferred that."""
        row = self.table[self.state]
        other = 0 if row[0] >= row[1] else 1
        margin = abs(row[0] - row[1])
        now = self.state, other, own
        self.state = 1 + 2 * own + other if self.setting.per_state else 0
        if not self.setting.late:
            self._update(now, max(self.table[self.state]))
        elif self.pending is not None:
            self._update(self.pending, max(row))
        self.pending = now
        return other, margin

    def _update(self, event: tuple[int, int, int], ahead: Fraction) -> None:
        state, other, own = event
        numbers, old = self.setting.numbers, self.table[state][other]
        target = self.setting.learned[own][other] + numbers.discount * ahead
        self.table[state][other] = old + numbers.step_size * (target - old)


def periodic_play(setting: Setting, prefix: Sequence[int], word: Sequence[int]) -> Fraction:
    """Agent i's average reward when it plays ``prefix`` and then ``word`` for ever, exactly.

    Raises InputError where the learner's choices do not settle. Source: FURTHER A, Fig. 6a.

    >>> from tabular_marl.active.greedy_learner import dilemma
    >>> from tabular_marl.games import prisoners_dilemma
    >>> ipd = dilemma(prisoners_dilemma(), 0.5, 0.9)
    >>> periodic_play(Setting(ipd, (-10, -20)), [], [0, 0, 1]), (
    ...     periodic_play(Setting(ipd, (-25, -15)), [], [0]))
    (Fraction(-2, 3), Fraction(-3, 1))
    """
    if not len(word) or not {*prefix, *word} <= {0, 1}:
        raise InputError("word", "be actions 0 and 1, at least one", f"it was {list(word)}")
    run = _Run(setting)
    for own in prefix:
        run.step(own)
    before: tuple[Any, ...] = ()
    shrink = setting.numbers.contraction
    for _ in range(MOST_ROUNDS):
        first = [list(row) for row in run.table]
        steps = [run.step(own) for own in word]
        now = ([other for other, _ in steps], run.state, run.pending)
        drift = max(
            abs(a - b)
            for old, new in zip(first, run.table, strict=True)
            for a, b in zip(old, new, strict=True)
        )
        if now == before and min(m for _, m in steps) * (1 - shrink) > 2 * drift:
            paid = [setting.paid[own][b] for own, b in zip(word, now[0], strict=True)]
            return sum(paid, Fraction(0)) / len(word)
        before = now
    raise InputError("word", f"settle within {MOST_ROUNDS} rounds", f"it was {list(word)}")


def descend(setting: Setting, margin: float, steps: int) -> list[int]:
    """A prefix that drives the learner's values down towards P/(1 − γ), where holding pays most.

    Defects where the learner plays D, or where what it knows of C, with this step's update made,
    stays above P/(1 − γ) + ``margin``.
    """
    numbers, run = setting.numbers, _Run(setting)
    level = numbers.floor + exact("margin", margin)
    played = []
    for _ in range(steps):
        trial = run.copy()
        other, _ = trial.step(1)
        state = run.state
        if setting.late and trial.state == state:
            trial.step(1)
        played.append(int(other == 1 or trial.table[state][0] > level))
        run.step(played[-1])
    return played


def search_word(
    setting: Setting, prefix: Sequence[int] = (), steps: int = 400, width: int = 500
) -> tuple[list[int], list[int]]:
    """A prefix, ``prefix`` first, and a word that earn much, by a beam of ``width`` tables.

    Plays ``steps`` steps in floats, keeps the plays that have earned most, counting what the
    learner's C values may still give, and cuts out what repeats. The word is empty if nothing does.

    >>> from tabular_marl.active.greedy_learner import dilemma
    >>> from tabular_marl.games import prisoners_dilemma
    >>> setting = Setting(dilemma(prisoners_dilemma(), 0.5, 0.9), (-10, -20))
    >>> periodic_play(setting, *search_word(setting, steps=200, width=50))
    Fraction(-11, 21)
    """
    steps, width = integer("steps", steps, 2 * LAST_STEPS), integer("width", width, 1)
    run = _Run(setting)
    for own in prefix:
        run.step(own)
    beam = _Beam(run)
    parents, choices = [], []
    for _ in range(steps):
        parent, choice = beam.step(width)
        parents.append(parent)
        choices.append(choice)
    at, played = int(beam.total.argmax()), []
    for parent, choice in zip(reversed(parents), reversed(choices), strict=True):
        played.append(int(choice[at]))
        at = int(parent[at])
    played.reverse()
    half = steps // 2
    tail = played[half : steps - LAST_STEPS]
    for period in range(1, len(tail) // 2):
        if tail[period:] == tail[:-period]:
            return [*prefix, *played[:half]], tail[:period]
    return [*prefix, *played], []


class _Beam:
    """Many runs at once, in floats: tables [m, states, 2], states, pending plays, totals [m]."""

    def __init__(self, run: _Run) -> None:
        setting = self.setting = run.setting
        self.learned = np.array(setting.learned, dtype=float)
        self.paid = np.array(setting.paid, dtype=float)
        self.table = np.array(run.table, dtype=float)[None]
        self.state = np.array([run.state])
        self.pending = np.array([run.pending or (-1, 0, 0)])
        self.total = np.zeros(1)
        numbers = setting.numbers
        self.worth = (numbers.agent[3] - numbers.agent[2]) / (
            2 * (numbers.learner[2] - numbers.learner[0])
        )
        self.most = float(numbers.learner[2] / (1 - numbers.discount))

    def step(self, width: int) -> tuple[Any, Any]:
        """One step with either action; the parents of those that are kept, and their actions."""
        count = self.state.size
        every = np.arange(count)
        row = self.table[every, self.state]
        other = np.where(row[:, 0] >= row[:, 1], 0, 1)
        parts = []
        for own in (0, 1):
            state = 1 + 2 * own + other if self.setting.per_state else np.zeros(count, dtype=int)
            now = np.column_stack([self.state, other, np.full(count, own)])
            table = self.table.copy()
            if self.setting.late:
                self._update(table, self.pending, row.max(axis=1))
            else:
                self._update(table, now, self.table[every, state].max(axis=1))
            parts.append((table, state, now, self.total + self.paid[own, other]))
        table, state, pending, total = (np.concatenate(part) for part in zip(*parts, strict=True))
        keys = np.column_stack([table.reshape(total.size, -1).round(4), state])
        if self.setting.late:
            keys = np.column_stack([keys, pending])
        order = np.argsort(-total, kind="stable")
        kept = order[np.unique(keys[order], axis=0, return_index=True)[1]]
        held = table[kept][:, 1:, 0] if self.setting.per_state else table[kept][:, :, 0]
        still = float(self.worth) * np.minimum(held, self.most).sum(axis=1)
        kept = kept[np.argsort(-(total[kept] + still), kind="stable")[:width]]
        self.table, self.state = table[kept], state[kept]
        self.pending, self.total = pending[kept], total[kept]
        return kept % count, kept // count

    def _update(self, table: Any, events: Any, ahead: Any) -> None:
        live = np.flatnonzero(events[:, 0] >= 0)
        state, other, own = events[live].T
        old = table[live, state, other]
        numbers = self.setting.numbers
        target = self.learned[own, other] + float(numbers.discount) * ahead[live]
        table[live, state, other] = old + float(numbers.step_size) * (target - old)
