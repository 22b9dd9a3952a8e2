"""Logit equilibria: one Newton step, compiled, with each state's policies eliminated first.

    u = −J⁻¹ H  (Newton at fixed λ),        v = dx/dλ = −J⁻¹ ∂H/∂λ  (tangent),        H: logit.py

The Jacobian of H_y in y is block diagonal over states, and within a state its last player's block
is the identity: both are eliminated, and what is left is dense in V alone. One factorisation gives
u, v and the sign of det J, which changes at folds and bifurcations.

    [ L_s  −C_s ] [dy_s]   [ −H_y ]        X_s = L_s⁻¹ [−H_y, −∂H_y/∂λ, C_s]
    [ −g_s  I−γP_π ] [dV] = [ −H_V ]        (I − γ P_π − Σ g_s X_s^C) dV = −H_V + Σ g_s X_s^H

g_s = ∂(E_π Q − KL terms)/∂y. Shapes as in logit.py. Report (17)-(19).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.logit import residual


@njit(cache=True, nogil=True)
def eliminate(matrix, right):
    """right ← matrix⁻¹ right by elimination with row pivots; the sign of the determinant, or 0."""
    n, columns = right.shape
    sign = 1.0
    for p in range(n):
        best, at = abs(matrix[p, p]), p
        for i in range(p + 1, n):
            if abs(matrix[i, p]) > best:
                best, at = abs(matrix[i, p]), i
        if not best > 0.0:
            return 0.0
        if at != p:
            sign = -sign
            for j in range(p, n):
                matrix[p, j], matrix[at, j] = matrix[at, j], matrix[p, j]
            for j in range(columns):
                right[p, j], right[at, j] = right[at, j], right[p, j]
        if matrix[p, p] < 0.0:
            sign = -sign
        inverse = 1.0 / matrix[p, p]
        for i in range(p + 1, n):
            factor = matrix[i, p] * inverse
            if factor != 0.0:
                for j in range(p + 1, n):
                    matrix[i, j] -= factor * matrix[p, j]
                for j in range(columns):
                    right[i, j] -= factor * right[p, j]
    for p in range(n - 1, -1, -1):
        for i in range(p + 1, n):
            factor = matrix[p, i]
            for j in range(columns):
                right[p, j] -= factor * right[i, j]
        inverse = 1.0 / matrix[p, p]
        for j in range(columns):
            right[p, j] *= inverse
    return sign


@njit(cache=True, nogil=True)
def pair_values(payoff, policy, actions, i, j, first, second, pair):
    """pair[a, b] = E[payoff | i plays a, j plays b]; ``first``, ``second`` are their offsets."""
    pair[:, :] = 0.0
    n = actions.shape[1]
    for x in range(payoff.shape[0]):
        weight = payoff[x]
        for k in range(n):
            if k != i and k != j:
                weight *= policy[actions[x, k]]
        pair[actions[x, i] - first, actions[x, j] - second] += weight


@njit(cache=True, nogil=True)
def _state_blocks(system, s, scale, work, upper, right, left):
    """−∂H_y/∂y of state s, off the identity: rest × rest, rest × last, last × rest."""
    (_, _, _, _, counts, owner, weights, _, actions) = system
    policy, payoffs, q = work[0][s], work[2], work[3]
    n = counts.shape[0]
    if n == 2:
        rows, columns = counts[0], counts[1]
        payoff, mine = payoffs[owner[0], s], q[owner[0], s]
        slope = scale * weights[0]
        for a in range(1, rows):
            shift = mine[a] - mine[0]
            for b in range(1, columns):
                gap = payoff[a * columns + b] - payoff[b] - shift
                right[a - 1, b - 1] = slope * policy[rows + b] * gap
        payoff, mine = payoffs[owner[1], s], q[owner[1], s]
        slope = scale * weights[1]
        for b in range(1, columns):
            shift = mine[rows + b] - mine[rows]
            for a in range(1, rows):
                gap = payoff[a * columns + b] - payoff[a * columns] - shift
                left[b - 1, a - 1] = slope * policy[a] * gap
        upper[:, :] = 0.0
        return
    upper[:, :] = 0.0
    own_i, at_i = 0, 0
    for i in range(n):
        payoff, mine = payoffs[owner[i], s], q[owner[i], s]
        own_j, at_j = 0, 0
        for j in range(n):
            if j != i:
                pair = np.empty((counts[i], counts[j]))
                pair_values(payoff, policy, actions, i, j, at_i, at_j, pair)
                for a in range(1, counts[i]):
                    shift = mine[at_i + a] - mine[at_i]
                    for b in range(1, counts[j]):
                        entry = scale * weights[i] * policy[at_j + b]
                        entry *= pair[a, b] - pair[0, b] - shift
                        if i == n - 1:
                            left[a - 1, own_j + b - 1] = entry
                        elif j == n - 1:
                            right[own_i + a - 1, b - 1] = entry
                        else:
                            upper[own_i + a - 1, own_j + b - 1] = entry
            own_j += counts[j] - 1
            at_j += counts[j]
        own_i += counts[i] - 1
        at_i += counts[i]


@njit(cache=True, nogil=True)
def _couplings(system, s, scale, work, columns, row):
    """∂(λ w q)/∂V into ``columns`` [D, m·S], and γ P_π(s, ·) into ``row`` [S]."""
    (_, transition, discount, _, counts, owner, weights, _, actions) = system
    policy = work[0][s]
    states = row.shape[0]
    moves = np.zeros((policy.shape[0], states))
    n = counts.shape[0]
    for x in range(actions.shape[0]):
        successors = transition[s, x]
        for i in range(n):
            weight = discount
            for k in range(n):
                if k != i:
                    weight *= policy[actions[x, k]]
            if weight != 0.0:
                target = moves[actions[x, i]]
                for t in range(states):
                    target[t] += weight * successors[t]
    row[:] = 0.0
    for a in range(counts[0]):
        for t in range(states):
            row[t] += policy[a] * moves[a, t]
    columns[:, :] = 0.0
    own, at = 0, 0
    for i in range(n):
        slope = scale * weights[i]
        first = owner[i] * states
        for a in range(1, counts[i]):
            for t in range(states):
                gap = moves[at + a, t] - moves[at, t]
                columns[own + a - 1, first + t] = slope * gap
        own += counts[i] - 1
        at += counts[i]


@njit(cache=True, nogil=True)
def _eliminate_state(upper, right, left, block):
    """block ← L⁻¹ block for L = I − [[upper, right], [left, 0]]; the sign of det L."""
    rest, last = right.shape
    width = block.shape[1]
    sign = 1.0
    for a in range(rest):
        for b in range(rest):
            upper[a, b] = -upper[a, b]
        upper[a, a] += 1.0
        for c in range(last):
            factor = right[a, c]
            for b in range(rest):
                upper[a, b] -= factor * left[c, b]
            if width == 2:
                block[a, 0] += factor * block[rest + c, 0]
                block[a, 1] += factor * block[rest + c, 1]
            else:
                for j in range(width):
                    block[a, j] += factor * block[rest + c, j]
    if rest > 0:
        sign = eliminate(upper, block[:rest])
    for c in range(last):
        for a in range(rest):
            factor = left[c, a]
            if width == 2:
                block[rest + c, 0] += factor * block[a, 0]
                block[rest + c, 1] += factor * block[a, 1]
            else:
                for j in range(width):
                    block[rest + c, j] += factor * block[a, j]
    return sign


@njit(cache=True, nogil=True)
def _value_rows(system, s, y, scale, work):
    """State s's rows of the system in V alone: its policies put in."""
    counts, cost = system[4], system[7]
    policy, divergence, q, means, local, coupled = (
        work[0],
        work[1],
        work[3],
        work[4],
        work[5],
        work[6],
    )
    matrix = work[10]
    states = y.shape[0]
    m, n = cost.shape
    block = local[s]
    for k in range(m):
        row = matrix[k * states + s]
        goal = coupled[k * states + s]
        goal[1] = 0.0
        own, at = 0, 0
        for i in range(n):
            ratio = cost[k, i] / scale if scale != 0.0 else 0.0
            goal[1] += ratio * divergence[s, i] / scale if scale != 0.0 else 0.0
            average = 0.0
            for a in range(1, counts[i]):
                average += policy[s, at + a] * y[s, own + a - 1]
            for a in range(1, counts[i]):
                slope = q[k, s, at + a] - means[k, s]
                slope -= ratio * (y[s, own + a - 1] - average)
                slope *= policy[s, at + a]
                if slope != 0.0:
                    source = block[own + a - 1]
                    goal[0] += slope * source[0]
                    goal[1] += slope * source[1]
                    for t in range(m * states):
                        row[t] -= slope * source[2 + t]
            own += counts[i] - 1
            at += counts[i]


