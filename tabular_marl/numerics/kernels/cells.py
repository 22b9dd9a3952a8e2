"""Bounds on what agent i earns against an exploring Q-learner of two actions, on cells of values.

A cell [i, k] of side h holds all (Q_0, Q_1) in [low + ih, low + (i+1)h] × [low + kh, …]. A step
maps it into a few cells; the best of them for agent i bounds the learner's true values from above,
the worst from below, and so does the better or worse greedy action on the diagonal.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def worth(h, i, k, own, pay, learned, low, size, step, discount, epsilon, patience, upper):
    """The best (or worst) r + ``patience`` E h from the cell [i, k] when agent i plays ``own``.

    ``pay`` and ``learned`` [own, other]: rewards of agent i and the learner. The image of a cell is
    widened by 1e-9 of its side, which covers rounding.
    """
    n = h.shape[0]
    peak = low + max(i, k) * size
    ahead = np.empty(2)
    for other in range(2):
        at = i if other == 0 else k
        target = learned[own, other] + discount * peak
        first = ((1 - step) * (low + at * size) + step * target - low) / size - 1e-9
        last = first + (1 - step) + step * discount + 2e-9
        value = -np.inf if upper else np.inf
        for c in range(max(int(np.floor(first)), 0), min(int(np.floor(last)), n - 1) + 1):
            v = h[c, k] if other == 0 else h[i, c]
            value = max(value, v) if upper else min(value, v)
        ahead[other] = pay[own, other] + patience * value
    if i > k:
        greedy = ahead[0]
    elif i < k:
        greedy = ahead[1]
    elif upper:
        greedy = max(ahead[0], ahead[1])
    else:
        greedy = min(ahead[0], ahead[1])
    return (1 - epsilon) * greedy + epsilon * 0.5 * (ahead[0] + ahead[1])


@njit(cache=True, nogil=True, error_model="numpy")
def sweep(h, out, pay, learned, low, size, step, discount, epsilon, patience, upper):
    """out = max over own actions of their worth; returns the least and the largest out − h."""
    least, most = np.inf, -np.inf
    for i in range(h.shape[0]):
        for k in range(h.shape[0]):
            best = -np.inf
            for own in range(pay.shape[0]):
                found = worth(
                    h, i, k, own, pay, learned, low, size, step, discount, epsilon, patience, upper
                )
                best = max(best, found)
            out[i, k] = best
            least = min(least, best - h[i, k])
            most = max(most, best - h[i, k])
    return least, most


@njit(cache=True, nogil=True, error_model="numpy")
def relax(h, out, laziness):
    """h ← h + laziness (out − h), centred by its first entry."""
    first = h[0, 0] + laziness * (out[0, 0] - h[0, 0])
    for i in range(h.shape[0]):
        for k in range(h.shape[1]):
            h[i, k] += laziness * (out[i, k] - h[i, k]) - first
