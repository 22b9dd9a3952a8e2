"""The critics of soft actor-critic and soft Q-learning: report (58), (59), (60), (63).

What each loss is least at, as printed and as corrected. Shapes and units as in ``_layer``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    discount,
    distribution,
    instances,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl, tilt
from tabular_marl.verification.claims._layer import soft_evaluation, soft_value, target_loss
from tabular_marl.verification.claims._rows import row

ACTIONS = scope(actions=">= 1")
GAMES = scope(states=">= 1", actions=">= 1", beta="any", gamma="[0, 1)")
DATA = scope(pairs=">= 1", states=">= 1", gamma="[0, 1]")
STAGE = {
    "q": array("actions"),
    "prior": distribution("actions"),
    "policy": distribution("actions"),
}
DRAWS = {
    "reward": array("pairs"),
    "transition": distribution("pairs", "states", degenerate=True),
    "value": array("states"),
    "gamma": discount(0, 1),
    "weights": distribution("pairs"),
    "q": array("pairs"),
}
DATA_FAMILY = instances({"pairs": (1, 3), "states": (1, 3)}, **DRAWS)

# -- formulas --------------------------------------------------------------------------------------


def undiscounted(arithmetic: Arithmetic, reward: Numbers, value: Numbers) -> Any:
    """V against the V of (58) as printed, one state, one action, β = 1."""
    return sides(reward + value, value)


def value_excess(
    arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers, value: Numbers
) -> Any:
    """L_V(V) at one state of weight 1, against ½ (V − V^π)²: both sides of the identity."""
    target = soft_evaluation(arithmetic, q, prior, policy)
    cost = arithmetic.log(policy) - arithmetic.log(prior)
    loss = (value - (policy * (q - cost)).sum(axis=0)) ** 2 / 2
    return sides(loss, (value - target) ** 2 / 2)


def unseen(arithmetic: Arithmetic, value: Numbers, exact: Numbers, weights: Numbers) -> Numbers:
    """|V − V^π| times the loss's being least: 0 if a minimiser is the exact value everywhere."""
    loss = (weights * (value - exact) ** 2).sum(axis=0)
    least = arithmetic.number(1) if bool(np.all(arithmetic.zeros(loss))) else 0 * loss
    return least * arithmetic.norm(value - exact)


