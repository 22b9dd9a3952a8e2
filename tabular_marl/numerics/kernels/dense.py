"""Dense policy matrices, made in one pass over the rows that the policy plays.

    (I − γ P_w)[s, t] = 1[s = t] − γ Σ_a w[s, a] P[s, a, t]              report (14), its Jacobian

``transition[s, a, t]``, ``w[s, a]``; actions of weight zero are not read.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def assemble(transition, weights, discount, out):
    """out = I − γ P_w, shape [S, S]; returns how many of its entries are not zero."""
    states, actions = weights.shape
    stored = 0
    for s in range(states):
        row = out[s]
        row[:] = 0.0
        for a in range(actions):
            w = discount * weights[s, a]
            if w != 0.0:
                successors = transition[s, a]
                for t in range(states):
                    row[t] -= w * successors[t]
        row[s] += 1.0
        for t in range(states):
            stored += row[t] != 0.0
    return stored


@njit(cache=True, nogil=True)
def compress(matrix, indptr, indices, data, split, diagonal):
    """The dense I − γ P_w as the scaled CSR of kernels/sparse.py."""
    states = matrix.shape[0]
    fill = 0
    indptr[0] = 0
    for s in range(states):
        diagonal[s] = matrix[s, s]
        scale = -1.0 / matrix[s, s]
        for t in range(states):
            if t == s:
                split[s] = fill
            elif matrix[s, t] != 0.0:
                indices[fill] = t
                data[fill] = matrix[s, t] * scale
                fill += 1
        indptr[s + 1] = fill


@njit(cache=True, nogil=True, error_model="numpy")  # a pivot of zero gives what is not finite
def eliminate(matrix, b, x):
    """x = matrix⁻¹ b, overwriting the matrix: Gaussian elimination, which here needs no pivots.

    Row by row, four pivot rows at a time, so that a row is read once for four updates.
    """
    states = matrix.shape[0]
    for i in range(states):
        x[i] = b[i]
    for first in range(0, states, 4):
        last = min(first + 4, states)
        for p in range(first, last):
            inverse = 1.0 / matrix[p, p]
            for i in range(p + 1, last):
                factor = matrix[i, p] * inverse
                x[i] -= factor * x[p]
                for j in range(p, states):
                    matrix[i, j] -= factor * matrix[p, j]
        if last - first < 4:
            break
        r0, r1, r2, r3 = matrix[first], matrix[first + 1], matrix[first + 2], matrix[first + 3]
        for i in range(last, states):
            row = matrix[i]
            f0 = row[first] / r0[first]
            f1 = (row[first + 1] - f0 * r0[first + 1]) / r1[first + 1]
            f2 = (row[first + 2] - f0 * r0[first + 2] - f1 * r1[first + 2]) / r2[first + 2]
            f3 = (
                row[first + 3] - f0 * r0[first + 3] - f1 * r1[first + 3] - f2 * r2[first + 3]
            ) / r3[first + 3]
            x[i] -= f0 * x[first] + f1 * x[first + 1] + f2 * x[first + 2] + f3 * x[first + 3]
            for j in range(last, states):
                row[j] -= f0 * r0[j] + f1 * r1[j] + f2 * r2[j] + f3 * r3[j]
    for i in range(states - 1, -1, -1):
        row = matrix[i]
        total = x[i]
        for j in range(i + 1, states):
            total -= row[j] * x[j]
        x[i] = total / row[i]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _multiply(matrix, x, scale, out):
    """out = scale · (matrix x), entry by entry."""
    for s in range(x.shape[0]):
        row = matrix[s]
        total = 0.0
        for t in range(x.shape[0]):
            total += row[t] * x[t]
        out[s] = scale[s] * total


@njit(cache=True, nogil=True)
def _dot(x, y):
    total = 0.0
    for s in range(x.shape[0]):
        total += x[s] * y[s]
    return total


@njit(cache=True, nogil=True)
def bicgstab(matrix, b, x, target, max_steps):
    """BiCGSTAB from x = 0 on the system scaled by its diagonal; (steps, measured residual)."""
    states = b.shape[0]
    scale = np.empty(states)
    r, shadow, p = np.empty(states), np.empty(states), np.empty(states)
    ap, t = np.empty(states), np.empty(states)
    for s in range(states):
        scale[s] = 1.0 / matrix[s, s]
        x[s] = 0.0
        r[s] = scale[s] * b[s]
        shadow[s] = r[s]
        p[s] = r[s]
    rho = _dot(shadow, r)
    steps = 0
    while steps < max_steps:
        steps += 1
        _multiply(matrix, p, scale, ap)
        sigma = _dot(shadow, ap)
        if sigma == 0.0:
            break
        alpha = rho / sigma
        for s in range(states):
            r[s] -= alpha * ap[s]
        _multiply(matrix, r, scale, t)
        size = _dot(t, t)
        omega = _dot(t, r) / size if size > 0.0 else 0.0
        worst = 0.0
        for s in range(states):
            x[s] += alpha * p[s] + omega * r[s]
            r[s] -= omega * t[s]
            worst = max(worst, abs(r[s]))
        last, rho = rho, _dot(shadow, r)
        if worst <= target or omega == 0.0 or rho == 0.0:
            break
        beta = rho / last * (alpha / omega)
        for s in range(states):
            p[s] = r[s] + beta * (p[s] - omega * ap[s])
    scale[:] = 1.0
    _multiply(matrix, x, scale, t)
    worst = 0.0
    for s in range(states):
        size = abs(b[s] - t[s])
        if not size <= worst:
            worst = size if size == size else np.inf
    return steps, worst
