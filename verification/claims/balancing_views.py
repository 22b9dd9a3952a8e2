"""Are the two views of Balancing-Q the same? Report (22).

    A = V^i/β^i   = F_{β^i}[p](a ↦ F_{β^-i}[P](Q[a, ·]))      the agent moves first
    B = V^-i/β^-i = F_{β^-i}[P](b ↦ F_{β^i}[p](Q[·, b]))      the opponent moves first

(22) says A = B. The order of the aggregations matters: (β^i − β^-i)(B − A) >= 0, with equality only
if β^i = β^-i or Q(a, b) = f(a) + g(b). For opposite signs this is max min <= min max. The proof
expands around the leader: with u(a) = F_{β^-i}[P](Q[a, ·]) and q = tilt_{β^i}[p](u),

    F_{β^i}[p](Q[·, b]) = A + F_{β^i}[q](Q[·, b] − u),    F_{β^i}[q] >= F_{β^-i}[q] if β^i >= β^-i,

and F_{β^-i}[P] after F_{β^-i}[q] commute, so that Q − u, whose rows have free energy 0, gives 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    beta,
    distribution,
    instances,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._balancing import (
    GIBBS,
    MATRIX,
    MINUS,
    MONOTONE,
    PLUS,
    POLICIES,
    PRIORS,
    SHIFT,
    SIGNED,
    Stage,
    identity,
    inequality,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row


def views(arithmetic: Arithmetic, q: Numbers, **game: Numbers) -> Any:
    """A against B."""
    stage = Stage.of(arithmetic, q, **game)
    return sides(stage.agent_value(), stage.opponent_value())


def views_equal(arithmetic: Arithmetic, q: Numbers, beta: Numbers, **priors: Numbers) -> Any:
    """The same with β^i = β^-i = β."""
    return views(arithmetic, q, beta_agent=beta, beta_opponent=beta, **priors)


def views_additive(
    arithmetic: Arithmetic, agent_part: Numbers, opponent_part: Numbers, **game: Numbers
) -> Any:
    """The same for Q(a, b) = f(a) + g(b)."""
    return views(arithmetic, agent_part[:, None] + opponent_part, **game)


def order(arithmetic: Arithmetic, q: Numbers, **game: Numbers) -> Numbers:
    """(β^i − β^-i)(B − A)."""
    stage = Stage.of(arithmetic, q, **game)
    return (stage.opponent_value() - stage.agent_value()) * (stage.x - stage.y)


def interacting(arithmetic: Arithmetic, q: Numbers, **game: Numbers) -> Numbers:
    """β^i and β^-i at least 1/4 apart, an interaction of at least 1/4 in the first 2×2 block."""
    stage = Stage.of(arithmetic, q, **game)
    block = arithmetic.absolute(q[0, 0] + q[1, 1] - q[0, 1] - q[1, 0])
    least = arithmetic.number("1/4")
    return np.stack([block - least, arithmetic.absolute(stage.x - stage.y) - least])


def reweighted(
    arithmetic: Arithmetic, x: Numbers, step: Numbers, prior: Numbers, beta: Numbers
) -> Any:
    """F[p](x + w) against F[p](x) + F[tilt](w)."""
    left = free_energy(x + step, prior, beta, 0, arithmetic)
    moved = free_energy(step, tilt(x, prior, beta, 0, arithmetic), beta, 0, arithmetic)
    return sides(left, free_energy(x, prior, beta, 0, arithmetic) + moved)


def power_means(
    arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers, other: Numbers
) -> Numbers:
    """(β' − β)(F_β'[p](x) − F_β[p](x))."""
    high = free_energy(x, prior, other, 0, arithmetic)
    return (high - free_energy(x, prior, beta, 0, arithmetic)) * (other - beta)


def around_saddle(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Numbers:
    """β^i > 0 > β^-i: [max_π J(π, ρ) − A, B − min_ρ J(π, ρ)] at any ρ and any π."""
    stage = Stage.of(arithmetic, q, **game)
    best = stage.objective(stage.agent_response(opponent_policy), opponent_policy)
    worst = stage.objective(agent_policy, stage.opponent_response(agent_policy))
    return np.stack([best - stage.agent_value(), stage.opponent_value() - worst])


def above_independent(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    **game: Numbers,
) -> Numbers:
    """β^i, β^-i > 0: [A − J(π, ρ), B − J(π, ρ)] at any independent pair."""
    stage = Stage.of(arithmetic, q, **game)
    value = stage.objective(agent_policy, opponent_policy)
    return np.stack([stage.agent_value() - value, stage.opponent_value() - value])


def prove_views_equal() -> Proof:
    p, q, t = positive("p"), positive("P"), positive("t")
    return prove_zero(p * (q * t) - q * (p * t), "both are log Σ_ab p P e^{βQ}, over β")


def prove_reweighted() -> Proof:
    p, u, w, total = (positive(name) for name in ["p", "u", "w", "S"])
    what = "Σ p e^{βx} e^{βw} / S = Σ (p e^{βx}/S) e^{βw}, S = Σ p e^{βx}, term by term"
    return prove_zero(p * u * w / total - (p * u / total) * w, what)


COORDINATE = {"q": [[1, 0], [0, 1]], "beta_agent": 1, "beta_opponent": -1}
OUTCOMES = {"x": array("outcomes"), "prior": distribution("outcomes")}
EQUAL = scope(actions=">= 1", opponent_actions=">= 1", beta=SIGNED)

row(
    "report.022.views.printed",
    "refuted",
    "report (22); report (25)",
    r"\tfrac{1}{\beta^i} V^i = \tfrac{1}{\beta^{-i}} V^{-i}",
    "The aggregations do not commute: who moves first matters. A.2.2 computes the left side only; "
    "section 1.5, after (55), counts the proportionality V^i ∝ V^-i on as a fact.",
    stage_scope(),
    Counterexample(views, COORDINATE, "== 0"),
)
row(
    "report.022.views-same-sign.printed",
    "refuted",
    "report (22); report (25)",
    r"\beta^i, \beta^{-i} > 0: \ \tfrac{1}{\beta^i} V^i = \tfrac{1}{\beta^{-i}} V^{-i}",
    "Nor do they for temperatures of one sign.",
    stage_scope(PLUS, PLUS),
    Counterexample(views, {"q": [[1, 0], [0, 0]], "beta_agent": 2, "beta_opponent": 1}, "== 0"),
)
row(
    "report.022.equal-temperatures.corrected",
    "proved",
    "report (22); report (25)",
    r"\beta^i = \beta^{-i} \Rightarrow \tfrac{1}{\beta^i} V^i = \tfrac{1}{\beta^{-i}} V^{-i}",
    "With one temperature both are the free energy of all pairs (a, b), and (22) holds.",
    EQUAL,
    Symbolic(prove_views_equal),
    identity(
        views_equal,
        instances({"actions": (1, 3), "opponent_actions": (1, 3)}, q=MATRIX, **PRIORS, beta=beta()),
    ),
    assumes=("β^i = β^-i",),
)
row(
    "report.022.additive.corrected",
    "proved",
    "report (22); report (25)",
    r"Q(a, b) = f(a) + g(b) \Rightarrow \tfrac{1}{\beta^i} V^i = \tfrac{1}{\beta^{-i}} V^{-i}",
    "No interaction, no advantage of moving second; one action for either player is such a case.",
    stage_scope(),
    Deduction(
        (SHIFT,),
        "substitution of equals",
        "F[P](f(a) + g) = f(a) + F[P](g), so both are F_{β^i}[p](f) + F_{β^-i}[P](g)",
    ),
    identity(
        views_additive,
        stage_family(
            agent_part=array("actions"), opponent_part=array("opponent_actions"), **PRIORS
        ),
    ),
    assumes=("Q(a, b) = f(a) + g(b)",),
)
row(
    "free-energy.reweighting.added",
    "proved",
    "report (22)",
    r"F_\beta[p](x + w) = F_\beta[p](x) + F_\beta[\mathrm{tilt}_\beta[p](x)](w)",
    "The free energy seen from another point.",
    scope(outcomes=">= 1", beta=SIGNED),
    Symbolic(prove_reweighted),
    identity(
        reweighted,
        instances({"outcomes": (1, 4)}, **OUTCOMES, step=array("outcomes"), beta=beta(high=8)),
    ),
)
row(
    "free-energy.power-means.added",
    "proved",
    "report (22)",
    r"\beta < \beta' \Rightarrow F_\beta[p](x) \le F_{\beta'}[p](x), \text{ with equality only "
    r"if } "
    r"x \text{ is constant}",
    "Without calculus: for one sign E_π x − KL(π‖p)/β grows with β at every π; for opposite signs "
    "E_p x lies between. Each extremum is attained only at its tilt, so equality makes two tilts "
    "(or a tilt and p) equal, and x constant.",
    scope(outcomes=">= 1", beta=SIGNED, other=SIGNED),
    Deduction(
        ("free-energy.variational.maximum", "free-energy.variational.minimum", GIBBS),
        "chain of inequalities",
        "0 < β <= β': F_β = E_π x − KL/β <= E_π x − KL/β' <= F_β' at π = tilt_β; β <= β' < 0: F_β "
        "<= E_π x − KL/β <= E_π x − KL/β' = F_β' at π = tilt_β'; β < 0 < β': F_β <= E_p x <= F_β'",
    ),
    inequality(power_means, instances({"outcomes": (1, 4)}, **OUTCOMES, beta=beta(), other=beta())),
)
row(
    "report.022.order.added",
    "proved",
    "report (22); report (25)",
    r"(\beta^i - \beta^{-i})\left(\tfrac{1}{\beta^{-i}} V^{-i} - \tfrac{1}{\beta^i} V^i\right) "
    r"\ge 0",
    "The exact order: the player with the larger β gains by moving second. For one sign this is "
    "Minkowski's inequality for nested norms, for opposite signs max min <= min max.",
    stage_scope(),
    Deduction(
        (
            "free-energy.reweighting.added",
            "free-energy.power-means.added",
            "report.022.equal-temperatures.corrected",
            MONOTONE,
            SHIFT,
        ),
        ("substitution of equals", "chain of inequalities"),
        "B = F_{β^-i}[P](A + F_{β^i}[q](Q[·,b] − u)) >= A + F_{β^-i}[P] F_{β^-i}[q](Q − u) = A + "
        "F_{β^-i}[q] F_{β^-i}[P](Q − u) = A + F_{β^-i}[q](0) = A if β^i >= β^-i; with <= if β^i "
        "<= β^-i",
    ),
    Sampling(
        order, stage_family(q=MATRIX, **PRIORS), ">= 0", examples=20_000, batched=True, search=False
    ),
)
row(
    "report.022.equality.added",
    "proved",
    "report (22); report (25)",
    r"\beta^i \ne \beta^{-i}: \ \tfrac{1}{\beta^i} V^i = \tfrac{1}{\beta^{-i}} V^{-i} \iff "
    r"Q(a, b) = f(a) + g(b)",
    "So (22) fails for every game with any interaction between the players.",
    stage_scope(),
    Deduction(
        (
            "report.022.order.added",
            "report.022.additive.corrected",
            "free-energy.power-means.added",
            "free-energy.derivative",
        ),
        "chain of inequalities",
        "A = B makes every step an equality; F_{β^i}[q] = F_{β^-i}[q] at Q[·,b] − u for each b "
        "needs Q(a,b) − u(a) constant in a, that is f = u and g the constant",
    ),
    Sampling(
        order,
        instances(
            {"actions": (2, 3), "opponent_actions": (2, 3)},
            q=MATRIX,
            **PRIORS,
            beta_agent=beta(high=4),
            beta_opponent=beta(high=4),
        ),
        "> 0",
        where=interacting,
        examples=4000,
        batched=True,
        search=False,
    ),
    assumes=("priors with full support (else Q(a, b) = f(a) + g(b) on their support)",),
)
row(
    "report.022.saddle.added",
    "proved",
    "report (18); report (22)",
    r"\beta^i > 0 > \beta^{-i}: \ \tfrac{V^i}{\beta^i} \le J(\pi^*, \rho^*) \le "
    r"\tfrac{V^{-i}}{\beta^{-i}} \text{ at a saddle point } (\pi^*, \rho^*) \text{ of } J",
    "The value of the minimax game under (18) lies between the two views: at a saddle point J = "
    "max_π J(π, ρ*) = min_ρ J(π*, ρ).",
    stage_scope(PLUS, MINUS),
    Deduction(
        (
            "report.A.2.2.independent-bound.added",
            "report.020.response.corrected",
            "report.021.identity.added",
            "report.021.response.corrected",
            GIBBS,
        ),
        "chain of inequalities",
        "A <= J((20), ρ) <= max_π J(π, ρ) for every ρ; min_ρ J(π, ρ) <= J(π, (21)) <= B for every "
        "π",
    ),
    inequality(
        around_saddle,
        stage_family(beta("+", high=8), beta("-", high=8), q=MATRIX, **PRIORS, **POLICIES),
    ),
)
row(
    "report.022.above-independent.added",
    "proved",
    "report (18); report (22)",
    r"\beta^i, \beta^{-i} > 0: \ \max_{\pi, \rho} J(\pi, \rho) \le "
    r"\min(\tfrac{V^i}{\beta^i}, \tfrac{V^{-i}}{\beta^{-i}})",
    "In cooperation each view allows more than (18) does.",
    stage_scope(PLUS, PLUS),
    Deduction(
        ("report.020.identity.added", "report.021.identity.added", GIBBS),
        "special case",
        "independent policies are conditional ones that ignore the other's action",
    ),
    inequality(
        above_independent,
        stage_family(beta("+", high=8), beta("+", high=8), q=MATRIX, **PRIORS, **POLICIES),
    ),
)
