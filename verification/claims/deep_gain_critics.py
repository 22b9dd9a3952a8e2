"""What critics that are two, or wrong, or cut off do to the learned gain. FURTHER (12), (13), (22).

    E_d[δ_1 + δ_2] = 0, d = μ π p:           ρ = E_μ[r] + α E_μ[H] − ½ E|q_1 − q_2|
    q_β = E[y] + e_β at every pair:          ρ = E_μ[r] + α E_μ[H] + E_μ[min_β e_β]
    episodes of T steps without a mask:      ρ = mean of r + α H, plus (E v(x_T) − E v(x_0))/T

Shapes: as in _deep; ``other`` and errors are tables [n, A, B], start [n].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    choice,
    distribution,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._deep import (
    LOSSES,
    UNICHAIN,
    Q,
    ahead,
    chain_under,
    gain_of,
    loss_family,
    mean,
    played,
    solution,
    value_of,
    visited,
)
from tabular_marl.verification.claims._further import backwards, sample, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.deep_gain import GAIN, ONE_STATE
from tabular_marl.verification.claims.further_soft import entropy

# -- formulas --------------------------------------------------------------------------------------


def lower_of(arithmetic: Arithmetic, first: Numbers, second: Numbers) -> Numbers:
    """min(q_1, q_2)."""
    return (first + second - arithmetic.absolute(first - second)) / 2


def constant_critic(arithmetic: Arithmetic, memory: Numbers, **game: Numbers) -> Any:
    """ρ where the critic is one number c, fitted on the memory, against the gain of the policy:
    c cancels from y − q, and ρ = E_d[r + α H(π(·|s'))]."""
    bonus = game["alpha"] * entropy(arithmetic, game["policy"])
    asked = game["reward"] + ahead(game["transition"], bonus)
    return sides((memory * asked).sum(axis=(0, 1, 2)), gain_of(arithmetic, **game))


def twin_on_policy(arithmetic: Arithmetic, q: Numbers, other: Numbers, **game: Numbers) -> Any:
    """ρ with E_d[δ_1 + δ_2] = 0, d present play, against the gain less ½ E|q_1 − q_2|."""
    transition, policy, others = game["transition"], game["policy"], game["decoder"]
    lower = lower_of(arithmetic, q, other)
    value = value_of(arithmetic, lower, policy, others, game["alpha"])
    weights = visited(arithmetic, transition, policy, others)
    asked = game["reward"] + ahead(transition, value) - (q + other) / 2
    apart = (weights * arithmetic.absolute(q - other)).sum(axis=(0, 1, 2))
    return sides((weights * asked).sum(axis=(0, 1, 2)), gain_of(arithmetic, **game) - apart / 2)


def with_errors(arithmetic: Arithmetic, q: Numbers, other: Numbers, **game: Numbers) -> Any:
    """At the solution with critics E[y] + e_β: ρ and the errors that the critics have, against
    the gain plus E_μ[min e_β] and the errors put in; ``q``, ``other`` are e_1, e_2."""
    transition, policy, others = game["transition"], game["policy"], game["decoder"]
    bonus = mean(played(policy, others), lower_of(arithmetic, q, other))
    gain, _, target = solution(arithmetic, **game, bonus=bonus)
    lower = lower_of(arithmetic, target + q, target + other)
    value = value_of(arithmetic, lower, policy, others, game["alpha"])
    found = target + q - (game["reward"] - gain + ahead(transition, value))
    law = visited(arithmetic, transition, policy, others).sum(axis=(1, 2))
    said = gain_of(arithmetic, **game) + (law * bonus).sum(axis=0)
    return sides(
        np.concatenate([np.asarray(gain)[None], found.reshape(-1, *found.shape[3:])]),
        np.concatenate([np.asarray(said)[None], q.reshape(-1, *q.shape[3:])]),
    )


def in_episodes(
    arithmetic: Arithmetic, q: Numbers, start: Numbers, times: int = 2, **game: Numbers
) -> Any:
    """ρ with mean δ = 0 over the T steps of an episode, no mask at its end, against the mean of
    r + α H plus (E v(x_T) − E v(x_0))/T."""
    transition, policy, others = game["transition"], game["policy"], game["decoder"]
    value = value_of(arithmetic, q, policy, others, game["alpha"])
    weights = played(policy, others)
    chain = chain_under(weights, transition)
    asked = mean(weights, game["reward"] + ahead(transition, value) - q)
    paid = mean(weights, game["reward"]) + game["alpha"] * entropy(arithmetic, policy)
    law, left, right = start, 0 * start[0], 0 * start[0]
    for _ in range(times):
        left = left + (law * asked).sum(axis=0)
        right = right + (law * paid).sum(axis=0)
        law = backwards(law, chain)
    return sides(left, right + ((law - start) * value).sum(axis=0))


# -- proofs ----------------------------------------------------------------------------------------


def prove_twin() -> Proof:
    one, two, y = symbols("q1 q2 y")
    return prove_zero((one - two).subs({one: y, two: y}), "q_1 = E[y|x, a, b] = q_2")


def prove_lower() -> list[Proof]:
    y, one, two, apart = symbols("y e1 e2 apart")
    lower = (one + two - apart) / 2
    return [
        prove_zero(lower - (one + two) / 2 + apart / 2, "min = mean − ½ |e_1 − e_2|"),
        prove_zero((2 * y + one + two - apart) / 2 - y - lower, "the difference is that of e_β"),
    ]


def prove_episodes() -> Proof:
    one, two, three = symbols("v0 v1 v2")
    return prove_zero((two - one) + (three - two) - (three - one), "E v(x_{t+1}) − E v(x_t)")


# -- claims ----------------------------------------------------------------------------------------

row(
    "deep.gain.twin.added",
    "proved",
    f"{GAIN}; FURTHER E.3",
    r"\text{two tables that both fit } y\text{: } q_1 = q_2, \text{ and the min costs nothing}",
    "At the fixed point. On the way there, and with errors that last, it does.",
    LOSSES,
    Symbolic(prove_twin),
    assumes=("every (s, ẑ, a, b) is in the memory",),
)


row(
    "deep.gain.twin-bias.added",
    "proved",
    f"{GAIN}; FURTHER E.3",
    r"E_d[\delta_1 + \delta_2] = 0,\ d = \mu\,\pi\,p_{dec} \Rightarrow \rho = E_\mu[r] + \alpha "
    r"E_\mu[\mathcal{H}] - \tfrac12 E|q_1 - q_2|",
    "For every pair of critics: the gain is too low by half of their mean disagreement.",
    LOSSES,
    Deduction(
        ("deep.gain.on-policy.added", "deep.gain.lower.added"),
        "substitution of equals",
        "v is by the min, and each critic asks for its own q: the mean of both less half of what "
        "they are apart",
    ),
    sample(twin_on_policy, loss_family(q=Q, other=Q)),
    assumes=(UNICHAIN, "the replayed b has the decoder's law"),
)


row(
    "deep.gain.errors.added",
    "proved",
    GAIN,
    r"q_\beta = E[y] + e_\beta \Rightarrow \rho = E_\mu[r] + \alpha E_\mu[\mathcal{H}] + "
    r"E_\mu[\min_\beta e_\beta]",
    "What function approximation does, for any memory: the smaller error, averaged over present "
    "play. Errors of mean 0 give a gain that is too low.",
    LOSSES,
    Deduction(
        ("deep.gain.tabular.added", "deep.gain.lower.added"),
        "substitution of equals",
        "v = Σ π p (r − ρ + P v + min e_β) + α H: a reward of r + min e_β",
    ),
    sample(with_errors, loss_family(q=Q, other=Q)),
    assumes=(UNICHAIN,),
)


row(
    "deep.gain.lower.added",
    "proved",
    GAIN,
    r"\min(q_1, q_2) = \tfrac12(q_1 + q_2) - \tfrac12|q_1 - q_2|, \quad \min_\beta (y + e_\beta) = "
    r"y + \min_\beta e_\beta",
    "",
    LOSSES,
    Symbolic(prove_lower),
)


row(
    "deep.gain.approximation.added",
    "refuted",
    GAIN,
    r"\text{a critic that fits } y \text{ best in its class, on any memory, has } \rho = E_\mu[r] "
    r"+ \alpha E_\mu[\mathcal{H}]",
    "Off policy and off the table the weights do matter. A critic of one number cancels from y − "
    "q: ρ is then the memory's own mean, 3/4 for 1/2.",
    LOSSES,
    Counterexample(constant_critic, ONE_STATE, "== 0"),
)


row(
    "deep.gain.episodes.added",
    "proved",
    GAIN,
    r"T \text{ steps without a mask, mean } \delta = 0: \ \rho = \tfrac1T \textstyle\sum_t E[r_t + "
    r"\alpha \mathcal{H}_t] + \tfrac1T (E v(x_T) - E v(x_0))",
    "The published code starts again every 150 steps and bootstraps through the end. On present "
    "play what that costs is the last value less the first, over T.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", alpha="[0, inf)", times=">= 1"),
    Deduction(
        ("deep.gain.on-policy.added", "deep.gain.telescope.added"),
        "substitution of equals",
        "E[v(x_{t+1})] − E[q_t] = α E[H_t] + E[v(x_{t+1})] − E[v(x_t)], summed over t",
    ),
    sample(
        in_episodes,
        loss_family(q=Q, start=distribution("states"), times=choice(1, 2, 3)),
        batched=False,
        examples=300,
    ),
    assumes=("one critic", "the replayed b has the decoder's law"),
)


row(
    "deep.gain.telescope.added",
    "proved",
    GAIN,
    r"\sum_{t<T} (v_{t+1} - v_t) = v_T - v_0",
    "",
    scope(times=">= 1"),
    Symbolic(prove_episodes),
)
