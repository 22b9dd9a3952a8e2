"""The Balancing-Q objective: report (17)-(19).

    E Σ_t γ (R − (1/β^i) log π/P_prior − (1/β^-i) log ρ/P_prior)                              (17)
    π(a, a^-i | s) = π(a|s) ρ(a^-i|s)                                                         (18)
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
    CONDITIONAL,
    MATRIX,
    MINUS,
    OPPONENT,
    PLUS,
    SHIFT,
    SIGNED,
    Stage,
    identity,
    inequality,
    reals,
    row,
    stage_family,
    stage_scope,
)

# -- (17) ----------------------------------------------------------------------------------------


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


# -- (18) ----------------------------------------------------------------------------------------


def dependence(arithmetic: Arithmetic, joint: Numbers) -> Any:
    """π(a, b) against π(a) ρ(b), entry by entry."""
    return sides(joint, joint.sum(axis=1)[:, None] * joint.sum(axis=0))


def derived_dependence(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """The same for the joint policy π(a) ρ(b|a) that A.2.1 derives."""
    stage = Stage.of(arithmetic, reward, **game)
    return dependence(arithmetic, stage.agent_policy()[:, None] * stage.conditional_opponent())


def additive_dependence(
    arithmetic: Arithmetic, agent_part: Numbers, opponent_part: Numbers, **game: Numbers
) -> Any:
    """As :func:`derived_dependence` for R(a, b) = f(a) + g(b)."""
    return derived_dependence(arithmetic, agent_part[:, None] + opponent_part, **game)


def odds(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """log ρ(1|1)ρ(2|2)/(ρ(1|2)ρ(2|1)) against β^-i (R11 + R22 − R12 − R21): the first 2×2 block."""
    stage = Stage.of(arithmetic, reward, **game)
    rho = stage.conditional_opponent()
    ratio = rho[0, 0] * rho[1, 1] / (rho[0, 1] * rho[1, 0])
    interaction = reward[0, 0] + reward[1, 1] - reward[0, 1] - reward[1, 0]
    return sides(arithmetic.log(ratio), stage.y * interaction)


def weights_apart(arithmetic: Arithmetic, beta_agent: Numbers, beta_opponent: Numbers) -> Numbers:
    """|1/β^i − 1/β^-i|: a KL to one model gives both entropies the same weight."""
    return arithmetic.absolute(1 / beta_agent - 1 / beta_opponent)


def elbo(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    beta: Numbers,
) -> Any:
    """β J(π, ρ) against log P(O=1) − KL(π ρ ‖ P(a, b | O=1)), P(O=1|a, b) ∝ exp(β R), one β."""
    stage = Stage.of(arithmetic, reward, beta, beta, agent_prior, opponent_prior)
    weights = agent_prior[:, None] * opponent_prior * arithmetic.exp(beta * reward)
    evidence = weights.sum(axis=(0, 1))
    joint = agent_policy[:, None] * opponent_policy
    divergence = (joint * arithmetic.log(joint * evidence / weights)).sum(axis=(0, 1))
    objective = stage.objective(agent_policy, opponent_policy)
    return sides(beta * objective, arithmetic.log(evidence) - divergence)


# -- signs ---------------------------------------------------------------------------------------


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


# -- proofs --------------------------------------------------------------------------------------


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


def prove_additive() -> Proof:
    prior, u, t, n = positive("P"), positive("u"), positive("t"), positive("N")
    what = "ρ(b|a) = P e^{yf} e^{yg} / (e^{yf} N) has no a left"
    return prove_zero(prior * u * t / (t * n) - prior * u / n, what)


def prove_odds() -> Proof:
    p, t, n = positive("P", 2), positive("t", 2, 2), positive("N", 2)
    rho = p * t / n[:, None]
    ratio = rho[0, 0] * rho[1, 1] / (rho[0, 1] * rho[1, 0])
    return prove_zero(
        ratio - t[0, 0] * t[1, 1] / (t[0, 1] * t[1, 0]), "priors and normalisers cancel, t = e^{yR}"
    )


def prove_elbo() -> Proof:
    b, reward, lpi, lrho, lp, lq, log_z = reals("beta R logpi logrho logp logP logZ")
    left = b * (reward - (lpi - lp) / b - (lrho - lq) / b)
    right = log_z - (lpi + lrho + log_z - lp - lq - b * reward)
    return prove_zero(left - right, "integrand by integrand")


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
PRIORS = {"agent_prior": AGENT, "opponent_prior": OPPONENT}
POLICIES = {"agent_policy": AGENT, "opponent_policy": OPPONENT}

row(
    "report.017.temperature.printed",
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
    "report (16); report (17)",
    r"\text{with one opponent action and } \beta^i = 1/\beta, \text{ (17) is (16)}",
    "At one decision; over time, with γ^t in (17).",
    DECISION,
    Symbolic(prove_inverse_beta),
    identity(inverse_beta, DECISIONS),
)
row(
    "report.017.discount.printed",
    "report (17); report (23)",
    r"\textstyle\sum_t \gamma\, c_t = c_0 + \gamma (c_1 + \gamma (c_2 + \dots))",
    "(17) prints γ for γ^t: every time would weigh the same, even the first, and the recursion (23) "
    "would not compute the objective.",
    HORIZON,
    Counterexample(constant_weight, {"terms": [1], "gamma": "1/2"}, "== 0"),
)
row(
    "report.017.discount.corrected",
    "report (17); report (23)",
    r"\textstyle\sum_t \gamma^t c_t = c_0 + \gamma (c_1 + \gamma (c_2 + \dots))",
    "With γ^t, as in (15) and (16); c_t is the bracket of (17) in expectation.",
    HORIZON,
    Symbolic(prove_power_weight),
    identity(power_weight, SUMS),
)
row(
    "report.017.argument.printed",
    "report (17); report (19); report (23)",
    r"\pi_\theta(a_t|s_t) / P_{prior}(a^i_t|s_t) \text{ with } a_t = (a^i_t, a^{-i}_t): "
    r"\text{ no cost at the priors}",
    "Read as the joint action, a_t in the numerator makes the cost differ from a divergence: it is "
    "not 0 at the priors and prices the opponent's action twice.",
    scope(actions=">= 1", opponent_actions=">= 1", beta_agent=SIGNED),
    Counterexample(
        joint_argument,
        {"agent_prior": [1], "opponent_prior": ["1/2", "1/2"], "beta_agent": 1},
        "== 0",
    ),
)
row(
    "report.017.argument.corrected",
    "report (17); report (19); report (23)",
    r"\pi_\theta(a^i_t|s_t) / P_{prior}(a^i_t|s_t): \text{ no cost at the priors}",
    "The agent's own action in both places.",
    scope(actions=">= 1", beta_agent=SIGNED),
    Symbolic(prove_own_argument),
    identity(own_argument, instances({"actions": (1, 3)}, agent_prior=AGENT, beta_agent=beta())),
)
JOINTS = scope(actions=">= 1", opponent_actions=">= 1")
row(
    "report.018.factorization.printed",
    "report (18)",
    r"\pi(a, a^{-i}|s) = \pi(a|s)\,\rho(a^{-i}|s) \text{ for every joint policy}",
    "Independence is a restriction on joint policies, not a factorization of all of them.",
    JOINTS,
    Counterexample(dependence, {"joint": [["1/2", 0], [0, "1/2"]]}, "== 0"),
)
row(
    "report.018.derived.printed",
    "report (18); report A.2.1",
    r"\text{the joint policy } \pi(a)\rho(b|a) \text{ that A.2.1 derives is of the form (18)}",
    "The derivation lets the opponent's policy depend on a, so its optimum is correlated wherever the "
    "players interact, and leaves the set (18).",
    stage_scope(),
    Counterexample(
        derived_dependence, {"reward": [[1, 0], [0, 0]], "beta_agent": 1, "beta_opponent": 1}, "== 0"
    ),
)
row(
    "report.018.derived.corrected",
    "report (18); report A.2.1",
    r"R(a, b) = f(a) + g(b) \Rightarrow \rho(b|a) \text{ does not depend on } a",
    "The derived joint policy has the form (18) when the reward is a sum of one term for each player.",
    stage_scope(),
    Symbolic(prove_additive),
    identity(
        additive_dependence,
        stage_family(
            agent_part=array("actions"), opponent_part=array("opponent_actions"), **PRIORS
        ),
    ),
    assumes=("R(a, b) = f(a) + g(b)",),
)
row(
    "report.018.interaction.added",
    "report (18); report A.2.1",
    r"\log\frac{\rho(1|1)\rho(2|2)}{\rho(2|1)\rho(1|2)} = "
    r"\beta^{-i}(R_{11} + R_{22} - R_{12} - R_{21})",
    "So for β^-i ≠ 0 the derived joint policy has the form (18) only if every 2×2 block of the reward "
    "has no interaction, that is, only if R(a, b) = f(a) + g(b).",
    stage_scope(),
    Symbolic(prove_odds),
    identity(
        odds,
        instances(
            {"actions": (2, 3), "opponent_actions": (2, 3)},
            reward=MATRIX,
            **PRIORS,
            beta_agent=beta(high=4),
            beta_opponent=beta(high=4),
        ),
    ),
)
row(
    "report.018.model.printed",
    "report (18)",
    r"\text{no graphical model has (19), under (18), as its variational objective: } "
    r"1/\beta^i \ne 1/\beta^{-i} \text{ always}",
    "A multiple of −KL(πρ‖m) gives both entropies one weight, so representation needs β^i = β^-i; and "
    "there (β^i = β^-i > 0) the mean-field bound of the model with P(O=1|a,b) ∝ exp(βR) is (19).",
    scope(beta_agent=SIGNED, beta_opponent=SIGNED),
    Counterexample(weights_apart, {"beta_agent": 1, "beta_opponent": 1}, "> 0"),
)
row(
    "report.018.model.corrected",
    "report (18); report (19)",
    r"\beta^i = \beta^{-i} = \beta: \quad \beta J(\pi, \rho) = \log P(\mathcal{O}{=}1) - "
    r"D_{KL}(\pi\rho \,\|\, P(a, a^{-i} | \mathcal{O}{=}1))",
    "With one temperature the objective is a mean-field evidence bound; with two it is not one.",
    scope(actions=">= 1", opponent_actions=">= 1", beta=SIGNED),
    Symbolic(prove_elbo),
    identity(
        elbo,
        instances(
            {"actions": (1, 3), "opponent_actions": (1, 3)},
            reward=MATRIX,
            **PRIORS,
            **POLICIES,
            beta=beta(high=4),
        ),
    ),
)
row(
    "report.019.minimax.printed",
    "report (17); report (18); report (19)",
    r"\beta^i > 0 > \beta^{-i}: \ J \text{ is concave in } \pi \text{ and convex in } \rho; "
    r"\text{ in general } \beta^i J \text{ is concave in } \pi,\ \beta^{-i} J \text{ in } \rho",
    "“Opposite signs make the game minimax” holds for (19) over independent policies: J is concave in "
    "one and convex in the other, strictly, so it has one saddle point.",
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
    "report (17); report (19)",
    r"\text{same signs (“vice versa”): both players raise the joint reward above that of the priors}",
    "Right for two positive temperatures. With two negative ones both players lower it.",
    stage_scope(),
    Counterexample(
        gain_over_prior, {"reward": [[0], [1]], "beta_agent": -1, "beta_opponent": -1}
    ),
    assumes=("β^i β^-i > 0",),
)
row(
    "report.019.cooperative.corrected",
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
    "report (17); report (19)",
    r"J(\pi, \rho; R, \beta^i, \beta^{-i}) = -J(\pi, \rho; -R, -\beta^i, -\beta^{-i})",
    "Changing every sign exchanges maximising and minimising: only the product β^i β^-i decides "
    "between cooperation and conflict.",
    stage_scope(),
    Symbolic(prove_sign_symmetry),
    identity(sign_symmetry, stage_family(reward=MATRIX, **PRIORS, **POLICIES)),
)
