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
def widths(indptr, indices, position, limit):  # type: ignore[no-untyped-def]
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
def eliminate(indptr, indices, data, diagonal, b, order, position, width):  # type: ignore[no-untyped-def]
    """x of (I − M) x = b / d by LU in the given order, where ``order[position[s]] = s``.

    Rows of U are padded to whole blocks of eight, which the compiler turns into vectors.
    """
    states = diagonal.shape[0]
    blocks = (width + 8) // 8
    padded = 8 * blocks
    upper = np.zeros((states, padded))  # upper[i, 0] holds the pivot's inverse
    y = np.empty(states)
    row = np.empty(width + padded)
    for i in range(states):
        s = order[i]
        for k in range(width + padded):
            row[k] = 0.0
        row[width] = 1.0
        for k in range(indptr[s], indptr[s + 1]):
            row[position[indices[k]] - i + width] -= data[k]
        total = b[s] / diagonal[s]
        for j in range(max(0, i - width), i):
            at = j - i + width
            factor = row[at] * upper[j, 0]
            if abs(factor) > _NOTHING:
                for block in range(0, padded, 8):  # row[at] itself is spent
                    for k in range(8):
                        row[at + block + k] -= factor * upper[j, block + k]
                total -= factor * y[j]
        for k in range(padded):
            upper[i, k] = row[width + k]
        upper[i, 0] = 1.0 / row[width]
        y[i] = total
    x = np.empty(states)
    for i in range(states - 1, -1, -1):
        total = y[i]
        for k in range(1, min(width, states - 1 - i) + 1):
            total -= upper[i, k] * y[i + k]
        y[i] = total * upper[i, 0]
        x[order[i]] = y[i]
    return x
