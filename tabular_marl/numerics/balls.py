"""Certificates: proofs, in ball arithmetic, of where the exact value V* of a game lies.

    T V(s) = F_outer[ … F_inner[ r(s,·) + γ Σ_t P(t|s,·) V(t) ] ]          report (14), (25), (58)

Every aggregation F is monotone and non-expansive, and the rows of P as stored sum to at most some
R near 1, so T is monotone and a κ-contraction in the sup norm with κ = γR. Two theorems follow:

    Banach     ‖V − V*‖∞ ≤ ‖T V − V‖∞ / (1 − κ)                        for any V at all
    monotone   lo ≤ T lo and T hi ≤ hi  ⇒  lo ≤ V* ≤ hi                 (κ < 1)

The certificate is about the game as stored: float64 transitions, rewards, discount and β taken
exactly, priors as p / Σp. The float solver is not trusted: its value is only a candidate, which a
few Newton steps (with residuals from balls) carry to the precision asked for. V is held in fixed
point, as integers in units of 2^−f, so it has no radius of its own and P V is exact (exact.py).

Shapes: V [S]; r [S, *A]; P [S, *A, S] or CSR (S·N, S); units are those of the reward.
Trusted: python-flint's balls, this file and exact.py. This module imports flint; import it lazily.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import ArrayLike, NDArray

from tabular_marl.numerics.exact import ExactProduct
from tabular_marl.numerics.linear import PolicyEquations
from tabular_marl.numerics.recipe import Level
from tabular_marl.solution import Enclosure
from tabular_marl.validation import InputError, finite_array, read_only

Array = NDArray[np.float64]
Balls = Any  # an object array of arb; NumPy's types say nothing about its entries

_ball = np.frompyfunc(arb, 1, 1)
_largest = np.frompyfunc(arb.max, 2, 1)
_smallest = np.frompyfunc(arb.min, 2, 1)
_hull = np.frompyfunc(arb.union, 2, 1)
_narrower = np.frompyfunc(lambda a, b: a if a.is_finite() and a.rad() < b.rad() else b, 2, 1)


class CertificateError(ArithmeticError):
    """The theorem's hypothesis could not be proved for this game and this candidate."""


