"""The steps of path following: predict, correct, land on a λ, locate folds and crossings.

    x = (y, V, λ),    dx/ds = ± (v, 1) / |(v, 1)|,    v = −J⁻¹ ∂H/∂λ              (logit_newton.py)

The length |·| is that of (y, λ·unit), where ``unit`` turns λ into log-odds; V follows. Predictor:
the cubic through two points of the branch and their tangents, the *arc*. Corrector: Newton on a
plane across the newer tangent, or at fixed λ. Shapes: y [S, D], V [m, S]. Report (17)-(19).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.logit import residual
from tabular_marl.numerics.kernels.logit_newton import newton

#: Wanted and largest first correction of the log-odds in a step.
AIM, MOST = 0.25, 0.7
#: On the way, Newton stops at corrections this small.
ON_THE_WAY = 1e-2


@njit(cache=True, nogil=True)
def _largest(step, prior, counts):
    """max |step| over the log-odds of actions in the prior's support."""
    worst = 0.0
    for s in range(step.shape[0]):
        own, at = 0, 0
        for i in range(counts.shape[0]):
            for a in range(1, counts[i]):
                if prior[s, at + a] > 0.0:
                    worst = max(worst, abs(step[s, own + a - 1]))
            own += counts[i] - 1
            at += counts[i]
    return worst


@njit(cache=True, nogil=True)
def polish(system, y, values, scale, work, limit):
    """Newton at fixed λ to the floor; (residual in y, in V, first correction, sign det J, good).

    Stops when a correction no longer halves; the last evaluation is only of the residual.
    """
    prior, counts = system[3], system[4]
    first, before = 0.0, np.inf
    sign = 0.0
    for k in range(30):
        worst_y, worst_v, turned = newton(system, y, values, scale, work)
        if turned == 0.0:
            return worst_y, worst_v, first, 0.0, False
        sign = turned
        size = _largest(work[11], prior, counts)
        moved = 0.0
        for i in range(values.shape[0]):
            for s in range(values.shape[1]):
                moved = max(moved, abs(work[12][i, s]) / (1.0 + abs(values[i, s])))
        if k == 0:
            first = size
        if not size < np.inf or (k == 0 and size > limit) or size > 2.0 * before + 1e-6:
            return np.inf, np.inf, first, sign, False
        y += work[11]
        values += work[12]
        size = max(size, moved)
        done = size < 1e-8 or (size < 1e-6 and size > 0.5 * before)
        before = size
        if done:
            break
    worst_y, worst_v = residual(system, y, values, scale, work)
    return worst_y, worst_v, first, sign, before < 1e-5


@njit(cache=True, nogil=True)
def tangent(work, unit, direction, ty, tv):
    """The unit tangent from v, λ's share times ``direction``; returns dλ/ds."""
    slope_y, slope_v = work[13], work[14]
    length = unit * unit
    for s in range(slope_y.shape[0]):
        for c in range(slope_y.shape[1]):
            length += slope_y[s, c] * slope_y[s, c]
    share = direction / math.sqrt(length)
    for s in range(slope_y.shape[0]):
        for c in range(slope_y.shape[1]):
            ty[s, c] = slope_y[s, c] * share
    for k in range(slope_v.shape[0]):
        for s in range(slope_v.shape[1]):
            tv[k, s] = slope_v[k, s] * share
    return share


@njit(cache=True, nogil=True)
def slope(work, unit, ty, tl):
    """dλ/ds at the last Newton evaluation, oriented along the tangent (ty, tl)."""
    rate = work[13]
    length, along = unit * unit, unit * unit * tl
    for s in range(rate.shape[0]):
        for c in range(rate.shape[1]):
            length += rate[s, c] * rate[s, c]
            along += rate[s, c] * ty[s, c]
    return (1.0 if along > 0.0 else -1.0) / math.sqrt(length)


@njit(cache=True, nogil=True)
def dot(a, b):
    total = 0.0
    for s in range(a.shape[0]):
        for c in range(a.shape[1]):
            total += a[s, c] * b[s, c]
    return total


@njit(cache=True, nogil=True)
def across(system, y, values, scale, offset, ty, tl, unit, tight, work):
    """Newton on a plane across the tangent; (λ, first correction, contraction, sign of det J).

    ``offset`` says how far beyond the plane (y, λ) is. y and values move in place; a contraction of
    inf says that it failed.
    """
    prior, counts = system[3], system[4]
    weight = unit * unit
    first, before, ratio = 0.0, 0.0, 0.0
    start = scale
    sign = 0.0
    for k in range(8):
        _, _, sign = newton(system, y, values, scale, work)
        step, along = work[11], work[13]
        bottom = dot(ty, along) + tl * weight
        if sign == 0.0 or bottom == 0.0:
            return scale, first, np.inf, sign
        change = -(offset + dot(ty, step) + tl * weight * (scale - start)) / bottom
        worst = 0.0
        for s in range(y.shape[0]):
            for c in range(y.shape[1]):
                moved = step[s, c] + change * along[s, c]
                y[s, c] += moved
                offset += ty[s, c] * moved
                step[s, c] = moved
        worst = max(_largest(step, prior, counts), abs(change) * unit)
        values += work[12] + change * work[14]
        scale += change
        if k == 0:
            first = worst
            if not worst <= MOST:
                return scale, first, np.inf, sign
        else:
            ratio = max(ratio, worst / before)
            if not ratio < 0.7 and before > 1e-6:
                return scale, first, np.inf, sign
        before = worst
        if worst < tight:
            return scale, first, ratio, sign
    return scale, first, np.inf, sign


