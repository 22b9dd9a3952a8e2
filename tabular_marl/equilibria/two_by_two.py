"""All logit equilibria of a 2×2 game, proved: at one λ, and for every λ of an interval.

Two log-odds y, u (of action 1 against 0) answer each other; one equation is left, report (17)-(19):

    g(y, λ) = y − λ w_1 (a_1 + d_1 σ(u + c_2)),      u = λ w_2 (a_2 + d_2 σ(y + c_1))

σ the logistic function, c_i = log p_i(1)/p_i(0), and player i's gain from action 1 is a_i against
the other's action 0 and a_i + d_i against action 1. Every root has |y| ≤ λ |w_1| max(|a_1|, |a_1 +
d_1|), a bounded interval, so branch and bound with balls finds them all. Over a box of λ's,

    0 ∉ g(Y, Λ)                                              no root in Y for any λ in Λ
    ∂g/∂y ≠ 0 on Y × Λ, sign change of g between Y's ends    exactly one root for every λ in Λ
    ∂g/∂y of one sign up to C ⊂ Y and of the other beyond, ∂²g/∂y² ≠ 0 and ∂g/∂λ ≠ 0 on C × Λ,
      g of the same sign at both ends of Y, and its extremum over y changes sign from one end of
      Λ to the other                                         one fold in Λ: 0, 1, 2 roots about it

and Krawczyk's theorem on (g, ∂g/∂y) = 0 gives the fold's λ to many digits. Where two branches cross
(symmetric games) the last test cannot succeed, and the interval is reported as undecided.

One state, γ = 0; priors positive. Imports flint: import lazily.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, ctx
from numpy.typing import ArrayLike

from tabular_marl.equilibria.covering import Cluster, count_roots, hull_of, split
from tabular_marl.equilibria.logistic import Equation
from tabular_marl.equilibria.system import Game, logit_system
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.numerics.balls import CertificateError, outward
from tabular_marl.validation import InputError, finite_array

BITS = 128


@dataclass(frozen=True)
class CertifiedEquilibrium:
    """Proved bounds (lower, upper) of both players' probabilities of action 1, and the digits."""

    agent: tuple[float, float]
    opponent: tuple[float, float]
    digits: tuple[str, str]


@dataclass(frozen=True)
class Piece:
    """For every λ in [lower, upper] there are exactly ``count`` equilibria (None: undecided)."""

    lower: float
    upper: float
    count: int | None


@dataclass(frozen=True)
class CertifiedFold:
    """Exactly one fold lies in this bracket of λ; ``digits`` is its λ as a ball.

    ``count`` equilibria exist at it; ``change`` is +2 where two appear with growing λ, else −2.
    ``agent`` bounds the agent's probability of action 1 there.
    """

    lower: float
    upper: float
    digits: str
    count: int
    change: int
    agent: tuple[float, float]


@dataclass(frozen=True)
class PhaseDiagram:
    """How many logit equilibria a 2×2 game has for every λ of an interval, proved.

    ``pieces`` cover the interval in order and meet at the folds: between two pieces that are a
    rounding apart lies a fold of ``folds``. ``complete``: no piece is undecided.
    """

    pieces: tuple[Piece, ...]
    folds: tuple[CertifiedFold, ...]
    seconds: float
    boxes: int

    @property
    def complete(self) -> bool:
        return all(piece.count is not None for piece in self.pieces)


