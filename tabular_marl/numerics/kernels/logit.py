"""Logit equilibria: one Newton step, compiled, with each state's policies eliminated first.

    H_y(s,i,a) = y_i(s,a) − λ w_i (q_i(s,a) − q_i(s,0)),        a = 1 … A_i − 1     report (17)-(19)
    H_V(s,k)   = V_k(s) − E_π Q_k(s,·) + Σ_j c_kj KL(π_j ‖ p_j) / λ
    Q_k(s,a) = r_k(s,a) + γ Σ_t P(t|s,a) V_k(t),    q_i(s,a_i) = E_{π_-i} Q_{k(i)},    π_i ∝ p_i e^{y_i}

The unknowns are the log-odds y (relative to the prior and to action 0, whose y is 0), the values V
and λ. y_i is a straight line in λ where a pure equilibrium is approached, so steps grow along a
branch. The Jacobian of H_y in y is block diagonal over states, and within a state its last
player's block is the identity: both are eliminated, and what is left is dense in V alone.

    Newton at fixed λ      u = −J⁻¹ H          tangent      v = dx/dλ = −J⁻¹ ∂H/∂λ

both from one factorisation, with the sign of det J (which changes at folds and bifurcations).

Shapes: y [S, D], D = Σ(A_i − 1), V [m, S]; reward [m, S, N], N = Π A_i; transition [S, N, S];
prior [S, ΣA_i]; owner [n] = k(i); w [n]; cost [m, n] = c_kj, in units in which λ w_i is 1/reward.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def eliminate(matrix, right):  # type: ignore[no-untyped-def]
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
def policies(y, prior, counts, policy, divergence):  # type: ignore[no-untyped-def]
    """π [S, ΣA] from the log-odds y [S, D], and KL(π_i ‖ p_i) into divergence [S, n]."""
    for s in range(y.shape[0]):
        own, at = 0, 0
        for i in range(counts.shape[0]):
            count = counts[i]
            top = 0.0 if prior[s, at] > 0.0 else -np.inf
            for a in range(1, count):
                if prior[s, at + a] > 0.0:
                    top = max(top, y[s, own + a - 1])
            total, mean = 0.0, 0.0
            for a in range(count):
                x = y[s, own + a - 1] if a > 0 else 0.0
                weight = prior[s, at + a] * math.exp(x - top) if prior[s, at + a] > 0.0 else 0.0
                policy[s, at + a] = weight
                total += weight
                mean += weight * x if weight > 0.0 else 0.0
            for a in range(count):
                policy[s, at + a] /= total
            divergence[s, i] = mean / total - top - math.log(total)
            own += count - 1
            at += count


@njit(cache=True, nogil=True)
def action_values(payoff, policy, counts, actions, q):  # type: ignore[no-untyped-def]
    """q[at_j + a] = E[payoff | player j plays a] for every j, and the mean payoff, at one state."""
    n = counts.shape[0]
    if n == 2:
        rows, columns = counts[0], counts[1]
        for b in range(columns):
            q[rows + b] = 0.0
        mean = 0.0
        for a in range(rows):
            total = 0.0
            line = payoff[a * columns : (a + 1) * columns]
            for b in range(columns):
                total += line[b] * policy[rows + b]
                q[rows + b] += policy[a] * line[b]
            q[a] = total
            mean += policy[a] * total
        return mean
    q[:] = 0.0
    for x in range(payoff.shape[0]):
        for j in range(n):
            weight = payoff[x]
            for k in range(n):
                if k != j:
                    weight *= policy[actions[x, k]]
            q[actions[x, j]] += weight
    mean = 0.0
    for a in range(counts[0]):
        mean += policy[a] * q[a]
    return mean


@njit(cache=True, nogil=True)
def pair_values(payoff, policy, actions, i, j, first, second, pair):  # type: ignore[no-untyped-def]
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
def backup(system, values, payoffs):  # type: ignore[no-untyped-def]
    """payoffs[k, s, x] = r_k + γ Σ_t P(t|s,x) V_k(t)."""
    reward, transition, discount = system[0], system[1], system[2]
    if discount == 0.0:
        payoffs[:] = reward
        return
    for s in range(reward.shape[1]):
        for x in range(reward.shape[2]):
            row = transition[s, x]
            for k in range(reward.shape[0]):
                total = 0.0
                for t in range(row.shape[0]):
                    total += row[t] * values[k, t]
                payoffs[k, s, x] = reward[k, s, x] + discount * total


@njit(cache=True, nogil=True)
def residual(system, y, values, scale, work):  # type: ignore[no-untyped-def]
    """(largest |H_y|, largest |H_V|); work holds policies, q's and payoffs afterwards.

    H_y goes to work's column 0 of ``local`` with the sign of −H, H_V to column 0 of ``global``.
    """
    (_, _, discount, prior, counts, owner, weights, cost, actions) = system
    (policy, divergence, payoffs, q, means, local, coupled) = work[:7]
    policies(y, prior, counts, policy, divergence)
    backup(system, values, payoffs)
    m, n = cost.shape
    worst_y, worst_v = 0.0, 0.0
    for s in range(y.shape[0]):
        for k in range(m):
            mean = action_values(payoffs[k, s], policy[s], counts, actions, q[k, s])
            means[k, s] = mean
            gap = mean - values[k, s]
            if scale != 0.0:
                for j in range(n):
                    gap -= cost[k, j] * divergence[s, j] / scale
            if discount == 0.0:  # nothing depends on V: it is what it must be
                values[k, s] += gap
                gap = 0.0
            coupled[k * y.shape[0] + s, 0] = gap
            worst_v = max(worst_v, abs(gap))
        own, at = 0, 0
        for i in range(n):
            slope = scale * weights[i]
            mine = q[owner[i], s]
            for a in range(1, counts[i]):
                gap = slope * (mine[at + a] - mine[at]) - y[s, own + a - 1]
                local[s, own + a - 1, 0] = gap
                if prior[s, at + a] > 0.0:
                    worst_y = max(worst_y, abs(gap))
            own += counts[i] - 1
            at += counts[i]
    return worst_y, worst_v


@njit(cache=True, nogil=True)
def _state_blocks(system, s, scale, work, upper, right, left):  # type: ignore[no-untyped-def]
    """−∂H_y/∂y of state s, off the identity: rest × rest, rest × last, last × rest."""
    (_, _, _, _, counts, owner, weights, _, actions) = system
    policy, payoffs, q = work[0][s], work[2], work[3]
    n = counts.shape[0]
    rest = upper.shape[0]
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
def _couplings(system, s, scale, work, columns, row):  # type: ignore[no-untyped-def]
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
def newton(system, y, values, scale, work):  # type: ignore[no-untyped-def]
    """(largest |H_y|, largest |H_V|, sign of det J); u and v in the work's last four arrays."""
    (_, _, discount, prior, counts, owner, weights, cost, _) = system
    worst_y, worst_v = residual(system, y, values, scale, work)
    (policy, divergence, _, q, means, local, coupled, upper, right, left) = work[:10]
    (matrix, step_y, step_v, slope_y, slope_v) = work[10:]
    states, size = y.shape
    m, n = cost.shape
    last = counts[n - 1] - 1
    rest = size - last
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
        # (I − upper) x − right z = block_rest, z − left x = block_last
        width = block.shape[1]
        for a in range(rest):
            for b in range(rest):
                upper[a, b] = -upper[a, b]
            upper[a, a] += 1.0
            for c in range(last):
                factor = right[a, c]
                for b in range(rest):
                    upper[a, b] -= factor * left[c, b]
                for j in range(width):
                    block[a, j] += factor * block[rest + c, j]
        if rest > 0:
            sign *= eliminate(upper, block[:rest])
        for c in range(last):
            for a in range(rest):
                factor = left[c, a]
                for j in range(width):
                    block[rest + c, j] += factor * block[a, j]
        if discount > 0.0:
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
                        source = block[own + a - 1]
                        if slope != 0.0:
                            goal[0] += slope * source[0]
                            goal[1] += slope * source[1]
                            for t in range(m * states):
                                row[t] -= slope * source[2 + t]
                    own += counts[i] - 1
                    at += counts[i]
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


@njit(cache=True, nogil=True)
def workspace(system):  # type: ignore[no-untyped-def]
    """Arrays for :func:`newton`, made once a path."""
    reward, prior, counts = system[0], system[3], system[4]
    m, states, joint = reward.shape
    total, n = prior.shape[1], counts.shape[0]
    size = total - n
    last = counts[n - 1] - 1
    rest = size - last
    width = m * states if system[2] > 0.0 else 0
    return (
        np.empty((states, total)),
        np.empty((states, n)),
        np.empty((m, states, joint)),
        np.empty((m, states, total)),
        np.empty((m, states)),
        np.empty((states, size, 2 + width)),
        np.empty((m * states, 2)),
        np.empty((rest, rest)),
        np.empty((rest, last)),
        np.empty((last, rest)),
        np.empty((width, width)),
        np.empty((states, size)),
        np.empty((m, states)),
        np.empty((states, size)),
        np.empty((m, states)),
    )