@njit(cache=True, nogil=True)
def predict(h, arc, out_y, out_v):
    """λ (returned), y and V of the cubic through two points and tangents, h beyond the newer one.

    ``arc`` = (y, V, λ, t_y, t_V, t_λ, the same six of the older point, the distance h0 between);
    h0 = 0 is the tangent alone.
    """
    y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0 = arc
    if h0 == 0.0:
        out_y[:] = y + h * ty
        out_v[:] = v + h * tv
        return lam + h * tl
    # Hermite basis on [0, h0], at h0 + h
    z = 1.0 + h / h0
    old = (1.0 + 2.0 * z) * (1.0 - z) * (1.0 - z)
    new = z * z * (3.0 - 2.0 * z)
    old_t = z * (1.0 - z) * (1.0 - z) * h0
    new_t = z * z * (z - 1.0) * h0
    for s in range(y.shape[0]):
        for c in range(y.shape[1]):
            out_y[s, c] = old * y0[s, c] + new * y[s, c] + old_t * ty0[s, c] + new_t * ty[s, c]
    for k in range(v.shape[0]):
        for s in range(v.shape[1]):
            out_v[k, s] = old * v0[k, s] + new * v[k, s] + old_t * tv0[k, s] + new_t * tv[k, s]
    return old * lam0 + new * lam + old_t * tl0 + new_t * tl


@njit(cache=True, nogil=True)
def advance(system, h, arc, unit, tight, y1, v1, work):
    """Predict and correct at distance h along the arc: (λ, first correction, contraction, sign).

    y1 and v1 receive the point; a contraction of inf says that it failed.
    """
    y, lam, ty, tl = arc[0], arc[2], arc[3], arc[5]
    lam1 = predict(h, arc, y1, v1)
    offset = unit * unit * tl * (lam1 - lam) - h  # beyond the plane at distance h
    for s in range(y.shape[0]):
        for c in range(y.shape[1]):
            offset += ty[s, c] * (y1[s, c] - y[s, c])
    lam1, first, ratio, sign = across(system, y1, v1, lam1, offset, ty, tl, unit, tight, work)
    return lam1, max(first, abs(offset)), ratio, sign


@njit(cache=True, nogil=True)
def landing(h, goal, arc):
    """The step ≤ h whose predicted λ is ``goal``, by bisection on the cubic."""
    lam, tl, lam0, tl0, h0 = arc[2], arc[5], arc[8], arc[11], arc[12]
    low, high = 0.0, h
    for _ in range(40):
        middle = 0.5 * (low + high)
        if h0 == 0.0:
            there = lam + middle * tl
        else:
            z = 1.0 + middle / h0
            there = (1.0 + 2.0 * z) * (1.0 - z) * (1.0 - z) * lam0 + z * z * (3.0 - 2.0 * z) * lam
            there += z * (1.0 - z) * (1.0 - z) * h0 * tl0 + z * z * (z - 1.0) * h0 * tl
        if (there - goal) * (lam - goal) > 0.0:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, nogil=True)
def fold_on(system, reach, arc, direction, unit, y2, v2, work):
    """λ of the fold between distances 0 and ``reach``, or nan; y2, v2 receive the point.

    Regula falsi (Illinois) on dλ/ds, from before to a little after, as the values at points on
    the way are rough.
    """
    low, high, f_low, f_high, side = 0.0, reach, 1.0, -1.0, 0
    back = 0.3 * min(reach, arc[12])
    for probe in range(70):
        if probe < 10 and low == 0.0 and arc[12] > 0.0:
            middle = -back
        elif high == reach:
            middle = 1.3 * reach
        else:
            middle = (low * f_high - high * f_low) / (f_high - f_low)
        lam, _, ratio, _ = advance(system, middle, arc, unit, 1e-7, y2, v2, work)
        f = slope(work, unit, arc[3], arc[5]) * direction
        if ratio == np.inf:
            return np.nan
        if abs(f) * unit < 1e-6:
            return lam
        if high - low < 1e-13 * reach:
            return np.nan  # a jump of the orientation at another fold, not a zero
        if middle < 0.0 and low == 0.0:
            if f <= 0.0:  # the fold is further back
                high, f_high, back = middle, f, 2.0 * back
                if back > arc[12]:
                    return np.nan
                continue
            low, f_low = middle, f
        elif middle > reach:
            if f >= 0.0:
                return np.nan
            high, f_high = middle, f
        elif f > 0.0:
            low, f_low = middle, f
            f_high = 0.5 * f_high if side == 1 else f_high
            side = 1
        else:
            high, f_high = middle, f
            f_low = 0.5 * f_low if side == -1 else f_low
            side = -1
    return np.nan


@njit(cache=True, nogil=True)
def crossing_on(system, reach, arc, index, unit, y2, v2, work):
    """λ near the point between 0 and ``reach`` where sign(det J) sign(dλ/ds) leaves ``index``.

    Bisection, which ends where J is too near singular to go on; y2, v2 receive the point.
    """
    low, high = 0.0, reach
    found = arc[2]
    y2[:], v2[:] = arc[0], arc[1]
    for _ in range(34):
        middle = 0.5 * (low + high)
        lam, _, ratio, sign = advance(system, middle, arc, unit, 1e-7, y2, v2, work)
        if ratio == np.inf:
            break
        found = lam
        f = slope(work, unit, arc[3], arc[5])
        if sign * (1.0 if f > 0.0 else -1.0) * index > 0.0:
            low = middle
        else:
            high = middle
    return found
