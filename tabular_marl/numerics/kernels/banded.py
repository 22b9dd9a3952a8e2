"""Elimination of a banded policy matrix, without pivoting.

    (I − M) x = b / d        M as packed in kernels/sparse.py, M[s, t] = 0 unless
                             |position(s) − position(t)| ≤ width

A game whose successors are near in some order of the states (a ring, a corridor, a queue) is
solved in S·width² operations, whatever γ is. An M-matrix that is diagonally dominant by rows needs
no pivots: its elements do not grow, and no fill leaves the band. L is applied as it is made and
never stored; U takes S·(width + 1) numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: A multiple of a row below this cannot change another: both are of size one.
_NOTHING = 1e-25


@njit(cache=True, nogil=True)
def widths(indptr, indices, position, limit):
    """Half-bandwidth in the order ``position``, and the same with distances around the ring.

    Stops early, with what it has, when both exceed ``limit``.
    """
    states = indptr.shape[0] - 1
    straight = 0
    around = 0
    for s in range(states):
        here = position[s]
        for k in range(indptr[s], indptr[s + 1]):
            distance = abs(position[indices[k]] - here)
            straight = max(straight, distance)
            around = max(around, min(distance, states - distance))
        if around > limit:
            break
    return straight, around


@njit(cache=True, nogil=True)
def padded_width(width):
    """Numbers that a row of U takes: whole blocks of eight columns, wherever the pivot is."""
    return 8 * ((width + 7) // 8 + 1)


@njit(cache=True, nogil=True)
def eliminate(indptr, indices, data, diagonal, b, order, position, width, upper):
    """x of (I − M) x = b / d by LU in the given order, where ``order[position[s]] = s``.

    ``upper`` [S, padded_width(width)] is room for U; row i begins at column 8 ⌊i/8⌋, so that a
    block of a row is always read and written as a whole: windows that move by one column would
    read what is still on its way to memory.
    """
    states = diagonal.shape[0]
    padded = upper.shape[1]
    inverse = np.empty(states)
    y = np.empty(states)
    row = np.empty(2 * padded + 8)
    for i in range(states):
        base = 8 * (max(0, i - width) // 8)
        for k in range(row.shape[0]):
            row[k] = 0.0
        s = order[i]
        row[i - base] = 1.0
        for k in range(indptr[s], indptr[s + 1]):
            row[position[indices[k]] - base] -= data[k]
        total = b[s] / diagonal[s]
        for j in range(max(0, i - width), i):
            factor = row[j - base] * inverse[j]
            if abs(factor) > _NOTHING:
                at = 8 * (j // 8) - base
                target = row[at : at + padded]
                pivots = upper[j]
                for k in range(padded):
                    target[k] -= factor * pivots[k]
                total -= factor * y[j]
        at = 8 * (i // 8)
        for k in range(padded):
            upper[i, k] = row[at - base + k]
        for k in range(i - at + 1):  # L and the pivot
            upper[i, k] = 0.0
        inverse[i] = 1.0 / row[i - base]
        y[i] = total
    x = np.empty(states)
    for i in range(states - 1, -1, -1):
        total = y[i]
        at = 8 * (i // 8)
        for k in range(i + 1, min(i + width, states - 1) + 1):
            total -= upper[i, k - at] * y[k]
        y[i] = total * inverse[i]
        x[order[i]] = y[i]
    return x
