"""Least mean cost of keeping a greedy Q-learner at C, on cells of its C values; a lower bound.

Edges ``edges`` [n + 1] cut the values; ``w`` holds one number a mode and cell, and a sweep puts
``out`` = min over moves of cost + (the least w of the cells that the image of the box touches).
What the cells do not track (the D values) is left to whoever makes the cost smallest.
active/table_bounds.py derives the moves and their costs; ``levels`` is (α, γ, ℓ, κ, μ).
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Images are widened by this on both sides, which covers rounding.
WIDER = 1e-9


@njit(cache=True, nogil=True, error_model="numpy")
def _cell(edges, v):
    return min(max(np.searchsorted(edges, v, side="right") - 1, 0), edges.size - 2)


@njit(cache=True, nogil=True, error_model="numpy")
def _least(row, edges, low, high):
    """The least entry of ``row`` over the cells that [low, high] touches."""
    best = np.inf
    for i in range(_cell(edges, low - WIDER), _cell(edges, high + WIDER) + 1):
        best = min(best, row[i])
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _suffix(row, edges, price, out):
    """out[i] = least of row + price · edges from i on."""
    best = np.inf
    for i in range(row.size - 1, -1, -1):
        best = min(best, row[i] + price * edges[i])
        out[i] = best


@njit(cache=True, nogil=True, error_model="numpy")
def _lifted(row, later, edges, low, high, reward, least, levels):
    """The learner leaves C for a D value v ≥ ``least`` of any size: the least cost of v and of w.

    The C value in [low, high] becomes (1 − α) x + α (reward + γ v), v costs (μ − γκ)(v − ℓ).
    """
    step, discount, level, kappa, mu = levels
    price = mu - discount * kappa
    at = _cell(edges, (1 - step) * low + step * (reward + discount * least) - WIDER)
    best = row[at] + price * (least - level)
    if at + 1 < row.size:
        rest = ((1 - step) * high + step * reward + WIDER) / (step * discount)
        best = min(best, later[at + 1] - price * (rest + level))
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_stateless(w, out, edges, levels, paid, leaving):
    """One table, updates one step late. Modes: C is pending with reward paid[0], paid[1]; or D.

    ``leaving`` is what a play of D costs at ℓ. Returns the least and the largest out − w.
    """
    step, discount, level, kappa, mu = levels
    shrink = 1 - step * (1 - discount)
    n = edges.size - 1
    later = np.empty(n)
    _suffix(w[2], edges, (mu - discount * kappa) / (step * discount), later)
    for i in range(n):
        low, high = edges[i], edges[i + 1]
        least = max(low, level)
        for m in range(3):
            if m == 2:
                best = leaving + w[2, i]
            else:
                best = leaving + _lifted(w[2], later, edges, low, high, paid[m], least, levels)
            if high >= level and m == 2:
                slope = kappa - discount * mu
                cost = slope * ((least if slope > 0 else high) - level)
                best = min(best, cost + min(w[0, i], w[1, i]))
            elif high >= level:
                first, last = shrink * least + step * paid[m], shrink * high + step * paid[m]
                cost = kappa * (first - level - discount * (least - level))
                ahead = min(_least(w[0], edges, first, last), _least(w[1], edges, first, last))
                best = min(best, cost + ahead)
            out[m, i] = best
    gap = out - w
    return gap.min(), gap.max()


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_per_state(w, out, edges, levels, paid, leaving, returning, elsewhere, late):
    """A table for each last joint action; x and y are the C values after (C, C) and (D, C).

    Mode 2p + s: entry p is pending (0: x, 1: y, 2: one that is not tracked) and the state is s (0:
    (C, C), 1: (D, C)); mode 6: the learner has just played D. ``leaving`` is what a play of D costs
    at ℓ, ``elsewhere`` a second one, ``returning`` [2] a play of C after it by agent i's action.
    Returns the least and the largest out − w.
    """
    step, discount, level, kappa, mu = levels
    n = edges.size - 1
    columns, rows = np.empty((n, n)), np.empty((n, n))
    price = (mu - discount * kappa) / (step * discount)
    for k in range(n):
        _suffix(w[6, :, k], edges, price, columns[:, k])
        _suffix(w[6, k], edges, price, rows[k])
    for i in range(n):
        for k in range(n):
            home = min(returning[0] + w[4, i, k], returning[1] + w[5, i, k])
            out[6, i, k] = min(home, elsewhere + w[6, i, k])
            for m in range(6):
                p, s = m // 2, m % 2
                at = i if s == 0 else k  # the entry of this state: x or y
                low, high = edges[at], edges[at + 1]
                least = max(low, level)
                if p == s:
                    line = w[2 * s, :, k] if s == 0 else w[2 * s, i]
                    other = w[2 * s + 1, :, k] if s == 0 else w[2 * s + 1, i]
                    away = w[6, :, k] if s == 0 else w[6, i]
                    after = columns[:, k] if s == 0 else rows[i]
                    out[m, i, k] = _again(
                        line, other, away, after, edges, low, high, paid[s], leaving, levels, late
                    )
                    continue
                if p == 2:
                    slope = kappa - discount * mu * discount
                    cost = slope * ((least if slope > 0 else high) - level)
                    best = leaving + w[6, i, k] + mu * (1 - discount**2) * (least - level)
                    if high >= level:
                        best = min(best, cost + min(w[2 * s, i, k], w[2 * s + 1, i, k]))
                    out[m, i, k] = best
                    continue
                of = i if p == 0 else k  # the pending entry
                away = w[6, :, k] if p == 0 else w[6, i]
                after = columns[:, k] if p == 0 else rows[i]
                best = leaving + _lifted(
                    away, after, edges, edges[of], edges[of + 1], paid[s], least, levels
                )
                if high >= level:
                    first = (1 - step) * edges[of] + step * (paid[s] + discount * least)
                    last = (1 - step) * edges[of + 1] + step * (paid[s] + discount * high)
                    ahead = np.inf
                    for a in range(2):
                        line = w[2 * s + a, :, k] if p == 0 else w[2 * s + a, i]
                        ahead = min(ahead, _least(line, edges, first, last))
                    best = min(best, kappa * (1 - discount) * (least - level) + ahead)
                out[m, i, k] = best
    gap = out - w
    return gap.min(), gap.max()


@njit(cache=True, nogil=True, error_model="numpy")
def _again(line, other, away, after, edges, low, high, reward, leaving, levels, late):
    """The state has not changed: its own entry, in [low, high], is the pending one."""
    step, discount, level, kappa, mu = levels
    shrink = 1 - step * (1 - discount)
    least = max(low, level)
    best = np.inf
    if late:
        best = leaving + _lifted(away, after, edges, low, high, reward, least, levels)
        if high >= level:
            first, last = shrink * least + step * reward, shrink * high + step * reward
            cost = kappa * (first - level - discount * (least - level))
            ahead = min(_least(line, edges, first, last), _least(other, edges, first, last))
            best = min(best, cost + ahead)
        return best
    first, last = shrink * low + step * reward, shrink * high + step * reward
    cost = mu * (max(first, level) - level) - discount * kappa * (high - level)
    best = leaving + cost + _least(away, edges, first, last)
    if last >= level:
        cost = kappa * (first - level - discount * (low - level))
        first = max(first, level)
        ahead = min(_least(line, edges, first, last), _least(other, edges, first, last))
        best = min(best, cost + ahead)
    return best
