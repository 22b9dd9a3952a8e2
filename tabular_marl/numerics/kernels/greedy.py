"""Sweeps of a plain optimum, max or min over all joint actions, that skip hopeless actions.

    d(s) = opt_k q(s, k) − (1 − γ)(c + w(s)),                                         V = c + w
    q(s, k) = r(s, k) + γ Σ_t P(t|s,k) (w(t) − w(s)) + γ e(s, k) (c + w(s)),   e = Σ_t P − 1

as in kernels/backup.py, with the same rounding bounds; ``sign`` +1 is max, −1 min.

Elimination of actions (MacQueen 1967, Porteus 1971). Between two sweeps the centred
Q(s, k) − γc = q(s, k) + γ w(s) moves by γ Σ P Δw ≤ γ max Δw. So with ``drift`` the sum of those
maxima, ``stale[s, k]`` = Q − drift when k was last evaluated gives Q ≤ stale + drift now, and an
action whose bound lies below the best evaluated one is not the maximum: the sweep is exact without
reading its row. ``slack`` is larger than all rounding in this comparison. Actions outside the
prior's support have stale = −inf, those never evaluated +inf.

``choice[s]`` is the last optimal action and goes first; it changes only for a strictly better one.
On sparse games its row is kept in a slot of ``slot`` entries, ``held_data[s]`` padded by zeros, so
that the rows which are always read, and which make the policy's matrix, lie next to each other.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.backup import _TINY, U, _row_excess

#: Dense rows are summed in blocks of so many terms, which bounds the rounding errors that add up.
BLOCK = 64


@njit(cache=True)
def _settle(best, size, discount, offset, own):
    """(d, radius) from the best q, which errs by ``size`` u, as in kernels/backup.py."""
    constant = (1.0 - discount) * offset
    shrunk = (1.0 - discount) * own
    size += 4.0 * (abs(best) + abs(constant) + abs(shrunk))
    return (best - constant) - shrunk, U * size * 1.0001 + _TINY


@njit(cache=True, fastmath={"reassoc", "contract"})
def _differences(data, indices, begin, end, w, own):
    """(Σ p (w(t) − own), Σ p |w(t) − own|)."""
    total, moved = 0.0, 0.0
    for j in range(begin, end):
        term = data[j] * (w[indices[j]] - own)
        total += term
        moved += abs(term)
    return total, moved


@njit(cache=True, fastmath={"reassoc", "contract"})
def _products(data, indices, begin, end, w):
    """Σ p w(t)."""
    total = 0.0
    for j in range(begin, end):
        total += data[j] * w[indices[j]]
    return total


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dense_products(rows, row, w):
    """Σ p w(t) over one row of rows[S·K, S]."""
    total = 0.0
    for t in range(w.shape[0]):
        total += rows[row, t] * w[t]
    return total


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dense_block(rows, row, begin, end, w, own):
    total, moved = 0.0, 0.0
    for t in range(begin, end):
        term = rows[row, t] * (w[t] - own)
        total += term
        moved += abs(term)
    return total, moved


@njit(cache=True)
def _dense_differences(rows, row, w, own):
    """(Σ p (w(t) − own), Σ p |w(t) − own|), block by block."""
    total, moved = 0.0, 0.0
    for begin in range(0, w.shape[0], BLOCK):
        end = min(begin + BLOCK, w.shape[0])
        part, size = _dense_block(rows, row, begin, end, w, own)
        total += part
        moved += size
    return total, moved


@njit(cache=True)
def sparse_excesses(indptr, data, excess):
    """Σ P − 1 of every CSR row, as kernels/backup.py computes it."""
    for row in range(excess.shape[0]):
        excess[row] = _row_excess(data, indptr[row], indptr[row + 1])


@njit(cache=True)
def dense_excesses(data, states, excess):
    """Σ P − 1 of every row of S numbers in ``data``."""
    for row in range(excess.shape[0]):
        excess[row] = _row_excess(data, row * states, (row + 1) * states)


@njit(cache=True)
def sparse_greedy(
    indptr, indices, data, reward, excess, sign, discount, offset, w,
    drift, slack, stale, choice, d, radius, accurate, error,
    slot, held_action, held_indices, held_data,
):  # fmt: skip
    """One sweep over CSR rows (s, k): fills d, radius, choice [S], stale [S, K] and the slots.

    Unless ``accurate``, Σ P w is summed as it stands, the excess left out, and every q errs by at
    most ``error`` u. With V = 0 no row is read for q.
    """
    states, actions = reward.shape
    zero = offset == 0.0 and np.max(np.abs(w)) == 0.0
    for s in range(states):
        own = w[s]
        level = sign * discount * own
        held = choice[s]
        best = -np.inf
        size = 0.0 if accurate or zero else error
        for turn in range(-1, actions):
            k = held if turn < 0 else turn
            if turn == held or not stale[s, k] + drift >= best + level - slack:
                continue
            q = reward[s, k]
            if not zero:
                row = s * actions + k
                begin, end = indptr[row], indptr[row + 1]
                in_slot = turn < 0 and held_action[s] == held
                if accurate:
                    if in_slot:
                        total, moved = _differences(
                            held_data, held_indices, s * slot, (s + 1) * slot, w, own
                        )
                    else:
                        total, moved = _differences(data, indices, begin, end, w, own)
                    terms = float(end - begin)
                    extra = discount * (excess[row] * (offset + own))
                    q += discount * total + extra
                    units = abs(reward[s, k]) + (terms + 6.0) * moved + 8.0 * abs(extra)
                    units += terms * terms * 2.0**-47 * (abs(offset) + abs(own))
                    if units > size:
                        size = units
                else:
                    if in_slot:
                        total = _products(held_data, held_indices, s * slot, (s + 1) * slot, w)
                    else:
                        total = _products(data, indices, begin, end, w)
                    q += discount * (total - own)
            q *= sign
            stale[s, k] = (q + level) - drift
            if q > best:
                best = q
                choice[s] = k
        d[s], radius[s] = _settle(sign * best, size, discount, offset, own)
        if slot > 0 and held_action[s] != choice[s]:
            held_action[s] = choice[s]
            row = s * actions + choice[s]
            begin = indptr[row]
            length = indptr[row + 1] - begin
            for j in range(slot):
                if j < length:
                    held_indices[s * slot + j] = indices[begin + j]
                    held_data[s * slot + j] = data[begin + j]
                else:
                    held_indices[s * slot + j] = s
                    held_data[s * slot + j] = 0.0


@njit(cache=True)
def dense_greedy(
    rows, reward, excess, sign, discount, offset, w,
    drift, slack, stale, choice, d, radius, accurate, error,
):  # fmt: skip
    """The same over rows[S·K, S], without slots."""
    states, actions = reward.shape
    zero = offset == 0.0 and np.max(np.abs(w)) == 0.0
    terms = BLOCK + states / BLOCK + 6.0
    for s in range(states):
        own = w[s]
        level = sign * discount * own
        held = choice[s]
        best = -np.inf
        size = 0.0 if accurate or zero else error
        for turn in range(-1, actions):
            k = held if turn < 0 else turn
            if turn == held or not stale[s, k] + drift >= best + level - slack:
                continue
            q = reward[s, k]
            if not zero:
                row = s * actions + k
                if accurate:
                    total, moved = _dense_differences(rows, row, w, own)
                    extra = discount * (excess[row] * (offset + own))
                    q += discount * total + extra
                    units = abs(reward[s, k]) + terms * moved + 8.0 * abs(extra)
                    units += float(states) ** 2 * 2.0**-47 * (abs(offset) + abs(own))
                    if units > size:
                        size = units
                else:
                    q += discount * (_dense_products(rows, row, w) - own)
            q *= sign
            stale[s, k] = (q + level) - drift
            if q > best:
                best = q
                choice[s] = k
        d[s], radius[s] = _settle(sign * best, size, discount, offset, own)


@njit(cache=True)
def gather(transition, choice, discount, out):
    """out = I − γ P of the chosen rows of transition[S·K, S], dense."""
    states = choice.shape[0]
    actions = transition.shape[0] // states
    for s in range(states):
        row = transition[s * actions + choice[s]]
        for t in range(states):
            out[s, t] = -discount * row[t]
        out[s, s] += 1.0
