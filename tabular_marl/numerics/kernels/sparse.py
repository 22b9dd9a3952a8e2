"""Sparse policy matrices: pack γ P_w once, then solve (I − γ P_w) x = b on it.

    (γ P_w)[s, t] = γ Σ_a w[s, a] P[(s, a), t]                 report (14), its Jacobian

``P`` is CSR with rows (s, a) in C order, S·N of them; ``w[s, :]`` is a distribution over the N
joint actions. Successors of one state are merged and actions of weight zero are not read, so a
deterministic policy packs 1/N of the rows. The packed system is scaled to a unit diagonal,

    (I − M) x = b / d,    d[s] = 1 − γ P_w[s, s],    M[s, t] = γ P_w[s, t] / d[s]  for t ≠ s,

and every row of M holds its entries left of the diagonal first (up to ``split[s]``), then the rest:
M = L + U. All of it is non-negative with row sums ≤ γ, so I − M is an M-matrix that is strictly
diagonally dominant by rows.

BiCGSTAB runs on (I − L)⁻¹ (I − M) (I − U)⁻¹, that is with symmetric Gauss–Seidel as preconditioner,
in Eisenstat's form: one product costs a backward and a forward substitution, no more than M itself.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Sums inside the iteration may be reassociated (they vectorise); the measured residual may not.
_REORDER = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True)
def count_selected(indptr, weights):
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
def pack(
    indptr, indices, data, weights, discount, out_indptr, out_indices, out_data, split, diagonal
):
    """Fill M (CSR in the ``out`` arrays), ``split`` and d = ``diagonal``; returns its entries."""
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
        scale = 1.0 / diagonal[s]
        middle = start
        for k in range(start, fill):
            t = out_indices[k]
            value = out_data[k] * scale
            out_data[k] = value
            if t < s:
                out_indices[k] = out_indices[middle]
                out_data[k] = out_data[middle]
                out_indices[middle] = t
                out_data[middle] = value
                middle += 1
        split[s] = middle
        out_indptr[s + 1] = fill
    return fill


@njit(cache=True, nogil=True)
def pack_chosen(
    indptr, indices, data, actions, choice, discount,
    out_indptr, out_indices, out_data, split, diagonal,
):  # fmt: skip
    """The same for the deterministic policy ``choice[s]``: one row a state, nothing to merge.

    Rows must have sorted indices (padding by zeros on the diagonal does no harm); there are no
    branches in the loop, so that several rows are fetched at once.
    """
    states = choice.shape[0]
    fill = 0
    out_indptr[0] = 0
    for s in range(states):
        row = s * actions + choice[s]
        start = fill
        middle = fill
        own = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            t = indices[k]
            p = discount * data[k]
            out_indices[fill] = t
            out_data[fill] = p
            own += p if t == s else 0.0
            middle += t < s
            fill += t != s
        split[s] = middle
        diagonal[s] = 1.0 - own
        scale = 1.0 / diagonal[s]
        for k in range(start, fill):
            out_data[k] *= scale
        out_indptr[s + 1] = fill
    return fill


@njit(cache=True, nogil=True)
def residual(indptr, indices, data, diagonal, x, b, out):
    """out = b / d − (I − M) x; returns ‖b − (I − γ P_w) x‖∞, infinite if anything is NaN."""
    worst = 0.0
    for s in range(diagonal.shape[0]):
        total = b[s] / diagonal[s] - x[s]
        for k in range(indptr[s], indptr[s + 1]):
            total += data[k] * x[indices[k]]
        out[s] = total
        size = abs(total) * diagonal[s]
        if not size <= worst:
            worst = size if size == size else np.inf
    return worst


@njit(cache=True, nogil=True)
def gauss_seidel(indptr, indices, data, diagonal, x, b, target, max_sweeps):
    """Sweeps forth and back on x until one moves it by at most ``target``; returns their number."""
    states = diagonal.shape[0]
    for sweep in range(max_sweeps):
        moved = 0.0
        for i in range(states):
            s = i if sweep % 2 == 0 else states - 1 - i
            total = b[s] / diagonal[s]
            for k in range(indptr[s], indptr[s + 1]):
                total += data[k] * x[indices[k]]
            moved = max(moved, abs(total - x[s]))
            x[s] = total
        if moved <= target:
            return sweep + 1
    return max_sweeps


@njit(cache=True, nogil=True)
def relax(indptr, indices, data, diagonal, x, b, discount, target, max_sweeps):
    """x ← b + γ P_w x, each time with the constant that centres the residual; in place.

    Where the chain mixes fast, a sweep divides the residual by a few for the price of one product.
    Gives up, as slow, when one does not take off two fifths. Returns (sweeps, measured residual).
    """
    r = np.empty_like(x)
    last = np.inf
    for sweep in range(max_sweeps):
        size = residual(indptr, indices, data, diagonal, x, b, r)
        if size <= target or not size <= 0.6 * last:
            break
        # The first residual has not been centred yet, so it is no measure of mixing.
        last = size if sweep > 0 else np.inf
        low, high = np.inf, -np.inf
        for s in range(x.shape[0]):
            step = r[s] * diagonal[s]
            low = min(low, step)
            high = max(high, step)
            x[s] += step
        shift = discount / (1.0 - discount) * (low + high) / 2.0
        for s in range(x.shape[0]):
            x[s] += shift
    return sweep, size


@njit(cache=True, nogil=True, fastmath=_REORDER)
def _forward(indptr, indices, data, split, y):
    """y ← (I − L)⁻¹ y."""
    for s in range(y.shape[0]):
        total = y[s]
        for k in range(indptr[s], split[s]):
            total += data[k] * y[indices[k]]
        y[s] = total


@njit(cache=True, nogil=True, fastmath=_REORDER)
def _backward(indptr, indices, data, split, v, y):
    """y = (I − U)⁻¹ v."""
    for s in range(y.shape[0] - 1, -1, -1):
        total = v[s]
        for k in range(split[s], indptr[s + 1]):
            total += data[k] * y[indices[k]]
        y[s] = total


@njit(cache=True, nogil=True, fastmath=_REORDER)
def _multiply(indptr, indices, data, split, v, out, y):
    """out = (I − L)⁻¹ (I − M) (I − U)⁻¹ v = y + (I − L)⁻¹ (v − y), where y = (I − U)⁻¹ v."""
    _backward(indptr, indices, data, split, v, y)
    for s in range(v.shape[0]):
        total = v[s] - y[s]
        for k in range(indptr[s], split[s]):
            total += data[k] * out[indices[k]]
        out[s] = total
    for s in range(v.shape[0]):
        out[s] += y[s]


@njit(cache=True, nogil=True, fastmath=_REORDER)
def _cycle(indptr, indices, data, split, r, v, target, max_iterations, work):
    """One BiCGSTAB run for the preconditioned correction v from residual r; returns iterations.

    Leaves early on breakdown or divergence: the caller measures what was gained.
    """
    shadow, p, ap, t, y = work[0], work[1], work[2], work[3], work[4]
    states = r.shape[0]
    rho = 0.0
    start = 0.0
    for s in range(states):
        v[s] = 0.0
        shadow[s] = r[s]
        p[s] = r[s]
        rho += r[s] * r[s]
        start = max(start, abs(r[s]))
    for iteration in range(max_iterations):
        _multiply(indptr, indices, data, split, p, ap, y)
        sigma = 0.0
        for s in range(states):
            sigma += shadow[s] * ap[s]
        if sigma == 0.0:
            return iteration
        alpha = rho / sigma
        for s in range(states):
            r[s] -= alpha * ap[s]
        _multiply(indptr, indices, data, split, r, t, y)
        tr = 0.0
        tt = 0.0
        for s in range(states):
            tr += t[s] * r[s]
            tt += t[s] * t[s]
        omega = tr / tt if tt > 0.0 else 0.0
        size = 0.0
        rho_next = 0.0
        for s in range(states):
            v[s] += alpha * p[s] + omega * r[s]
            rest = r[s] - omega * t[s]
            r[s] = rest
            size = max(size, abs(rest))
            rho_next += shadow[s] * rest
        if not (target < size < 1e4 * start) or omega == 0.0 or rho_next == 0.0:
            return iteration + 1
        beta = rho_next / rho * (alpha / omega)
        rho = rho_next
        for s in range(states):
            p[s] = r[s] + beta * (p[s] - omega * ap[s])
    return max_iterations


@njit(cache=True, nogil=True)
def bicgstab(indptr, indices, data, split, diagonal, x, b, target, max_iterations):
    """Improve x in place until ‖b − (I − γ P_w) x‖∞ ≤ target; returns (iterations, that residual).

    The recurrence is restarted from the measured residual whenever it breaks down or ends; three
    cycles that do not halve the residual give up. x is the best point seen.
    """
    states = diagonal.shape[0]
    r = np.empty(states)
    v = np.empty(states)
    work = np.empty((5, states))
    best = x.copy()
    size = residual(indptr, indices, data, diagonal, x, b, r)
    done = 0
    poor = 0
    while size > target and done < max_iterations and poor < 3:
        _forward(indptr, indices, data, split, r)
        # ‖(I − L) r‖ ≤ 2 ‖r‖, so half the target on r reaches the target on the true residual.
        done += max(
            1, _cycle(indptr, indices, data, split, r, v, target / 2, max_iterations - done, work)
        )
        _backward(indptr, indices, data, split, v, work[0])
        for s in range(states):
            x[s] = best[s] + work[0, s]
        reached = residual(indptr, indices, data, diagonal, x, b, r)
        if not reached <= size / 2:
            poor += 1
        if reached < size:
            size = reached
            best[:] = x
        else:
            x[:] = best
            residual(indptr, indices, data, diagonal, x, b, r)
    return done, size
