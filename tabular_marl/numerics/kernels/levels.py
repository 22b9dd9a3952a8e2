"""Nested free energies of one state, compiled: value, joint policy, and a proved rounding error.

Level l, innermost first, sees its input as [outer, n, inner] = ``shape[l]`` and aggregates the
middle axis. ``levels`` = (shape, beta, prior, start, stride): priors lie flat, level l's at
``start[l]``, ``stride[l]`` further for each state (0 where the prior is the same in all states).

Rounding, u = 2⁻⁵³, libm within one unit in the last place, n outcomes, m the optimum of x over the
prior's support. With y_k = β(x_k − m) and |β| spread > 1/2 a row is F = m + log(Σ p e^y / Σp) / β:

    x − m and its product with β: 2u |y_k| each, so 2u Σ w_k |x_k − m| ≤ 2u |F − m| in F
    e^y, times p, the two sums, the quotient: (2n + 4) u of the sum, so (2n + 4) u / |β| in F
    the log and its division by β: 3u |F − m|;   the last sum: u |F|

(Σ w_k (x_k − m) lies between F − m and 0, since F = Σ w x − KL(w‖p)/β.) At β = 0 the mean
m + Σ p (x − m)/Σp errs by (2n + 4) u spread + u |F|; β = ±inf is exact; anything closer to β = 0
goes to kernels/free_energy.py, which proves its own bound. Free energies do not amplify the error
of their input in the sup norm, so the levels' errors add up.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.free_energy import (
    free_energy_and_tilt_row,
    spread_units,
)

U = 2.0**-53
#: Below this share the exponentials of likely outcomes may underflow: take the careful kernel.
_RARE = 1e-20


@njit(cache=True)
def _mean(x, first, n, step, prior, at, tilts, to):  # type: ignore[no-untyped-def]
    """(F, error in units of u) of one row x[first], x[first + step], … at β = 0."""
    mass, high, low = 0.0, -np.inf, np.inf
    for k in range(first, first + n * step, step):
        if prior[at + k] > 0.0:
            mass += prior[at + k]
            high = max(high, x[k])
            low = min(low, x[k])
    total = 0.0
    for k in range(first, first + n * step, step):
        p = prior[at + k] / mass
        tilts[to + k] = p
        if p > 0.0:
            total += p * (x[k] - high)
    return high + total, (2.0 * n + 4.0) * (high - low) + abs(high + total)


@njit(cache=True)
def _optimum(x, first, n, step, beta, prior, at, tilts, to):  # type: ignore[no-untyped-def]
    """F of one row at β = ±inf."""
    best, mass = 0.0, 0.0
    for k in range(first, first + n * step, step):
        p = prior[at + k]
        if p > 0.0:
            if mass == 0.0 or (x[k] > best if beta > 0.0 else x[k] < best):
                best, mass = x[k], p
            elif x[k] == best:
                mass += p
    for k in range(first, first + n * step, step):
        p = prior[at + k]
        tilts[to + k] = p / mass if p > 0.0 and x[k] == best else 0.0
    return best


@njit(cache=True)
def _level(x, outer, n, inner, beta, prior, at, tilts, to, out):  # type: ignore[no-untyped-def]
    """Aggregate x[outer, n, inner] into out[outer, inner]; the largest error in units of u."""
    worst = 0.0
    for o in range(outer):
        for i in range(inner):
            first = o * n * inner + i
            stop = first + n * inner
            to_row = o * inner + i
            if math.isinf(beta):
                out[to_row] = _optimum(x, first, n, inner, beta, prior, at, tilts, to)
                continue
            low, high = np.inf, -np.inf
            for k in range(first, stop, inner):
                if prior[at + k] > 0.0:
                    low = min(low, x[k])
                    high = max(high, x[k])
            spread = high - low
            if beta == 0.0 or spread == 0.0:
                out[to_row], units = _mean(x, first, n, inner, prior, at, tilts, to)
                worst = max(worst, units)
                continue
            best = high if beta > 0.0 else low
            if abs(beta) * spread > 0.5:
                total, mass = 0.0, 0.0
                for k in range(first, stop, inner):
                    p = prior[at + k]
                    e = 0.0
                    if p > 0.0:
                        e = p * math.exp(beta * (x[k] - best))
                    tilts[to + k] = e
                    total += e
                    mass += p
                if total > _RARE * mass:
                    inverse = 1.0 / total
                    for k in range(first, stop, inner):
                        tilts[to + k] *= inverse
                    gap = math.log(total / mass) / beta
                    out[to_row] = best + gap
                    units = (2.0 * n + 6.0) / abs(beta) + 5.0 * abs(gap) + abs(best + gap)
                    worst = max(worst, units)
                    continue
            row, here = prior[at + first : at + stop : inner], tilts[to + first : to + stop : inner]
            value = free_energy_and_tilt_row(x[first:stop:inner], row, beta, here)
            out[to_row] = value
            worst = max(worst, spread_units(n) * spread + abs(value))
    return worst


@njit(cache=True)
def nested(q, s, levels, tilts, joint, scratch):  # type: ignore[no-untyped-def]
    """(F, rounding error) of q[K] in state s.

    Writes the levels' tilts one after another into ``tilts``, and their product into joint[K].
    ``scratch`` [levels, K] is overwritten.
    """
    shape, beta, prior, start, stride = levels
    depth = shape.shape[0]
    units = 0.0
    to = 0
    for l in range(depth):
        outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
        x = q if l == 0 else scratch[l - 1]
        at = start[l] + s * stride[l]
        units += _level(x, outer, n, inner, beta[l], prior, at, tilts, to, scratch[l])
        to += outer * n * inner
    value = scratch[depth - 1, 0]
    joint[0] = 1.0
    outside = scratch[0]  # free again
    for l in range(depth - 1, -1, -1):
        outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
        to -= outer * n * inner
        for j in range(outer * inner):
            outside[j] = joint[j]
        for o in range(outer):
            for i in range(inner):
                factor = outside[o * inner + i]
                for j in range(o * n * inner + i, (o + 1) * n * inner, inner):
                    joint[j] = factor * tilts[to + j]
    return value, units * U