def banach(
    reward: Array,
    transition: Any,
    discount: float,
    levels: tuple[Level, ...],
    value: ArrayLike,
    bits: int = 128,
    policy: Array | None = None,
) -> Enclosure:
    """Prove V* within ‖T V − V‖∞ / (1 − κ) of V.

    ``reward`` [S, *A], ``transition`` [S, *A, S] or CSR, ``discount`` and the checked ``levels``
    define T. ``value`` [S], in reward units, is any finite candidate: a bad one costs width, never
    truth. With a joint ``policy`` w [S, *A], V is the candidate after Newton steps with Jacobian
    γ P_w, residuals from balls, until ``bits`` bits are used up; without one it is the candidate.
    Raises CertificateError if κ < 1 cannot be shown, InputError on bad arguments.

    >>> from tabular_marl.numerics.recipe import Aggregation, check
    >>> levels = check((Aggregation(0, float("inf")),), states=1, actions=(2,))
    >>> proof = banach(np.array([[1.0, 2.0]]), np.ones((1, 2, 1)), 0.5, levels, [4.0])
    >>> proof.lower[0] <= 4.0 <= proof.upper[0], float(proof.radius[0]) < 1e-36
    (np.True_, True)
    """
    started = time.perf_counter()
    point = _Point.near(finite_array("value", value, (len(reward),)), _checked(bits))
    with ctx.workprec(bits):
        operator = _BallBackup(reward, transition, discount, levels, bits)
        contraction = operator.contraction()
        gap = operator(point) - point.balls()
        size = _sup(gap)
        if not size.is_finite():
            raise CertificateError("the residual T V − V could not be bounded")
        for _ in range(3 + bits // 30):
            if policy is None or size < point.unit() * 64:
                break
            step = PolicyEquations(transition, discount).solve(policy, gap.astype(np.float64)).x
            if not np.isfinite(step).all():
                break
            trial = point.plus(step)
            trial_gap = operator(trial) - trial.balls()
            if not 2 * _sup(trial_gap) < size:
                break
            point, gap, size = trial, trial_gap, _sup(trial_gap)
        radius = (size / (1 - contraction)).upper()
        theorem = f"Banach: |V - V*| <= |TV - V| / (1 - {contraction.str(6, radius=False)})"
        proved: Balls = point.balls() + arb(0, radius)
        return _enclosure(proved, theorem, bits, started)


def monotone(
    reward: Array,
    transition: Any,
    discount: float,
    levels: tuple[Level, ...],
    lower: ArrayLike,
    upper: ArrayLike,
    bits: int = 128,
) -> Enclosure:
    """Prove lower ≤ V* ≤ upper from lower ≤ T lower and T upper ≤ upper, state by state.

    The game is given as for :func:`banach`. ``lower`` and ``upper`` [S], in reward units, are
    first rounded outwards to fixed point. Raises CertificateError, naming a state, if either
    inequality cannot be proved.
    """
    started = time.perf_counter()
    states = (len(reward),)
    below = _Point.near(finite_array("lower", lower, states), _checked(bits))
    above = _Point.near(finite_array("upper", upper, states), bits, up=True)
    with ctx.workprec(bits):
        operator = _BallBackup(reward, transition, discount, levels, bits)
        operator.contraction()
        for name, gap in (
            ("lower <= T lower", operator(below) - below.balls()),
            ("T upper <= upper", above.balls() - operator(above)),
        ):
            for s, ball in enumerate(gap):
                if not ball >= 0:
                    raise CertificateError(
                        f"{name} could not be proved at state {s}: the gap is {ball.str(6)}"
                    )
        proved: Balls = _hull(below.balls(), above.balls())
        return _enclosure(proved, "monotone: lo <= T lo and T hi <= hi", bits, started)


@dataclass(frozen=True)
class _Point:
    """V in fixed point, V(s) = integers[s] · 2^(−shift); ``bits`` bits for the largest |V(s)|."""

    integers: list[int]
    shift: int
    bits: int

    @classmethod
    def near(cls, value: Array, bits: int, up: bool = False) -> _Point:
        """``value`` rounded down (or up) to fixed point; exact where the bits suffice."""
        shift = bits - math.frexp(float(np.abs(value).max()) or 1.0)[1]
        return cls([_fixed(v, shift, up) for v in value.tolist()], shift, bits)

    def plus(self, step: Array) -> _Point:
        """V + step, to ``bits`` bits of the new largest state."""
        size = float(np.abs(self.floats() + step).max()) or 1.0
        shift = self.bits - math.frexp(size)[1]
        more = shift - self.shift
        kept = [n << more if more >= 0 else n >> -more for n in self.integers]
        moved = [n + _fixed(d, shift) for n, d in zip(kept, step.tolist(), strict=True)]
        return _Point(moved, shift, self.bits)

    def unit(self) -> arb:
        return arb(2) ** -self.shift

    def balls(self) -> Balls:
        return _ball(np.array(self.integers, dtype=object)) * self.unit()

    def floats(self) -> Array:
        return np.asarray(self.balls().astype(np.float64))


class _BallBackup:
    """T in balls."""

    def __init__(
        self, reward: Array, transition: Any, discount: float, levels: tuple[Level, ...], bits: int
    ) -> None:
        self._discount = float(discount)
        self._reward = np.asarray(reward, dtype=np.float64)
        self._reward_balls = _ball(self._reward)
        if isinstance(transition, np.ndarray):
            transition = transition.reshape(-1, transition.shape[-1])
        self._rows = transition
        self._product = ExactProduct(transition, bits)
        self._levels = [_BallLevel(level, bits) for level in levels]

    def contraction(self) -> arb:
        """κ = γ · max row sum, proved below one."""
        factor = (arb(self._discount) * self._product.largest_row_sum()).upper()
        if not factor < 1:
            raise CertificateError(
                f"discount × largest row sum of the transition is {factor.str(17)}, not below 1"
            )
        return factor

    def __call__(self, point: _Point) -> Balls:
        """T V, a ball each state."""
        expected = self._product(point.integers, point.unit() * arb(self._discount))
        q: Balls = self._reward_balls + expected.reshape(self._reward.shape)
        near = (self._rows @ point.floats()).reshape(self._reward.shape)
        near = self._reward + self._discount * near
        for level in self._levels:
            q = level(q, near)
            near = np.asarray(q.astype(np.float64))
        return q.reshape(-1)


class _BallLevel:
    """One aggregation F_β[p / Σp] along one axis, in balls; axes are kept with length 1."""

    def __init__(self, level: Level, bits: int) -> None:
        self._bits = bits
        self._beta = level.beta
        self._axis = level.axis + 1
        self._support = level.prior > 0
        self._full = bool(self._support.all())
        weights: Balls = _ball(level.prior)
        self._weights = weights / weights.sum(axis=self._axis, keepdims=True)

    def __call__(self, q: Balls, near: Array) -> Balls:
        """F of the balls ``q``; the floats ``near`` them only choose a shift."""
        if self._beta == 0:
            return self._mean(q)
        if math.isinf(self._beta):
            return self._extreme(q, self._beta > 0)
        if self._beta > 0:
            shift = _ball(self._among_support(near, -math.inf).max(axis=self._axis, keepdims=True))
        else:
            shift = _ball(self._among_support(near, math.inf).min(axis=self._axis, keepdims=True))
        beta = arb(self._beta)
        exponent = self._among_support((q - shift) * beta, arb(0))
        if np.abs(exponent.astype(np.float64)).max() <= 0.5:  # log Σ p e^y would cancel
            log_mean = np.log1p(self._mean(np.expm1(exponent)))
        else:
            log_mean = np.log(self._mean(np.exp(exponent)))
        value = shift + log_mean / beta
        if math.log2(abs(self._beta)) + math.log2(np.abs(near).max() + 1e-300) > self._bits - 20:
            value = _narrower(value, self._between_extremes(q, beta))
        return value

    def _among_support(self, x: Any, filler: Any) -> Any:
        return x if self._full else np.where(self._support, x, filler)

    def _mean(self, x: Balls) -> Balls:
        return (x * self._weights).sum(axis=self._axis, keepdims=True)

    def _extreme(self, x: Balls, largest: bool) -> Balls:
        choose, never = (_largest, -arb.pos_inf()) if largest else (_smallest, arb.pos_inf())
        return choose.reduce(self._among_support(x, never), axis=self._axis, keepdims=True)

    def _between_extremes(self, q: Balls, beta: arb) -> Balls:
        """F between max_k (q_k + log(p_k)/β) and max_k q_k (minima for β < 0): sharp for huge β."""
        log_weights = np.log(self._among_support(self._weights, arb(1)))
        largest = self._beta > 0
        return _hull(self._extreme(q + log_weights / beta, largest), self._extreme(q, largest))


def _fixed(x: float, shift: int, up: bool = False) -> int:
    """⌊x · 2^shift⌋ (⌈·⌉ if ``up``), exactly."""
    if up:
        return -_fixed(-x, shift)
    mantissa, exponent = math.frexp(x)
    whole, left = int(mantissa * 2.0**53), exponent - 53 + shift
    return whole << left if left >= 0 else whole >> -left


def _sup(x: Balls) -> arb:
    """An exact upper bound of max |x|."""
    largest: Any = _largest.reduce(np.abs(x))
    bound: arb = largest.upper()
    return bound


def _checked(bits: int) -> int:
    if not isinstance(bits, int) or not 24 <= bits <= 10_000:
        raise InputError("bits", "be an integer from 24 to 10000", f"it was {bits!r}")
    return bits


def _enclosure(proved: Balls, method: str, bits: int, started: float) -> Enclosure:
    """The proved balls as outward-rounded doubles and as decimal strings that contain them."""
    lower = [outward(ball.lower(), -math.inf) for ball in proved]
    upper = [outward(ball.upper(), math.inf) for ball in proved]
    decimals = [ball.mid_rad_10exp(math.ceil(bits * math.log10(2))) for ball in proved]
    return Enclosure(
        lower=read_only(np.array(lower)),
        upper=read_only(np.array(upper)),
        midpoint=tuple(str(Decimal(f"{mid}E{ten}")) for mid, _, ten in decimals),
        radius=tuple(str(Decimal(f"{rad}E{ten}")) for _, rad, ten in decimals),
        method=method,
        bits=bits,
        seconds=time.perf_counter() - started,
    )


def outward(endpoint: arb, direction: float) -> float:
    """The nearest double on the far side of an exact endpoint."""
    nearest = float(endpoint)
    beyond = arb(nearest) <= endpoint if direction < 0 else arb(nearest) >= endpoint
    return nearest if beyond else math.nextafter(nearest, direction)
