"""The tilted model: what (46) is, and which way it moves the agent's value. Report 1.3, (46).

    ρ(b|s) = P_prior(b|s) exp(κ Q^i(s,b)) / exp V^-i(s),  κ = β^-i/β^i                      (46)
    β (E_tilt x − E_p x) = KL(tilt ‖ p) + KL(p ‖ tilt) >= 0

Shapes as in ``fictitious_opponent``: table Q^i(s,b) [S, B], law P(s) [S], prior and model [S, B].
"""

from __future__ import annotations

import numpy as np
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
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, tilt
from tabular_marl.verification.arithmetic import kl as divergence
from tabular_marl.verification.claims._fictitious import (
    GIBBS,
    MINUS,
    PLUS,
    SIGNED,
    STAGE,
    Play,
    betas,
    sample,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.fictitious_opponent import (
    ALL,
    FIELDS,
    PAIRS,
    SIZES,
    apart,
    joint,
)
from tabular_marl.verification.relation import Sides


def optimum(
    arithmetic: Arithmetic,
    table: Numbers,
    law: Numbers,
    prior: Numbers,
    ratio: Numbers,
    model: Numbers,
) -> Numbers:
    """KL over pairs at ρ minus the same at (46)."""
    best = tilt(table, prior, ratio, 1, arithmetic)
    here = apart(arithmetic, table, law, prior, ratio, model)
    return here - apart(arithmetic, table, law, prior, ratio, best)


row(
    "report.046.printed",
    "proved",
    "report (46); report A.5.2",
    r"\text{(46) minimises } D_{KL}(q(s, a^{-i}) \| P(s, a^{-i}|O^{-i}=1)) \text{ over } \rho",
    "Well printed (unlike A.5.2), and unique where P(s) > 0.",
    PAIRS,
    Deduction(("report.A.5.2.corrected", GIBBS), "substitution of equals", "KL(ρ‖(46)) >= 0"),
    sample(optimum, ALL, sizes=SIZES),
    assumes=("ρ ≪ P_prior",),
)


def posterior(
    arithmetic: Arithmetic, table: Numbers, law: Numbers, prior: Numbers, ratio: Numbers
) -> Sides:
    """P(b|s, O^-i=1) of (44), and (46)."""
    weight = joint(arithmetic, table, law, prior, ratio)
    return sides(weight / weight.sum(axis=1)[:, None], tilt(table, prior, ratio, 1, arithmetic))


def prove_posterior() -> Proof:
    law, weight, total = (positive(n) for n in ("P", "w", "Z"))
    return prove_zero(law * weight / (law * total) - weight / total, "P(s) cancels")


row(
    "report.046.posterior.added",
    "proved",
    "report (42); report (44); report (46)",
    r"P(a^{-i}|s, O^{-i}=1) \text{ of (44)} = \text{(46)}",
    "The report “approximates” P_prior(a^-i|s, O^-i=1) by ρ (printing t for t + 1): (46) is that "
    "posterior, exactly. But Q^i in it depends on ρ through (42): a fixed-point equation, no "
    "definition.",
    PAIRS,
    Symbolic(prove_posterior),
    sample(posterior, FIELDS, "== 0", sizes=SIZES),
)


def own_tilt(
    arithmetic: Arithmetic, table: Numbers, law: Numbers, prior: Numbers, ratio: Numbers
) -> Sides:
    """(46) with ρ itself for P_prior: ρ = prior, against its tilt."""
    return sides(prior, tilt(table, prior, ratio, 1, arithmetic))


ONE_LAW = {"table": [[0, 1]], "law": [1], "prior": [["1/2", "1/2"]], "ratio": 1}
row(
    "report.046.self.printed",
    "refuted",
    "report (42); report (46)",
    r"\text{(46) with } P_{\mathrm{prior}}(a^{-i}|s) = \rho(a^{-i}|s), \text{ as abbreviated after "
    r"(42)}",
    "After (42) P_prior(a^-i|s) is short for P_prior(a^-i|s, O^-i=1), which is ρ. Put into (44)-"
    "(46) it conditions on O^-i = 1 twice, and says that ρ is its own tilt. The prior of (44) must "
    "be another one: the reference prior, or the model of the round before.",
    PAIRS,
    Counterexample(own_tilt, ONE_LAW, "== 0"),
)


def spread(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Sides:
    """β(E_tilt x − E_p x), and KL(tilt ‖ p) + KL(p ‖ tilt)."""
    best = tilt(x, prior, beta, 0, arithmetic)
    moved = beta * (expectation(best, x, 0) - expectation(prior, x, 0))
    both = divergence(best, prior, 0, arithmetic) + divergence(prior, best, 0, arithmetic)
    return sides(moved, both)


def prove_spread() -> Proof:
    p, t, z = positive("p"), positive("t"), positive("Z")
    w, log = p * t / z, sympy.log
    left = (w - p) * log(t)
    right = w * log(w / p) + p * log(p / w) + (w - p) * log(z)
    return prove_zero(left - right, "term by term; Σ (w − p) log Z = 0")


TILTS = {
    "x": array("outcomes"),
    "prior": distribution("outcomes"),
    "beta": beta(high=8),
}
row(
    "free-energy.tilt-mean.added",
    "proved",
    "report (46)",
    r"\beta\,(E_{\mathrm{tilt}_\beta[p](x)}[x] - E_p[x]) = D_{KL}(\mathrm{tilt} \| p) + "
    r"D_{KL}(p \| \mathrm{tilt}) \ge 0",
    "A tilt moves the mean in the direction of β, strictly unless x is constant.",
    scope(outcomes=">= 1", beta=SIGNED),
    Symbolic(prove_spread),
    sample(spread, TILTS, "== 0", sizes={"outcomes": (1, 4)}),
    rests_on=(GIBBS,),
)


def constant_on_support(
    arithmetic: Arithmetic, model: Numbers, level: Numbers, ratio: Numbers
) -> Sides:
    """tilt_κ[ρ](Q) and ρ, where Q is ``level`` on ρ's support and another number off it."""
    table = level[:, None] + np.where(arithmetic.zeros(model), arithmetic.number(1), 0 * model)
    return sides(tilt(table, model, ratio, 1, arithmetic), model)


row(
    "report.046.fixed.added",
    "proved",
    "report (46)",
    r"\rho = \mathrm{tilt}_\kappa[\rho](Q^i(s, \cdot)) \iff Q^i(s, \cdot) \text{ is constant on "
    r"the support of } \rho(\cdot|s)",
    "So every model that never mixes is a fixed point of the round with replaced prior, whatever "
    "the game.",
    PAIRS,
    Deduction(
        ("free-energy.tilt-mean.added", GIBBS),
        "substitution of equals",
        "if ρ is its tilt, exp(κQ^i − V^-i) = 1 wherever ρ > 0; if Q^i is constant there, its tilt "
        "is ρ",
    ),
    sample(
        constant_on_support,
        {
            "model": distribution("states", "opponent_actions", degenerate=True),
            "level": array("states"),
            "ratio": FIELDS["ratio"],
        },
        "== 0",
        sizes=SIZES,
    ),
)


def direction(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Numbers:
    """β^-i (E_ρ − E_P) of the agent's value Q^i(s,b)/β^i in reward units, ρ of (46)."""
    play = Play.stage(arithmetic, reward, beta_agent, beta_opponent, agent_prior, opponent_prior)
    table = play.game.agent_soft(play.game.u)
    moved = (play.model(table) - play.game.opponent_prior) * table
    return beta_opponent * moved.sum(axis=1) / beta_agent


for sign, of, verb in (("+", PLUS, "raises"), ("-", MINUS, "lowers")):
    name = "cooperative" if sign == "+" else "competitive"
    row(
        f"report.1.3.{name}.printed",
        "proved",
        "report 1.3; report (46)",
        rf"\beta^{{-i}} {'> 0' if sign == '+' else '< 0'}: \ \text{{the model (46) {verb} the "
        r"agent's value } \tfrac{1}{\beta^i} Q^i(s, a^{-i}) \text{ in expectation}",
        "The algorithm “is able to handle competitive game”: β^-i in (43) lets the model work with "
        "the agent or against it, which ROMMEO's cannot. The sign of β^i does not matter.",
        stage_scope(SIGNED, of),
        Deduction(
            ("free-energy.tilt-mean.added", GIBBS),
            "special case",
            "κ Q^i = β^-i (Q^i/β^i): the tilt of the agent's value in reward units at β = β^-i",
        ),
        sample(direction, {**STAGE, **betas(opponent=sign)}, stage=True),
    )
