"""Dense policy matrices, made in one pass over the rows that the policy plays.

    (I − γ P_w)[s, t] = 1[s = t] − γ Σ_a w[s, a] P[s, a, t]              report (14), its Jacobian

``transition[s, a, t]``, ``w[s, a]``; actions of weight zero are not read.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def assemble(transition, weights, discount, out):  # type: ignore[no-untyped-def]
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
def compress(matrix, indptr, indices, data, split, diagonal):  # type: ignore[no-untyped-def]
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
