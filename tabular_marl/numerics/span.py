"""From one residual to a proved enclosure of the fixed point.

With d = TV − V, T monotone and 1 + e ≤ Σ_t P(t|s,a) ≤ 1 + e' over the stored rows, a constant κ
with d ≤ (1 − γ(1 + e')) κ has T(V + κ) ≤ V + κ, so V* ≤ V + κ; likewise from below. Hence

    V + κ₋ ≤ V* ≤ V + κ₊        κ₊ = max d / (1 − γ(1 + e')),  with e in place of e' if max d < 0,
                                κ₋ = min d / (1 − γ(1 + e')),  with e in place of e' if min d > 0,

(MacQueen's bounds), and one application of T shows V* in TV + γ(1 + e or e') [κ₋, κ₊]: the midpoint
is the answer and half the width its error. The error counts the rounding of d, of everything here,
of writing the answer down in float64, and of writing V* down so, for whoever compares the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
U = 2.0**-53


@dataclass(frozen=True)
class Midpoint:
    """value[s] with |value − V*| ≤ ``error``; ``shift`` is the (κ₋ + κ₊)/2 of V itself."""

    value: Array
    error: float
    shift: float


def midpoint(
    offset: float,
    rest: Array,
    residual: Array,
    radius: Array,
    discount: float,
    excess: tuple[float, float],
) -> Midpoint:
    """The enclosure's midpoint and proved error, from d at V = offset + rest with |δd| ≤ radius.

    ``excess`` = (e, e'). All in reward units, shapes [S]. The error is infinite if γ(1 + e') ≥ 1,
    and where a number is not finite.
    """
    low = _shift(float(np.min(residual - radius)), discount, excess, upward=False)
    high = _shift(float(np.max(residual + radius)), discount, excess, upward=True)
    shift = (low + high) / 2
    step = residual + discount * shift
    moved = rest + step
    value = offset + moved
    rounding = radius + U * (
        2 * np.abs(residual) + 3 * np.abs(step) + np.abs(moved) + 2 * np.abs(value)
    )
    drift = max(abs(excess[0]), abs(excess[1])) * max(abs(low), abs(high))
    error = discount * ((high - low) / 2 + drift + 8 * U * abs(shift)) + float(np.max(rounding))
    error *= 1 + 16 * U
    return Midpoint(value, error if math.isfinite(error) else math.inf, shift)


def _shift(d: float, discount: float, excess: tuple[float, float], upward: bool) -> float:
    """κ for an extreme d, rounded upward or downward."""
    d += (2 * U if upward else -2 * U) * abs(d)
    outward = (d > 0) == upward
    e = excess[1] if outward else excess[0]
    rate = (1 - discount) - discount * e
    slack = 4 * U * ((1 - discount) + discount * abs(e) + abs(rate))
    rate += -slack if outward else slack
    if rate <= 0:
        return math.inf if upward else -math.inf
    shift = d / rate
    return shift + (2 * U if upward else -2 * U) * abs(shift)
