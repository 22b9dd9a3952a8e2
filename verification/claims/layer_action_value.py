"""The action-value losses of soft actor-critic and soft Q-learning: report (60), (63).

    L_Q = Σ_x d Σ_t P(t|x) ½ (Q(x) − βR(x) − γ V̄(t))²

As printed they lack β, and (63) the bar. Shapes and units as in ``_layer``.
"""

from __future__ import annotations

from typing import Any

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
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._layer import target_loss
from tabular_marl.verification.claims._rows import row

DATA = scope(pairs=">= 1", states=">= 1", gamma="[0, 1]")
DRAWS = {
    "reward": array("pairs"),
    "transition": distribution("pairs", "states", degenerate=True),
    "value": array("states"),
    "gamma": discount(0, 1),
    "weights": distribution("pairs"),
    "q": array("pairs"),
}
DATA_FAMILY = instances({"pairs": (1, 3), "states": (1, 3)}, **DRAWS)


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


def prove_certain() -> Proof:
    r, g, v = sympy.symbols("R gamma V", real=True)
    return prove_zero((r + g * v) - r - g * v, "the residual at every pair, and a square is >= 0")


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
