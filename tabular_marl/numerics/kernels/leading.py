"""Elimination of states over leading terms c ε^r: the stationary law as ε → 0, exactly.

A positive function that behaves like c ε^r is kept as the pair (c > 0, r). Sums, products and
quotients of positive functions have the leading terms

    c ε^r + c' ε^r'  →  the one with the smaller exponent, or (c + c') ε^r if r = r'
    c ε^r · c' ε^r'  →  c c' ε^(r+r')            c ε^r / c' ε^r'  →  (c/c') ε^(r−r')

and no difference is ever taken by the elimination of kernels/chains.py, so running it over pairs
gives the leading term of every stationary probability. Exponents are integers: exact.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: The exponent of zero.
NEVER = 2**62


@njit(cache=True, nogil=True, error_model="numpy")
def stationary(c, r):
    """Leading terms (mass [n], exponent [n]) of π(ε), up to a common factor.

    ``c`` [n, n] and ``r`` [n, n], overwritten, belong to an irreducible chain; NEVER marks what is
    impossible, diagonals are not read.
    """
    n = c.shape[0]
    for k in range(n - 1, 0, -1):
        total, least = 0.0, NEVER
        for j in range(k):
            if r[k, j] < least:
                total, least = c[k, j], r[k, j]
            elif r[k, j] == least and least < NEVER:
                total += c[k, j]
        for i in range(k):
            if r[i, k] == NEVER:
                continue
            c[i, k] /= total
            r[i, k] -= least
            for j in range(k):
                if j == i or r[k, j] == NEVER:
                    continue
                product, power = c[i, k] * c[k, j], r[i, k] + r[k, j]
                if power < r[i, j]:
                    c[i, j], r[i, j] = product, power
                elif power == r[i, j]:
                    c[i, j] += product
    mass = np.zeros(n)
    exponent = np.full(n, NEVER, dtype=np.int64)
    mass[0], exponent[0] = 1.0, 0
    for k in range(1, n):
        for i in range(k):
            if r[i, k] == NEVER:
                continue
            product, power = mass[i] * c[i, k], exponent[i] + r[i, k]
            if power < exponent[k]:
                mass[k], exponent[k] = product, power
            elif power == exponent[k]:
                mass[k] += product
    return mass, exponent


@njit(cache=True, nogil=True, error_model="numpy")
def forests(r, stop):
    """min over k ≥ 1 of V(k) + k · ``stop``, V(k) the least resistance of forests with k roots.

    The exponent of det(I − P_ε + ε^stop): elimination where every state also stops with exponent
    ``stop``. ``r`` [n, n] is overwritten.
    """
    n = r.shape[0]
    ends = np.full(n, stop, dtype=np.int64)
    total = 0
    for k in range(n - 1, 0, -1):
        least = ends[k]
        for j in range(k):
            least = min(least, r[k, j])
        total += least
        for i in range(k):
            if r[i, k] == NEVER:
                continue
            more = r[i, k] - least
            ends[i] = min(ends[i], more + ends[k])
            for j in range(k):
                if j != i and r[k, j] != NEVER:
                    r[i, j] = min(r[i, j], more + r[k, j])
    return total + ends[0]