def optimal_value(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Any:
    """V of (58) against the minimiser of (59)."""
    target = soft_evaluation(arithmetic, q, prior, policy)
    return sides(soft_value(arithmetic, q, prior), target)


def optimal_value_gap(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Any:
    """Their difference against KL(π ‖ (58))."""
    gap = soft_value(arithmetic, q, prior) - soft_evaluation(arithmetic, q, prior, policy)
    return sides(gap, kl(policy, tilt(q, prior, 1, 0, arithmetic), 0, arithmetic))


def excess(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    value: Numbers,
    gamma: Numbers,
    weights: Numbers,
    q: Numbers,
) -> Any:
    """L_Q(Q) − L_Q(Q*) against Σ d ½ (Q − Q*)², with Q* = R + γ E[V̄]."""
    best = reward + gamma * (transition * value[None]).sum(axis=1)
    data = (reward, transition, value, gamma, weights)
    right = (weights * (q - best) ** 2).sum(axis=0) / 2
    return sides(target_loss(q, *data) - target_loss(best, *data), right)


def without_beta(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    value: Numbers,
    gamma: Numbers,
    weights: Numbers,
    beta: Numbers,
    q: Numbers,
) -> Any:
    """L_Q as printed, with R, at another Q against at (58)'s Q = βR + γE[V]."""
    best = beta * reward + gamma * (transition * value[None]).sum(axis=1)
    data = (reward, transition, value, gamma, weights)
    return sides(target_loss(q, *data), target_loss(best, *data))


def least_loss(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    value: Numbers,
    gamma: Numbers,
    weights: Numbers,
) -> Any:
    """The least L_Q against ½γ² Σ d Var[V̄(s')]."""
    mean = (transition * value[None]).sum(axis=1)
    data = (reward, transition, value, gamma, weights)
    spread = (transition * value[None] ** 2).sum(axis=1) - mean**2
    return sides(
        target_loss(reward + gamma * mean, *data),
        gamma**2 * (weights * spread).sum(axis=0) / 2,
    )


def least(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    value: Numbers,
    gamma: Numbers,
    weights: Numbers,
) -> Numbers:
    """The least L_Q, parameters named."""
    return least_loss(arithmetic, reward, transition, value, gamma, weights).left


def moving_target(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    weights: Numbers,
    exact: Numbers,
    q: Numbers,
) -> Any:
    """(63) with V_θ = Q_θ (one action) moving along: at another Q, against at the exact one."""

    def loss(table: Numbers) -> Numbers:
        return target_loss(table, reward, transition, table, gamma, weights)

    return sides(loss(q), loss(exact))


def solves(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    weights: Numbers,
    exact: Numbers,
    q: Numbers,
) -> Numbers:
    """−|exact − R − γ P exact|: >= 0 where ``exact`` is the solution of (58)."""
    residual = exact - reward - gamma * (transition * exact[None]).sum(axis=1)
    return -arithmetic.absolute(residual)


def prove_square() -> Proof:
    q, m, second = sympy.symbols("q m second", real=True)
    at = q**2 - 2 * q * m + second
    best = m**2 - 2 * m * m + second
    return prove_zero(at - best - (q - m) ** 2, "E(q−y)² − E(m−y)² = (q−m)², m = E y")


def prove_least() -> Proof:
    m, second = sympy.symbols("m second", real=True)
    return prove_zero(m**2 - 2 * m * m + second - (second - m**2), "E(m−y)² = E y² − m²")


def prove_evaluation() -> Proof:
    value, target = sympy.symbols("V target", real=True)
    return prove_zero((value - target) ** 2 / 2 - (target - value) ** 2 / 2, "a square about V^π")


def prove_certain() -> Proof:
    r, g, v = sympy.symbols("R gamma V", real=True)
    return prove_zero((r + g * v) - r - g * v, "the residual at every pair, and a square is >= 0")


# -- (58) ------------------------------------------------------------------------------------------

row(
    "report.058.discount.printed",
    "refuted",
    "report (58)",
    r"Q = \beta R + E[V(s')],\ V = \log \textstyle\int e^Q P_{prior} \text{ has a solution}",
    "γ is missing, as in (25). One state, one action, R = 1: V = 1 + V.",
    scope(states=">= 1", actions=">= 1"),
    Counterexample(undiscounted, {"reward": 1, "value": 0}, "== 0"),
)
row(
    "report.058.discount.corrected",
    "proved",
    "report (58)",
    r"Q = \beta R + \gamma E[V(s')]: \text{ one solution, a limit from every start}",
    "With γ < 1, as (60) has it.",
    GAMES,
    Deduction(("recipe.fixed-point",), "special case", "one level, a:β"),
)
row(
    "report.058.policy.printed",
    "proved",
    "report (58)",
    r"\pi = e^Q P_{prior} / e^V \text{ maximises } E_\pi\Big[Q - \log\tfrac{\pi}{P_{prior}}\Big],"
    r"\text{ and } V \text{ is the maximum}",
    "And it is normalised.",
    ACTIONS,
    Deduction(
        ("free-energy.variational.maximum", "free-energy.tilt-normalised"),
        "special case",
        "β = 1, x = Q in the report's units",
    ),
)

# -- (59) ------------------------------------------------------------------------------------------

row(
    "report.059.printed",
    "proved",
    "report (59)",
    r"\mathcal{L}_V \text{ is least at } V^\pi(s) = E_\pi\Big[Q - \log\tfrac{\pi}{P_{prior}}\Big] "
    r"\text{ where } \mathcal{D}(s) > 0",
    "Read a_t ~ π_φ: the sign ~ is missing. A square about the target, state by state.",
    ACTIONS,
    Symbolic(prove_evaluation),
    Sampling(
        value_excess,
        instances({"actions": (1, 4)}, **STAGE, value=number()),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.059.optimal.printed",
    "refuted",
    "report (58); report (59)",
    r"\text{the minimiser of } \mathcal{L}_V \text{ is the } V \text{ of (58)}",
    "It is the value of the current policy.",
    ACTIONS,
    Counterexample(
        optimal_value, {"q": [0, 1], "prior": ["1/2", "1/2"], "policy": ["1/2", "1/2"]}, "== 0"
    ),
)
row(
    "report.059.optimal.corrected",
    "proved",
    "report (58); report (59)",
    r"V_{(58)} - V^\pi = D_{KL}(\pi \| \pi_{(58)}) \ge 0",
    "So equal only at the policy of (58): the three losses in turn are soft policy iteration.",
    ACTIONS,
    Deduction(("free-energy.duality", "kl.nonnegative"), "special case", "β = 1, q = π"),
    Sampling(
        optimal_value_gap,
        instances({"actions": (1, 4)}, **STAGE),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.059.coverage.added",
    "refuted",
    "report (59); report (60); report (61)",
    r"\text{a minimiser of the loss is the exact table in every state}",
    "Where the replay buffer has no mass, any value is a minimiser.",
    scope(states=">= 1"),
    Counterexample(unseen, {"value": [0, 1], "exact": [0, 0], "weights": [1, 0]}, "== 0"),
)

# -- (60) ------------------------------------------------------------------------------------------

STAY = {"transition": [[1]], "value": [0], "gamma": 0, "weights": [1]}
row(
    "report.060.beta.printed",
    "refuted",
    "report (58); report (60); report (63)",
    r"Q_{(58)} = \beta R + \gamma E[V] \text{ minimises } \mathcal{L}_Q \text{ with the target } "
    r"R + \gamma \bar V",
    "β is missing in the target; the actor-critic then solves (58) at β = 1. R = 1, β = 2: the "
    "minimiser is 1, not 2.",
    scope(pairs=">= 1", states=">= 1", gamma="[0, 1]", beta="any"),
    Counterexample(without_beta, {**STAY, "reward": [1], "beta": 2, "q": [1]}),
)
row(
    "report.060.beta.corrected",
    "proved",
    "report (58); report (60); report (63)",
    r"\mathcal{L}_Q(Q) - \mathcal{L}_Q(Q^*) = \textstyle\sum_x d(x)\, \tfrac12 (Q - Q^*)^2, \quad "
    r"Q^* = \beta R + \gamma E[\bar V(s')|s,a]",
    "With βR for R: the minimiser is the conditional mean of the target, whatever data d visits.",
    DATA,
    Symbolic(prove_square),
    Sampling(excess, DATA_FAMILY, "== 0", examples=2000, batched=True, search=False),
)
row(
    "report.060.zero.added",
    "refuted",
    "report (60); report (63); report (66)",
    r"\min_Q \mathcal{L}_Q = 0",
    "Not with random transitions: a fair coin between V̄ = 0 and 1 leaves γ²/8.",
    DATA,
    Counterexample(
        least,
        {
            "reward": [0],
            "transition": [["1/2", "1/2"]],
            "value": [0, 1],
            "gamma": 1,
            "weights": [1],
        },
        "== 0",
    ),
)
row(
    "report.060.least.added",
    "proved",
    "report (60); report (63); report (66)",
    r"\min_Q \mathcal{L}_Q = \tfrac12\gamma^2 \textstyle\sum_x d(x)\, Var[\bar V(s')|x]",
    "What no table explains.",
    DATA,
    Symbolic(prove_least),
    Sampling(
        least_loss,
        instances(
            {"pairs": (1, 3), "states": (1, 3)}, **{k: f for k, f in DRAWS.items() if k != "q"}
        ),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)

# -- (63) ------------------------------------------------------------------------------------------

row(
    "report.063.target.printed",
    "refuted",
    "report (63); report (66)",
    r"Q_{(58)} \text{ minimises } \mathcal{L}_Q(\theta) \text{ with } V_\theta \text{, not } "
    r"\bar V_\theta \text{, in the target}",
    "(60) has a target network, (63) and (66) do not: V_θ moves with θ, and the loss also weighs "
    "½γ² Var V_θ(s'). State 0 (R = 1) stays or ends by a fair coin, γ = 1/2: Q = (4/3, 0), but "
    "(13/10, 1/10) has a smaller loss.",
    scope(pairs=">= 1", gamma="[0, 1]"),
    Counterexample(
        moving_target,
        {
            "reward": [1, 0],
            "transition": [["1/2", "1/2"], [0, 1]],
            "gamma": "1/2",
            "weights": ["1/2", "1/2"],
            "exact": ["4/3", 0],
            "q": ["13/10", "1/10"],
        },
        where=solves,
    ),
)
row(
    "report.063.target.corrected",
    "proved",
    "report (63); report (66)",
    r"\text{with } \bar V \text{ held fixed } Q^* = \beta R + \gamma E[\bar V] \text{ is the "
    r"minimiser, and } Q_{(58)} \text{ reproduces itself}",
    "The semi-gradient that every implementation uses.",
    DATA,
    Deduction(
        ("report.060.beta.corrected",), "special case", "V̄ is the free energy of the old table"
    ),
)
row(
    "report.063.deterministic.added",
    "proved",
    "report (63); report (66)",
    r"\text{deterministic transitions: the moving target is harmless, the loss is 0 at } Q_{(58)}",
    "And nowhere else where every pair is visited, as a zero residual is (58).",
    DATA,
    Symbolic(prove_certain),
)
