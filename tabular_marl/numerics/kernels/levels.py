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
def _row(x, first, n, step, beta, prior, at, tilt, to):  # type: ignore[no-untyped-def]
    """(F, error in units of u) of x[first], x[first + step], …; writes the tilt with the same step."""
    low, high, mass = np.inf, -np.inf, 0.0
    for k in range(n):
        p = prior[at + k * step]
        if p > 0.0:
            v = x[first + k * step]
            mass += p
            low = min(low, v)
            high = max(high, v)
    spread = high - low
    if beta == 0.0 or spread == 0.0:
        total = 0.0
        for k in range(n):
            p = prior[at + k * step] / mass
            tilt[to + k * step] = p
            if p > 0.0:
                total += p * (x[first + k * step] - high)
        mean = high + total
        return mean, (2.0 * n + 4.0) * spread + abs(mean)
    if math.isinf(beta):
        best = high if beta > 0.0 else low
        mass = 0.0
        for k in range(n):
            p = prior[at + k * step]
            if p > 0.0 and x[first + k * step] == best:
                mass += p
        for k in range(n):
            p = prior[at + k * step]
            chosen = p > 0.0 and x[first + k * step] == best
            tilt[to + k * step] = p / mass if chosen else 0.0
        return best, 0.0
    best = high if beta > 0.0 else low
    scale = abs(beta) * spread
    if scale > 0.5 and scale < np.inf:
        total = 0.0
        for k in range(n):
            p = prior[at + k * step]
            e = 0.0
            if p > 0.0:
                e = p * math.exp(beta * (x[first + k * step] - best))
            tilt[to + k * step] = e
            total += e
        if total > _RARE * mass:
            inverse = 1.0 / total
            for k in range(n):
                tilt[to + k * step] *= inverse
            gap = math.log(total / mass) / beta
            value = best + gap
            return value, (2.0 * n + 6.0) / abs(beta) + 5.0 * abs(gap) + abs(value)
    stop = first + n * step
    value = free_energy_and_tilt_row(
        x[first:stop:step], prior[at : at + n * step : step], beta, tilt[to : to + n * step : step]
    )
    return value, spread_units(n) * spread + abs(value)


@njit(cache=True)
def nested(q, s, levels, tilts, joint, scratch):  # type: ignore[no-untyped-def]
    """(F, rounding error) of q[K] in state s.

    Writes the levels' tilts one after another into ``tilts``, and their product into joint[K].
    ``scratch`` [levels, K] is overwritten.
    """
    shape, beta, prior, start, stride = levels
    depth = shape.shape[0]
    error = 0.0
    to = 0
    value = 0.0
    for l in range(depth):
        outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
        at = start[l] + s * stride[l]
        x = q if l == 0 else scratch[l - 1]
        worst = 0.0
        for o in range(outer):
            for i in range(inner):
                begin = o * n * inner + i
                value, units = _row(x, begin, n, inner, beta[l], prior, at + begin, tilts, to + begin)
                scratch[l, o * inner + i] = value
                worst = max(worst, units)
        error += worst
        to += outer * n * inner
    joint[0] = 1.0
    for l in range(depth - 1, -1, -1):
        # From [outer, inner] to [outer, n, inner] in place: backwards, so that nothing is lost.
        outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
        to -= outer * n * inner
        for o in range(outer - 1, -1, -1):
            for k in range(n - 1, -1, -1):
                for i in range(inner):
                    here = (o * n + k) * inner + i
                    joint[here] = joint[o * inner + i] * tilts[to + here]
    return value, error * U