def all_logit_equilibria(
    game: Game,
    inverse_temperature: float,
    weights: Sequence[float] | None = None,
    priors: Sequence[ArrayLike | None] | None = None,
) -> tuple[CertifiedEquilibrium, ...]:
    """Every logit equilibrium of a 2×2 game at one λ, in order of the agent's log-odds, proved.

    Raises InputError; CertificateError if roots are too close to tell apart (λ at a fold).

    >>> import tabular_marl as tm
    >>> found = tm.all_logit_equilibria(tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]]), 4.0)
    >>> [round(e.agent[0], 6) for e in found]
    [0.000337, 0.765045, 0.976213]
    """
    lam = float(finite_array("inverse_temperature", inverse_temperature, ()))
    if lam < 0:
        raise InputError("inverse_temperature", "be a number >= 0", f"it was {lam}")
    with ctx.workprec(BITS):
        equation = _equation(game, weights, priors)
        clusters, _ = split(equation, arb(lam))
        found = []
        for cluster in clusters:
            roots = count_roots(equation, cluster, arb(lam))
            if roots is None:
                raise CertificateError(
                    f"roots near log-odds {float(cluster.ends[0]):.6g} could not be told apart at "
                    f"λ = {lam:.17g}"
                )
            if roots:
                found.append(_sharpen(equation, cluster, arb(lam)))
        return tuple(found)


def logit_phase_diagram(
    game: Game,
    upper: float,
    lower: float = 0.0,
    weights: Sequence[float] | None = None,
    priors: Sequence[ArrayLike | None] | None = None,
    resolution: float = 1e-6,
) -> PhaseDiagram:
    """The number of logit equilibria for every λ in [lower, upper], with proved fold brackets.

    Intervals that cannot be decided are split until they are ``resolution`` · (upper − lower)
    short. Raises InputError.

    >>> import tabular_marl as tm
    >>> diagram = tm.logit_phase_diagram(tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]]), upper=5.0)
    >>> [piece.count for piece in diagram.pieces], diagram.complete
    ([1, 3], True)
    """
    started = time.perf_counter()
    ends = finite_array("(lower, upper)", [lower, upper])
    if not 0 <= ends[0] < ends[1]:
        raise InputError("(lower, upper)", "satisfy 0 <= lower < upper", f"it was {ends.tolist()}")
    if not 0 < resolution < 1:
        raise InputError("resolution", "be a number in (0, 1)", f"it was {resolution!r}")
    with ctx.workprec(BITS):
        equation = _equation(game, weights, priors)
        least = resolution * float(ends[1] - ends[0])
        stack = [(float(ends[0]), float(ends[1]))]
        raw: list[tuple[float, float, int | None]] = []
        folds: list[CertifiedFold] = []
        boxes = 0
        while stack:
            low, high = stack.pop()
            found = _decide(equation, low, high)
            boxes += found.boxes
            if found.fold is not None:
                fold = found.fold
                folds.append(fold)
                before = fold.count - 1 if fold.change > 0 else fold.count + 1
                raw.append((low, fold.lower, before))
                raw.append((fold.upper, high, before + fold.change))
            elif found.count is not None or high - low <= least:
                raw.append((low, high, found.count))
            else:
                middle = 0.5 * (low + high)
                stack += [(middle, high), (low, middle)]
        return PhaseDiagram(_merge(raw), tuple(folds), time.perf_counter() - started, boxes)


@dataclass(frozen=True)
class _Found:
    """What one λ-interval turned out to hold."""

    count: int | None
    fold: CertifiedFold | None
    boxes: int


def _equation(
    game: Game, weights: Sequence[float] | None, priors: Sequence[ArrayLike | None] | None
) -> Equation:
    """The game as a, d, c of the module docstring; a rational game's floats are taken exactly."""
    counts = getattr(game, "action_counts", None)
    single = isinstance(game, MatrixGame) or getattr(game, "num_states", 0) == 1
    if counts != (2, 2) or not single or getattr(game, "discount", 0.0) != 0.0:
        raise InputError("game", "be a one-shot 2×2 game", f"it was {game!r}")
    system = logit_system(game, weights, priors)
    reward, owner, w, prior = (system.arrays[k] for k in (0, 5, 6, 3))
    if not (prior > 0).all():
        raise InputError("priors", "be positive for all actions", f"one was {prior.min()}")
    one = [[arb(x) for x in row] for row in reward[owner[0], 0].reshape(2, 2).tolist()]
    two = [[arb(x) for x in row] for row in reward[owner[1], 0].reshape(2, 2).tolist()]
    offset = (one[1][0] - one[0][0], two[0][1] - two[0][0])
    slope = (one[1][1] - one[0][1] - offset[0], two[1][1] - two[1][0] - offset[1])
    p = [arb(x) for x in prior[0].tolist()]
    return Equation(
        offset, slope, (arb(w[0]), arb(w[1])), ((p[1] / p[0]).log(), (p[3] / p[2]).log())
    )


