"""The soft single-agent layer over any arithmetic: the vocabulary of the ``layer_*`` claims.

    V = log Σ_a p e^Q,   π ∝ p e^Q                                                   report (58)
    L_V = Σ_s d ½ (V − E_π[Q − log π/p])²                                            report (59)
    L_Q = Σ_x d Σ_t P(t|x) ½ (Q(x) − R(x) − γ V̄(t))²                         report (60), (63), (66)
    L_π = E_π[log π − Q − log p]                                                 report (61), (68)
    V̂_K = (1/β) log (1/K) Σ_k e^{β x(a_k)} p(a_k)/q(a_k),  a_k i.i.d. from q         report (62)

Units are the report's (Q holds β) where no β appears. Shapes: one state: q, prior, policy [A];
data x = (s, a) or (s, a, b) flat: reward, q, weights d [X], transition [X, T], value V̄ [T].
"""

from __future__ import annotations

import itertools

import numpy as np

from tabular_marl.verification import (
    Proof,
    array,
    beta,
    choice,
    distribution,
    instances,
    positive,
    prove_zero,
    scope,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl


def soft_evaluation(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Numbers:
    """E_π[Q − log π/p], the target of (59)."""
    return (policy * q).sum(axis=0) - kl(policy, prior, 0, arithmetic)


def soft_value(arithmetic: Arithmetic, q: Numbers, prior: Numbers) -> Numbers:
    """V of (58)."""
    return free_energy(q, prior, 1, 0, arithmetic)


def target_loss(
    q: Numbers,
    reward: Numbers,
    transition: Numbers,
    value: Numbers,
    gamma: Numbers,
    weights: Numbers,
) -> Numbers:
    """L_Q with the target R + γ V̄(t); ``value`` is V̄ [T]."""
    error = q[:, None] - reward[:, None] - gamma * value[None]
    return (weights * (transition * error**2).sum(axis=1)).sum(axis=0) / 2


def weighted_mean(
    arithmetic: Arithmetic, values: Numbers, prior: Numbers, proposal: Numbers, axis: int
) -> Numbers:
    """E_q[values p/q] along ``axis``: outcomes that q leaves out are never drawn."""
    drawn = np.where(arithmetic.zeros(proposal), arithmetic.number(1), proposal)
    return (proposal * (values * prior / drawn)).sum(axis=axis)


def sampled(
    arithmetic: Arithmetic,
    x: Numbers,
    prior: Numbers,
    proposal: Numbers,
    beta: Numbers,
    samples: int,
) -> Numbers:
    """E[V̂_K], by enumeration of the K-tuples of outcomes."""
    return (
        expected_log(arithmetic, arithmetic.exp(beta * x) * prior / proposal, proposal, samples)
        / beta
    )


def expected_log(
    arithmetic: Arithmetic, weights: Numbers, proposal: Numbers, samples: int
) -> Numbers:
    """E log (1/K) Σ_k w(a_k) for a_k i.i.d. from the proposal."""
    total = 0 * weights[0]
    for draw in itertools.product(range(len(weights)), repeat=samples):
        chance, mean = proposal[draw[0]], weights[draw[0]]
        for a in draw[1:]:
            chance, mean = chance * proposal[a], mean + weights[a]
        total = total + chance * arithmetic.log(mean / samples)
    return total


def prove_weights() -> Proof:
    """E_q[t p/q] = Σ p t, for one logarithm of (65) as for (62) and (67)."""
    q, p, t = positive("q"), positive("p"), positive("t")
    return prove_zero(q * (t * p / q) - p * t, "q (t p/q) = p t, outcome by outcome")


# -- rows: scopes, families ------------------------------------------------------------------------

SIGNED = "(-inf, 0) u (0, inf)"
SUPPORT = ("proposals have exactly the support of the priors",)
SAMPLE_FIELDS = {
    "x": array("actions"),
    "prior": distribution("actions"),
    "proposal": distribution("actions"),
    "beta": beta(high=4),
}
DRAWS = instances({"actions": (1, 3)}, **SAMPLE_FIELDS, samples=choice(1, 2, 3))
DRAWN = scope(actions=">= 1", samples=">= 1", beta=SIGNED)
