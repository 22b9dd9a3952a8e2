"""Formulas shared by the claims about ROMMEO and its relatives, in any ``Arithmetic``.

Everything is in the report's units: u = βR is the reward, Q and V carry the factor β.
Shapes (BATCH adds the instances as a last axis):

    u[s, a, b]   transition[s, a, b, t]   π(a|s,b): agent[s, a, b]   ρ(b|s): opponent[s, b]
    P_prior(a|s,b): agent_prior[s, a, b]   P_prior(b|s): opponent_prior[s, b]

The agent's soft value Q(s,b) = log Σ_a P_prior(a|s,b) exp Q(s,a,b) is report (30), the state's
V(s) = log Σ_b P_prior(b|s) exp Q(s,b) report (14); their values under given policies are

    Q^{π}(s,b) = Σ_a π(a|s,b) (Q(s,a,b) − log π/P_prior)     V^{ρ}(s) = Σ_b ρ(b|s) (Q(s,b) − log ρ/P_prior)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt


def log_ratio(p: Numbers, q: Numbers, arithmetic: Arithmetic) -> Numbers:
    """log(p/q), and 0 where p = 0 (it only ever appears multiplied by p)."""
    p, q = np.broadcast_arrays(p, q)
    off, one = arithmetic.zeros(p), arithmetic.number(1)
    return arithmetic.log(np.where(off, one, p) / np.where(off, one, q))


def successor(transition: Numbers, value: Numbers) -> Numbers:
    """E[V(s')] of (s, a, b): Σ_t transition[s, a, b, t] V[t]."""
    return (transition * value).sum(axis=3)


def agent_soft_value(q: Numbers, agent_prior: Numbers, arithmetic: Arithmetic) -> Numbers:
    """Q(s,b) = log Σ_a P_prior(a|s,b) exp Q(s,a,b): report (30)."""
    return free_energy(q, agent_prior, 1, 1, arithmetic)


def soft_value(q_sb: Numbers, opponent_prior: Numbers, arithmetic: Arithmetic) -> Numbers:
    """V(s) = log Σ_b P_prior(b|s) exp Q(s,b): report (9), (14)."""
    return free_energy(q_sb, opponent_prior, 1, 1, arithmetic)


def agent_tilt(q: Numbers, agent_prior: Numbers, arithmetic: Arithmetic) -> Numbers:
    """π(a|s,b) ∝ P_prior(a|s,b) exp Q(s,a,b): report (8), (13), (29)."""
    return tilt(q, agent_prior, 1, 1, arithmetic)


def opponent_tilt(q_sb: Numbers, opponent_prior: Numbers, arithmetic: Arithmetic) -> Numbers:
    """ρ(b|s) ∝ P_prior(b|s) exp Q(s,b): report (9), (13), (31)."""
    return tilt(q_sb, opponent_prior, 1, 1, arithmetic)


def agent_value(
    q: Numbers, agent: Numbers, agent_prior: Numbers, arithmetic: Arithmetic
) -> Numbers:
    """Q^π(s,b) = Σ_a π(a|s,b) (Q(s,a,b) − log π/P_prior)."""
    return (agent * (q - log_ratio(agent, agent_prior, arithmetic))).sum(axis=1)


def state_value(
    q_sb: Numbers, opponent: Numbers, opponent_prior: Numbers, arithmetic: Arithmetic
) -> Numbers:
    """V^ρ(s) = Σ_b ρ(b|s) (Q(s,b) − log ρ/P_prior)."""
    return (opponent * (q_sb - log_ratio(opponent, opponent_prior, arithmetic))).sum(axis=1)


def joint_value(
    q: Numbers,
    agent: Numbers,
    opponent: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    arithmetic: Arithmetic,
) -> Numbers:
    """E_{π,ρ}[Q − log π/P_prior − log ρ/P_prior] of each state: report (7), (12)."""
    inner = agent_value(q, agent, agent_prior, arithmetic)
    return state_value(inner, opponent, opponent_prior, arithmetic)


def evaluate(
    u: Numbers,
    transition: Numbers,
    discount: Numbers,
    agent: Sequence[Numbers],
    opponent: Sequence[Numbers],
    agent_prior: Numbers,
    opponent_prior: Numbers,
    arithmetic: Arithmetic,
) -> list[Numbers]:
    """[Q_0, …, Q_T] of policies agent[t], opponent[t], t = 0 … T, by the Bellman equation of A.3.3.

    Q_T = u,  Q_n = u + γ E[V^{π,ρ}_{n+1}]: report (28) with the exponent t − n.
    """
    q = u + 0 * discount
    table = [q]
    for policy, model in zip(agent[:0:-1], opponent[:0:-1], strict=True):
        value = joint_value(q, policy, model, agent_prior, opponent_prior, arithmetic)
        q = u + discount * successor(transition, value)
        table.append(q)
    return table[::-1]


def optimise(
    u: Numbers,
    transition: Numbers,
    discount: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    steps: int,
    arithmetic: Arithmetic,
) -> list[Numbers]:
    """[Q*_0, …, Q*_T], T = steps, by backward induction: report (14) with V_{T+1} = 0."""
    q = u + 0 * discount
    table = [q]
    for _ in range(steps):
        inner = agent_soft_value(q, agent_prior, arithmetic)
        value = soft_value(inner, opponent_prior, arithmetic)
        q = u + discount * successor(transition, value)
        table.append(q)
    return table[::-1]
