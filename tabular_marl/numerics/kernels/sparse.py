"""Sparse policy matrices: pack γ P_w once, then solve (I − γ P_w) x = b on it.

    (γ P_w)[s, t] = γ Σ_a w[s, a] P[(s, a), t]                 report (14), its Jacobian

``P`` is CSR with rows (s, a) in C order, S·N of them; ``w[s, :]`` is a distribution over the N
joint actions. Successors of one state are merged and actions of weight zero are not read, so a
deterministic policy packs 1/N of the rows. The diagonal is kept apart: ``diagonal[s] = 1 − γ P_w[s, s]``.

Every matrix here is an M-matrix, strictly diagonally dominant by rows for γ < 1: elimination needs
no pivoting, and Gauss–Seidel sweeps contract the sup-norm error by γ or better.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count_selected(indptr, weights):  # type: ignore[no-untyped-def]
    """Upper bound on the packed entries: stored entries in rows of non-zero weight."""
    states, actions = weights.shape
    total = 0
    for s in range(states):
        for a in range(actions):
            if weights[s, a] != 0.0:
                row = s * actions + a
                total += indptr[row + 1] - indptr[row]
    return total


@njit(cache=True, nogil=True)
def pack(indptr, indices, data, weights, discount, out_indptr, out_indices, out_data, diagonal):  # type: ignore[no-untyped-def]
    """Off-diagonal of γ P_w as CSR into the ``out`` arrays, 1 − γ P_w[s,s] into ``diagonal``."""
    states, actions = weights.shape
    place = np.full(states, -1, dtype=np.int64)
    fill = 0
    out_indptr[0] = 0
    for s in range(states):
        start = fill
        own = 0.0
        for a in range(actions):
            w = weights[s, a]
            if w == 0.0:
                continue
            w *= discount
            row = s * actions + a
            for k in range(indptr[row], indptr[row + 1]):
                t = indices[k]
                p = w * data[k]
                if t == s:
                    own += p
                    continue
                at = place[t]
                if at >= start:
                    out_data[at] += p
                else:
                    place[t] = fill
                    out_indices[fill] = t
                    out_data[fill] = p
                    fill += 1
        diagonal[s] = 1.0 - own
        out_indptr[s + 1] = fill
    return fill


@njit(cache=True, nogil=True)
def residual(indptr, indices, data, diagonal, x, b, out):  # type: ignore[no-untyped-def]
    """out = b − (I − γ P_w) x; returns its sup norm (NaN counts as infinite)."""
    worst = 0.0
    for s in range(diagonal.shape[0]):
        total = b[s] - diagonal[s] * x[s]
        for k in range(indptr[s], indptr[s + 1]):
            total += data[k] * x[indices[k]]
        out[s] = total
        size = abs(total)
        if not size <= worst:
            worst = size if size == size else np.inf
    return worst


@njit(cache=True, nogil=True)
def gauss_seidel(indptr, indices, data, diagonal, x, b, target, max_sweeps):  # type: ignore[no-untyped-def]
    """Alternating Gauss–Seidel sweeps on x until a sweep moves it by at most ``target``; returns sweeps."""
    states = diagonal.shape[0]
    for sweep in range(max_sweeps):
        moved = 0.0
        for i in range(states):
            s = i if sweep % 2 == 0 else states - 1 - i
            total = b[s]
            for k in range(indptr[s], indptr[s + 1]):
                total += data[k] * x[indices[k]]
            new = total / diagonal[s]
            moved = max(moved, abs(new - x[s]))
            x[s] = new
        if moved <= target:
            return sweep + 1
    return max_sweeps


@njit(cache=True, nogil=True)
def _multiply(indptr, indices, data, diagonal, x, out):  # type: ignore[no-untyped-def]
    """out = D⁻¹ (I − γ P_w) x, the matrix scaled to a unit diagonal."""
    for s in range(diagonal.shape[0]):
        total = 0.0
        for k in range(indptr[s], indptr[s + 1]):
            total += data[k] * x[indices[k]]
        out[s] = x[s] - total / diagonal[s]


@njit(cache=True, nogil=True)
def bicgstab(indptr, indices, data, diagonal, x, b, target, max_iterations):  # type: ignore[no-untyped-def]
    """BiCGSTAB on the Jacobi-scaled system, in place on x; stops at sup-norm residual ``target``.

    Restarts with a fresh shadow residual on breakdown; returns (iterations, final residual).
    """
    states = diagonal.shape[0]
    r = np.empty(states)
    shadow = np.empty(states)
    p = np.empty(states)
    v = np.empty(states)
    t = np.empty(states)
    best = x.copy()
    best_size = residual(indptr, indices, data, diagonal, x, b, r)
    done = 0
    restarts = 0
    while done < max_iterations and restarts < 4 and best_size > target:
        for s in range(states):
            r[s] /= diagonal[s]
            shadow[s] = r[s]
            p[s] = r[s]
        rho = 0.0
        for s in range(states):
            rho += r[s] * r[s]
        while done < max_iterations:
            done += 1
            _multiply(indptr, indices, data, diagonal, p, v)
            sigma = 0.0
            for s in range(states):
                sigma += shadow[s] * v[s]
            if sigma == 0.0 or sigma != sigma:
                break
            alpha = rho / sigma
            for s in range(states):
                r[s] -= alpha * v[s]
            _multiply(indptr, indices, data, diagonal, r, t)
            tr = 0.0
            tt = 0.0
            for s in range(states):
                tr += t[s] * r[s]
                tt += t[s] * t[s]
            omega = tr / tt if tt > 0.0 else 0.0
            size = 0.0
            rho_next = 0.0
            for s in range(states):
                x[s] += alpha * p[s] + omega * r[s]
                r[s] -= omega * t[s]
                size = max(size, abs(r[s]) * diagonal[s])
                rho_next += shadow[s] * r[s]
            if size <= target or omega == 0.0 or rho_next == 0.0 or size != size:
                break
            beta = rho_next / rho * (alpha / omega)
            rho = rho_next
            for s in range(states):
                p[s] = r[s] + beta * (p[s] - omega * v[s])
        size = residual(indptr, indices, data, diagonal, x, b, r)
        if size < best_size:
            if size > 0.5 * best_size:
                restarts += 1
            best_size = size
            best[:] = x
        else:
            restarts += 1
            x[:] = best
            residual(indptr, indices, data, diagonal, x, b, r)
    x[:] = best
    return done, best_size
