"""The free energy of one row of outcomes, compiled, for use inside other compiled loops.

    F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k)        tilt_β[p](x)_k = p_k exp(β x_k) / Σ_j (same)

x[n] in reward units, β in 1/reward, p[n] ≥ 0; p is taken as p / Σp, so min ≤ F ≤ max holds whatever
the caller's rounding did to Σp. Outcomes with p_k = 0 do not exist, whatever x_k is.

Two forms, neither of which cancels:

    |β| spread > 1/2   F = m + (1/β) log Σ p e^{β(x−m)},      m the largest (β > 0) or smallest x
    |β| spread ≤ 1/2   F = μ + t log1p(βt)/(βt),     t = Σ p (x−μ) (1 + ψ(β(x−μ))),   μ = Σ p x

with ψ(y) = expm1(y)/y − 1 = y/2! + y²/3! + … from its series.

In the second Σ p (x−μ) is zero but for the rounding of μ, which it thereby corrects; nothing is
divided by β, so β may be denormal or 0, and F − μ ≈ β var/2 keeps its digits.

Rounding. With u = 2⁻⁵³, libm within one unit in the last place, and the spread max − min taken
over the support,

    |computed F − F| ≤ (2n + 50) u spread + u |F|          (`spread_units` gives the first factor)
    |computed tilt_k − tilt_k| ≤ (2n + 20 + 6 |β| spread) u tilt_k      for tilt_k > 1e-290

Why: x − m and its product with β each round once, so log Σ moves by at most 2u Σ w_k |y_k| ≤
2u |β| spread; the sum, log and division add (n + 10) u, which over |β| is less than
2 (n + 10) u spread in the first form. The second form sums terms no larger than p_k spread.
Below the normal range (differences of x under 1e-300) an absolute 1e-323 is to be added.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Above this |x|, sums and differences of two x could overflow: work on x/4 with 4β.
_HUGE = 2.0**1021
#: Below this share of the prior, e^{β(x−m)} of the other outcomes may underflow although it counts.
_RARE = 1e-20
#: 1/2!, 1/3!, …, 1/16!
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(k) for k in range(2, 17))


@njit(cache=True, inline="never")
def spread_units(n):
    """c(n) such that |computed F − F| ≤ c(n) 2⁻⁵³ spread + 2⁻⁵³ |F| for n outcomes."""
    return 2.0 * n + 50.0


@njit(cache=True, inline="never")
def _support(x, prior):
    """(smallest x, largest x, Σp) over the outcomes with p > 0."""
    low, high, mass = np.inf, -np.inf, 0.0
    for k in range(x.shape[0]):
        if prior[k] > 0.0:
            mass += prior[k]
            low = min(low, x[k])
            high = max(high, x[k])
    return low, high, mass


@njit(cache=True, inline="never")
def _series(y):
    """ψ(y) = expm1(y)/y − 1 = y/2! + y²/3! + …, for |y| ≤ 1/2 (the rest is below 1e-17 of it)."""
    total = _INVERSE_FACTORIALS[-1]
    for k in range(len(_INVERSE_FACTORIALS) - 2, -1, -1):
        total = _INVERSE_FACTORIALS[k] + y * total
    return y * total


@njit(cache=True, inline="never")
def _near_mean(x, prior, beta, scale, anchor, mass):
    """F (of scale·x) for |β| spread ≤ 1/2, by its deviation from the mean μ."""
    total = 0.0
    for k in range(x.shape[0]):
        if prior[k] > 0.0:
            total += prior[k] * (scale * x[k] - anchor)
    mean = anchor + total / mass
    rounding, bend = 0.0, 0.0  # apart, so that gaps of both signs do not swamp the curvature
    for k in range(x.shape[0]):
        if prior[k] > 0.0:
            gap = scale * x[k] - mean
            rounding += prior[k] * gap
            bend += prior[k] * (gap * _series(beta * gap))
    total = (rounding + bend) / mass
    s = beta * total
    return mean + (total if s == 0.0 else total * (math.log1p(s) / s))


@njit(cache=True, inline="never")
def _exponent(x, beta, scale, anchor):
    """β (scale·x − anchor) ≤ 0, also where β is so large that 0·β would be no number."""
    gap = scale * x - anchor
    return 0.0 if gap == 0.0 else min(beta * gap, 0.0)


@njit(cache=True, inline="never")
def _partition(x, prior, beta, scale, anchor, mass, shift):
    """Σ p e^{y + shift} / Σp."""
    total = 0.0
    for k in range(x.shape[0]):
        if prior[k] > 0.0:
            total += prior[k] * math.exp(_exponent(x[k], beta, scale, anchor) + shift)
    return total / mass


@njit(cache=True, inline="never")
def _lift(share):
    """What to add to every exponent so that the sum is near one; at most |β| spread, and 700."""
    return min(-math.log(share), 700.0)


@njit(cache=True, inline="never")
def _log_partition(x, prior, beta, scale, anchor, mass, share):
    """log Σ p e^y / Σp, given ``share``, the sum itself in floating point."""
    if share < _RARE:
        shift = _lift(share)
        return math.log(_partition(x, prior, beta, scale, anchor, mass, shift)) - shift
    if share < 0.5:
        return math.log(share)
    # Near one the log needs 1 − share, a sum of terms of one sign.
    missing = 0.0
    for k in range(x.shape[0]):
        if prior[k] > 0.0:
            missing += prior[k] * math.expm1(_exponent(x[k], beta, scale, anchor))
    return math.log1p(missing / mass)


@njit(cache=True, inline="never")
def _finite(x, prior, beta, low, high, mass):
    """F for finite β and low < high."""
    scale = 1.0
    if high > _HUGE or low < -_HUGE:
        scale = 0.25
        beta = beta * 4.0
    anchor = scale * (high if beta > 0.0 else low)
    if abs(beta * (scale * high - scale * low)) <= 0.5:
        value = _near_mean(x, prior, beta, scale, anchor, mass)
    else:
        share = _partition(x, prior, beta, scale, anchor, mass, 0.0)
        value = anchor + _log_partition(x, prior, beta, scale, anchor, mass, share) / beta
    return min(max(value, scale * low), scale * high) / scale


@njit(cache=True, inline="never")
def free_energy_row(x, prior, beta):
    """F_β[p](x) for one row; nan when the prior has no support."""
    low, high, mass = _support(x, prior)
    if not mass > 0.0:
        return np.nan
    if low == high or beta == -np.inf:
        return low
    if beta == np.inf:
        return high
    return _finite(x, prior, beta, low, high, mass)


@njit(cache=True, inline="never")
def tilt_row(x, prior, beta, out):
    """Write tilt_β[p](x) into out[n]; at β = ±inf, p restricted to the maximisers (minimisers)."""
    low, high, mass = _support(x, prior)
    scale = 1.0
    if high > _HUGE or low < -_HUGE:
        scale = 0.25
        beta = beta * 4.0
    anchor = scale * (high if beta > 0.0 else low)
    flat = beta == 0.0 or low == high
    total = 0.0
    for k in range(x.shape[0]):
        out[k] = 0.0
        if prior[k] > 0.0:
            y = 0.0 if flat else _exponent(x[k], beta, scale, anchor)
            out[k] = prior[k] * math.exp(y)
            total += out[k]
    if total < _RARE * mass:
        # All likely outcomes are far from the optimum: lift the exponents out of underflow.
        shift = _lift(total / mass)
        total = 0.0
        for k in range(x.shape[0]):
            if prior[k] > 0.0:
                y = _exponent(x[k], beta, scale, anchor)
                out[k] = prior[k] * math.exp(y + shift)
                total += out[k]
    for k in range(x.shape[0]):
        out[k] /= total


@njit(cache=True, inline="never")
def free_energy_and_tilt_row(x, prior, beta, out):
    """F_β[p](x), with tilt_β[p](x) written into out[n]."""
    tilt_row(x, prior, beta, out)
    return free_energy_row(x, prior, beta)


@njit(cache=True)
def free_energy_rows(x, prior, beta, value):
    """Row by row over x[r, n] and prior[r or 1, n]: F into value[r]."""
    for r in range(x.shape[0]):
        value[r] = free_energy_row(x[r], prior[min(r, prior.shape[0] - 1)], beta)


@njit(cache=True)
def tilt_rows(x, prior, beta, weights):
    """Row by row over x[r, n] and prior[r or 1, n]: the tilt into weights[r, n]."""
    for r in range(x.shape[0]):
        tilt_row(x[r], prior[min(r, prior.shape[0] - 1)], beta, weights[r])
