"""What improving the opponent does to the action value: report (37), (38).

    Q^{π,ρ} >= Q^{π,ρ̃} if β^-i < 0,   Q^{π,ρ} <= Q^{π,ρ̃} if β^-i > 0                          (37)
    given KL(π ‖ E_ρ π(·|b)) <= or >= KL(π ‖ E_ρ̃ π(·|b)), π(a|b) ∝ p(a) exp(β^i Q(a, b))      (38)

ρ̃ is (36). Its Q^-i(s, b) has two readings: the log-normaliser β^-i F_{β^i}[p](Q(·, b)), as in (21)
and A.4.2, or the expectation β^-i E_π Q(·, b). Games: reward [S, A, B], transition [S, A, B, S],
π [S, A], ρ [S, B], uniform priors, times n = T − 3 … T with Q_T = R.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    beta,
    discount,
    distribution,
    instances,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, kl
from tabular_marl.verification.claims._balancing import (
    MINUS,
    PLUS,
    Stage,
    inequality,
    stage_scope,
    successor,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.balancing_action_value import STEPS

# -- formulas --------------------------------------------------------------------------------------


def mixture_distance(stage: Stage, pi: Numbers, rho: Numbers) -> Numbers:
    """KL(π ‖ E_ρ π(·|b)), as (38) has it."""
    mixed = expectation(stage.opponents(rho), stage.conditional_agent(), stage.axis + 1)
    return stage.kl(pi, mixed)


def expected_distance(stage: Stage, pi: Numbers, rho: Numbers) -> Numbers:
    """E_{b~ρ} KL(π ‖ π(·|b))."""
    apart = kl(stage.agents(pi), stage.conditional_agent(), stage.axis, stage.arithmetic)
    return expectation(rho, apart, stage.axis)


def improved(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    expected: bool = False,
    **game: Numbers,
) -> tuple[Stage, list[tuple[Numbers, Numbers, Numbers]]]:
    """For t = T, T − 1, …: Q_{t−1}^{π,ρ}, Q_{t−1}^{π,ρ̃} and ρ̃_t, which improves on Q_t^{π,ρ}."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)
    old = new = stage.q
    out = []
    for _ in range(STEPS):
        here = stage.at(old)
        better = here.opponent_response(agent_policy) if expected else here.opponent_policy()
        new = stage.q + gamma * successor(transition, stage.at(new).objective(agent_policy, better))
        old = stage.q + gamma * successor(transition, here.objective(agent_policy, opponent_policy))
        out.append((old, new, better))
    return stage, out


