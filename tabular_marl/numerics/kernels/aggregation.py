"""The steps of a multilevel solution of Poisson's equation: pairs of states, sweeps, directions.

(I − P) h = v − g        computed as Σ_y P(x, y) (h_x − h_y): constants have no rounding error
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: A state is paired with one whose flow is at least this share of its strongest flow.
SHARE = 0.25


@njit(cache=True, nogil=True)
def pairs(indptr, indices, data, back_start, back_states, back, weight, least):
    """Number each state [n] with the neighbour of the strongest flow that is still free.

    The flow from x to y is P(x, y) + w_y P(y, x) / w_x: forwards, and backwards in time. Without a
    free strong neighbour a state joins the strongest; it stays alone if no flow reaches ``least``.
    """
    states = indptr.shape[0] - 1
    label = np.full(states, -1, dtype=np.int64)
    flow = np.zeros(states)
    near = np.empty(states, dtype=np.int64)
    count = 0
    for x in range(states):
        if label[x] >= 0:
            continue
        found = 0
        for side in range(2):
            start = indptr if side == 0 else back_start
            for k in range(start[x], start[x + 1]):
                y = indices[k] if side == 0 else back_states[k]
                if y == x:
                    continue
                if flow[y] == 0.0:
                    near[found] = y
                    found += 1
                flow[y] += data[k] if side == 0 else back[k] * weight[y] / weight[x]
        strongest, friend, best, free = 0.0, -1, 0.0, -1
        for i in range(found):
            y = near[i]
            if flow[y] > strongest:
                strongest, friend = flow[y], y
            if label[y] < 0 and flow[y] > best:
                best, free = flow[y], y
            flow[y] = 0.0
        if friend >= 0 and strongest >= least and label[friend] >= 0 and best < SHARE * strongest:
            label[x] = label[friend]
            continue
        label[x] = count
        if free >= 0 and best >= SHARE * strongest and best >= least:
            label[free] = count
        count += 1
    return count, label


@njit(cache=True, nogil=True)
def strongest(indptr, indices, data, out):
    """out = the largest probability of another state, [n]."""
    for x in range(out.shape[0]):
        out[x] = 0.0
        for k in range(indptr[x], indptr[x + 1]):
            if indices[k] != x:
                out[x] = max(out[x], data[k])


@njit(cache=True, nogil=True)
def sweep(indptr, indices, data, v, h, backwards):
    """Gauss-Seidel in place; states that are never left keep their values."""
    states = h.shape[0]
    for i in range(states):
        x = states - 1 - i if backwards else i
        total, leaving = v[x], 0.0
        for k in range(indptr[x], indptr[x + 1]):
            if indices[k] != x:
                total += data[k] * h[indices[k]]
                leaving += data[k]
        if leaving > 0.0:
            h[x] = total / leaving


@njit(cache=True, nogil=True)
def decline(indptr, indices, data, h, out):
    """out = (I − P) h."""
    for x in range(h.shape[0]):
        total = 0.0
        for k in range(indptr[x], indptr[x + 1]):
            total += data[k] * (h[x] - h[indices[k]])
        out[x] = total


@njit(cache=True, nogil=True)
def _dot(a, b):
    total = 0.0
    for x in range(a.shape[0]):
        total += a[x] * b[x]
    return total


@njit(cache=True, nogil=True)
def step(directions, images, k, rest, h):
    """Direction k made orthogonal to those before, and the best step along it; False if none.

    images[k] is what direction k takes off the residual ``rest``; both are changed in place.
    """
    own = images[k]
    before = np.sqrt(_dot(own, own))
    for _ in range(2):
        for j in range(k):
            along = _dot(own, images[j])
            for x in range(h.shape[0]):
                own[x] -= along * images[j, x]
                directions[k, x] -= along * directions[j, x]
    length = np.sqrt(_dot(own, own))
    if not length > 1e-7 * before:
        return False
    along = _dot(rest, own) / length
    for x in range(h.shape[0]):
        own[x] /= length
        directions[k, x] /= length
        rest[x] -= along * own[x]
        h[x] += along * directions[k, x]
    return True
