"""The losses (12)-(14) on a table, with exact weights: the vocabulary of the ``deep_*`` claims.

    δ(x, a, b) = r − ρ + Σ_y P(y|x, a, b) v̄(y) − q(x, a, b)
    v(x)       = Σ_a π(a|x) [Σ_b p(b|x) q(x, a, b) − α log π(a|x)]                       (13)
    q ← q + 2 α_q d δ,   ρ ← ρ + 2 α_ρ Σ d δ,   q̄ ← τ q + (1 − τ) q̄              (12), line 26

x numbers (s, ẑ), a is agent i's action, b the others'; p is the decoder, d the weights of the
replay memory, v̄ the value by the slow copy q̄. Shapes: reward, q, memory [n, A, B], transition
[n, A, B, n], policy [n, A], decoder [n, B]. Sources: FURTHER (12)-(14), (22), E.3. BATCH adds a
last axis.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import Family, array, distribution, instances, number, scope
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import gain_and_value, stationary
from tabular_marl.verification.claims.further_soft import entropy
from tabular_marl.verification.strategies import Field


def played(policy: Numbers, others: Numbers) -> Numbers:
    """π(a|x) p(b|x), [n, A, B]."""
    return policy[:, :, None] * others[:, None]


def mean(weights: Numbers, table: Numbers) -> Numbers:
    """Σ_ab w(a, b|x) table(x, a, b), [n]."""
    return (weights * table).sum(axis=(1, 2))


def chain_under(weights: Numbers, transition: Numbers) -> Numbers:
    """Σ_ab w(a, b|x) P(y|x, a, b), [n, n]."""
    return (weights[:, :, :, None] * transition).sum(axis=(1, 2))


def ahead(transition: Numbers, value: Numbers) -> Numbers:
    """Σ_y P(y|x, a, b) v(y), [n, A, B]."""
    return expectation(transition, value, 3)


def value_of(
    arithmetic: Arithmetic, q: Numbers, policy: Numbers, others: Numbers, alpha: Numbers
) -> Numbers:
    """(13), [n]."""
    return mean(played(policy, others), q) + alpha * entropy(arithmetic, policy)


def gain_of(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    policy: Numbers,
    decoder: Numbers,
    alpha: Numbers,
) -> Numbers:
    """E_μ[r] + α E_μ[H(π)], μ the stationary law of x under π and the decoder."""
    weights = played(policy, decoder)
    law = stationary(arithmetic, chain_under(weights, transition))
    paid = mean(weights, reward) + alpha * entropy(arithmetic, policy)
    return (law * paid).sum(axis=0)


def solution(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    policy: Numbers,
    decoder: Numbers,
    alpha: Numbers,
    bonus: Numbers = 0,
) -> tuple[Numbers, Numbers, Numbers]:
    """ρ, v [n] and q [n, A, B] with q = r − ρ + P v, v = (13) + ``bonus`` [n]."""
    weights = played(policy, decoder)
    paid = mean(weights, reward) + alpha * entropy(arithmetic, policy) + bonus
    gain, value = gain_and_value(arithmetic, chain_under(weights, transition), paid)
    return gain, value, reward - gain + ahead(transition, value)


def visited(
    arithmetic: Arithmetic, transition: Numbers, policy: Numbers, others: Numbers
) -> Numbers:
    """μ(x) π(a|x) p(b|x), [n, A, B]: a memory of present play."""
    weights = played(policy, others)
    return stationary(arithmetic, chain_under(weights, transition))[:, None, None] * weights


# -- scopes and families ---------------------------------------------------------------------------

UNICHAIN = "one recurrent class of (s, ẑ) under π and the decoder"
LOSSES = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", alpha="[0, inf)")
STAGE = scope(actions=">= 1", opponent_actions=">= 1", beta="(0, inf)")
PAIRS = ("states", "actions", "opponent_actions")
Q = array(*PAIRS)
MEMORY = distribution(*PAIRS)
DECODER = distribution("states", "opponent_actions")
GAME: dict[str, Field] = {
    "reward": Q,
    "transition": distribution(*PAIRS, "states"),
    "policy": distribution("states", "actions"),
    "decoder": DECODER,
    "alpha": number(0, 4),
}


def loss_family(**fields: Any) -> Family:
    """Games of up to 2 states and 2 actions each, with a policy, a decoder and α."""
    sizes = {"states": (1, 2), "actions": (1, 2), "opponent_actions": (1, 2)}
    return instances(sizes, **GAME, **fields)
