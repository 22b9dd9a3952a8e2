"""The policies that Balancing-Q derives, among independent ones: report (20), (21), (24).

    π(a) = exp(Q^i(a)) P_prior(a) / exp(V^i),     Q^i(a) = (β^i/β^-i) log Σ_b exp(β^-i R) P_prior(b)
    ρ(b) = exp(Q^-i(b)) P_prior(b) / exp(V^-i),   Q^-i(b) = (β^-i/β^i) log Σ_a exp(β^i R) P_prior(a)

Over independent policies, as (18) says, they are neither optimal nor stationary for (19): logit
responses are. What they are optimal for is in ``balancing_leader``. Shapes: reward [A, B].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    array,
    discount,
    distribution,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._balancing import (
    MATRIX,
    PLUS,
    POLICIES,
    PRIORS,
    Stage,
    identity,
    reals,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def joint_optimum(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """J at (20), (21) against J at another independent pair."""
    stage = Stage.of(arithmetic, reward, **game)
    printed = stage.objective(stage.agent_policy(), stage.opponent_policy())
    return sides(printed, stage.objective(agent_policy, opponent_policy))


def best_reply(
    arithmetic: Arithmetic, reward: Numbers, agent_policy: Numbers, **game: Numbers
) -> Any:
    """β^i J at (20) against β^i J at another policy, the opponent playing (21)."""
    stage = Stage.of(arithmetic, reward, **game)
    rho = stage.opponent_policy()
    printed = stage.x * stage.objective(stage.agent_policy(), rho)
    return sides(printed, stage.x * stage.objective(agent_policy, rho))


def agent_stationarity(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """(20) against the stationary point of J(·, ρ), ρ of (21)."""
    stage = Stage.of(arithmetic, reward, **game)
    return sides(stage.agent_policy(), stage.agent_response(stage.opponent_policy()))


def opponent_stationarity(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """(21) against the stationary point of J(π, ·), π of (20)."""
    stage = Stage.of(arithmetic, reward, **game)
    return sides(stage.opponent_policy(), stage.opponent_response(stage.agent_policy()))


def response_identity(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """J(π*, ρ) − J(π, ρ) against KL(π ‖ π*)/β^i, π* = tilt of the prior by E_ρ R."""
    stage = Stage.of(arithmetic, reward, **game)
    best = stage.agent_response(opponent_policy)
    gain = stage.objective(best, opponent_policy) - stage.objective(agent_policy, opponent_policy)
    return sides(gain, stage.kl(agent_policy, best) / stage.x)


def opponent_response_identity(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """J(π, ρ*) − J(π, ρ) against KL(ρ ‖ ρ*)/β^-i, ρ* = tilt of the prior by E_π R."""
    stage = Stage.of(arithmetic, reward, **game)
    best = stage.opponent_response(agent_policy)
    gain = stage.objective(agent_policy, best) - stage.objective(agent_policy, opponent_policy)
    return sides(gain, stage.kl(opponent_policy, best) / stage.y)


def normalised(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Numbers:
    """Σ_a π(a) − 1 and Σ_b ρ(b) − 1 with the normalisers exp(V^i), exp(V^-i) of (20), (21)."""
    stage = Stage.of(arithmetic, reward, **game)
    pi = arithmetic.exp(stage.x * (stage.agent_q() - stage.agent_value())) * stage.p
    rho = arithmetic.exp(stage.y * (stage.opponent_q() - stage.opponent_value())) * stage.P
    return np.stack([pi.sum(axis=0) - 1, rho.sum(axis=0) - 1])


def later_stationarity(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    next_value: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """(24) as :func:`agent_stationarity` with Q = R + γ E[V(s')]; transition [A, B, S]."""
    q = reward + gamma * expectation(transition, next_value, 2)
    return agent_stationarity(arithmetic, q, **game)


# -- proofs ----------------------------------------------------------------------------------------


def prove_response() -> list[Proof]:
    mean, x, lpi, lp, n = reals("E_rhoR x logpi logp N")
    best = lp + x * mean - n
    return [
        prove_zero(mean - (best - lp) / x - n / x, "integrand of J at π* is the constant N/β^i"),
        prove_zero(
            mean - (lpi - lp) / x + (lpi - best) / x - n / x, "so is that of J + KL(π‖π*)/β^i at π"
        ),
    ]


def prove_normalised() -> Proof:
    total = positive("total")
    return prove_zero(total / total - 1, "exp(V) is the sum itself; total = Σ exp(Q) P_prior")


# -- claims ----------------------------------------------------------------------------------------

CORNER = {"reward": [[1, 0], [0, 0]], "beta_agent": 1}
COORDINATE = {"reward": [[1, 0], [0, 1]], "beta_agent": 3, "beta_opponent": 3}
NEXT = {
    "reward": MATRIX,
    "transition": distribution("actions", "opponent_actions", "states", degenerate=True),
    "next_value": array("states"),
    "gamma": discount(0, 1),
}
row(
    "report.020.independent-optimum.printed",
    "refuted",
    "report (18); report (19); report (20); report (21)",
    r"\beta^i, \beta^{-i} > 0: \ J(\pi_{(20)}, \rho_{(21)}) \ge J(\pi, \rho) "
    r"\text{ for all independent } \pi, \rho",
    "In pure coordination (20), (21) are uniform by symmetry, and agreeing on one action is "
    "better.",
    stage_scope(PLUS, PLUS),
    Counterexample(
        joint_optimum,
        {**COORDINATE, "agent_policy": [1, 0], "opponent_policy": [1, 0]},
    ),
)
row(
    "report.020.stationary.printed",
    "refuted",
    "report (18); report (19); report (20)",
    r"\pi_{(20)} = \text{the stationary point of } J(\cdot, \rho_{(21)})",
    "The stationary points of (19) under (18) are logit equilibria, π ∝ P_prior exp(β^i E_ρ R); "
    "(20) averages exp(β^-i R) under the prior of b instead of R under ρ.",
    stage_scope(),
    Counterexample(agent_stationarity, {**CORNER, "beta_opponent": 1}, "== 0"),
)
row(
    "report.020.best-reply.printed",
    "refuted",
    "report (18); report (19); report (20)",
    r"\beta^i J(\pi_{(20)}, \rho_{(21)}) \ge \beta^i J(\pi, \rho_{(21)})",
    "Not a best reply to (21) either, here with temperatures of opposite sign, so (20), (21) are "
    "not the saddle point of the minimax game.",
    stage_scope(),
    Counterexample(
        best_reply,
        {**CORNER, "beta_agent": 2, "beta_opponent": -1, "agent_policy": ["2/3", "1/3"]},
    ),
)
row(
    "report.021.stationary.printed",
    "refuted",
    "report (18); report (19); report (21)",
    r"\rho_{(21)} = \text{the stationary point of } J(\pi_{(20)}, \cdot)",
    "The same for the opponent.",
    stage_scope(),
    Counterexample(opponent_stationarity, {**CORNER, "beta_opponent": 1}, "== 0"),
)
row(
    "report.020.response.corrected",
    "proved",
    "report (18); report (19); report (20)",
    r"J(\pi^*, \rho) - J(\pi, \rho) = \tfrac{1}{\beta^i} D_{KL}(\pi \| \pi^*), \quad "
    r"\pi^* \propto P_{prior}\, e^{\beta^i E_\rho R}",
    "What (18) and (19) do give: against a fixed ρ the optimum (a minimum for β^i < 0) is the "
    "logit response. Both players at once: a logit equilibrium.",
    stage_scope(),
    Symbolic(prove_response),
    identity(response_identity, stage_family(reward=MATRIX, **PRIORS, **POLICIES)),
)
row(
    "report.021.response.corrected",
    "proved",
    "report (18); report (19); report (21)",
    r"J(\pi, \rho^*) - J(\pi, \rho) = \tfrac{1}{\beta^{-i}} D_{KL}(\rho \| \rho^*), \quad "
    r"\rho^* \propto P_{prior}\, e^{\beta^{-i} E_\pi R}",
    "The same for the opponent: a minimum for β^-i < 0.",
    stage_scope(),
    Symbolic(prove_response),
    identity(opponent_response_identity, stage_family(reward=MATRIX, **PRIORS, **POLICIES)),
)
row(
    "report.020.normaliser.printed",
    "proved",
    "report (20); report (21)",
    r"\textstyle\sum_a \pi_{(20)}(a) = \sum_b \rho_{(21)}(b) = 1 \text{ with } V^i, V^{-i} "
    r"\text{ as printed}",
    "The log-normalisers are right as printed.",
    stage_scope(),
    Symbolic(prove_normalised),
    identity(normalised, stage_family(reward=MATRIX, **PRIORS)),
)
row(
    "report.024.stationary.printed",
    "refuted",
    "report (23); report (24)",
    r"\pi^*_{(24)} = \text{the stationary point of (23) under (18), } \rho = \rho^*_{(24)}",
    "(24) is (20), (21) with Q = R + γE[V(s')] for R, and inherits their fault.",
    stage_scope(states=">= 1", gamma="[0, 1]"),
    Counterexample(
        later_stationarity,
        {
            "reward": [[0, 0], [0, 0]],
            "transition": [[[1, 0], [0, 1]], [[0, 1], [0, 1]]],
            "next_value": [2, 0],
            "gamma": "1/2",
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
