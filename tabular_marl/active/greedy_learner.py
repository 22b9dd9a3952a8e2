"""The exact optimum against a greedy stateless Q-learner in a prisoner's dilemma; no grid.

The learner's payoffs are S < P < R, T (sucker, punishment, reward, temptation), agent i's
P_i ≥ S_i and T_i > R_i > P_i. Q_C moves only when the learner plays C, Q_D when it plays D; with
λ = 1 − α(1 − γ), and the entry that is played being the larger one,

    learner plays C:  Q_C ← λ Q_C + α R   (i plays C, earns R_i),  λ Q_C + α S   (D, earns T_i)
    learner plays D:  Q_D ← λ Q_D + α P   (i plays D, earns P_i),  λ Q_D + α T   (C, earns S_i)

                                                    FURTHER A, Fig. 6a; Watkins and Dayan (1992)
**Floor.** f = P/(1−γ) is the fixed point of mutual defection: Q_D > f stays above f, Q_D < f rises
while D is played. So Q_C ≤ f and Q_C < Q_D is a trap: D for ever, at best P_i.

**Holding.** While the learner plays C, Q_C must stay at or above a level ℓ. Defect whenever the
result does, else cooperate: x ← λx + αS, plus α(R − S) if below ℓ. Its k-th defection comes no
later than that of any other way (an earlier defection is forgotten more, so Q_C is never lower
with as many defections), so no way defects more often up to any time. The map is a contracted
rotation; its rate of defections ρ(ℓ) depends neither on the start nor on whether ℓ itself is
allowed (lifts with F₋ ≤ F₊ and F₊(x) ≤ F₋(y) for x < y keep F₊ⁿ ≤ F₋ⁿ + 1), and falls
continuously in ℓ. It is rational for rational data (Laurent and Nogueira 2018). A cycle is found
in floats and verified in rationals.

**Above the floor** (Q_C > f, Q_D ≥ f): C is only played at Q_C ≥ Q_D ≥ f, and a step of D earns
at most P_i, so g ≤ R_i + (T_i − R_i) ρ(f). Holding Q_C above f and defecting whenever the learner
does attains it: Q_D falls towards f, below the least Q_C of the cycle after finitely many steps,
and D is never played again. (Where the cycle touches f, hold at f + η: the bound is the supremum.)

**Below it** (Q_D < f): the first D is the last C. So g = R_i + (T_i − R_i) ρ(Q_D) if C is played
first, else P_i.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from tabular_marl.active.learners.q_learning import exact
from tabular_marl.active.learners.rule import TIES
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.validation import InputError, one_of

#: Holding is followed for so many steps, and its cycle may be as long as the last number.
SETTLE, MOST_PERIOD = 40_000, 5000

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Rotation:
    """How holding at a level goes on for ever: the share of defections, and the cycle.

    ``word`` holds 1 for a defection; ``values`` the Q_C before each of its steps.
    """

    rate: Fraction
    word: tuple[int, ...]
    values: tuple[Fraction, ...]


@dataclass(frozen=True)
class Dilemma:
    """Payoffs (S, P, R, T) of the learner, (S_i, P_i, R_i, T_i) of agent i, step and discount."""

    learner: tuple[Fraction, Fraction, Fraction, Fraction]
    agent: tuple[Fraction, Fraction, Fraction, Fraction]
    step_size: Fraction
    discount: Fraction

    @property
    def floor(self) -> Fraction:
        """f = P/(1 − γ)."""
        return self.learner[1] / (1 - self.discount)

    @property
    def contraction(self) -> Fraction:
        """λ = 1 − α(1 − γ)."""
        return 1 - self.step_size * (1 - self.discount)

    def after(self, q: Fraction, defects: bool) -> Fraction:
        """Q_C after the learner has played C."""
        sucker, _, reward, _ = self.learner
        return self.contraction * q + self.step_size * (sucker if defects else reward)

    def earned(self, rate: Fraction) -> Fraction:
        """R_i + (T_i − R_i) ρ."""
        return self.agent[2] + (self.agent[3] - self.agent[2]) * rate


def dilemma(game: MatrixGame, step_size: Any, discount: Any, seat: int = 1) -> Dilemma:
    """The numbers of a 2×2 game whose action 0 is C, with the learner in ``seat``.

    Raises InputError where it is no prisoner's dilemma in the module's sense.
    """
    if game.action_counts != (2, 2):
        raise InputError("game", "have two players of two actions", f"it had {game.action_counts}")
    own = game.payoffs[seat] if seat == 1 else game.payoffs[seat].T
    other = game.payoffs[1 - seat] if seat == 1 else game.payoffs[1 - seat].T
    sucker, punishment, reward, temptation = (
        exact("game", v) for v in (own[1, 0], own[1, 1], own[0, 0], own[0, 1])
    )
    s, p, r, t = (exact("game", v) for v in (other[0, 1], other[1, 1], other[0, 0], other[1, 0]))
    if not (sucker < punishment < reward and punishment < temptation and s <= p < r < t):
        raise InputError(
            "game",
            "be a prisoner's dilemma (S < P < R, P < T; for the other S <= P < R < T)",
            f"(S, P, R, T) were {tuple(map(str, (sucker, punishment, reward, temptation)))} and "
            f"{tuple(map(str, (s, p, r, t)))}",
        )
    alpha, gamma = exact("step_size", step_size), exact("discount", discount)
    if not 0 < alpha <= 1:
        raise InputError("step_size", "be in (0, 1]", f"it was {step_size}")
    if not 0 <= gamma < 1:
        raise InputError("discount", "be a number in [0, 1)", f"it was {discount}")
    return Dilemma((sucker, punishment, reward, temptation), (s, p, r, t), alpha, gamma)


@lru_cache(maxsize=100_000)
def hold(numbers: Dilemma, level: Fraction) -> Rotation:
    """Keep Q_C ≥ ``level`` and defect as often as can be.

    Raises InputError for levels above R/(1−γ), which cannot be held, and for cycles that are too
    long. Source: Laurent and Nogueira (2018), "Rotation number of contracted rotations".

    >>> from tabular_marl.games import prisoners_dilemma
    >>> hold(dilemma(prisoners_dilemma(), 0.5, 0.9), Fraction(-20)).rate
    Fraction(10, 21)
    """
    sucker, _, reward, _ = numbers.learner
    if level >= reward / (1 - numbers.discount):
        raise InputError("level", "be below R/(1-γ)", f"it was {level}")
    lowest = sucker / (1 - numbers.discount)
    if level <= lowest:
        return Rotation(Fraction(1), (1,), (lowest,))
    for allowed in (True, False):  # floats that land on the level by rounding mislead one of them
        tail = _followed(numbers, float(level), allowed)
        for period in range(1, MOST_PERIOD + 1):
            if tail[period:] == tail[:-period]:
                found = _verified(numbers, level, tuple(tail[:period]))
                if found is not None:
                    return found
    raise InputError("level", f"have a cycle of at most {MOST_PERIOD} steps", f"it was {level}")


def _followed(numbers: Dilemma, level: float, allowed: bool) -> list[int]:
    """The later choices of holding in floats: 1 for a defection."""
    shrink, step = float(numbers.contraction), float(numbers.step_size)
    down, up = step * float(numbers.learner[0]), step * float(numbers.learner[2])
    x, word = level, []
    for _ in range(SETTLE):
        below = shrink * x + down
        defects = below >= level if allowed else below > level
        word.append(int(defects))
        x = below if defects else shrink * x + up
    return word[SETTLE // 2 :]


def _verified(numbers: Dilemma, level: Fraction, word: tuple[int, ...]) -> Rotation | None:
    """The rotation of a word whose periodic orbit makes exactly its choices, in rationals.

    With ℓ allowed or not: both have the same rate.
    """
    total = Fraction(0)
    for defects in word:
        total = numbers.after(total, bool(defects))
    x = total / (1 - numbers.contraction ** len(word))
    values: list[Fraction] = []
    defecting: list[Fraction] = []
    not_defecting: list[Fraction] = []
    for defects in word:
        values.append(x)
        (defecting if defects else not_defecting).append(numbers.after(x, True))
        x = numbers.after(x, bool(defects))
    allowed = all(v >= level for v in defecting) and all(v < level for v in not_defecting)
    forbidden = all(v > level for v in defecting) and all(v <= level for v in not_defecting)
    if x != values[0] or not (allowed or forbidden):
        return None
    return Rotation(Fraction(sum(word), len(word)), word, tuple(values))


def best_against_greedy(numbers: Dilemma, initial: Any, tie: str = "first") -> Fraction:
    """Agent i's best average reward from the learner's (Q_C, Q_D), exactly; the module's theorem.

    ``tie``: what the learner plays at Q_C = Q_D: "first" is C, "last" D, "uniform" either.

    >>> from tabular_marl.games import prisoners_dilemma
    >>> ipd = dilemma(prisoners_dilemma(), 0.5, 0.9)
    >>> [str(best_against_greedy(ipd, q)) for q in ([-10, -15], [-25, -15], [-15, -25])]
    ['-11/21', '-2', '-17/62']
    """
    one_of("tie", tie, TIES)
    c, d = (exact("initial", v) for v in initial)
    floor, trapped = numbers.floor, numbers.agent[1]
    if d > floor:
        return numbers.earned(hold(numbers, floor).rate) if c > floor else trapped
    if c < d or (c == d and tie == "last"):
        return trapped
    held = numbers.earned(hold(numbers, d).rate)
    return HALF * (held + trapped) if c == d and tie == "uniform" else held
