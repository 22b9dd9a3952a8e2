"""The Balancing-Q objective: report (17), (19).

    E Σ_t γ (R − (1/β^i) log π/P_prior − (1/β^-i) log ρ/P_prior)                              (17)
    J(π, ρ) = E[R − (1/β^i) log π/P_prior − (1/β^-i) log ρ/P_prior]     at the last step      (19)

β^i and β^-i are inverse temperatures of either sign. One state: reward [A, B], agent policy and
prior [A], opponent's [B]. Integrals are finite sums.
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
    beta,
    discount,
    distribution,
    instances,
    positive,
    prove_positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import (
    AGENT,
    MATRIX,
    PLUS,
    POLICIES,
    PRIORS,
    SIGNED,
    Stage,
    identity,
    inequality,
    reals,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def same_beta(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta: Numbers
) -> Any:
    """One decision against an opponent with one action: (16) and (17) with the same β; [A]."""
    apart, mean = kl(policy, prior, 0, arithmetic), (policy * reward).sum(axis=0)
    return sides(mean - beta * apart, mean - apart / beta)


def inverse_beta(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta: Numbers
) -> Any:
    """The same with β^i = 1/β in (17)."""
    apart, mean = kl(policy, prior, 0, arithmetic), (policy * reward).sum(axis=0)
    return sides(mean - beta * apart, mean - apart / (1 / beta))


def nested(terms: Numbers, gamma: Numbers) -> Numbers:
    """c_0 + γ (c_1 + γ (c_2 + …)): the recursion of (23); terms [T + 1]."""
    total = gamma * 0
    for term in list(terms)[::-1]:
        total = term + gamma * total
    return total


def constant_weight(arithmetic: Arithmetic, terms: Numbers, gamma: Numbers) -> Any:
    """Σ_t γ c_t as (17) prints, against the recursion."""
    return sides(gamma * terms.sum(axis=0), nested(terms, gamma))


def power_weight(arithmetic: Arithmetic, terms: Numbers, gamma: Numbers) -> Any:
    """Σ_t γ^t c_t, against the recursion."""
    total, weight = gamma * 0, gamma * 0 + 1
    for term in list(terms):
        total, weight = total + weight * term, weight * gamma
    return sides(total, nested(terms, gamma))


def joint_argument(
    arithmetic: Arithmetic, agent_prior: Numbers, opponent_prior: Numbers, beta_agent: Numbers
) -> Numbers:
    """(1/β^i) E log π(a_t)/P_prior(a^i) at the priors, a_t read as the joint action (a^i, a^-i)."""
    joint = agent_prior[:, None] * opponent_prior
    ratio = joint / agent_prior[:, None]
    return (joint * arithmetic.log(ratio)).sum(axis=(0, 1)) / beta_agent


def own_argument(arithmetic: Arithmetic, agent_prior: Numbers, beta_agent: Numbers) -> Numbers:
    """The same with the agent's own action a^i_t."""
    return kl(agent_prior, agent_prior, 0, arithmetic) / beta_agent


def curvature(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policies: Numbers,
    opponent_policies: Numbers,
    **game: Numbers,
) -> Numbers:
    """Midpoint concavity of β^i J in π and of β^-i J in ρ, on segments: policies [2, A], [2, B]."""
    stage = Stage.of(arithmetic, reward, **game)
    (one, two), (first, second) = agent_policies, opponent_policies
    ends = stage.objective(one, first) + stage.objective(two, first)
    in_agent = 2 * stage.objective((one + two) / 2, first) - ends
    ends = stage.objective(one, first) + stage.objective(one, second)
    in_opponent = 2 * stage.objective(one, (first + second) / 2) - ends
    return np.stack([in_agent * stage.x, in_opponent * stage.y])


