"""Compiled sweeps: the residual of a recipe's backup, in one pass over a game's transitions.

    d(s) = TV(s) − V(s) = F[q(s, ·)] − (1 − γ)(c + w(s)),                             V = c + w
    q(s, k) = r(s, k) + γ Σ_t P(t|s,k) (w(t) − w(s)) + γ e(s, k) (c + w(s)),   e = Σ_t P − 1

for joint actions k. Only differences of w are multiplied, so rounding errors are of the size of
the rewards whatever the size of V, which is r/(1 − γ). ``e``, the excess of a stored row over one,
is there because the game is taken as stored.

Rounding, u = 2⁻⁵³: ``radius[s]`` bounds |computed d − d| by the standard model of arithmetic.
 - dense rows: p = h + l and w = g + f with heads cut to 30 and 16 bits, so that Σ h g is exact in
   any order; the other products sum to at most (2⁻¹⁶ + n 2⁻³¹) max|w|, and err by at most 2n + 2
   times u of that, in any order. Likewise Σ p − 1 = (Σ h − 1) + Σ l, with n u Σ l for the error.
 - dense rows, quickly: n terms, at most (n + 3) u max|w| in any order.
 - sparse rows: n terms, (n + 2) u Σ p |w(t) − w(s)| in any order.
 - sparse rows' Σ p − 1: sums of heads are exact, those of tails below 2⁻⁴⁹ err by n² 2⁻¹⁰².
 - every sum, product and quotient after that: u of its result. Free energies: kernels/levels.py.
Where a kernel is compiled with ``reassoc`` and ``contract``, sums are reordered and fused, which
these bounds allow; heads and tails come from functions compiled without.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.levels import nested

U = 2.0**-53
#: Adding and subtracting these cuts a number of [0, 2] to a multiple of 2⁻⁴⁸, of 2⁻³⁰.
_LONG = 1.5 * 2.0**4
_SHORT = 1.5 * 2.0**22
#: Joint actions of less weight than this, over their number, are left out of the Jacobian.
NEGLIGIBLE = 1e-6
#: States whose free energies are taken in one call.
_GROUP = 64
#: Stands for everything below the normal range.
_TINY = 1e-300


@njit(cache=True)
def _cut(p, at):
    """The head of p."""
    return (p + at) - at


@njit(cache=True)
def _less(p, h):
    """The tail p − h, exact; apart, so that no sum around it is rearranged into it."""
    return p - h


@njit(cache=True, fastmath={"reassoc", "contract"})
def _heads_and_tails(data, begin, end):
    head, tail = 0.0, 0.0
    for j in range(begin, end):
        h = _cut(data[j], _LONG)
        head += h
        tail += _less(data[j], h)
    return head, tail


@njit(cache=True)
def _row_excess(data, begin, end):
    """Σ p − 1, the sum of heads exact in any order, with an error below n² 2⁻¹⁰² + u |Σ p − 1|."""
    head, tail = _heads_and_tails(data, begin, end)
    return (head - 1.0) + tail


@njit(cache=True)
def split(w, head, tail):
    """w = head + tail exactly, |tail| ≤ 2⁻¹⁶ max|w|, heads on a grid of that size; gives max|w|."""
    large = 0.0
    for t in range(w.shape[0]):
        large = max(large, abs(w[t]))
    power = 1.0
    if large > 0.0:
        power = 2.0 ** np.ceil(np.log2(large))
    at = 1.5 * 2.0**36 * power
    for t in range(w.shape[0]):
        head[t] = _cut(w[t], at)
        tail[t] = w[t] - head[t]
    return large


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(rows, row, w, head, tail):
    """(Σ h g exactly, the rest of Σ p w), p = h + l and w = g + f."""
    exact, rest = 0.0, 0.0
    for j in range(w.shape[0]):
        h = _cut(rows[row, j], _SHORT)
        exact += h * head[j]
        rest += h * tail[j] + _less(rows[row, j], h) * w[j]
    return exact, rest


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot_and_sum(rows, row, w, head, tail):
    """The same, and (Σ h exactly, Σ l)."""
    exact, rest, heads, tails = 0.0, 0.0, 0.0, 0.0
    for j in range(w.shape[0]):
        h = _cut(rows[row, j], _SHORT)
        l = _less(rows[row, j], h)
        exact += h * head[j]
        rest += h * tail[j] + l * w[j]
        heads += h
        tails += l
    return exact, rest, heads, tails


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot_quickly(rows, row, w):
    """Σ p w in any order."""
    total = 0.0
    for j in range(w.shape[0]):
        total += rows[row, j] * w[j]
    return total


@njit(cache=True, fastmath={"contract"})
def _mix(rows, joint, discount, s, kept, matrix):
    """matrix[s] = row s of I − γ P_w, four transition rows at a time.

    Actions of hardly any weight are left out: Newton's method does not notice.
    """
    actions = joint.shape[1]
    states = matrix.shape[1]
    count, mass = 0, 0.0
    for k in range(actions):
        if joint[s, k] > NEGLIGIBLE / actions:
            kept[count] = k
            mass += joint[s, k]
            count += 1
    scale = -discount / mass
    first = s * actions
    for t in range(states):
        matrix[s, t] = 0.0
    for i in range(0, count - 3, 4):
        k, l, m, n = kept[i], kept[i + 1], kept[i + 2], kept[i + 3]
        a, b = scale * joint[s, k], scale * joint[s, l]
        c, d = scale * joint[s, m], scale * joint[s, n]
        for t in range(states):
            matrix[s, t] += (a * rows[first + k, t] + b * rows[first + l, t]) + (
                c * rows[first + m, t] + d * rows[first + n, t]
            )
    for i in range(count - count % 4, count):
        a = scale * joint[s, kept[i]]
        for t in range(states):
            matrix[s, t] += a * rows[first + kept[i], t]
    matrix[s, s] += 1.0


@njit(cache=True)
def _finish(first, last, sizes, offset, w, discount, levels, values, d, radius, joint, tilts):
    """d and radius of first ≤ s < last from their q in values[0], in error by at most sizes u."""
    depth = levels[0].shape[0]
    units = np.empty(last - first)
    nested(first, last, levels, values, units, tilts, joint)
    constant = (1.0 - discount) * offset
    for s in range(first, last):
        value = values[depth, s - first, 0]
        own = (1.0 - discount) * w[s]
        d[s] = (value - constant) - own
        size = units[s - first] + sizes[s - first]
        size += 4.0 * (abs(value) + abs(constant) + abs(own))
        radius[s] = U * size * 1.0001 + _TINY


@njit(cache=True)
def dense_sweep(
    transition, reward, excess, known, discount, levels, offset, w,
    d, radius, joint, tilts, matrix, accurate,
):  # fmt: skip
    """One sweep over transition[S·K, S]: fills d, radius [S], joint [S, K], tilts [S, T].

    Also ``excess`` [S·K] unless it is ``known`` or w and offset vanish (returns whether it is then
    known), and I − γ P_w into ``matrix`` [S, S] unless that is empty. ``accurate`` makes the radius
    independent of S and of the size of w, for half as much time again.
    """
    states, actions = reward.shape
    values = np.empty((levels[0].shape[0] + 1, 1, actions))
    sizes = np.zeros(1)
    kept = np.empty(actions, dtype=np.int64)
    head = np.empty(states)
    tail = np.empty(states)
    large = split(w, head, tail)
    if accurate or not known:
        terms = (2.0 * states + 6.0) * (2.0**-16 + min(1.0, states * 2.0**-31)) * 1.01
    else:
        terms = states + 3.0
    sums = (states + 2.0) * min(1.0, states * 2.0**-31) * 1.01
    zero = large == 0.0 and offset == 0.0
    for s in range(states):
        size = 0.0
        for k in range(actions):
            values[0, 0, k] = reward[s, k]
            if not zero:
                row = s * actions + k
                if not known:
                    total, rest, heads, tails = _dot_and_sum(transition, row, w, head, tail)
                    excess[row] = (heads - 1.0) + tails
                elif accurate:
                    total, rest = _dot(transition, row, w, head, tail)
                else:
                    total, rest = _dot_quickly(transition, row, w), 0.0
                ahead = discount * ((total - w[s]) + rest)
                extra = discount * (excess[row] * offset)  # Σ p w − w(s) holds e w(s)
                values[0, 0, k] += ahead + extra
                size = max(size, abs(reward[s, k]) + 6.0 * abs(ahead) + 8.0 * abs(extra))
        if not zero:
            sizes[0] = size + terms * large + sums * abs(offset)
        _finish(s, s + 1, sizes, offset, w, discount, levels, values, d, radius, joint, tilts)
        if matrix.shape[0] > 0:
            _mix(transition, joint, discount, s, kept, matrix)
    return known or not zero


@njit(cache=True)
def sparse_sweep(
    indptr, indices, data, reward, excess, known, discount, levels, offset, w,
    d, radius, joint, tilts,
):  # fmt: skip
    """The same over CSR rows (s, k), without a matrix, ``_GROUP`` states at a time."""
    states, actions = reward.shape
    values = np.empty((levels[0].shape[0] + 1, _GROUP, actions))
    sizes = np.zeros(_GROUP)
    zero = offset == 0.0 and np.max(np.abs(w)) == 0.0
    for first in range(0, states, _GROUP):
        last = min(first + _GROUP, states)
        for s in range(first, last):
            size = 0.0
            own = w[s]
            for k in range(actions):
                r = reward[s, k]
                if not zero:
                    row = s * actions + k
                    begin, end = indptr[row], indptr[row + 1]
                    total, moved = 0.0, 0.0
                    for j in range(begin, end):
                        term = data[j] * (w[indices[j]] - own)
                        total += term
                        moved += abs(term)
                    if not known:
                        excess[row] = _row_excess(data, begin, end)
                    count = float(end - begin)
                    extra = discount * (excess[row] * (offset + own))
                    big = (count + 6.0) * moved + 8.0 * abs(extra)
                    big += count * count * 2.0**-47 * (abs(offset) + abs(own))
                    size = max(size, abs(r) + big)
                    r += discount * total + extra
                values[0, s - first, k] = r
            sizes[s - first] = size
        _finish(first, last, sizes, offset, w, discount, levels, values, d, radius, joint, tilts)
    return known or not zero


@njit(cache=True, fastmath={"reassoc"})
def _weight(piece):
    """Σ |p| over a piece of a row: 0 if and only if all of it is."""
    total = 0.0
    for t in range(piece.shape[0]):
        total += abs(piece[t])
    return total


@njit(cache=True)
def compress(rows, row_ends, indices, data):
    """The entries of dense rows[·, S] that are not zero, as CSR, in one pass; returns their number.

    Gives up with -1 when ``data`` is full. Zeros are passed over in pieces of 64.
    """
    states = rows.shape[1]
    fill = 0
    row_ends[0] = 0
    for row in range(rows.shape[0]):
        if fill + states > data.shape[0]:
            return -1
        for begin in range(0, states, 64):
            end = min(begin + 64, states)
            if _weight(rows[row, begin:end]) != 0.0:
                for t in range(begin, end):
                    if rows[row, t] != 0.0:
                        indices[fill] = t
                        data[fill] = rows[row, t]
                        fill += 1
        row_ends[row + 1] = fill
    return fill
