"""The action value of given policies, and the improved opponent: report (35), (36), A.4.2.

    Q_n^{π,ρ} = R(s_n, a_n, b_n) + E Σ_{t>n} γ^{t−n} (R − (1/β^i) log π/p − (1/β^-i) log ρ/P)  (35)
    ρ̃(b) = exp(Q^-i(b)) P(b) / exp(V^-i)                                                      (36)

and the Bellman equation that A.4.2 gives for (35). (36) leaves Q^-i(s, b) open: as in (21) it is
the log-normaliser β^-i F_{β^i}[p](Q(·, b)); the expectation β^-i E_π Q(·, b) is as natural. Games:
reward [S, A, B], transition [S, A, B, S], π [S, A], ρ [S, B], uniform priors, T = n + 3, Q_T = R.
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
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import (
    Stage,
    identity,
    stage_scope,
    successor,
)
from tabular_marl.verification.claims._rows import row

STEPS = 3


# -- formulas --------------------------------------------------------------------------------------


def summed(
    stage: Stage,
    transition: Numbers,
    gamma: Numbers,
    pi: Numbers,
    rho: Numbers,
    first: Numbers,
    weight: Numbers,
) -> Numbers:
    """first + weight E[c(s_{n+1})] + weight γ E[c(s_{n+2})] + …, c = E_{π,ρ}[R − …] of a state."""
    term, total = stage.objective(pi, rho), first
    for _ in range(STEPS):
        reached = successor(transition, term)
        total = total + weight * reached
        term, weight = stage.at(reached).mean(pi, rho), weight * gamma
    return total


def recursive(
    stage: Stage, transition: Numbers, gamma: Numbers, pi: Numbers, rho: Numbers
) -> Numbers:
    """Q_n = R + γ E[E_{π,ρ}[Q_{n+1} − (1/β^i) log π/p − (1/β^-i) log ρ/P]], Q_T = R."""
    q = stage.q
    for _ in range(STEPS):
        q = stage.q + gamma * successor(transition, stage.at(q).objective(pi, rho))
    return q


def sum_35(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """(35) with R in front and γ^{t−n}, against the recursion."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)
    play = (transition, gamma, agent_policy, opponent_policy)
    return sides(summed(stage, *play, stage.q, gamma), recursive(stage, *play))


