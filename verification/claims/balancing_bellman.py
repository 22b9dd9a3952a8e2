"""Balancing-Q over time: report (23), (25).

    Q(s, a, b) = R(s, a, b) + γ E[V(s')]                                                     (23)
    V = V^i/β^i = V^-i/β^-i                                                                  (25)

(25) prints no γ and V*(s) for V*(s_{t+1}), and asks V to be the value of both views at once. With γ
and one view at a time it is a fixed point of a γ-contraction:

    T_A V = F_{β^i}[p] F_{β^-i}[P] (R + γ E V)        T_B V = F_{β^-i}[P] F_{β^i}[p] (R + γ E V)

Shapes: reward [S, A, B], transition [S, A, B, S], values [S], ρ(b|s, a) [S, A, B].
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
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import (
    GIBBS,
    MONOTONE,
    PLUS,
    SHIFT,
    SIGNED,
    Stage,
    inequality,
    reals,
    stage_scope,
    successor,
)
from tabular_marl.verification.claims._rows import row

# -- (23) ----------------------------------------------------------------------------------------


def present_state(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, value: Numbers, gamma: Numbers
) -> Any:
    """(23) with V(s) = V(s_t), to the letter, against R + γ E[V(s_{t+1})]."""
    here = np.expand_dims(np.expand_dims(value, 1), 2)
    return sides(reward + gamma * here, reward + gamma * successor(transition, value))


def two_steps(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    conditional: Numbers,
    later_policy: Numbers,
    later_conditional: Numbers,
    **game: Numbers,
) -> Numbers:
    """β^i, β^-i > 0, two decisions: V by (23) with V^i/β^i, minus J of any π_t, ρ_t(b|s, a)."""
    last = Stage.of(arithmetic, reward, axis=1, **game)
    first = last.at(reward + gamma * successor(transition, last.agent_value()))
    later = last.conditional_objective(later_policy, later_conditional)
    played = last.at(reward + gamma * successor(transition, later))
    return first.agent_value() - played.conditional_objective(agent_policy, conditional)


def leader_two_steps(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_policy: Numbers,
    later_policy: Numbers,
    **game: Numbers,
) -> Numbers:
    """Any signs, two decisions: β^i (V by (23) − J of π_t(a|s) against the opponent's answers)."""
    last = Stage.of(arithmetic, reward, axis=1, **game)
    first = last.at(reward + gamma * successor(transition, last.agent_value()))
    later = last.conditional_objective(later_policy, last.conditional_opponent())
    played = last.at(reward + gamma * successor(transition, later))
    value = played.conditional_objective(agent_policy, played.conditional_opponent())
    return (first.agent_value() - value) * last.x


# -- (25) ----------------------------------------------------------------------------------------


def missing_discount(
    arithmetic: Arithmetic, reward: Numbers, next_value: Numbers, gamma: Numbers
) -> Any:
    """Q of (25), without γ, against Q of (23): one successor."""
    return sides(reward + next_value, reward + gamma * next_value)


def undiscounted(
    arithmetic: Arithmetic, reward: Numbers, value: Numbers, beta_agent: Numbers
) -> Any:
    """(25) without γ in a game of one state and one action each: V against V^i/β^i of Q = R + V."""
    q = np.expand_dims(np.expand_dims(reward + value, 0), 1)
    return sides(value, Stage.of(arithmetic, q, beta_agent, beta_agent).agent_value())


def solvable(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """A against B of the reward alone, one state, reward [A, B]: see :func:`residual_bound`."""
    stage = Stage.of(arithmetic, reward, **game)
    return sides(stage.agent_value(), stage.opponent_value())


def residual_bound(
    arithmetic: Arithmetic, reward: Numbers, value: Numbers, gamma: Numbers, **game: Numbers
) -> Any:
    """|V − V^i/β^i| + |V − V^-i/β^-i| of Q = R + γ V, one state, against |A − B| of R alone."""
    stage = Stage.of(arithmetic, reward + gamma * value, **game)
    left = arithmetic.absolute(value - stage.agent_value())
    left = left + arithmetic.absolute(value - stage.opponent_value())
    apart = solvable(arithmetic, reward, **game)
    return sides(left, arithmetic.absolute(apart.left - apart.right))


def backups(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    value: Numbers,
    **game: Numbers,
) -> tuple[Numbers, Numbers]:
    """(T_A V, T_B V)."""
    q = reward + gamma * successor(transition, value)
    stage = Stage.of(arithmetic, q, axis=1, **game)
    return stage.agent_value(), stage.opponent_value()


def view_contraction(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    one: Numbers,
    two: Numbers,
    **game: Numbers,
) -> Numbers:
    """γ ‖V − W‖ − ‖T V − T W‖ for T_A and T_B."""
    first = backups(arithmetic, reward, transition, gamma, one, **game)
    second = backups(arithmetic, reward, transition, gamma, two, **game)
    reach = [arithmetic.norm(v - w) for v, w in zip(first, second, strict=True)]
    return np.stack([gamma * arithmetic.norm(one - two) - moved for moved in reach])


def solution_order(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, gamma: Numbers, **game: Numbers
) -> Numbers:
    """(β^i − β^-i)(T_B^k 0 − T_A^k 0), k = 1 … 12: both views on the way to V_B, V_A."""
    agent = opponent = reward[:, 0, 0] * 0
    sign = game["beta_agent"] - game["beta_opponent"]
    gaps = []
    for _ in range(12):
        agent = backups(arithmetic, reward, transition, gamma, agent, **game)[0]
        opponent = backups(arithmetic, reward, transition, gamma, opponent, **game)[1]
        gaps.append((opponent - agent) * sign)
    return np.stack(gaps)


def prove_undiscounted() -> Proof:
    value, reward = reals("V R")
    what = "residual V − (R + V) = −R whatever V is: no solution unless R = 0"
    return prove_zero(value - (reward + value) + reward, what)


# -- claims ----------------------------------------------------------------------------------------

GAMES = stage_scope(states=">= 1", gamma="[0, 1)")
POSITIVE = stage_scope(PLUS, PLUS, states=">= 1", gamma="[0, 1)")
SIZES = {"states": (1, 3), "actions": (1, 3), "opponent_actions": (1, 3)}
GAME = {
    "reward": array("states", "actions", "opponent_actions"),
    "transition": distribution("states", "actions", "opponent_actions", "states", degenerate=True),
    "gamma": discount(),
}
SIGNS = {"beta_agent": beta(high=8), "beta_opponent": beta(high=8)}
COORDINATE = {"reward": [[1, 0], [0, 1]], "beta_agent": 1, "beta_opponent": -1}

row(
    "report.023.state.printed",
    "refuted",
    "report (23); report (25)",
    r"R + \gamma E_{P(s_{t+1}|\cdot)}[V(s_t)] = R + \gamma E_{P(s_{t+1}|\cdot)}[V(s_{t+1})]",
    "V(s) under an expectation over s_{t+1}: read as V(s_t) the expectation would be idle.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", gamma="[0, 1)"),
    Counterexample(
        present_state,
        {
            "reward": [[[0]], [[0]]],
            "transition": [[[[0, 1]]], [[[0, 1]]]],
            "value": [0, 1],
            "gamma": "1/2",
        },
        "== 0",
    ),
)
row(
    "report.023.recursion.corrected",
    "proved",
    "report (17); report (23)",
    r"\beta^i, \beta^{-i} > 0: \ V_t = \max_{\pi, \rho(\cdot|s,a)} J_t, \quad "
    r"Q_t = R + \gamma E[V_{t+1}(s_{t+1})], \quad V_t = \tfrac{1}{\beta^i} V^i_t",
    "With γ^t in (17), V at s_{t+1}, and an opponent who answers a, the recursion computes the "
    "optimum of the discounted objective.",
    POSITIVE,
    Deduction(
        ("report.017.discount.corrected", "report.020.identity.added", GIBBS),
        "backward induction over time",
        "V_{t+1} bounds what follows, J_t is monotone in it, and (20) with ρ(b|a) attains the "
        "bound",
    ),
    inequality(
        two_steps,
        instances(
            SIZES,
            **GAME,
            agent_policy=distribution("states", "actions"),
            conditional=distribution("states", "actions", "opponent_actions"),
            later_policy=distribution("states", "actions"),
            later_conditional=distribution("states", "actions", "opponent_actions"),
            beta_agent=beta("+", high=8),
            beta_opponent=beta("+", high=8),
        ),
    ),
)
row(
    "report.023.leader.corrected",
    "proved",
    "report (22); report (23)",
    r"\beta^i\left(V_t(s) - J_t(\pi, \text{the opponent's answers})\right) \ge 0, \quad "
    r"V_t = \tfrac{1}{\beta^i}V^i_t, \ Q_t = R + \gamma E[V_{t+1}]",
    "For every sign: with the agent's message V^i/β^i, (23) is the dynamic programme of a leader "
    "whose action the opponent sees at each time.",
    GAMES,
    Deduction(
        ("report.020.optimum.corrected", "report.017.discount.corrected", MONOTONE),
        "backward induction over time",
        "what follows is bounded by V_{t+1}; the opponent's answer aggregates Q_t by a free "
        "energy, which is monotone in it; (20) is optimal at t",
    ),
    inequality(
        leader_two_steps,
        instances(
            SIZES,
            **GAME,
            agent_policy=distribution("states", "actions"),
            later_policy=distribution("states", "actions"),
            **SIGNS,
        ),
    ),
)
row(
    "report.025.discount.printed",
    "refuted",
    "report (23); report (25)",
    r"Q^* = R + E[V^*] \text{ of (25) is } Q = R + \gamma E[V] \text{ of (23)}",
    "(25) has lost the γ of (23).",
    scope(gamma="[0, 1)"),
    Counterexample(missing_discount, {"reward": 0, "next_value": 1, "gamma": "1/2"}, "== 0"),
)
row(
    "report.025.undiscounted.printed",
    "refuted",
    "report (25)",
    r"\text{(25) as printed (no } \gamma \text{) is solvable: some } V = R + V \text{ when each "
    r"player "
    r"has one action}",
    "Without γ even a game of one state and one action each has no solution unless R = 0; the "
    "residual is −R for every V, here shown at V = 0.",
    scope(beta_agent=SIGNED),
    Counterexample(undiscounted, {"reward": 1, "value": 0, "beta_agent": 1}, "== 0"),
)
row(
    "report.025.undiscounted.added",
    "proved",
    "report (25)",
    r"V - (R + V) = -R \text{ for every } V",
    "One state, one action each: V^i/β^i = Q = R + V.",
    scope(),
    Symbolic(prove_undiscounted),
)
row(
    "report.025.solvable.printed",
    "refuted",
    "report (22); report (25)",
    r"\text{with } \gamma \text{ put in (25) has a solution: in one state, } A(R) = B(R)",
    "Two equations for one number. In a game of one state the two residuals of any V add up to at "
    "least |A(R) − B(R)| (next row), the difference of the views of R alone, which is not 0.",
    stage_scope(),
    Counterexample(solvable, COORDINATE, "== 0"),
)
row(
    "report.025.residual.added",
    "proved",
    "report (22); report (25)",
    r"|V - \tfrac{1}{\beta^i}V^i| + |V - \tfrac{1}{\beta^{-i}}V^{-i}| \ge |A(R) - B(R)| "
    r"\text{ for every } V",
    "One state, Q = R + γV. The right side is the difference of the views of R alone, so (25) has "
    "a solution only if they agree: for equal temperatures or an additive R.",
    stage_scope(gamma="[0, 1)"),
    Deduction(
        (SHIFT,),
        "chain of inequalities",
        "both values of R + γV are those of R plus γV; then the triangle inequality",
    ),
    inequality(
        residual_bound,
        instances(
            {"actions": (1, 3), "opponent_actions": (1, 3)},
            reward=array("actions", "opponent_actions"),
            value=number(),
            gamma=discount(),
            **SIGNS,
        ),
    ),
)
row(
    "report.025.contraction.corrected",
    "proved",
    "report (25); report (34)",
    r"\|T_A V - T_A W\|_\infty \le \gamma\|V - W\|_\infty, \quad \|T_B V - T_B W\|_\infty \le "
    r"\gamma\|V - W\|_\infty",
    "Each view alone, with γ: right for every sign of β^i, β^-i.",
    GAMES,
    Deduction(
        ("report.034.values.corrected", "report.034.values-opponent.corrected"),
        "non-expansive after a discounted expectation",
    ),
    inequality(
        view_contraction,
        instances(SIZES, **GAME, one=array("states"), two=array("states"), **SIGNS),
    ),
)
row(
    "report.025.two-systems.corrected",
    "proved",
    "report (25)",
    r"\text{each of } V = T_A V \text{ and } V = T_B V \text{ has one solution } (\gamma < 1)",
    "What (25) should be: two systems, agent's view and opponent's view.",
    GAMES,
    Deduction(("report.025.contraction.corrected",), "banach fixed point"),
)
row(
    "report.025.equal-temperatures.corrected",
    "proved",
    "report (22); report (25)",
    r"\beta^i = \beta^{-i} \Rightarrow V_A = V_B: \text{ (25) with } \gamma \text{ has one "
    r"solution}",
    "Only then are the two systems one for every game.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", beta=SIGNED, gamma="[0, 1)"),
    Deduction(
        ("report.022.equal-temperatures.corrected", "report.025.two-systems.corrected"),
        "substitution of equals",
        "T_A = T_B",
    ),
    assumes=("β^i = β^-i",),
)
row(
    "report.025.order.added",
    "proved",
    "report (22); report (25)",
    r"(\beta^i - \beta^{-i})(V_B(s) - V_A(s)) \ge 0 \text{ in every state}",
    "The order of the views passes to the solutions of the two systems.",
    GAMES,
    Deduction(
        ("report.022.order.added", "report.025.contraction.corrected", MONOTONE),
        "policy-evaluation monotonicity",
        "β^i >= β^-i: T_B V_A >= T_A V_A = V_A, T_B is monotone and contracts to V_B, so V_B >= "
        "V_A",
    ),
    inequality(solution_order, instances(SIZES, **GAME, **SIGNS), examples=2000),
)
