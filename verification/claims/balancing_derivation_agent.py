"""The derivation of the agent's policy: report A.2.1, second half.

    plug ρ(b|a) = exp(β^-i R) P / exp Q^-i(a) into J:   E[Q^-i(a)/β^-i − (1/β^i) log π/P]
    call (β^i/β^-i) Q^-i(a) = Q^i(a):                  E[Q^i − log π/P] = −KL(π ‖ (20)) + V^i

Q^-i(a), the normaliser of ρ(b|a), is not the Q^-i(b) of (21). At one a: reward, prior, policy [B];
for the agent Q^-i(a)/β^-i is agent_reward [A]; the last display has states, [S, A].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    instances,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import (
    DUALITY,
    GIBBS,
    PLUS,
    SIGNED,
    Stage,
    identity,
    inequality,
    reals,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.balancing_derivation import (
    _at_one_action,
    extremum,
    maximum,
    prove_divergence_form,
    prove_moved,
    quantity,
    target,
)

# -- formulas --------------------------------------------------------------------------------------


def plugged(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """E[R − (1/β^-i) log(exp(β^-i R) P/P)] = Q^-i/β^-i, as displayed: no exp(Q^-i) below."""
    _, normaliser = target(arithmetic, reward, prior, beta_opponent)
    ratio = arithmetic.exp(beta_opponent * reward) * prior / prior
    left = (policy * (reward - arithmetic.log(ratio) / beta_opponent)).sum(axis=0)
    return sides(left, normaliser / beta_opponent)


def plugged_normalised(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """The same with exp(Q^-i) below the line."""
    best, normaliser = target(arithmetic, reward, prior, beta_opponent)
    left = (policy * (reward - arithmetic.log(best / prior) / beta_opponent)).sum(axis=0)
    return sides(left, normaliser / beta_opponent)


def scaled(
    arithmetic: Arithmetic,
    agent_reward: Numbers,
    prior: Numbers,
    policy: Numbers,
    beta_agent: Numbers,
) -> Any:
    """E[Q^-i/β^-i − (1/β^i) log π/P] = E[(β^i/β^-i) Q^-i − log π/P]."""
    left = quantity(arithmetic, agent_reward, prior, policy, beta_agent)
    right = (policy * beta_agent * agent_reward).sum(axis=0) - kl(policy, prior, 0, arithmetic)
    return sides(left, right)


def scaled_divided(
    arithmetic: Arithmetic,
    agent_reward: Numbers,
    prior: Numbers,
    policy: Numbers,
    beta_agent: Numbers,
) -> Any:
    """The same with 1/β^i in front of the right side."""
    step = scaled(arithmetic, agent_reward, prior, policy, beta_agent)
    return sides(step.left, step.right / beta_agent)


def agent_maximum(
    arithmetic: Arithmetic,
    agent_reward: Numbers,
    prior: Numbers,
    policy: Numbers,
    beta_agent: Numbers,
) -> Any:
    """The objective that is left, at (20) and at another policy."""
    return maximum(arithmetic, agent_reward, prior, policy, beta_agent)


def agent_extremum(
    arithmetic: Arithmetic,
    agent_reward: Numbers,
    prior: Numbers,
    policy: Numbers,
    beta_agent: Numbers,
) -> Any:
    """β^i times both sides of :func:`agent_maximum`."""
    return extremum(arithmetic, agent_reward, prior, policy, beta_agent)


def _last_display(
    arithmetic: Arithmetic, agent_q: Numbers, prior: Numbers, policy: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """(E_π[Q^i − log π/P], KL(π ‖ exp(Q^i) P/exp V^i), V^i) at each state; arrays [S, A]."""
    value = arithmetic.log((prior * arithmetic.exp(agent_q)).sum(axis=1))
    best = arithmetic.exp(agent_q - np.expand_dims(value, 1)) * prior
    left = (policy * agent_q).sum(axis=1) - kl(policy, prior, 1, arithmetic)
    return left, kl(policy, best, 1, arithmetic), value


def divergence_at_a_state(
    arithmetic: Arithmetic, agent_q: Numbers, prior: Numbers, policy: Numbers, initial: Numbers
) -> Any:
    """As printed: E_{P(s)} on the left and on V^i, the KL at one s."""
    left, apart, value = _last_display(arithmetic, agent_q, prior, policy)
    return sides((initial * left).sum(axis=0), (initial * value).sum(axis=0) - apart)


def divergence_on_average(
    arithmetic: Arithmetic, agent_q: Numbers, prior: Numbers, policy: Numbers, initial: Numbers
) -> Any:
    """With E_{P(s)} on the KL too."""
    left, apart, value = _last_display(arithmetic, agent_q, prior, policy)
    return sides((initial * left).sum(axis=0), (initial * (value - apart)).sum(axis=0))


def two_meanings(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """Q^-i of A.2.1, a function of a, against Q^-i of (21), a function of b; as many a as b."""
    stage = Stage.of(arithmetic, reward, **game)
    return sides(stage.y * stage.agent_q(), stage.y * stage.opponent_q())


# -- proofs ----------------------------------------------------------------------------------------


def prove_plugged() -> Proof:
    y, reward, lq, n = reals("y R logP N")
    return prove_zero(reward - (y * reward + lq - n - lq) / y - n / y, "integrand by integrand")


# -- claims ----------------------------------------------------------------------------------------

OPPONENTS, AGENTS = _at_one_action("beta_opponent"), _at_one_action("beta_agent")
ONE_OPPONENT = scope(actions=">= 1", beta_opponent=SIGNED)
ONE_AGENT = scope(actions=">= 1", beta_agent=SIGNED)
ONE_ACTION = {"reward": [1], "prior": [1], "policy": [1], "beta_opponent": 2}
MINIMISED = {"prior": ["1/2", "1/2"], "policy": [1, 0]}
STATES = scope(states=">= 1", actions=">= 1")
TABLES = instances(
    {"states": (1, 3), "actions": (1, 3)},
    agent_q=array("states", "actions"),
    prior=distribution("states", "actions"),
    policy=distribution("states", "actions"),
    initial=distribution("states"),
)
row(
    "report.A.2.1.notation.printed",
    "refuted",
    "report A.2.1; report (21)",
    r"Q^{-i}(s, a^i) = \log\textstyle\int e^{\beta^{-i}R}P\,da^{-i} \text{ is the } Q^{-i} "
    r"\text{ of (21)}",
    "One name for two functions: A.2.1's is the normaliser of ρ(b|a), and (β^i/β^-i) times it is "
    "Q^i of (20); that of (21) is a function of b.",
    stage_scope(),
    Counterexample(
        two_meanings, {"reward": [[0, 1], [0, 0]], "beta_agent": 1, "beta_opponent": 1}, "== 0"
    ),
)
row(
    "report.A.2.1.plug-in.printed",
    "refuted",
    "report A.2.1",
    r"E[R - \tfrac{1}{\beta^{-i}}\log\tfrac{e^{\beta^{-i}R}P}{P}] = "
    r"E[\tfrac{1}{\beta^{-i}}Q^{-i}(a)]",
    "As displayed the normaliser exp(Q^-i(a)) is missing below the fraction line; the left side "
    "is 0.",
    ONE_OPPONENT,
    Counterexample(plugged, {**ONE_ACTION, "beta_opponent": 1}, "== 0"),
)
row(
    "report.A.2.1.plug-in.corrected",
    "proved",
    "report A.2.1",
    r"E[R - \tfrac{1}{\beta^{-i}}\log\tfrac{e^{\beta^{-i}R}P}{P\,e^{Q^{-i}(a)}}] = "
    r"E[\tfrac{1}{\beta^{-i}}Q^{-i}(a)]",
    "Under any law of b.",
    ONE_OPPONENT,
    Symbolic(prove_plugged),
    identity(plugged_normalised, OPPONENTS),
)
row(
    "report.A.2.1.agent-scale.printed",
    "refuted",
    "report A.2.1",
    r"E[\tfrac{1}{\beta^{-i}}Q^{-i}(a) - \tfrac{1}{\beta^i}\log\tfrac{\pi}{P}] = "
    r"E[\tfrac{\beta^i}{\beta^{-i}}Q^{-i}(a) - \log\tfrac{\pi}{P}]",
    "The last line multiplies by β^i without saying so.",
    ONE_AGENT,
    Counterexample(
        scaled, {"agent_reward": [1], "prior": [1], "policy": [1], "beta_agent": 2}, "== 0"
    ),
)
row(
    "report.A.2.1.agent-scale.corrected",
    "proved",
    "report A.2.1",
    r"E[\tfrac{1}{\beta^{-i}}Q^{-i}(a) - \tfrac{1}{\beta^i}\log\tfrac{\pi}{P}] = "
    r"\tfrac{1}{\beta^i}E[\tfrac{\beta^i}{\beta^{-i}}Q^{-i}(a) - \log\tfrac{\pi}{P}]",
    "With the factor; for β^i < 0 it exchanges maximum and minimum.",
    ONE_AGENT,
    Symbolic(prove_moved),
    identity(scaled_divided, AGENTS),
)
row(
    "report.A.2.1.agent-divergence.printed",
    "refuted",
    "report A.2.1",
    r"E_{P(s)\pi}[Q^i - \log\tfrac{\pi}{P}] = -D_{KL}(\pi(\cdot|s) \| e^{Q^i}P/e^{V^i}) + "
    r"E_{P(s)}[V^i(s)]",
    "The divergence is left at one s while the other terms are averaged over s: wrong as soon as "
    "there are two states.",
    STATES,
    Counterexample(
        divergence_at_a_state,
        {
            "agent_q": [[0, 0], [0, 0]],
            "prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "policy": [["1/2", "1/2"], [1, 0]],
            "initial": ["1/2", "1/2"],
        },
        "== 0",
    ),
)
row(
    "report.A.2.1.agent-divergence.corrected",
    "proved",
    "report A.2.1",
    r"E_{P(s)\pi}[Q^i - \log\tfrac{\pi}{P}] = E_{P(s)}[-D_{KL}(\pi(\cdot|s) \| e^{Q^i}P/e^{V^i}) + "
    r"V^i(s)]",
    "With E_{P(s)} on the divergence (or for one state, as printed).",
    STATES,
    Symbolic(prove_divergence_form),
    identity(divergence_on_average, TABLES),
)
row(
    "report.A.2.1.optimal-agent.printed",
    "refuted",
    "report A.2.1; report (20)",
    r"\pi_{(20)} \text{ maximises } E[\tfrac{1}{\beta^{-i}}Q^{-i}(a) - "
    r"\tfrac{1}{\beta^i}\log\tfrac{\pi}{P}]",
    "“This can be maximised”: what is left is (1/β^i) times the last display, so for β^i < 0 the "
    "policy minimises it.",
    ONE_AGENT,
    Counterexample(agent_maximum, {"agent_reward": [1, 0], **MINIMISED, "beta_agent": -1}),
)
row(
    "report.A.2.1.optimal-agent.corrected",
    "proved",
    "report A.2.1; report (20)",
    r"\pi_{(20)} \text{ maximises it if } \beta^i > 0 \text{ and minimises it if } \beta^i < 0",
    "The value there is V^i/β^i.",
    ONE_AGENT,
    Deduction(
        (DUALITY, GIBBS),
        "substitution of equals",
        "β^i times the loss is KL(π‖(20)) >= 0, and 0 at (20)",
    ),
    inequality(agent_extremum, AGENTS),
)
row(
    "report.A.2.1.scaled-argmax.added",
    "proved",
    "report A.2.1",
    r"\beta^i > 0: \text{ both sides of the scaled line are maximised by the same } \pi",
    "So the missing factor does no harm to (20) when β^i is positive.",
    scope(actions=">= 1", beta_agent=PLUS),
    Deduction(
        ("report.A.2.1.agent-scale.corrected",),
        "substitution of equals",
        "they differ by the positive factor β^i",
    ),
)
