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
def _carefully(x, prior, beta, tilt, at, x_at, prior_at, n, step):
    """F of one row by the kernel for extreme cases, on copies (they are rare)."""
    row, weights, out = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        row[i] = x[x_at + i * step]
        weights[i] = prior[prior_at + i * step]
    value = free_energy_and_tilt_row(row, weights, beta, out)
    for i in range(n):
        tilt[at + i * step] = out[i]
    return value


@njit(cache=True)
def aggregate(first, last, level, levels, x, out, tilts, to, units):
    """Level ``level`` for the states first ≤ s < last: x[s − first, outer·n·inner] into out.

    Tilts go to tilts[s, to:]; the largest error in units of u is added to units[s − first].
    One call for many rows: a compiled call with arrays costs as much as ten exponentials.
    """
    shape, betas, prior, start, stride = levels
    outer, n, inner = shape[level, 0], shape[level, 1], shape[level, 2]
    beta = betas[level]
    for s in range(first, last):
        value, tilt = x[s - first], tilts[s]
        worst = 0.0
        for o in range(outer):
            for i in range(inner):
                a = o * n * inner + i
                b = start[level] + s * stride[level] + a
                c = to + a
                low, high, mass = np.inf, -np.inf, 0.0
                for k in range(n):
                    p = prior[b + k * inner]
                    if p > 0.0:
                        mass += p
                        low = min(low, value[a + k * inner])
                        high = max(high, value[a + k * inner])
                best = high if beta > 0.0 else low
                spread = high - low
                if math.isinf(beta):
                    mass = 0.0
                    for k in range(n):
                        chosen = prior[b + k * inner] if value[a + k * inner] == best else 0.0
                        tilt[c + k * inner] = chosen
                        mass += chosen
                    for k in range(n):
                        tilt[c + k * inner] /= mass
                    error = 0.0
                elif beta == 0.0 or spread == 0.0:
                    total = 0.0
                    for k in range(n):
                        p = prior[b + k * inner] / mass
                        tilt[c + k * inner] = p
                        if p > 0.0:
                            total += p * (value[a + k * inner] - high)
                    best = high + total
                    error = (2.0 * n + 4.0) * spread + abs(best)
                else:
                    total = 0.0
                    if abs(beta) * spread > 0.5:
                        for k in range(n):
                            p = prior[b + k * inner]
                            e = 0.0
                            if p > 0.0:
                                e = p * math.exp(beta * (value[a + k * inner] - best))
                            tilt[c + k * inner] = e
                            total += e
                    if total > _RARE * mass:
                        inverse = 1.0 / total
                        for k in range(n):
                            tilt[c + k * inner] *= inverse
                        gap = math.log(total / mass) / beta
                        best += gap
                        error = (2.0 * n + 6.0) / abs(beta) + 5.0 * abs(gap) + abs(best)
                    else:
                        best = _carefully(value, prior, beta, tilt, c, a, b, n, inner)
                        error = spread_units(n) * spread + abs(best)
                out[s - first, o * inner + i] = best
                worst = max(worst, error)
        units[s - first] += worst


@njit(cache=True)
def multiply_tilts(first, last, levels, tilts, joint):
    """joint[s, K] = the product of the levels' tilts, outermost first, for first ≤ s < last."""
    shape = levels[0]
    depth = shape.shape[0]
    product = np.empty(joint.shape[1])
    for s in range(first, last):
        weights, tilt = joint[s], tilts[s]
        to = tilt.shape[0]
        weights[0] = 1.0
        for l in range(depth - 1, -1, -1):
            outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
            to -= outer * n * inner
            for j in range(outer * inner):
                product[j] = weights[j]
            for o in range(outer):
                for k in range(n):
                    for i in range(inner):
                        j = (o * n + k) * inner + i
                        weights[j] = product[o * inner + i] * tilt[to + j]


@njit(cache=True)
def nested(first, last, levels, values, units, tilts, joint):
    """F of the states first ≤ s < last from their q in values[0, s − first, K].

    Level l reads values[l] and writes values[l + 1]; F ends in values[depth, s − first, 0], with
    rounding error units[s − first] u; tilts[s] gets the levels' tilts one after another and
    joint[s, K] their product.
    """
    shape = levels[0]
    to = 0
    for i in range(last - first):
        units[i] = 0.0
    for l in range(shape.shape[0]):
        aggregate(first, last, l, levels, values[l], values[l + 1], tilts, to, units)
        to += shape[l, 0] * shape[l, 1] * shape[l, 2]
    multiply_tilts(first, last, levels, tilts, joint)
