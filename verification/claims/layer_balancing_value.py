"""Balancing-Q's sampled value: report (65).

    V = (1/β') log E_{b~q}[e^{Q^-i(b)} P(b)/q(b)],  Q^-i(b) = (β'/β) log E_{a~q}[e^{βQ} p/q]

This is the opponent's view, the policy of (68) the agent's. One state: reward Q [A, B]; β = β^i,
β' = β^-i. Values in units of reward.
"""

from __future__ import annotations

import itertools
from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Sampling,
    Symbolic,
    beta,
    instances,
    number,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import (
    AGENT,
    MATRIX,
    OPPONENT,
    PRIORS,
    SIGNED,
    Stage,
    identity,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._layer import SUPPORT, prove_weights, weighted_mean
from tabular_marl.verification.claims._rows import row

PROPOSALS: dict[str, Any] = {"agent_proposal": AGENT, "opponent_proposal": OPPONENT}
EQUAL = scope(actions=">= 1", opponent_actions=">= 1", beta=SIGNED)

# -- formulas --------------------------------------------------------------------------------------


def weighted_65(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_proposal: Numbers,
    opponent_proposal: Numbers,
    **game: Numbers,
) -> Any:
    """(65) with exact expectations over q, against V^-i/β^-i of (21)."""
    stage = Stage.of(arithmetic, reward, **game)
    x, y, exp, log = stage.x, stage.y, arithmetic.exp, arithmetic.log
    inner = weighted_mean(
        arithmetic, exp(x * stage.q), stage.p[:, None], agent_proposal[:, None], 0
    )
    table = exp(y / x * log(inner))
    outer = weighted_mean(arithmetic, table, stage.P, opponent_proposal, 0)
    return sides(log(outer) / y, stage.opponent_value())


def views(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """V of (65) against −min L_π/β^i of (68), which is V^i/β^i."""
    stage = Stage.of(arithmetic, reward, **game)
    return sides(stage.opponent_value(), stage.agent_value())


def other_prior(
    arithmetic: Arithmetic, reward: Numbers, agent_prior: Numbers, other_prior: Numbers
) -> Any:
    """V of (65) under two priors of the opponent on the agent, β^i = β^-i = 1."""
    stages = [Stage.of(arithmetic, reward, 1, 1, prior) for prior in (agent_prior, other_prior)]
    return sides(*(stage.opponent_value() for stage in stages))


def from_policy(
    arithmetic: Arithmetic, reward: Numbers, agent_policy: Numbers, **game: Numbers
) -> Any:
    """V^i/β^i − (E_π[Q^i] − KL(π‖p))/β^i against KL(π ‖ (24))/β^i: no sample of a needed."""
    stage = Stage.of(arithmetic, reward, **game)
    table = stage.agent_q()
    earned = (agent_policy * table).sum(axis=0) - stage.kl(agent_policy, stage.p) / stage.x
    away = stage.kl(agent_policy, stage.agent_policy()) / stage.x
    return sides(stage.agent_value() - earned, away)


def nested(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_samples: int,
    opponent_samples: int,
    **game: Numbers,
) -> Any:
    """E of (65) with K_a, K_b samples from the priors, against V: by enumeration."""
    stage = Stage.of(arithmetic, reward, **game)
    x, y, exp, log = stage.x, stage.y, arithmetic.exp, arithmetic.log
    total = 0 * stage.q[0, 0]
    rows, columns = range(stage.q.shape[0]), range(stage.q.shape[1])
    for mine in itertools.product(rows, repeat=agent_samples):
        inner = sum(exp(x * stage.q[a]) for a in mine) / agent_samples
        powers = exp(y / x * log(inner))
        for theirs in itertools.product(columns, repeat=opponent_samples):
            chance = 1
            for a in mine:
                chance = chance * stage.p[a]
            for b in theirs:
                chance = chance * stage.P[b]
            outer = sum(powers[b] for b in theirs) / opponent_samples
            total = total + chance * log(outer) / y
    return sides(total, stage.opponent_value())


def low(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """β^-i V against β^-i E[V̂] with two samples each."""
    found = nested(arithmetic, reward, 2, 2, **game)
    y = arithmetic.number(game["beta_opponent"])
    return sides(y * found.right, y * found.left)


def low_within(
    arithmetic: Arithmetic, reward: Numbers, beta_agent: Numbers, share: Numbers, **priors: Numbers
) -> Any:
    """The same with β^-i = share β^i."""
    x = arithmetic.number(beta_agent)
    return low(arithmetic, reward, beta_agent=x, beta_opponent=share * x, **priors)


# -- (65) ------------------------------------------------------------------------------------------

row(
    "report.065.printed",
    "refuted",
    "report (65); report (21); report (25)",
    r"V_\theta = \tfrac{1}{\beta^{-i}} V^{-i} \text{ of (21), (25), for arbitrary distributions } "
    r"q(a), q(b)",
    "As in (62), a proposal must not leave out what the prior has.",
    stage_scope(),
    Counterexample(
        weighted_65,
        {
            "reward": [[0], [0]],
            "agent_proposal": [1, 0],
            "opponent_proposal": [1],
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.065.corrected",
    "proved",
    "report (65); report (21); report (25)",
    r"V_\theta = \tfrac{1}{\beta^{-i}} V^{-i} \text{ of (21), (25)}",
    "As exact expectations, for either sign of each β: the value of the opponent's view. (\"The "
    'objective given in equation 24 and 25" is (23).)',
    stage_scope(),
    Symbolic(prove_weights),
    identity(weighted_65, stage_family(reward=MATRIX, **PRIORS, **PROPOSALS)),
    assumes=SUPPORT,
)
row(
    "report.065.view.printed",
    "refuted",
    "report (65); report (67); report (68)",
    r"V_\theta \text{ is the value of the policy that (67), (68) find: } \beta^i V_\theta = -\min "
    r"\mathcal{L}_\pi",
    "The value is the opponent's view, the policy the agent's: with β^i ≠ β^-i two different "
    "Bellman systems are mixed.",
    stage_scope(),
    Counterexample(
        views, {"reward": [[1, 0], [0, 0]], "beta_agent": 1, "beta_opponent": -1}, "== 0"
    ),
)
row(
    "report.065.view.corrected",
    "proved",
    "report (65); report (20); report (67)",
    r"V_\theta = \tfrac{1}{\beta^i} \log E_{a \sim q}\Big[\tfrac{e^{Q^i(s,a)} P_{prior}(a|s)}{q(a)}"
    r"\Big] \text{ with } Q^i \text{ of (67)}",
    "The agent's view; then (66) with it and (68) solve one system, that of (20).",
    stage_scope(),
    Deduction(
        ("report.062.corrected", "report.067.printed", "report.025.contraction.corrected"),
        "special case",
        "(62) with Q = Q^i in the report's units, over β^i",
    ),
    assumes=SUPPORT,
)
row(
    "report.065.shared.printed",
    "refuted",
    "report (65); report (22)",
    r"\text{the value function can be shared: } \tfrac{1}{\beta^i} V^i = \tfrac{1}{\beta^{-i}} "
    r"V^{-i}",
    "(22) again.",
    stage_scope(),
    Counterexample(
        views, {"reward": [[1, 0], [0, 0]], "beta_agent": 1, "beta_opponent": 2}, "== 0"
    ),
)
row(
    "report.065.shared.corrected",
    "proved",
    "report (65); report (22)",
    r"\beta^i = \beta^{-i}: \text{ the players may share } V_\theta",
    "",
    EQUAL,
    Deduction(("report.022.equal-temperatures.corrected",), "special case", "one state's Q"),
)
row(
    "report.065.only.added",
    "proved",
    "report (65); report (59)",
    r"V^i = E_\pi\Big[Q^i - \log\tfrac{\pi}{P_{prior}}\Big] + D_{KL}(\pi \| \pi_{(24)})",
    '"Can only be calculated by importance sampling": not so for the agent\'s half. The actor π of '
    "(68) is there, and (59) with Q^i gives V^i without q(a). On finite tables all of it is a sum.",
    stage_scope(),
    Deduction(("free-energy.duality",), "special case", "x = Q^i/β^i, β = β^i, q = π"),
    identity(from_policy, stage_family(reward=MATRIX, **PRIORS, agent_policy=AGENT)),
)
row(
    "report.065.prior.added",
    "refuted",
    "report (65)",
    r"V_\theta \text{ does not depend on the opponent's prior on the agent}",
    'It does, as the report says: "we required to have some prior of the opponent on us".',
    scope(actions=">= 1", opponent_actions=">= 1"),
    Counterexample(
        other_prior,
        {"reward": [[1], [0]], "agent_prior": ["1/2", "1/2"], "other_prior": ["1/4", "3/4"]},
        "== 0",
    ),
)
SAMPLED = scope(
    actions=">= 1",
    opponent_actions=">= 1",
    beta_agent=SIGNED,
    beta_opponent=SIGNED,
    agent_samples=">= 1",
    opponent_samples=">= 1",
)
row(
    "report.065.samples.printed",
    "refuted",
    "report (65)",
    r"E[\hat V_{K_a,K_b}] = V_\theta",
    "As in (62).",
    SAMPLED,
    Counterexample(
        nested,
        {
            "reward": [[0], [1]],
            "agent_samples": 1,
            "opponent_samples": 1,
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.065.samples-sign.added",
    "refuted",
    "report (65); report (62)",
    r"\beta^{-i}(E[\hat V_{K_a,K_b}] - V_\theta) \le 0",
    "The rule of (62) fails for opposite signs: the agent's samples, all of one b, are too low, "
    "though β^-i < 0 would have it too high; and where only b matters it is too high. Neither "
    "sign of β^-i settles it.",
    SAMPLED,
    Counterexample(low, {"reward": [[0], [1]], "beta_agent": 1, "beta_opponent": -1}),
)
row(
    "report.065.samples-order.added",
    "proved",
    "report (65); report (62)",
    r"0 < \beta^{-i}/\beta^i \le 1: \ \beta^{-i}(E[\hat V_{K_a,K_b}] - V_\theta) \le 0",
    "The power β^-i/β^i of the inner mean is then concave, and so is the logarithm outside. Also "
    "where all b share one sample of a.",
    scope(actions=">= 1", opponent_actions=">= 1", beta_agent=SIGNED, share="(0, 1]"),
    Deduction(
        ("log.below-tangent", "report.065.power.added"),
        ("sum of termwise inequalities", "chain of inequalities"),
        "E[m̂_b^r] <= (E m̂_b)^r for each b, so the outer mean is at most e^{β^-i V} in the mean, "
        "and E log <= log E",
    ),
    Sampling(
        low_within,
        instances(
            {"actions": (1, 2), "opponent_actions": (1, 2)},
            reward=MATRIX,
            **PRIORS,
            beta_agent=beta(high=4),
            share=number("1/8", 1),
        ),
        examples=500,
        batched=True,
        search=False,
    ),
)


def tangent_power(arithmetic: Arithmetic, u: Numbers, r: Numbers) -> Any:
    """1 + r(u − 1) against u^r."""
    return sides(1 + r * (u - 1), arithmetic.exp(r * arithmetic.log(u)))


row(
    "report.065.power.added",
    "proved",
    "report (65)",
    r"u^r \le 1 + r(u - 1), \quad u > 0,\ 0 < r \le 1",
    "The tangent at u = 1.",
    scope(u="(0, inf)", r="(0, 1]"),
    Deduction(
        ("free-energy.variational.maximum",),
        "special case",
        "r log u + (1 − r) log 1 <= log(r u + 1 − r): the free energy of (log u, 0) under "
        "(r, 1 − r) at β = 1 is at least its mean",
    ),
    Sampling(
        tangent_power,
        instances(u=number("1/16", 8), r=number("1/8", 1)),
        examples=500,
        search=False,
    ),
)
