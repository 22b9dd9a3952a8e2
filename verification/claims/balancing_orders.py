"""The three values of Balancing-Q, and their order for each pattern of signs. Report (17)-(25).

    V_A = F_{β^i}[p](a ↦ F_{β^-i}[P](Q[a, ·]))      the agent moves first, (20)
    V_O = F_{β^-i}[P](b ↦ F_{β^i}[p](Q[·, b]))      the opponent moves first, (21)
    V_P = J(π, ρ) at mutual logit responses           product form, (18), (19)

with Q = R + γ E[V(s')] of the value itself. For β^i > 0 > β^-i the product form is a saddle, and

    J(π*, ρ) − J(π, ρ*) = KL(π ‖ π*)/β^i − KL(ρ ‖ ρ*)/β^-i

so there is one only. Shapes as in ``_balancing``: one stage Q [A, B]; games R [S, A, B].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    beta,
    choice,
    discount,
    distribution,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._balancing import (
    AGENT,
    GIBBS,
    MATRIX,
    MINUS,
    MONOTONE,
    OPPONENT,
    PLUS,
    PRIORS,
    SHIFT,
    SIGNED,
    Stage,
    identity,
    inequality,
    stage_family,
    stage_scope,
    successor,
)
from tabular_marl.verification.claims._rows import row

# -- one saddle ------------------------------------------------------------------------------------


def matched(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    opponent: Numbers,
    **game: Numbers,
) -> Stage:
    """Q + f(a) + g(b) such that (agent, opponent) are logit responses to each other."""
    stage = Stage.of(arithmetic, q, **game)
    rows = arithmetic.log(agent / stage.p) / stage.x - expectation(opponent, q, 1)
    moved = q + rows[:, None]
    columns = arithmetic.log(opponent / stage.P) / stage.y
    return stage.at(moved + columns - expectation(agent[:, None], moved, 0))


def gap_of_saddle(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    opponent: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Any:
    """J(π*, ρ) − J(π, ρ*), and KL(π ‖ π*)/β^i − KL(ρ ‖ ρ*)/β^-i."""
    stage = matched(arithmetic, q, agent, opponent, **game)
    left = stage.objective(agent, opponent_policy) - stage.objective(agent_policy, opponent)
    right = stage.kl(agent_policy, agent) / stage.x - stage.kl(opponent_policy, opponent) / stage.y
    return sides(left, right)


row(
    "report.019.saddle-gap.added",
    "proved",
    "report (18); report (19)",
    r"J(\pi^*, \rho) - J(\pi, \rho^*) = \tfrac{1}{\beta^i} D_{KL}(\pi \| \pi^*) - "
    r"\tfrac{1}{\beta^{-i}} D_{KL}(\rho \| \rho^*) \text{ at mutual logit responses } "
    r"(\pi^*, \rho^*)",
    "Against ρ* the policy π loses KL(π‖π*)/β^i, against π* the policy ρ loses KL(ρ‖ρ*)/β^-i.",
    stage_scope(),
    Deduction(
        ("report.020.response.corrected", "report.021.response.corrected"),
        "substitution of equals",
        "J(π*, ρ*) − J(π, ρ*) and J(π*, ρ*) − J(π*, ρ) are the two divergences; subtract",
    ),
    identity(
        gap_of_saddle,
        stage_family(
            q=MATRIX,
            **PRIORS,
            agent=AGENT,
            opponent=OPPONENT,
            agent_policy=AGENT,
            opponent_policy=OPPONENT,
        ),
    ),
)
row(
    "report.019.saddle.added",
    "proved",
    "report (17); report (18); report (19)",
    r"\beta^i > 0 > \beta^{-i}: \ J \text{ has exactly one saddle point over } (\pi, \rho), "
    r"\text{ the only logit equilibrium}",
    "Existence: J is concave in π, convex in ρ, continuous, on simplices. A saddle point is a pair "
    "of mutual logit responses; at two of them the identity makes both divergences 0. (β^i < 0 < "
    "β^-i: negate R.)",
    stage_scope(PLUS, MINUS),
    Deduction(
        (
            "report.019.minimax.printed",
            "report.020.response.corrected",
            "report.021.response.corrected",
            "report.019.saddle-gap.added",
            GIBBS,
        ),
        ("minimax theorem", "chain of inequalities"),
        "J(π*, ρ') <= J(π', ρ') <= J(π', ρ*) at another saddle (π', ρ'), so KL(π'‖π*)/β^i + "
        "KL(ρ'‖ρ*)/|β^-i| <= 0",
    ),
)


def pull(
    arithmetic: Arithmetic, policy: Numbers, beta_agent: Numbers, beta_opponent: Numbers
) -> Numbers:
    """policy(1) − response(1) where both play ``policy`` in the coordination game, Q = identity."""
    stage = Stage.of(arithmetic, [[1, 0], [0, 1]], beta_agent, beta_opponent)
    agent, opponent = stage.agent_response(policy), stage.opponent_response(policy)
    return policy[0] - np.stack([agent[0], opponent[0]])


row(
    "report.019.several.added",
    "refuted",
    "report (18); report (19)",
    r"\beta^i, \beta^{-i} > 0: \ \text{(19) has one stationary point over } (\pi, \rho)",
    "Coordination, Q = 1 where a = b, β = 4: the uniform pair is one; from (3/4, 1/4) both "
    "responses lean further to the same side, so by monotonicity there is another pair beyond, and "
    "its mirror image. Hence V_P depends on the equilibrium; the orders below hold for each.",
    stage_scope(PLUS, PLUS),
    Counterexample(pull, {"policy": ["3/4", "1/4"], "beta_agent": 4, "beta_opponent": 4}, ">= 0"),
)

# -- orders over time ------------------------------------------------------------------------------

SWEEPS = 60
Step = Callable[[Stage], Numbers]


def solved(
    arithmetic: Arithmetic,
    step: Step,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Numbers:
    """The fixed point of V = step(R + γ E[V(s')]), to γ^SWEEPS."""
    stage = Stage.of(arithmetic, reward, axis=1, **game)
    value = 0 * reward.sum(axis=(1, 2))
    for _ in range(SWEEPS):
        value = step(stage.at(reward + gamma * successor(transition, value)))
    return value


def against_opponent(rho: Numbers) -> Step:
    """max or min over π of J(π, ρ)."""
    return lambda stage: stage.objective(stage.agent_response(rho), rho)


def against_agent(pi: Numbers) -> Step:
    """max or min over ρ of J(π, ρ)."""
    return lambda stage: stage.objective(pi, stage.opponent_response(pi))


def between(
    arithmetic: Arithmetic, agent_policy: Numbers, opponent_policy: Numbers, **game: Numbers
) -> Numbers:
    """sign(β^i) times [V against ρ − V_A, V_O − V against π], for β's of opposite signs."""
    first = solved(arithmetic, Stage.agent_value, **game)
    second = solved(arithmetic, Stage.opponent_value, **game)
    best = solved(arithmetic, against_opponent(opponent_policy), **game)
    worst = solved(arithmetic, against_agent(agent_policy), **game)
    sign = game["beta_agent"] / arithmetic.absolute(game["beta_agent"])
    return np.stack([best - first, second - worst]) * sign


def beyond(
    arithmetic: Arithmetic, agent_policy: Numbers, opponent_policy: Numbers, **game: Numbers
) -> Numbers:
    """sign(β^i) times [V_A − V, V_O − V] at any stationary pair, for β's of one sign."""
    value = solved(arithmetic, lambda s: s.objective(agent_policy, opponent_policy), **game)
    first = solved(arithmetic, Stage.agent_value, **game)
    second = solved(arithmetic, Stage.opponent_value, **game)
    sign = game["beta_agent"] / arithmetic.absolute(game["beta_agent"])
    return np.stack([first - value, second - value]) * sign


def powerless(arithmetic: Arithmetic, **game: Numbers) -> Numbers:
    """β^-i = 0: β^i (V_O − V_A)."""
    first = solved(arithmetic, Stage.agent_value, **game)
    return (solved(arithmetic, Stage.opponent_value, **game) - first) * game["beta_agent"]


def powerless_product(
    arithmetic: Arithmetic, q: Numbers, agent_policy: Numbers, **game: Numbers
) -> Any:
    """β^-i = 0: V_A − (E_{π,P} Q − KL(π‖p)/β^i), and KL(π ‖ (20))/β^i."""
    stage = Stage.of(arithmetic, q, **game)
    value = stage.mean(agent_policy, stage.P) - stage.kl(agent_policy, stage.p) / stage.x
    apart = stage.kl(agent_policy, stage.agent_policy()) / stage.x
    return sides(stage.agent_value() - value, apart)


GAME: dict[str, Any] = {
    "reward": array("states", "actions", "opponent_actions"),
    "transition": distribution("states", "actions", "opponent_actions", "states", degenerate=True),
    "gamma": discount(high="1/2"),
    "agent_prior": distribution("states", "actions"),
    "opponent_prior": distribution("states", "opponent_actions"),
}
PLAYED: dict[str, Any] = {
    **GAME,
    "agent_policy": distribution("states", "actions"),
    "opponent_policy": distribution("states", "opponent_actions"),
}


def over_time(agent: str = SIGNED, opponent: str = SIGNED) -> Any:
    return stage_scope(agent, opponent, states=">= 1", gamma="[0, 1)")


def family(agent: str, opponent: str, **fields: Any) -> Any:
    """Games of up to three states with β of the given signs."""
    return stage_family(beta(agent, high=4), beta(opponent, high=4), (1, 3), **fields)


row(
    "report.019.saddle-time.added",
    "proved",
    "report (17); report (18); report (23)",
    r"\beta^i > 0 > \beta^{-i}: \ V = \max_\pi \min_\rho J(\pi, \rho; R + \gamma E[V(s')]) "
    r"\text{ has one solution, with one stationary pair } (\pi^*, \rho^*)",
    "The value of the stage is monotone in Q and moves with constants, so the saddle may be "
    "iterated: a γ-contraction.",
    over_time(PLUS, MINUS),
    Deduction(
        ("report.019.saddle.added", MONOTONE, SHIFT),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
            "non-expansive after a discounted expectation",
            "banach fixed point",
        ),
        "max_π min_ρ J = max_π {F_{β^-i}[P](E_π Q) − KL(π‖p)/β^i}; at the solution each stage has "
        "one saddle",
    ),
)
for agent, opponent, name, order in (
    ("+", "-", "order-minimax", r"\beta^i > 0 > \beta^{-i}: \ V_A \le V_P \le V_O"),
    ("-", "+", "order-maximin", r"\beta^i < 0 < \beta^{-i}: \ V_O \le V_P \le V_A"),
):
    scopes = {"+": PLUS, "-": MINUS}
    row(
        f"report.019.{name}.added",
        "proved",
        "report (18); report (20); report (21); report (22)",
        order + r" \text{ in every state}",
        "Whoever answers, knowing the other's move, gains by it. The product form stands between "
        "the two views, over time as in one stage.",
        over_time(scopes[agent], scopes[opponent]),
        Deduction(
            (
                "report.022.saddle.added",
                "report.019.saddle-time.added",
                "report.019.signs.added",
                "recipe.contraction",
            ),
            "policy-evaluation monotonicity",
            "T_A <= T_P <= T_O at every V by the order of one stage (for β^i < 0 of −R, with every "
            "sign changed), and all three are monotone γ-contractions",
        ),
        inequality(between, family(agent, opponent, **PLAYED), examples=2000),
    )
for sign, name, order in (
    ("+", "order-both-positive", r"\beta^i, \beta^{-i} > 0: \ V_P \le \min(V_A, V_O)"),
    ("-", "order-both-negative", r"\beta^i, \beta^{-i} < 0: \ V_P \ge \max(V_A, V_O)"),
):
    row(
        f"report.019.{name}.added",
        "proved",
        "report (18); report (20); report (21); report (22)",
        order + r" \text{ in every state, at every stationary product pair}",
        "A product is one of the joint policies that each view optimises over. For every "
        "equilibrium, as there can be several. Between the views (β^i − β^-i)(V_O − V_A) >= 0.",
        over_time(scopes[sign], scopes[sign]),
        Deduction(
            (
                "report.022.above-independent.added",
                "report.019.signs.added",
                "report.025.order.added",
                "recipe.contraction",
            ),
            "policy-evaluation monotonicity",
            "V = J(π, ρ; Q_V) <= T_A V and T_O V for both positive (with >= of −R for both "
            "negative), and T_A, T_O are monotone γ-contractions",
        ),
        inequality(beyond, family(sign, sign, **PLAYED), examples=2000),
    )
row(
    "report.019.zero.added",
    "proved",
    "report (18); report (19); report (20)",
    r"\beta^{-i} = 0: \ V_A - (E_{\pi, P} Q - \tfrac{1}{\beta^i} D_{KL}(\pi \| p)) = "
    r"\tfrac{1}{\beta^i} D_{KL}(\pi \| \text{(20)}), \text{ so } V_P = V_A",
    "A player with β = 0 acts by its prior and cannot answer: the product form is the other "
    "player's first-mover value.",
    stage_scope(SIGNED, "0"),
    Deduction(
        ("free-energy.duality",),
        "special case",
        "x = E_P Q(a, ·), whose free energy is V_A and whose tilt is (20)",
    ),
    identity(
        powerless_product,
        stage_family(beta(high=8), choice(0), q=MATRIX, **PRIORS, agent_policy=AGENT),
    ),
)
row(
    "report.019.order-zero.added",
    "proved",
    "report (18); report (20); report (21)",
    r"\beta^{-i} = 0: \ V_P = V_A, \ \beta^i (V_O - V_A) \ge 0 \text{; and with the players "
    r"exchanged}",
    "Knowing the draw of the other's prior helps whoever answers it.",
    over_time(SIGNED, "0"),
    Deduction(
        (
            "report.019.zero.added",
            "free-energy.convex",
            "free-energy.concave",
            "recipe.contraction",
        ),
        "policy-evaluation monotonicity",
        "V_A = F_{β^i}[p](E_P Q), V_O = E_P F_{β^i}[p](Q(·,b)), and F is convex for β^i > 0, "
        "concave for β^i < 0",
    ),
    inequality(powerless, stage_family(beta(high=4), choice(0), (1, 3), **GAME), examples=2000),
)
