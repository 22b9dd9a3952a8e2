"""What the policies (20), (21), (24) are optimal for: a leader and an answer. Report A.2.1.

    V^i/β^i − J(π, ρ(·|·)) = KL(π ‖ (20))/β^i + E_π KL(ρ(·|a) ‖ exp(β^-i R) P/exp Q^-i(a))/β^-i

(20) is the optimum where the opponent's ρ(b|a) may answer a, (21) where the agent's π(a|b) may
answer b: each player moves first in its own game. Shapes: reward, ρ(b|a) [A, B].
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
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, kl
from tabular_marl.verification.claims._balancing import (
    AGENT,
    CONDITIONAL,
    GIBBS,
    MATRIX,
    OPPONENT,
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


def leader_identity(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    conditional: Numbers,
    **game: Numbers,
) -> Any:
    """V^i/β^i − J(π, ρ(·|·)) against KL(π ‖ (20))/β^i + E_π KL(ρ(·|a) ‖ tilt)/β^-i."""
    stage = Stage.of(arithmetic, reward, **game)
    inner = kl(conditional, stage.conditional_opponent(), 1, arithmetic)
    apart = stage.kl(agent_policy, stage.agent_policy()) / stage.x
    apart = apart + expectation(agent_policy, inner, 0) / stage.y
    return sides(
        stage.agent_value() - stage.conditional_objective(agent_policy, conditional), apart
    )


def exchanged(
    beta_agent: Numbers, beta_opponent: Numbers, agent_prior: Any, opponent_prior: Any
) -> dict[str, Numbers]:
    """The game's parameters with the players exchanged."""
    return {
        "beta_agent": beta_opponent,
        "beta_opponent": beta_agent,
        "agent_prior": opponent_prior,
        "opponent_prior": agent_prior,
    }


def follower_identity(
    arithmetic: Arithmetic,
    reward: Numbers,
    opponent_policy: Numbers,
    conditional_agent: Numbers,
    **game: Numbers,
) -> Any:
    """The same for the opponent as leader: V^-i/β^-i, (21), π(a|b) = conditional_agent[b, a]."""
    swapped = np.swapaxes(reward, 0, 1)
    return leader_identity(
        arithmetic, swapped, opponent_policy, conditional_agent, **exchanged(**game)
    )


def leader_optimum(
    arithmetic: Arithmetic, reward: Numbers, agent_policy: Numbers, **game: Numbers
) -> Numbers:
    """β^i (V^i/β^i − J(π, the opponent's answer)): >= 0 where (20) is the optimum."""
    stage = Stage.of(arithmetic, reward, **game)
    value = stage.conditional_objective(agent_policy, stage.conditional_opponent())
    return (stage.agent_value() - value) * stage.x


def follower_optimum(
    arithmetic: Arithmetic, reward: Numbers, opponent_policy: Numbers, **game: Numbers
) -> Numbers:
    """β^-i (V^-i/β^-i − J(the agent's answer, ρ))."""
    swapped = np.swapaxes(reward, 0, 1)
    return leader_optimum(arithmetic, swapped, opponent_policy, **exchanged(**game))