def gain_over_prior(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Numbers:
    """J at (20) with its conditional opponent, minus the expected reward under the priors."""
    stage = Stage.of(arithmetic, reward, **game)
    return stage.agent_value() - stage.mean(stage.p, stage.P)


def sign_symmetry(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    **priors: Numbers,
) -> Any:
    """J(π, ρ; R, β^i, β^-i) against −J(π, ρ; −R, −β^i, −β^-i)."""
    here = Stage.of(arithmetic, reward, beta_agent, beta_opponent, **priors)
    there = Stage.of(arithmetic, -reward, -beta_agent, -beta_opponent, **priors)
    right = there.objective(agent_policy, opponent_policy)
    return sides(here.objective(agent_policy, opponent_policy), -right)


# -- proofs ----------------------------------------------------------------------------------------


def prove_inverse_beta() -> Proof:
    b, apart, mean = reals("beta KL mean")
    return prove_zero((mean - b * apart) - (mean - apart / (1 / b)), "β KL = KL/β^i, β^i = 1/β")


def prove_power_weight() -> list[Proof]:
    import sympy

    gamma, first, rest = positive("gamma"), positive("c0"), positive("rest")
    t = sympy.Symbol("t", integer=True, nonnegative=True)
    return [
        prove_zero(gamma ** (t + 1) - gamma * gamma**t, "γ^{t+1} = γ γ^t, term by term"),
        prove_zero(first * gamma**0 + gamma * rest - (first + gamma * rest), "Σ = c_0 + γ rest"),
    ]


def prove_own_argument() -> Proof:
    import sympy

    p = positive("p")
    return prove_zero(sympy.log(p / p), "log p/p, term by term")


def prove_curvature() -> list[Proof]:
    import sympy

    weight, slope, log_prior = reals("beta slope logp")
    t = positive("t")
    term = weight * (t * slope - t * (sympy.log(t) - log_prior) / weight)
    return [
        prove_positive(-sympy.diff(term, t, 2), "−∂²(β J)/∂π_k² = 1/π_k; J is linear in the rest")
    ]


def prove_sign_symmetry() -> Proof:
    reward, x, y, one, two = reals("R x y l1 l2")
    left = reward - one / x - two / y
    return prove_zero(left + (-reward - one / (-x) - two / (-y)), "integrand by integrand")


# -- claims ----------------------------------------------------------------------------------------

DECISION = scope(actions=">= 1", beta=PLUS)
HORIZON = scope(terms=">= 1", gamma="[0, 1]")
DECISIONS = instances(
    {"actions": (1, 3)},
    reward=array("actions"),
    prior=distribution("actions"),
    policy=distribution("actions"),
    beta=beta("+"),
)
SUMS = instances({"terms": (1, 5)}, terms=array("terms"), gamma=discount(0, 1))
row(
    "report.017.temperature.printed",
    "refuted",
    "report (16); report (17)",
    r"\text{with one opponent action and the same } \beta, \text{ (17) is (16)}",
    "(16) weighs the divergence by β, (17) by 1/β: temperature in one, inverse temperature in the "
    "other.",
    DECISION,
    Counterexample(
        same_beta,
        {"reward": [0, 0], "prior": ["1/2", "1/2"], "policy": ["1/4", "3/4"], "beta": 2},
        "== 0",
    ),
)
row(
    "report.017.temperature.corrected",
    "proved",
    "report (16); report (17)",
    r"\text{with one opponent action and } \beta^i = 1/\beta, \text{ (17) is (16)}",
    "At one decision; over time, with γ^t in (17).",
    DECISION,
    Symbolic(prove_inverse_beta),
    identity(inverse_beta, DECISIONS),
)
row(
    "report.017.discount.printed",
    "refuted",
    "report (17); report (23)",
    r"\textstyle\sum_t \gamma\, c_t = c_0 + \gamma (c_1 + \gamma (c_2 + \dots))",
    "(17) prints γ for γ^t: every time would weigh the same, even the first, and the recursion "
    "(23) would not compute the objective.",
    HORIZON,
    Counterexample(constant_weight, {"terms": [1], "gamma": "1/2"}, "== 0"),
)
row(
    "report.017.discount.corrected",
    "proved",
    "report (17); report (23)",
    r"\textstyle\sum_t \gamma^t c_t = c_0 + \gamma (c_1 + \gamma (c_2 + \dots))",
    "With γ^t, as in (15) and (16); c_t is the bracket of (17) in expectation.",
    HORIZON,
    Symbolic(prove_power_weight),
    identity(power_weight, SUMS),
)
row(
    "report.017.argument.printed",
    "refuted",
    "report (17); report (19); report (23)",
    r"\pi_\theta(a_t|s_t) / P_{prior}(a^i_t|s_t) \text{ with } a_t = (a^i_t, a^{-i}_t): "
    r"\text{ no cost at the priors}",
    "Read as the joint action, a_t in the numerator makes the cost differ from a divergence: it "
    "is not 0 at the priors and prices the opponent's action twice.",
    scope(actions=">= 1", opponent_actions=">= 1", beta_agent=SIGNED),
    Counterexample(
        joint_argument,
        {"agent_prior": [1], "opponent_prior": ["1/2", "1/2"], "beta_agent": 1},
        "== 0",
    ),
)
row(
    "report.017.argument.corrected",
    "proved",
    "report (17); report (19); report (23)",
    r"\pi_\theta(a^i_t|s_t) / P_{prior}(a^i_t|s_t): \text{ no cost at the priors}",
    "The agent's own action in both places.",
    scope(actions=">= 1", beta_agent=SIGNED),
    Symbolic(prove_own_argument),
    identity(own_argument, instances({"actions": (1, 3)}, agent_prior=AGENT, beta_agent=beta())),
)
JOINTS = scope(actions=">= 1", opponent_actions=">= 1")
row(
    "report.019.minimax.printed",
    "proved",
    "report (17); report (18); report (19)",
    r"\beta^i > 0 > \beta^{-i}: \ J \text{ is concave in } \pi \text{ and convex in } \rho; "
    r"\text{ in general } \beta^i J \text{ is concave in } \pi,\ \beta^{-i} J \text{ in } \rho",
    "“Opposite signs make the game minimax” holds for (19) over independent policies: J is "
    "concave in one and convex in the other, strictly, so it has one saddle point.",
    stage_scope(),
    Symbolic(prove_curvature),
    inequality(
        curvature,
        stage_family(
            reward=MATRIX,
            agent_policies=distribution(2, "actions"),
            opponent_policies=distribution(2, "opponent_actions"),
            **PRIORS,
        ),
    ),
)
row(
    "report.019.cooperative.printed",
    "refuted",
    "report (17); report (19)",
    r"\text{same signs (“vice versa”): both players raise the joint reward above that of the "
    r"priors}",
    "Right for two positive temperatures. With two negative ones both players lower it.",
    stage_scope(),
    Counterexample(gain_over_prior, {"reward": [[0], [1]], "beta_agent": -1, "beta_opponent": -1}),
    assumes=("β^i β^-i > 0",),
)
row(
    "report.019.cooperative.corrected",
    "proved",
    "report (17); report (19)",
    r"\beta^i, \beta^{-i} > 0: \ V^i/\beta^i \ge E_{P P} R",
    "Both positive: both raise it. (Both negative: apply this to −R.)",
    stage_scope(PLUS, PLUS),
    Deduction(
        ("report.020.identity.added", "kl.nonnegative"),
        "special case",
        "the identity at π, ρ = the priors: the difference is a sum of divergences over positive β",
    ),
    inequality(gain_over_prior, stage_family(beta("+"), beta("+"), reward=MATRIX, **PRIORS)),
)
row(
    "report.019.signs.added",
    "proved",
    "report (17); report (19)",
    r"J(\pi, \rho; R, \beta^i, \beta^{-i}) = -J(\pi, \rho; -R, -\beta^i, -\beta^{-i})",
    "Changing every sign exchanges maximising and minimising: only the product β^i β^-i decides "
    "between cooperation and conflict.",
    stage_scope(),
    Symbolic(prove_sign_symmetry),
    identity(sign_symmetry, stage_family(reward=MATRIX, **PRIORS, **POLICIES)),
)
