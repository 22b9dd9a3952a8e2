"""Balancing-Q's action value, partial action value and policy: report (66)-(68).

    L_Q with target R − γV                                                                     (66)
    Q^i = (β/β') log E_{b~q}[e^{β'Q} P/q]                                                      (67)
    L_π = E_π[log f − Q^i − log p]                                                             (68)

One state: reward Q [A, B]; β = β^i, β' = β^-i. Values in units of reward.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Symbolic,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, tilt
from tabular_marl.verification.claims._balancing import (
    AGENT,
    MATRIX,
    OPPONENT,
    PRIORS,
    Stage,
    identity,
    inequality,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._layer import (
    SUPPORT,
    prove_weights,
    target_loss,
    weighted_mean,
)
from tabular_marl.verification.claims._rows import row


def weighted_67(
    arithmetic: Arithmetic, reward: Numbers, opponent_proposal: Numbers, **game: Numbers
) -> Any:
    """(67)/β^i with the exact expectation, against Q^i/β^i of (20)."""
    stage = Stage.of(arithmetic, reward, **game)
    values = arithmetic.exp(stage.y * stage.q)
    mean = weighted_mean(arithmetic, values, stage.P[None], opponent_proposal[None], 1)
    return sides(arithmetic.log(mean) / stage.y, stage.agent_q())


def policy_loss(
    arithmetic: Arithmetic, reward: Numbers, agent_policy: Numbers, **game: Numbers
) -> Any:
    """L_π of (68) at π against at (24); Q^i = β^i F."""
    stage = Stage.of(arithmetic, reward, **game)
    table = stage.x * stage.agent_q()

    def loss(policy: Numbers) -> Numbers:
        return stage.kl(policy, stage.p) - (policy * table).sum(axis=0)

    return sides(loss(agent_policy), loss(tilt(table, stage.p, 1, 0, arithmetic)))


def minus_gamma(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    value: Numbers,
    gamma: Numbers,
    weights: Numbers,
    q: Numbers,
) -> Any:
    """(66) as printed at another Q, against at Q = R + γE[V]."""
    best = reward + gamma * (transition * value[None]).sum(axis=1)
    data = (reward, transition, value, -gamma, weights)
    return sides(target_loss(q, *data), target_loss(best, *data))


# -- (66) ------------------------------------------------------------------------------------------

DATA = scope(pairs=">= 1", states=">= 1", gamma="[0, 1]")
row(
    "report.066.printed",
    "refuted",
    "report (66); report (25)",
    r"Q = R + \gamma E[V] \text{ minimises } \mathcal{L}_Q \text{ with the target } R - \gamma V",
    "A minus for a plus: the next value is subtracted. R = 0, V = 1, γ = 1/2: least at −1/2. It "
    "would converge all the same, to another game.",
    DATA,
    Counterexample(
        minus_gamma,
        {
            "reward": [0],
            "transition": [[1]],
            "value": [1],
            "gamma": "1/2",
            "weights": [1],
            "q": ["-1/2"],
        },
    ),
)
row(
    "report.066.corrected",
    "proved",
    "report (66); report (25)",
    r"\text{with } R + \gamma \bar V \text{ it is least at } Q = R + \gamma E[\bar V(s')|s,a,b]",
    "V̄ held fixed, see report.063. Here R without β is right: Balancing-Q's Q is in units of "
    "reward.",
    DATA,
    Deduction(("report.060.beta.corrected",), "special case", "x = (s, a, b)"),
)

# -- (67), (68) ------------------------------------------------------------------------------------

row(
    "report.067.printed",
    "proved",
    "report (67); report (20)",
    r"Q^i_\theta = Q^i \text{ of (20)}",
    "As an exact expectation over a proposal with the prior's support; a_t^-i in Q is the sampled "
    "a^-i.",
    stage_scope(),
    Symbolic(prove_weights),
    identity(weighted_67, stage_family(reward=MATRIX, **PRIORS, opponent_proposal=OPPONENT)),
    assumes=SUPPORT,
)
row(
    "report.067.samples.added",
    "proved",
    "report (67); report (62)",
    r"\beta^{-i} \tfrac{1}{\beta^i}(E[\hat Q^i_K] - Q^i) \le 0",
    "One logarithm, so the rule of (62) holds: for β^-i < 0 the agent sees a milder minimiser than "
    "it will meet.",
    stage_scope(samples=">= 1"),
    Deduction(
        ("report.062.samples.corrected",), "special case", "x = Q(a, ·), β = β^-i, for each a"
    ),
)
row(
    "report.068.corrected",
    "proved",
    "report (68); report (24)",
    r"\mathcal{L}_\pi = D_{KL}(\pi \| \pi_{(24)}) - V^i: \text{ least at (24), for either sign "
    r"of } \beta^i",
    "With log π for log f, as in (61). Q^i holds β^i, so the loss is minimised for β^i < 0 too, "
    "where the agent lowers its reward.",
    stage_scope(),
    Deduction(
        ("report.061.density.corrected", "kl.nonnegative"),
        "special case",
        "(61) with Q = Q^i of (67)",
    ),
    inequality(policy_loss, stage_family(reward=MATRIX, **PRIORS, agent_policy=AGENT)),
)
