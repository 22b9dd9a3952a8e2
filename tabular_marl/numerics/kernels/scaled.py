"""Stationary distributions in numbers that cannot overflow: x = m · 2^(512 e), 2⁻²⁵⁶ ≤ m < 2²⁵⁶.

Elimination of Grassmann, Taksar and Heyman (1985) on pairs (m, e). Scaling by powers of two is
exact and only terms 2⁻²⁵⁶ times the other are dropped from sums, so relative errors are those of
kernels/chains.py, without its limits on how far apart entries may be.
"""

from __future__ import annotations

import numpy as np
from numba import njit

HIGH, LOW = 2.0**256, 2.0**-256
DOWN, UP = 2.0**-512, 2.0**512


@njit(cache=True, nogil=True, error_model="numpy")
def _scaled(m, e):
    """(m, e) with m in range; m = 0 stays."""
    if m >= HIGH:
        return m * DOWN, e + 1
    if 0.0 < m < LOW:
        return m * UP, e - 1
    return m, e


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(m, e, n, f):
    """(m, e) + (n, f)."""
    if n == 0.0 or (m > 0.0 and e > f + 1):
        return m, e
    if m == 0.0 or f > e + 1:
        return n, f
    if e == f:
        return _scaled(m + n, e)
    if e > f:
        return _scaled(m + n * DOWN, e)
    return _scaled(n + m * DOWN, f)


@njit(cache=True, nogil=True, error_model="numpy")
def stationary(m, e):
    """The law of an irreducible matrix (m, e) [n, n] up to a factor, as (mass, exponent) [n].

    The arguments are overwritten; diagonals are not read.
    """
    size = m.shape[0]
    mass, exponent = np.zeros(size), np.zeros(size, dtype=np.int64)
    for k in range(size - 1, 0, -1):
        total, power = 0.0, 0
        for j in range(k):
            total, power = _sum(total, power, m[k, j], e[k, j])
        for i in range(k):
            if m[i, k] > 0.0:
                x, p = _scaled(m[i, k] / total, e[i, k] - power)
                m[i, k], e[i, k] = x, p
                for j in range(k):
                    if m[k, j] > 0.0 and j != i:
                        y, q = _scaled(x * m[k, j], p + e[k, j])
                        m[i, j], e[i, j] = _sum(m[i, j], e[i, j], y, q)
    mass[0] = 1.0
    for k in range(1, size):
        for i in range(k):
            if m[i, k] > 0.0:
                y, q = _scaled(mass[i] * m[i, k], exponent[i] + e[i, k])
                mass[k], exponent[k] = _sum(mass[k], exponent[k], y, q)
    return mass, exponent
