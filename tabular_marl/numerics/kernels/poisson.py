"""Poisson's equation of a large chain by BiCGSTAB, without calls to a threaded BLAS.

    (I − P + 1 e_0ᵀ) h = r          P stochastic with one recurrent class, 0 a state of it

The products are written out: at these sizes the vectors fit in cache, and threads only wait.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Sums inside the iteration may be reassociated (they vectorise); the measured residual may not.
_REORDER = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True)
def residual(indptr, indices, data, at, h, reward, out):
    """out = r − (I − P + 1 e_atᵀ) h; returns its largest entry, infinite if anything is NaN."""
    worst = 0.0
    for x in range(h.shape[0]):
        total = reward[x] - h[x] - h[at]
        for k in range(indptr[x], indptr[x + 1]):
            total += data[k] * h[indices[k]]
        out[x] = total
        if not abs(total) <= worst:
            worst = abs(total) if total == total else np.inf
    return worst


@njit(cache=True, nogil=True, fastmath=_REORDER)
def _multiply(indptr, indices, data, at, v, out):
    for x in range(v.shape[0]):
        total = v[x] + v[at]
        for k in range(indptr[x], indptr[x + 1]):
            total -= data[k] * v[indices[k]]
        out[x] = total


@njit(cache=True, nogil=True, fastmath=_REORDER)
def _dot(a, b):
    total = 0.0
    for x in range(a.shape[0]):
        total += a[x] * b[x]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def bicgstab(indptr, indices, data, at, h, reward, target, max_steps):
    """Improve h in place until the largest residual is at most ``target``; returns that residual.

    Restarted from the measured residual when it breaks down or seems done; gives up after
    ``max_steps`` or three starts that did not halve the residual. h is the best point seen.
    """
    states = h.shape[0]
    r, p, v, t = np.empty(states), np.empty(states), np.empty(states), np.empty(states)
    best = h.copy()
    size = residual(indptr, indices, data, at, h, reward, r)
    steps = 0
    poor = 0
    while size > target and steps < max_steps and poor < 3:
        shadow = r.copy()
        p[:] = r
        rho = _dot(shadow, r)
        first = rho
        while steps < max_steps:
            steps += 1
            _multiply(indptr, indices, data, at, p, v)
            alpha = rho / _dot(shadow, v)
            for x in range(states):
                r[x] -= alpha * v[x]
            _multiply(indptr, indices, data, at, r, t)
            omega = _dot(t, r) / _dot(t, t)
            for x in range(states):
                h[x] += alpha * p[x] + omega * r[x]
                r[x] -= omega * t[x]
            rho_next = _dot(shadow, r)
            worst = 0.0
            for x in range(states):
                worst = max(worst, abs(r[x]))
            if not worst > target / 2 or not abs(rho_next) < 1e8 * first or rho_next == 0.0:
                break
            beta = rho_next / rho * alpha / omega
            rho = rho_next
            for x in range(states):
                p[x] = r[x] + beta * (p[x] - omega * v[x])
        reached = residual(indptr, indices, data, at, h, reward, r)
        if not reached <= size / 2:
            poor += 1
        if reached < size:
            size = reached
            best[:] = h
        else:
            h[:] = best
            residual(indptr, indices, data, at, h, reward, r)
    return size