def _decide(equation: Equation, low: float, high: float) -> _Found:
    """The number of roots for every λ in [low, high], or the one fold inside."""
    lam = hull_of(arb(low), arb(high))
    clusters, boxes = split(equation, lam)
    counts = [count_roots(equation, cluster, lam) for cluster in clusters]
    doubtful = [cluster for cluster, count in zip(clusters, counts, strict=True) if count is None]
    sure = sum(count for count in counts if count is not None)
    if not doubtful:
        return _Found(sure, None, boxes)
    if len(doubtful) > 1:
        return _Found(None, None, boxes)
    return _Found(None, _fold(equation, doubtful[0], low, high, sure), boxes)


def _fold(
    equation: Equation, cluster: Cluster, low: float, high: float, others: int
) -> CertifiedFold | None:
    """The only fold in [low, high], where two roots of the cluster meet; None if not proved."""
    lam = hull_of(arb(low), arb(high))
    before, core, after = cluster.about_its_extremum(equation, lam)
    up, drift = core.sign(equation.bend, lam), core.sign(equation.drift, lam)
    if not core.boxes or not up or not drift:
        return None
    for side, slope in ((before, -up), (after, up)):
        if side.boxes and side.sign(equation.slope, lam) != slope:
            return None
    left, right = (equation.value(end, lam) for end in cluster.ends)
    if not (up * left > 0 and up * right > 0):
        return None
    # g falls, is convex, rises (up), with positive ends: roots appear as its minimum falls below 0
    hull = hull_of(*cluster.ends)
    located = equation.fold_near(hull.mid(), lam.mid())
    if located is None:
        return None
    y, where = located
    if not (hull.contains(y) and arb(low) < where < arb(high)):
        return None
    change = -2 * up * drift
    p = equation.agent(y)
    return CertifiedFold(
        outward(where.lower(), -math.inf),
        outward(where.upper(), math.inf),
        where.str(30, radius=True),
        others + 1,
        change,
        (outward(p.lower(), -math.inf), outward(p.upper(), math.inf)),
    )


def _sharpen(equation: Equation, cluster: Cluster, lam: arb) -> CertifiedEquilibrium:
    """Bisection, then interval Newton, on the cluster's one root; then both probabilities."""
    box = hull_of(*cluster.ends)
    left = equation.value(box.lower(), lam) > 0
    for _ in range(200):
        middle, slope = box.mid(), equation.slope(box, lam)
        value = equation.value(middle, lam)
        smaller = box
        if not slope.contains(0):
            smaller = box.intersection(middle - value / slope)
        elif not value.contains(0):
            right = (value > 0) == left
            smaller = hull_of(middle, box.upper()) if right else hull_of(box.lower(), middle)
        if not smaller.rad() < 0.9 * box.rad():
            break
        box = smaller
    probabilities = (equation.agent(box), equation.opponent(box, lam))
    bounds = [
        (max(0.0, outward(p.lower(), -math.inf)), min(1.0, outward(p.upper(), math.inf)))
        for p in probabilities
    ]
    digits = (probabilities[0].str(30, radius=True), probabilities[1].str(30, radius=True))
    return CertifiedEquilibrium(bounds[0], bounds[1], digits)


def _merge(raw: list[tuple[float, float, int | None]]) -> tuple[Piece, ...]:
    """Neighbours with the same number become one piece; undecided ones stay apart from others."""
    pieces: list[Piece] = []
    for low, high, count in sorted(raw, key=lambda r: r[0]):
        if pieces and pieces[-1].count == count and pieces[-1].upper == low:
            pieces[-1] = Piece(pieces[-1].lower, high, count)
        else:
            pieces.append(Piece(low, high, count))
    return tuple(pieces)