@njit(cache=True, nogil=True)
def newton(system, y, values, scale, work):
    """(largest |H_y|, largest |H_V|, sign of det J); u and v in the work's last four arrays."""
    (_, _, discount, _, counts, owner, weights, cost, _) = system
    worst_y, worst_v = residual(system, y, values, scale, work)
    q, local, coupled = work[3], work[5], work[6]
    upper, right, left = work[7], work[8], work[9]
    matrix, step_y, step_v, slope_y, slope_v = work[10], work[11], work[12], work[13], work[14]
    states, size = y.shape
    m, n = cost.shape
    sign = 1.0
    for s in range(states):
        block = local[s]
        own, at = 0, 0
        for i in range(n):  # −∂H_y/∂λ
            mine = q[owner[i], s]
            for a in range(1, counts[i]):
                block[own + a - 1, 1] = weights[i] * (mine[at + a] - mine[at])
            own += counts[i] - 1
            at += counts[i]
        _state_blocks(system, s, scale, work, upper, right, left)
        if discount > 0.0:
            for k in range(m):
                matrix[k * states + s, :] = 0.0
            _couplings(system, s, scale, work, block[:, 2:], matrix[s, :states])
            for k in range(m - 1, -1, -1):
                for t in range(states):
                    matrix[k * states + s, k * states + t] = -matrix[s, t]
            for k in range(m):
                matrix[k * states + s, k * states + s] += 1.0
        sign *= _eliminate_state(upper, right, left, block)
        if discount > 0.0:
            _value_rows(system, s, y, scale, work)
    if discount > 0.0:
        sign *= eliminate(matrix, coupled)
        for k in range(m):
            for s in range(states):
                step_v[k, s] = coupled[k * states + s, 0]
                slope_v[k, s] = coupled[k * states + s, 1]
    else:
        step_v[:, :] = 0.0
        slope_v[:, :] = 0.0
    for s in range(states):
        for c in range(size):
            row = local[s, c]
            one, two = row[0], row[1]
            if discount > 0.0:
                for t in range(m * states):
                    one += row[2 + t] * coupled[t, 0]
                    two += row[2 + t] * coupled[t, 1]
            step_y[s, c] = one
            slope_y[s, c] = two
    return worst_y, worst_v, sign