def gain(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """β^-i (Q_n^{π,ρ̃} − Q_n^{π,ρ}) at n < T, the log-normaliser: >= 0 is both lines of (37)."""
    stage, table = improved(arithmetic, reward, **play)
    return np.stack([(new - old) * stage.y for old, new, _ in table])


def gain_expected(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """The same with Q^-i = β^-i E_π Q."""
    stage, table = improved(arithmetic, reward, expected=True, **play)
    return np.stack([(new - old) * stage.y for old, new, _ in table])


def condition(
    arithmetic: Arithmetic, reward: Numbers, distance: Any, relative: bool, **play: Numbers
) -> Numbers:
    """β^-i (distance at ρ − distance at ρ̃) in every state at every time; times β^i if relative."""
    stage, table = improved(arithmetic, reward, **play)
    pi, rho = play["agent_policy"], play["opponent_policy"]
    slack, q = [], stage.q
    for old, _, better in table:
        here = stage.at(q)
        slack.append((distance(here, pi, rho) - distance(here, pi, better)) * stage.y)
        q = old
    return np.stack(slack) * stage.x if relative else np.stack(slack)


def printed_38(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """(38): mixtures, cases by the sign of β^-i."""
    return condition(arithmetic, reward, mixture_distance, False, **play)


def expected_38(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """(38) with the divergence inside the expectation, cases by the sign of β^-i."""
    return condition(arithmetic, reward, expected_distance, False, **play)


def corrected_38(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """(38) with the divergence inside the expectation, cases by the sign of β^i β^-i."""
    return condition(arithmetic, reward, expected_distance, True, **play)


def stationary(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> tuple[Stage, Numbers, Numbers]:
    """Infinite horizon: (stage at Q^{π,ρ}, V^{π,ρ}, V^{π,ρ̃}), ρ̃ stationary, from Q^{π,ρ}."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)

    def evaluated(rho: Numbers) -> Numbers:
        weights = stage.agents(agent_policy) * stage.opponents(rho)
        matrix = (np.expand_dims(weights, 3) * transition).sum(axis=(1, 2))
        size = len(matrix)
        one = arithmetic.array(np.eye(size, dtype=int).tolist())
        one = np.expand_dims(one, 2) if arithmetic.batch_axes else one
        return arithmetic.solve(one - gamma * matrix, stage.objective(agent_policy, rho))

    value = evaluated(opponent_policy)
    here = stage.at(reward + gamma * successor(transition, value))
    return here, value, evaluated(here.opponent_policy())


def stationary_gain(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """β^-i (V^{π,ρ̃} − V^{π,ρ}), infinite horizon, log-normaliser."""
    here, value, better = stationary(arithmetic, reward, **play)
    return (better - value) * here.y


def stationary_condition(arithmetic: Arithmetic, reward: Numbers, **play: Numbers) -> Numbers:
    """The corrected (38) in every state, infinite horizon."""
    here = stationary(arithmetic, reward, **play)[0]
    pi, rho = play["agent_policy"], play["opponent_policy"]
    slack = expected_distance(here, pi, rho) - expected_distance(here, pi, here.opponent_policy())
    return slack * here.x * here.y


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
STAY = {"transition": [[[[1], [1]], [[1], [1]]]], "gamma": "1/2"}
SINGLE = {
    "reward": [[[1]]],
    "transition": [[[[1]]]],
    "agent_policy": [[1]],
    "opponent_policy": [[1]],
    "gamma": "1/2",
    "beta_opponent": 1,
}
COOPERATIVE = {
    "reward": [[[0, 1], [2, 0]]],
    **STAY,
    "agent_policy": [["1/3", "2/3"]],
    "opponent_policy": [["3/4", "1/4"]],
    "beta_agent": 1,
    "beta_opponent": 1,
}
COMPETITIVE = {
    "reward": [[[0, 1], [2, 0]]],
    **STAY,
    "agent_policy": [["1/2", "1/2"]],
    "opponent_policy": [["1/3", "2/3"]],
    "beta_agent": 1,
    "beta_opponent": -2,
}
row(
    "report.037.cooperative.printed",
    "refuted",
    "report (37); report (38)",
    r"\beta^i, \beta^{-i} > 0, \ (38) \Rightarrow Q^{\pi,\rho} \le Q^{\pi,\tilde\rho}",
    "Log-normaliser reading. (38) bounds the divergence from a mixture; what enters is the "
    "mixture of divergences, which can grow while the other falls.",
    stage_scope(PLUS, PLUS, **TIME),
    Counterexample(gain, COOPERATIVE, where=printed_38),
    assumes=("(38) as printed",),
)
row(
    "report.037.competitive.printed",
    "refuted",
    "report (37); report (38)",
    r"\beta^i > 0 > \beta^{-i}, \ (38) \Rightarrow Q^{\pi,\rho} \ge Q^{\pi,\tilde\rho}",
    "The same for β^-i < 0.",
    stage_scope(PLUS, MINUS, **TIME),
    Counterexample(gain, COMPETITIVE, where=printed_38),
    assumes=("(38) as printed",),
)
row(
    "report.037.unconditional-cooperative.added",
    "refuted",
    "report (37)",
    r"\beta^i, \beta^{-i} > 0 \Rightarrow Q^{\pi,\rho} \le Q^{\pi,\tilde\rho} \text{ without (38)}",
    "Some condition is needed in the log-normaliser reading: ρ̃ answers the agent's best response "
    "to each b, not the π that is played.",
    stage_scope(PLUS, PLUS, **TIME),
    Counterexample(
        gain,
        {
            "reward": [[[1, 0], [0, 0]]],
            **STAY,
            "agent_policy": [[0, 1]],
            "opponent_policy": [["1/2", "1/2"]],
            "beta_agent": 1,
            "beta_opponent": 1,
        },
    ),
)
row(
    "report.037.unconditional-competitive.added",
    "refuted",
    "report (37)",
    r"\beta^i > 0 > \beta^{-i} \Rightarrow Q^{\pi,\rho} \ge Q^{\pi,\tilde\rho} \text{ without "
    r"(38)}",
    "The same for β^-i < 0.",
    stage_scope(PLUS, MINUS, **TIME),
    Counterexample(
        gain,
        {
            "reward": [[[1, 0], [0, 0]]],
            **STAY,
            "agent_policy": [[0, 1]],
            "opponent_policy": [["1/2", "1/2"]],
            "beta_agent": 1,
            "beta_opponent": -1,
        },
    ),
)
row(
    "report.037.without-loss.printed",
    "refuted",
    "report (37); report (38)",
    r"\beta^i < 0: \ (38) \text{ by the sign of } \beta^{-i} \text{ (KL inside } E_\rho) "
    r"\Rightarrow (37)",
    "“Without loss of generality β^i > 0” holds for (37), whose lines keep their meaning when "
    "every sign changes, but not for (38), whose cases must go by the sign of β^i β^-i.",
    stage_scope(MINUS, PLUS, **TIME),
    Counterexample(
        gain,
        {
            "reward": [[[0, 0], [0, 1]]],
            **STAY,
            "agent_policy": [["1/2", "1/2"]],
            "opponent_policy": [["2/5", "3/5"]],
            "beta_agent": -1,
            "beta_opponent": 1,
        },
        where=expected_38,
    ),
    assumes=("(38) with the divergence inside E_ρ, cases by the sign of β^-i",),
)
row(
    "report.037.corrected",
    "proved",
    "report (37); report (38)",
    r"\beta^i\beta^{-i}\left(E_\rho D(\pi\|\pi(\cdot|b)) - E_{\tilde\rho} "
    r"D(\pi\|\pi(\cdot|b))\right) "
    r"\ge 0 \text{ at every } s, t \Rightarrow \beta^{-i}(Q^{\pi,\tilde\rho} - Q^{\pi,\rho}) \ge 0",
    "Log-normaliser reading, any signs. The divergence of (38) goes inside the expectation over "
    "b, and its cases by the sign of β^i β^-i; then (37) holds at every state, action and time.",
    GAMES,
    Deduction(
        ("report.A.4.2.step.corrected", "report.035.corrected"),
        "backward induction over time",
        "one step of ρ̃_t on Q_t^{π,ρ} moves the state's value in the direction of β^-i; Q_{t−1} "
        "is monotone in it, so the order at t + 1 passes to t",
    ),
    inequality(gain, PLAYS, where=corrected_38),
    assumes=("the corrected (38) in every state at every time",),
)
row(
    "report.037.infinite-horizon.added",
    "proved",
    "report (37); report (38)",
    r"T = \infty: \ \text{the corrected (38) in every state} \Rightarrow "
    r"\beta^{-i}(Q^{\pi,\tilde\rho} - Q^{\pi,\rho}) \ge 0",
    "The same for stationary policies without a last time.",
    GAMES,
    Deduction(
        ("report.A.4.2.step.corrected", "report.035.corrected"),
        "policy-evaluation monotonicity",
        "one step of ρ̃ on Q^{π,ρ} moves every state's value in the direction of β^-i",
    ),
    inequality(stationary_gain, PLAYS, where=stationary_condition),
    assumes=("the corrected (38) in every state",),
)
row(
    "report.037.expected.added",
    "proved",
    "report (36); report (37)",
    r"Q^{-i}(s,b) := \beta^{-i} E_\pi Q^{\pi,\rho}(s,\cdot,b): \quad "
    r"\beta^{-i}(Q^{\pi,\tilde\rho} - Q^{\pi,\rho}) \ge 0",
    "In the expectation reading (37) holds with no assumption at all, and for every sign of β^i.",
    GAMES,
    Deduction(
        ("report.A.4.2.step-expected.added", "report.035.corrected"),
        "backward induction over time",
        "as above, with the exact logit improvement of one step",
    ),
    inequality(gain_expected, PLAYS),
)
