"""Logit equilibria: the equations and their residual, compiled.

    H_y(s,i,a) = y_i(s,a) − λ w_i (q_i(s,a) − q_i(s,0)),        a = 1 … A_i − 1     report (17)-(19)
    H_V(s,k)   = V_k(s) − E_π Q_k(s,·) + Σ_j c_kj KL(π_j ‖ p_j) / λ
    Q_k(s,a) = r_k(s,a) + γ Σ_t P(t|s,a) V_k(t),  q_i(s,a_i) = E_{π_-i} Q_{k(i)},  π_i ∝ p_i e^{y_i}

The unknowns are the log-odds y (relative to the prior and to action 0, whose y is 0), the values V
and λ. y_i is a straight line in λ where a pure equilibrium is approached, so steps grow along it.

Shapes: y [S, D], D = Σ(A_i − 1), V [m, S]; reward [m, S, N], N = Π A_i; transition [S, N, S];
prior [S, ΣA_i]; owner [n] = k(i); w [n]; cost [m, n] = c_kj, in units in which λ w_i is 1/reward.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def policies(y, prior, counts, policy, divergence):
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
def action_values(payoff, policy, counts, actions, q):
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
def backup(system, values, payoffs):
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
def residual(system, y, values, scale, work):
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
def workspace(system):
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
