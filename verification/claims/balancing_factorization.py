"""Independent policies: report (18).

    π(a, a^-i | s) = π(a|s) ρ(a^-i|s)                                                         (18)

and what the objective (19), J(π, ρ) = E[R − (1/β^i) log π/P − (1/β^-i) log ρ/P], is over them.
One state: joint policies and reward [A, B], agent policy and prior [A], opponent's [B].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    array,
    beta,
    instances,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import (
    MATRIX,
    POLICIES,
    PRIORS,
    SIGNED,
    Stage,
    identity,
    reals,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def dependence(arithmetic: Arithmetic, joint: Numbers) -> Any:
    """π(a, b) against π(a) ρ(b), entry by entry."""
    return sides(joint, joint.sum(axis=1)[:, None] * joint.sum(axis=0))


def graph_dependence(
    arithmetic: Arithmetic, agent_policy: Numbers, opponent_policy: Numbers
) -> Numbers:
    """How far the law of the graph s → a, s → a^-i (no other edge) is from (18): sup norm."""
    step = dependence(arithmetic, agent_policy[:, None] * opponent_policy)
    return arithmetic.norm(step.left - step.right)


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


# -- proofs ----------------------------------------------------------------------------------------


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


# -- claims ----------------------------------------------------------------------------------------

JOINTS = scope(actions=">= 1", opponent_actions=">= 1")
row(
    "report.018.factorization.printed",
    "refuted",
    "report (18)",
    r"\pi(a, a^{-i}|s) = \pi(a|s)\,\rho(a^{-i}|s) \text{ for every joint policy}",
    "Independence is a restriction on joint policies, not a factorization of all of them.",
    JOINTS,
    Counterexample(dependence, {"joint": [["1/2", 0], [0, "1/2"]]}, "== 0"),
)
row(
    "report.018.graph.printed",
    "refuted",
    "report (18)",
    r"\text{no graphical model represents (18): the law of } s \to a^i,\ s \to a^{-i} "
    r"\text{ is not of this form}",
    "“There is no probability graphical model that can represent this”: to the letter, two "
    "variables with one common parent and no edge between them are one, for every π and ρ.",
    JOINTS,
    Counterexample(
        graph_dependence,
        {"agent_policy": ["1/2", "1/2"], "opponent_policy": ["1/2", "1/2"]},
        "> 0",
    ),
)
row(
    "report.018.derived.printed",
    "refuted",
    "report (18); report A.2.1",
    r"\text{the joint policy } \pi(a)\rho(b|a) \text{ that A.2.1 derives is of the form (18)}",
    "The derivation lets the opponent's policy depend on a, so its optimum is correlated wherever "
    "the players interact, and leaves the set (18).",
    stage_scope(),
    Counterexample(
        derived_dependence,
        {"reward": [[1, 0], [0, 0]], "beta_agent": 1, "beta_opponent": 1},
        "== 0",
    ),
)
row(
    "report.018.derived.corrected",
    "proved",
    "report (18); report A.2.1",
    r"R(a, b) = f(a) + g(b) \Rightarrow \rho(b|a) \text{ does not depend on } a",
    "The derived joint policy has the form (18) when the reward is a sum of one term for each "
    "player.",
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
    "proved",
    "report (18); report A.2.1",
    r"\log\frac{\rho(1|1)\rho(2|2)}{\rho(2|1)\rho(1|2)} = "
    r"\beta^{-i}(R_{11} + R_{22} - R_{12} - R_{21})",
    "So for β^-i ≠ 0 the derived joint policy has the form (18) only if every 2×2 block of the "
    "reward has no interaction, that is, only if R(a, b) = f(a) + g(b).",
    scope(actions=">= 2", opponent_actions=">= 2", beta_agent=SIGNED, beta_opponent=SIGNED),
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
    assumes=("P_prior(b) > 0 for every b",),
)
row(
    "report.018.model.printed",
    "refuted",
    "report (18)",
    r"\text{no graphical model has (19), under (18), as its variational objective: } "
    r"1/\beta^i \ne 1/\beta^{-i} \text{ always}",
    "A multiple of −KL(πρ‖m) gives both entropies one weight, so representation needs β^i = β^-i; "
    "and there (β^i = β^-i > 0) the mean-field bound of the model with P(O=1|a,b) ∝ exp(βR) is "
    "(19).",
    scope(beta_agent=SIGNED, beta_opponent=SIGNED),
    Counterexample(weights_apart, {"beta_agent": 1, "beta_opponent": 1}, "> 0"),
)
row(
    "report.018.model.corrected",
    "proved",
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
