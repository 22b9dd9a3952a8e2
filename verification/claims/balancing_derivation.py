"""The derivation of the policies, line by line: report A.2.1.

    J = E_π[E_{ρ(b|a)}[R − (1/β^-i) log ρ(b|a)/P] − (1/β^i) log π/P]          condition on a
    E_ρ[R − (1/β^-i) log ρ/P] = −KL(ρ ‖ exp(β^-i R) P / exp Q^-i(a)) + Q^-i(a)    "quantity (1)"
    plug in, call (β^i/β^-i) Q^-i(a) = Q^i(a), and the same again for π

Here Q^-i(a) = log Σ_b exp(β^-i R) P(b) is the normaliser of ρ(b|a), not the Q^-i(b) of (21). At one
a: reward, prior, policy [B]. For the agent: Q^-i(a)/β^-i as agent_reward [A]. One state unless S.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Family,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    instances,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl
from tabular_marl.verification.claims._balancing import (
    AGENT,
    CONDITIONAL,
    DUALITY,
    GIBBS,
    MATRIX,
    OPPONENT,
    PLUS,
    SIGNED,
    Stage,
    identity,
    inequality,
    reals,
    row,
    stage_family,
    stage_scope,
)

# -- conditioning on a -----------------------------------------------------------------------------


def conditioning(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    conditional: Numbers,
    **game: Numbers,
) -> Any:
    """Under the law π(a) ρ(b|a): log of the marginal ρ(b) on the left, of ρ(b|a) on the right."""
    stage = Stage.of(arithmetic, reward, **game)
    joint = agent_policy[:, None] * conditional
    left = (joint * reward).sum(axis=(0, 1)) - stage.kl(agent_policy, stage.p) / stage.x
    left = left - stage.kl(joint.sum(axis=0), stage.P) / stage.y
    return sides(left, stage.conditional_objective(agent_policy, conditional))


def conditioning_freely(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    conditional: Numbers,
    **game: Numbers,
) -> Any:
    """An independent ρ(b) on the left, as (18) has it, and any ρ(b|a) on the right."""
    stage = Stage.of(arithmetic, reward, **game)
    left = stage.objective(agent_policy, opponent_policy)
    return sides(left, stage.conditional_objective(agent_policy, conditional))


def conditioning_informed(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    conditional: Numbers,
    **game: Numbers,
) -> Any:
    """:func:`conditioning`, the difference being I(a; b)/β^-i."""
    stage = Stage.of(arithmetic, reward, **game)
    joint = agent_policy[:, None] * conditional
    independent = agent_policy[:, None] * joint.sum(axis=0)
    information = (joint * arithmetic.log(joint / independent)).sum(axis=(0, 1))
    step = conditioning(arithmetic, reward, agent_policy, conditional, **game)
    return sides(step.left - step.right, information / stage.y)


# -- quantity (1), at one a --------------------------------------------------------------------------


def quantity(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta: Numbers
) -> Numbers:
    """E_ρ[R − (1/β) log ρ/P]."""
    return (policy * reward).sum(axis=0) - kl(policy, prior, 0, arithmetic) / beta


def target(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers
) -> tuple[Numbers, Numbers]:
    """(exp(β R) P / exp Q^-i, Q^-i): the conditional policy and its log-normaliser."""
    normaliser = arithmetic.log((prior * arithmetic.exp(beta * reward)).sum(axis=0))
    return arithmetic.exp(beta * reward - normaliser) * prior, normaliser


def moved(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """Lines 1 and 2: β^-i moved to the reward."""
    right = (policy * beta_opponent * reward).sum(axis=0) - kl(policy, prior, 0, arithmetic)
    return sides(quantity(arithmetic, reward, prior, policy, beta_opponent), right)


def moved_divided(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """Lines 1 and 2 with 1/β^-i in front of the second."""
    step = moved(arithmetic, reward, prior, policy, beta_opponent)
    return sides(step.left, step.right / beta_opponent)


def divergence_form(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """Lines 2 and 4: E_ρ[β^-i R − log ρ/P] = −KL(ρ ‖ target) + Q^-i."""
    best, normaliser = target(arithmetic, reward, prior, beta_opponent)
    left = (policy * beta_opponent * reward).sum(axis=0) - kl(policy, prior, 0, arithmetic)
    return sides(left, normaliser - kl(policy, best, 0, arithmetic))


def whole_chain(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """Lines 1 and 4 as printed."""
    best, normaliser = target(arithmetic, reward, prior, beta_opponent)
    left = quantity(arithmetic, reward, prior, policy, beta_opponent)
    return sides(left, normaliser - kl(policy, best, 0, arithmetic))


def whole_chain_divided(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """Lines 1 and 4 with 1/β^-i in front of the last."""
    step = whole_chain(arithmetic, reward, prior, policy, beta_opponent)
    return sides(step.left, step.right / beta_opponent)


def maximum(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """(1) at the conditional policy against (1) at another."""
    best, _ = target(arithmetic, reward, prior, beta_opponent)
    left = quantity(arithmetic, reward, prior, best, beta_opponent)
    return sides(left, quantity(arithmetic, reward, prior, policy, beta_opponent))


def extremum(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """β^-i times both sides of :func:`maximum`."""
    step = maximum(arithmetic, reward, prior, policy, beta_opponent)
    return sides(beta_opponent * step.left, beta_opponent * step.right)


# -- plugging in -------------------------------------------------------------------------------------


def plugged(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_opponent: Numbers
) -> Any:
    """E[R − (1/β^-i) log(exp(β^-i R) P / P)] = Q^-i/β^-i as displayed: no exp(Q^-i) below the line."""
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
    arithmetic: Arithmetic, agent_reward: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Any:
    """E[Q^-i/β^-i − (1/β^i) log π/P] = E[(β^i/β^-i) Q^-i − log π/P]."""
    left = quantity(arithmetic, agent_reward, prior, policy, beta_agent)
    right = (policy * beta_agent * agent_reward).sum(axis=0) - kl(policy, prior, 0, arithmetic)
    return sides(left, right)


def scaled_divided(
    arithmetic: Arithmetic, agent_reward: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Any:
    """The same with 1/β^i in front of the right side."""
    step = scaled(arithmetic, agent_reward, prior, policy, beta_agent)
    return sides(step.left, step.right / beta_agent)


def agent_maximum(
    arithmetic: Arithmetic, agent_reward: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Any:
    """The objective that is left, at (20) and at another policy."""
    return maximum(arithmetic, agent_reward, prior, policy, beta_agent)


def agent_extremum(
    arithmetic: Arithmetic, agent_reward: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Any:
    """β^i times both sides of :func:`agent_maximum`."""
    return extremum(arithmetic, agent_reward, prior, policy, beta_agent)


# -- the last display, over states --------------------------------------------------------------------


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


# -- proofs --------------------------------------------------------------------------------------


def prove_conditioning() -> Proof:
    reward, x, y, lpi, lp, lq, conditional, marginal = reals("R x y logpi logp logP logrho_ba logrho_b")
    left = reward - (lpi - lp) / x - (marginal - lq) / y
    right = reward - (lpi - lp) / x - (conditional - lq) / y
    information = (lpi + conditional - lpi - marginal) / y
    return prove_zero(left - right - information, "integrand by integrand")


def prove_divergence_form() -> Proof:
    y, reward, lrho, lq, n = reals("y R logrho logP N")
    left = y * reward - (lrho - lq)
    return prove_zero(left - (n - (lrho - (y * reward + lq - n))), "integrand by integrand")


def prove_moved() -> Proof:
    y, reward, lrho, lq = reals("y R logrho logP")
    left = reward - (lrho - lq) / y
    return prove_zero(left - (y * reward - (lrho - lq)) / y, "integrand by integrand")


def prove_plugged() -> Proof:
    y, reward, lq, n = reals("y R logP N")
    return prove_zero(reward - (y * reward + lq - n - lq) / y - n / y, "integrand by integrand")


# -- claims ----------------------------------------------------------------------------------------


def _at_one_action(name: str) -> Family:
    """reward, prior, policy [actions] and one β."""
    return instances(
        {"actions": (1, 3)},
        **{"reward" if name == "beta_opponent" else "agent_reward": array("actions")},
        prior=distribution("actions"),
        policy=distribution("actions"),
        **{name: beta(high=8)},
    )


PRIORS = {"agent_prior": AGENT, "opponent_prior": OPPONENT}
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
    "report.A.2.1.conditioning.printed",
    "report A.2.1",
    r"E[R - \tfrac{1}{\beta^i}\log\tfrac{\pi}{P} - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho(b)}{P}] = "
    r"E_\pi[E_{\rho(b|a)}[R - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho(b|a)}{P}] - "
    r"\tfrac{1}{\beta^i}\log\tfrac{\pi}{P}]",
    "The first equality puts ρ(b|a) for ρ(b) in the logarithm. Both sides are under the law "
    "π(a)ρ(b|a); they differ as soon as b depends on a.",
    stage_scope(),
    Counterexample(
        conditioning,
        {
            "reward": [[0, 0], [0, 0]],
            "agent_policy": ["1/2", "1/2"],
            "conditional": [[1, 0], [0, 1]],
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.A.2.1.conditioning-independent.printed",
    "report A.2.1; report (18)",
    r"J(\pi, \rho) = J(\pi, \rho(\cdot|\cdot)) \text{ with independent } \rho(b) \text{ on the left, "
    r"any } \rho(b|a) \text{ on the right}",
    "The other reading of the first equality, with (18) on the left: then the two sides are about "
    "different policies.",
    stage_scope(),
    Counterexample(
        conditioning_freely,
        {
            "reward": [[0, 0]],
            "agent_policy": [1],
            "opponent_policy": ["1/2", "1/2"],
            "conditional": [[1, 0]],
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.A.2.1.conditioning.corrected",
    "report A.2.1",
    r"\text{left} - \text{right} = \tfrac{1}{\beta^{-i}} I(a; a^{-i})",
    "What is dropped is the mutual information of the actions; it is 0 only under (18), and then the "
    "opponent cannot answer a.",
    stage_scope(),
    Symbolic(prove_conditioning),
    identity(
        conditioning_informed,
        stage_family(reward=MATRIX, **PRIORS, agent_policy=AGENT, conditional=CONDITIONAL),
    ),
)
row(
    "report.A.2.1.moved-beta.printed",
    "report A.2.1",
    r"E_\rho[R - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho}{P}] = E_\rho[\beta^{-i}R - \log\tfrac{\rho}{P} "
    r"- Q^{-i} + Q^{-i}]",
    "Moving β^-i to the reward multiplies the line by β^-i; the factor 1/β^-i is missing.",
    ONE_OPPONENT,
    Counterexample(moved, ONE_ACTION, "== 0"),
)
row(
    "report.A.2.1.moved-beta.corrected",
    "report A.2.1",
    r"E_\rho[R - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho}{P}] = \tfrac{1}{\beta^{-i}} "
    r"E_\rho[\beta^{-i}R - \log\tfrac{\rho}{P}]",
    "With the factor.",
    ONE_OPPONENT,
    Symbolic(prove_moved),
    identity(moved_divided, OPPONENTS),
)
row(
    "report.A.2.1.divergence.printed",
    "report A.2.1",
    r"E_\rho[\beta^{-i}R - \log\tfrac{\rho}{P}] = -D_{KL}(\rho \| e^{\beta^{-i}R}P/e^{Q^{-i}}) + Q^{-i}",
    "Lines 2 to 4 agree with one another, for any Q^-i(a) in them (the display of line 3 is garbled: "
    "read log of exp(β^-i R) P / (ρ exp Q^-i), plus E Q^-i).",
    ONE_OPPONENT,
    Symbolic(prove_divergence_form),
    identity(divergence_form, OPPONENTS),
)
row(
    "report.A.2.1.quantity.printed",
    "report A.2.1",
    r"E_\rho[R - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho}{P}] = "
    r"-D_{KL}(\rho \| e^{\beta^{-i}R}P/e^{Q^{-i}}) + Q^{-i}",
    "First line against last: the factor 1/β^-i is still missing, though the plug-in below uses "
    "Q^-i/β^-i.",
    ONE_OPPONENT,
    Counterexample(whole_chain, ONE_ACTION, "== 0"),
)
row(
    "report.A.2.1.quantity.corrected",
    "report A.2.1",
    r"E_\rho[R - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho}{P}] = \tfrac{1}{\beta^{-i}}\left("
    r"-D_{KL}(\rho \| e^{\beta^{-i}R}P/e^{Q^{-i}}) + Q^{-i}\right)",
    "Right for both signs; for β^-i < 0 the divergence enters with a plus.",
    ONE_OPPONENT,
    Deduction(
        ("report.A.2.1.moved-beta.corrected", "report.A.2.1.divergence.printed"),
        "substitution of equals",
        "put the second identity into the first",
    ),
    identity(whole_chain_divided, OPPONENTS),
)
row(
    "report.A.2.1.optimal-opponent.printed",
    "report A.2.1",
    r"\rho(b|a) = e^{\beta^{-i}R}P/e^{Q^{-i}(a)} \text{ maximises } "
    r"E_\rho[R - \tfrac{1}{\beta^{-i}}\log\tfrac{\rho}{P}]",
    "For β^-i < 0 it is the minimum: −(1/β^-i) KL is then positive.",
    ONE_OPPONENT,
    Counterexample(maximum, {"reward": [1, 0], **MINIMISED, "beta_opponent": -1}),
)
row(
    "report.A.2.1.optimal-opponent.corrected",
    "report A.2.1",
    r"\rho(b|a) = e^{\beta^{-i}R}P/e^{Q^{-i}(a)} \text{ maximises it if } \beta^{-i} > 0 "
    r"\text{ and minimises it if } \beta^{-i} < 0",
    "The value there is Q^-i(a)/β^-i.",
    ONE_OPPONENT,
    Deduction(
        ("report.A.2.1.quantity.corrected", GIBBS),
        "substitution of equals",
        "β^-i times the loss is KL(ρ‖target) >= 0, and 0 at the target",
    ),
    inequality(extremum, OPPONENTS),
)
row(
    "report.A.2.1.plug-in.printed",
    "report A.2.1",
    r"E[R - \tfrac{1}{\beta^{-i}}\log\tfrac{e^{\beta^{-i}R}P}{P}] = E[\tfrac{1}{\beta^{-i}}Q^{-i}(a)]",
    "As displayed the normaliser exp(Q^-i(a)) is missing below the fraction line; the left side is 0.",
    ONE_OPPONENT,
    Counterexample(plugged, {**ONE_ACTION, "beta_opponent": 1}, "== 0"),
)
row(
    "report.A.2.1.plug-in.corrected",
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