def joint_policies(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """π(a) ρ(b|a) of the agent's view against ρ(b) π(a|b) of the opponent's."""
    stage = Stage.of(arithmetic, reward, **game)
    agents_view = stage.agent_policy()[:, None] * stage.conditional_opponent()
    return sides(agents_view, stage.opponent_policy() * stage.conditional_agent())


def joint_policies_equal(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers
) -> Any:
    """The same with β^i = β^-i = β."""
    return joint_policies(arithmetic, reward, beta_agent=beta, beta_opponent=beta, **priors)


def later_optimum(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    next_value: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    **game: Numbers,
) -> Numbers:
    """:func:`leader_optimum` with Q = R + γ E[V(s')]."""
    q = reward + gamma * expectation(transition, next_value, 2)
    return leader_optimum(arithmetic, q, agent_policy, **game)


# -- proofs ----------------------------------------------------------------------------------------


def prove_leader() -> Proof:
    reward, x, y, lpi, lrho, lp, lq, f, v = reals("R x y logpi logrho logp logP F V")
    objective = reward - (lpi - lp) / x - (lrho - lq) / y
    apart = (lpi - (lp + x * f - x * v)) / x + (lrho - (lq + y * reward - y * f)) / y
    return prove_zero(objective + apart - v, "integrand by integrand, at every (a, b)")


def prove_joint_policies() -> Proof:
    p, q, t, row_sum, column, z = (positive(name) for name in ["p", "P", "t", "N", "M", "Z"])
    left = (p * row_sum / z) * (q * t / row_sum)
    return prove_zero(left - (q * column / z) * (p * t / column), "both are p P e^{βR}/Z")


# -- claims ----------------------------------------------------------------------------------------

CORNER = {"reward": [[1, 0], [0, 0]], "beta_agent": 1}
NEXT = {
    "reward": MATRIX,
    "transition": distribution("actions", "opponent_actions", "states", degenerate=True),
    "next_value": array("states"),
    "gamma": discount(0, 1),
}
row(
    "report.020.identity.added",
    "proved",
    "report (20); report A.2.1; report A.2.2",
    r"\tfrac{V^i}{\beta^i} - J(\pi, \rho(\cdot|\cdot)) = \tfrac{1}{\beta^i} D_{KL}(\pi \| "
    r"\pi_{(20)}) + \tfrac{1}{\beta^{-i}} E_\pi D_{KL}(\rho(\cdot|a) \| \rho_{A.2.1}(\cdot|a))",
    "How far any π with any conditional ρ(b|a) is from V^i/β^i, exactly. Everything that A.2.1 "
    "and A.2.2 try to show follows from it.",
    stage_scope(),
    Symbolic(prove_leader),
    identity(
        leader_identity,
        stage_family(reward=MATRIX, **PRIORS, agent_policy=AGENT, conditional=CONDITIONAL),
    ),
)
row(
    "report.020.optimum.corrected",
    "proved",
    "report (20); report A.2.1",
    r"\pi_{(20)} \text{ optimises } \pi \mapsto \mathrm{ext}_{\rho(b|a)} J(\pi, "
    r"\rho(\cdot|\cdot)): "
    r"\text{ max if } \beta^i > 0, \text{ min if } \beta^i < 0",
    "(20) is the policy of a leader whose action the opponent sees. For β^-i < 0 the inner "
    "extremum is a minimum.",
    stage_scope(),
    Deduction(
        ("report.020.identity.added", GIBBS),
        "substitution of equals",
        "at the opponent's answer the second divergence is 0, so β^i (V^i/β^i − J) = KL(π‖(20)) "
        ">= 0",
    ),
    inequality(leader_optimum, stage_family(reward=MATRIX, **PRIORS, agent_policy=AGENT)),
)
row(
    "report.021.identity.added",
    "proved",
    "report (21); report A.2.1",
    r"\tfrac{V^{-i}}{\beta^{-i}} - J(\pi(\cdot|\cdot), \rho) = \tfrac{1}{\beta^{-i}} D_{KL}(\rho "
    r"\| "
    r"\rho_{(21)}) + \tfrac{1}{\beta^i} E_\rho D_{KL}(\pi(\cdot|b) \| \pi_{A.4.2}(\cdot|b))",
    "The mirror image: the opponent leads, the agent answers with π(a|b) ∝ P_prior(a) exp(β^i R).",
    stage_scope(),
    Symbolic(prove_leader),
    identity(
        follower_identity,
        stage_family(
            reward=MATRIX,
            **PRIORS,
            opponent_policy=OPPONENT,
            conditional_agent=distribution("opponent_actions", "actions"),
        ),
    ),
)
row(
    "report.021.optimum.corrected",
    "proved",
    "report (21); report A.2.1",
    r"\rho_{(21)} \text{ optimises } \rho \mapsto \mathrm{ext}_{\pi(a|b)} J(\pi(\cdot|\cdot), "
    r"\rho): "
    r"\text{ max if } \beta^{-i} > 0, \text{ min if } \beta^{-i} < 0",
    "(21) is the policy of a leading opponent. (20) and (21) answer two different games: each "
    "player moves first in its own.",
    stage_scope(),
    Deduction(
        ("report.021.identity.added", GIBBS),
        "substitution of equals",
        "at the agent's answer β^-i (V^-i/β^-i − J) = KL(ρ‖(21)) >= 0",
    ),
    inequality(follower_optimum, stage_family(reward=MATRIX, **PRIORS, opponent_policy=OPPONENT)),
)
row(
    "report.020.joint.added",
    "proved",
    "report (20); report (21); report A.2.1",
    r"\beta^i = \beta^{-i}: \ \pi_{(20)}(a)\rho(b|a) = \rho_{(21)}(b)\pi(a|b) \propto "
    r"P_{prior}(a)P_{prior}(b)e^{\beta R}",
    "With one temperature the two views are the two factorizations of one joint policy.",
    scope(actions=">= 1", opponent_actions=">= 1", beta=SIGNED),
    Symbolic(prove_joint_policies),
    identity(
        joint_policies_equal,
        instances(
            {"actions": (1, 3), "opponent_actions": (1, 3)}, reward=MATRIX, **PRIORS, beta=beta()
        ),
    ),
)
row(
    "report.020.joint-unequal.added",
    "refuted",
    "report (20); report (21); report A.2.1",
    r"\pi_{(20)}(a)\rho(b|a) = \rho_{(21)}(b)\pi(a|b) \text{ for all } \beta^i, \beta^{-i}",
    "With two temperatures the two views imply different joint policies.",
    stage_scope(),
    Counterexample(joint_policies, {**CORNER, "beta_opponent": 2}, "== 0"),
)
row(
    "report.024.optimum.corrected",
    "proved",
    "report (23); report (24)",
    r"\pi^*_{(24)} \text{ optimises (23) where the opponent's } \rho(b|s,a) \text{ may answer } a",
    "Any matrix Q may stand for R in (20); so may R + γE[V(s')].",
    stage_scope(states=">= 1", gamma="[0, 1]"),
    Deduction(
        ("report.020.optimum.corrected",),
        "special case",
        "the reward of (20) is any matrix Q(s, ·, ·)",
    ),
    inequality(
        later_optimum,
        stage_family(states=(1, 2), **NEXT, **PRIORS, agent_policy=AGENT),
    ),
)
