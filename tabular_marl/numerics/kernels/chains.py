"""Markov chains: states eliminated one after another without a single subtraction.

Eliminating state k of a substochastic matrix Q with exit probabilities e (rows of [Q, e] sum to
one) watches the chain only while it is elsewhere:

    s_k = Σ_{j≠k} Q_kj + e_k,    m_ik = Q_ik / s_k,    Q_ij += m_ik Q_kj,    e_i += m_ik e_k

s_k stands for 1 − Q_kk, which would cancel; written as a sum, every entry of the factors has a
small relative error whatever the couplings (Grassmann, Taksar and Heyman 1985; O'Cinneide 1993).
Dense blocks go from the last state to the first. Sparse chains go in order of a growing bound on
(number of predecessors) × (number of successors), a cheap stand-in for Markowitz's rule.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate_block(block, exits, left, right, pivots):
    """Eliminate a square block from its last state to its first, in place.

    ``exits`` [b]: probability of leaving the block, overwritten. On return ``block`` holds m above
    its diagonal and the frozen rows below; ``pivots`` holds s, ``left`` = (I − m)⁻¹ and
    ``right`` = (diag s − rows)⁻¹: both without a negative entry, so made without cancellation.
    """
    size = block.shape[0]
    for k in range(size - 1, -1, -1):
        total = exits[k]
        for j in range(k):
            total += block[k, j]
        pivots[k] = total
        for i in range(k):
            m = block[i, k] / total
            block[i, k] = m
            if m != 0.0:
                for j in range(k):
                    block[i, j] += m * block[k, j]
                exits[i] += m * exits[k]
    left[:] = 0.0
    right[:] = 0.0
    for i in range(size - 1, -1, -1):
        left[i, i] = 1.0
        for k in range(i + 1, size):
            m = block[i, k]
            if m != 0.0:
                for j in range(k, size):
                    left[i, j] += m * left[k, j]
    for k in range(size):
        for j in range(k):
            u = block[k, j]
            if u != 0.0:
                for i in range(j + 1):
                    right[k, i] += u * right[j, i]
        right[k, k] = 1.0
        for i in range(k + 1):
            right[k, i] /= pivots[k]


@njit(cache=True, nogil=True, error_model="numpy")
def phases(indptr, indices, labels, roots):
    """Periods [classes] and cyclic phases [n] of closed classes, by breadth-first search.

    ``labels[x]`` is the class of x, −1 for transient states, ``roots[c]`` a state of class c. The
    period is the gcd of level(x) + 1 − level(y) over the transitions x → y of the class.
    """
    states = indptr.shape[0] - 1
    level = np.full(states, -1, dtype=np.int64)
    queue = np.empty(states, dtype=np.int64)
    periods = np.zeros(roots.shape[0], dtype=np.int64)
    for c in range(roots.shape[0]):
        level[roots[c]] = 0
        queue[0] = roots[c]
        head, tail = 0, 1
        while head < tail:
            x = queue[head]
            head += 1
            for k in range(indptr[x], indptr[x + 1]):
                y = indices[k]
                if level[y] < 0:
                    level[y] = level[x] + 1
                    queue[tail] = y
                    tail += 1
                else:
                    a = periods[c]
                    b = abs(level[x] + 1 - level[y])
                    while b:
                        a, b = b, a % b
                    periods[c] = a
        for k in range(tail):
            level[queue[k]] %= periods[c]
    return periods, level


@njit(cache=True, nogil=True, error_model="numpy")
def _grown(array, size):
    """A copy of ``array`` with room for at least ``size`` entries."""
    bigger = np.empty(max(size, 2 * array.shape[0]), dtype=array.dtype)
    bigger[: array.shape[0]] = array
    return bigger


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate_sparse(indptr, indices, data, exits, dense_below, max_entries, max_work):
    """Eliminate the states of a CSR matrix until a small dense core is left.

    ``exits`` [n] is overwritten. Stops when the core is a fifth full and has at most
    ``dense_below`` states, when nothing is left, or when storage or multiplications pass their
    limits. Returns (order, pivots, rows (start, length, columns, values), the multipliers
    (start [order + 1], states, values), alive). The rows of live states are the core's.
    """
    states = indptr.shape[0] - 1
    entries = indices.shape[0]
    columns = np.empty(2 * entries + 16, dtype=np.int64)
    values = np.empty(2 * entries + 16)
    start = np.empty(states, dtype=np.int64)
    length = np.zeros(states, dtype=np.int64)
    room = np.zeros(states, dtype=np.int64)
    into = np.empty(2 * entries + 16, dtype=np.int64)  # predecessors, dead ones skipped lazily
    into_start = np.empty(states, dtype=np.int64)
    into_length = np.zeros(states, dtype=np.int64)
    into_room = np.zeros(states, dtype=np.int64)
    arrivals = np.zeros(states, dtype=np.int64)  # live predecessors
    fill = 0
    for x in range(states):
        start[x] = fill
        for k in range(indptr[x], indptr[x + 1]):
            y = indices[k]
            if y != x and data[k] != 0.0:
                columns[fill] = y
                values[fill] = data[k]
                fill += 1
                arrivals[y] += 1
        length[x] = fill - start[x]
        room[x] = length[x]
    live = fill
    into_fill = 0
    for y in range(states):
        into_start[y] = into_fill
        into_room[y] = arrivals[y]
        into_fill += arrivals[y]
    for x in range(states):
        for k in range(start[x], start[x] + length[x]):
            y = columns[k]
            into[into_start[y] + into_length[y]] = x
            into_length[y] += 1

    order = np.empty(states, dtype=np.int64)
    pivots = np.ones(states)
    factor_start = np.zeros(states + 1, dtype=np.int64)
    factor_states = np.empty(entries + 16, dtype=np.int64)
    factor_values = np.empty(entries + 16)
    factors = 0
    alive = np.ones(states, dtype=np.bool_)
    waiting = np.arange(states)
    count = states
    place = np.full(states, -1, dtype=np.int64)
    done = 0
    work = 0
    bound = 1
    stop = False
    while count > 0 and not stop:
        kept = 0
        before = done
        for w in range(count):
            k = waiting[w]
            if stop or arrivals[k] * length[k] > bound:
                waiting[kept] = k
                kept += 1
                continue
            total = exits[k]
            for p in range(start[k], start[k] + length[k]):
                total += values[p]
            pivots[k] = total
            alive[k] = False
            work += arrivals[k] * length[k]
            if factors + arrivals[k] > factor_states.shape[0]:
                factor_states = _grown(factor_states, factors + arrivals[k])
                factor_values = _grown(factor_values, factors + arrivals[k])
            for p in range(start[k], start[k] + length[k]):
                arrivals[columns[p]] -= 1
            live -= length[k]
            for q in range(into_start[k], into_start[k] + into_length[k]):
                i = into[q]
                if not alive[i]:
                    continue
                if room[i] < length[i] + length[k]:  # move row i to where it has room
                    wanted = 2 * (length[i] + length[k])
                    if fill + wanted > columns.shape[0]:
                        columns = _grown(columns, fill + wanted)
                        values = _grown(values, fill + wanted)
                    for p in range(length[i]):
                        columns[fill + p] = columns[start[i] + p]
                        values[fill + p] = values[start[i] + p]
                    start[i] = fill
                    room[i] = wanted
                    fill += wanted
                last = start[i] + length[i] - 1
                at = start[i]
                for p in range(start[i], last + 1):
                    place[columns[p]] = p
                    if columns[p] == k:
                        at = p
                m = values[at] / total
                factor_states[factors] = i
                factor_values[factors] = m
                factors += 1
                place[k] = -1
                if at != last:
                    columns[at] = columns[last]
                    values[at] = values[last]
                    place[columns[at]] = at
                length[i] -= 1
                live -= 1
                exits[i] += m * exits[k]
                for p in range(start[k], start[k] + length[k]):
                    j = columns[p]
                    if j == i:
                        continue
                    if place[j] >= 0:
                        values[place[j]] += m * values[p]
                        continue
                    spot = start[i] + length[i]
                    columns[spot] = j
                    values[spot] = m * values[p]
                    place[j] = spot
                    length[i] += 1
                    live += 1
                    arrivals[j] += 1
                    if into_length[j] == into_room[j]:
                        wanted = 2 * arrivals[j] + 4
                        if into_fill + wanted > into.shape[0]:
                            into = _grown(into, into_fill + wanted)
                        moved = 0
                        for u in range(into_start[j], into_start[j] + into_length[j]):
                            if alive[into[u]]:
                                into[into_fill + moved] = into[u]
                                moved += 1
                        into_start[j] = into_fill
                        into_length[j] = moved
                        into_room[j] = wanted
                        into_fill += wanted
                    into[into_start[j] + into_length[j]] = i
                    into_length[j] += 1
                for p in range(start[i], start[i] + length[i]):
                    place[columns[p]] = -1
            order[done] = k
            done += 1
            factor_start[done] = factors
            rest = states - done
            if (rest <= dense_below and 5.0 * live > float(rest) * rest) or (
                fill + into_fill + factors > max_entries or work > max_work
            ):
                stop = True
        count = kept
        if done - before < 1 + count // 50:
            bound *= 2
    return (
        order[:done],
        pivots,
        start,
        length,
        columns[:fill],
        values[:fill],
        factor_start[: done + 1],
        factor_states[:factors],
        factor_values[:factors],
        alive,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def forward(order, factor_start, factor_states, factor_values, f):
    """f_i += m_ik f_k in the order of elimination, for every column of f [n, columns]."""
    for step in range(order.shape[0]):
        k = order[step]
        for p in range(factor_start[step], factor_start[step + 1]):
            i = factor_states[p]
            for c in range(f.shape[1]):
                f[i, c] += factor_values[p] * f[k, c]


@njit(cache=True, nogil=True, error_model="numpy")
def backward(order, pivots, start, length, columns, values, x):
    """x_k = (f_k + Σ_j Q_kj x_j) / s_k against the order of elimination; x holds f on entry."""
    for step in range(order.shape[0] - 1, -1, -1):
        k = order[step]
        for c in range(x.shape[1]):
            total = x[k, c]
            for p in range(start[k], start[k] + length[k]):
                total += values[p] * x[columns[p], c]
            x[k, c] = total / pivots[k]


@njit(cache=True, nogil=True, error_model="numpy")
def forward_left(order, pivots, start, length, columns, values, y):
    """b_k /= s_k, b_j += b_k Q_kj in the order of elimination; y [n, columns] holds b on entry."""
    for step in range(order.shape[0]):
        k = order[step]
        for c in range(y.shape[1]):
            y[k, c] /= pivots[k]
            for p in range(start[k], start[k] + length[k]):
                y[columns[p], c] += y[k, c] * values[p]


@njit(cache=True, nogil=True, error_model="numpy")
def backward_left(order, factor_start, factor_states, factor_values, y):
    """y_k += Σ_i y_i m_ik against the order of elimination."""
    for step in range(order.shape[0] - 1, -1, -1):
        k = order[step]
        for p in range(factor_start[step], factor_start[step + 1]):
            i = factor_states[p]
            for c in range(y.shape[1]):
                y[k, c] += factor_values[p] * y[i, c]
