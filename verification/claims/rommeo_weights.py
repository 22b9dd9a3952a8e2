"""Where β stands: ROMMEO's own objective against the report's: report (3), (10).

    E[R − (1/β) log π/U − log ρ/P_prior]                       (10), as printed and as in ROMMEO
    E[R − (1/β) log π/U − (1/β) log ρ/P_prior] = (7)/β         with both logarithms weighted

U is uniform over the agent's actions. (10) leaves ρ's logarithm without the 1/β, so its opponent
model is ρ ∝ P_prior exp(Q*/β), not (9). Shapes: reward [A, B], agent [B, A], opponent [B].
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._rommeo import Game, laid_stage
from tabular_marl.verification.claims._rommeo_rows import STAGE_SIZES, sample, stage_fields
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides


def weighted(stage: Game, agent: Numbers, opponent: Numbers, beta: Numbers) -> Numbers:
    """(10); the stage's u is βR."""
    inner = stage.agent_value(stage.u, agent) / beta
    return stage.opponent_value(inner, opponent)


def weighted_gain(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(10) at the maximiser (8), (9) of (7), minus (10) at another pair; uniform priors."""
    stage = Game.stage(arithmetic, beta * reward)
    (pi,), (rho,) = stage.tilts([stage.u])
    best = weighted(stage, pi, rho, beta)
    return best - weighted(stage, laid_stage(agent), opponent[None], beta)


POSITIVE = scope(actions=">= 1", opponent_actions=">= 1", beta="(0, inf)")
STAGE = stage_fields()
POLICIES = {"agent": STAGE["agent"], "opponent": STAGE["opponent"]}
FIELDS = {
    "reward": array("actions", "opponent_actions"),
    "beta": beta("+", high=4),
    "opponent_prior": STAGE["opponent_prior"],
    **POLICIES,
}


def closer(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, step: Numbers, agent_prior: Numbers
) -> Numbers:
    """KL(π ‖ P_prior) of (8) at β minus at β + step: >= 0 if a larger β keeps π closer."""
    distances = []
    for scale in (beta, beta + step):
        stage = Game.stage(arithmetic, scale * reward, agent_prior)
        distances.append(kl(stage.agent_tilt(stage.u), stage.agent_prior, 1, arithmetic))
    return distances[0] - distances[1]


row(
    "report.003.temperature.printed",
    "refuted",
    "report (3); report (8)",
    r"\beta \text{ is a temperature: a larger } \beta \text{ keeps (8) closer to } "
    r"P_{\mathrm{prior}}",
    "β multiplies the reward in (3), so it is an inverse temperature: a larger β moves (8) away "
    "from the prior. (16) uses the same letter for its inverse.",
    scope(actions=">= 1", opponent_actions=">= 1", beta="(0, inf)", step="(0, inf)"),
    Counterexample(
        closer, {"reward": [[0], [1]], "beta": 1, "step": 1, "agent_prior": [["1/2", "1/2"]]}
    ),
)
row(
    "report.010.printed",
    "refuted",
    "report (10)",
    r"\text{the maximiser (8), (9) of (7) maximises } E_q\Big[R - \frac{1}{\beta}"
    r"\log\frac{\pi}{\mathcal{U}} - \log\frac{\rho}{P_{\mathrm{prior}}}\Big]",
    "'The difference is not significant' only at β = 1: with the 1/β on one logarithm alone the "
    "opponent model is ρ ∝ P_prior exp(Q*/β). One agent action, R = (0, 1), β = 2.",
    POSITIVE,
    Counterexample(
        weighted_gain,
        {"reward": [[0, 1]], "beta": 2, "agent": [[1], [1]], "opponent": ["1/4", "3/4"]},
    ),
)


def value_difference(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """β times (10), and (7)."""
    stage = Game.stage(arithmetic, beta * reward, None, opponent_prior)
    pi, rho = laid_stage(agent), opponent[None]
    return sides(beta * weighted(stage, pi, rho, beta), stage.value(stage.u, pi, rho))


row(
    "report.010.value.printed",
    "refuted",
    "report (10)",
    r"\beta \cdot \text{(10)} = \text{(7) with } P_{\mathrm{prior}}(a|s, a^{-i}) = \mathcal{U}",
    "Also as a value: β·(10) has β log ρ/P_prior where (7) has log ρ/P_prior.",
    POSITIVE,
    Counterexample(
        value_difference,
        {
            "reward": [[0, 0]],
            "beta": 2,
            "opponent_prior": ["1/2", "1/2"],
            "agent": [[1], [1]],
            "opponent": ["1/4", "3/4"],
        },
        "== 0",
    ),
)


def both_weighted(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """β E[R − (1/β) log π/U − (1/β) log ρ/P_prior], and (7)."""
    stage = Game.stage(arithmetic, beta * reward, None, opponent_prior)
    pi, rho = laid_stage(agent), opponent[None]
    terms = reward - (stage.agent_cost(pi) + stage.opponent_cost(rho)[:, None]) / beta
    value = (pi * rho[:, None] * terms).sum(axis=(1, 2))
    return sides(beta * value, stage.value(stage.u, pi, rho))


def prove_both_weighted() -> Proof:
    reward, beta, agent_cost, opponent_cost = sympy.symbols("R beta agent_cost opponent_cost")
    left = beta * (reward - agent_cost / beta - opponent_cost / beta)
    return prove_zero(left - (beta * reward - agent_cost - opponent_cost), "for every (a, b)")


row(
    "report.010.corrected",
    "proved",
    "report (10)",
    r"\beta\,E_q\Big[R - \frac{1}{\beta}\log\frac{\pi}{\mathcal{U}} - \frac{1}{\beta}"
    r"\log\frac{\rho}{P_{\mathrm{prior}}}\Big] = \text{(7)}",
    "With both logarithms weighted it is (7) in reward units, with the same maximisers for β > 0.",
    POSITIVE,
    Symbolic(prove_both_weighted),
    sample(both_weighted, FIELDS, "== 0", STAGE_SIZES),
)


def prove_unit() -> Proof:
    reward, agent_cost, opponent_cost = sympy.symbols("R agent_cost opponent_cost")
    left = reward - agent_cost / sympy.Integer(1) - opponent_cost
    return prove_zero(left - (1 * reward - agent_cost - opponent_cost), "(10) and (7) at β = 1")


row(
    "report.010.unit.corrected",
    "proved",
    "report (10)",
    r"\text{(10)} = \text{(7) at } \beta = 1,\ P_{\mathrm{prior}}(a|s, a^{-i}) = \mathcal{U}",
    "The one β at which the two objectives agree.",
    scope(actions=">= 1", opponent_actions=">= 1", beta="1"),
    Symbolic(prove_unit),
)


def weighted_optimum(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(10) at π of (8), ρ ∝ P_prior exp(Q*/β), minus (10) at another pair."""
    stage = Game.stage(arithmetic, beta * reward, None, opponent_prior)
    pi = stage.agent_tilt(stage.u)
    rho = stage.opponent_tilt(stage.agent_soft(stage.u) / beta)
    other = weighted(stage, laid_stage(agent), opponent[None], beta)
    return weighted(stage, pi, rho, beta) - other


row(
    "report.010.maximiser.added",
    "proved",
    "report (10)",
    r"\text{(10) is maximised by (8) and } \rho \propto P_{\mathrm{prior}} \exp(Q^*/\beta)",
    "The agent's policy is (8) in both objectives; only the opponent model differs.",
    POSITIVE,
    Deduction(
        ("report.A.1.2.arbitrary.printed", "report.A.1.3.arbitrary.printed"),
        "maximisation in stages",
        "given b, (1/β)(E_π[βR − log π/U]) is largest at (8) because 1/β > 0, with value Q*/β; "
        "then f = Q*/β",
    ),
    sample(weighted_optimum, FIELDS, ">= 0", STAGE_SIZES),
)


def entropy(arithmetic: Arithmetic, policy: Numbers) -> Sides:
    """−E_π log π/U, and H(π) − log |A|."""
    count = arithmetic.number(policy.shape[0])
    cost = (policy * arithmetic.log(policy * count)).sum(axis=0)
    return sides(-cost, -(policy * arithmetic.log(policy)).sum(axis=0) - arithmetic.log(count))


def prove_entropy() -> Proof:
    pi, count = positive("pi"), positive("count")
    log = sympy.log
    return prove_zero(log(pi / (1 / count)) - log(pi) - log(count), "for every action")


row(
    "report.010.entropy.printed",
    "proved",
    "report (10)",
    r"E_\pi\Big[-\log\frac{\pi}{\mathcal{U}}\Big] = H(\pi) - \log |A|",
    "Part (1) of (10) is entropy up to a constant, as the report says.",
    scope(actions=">= 1"),
    Symbolic(prove_entropy),
    sample(entropy, {"policy": distribution("actions")}, "== 0", {"actions": (1, 4)}),
)