def sum_35_beta(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """(35) with β^i R in front, as printed, against the recursion."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)
    play = (transition, gamma, agent_policy, opponent_policy)
    return sides(summed(stage, *play, stage.x * stage.q, gamma), recursive(stage, *play))


def sum_35_power(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """(35) with γ^{t−n+1}, as printed, against the recursion."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)
    play = (transition, gamma, agent_policy, opponent_policy)
    return sides(summed(stage, *play, stage.q, gamma * gamma), recursive(stage, *play))


def mass_fixed(arithmetic: Arithmetic, opponent_q: Numbers, prior: Numbers, action: int) -> Any:
    """Σ_b of (36) with P_prior(a_s) of one fixed action, against 1."""
    weights = arithmetic.exp(opponent_q)
    total = (prior * weights).sum(axis=0)
    return sides((weights * prior[action] / total).sum(axis=0), arithmetic.number(1))


def mass(arithmetic: Arithmetic, opponent_q: Numbers, prior: Numbers) -> Any:
    """Σ_b of (36) with P_prior(b), against 1."""
    weights = prior * arithmetic.exp(opponent_q)
    return sides((weights / weights.sum(axis=0)).sum(axis=0), arithmetic.number(1))


def readings(
    arithmetic: Arithmetic, reward: Numbers, agent_policy: Numbers, **game: Numbers
) -> Any:
    """ρ̃ of the log-normaliser against ρ̃ of the expectation; one state, reward [A, B]."""
    stage = Stage.of(arithmetic, reward, **game)
    return sides(stage.opponent_policy(), stage.opponent_response(agent_policy))


def undiscounted_bellman(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """(35) with R and γ^{t−n}, against the printed recursion, which has no γ."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)
    policies = (agent_policy, opponent_policy)
    right = recursive(stage, transition, gamma * 0 + 1, *policies)
    return sides(summed(stage, transition, gamma, *policies, stage.q, gamma), right)


def tower(arithmetic: Arithmetic, transition: Numbers, policy: Numbers, q: Numbers) -> Any:
    """E over (s', a') at once against E_{s'} of E_{a'}: transition [S], policy and q [S, A]."""
    joint = np.expand_dims(transition, 1) * policy
    inner = (policy * q).sum(axis=1)
    return sides((joint * q).sum(axis=(0, 1)), (transition * inner).sum(axis=0))


# -- proofs ----------------------------------------------------------------------------------------


def prove_mass() -> Proof:
    total = positive("total")
    return prove_zero(total / total - 1, "total = Σ_b exp(Q^-i) P_prior(b) is exp(V^-i)")


def prove_tower() -> Proof:
    p, pi, q = positive("P"), positive("pi"), positive("q")
    return prove_zero((p * pi) * q - p * (pi * q), "term by term")


# -- claims ----------------------------------------------------------------------------------------

SIZES = {"states": (1, 2), "actions": (1, 3), "opponent_actions": (1, 3)}
PLAY = {
    "reward": array("states", "actions", "opponent_actions"),
    "transition": distribution("states", "actions", "opponent_actions", "states", degenerate=True),
    "gamma": discount(),
    "agent_policy": distribution("states", "actions"),
    "opponent_policy": distribution("states", "opponent_actions"),
}
SIGNS = {"beta_agent": beta(high=8), "beta_opponent": beta(high=8)}
PLAYS = instances(SIZES, **PLAY, **SIGNS)
TIME = {"states": ">= 1", "gamma": "[0, 1)"}
GAMES = stage_scope(**TIME)
SINGLE = {
    "reward": [[[1]]],
    "transition": [[[[1]]]],
    "agent_policy": [[1]],
    "opponent_policy": [[1]],
    "gamma": "1/2",
    "beta_opponent": 1,
}
row(
    "report.035.temperature.printed",
    "refuted",
    "report (35); report A.4.2",
    r"Q_n^{\pi,\rho} = \beta R + \dots \text{ satisfies } Q_n = R + \gamma E[\dots + Q_{n+1}]",
    "A β without index in front of the first reward only: the later terms, A.4.2 and (23) have R.",
    GAMES,
    Counterexample(sum_35_beta, {**SINGLE, "beta_agent": 2}, "== 0"),
)
row(
    "report.035.discount.printed",
    "refuted",
    "report (35); report A.4.2",
    r"Q_n^{\pi,\rho} = R + E\textstyle\sum_{t>n} \gamma^{t-n+1}(\dots) \text{ satisfies } "
    r"Q_n = R + \gamma E[\dots + Q_{n+1}]",
    "The exponent is one too high: the next step would weigh γ².",
    GAMES,
    Counterexample(sum_35_power, {**SINGLE, "beta_agent": 1}, "== 0"),
)
row(
    "report.035.corrected",
    "proved",
    "report (35); report A.4.2",
    r"Q_n^{\pi,\rho} = R + E\textstyle\sum_{t>n} \gamma^{t-n}(R - "
    r"\tfrac{1}{\beta^i}\log\tfrac{\pi}{P} "
    r"- \tfrac{1}{\beta^{-i}}\log\tfrac{\rho}{P}) \text{ satisfies } Q_n = R + \gamma E[\dots + "
    r"Q_{n+1}]",
    "With R and γ^{t−n}.",
    GAMES,
    Deduction(
        ("report.017.discount.corrected", "report.A.4.2.tower.printed"),
        "backward induction over time",
        "γ^{t−n} = γ γ^{t−(n+1)}, and the expectation over what follows s_{n+1} is that of Q_{n+1}",
    ),
    identity(sum_35, PLAYS),
)
row(
    "report.036.prior.printed",
    "refuted",
    "report (36)",
    r"\textstyle\sum_b e^{Q^{-i}(s,b)} P_{prior}(a_s^{-i}) / e^{V^{-i}(s)} = 1",
    "P_prior(a_s) for P_prior(a_t|s_t): read as the prior of one fixed action, ρ̃ is no "
    "distribution.",
    scope(opponent_actions=">= 1"),
    Counterexample(
        mass_fixed, {"opponent_q": [0, 1], "prior": ["1/4", "3/4"], "action": 0}, "== 0"
    ),
)
row(
    "report.036.prior.corrected",
    "proved",
    "report (36)",
    r"\textstyle\sum_b e^{Q^{-i}(s,b)} P_{prior}(b|s) / e^{V^{-i}(s)} = 1",
    "With the prior of b, whatever Q^-i(s, b) is.",
    scope(opponent_actions=">= 1"),
    Symbolic(prove_mass),
    identity(
        mass,
        instances(
            {"opponent_actions": (1, 3)},
            opponent_q=array("opponent_actions"),
            prior=distribution("opponent_actions"),
        ),
    ),
)
row(
    "report.036.readings.added",
    "refuted",
    "report (36); report (21); report A.4.2",
    r"\tilde\rho \text{ is the same for } Q^{-i} = \tfrac{\beta^{-i}}{\beta^i}\log\int "
    r"e^{\beta^i Q}P "
    r"\text{ and } Q^{-i} = \beta^{-i}E_\pi Q",
    "(36) does not define Q^-i(s, b), and the two readings give different improvements.",
    stage_scope(),
    Counterexample(
        readings,
        {
            "reward": [[1, 0], [0, 0]],
            "agent_policy": ["1/4", "3/4"],
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.A.4.2.bellman.printed",
    "refuted",
    "report A.4.2; report (35)",
    r"Q^{\pi,\rho} = R + E[-\tfrac{1}{\beta^i}\log\tfrac{\pi}{P} - \tfrac{1}{\beta^{-i}}"
    r"\log\tfrac{\rho}{P} + Q^{\pi,\rho}(s_{t+1}, \cdot)]",
    "No γ: with it the equation is that of (35) corrected.",
    stage_scope(**TIME),
    Counterexample(undiscounted_bellman, {**SINGLE, "beta_agent": 1}, "== 0"),
)
row(
    "report.A.4.2.tower.printed",
    "proved",
    "report A.4.2",
    r"E_{s', a', b'}[X] = E_{s'}[E_{a', b'}[X]]",
    "The factorisation is the tower rule; a stands for the pair of actions.",
    scope(states=">= 1", actions=">= 1"),
    Symbolic(prove_tower),
    identity(
        tower,
        instances(
            {"states": (1, 3), "actions": (1, 3)},
            transition=distribution("states"),
            policy=distribution("states", "actions"),
            q=array("states", "actions"),
        ),
    ),
)
